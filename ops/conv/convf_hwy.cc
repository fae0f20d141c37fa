// ConvF32 for every instruction set that Highway knows.
//
// A tile is 6 pixels by two vectors of channels: 12 sums, two vectors of weights and one of the pixel stay within the 16
// registers of x86. Lanes are channels and k runs in order, each product rounded before it is added, so the bits are the
// reference's.
#include "ops/clamp_hwy.h"
#include "ops/conv/conv.h"
#include "ops/hwy_kernel.h"

namespace cutis {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::ScalableTag<float> df;
using Floats = hn::Vec<decltype(df)>;
constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());
constexpr size_t kChannels = 2 * kLanes;  // of a tile: divides a panel
static_assert(16 % kChannels == 0);

// `kPixels` pixels times kChannels channels, of which `live` exist. w: the tile's column of the panel, 16 floats from k to k.
template <size_t kPixels>
HWY_INLINE void Tile(const ConvF32Args& args, const float* x, const float* w, const float* bias, float* y, size_t live) {
  Floats sums[kPixels][2];
  for (size_t p = 0; p < kPixels; ++p) {
    for (size_t v = 0; v < 2; ++v) sums[p][v] = hn::LoadU(df, bias + v * kLanes);
  }
  for (int32_t k = 0; k < args.k; ++k, w += 16, ++x) {
    const Floats w0 = hn::LoadU(df, w), w1 = hn::LoadU(df, w + kLanes);
    for (size_t p = 0; p < kPixels; ++p) {
      const Floats value = hn::Set(df, x[p * args.x_stride]);
      sums[p][0] = hn::Add(sums[p][0], hn::Mul(value, w0));
      sums[p][1] = hn::Add(sums[p][1], hn::Mul(value, w1));
    }
  }
  const Floats min = hn::Set(df, args.min), max = hn::Set(df, args.max);
  for (size_t p = 0; p < kPixels; ++p) {
    float* to = y + p * args.y_stride;
    const Floats y0 = ClampLanes(df, sums[p][0], min, max), y1 = ClampLanes(df, sums[p][1], min, max);
    if (live >= kChannels) {
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

}  // namespace

void CUTIS_HWY_NAME(ConvF32_6x2v)(const ConvF32Args& args) {
  const size_t channels = static_cast<size_t>(args.channels), panel = static_cast<size_t>(args.k) * 16;
  for (size_t n = 0; n < channels; n += kChannels) {
    const float* w = args.w + n / 16 * panel + n % 16;
    const float* x = args.x;
    float* y = args.y + n;
    const size_t live = channels - n;
    size_t left = args.pixels;
    for (; left >= 6; left -= 6, x += 6 * args.x_stride, y += 6 * args.y_stride) Tile<6>(args, x, w, args.bias + n, y, live);
    for (; left >= 2; left -= 2, x += 2 * args.x_stride, y += 2 * args.y_stride) Tile<2>(args, x, w, args.bias + n, y, live);
    if (left == 1) Tile<1>(args, x, w, args.bias + n, y, live);
  }
}

}  // namespace cutis
