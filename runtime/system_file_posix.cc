#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/system_file.h"

namespace cutis {

SystemFile::~SystemFile() {
  if (handle_ >= 0) ::close(static_cast<int>(handle_));
}

Status SystemFile::Open(const char* path) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    return Status::Error(errno == EACCES || errno == EIO ? Code::kIo : Code::kBadInput, "cannot be opened: %s",
                         std::strerror(errno));
  }
  handle_ = file;
  struct stat info;
  if (::fstat(file, &info) != 0) return Status::Error(Code::kIo, "cannot be examined: %s", std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return Status::Error(Code::kBadInput, "not a regular file");
  size_ = static_cast<uint64_t>(info.st_size);
  identity_.volume = static_cast<uint64_t>(info.st_dev);
  identity_.number = static_cast<uint64_t>(info.st_ino);
  identity_.changed = static_cast<uint64_t>(info.st_mtim.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(info.st_mtim.tv_nsec);
  return {};
}

Status SystemFile::ReadAll(uint8_t* bytes, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(static_cast<int>(handle_), bytes + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Status::Error(Code::kIo, "reading failed: %s", std::strerror(errno));
    if (got == 0) return Status::Error(Code::kBadInput, "the file became shorter while it was read");
    done += static_cast<size_t>(got);
  }
  return {};
}

Status SystemFile::Map(size_t size, const void** mapping) {
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, static_cast<int>(handle_), 0);
  if (mapped == MAP_FAILED) return Status::Error(Code::kIo, "cannot be mapped into memory: %s", std::strerror(errno));
  *mapping = mapped;
  return {};
}

void SystemFile::Unmap(const void* mapping, size_t size) { ::munmap(const_cast<void*>(mapping), size); }

std::FILE* OpenStream(const char* path) { return std::fopen(path, "rbe"); }

}  // namespace cutis
