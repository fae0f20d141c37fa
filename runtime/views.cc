#include "runtime/views.h"

#include <cstddef>
#include <cstring>

#include "ops/pow.h"
#include "runtime/verdict.h"

namespace cutis {

void MakeView(const uint8_t* pixels, int32_t side, int32_t view, uint8_t* view_pixels) {
  for (int32_t y = 0; y < side; ++y) {
    for (int32_t x = 0; x < side; ++x) {
      const int32_t row = view & 2 ? side - 1 - y : y, column = view & 1 ? side - 1 - x : x;
      const int32_t from = view & 4 ? column * side + row : row * side + column;
      std::memcpy(view_pixels + 3 * (static_cast<ptrdiff_t>(y) * side + x), pixels + 3 * static_cast<ptrdiff_t>(from), 3);
    }
  }
}

Status MeanOfViews(std::span<const float> outputs, int32_t views, std::span<float> mean) {
  const size_t labels = mean.size();
  if (views < 1 || views > kViews || outputs.size() != labels * static_cast<size_t>(views)) {
    return Status::Error(Code::kUsage, "%zu outputs of %d views for %zu labels; there may be 1 .. %d views", outputs.size(),
                         views, labels, kViews);
  }
  for (size_t i = 0; i < labels; ++i) {
    float sum = outputs[i];
    for (size_t v = 1; v < static_cast<size_t>(views); ++v) sum += outputs[v * labels + i];
    mean[i] = sum / static_cast<float>(views);
  }
  return {};
}

namespace {

// Decisions change at these probabilities: the edges of the refer band, and the threshold unless it lies within.
struct Bounds {
  float p[3];
  int count = 0;

  explicit Bounds(const OperatingPoint& point) {
    const bool band = point.refer_low < point.refer_high;
    if (band) {
      p[count++] = point.refer_low;
      p[count++] = point.refer_high;
    }
    if (!band || point.threshold < point.refer_low || point.threshold > point.refer_high) p[count++] = point.threshold;
  }
};

}  // namespace

Result<bool> ViewsSuffice(const VerdictRecipe& recipe, std::span<const float> mean, int32_t views,
                          const char* operating_point) {
  if (views < 1) return Status::Error(Code::kUsage, "the verdict of %d views", views);
  if (!recipe.views || static_cast<size_t>(views) > recipe.views->stops.size()) return false;
  CUTIS_ASSIGN(const OperatingPoint* const point, FindOperatingPoint(recipe, operating_point, true));
  CUTIS_ASSIGN(const float at, CalibratedLogOdds(recipe, recipe.views->calibration, mean));
  const ViewStop& stop = recipe.views->stops[static_cast<size_t>(views - 1)];
  const Bounds bounds(*point);
  for (int i = 0; i < bounds.count; ++i) {
    const float p = bounds.p[i];
    if (!(p > 0.0f && p < 1.0f)) continue;  // every probability is on the same side of it
    const float bound = Log(p / (1.0f - p));
    // Written so that what is no number goes on.
    const bool far = at < bound ? bound - at > stop.rise : at - bound > stop.fall;
    if (!far) return false;
  }
  return true;
}

}  // namespace cutis
