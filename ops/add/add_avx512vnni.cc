// AddU8 for AVX-512, 64 elements at a time. Products stay far below 2^31, so the bounds may be applied to bytes, as
// ops/conv/requant_avx512.h does it.
#include "ops/add/add.h"
#include "ops/conv/requant_avx512.h"

namespace cutis {
namespace {

struct Lanes {
  __m512i zero_a, zero_b;
  __m512 multiplier_a, multiplier_b;
  Output out;
};

// The elements of 16 that `live` has a bit for.
CUTIS_INLINE __m512i Sums(const Lanes& lanes, const uint8_t* a, const uint8_t* b, uint64_t live) {
  const __mmask16 mask = static_cast<__mmask16>(live);
  const __m512i from_a = _mm512_sub_epi32(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, a)), lanes.zero_a);
  const __m512i from_b = _mm512_sub_epi32(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, b)), lanes.zero_b);
  const __m512 scaled_a = _mm512_mul_ps(_mm512_cvtepi32_ps(from_a), lanes.multiplier_a);
  const __m512 scaled_b = _mm512_mul_ps(_mm512_cvtepi32_ps(from_b), lanes.multiplier_b);
  return _mm512_cvtps_epi32(_mm512_add_ps(scaled_a, scaled_b));
}

// The first `count` of 64 elements.
CUTIS_INLINE __m512i Bytes(const Lanes& lanes, const uint8_t* a, const uint8_t* b, size_t count) {
  const auto sums = [&](size_t first) CUTIS_UNROLLED {
    if (first >= count) return _mm512_setzero_si512();
    return Sums(lanes, a + first, b + first, FirstBits(count - first));
  };
  return InRows(Packed(sums(0), sums(16), sums(32), sums(48), lanes.out));
}

}  // namespace

void AddU8_64_avx512vnni(const AddU8Args& args) {
  const Lanes lanes = {_mm512_set1_epi32(args.zero_a), _mm512_set1_epi32(args.zero_b), _mm512_set1_ps(args.multiplier_a),
                       _mm512_set1_ps(args.multiplier_b), MakeOutput(args.out, nullptr, 0)};
  const size_t channels = static_cast<size_t>(args.channels);
  for (size_t p = 0; p < args.pixels; ++p) {
    const uint8_t* a = args.a + p * args.a_stride;
    const uint8_t* b = args.b + p * args.b_stride;
    uint8_t* y = args.y + p * args.y_stride;
    size_t c = 0;
    for (; c + 64 <= channels; c += 64) _mm512_storeu_si512(y + c, Bytes(lanes, a + c, b + c, 64));
    if (c == channels) continue;
    const size_t left = channels - c;
    _mm512_mask_storeu_epi8(y + c, FirstBits(left), Bytes(lanes, a + c, b + c, left));
  }
}

}  // namespace cutis
