// What each operator needs to know beside its tensors. Plain data: the runtime fills it from a checked file, the converter from
// its graph; spans point into memory that outlives the node (weight bytes into the mapped file, the rest into the model).
#ifndef CUTIS_OPS_OPTIONS_H_
#define CUTIS_OPS_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

namespace cutis {

// A sliding window. output = floor((input + pad_begin + pad_end - dilation*(kernel-1) - 1) / stride) + 1, per axis.
struct Window {
  int32_t kernel_h = 1, kernel_w = 1;
  int32_t stride_h = 1, stride_w = 1;
  int32_t dilation_h = 1, dilation_w = 1;
  int32_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
};

// The requantisation of integer sums to uint8 (ops/requant.h); lo and hi carry ReLU and ReLU6.
struct OutputU8 {
  int32_t zero_point = 0, lo = 0, hi = 255;
};

// Convolution, uint8. Group g has channels_per_group outputs, laid out as W16x4 panels of its own:
//   weights    [groups][ceil(n/16)][K/4][16 n][4 k], n = outputs per group, k over (ky, kx, cin) with cin padded to 4;
//   bias       [groups][ceil16(n)] folded: round(bias/(s_x*s_w)) - z_x*sum(w); tails 0;
//   multiplier [groups][ceil16(n)] m[n] = float32(s_x*s_w[n]/s_y); tails 0.
// Pruned, the weights are B16x4 instead: only the live rows of 64 bytes. With `panels` = groups * ceil(n/16):
//   panel_starts [panels+1]: rows panel_starts[p] .. panel_starts[p+1]-1 belong to panel p (empty: the weights are dense);
//   live [rows]: which k-group a row holds, ascending within a panel;  weights [rows][16 n][4 k].
// `padding` is what lies outside the image: one byte per input channel, or empty for the input's zero point.
// Dense (fully connected) is the same thing with a 1 x 1 window over a 1 x 1 image and one group.
struct ConvU8Options {
  Window window;
  int32_t groups = 1;
  std::span<const int8_t> weights;
  std::span<const int32_t> bias;
  std::span<const float> multiplier;
  std::span<const uint8_t> padding;
  OutputU8 out;
  std::span<const uint32_t> panel_starts = {};
  std::span<const uint16_t> live = {};
};

// Depthwise convolution (multiplier 1), uint8:
//   weights [ceil(c/16)][kernel_h][ceil(kernel_w/4)][16 c][4 taps], tails 0; bias, multiplier [ceil16(c)], tails 0.
struct DepthwiseU8Options {
  Window window;
  std::span<const int8_t> weights;
  std::span<const int32_t> bias;
  std::span<const float> multiplier;
  std::span<const uint8_t> padding;
  OutputU8 out;
};

// Convolution, float32: weights [groups][ceil(n/16)][K][16 n], k over (ky, kx, cin), cin not padded; bias [groups][ceil16(n)].
// The result is clamped to [min, max] (infinities: no clamp). Padding is 0.
struct ConvF32Options {
  Window window;
  int32_t groups = 1;
  std::span<const float> weights;
  std::span<const float> bias;
  float min = 0, max = 0;
};

// Depthwise convolution, float32: weights [ceil(c/16)][kernel_h][kernel_w][16 c]; bias [ceil16(c)].
struct DepthwiseF32Options {
  Window window;
  std::span<const float> weights;
  std::span<const float> bias;
  float min = 0, max = 0;
};

// y = clamp(rne(float(a-z_a)*m_a + float(b-z_b)*m_b) + z_y, lo, hi), m_a = float32(s_a/s_y). Equal shapes.
struct AddU8Options {
  float multiplier_a = 0, multiplier_b = 0;
  OutputU8 out;
};
struct AddF32Options {
  float min = 0, max = 0;
};

// Maximum over the window; what lies outside the image does not count. Scale and zero point are kept.
struct MaxPoolOptions {
  Window window;
};

// Average over the window. uint8: int32 sum minus count*z_x, times the multiplier of that count, float32(s_x/(s_y*count));
// `counts` lists each count that occurs, `multipliers` beside it. count_include_pad counts padding as real zeros.
struct AveragePoolU8Options {
  Window window;
  bool count_include_pad = false;
  std::span<const int32_t> counts;
  std::span<const float> multipliers;
  OutputU8 out;
};
struct AveragePoolF32Options {
  Window window;
  bool count_include_pad = false;
};

// y = table[x]: any unary function of a uint8 tensor, a change of scale included. 256 bytes.
struct LookupOptions {
  std::span<const uint8_t> table;
};

// y = min(max(x, min), max), float32.
struct ClampF32Options {
  float min = 0, max = 0;
};

// Along the channels of each pixel; uint8 or float32 in, float32 out.
struct SoftmaxOptions {};

// uint8 to float32: scale * (x - zero_point).
struct DequantizeOptions {};

// The same elements in the same order (NHWC, padding elements skipped) under another shape.
struct ReshapeOptions {};

using OpOptions = std::variant<ConvU8Options, DepthwiseU8Options, ConvF32Options, DepthwiseF32Options, AddU8Options,
                               AddF32Options, MaxPoolOptions, AveragePoolU8Options, AveragePoolF32Options, LookupOptions,
                               ClampF32Options, SoftmaxOptions, DequantizeOptions, ReshapeOptions>;

}  // namespace cutis

#endif  // CUTIS_OPS_OPTIONS_H_
