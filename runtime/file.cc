#include "runtime/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "runtime/content_hash.h"

namespace cutis {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the numbers of a .cutis file are used in place, and are little-endian");

constexpr uint64_t kMaxFileBytes = sizeof(FileHeader) + kMaxGraphBytes + kMaxSegmentBytes;

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

Status CheckSize(uint64_t size) {
  if (size < sizeof(FileHeader)) {
    return Status::Error(Code::kBadInput, "not a .cutis file: %llu bytes, shorter than its header",
                         static_cast<unsigned long long>(size));
  }
  if (size > kMaxFileBytes) {
    return Status::Error(Code::kBadInput, "too large for a .cutis file: %llu bytes, at most %llu are allowed",
                         static_cast<unsigned long long>(size), static_cast<unsigned long long>(kMaxFileBytes));
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
  CUTIS_TRY(CheckSize(static_cast<uint64_t>(info.st_size)));
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
  CUTIS_TRY(CheckSize(size));
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

Status FileBytes::CheckHeader() {
  std::memcpy(&header_, bytes_, sizeof header_);
  if (std::memcmp(header_.magic, kMagic, sizeof kMagic) != 0) return Status::Error(Code::kBadInput, "not a .cutis file");
  if (header_.version > kFormatVersion) {
    return Status::Error(Code::kUnsupported,
                         "made by a newer version of Cutis (format %u, this one reads up to %u): update Cutis",
                         static_cast<unsigned>(header_.version), static_cast<unsigned>(kFormatVersion));
  }
  if (header_.version < 1) return Status::Error(Code::kBadInput, "damaged: format version 0 does not exist");
  if (header_.signature_bytes != 0) {
    return Status::Error(Code::kUnsupported,
                         "the file is signed, and this version cannot check signatures: use an unsigned file or update Cutis");
  }
  if (header_.graph_bytes == 0 || header_.graph_bytes % kAlignment != 0 || header_.graph_bytes > kMaxGraphBytes ||
      header_.segment_bytes % kAlignment != 0 || header_.segment_bytes > kMaxSegmentBytes) {
    return Status::Error(Code::kBadInput, "damaged: the sizes in the header make no sense");
  }
  const uint64_t expected = sizeof(FileHeader) + header_.graph_bytes + header_.segment_bytes;
  if (expected != size_) {
    return Status::Error(Code::kBadInput, "%s: %llu bytes, the header says %llu", size_ < expected ? "truncated" : "too long",
                         static_cast<unsigned long long>(size_), static_cast<unsigned long long>(expected));
  }
  return {};
}

Status FileBytes::Check(CpuFeatures cpu, int32_t threads) {
  CUTIS_TRY(CheckHeader());
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
