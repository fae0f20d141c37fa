// Memory for the checked copy of a model: counted, freed as a whole, failure is a Status.
#ifndef CUTIS_RUNTIME_MEMORY_H_
#define CUTIS_RUNTIME_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <span>
#include <type_traits>

#include "ops/status.h"
#include "ops/tensor.h"

namespace cutis {

// Frees what malloc or aligned_alloc gave.
struct MallocDeleter {
  void operator()(void* memory) const { std::free(memory); }
};

// Hands out pieces of malloc'ed chunks and frees them all at once. For types without destructors only.
class Memory {
 public:
  Memory() = default;
  ~Memory() {
    while (chunks_ != nullptr) {
      Chunk* next = chunks_->next;
      std::free(chunks_);
      chunks_ = next;
    }
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // `count` value-initialised elements. An empty array needs no memory.
  template <class T>
  Status Array(size_t count, std::span<T>* out) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= kPieceAlignment);
    *out = {};
    if (count == 0) return {};
    T* first = count > SIZE_MAX / 2 / sizeof(T) ? nullptr : static_cast<T*>(Allocate(count * sizeof(T)));
    if (first == nullptr)
      return Status::Error(Code::kNoMemory, "out of memory: %zu times %zu bytes are not to be had", count, sizeof(T));
    for (size_t i = 0; i < count; ++i) ::new (first + i) T();
    *out = std::span<T>(first, count);
    return {};
  }

  // Bytes taken from the heap so far.
  uint64_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kPieceAlignment = 16;
  static constexpr size_t kChunkBytes = 16 << 10;
  struct alignas(kPieceAlignment) Chunk {
    Chunk* next;
  };

  void* Allocate(size_t bytes) {
    bytes = RoundUp(bytes, kPieceAlignment);
    if (bytes > left_) {
      const size_t size = bytes > kChunkBytes ? bytes : kChunkBytes;
      Chunk* chunk = static_cast<Chunk*>(std::malloc(sizeof(Chunk) + size));
      if (chunk == nullptr) return nullptr;
      chunk->next = chunks_;
      chunks_ = chunk;
      bytes_ += sizeof(Chunk) + size;
      free_ = reinterpret_cast<std::byte*>(chunk + 1);
      left_ = size;
    }
    void* piece = free_;
    free_ += bytes;
    left_ -= bytes;
    return piece;
  }

  Chunk* chunks_ = nullptr;
  std::byte* free_ = nullptr;
  size_t left_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace cutis

#endif  // CUTIS_RUNTIME_MEMORY_H_
