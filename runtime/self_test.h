// Shows that a machine computes what the converter's did: the test that an instrument runs when it is switched on.
#ifndef CUTIS_RUNTIME_SELF_TEST_H_
#define CUTIS_RUNTIME_SELF_TEST_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "ops/status.h"
#include "runtime/session.h"

namespace cutis {

// The pictures that are part of the library: a JPEG and a PNG of a drawn blotch.
inline constexpr size_t kSelfTestPictures = 2;
const char* SelfTestPictureName(size_t index);           // "jpeg", "png"
std::span<const uint8_t> SelfTestPicture(size_t index);  // the file's bytes

// SHA-256 of what becomes of a picture on its way to a verdict.
struct PictureHashes {
  uint8_t pixels[32] = {};   // decoded, upright: width and height as little-endian uint32, RGB bytes
  uint8_t input[32] = {};    // what the recipe's steps make of it: RGB bytes
  uint8_t verdict[32] = {};  // as float32, little-endian: the probability of each label, the features that limits look at; the
                             // verdict as a byte, the reasons as uint32 (at the default operating point)
};

struct SelfTestHashes {
  uint8_t outputs[32] = {};        // OutputHash (runtime/golden.h)
  uint8_t first_outputs[32] = {};  // the same over the first kQuickInputs inputs
  bool has_pictures = false;       // the model takes images and gives verdicts
  PictureHashes pictures[kSelfTestPictures];
};
inline constexpr int32_t kQuickInputs = 2;

// Measures in a session made with `options` (batch, threads, arena). quick: leaves `outputs` at zero. Beside the session it
// takes memory for a generated input and for decoding a picture, for the time of the call.
Result<SelfTestHashes> RunSelfTest(const Model& model, const SessionOptions& options, bool quick);

// What they differ in first, "the outputs", "the pixels of the JPEG" and so on; null when all are the same. quick:
// `outputs` is not looked at.
const char* FirstDifference(const SelfTestHashes& a, const SelfTestHashes& b, bool quick);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_SELF_TEST_H_
