// Chooses the integers of each layer by what the layers before it, quantised already, really give on images.
#ifndef CUTIS_CONVERTER_QUANT_REFINE_H_
#define CUTIS_CONVERTER_QUANT_REFINE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "converter/quant/calibrate.h"
#include "converter/quant/equalise.h"
#include "converter/quant/input_moments.h"
#include "converter/quant/quantize.h"
#include "converter/quant/round.h"
#include "converter/quant/run_nodes.h"

namespace cutis::convert {

// The bytes of images as the network takes them, tight.
using PixelImages = std::vector<std::vector<uint8_t>>;

// Whether a network can be refined: one input, one image at a time.
bool CanRefine(const Net& net);

// The images as values of the network's input: real ones for `real`, bytes for `model`. Either place may be null.
void LoadInputs(const Net& net, const InputRecipe& recipe, const FileModel& model, const PixelImages& pixels, int32_t threads,
                ImageValues* real, ImageValues* bytes);

// The largest absolute value of each channel of each computed tensor, of the float32 network over the images.
Result<ChannelRanges> MeasureChannels(const Net& net, const FileModel& real, const InputRecipe& recipe, const PixelImages& pixels,
                                      int32_t threads);

struct RefineOptions {
  bool adaptive = false;  // rounds weights by the error of their sums (round.h); otherwise only biases are corrected
  int32_t threads = 1;
};

// Used for one call of Quantize. Holds those activations of all images that are still wanted, in float32 and in uint8.
class Refiner : public Refinement {
 public:
  // All but `options` must outlive it. `real`: PackFloat(net). CanRefine(net).
  Refiner(const Net& net, const FileModel& real, const InputRecipe& recipe, const PixelImages& pixels,
          const RefineOptions& options, Progress progress);

  // By tensor; what is set replaces the choice by statistics.
  void SetAffines(std::vector<std::optional<Affine>> affines) { affines_ = std::move(affines); }

  std::optional<Affine> ChooseAffine(int tensor) override { return affines_[static_cast<size_t>(tensor)]; }
  Result<std::optional<RoundedLayer>> RoundLayer(size_t node, int input, const RealLayer& real, const FileModel& model,
                                                 std::span<const uint8_t> padding) override;
  Status Finished(size_t node, const FileModel& model) override;

  // After Quantize, by node: 10 log10(sum real^2 / sum (real - quantised)^2) of its output over all images.
  const std::vector<double>& sqnr_db() const { return sqnr_db_; }
  // By node: the integers of layers; empty for others and where the source states them.
  const std::vector<std::optional<RoundedLayer>>& rounded() const { return rounded_; }

 private:
  // What `model` has got since the last call is computed for all images.
  Status Advance(const FileModel& model);
  void RoundGroup(const NetNode& node, const RealLayer& real, const PatchSampler& sampler, size_t group, double input_scale,
                  int32_t threads, RoundedLayer& rounded) const;

  const Net& net_;
  const FileModel& real_;
  const InputRecipe& recipe_;
  const PixelImages& pixels_;
  RefineOptions options_;
  Progress progress_;
  NodeRunner runner_;
  std::vector<std::optional<Affine>> affines_;
  std::vector<ImageValues> real_values_, quantised_values_;  // by tensor of their models
  std::vector<double> sqnr_db_;
  std::vector<std::optional<RoundedLayer>> rounded_;
  size_t done_ = 0;  // nodes of the quantised network
};

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_REFINE_H_
