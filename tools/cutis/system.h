// What `cutis` asks of the operating system. One implementation a system: system_posix.cc, system_windows.cc. Paths are UTF-8
// on Windows.
#ifndef CUTIS_TOOLS_CUTIS_SYSTEM_H_
#define CUTIS_TOOLS_CUTIS_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "ops/status.h"

namespace cutis::cli {

// The physical memory that the process holds, and the most that it has held so far. `now` is 0 where the system does not say.
struct ResidentMemory {
  uint64_t now = 0, peak = 0;
};
ResidentMemory Resident();

// Seconds that CPUs have worked for this process so far.
struct CpuSeconds {
  double user = 0, system = 0;
};
CpuSeconds CpuUse();

// For people: the processor, and the operating system with its version. "" where the system does not say.
std::string CpuName();
std::string SystemName();

// The user's folder for what can be made anew; "" when the environment names none.
std::string CacheHome();

bool Exists(const std::string& path);

bool IsFolder(const std::string& path);

struct FolderEntry {
  std::string name;
  bool is_folder;
};
// What is in a folder, in no order, but the folder itself and the one above. Links to folders are left out: they might lead
// back.
Status ListFolder(const std::string& path, std::vector<FolderEntry>* entries);

// The files whose name, the last part of the path, matches a pattern with * and ?.
std::vector<std::string> MatchPattern(const std::string& pattern);

// Whether somebody sees what goes there as it comes.
bool OutputIsTerminal();
bool ErrorIsTerminal();

// A folder, for the user alone where the system knows that, unless it exists; the one above it does.
Status MakeFolder(const std::string& path);

// A file that others see whole or not at all.
Status WriteWhole(const std::string& path, const std::string& text);

// A file, made where there is none, of which the first `keep` bytes stay and others are put behind. Null, and errno, on
// failure.
std::FILE* OpenToAppend(const std::string& path, size_t keep);

// Closes a file once all that was written is on the disk; false, and errno, when that failed.
bool CloseOnDisk(std::FILE* file);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_SYSTEM_H_
