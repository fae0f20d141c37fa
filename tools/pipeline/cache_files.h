// What a data cache asks of the operating system. One implementation a system: cache_files_posix.cc, cache_files_windows.cc.
// Paths are UTF-8 on Windows; both separators of folders are fine there.
#ifndef CUTIS_TOOLS_PIPELINE_CACHE_FILES_H_
#define CUTIS_TOOLS_PIPELINE_CACHE_FILES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cutis.h"

namespace cutis::pipeline {

// Makes a folder for the user alone, unless there is one. CUTIS_ERROR_USAGE where others may look into it.
cutis_status MakePrivateFolder(const std::string& path, std::string* error);

// A file that others see whole or not at all; written first as `partial`, of the same folder. False where that failed.
bool WriteWhole(const std::string& path, const std::string& partial, const std::vector<uint8_t>& bytes);

// At most `size` bytes from `offset` on, and how many there were: 0 where there is no such file.
size_t ReadPart(const std::string& path, uint64_t offset, size_t size, uint8_t* bytes);

// It was used now.
void Touch(const std::string& path);

bool Remove(const std::string& path);

struct CacheFile {
  std::string path;
  uint64_t bytes = 0;
  int64_t used = 0;  // nanoseconds; only their order counts
};
// The files in a folder (not those of folders in it), added to `files`.
void ListFiles(const std::string& folder, std::vector<CacheFile>* files);

// Nanoseconds, comparable with CacheFile::used.
int64_t Now();
int64_t ProcessId();

// A file that one holder at a time has, of all threads and processes; it keeps a number.
class FolderLock {
 public:
  explicit FolderLock(const std::string& path);  // waits
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  bool held() const { return handle_ != -1; }
  bool Read(uint64_t* number) const;  // false where none was written
  bool Write(uint64_t number);

 private:
  intptr_t handle_ = -1;
};

}  // namespace cutis::pipeline

#endif  // CUTIS_TOOLS_PIPELINE_CACHE_FILES_H_
