// What speaks for a label and against it, drawn over the image.
#ifndef CUTIS_TOOLS_CUTIS_HEAT_MAP_H_
#define CUTIS_TOOLS_CUTIS_HEAT_MAP_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tools/cutis/canvas.h"

namespace cutis::cli {

struct HeatMap {
  const uint8_t* rgb = nullptr;  // the image, rows without gaps
  int32_t width = 0, height = 0;
  std::span<const float> cells;  // finite; row by row, equal parts of the image
  int32_t rows = 0, columns = 0;
  std::string label;
  std::vector<std::string> caption;  // lines
};

// The image beside itself in grey under the map, with a scale and the caption. Integers decide about every pixel: the same map
// gives the same picture on any machine.
Canvas DrawHeatMap(const HeatMap& map);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_HEAT_MAP_H_
