#include "converter/quant/refine.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "converter/quant/entropy.h"
#include "converter/quant/parallel.h"

namespace cutis::convert {
namespace {

// Patches of a layer's inputs that are looked at: so many inputs in all, and never more patches than that. A depthwise layer
// has few inputs a channel, for which few patches do.
constexpr size_t kMostValues = size_t{1} << 24, kMostPatches = size_t{1} << 16, kMostGroupedPatches = size_t{1} << 13;
// Groups that are worth a thread each; fewer are split inside.
constexpr size_t kManyGroups = 8;
// Added to the diagonal of the covariances, as a share of their mean: what GPTQ takes. Where there are few patches for many
// inputs the covariances are known less well, and this much more is added for each input that a patch has to stand for.
constexpr double kDamping = 0.01, kDampingForFew = 0.5;
// Weight scales that are tried beside the one that no weight saturates at: every twentieth less.
constexpr int kScalesTried = 4;

// Sums of squares of a tensor's real values and of what quantising has done to them.
struct Noise {
  double signal = 0, noise = 0;
};

Noise NoiseOf(const TensorInfo& info, const std::byte* real, const std::byte* quantised) {
  const auto* floats = reinterpret_cast<const float*>(real);
  const auto* bytes = reinterpret_cast<const uint8_t*>(quantised);
  const auto channels = static_cast<size_t>(info.shape.channels), stride = static_cast<size_t>(info.channel_stride);
  const size_t pixels = static_cast<size_t>(info.shape.height) * static_cast<size_t>(info.shape.width);
  Noise result;
  for (size_t p = 0; p < pixels; ++p) {
    for (size_t c = 0; c < channels; ++c) {
      const double value = floats[p * channels + c];
      const double got = info.type == DataType::kF32
                             ? static_cast<double>(reinterpret_cast<const float*>(quantised)[p * stride + c])
                             : static_cast<double>(info.scale) * (bytes[p * stride + c] - info.zero_point);
      result.signal += value * value;
      result.noise += (got - value) * (got - value);
    }
  }
  return result;
}

// Rounds the weights of one output, with the scale that gives the least error of those tried; 0 for nothing but zeros.
double RoundOutput(std::span<const double> weights, const RoundingProblem* problem, std::span<int8_t> out) {
  double largest = 0;
  for (const double weight : weights) largest = std::max(largest, std::fabs(weight));
  double scale = largest / 127;
  if (!(scale > 0)) return 0;
  if (problem == nullptr) {
    for (size_t k = 0; k < weights.size(); ++k)
      out[k] = static_cast<int8_t>(std::clamp(std::nearbyint(weights[k] / scale), -127.0, 127.0));
    return scale;
  }
  std::vector<int8_t> tried(weights.size());
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kScalesTried; ++i) {
    const double candidate = largest / 127 * (1 - 0.05 * i);
    const double error = problem->Round(weights, candidate, tried);
    if (!(error < least)) continue;
    least = error;
    scale = candidate;
    std::copy(tried.begin(), tried.end(), out.begin());
  }
  return scale;
}

}  // namespace

bool CanRefine(const Net& net) {
  return net.inputs.size() == 1 && std::all_of(net.tensors.begin(), net.tensors.end(), [](const NetTensor& tensor) {
           return tensor.images == 1 || tensor.is_constant;
         });
}

void LoadInputs(const Net& net, const InputRecipe& recipe, const FileModel& model, const PixelImages& pixels, int32_t threads,
                ImageValues* real, ImageValues* bytes) {
  const TensorInfo& info = model.tensors[static_cast<size_t>(net.inputs[0])].info;
  const auto channels = static_cast<size_t>(info.shape.channels);
  const auto stride = static_cast<size_t>(ChannelStride(DataType::kU8, info.shape.channels));
  if (real != nullptr) real->resize(pixels.size());
  if (bytes != nullptr) bytes->resize(pixels.size());
  ParallelFor(pixels.size(), threads, [&](size_t i) {
    if (real != nullptr) (*real)[i].resize(ImageBytes(DataType::kF32, info.shape));
    if (bytes != nullptr) (*bytes)[i].resize(ImageBytes(DataType::kU8, info.shape));
    for (size_t at = 0; at < pixels[i].size(); ++at) {
      const size_t c = at % channels;
      const uint8_t byte = pixels[i][at];
      // As Session::SetInputU8 has it.
      const float value = recipe.mean.empty() ? info.scale * (static_cast<float>(byte) - static_cast<float>(info.zero_point))
                                              : (static_cast<float>(byte) - recipe.mean[c]) / recipe.std[c];
      if (real != nullptr) std::memcpy((*real)[i].data() + at * sizeof(float), &value, sizeof(float));
      if (bytes != nullptr) (*bytes)[i][at / channels * stride + c] = static_cast<std::byte>(byte);
    }
  });
}

Result<ChannelRanges> MeasureChannels(const Net& net, const FileModel& real, const InputRecipe& recipe,
                                      const PixelImages& pixels, int32_t threads) {
  const NodeRunner runner(threads);
  std::vector<ImageValues> values(net.tensors.size());
  LoadInputs(net, recipe, real, pixels, threads, &values[static_cast<size_t>(net.inputs[0])], nullptr);
  ChannelRanges ranges(net.tensors.size());
  for (size_t i = 0; i < real.nodes.size(); ++i) {
    CUTIS_TRY(runner.Run(real, i, values));
    const auto output = static_cast<size_t>(real.nodes[i].output);
    const Shape& shape = real.tensors[output].info.shape;
    const auto channels = static_cast<size_t>(shape.channels);
    const size_t count = static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) * channels;
    std::vector<float>& largest = ranges[output];
    largest.resize(channels);
    for (const AlignedBytes& image : values[output]) {
      const auto* floats = reinterpret_cast<const float*>(image.data());
      for (size_t at = 0; at < count; at += channels) {
        for (size_t c = 0; c < channels; ++c) largest[c] = std::max(largest[c], std::fabs(floats[at + c]));
      }
    }
    DropUnused(real, i, values);
  }
  return ranges;
}

Refiner::Refiner(const Net& net, const FileModel& real, const InputRecipe& recipe, const PixelImages& pixels,
                 const RefineOptions& options, Progress progress)
    : net_(net),
      real_(real),
      recipe_(recipe),
      pixels_(pixels),
      options_(options),
      progress_(std::move(progress)),
      runner_(options.threads),
      affines_(net.tensors.size()),
      real_values_(net.tensors.size()),
      rounded_(net.nodes.size()) {}

Status Refiner::Advance(const FileModel& model) {
  if (quantised_values_.empty()) {
    quantised_values_.resize(model.tensors.size());
    const auto input = static_cast<size_t>(net_.inputs[0]);
    LoadInputs(net_, recipe_, model, pixels_, options_.threads, &real_values_[input], &quantised_values_[input]);
  }
  quantised_values_.resize(model.tensors.size());
  for (; done_ < model.nodes.size(); ++done_) CUTIS_TRY(runner_.Run(model, done_, quantised_values_));
  return {};
}

Result<std::optional<RoundedLayer>> Refiner::RoundLayer(size_t index, int from, const RealLayer& real, const FileModel& model,
                                                        std::span<const uint8_t> padding) {
  CUTIS_TRY(Advance(model));
  const NetNode& node = net_.nodes[index];
  LayerInput input;
  input.node = &node;
  input.output = net_.tensors[static_cast<size_t>(node.output)].shape;
  input.info = model.tensors[static_cast<size_t>(from)].info;
  input.quantised = &quantised_values_[static_cast<size_t>(from)];
  input.real = node.inputs[0] == net_.inputs[0] ? nullptr : &real_values_[static_cast<size_t>(node.inputs[0])];
  input.padding = padding;
  RoundedLayer rounded;
  rounded.weights.resize(real.weights.size());
  rounded.scales.resize(real.bias.size());
  rounded.bias = real.bias;
  const size_t groups = GroupsOf(node), terms = real.weights.size() / real.bias.size();
  const size_t most = std::min(groups > 1 ? kMostGroupedPatches : kMostPatches, std::max<size_t>(1, kMostValues / terms));
  const PatchSampler sampler(input, most);
  const double scale = input.info.scale;
  const int32_t inside = groups >= kManyGroups ? 1 : options_.threads;
  ParallelFor(groups, groups >= kManyGroups ? options_.threads : 1,
              [&](size_t group) { RoundGroup(node, real, sampler, group, scale, inside, rounded); });
  rounded_[index] = rounded;
  return std::optional<RoundedLayer>(std::move(rounded));
}

void Refiner::RoundGroup(const NetNode& node, const RealLayer& real, const PatchSampler& sampler, size_t group,
                         double input_scale, int32_t threads, RoundedLayer& rounded) const {
  InputMoments moments = sampler.Measure(group, options_.adaptive, threads);
  const size_t terms = sampler.terms();
  std::unique_ptr<RoundingProblem> problem;
  if (options_.adaptive) {
    double sum = 0;
    for (size_t k = 0; k < terms; ++k) sum += moments.covariances.Row(k)[k];
    const double few = static_cast<double>(terms) / static_cast<double>(sampler.patches());
    double damping = sum / static_cast<double>(terms) * (kDamping + kDampingForFew * few);
    if (!(damping > 1e-9)) damping = 1;  // inputs that never change: all weights are worth the same
    for (size_t k = 0; k < terms; ++k) moments.covariances.Row(k)[k] += damping;
    problem = std::make_unique<RoundingProblem>(std::move(moments.covariances), threads);
    if (!problem->ok()) problem.reset();  // rounded to nearest, as without
  }
  const size_t each = node.bias.size() / GroupsOf(node);
  ParallelFor(each, threads, [&](size_t i) {
    const size_t n = group * each + i;
    const auto weights = std::span(real.weights).subspan(n * terms, terms);
    const auto out = std::span(rounded.weights).subspan(n * terms, terms);
    const double scale = RoundOutput(weights, problem.get(), out);
    rounded.scales[n] = scale;
    // What rounding, here and in all layers before, has done to the mean of the sum is taken out of the bias.
    double difference = 0;
    for (size_t k = 0; k < terms; ++k)
      difference += weights[k] * moments.real_means[k] - scale * out[k] * moments.quantised_means[k];
    rounded.bias[n] += input_scale * difference;
  });
}

Status Refiner::Finished(size_t index, const FileModel& model) {
  CUTIS_TRY(Advance(model));
  CUTIS_TRY(runner_.Run(real_, index, real_values_));
  const auto output = static_cast<size_t>(net_.nodes[index].output);
  std::vector<Noise> noises(real_values_[output].size());
  ParallelFor(noises.size(), options_.threads, [&](size_t i) {
    noises[i] = NoiseOf(model.tensors[output].info, real_values_[output][i].data(), quantised_values_[output][i].data());
  });
  Noise sum;
  for (const Noise& noise : noises) {
    sum.signal += noise.signal;
    sum.noise += noise.noise;
  }
  sqnr_db_.push_back(sum.signal > 0 && sum.noise > 0 ? 3.0102999566398120 * Log2(sum.signal / sum.noise)
                                                     : std::numeric_limits<double>::infinity());
  // The quantised network has the same edges, but its later nodes are not there yet.
  DropUnused(real_, index, real_values_);
  for (size_t i = 0; i < quantised_values_.size(); ++i) {
    if (real_values_[static_cast<size_t>(model.tensors[i].origin)].empty()) quantised_values_[i] = {};
  }
  progress_(static_cast<int64_t>(index) + 1, static_cast<int64_t>(net_.nodes.size()));
  return {};
}

}  // namespace cutis::convert
