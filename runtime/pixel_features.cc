#include "runtime/pixel_features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "ops/pow.h"

namespace cutis {
namespace {

constexpr uint32_t kChroma = 4096;          // chromaticities are counted in parts of this
constexpr uint32_t kNeutral = kChroma / 3;  // of black
constexpr int32_t kBrightFrom = 250, kDarkTo = 12;

// round(2^16 kChroma / s), so that no pixel needs a division: r times it is at most about 2^28, since r <= s.
constexpr std::array<uint32_t, 766> MakeReciprocals() {
  std::array<uint32_t, 766> table = {};
  for (uint32_t s = 1; s < table.size(); ++s) table[s] = ((kChroma << 16) + s / 2) / s;
  return table;
}
constexpr std::array<uint32_t, 766> kReciprocals = MakeReciprocals();

// Two rows of one scale: the sums of squares of luminances, the last whole row and the one being filled.
struct Rows {
  int32_t* now = nullptr;
  int32_t* before = nullptr;
  int32_t columns = 0;
  int32_t rows = 0;  // done
};

// Counts a whole row: its differences across and to the row before.
void EndRow(Rows& scale, int64_t* gradient) {
  int64_t sum = 0;
  for (int32_t x = 0; x + 1 < scale.columns; ++x) sum += std::abs(scale.now[x + 1] - scale.now[x]);
  if (scale.rows > 0) {
    for (int32_t x = 0; x < scale.columns; ++x) sum += std::abs(scale.now[x] - scale.before[x]);
  }
  *gradient += sum;
  ++scale.rows;
}

// Adds the whole groups of 4 of a row to those of the next scale; at every fourth row that one has a row of its own.
void AddRow(const int32_t* row, int32_t y, Rows& next) {
  if (y % 4 == 0) std::fill_n(next.now, next.columns, 0);
  for (int32_t x = 0; x < next.columns; ++x) next.now[x] += row[4 * x] + row[4 * x + 1] + row[4 * x + 2] + row[4 * x + 3];
}

int64_t LaplacianOf(const int32_t* above, const int32_t* row, const int32_t* below, int32_t width) {
  int64_t sum = 0;
  for (int32_t x = 1; x + 1 < width; ++x) sum += std::abs(4 * row[x] - row[x - 1] - row[x + 1] - above[x] - below[x]);
  return sum;
}

// The luminances of a row, and what its colours add to the sums.
void ReadRow(const uint8_t* pixel, int32_t width, int32_t pixel_stride, int32_t* luminances, PixelSums& sums) {
  for (int32_t x = 0; x < width; ++x, pixel += pixel_stride) {
    const int32_t r = pixel[0], g = pixel[1], b = pixel[2], s = r + g + b;
    const uint32_t reciprocal = kReciprocals[static_cast<size_t>(s)], half = 1u << 15;
    const int64_t red = s > 0 ? (static_cast<uint32_t>(r) * reciprocal + half) >> 16 : kNeutral;
    const int64_t green = s > 0 ? (static_cast<uint32_t>(g) * reciprocal + half) >> 16 : kNeutral;
    const int32_t l = (77 * r + 150 * g + 29 * b) >> 8;
    luminances[x] = l;
    sums.luminance += l;
    sums.luminance_squares += l * l;
    sums.red += red;
    sums.red_squares += red * red;
    sums.green += green;
    sums.green_squares += green * green;
    sums.bright += std::min({r, g, b}) >= kBrightFrom;
    sums.dark += std::max({r, g, b}) <= kDarkTo;
  }
}

int64_t Pairs(const Rows& scale) {
  if (scale.columns == 0 || scale.rows == 0) return 0;
  return int64_t{scale.columns - 1} * scale.rows + int64_t{scale.rows - 1} * scale.columns;
}

float Ratio(int64_t sum, int64_t count) {
  return count > 0 ? static_cast<float>(static_cast<double>(sum) / static_cast<double>(count)) : 0.0f;
}

// The standard deviation of `count` integers from their sum and the sum of their squares.
float Deviation(int64_t sum, int64_t squares, int64_t count) {
  if (count <= 0) return 0;
  const double mean = static_cast<double>(sum) / static_cast<double>(count);
  const double variance = static_cast<double>(squares) / static_cast<double>(count) - mean * mean;
  return variance > 0 ? std::sqrt(static_cast<float>(variance)) : 0.0f;  // IEEE 754: the root is exact to its last bit
}

float Log2Of(float value) { return Log(value) * 1.44269504f; }

// Two rows of each scale, and one more of luminances for the Laplacian.
size_t ScratchElements(size_t width) { return 3 * width + 2 * (width / 4) + 2 * (width / 16); }

}  // namespace

size_t PixelScratchBytes(int32_t width) { return ScratchElements(static_cast<size_t>(width)) * sizeof(int32_t); }

PixelSums SumPixels(const uint8_t* pixels, int32_t width, int32_t height, int32_t pixel_stride, std::byte* scratch) {
  PixelSums sums;
  sums.pixels = int64_t{width} * height;
  sums.inner = width > 2 && height > 2 ? int64_t{width - 2} * (height - 2) : 0;
  int32_t* free = reinterpret_cast<int32_t*>(scratch);
  int32_t* oldest = std::exchange(free, free + width);
  Rows scales[3];
  for (int32_t i = 0, columns = width; i < 3; ++i, columns /= 4) {
    scales[i].columns = columns;
    scales[i].now = std::exchange(free, free + columns);
    scales[i].before = std::exchange(free, free + columns);
  }
  for (int32_t y = 0; y < height; ++y, pixels += ptrdiff_t{width} * pixel_stride) {
    ReadRow(pixels, width, pixel_stride, scales[0].now, sums);
    if (y >= 2) sums.laplacian += LaplacianOf(oldest, scales[0].before, scales[0].now, width);
    int32_t at = y;  // the row's number in its scale
    for (int32_t i = 0; i < 3; ++i) {
      EndRow(scales[i], &sums.gradient[i]);
      if (i < 2) AddRow(scales[i].now, at, scales[i + 1]);
      const bool whole = at % 4 == 3;  // one of the next scale
      std::swap(scales[i].now, scales[i].before);
      if (i == 0) std::swap(scales[0].now, oldest);
      if (!whole) break;
      at /= 4;
    }
  }
  for (size_t i = 0; i < 3; ++i) sums.pairs[i] = Pairs(scales[i]);
  return sums;
}

void PixelFeaturesOf(const PixelSums& sums, std::span<float, kPixelFeatures> features) {
  const auto set = [&](PixelFeature feature, float value) { features[static_cast<size_t>(feature)] = value; };
  set(PixelFeature::kDetail, Log2Of(Ratio(sums.laplacian, sums.inner) + 0.25f));
  constexpr PixelFeature kContrasts[] = {PixelFeature::kFineContrast, PixelFeature::kMiddleContrast,
                                         PixelFeature::kCoarseContrast};
  for (size_t i = 0; i < 3; ++i) {
    const int64_t luminances = int64_t{1} << (4 * i);  // of a sum
    set(kContrasts[i], Log2Of(Ratio(sums.gradient[i], sums.pairs[i] * luminances) + 0.25f));
  }
  set(PixelFeature::kLuminance, Ratio(sums.luminance, sums.pixels));
  set(PixelFeature::kSpread, Deviation(sums.luminance, sums.luminance_squares, sums.pixels));
  set(PixelFeature::kRed, Ratio(sums.red, sums.pixels) / kChroma);
  set(PixelFeature::kGreen, Ratio(sums.green, sums.pixels) / kChroma);
  set(PixelFeature::kRedSpread, Deviation(sums.red, sums.red_squares, sums.pixels) / kChroma);
  set(PixelFeature::kGreenSpread, Deviation(sums.green, sums.green_squares, sums.pixels) / kChroma);
  set(PixelFeature::kBright, std::sqrt(Ratio(sums.bright, sums.pixels)));
  set(PixelFeature::kDark, std::sqrt(Ratio(sums.dark, sums.pixels)));
}

const char* NameOf(PixelFeature feature) {
  constexpr const char* kNames[kPixelFeatures] = {
      "detail", "fine_contrast", "middle_contrast", "coarse_contrast", "luminance", "spread",
      "red",    "green",         "red_spread",      "green_spread",    "bright",    "dark"};
  return static_cast<size_t>(feature) < kPixelFeatures ? kNames[static_cast<size_t>(feature)] : nullptr;
}

}  // namespace cutis
