#include "tools/pipeline/read_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#if defined(_WIN32)
#include <windows.h>
#endif

namespace cutis::pipeline {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::FILE* Open(const char* path) {
#if defined(_WIN32)
  wchar_t wide[32768];
  if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, 32768) == 0) {
    errno = ENOENT;
    return nullptr;
  }
  return _wfopen(wide, L"rbN");  // N: no child process gets it
#else
  return std::fopen(path, "rbe");
#endif
}

cutis_status Failed(cutis_status status, const char* what, std::string* error) {
  error->assign(what).append(std::strerror(errno));
  return status;
}

}  // namespace

cutis_status ReadFile(const char* path, size_t limit, std::vector<uint8_t>* bytes, std::string* error) {
  const std::unique_ptr<std::FILE, Close> file(Open(path));
  if (file == nullptr) {
    const bool missing = errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG;
    return Failed(missing ? CUTIS_ERROR_BAD_INPUT : CUTIS_ERROR_IO, "cannot open: ", error);
  }
  std::setvbuf(file.get(), nullptr, _IONBF, 0);
  struct stat info;
  // The size is only a hint (a pipe has none): reading goes on until the end or the limit. One byte more, to see the end.
  const bool sized = fstat(fileno(file.get()), &info) == 0 && info.st_size > 0;
  size_t room =
      sized ? static_cast<size_t>(std::min<uint64_t>(static_cast<uint64_t>(info.st_size), limit)) + 1 : size_t{1} << 16;
  for (size_t used = 0;;) {
    bytes->resize(room);
    used += std::fread(bytes->data() + used, 1, room - used, file.get());
    if (std::ferror(file.get())) {
      return Failed(errno == EISDIR ? CUTIS_ERROR_BAD_INPUT : CUTIS_ERROR_IO, "cannot read: ", error);
    }
    if (used > limit) {
      error->assign("larger than the limit of ").append(std::to_string(limit >> 20)).append(" MiB");
      return CUTIS_ERROR_BAD_INPUT;
    }
    if (used < room) {
      bytes->resize(used);
      return CUTIS_OK;
    }
    room = std::min(room * 2, limit + 1);
  }
}

}  // namespace cutis::pipeline
