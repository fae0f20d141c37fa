#include "tests/ops/kernel_test.h"

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace cutis::test {
namespace {

TestEntry* first_test = nullptr;
BenchEntry* first_bench = nullptr;
ExtraKernel* first_extra = nullptr;

}  // namespace

TestEntry::TestEntry(KernelKind kind_, ErasedTest test_) : kind(kind_), test(test_), next(first_test) { first_test = this; }
BenchEntry::BenchEntry(KernelKind kind_, ErasedBench bench_) : kind(kind_), bench(bench_), next(first_bench) {
  first_bench = this;
}
ExtraKernel::ExtraKernel(const Kernel& kernel_) : kernel(kernel_), next(first_extra) { first_extra = this; }
TestEntry* FirstTest() { return first_test; }
BenchEntry* FirstBench() { return first_bench; }
ExtraKernel* FirstExtraKernel() { return first_extra; }

uint64_t Random::Next() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

int64_t Random::Between(int64_t lo, int64_t hi) {
  return lo + static_cast<int64_t>(Next() % static_cast<uint64_t>(hi - lo + 1));
}

float Random::Uniform(float lo, float hi) { return lo + (hi - lo) * static_cast<float>(Next() >> 40) * 0x1p-24f; }

void Random::Fill(std::span<uint8_t> bytes) {
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(Next() >> 56);
}

void Random::FillExtreme(std::span<uint8_t> bytes) {
  constexpr uint8_t kValues[] = {0, 1, 127, 128, 254, 255};
  for (uint8_t& byte : bytes) byte = kValues[Next() % 6];
}

void Random::FillWeights(std::span<int8_t> weights) {
  for (int8_t& weight : weights) weight = static_cast<int8_t>(Between(-127, 127));
}

void Random::FillExtremeWeights(std::span<int8_t> weights) {
  for (int8_t& weight : weights) weight = static_cast<int8_t>(Between(-1, 1) * 127);
}

void Random::FillFloats(std::span<float> values, float lo, float hi) {
  for (float& value : values) value = Uniform(lo, hi);
}

OutputPair::OutputPair(size_t size, uint64_t seed) : expected_(size), actual_(size) {
  Random(seed).Fill(expected_.bytes());
  std::copy_n(expected_.data(), size, actual_.data());
}

OutputPair::OutputPair(std::span<const uint8_t> content) : expected_(content.size()), actual_(content.size()) {
  for (const GuardedBuffer* buffer : {&expected_, &actual_}) std::copy(content.begin(), content.end(), buffer->data());
}

void OutputPair::Check(const char* kernel, const char* format, ...) const {
  if (std::memcmp(expected_.data(), actual_.data(), expected_.size()) == 0) {
    CountCheck();
    return;
  }
  char text[256];
  va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof text, format, args);
  va_end(args);
  size_t at = 0;
  while (expected_.data()[at] == actual_.data()[at]) ++at;
  FailCheck(std::string(kernel) + ", " + text + ": byte " + std::to_string(at) + " of " + std::to_string(expected_.size()) +
            " is " + std::to_string(actual_.data()[at]) + ", not " + std::to_string(expected_.data()[at]));
}

OutputU8 RandomOutput(Random& random) {
  OutputU8 out;
  out.zero_point = static_cast<int32_t>(random.OneIn(3) ? random.Between(0, 1) * 255 : random.Between(0, 255));
  if (random.OneIn(2)) {
    out.lo = static_cast<int32_t>(random.Between(0, 255));
    out.hi = static_cast<int32_t>(random.Between(out.lo, 255));
  }
  return out;
}

void FillMultipliers(Random& random, double magnitude, std::span<float> multipliers) {
  for (float& multiplier : multipliers) {
    const int64_t kind = random.Between(0, 7);
    if (kind == 0) {
      multiplier = std::min(255.0f, 0x1p-1f / static_cast<float>(int64_t{1} << random.Between(0, 12)));
    } else if (kind == 1) {
      multiplier = random.Uniform(1.0f, 255.9f);
    } else {
      multiplier =
          static_cast<float>(std::clamp(128.0 / magnitude * static_cast<double>(random.Uniform(0.1f, 4.0f)), 0x1p-32, 255.0));
    }
  }
}

void FillTies(Random& random, std::span<int32_t> biases, std::span<float> multipliers) {
  for (size_t i = 0; i < biases.size(); ++i) {
    const int64_t bias = random.Between(int64_t{1} << 25, int64_t{1} << 30) | 1;
    const double wanted = static_cast<double>(random.Between(0, 120)) + 0.5;
    biases[i] = static_cast<int32_t>(random.OneIn(2) ? bias : -bias);
    multipliers[i] = static_cast<float>(wanted / static_cast<double>(static_cast<float>(bias)));
  }
}

void Bench::Run(const char* name, double operations, const std::function<void()>& call) {
  using Clock = std::chrono::steady_clock;
  const auto seconds_of = [&](int64_t calls) {
    const Clock::time_point start = Clock::now();
    for (int64_t i = 0; i < calls; ++i) call();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  call();  // page faults, cold caches
  int64_t calls = 1;
  double seconds = seconds_of(calls);
  while (seconds < 0.005) {
    calls *= 2;
    seconds = seconds_of(calls);
  }
  for (int i = 0; i < 5; ++i) seconds = std::min(seconds, seconds_of(calls));
  const double each = seconds / static_cast<double>(calls);
  std::printf("%-28s %-34s %10.1f us %9.2f GOP/s\n", kernel_, name, each * 1e6, operations / each * 1e-9);
}

}  // namespace cutis::test
