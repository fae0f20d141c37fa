#include <sys/stat.h>

#include "tools/pipeline/file_id.h"

namespace cutis::pipeline {

bool IdentifyFile(const char* path, FileId* id) {
  struct stat info;
  if (stat(path, &info) != 0) return false;
  id->volume = static_cast<uint64_t>(info.st_dev);
  id->number = static_cast<uint64_t>(info.st_ino);
  id->size = static_cast<uint64_t>(info.st_size);
  id->changed = static_cast<uint64_t>(info.st_mtim.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(info.st_mtim.tv_nsec);
  return true;
}

}  // namespace cutis::pipeline
