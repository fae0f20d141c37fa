#include "converter/quant/live_rows.h"

#include "ops/conv/pack.h"

namespace cutis::convert {

LiveRows FindLiveRows(const std::vector<int8_t>& packed, size_t panels) {
  constexpr size_t kMostKGroups = size_t{1} << 16;  // what an entry of the list can name
  const size_t rows = packed.size() / 64, k_groups = rows / panels, count = CountLiveRows(packed.data(), packed.size());
  LiveRows result;
  result.worthwhile = static_cast<double>(count) <= kMostLiveShare * static_cast<double>(rows) && k_groups <= kMostKGroups;
  if (!result.worthwhile) return result;
  result.panel_starts.resize(panels + 1);
  result.live.resize(count);
  result.weights.resize(count * 64);
  PackLiveRows(packed.data(), panels, k_groups, result.panel_starts.data(), result.live.data(), result.weights.data());
  return result;
}

}  // namespace cutis::convert
