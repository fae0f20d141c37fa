#include <cstdio>

#include "tools/python/process_memory.h"

namespace cutis::python {

ProcessMemory MeasureProcessMemory() {
  ProcessMemory memory;
  std::FILE* const file = std::fopen("/proc/self/status", "re");
  if (file == nullptr) return memory;
  char line[256];
  unsigned long long kib = 0;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::sscanf(line, "VmRSS: %llu kB", &kib) == 1) memory.resident = kib * 1024;
    if (std::sscanf(line, "VmHWM: %llu kB", &kib) == 1) memory.peak = kib * 1024;
  }
  std::fclose(file);
  return memory;
}

}  // namespace cutis::python
