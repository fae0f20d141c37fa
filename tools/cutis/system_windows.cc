#include <windows.h>
// After it.
#include <io.h>
#include <psapi.h>

#include <cstdlib>
#include <filesystem>

#include "tools/cutis/system.h"

namespace cutis::cli {
namespace {

std::filesystem::path PathOf(const std::string& utf8) { return std::u8string(utf8.begin(), utf8.end()); }

}  // namespace

ResidentMemory Resident() {
  PROCESS_MEMORY_COUNTERS counters = {};
  GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters);
  return {counters.WorkingSetSize, counters.PeakWorkingSetSize};
}

CpuSeconds CpuUse() {
  FILETIME created, ended, kernel = {}, user = {};
  GetProcessTimes(GetCurrentProcess(), &created, &ended, &kernel, &user);
  const auto seconds = [](const FILETIME& time) {
    return 1e-7 * static_cast<double>(static_cast<uint64_t>(time.dwHighDateTime) << 32 | time.dwLowDateTime);
  };
  return {seconds(user), seconds(kernel)};
}

std::string CpuName() {
  const char* name = std::getenv("PROCESSOR_IDENTIFIER");
  return name != nullptr ? name : "";
}

std::string SystemName() { return "Windows"; }

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

bool IsFolder(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(PathOf(path), error);
}

Status ListFolder(const std::string& path, std::vector<FolderEntry>* entries) {
  std::error_code error;
  std::filesystem::directory_iterator at(PathOf(path), error);
  while (!error && at != std::filesystem::directory_iterator()) {
    const std::u8string name = at->path().filename().u8string();
    std::error_code gone;
    const bool is_folder = at->is_directory(gone), is_link = at->is_symlink(gone);
    if (!(is_link && is_folder)) entries->push_back({std::string(name.begin(), name.end()), is_folder});
    at.increment(error);
  }
  if (!error) return {};
  return Status::Error(Code::kBadInput, "%s: cannot be read: %s", path.c_str(), error.message().c_str());
}

std::vector<std::string> MatchPattern(const std::string& pattern) {
  std::vector<std::string> paths;
  WIN32_FIND_DATAW found;
  const HANDLE search = FindFirstFileW(PathOf(pattern).c_str(), &found);
  if (search == INVALID_HANDLE_VALUE) return paths;
  const std::string folder = pattern.substr(0, pattern.find_last_of("/\\") + 1);  // "" without one
  do {
    if (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) continue;
    const std::u8string name = std::filesystem::path(found.cFileName).u8string();
    paths.push_back(folder + std::string(name.begin(), name.end()));
  } while (FindNextFileW(search, &found));
  FindClose(search);
  return paths;
}

bool OutputIsTerminal() { return _isatty(1) != 0; }
bool ErrorIsTerminal() { return _isatty(2) != 0; }

Status MakeFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directory(PathOf(path), error);
  if (!error) return {};
  return Status::Error(Code::kIo, "%s: cannot be made: %s", path.c_str(), error.message().c_str());
}

Status WriteWhole(const std::string& path, const std::string& text) {
  const std::wstring whole = PathOf(path).wstring(),
                     temporary = whole + L"." + std::to_wstring(GetCurrentProcessId()) + L".tmp";
  const HANDLE file = CreateFileW(temporary.c_str(), GENERIC_WRITE, 0, nullptr, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
  DWORD written = 0;
  bool good = file != INVALID_HANDLE_VALUE &&
              WriteFile(file, text.data(), static_cast<DWORD>(text.size()), &written, nullptr) && written == text.size() &&
              FlushFileBuffers(file);
  if (file != INVALID_HANDLE_VALUE) good = CloseHandle(file) && good;
  good = good && MoveFileExW(temporary.c_str(), whole.c_str(), MOVEFILE_REPLACE_EXISTING);
  if (good) return {};
  const std::error_code error(static_cast<int>(GetLastError()), std::system_category());
  DeleteFileW(temporary.c_str());
  return Status::Error(Code::kIo, "%s: cannot be written: %s", path.c_str(), error.message().c_str());
}

std::FILE* OpenToAppend(const std::string& path, size_t keep) {
  std::FILE* const file = _wfopen(PathOf(path).c_str(), Exists(path) ? L"r+bN" : L"wbN");
  if (file == nullptr) return nullptr;
  if (_chsize_s(_fileno(file), static_cast<__int64>(keep)) == 0 && std::fseek(file, 0, SEEK_END) == 0) return file;
  std::fclose(file);
  return nullptr;
}

bool CloseOnDisk(std::FILE* file) {
  const bool good = std::fflush(file) == 0 && std::ferror(file) == 0;
  if (good) _commit(_fileno(file));
  return std::fclose(file) == 0 && good;
}

}  // namespace cutis::cli
