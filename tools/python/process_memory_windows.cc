#include <windows.h>
// After it.
#include <psapi.h>

#include "tools/python/process_memory.h"

namespace cutis::python {

ProcessMemory MeasureProcessMemory() {
  PROCESS_MEMORY_COUNTERS counters = {};
  if (!K32GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters)) return {};
  return {counters.WorkingSetSize, counters.PeakWorkingSetSize};
}

}  // namespace cutis::python
