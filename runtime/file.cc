#include "runtime/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/content_hash.h"

namespace cutis {
namespace {

// Closes the descriptor at the end of the scope; a mapping outlives it.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

Status ReadAll(int fd, uint8_t* bytes, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(fd, bytes + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Status::Error(Code::kIo, "reading failed: %s", std::strerror(errno));
    if (got == 0) return Status::Error(Code::kBadInput, "the file became shorter while it was read");
    done += static_cast<size_t>(got);
  }
  return {};
}

}  // namespace

std::unique_ptr<uint8_t[], MallocDeleter> AllocateAligned(size_t bytes) {
  if (bytes == 0 || bytes > SIZE_MAX / 2) return nullptr;
  return std::unique_ptr<uint8_t[], MallocDeleter>(
      static_cast<uint8_t*>(std::aligned_alloc(kAlignment, RoundUp(bytes, kAlignment))));
}

FileBytes::~FileBytes() {
  if (mapping_ != nullptr) ::munmap(mapping_, size_);
}

Status FileBytes::Open(const char* path, bool copy) {
  const Descriptor file{::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) {
    return Status::Error(errno == EACCES || errno == EIO ? Code::kIo : Code::kBadInput, "cannot be opened: %s",
                         std::strerror(errno));
  }
  struct stat info;
  if (::fstat(file.fd, &info) != 0) return Status::Error(Code::kIo, "cannot be examined: %s", std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return Status::Error(Code::kBadInput, "not a regular file");
  CUTIS_TRY(CheckFileSize(static_cast<uint64_t>(info.st_size)));
  const size_t size = static_cast<size_t>(info.st_size);
  if (copy) {
    copy_ = AllocateAligned(size);
    if (copy_ == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no %zu bytes for a copy of the file", size);
    CUTIS_TRY(ReadAll(file.fd, copy_.get(), size));
    bytes_ = copy_.get();
  } else {
    void* mapping = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (mapping == MAP_FAILED) return Status::Error(Code::kIo, "cannot be mapped into memory: %s", std::strerror(errno));
    mapping_ = mapping;
    bytes_ = static_cast<const uint8_t*>(mapping);
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
