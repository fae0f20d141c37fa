// From 32-bit sums to bytes with AVX-512; for files compiled for it only.
//
// Operations for each vector of 16 sums: convert, multiply, convert, and a quarter of the 4 that pack four of them: 4 in all, 5
// where there are a zero point and bounds, 6 where a multiplier may be 1 or more. Two vector units share them with the dot
// products.
#ifndef CUTIS_OPS_CONV_REQUANT_AVX512_H_
#define CUTIS_OPS_CONV_REQUANT_AVX512_H_

#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes the deliberately undefined operands of its own intrinsics for mistakes (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "ops/options.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

#define CUTIS_INLINE [[gnu::always_inline]] static inline

// Whether every multiplier is below 1 (they are never negative). Then a product with a sum stays below 2^31 and the conversion
// to an integer cannot overflow upwards. The bits of such floats are ordered as the floats are.
CUTIS_INLINE bool AllBelowOne(const float* multipliers, size_t count) {
  uint32_t large = 0;
  for (size_t i = 0; i < count; ++i) {
    uint32_t bits;
    __builtin_memcpy(&bits, multipliers + i, 4);
    large |= bits >= 0x3f800000u ? 1u : 0u;
  }
  return large == 0;
}

struct Output {
  __m512 scaled_hi;
  __m512i zero_point;  // 16 bits a lane
  __m512i lo, hi;      // bytes
  bool bounded;        // AllBelowOne()
  bool plain;          // no zero point, and all bytes: saturation is all that is left to do
};

// For the multipliers of `channels` channels and those that fill up the last 16.
CUTIS_INLINE Output MakeOutput(const OutputU8& out, const float* multipliers, size_t channels) {
  return {_mm512_set1_ps(static_cast<float>(out.hi - out.zero_point)),
          _mm512_set1_epi16(static_cast<int16_t>(out.zero_point)),
          _mm512_set1_epi8(static_cast<char>(out.lo)),
          _mm512_set1_epi8(static_cast<char>(out.hi)),
          AllBelowOne(multipliers, (channels + 15) / 16 * 16),
          out.zero_point == 0 && out.lo == 0 && out.hi == 255};
}

// A value beyond int32 converts to the most negative integer. Below that is right, since it ends at the lower bound; above, the
// product must be bounded first. Within int32 the bounds may be applied to bytes, after saturating packs: they are integers and
// lie in [0, 255], so they commute with rounding.
template <bool kBounded>
CUTIS_INLINE __m512i Scale(__m512i sums, __m512 multiplier, const Output& out) {
  const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), multiplier);
  return _mm512_cvtps_epi32(kBounded ? scaled : _mm512_min_ps(scaled, out.scaled_hi));
}

// Four vectors of 16 to 64 bytes. The packs work within 128-bit lanes: lane l gets the 4 bytes from 4*l on of each of the four.
CUTIS_INLINE __m512i Packed(__m512i value0, __m512i value1, __m512i value2, __m512i value3, const Output& out) {
  if (out.plain) return _mm512_packus_epi16(_mm512_packs_epi32(value0, value1), _mm512_packs_epi32(value2, value3));
  const __m512i first = _mm512_adds_epi16(_mm512_packs_epi32(value0, value1), out.zero_point);
  const __m512i second = _mm512_adds_epi16(_mm512_packs_epi32(value2, value3), out.zero_point);
  return _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(first, second), out.lo), out.hi);
}

// One vector's bytes after the other.
CUTIS_INLINE __m512i InRows(__m512i packed) {
  return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), packed);
}
// The four bytes of a channel side by side: a quad, where the vectors are four pixels of one panel.
CUTIS_INLINE __m512i InQuads(__m512i packed) {
  return _mm512_shuffle_epi8(packed, _mm512_set4_epi32(0x0f0b0703, 0x0e0a0602, 0x0d090501, 0x0c080400));
}

// Four vectors of sums, of which sum i takes the multipliers of panel i % kPanels, to 64 bytes, packed. Sums are passed by
// value, so that nothing has their address.
template <size_t kPanels>
CUTIS_INLINE __m512i Requantize4(__m512i sums0, __m512i sums1, __m512i sums2, __m512i sums3, const float* multiplier,
                                 const Output& out) {
  const __m512 m0 = _mm512_loadu_ps(multiplier), m1 = kPanels > 1 ? _mm512_loadu_ps(multiplier + 16) : m0;
  const __m512 m2 = kPanels > 2 ? _mm512_loadu_ps(multiplier + 32) : m0;
  const __m512 m3 = kPanels > 3 ? _mm512_loadu_ps(multiplier + 48) : kPanels == 2 ? m1 : m0;
  if (out.bounded) {
    return Packed(Scale<true>(sums0, m0, out), Scale<true>(sums1, m1, out), Scale<true>(sums2, m2, out),
                  Scale<true>(sums3, m3, out), out);
  }
  return Packed(Scale<false>(sums0, m0, out), Scale<false>(sums1, m1, out), Scale<false>(sums2, m2, out),
                Scale<false>(sums3, m3, out), out);
}

// The first bits of a 64-bit mask.
CUTIS_INLINE uint64_t FirstBits(size_t count) { return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; }

// 16 bytes, those that `live` has a bit for, of each of the first `count` rows, 4 at most. Four whole ones, the usual case, go
// to memory without a vector operation; under a mask of bytes each would take one.
CUTIS_INLINE void StoreRows16(__m512i bytes, uint8_t* to, size_t stride, size_t count, uint64_t live) {
  if (count >= 4 && live == 0xffff) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_castsi512_si128(bytes));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + stride), _mm512_extracti32x4_epi32(bytes, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 2 * stride), _mm512_extracti32x4_epi32(bytes, 2));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 3 * stride), _mm512_extracti32x4_epi32(bytes, 3));
    return;
  }
  const __mmask16 mask = static_cast<__mmask16>(live);
  _mm_mask_storeu_epi8(to, mask, _mm512_castsi512_si128(bytes));
  if (count < 2) return;
  _mm_mask_storeu_epi8(to + stride, mask, _mm512_extracti32x4_epi32(bytes, 1));
  if (count < 3) return;
  _mm_mask_storeu_epi8(to + 2 * stride, mask, _mm512_extracti32x4_epi32(bytes, 2));
  if (count < 4) return;
  _mm_mask_storeu_epi8(to + 3 * stride, mask, _mm512_extracti32x4_epi32(bytes, 3));
}

CUTIS_INLINE int32_t LoadWord(const uint8_t* from) {
  int32_t word;
  __builtin_memcpy(&word, from, 4);
  return word;
}

// The sums of kPixels pixels times kPanels panels to bytes. Four vectors are packed at a time: of one pixel where there are 3
// or 4 panels, of two or of four pixels where there are fewer.
template <size_t kPixels, size_t kPanels>
CUTIS_INLINE void StoreTile(const __m512i (&sums)[kPixels][kPanels], const float* multiplier, const Output& out, uint8_t* y,
                            size_t y_stride, uint64_t live) {
  constexpr size_t kTogether = kPanels > 2 ? 1 : 4 / kPanels;
  Unroll<(kPixels + kTogether - 1) / kTogether>([&](auto i) CUTIS_UNROLLED {
    constexpr size_t kFirst = decltype(i)::kIndex * kTogether, kLast = kPixels - 1;
    constexpr size_t kCount = kPixels - kFirst < kTogether ? kPixels - kFirst : kTogether;
    const auto sum = [&](auto n) CUTIS_UNROLLED {
      // A sum that does not exist is replaced by one that does, and not stored.
      constexpr size_t kPixel = kTogether == 1 ? kFirst : kFirst + decltype(n)::kIndex / kPanels;
      constexpr size_t kPanel = kTogether == 1 ? decltype(n)::kIndex : decltype(n)::kIndex % kPanels;
      return sums[kPixel < kLast ? kPixel : kLast][kPanel < kPanels ? kPanel : 0];
    };
    const __m512i bytes = InRows(Requantize4<kPanels>(sum(UnrolledIndex<0>()), sum(UnrolledIndex<1>()), sum(UnrolledIndex<2>()),
                                                      sum(UnrolledIndex<3>()), multiplier, out));
    uint8_t* to = y + kFirst * y_stride;
    if constexpr (kPanels > 2) {
      _mm512_mask_storeu_epi8(to, live, bytes);
    } else if constexpr (kPanels == 2) {
      _mm256_mask_storeu_epi8(to, static_cast<__mmask32>(live), _mm512_castsi512_si256(bytes));
      if constexpr (kCount > 1) {
        _mm256_mask_storeu_epi8(to + y_stride, static_cast<__mmask32>(live), _mm512_extracti64x4_epi64(bytes, 1));
      }
    } else {
      StoreRows16(bytes, to, y_stride, kCount, live);
    }
  });
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_REQUANT_AVX512_H_
