// The peak kernels count what they do; here the count must agree with what their registers hold.
#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

// `sum_of` tells what so many multiply-adds sum up to.
template <class Sum, class Args, class SumOf>
void CheckRounds(KernelOf<Args> kernel, const char* name, Args args, const SumOf& sum_of) {
  uint64_t macs_of_round = 0;
  for (const uint64_t rounds : {uint64_t{1}, uint64_t{2}, uint64_t{5}, uint64_t{100}}) {
    uint64_t macs = 0;
    Sum sum = 0;
    args.rounds = rounds;
    args.macs = &macs;
    args.sum = &sum;
    kernel(args);
    if (rounds == 1) macs_of_round = macs;
    if (macs != 0 && macs % 4 == 0 && macs == rounds * macs_of_round && sum == sum_of(macs)) {
      CountCheck();
    } else {
      FailCheck(std::string(name) + ", " + std::to_string(rounds) + " rounds: " + std::to_string(macs) +
                " multiply-adds, in the registers " + std::to_string(sum) + ", not " + std::to_string(sum_of(macs)));
    }
  }
}

CUTIS_KERNEL_TEST(PeakU8) {
  Random random(1);
  for (int i = 0; i < 8; ++i) {
    PeakU8Args args = {};
    uint32_t products = 0;
    for (size_t k = 0; k < 4; ++k) {
      args.x[k] = static_cast<uint8_t>(i == 0 ? 255 : random.Between(0, 255));
      args.w[k] = static_cast<int8_t>(i == 0 ? -64 : i == 1 ? 63 : random.Between(-64, 63));
      products += static_cast<uint32_t>(args.x[k] * args.w[k]);
    }
    CheckRounds<uint32_t>(kernel, name, args, [=](uint64_t macs) { return static_cast<uint32_t>(macs / 4) * products; });
  }
}

CUTIS_KERNEL_TEST(PeakF32) {
  for (const float x : {1.0f, -3.0f, 1000.0f}) {
    PeakF32Args args = {};
    args.x = x;
    args.w = 5;
    CheckRounds<double>(kernel, name, args,
                        [=](uint64_t macs) { return static_cast<double>(macs) * static_cast<double>(x) * 5; });
  }
}

CUTIS_KERNEL_BENCH(PeakU8) {
  uint64_t macs = 0;
  uint32_t sum = 0;
  const PeakU8Args args = {{200, 3, 77, 255}, {63, -64, 5, -9}, 10000, &macs, &sum};
  kernel(args);
  bench.Run("registers only", 2 * static_cast<double>(macs), [&] { kernel(args); });
}

CUTIS_KERNEL_BENCH(PeakF32) {
  uint64_t macs = 0;
  double sum = 0;
  const PeakF32Args args = {0.5f, 0.75f, 10000, &macs, &sum};
  kernel(args);
  bench.Run("registers only", 2 * static_cast<double>(macs), [&] { kernel(args); });
}

}  // namespace
}  // namespace cutis::test
