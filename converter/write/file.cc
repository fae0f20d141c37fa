#include "converter/write/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace cutis::convert {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool Close() { return fd_ < 0 || close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

Status WriteAll(int fd, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Status::Error(Code::kIo, "%s: cannot write: %s", path.c_str(), std::strerror(errno));
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return {};
}

}  // namespace

std::string FileName(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

Result<std::vector<std::byte>> ReadFile(const std::string& path, uint64_t limit) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    const Code code = errno == ENOENT || errno == ENOTDIR ? Code::kBadInput : Code::kIo;
    return Status::Error(code, "%s: cannot open: %s", path.c_str(), std::strerror(errno));
  }
  struct stat info;
  if (fstat(file.get(), &info) != 0) return Status::Error(Code::kIo, "%s: %s", path.c_str(), std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return Status::Error(Code::kBadInput, "%s: not a regular file", path.c_str());
  if (static_cast<uint64_t>(info.st_size) > limit) {
    return Status::Error(Code::kBadInput, "%s: %lld bytes; at most %llu are read", path.c_str(),
                         static_cast<long long>(info.st_size), static_cast<unsigned long long>(limit));
  }
  std::vector<std::byte> bytes(static_cast<size_t>(info.st_size));
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = read(file.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Status::Error(Code::kIo, "%s: cannot read: %s", path.c_str(), std::strerror(errno));
    if (got == 0) return Status::Error(Code::kIo, "%s: became shorter while it was read", path.c_str());
    done += static_cast<size_t>(got);
  }
  return bytes;
}

Status WriteFileAtomically(const std::string& path, std::span<const std::byte> bytes) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return Status::Error(Code::kUsage, "%s: exists and is not a regular file", path.c_str());
  }
  const size_t slash = path.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string temporary = path + ".tmp" + std::to_string(getpid());
  Descriptor file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (file.get() < 0) {
    return Status::Error(Code::kIo, "%s: cannot create a file beside it: %s", path.c_str(), std::strerror(errno));
  }
  Status status = WriteAll(file.get(), bytes, path);
  if (status.ok() && fsync(file.get()) != 0)
    status = Status::Error(Code::kIo, "%s: cannot sync: %s", path.c_str(), std::strerror(errno));
  if (!file.Close() && status.ok())
    status = Status::Error(Code::kIo, "%s: cannot close: %s", path.c_str(), std::strerror(errno));
  if (status.ok() && std::rename(temporary.c_str(), path.c_str()) != 0) {
    status = Status::Error(Code::kIo, "%s: cannot rename: %s", path.c_str(), std::strerror(errno));
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  // The rename itself reaches the disk with the folder; a file system that cannot sync folders has done what it can.
  Descriptor directory(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) (void)fsync(directory.get());
  return {};
}

}  // namespace cutis::convert
