// Every kernel of the table against the reference of its kind.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/ops/kernel_test.h"

namespace cutis::test {

void CountCheck() { CHECK(true); }
void FailCheck(const std::string& text) { FAIL_CHECK(text); }

namespace {

const TestEntry* FindTest(KernelKind kind) {
  for (const TestEntry* entry = FirstTest(); entry != nullptr; entry = entry->next) {
    if (entry->kind == kind) return entry;
  }
  return nullptr;
}

TEST_CASE("every kernel equals the reference of its kind, byte for byte") {
  const CpuFeatures cpu = DetectCpu();
  const Kernel* reference = nullptr;
  std::string left_out;
  for (const Kernel& kernel : Kernels()) {
    if (reference == nullptr || reference->kind != kernel.kind) {
      reference = ChooseKernel(kernel.kind, FeatureOf(Isa::kScalar));
      REQUIRE_MESSAGE(reference != nullptr, std::string(kernel.name), ": its kind has no reference kernel");
    }
    const TestEntry* test = FindTest(kernel.kind);
    CHECK_MESSAGE(test != nullptr, std::string(kernel.name), ": its kind has no CUTIS_KERNEL_TEST");
    if ((kernel.needs & ~cpu) != 0) {
      left_out += std::string(left_out.empty() ? "" : ", ") + kernel.name;
    } else if (test != nullptr) {
      INFO(std::string(kernel.name));
      test->test(reference->fn, kernel.fn, kernel.name);
    }
  }
  if (!left_out.empty()) MESSAGE("this CPU cannot run: ", left_out);
}

TEST_CASE("every kind of kernel has a reference and comes in one piece") {
  for (int kind = 0; kind <= static_cast<int>(KernelKind::kSha256Pair); ++kind) {
    CAPTURE(kind);
    CHECK(ChooseKernel(static_cast<KernelKind>(kind), FeatureOf(Isa::kScalar)) != nullptr);
  }
  std::vector<KernelKind> seen;
  for (const Kernel& kernel : Kernels()) {
    if (!seen.empty() && seen.back() == kernel.kind) continue;
    CHECK_MESSAGE(std::find(seen.begin(), seen.end(), kernel.kind) == seen.end(), std::string(kernel.name));
    seen.push_back(kernel.kind);
  }
}

TEST_CASE("emulated kernels equal the reference of their kind") {
  if (FirstExtraKernel() == nullptr) MESSAGE("skipped: no emulated kernels in this build (SIMDe is missing)");
  for (const ExtraKernel* extra = FirstExtraKernel(); extra != nullptr; extra = extra->next) {
    const TestEntry* test = FindTest(extra->kernel.kind);
    REQUIRE(test != nullptr);
    INFO(std::string(extra->kernel.name));
    test->test(ChooseKernel(extra->kernel.kind, FeatureOf(Isa::kScalar))->fn, extra->kernel.fn, extra->kernel.name);
  }
}

TEST_CASE("the best kernel comes last within its kind") {
  // ChooseKernel() takes the last one that fits, so a line out of order would waste the better kernel.
  const Kernel* before = nullptr;
  for (const Kernel& kernel : Kernels()) {
    if (before != nullptr && before->kind == kernel.kind) CHECK_MESSAGE(before->isa <= kernel.isa, std::string(kernel.name));
    before = &kernel;
  }
}

}  // namespace
}  // namespace cutis::test
