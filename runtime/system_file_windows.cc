#include <windows.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "runtime/memory.h"
#include "runtime/system_file.h"

namespace cutis {
namespace {

// A path as Windows takes it, of UTF-8; null where it is none, or where there is no memory.
std::unique_ptr<wchar_t[], MallocDeleter> Widen(const char* path) {
  const int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, nullptr, 0);
  if (length <= 0) return nullptr;
  std::unique_ptr<wchar_t[], MallocDeleter> wide(static_cast<wchar_t*>(std::malloc(sizeof(wchar_t) * static_cast<size_t>(length))));
  if (wide != nullptr) MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide.get(), length);
  return wide;
}

// What Windows says of the last error, in the language of its user: one line of UTF-8.
class LastError {
 public:
  LastError() : code_(GetLastError()) {
    wchar_t wide[128];
    DWORD length = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK, nullptr,
                                  code_, 0, wide, 128, nullptr);
    while (length > 0 && (wide[length - 1] == L' ' || wide[length - 1] == L'.')) --length;
    const int bytes = WideCharToMultiByte(CP_UTF8, 0, wide, static_cast<int>(length), text_, sizeof text_ - 1, nullptr, nullptr);
    text_[bytes] = '\0';
    if (bytes == 0) std::snprintf(text_, sizeof text_, "error %lu", code_);
  }
  DWORD code() const { return code_; }
  const char* text() const { return text_; }

 private:
  DWORD code_;
  char text_[4 * 128];  // a character of 16 bits takes up to three bytes
};

uint64_t Join(DWORD high, DWORD low) { return (static_cast<uint64_t>(high) << 32) | low; }

HANDLE HandleOf(intptr_t handle) { return reinterpret_cast<HANDLE>(handle); }

}  // namespace

SystemFile::~SystemFile() {
  if (handle_ != -1) CloseHandle(HandleOf(handle_));
}

Status SystemFile::Open(const char* path) {
  const auto wide = Widen(path);
  if (wide == nullptr) return Status::Error(Code::kBadInput, "cannot be opened: its path is not UTF-8");
  // Nobody may write to it meanwhile. With FILE_FLAG_BACKUP_SEMANTICS a folder opens too, and is told from what may not be read.
  const HANDLE file = CreateFileW(wide.get(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
                                  FILE_FLAG_BACKUP_SEMANTICS, nullptr);
  if (file == INVALID_HANDLE_VALUE) {
    const LastError error;
    const bool io = error.code() == ERROR_ACCESS_DENIED || error.code() == ERROR_SHARING_VIOLATION ||
                    error.code() == ERROR_NOT_READY || error.code() == ERROR_IO_DEVICE;
    return Status::Error(io ? Code::kIo : Code::kBadInput, "cannot be opened: %s", error.text());
  }
  handle_ = reinterpret_cast<intptr_t>(file);
  if (GetFileType(file) != FILE_TYPE_DISK) return Status::Error(Code::kBadInput, "not a regular file");
  BY_HANDLE_FILE_INFORMATION info;
  if (!GetFileInformationByHandle(file, &info)) return Status::Error(Code::kIo, "cannot be examined: %s", LastError().text());
  if ((info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0) return Status::Error(Code::kBadInput, "not a regular file");
  size_ = Join(info.nFileSizeHigh, info.nFileSizeLow);
  identity_.volume = info.dwVolumeSerialNumber;
  identity_.number = Join(info.nFileIndexHigh, info.nFileIndexLow);
  identity_.changed = Join(info.ftLastWriteTime.dwHighDateTime, info.ftLastWriteTime.dwLowDateTime);
  return {};
}

Status SystemFile::ReadAll(uint8_t* bytes, size_t size) {
  constexpr size_t kMostAtOnce = size_t{1} << 30;  // a size is 32 bits here
  size_t done = 0;
  while (done < size) {
    DWORD got = 0;
    if (!ReadFile(HandleOf(handle_), bytes + done, static_cast<DWORD>(std::min(size - done, kMostAtOnce)), &got, nullptr)) {
      return Status::Error(Code::kIo, "reading failed: %s", LastError().text());
    }
    if (got == 0) return Status::Error(Code::kBadInput, "the file became shorter while it was read");
    done += got;
  }
  return {};
}

Status SystemFile::Map(size_t size, const void** mapping) {
  const uint64_t bytes = size;
  const HANDLE section = CreateFileMappingW(HandleOf(handle_), nullptr, PAGE_READONLY, static_cast<DWORD>(bytes >> 32),
                                            static_cast<DWORD>(bytes), nullptr);
  const void* const view = section == nullptr ? nullptr : MapViewOfFile(section, FILE_MAP_READ, 0, 0, size);
  Status status;
  if (view == nullptr) status = Status::Error(Code::kIo, "cannot be mapped into memory: %s", LastError().text());
  if (section != nullptr) CloseHandle(section);  // the view holds it
  *mapping = view;
  return status;
}

void SystemFile::Unmap(const void* mapping, size_t) { UnmapViewOfFile(mapping); }

std::FILE* OpenStream(const char* path) {
  const auto wide = Widen(path);
  if (wide == nullptr) errno = EINVAL;
  return wide == nullptr ? nullptr : _wfopen(wide.get(), L"rbN");
}

}  // namespace cutis
