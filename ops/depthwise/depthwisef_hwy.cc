// DepthwiseF32 for every instruction set that Highway knows.
//
// Lanes are channels. Neighbouring outputs whose windows have the same taps inside the image are a run; within a run four
// outputs of two vectors of channels are summed at a time, so that each weight is loaded once for four products. Taps go in
// order and each product is rounded before it is added, so the bits are the reference's.
#include "ops/clamp_hwy.h"
#include "ops/depthwise/depthwise.h"
#include "ops/hwy_kernel.h"
#include "ops/taps.h"

namespace cutis {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::ScalableTag<float> df;
using Floats = hn::Vec<decltype(df)>;
constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());
constexpr size_t kChannels = 2 * kLanes;  // divides a panel
static_assert(16 % kChannels == 0);

// A run of outputs of one row: where the first tap of the first one lies, and how far apart taps and outputs are, in floats.
struct Run {
  const float* x;
  size_t output_step, row_step, column_step;
  int32_t rows, columns;  // taps inside the image
  const float* w;         // of the first tap, of the first panel
  size_t w_row_step;      // from one kernel row to the next
  float* y;
  size_t outputs;
};

// The first `live` of kLanes floats; no other memory is read.
HWY_INLINE Floats LoadPart(const float* from, size_t live) {
  alignas(64) float copy[kLanes] = {};
  for (size_t i = 0; i < live && i < kLanes; ++i) copy[i] = from[i];
  return hn::Load(df, copy);
}

// `kOutputs` outputs times kChannels channels; kWhole: all of them exist, otherwise `live` do.
template <size_t kOutputs, bool kWhole>
HWY_INLINE void Outputs(const DepthwiseF32Args& args, const Run& run, const float* x, const float* w, const float* bias,
                        float* y, size_t live) {
  Floats sums[kOutputs][2];
  for (size_t o = 0; o < kOutputs; ++o) {
    for (size_t v = 0; v < 2; ++v) sums[o][v] = hn::LoadU(df, bias + v * kLanes);
  }
  const size_t second = live > kLanes ? live - kLanes : 0;  // channels of the second vector
  for (int32_t row = 0; row < run.rows; ++row, x += run.row_step, w += run.w_row_step) {
    const float* tap = x;
    const float* weights = w;
    for (int32_t column = 0; column < run.columns; ++column, tap += run.column_step, weights += 16) {
      const Floats w0 = hn::LoadU(df, weights), w1 = hn::LoadU(df, weights + kLanes);
      for (size_t o = 0; o < kOutputs; ++o) {
        const float* from = tap + o * run.output_step;
        const Floats x0 = kWhole ? hn::LoadU(df, from) : LoadPart(from, live);
        const Floats x1 = kWhole ? hn::LoadU(df, from + kLanes) : LoadPart(from + kLanes, second);
        sums[o][0] = hn::Add(sums[o][0], hn::Mul(x0, w0));
        sums[o][1] = hn::Add(sums[o][1], hn::Mul(x1, w1));
      }
    }
  }
  const Floats min = hn::Set(df, args.min), max = hn::Set(df, args.max);
  for (size_t o = 0; o < kOutputs; ++o) {
    float* to = y + o * args.y_stride;
    const Floats y0 = ClampLanes(df, sums[o][0], min, max), y1 = ClampLanes(df, sums[o][1], min, max);
    if (kWhole) {
      hn::StoreU(y0, df, to);
      hn::StoreU(y1, df, to + kLanes);
    } else {
      alignas(64) float copy[kChannels];
      hn::Store(y0, df, copy);
      hn::Store(y1, df, copy + kLanes);
      for (size_t i = 0; i < live; ++i) to[i] = copy[i];
    }
  }
}

HWY_INLINE void ComputeRun(const DepthwiseF32Args& args, const Run& run) {
  const size_t channels = static_cast<size_t>(args.channels);
  const size_t panel = static_cast<size_t>(args.window.kernel_h) * static_cast<size_t>(args.window.kernel_w) * 16;
  for (size_t c = 0; c < channels; c += kChannels) {
    const float* w = run.w + c / 16 * panel + c % 16;
    const float* x = run.x + c;
    float* y = run.y + c;
    const size_t live = channels - c;
    size_t left = run.outputs;
    if (live < kChannels) {
      for (; left > 0; --left, x += run.output_step, y += args.y_stride)
        Outputs<1, false>(args, run, x, w, args.bias + c, y, live);
      continue;
    }
    for (; left >= 4; left -= 4, x += 4 * run.output_step, y += 4 * args.y_stride) {
      Outputs<4, true>(args, run, x, w, args.bias + c, y, live);
    }
    for (; left > 0; --left, x += run.output_step, y += args.y_stride)
      Outputs<1, true>(args, run, x, w, args.bias + c, y, live);
  }
}

}  // namespace

void CUTIS_HWY_NAME(DepthwiseF32)(const DepthwiseF32Args& args) {
  const Window& w = args.window;
  const auto column_taps = [&](int32_t x) {
    return TapsInside(x, w.stride_w, w.pad_left, w.dilation_w, w.kernel_w, args.in_w);
  };
  Run run;
  run.output_step = static_cast<size_t>(w.stride_w) * args.x_stride;
  run.row_step = static_cast<size_t>(w.dilation_h) * static_cast<size_t>(args.in_w) * args.x_stride;
  run.column_step = static_cast<size_t>(w.dilation_w) * args.x_stride;
  run.w_row_step = static_cast<size_t>(w.kernel_w) * 16;
  for (int32_t y = args.row_begin; y < args.row_end; ++y) {
    const Taps rows = TapsInside(y, w.stride_h, w.pad_top, w.dilation_h, w.kernel_h, args.in_h);
    for (int32_t x = 0; x < args.out_w;) {
      const Taps columns = column_taps(x);
      int32_t x_end = x + 1;
      while (x_end < args.out_w && SameTaps(column_taps(x_end), columns)) ++x_end;
      run.outputs = static_cast<size_t>(x_end - x);
      run.y = args.y + (static_cast<size_t>(y) * static_cast<size_t>(args.out_w) + static_cast<size_t>(x)) * args.y_stride;
      // A window wholly in padding has no taps and no address.
      const bool some = rows.first < rows.end && columns.first < columns.end;
      run.rows = some ? rows.end - rows.first : 0;
      run.columns = some ? columns.end - columns.first : 0;
      const int64_t first_row = int64_t{y} * w.stride_h - w.pad_top + int64_t{rows.first} * w.dilation_h;
      const int64_t first_column = int64_t{x} * w.stride_w - w.pad_left + int64_t{columns.first} * w.dilation_w;
      run.x = some ? args.x + static_cast<size_t>(first_row * args.in_w + first_column) * args.x_stride : args.x;
      run.w = some ? args.w + static_cast<size_t>(rows.first * w.kernel_w + columns.first) * 16 : args.w;
      ComputeRun(args, run);
      x = x_end;
    }
  }
}

}  // namespace cutis
