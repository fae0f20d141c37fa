#include "converter/prune/moments.h"

#include "converter/quant/images.h"
#include "runtime/session.h"

namespace cutis::convert {
namespace {

struct Collector {
  const Model& model;
  int only;
  std::vector<TensorMoments> tensors;

  void Add(int tensor, const void* data) {
    if (only >= 0 && tensor != only) return;
    const TensorInfo& info = model.tensors()[static_cast<size_t>(tensor)].info;
    const size_t channels = static_cast<size_t>(info.shape.channels);
    TensorMoments& moments = tensors[static_cast<size_t>(tensor)];
    for (int32_t image = 0; image < info.images; ++image) {
      // float32 activations have no gaps between pixels.
      const auto* value =
          reinterpret_cast<const float*>(static_cast<const std::byte*>(data) + static_cast<size_t>(image) * info.image_bytes);
      for (int64_t pixel = 0; pixel < int64_t{info.shape.height} * info.shape.width; ++pixel) {
        for (size_t c = 0; c < channels; ++c, ++value) {
          const double x = static_cast<double>(*value);
          moments.mean[c] += x;
          moments.mean_square[c] += x * x;
        }
      }
    }
  }

  static void Observe(void* context, int32_t node, const void* data, int32_t) {
    auto* self = static_cast<Collector*>(context);
    self->Add(self->model.nodes()[static_cast<size_t>(node)].output, data);
  }
};

}  // namespace

Result<Moments> CollectMoments(const Net& net, const Model& model, std::span<const std::string> images, int32_t threads,
                               const Progress& progress, int only) {
  const Preprocess* recipe = model.preprocess();
  if (recipe == nullptr || images.empty()) {
    return Status::Error(Code::kUsage, "pruning needs images and a recipe that says how they become the network's input");
  }
  SessionOptions options;
  options.threads = threads;
  CUTIS_ASSIGN(auto session, Session::Create(model, options));
  Collector collector{model, only, {}};
  if (model.inputs().size() != 1) {
    return Status::Error(Code::kUnsupported, "pruning by images: the network has %zu inputs, only one image is supported",
                         model.inputs().size());
  }
  for (const NetTensor& tensor : net.tensors) {
    const std::vector<double> zeros(static_cast<size_t>(tensor.shape.channels));
    collector.tensors.push_back({zeros, zeros});
  }
  session->SetObserver(&Collector::Observe, &collector);
  const Shape shape = model.tensors()[static_cast<size_t>(model.input())].info.shape;
  for (size_t i = 0; i < images.size(); ++i) {
    CUTIS_ASSIGN(const std::vector<uint8_t> pixels, LoadImage(images[i], *recipe, shape));
    CUTIS_TRY(session->SetInputU8(0, pixels.data(), pixels.size()));
    collector.Add(model.input(), session->input(0));
    CUTIS_TRY(session->Run(1));
    progress(static_cast<int64_t>(i) + 1, static_cast<int64_t>(images.size()));
  }
  Moments result;
  for (size_t i = 0; i < net.tensors.size(); ++i) {
    if (net.tensors[i].is_constant || (only >= 0 && i != static_cast<size_t>(only))) continue;
    const Shape& size = net.tensors[i].shape;
    const double count =
        static_cast<double>(size.height) * size.width * net.tensors[i].images * static_cast<double>(images.size());
    TensorMoments& moments = collector.tensors[i];
    for (double& sum : moments.mean) sum /= count;
    for (double& sum : moments.mean_square) sum /= count;
    result.emplace(net.tensors[i].name, std::move(moments));
  }
  return result;
}

}  // namespace cutis::convert
