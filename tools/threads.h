// What the command line tools make of --threads N.
#ifndef CUTIS_TOOLS_THREADS_H_
#define CUTIS_TOOLS_THREADS_H_

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "runtime/cpus.h"

namespace cutis {

inline constexpr int32_t kMaxThreads = 256;

// 0, the default: as many as the process can have running at once. More than those are what was asked for, with a note on
// stderr.
inline int32_t ThreadsOf(int32_t asked, const char* program) {
  const int32_t available = AvailableCpus();
  if (asked == 0) return std::min(available, kMaxThreads);
  if (asked > available) {
    std::fprintf(stderr,
                 "%s: note: %d threads, but affinity mask and CPU quota allow this process %d: they wait for each other\n",
                 program, asked, available);
  }
  return asked;
}

}  // namespace cutis

#endif  // CUTIS_TOOLS_THREADS_H_
