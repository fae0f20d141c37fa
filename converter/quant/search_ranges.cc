#include "converter/quant/search_ranges.h"

#include <algorithm>
#include <utility>

#include "converter/quant/parallel.h"

namespace cutis::convert {
namespace {

// What lowers the error on a few dozen images may raise it on others, and the more so the more is tried: a range counts as better
// only if it is on all of so many parts of the images. Neighbours in the list, often of one patient or scene, are in one part.
constexpr size_t kParts = 4;

// Ranges as they are told, weights as they were rounded once.
class FixedRefinement : public Refinement {
 public:
  explicit FixedRefinement(const Net& net) : affines(net.tensors.size()), asked(net.tensors.size()) {}

  std::optional<Affine> ChooseAffine(int tensor) override {
    asked[static_cast<size_t>(tensor)] = true;
    return affines[static_cast<size_t>(tensor)];
  }
  Result<std::optional<RoundedLayer>> RoundLayer(size_t node, int, const RealLayer&, const FileModel&,
                                                 std::span<const uint8_t>) override {
    return rounded[node];
  }

  std::vector<std::optional<Affine>> affines;
  std::vector<bool> asked;  // whether the tensor has a scale of its own
  std::vector<std::optional<RoundedLayer>> rounded;
};

// Squared distance of a tensor of one image from the real one, in units of the latter's squared length.
double RelativeError(const TensorInfo& info, const std::byte* real, const std::byte* quantised) {
  const auto channels = static_cast<size_t>(info.shape.channels), stride = static_cast<size_t>(info.channel_stride);
  const size_t pixels = static_cast<size_t>(info.shape.height) * static_cast<size_t>(info.shape.width);
  const auto* floats = reinterpret_cast<const float*>(real);
  double signal = 0, noise = 0;
  for (size_t p = 0; p < pixels; ++p) {
    for (size_t c = 0; c < channels; ++c) {
      const double value = floats[p * channels + c];
      const double got =
          info.type == DataType::kF32
              ? static_cast<double>(reinterpret_cast<const float*>(quantised)[p * stride + c])
              : static_cast<double>(info.scale) *
                    (static_cast<double>(reinterpret_cast<const uint8_t*>(quantised)[p * stride + c]) - info.zero_point);
      signal += value * value;
      noise += (got - value) * (got - value);
    }
  }
  return noise == 0 ? 0 : signal == 0 ? 1 : noise / signal;
}

// The means of `errors` over consecutive parts of the images.
std::vector<double> MeansOfParts(const std::vector<double>& errors, size_t parts) {
  std::vector<double> means;
  for (size_t part = 0; part < parts; ++part) {
    const size_t first = part * errors.size() / parts, last = (part + 1) * errors.size() / parts;
    if (first == last) continue;
    double sum = 0;
    for (size_t i = first; i < last; ++i) sum += errors[i];
    means.push_back(sum / static_cast<double>(last - first));
  }
  return means;
}
double MeanOf(const std::vector<double>& errors) { return MeansOfParts(errors, 1)[0]; }

// Whether `errors` are less than `before`, and not by a few images alone: in each quarter of them.
bool AreLess(const std::vector<double>& errors, const std::vector<double>& before) {
  const std::vector<double> now = MeansOfParts(errors, kParts), then = MeansOfParts(before, kParts);
  for (size_t part = 0; part < now.size(); ++part) {
    if (!(now[part] < then[part])) return false;
  }
  return true;
}

class Search {
 public:
  Search(const Net& net, const FileModel& real, const Calibration& calibration, const InputRecipe& recipe,
         const PixelImages& pixels, int32_t threads)
      : net_(net),
        real_(real),
        calibration_(calibration),
        recipe_(recipe),
        pixels_(pixels),
        threads_(threads),
        runner_(threads),
        fixed_(net),
        real_values_(net.tensors.size()),
        values_(net.tensors.size()) {}

  Result<ChosenRanges> Run(const Progress& progress) {
    CUTIS_TRY(Start());
    ChosenRanges chosen{std::vector<std::optional<Affine>>(net_.tensors.size()),
                        std::vector<std::vector<RangeTried>>(net_.tensors.size())};
    for (size_t i = 0; i < net_.nodes.size(); ++i) {
      const auto tensor = static_cast<size_t>(net_.nodes[i].output);
      if (fixed_.asked[tensor]) CUTIS_TRY(Choose(i, chosen.tried[tensor]));
      // What the nodes after this one read from now on.
      CUTIS_TRY(RunNode(model_, i));
      if (fixed_.asked[tensor]) {
        const TensorInfo& info = model_.tensors[tensor].info;
        chosen.affines[tensor] = Affine{info.scale, info.zero_point};
      }
      progress(static_cast<int64_t>(i) + 1, static_cast<int64_t>(net_.nodes.size()));
    }
    return chosen;
  }

  // Before anything is chosen.
  Result<double> StartError() {
    CUTIS_TRY(Start());
    return MeanOf(errors_);
  }

 private:
  // The first model and its weights, the real outputs, and all activations.
  Status Start() {
    Refiner refiner(net_, real_, recipe_, pixels_, {false, threads_}, [](int64_t, int64_t) {});
    CUTIS_ASSIGN(model_, Quantize(net_, calibration_, recipe_, &refiner));
    fixed_.rounded = refiner.rounded();
    CUTIS_ASSIGN(model_, Quantize(net_, calibration_, recipe_, &fixed_));
    const auto input = static_cast<size_t>(net_.inputs[0]);
    LoadInputs(net_, recipe_, model_, pixels_, threads_, &real_values_[input], &values_[input]);
    for (size_t i = 0; i < real_.nodes.size(); ++i) {
      CUTIS_TRY(runner_.Run(real_, i, real_values_));
      DropUnused(real_, i, real_values_);
    }
    CUTIS_ASSIGN(errors_, RunFrom(model_, 0));
    return {};
  }

  // All that `model` has for a node of the network.
  Status RunNode(const FileModel& model, size_t index) {
    values_.resize(std::max(values_.size(), model.tensors.size()));
    for (size_t i = 0; i < model.nodes.size(); ++i) {
      if (model.nodes[i].origin == static_cast<int>(index)) CUTIS_TRY(runner_.Run(model, i, values_));
    }
    return {};
  }

  // The error of the outputs, image by image, when the nodes from `first` on are run on what lies before them.
  Result<std::vector<double>> RunFrom(const FileModel& model, size_t first) {
    for (size_t i = first; i < net_.nodes.size(); ++i) CUTIS_TRY(RunNode(model, i));
    std::vector<double> errors(pixels_.size());
    ParallelFor(errors.size(), threads_, [&](size_t i) {
      for (const int output : net_.outputs) {
        const auto at = static_cast<size_t>(output);
        errors[i] += RelativeError(model.tensors[at].info, real_values_[at][i].data(), values_[at][i].data());
      }
    });
    return errors;
  }

  // Leaves the best range of the output of `node` in model_ and fixed_; all that was tried in `tried`.
  Status Choose(size_t node, std::vector<RangeTried>& tried) {
    const auto tensor = static_cast<size_t>(net_.nodes[node].output);
    const TensorStatistics& statistics = calibration_.tensors[tensor];
    const TensorInfo before = model_.tensors[tensor].info;
    const double start = MeanOf(errors_);
    std::optional<Affine> best = fixed_.affines[tensor];
    for (const RangeCandidate& candidate : RangeCandidates(statistics, net_.nodes[node].min, net_.nodes[node].max)) {
      const Affine affine = AffineOf(candidate.range);
      RangeTried entry{candidate.method, affine.scale, affine.zero_point, ExpectedError(statistics, affine), -1};
      const auto same = [&](const RangeTried& other) {
        return other.scale == affine.scale && other.zero_point == affine.zero_point;
      };
      const auto known = std::find_if(tried.begin(), tried.end(), same);
      if (known != tried.end()) {
        entry.measured_error = known->measured_error;
      } else if (affine.scale == before.scale && affine.zero_point == before.zero_point) {
        entry.measured_error = start;
      } else {
        fixed_.affines[tensor] = affine;
        CUTIS_ASSIGN(FileModel model, Quantize(net_, calibration_, recipe_, &fixed_));
        CUTIS_ASSIGN(std::vector<double> errors, RunFrom(model, node));
        entry.measured_error = MeanOf(errors);
        if (AreLess(errors, errors_)) {
          errors_ = std::move(errors);
          best = affine;
          model_ = std::move(model);
        }
      }
      tried.push_back(std::move(entry));
    }
    fixed_.affines[tensor] = best;
    return {};
  }

  const Net& net_;
  const FileModel& real_;
  const Calibration& calibration_;
  const InputRecipe& recipe_;
  const PixelImages& pixels_;
  int32_t threads_;
  NodeRunner runner_;
  FixedRefinement fixed_;
  FileModel model_;
  std::vector<double> errors_;  // of the outputs of model_, by image
  std::vector<ImageValues> real_values_, values_;
};

}  // namespace

Result<ChosenRanges> SearchRanges(const Net& net, const FileModel& real, const Calibration& calibration,
                                  const InputRecipe& recipe, const PixelImages& pixels, int32_t threads,
                                  const Progress& progress) {
  return Search(net, real, calibration, recipe, pixels, threads).Run(progress);
}

Result<double> OutputError(const Net& net, const FileModel& real, const Calibration& calibration, const InputRecipe& recipe,
                           const PixelImages& pixels, int32_t threads) {
  return Search(net, real, calibration, recipe, pixels, threads).StartError();
}

}  // namespace cutis::convert
