// The bytes of a .cutis file: mapped or copied, its header checked, its hash compared.
#ifndef CUTIS_RUNTIME_FILE_H_
#define CUTIS_RUNTIME_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "ops/cpu.h"
#include "ops/status.h"
#include "runtime/header.h"
#include "runtime/memory.h"
#include "runtime/system_file.h"

namespace cutis {

// Owns a mapping or a copy; or refers to the caller's bytes. Not copyable.
class FileBytes {
 public:
  FileBytes() = default;
  ~FileBytes();
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  // Maps a regular file read-only, or reads it into memory of its own.
  Status Open(const char* path, bool copy);
  // Refers to bytes that outlive this object (aligned to kAlignment), or copies them (any alignment).
  Status OpenMemory(const void* bytes, size_t size, bool copy);

  // Header, exact length, hash (runtime/content_hash.h), on `threads` threads. Afterwards the parts below may be used.
  Status Check(CpuFeatures cpu, int32_t threads);

  const FileHeader& header() const { return header_; }
  size_t size() const { return size_; }
  // Of the file that was opened; zeros for bytes in memory.
  const FileIdentity& identity() const { return identity_; }
  // The FlatBuffer, in memory that nobody else can write: what was hashed is what is parsed.
  std::span<const uint8_t> graph() const { return {graph_, static_cast<size_t>(header_.graph_bytes)}; }
  std::span<const uint8_t> segment() const;
  // Frees the private copy of the FlatBuffer; graph() is invalid from then on.
  void DropGraph();
  // Heap bytes held.
  uint64_t memory_bytes() const { return copy_ != nullptr ? RoundUp(size_, kAlignment) : 0; }

 private:
  const uint8_t* bytes_ = nullptr;
  size_t size_ = 0;
  FileIdentity identity_;
  const void* mapping_ = nullptr;
  std::unique_ptr<uint8_t[], AlignedDeleter> copy_;
  std::unique_ptr<uint8_t[], AlignedDeleter> graph_copy_;
  const uint8_t* graph_ = nullptr;
  FileHeader header_ = {};
};

// Memory aligned to kAlignment, or null. Never of size zero.
std::unique_ptr<uint8_t[], AlignedDeleter> AllocateAligned(size_t bytes);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_FILE_H_
