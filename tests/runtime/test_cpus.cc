// How many CPUs a process has: texts as the kernel writes them, and trees of files like those under /proc and /sys.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#if defined(__linux__)
#include <sched.h>
#endif

#include "runtime/cpus.h"

namespace cutis {
namespace {

TEST_CASE("the path of the process's cgroup") {
  const std::string both = "12:cpuset:/sets\n4:cpu,cpuacct:/one/b\n3:memory:/c\n0::/two/user.slice\n";
  CHECK(CgroupPath(both, 1) == "/one/b");
  CHECK(CgroupPath(both, 2) == "/two/user.slice");
  CHECK(CgroupPath("0::/", 2) == "/");
  CHECK(CgroupPath("0::/a:b\n", 2) == "/a:b");
  CHECK(CgroupPath("7:cpuacct,cpu:/x\n", 1) == "/x");
  // cpuset and cpuacct are other controllers; a named hierarchy is none.
  CHECK(CgroupPath("7:cpuset,cpuacct:/x\n1:name=systemd:/y\n", 1).empty());
  CHECK(CgroupPath("1:name=systemd:/y\n1::/z\n", 2).empty());
  for (const char* text : {"", "\n\n", "0", "0:", ":", "nonsense\n", "0:/no/second/colon"}) {
    CHECK(CgroupPath(text, 1).empty());
    CHECK(CgroupPath(text, 2).empty());
  }
}

TEST_CASE("quotas in CPUs") {
  CHECK(CpusOfMax("150000 100000\n") == 1.5);
  CHECK(CpusOfMax("50000 100000") == 0.5);
  for (const char* text : {"max 100000\n", "", "max", "100000", "100000 0", "0 100000", "-1 100000", "x 100000", "100000 x",
                           "99999999999999999999999 100000"}) {
    CHECK_MESSAGE(CpusOfMax(text) == 0, std::string(text));
  }
  CHECK(CpusOfQuota("300000\n", "100000\n") == 3);
  CHECK(CpusOfQuota("-1\n", "100000\n") == 0);
  CHECK(CpusOfQuota("300000", "") == 0);
  CHECK(CpusOfQuota("", "100000") == 0);
}

#if defined(__linux__)
// A folder with files, removed at the end.
class Tree {
 public:
  Tree() {
    std::string name = (std::filesystem::temp_directory_path() / "cutis-cpus-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    root_ = name;
  }
  ~Tree() { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  double Cpus() const { return CgroupCpus(root_.c_str()); }

 private:
  std::filesystem::path root_;
};

TEST_CASE("version 2: the least quota of a cgroup and all above it") {
  const Tree tree;
  CHECK(tree.Cpus() == 0);
  tree.Write("proc/self/cgroup", "0::/outer/middle/inner\n");
  CHECK(tree.Cpus() == 0);
  tree.Write("sys/fs/cgroup/outer/middle/inner/cpu.max", "max 100000\n");
  CHECK(tree.Cpus() == 0);
  tree.Write("sys/fs/cgroup/outer/middle/cpu.max", "250000 100000\n");
  CHECK(tree.Cpus() == 2.5);
  tree.Write("sys/fs/cgroup/outer/cpu.max", "400000 100000\n");
  CHECK(tree.Cpus() == 2.5);
  tree.Write("sys/fs/cgroup/outer/cpu.max", "50000 100000\n");
  CHECK(tree.Cpus() == 0.5);
  // A neighbour's quota is not ours.
  tree.Write("sys/fs/cgroup/outer/other/cpu.max", "10000 100000\n");
  CHECK(tree.Cpus() == 0.5);
}

TEST_CASE("a container that sees its cgroup as the root") {
  const Tree tree;
  tree.Write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  for (const char* path : {"0::/system.slice/docker-0123.scope\n", "0::/\n", "0::/../../outside\n"}) {
    tree.Write("proc/self/cgroup", path);
    CHECK_MESSAGE(tree.Cpus() == 2, std::string(path));
  }
}

TEST_CASE("version 1, alone and beside version 2") {
  for (const char* mount : {"cpu", "cpu,cpuacct"}) {
    const Tree tree;
    const std::string group = std::string("sys/fs/cgroup/") + mount + "/jobs/";
    tree.Write("proc/self/cgroup", "5:cpu,cpuacct:/jobs/one\n0::/here\n");
    tree.Write(group + "one/cpu.cfs_quota_us", "-1\n");
    tree.Write(group + "one/cpu.cfs_period_us", "100000\n");
    CHECK(tree.Cpus() == 0);
    tree.Write(group + "cpu.cfs_quota_us", "350000\n");
    tree.Write(group + "cpu.cfs_period_us", "100000\n");
    CHECK(tree.Cpus() == 3.5);
    tree.Write("sys/fs/cgroup/unified/here/cpu.max", "150000 100000\n");
    CHECK(tree.Cpus() == 1.5);
  }
}

TEST_CASE("the affinity mask counts") {
  cpu_set_t before;
  if (sched_getaffinity(0, sizeof before, &before) != 0) {
    MESSAGE("skipped: more CPUs than cpu_set_t holds");
    return;
  }
  CHECK(AvailableCpus() >= 1);
  CHECK(AvailableCpus() <= CPU_COUNT(&before));
  cpu_set_t one;
  CPU_ZERO(&one);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &before)) ++cpu;
  CPU_SET(cpu, &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK(AvailableCpus() == 1);
  REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
}
#endif

}  // namespace
}  // namespace cutis
