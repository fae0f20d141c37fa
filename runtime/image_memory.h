// How much heap an image takes on its way from a file to the network's input: upper bounds that its header tells, so that a
// device refuses a picture before it has taken any memory for it. tests/robust measures them.
#ifndef CUTIS_RUNTIME_IMAGE_MEMORY_H_
#define CUTIS_RUNTIME_IMAGE_MEMORY_H_

#include <cstdint>
#include <span>

#include "ops/status.h"
#include "runtime/image_check.h"
#include "runtime/recipe.h"

namespace cutis {

// What decides about the memory of a JPEG.
struct JpegLayout {
  int32_t width = 0, height = 0;  // as stored
  uint64_t samples = 0;           // of all components, those that fill up interleaved units included
  bool progressive = false;
  bool turned = false;    // it has an orientation: the result is a second image
  bool one_scan = false;  // all components in the first scan: a decoder needs no place for coefficients
};

// DecodeImage(): what it holds at one time at most, its result included and the encoded file not. `eighths`: DecodeEighths()
// or 8.
uint64_t JpegHeap(const JpegLayout& jpeg, bool turbo, int eighths);
uint64_t PngHeap(const PngInfo& png);
// The largest piece that a sound PNG makes the decoder take: data that unpack to more are damaged.
uint64_t PngLargestBlock(const PngInfo& png);
// An image of these sides and its turned copy.
uint64_t TurnHeap(int32_t width, int32_t height);
// The decoded image of these sides, upright, together with what PreprocessImage() holds beside it.
uint64_t PreprocessHeap(std::span<const PreprocessStep> steps, int32_t width, int32_t height);

// Both for an upright picture as cameras write it: a JPEG of one scan, here with all of its colours, with the recipe's decoder.
uint64_t CameraHeap(const Preprocess& recipe, int32_t width, int32_t height);

// kBadInput when the larger of the two is more than the device that the recipe is for has for an image of width x height
// upright pixels.
Status CheckImageHeap(const Preprocess& recipe, uint64_t decode_heap, int32_t width, int32_t height);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_IMAGE_MEMORY_H_
