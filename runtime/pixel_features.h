// What the pixels that a network is about to see say about the image itself: is it sharp, is it lit, has it the colours of
// skin.
#ifndef CUTIS_RUNTIME_PIXEL_FEATURES_H_
#define CUTIS_RUNTIME_PIXEL_FEATURES_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace cutis {

// Sums over an image of RGB bytes: integers, so every machine has the same. Luminance is l = (77 r + 150 g + 29 b) / 256,
// rounded down. Chromaticity is 4096 r / (r + g + b), to within one; green likewise; 1365 where all three are 0.
struct PixelSums {
  int64_t pixels = 0;
  int64_t laplacian = 0;     // |4 l - left - right - above - below| over the pixels that have all four
  int64_t inner = 0;         // how many these are
  int64_t gradient[3] = {};  // |difference| of neighbouring sums of 1 x 1, 4 x 4, 16 x 16 luminances; whole squares only
  int64_t pairs[3] = {};     // how many neighbours, across and down, each of these has
  int64_t luminance = 0, luminance_squares = 0;
  int64_t red = 0, red_squares = 0, green = 0, green_squares = 0;  // chromaticities
  int64_t bright = 0, dark = 0;  // pixels whose least channel is 250 or more; whose largest is 12 or less
};

// Bytes of scratch, aligned to 4, for images of this width.
size_t PixelScratchBytes(int32_t width);

// `pixels`: height rows of width pixels (each 1 .. 16384), pixel_stride (>= 3) bytes apart, rows without gaps.
PixelSums SumPixels(const uint8_t* pixels, int32_t width, int32_t height, int32_t pixel_stride, std::byte* scratch);

// In this order. Logarithms of base 2 of what spreads over orders of magnitude.
enum class PixelFeature : uint8_t {
  kDetail,          // log2(mean laplacian + 1/4): what an image that is out of focus loses first
  kFineContrast,    // log2(mean gradient + 1/4) over 1 pixel,
  kMiddleContrast,  // over 4
  kCoarseContrast,  // and over 16, of mean luminances
  kLuminance,       // mean, 0 .. 255
  kSpread,          // standard deviation of the luminance
  kRed,             // mean chromaticities, 0 .. 1
  kGreen,
  kRedSpread,  // their standard deviations
  kGreenSpread,
  kBright,  // square roots of the shares of bright and of dark pixels
  kDark,
};
inline constexpr size_t kPixelFeatures = 12;
const char* NameOf(PixelFeature feature);  // "detail", "fine_contrast", ...; null for what is none

// Scalar arithmetic with the library's own logarithm: the same bits on every machine.
void PixelFeaturesOf(const PixelSums& sums, std::span<float, kPixelFeatures> features);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_PIXEL_FEATURES_H_
