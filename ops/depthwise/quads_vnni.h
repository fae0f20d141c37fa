// Depthwise convolution of quads by dot products along x, for any vectors that have one of 4 bytes (vpdpbusd, sdot, usdot); for
// files of one instruction set only.
//
// A vector is 4, 8 or 16 channels of a quad, and a dot product multiplies four taps of a row of the window by it at once. A
// half is a vector that begins at an even pixel: that of a quad, or the end of one and the beginning of the next. An output
// that begins at the first of a half's pixels takes the taps w0 w1 w2 0, one that begins at the second 0 w0 w1 w2; so at stride
// 1 a half serves two outputs.
//
// Isa has the vectors:
//   Vector, kLanes                            the lanes are channels
//   kWholeTiles                               tiles whose outputs all exist have code of their own: StoreOutputs is not to ask
//   Output, MakeOutput(...)                   what requantisation needs
//   Load(p), Biases(p)                        of bytes, aligned; of 32-bit numbers
//   Half(q, index)                            half number `index` from the vector at q on
//   AddDotProducts(sum, pixels, taps)
//   StoreOutputs(sum, sum, sum, sum, multiplier, out, y, stride, count, live)  of up to `count` outputs the channels that
//                                             `live` has a bit for
#ifndef CUTIS_OPS_DEPTHWISE_QUADS_VNNI_H_
#define CUTIS_OPS_DEPTHWISE_QUADS_VNNI_H_

#include <cstddef>
#include <cstdint>

#include "ops/depthwise/quads.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

// What stays the same for all outputs of a panel, or of the part of one that fills a vector.
struct QuadPanel {
  const uint8_t* const* rows;  // of the window: the quads that the first output of a row begins in
  const int8_t* taps;          // [row][even, odd][vectors][16 channels][4]
  const int32_t* bias;
  const float* multiplier;
  size_t width, y_stride;
  uint64_t live;  // a bit for each channel that exists
};

// The rows of the windows of one output row after the other.
class WindowRows {
 public:
  // x: place 0 of the ring, where the first output of a row begins. padding: the same of a row that holds nothing else.
  [[gnu::always_inline]] WindowRows(const DepthwiseQuadsU8Args& args, const uint8_t* x, const uint8_t* padding,
                                    const uint8_t** rows)
      : x_(x),
        padding_(padding),
        rows_(rows),
        row_bytes_(args.x_row_stride),
        top_(int64_t{args.row_begin} * args.window.stride_h - args.window.pad_top),
        in_h_(args.in_h),
        ring_(args.x_rows),
        stride_(args.window.stride_h),
        dilation_(args.window.dilation_h),
        height_(args.window.kernel_h) {
    if (top_ > 0) lap_ = top_ / ring_ * ring_;
  }

  [[gnu::always_inline]] void Next() {
    while (top_ - lap_ >= ring_) lap_ += ring_;
    int64_t row = top_, place = top_ - lap_;
    for (int64_t r = 0; r < height_; ++r, row += dilation_, place += dilation_) {
      while (place >= ring_) place -= ring_;
      rows_[r] = row >= 0 && row < in_h_ ? x_ + static_cast<size_t>(place) * row_bytes_ : padding_;
    }
    top_ += stride_;
  }

 private:
  const uint8_t* x_;
  const uint8_t* padding_;
  const uint8_t** rows_;
  size_t row_bytes_;
  int64_t top_, in_h_, ring_, stride_, dilation_, height_;
  int64_t lap_ = 0;  // the input row that last came to place 0
};

// `count` of kOutputs neighbouring outputs, of which the first begins at pixel kPhase of the quad that lies `at` bytes behind
// the pointers to the rows. kSize: of the window. kWhole: all of the outputs exist, and all channels.
template <class Isa, size_t kOutputs, size_t kStride, size_t kPhase, size_t kSize, bool kWhole>
[[gnu::always_inline]] static inline void QuadTile(const QuadPanel& panel, const typename Isa::Output& out, size_t at,
                                                   uint8_t* y, size_t count) {
  using Vector = typename Isa::Vector;
  constexpr size_t kOdd = kPhase % 2, kFirst = kPhase / 2, kVectors = QuadTapVectors(kSize);
  constexpr size_t kEach = kStride == 1 ? (kOdd + kOutputs - 1) / 2 + 1 : kOutputs;  // halves that outputs begin in
  Vector sums[kOutputs];
  const Vector bias = Isa::Biases(panel.bias);
  Unroll<kOutputs>([&](auto o) CUTIS_UNROLLED { sums[o] = bias; });
  Unroll<kSize>([&](auto r) CUTIS_UNROLLED {
    const uint8_t* from = panel.rows[r] + at;
    const int8_t* taps = panel.taps + r * (2 * kVectors * kQuadBytes);
    Unroll<kVectors>([&](auto v) CUTIS_UNROLLED {
      const Vector even = Isa::Load(taps + v * kQuadBytes), odd = Isa::Load(taps + (kVectors + v) * kQuadBytes);
      Unroll<kEach>([&](auto h) CUTIS_UNROLLED {
        const Vector pixels = Isa::Half(from, kFirst + h + 2 * v);
        if constexpr (kStride == 1) {
          constexpr size_t kSecond = 2 * decltype(h)::kIndex + 1 - kOdd;  // the output that begins at the odd pixel
          if constexpr (kSecond >= 1 && kSecond - 1 < kOutputs) {
            sums[kSecond - 1] = Isa::AddDotProducts(sums[kSecond - 1], pixels, even);
          }
          if constexpr (kSecond < kOutputs) sums[kSecond] = Isa::AddDotProducts(sums[kSecond], pixels, odd);
        } else {
          sums[h] = Isa::AddDotProducts(sums[h], pixels, kOdd == 0 ? even : odd);
        }
      });
    });
  });
  Unroll<kOutputs / 4>([&](auto q) CUTIS_UNROLLED {
    Isa::StoreOutputs(sums[4 * q], sums[4 * q + 1], sums[4 * q + 2], sums[4 * q + 3], panel.multiplier, out,
                      y + 4 * q * panel.y_stride, panel.y_stride, kWhole ? 4 : count - 4 * q,
                      kWhole ? (uint64_t{1} << Isa::kLanes) - 1 : panel.live);
  });
}

// `count` rows of outputs, each 8 and at its end 4 at a time. The last ones may not exist.
template <class Isa, size_t kStride, size_t kPhase, size_t kSize>
[[gnu::noinline]] static void QuadOutputRows(const QuadPanel& shared, const typename Isa::Output& shared_out, WindowRows& rows,
                                             size_t count, uint8_t* y) {
  const QuadPanel panel = shared;  // copies: stores of bytes might change the others
  const typename Isa::Output out = shared_out;
  constexpr size_t kStep = kStride * kQuadBytes / 4;  // from an output to the next, four at a time
  [[maybe_unused]] const bool whole = panel.live == (uint64_t{1} << Isa::kLanes) - 1;
  for (; count > 0; --count) {
    rows.Next();
    size_t at = 0, left = panel.width;
    if constexpr (Isa::kWholeTiles) {
      for (; whole && left >= 8; at += 8 * kStep, y += 8 * panel.y_stride, left -= 8) {
        QuadTile<Isa, 8, kStride, kPhase, kSize, true>(panel, out, at, y, 8);
      }
    }
    for (; left > 4; at += 8 * kStep) {
      const size_t outputs = left < 8 ? left : 8;
      QuadTile<Isa, 8, kStride, kPhase, kSize, false>(panel, out, at, y, outputs);
      y += outputs * panel.y_stride;
      left -= outputs;
    }
    if (left > 0) QuadTile<Isa, 4, kStride, kPhase, kSize, false>(panel, out, at, y, left);
    y += left * panel.y_stride;
  }
}

template <class Isa, size_t kStride>
[[gnu::always_inline]] static inline void QuadStrideRows(const QuadPanel& panel, const typename Isa::Output& out, size_t size,
                                                         size_t phase, WindowRows& rows, size_t count, uint8_t* y) {
  if (size == 3 && phase == 0) return QuadOutputRows<Isa, kStride, 0, 3>(panel, out, rows, count, y);
  if (size == 3) return QuadOutputRows<Isa, kStride, 3, 3>(panel, out, rows, count, y);
  if (phase == 2) return QuadOutputRows<Isa, kStride, 2, 5>(panel, out, rows, count, y);
  QuadOutputRows<Isa, kStride, 3, 5>(panel, out, rows, count, y);
}

// The taps of each row of the window in fours, from the first on and one later. A lane is a channel.
[[gnu::always_inline]] static inline void PrepareQuadTaps(const int8_t* panel, const Window& window, int8_t* to) {
  using Lanes [[gnu::vector_size(64)]] = uint32_t;
  const auto load = [](const int8_t* from) CUTIS_UNROLLED {
    Lanes lanes;
    __builtin_memcpy(&lanes, __builtin_assume_aligned(from, 64), sizeof lanes);
    return lanes;
  };
  const auto store = [](Lanes lanes, int8_t* at)
                         CUTIS_UNROLLED { __builtin_memcpy(__builtin_assume_aligned(at, 64), &lanes, sizeof lanes); };
  const size_t width = static_cast<size_t>(window.kernel_w), vectors = QuadTapVectors(width);
  const size_t count = DepthwiseU8PanelBytes(window) / 64;
  for (size_t ky = 0; ky < width; ++ky, to += 2 * vectors * kQuadBytes) {
    Lanes before = {};
    for (size_t v = 0; v < vectors; ++v) {
      const size_t left = width > 4 * v ? width - 4 * v : 0, first = ky * width + 4 * v;
      const uint32_t shift = static_cast<uint32_t>(first % 4 * 8);
      const uint32_t inside = left >= 4 ? ~uint32_t{0} : (uint32_t{1} << (8 * left)) - 1;
      Lanes now = {};
      if (left > 0) now = load(panel + first / 4 * 64) >> shift;
      if (left > 0 && shift > 0 && first / 4 + 1 < count) now |= load(panel + (first / 4 + 1) * 64) << (32 - shift);
      now &= inside;
      store(now, to + v * kQuadBytes);
      store(now << 8 | before >> 24, to + (vectors + v) * kQuadBytes);
      before = now;
    }
  }
}

// The biases of a panel for pixels that are multiplied as x - 128: bias + 128 sum w. `w`: [ceil(taps / 4)][16 channels][4
// taps].
[[gnu::always_inline]] static inline void ShiftQuadBiases(const int8_t* w, size_t bytes, const int32_t* bias,
                                                          int32_t (&to)[16]) {
  uint32_t sums[16] = {};
  for (size_t at = 0; at < bytes; at += 64) {
    for (size_t i = 0; i < 64; ++i) sums[i / 4] += static_cast<uint32_t>(int32_t{w[at + i]});
  }
  for (size_t i = 0; i < 16; ++i) to[i] = static_cast<int32_t>(static_cast<uint32_t>(bias[i]) + 128 * sums[i]);
}

// kShifted: Isa multiplies x - 128.
template <class Isa, bool kShifted = false>
[[gnu::always_inline]] static inline void RunDepthwiseQuads(const DepthwiseQuadsU8Args& args) {
  const Window& window = args.window;
  const size_t channels = static_cast<size_t>(args.channels), padding_bytes = QuadPaddingBytes(window, args.in_w, args.out_w);
  const typename Isa::Output out = Isa::MakeOutput(args.out, args.multiplier, channels);
  int8_t* taps = reinterpret_cast<int8_t*>(args.scratch);
  const uint8_t** rows = reinterpret_cast<const uint8_t**>(args.scratch + QuadTapBytes(window));
  uint8_t* padding = reinterpret_cast<uint8_t*>(args.scratch + QuadTapBytes(window) + QuadPointerBytes(window));
  // The pixel that the first output of a row begins at is -pad_left: `phase` of a quad so many before the first.
  const size_t before = (static_cast<size_t>(window.pad_left) + 3) / 4,
               phase = before * 4 - static_cast<size_t>(window.pad_left);
  QuadPanel panel = {};
  panel.rows = rows;
  panel.width = static_cast<size_t>(args.out_w);
  panel.y_stride = args.y_stride;
  const uint8_t* x = args.x - before * kQuadBytes;
  for (size_t c = 0; c < channels; c += 16, x += args.x_panel_stride) {
    PrepareQuadTaps(args.w + c / 16 * DepthwiseU8PanelBytes(window), window, taps);
    const int32_t* biases = args.bias + c;
    int32_t shifted[16];
    if constexpr (kShifted) {
      ShiftQuadBiases(args.w + c / 16 * DepthwiseU8PanelBytes(window), DepthwiseU8PanelBytes(window), biases, shifted);
      biases = shifted;
    }
    uint32_t quad[16];
    for (size_t i = 0; i < 16; ++i) quad[i] = args.padding[c + i] * uint32_t{0x01010101};
    for (size_t at = 0; at < padding_bytes; at += kQuadBytes) __builtin_memcpy(padding + at, quad, kQuadBytes);
    for (size_t part = 0; part < 16 && c + part < channels; part += Isa::kLanes) {
      const size_t left = channels - c - part;
      panel.live = (uint64_t{1} << (left < Isa::kLanes ? left : Isa::kLanes)) - 1;
      panel.taps = taps + 4 * part;
      panel.bias = biases + part;
      panel.multiplier = args.multiplier + c + part;
      WindowRows window_rows(args, x + 4 * part, padding + 4 * part, rows);
      const size_t size = static_cast<size_t>(window.kernel_w), count = static_cast<size_t>(args.row_end - args.row_begin);
      uint8_t* y = args.y + c + part;
      if (window.stride_w == 1) {
        QuadStrideRows<Isa, 1>(panel, out, size, phase, window_rows, count, y);
      } else {
        QuadStrideRows<Isa, 2>(panel, out, size, phase, window_rows, count, y);
      }
    }
  }
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_DEPTHWISE_QUADS_VNNI_H_
