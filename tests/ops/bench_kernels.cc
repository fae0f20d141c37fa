// Micro-benchmarks of every kernel that this CPU can run, over the same table as the tests: one line a kernel and case.
// Arguments: parts of kernel names; without any, all are measured.
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/ops/kernel_test.h"

namespace cutis::test {

void CountCheck() {}
void FailCheck(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

}  // namespace cutis::test

int main(int argc, char** argv) {
  using namespace cutis;
  const CpuFeatures cpu = DetectCpu();
  for (const Kernel& kernel : Kernels()) {
    bool wanted = argc == 1;
    for (int i = 1; i < argc; ++i) wanted = wanted || std::strstr(kernel.name, argv[i]) != nullptr;
    if (!wanted || (kernel.needs & ~cpu) != 0) continue;
    for (const test::BenchEntry* entry = test::FirstBench(); entry != nullptr; entry = entry->next) {
      if (entry->kind != kernel.kind) continue;
      test::Bench bench(kernel.name);
      entry->bench(kernel.fn, bench);
    }
  }
  return 0;
}
