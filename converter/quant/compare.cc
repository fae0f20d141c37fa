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

size_t Elements(const Shape& shape) {
  return static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) * static_cast<size_t>(shape.channels);
}

// All outputs, one after the other.
Result<std::vector<float>> Outputs(const Session& session) {
  const Model& model = session.model();
  std::vector<float> values;
  for (size_t i = 0; i < model.outputs().size(); ++i) {
    const size_t begin = values.size();
    values.resize(begin + Elements(model.tensors()[static_cast<size_t>(model.outputs()[i])].info.shape));
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

  // The bytes of one image, to both.
  Status Run(const std::vector<uint8_t>& pixels) {
    CUTIS_TRY(quantised_->SetInputU8(0, pixels.data(), pixels.size()));
    if (real_model_.preprocess() != nullptr) {
      CUTIS_TRY(real_->SetInputU8(0, pixels.data(), pixels.size()));
    } else {
      // Without a recipe bytes mean something only to the quantised network: its real input goes to the other one.
      const TensorInfo& info = quantised_model_.tensors()[static_cast<size_t>(quantised_model_.input())].info;
      std::vector<float> values;
      for (const uint8_t byte : pixels) values.push_back(info.scale * static_cast<float>(byte - info.zero_point));
      CUTIS_TRY(real_->SetInputF32(0, values.data(), values.size()));
    }
    CUTIS_TRY(real_->Run(1));
    CUTIS_TRY(quantised_->Run(1));
    CUTIS_ASSIGN(real_outputs_, Outputs(*real_));
    CUTIS_ASSIGN(quantised_outputs_, Outputs(*quantised_));
    return {};
  }

  void Count(Agreement& sums) const {
    const double cosine = Cosine(real_outputs_, quantised_outputs_);
    sums.mean_cosine += cosine;
    sums.worst_cosine = std::min(sums.worst_cosine, cosine);
    sums.top1 += Top(real_outputs_) == Top(quantised_outputs_) ? 1 : 0;
  }

  Result<Scored> Score(bool positive) const {
    Scored scored{positive, 0, 0};
    std::vector<float> probabilities(real_outputs_.size());
    CUTIS_ASSIGN(const Judgement real, Judge(*real_model_.verdict(), real_outputs_, nullptr, probabilities));
    CUTIS_ASSIGN(const Judgement quantised, Judge(*quantised_model_.verdict(), quantised_outputs_, nullptr, probabilities));
    scored.first = real.p_bcc;
    scored.second = quantised.p_bcc;
    return scored;
  }

 private:
  size_t Top(const std::vector<float>& outputs) const {
    const Shape& shape = real_model_.tensors()[static_cast<size_t>(real_model_.outputs()[0])].info.shape;
    const auto end = outputs.begin() + static_cast<ptrdiff_t>(Elements(shape));
    return static_cast<size_t>(std::max_element(outputs.begin(), end) - outputs.begin());
  }

  const Model& real_model_;
  const Model& quantised_model_;
  std::unique_ptr<Session> real_, quantised_;
  std::vector<float> real_outputs_, quantised_outputs_;
};

}  // namespace

Result<Agreement> Compare(const Model& real, const Model& quantised, std::span<const std::string> images,
                          const std::map<std::string, bool>* labels, int32_t threads, const Progress& progress) {
  Agreement result;
  result.generated = images.empty();
  result.inputs = images.empty() ? kGoldenInputs : static_cast<int64_t>(images.size());
  Comparer comparer(real, quantised);
  CUTIS_TRY(comparer.Start(threads));
  const Shape shape = quantised.tensors()[static_cast<size_t>(quantised.input())].info.shape;
  std::vector<Scored> scores;
  for (int64_t i = 0; i < result.inputs; ++i) {
    std::vector<uint8_t> pixels(Elements(shape));
    if (images.empty()) {
      GenerateInput(static_cast<int32_t>(i), shape, pixels.data());
    } else {
      CUTIS_ASSIGN(pixels, LoadImage(images[static_cast<size_t>(i)], *quantised.preprocess(), shape));
    }
    CUTIS_TRY(comparer.Run(pixels));
    comparer.Count(result);
    if (labels != nullptr && !images.empty()) {
      const auto label = labels->find(FileName(images[static_cast<size_t>(i)]));
      if (label == labels->end()) {
        ++result.unlabelled;
      } else {
        CUTIS_ASSIGN(const Scored scored, comparer.Score(label->second));
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
