#include <windows.h>

#include <string>

#include "tools/pipeline/cache_files.h"

namespace cutis::pipeline {
namespace {

std::wstring Wide(const std::string& text) {
  const int length =
      MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text.c_str(), static_cast<int>(text.size()), nullptr, 0);
  std::wstring wide(static_cast<size_t>(length > 0 ? length : 0), L'\0');
  if (length > 0)
    MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text.c_str(), static_cast<int>(text.size()), wide.data(), length);
  return wide;
}

std::string Narrow(const wchar_t* wide) {
  const int length = WideCharToMultiByte(CP_UTF8, 0, wide, -1, nullptr, 0, nullptr, nullptr);
  std::string text(static_cast<size_t>(length > 1 ? length - 1 : 0), '\0');
  if (length > 1) WideCharToMultiByte(CP_UTF8, 0, wide, -1, text.data(), length, nullptr, nullptr);
  return text;
}

int64_t Nanoseconds(const FILETIME& time) {
  return 100 * static_cast<int64_t>(static_cast<uint64_t>(time.dwHighDateTime) << 32 | time.dwLowDateTime);
}

HANDLE Handle(intptr_t value) { return reinterpret_cast<HANDLE>(value); }

}  // namespace

// Folders of a user's profile are his own there; the system keeps no mode bits.
cutis_status MakePrivateFolder(const std::string& path, std::string* error) {
  const std::wstring wide = Wide(path);
  if (wide.empty() || (CreateDirectoryW(wide.c_str(), nullptr) == 0 && GetLastError() != ERROR_ALREADY_EXISTS)) {
    error->assign(path).append(": cannot be made");
    return CUTIS_ERROR_IO;
  }
  const DWORD attributes = GetFileAttributesW(wide.c_str());
  if (attributes == INVALID_FILE_ATTRIBUTES || (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0) {
    error->assign(path).append(": is no folder");
    return CUTIS_ERROR_USAGE;
  }
  return CUTIS_OK;
}

bool WriteWhole(const std::string& path, const std::string& partial, const std::vector<uint8_t>& bytes) {
  const std::wstring wide = Wide(partial);
  const HANDLE file = CreateFileW(wide.c_str(), GENERIC_WRITE, 0, nullptr, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) return false;
  DWORD wrote = 0;
  const bool whole =
      WriteFile(file, bytes.data(), static_cast<DWORD>(bytes.size()), &wrote, nullptr) != 0 && wrote == bytes.size();
  CloseHandle(file);
  if (whole && MoveFileExW(wide.c_str(), Wide(path).c_str(), MOVEFILE_REPLACE_EXISTING) != 0) return true;
  DeleteFileW(wide.c_str());
  return false;
}

size_t ReadPart(const std::string& path, uint64_t offset, size_t size, uint8_t* bytes) {
  const HANDLE file = CreateFileW(Wide(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                  nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) return 0;
  LARGE_INTEGER at;
  at.QuadPart = static_cast<LONGLONG>(offset);
  DWORD got = 0;
  const bool read = SetFilePointerEx(file, at, nullptr, FILE_BEGIN) != 0 &&
                    ReadFile(file, bytes, static_cast<DWORD>(size), &got, nullptr) != 0;
  CloseHandle(file);
  return read ? got : 0;
}

void Touch(const std::string& path) {
  const HANDLE file =
      CreateFileW(Wide(path).c_str(), FILE_WRITE_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                  OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) return;
  FILETIME now;
  GetSystemTimeAsFileTime(&now);
  SetFileTime(file, nullptr, nullptr, &now);
  CloseHandle(file);
}

bool Remove(const std::string& path) { return DeleteFileW(Wide(path).c_str()) != 0; }

void ListFiles(const std::string& folder, std::vector<CacheFile>* files) {
  WIN32_FIND_DATAW found;
  const HANDLE search = FindFirstFileW(Wide(folder + "\\*").c_str(), &found);
  if (search == INVALID_HANDLE_VALUE) return;
  do {
    if (found.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) continue;
    std::string path = folder;
    path.append("/").append(Narrow(found.cFileName));
    files->push_back({std::move(path), static_cast<uint64_t>(found.nFileSizeHigh) << 32 | found.nFileSizeLow,
                      Nanoseconds(found.ftLastWriteTime)});
  } while (FindNextFileW(search, &found) != 0);
  FindClose(search);
}

int64_t Now() {
  FILETIME now;
  GetSystemTimeAsFileTime(&now);
  return Nanoseconds(now);
}

int64_t ProcessId() { return static_cast<int64_t>(GetCurrentProcessId()); }

FolderLock::FolderLock(const std::string& path) {
  const HANDLE file =
      CreateFileW(Wide(path).c_str(), GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                  nullptr, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) return;
  OVERLAPPED range = {};
  range.Offset = 4096;  // behind the number, which the holder reads
  if (LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &range) == 0) {
    CloseHandle(file);
    return;
  }
  handle_ = reinterpret_cast<intptr_t>(file);
}

FolderLock::~FolderLock() {
  if (!held()) return;
  OVERLAPPED range = {};
  range.Offset = 4096;
  UnlockFileEx(Handle(handle_), 0, 1, 0, &range);
  CloseHandle(Handle(handle_));
}

bool FolderLock::Read(uint64_t* number) const {
  OVERLAPPED at = {};
  DWORD got = 0;
  return held() && ReadFile(Handle(handle_), number, sizeof *number, &got, &at) != 0 && got == sizeof *number;
}

bool FolderLock::Write(uint64_t number) {
  OVERLAPPED at = {};
  DWORD wrote = 0;
  return held() && WriteFile(Handle(handle_), &number, sizeof number, &wrote, &at) != 0 && wrote == sizeof number;
}

}  // namespace cutis::pipeline
