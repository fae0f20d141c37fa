// DepthwiseQuadsU8 for AVX-VNNI (quads_vnni.h): a quad is two registers of 8 channels, each computed by itself.
//
// A half between two quads is the pixels of both, turned by two (one shuffle a quad), and a blend. With 8 sums, two vectors of
// taps and two quads at work the 16 registers just suffice for the products; what requantisation needs is loaded anew.
#include "ops/conv/dot_avxvnni.h"
#include "ops/depthwise/quads_vnni.h"

namespace cutis {
namespace {

struct QuadIsa {
  using Vector = __m256i;
  using Output = cutis::Output;
  static constexpr size_t kLanes = 8;
  static constexpr bool kWholeTiles = true;

  CUTIS_INLINE Vector Load(const void* from) { return _mm256_load_si256(static_cast<const __m256i*>(from)); }
  CUTIS_INLINE Vector Biases(const int32_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  CUTIS_INLINE Output MakeOutput(const OutputU8& out, const float*, size_t) { return cutis::MakeOutput(out); }

  // The last two pixels of each channel before the first two.
  CUTIS_INLINE Vector Turned(Vector quad) {
    const __m128i order = _mm_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    return _mm256_shuffle_epi8(quad, _mm256_broadcastsi128_si256(order));
  }
  CUTIS_INLINE Vector Half(const uint8_t* quads, size_t index) {
    const uint8_t* at = quads + index / 2 * kQuadBytes;
    return index % 2 == 0 ? Load(at) : _mm256_blend_epi16(Turned(Load(at)), Turned(Load(at + kQuadBytes)), 0xaa);
  }

  CUTIS_INLINE Vector AddDotProducts(Vector sum, Vector pixels, Vector taps) {
    cutis::AddDotProducts(sum, pixels, taps);
    return sum;
  }

  CUTIS_INLINE void StoreOutputs(Vector sum0, Vector sum1, Vector sum2, Vector sum3, const float* multiplier, const Output& out,
                                 uint8_t* y, size_t stride, size_t count, uint64_t live) {
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);  // one output after the other
    const __m256i bytes = _mm256_permutevar8x32_epi32(Packed(sum0, sum1, sum2, sum3, multiplier, out), order);
    const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
    if (count >= 4 && live == 0xff) {
      _mm_storel_epi64(reinterpret_cast<__m128i*>(y), low);
      _mm_storeh_pd(reinterpret_cast<double*>(y + stride), _mm_castsi128_pd(low));
      _mm_storel_epi64(reinterpret_cast<__m128i*>(y + 2 * stride), high);
      _mm_storeh_pd(reinterpret_cast<double*>(y + 3 * stride), _mm_castsi128_pd(high));
      return;
    }
    alignas(32) uint8_t copy[32];
    _mm256_store_si256(reinterpret_cast<__m256i*>(copy), bytes);
    for (size_t i = 0; i < 4 && i < count; ++i) {
      for (size_t c = 0; (live >> c) != 0; ++c) y[i * stride + c] = copy[8 * i + c];
    }
  }
};

}  // namespace

void DepthwiseQuadsU8_8x8k4_avxvnni(const DepthwiseQuadsU8Args& args) { RunDepthwiseQuads<QuadIsa>(args); }

}  // namespace cutis
