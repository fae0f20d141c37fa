// cpus.cc on Windows.
#include <windows.h>

#include <algorithm>
#include <bit>

#include "runtime/cpus.h"

namespace cutis {

int32_t CurrentCpu() {
  PROCESSOR_NUMBER number;
  GetCurrentProcessorNumberEx(&number);
  return number.Group * 64 + number.Number;
}

int32_t AvailableCpus() {
  // A mask is for one group of up to 64 CPUs; of a process in more than one group it is zero.
  DWORD_PTR mine = 0, all = 0;
  if (!GetProcessAffinityMask(GetCurrentProcess(), &mine, &all)) mine = 0;
  const int64_t cpus = mine != 0 ? std::popcount(static_cast<uint64_t>(mine)) : GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
  return static_cast<int32_t>(std::max<int64_t>(1, cpus));
}

}  // namespace cutis
