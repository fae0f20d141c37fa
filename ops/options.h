// What each operator needs to know beside its tensors. Plain data: the runtime fills it from a checked file, the converter from
// its graph; spans point into memory that outlives the node (weight bytes into the mapped file, the rest into the model).
#ifndef CUTIS_OPS_OPTIONS_H_
#define CUTIS_OPS_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include "ops/index.h"

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
//   weights [ceil(c/16)][ceil(taps/4)][16 c][4 taps], taps over (ky, kx), tails 0; bias, multiplier [ceil16(c)], tails 0.
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

// -- operators on index maps (ops/index.h); `view` is of the output --------------------------------

// A box of the output's view and where its elements come from: output[from + i] = input[map(i)], i below `extent`. uint8: by
// the 256 bytes of table number `table`, unless that is -1.
struct MovePiece {
  int32_t input = 0;
  int32_t from[kMaxAxes] = {};
  int32_t extent[kMaxAxes] = {};
  IndexMap map;
  int32_t table = -1;
};

// Slices, transposes, concatenations, paddings, repetitions, reshapes: the elements of the output come from boxes of the
// inputs. The boxes do not overlap; what they leave over is filled with `fill` (uint8: a byte), and without `filled` they leave
// nothing over.
struct MoveOptions {
  View view;
  std::span<const MovePiece> pieces;
  std::span<const uint8_t> tables;  // 256 bytes each
  bool filled = false;
  float fill = 0;
};

enum class BinaryFunction : uint8_t { kAdd, kSub, kMul, kDiv, kMax, kMin, kPow };

// y = clamp(f(a, b), min, max), float32; a NaN passes. Max and min of a NaN and a number are the NaN.
struct BinaryF32Options {
  BinaryFunction function = BinaryFunction::kAdd;
  View view;
  IndexMap a, b;
  float min = 0, max = 0;
};

// uint8: add and sub as AddU8Options, kSub with the second product subtracted; mul: clamp(rne(float((a-z_a)*(b-z_b))*m_a) +
// z_y, lo, hi), m_a = float32(s_a*s_b/s_y); max and min of the bytes, clamped: all three tensors have one scale. No other
// function.
struct BinaryU8Options {
  BinaryFunction function = BinaryFunction::kAdd;
  View view;
  IndexMap a, b;
  float multiplier_a = 0, multiplier_b = 0;
  OutputU8 out;
};

// y = condition != 0 ? a : b, float32; the inputs are condition, a, b.
struct SelectOptions {
  View view;
  IndexMap condition, a, b;
};

enum class UnaryFunction : uint8_t {
  kNeg,
  kAbs,
  kSqrt,
  kReciprocal,
  kExp,
  kLog,
  kSigmoid,
  kTanh,
  kSoftplus,
  kSwish,        // x * sigmoid(alpha * x)
  kMish,         // x * tanh(softplus(x))
  kHardSigmoid,  // max(0, min(1, alpha * x + beta))
  kHardSwish,    // x * max(0, min(1, x/6 + 1/2))
  kElu,          // x < 0 ? alpha * (exp(x) - 1) : x
  kLeakyRelu,    // x < 0 ? alpha * x : x
};

// float32; ops/unary/functions.h defines each function. uint8 tensors have tables (LookupOptions).
struct UnaryOptions {
  UnaryFunction function = UnaryFunction::kNeg;
  float alpha = 0, beta = 0;
};

enum class ReduceFunction : uint8_t { kSum, kMean, kMax, kMin };

// y[i] = f over r in `reduced` of x[map(i, r)]: the axes of the map are those of the view followed by those of `reduced`, their
// number together at most kMaxAxes. float32: in the order of r; kSum is 0 + x + x + ..., kMean that over the count as a
// float32; kMax and kMin of elements with a NaN are the first NaN, of zeros of either sign the first one.
struct ReduceF32Options {
  ReduceFunction function = ReduceFunction::kSum;
  View view, reduced;
  IndexMap map;
};
// uint8: kSum and kMean: clamp(rne(float(sum of (x - z_x)) * multiplier) + z_y, lo, hi), multiplier = float32(s_x/s_y) or that
// over the count, 255*count < 2^31; kMax, kMin: of the bytes, clamped to [lo, hi], equal scales.
struct ReduceU8Options {
  ReduceFunction function = ReduceFunction::kSum;
  View view, reduced;
  IndexMap map;
  float multiplier = 0;
  OutputU8 out;
};

// y[.., m, n] = clamp(0 + sum over k of a[.., m, k] * b[.., k, n], min, max), k in order; a NaN passes. The last two axes of
// the view are m and n. The axes of the maps are those of the view followed by k (so one axis less is left for the view); a
// does not step along n, nor b along m.
struct MatMulF32Options {
  View view;
  int32_t k = 0;
  IndexMap a, b;
  float min = 0, max = 0;
};
// clamp(rne(float(sum of (a-z_a)*(b-z_b)) * multiplier) + z_y, lo, hi); 255*255*k < 2^31.
struct MatMulU8Options {
  View view;
  int32_t k = 0;
  IndexMap a, b;
  float multiplier = 0;
  OutputU8 out;
};

// Linear interpolation between rows and between columns: output row y lies between the input rows low_y[y] and high_y[y], with
// the share weight_y[y] (0 .. 1) of the second; columns likewise. Images and channels are kept.
// float32: a = x[ly][lx] + (x[ly][hx] - x[ly][lx]) * wx, b the same of row hy, y = a + (b - a) * wy.
// uint8: weights are W = rne(2048 * w): (sum of the four bytes times the products of their weights W and 2048-W, + 2^21) >> 22,
// equal scales.
struct ResizeLinearOptions {
  std::span<const int32_t> low_y, high_y, low_x, high_x;
  std::span<const float> weight_y, weight_x;
};

// y = clamp(rne(x / s_y) + z_y, 0, 255), the quotient rounded to float32 before rne; a NaN gives z_y.
struct QuantizeOptions {};

using OpOptions =
    std::variant<ConvU8Options, DepthwiseU8Options, ConvF32Options, DepthwiseF32Options, AddU8Options, AddF32Options,
                 MaxPoolOptions, AveragePoolU8Options, AveragePoolF32Options, LookupOptions, ClampF32Options, SoftmaxOptions,
                 DequantizeOptions, ReshapeOptions, MoveOptions, BinaryF32Options, BinaryU8Options, SelectOptions, UnaryOptions,
                 ReduceF32Options, ReduceU8Options, MatMulF32Options, MatMulU8Options, ResizeLinearOptions, QuantizeOptions>;

}  // namespace cutis

#endif  // CUTIS_OPS_OPTIONS_H_
