// Whether a layer's weights are stored as B16x4, and what of them then.
#ifndef CUTIS_CONVERTER_QUANT_LIVE_ROWS_H_
#define CUTIS_CONVERTER_QUANT_LIVE_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cutis::convert {

// At most this share of the rows may live for a layer to be stored as B16x4. The file gains as soon as a row in 33 is dead (a
// row costs 2 bytes in the list beside its 64), but panels with rows of their own cannot share the loads of the pixels as dense
// ones do, which a kernel with wide tiles feels: an eighth of the work must go for the change to pay in time too.
inline constexpr double kMostLiveShare = 0.875;

struct LiveRows {
  bool worthwhile = false;  // false: the rest is empty
  std::vector<uint32_t> panel_starts;
  std::vector<uint16_t> live;
  std::vector<int8_t> weights;
};

// `packed` is W16x4 of `panels` panels.
LiveRows FindLiveRows(const std::vector<int8_t>& packed, size_t panels);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_LIVE_ROWS_H_
