// Channel pruning: which channels hang together, that removing them computes what setting them to zero does, that channels
// without effect go by themselves and nothing changes.
#include "converter/prune/channels.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "converter/graph/passes.h"
#include "converter/prune/channel_edit.h"
#include "converter/prune/channel_groups.h"
#include "tests/converter/graph_eval.h"

namespace cutis::convert {
namespace {

size_t Size(int64_t value) { return static_cast<size_t>(value); }

std::vector<double> Noise(const Graph& graph, uint64_t seed) {
  Random random(seed);
  std::vector<double> input;
  for (int64_t i = 0; i < ElementCount(DimsOf(graph, graph.inputs[0])); ++i) {
    input.push_back(static_cast<double>(random.Real(-1, 1)));
  }
  return input;
}

double Difference(const Graph& a, const Graph& b) {
  double difference = 0, largest = 0;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const std::vector<double> x = Evaluate(a, Noise(a, seed))[Size(a.outputs[0])];
    const std::vector<double> y = Evaluate(b, Noise(b, seed))[Size(b.outputs[0])];
    if (x.size() != y.size()) return HUGE_VAL;
    for (size_t i = 0; i < x.size(); ++i) {
      difference = std::max(difference, std::fabs(x[i] - y[i]));
      largest = std::max(largest, std::fabs(x[i]));
    }
  }
  return largest > 0.01 ? difference / largest : HUGE_VAL;
}

// A network of every kind of tie. The values that tests look at are kept.
struct Example {
  Graph graph;
  ValueId stem, expanded, depthwise, sum, gate, gated, left, right, joined;
};

// stem -> expand, depthwise, project, residual sum with the stem -> squeeze-excite gate -> two branches, concatenated -> head
Example MakeExample(uint64_t seed) {
  GraphBuilder b(seed, {1, 3, 6, 5});
  Example e;
  e.stem = b.Clip(b.Conv(0, 24, 3));
  e.expanded = b.Clip(b.Conv(e.stem, 64, 1));
  e.depthwise = b.Clip(b.Conv(e.expanded, 64, 3, 64));
  e.sum = b.Op("Add", {b.Conv(e.depthwise, 24, 1), e.stem});
  const ValueId squeezed = b.Clip(b.Conv(b.GlobalPool(e.sum), 8, 1));
  e.gate = b.Op("Sigmoid", {b.Conv(squeezed, 24, 1)});
  e.gated = b.Op("Mul", {e.sum, e.gate});
  e.left = b.Clip(b.Conv(e.gated, 16, 1));
  e.right = b.Conv(e.gated, 32, 3);
  e.joined = b.Op("Concat", {e.left, e.right}, {{"axis", int64_t{1}}});
  const ValueId top = b.Clip(b.Conv(e.joined, 40, 1));
  const ValueId flat = b.Reshape(b.GlobalPool(top), {1, 40});
  e.graph = b.Build(b.Gemm(flat, 5));
  return e;
}

int GroupOf(const ChannelGroups& all, ValueId id, size_t channel) { return all.of_value[Size(id)][channel]; }

int64_t Channels(const Graph& graph, const std::string& node) {
  for (const Node& n : graph.nodes) {
    if (n.name == node) return DimsOf(graph, n.outputs[0])[1];
  }
  return -1;
}

TEST_CASE("channels that hang together") {
  const Example e = MakeExample(1);
  const ChannelGroups all = FindChannelGroups(e.graph);
  for (size_t c = 0; c < 64; ++c) CHECK(GroupOf(all, e.expanded, c) == GroupOf(all, e.depthwise, c));
  for (size_t c = 0; c < 24; ++c) {
    const int group = GroupOf(all, e.stem, c);
    CHECK(GroupOf(all, e.sum, c) == group);
    CHECK(GroupOf(all, e.gate, c) == group);
    CHECK(GroupOf(all, e.gated, c) == group);
    CHECK(all.groups[Size(group)].rows.size() == 3);     // stem, project, gate
    CHECK(all.groups[Size(group)].columns.size() == 4);  // expand, squeeze, left, right
  }
  for (size_t c = 0; c < 16; ++c) CHECK(GroupOf(all, e.left, c) == GroupOf(all, e.joined, c));
  for (size_t c = 0; c < 32; ++c) CHECK(GroupOf(all, e.right, c) == GroupOf(all, e.joined, 16 + c));
  CHECK(GroupOf(all, e.left, 0) != GroupOf(all, e.left, 1));
  CHECK(GroupOf(all, e.left, 0) != GroupOf(all, e.right, 0));
  CHECK(all.groups[Size(GroupOf(all, e.graph.inputs[0], 0))].frozen);
  CHECK(all.groups[Size(GroupOf(all, e.graph.outputs[0], 4))].frozen);
  CHECK_FALSE(all.groups[Size(GroupOf(all, e.sum, 0))].frozen);
}

TEST_CASE("what is not understood keeps its channels") {
  GraphBuilder b(3, {1, 8, 4, 4});
  const ValueId x = b.Conv(0, 16, 1);
  const ValueId grouped = b.Conv(x, 16, 1, 4);
  const ValueId y = b.Conv(grouped, 16, 1);
  const ValueId odd = b.Op("Transpose", {y}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}});
  const Graph graph = b.Build(b.Conv(odd, 4, 1));
  const ChannelGroups all = FindChannelGroups(graph);
  for (const ValueId id : {x, grouped, y, odd}) CHECK(all.groups[Size(GroupOf(all, id, 3))].frozen);
  PruneOptions options;
  options.mode = PruneMode::kChannel;
  options.rate = 0.9;
  options.first = true;
  Graph pruned = graph;
  const auto report = PruneChannels(options, nullptr, pruned);
  REQUIRE(report.ok());
  CHECK(report.value().units == 0);
  CHECK(Difference(graph, pruned) == 0);
}

TEST_CASE("reductions tie channels only where they go along") {
  GraphBuilder b(3, {1, 8, 4, 4});
  const ValueId x = b.Conv(0, 4, 1), y = b.Conv(0, 4, 1), z = b.Conv(0, 4, 1);
  const auto reduce = [&](ValueId from, std::vector<int64_t> axes, Dims dims) {
    const ValueId id = b.Op("ReduceMax", {from}, {{"axes", std::move(axes)}, {"keepdims", int64_t{0}}});
    b.graph().values[Size(id)].dims = std::move(dims);
    return id;
  };
  const ValueId pooled = reduce(x, {2, 3}, {1, 4});
  const ValueId crossed = reduce(y, {1}, {1, 4, 4});  // what follows the images is the height
  const ValueId first = b.Gemm(pooled, 3);
  b.Build(first);
  b.graph().outputs.push_back(crossed);
  b.graph().outputs.push_back(z);
  const ChannelGroups all = FindChannelGroups(b.graph());
  CHECK(GroupOf(all, x, 2) == GroupOf(all, pooled, 2));
  CHECK_FALSE(all.groups[Size(GroupOf(all, x, 2))].frozen);
  CHECK(GroupOf(all, y, 2) != GroupOf(all, crossed, 2));
  CHECK(all.groups[Size(GroupOf(all, y, 2))].frozen);
}

// Removing groups gives what the whole network gives when nothing reads them.
TEST_CASE("removal computes what zero columns do") {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    const Example e = MakeExample(seed);
    const ChannelGroups all = FindChannelGroups(e.graph);
    Random random(seed);
    std::vector<bool> dead;
    for (const ChannelGroup& group : all.groups) dead.push_back(!group.frozen && random.Below(2) == 0);
    for (const ValueId id : {e.stem, e.expanded, e.left, e.right}) dead[Size(GroupOf(all, id, 1))] = false;
    Graph zeroed = e.graph;
    for (size_t g = 0; g < dead.size(); ++g) {
      if (!dead[g]) continue;
      for (const WeightSlice& slice : all.groups[g].columns) {
        ScaleWeights(zeroed, zeroed.nodes[Size(slice.node)], 1,
                     [&](size_t, size_t column) { return column == Size(slice.channel) ? 0.0f : 1.0f; });
      }
    }
    Graph pruned = e.graph;
    const Status status = RemoveChannels(pruned, all, dead, [](ValueId, int32_t) { return 0.0; });
    INFO(std::string(status.text()));
    REQUIRE(status.ok());
    CHECK(DimsOf(pruned, e.expanded)[1] < 64);
    CHECK(DimsOf(pruned, e.joined)[1] == DimsOf(pruned, e.left)[1] + DimsOf(pruned, e.right)[1]);
    CHECK(DimsOf(pruned, e.gate)[1] == DimsOf(pruned, e.sum)[1]);
    CHECK(Difference(zeroed, pruned) < 1e-6);
    CHECK(Difference(e.graph, pruned) > 1e-3);  // they had an effect
    REQUIRE(RemoveDeadCode(pruned).ok());
    CHECK(Difference(zeroed, pruned) < 1e-6);
  }
}

TEST_CASE("constants with a value for each channel are cut along") {
  GraphBuilder b(5, {1, 3, 4, 4});
  const ValueId x = b.Conv(0, 8, 1);
  const ValueId factors = AddConstant(b.graph(), "factors", MakeFloats({8, 1, 1}, {1, 2, 3, 4, 5, 6, 7, 8}));
  const ValueId scaled = b.Op("Mul", {x, factors});
  const Graph graph = b.Build(b.Conv(scaled, 3, 1));
  const ChannelGroups all = FindChannelGroups(graph);
  std::vector<bool> dead(all.groups.size(), false);
  for (const size_t c : {1u, 4u, 5u}) dead[Size(GroupOf(all, x, c))] = true;
  Graph zeroed = graph;
  ScaleWeights(zeroed, zeroed.nodes.back(), 1, [](size_t, size_t c) { return c == 1 || c == 4 || c == 5 ? 0.0f : 1.0f; });
  Graph pruned = graph;
  REQUIRE(RemoveChannels(pruned, all, dead, [](ValueId, int32_t) { return 0.0; }).ok());
  CHECK(ReadFloats(*ConstantInput(pruned, Producer(pruned, scaled), 1)) == std::vector<float>{1, 3, 4, 7, 8});
  CHECK(Difference(zeroed, pruned) < 1e-6);
}

TEST_CASE("channels that are zero go without being asked, and nothing changes") {
  Example e = MakeExample(2);
  // 16 of the 64 expanded channels are zero: weights, bias, and those of the depthwise convolution; 8 of the right branch are
  // read by nobody; 4 channels of the residual stream are zero in both summands.
  const auto drop = [](size_t from, size_t to) {
    return [=](size_t row, size_t) { return row >= from && row < to ? 0.0f : 1.0f; };
  };
  const auto zero_rows = [&](ValueId value, size_t from, size_t to) {
    Node* node = &Producer(e.graph, value);
    if (node->op == "Clip") node = &Producer(e.graph, node->inputs[0]);
    for (const size_t input : {1u, 2u}) ScaleWeights(e.graph, *node, input, drop(from, to));
  };
  zero_rows(e.expanded, 3, 19);
  zero_rows(e.depthwise, 3, 19);
  zero_rows(e.stem, 20, 24);
  zero_rows(Producer(e.graph, e.sum).inputs[0], 20, 24);
  Node& top =
      *std::find_if(e.graph.nodes.begin(), e.graph.nodes.end(), [&](const Node& node) { return node.inputs[0] == e.joined; });
  ScaleWeights(e.graph, top, 1, [](size_t, size_t column) { return column >= 20 && column < 28 ? 0.0f : 1.0f; });
  const Graph whole = e.graph;
  const auto dead = RemoveDeadChannels(e.graph);
  REQUIRE(dead.ok());
  CHECK(dead.value().removed == 16 + 8 + 4);
  CHECK(Difference(whole, e.graph) < 1e-6);
  CHECK(Channels(e.graph, "Conv0") == 20);
  CHECK(Channels(e.graph, "Conv2") == 48);
  CHECK(Channels(e.graph, "Concat17") == 40);
  const auto& kept = dead.value().values.at("Conv2:0");
  CHECK(kept.channels == 64);
  REQUIRE(kept.kept.size() == 48);
  CHECK(kept.kept[2] == 2);
  CHECK(kept.kept[3] == 19);
  // Statistics of the whole network are cut to fit; those that fit stay.
  Calibration calibration;
  calibration.tensors.resize(2);
  calibration.tensors[0].name = "Conv2:0";
  for (uint16_t c = 0; c < 64; ++c) calibration.tensors[0].channel_means.push_back(c);
  calibration.tensors[1].name = "Concat17:0";
  calibration.tensors[1].channel_means.resize(40);
  CutCalibration(dead.value(), calibration);
  CHECK(calibration.tensors[0].channel_means.size() == 48);
  CHECK(calibration.tensors[0].channel_means[3] == 19);
  CHECK(calibration.tensors[1].channel_means.size() == 40);
}

TEST_CASE("fewer dead channels than a step stay") {
  Example e = MakeExample(2);
  for (const size_t input : {1u, 2u}) {
    ScaleWeights(e.graph, Producer(e.graph, Producer(e.graph, e.left).inputs[0]), input,
                 [](size_t row, size_t) { return row < 3 ? 0.0f : 1.0f; });
  }
  const auto dead = RemoveDeadChannels(e.graph);
  REQUIRE(dead.ok());
  CHECK(dead.value().removed == 0);
}

TEST_CASE("dead channels stay where their going would break blocks of pruned weights") {
  // 64 channels; each panel of 16 of the first layer keeps the blocks of one k-group of the 16 inputs.
  const auto make = [](const std::function<bool(size_t)>& is_dead, bool pruned) {
    GraphBuilder b(5, {1, 16, 6, 6});
    const ValueId x = b.Conv(0, 64, 1);
    Graph graph = b.Build(b.Conv(b.Clip(x), 16, 1));
    Node& node = Producer(graph, x);
    ScaleWeights(graph, node, 1, [&](size_t row, size_t column) {
      return !is_dead(row) && (!pruned || row / 16 == column / 4) ? 1.0f : 0.0f;
    });
    ScaleWeights(graph, node, 2, [&](size_t row, size_t) { return is_dead(row) ? 0.0f : 1.0f; });
    return graph;
  };
  const auto scattered = [](size_t row) { return row == 5 || row == 6 || row == 7 || row == 9; };
  const auto panel = [](size_t row) { return row / 16 == 1; };
  const auto removed = [&](const std::function<bool(size_t)>& is_dead, bool pruned) {
    Graph graph = make(is_dead, pruned);
    const Graph whole = graph;
    const auto dead = RemoveDeadChannels(graph);
    REQUIRE(dead.ok());
    CHECK(Difference(whole, graph) < 1e-6);
    return dead.value().removed;
  };
  CHECK(removed(scattered, false) == 4);
  CHECK(removed(scattered, true) == 0);  // 7 live blocks of the first layer instead of 4, one less of the second
  CHECK(removed(panel, true) == 16);
  CHECK(removed([&](size_t row) { return panel(row) || scattered(row); }, true) == 16);
}

TEST_CASE("a channel that only its bias makes goes into the biases that follow") {
  // padded, sign of the biases, scale stated by the source
  for (int variant = 0; variant < 8; ++variant) {
    const bool padded = variant & 1, stated = variant & 4;
    const float sign = variant & 2 ? 1.0f : -1.0f;
    CAPTURE(variant);
    GraphBuilder b(9, {1, 3, 6, 6});
    const ValueId x = b.Conv(0, 12, 1);
    const ValueId clipped = b.Clip(x);
    Graph whole = b.Build(b.Conv(clipped, 5, 3, 1, padded ? 1 : 0));
    Node& node = Producer(whole, x);
    ScaleWeights(whole, node, 1, [](size_t row, size_t) { return row < 4 ? 0.0f : 1.0f; });
    std::vector<float> bias = ReadFloats(*ConstantInput(whole, node, 2));
    for (size_t n = 0; n < 4; ++n) bias[n] = sign * (0.5f + static_cast<float>(n));
    node.inputs[2] = AddConstant(whole, "bias", MakeFloats({12}, bias));
    if (stated) whole.values[Size(clipped)].quantization = std::make_shared<Quantization>();
    Graph graph = whole;
    const auto dead = RemoveDeadChannels(graph);
    REQUIRE(dead.ok());
    // Clipped to zero, padding and all; positive, the border would notice, and so would the integers of a stated scale.
    CHECK(dead.value().removed == (sign > 0 && (padded || stated) ? 0 : 4));
    CHECK(Difference(whole, graph) < 1e-6);
  }
}

TEST_CASE("pruning takes the least important groups, in whole steps, and spares the first layer") {
  Example e = MakeExample(4);
  // The channels 0..31 of the expansion matter less than all others.
  Node& expand = Producer(e.graph, Producer(e.graph, e.expanded).inputs[0]);
  ScaleWeights(e.graph, expand, 1, [](size_t row, size_t) { return row < 32 ? 0.01f : 1.0f; });
  for (Node& node : e.graph.nodes) {
    if (node.inputs[0] == e.depthwise) {
      ScaleWeights(e.graph, node, 1, [](size_t, size_t column) { return column < 32 ? 0.01f : 1.0f; });
    }
  }
  PruneOptions options;
  options.mode = PruneMode::kChannel;
  options.rate = 0.15;
  Graph pruned = e.graph;
  const auto report = PruneChannels(options, nullptr, pruned);
  REQUIRE(report.ok());
  // The residual stream begins with the stem, so it is spared; expanded 64, squeezed 8, left 16, right 32, top 40 are not.
  CHECK(report.value().units == 64 + 8 + 16 + 32 + 40);
  std::map<std::string, std::string> spared;
  for (const PrunedLayer& layer : report.value().layers) spared[layer.name] = layer.spared;
  CHECK(spared["Conv0"] == "first");
  CHECK(spared["Conv2"] == "");
  CHECK(spared[e.graph.nodes.back().name] == "fixed");  // the outputs
  CHECK(Channels(pruned, "Conv0") == 24);
  CHECK(Channels(pruned, "Conv2") == 48);
  const int64_t removed = report.value().removed;
  CHECK(removed == 16);
  const std::vector<float> kept = ReadFloats(*ConstantInput(
      pruned, *std::find_if(pruned.nodes.begin(), pruned.nodes.end(), [](const Node& n) { return n.name == "Conv2"; }), 2));
  const std::vector<float> before = ReadFloats(*ConstantInput(e.graph, expand, 2));
  for (size_t n = 32; n < 64; ++n) CHECK(std::find(kept.begin(), kept.end(), before[n]) != kept.end());

  options.first = true;
  options.rate = 0.5;
  pruned = e.graph;
  const auto all = PruneChannels(options, nullptr, pruned);
  REQUIRE(all.ok());
  CHECK(all.value().units == 64 + 8 + 16 + 32 + 40 + 24);
  CHECK(std::abs(2 * all.value().removed - all.value().units) <= 24);
  CHECK(Channels(pruned, "Conv0") % 4 == 0);
  CHECK(Channels(pruned, "Conv2") % 16 == 0);
  CHECK(Channels(pruned, "Conv0") >= 4);

  options.limits = {{"Conv2", 0.0}, {"Conv0", 0.25}};
  pruned = e.graph;
  const auto limited = PruneChannels(options, nullptr, pruned);
  REQUIRE(limited.ok());
  for (const PrunedLayer& layer : limited.value().layers) spared[layer.name] = layer.spared;
  CHECK(spared["Conv2"] == "limit");
  CHECK(spared["Conv0"] == "");
  CHECK(Channels(pruned, "Conv2") == 64);
  CHECK(Channels(pruned, "Conv0") >= 18);
}

TEST_CASE("the mean of what goes stays in the biases") {
  GraphBuilder b(7, {1, 3, 5, 5});
  const ValueId x = b.Clip(b.Conv(0, 32, 1));
  const Graph graph = b.Build(b.GlobalPool(b.Conv(x, 6, 1)));
  Moments moments;
  TensorMoments& of_x = moments[graph.values[Size(x)].name];
  of_x.mean.resize(32);
  of_x.mean_square.resize(32);
  const std::vector<double> input = Noise(graph, 1);
  const std::vector<double> values = Evaluate(graph, input)[Size(x)];
  for (size_t i = 0; i < values.size(); ++i) {
    of_x.mean[i / 25] += values[i] / 25;
    of_x.mean_square[i / 25] += values[i] * values[i] / 25;
  }
  for (const PruneBy by : {PruneBy::kL1, PruneBy::kActivation}) {
    PruneOptions options;
    options.mode = PruneMode::kChannel;
    options.rate = 0.5;
    options.first = true;
    options.by = by;
    Graph pruned = graph;
    const auto report = PruneChannels(options, &moments, pruned);
    REQUIRE(report.ok());
    CHECK(report.value().removed == 16);
    // A mean of a linear layer: exact.
    const std::vector<double> whole = Evaluate(graph, input)[Size(graph.outputs[0])];
    const std::vector<double> part = Evaluate(pruned, input)[Size(pruned.outputs[0])];
    for (size_t i = 0; i < whole.size(); ++i) CHECK(std::fabs(whole[i] - part[i]) < 1e-5);
  }
  PruneOptions options;
  options.mode = PruneMode::kChannel;
  options.by = PruneBy::kActivation;
  Graph pruned = graph;
  CHECK(PruneChannels(options, nullptr, pruned).status().code() == Code::kUsage);
}

TEST_CASE("one family alone, for the sensitivity") {
  const Example e = MakeExample(6);
  for (const ChannelFamily& family : ListFamilies(e.graph)) {
    Graph pruned = e.graph;
    REQUIRE(PruneFamily(family, PruneBy::kL1, 0.5, nullptr, pruned).ok());
    CHECK(Channels(pruned, family.layer) == Channels(e.graph, family.layer) - (family.channels + 1) / 2);
    Graph one = e.graph;
    REQUIRE(PruneFamily(family, PruneBy::kL1, 1, nullptr, one).ok());
    CHECK(Channels(one, family.layer) == Channels(e.graph, family.layer) - family.channels + 1);
  }
}

}  // namespace
}  // namespace cutis::convert
