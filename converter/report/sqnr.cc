#include "converter/report/sqnr.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "converter/quant/compare.h"
#include "converter/quant/entropy.h"
#include "converter/quant/images.h"
#include "runtime/golden.h"
#include "runtime/session.h"

namespace cutis::convert {
namespace {

// Real values that are kept at a time; larger networks are run several times for each input.
constexpr size_t kMostValues = size_t{32} << 20;

size_t Count(const TensorInfo& info) {
  return static_cast<size_t>(info.images) * static_cast<size_t>(info.shape.height) * static_cast<size_t>(info.shape.width) *
         static_cast<size_t>(info.shape.channels);
}

// The values of a node's output as real ones, tight.
std::vector<float> Values(const TensorInfo& info, const void* data) {
  const auto channels = static_cast<size_t>(info.shape.channels), stride = static_cast<size_t>(info.channel_stride);
  const size_t pixels = static_cast<size_t>(info.shape.height) * static_cast<size_t>(info.shape.width);
  std::vector<float> values;
  values.reserve(Count(info));
  for (size_t image = 0; image < static_cast<size_t>(info.images); ++image) {
    const auto* bytes = static_cast<const uint8_t*>(data) + image * info.image_bytes;
    for (size_t p = 0; p < pixels; ++p) {
      for (size_t c = 0; c < channels; ++c) {
        if (info.type == DataType::kU8) {
          values.push_back(info.scale * static_cast<float>(bytes[p * stride + c] - info.zero_point));
        } else {
          float value;
          std::memcpy(&value, bytes + (p * stride + c) * sizeof value, sizeof value);
          values.push_back(value);
        }
      }
    }
  }
  return values;
}

struct Sums {
  double signal = 0, noise = 0;
};

// Sees the nodes of one network: the real one leaves its values, the quantised one is compared with them.
struct Watcher {
  const Model* model = nullptr;
  std::map<std::string, std::vector<float>>* values = nullptr;  // by tensor, those that are wanted
  std::map<std::string, Sums>* sums = nullptr;                  // null: the real network

  static void Observe(void* context, int32_t node, const void* data, int32_t) {
    auto* self = static_cast<Watcher*>(context);
    const ModelNode& of = self->model->nodes()[static_cast<size_t>(node)];
    const ModelTensor& tensor = self->model->tensors()[static_cast<size_t>(of.output)];
    const auto wanted = self->values->find(tensor.name);
    if (wanted == self->values->end()) return;
    if (self->sums == nullptr) {
      wanted->second = Values(tensor.info, data);
      return;
    }
    const std::vector<float> got = Values(tensor.info, data);
    if (got.size() != wanted->second.size()) return;
    Sums& sum = (*self->sums)[tensor.name];
    for (size_t i = 0; i < got.size(); ++i) {
      const double value = wanted->second[i], difference = static_cast<double>(got[i]) - value;
      sum.signal += value * value;
      sum.noise += difference * difference;
    }
  }
};

// The tensors that nodes of both networks make, in parts of at most kMostValues values (or one tensor). A name that stands
// twice says nothing.
std::vector<std::vector<std::string>> CommonTensors(const Model& real, const Model& quantised) {
  std::map<std::string, int> seen;
  for (const Model* model : {&real, &quantised}) {
    for (const ModelNode& node : model->nodes()) ++seen[model->tensors()[static_cast<size_t>(node.output)].name];
  }
  std::vector<std::vector<std::string>> parts;
  size_t held = 0;
  for (const ModelNode& node : real.nodes()) {
    const ModelTensor& tensor = real.tensors()[static_cast<size_t>(node.output)];
    if (seen[tensor.name] != 2) continue;
    const size_t count = Count(tensor.info);
    if (parts.empty() || held + count > kMostValues) {
      parts.emplace_back();
      held = 0;
    }
    parts.back().push_back(tensor.name);
    held += count;
  }
  return parts;
}

Status Measure(Session& real, Session& quantised, const std::vector<std::vector<std::string>>& parts, int32_t index,
               std::span<const uint8_t> pixels, std::map<std::string, Sums>& sums) {
  for (const std::vector<std::string>& part : parts) {
    std::map<std::string, std::vector<float>> values;
    for (const std::string& name : part) values[name] = {};
    Watcher real_watcher{&real.model(), &values, nullptr}, quantised_watcher{&quantised.model(), &values, &sums};
    real.SetObserver(&Watcher::Observe, &real_watcher);
    quantised.SetObserver(&Watcher::Observe, &quantised_watcher);
    CUTIS_TRY(SetInputs(real, quantised, index, pixels));  // a run uses up its input
    CUTIS_TRY(real.Run(1));
    CUTIS_TRY(quantised.Run(1));
    real.SetObserver(nullptr, nullptr);
    quantised.SetObserver(nullptr, nullptr);
  }
  return {};
}

}  // namespace

Result<MeasuredSqnr> MeasureSqnr(const Model& real, const Model& quantised, std::span<const std::string> images,
                                 int32_t threads, const Progress& progress) {
  SessionOptions options;
  options.threads = threads;
  CUTIS_ASSIGN(const std::unique_ptr<Session> real_session, Session::Create(real, options));
  CUTIS_ASSIGN(const std::unique_ptr<Session> quantised_session, Session::Create(quantised, options));
  const std::vector<std::vector<std::string>> parts = CommonTensors(real, quantised);
  const TensorInfo& info = quantised.tensors()[static_cast<size_t>(quantised.input())].info;
  const size_t count = images.empty() ? static_cast<size_t>(kGoldenInputs) : std::min(images.size(), kMostSqnrInputs);
  std::map<std::string, Sums> sums;
  for (size_t i = 0; i < count; ++i) {
    std::vector<uint8_t> pixels;
    if (images.empty()) {
      pixels = GenerateEntry(static_cast<int32_t>(i), info);
    } else {
      CUTIS_ASSIGN(pixels, LoadImage(images[i * images.size() / count], *quantised.preprocess(), info.shape));
    }
    CUTIS_TRY(Measure(*real_session, *quantised_session, parts, static_cast<int32_t>(i), pixels, sums));
    progress(static_cast<int64_t>(i) + 1, static_cast<int64_t>(count));
  }
  MeasuredSqnr result;
  result.inputs = static_cast<int64_t>(count);
  for (const auto& [name, sum] : sums) {
    if (!std::isfinite(sum.signal) || !std::isfinite(sum.noise)) continue;
    if (sum.noise == 0) {
      result.db[name] = std::numeric_limits<double>::infinity();
    } else if (sum.signal > 0) {
      result.db[name] = 3.0102999566398120 * Log2(sum.signal / sum.noise);
    }
  }
  return result;
}

}  // namespace cutis::convert
