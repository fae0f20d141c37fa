#include "runtime/cpus.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdio>

#if defined(__linux__)
#include <fcntl.h>
#include <sched.h>
#endif
#include <unistd.h>

namespace cutis {
namespace {

// The positive number that the text begins with, and the text behind it; 0 where there is none.
int64_t TakeNumber(std::string_view* text) {
  while (!text->empty() && (text->front() == ' ' || text->front() == '\t')) text->remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || value <= 0) return 0;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return value;
}

double Ratio(int64_t quota, int64_t period) {
  return quota > 0 && period > 0 ? static_cast<double>(quota) / static_cast<double>(period) : 0;
}

// As substr, which may throw and so brings what that takes.
constexpr std::string_view Part(std::string_view text, size_t begin, size_t end) { return {text.data() + begin, end - begin}; }
constexpr std::string_view From(std::string_view text, size_t begin) { return Part(text, begin, text.size()); }

// Whether `name` is in a list such as "cpu,cpuacct".
bool Lists(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (Part(list, 0, comma) == name) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

}  // namespace

int32_t CurrentCpu() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

std::string_view CgroupPath(std::string_view text, int version) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Part(text, 0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // NUMBER:CONTROLLERS:PATH; version 2 has the number 0 and no controllers.
    const size_t first = line.find(':');
    if (first == std::string_view::npos) continue;
    const size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = Part(line, first + 1, second);
    const bool wanted = version == 2 ? controllers.empty() && Part(line, 0, first) == "0" : Lists(controllers, "cpu");
    if (wanted) return From(line, second + 1);
  }
  return {};
}

double CpusOfMax(std::string_view text) {
  const int64_t quota = TakeNumber(&text);
  return Ratio(quota, TakeNumber(&text));
}

double CpusOfQuota(std::string_view quota, std::string_view period) { return Ratio(TakeNumber(&quota), TakeNumber(&period)); }

#if defined(__linux__)
namespace {

// Reads as much of a file as the buffer holds; empty where it cannot.
std::string_view Read(const char* path, char* buffer, size_t size) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  const ssize_t got = read(file, buffer, size);
  close(file);
  return got > 0 ? std::string_view(buffer, static_cast<size_t>(got)) : std::string_view();
}

constexpr size_t kPathBytes = 4096;

// A file of the cgroup at `group` below the mount point.
std::string_view ReadOf(const char* root, const char* mount, std::string_view group, const char* name, char (&buffer)[64]) {
  char path[kPathBytes + 128];
  const int length = std::snprintf(path, sizeof path, "%s/sys/fs/cgroup%s%.*s/%s", root, mount, static_cast<int>(group.size()),
                                   group.data(), name);
  if (length < 0 || static_cast<size_t>(length) >= sizeof path) return {};
  return Read(path, buffer, sizeof buffer);
}

// The least limit of a cgroup and all above it. A container may see its own cgroup as the mount's root while the path is the
// host's: what does not exist is passed over, and the root is always looked at.
double LeastOf(const char* root, const char* mount, std::string_view group, int version) {
  if (group.size() > kPathBytes || group.find("..") != std::string_view::npos) group = {};
  double least = 0;
  for (;;) {
    while (!group.empty() && group.back() == '/') group.remove_suffix(1);
    char first[64], second[64];
    double cpus = 0;
    if (version == 2) {
      cpus = CpusOfMax(ReadOf(root, mount, group, "cpu.max", first));
    } else {
      cpus = CpusOfQuota(ReadOf(root, mount, group, "cpu.cfs_quota_us", first),
                         ReadOf(root, mount, group, "cpu.cfs_period_us", second));
    }
    if (cpus > 0 && (least <= 0 || cpus < least)) least = cpus;
    if (group.empty()) return least;
    const size_t slash = group.rfind('/');
    group = Part(group, 0, slash == std::string_view::npos ? 0 : slash);
  }
}

}  // namespace

double CgroupCpus(const char* root) {
  char path[kPathBytes], text[8192];
  const int length = std::snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
  if (length < 0 || static_cast<size_t>(length) >= sizeof path) return 0;
  const std::string_view groups = Read(path, text, sizeof text);
  // Where the two versions are mounted: 2 alone, 2 beside 1, 1 with its controllers together or apart.
  constexpr struct {
    const char* mount;
    int version;
  } kMounts[] = {{"", 2}, {"/unified", 2}, {"/cpu,cpuacct", 1}, {"/cpu", 1}};
  double least = 0;
  for (const auto& [mount, version] : kMounts) {
    const std::string_view group = CgroupPath(groups, version);
    if (group.empty()) continue;
    const double cpus = LeastOf(root, mount, group, version);
    if (cpus > 0 && (least <= 0 || cpus < least)) least = cpus;
  }
  return least;
}

int32_t AvailableCpus() {
  // The system refuses a mask that is smaller than its own; this one has room for 65536 CPUs.
  unsigned long mask[65536 / (8 * sizeof(unsigned long))] = {};
  cpu_set_t* set = reinterpret_cast<cpu_set_t*>(mask);
  int64_t cpus = 0;
  if (sched_getaffinity(0, sizeof mask, set) == 0) cpus = CPU_COUNT_S(sizeof mask, set);
  if (cpus < 1) cpus = std::max<int64_t>(1, sysconf(_SC_NPROCESSORS_ONLN));
  const double quota = CgroupCpus("");
  if (quota > 0 && quota < static_cast<double>(cpus)) cpus = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(quota)));
  return static_cast<int32_t>(cpus);
}
#else
double CgroupCpus(const char*) { return 0; }

int32_t AvailableCpus() { return std::max(1, static_cast<int32_t>(sysconf(_SC_NPROCESSORS_ONLN))); }
#endif

}  // namespace cutis
