#include "runtime/file.h"

#include <cstring>

#include "runtime/content_hash.h"

namespace cutis {

std::unique_ptr<uint8_t[], AlignedDeleter> AllocateAligned(size_t bytes) {
  if (bytes == 0 || bytes > SIZE_MAX / 2) return nullptr;
  return std::unique_ptr<uint8_t[], AlignedDeleter>(static_cast<uint8_t*>(TakeAligned(kAlignment, RoundUp(bytes, kAlignment))));
}

FileBytes::~FileBytes() {
  if (mapping_ != nullptr) SystemFile::Unmap(mapping_, size_);
}

Status FileBytes::Open(const char* path, bool copy) {
  SystemFile file;
  CUTIS_TRY(file.Open(path));
  identity_ = file.identity();
  CUTIS_TRY(CheckFileSize(file.size()));
  const size_t size = static_cast<size_t>(file.size());
  if (copy) {
    copy_ = AllocateAligned(size);
    if (copy_ == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no %zu bytes for a copy of the file", size);
    CUTIS_TRY(file.ReadAll(copy_.get(), size));
    bytes_ = copy_.get();
  } else {
    CUTIS_TRY(file.Map(size, &mapping_));
    bytes_ = static_cast<const uint8_t*>(mapping_);
  }
  size_ = size;
  return {};
}

Status FileBytes::OpenMemory(const void* bytes, size_t size, bool copy) {
  if (bytes == nullptr) return Status::Error(Code::kUsage, "no bytes given to open a model from");
  CUTIS_TRY(CheckFileSize(size));
  if (copy) {
    copy_ = AllocateAligned(size);
    if (copy_ == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no %zu bytes for a copy of the model", size);
    std::memcpy(copy_.get(), bytes, size);
    bytes_ = copy_.get();
  } else {
    if (reinterpret_cast<uintptr_t>(bytes) % kAlignment != 0) {
      return Status::Error(Code::kUsage, "a model in memory must start at a multiple of %zu bytes, or be copied", kAlignment);
    }
    bytes_ = static_cast<const uint8_t*>(bytes);
  }
  size_ = size;
  return {};
}

Status FileBytes::Check(CpuFeatures cpu, int32_t threads) {
  CUTIS_TRY(ReadHeader({bytes_, size_}, &header_));
  const size_t graph_bytes = static_cast<size_t>(header_.graph_bytes);
  graph_ = bytes_ + sizeof(FileHeader);
  if (copy_ == nullptr) {
    // Somebody may write to a mapped file between the check of a field and its use; nobody writes to this copy.
    graph_copy_ = AllocateAligned(graph_bytes);
    if (graph_copy_ == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no %zu bytes for the graph", graph_bytes);
    std::memcpy(graph_copy_.get(), graph_, graph_bytes);
    graph_ = graph_copy_.get();
  }
  uint8_t digest[Sha256::kDigestBytes];
  CUTIS_TRY(HashContent(cpu, threads, {graph_, graph_bytes}, segment(), digest));
  if (std::memcmp(digest, header_.sha256, sizeof digest) != 0) {
    return Status::Error(Code::kBadInput, "damaged or altered: the hash of its content is not the one in its header");
  }
  return {};
}

std::span<const uint8_t> FileBytes::segment() const {
  return {bytes_ + sizeof(FileHeader) + static_cast<size_t>(header_.graph_bytes), static_cast<size_t>(header_.segment_bytes)};
}

void FileBytes::DropGraph() {
  graph_copy_.reset();
  graph_ = nullptr;
}

}  // namespace cutis
