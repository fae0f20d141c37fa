// The antialiased resize: windows at both ends of a row, counts around the groups of four, tails, strides, any alignment, and
// weights that reach both clamps and the largest sums.
#include <algorithm>
#include <random>
#include <vector>

#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

GuardedBuffer::Place PlaceOf(uint64_t seed) { return seed % 3 == 0 ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd; }

// Weights whose magnitudes sum to just below 2^23 at most; often about 2^22 in sum, as real ones; zeros up to `room`.
void FillWindow(Random& random, int32_t count, size_t room, int32_t* weights) {
  constexpr int64_t kLimit = (int64_t{1} << 23) - (int64_t{1} << 15);  // less the half: 255 * this + 2^21 < 2^31
  std::fill(weights, weights + room, 0);
  int64_t left = random.OneIn(2) ? kLimit : int64_t{1} << 22;
  for (int32_t k = 0; k < count; ++k) {
    const int64_t magnitude = k + 1 == count ? left : random.Between(0, std::min<int64_t>(left, 3 * left / (count - k)));
    weights[k] = static_cast<int32_t>(random.OneIn(4) ? -magnitude : magnitude);
    left -= magnitude;
  }
  std::shuffle(weights, weights + count, std::minstd_rand(static_cast<unsigned>(random.Next())));
}

void FillPixels(Random& random, const GuardedBuffer& x) {
  random.OneIn(2) ? random.Fill(x.bytes()) : random.FillExtreme(x.bytes());
}

CUTIS_KERNEL_TEST(ResampleRowsU8) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    Random random(seed);
    ResampleRowsU8Args args = {};
    args.width = static_cast<int32_t>(random.Between(1, random.OneIn(3) ? 60 : 9));
    args.pixels = static_cast<int32_t>(random.Between(1, 12));
    args.rows = static_cast<size_t>(random.Between(1, 9));
    args.taps = static_cast<size_t>((args.width + 3) / 4 * 4);
    std::vector<ResampleWindow> windows(static_cast<size_t>(args.pixels));
    const GuardedBuffer weights(windows.size() * args.taps * sizeof(int32_t));
    for (size_t i = 0; i < windows.size(); ++i) {
      const int32_t count = static_cast<int32_t>(random.Between(1, args.width));
      const int32_t last = args.width - count;  // where the window reaches the end of the row
      windows[i] = {random.OneIn(3) ? last : static_cast<int32_t>(random.Between(0, last)), count};
      FillWindow(random, count, args.taps, weights.as<int32_t>().data() + i * args.taps);
    }
    args.windows = windows.data();
    args.weights = weights.as<int32_t>().data();
    const size_t in = static_cast<size_t>(args.width) * 3, out = static_cast<size_t>(args.pixels) * 3;
    args.x_row_bytes = in + static_cast<size_t>(random.OneIn(2) ? 0 : random.Between(1, 40));
    args.y_row_bytes = out + static_cast<size_t>(random.OneIn(2) ? 0 : random.Between(1, 40));
    const GuardedBuffer x((args.rows - 1) * args.x_row_bytes + in, PlaceOf(seed));
    FillPixels(random, x);
    args.x = x.data();
    const OutputPair y((args.rows - 1) * args.y_row_bytes + out, seed);
    args.y = y.expected();
    reference(args);
    args.y = y.actual();
    kernel(args);
    y.Check(name, "width=%d pixels=%d rows=%zu seed=%llu", args.width, args.pixels, args.rows,
            static_cast<unsigned long long>(seed));
  }
}

CUTIS_KERNEL_TEST(ResampleColumnsU8) {
  for (size_t bytes = 1; bytes <= 140; ++bytes) {
    for (const int32_t count : {1, 2, 3, 4, 5, 10, 11}) {
      const uint64_t seed = bytes * 16 + static_cast<uint64_t>(count);
      Random random(seed);
      const size_t room = static_cast<size_t>((count + 3) / 4 * 4);
      const GuardedBuffer weights(room * sizeof(int32_t));
      FillWindow(random, count, room, weights.as<int32_t>().data());
      ResampleColumnsU8Args args = {};
      args.weights = weights.as<int32_t>().data();
      args.count = count;
      args.bytes = bytes;
      args.x_row_bytes = bytes + static_cast<size_t>(random.OneIn(2) ? 0 : random.Between(1, 40));
      const GuardedBuffer x(static_cast<size_t>(count - 1) * args.x_row_bytes + bytes, PlaceOf(seed));
      FillPixels(random, x);
      args.x = x.data();
      const OutputPair y(bytes, seed);
      args.y = y.expected();
      reference(args);
      args.y = y.actual();
      kernel(args);
      y.Check(name, "bytes=%zu count=%d", bytes, count);
    }
  }
}

// A 450 x 450 image to 184 x 184, bicubic: windows of about 10.
constexpr int32_t kIn = 450, kOut = 184, kTaps = 12;
struct BenchCase {
  GuardedBuffer x{kIn * kIn * 3}, y{kIn * kOut * 3};
  std::vector<ResampleWindow> windows;
  std::vector<int32_t> weights;
  BenchCase() : weights(kOut * kTaps) {
    Random random(1);
    random.Fill(x.bytes());
    for (int32_t i = 0; i < kOut; ++i) {
      windows.push_back({(kIn - 10) * i / (kOut - 1), 10});
      FillWindow(random, 10, kTaps, &weights[static_cast<size_t>(i * kTaps)]);
    }
  }
};

CUTIS_KERNEL_BENCH(ResampleRowsU8) {
  const BenchCase c;
  const ResampleRowsU8Args args = {c.x.data(),       kIn * 3, kIn,        kIn,      c.windows.data(),
                                   c.weights.data(), kTaps,   c.y.data(), kOut * 3, kOut};
  bench.Run("450 rows of 450 to 184", 2.0 * 10 * 3 * kIn * kOut, [&] { kernel(args); });
}
CUTIS_KERNEL_BENCH(ResampleColumnsU8) {
  const BenchCase c;
  bench.Run("450 to 184 rows of 184", 2.0 * 10 * 3 * kOut * kOut, [&] {
    for (size_t i = 0; i < kOut; ++i) {
      kernel({c.x.data() + static_cast<size_t>(c.windows[i].first) * kOut * 3, kOut * 3, &c.weights[i * kTaps], 10,
              c.y.data() + i * kOut * 3, kOut * 3});
    }
  });
}

}  // namespace
}  // namespace cutis::test
