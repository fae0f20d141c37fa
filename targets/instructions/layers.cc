// A chain of 8-bit layers, run many times by Cutis or by XNNPACK, for count.c to count the instructions of (compare.py builds
// and runs both):
//   layers cutis|xnnpack RUNS SIZE CHANNELS DEAD LAYER...      LAYER: conv:OUTPUTS:KERNEL:STRIDE  depthwise:KERNEL:STRIDE  add
//   layers check    0 SIZE CHANNELS DEAD LAYER...              whether both give the same bytes (no add: XNNPACK rounds that in
//   another way)
// on an image of SIZE x SIZE; DEAD percent of the blocks of weights are zero, and not stored by Cutis. `add` adds the chain's
// input. Cutis runs two layers and more as one block (ops/block), XNNPACK one after the other, by its operators of int8 with a
// scale for each channel.
#include <dlfcn.h>
#include <xnnpack.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "ops/block/block.h"
#include "tests/ops/conv_u8_node.h"

namespace cutis::test {

void CountCheck() {}
void FailCheck(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

namespace {

constexpr int32_t kStripPixels = 200;  // as converter/plan/blocks.cc has it

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "layers: %s\n", why.c_str());
  std::exit(1);
}
void Require(bool good, const char* what) {
  if (!good) Fail(what);
}

size_t Size(int32_t value) { return static_cast<size_t>(value); }
uint32_t Unsigned(int32_t value) { return static_cast<uint32_t>(value); }
int8_t Signed(int32_t byte) { return static_cast<int8_t>(byte - 128); }

// The window that leaves ceil(size / stride) outputs: "same" padding, the odd pixel at the end.
Window SameWindow(int32_t size, int32_t kernel, int32_t stride) {
  const int32_t outputs = (size + stride - 1) / stride;
  const int32_t total = std::max((outputs - 1) * stride + kernel - size, 0);
  return {kernel, kernel, stride, stride, 1, 1, total / 2, total / 2, total - total / 2, total - total / 2};
}

struct Chain {
  std::vector<std::unique_ptr<ConvU8TestNode>> layers;
  bool add = false;
  TensorInfo sum;
  const TensorInfo* add_inputs[2] = {};
  Node add_node;

  std::vector<const Node*> nodes() const {
    std::vector<const Node*> all;
    for (const auto& layer : layers) all.push_back(&layer->node);
    if (add) all.push_back(&add_node);
    return all;
  }
};

// Outputs as in a network: behind ReLU6 the range begins at 0, in front of a sum (the second convolution) it lies around 128.
void SetOutput(ConvU8TestNode& layer, bool linear) {
  const OutputU8 out = {linear ? 128 : 0, 0, 255};
  layer.out.zero_point = out.zero_point;
  if (auto* conv = std::get_if<ConvU8Options>(&layer.node.options)) conv->out = out;
  if (auto* depthwise = std::get_if<DepthwiseU8Options>(&layer.node.options)) depthwise->out = out;
}

void Append(Chain& chain, const char* text, int32_t size, int32_t channels, int dead) {
  int outputs = 0, kernel = 0, stride = 0;
  ConvLayer layer;
  layer.in_h = layer.in_w = size;
  layer.in_c = channels;
  if (!chain.layers.empty()) {
    const TensorInfo& before = chain.layers.back()->out;
    layer.in_h = before.shape.height;
    layer.in_w = before.shape.width;
    layer.in_c = before.shape.channels;
  }
  if (std::sscanf(text, "conv:%d:%d:%d", &outputs, &kernel, &stride) == 3) {
    layer.out_c = outputs;
    layer.dead = dead;
  } else if (std::sscanf(text, "depthwise:%d:%d", &kernel, &stride) == 2) {
    layer.kind = OpKind::kDepthwise;
    layer.out_c = layer.in_c;
  } else {
    Fail(std::string(text) + " is no layer");
  }
  layer.window = SameWindow(layer.in_h, kernel, stride);
  auto node = std::make_unique<ConvU8TestNode>(layer, chain.layers.size() + 1);
  SetOutput(*node, !chain.layers.empty() && layer.kind == OpKind::kConv);
  if (!chain.layers.empty()) node->inputs[0] = &chain.layers.back()->out;
  const Status status = node->op->check(node->node);
  if (!status.ok()) Fail(std::string(status.text()));
  chain.layers.push_back(std::move(node));
}

void AppendAdd(Chain& chain) {
  chain.add = true;
  chain.sum = chain.layers.back()->out;
  chain.add_inputs[0] = &chain.layers.back()->out;
  chain.add_inputs[1] = &chain.layers.front()->in;
  chain.add_node.kind = OpKind::kAdd;
  chain.add_node.inputs = chain.add_inputs;
  chain.add_node.output = &chain.sum;
  chain.add_node.options = AddU8Options{0.75f, 0.5f, {128, 0, 255}};
  const Status status = FindOp(OpKind::kAdd, DataType::kU8)->check(chain.add_node);
  if (!status.ok()) Fail(std::string(status.text()));
}

// Leaves the result in the memory of the last layer's output.
void RunCutis(Chain& chain, int runs) {
  const Result<CpuFeatures> cpu = CpuFromEnvironment();
  if (!cpu.ok()) Fail(std::string(cpu.status().text()));
  const std::byte* x = reinterpret_cast<const std::byte*>(chain.layers.front()->x.data());
  std::byte* y = reinterpret_cast<std::byte*>(chain.layers.back()->y.data());
  const std::vector<const Node*> nodes = chain.nodes();
  if (nodes.size() == 1) {
    const Op& op = *chain.layers[0]->op;
    const GuardedBuffer scratch(op.scratch_bytes(*nodes[0]));
    const Kernel* kernel = ChooseKernel(KernelKindOf(op, *nodes[0]), cpu.value());
    for (int i = 0; i < runs; ++i) {
      op.run(*nodes[0], kernel->fn, {&x, y, 1}, 0, op.units(*nodes[0], 1), reinterpret_cast<std::byte*>(scratch.data()));
    }
    return;
  }
  BlockNodes block;
  const Status status = SortBlock(nodes, &block);
  if (!status.ok()) Fail(std::string(status.text()));
  const Shape& out = block.last().output->shape;
  const int32_t rows = std::min(out.height, (kStripPixels + out.width - 1) / out.width);
  const GuardedBuffer scratch(BlockScratchBytes(block, rows));
  const BlockArgs args = {ChooseBlockKernels(block, cpu.value()), x, chain.add ? x : nullptr, y, rows};
  for (int i = 0; i < runs; ++i) {
    RunBlock(block, args, 0, BlockUnits(block, 1), reinterpret_cast<std::byte*>(scratch.data()));
  }
}

// An operator of XNNPACK, ready to run, with the memory that it writes to.
struct Ready {
  xnn_operator_t op = nullptr;
  std::vector<int8_t> y;
};

// XNNPACK takes int8 activations (byte ^ 0x80, zero points less 128) and subtracts the zero point itself, which our bias
// contains already.
void SetUp(const ConvU8TestNode& layer, const int8_t* x, Ready& ready) {
  const Window& w = layer.layer.window;
  const bool depthwise = layer.layer.kind == OpKind::kDepthwise;
  const int32_t in_c = layer.layer.in_c, out_c = layer.layer.out_c, groups = depthwise ? in_c : 1;
  const int32_t zero_point = layer.inputs[0]->zero_point;
  const OutputU8 out = layer.Clamp();
  std::vector<int32_t> bias = layer.plain_bias;
  const size_t terms = layer.plain.size() / bias.size();
  for (size_t i = 0; i < layer.plain.size(); ++i) bias[i / terms] += zero_point * layer.plain[i];
  Require(xnn_create_convolution2d_nhwc_qs8_qc8w(
              Unsigned(w.pad_top), Unsigned(w.pad_right), Unsigned(w.pad_bottom), Unsigned(w.pad_left), Unsigned(w.kernel_h),
              Unsigned(w.kernel_w), Unsigned(w.stride_h), Unsigned(w.stride_w), 1, 1, Unsigned(groups), Size(in_c / groups),
              Size(out_c / groups), Size(in_c), Size(out_c), Signed(zero_point), 1.0f, layer.plain_multiplier.data(),
              layer.plain.data(), bias.data(), Signed(out.zero_point), 1.0f, Signed(out.lo), Signed(out.hi), 0, nullptr,
              nullptr, &ready.op) == xnn_status_success,
          "XNNPACK refuses a convolution");
  size_t workspace = 0, alignment = 0, height = 0, width = 0;
  Require(xnn_reshape_convolution2d_nhwc_qs8_qc8w(ready.op, 1, Size(layer.layer.in_h), Size(layer.layer.in_w), &workspace,
                                                  &alignment, &height, &width, nullptr) == xnn_status_success &&
              workspace == 0,
          "XNNPACK wants what this program does not give");
  ready.y.resize(height * width * Size(out_c) + XNN_EXTRA_BYTES);
  Require(xnn_setup_convolution2d_nhwc_qs8_qc8w(ready.op, nullptr, x, ready.y.data()) == xnn_status_success,
          "XNNPACK refuses an image");
}

void SetUpAdd(const Chain& chain, const int8_t* a, const int8_t* b, Ready& ready) {
  const xnn_quantization_params of_a = {0, 0.75f}, of_b = {Signed(chain.layers.front()->in.zero_point), 0.5f},
                                of_sum = {0, 1.0f};
  const Shape& s = chain.sum.shape;
  const size_t shape[] = {Size(s.height), Size(s.width), Size(s.channels)};
  ready.y.resize(shape[0] * shape[1] * shape[2] + XNN_EXTRA_BYTES);
  Require(xnn_create_binary_elementwise_nd(xnn_binary_add, xnn_datatype_qint8, &of_a, &of_b, &of_sum, 0, &ready.op) ==
                  xnn_status_success &&
              xnn_reshape_binary_elementwise_nd(ready.op, 3, shape, 3, shape, nullptr) == xnn_status_success &&
              xnn_setup_binary_elementwise_nd(ready.op, a, b, ready.y.data()) == xnn_status_success,
          "XNNPACK refuses a sum");
}

// Its result, without gaps between pixels.
std::vector<int8_t> RunXnnpack(const Chain& chain, int runs) {
  Require(xnn_initialize(nullptr) == xnn_status_success, "XNNPACK does not support this machine");
  const ConvU8TestNode& first = *chain.layers.front();
  const size_t channels = Size(first.layer.in_c), pixels = Size(first.layer.in_h) * Size(first.layer.in_w);
  std::vector<int8_t> x(pixels * channels + XNN_EXTRA_BYTES);
  for (size_t i = 0; i < pixels * channels; ++i) {
    x[i] = Signed(first.x.data()[i / channels * Size(first.in.channel_stride) + i % channels]);
  }
  std::vector<Ready> all(chain.nodes().size());
  const int8_t* in = x.data();
  for (size_t i = 0; i < chain.layers.size(); ++i) {
    SetUp(*chain.layers[i], in, all[i]);
    in = all[i].y.data();
  }
  if (chain.add) SetUpAdd(chain, in, x.data(), all.back());
  for (int i = 0; i < runs; ++i) {
    for (const Ready& ready : all) Require(xnn_run_operator(ready.op, nullptr) == xnn_status_success, "XNNPACK failed");
  }
  for (const Ready& ready : all) xnn_delete_operator(ready.op);
  return all.back().y;
}

void Check(Chain& chain) {
  Require(!chain.add, "sums are not compared");
  RunCutis(chain, 1);
  const std::vector<int8_t> theirs = RunXnnpack(chain, 1);
  const ConvU8TestNode& last = *chain.layers.back();
  const size_t channels = Size(last.layer.out_c), count = theirs.size() - XNN_EXTRA_BYTES;
  size_t different = 0;
  for (size_t i = 0; i < count; ++i) {
    different += Signed(last.y.data()[i / channels * Size(last.out.channel_stride) + i % channels]) != theirs[i] ? 1 : 0;
  }
  std::printf("%zu of %zu bytes differ\n", different, count);
  if (different != 0) std::exit(1);
}

// Where the library lies, since QEMU does not know its symbols.
void PrintLibrary() {
  Dl_info info;
  Require(dladdr(dlsym(RTLD_DEFAULT, "xnn_initialize"), &info) != 0, "where XNNPACK lies is not known");
  std::printf("XNNPACK %p\n", info.dli_fbase);
}

}  // namespace
}  // namespace cutis::test

int main(int argc, char** argv) {
  using namespace cutis::test;
  Require(argc >= 7, "give: cutis|xnnpack|check RUNS SIZE CHANNELS DEAD LAYER...");
  const std::string what = argv[1];
  const int runs = std::atoi(argv[2]);
  Chain chain;
  for (int i = 6; i < argc; ++i) {
    if (std::strcmp(argv[i], "add") == 0 && i == argc - 1 && !chain.layers.empty()) {
      AppendAdd(chain);
    } else {
      Append(chain, argv[i], std::atoi(argv[3]), std::atoi(argv[4]), std::atoi(argv[5]));
    }
  }
  Require(!chain.layers.empty(), "no layer");
  if (what == "cutis") {
    RunCutis(chain, runs);
  } else if (what == "xnnpack") {
    PrintLibrary();
    RunXnnpack(chain, runs);
  } else if (what == "check") {
    Check(chain);
  } else {
    Fail(what + " is neither cutis, xnnpack nor check");
  }
  return 0;
}
