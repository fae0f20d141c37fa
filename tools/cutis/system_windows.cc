#include <windows.h>

#include <psapi.h>

#include <cstdlib>
#include <filesystem>

#include "tools/cutis/system.h"

namespace cutis::cli {
namespace {

std::filesystem::path PathOf(const std::string& utf8) { return std::u8string(utf8.begin(), utf8.end()); }

}  // namespace

uint64_t PeakRssBytes() {
  PROCESS_MEMORY_COUNTERS counters = {};
  GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters);
  return counters.PeakWorkingSetSize;
}

std::string CacheHome() {
  const wchar_t* folder = _wgetenv(L"LOCALAPPDATA");
  if (folder == nullptr) return "";
  const std::u8string text = std::filesystem::path(folder).u8string();
  return std::string(text.begin(), text.end());
}

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(PathOf(path), error);
}

Status MakeFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directory(PathOf(path), error);
  if (!error) return {};
  return Status::Error(Code::kIo, "%s: cannot be made: %s", path.c_str(), error.message().c_str());
}

Status WriteWhole(const std::string& path, const std::string& text) {
  const std::wstring whole = PathOf(path).wstring(), temporary = whole + L"." + std::to_wstring(GetCurrentProcessId()) + L".tmp";
  const HANDLE file = CreateFileW(temporary.c_str(), GENERIC_WRITE, 0, nullptr, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
  DWORD written = 0;
  bool good = file != INVALID_HANDLE_VALUE && WriteFile(file, text.data(), static_cast<DWORD>(text.size()), &written, nullptr) &&
              written == text.size() && FlushFileBuffers(file);
  if (file != INVALID_HANDLE_VALUE) good = CloseHandle(file) && good;
  good = good && MoveFileExW(temporary.c_str(), whole.c_str(), MOVEFILE_REPLACE_EXISTING);
  if (good) return {};
  const std::error_code error(static_cast<int>(GetLastError()), std::system_category());
  DeleteFileW(temporary.c_str());
  return Status::Error(Code::kIo, "%s: cannot be written: %s", path.c_str(), error.message().c_str());
}

}  // namespace cutis::cli
