// Vector types of the portable convolution kernels, and their way from 32-bit sums to bytes; for *_hwy.cc files only.
#ifndef CUTIS_OPS_CONV_REQUANT_HWY_H_
#define CUTIS_OPS_CONV_REQUANT_HWY_H_

#include <cstddef>
#include <cstdint>

#include "ops/hwy_kernel.h"
#include "ops/options.h"

namespace cutis {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::ScalableTag<int32_t> d32;
const hn::Repartition<int16_t, decltype(d32)> d16;
const hn::Repartition<uint16_t, decltype(d32)> du16;
const hn::RebindToFloat<decltype(d32)> df;
using Words = hn::Vec<decltype(d16)>;
using Sums = hn::Vec<decltype(d32)>;
constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<int32_t>());
constexpr size_t kChannels = 2 * kLanes;  // of a tile: divides a panel

HWY_INLINE int32_t LoadWord(const uint8_t* from) {
  int32_t word;
  __builtin_memcpy(&word, from, 4);
  return word;
}

// `live` of the kLanes channels at `to` are written.
HWY_INLINE void Store(Sums sums, const float* multiplier, const OutputU8& out, uint8_t* to, size_t live) {
  const auto lo = hn::Set(df, static_cast<float>(out.lo - out.zero_point));
  const auto hi = hn::Set(df, static_cast<float>(out.hi - out.zero_point));
  const auto scaled = hn::Mul(hn::ConvertTo(df, sums), hn::LoadU(df, multiplier));
  // Adding 1.5 * 2^23 rounds to an integer, to nearest even, and leaves it in the low bits (see RoundToEven in ops/requant.h).
  const auto magic = hn::Set(df, 12582912.0f);
  const auto bits = hn::BitCast(d32, hn::Add(hn::Min(hn::Max(scaled, lo), hi), magic));
  const auto value = hn::Sub(bits, hn::Set(d32, 0x4B400000 - out.zero_point));
  const hn::Rebind<uint8_t, decltype(d32)> d8;
  const auto bytes = hn::DemoteTo(d8, value);
  if (live >= kLanes) {
    hn::StoreU(bytes, d8, to);
  } else {
    alignas(16) uint8_t copy[kLanes];
    hn::StoreU(bytes, d8, copy);
    for (size_t i = 0; i < live; ++i) to[i] = copy[i];
  }
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_REQUANT_HWY_H_
