// DepthwiseQuadsU8 for AVX-512 VNNI with VBMI2 (quads_vnni.h): a quad is a register, and a half between two quads is one
// vpshrdd.
//
// Vector operations for an output of 16 channels:
//                       dot products  shifts  requantisation
//   3x3, stride 1        3             1.1     4 or 5
//   3x3, stride 2        3             1.5     4 or 5
//   5x5, stride 1       10             1.9     4 or 5
//   5x5, stride 2       10             2.5     4 or 5
// On Zen 4 dot products, vpshrdd, multiplications and saturating sums share a unit that starts one a cycle, so that unit is
// what bounds the kernel. Nine taps in three vectors across rows, or 25 in seven, would need vectors that serve no second
// output.
#include "ops/conv/requant_avx512.h"
#include "ops/depthwise/quads_vnni.h"

namespace cutis {
namespace {

struct QuadIsa {
  using Vector = __m512i;
  using Output = cutis::Output;
  static constexpr size_t kLanes = 16;
  static constexpr bool kWholeTiles = true;

  CUTIS_INLINE Vector Load(const void* from) { return _mm512_load_si512(from); }
  CUTIS_INLINE Vector Biases(const int32_t* from) { return _mm512_loadu_si512(from); }
  CUTIS_INLINE Output MakeOutput(const OutputU8& out, const float* multipliers, size_t channels) {
    return cutis::MakeOutput(out, multipliers, channels);
  }
  CUTIS_INLINE Vector Half(const uint8_t* quads, size_t index) {
    const uint8_t* at = quads + index / 2 * kQuadBytes;
    return index % 2 == 0 ? Load(at) : _mm512_shrdi_epi32(Load(at), Load(at + kQuadBytes), 16);
  }
  CUTIS_INLINE Vector AddDotProducts(Vector sum, Vector pixels, Vector taps) { return _mm512_dpbusd_epi32(sum, pixels, taps); }
  CUTIS_INLINE void StoreOutputs(Vector sum0, Vector sum1, Vector sum2, Vector sum3, const float* multiplier, const Output& out,
                                 uint8_t* y, size_t stride, size_t count, uint64_t live) {
    StoreRows16(InRows(Requantize4<1>(sum0, sum1, sum2, sum3, multiplier, out)), y, stride, count, live);
  }
};

}  // namespace

void DepthwiseQuadsU8_8x16k4_avx512vnni(const DepthwiseQuadsU8Args& args) { RunDepthwiseQuads<QuadIsa>(args); }

}  // namespace cutis
