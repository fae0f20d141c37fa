// Which taps of a sliding window lie inside the image. Also for files of one instruction set: nothing here is weak.
#ifndef CUTIS_OPS_TAPS_H_
#define CUTIS_OPS_TAPS_H_

#include <cstdint>

namespace cutis {

// first <= tap < end along one axis; none when first >= end.
struct Taps {
  int32_t first, end;
};

// For output position `out` of a checked window; `extent` is the input's.
[[gnu::always_inline]] static inline Taps TapsInside(int32_t out, int32_t stride, int32_t pad, int32_t dilation, int32_t kernel,
                                                     int32_t extent) {
  const int64_t start = int64_t{out} * stride - pad;  // of tap 0
  const int64_t first = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
  const int64_t room = int64_t{extent} - start;  // taps at start + t*dilation < extent
  const int64_t end = room <= 0 ? 0 : (room + dilation - 1) / dilation;
  return {static_cast<int32_t>(first < kernel ? first : kernel), static_cast<int32_t>(end < kernel ? end : kernel)};
}

[[gnu::always_inline]] static inline bool SameTaps(Taps a, Taps b) { return a.first == b.first && a.end == b.end; }

}  // namespace cutis

#endif  // CUTIS_OPS_TAPS_H_
