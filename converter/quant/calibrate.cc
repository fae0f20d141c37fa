#include "converter/quant/calibrate.h"

#include <vector>

#include "converter/quant/images.h"
#include "converter/quant/statistics.h"
#include "runtime/session.h"

namespace cutis::convert {
namespace {

struct Collector {
  const Model& model;
  std::vector<StatisticsCollector> tensors;
  int failed = -1;  // the first tensor that held something infinite or no number

  void Add(int tensor, const void* data) {
    // float32 activations have no gaps between pixels.
    const Shape& shape = model.tensors()[static_cast<size_t>(tensor)].info.shape;
    const size_t count =
        static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) * static_cast<size_t>(shape.channels);
    if (!tensors[static_cast<size_t>(tensor)].Add({static_cast<const float*>(data), count}) && failed < 0) failed = tensor;
  }

  static void Observe(void* context, int32_t node, const void* data, int32_t) {
    auto* self = static_cast<Collector*>(context);
    self->Add(self->model.nodes()[static_cast<size_t>(node)].output, data);
  }
};

}  // namespace

Result<Calibration> Calibrate(const Net& net, const Model& model, std::span<const std::string> images, int32_t threads,
                              const Progress& progress) {
  const Preprocess* recipe = model.preprocess();
  if (recipe == nullptr || images.empty()) {
    return Status::Error(Code::kUsage, "calibrating needs images and a recipe that says how they become the network's input");
  }
  SessionOptions options;
  options.threads = threads;
  CUTIS_ASSIGN(auto session, Session::Create(model, options));
  Collector collector{model, {}, -1};
  for (const NetTensor& tensor : net.tensors) collector.tensors.emplace_back(tensor.shape.channels);
  session->SetObserver(&Collector::Observe, &collector);
  const Shape shape = model.tensors()[static_cast<size_t>(model.input())].info.shape;
  for (size_t i = 0; i < images.size(); ++i) {
    CUTIS_ASSIGN(const std::vector<uint8_t> pixels, LoadImage(images[i], *recipe, shape));
    CUTIS_TRY(session->SetInputU8(0, pixels.data(), pixels.size()));
    collector.Add(model.input(), session->input(0));
    CUTIS_TRY(session->Run(1));
    if (collector.failed >= 0) {
      return Status::Error(Code::kBadInput, "tensor \"%s\" becomes infinite or no number on %s; the weights are damaged",
                           net.tensors[static_cast<size_t>(collector.failed)].name.c_str(), images[i].c_str());
    }
    progress(static_cast<int64_t>(i) + 1, static_cast<int64_t>(images.size()));
  }
  Calibration calibration;
  calibration.images = static_cast<int64_t>(images.size());
  for (size_t i = 0; i < net.tensors.size(); ++i) {
    calibration.tensors.push_back(collector.tensors[i].Reduce());
    calibration.tensors.back().name = net.tensors[i].name;
  }
  return calibration;
}

}  // namespace cutis::convert
