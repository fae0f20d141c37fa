#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "tools/pipeline/cache_files.h"

namespace cutis::pipeline {
namespace {

int64_t Nanoseconds(const timespec& time) { return int64_t{1000000000} * time.tv_sec + time.tv_nsec; }

bool WriteAll(int file, const uint8_t* bytes, size_t size) {
  while (size > 0) {
    const ssize_t wrote = write(file, bytes, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    bytes += wrote;
    size -= static_cast<size_t>(wrote);
  }
  return true;
}

}  // namespace

cutis_status MakePrivateFolder(const std::string& path, std::string* error) {
  struct stat info;
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    error->assign(path).append(": cannot be made: ").append(std::strerror(errno));
    return CUTIS_ERROR_IO;
  }
  if (stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    error->assign(path).append(": is no folder");
    return CUTIS_ERROR_USAGE;
  }
  if ((info.st_mode & 077) != 0) {
    error->assign(path).append(": other users may look into this folder; chmod 700 it, or name another one");
    return CUTIS_ERROR_USAGE;
  }
  if (access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    error->assign(path).append(": cannot be used: ").append(std::strerror(errno));
    return CUTIS_ERROR_IO;
  }
  return CUTIS_OK;
}

bool WriteWhole(const std::string& path, const std::string& partial, const std::vector<uint8_t>& bytes) {
  const int file = open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool whole = WriteAll(file, bytes.data(), bytes.size());
  const bool closed = close(file) == 0;
  if (whole && closed && std::rename(partial.c_str(), path.c_str()) == 0) return true;
  unlink(partial.c_str());
  return false;
}

size_t ReadPart(const std::string& path, uint64_t offset, size_t size, uint8_t* bytes) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  size_t used = 0;
  while (used < size) {
    const ssize_t got = pread(file, bytes + used, size - used, static_cast<off_t>(offset + used));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    used += static_cast<size_t>(got);
  }
  close(file);
  return used;
}

void Touch(const std::string& path) { utimensat(AT_FDCWD, path.c_str(), nullptr, 0); }

bool Remove(const std::string& path) { return unlink(path.c_str()) == 0; }

void ListFiles(const std::string& folder, std::vector<CacheFile>* files) {
  DIR* const open = opendir(folder.c_str());
  if (open == nullptr) return;
  while (const dirent* entry = readdir(open)) {
    std::string path = folder;
    path.append("/").append(entry->d_name);
    struct stat info;
    if (lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    files->push_back({std::move(path), static_cast<uint64_t>(info.st_size), Nanoseconds(info.st_mtim)});
  }
  closedir(open);
}

int64_t Now() {
  timespec time = {};
  clock_gettime(CLOCK_REALTIME, &time);
  return Nanoseconds(time);
}

int64_t ProcessId() { return getpid(); }

FolderLock::FolderLock(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return;
  while (flock(file, LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    close(file);
    return;
  }
  handle_ = file;
}

FolderLock::~FolderLock() {
  if (held()) close(static_cast<int>(handle_));  // which unlocks
}

bool FolderLock::Read(uint64_t* number) const {
  return held() && pread(static_cast<int>(handle_), number, sizeof *number, 0) == static_cast<ssize_t>(sizeof *number);
}

bool FolderLock::Write(uint64_t number) {
  return held() && pwrite(static_cast<int>(handle_), &number, sizeof number, 0) == static_cast<ssize_t>(sizeof number);
}

}  // namespace cutis::pipeline
