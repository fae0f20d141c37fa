// Class activation maps: against sums over plain weights and the features of the run, on every instruction set, batch and
// number of threads; the second plan, and every way to lie about it.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/file.h"
#include "runtime/golden_inputs.h"
#include "runtime/session.h"
#include "tests/runtime/refused.h"
#include "tests/runtime/test_file.h"

namespace cutis {
namespace {

using test::Bytes;
using test::Explained;
using test::RawModel;

constexpr int32_t kLabels = 7;  // of all small networks

struct Opened {
  Bytes file;
  std::unique_ptr<Model> model;
};

Opened Open(const RawModel& raw, CpuFeatures cpu = 0) {
  Opened opened{test::Write(raw), nullptr};
  OpenOptions options;
  options.cpu = cpu;
  auto result = Model::OpenMemory(opened.file.data.get(), opened.file.size, options);
  REQUIRE_MESSAGE(result.ok(), result.status().text());
  opened.model = std::move(result.value());
  return opened;
}

std::unique_ptr<Session> Make(const Model& model, const SessionOptions& options) {
  auto result = Session::Create(model, options);
  REQUIRE_MESSAGE(result.ok(), result.status().text());
  return std::move(result.value());
}

SessionOptions Explaining(int32_t batch = 1, int32_t threads = 1) {
  SessionOptions options;
  options.batch = batch;
  options.threads = threads;
  options.explain = true;
  return options;
}

void SetGenerated(Session* session, int32_t image, int32_t index) {
  const Shape& shape = session->model().tensors()[static_cast<size_t>(session->model().input())].info.shape;
  std::vector<uint8_t> pixels(static_cast<size_t>(shape.height * shape.width * shape.channels));
  GenerateInput(index, shape, pixels.data());
  REQUIRE(session->SetInputU8(image, pixels.data(), pixels.size()).ok());
}

size_t Cells(const Model& model) {
  const Shape& shape = model.tensors()[static_cast<size_t>(model.explanation()->map)].info.shape;
  return static_cast<size_t>(shape.height * shape.width);
}

std::vector<float> MapOf(const Session& session, int32_t image, int32_t label) {
  std::vector<float> map(Cells(session.model()));
  const Status status = session.GetExplanation(image, label, map);
  REQUIRE_MESSAGE(status.ok(), status.text());
  return map;
}

// The features of image 0 as they come out of their node, before anything else can lie in their place.
struct Features {
  int32_t tensor = 0;
  const Model* model = nullptr;
  std::vector<double> values;  // [cell][channel]

  static void Take(void* self, int32_t node, const void* data, int32_t) {
    auto& features = *static_cast<Features*>(self);
    if (features.model->nodes()[static_cast<size_t>(node)].output != features.tensor) return;
    const TensorInfo& info = features.model->tensors()[static_cast<size_t>(features.tensor)].info;
    for (int32_t cell = 0; cell < info.shape.height * info.shape.width; ++cell) {
      for (int32_t c = 0; c < info.shape.channels; ++c) {
        const int32_t at = cell * info.channel_stride + c;
        features.values.push_back(info.type == DataType::kF32 ? static_cast<double>(static_cast<const float*>(data)[at])
                                                              : static_cast<double>(info.scale) *
                                                                    (static_cast<const uint8_t*>(data)[at] - info.zero_point));
      }
    }
  }
};

// The dense layer of a small network in real numbers, from the bytes that the test wrote: w[label][channel] and a bias.
struct RealDense {
  std::vector<std::vector<double>> weights = std::vector<std::vector<double>>(kLabels);
  std::vector<double> bias;

  explicit RealDense(const RawModel& raw) {
    const test::RawNode* node = nullptr;
    for (const test::RawNode& each : raw.nodes) {
      if (each.name == "dense") node = &each;
    }
    REQUIRE(node != nullptr);
    const test::RawTensor &in = raw.tensors[node->inputs[0]], &out = raw.tensors[node->output];
    for (size_t label = 0; label < kLabels; ++label) {
      bias.push_back(0);
      std::vector<double>& row = weights[label];
      if (in.type == static_cast<uint8_t>(DataType::kF32)) {
        for (size_t c = 0; c < in.dims[2]; ++c)
          row.push_back(static_cast<double>(At<float>(node->options.weights, c * 16 + label)));
        bias[label] = static_cast<double>(At<float>(node->options.bias, label));
        continue;
      }
      const double unit = static_cast<double>(At<float>(node->options.multiplier, label)) * static_cast<double>(out.scale);
      double sum = 0;
      size_t stored = 0;
      for (size_t group = 0; 4 * group < in.dims[2]; ++group) {
        const bool live = !node->options.write_live && node->options.live.empty()
                              ? true
                              : (node->options.live[group / 8] >> (group % 8) & 1) != 0;
        for (size_t k = 0; k < 4 && 4 * group + k < in.dims[2]; ++k) {
          const double w = live ? At<int8_t>(node->options.weights, stored * 64 + label * 4 + k) : 0;
          row.push_back(w * unit / static_cast<double>(in.scale));
          sum += w;
        }
        stored += live;
      }
      bias[label] = (At<int32_t>(node->options.bias, label) + in.zero_point * sum) * unit;
    }
  }

  template <class T>
  static T At(const test::RawBuffer& buffer, size_t index) {
    T value;
    std::memcpy(&value, buffer.bytes.data() + index * sizeof value, sizeof value);
    return value;
  }
};

TEST_CASE("a map is the label's logit of each cell less the mean of all labels'") {
  for (const RawModel& raw : {Explained(test::SmallU8Model()), Explained(test::SmallSparseModel()),
                              Explained(test::SmallBlocksModel()), Explained(test::SmallF32Model())}) {
    const Opened opened = Open(raw);
    const auto session = Make(*opened.model, Explaining());
    Features features{opened.model->explanation()->map, opened.model.get(), {}};
    session->SetObserver(Features::Take, &features);
    SetGenerated(session.get(), 0, 5);
    REQUIRE(session->Run(1).ok());
    const RealDense dense(raw);
    const size_t cells = Cells(*opened.model), channels = dense.weights[0].size();
    REQUIRE(features.values.size() == cells * channels);
    std::vector<std::vector<double>> logits(cells, dense.bias);
    for (size_t cell = 0; cell < cells; ++cell) {
      for (size_t label = 0; label < kLabels; ++label) {
        for (size_t c = 0; c < channels; ++c)
          logits[cell][label] += dense.weights[label][c] * features.values[cell * channels + c];
      }
    }
    double least = 1e30, most = -1e30;
    for (int32_t label = 0; label < kLabels; ++label) {
      const std::vector<float> map = MapOf(*session, 0, label);
      for (size_t cell = 0; cell < cells; ++cell) {
        double mean = 0;
        for (const double logit : logits[cell]) mean += logit / kLabels;
        const double expected = logits[cell][static_cast<size_t>(label)] - mean;
        CHECK(static_cast<double>(map[cell]) == doctest::Approx(expected).epsilon(1e-6).scale(1));
        least = std::min(least, expected);
        most = std::max(most, expected);
      }
    }
    CHECK(most - least > 0.1);  // or the features say nothing
    CHECK(MapOf(*session, 0, -1) == MapOf(*session, 0, static_cast<int32_t>(raw.positive)));
  }
}

// The softmax of this network is its output: the logarithms of the probabilities are the logits but for a constant.
TEST_CASE("the mean of a map is the lead of the label in the network's own output") {
  const Opened opened = Open(Explained(test::SmallF32Model()));
  const auto session = Make(*opened.model, Explaining());
  SetGenerated(session.get(), 0, 2);
  REQUIRE(session->Run(1).ok());
  float probabilities[kLabels];
  REQUIRE(session->GetOutputF32(0, 0, probabilities, kLabels).ok());
  double mean = 0;
  for (const float p : probabilities) mean += std::log(static_cast<double>(p)) / kLabels;
  for (int32_t label = 0; label < kLabels; ++label) {
    const std::vector<float> map = MapOf(*session, 0, label);
    double sum = 0;
    for (const float cell : map) sum += static_cast<double>(cell);
    CHECK(sum / static_cast<double>(map.size()) ==
          doctest::Approx(std::log(static_cast<double>(probabilities[label])) - mean).epsilon(1e-4));
  }
}

TEST_CASE("the same bits with every instruction set, in any place of a batch, on any number of threads") {
  for (const RawModel& raw :
       {Explained(test::SmallU8Model()), Explained(test::SmallSparseModel()), Explained(test::SmallBlocksModel())}) {
    std::vector<std::vector<float>> first;
    for (const Isa isa : kAllIsas) {
      const auto cpu = MaskCpu(DetectCpu(), NameOf(isa));
      if (!cpu.ok()) continue;
      const Opened opened = Open(raw, cpu.value());
      for (const int32_t threads : {1, 3}) {
        const auto session = Make(*opened.model, Explaining(3, threads));
        for (int32_t image = 0; image < 3; ++image) SetGenerated(session.get(), image, image);
        REQUIRE(session->Run(3).ok());
        std::vector<std::vector<float>> maps;
        for (int32_t image = 0; image < 3; ++image) maps.push_back(MapOf(*session, image, 2));
        if (first.empty()) {
          first = maps;
          CHECK(maps[0] != maps[1]);
        }
        CHECK(maps == first);
        // One by one.
        const auto single = Make(*opened.model, Explaining());
        SetGenerated(single.get(), 0, 2);
        REQUIRE(single->Run(1).ok());
        CHECK(MapOf(*single, 0, 2) == first[2]);
      }
    }
  }
}

TEST_CASE("the second plan changes no ordinary session, gives the same outputs, and takes what it says") {
  for (const RawModel& plain :
       {test::SmallU8Model(), test::SmallSparseModel(), test::SmallBlocksModel(), test::SmallF32Model()}) {
    const Opened without = Open(plain), with = Open(Explained(plain));
    CHECK(without.model->explanation() == nullptr);
    CHECK(without.model->ExplanationArenaBytes(1, 1) == 0);
    for (const int32_t batch : {1, 5}) {
      CHECK(with.model->ArenaBytes(batch, 2) == without.model->ArenaBytes(batch, 2));
      CHECK(with.model->ExplanationArenaBytes(batch, 2) >= with.model->ArenaBytes(batch, 2));
    }
    SessionOptions ordinary;
    ordinary.batch = 2;
    const auto a = Make(*with.model, ordinary), b = Make(*with.model, Explaining(2));
    CHECK(a->arena_bytes() == without.model->ArenaBytes(2, 1));
    CHECK(b->arena_bytes() == with.model->ExplanationArenaBytes(2, 1));
    for (Session* session : {a.get(), b.get()}) {
      for (int32_t image = 0; image < 2; ++image) SetGenerated(session, image, image + 7);
      REQUIRE(session->Run(2).ok());
    }
    for (int32_t image = 0; image < 2; ++image) {
      float x[kLabels], y[kLabels];
      REQUIRE(a->GetOutputF32(0, image, x, kLabels).ok());
      REQUIRE(b->GetOutputF32(0, image, y, kLabels).ok());
      CHECK(std::memcmp(x, y, sizeof x) == 0);
    }
  }
}

TEST_CASE("an arena of the caller, to the byte; what else is asked in vain") {
  const Opened opened = Open(Explained(test::SmallU8Model()));
  SessionOptions options = Explaining();
  const size_t bytes = static_cast<size_t>(opened.model->ExplanationArenaBytes(1, 1));
  const Bytes arena = {AllocateAligned(bytes), bytes};
  options.arena = arena.data.get();
  options.arena_bytes = bytes - 1;
  CHECK(Session::Create(*opened.model, options).status().code() == Code::kUsage);
  options.arena_bytes = bytes;
  const auto session = Make(*opened.model, options);
  std::vector<float> map(Cells(*opened.model)), more(map.size() + 1);
  CHECK(session->GetExplanation(0, 0, more).code() == Code::kUsage);
  CHECK(session->GetExplanation(1, 0, map).code() == Code::kUsage);
  CHECK(session->GetExplanation(-1, 0, map).code() == Code::kUsage);
  CHECK(session->GetExplanation(0, kLabels, map).code() == Code::kUsage);
  CHECK(session->GetExplanation(0, -2, map).code() == Code::kUsage);
  CHECK(Make(*opened.model, {})->GetExplanation(0, 0, map).code() == Code::kUsage);
  const Opened without = Open(test::SmallU8Model());
  CHECK(Session::Create(*without.model, Explaining()).status().code() == Code::kUnsupported);
  // Without a verdict no label is the positive one.
  RawModel bare = test::SmallU8Model();
  bare.has_verdict = false;
  const Opened unnamed = Open(Explained(bare));
  const auto tensors = Make(*unnamed.model, Explaining());
  CHECK(tensors->GetExplanation(0, -1, map).code() == Code::kUsage);
  CHECK(tensors->GetExplanation(0, 0, map).ok());
}

test::RawNode& NodeNamed(RawModel* model, const char* name) {
  for (test::RawNode& node : model->nodes) {
    if (node.name == name) return node;
  }
  FAIL("no such node");
  return model->nodes[0];
}

TEST_CASE("second plans without sense") {
  test::CheckAllRefused(
      {
          {"the offsets of 9 tensors of 10", [](RawModel* m) { m->explanation_offsets.pop_back(); }},
          {"the offsets of 11 tensors of 10", [](RawModel* m) { m->explanation_offsets.push_back(0); }},
          {"explanation: memory plan: buffer 3", [](RawModel* m) { m->explanation_offsets[3] += 1; }},
          {"ends beyond", [](RawModel* m) { m->explanation_offsets[3] = static_cast<uint32_t>(m->explanation_bytes); }},
          {"ends beyond", [](RawModel* m) { m->explanation_offsets[3] = 0u - 64; }},
          {"explanation: memory plan", [](RawModel* m) { m->explanation_bytes += 64; }},
          {"explanation: memory plan", [](RawModel* m) { m->explanation_bytes = 0; }},
          {"too large", [](RawModel* m) { m->explanation_bytes = uint64_t{1} << 31; }},
          // Nothing reads the map after its mean is made, but it is kept.
          {"share bytes",
           [](RawModel* m) {
             m->explanation_offsets[NodeNamed(m, "logits").output] = m->explanation_offsets[NodeNamed(m, "mean").inputs[0]];
           }},
          {"explanation: output 0 is not made by a dense layer",
           [](RawModel* m) {
             m->outputs[0] = NodeNamed(m, "mean").output;
             m->has_verdict = false;
             m->tensors.resize(m->tensors.size() - 2);
             m->explanation_offsets.resize(m->tensors.size());
             m->nodes.resize(m->nodes.size() - 2);
             test::MakePlan(m);
           }},
          {"does not read the mean of a feature map",
           [](RawModel* m) {
             test::RawNode& mean = NodeNamed(m, "mean");
             mean.options.window = {2, 2, 2, 2, 1, 1, 0, 0, 0, 0};
             mean.options.counts = {4};
           }},
      },
      Explained(test::SmallU8Model()));
  test::CheckAllRefused({{"tensor 2 has a place, and takes none", [](RawModel* m) { m->explanation_offsets[2] = 64; }}},
                        Explained(test::SmallBlocksModel()));
}

}  // namespace
}  // namespace cutis
