#include "converter/quant/compare.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "converter/quant/images.h"
#include "converter/write/file.h"
#include "runtime/golden.h"
#include "runtime/session.h"
#include "runtime/verdict.h"

namespace cutis::convert {
namespace {

size_t OfOneImage(const Shape& shape) {
  return static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) * static_cast<size_t>(shape.channels);
}

// Of an entry.
size_t Elements(const TensorInfo& info) { return static_cast<size_t>(info.images) * OfOneImage(info.shape); }

// All outputs, one after the other.
Result<std::vector<float>> Outputs(const Session& session) {
  const Model& model = session.model();
  std::vector<float> values;
  for (size_t i = 0; i < model.outputs().size(); ++i) {
    const size_t begin = values.size();
    values.resize(begin + Elements(model.tensors()[static_cast<size_t>(model.outputs()[i])].info));
    CUTIS_TRY(session.GetOutputF32(static_cast<int32_t>(i), 0, values.data() + begin, values.size() - begin));
  }
  return values;
}

double Cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = a[i], y = b[i];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  if (aa == 0 && bb == 0) return 1;
  return aa == 0 || bb == 0 ? 0 : ab / std::sqrt(aa * bb);
}

class Comparer {
 public:
  Comparer(const Model& real, const Model& quantised) : real_model_(real), quantised_model_(quantised) {}

  Status Start(int32_t threads) {
    SessionOptions options;
    options.threads = threads;
    CUTIS_ASSIGN(real_, Session::Create(real_model_, options));
    CUTIS_ASSIGN(quantised_, Session::Create(quantised_model_, options));
    return {};
  }

  Status Run(int32_t index, const std::vector<uint8_t>& pixels) {
    CUTIS_TRY(SetInputs(*real_, *quantised_, index, pixels));
    CUTIS_TRY(real_->Run(1));
    CUTIS_TRY(quantised_->Run(1));
    CUTIS_ASSIGN(real_outputs_, Outputs(*real_));
    CUTIS_ASSIGN(quantised_outputs_, Outputs(*quantised_));
    return {};
  }

  void Count(Agreement& sums) const {
    InputAgreement input;
    input.cosine = Cosine(real_outputs_, quantised_outputs_);
    input.same_top = Top(real_outputs_) == Top(quantised_outputs_);
    for (size_t i = 0; i < real_outputs_.size(); ++i) {
      const double difference = std::fabs(static_cast<double>(real_outputs_[i]) - static_cast<double>(quantised_outputs_[i]));
      input.difference = std::max(input.difference, difference);
    }
    sums.mean_cosine += input.cosine;
    sums.worst_cosine = std::min(sums.worst_cosine, input.cosine);
    sums.top1 += input.same_top ? 1 : 0;
    sums.largest_difference = std::max(sums.largest_difference, input.difference);
    sums.each.push_back(input);
  }

  // The probabilities of both, and their verdicts at each operating point into `points`.
  Result<Scored> Score(bool positive, std::vector<PointRates>& points) const {
    Scored scored{positive, 0, 0};
    for (const bool quantised : {false, true}) {
      const VerdictRecipe& recipe = *quantised_model_.verdict();  // for both: it is the networks that are compared
      const std::vector<float>& outputs = quantised ? quantised_outputs_ : real_outputs_;
      std::vector<float> probabilities(outputs.size());
      CUTIS_ASSIGN(const Judgement plain, Judge(recipe, outputs, nullptr, probabilities));
      (quantised ? scored.second : scored.first) = plain.p_bcc;
      for (size_t i = 0; i < recipe.operating_points.size(); ++i) {
        CUTIS_ASSIGN(const Judgement judged, Judge(recipe, outputs, recipe.operating_points[i].name, probabilities));
        (quantised ? points[i].second : points[i].first).Count(positive, judged.verdict);
      }
    }
    return scored;
  }

 private:
  size_t Top(const std::vector<float>& outputs) const {
    const TensorInfo& info = real_model_.tensors()[static_cast<size_t>(real_model_.outputs()[0])].info;
    const auto end = outputs.begin() + static_cast<ptrdiff_t>(Elements(info));
    return static_cast<size_t>(std::max_element(outputs.begin(), end) - outputs.begin());
  }

  const Model& real_model_;
  const Model& quantised_model_;
  std::unique_ptr<Session> real_, quantised_;
  std::vector<float> real_outputs_, quantised_outputs_;
};

}  // namespace

std::vector<uint8_t> GenerateEntry(int32_t index, const TensorInfo& info) {
  const size_t each = OfOneImage(info.shape);
  std::vector<uint8_t> pixels(Elements(info));
  for (int32_t i = 0; i < info.images; ++i) {
    GenerateInput(index * info.images + i, info.shape, pixels.data() + static_cast<size_t>(i) * each);
  }
  return pixels;
}

Status SetInputs(Session& real, Session& quantised, int32_t index, std::span<const uint8_t> pixels) {
  CUTIS_TRY(quantised.SetInputU8(0, pixels.data(), pixels.size()));
  const std::span<const int32_t> inputs = quantised.model().inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (i == 0 && real.model().preprocess() != nullptr) {
      CUTIS_TRY(real.SetInputU8(0, pixels.data(), pixels.size()));
      continue;
    }
    // Bytes mean something only to the quantised network: its real input goes to the other one, too.
    const TensorInfo& info = quantised.model().tensors()[static_cast<size_t>(inputs[i])].info;
    std::vector<uint8_t> generated;
    if (i > 0) generated = GenerateEntry(index + static_cast<int32_t>(i), info);
    std::vector<float> values;
    for (const uint8_t byte : i == 0 ? pixels : std::span<const uint8_t>(generated)) {
      values.push_back(info.scale * static_cast<float>(byte - info.zero_point));
    }
    if (i > 0) CUTIS_TRY(quantised.SetInputF32(static_cast<int32_t>(i), 0, values.data(), values.size()));
    CUTIS_TRY(real.SetInputF32(static_cast<int32_t>(i), 0, values.data(), values.size()));
  }
  return {};
}

Result<Agreement> Compare(const Model& real, const Model& quantised, std::span<const std::string> images,
                          const std::map<std::string, bool>* labels, int32_t threads, const Progress& progress) {
  Agreement result;
  result.generated = images.empty();
  result.inputs = images.empty() ? kGoldenInputs : static_cast<int64_t>(images.size());
  Comparer comparer(real, quantised);
  CUTIS_TRY(comparer.Start(threads));
  const TensorInfo& input = quantised.tensors()[static_cast<size_t>(quantised.input())].info;
  std::vector<Scored> scores;
  if (labels != nullptr) {
    for (const OperatingPoint& point : quantised.verdict()->operating_points) {
      result.points.push_back({{point.name, point.threshold, point.refer_low, point.refer_high, point.note, point.calibrated,
                                point.sensitivity, point.specificity},
                               {},
                               {}});
    }
  }
  for (int64_t i = 0; i < result.inputs; ++i) {
    std::vector<uint8_t> pixels;
    if (images.empty()) {
      pixels = GenerateEntry(static_cast<int32_t>(i), input);
    } else {
      CUTIS_ASSIGN(pixels, LoadImage(images[static_cast<size_t>(i)], *quantised.preprocess(), input.shape));
    }
    CUTIS_TRY(comparer.Run(static_cast<int32_t>(i), pixels));
    comparer.Count(result);
    if (labels != nullptr && !images.empty()) {
      const auto label = labels->find(FileName(images[static_cast<size_t>(i)]));
      if (label == labels->end()) {
        ++result.unlabelled;
      } else {
        CUTIS_ASSIGN(const Scored scored, comparer.Score(label->second, result.points));
        scores.push_back(scored);
      }
    }
    progress(i + 1, result.inputs);
  }
  result.mean_cosine /= static_cast<double>(result.inputs);
  result.top1 /= static_cast<double>(result.inputs);
  if (labels != nullptr) {
    const auto positives = std::count_if(scores.begin(), scores.end(), [](const Scored& scored) { return scored.positive; });
    if (positives == 0 || positives == static_cast<ptrdiff_t>(scores.size())) {
      return Status::Error(
          Code::kBadInput,
          "an AUC needs positive and negative images; of %lld images the labels name %zu, %lld of them positive",
          static_cast<long long>(result.inputs), scores.size(), static_cast<long long>(positives));
    }
    result.auc = CompareAuc(scores);
  }
  return result;
}

}  // namespace cutis::convert
