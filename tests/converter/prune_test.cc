// Unstructured and block pruning, and what becomes of zero blocks in a file.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "converter/plan/plan.h"
#include "converter/prune/apply.h"
#include "converter/prune/sensitivity.h"
#include "converter/prune/weights.h"
#include "converter/quant/live_rows.h"
#include "converter/quant/quantize.h"
#include "converter/write/encode.h"
#include "runtime/golden.h"
#include "runtime/session.h"
#include "tests/converter/small_net.h"

namespace cutis::convert {
namespace {

// Stem 3x3, expansion, depthwise, projection, residual sum, grouped convolution, global pool, dense, dense.
Net SmallNet() {
  NetBuilder b(31, {12, 12, 3});
  const int x = b.Conv(0, 24, Square(3, 2, 0, 1));
  b.Clamp(0, 6);
  const int wide = b.Conv(x, 72, Square(1, 1, 0, 0));
  b.Clamp(0, 6);
  const int deep = b.Depthwise(wide, Square(3, 1, 1, 1));
  const int narrow = b.Conv(deep, 24, Square(1, 1, 0, 0));
  const int sum = b.Add(x, narrow);
  const int grouped = b.Conv(sum, 40, Square(3, 1, 1, 1), 2);
  const int pooled = b.Pool(OpKind::kAveragePool, grouped, Square(6, 1, 0, 0));
  const int hidden = b.Dense(pooled, 50);
  b.Clamp(0, 6);
  return b.Build(b.Dense(hidden, 5));
}
constexpr size_t kStem = 0, kExpand = 1, kDepthwise = 2, kProject = 3, kGrouped = 5, kHidden = 7, kLast = 8;

std::vector<std::vector<double>> Inputs(const Net& net, int count) {
  Random random(3);
  const Shape& shape = net.tensors[static_cast<size_t>(net.inputs[0])].shape;
  std::vector<std::vector<double>> inputs(static_cast<size_t>(count));
  for (std::vector<double>& input : inputs) {
    for (int i = 0; i < shape.height * shape.width * shape.channels; ++i) {
      input.push_back((static_cast<double>(random.Below(256)) - 127) / 128);
    }
  }
  return inputs;
}

Moments MomentsOf(const Net& net, const std::vector<std::vector<double>>& inputs) {
  Moments moments;
  for (const std::vector<double>& input : inputs) {
    const Values values = Evaluate(net, input);
    for (size_t t = 0; t < values.size(); ++t) {
      const size_t channels = static_cast<size_t>(net.tensors[t].shape.channels);
      TensorMoments& of = moments[net.tensors[t].name];
      of.mean.resize(channels);
      of.mean_square.resize(channels);
      const double count = static_cast<double>(values[t].size() / channels * inputs.size());
      for (size_t i = 0; i < values[t].size(); ++i) {
        of.mean[i % channels] += values[t][i] / count;
        of.mean_square[i % channels] += values[t][i] * values[t][i] / count;
      }
    }
  }
  return moments;
}

int64_t Zeros(const NetNode& node) { return std::count(node.weights.begin(), node.weights.end(), 0.0f); }

PruneOptions Ask(PruneMode mode, double rate) {
  PruneOptions options;
  options.mode = mode;
  options.rate = rate;
  return options;
}

// Zeroes all blocks but every third one of the layers that a trainer would prune.
Net PrunedByTrainer() {
  Net net = SmallNet();
  for (const size_t layer : {kExpand, kProject, kGrouped, kHidden}) {
    NetNode& node = net.nodes[layer];
    const std::vector<uint32_t> blocks = BlockGrid(net, node).BlockOfWeights();
    for (size_t i = 0; i < blocks.size(); ++i) {
      if (blocks[i] % 3 != 0) node.weights[i] = 0;
    }
  }
  return net;
}

Recipe SmallRecipe() {
  Recipe recipe;
  recipe.name = "small";
  recipe.preprocess =
      PreprocessRecipe{"stb", {{PreprocessStep::Kind::kResize, 12, 12, Filter::kBilinear}}, {127, 127, 127}, {128, 128, 128}};
  return recipe;
}

FileModel Quantized(const Net& net) {
  auto file = Quantize(net, CalibrationOf(net, Inputs(net, 3)), {{127, 127, 127}, {128, 128, 128}});
  INFO(std::string(file.status().text()));
  REQUIRE(file.ok());
  return std::move(file.value());
}

std::vector<std::byte> BytesOf(FileModel file) {
  REQUIRE(PlanMemory(file).ok());
  auto bytes = EncodeModel(file, SmallRecipe(), {});
  REQUIRE(bytes.ok());
  return std::move(bytes.value());
}

std::unique_ptr<Model> Open(const std::vector<std::byte>& bytes) {
  OpenOptions options;
  options.copy = true;
  auto model = Model::OpenMemory(bytes.data(), bytes.size(), options);
  INFO(std::string(model.status().text()));
  REQUIRE(model.ok());
  return std::move(model.value());
}

std::string HashOf(const Model& model) {
  uint8_t digest[32];
  REQUIRE(OutputHash(model, {}, digest).ok());
  return std::string(reinterpret_cast<const char*>(digest), sizeof digest);
}

// Puts the dead rows back.
void MakeDense(FileModel& file) {
  for (FileNode& node : file.nodes) {
    auto* options = std::get_if<ConvU8Options>(&node.options);
    if (options == nullptr || options->panel_starts.empty()) continue;
    const TensorInfo& in = file.tensors[static_cast<size_t>(node.inputs[0])].info;
    const size_t taps = static_cast<size_t>(options->window.kernel_h * options->window.kernel_w);
    const size_t k_groups = taps * CeilDiv(static_cast<size_t>(in.shape.channels / options->groups), 4);
    const size_t panels = options->panel_starts.size() - 1;
    std::vector<int8_t> dense(panels * k_groups * 64);
    for (size_t panel = 0; panel < panels; ++panel) {
      for (size_t row = options->panel_starts[panel]; row < options->panel_starts[panel + 1]; ++row) {
        std::copy_n(options->weights.data() + row * 64, 64, dense.data() + (panel * k_groups + options->live[row]) * 64);
      }
    }
    options->weights = file.Own(dense);
    options->panel_starts = {};
    options->live = {};
  }
}

TEST_CASE("zero blocks of the source make a sparse file that computes the same bits") {
  const Net net = PrunedByTrainer();
  FileModel sparse = Quantized(net), dense = Quantized(net);
  size_t layers = 0;
  for (const FileNode& node : sparse.nodes) {
    const auto* options = std::get_if<ConvU8Options>(&node.options);
    layers += options != nullptr && !options->panel_starts.empty() ? 1 : 0;
  }
  CHECK(layers == 4);
  MakeDense(dense);
  const std::vector<std::byte> small = BytesOf(std::move(sparse)), large = BytesOf(std::move(dense));
  CHECK(small.size() + 4000 < large.size());
  const auto a = Open(small), b = Open(large);
  CHECK(HashOf(*a) == HashOf(*b));
  // Work and reports follow the live rows.
  for (size_t i = 0; i < a->nodes().size(); ++i) {
    const ModelNode &node = a->nodes()[i], &whole = b->nodes()[i];
    const bool pruned = node.kernel->kind == KernelKind::kConvSparseU8;
    CHECK(pruned == (i == kExpand || i == kProject || i == kGrouped || i == kHidden));
    CHECK((node.op->macs(node.node) < whole.op->macs(whole.node)) == pruned);
  }
  const std::vector<LayerSparsity> counted = CountSparsity(net, *a);
  REQUIRE(counted.size() == 7);
  CHECK(counted[1].name == net.nodes[kExpand].name);
  CHECK(counted[1].sparse);
  CHECK(counted[1].blocks == 5 * 6);
  CHECK(counted[1].live_blocks == 10);
  CHECK(counted[1].zero == Zeros(net.nodes[kExpand]));
  CHECK(counted[2].blocks == 0);
  CHECK_FALSE(counted[6].sparse);
  CHECK(PruningText(nullptr, counted, 0).find("4 of 7 layers") != std::string::npos);
  CHECK(PruningText(nullptr, CountSparsity(SmallNet(), *Open(BytesOf(Quantized(SmallNet())))), 0).empty());
}

TEST_CASE("zero weights stay zero in int8, and the same network gives the same bytes") {
  Net net = SmallNet();
  REQUIRE(PruneWeights(Ask(PruneMode::kUnstructured, 0.4), nullptr, &net).ok());
  const FileModel file = Quantized(net);
  const auto& options = std::get<ConvU8Options>(file.nodes[kExpand].options);
  const NetNode& node = net.nodes[kExpand];
  REQUIRE(Zeros(node) > 100);
  for (size_t n = 0; n < 72; ++n) {
    for (size_t k = 0; k < 24; ++k) {
      if (node.weights[n * 24 + k] == 0) CHECK(options.weights[(n / 16 * 6 + k / 4) * 64 + n % 16 * 4 + k % 4] == 0);
    }
  }
  for (const PruneMode mode : {PruneMode::kUnstructured, PruneMode::kBlock}) {
    Net first = SmallNet(), second = SmallNet();
    REQUIRE(PruneWeights(Ask(mode, 0.6), nullptr, &first).ok());
    REQUIRE(PruneWeights(Ask(mode, 0.6), nullptr, &second).ok());
    CHECK(BytesOf(Quantized(first)) == BytesOf(Quantized(second)));
  }
}

TEST_CASE("the rule for storing blocks") {
  std::vector<int8_t> packed(64 * 16, 1);  // 2 panels of 8 k-groups
  const auto kill = [&](size_t row) { std::fill_n(packed.begin() + static_cast<ptrdiff_t>(row * 64), 64, int8_t{0}); };
  CHECK_FALSE(FindLiveRows(packed, 2).worthwhile);
  kill(3);
  CHECK_FALSE(FindLiveRows(packed, 2).worthwhile);
  kill(15);
  const LiveRows rows = FindLiveRows(packed, 2);  // 14 of 16
  CHECK(rows.worthwhile);
  CHECK(rows.panel_starts == std::vector<uint32_t>{0, 7, 14});
  CHECK(rows.live == std::vector<uint16_t>{0, 1, 2, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6});
  for (size_t row = 0; row < 16; ++row) kill(row);
  const LiveRows none = FindLiveRows(packed, 2);
  CHECK(none.worthwhile);
  CHECK(none.live.empty());
}

TEST_CASE("a network without any live weight") {
  Net net = SmallNet();
  for (NetNode& node : net.nodes) std::fill(node.weights.begin(), node.weights.end(), 0.0f);
  const auto model = Open(BytesOf(Quantized(net)));
  CHECK(model->nodes()[0].op->macs(model->nodes()[0].node) == 0);
  CHECK_FALSE(HashOf(*model).empty());
}

TEST_CASE("unstructured: the smallest weights of all layers together, first and last spared") {
  const Net net = SmallNet();
  Net pruned = net;
  const auto report = PruneWeights(Ask(PruneMode::kUnstructured, 0.3), nullptr, &pruned);
  REQUIRE(report.ok());
  float threshold = 0;
  int64_t total = 0, zero = 0;
  for (size_t i = 0; i < net.nodes.size(); ++i) {
    const NetNode &before = net.nodes[i], &after = pruned.nodes[i];
    CHECK(before.bias == after.bias);
    if (i == kStem || i == kLast) {
      CHECK(before.weights == after.weights);
      continue;
    }
    total += static_cast<int64_t>(before.weights.size());
    zero += Zeros(after);
    for (size_t k = 0; k < before.weights.size(); ++k) {
      if (after.weights[k] == 0) threshold = std::max(threshold, std::fabs(before.weights[k]));
    }
  }
  CHECK(report.value().units == total);
  CHECK(report.value().removed == zero);
  CHECK(zero == static_cast<int64_t>(std::floor(0.3 * static_cast<double>(total) + 0.5)));
  for (const size_t i : {kExpand, kDepthwise, kProject, kGrouped, kHidden}) {
    for (const float weight : pruned.nodes[i].weights) CHECK((weight == 0 || std::fabs(weight) >= threshold));
  }
  REQUIRE(report.value().layers.size() == 7);
  CHECK(report.value().layers[0].spared == std::string("first"));
  CHECK(report.value().layers[6].spared == std::string("last"));
}

TEST_CASE("blocks: whole ones, never of depthwise layers; what is zero already counts") {
  Net net = PrunedByTrainer();
  const Net before = net;
  PruneOptions options = Ask(PruneMode::kBlock, 0.75);
  options.first = options.last = true;
  const auto report = PruneWeights(options, nullptr, &net);
  REQUIRE(report.ok());
  int64_t blocks = 0, dead = 0;
  for (size_t i = 0; i < net.nodes.size(); ++i) {
    const NetNode& node = net.nodes[i];
    if (!HasWeights(node.kind)) continue;
    if (i == kDepthwise) {
      CHECK(node.weights == before.nodes[i].weights);
      continue;
    }
    const BlockGrid grid(net, node);
    const std::vector<uint32_t> of = grid.BlockOfWeights();
    std::vector<int64_t> live(grid.count()), changed(grid.count());
    for (size_t k = 0; k < of.size(); ++k) {
      if (node.weights[k] != 0) ++live[of[k]];
      if (node.weights[k] != before.nodes[i].weights[k]) ++changed[of[k]];
    }
    for (size_t b = 0; b < live.size(); ++b) CHECK((live[b] == 0 || changed[b] == 0));
    blocks += static_cast<int64_t>(live.size());
    dead += std::count(live.begin(), live.end(), 0);
    CHECK(std::count(live.begin(), live.end(), 0) < static_cast<ptrdiff_t>(live.size()));
  }
  CHECK(report.value().units == blocks);
  CHECK(report.value().removed == dead);
  CHECK(dead == static_cast<int64_t>(std::floor(0.75 * static_cast<double>(blocks) + 0.5)));
  CHECK(report.value().layers[1].zero == 20);
  // A rate below what is zero already changes nothing.
  net = before;
  const auto none = PruneWeights(Ask(PruneMode::kBlock, 0.1), nullptr, &net);
  REQUIRE(none.ok());
  for (size_t i = 0; i < net.nodes.size(); ++i) CHECK(net.nodes[i].weights == before.nodes[i].weights);
  CHECK(none.value().removed > none.value().units / 2);
}

TEST_CASE("limits and the cap") {
  const Net net = SmallNet();
  Net pruned = net;
  PruneOptions options = Ask(PruneMode::kBlock, 0.97);
  options.limits = {{net.nodes[kExpand].name, 0.5}, {net.nodes[kProject].name, 0.0}, {net.nodes[kLast].name, 0.25}};
  const auto report = PruneWeights(options, nullptr, &pruned);
  REQUIRE(report.ok());
  for (const PrunedLayer& layer : report.value().layers) {
    if (layer.name == net.nodes[kExpand].name) CHECK(layer.removed == layer.units / 2);
    if (layer.name == net.nodes[kProject].name) {
      CHECK(layer.removed == 0);
      CHECK(layer.spared == std::string("limit"));
    }
    // A limit of its own says that a layer is meant, be it the last one.
    if (layer.name == net.nodes[kLast].name) CHECK(layer.removed == layer.units / 4);
    if (layer.name == net.nodes[kHidden].name)
      CHECK(layer.removed == static_cast<int64_t>(0.985 * static_cast<double>(layer.units)));
    CHECK((layer.removed < layer.units || std::string(layer.spared) == "depthwise"));
  }
  CHECK(report.value().removed < static_cast<int64_t>(0.97 * static_cast<double>(report.value().units)));
  options.limits = {{"no such layer", 0.5}};
  CHECK(CheckLimits(net, options).code() == Code::kUsage);
  // A network of one layer: first and last.
  NetBuilder single(1, {4, 4, 3});
  Net alone = single.Build(single.Conv(0, 32, Square(3, 1, 1, 1)));
  const auto spared = PruneWeights(Ask(PruneMode::kBlock, 0.5), nullptr, &alone);
  REQUIRE(spared.ok());
  CHECK(spared.value().units == 0);
}

TEST_CASE("biases keep the mean of what a linear layer puts out") {
  NetBuilder b(5, {8, 8, 3});
  const int x = b.Conv(0, 24, Square(3, 1, 1, 1));
  b.Clamp(0, 6);
  const int deep = b.Depthwise(x, Square(3, 1, 0, 0));
  b.Clamp(0, 6);
  const int y = b.Conv(deep, 20, Square(1, 1, 0, 0));
  const Net net = b.Build(b.Pool(OpKind::kAveragePool, y, Square(6, 1, 0, 0)));
  const auto inputs = Inputs(net, 1);
  const Moments moments = MomentsOf(net, inputs);
  for (const PruneMode mode : {PruneMode::kUnstructured, PruneMode::kBlock}) {
    for (const PruneBy by : {PruneBy::kL1, PruneBy::kActivation}) {
      Net pruned = net;
      PruneLayer(mode, by, 0.5, &moments, net, &pruned.nodes[2]);
      CHECK(Zeros(pruned.nodes[2]) >= 6 * 16);  // half of 12 blocks, the smaller ones
      const auto whole = Evaluate(net, inputs[0]).back(), part = Evaluate(pruned, inputs[0]).back();
      for (size_t i = 0; i < whole.size(); ++i) CHECK(std::fabs(whole[i] - part[i]) < 1e-5);
    }
  }
}

TEST_CASE("activation: weights that meet little go first") {
  const Net net = SmallNet();
  const auto inputs = Inputs(net, 2);
  Moments moments = MomentsOf(net, inputs);
  TensorMoments& wide = moments.at(net.tensors[static_cast<size_t>(net.nodes[kProject].inputs[0])].name);
  for (size_t c = 0; c < 72; ++c) wide.mean_square[c] = c < 36 ? 1e-6 : 1.0;
  Net pruned = net;
  PruneLayer(PruneMode::kUnstructured, PruneBy::kActivation, 0.5, &moments, net, &pruned.nodes[kProject]);
  for (size_t i = 0; i < pruned.nodes[kProject].weights.size(); ++i)
    CHECK((pruned.nodes[kProject].weights[i] == 0) == (i % 72 < 36));
  Net without = net;
  PruneOptions options = Ask(PruneMode::kBlock, 0.5);
  options.by = PruneBy::kActivation;
  CHECK(PruneWeights(options, nullptr, &without).status().code() == Code::kUsage);
  REQUIRE(PruneWeights(options, &moments, &without).ok());
}

TEST_CASE("the command line's words") {
  const auto parse = [](const char* mode, const char* by, std::vector<std::string> limits, PruneOptions options = {}) {
    const Status status = ParsePruning(mode, by, limits, &options);
    return std::pair{status.code(), options};
  };
  const PruneOptions block = parse("block:0.75", "activation", {"a=b=0.5", "c=1"}).second;
  CHECK(block.mode == PruneMode::kBlock);
  CHECK(block.rate == 0.75);
  CHECK(block.by == PruneBy::kActivation);
  CHECK(block.limits.at("a=b") == 0.5);
  CHECK(block.limits.at("c") == 1);
  CHECK(parse("none", "", {}).first == Code::kOk);
  CHECK(parse("", "", {}).first == Code::kOk);
  for (const char* bad : {"block", "block:", "block:1", "block:-0.1", "block:nan", "block:0.5x", "blocks:0.5", "none:0.5",
                          ":0.5", "block:1e-1"}) {
    INFO(std::string(bad));
    CHECK(parse(bad, "", {}).first == Code::kUsage);
  }
  CHECK(parse("block:0.5", "l2", {}).first == Code::kUsage);
  for (const char* bad : {"layer", "=0.5", "layer=", "layer=1.5", "layer=x"})
    CHECK(parse("block:0.5", "", {bad}).first == Code::kUsage);
  CHECK(parse("", "", {"layer=0.5"}).first == Code::kUsage);
  PruneOptions last;
  last.last = true;
  CHECK(parse("none", "", {}, last).first == Code::kUsage);
  CHECK(parse("channel:0.5", "", {}, last).first == Code::kUsage);
  CHECK(parse("block:0.5", "", {}, last).first == Code::kOk);
}

}  // namespace
}  // namespace cutis::convert
