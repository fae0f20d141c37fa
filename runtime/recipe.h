// What a model file says about images and verdicts, as plain data copied out of the checked file.
#ifndef CUTIS_RUNTIME_RECIPE_H_
#define CUTIS_RUNTIME_RECIPE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace cutis {

enum class Filter : uint8_t { kBilinear, kBicubic };

// One step of the preprocessing; see format.fbs for what each does.
struct PreprocessStep {
  enum class Kind : uint8_t { kCenterSquare, kResize, kCenterCrop };
  Kind kind = Kind::kCenterSquare;
  int32_t width = 0, height = 0;      // kResize, kCenterCrop
  Filter filter = Filter::kBilinear;  // kResize
};

// The device that a file was made for, and what it has memory for.
struct DeviceLimits {
  const char* name = "";
  const char* isa = "";           // the best instruction set that it is said to have
  int32_t threads = 1;            // the most of a session
  uint64_t image_bytes = 0;       // the most heap that an image may take on its way to the input (runtime/image_memory.h)
  uint64_t image_file_bytes = 0;  // the largest encoded file
};

struct Preprocess {
  const char* decoder = "stb";
  std::span<const PreprocessStep> steps;
  std::span<const float> mean, std;      // per channel, in byte units: real = (byte - mean) / std
  const DeviceLimits* device = nullptr;  // null: any
};

enum class Scores : uint8_t { kProbabilities, kSoftmax, kSigmoid };

// A share that was measured on images, with its 95 % bootstrap interval.
struct Estimate {
  float value = 0, low = 0, high = 0;
};

// bcc when p >= threshold; refer when refer_low <= p < refer_high.
struct OperatingPoint {
  const char* name = "";
  float threshold = 0.5f, refer_low = 0, refer_high = 0;
  const char* note = "";
  bool calibrated = false;
  std::optional<Estimate> sensitivity, specificity;  // as fitted
};

// Turns the score of the positive label into a probability; see format.fbs.
struct PlattScaling {
  float slope = 1, intercept = 0;
  float bcc_share = 0.5f;  // of the images that it was fitted on: the probability holds for such a share
  uint32_t images = 0;
  const char* note = "";
};

// Why an image is not to be judged.
enum class LimitReason : uint8_t { kBlurred, kUnderExposed, kOverExposed, kUnlikeTraining };
inline constexpr size_t kLimitReasons = 4;

// A condition that the features of an image must meet; see format.fbs.
struct Limit {
  enum class Kind : uint8_t { kFeature, kLinear, kDistance };
  LimitReason reason = LimitReason::kUnlikeTraining;
  Kind kind = Kind::kFeature;
  int32_t feature = 0;             // kFeature: least <= features[feature] <= most; each bound may be infinite
  float least = 0, most = 0;       // kLinear: weights . features <= most; kDistance: |weights (features - center)| <= most
  std::span<const float> weights;  // kLinear: one a feature; kDistance: the rows of a lower triangle, 1 + 2 + ... of them
  std::span<const float> center;   // kDistance: one a feature
};

// The images that may be judged. Their features are those of their pixels (runtime/pixel_features.h) and, after them, the real
// values of one of the network's outputs.
struct Limits {
  int32_t embedding = -1;  // index of that output; -1: none
  size_t features = 0;
  std::span<const Limit> rules;
  std::optional<Estimate> refused;  // the share of the good images that they were fitted on, and refuse all the same
  uint32_t images = 0;              // how many these were
  const char* note = "";
};

// When the views that are left cannot be expected to change a decision, after a number of them; see format.fbs.
struct ViewStop {
  float rise = 0, fall = 0;
};

// How the mean of several views of an image is judged. What is not here is as for one view.
struct ViewsRecipe {
  PlattScaling calibration;
  std::span<const OperatingPoint> operating_points;  // of the same names as those for one view
  std::span<const ViewStop> stops;                   // after 1, 2, ... views
  uint32_t images = 0;                               // that the stops were fitted on
  float mean_views = 0;                              // of these
  const char* note = "";
};

struct VerdictRecipe {
  std::span<const char* const> labels;
  int32_t positive = 0;
  Scores scores = Scores::kSoftmax;
  float temperature = 1.0f;
  std::span<const OperatingPoint> operating_points;  // may be empty
  int32_t default_operating_point = 0;
  std::optional<PlattScaling> calibration;  // only with kSoftmax and at least two labels
  std::optional<Limits> limits;
  std::optional<ViewsRecipe> views;
  std::span<const uint8_t> output_hash;  // of this network, as it was when the numbers were fitted; 32 bytes, or none
};

struct Provenance {
  const char* name = "";
  const char* converter = "";
  const char* source = "";
  const char* source_sha256 = "";
  const char* licence = "";
  const char* card = "";
};

}  // namespace cutis

#endif  // CUTIS_RUNTIME_RECIPE_H_
