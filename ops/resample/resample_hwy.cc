// The antialiased resize for every instruction set that Highway knows.
//
// Exactness: a weight w of 24 bits is high * 256 + low with high = w >> 8 (signed) and low = w & 255, both within 16 bits, so
// that bytes, widened to 16 bits, are multiplied with either in pairs into 32 bits (pmaddwd, smlal): the sums are
// 256 * sum(x * high) + sum(x * low), exactly. A pair is two neighbouring inputs of one output.
#include "ops/hwy_kernel.h"
#include "ops/resample/resample.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::ScalableTag<uint8_t> d8;
const hn::ScalableTag<int16_t> d16;
const hn::ScalableTag<int32_t> d32;
using Bytes = hn::Vec<decltype(d8)>;
using Words = hn::Vec<decltype(d16)>;
using Numbers = hn::Vec<decltype(d32)>;
constexpr size_t kBlocks = hn::MaxLanes(hn::ScalableTag<uint8_t>()) / 16;  // of 128 bits, in which shuffles stay

// Byte indices for shuffles of 16 bytes; n is a zero. Block 0 is for the inputs 0 and 1 of a group of four, block 1 for 2
// and 3.
constexpr uint8_t n = 0x80;
// The low bytes of four weights of 32 bits, and bytes 1 and 2 of them.
alignas(32) constexpr uint8_t kLow[32] = {0, n, 4,  n, 0, n, 4,  n, 0, n, 4,  n, 0, n, 4,  n,
                                          8, n, 12, n, 8, n, 12, n, 8, n, 12, n, 8, n, 12, n};
alignas(32) constexpr uint8_t kHigh[32] = {1, 2,  5,  6,  1, 2,  5,  6,  1, 2,  5,  6,  1, 2,  5,  6,
                                           9, 10, 13, 14, 9, 10, 13, 14, 9, 10, 13, 14, 9, 10, 13, 14};
// Red, green and blue of four RGB pixels, and nothing as a fourth colour.
alignas(32) constexpr uint8_t kColors[32] = {0, n, 3, n, 1, n, 4,  n, 2, n, 5,  n, n, n, n, n,
                                             6, n, 9, n, 7, n, 10, n, 8, n, 11, n, n, n, n, n};

HWY_INLINE Words Pick(Bytes from, Bytes indices) { return hn::BitCast(d16, hn::TableLookupBytesOr0(from, indices)); }

// The sums of one vector of outputs.
struct Sums {
  Numbers high, low;
  Numbers more_high, more_low;  // where the instruction set sums halves apart
};
HWY_INLINE void Clear(Sums& sums) { sums.high = sums.low = sums.more_high = sums.more_low = hn::Zero(d32); }
HWY_INLINE void Add(Sums& sums, Words x, Words high, Words low) {
  sums.high = hn::ReorderWidenMulAccumulate(d32, x, high, sums.high, sums.more_high);
  sums.low = hn::ReorderWidenMulAccumulate(d32, x, low, sums.low, sums.more_low);
}
HWY_INLINE Numbers Total(const Sums& sums) {
  return hn::Add(hn::ShiftLeft<8>(hn::RearrangeToOddPlusEven(sums.high, sums.more_high)),
                 hn::RearrangeToOddPlusEven(sums.low, sums.more_low));
}

// Sixteen bytes in every block; of fewer than 16 that may be read, those, then zeros.
HWY_INLINE Bytes LoadPixels(const uint8_t* from, size_t readable) {
  if (readable >= 16) return hn::LoadDup128(d8, from);
  alignas(16) uint8_t copy[16] = {};
  for (size_t i = 0; i < readable; ++i) copy[i] = from[i];
  return hn::LoadDup128(d8, copy);
}

const hn::Full128<int32_t> d_pixel;
template <class V>
HWY_INLINE auto SumOfBlocks(V v) {
  if constexpr (sizeof(V) == 32) {
    return hn::Add(hn::LowerHalf(d_pixel, v), hn::UpperHalf(d_pixel, v));
  } else {
    return v;
  }
}

// Pixel i of kRows rows: a lane is a colour, and the blocks of a vector take different inputs.
template <size_t kRows>
HWY_INLINE void ResamplePixel(const ResampleRowsU8Args& args, const uint8_t* x, int32_t i, uint8_t* y) {
  constexpr size_t kSteps = 2 / kBlocks;
  const ResampleWindow window = args.windows[i];
  const uint8_t* weights = reinterpret_cast<const uint8_t*>(args.weights + static_cast<size_t>(i) * args.taps);
  x += static_cast<size_t>(window.first) * 3;
  size_t readable = static_cast<size_t>(args.width - window.first) * 3;
  Sums sums[kRows];
  Unroll<kRows>([&](auto r) CUTIS_UNROLLED { Clear(sums[r]); });
  for (int32_t k = 0; k < window.count; k += kResampleGroup, weights += 16, x += 12, readable -= 12) {
    const Bytes group = hn::LoadDup128(d8, weights);
    Bytes pixels[kRows];
    Unroll<kRows>([&](auto r) CUTIS_UNROLLED { pixels[r] = LoadPixels(x + r * args.x_row_bytes, readable); });
    Unroll<kSteps>([&](auto step) CUTIS_UNROLLED {
      const Words high = Pick(group, hn::Load(d8, kHigh + 16 * step)), low = Pick(group, hn::Load(d8, kLow + 16 * step));
      const Bytes colors = hn::Load(d8, kColors + 16 * step);
      Unroll<kRows>([&](auto r) CUTIS_UNROLLED { Add(sums[r], Pick(pixels[r], colors), high, low); });
    });
  }
  Unroll<kRows>([&](auto r) CUTIS_UNROLLED {
    const auto sum = hn::Add(SumOfBlocks(Total(sums[r])), hn::Set(d_pixel, kResampleHalf));
    const hn::Simd<uint8_t, 4, 0> d_bytes;
    const uint32_t pixel =
        hn::GetLane(hn::BitCast(hn::Simd<uint32_t, 1, 0>(), hn::DemoteTo(d_bytes, hn::ShiftRight<kResampleBits>(sum))));
    // The fourth byte is the next pixel's first, which comes later; the last pixel has none.
    uint8_t* to = y + r * args.y_row_bytes + static_cast<size_t>(i) * 3;
    if (i + 1 < args.pixels) {
      __builtin_memcpy(to, &pixel, 4);
    } else {
      __builtin_memcpy(to, &pixel, 3);
    }
  });
}

template <size_t kRows>
HWY_INLINE void ResampleRows(const ResampleRowsU8Args& args, size_t row) {
  const uint8_t* x = args.x + row * args.x_row_bytes;
  uint8_t* y = args.y + row * args.y_row_bytes;
  for (int32_t i = 0; i < args.pixels; ++i) ResamplePixel<kRows>(args, x, i, y);
}

constexpr size_t kChunk = 2 * hn::MaxLanes(hn::ScalableTag<int32_t>());  // bytes of a row that become one vector of words

// The bytes from x on, kChunks * kChunk of them.
template <size_t kChunks>
HWY_INLINE void ResampleChunks(const ResampleColumnsU8Args& args, const uint8_t* x, uint8_t* y) {
  const hn::Rebind<uint8_t, decltype(d16)> d_chunk;
  const Bytes high_bytes = hn::LoadDup128(d8, kHigh), low_bytes = hn::LoadDup128(d8, kLow);
  Sums sums[kChunks][2];
  Unroll<kChunks>([&](auto c) CUTIS_UNROLLED {
    Clear(sums[c][0]);
    Clear(sums[c][1]);
  });
  const int32_t* weights = args.weights;
  for (int32_t k = 0; k < args.count; k += 2, weights += 2, x += 2 * args.x_row_bytes) {
    const uint8_t* next = k + 1 < args.count ? x + args.x_row_bytes : x;  // whose weight is zero
    uint64_t pair;
    __builtin_memcpy(&pair, weights, 8);
    const Bytes both = hn::BitCast(d8, hn::Set(hn::ScalableTag<uint64_t>(), pair));
    const Words high = Pick(both, high_bytes), low = Pick(both, low_bytes);
    Unroll<kChunks>([&](auto c) CUTIS_UNROLLED {
      const Words a = hn::PromoteTo(d16, hn::LoadU(d_chunk, x + c * kChunk));
      const Words b = hn::PromoteTo(d16, hn::LoadU(d_chunk, next + c * kChunk));
      Add(sums[c][0], hn::InterleaveLower(d16, a, b), high, low);
      Add(sums[c][1], hn::InterleaveUpper(d16, a, b), high, low);
    });
  }
  const Numbers half = hn::Set(d32, kResampleHalf);
  Unroll<kChunks>([&](auto c) CUTIS_UNROLLED {
    const Numbers lower = hn::ShiftRight<kResampleBits>(hn::Add(Total(sums[c][0]), half));
    const Numbers upper = hn::ShiftRight<kResampleBits>(hn::Add(Total(sums[c][1]), half));
    // Puts the halves of each block together again that the interleaving took apart.
    hn::StoreU(hn::DemoteTo(d_chunk, DemoteHalves(d16, lower, upper)), d_chunk, y + c * kChunk);
  });
}

}  // namespace

void CUTIS_HWY_NAME(ResampleRowsU8)(const ResampleRowsU8Args& args) {
  size_t row = 0;
  for (; row + 4 <= args.rows; row += 4) ResampleRows<4>(args, row);
  for (; row < args.rows; ++row) ResampleRows<1>(args, row);
}

void CUTIS_HWY_NAME(ResampleColumnsU8)(const ResampleColumnsU8Args& args) {
  size_t at = 0;
  for (; at + 2 * kChunk <= args.bytes; at += 2 * kChunk) ResampleChunks<2>(args, args.x + at, args.y + at);
  for (; at + kChunk <= args.bytes; at += kChunk) ResampleChunks<1>(args, args.x + at, args.y + at);
  if (at == args.bytes) return;
  if (args.bytes >= kChunk) {
    at = args.bytes - kChunk;
    ResampleChunks<1>(args, args.x + at, args.y + at);
    return;
  }
  for (; at < args.bytes; ++at) {
    int32_t sum = kResampleHalf;
    for (int32_t k = 0; k < args.count; ++k) sum += args.x[static_cast<size_t>(k) * args.x_row_bytes + at] * args.weights[k];
    const int32_t value = sum >> kResampleBits;
    args.y[at] = static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
  }
}

}  // namespace cutis
