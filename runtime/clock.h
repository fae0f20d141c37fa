// The time since some moment, which never runs backwards.
#ifndef CUTIS_RUNTIME_CLOCK_H_
#define CUTIS_RUNTIME_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace cutis {

inline uint64_t Nanoseconds() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace cutis

#endif  // CUTIS_RUNTIME_CLOCK_H_
