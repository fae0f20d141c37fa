// How many threads this process can have running at once.
#ifndef CUTIS_RUNTIME_CPUS_H_
#define CUTIS_RUNTIME_CPUS_H_

#include <cstdint>
#include <string_view>

namespace cutis {

// What the affinity mask of the calling thread and the CPU quota of the process's cgroups leave of the machine's CPUs, rounded
// up; at least 1. On Linux it reads files under /proc and /sys; what cannot be read sets no limit. No allocation there.
int32_t AvailableCpus();

// The CPU that the calling thread is on, counted from 0; -1 where the system does not say.
int32_t CurrentCpu();

// -- the parts of it, for tests -------------------------------------------------------------------

// The least quota of the cgroups of this process, in CPUs; 0: no quota. Version 2 (cpu.max) and version 1 (cpu.cfs_quota_us
// over cpu.cfs_period_us). `root`: where /proc and /sys lie, "" for the machine's own.
double CgroupCpus(const char* root);

// The path of the cgroup in the text of /proc/self/cgroup: of version 2 (the line "0::PATH") or of version 1's controller cpu.
// Empty without such a line.
std::string_view CgroupPath(std::string_view text, int version);

// "max 100000", "150000 100000" (cpu.max) as CPUs; 0 for no limit and for anything else.
double CpusOfMax(std::string_view text);
// "150000\n" and "100000\n"; a quota of -1 is none.
double CpusOfQuota(std::string_view quota, std::string_view period);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_CPUS_H_
