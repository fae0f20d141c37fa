// Memory for the checked copy of a model, from the heap or from a block of the caller: counted, freed as a whole, failure is a
// Status.
#ifndef CUTIS_RUNTIME_MEMORY_H_
#define CUTIS_RUNTIME_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>  // std::free
#include <new>
#include <span>
#include <type_traits>

#include "ops/heap.h"
#include "ops/status.h"
#include "ops/tensor.h"

namespace cutis {

// Frees what malloc gave.
struct MallocDeleter {
  void operator()(void* memory) const { std::free(memory); }
};

// Frees what TakeAligned gave.
struct AlignedDeleter {
  void operator()(void* memory) const { GiveAligned(memory); }
};

// The base of what is made by new: of malloc's memory, and null where there is none. The operators of the C++ library report that by an
// exception, and all that throwing one takes would be linked.
struct FromMalloc {
  static void* operator new(size_t bytes) noexcept { return std::malloc(bytes); }
  static void* operator new(size_t bytes, std::align_val_t alignment) noexcept {
    const size_t each = static_cast<size_t>(alignment);
    return TakeAligned(each, (bytes + each - 1) / each * each);
  }
  static void operator delete(void* memory) noexcept { std::free(memory); }
  static void operator delete(void* memory, std::align_val_t) noexcept { GiveAligned(memory); }
};

// Hands out pieces and frees them all at once: of chunks of the heap, or of one block of the caller. For types without
// destructors only.
class Memory {
 public:
  Memory() = default;
  // Of this block alone, which outlives the object; never of the heap.
  explicit Memory(std::span<std::byte> block) : in_block_(true) {
    const size_t skipped = (kPieceAlignment - reinterpret_cast<uintptr_t>(block.data()) % kPieceAlignment) % kPieceAlignment;
    if (skipped > block.size()) return;
    free_ = block.data() + skipped;
    left_ = (block.size() - skipped) / kPieceAlignment * kPieceAlignment;
    size_ = left_;
  }
  // For the time of a scope: from the end of the block of `of`, which gets it back; of the heap where `of` has no block or is
  // null. Scopes end in the reverse order of their beginning.
  explicit Memory(Memory* of)
      : parent_(of == nullptr || !of->in_block_ ? nullptr
                : of->parent_ != nullptr        ? of->parent_
                                                : of),
        in_block_(parent_ != nullptr) {}
  ~Memory() {
    if (parent_ != nullptr) parent_->Return(bytes_);
    while (chunks_ != nullptr) {
      Chunk* next = chunks_->next;
      GiveHeap(chunks_);
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

  // Bytes taken so far, from the heap or the block.
  uint64_t bytes() const { return bytes_; }
  // Of a block: the most that was taken at one time, scopes included.
  size_t peak_bytes() const { return peak_; }

 private:
  static constexpr size_t kPieceAlignment = 16;
  static constexpr size_t kChunkBytes = 16 << 10;
  struct alignas(kPieceAlignment) Chunk {
    Chunk* next;
  };

  void* Allocate(size_t bytes) {
    bytes = RoundUp(bytes, kPieceAlignment);
    if (in_block_) return AllocateInBlock(bytes);
    if (bytes > left_) {
      const size_t size = bytes > kChunkBytes ? bytes : kChunkBytes;
      Chunk* chunk = static_cast<Chunk*>(TakeHeap(sizeof(Chunk) + size));
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

  void* AllocateInBlock(size_t bytes) {
    void* piece = nullptr;
    if (parent_ != nullptr) {
      piece = parent_->TakeEnd(bytes);
    } else if (bytes <= left_) {
      piece = free_;
      free_ += bytes;
      left_ -= bytes;
      NotePeak();
    }
    if (piece != nullptr) bytes_ += bytes;
    return piece;
  }

  void* TakeEnd(size_t bytes) {
    if (bytes > left_) return nullptr;
    left_ -= bytes;
    NotePeak();
    return free_ + left_;
  }

  void Return(uint64_t bytes) { left_ += static_cast<size_t>(bytes); }
  void NotePeak() { peak_ = size_ - left_ > peak_ ? size_ - left_ : peak_; }

  Memory* const parent_ = nullptr;
  const bool in_block_ = false;
  Chunk* chunks_ = nullptr;
  std::byte* free_ = nullptr;
  size_t left_ = 0;
  size_t size_ = 0, peak_ = 0;  // of a block
  uint64_t bytes_ = 0;
};

}  // namespace cutis

#endif  // CUTIS_RUNTIME_MEMORY_H_
