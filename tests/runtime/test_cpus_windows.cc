// How many CPUs a process has on Windows.
#include <doctest/doctest.h>
#include <windows.h>

#include <bit>
#include <cstdint>

#include "runtime/cpus.h"

namespace cutis {
namespace {

TEST_CASE("the affinity mask counts") {
  DWORD_PTR before = 0, all = 0;
  REQUIRE(GetProcessAffinityMask(GetCurrentProcess(), &before, &all));
  if (before == 0) {
    MESSAGE("skipped: the process is in more than one group of processors");
    return;
  }
  CHECK(AvailableCpus() == std::popcount(static_cast<uint64_t>(before)));
  REQUIRE(SetProcessAffinityMask(GetCurrentProcess(), before & -before));
  CHECK(AvailableCpus() == 1);
  REQUIRE(SetProcessAffinityMask(GetCurrentProcess(), before));
}

TEST_CASE("the CPU of a thread is one of the machine's") {
  const int32_t cpu = CurrentCpu();
  CHECK(cpu >= 0);
  CHECK(cpu < 64 * GetActiveProcessorGroupCount());
}

}  // namespace
}  // namespace cutis
