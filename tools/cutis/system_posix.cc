#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tools/cutis/system.h"

namespace cutis::cli {

// The rest of the first line of a file that begins with `key`, without blanks and colons between them; "" where there is none.
static std::string LineOf(const char* path, const char* key) {
  std::string found;
  if (std::FILE* file = std::fopen(path, "re")) {
    char line[256];
    while (found.empty() && std::fgets(line, sizeof line, file) != nullptr) {
      if (std::strncmp(line, key, std::strlen(key)) != 0) continue;
      const char* value = line + std::strlen(key);
      value += std::strspn(value, " \t:");
      found.assign(value, std::strcspn(value, "\n"));
    }
    std::fclose(file);
  }
  return found;
}

// VmRSS and VmHWM, or what getrusage knows where there is no /proc.
ResidentMemory Resident() {
  const auto bytes = [](const char* key) {
    return 1024 * static_cast<uint64_t>(std::strtoull(LineOf("/proc/self/status", key).c_str(), nullptr, 10));
  };
  ResidentMemory memory = {bytes("VmRSS"), bytes("VmHWM")};
  if (memory.peak == 0) {
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    memory.peak = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
  }
  return memory;
}

CpuSeconds CpuUse() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return {seconds(usage.ru_utime), seconds(usage.ru_stime)};
}

std::string CpuName() {
  // ARM's kernels name the board instead.
  for (const char* key : {"model name", "Model", "Hardware"}) {
    if (std::string name = LineOf("/proc/cpuinfo", key); !name.empty()) return name;
  }
  return "";
}

std::string SystemName() {
  utsname system;
  if (uname(&system) != 0) return "";
  return std::string(system.sysname) + " " + system.release + ", " + system.machine;
}

std::string CacheHome() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/') return cache;
  const char* home = std::getenv("HOME");
  return home != nullptr && home[0] == '/' ? std::string(home) + "/.cache" : "";
}

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

bool IsFolder(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Status ListFolder(const std::string& path, std::vector<FolderEntry>* entries) {
  DIR* const folder = opendir(path.c_str());
  if (folder == nullptr) return Status::Error(Code::kBadInput, "%s: cannot be read: %s", path.c_str(), std::strerror(errno));
  while (const dirent* entry = readdir(folder)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat info;
    // Gone since, perhaps: then it is no image.
    if (fstatat(dirfd(folder), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const bool is_folder = S_ISDIR(info.st_mode);
    if (S_ISLNK(info.st_mode) && (fstatat(dirfd(folder), entry->d_name, &info, 0) != 0 || S_ISDIR(info.st_mode))) continue;
    entries->push_back({name, is_folder});
  }
  closedir(folder);
  return {};
}

// Not glob(): that looks users up, and brings what takes that into a static program.
static bool Matches(const char* pattern, const char* name) {
  for (; *pattern != '*'; ++pattern, ++name) {
    if (*name == '\0') return *pattern == '\0';
    if (*pattern != '?' && *pattern != *name) return false;
  }
  do {
    if (Matches(pattern + 1, name)) return true;
  } while (*name++ != '\0');
  return false;
}

std::vector<std::string> MatchPattern(const std::string& pattern) {
  const size_t slash = pattern.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : pattern.substr(0, slash + 1);
  const char* const last = pattern.c_str() + folder.size();
  std::vector<FolderEntry> entries;
  std::vector<std::string> paths;
  if (!ListFolder(folder.empty() ? "." : folder, &entries).ok()) return paths;
  for (const FolderEntry& entry : entries) {
    // Hidden files are meant only where the pattern begins with a dot too.
    const bool hidden = entry.name[0] == '.' && *last != '.';
    if (!entry.is_folder && !hidden && Matches(last, entry.name.c_str())) paths.push_back(folder + entry.name);
  }
  return paths;
}

bool OutputIsTerminal() { return isatty(STDOUT_FILENO) != 0; }
bool ErrorIsTerminal() { return isatty(STDERR_FILENO) != 0; }

Status MakeFolder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return Status::Error(Code::kIo, "%s: cannot be made: %s", path.c_str(), std::strerror(errno));
}

Status WriteWhole(const std::string& path, const std::string& text) {
  const std::string temporary = path + "." + std::to_string(getpid()) + ".tmp";
  bool good = false;
  if (std::FILE* file = std::fopen(temporary.c_str(), "we")) {
    good = std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0 && fsync(fileno(file)) == 0;
    good = std::fclose(file) == 0 && good;
  }
  if (good && std::rename(temporary.c_str(), path.c_str()) == 0) return {};
  const Status status = Status::Error(Code::kIo, "%s: cannot be written: %s", path.c_str(), std::strerror(errno));
  std::remove(temporary.c_str());
  return status;
}

std::FILE* OpenToAppend(const std::string& path, size_t keep) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) return nullptr;
  if (ftruncate(file, static_cast<off_t>(keep)) == 0 && lseek(file, 0, SEEK_END) >= 0) {
    if (std::FILE* stream = fdopen(file, "w")) return stream;
  }
  const int error = errno;
  close(file);
  errno = error;
  return nullptr;
}

bool CloseOnDisk(std::FILE* file) {
  // A pipe or a terminal has no disk (EINVAL).
  const bool good = std::fflush(file) == 0 && std::ferror(file) == 0 && (fsync(fileno(file)) == 0 || errno == EINVAL);
  const int error = errno;
  const bool closed = std::fclose(file) == 0;
  if (!good) errno = error;
  return good && closed;
}

}  // namespace cutis::cli
