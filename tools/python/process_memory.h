// Physical memory of the process. One implementation a system: process_memory_posix.cc, process_memory_windows.cc.
#ifndef CUTIS_TOOLS_PYTHON_PROCESS_MEMORY_H_
#define CUTIS_TOOLS_PYTHON_PROCESS_MEMORY_H_

#include <cstdint>

namespace cutis::python {

struct ProcessMemory {
  uint64_t resident = 0, peak = 0;  // bytes; 0 where the system does not say
};
ProcessMemory MeasureProcessMemory();

}  // namespace cutis::python

#endif  // CUTIS_TOOLS_PYTHON_PROCESS_MEMORY_H_
