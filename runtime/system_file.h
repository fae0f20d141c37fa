// Files as the operating system gives them. One implementation a system: system_file_posix.cc, system_file_windows.cc.
#ifndef CUTIS_RUNTIME_SYSTEM_FILE_H_
#define CUTIS_RUNTIME_SYSTEM_FILE_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>

#include "ops/status.h"

namespace cutis {

// Which file it is, and as of when: what a path leads to may change under one who looks twice.
struct FileIdentity {
  uint64_t volume = 0, number = 0;  // device and inode; on Windows serial number of the volume and index
  uint64_t changed = 0;             // when it was last written to: nanoseconds; on Windows units of 100
};

// A regular file that is read. Paths are UTF-8 on Windows; elsewhere they are the bytes that the system knows.
class SystemFile {
 public:
  SystemFile() = default;
  ~SystemFile();
  SystemFile(const SystemFile&) = delete;
  SystemFile& operator=(const SystemFile&) = delete;

  // Once. Anything else than a regular file is refused, without waiting for a writer.
  Status Open(const char* path);
  // When it was opened.
  uint64_t size() const { return size_; }
  const FileIdentity& identity() const { return identity_; }
  // The first `size` bytes, copied.
  Status ReadAll(uint8_t* bytes, size_t size);
  // The first `size` bytes in memory that cannot be written through; outlives this object until Unmap.
  Status Map(size_t size, const void** mapping);
  static void Unmap(const void* mapping, size_t size);

 private:
  intptr_t handle_ = -1;  // a descriptor, or a HANDLE of Windows, whose INVALID_HANDLE_VALUE is -1 too
  uint64_t size_ = 0;
  FileIdentity identity_;
};

// A stream that reads the bytes of a file as they are; null, and errno, where it cannot be opened. No child process gets it.
std::FILE* OpenStream(const char* path);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_SYSTEM_FILE_H_
