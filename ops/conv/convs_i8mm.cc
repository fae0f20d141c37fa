// ConvSparseU8 for AArch64 with matrix products: the live rows of a panel in pairs, as panel_i8mm.h zips them. The pixels of a
// tile lie in scratch by k-groups, [k-group][6 pixels] words, so that the zip of two k-groups gives 2 pixels x 8 k; the order
// serves all panels.
#include "ops/conv/conv.h"
#include "ops/conv/panel_i8mm.h"
#include "ops/conv/panel_neon.h"
#include "ops/conv/signed_neon.h"

namespace cutis {
namespace {

constexpr size_t kTile = 6;
constexpr size_t kGroupBytes = kTile * 4;
constexpr size_t kFewPixels = 4;  // see conv_i8mm.cc

// `groups` k-groups of `pixels` pixels, at most a tile, by k-groups. Pixels that do not exist are the first one.
CUTIS_INLINE void TurnPixels(const uint8_t* x, size_t x_stride, size_t pixels, size_t groups, uint8_t* to) {
  const uint8_t* from[kTile];
  for (size_t p = 0; p < kTile; ++p) from[p] = p < pixels ? x + p * x_stride : x;
  size_t g = 0;
  for (; g + 4 <= groups; g += 4, to += 4 * kGroupBytes) {
    uint32x4_t words[kTile];
    Unroll<kTile>([&](auto p) CUTIS_UNROLLED { words[p] = vreinterpretq_u32_u8(vld1q_u8(from[p] + 4 * g)); });
    const auto store = [&](size_t group, uint64x2_t a, uint64x2_t b, uint64x2_t rest, auto side) CUTIS_UNROLLED {
      uint8_t* place = to + group * kGroupBytes;
      const uint64x2_t four = side == 0 ? vzip1q_u64(a, b) : vzip2q_u64(a, b);
      vst1q_u8(place, vreinterpretq_u8_u64(four));
      const uint64_t two = vgetq_lane_u64(rest, side == 0 ? 0 : 1);
      __builtin_memcpy(place + 16, &two, 8);
    };
    const auto two_groups = [&](size_t group, uint32x4_t a, uint32x4_t b, uint32x4_t c) CUTIS_UNROLLED {
      const uint64x2_t a2 = vreinterpretq_u64_u32(a), b2 = vreinterpretq_u64_u32(b), c2 = vreinterpretq_u64_u32(c);
      store(group, a2, b2, c2, UnrolledIndex<0>());
      store(group + 1, a2, b2, c2, UnrolledIndex<1>());
    };
    two_groups(0, vzip1q_u32(words[0], words[1]), vzip1q_u32(words[2], words[3]), vzip1q_u32(words[4], words[5]));
    two_groups(2, vzip2q_u32(words[0], words[1]), vzip2q_u32(words[2], words[3]), vzip2q_u32(words[4], words[5]));
  }
  for (; g < groups; ++g, to += kGroupBytes) {
    for (size_t p = 0; p < kTile; ++p) __builtin_memcpy(to + 4 * p, from[p] + 4 * g, 4);
  }
}

// The words of two k-groups, zipped into pairs of pixels.
template <size_t kPairs>
CUTIS_INLINE void ZipPixels(const uint8_t* a, const uint8_t* b, uint8x16_t (&pairs)[1][kPairs]) {
  const uint8x16_t a0 = LoadGroups<4>(a), b0 = LoadGroups<4>(b);
  if constexpr (kPairs == 3) {
    const uint8x16_t a1 = LoadGroups<2>(a + 16), b1 = LoadGroups<2>(b + 16);
    pairs[0][2] = LowWords(a1, b1);
  }
  pairs[0][0] = LowWords(a0, b0);
  if constexpr (kPairs >= 2) pairs[0][1] = HighWords(a0, b0);
}

// The live rows of a panel, zipped.
struct Live {
  const int8_t* w;
  const uint16_t* k_groups;
  size_t rows;
};

template <size_t kPairs, size_t kVectors>
CUTIS_INLINE void Tile(const Live& live, const uint8_t* x, size_t pixels, const Ends& ends, const Output& out) {
  int32x4_t sums[kPairs][kVectors];
  BeginSums(ends.bias, sums);
  const int8_t* w = live.w;
  const uint16_t* k_group = live.k_groups;
  const auto add = [&](size_t first, size_t second) CUTIS_UNROLLED {
    uint8x16_t pairs[1][kPairs];
    ZipPixels(x + first * kGroupBytes, x + second * kGroupBytes, pairs);
    AddSteps(w, pairs, sums);
    w += kVectors * 16;
  };
  size_t left = live.rows;
  for (; left >= 2; left -= 2, k_group += 2) add(k_group[0], k_group[1]);
  if (left != 0) add(k_group[0], k_group[0]);  // beside weights of zero
  StoreTile(sums, ends, out, pixels);
}

// All tiles of a block times one panel.
template <size_t kVectors>
[[gnu::noinline]] void RunZipped(const Live& shared_live, const uint8_t* x, size_t tile_bytes, size_t pixels,
                                 const Ends& shared_ends, const Output& shared_out) {
  const Live live = shared_live;  // copies: stores of bytes might change the others
  Ends ends = shared_ends;
  const Output out = shared_out;
  while (pixels > 0) {
    const size_t now = pixels < kTile ? pixels : kTile;
    WithCount<kTile / 2>((now + 1) / 2, [&](auto n) CUTIS_UNROLLED { Tile<n, kVectors>(live, x, now, ends, out); });
    pixels -= now;
    x += tile_bytes;
    ends.y += now * ends.y_stride;
  }
}

template <size_t kVectors>
CUTIS_INLINE void RunPanelZipped(const Live& live, int8_t* zipped, const uint8_t* x, size_t tile_bytes, size_t pixels,
                                 const Ends& ends, const Output& out) {
  ZipWeights<kVectors>(live.w, live.rows, zipped);
  RunZipped<kVectors>({zipped, live.k_groups, live.rows}, x, tile_bytes, pixels, ends, out);
}

}  // namespace

void ConvSparseU8_6x16k8_i8mm(const ConvSparseU8Args& args) {
  const Output out = MakeOutput(args.out);
  const size_t channels = static_cast<size_t>(args.channels), groups = Reach(args);
  const auto rows_of = [&](size_t n)
                           CUTIS_UNROLLED { return size_t{args.panel_starts[n / 16 + 1]} - args.panel_starts[n / 16]; };
  size_t rows = 0;
  for (size_t n = 0; n < channels; n += 16) rows = rows_of(n) > rows ? rows_of(n) : rows;
  const size_t weight_bytes = ZippedBytes<8>(rows), tile_bytes = groups * kGroupBytes;
  const bool fits = weight_bytes + tile_bytes <= kI8mmScratchBytes;
  if (args.pixels < kFewPixels || !fits) {
    for (size_t n = 0; n < channels; n += 16) {
      const size_t first = args.panel_starts[n / 16];
      const Panel panel = {args.w + first * 64, args.live + first,   rows_of(n),
                           args.bias + n,       args.multiplier + n, channels - n};
      RunPanel<Pixels::kUnsigned, false>(panel, args.x, args.x_stride, args.pixels, out, args.y + n, args.y_stride);
    }
    return;
  }
  int8_t* zipped = reinterpret_cast<int8_t*>(args.scratch);
  uint8_t* block = reinterpret_cast<uint8_t*>(args.scratch) + weight_bytes;
  const size_t most = tile_bytes == 0 ? args.pixels : (kI8mmScratchBytes - weight_bytes) / tile_bytes * kTile;
  for (size_t done = 0; done < args.pixels; done += most) {
    const size_t pixels = args.pixels - done < most ? args.pixels - done : most;
    const uint8_t* x = args.x + done * args.x_stride;
    for (size_t p = 0; p < pixels; p += kTile) {
      TurnPixels(x + p * args.x_stride, args.x_stride, pixels - p, groups, block + p / kTile * tile_bytes);
    }
    for (size_t n = 0; n < channels; n += 16) {
      const size_t first = args.panel_starts[n / 16];
      const Live live = {args.w + first * 64, args.live + first, rows_of(n)};
      const Ends ends = {args.bias + n, args.multiplier + n, args.y + done * args.y_stride + n, args.y_stride, channels - n};
      if (ends.live > 8) {
        RunPanelZipped<8>(live, zipped, block, tile_bytes, pixels, ends, out);
      } else {
        RunPanelZipped<4>(live, zipped, block, tile_bytes, pixels, ends, out);
      }
    }
  }
}

}  // namespace cutis
