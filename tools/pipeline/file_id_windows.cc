#include <windows.h>

#include "tools/pipeline/file_id.h"

namespace cutis::pipeline {

static uint64_t Join(DWORD high, DWORD low) { return (static_cast<uint64_t>(high) << 32) | low; }

bool IdentifyFile(const char* path, FileId* id) {
  wchar_t wide[32768];
  if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, 32768) == 0) return false;
  // Asks for nothing but the attributes, so that it disturbs nobody and nobody it; folders open too.
  const HANDLE file = CreateFileW(wide, FILE_READ_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                  OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, nullptr);
  if (file == INVALID_HANDLE_VALUE) return false;
  BY_HANDLE_FILE_INFORMATION info;
  const bool known = GetFileInformationByHandle(file, &info) != 0;
  CloseHandle(file);
  if (!known) return false;
  id->volume = info.dwVolumeSerialNumber;
  id->number = Join(info.nFileIndexHigh, info.nFileIndexLow);
  id->size = Join(info.nFileSizeHigh, info.nFileSizeLow);
  id->changed = Join(info.ftLastWriteTime.dwHighDateTime, info.ftLastWriteTime.dwLowDateTime);
  return true;
}

}  // namespace cutis::pipeline
