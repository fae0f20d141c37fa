// Blocks against their own nodes, one by one with the reference kernels: every instruction set, every height of strips, every
// cut of the units; scratch of exactly the stated size, nothing written outside.
#include "ops/block/block.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/ops/conv_u8_node.h"
#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

struct Shapes {
  int32_t batch, in_h, in_w, in_c, expanded, out_c;  // expanded 0: no first convolution; out_c 0: no second
  Window first, depthwise;
  bool add;
  int32_t stride_gap = 0;
  size_t image_gap = 0;
  int dead = 0;
};

// The nodes of a block with all that they point to.
class Chain {
 public:
  Chain(const Shapes& s, uint64_t seed) : shapes_(s) {
    ConvLayer layer{OpKind::kConv, s.batch, s.in_h, s.in_w, s.in_c, s.in_c, 1, {}, false, s.stride_gap, s.image_gap, s.dead};
    if (s.expanded != 0) {
      layer.out_c = s.expanded;
      layer.window = s.first;
      Take(layer, seed + 1);
    }
    layer.kind = OpKind::kDepthwise;
    layer.dead = 0;
    layer.window = s.depthwise;
    layer.own_padding = seed % 2 == 0;
    Take(layer, seed + 2);
    if (s.out_c != 0) {
      layer.kind = OpKind::kConv;
      layer.window = {};
      layer.own_padding = false;
      layer.dead = s.dead;
      layer.out_c = s.out_c;
      Take(layer, seed + 3);
    }
    if (s.add) TakeAdd(seed + 4);
  }

  std::vector<const Node*> nodes() const {
    std::vector<const Node*> all;
    for (const auto& node : layers_) all.push_back(&node->node);
    if (shapes_.add) all.push_back(&add_);
    return all;
  }
  const TensorInfo& output() const { return shapes_.add ? sum_ : layers_.back()->out; }
  size_t output_bytes() const { return output().image_bytes * static_cast<size_t>(shapes_.batch); }
  const std::byte* input() const { return reinterpret_cast<const std::byte*>(layers_[0]->x.data()); }
  const std::byte* residual() const { return reinterpret_cast<const std::byte*>(residual_->data()); }

  // What the nodes give one by one, in memory that begins as `before`.
  std::vector<uint8_t> OneByOne(const std::vector<uint8_t>& before) {
    const std::byte* x = input();
    for (const auto& layer : layers_) {
      const bool last = layer == layers_.back() && !shapes_.add;
      if (last) std::copy(before.begin(), before.end(), layer->y.data());
      RunNode(layer->node, {&x, reinterpret_cast<std::byte*>(layer->y.data()), shapes_.batch});
      x = reinterpret_cast<const std::byte*>(layer->y.data());
    }
    if (!shapes_.add) return {layers_.back()->y.bytes().begin(), layers_.back()->y.bytes().end()};
    std::vector<uint8_t> result = before;
    const std::byte* operands[2] = {add_inputs_[0] == &other_ ? residual() : x, add_inputs_[1] == &other_ ? residual() : x};
    RunNode(add_, {operands, reinterpret_cast<std::byte*>(result.data()), shapes_.batch});
    return result;
  }

 private:
  void Take(ConvLayer& layer, uint64_t seed) {
    auto node = std::make_unique<ConvU8TestNode>(layer, seed);
    if (!layers_.empty()) node->inputs[0] = &layers_.back()->out;
    const Status status = node->op->check(node->node);
    REQUIRE_MESSAGE(status.ok(), std::string(status.text()));
    layer.in_h = node->out.shape.height;
    layer.in_w = node->out.shape.width;
    layer.in_c = layer.out_c;
    layers_.push_back(std::move(node));
  }

  void TakeAdd(uint64_t seed) {
    Random random(seed);
    sum_ = other_ = layers_.back()->out;
    other_.zero_point = static_cast<int32_t>(random.Between(0, 255));
    const OutputU8 clamp = RandomOutput(random);
    sum_.zero_point = clamp.zero_point;
    residual_ = std::make_unique<GuardedBuffer>(output_bytes());
    random.Fill(residual_->bytes());
    const bool first = seed % 3 == 0;
    add_inputs_[0] = first ? &other_ : &layers_.back()->out;
    add_inputs_[1] = first ? &layers_.back()->out : &other_;
    add_.kind = OpKind::kAdd;
    add_.inputs = add_inputs_;
    add_.output = &sum_;
    add_.options = AddU8Options{0.75f, 0.4f, clamp};
    const Status status = FindOp(OpKind::kAdd, DataType::kU8)->check(add_);
    REQUIRE_MESSAGE(status.ok(), std::string(status.text()));
  }

  static void RunNode(const Node& node, const RunArgs& args) {
    const Op& op = *FindOp(node.kind, DataType::kU8);
    const Kernel* kernel = ChooseKernel(KernelKindOf(op, node), FeatureOf(Isa::kScalar));
    const GuardedBuffer scratch(op.scratch_bytes(node));
    op.run(node, kernel->fn, args, 0, op.units(node, args.batch), reinterpret_cast<std::byte*>(scratch.data()));
  }

  Shapes shapes_;
  std::vector<std::unique_ptr<ConvU8TestNode>> layers_;
  TensorInfo other_, sum_;
  const TensorInfo* add_inputs_[2] = {};
  Node add_;
  std::unique_ptr<GuardedBuffer> residual_;
};

// The kernels of every instruction set that this machine has, and emulated ones of AMX that write quads.
std::vector<BlockKernels> AllKernels(const BlockNodes& block) {
  std::vector<BlockKernels> all;
  for (const Isa isa : kAllIsas) {
    if (const auto mask = MaskCpu(DetectCpu(), NameOf(isa)); mask.ok()) all.push_back(ChooseBlockKernels(block, mask.value()));
  }
  for (const ExtraKernel* extra = FirstExtraKernel(); extra != nullptr; extra = extra->next) {
    if (!all[0].quads || extra->kernel.kind != all[0].expand->kind || extra->kernel.isa != Isa::kAmx) continue;
    all.push_back(all[0]);
    all.back().expand = &extra->kernel;
  }
  return all;
}

// As two threads do it that share the groups at `cut` and the panels as far from the end.
void ShareChannels(const BlockNodes& block, const BlockArgs& args, int64_t images, int64_t cut, Random& random) {
  const auto bytes = static_cast<size_t>(BlockScratchBytes(block, args.rows));
  const GuardedBuffer first(bytes), second(bytes);
  std::byte* const own[] = {reinterpret_cast<std::byte*>(first.data()), reinterpret_cast<std::byte*>(second.data())};
  const int64_t groups = BlockGroups(block), panels = BlockPanels(block);
  const int64_t group = std::min(cut, groups), panel = std::max<int64_t>(panels - cut, 0);
  for (int64_t image = 0; image < images; ++image) {
    random.Fill(first.bytes());
    random.Fill(second.bytes());
    RunBlockGroups(block, args, image, group, groups, own[1], own[0]);
    RunBlockGroups(block, args, image, 0, group, own[0], own[0]);
    if (panel > 0) RunBlockPanels(block, args, image, 0, panel, own[0], own[0]);
    if (panel < panels) RunBlockPanels(block, args, image, panel, panels, own[1], own[0]);
  }
}

void CheckBlock(const Shapes& shapes, uint64_t seed) {
  Chain chain(shapes, seed);
  BlockNodes block;
  const Status sorted = SortBlock(chain.nodes(), &block);
  REQUIRE_MESSAGE(sorted.ok(), std::string(sorted.text()));
  std::vector<uint8_t> before(chain.output_bytes());
  Random random(seed);
  random.Fill(before);
  const std::vector<uint8_t> expected = chain.OneByOne(before);
  const int64_t units = BlockUnits(block, shapes.batch);
  const int32_t height = chain.output().shape.height;
  REQUIRE(units == int64_t{height} * shapes.batch);
  for (const BlockKernels& kernels : AllKernels(block)) {
    const std::string first = kernels.expand != nullptr ? kernels.expand->name : kernels.depthwise->name;
    for (int32_t rows = 1; rows <= height; ++rows) {
      BlockArgs args = {kernels, chain.input(), block.add != nullptr ? chain.residual() : nullptr, nullptr, rows};
      for (int64_t cut = 0; cut < units; cut += 1 + units / 5) {
        const GuardedBuffer y(before.size());
        std::copy(before.begin(), before.end(), y.data());
        args.output = reinterpret_cast<std::byte*>(y.data());
        for (const auto& [begin, end] : {std::pair{int64_t{0}, cut}, std::pair{cut, units}}) {
          const GuardedBuffer scratch(static_cast<size_t>(BlockScratchBytes(block, rows)));
          random.Fill(scratch.bytes());
          RunBlock(block, args, begin, end, reinterpret_cast<std::byte*>(scratch.data()));
        }
        INFO("seed " << seed << ", rows " << rows << ", cut " << cut << ", " << first);
        REQUIRE(std::memcmp(expected.data(), y.data(), expected.size()) == 0);
      }
      REQUIRE(CanShareChannels(block, rows) == (rows == height && block.project != nullptr));
      if (!CanShareChannels(block, rows)) continue;
      for (int64_t cut = 0; cut <= std::max(BlockGroups(block), BlockPanels(block)); ++cut) {
        const GuardedBuffer y(before.size());
        std::copy(before.begin(), before.end(), y.data());
        args.output = reinterpret_cast<std::byte*>(y.data());
        ShareChannels(block, args, shapes.batch, cut, random);
        INFO("seed " << seed << ", channels shared at " << cut << ", " << first);
        REQUIRE(std::memcmp(expected.data(), y.data(), expected.size()) == 0);
      }
    }
  }
}

constexpr Window kThree = {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, kThreeBy2 = {3, 3, 2, 2, 1, 1, 0, 0, 1, 1},
                 kFive = {5, 5, 1, 1, 1, 1, 2, 2, 2, 2}, kFiveBy2 = {5, 5, 2, 2, 1, 1, 1, 1, 2, 2},
                 kWide = {7, 7, 1, 1, 1, 1, 3, 3, 3, 3};

TEST_CASE("blocks equal their nodes") {
  uint64_t seed = 1;
  for (const Window& window : {kThree, kThreeBy2, kFive, kFiveBy2}) {
    CheckBlock({2, 9, 8, 8, 24, 12, {}, window, true}, seed++);
    CheckBlock({1, 10, 7, 5, 70, 20, {}, window, false}, seed++);            // two groups, channels that fill no word
    CheckBlock({1, 8, 9, 16, 0, 24, {}, window, true, 4, 64}, seed++);       // no expansion; gaps
    CheckBlock({2, 7, 7, 12, 40, 0, {}, window, false}, seed++);             // no projection
    CheckBlock({1, 9, 9, 6, 0, 0, {}, window, true}, seed++);                // a depthwise one and a sum
    CheckBlock({1, 17, 15, 3, 32, 16, kThreeBy2, window, false}, seed++);    // the stem
    CheckBlock({1, 8, 8, 40, 130, 33, {}, window, true, 0, 0, 75}, seed++);  // pruned
    CheckBlock({1, 7, 7, 68, 80, 8, {}, window, false}, seed++);             // more than a tile's 16 k-groups
  }
  CheckBlock({1, 12, 9, 8, 16, 8, {}, {3, 3, 1, 1, 2, 2, 2, 2, 2, 2}, true}, seed++);   // dilation
  CheckBlock({1, 12, 9, 8, 16, 8, {}, {2, 3, 4, 3, 1, 1, 0, 1, 0, 1}, false}, seed++);  // rows that no output needs
  CheckBlock({1, 4, 4, 8, 16, 8, {}, {3, 3, 1, 1, 1, 1, 5, 5, 5, 5}, false}, seed++);   // windows wholly in the padding
  CheckBlock({1, 1, 1, 8, 16, 8, {}, kThree, true}, seed++);
  CheckBlock({1, 9, 8, 8, 24, 12, {}, kWide, true}, seed++);  // no window for quads
}

#if defined(__x86_64__)
// By the masks of machines that need not be this one: choosing runs nothing.
TEST_CASE("blocks take quads where the instruction set multiplies them") {
  constexpr CpuFeatures kScalar = FeatureOf(Isa::kScalar), kSse4 = kScalar | FeatureOf(Isa::kSse4),
                        kAvx2 = kSse4 | FeatureOf(Isa::kAvx2), kAvxVnni = kAvx2 | FeatureOf(Isa::kAvxVnni),
                        kCascadeLake = kAvx2 | FeatureOf(Isa::kAvx512Vnni), kIceLake = kCascadeLake | kVbmiFeature,
                        kAmx = kIceLake | FeatureOf(Isa::kAvxVnni) | FeatureOf(Isa::kAmx);
  struct Machine {
    CpuFeatures mask;
    bool quads;
    Isa expand, depthwise;
  };
  constexpr Machine kMachines[] = {{kScalar, true, Isa::kScalar, Isa::kScalar},
                                   {kSse4, false, Isa::kSse4, Isa::kSse4},
                                   {kAvx2, false, Isa::kAvx2, Isa::kAvx2},
                                   {kAvxVnni, true, Isa::kAvxVnni, Isa::kAvxVnni},
                                   {kCascadeLake, false, Isa::kAvx512Vnni, Isa::kAvx2},
                                   {kIceLake, true, Isa::kAvx512Vnni, Isa::kAvx512Vnni},
                                   {kAmx, true, Isa::kAmx, Isa::kAvx512Vnni}};
  for (const int dead : {0, 75}) {
    Chain chain({1, 9, 8, 8, 24, 12, {}, kThree, true, 0, 0, dead}, 1), wide({1, 9, 9, 8, 24, 12, {}, kWide, true}, 1);
    BlockNodes block, other;
    REQUIRE(SortBlock(chain.nodes(), &block).ok());
    REQUIRE(SortBlock(wide.nodes(), &other).ok());
    for (const Machine& machine : kMachines) {
      CAPTURE(machine.mask);
      CAPTURE(dead);
      const BlockKernels kernels = ChooseBlockKernels(block, machine.mask);
      CHECK(kernels.quads == machine.quads);
      CHECK(kernels.expand->isa == machine.expand);
      CHECK(kernels.depthwise->isa == machine.depthwise);
      CHECK(!ChooseBlockKernels(other, machine.mask).quads);
    }
  }
}
#endif

TEST_CASE("what is no block is refused with the reason") {
  Chain chain({1, 6, 6, 8, 16, 8, {}, kThree, true}, 4);
  const std::vector<const Node*> nodes = chain.nodes();
  BlockNodes block;
  const auto refusal = [&](std::vector<const Node*> some) {
    const Status status = SortBlock(some, &block);
    return status.ok() ? std::string() : std::string(status.text());
  };
  CHECK(refusal(nodes).empty());
  CHECK(refusal({nodes[0], nodes[1]}).empty());
  CHECK(refusal({nodes[1], nodes[2], nodes[3]}).empty());
  CHECK(refusal({nodes[1]}).find("2 to 4") != std::string::npos);
  CHECK(refusal({nodes[0], nodes[2]}).find("no depthwise") != std::string::npos);
  CHECK(refusal({nodes[2], nodes[3]}).find("no depthwise") != std::string::npos);
  CHECK(refusal({nodes[1], nodes[3]}).find("sum") != std::string::npos);
  CHECK(refusal({nodes[1], nodes[1]}).find("are not a convolution") != std::string::npos);
  CHECK(refusal({nodes[2], nodes[1]}).find("does not read") != std::string::npos);
  Chain wide({1, 6, 6, 8, 16, 8, kThree, kThree, false}, 5);
  CHECK(refusal({wide.nodes()[1], wide.nodes()[0]}).find("does not read") != std::string::npos);
}

}  // namespace
}  // namespace cutis::test
