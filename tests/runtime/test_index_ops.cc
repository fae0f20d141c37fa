// Files with reductions, products, interpolation and quantisation, several images and constants: what is refused, and that a
// run of them is the same on all threads and instruction sets.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "ops/index.h"
#include "runtime/model.h"
#include "runtime/session.h"
#include "runtime/verify.h"
#include "tests/runtime/test_file.h"

namespace cutis {
namespace {

using flatbuffers::FlatBufferBuilder;
using test::RawModel;

template <class T, size_t n>
flatbuffers::span<const T, n> ToSpan(const T (&values)[n]) {
  return flatbuffers::span<const T, n>(values);
}

// What the file says of a view and a map, also what no View and IndexMap would.
struct RawView {
  int32_t rank = 0;
  int32_t dims[kMaxAxes] = {};
  RawView(std::initializer_list<int32_t> extents) {
    for (const int32_t extent : extents) dims[rank++] = extent;
  }
  format::View ToFormat() const { return {rank, ToSpan(dims)}; }
};
struct RawMap {
  int32_t start[kDims] = {};
  uint8_t dim[kMaxAxes] = {};
  int32_t step[kMaxAxes] = {};
  // Axis by axis: dimension and step.
  RawMap(std::initializer_list<std::pair<uint8_t, int32_t>> axes) {
    int32_t next = 0;
    for (const auto& axis : axes) {
      dim[next] = axis.first;
      step[next++] = axis.second;
    }
  }
  format::IndexMap ToFormat() const { return {ToSpan(start), ToSpan(dim), ToSpan(step)}; }
};

constexpr uint8_t kImage = 0, kHeight = 1, kWidth = 2, kChannel = 3;
constexpr uint32_t kInput = 0, kResized = 1, kBytes = 2, kMean = 3, kMatrix = 4, kProduct = 5, kReal = 6, kSum = 7,
                   kTensors = 8;

// Two images of 4 x 5 x 8 real numbers -> 8 x 10 x 8 -> bytes -> the mean of each row, 8 x 8 a image -> times a constant matrix
// of 8 x 6 -> real numbers; and the sum over images and pixels of the second.
struct IndexNet {
  std::vector<int32_t> low_y, high_y, low_x, high_x;
  std::vector<float> weight_y, weight_x;
  uint8_t mean_function = 1, sum_function = 0;
  RawView mean_view{2, 8, 8}, mean_reduced{10};
  RawMap mean_map{{kImage, 1}, {kHeight, 1}, {kChannel, 1}, {kWidth, 1}};
  float mean_multiplier = 0.1f;
  RawView sum_view{8}, sum_reduced{2, 8, 10};
  RawMap sum_map{{kChannel, 1}, {kImage, 1}, {kHeight, 1}, {kWidth, 1}};
  RawView product_view{2, 8, 6};
  int32_t product_k = 8;
  RawMap product_a{{kImage, 1}, {kWidth, 1}, {kChannel, 0}, {kChannel, 1}};
  RawMap product_b{{kImage, 0}, {kHeight, 0}, {kChannel, 1}, {kWidth, 1}};
  float product_multiplier = 0.25f;
  std::function<void(RawModel*)> last;  // further changes

  IndexNet() {
    for (int32_t y = 0; y < 8; ++y) {
      low_y.push_back(y / 2);
      high_y.push_back(std::min(y / 2 + 1, 3));
      weight_y.push_back(0.25f);
    }
    for (int32_t x = 0; x < 10; ++x) {
      low_x.push_back(x / 2);
      high_x.push_back(std::min(x / 2 + 1, 4));
      weight_x.push_back(0.5f);
    }
  }
};

RawModel MakeModel(const IndexNet& net) {
  RawModel model;
  model.has_preprocess = model.has_verdict = false;
  model.tensors.resize(kTensors);
  const auto tensor = [&](uint32_t index, const char* name, DataType type, std::vector<uint32_t> dims, uint32_t images) {
    test::RawTensor& t = model.tensors[index];
    t.name = name;
    t.type = static_cast<uint8_t>(type);
    t.dims = std::move(dims);
    t.images = images;
    if (type == DataType::kU8) {
      t.scale = 0.05f;
      t.zero_point = 100;
    }
  };
  tensor(kInput, "input", DataType::kF32, {4, 5, 8}, 2);
  tensor(kResized, "resized", DataType::kF32, {8, 10, 8}, 2);
  tensor(kBytes, "bytes", DataType::kU8, {8, 10, 8}, 2);
  tensor(kMean, "mean", DataType::kU8, {1, 8, 8}, 2);
  tensor(kMatrix, "matrix", DataType::kU8, {1, 8, 6}, 1);
  tensor(kProduct, "product", DataType::kU8, {1, 8, 6}, 2);
  tensor(kReal, "real", DataType::kF32, {1, 8, 6}, 2);
  tensor(kSum, "sum", DataType::kF32, {1, 1, 8}, 1);
  model.tensors[kMatrix].data.bytes.assign(64, 102);  // a channel stride of 8; the gaps too
  const auto node = [&](const char* name, OpKind kind, format::Options type, std::vector<uint32_t> inputs, uint32_t output,
                        std::function<flatbuffers::Offset<void>(FlatBufferBuilder&)> write) {
    test::RawNode raw;
    raw.name = name;
    raw.kind = static_cast<uint8_t>(kind);
    raw.inputs = std::move(inputs);
    raw.output = output;
    raw.options.type = static_cast<uint8_t>(type);
    raw.options.write = std::move(write);
    model.nodes.push_back(raw);
  };
  node("resize", OpKind::kResizeLinear, format::Options::ResizeLinear, {kInput}, kResized, [=](FlatBufferBuilder& b) {
    const auto low_y = b.CreateVector(net.low_y), high_y = b.CreateVector(net.high_y);
    const auto low_x = b.CreateVector(net.low_x), high_x = b.CreateVector(net.high_x);
    const auto weight_y = b.CreateVector(net.weight_y), weight_x = b.CreateVector(net.weight_x);
    return format::CreateResizeLinear(b, low_y, high_y, weight_y, low_x, high_x, weight_x).Union();
  });
  node("quantize", OpKind::kQuantize, format::Options::Quantize, {kResized}, kBytes,
       [](FlatBufferBuilder& b) { return format::CreateQuantize(b).Union(); });
  node("mean", OpKind::kReduce, format::Options::ReduceU8, {kBytes}, kMean, [=](FlatBufferBuilder& b) {
    const format::View view = net.mean_view.ToFormat(), reduced = net.mean_reduced.ToFormat();
    const format::IndexMap map = net.mean_map.ToFormat();
    const format::Clamp clamp(0, 255);
    const auto function = static_cast<format::ReduceFunction>(net.mean_function);
    return format::CreateReduceU8(b, function, &view, &reduced, &map, net.mean_multiplier, &clamp).Union();
  });
  node("product", OpKind::kMatMul, format::Options::MatMulU8, {kMean, kMatrix}, kProduct, [=](FlatBufferBuilder& b) {
    const format::View view = net.product_view.ToFormat();
    const format::IndexMap a_map = net.product_a.ToFormat(), b_map = net.product_b.ToFormat();
    const format::Clamp clamp(0, 255);
    return format::CreateMatMulU8(b, &view, net.product_k, &a_map, &b_map, net.product_multiplier, &clamp).Union();
  });
  node("real", OpKind::kDequantize, format::Options::Dequantize, {kProduct}, kReal,
       [](FlatBufferBuilder& b) { return format::CreateDequantize(b).Union(); });
  node("sum", OpKind::kReduce, format::Options::ReduceF32, {kResized}, kSum, [=](FlatBufferBuilder& b) {
    const format::View view = net.sum_view.ToFormat(), reduced = net.sum_reduced.ToFormat();
    const format::IndexMap map = net.sum_map.ToFormat();
    const auto function = static_cast<format::ReduceFunction>(net.sum_function);
    return format::CreateReduceF32(b, function, &view, &reduced, &map).Union();
  });
  model.input = kInput;
  model.outputs = {kReal, kSum};
  if (net.last) net.last(&model);
  test::MakePlan(&model);
  return model;
}

TEST_CASE("index maps, constants and several images: the same numbers for every batch, thread count and instruction set") {
  const test::Bytes file = test::Write(MakeModel({}));
  std::vector<float> first;
  for (const bool scalar : {true, false}) {
    for (const int32_t threads : {1, 3}) {
      OpenOptions open;
      if (scalar) open.cpu = FeatureOf(Isa::kScalar);
      const auto model = Model::OpenMemory(file.data.get(), file.size, open);
      REQUIRE_MESSAGE(model.ok(), model.status().text());
      SessionOptions options;
      options.batch = 2;
      options.threads = threads;
      const auto session = Session::Create(*model.value(), options);
      REQUIRE_MESSAGE(session.ok(), session.status().text());
      // Entry 0 is 1/2 everywhere; entry 1 any numbers.
      std::vector<float> values(2 * 4 * 5 * 8, 0.5f);
      REQUIRE(session.value()->SetInputF32(0, values.data(), values.size()).ok());
      for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 37 % 101) / 50.0f - 1;
      REQUIRE(session.value()->SetInputF32(1, values.data(), values.size()).ok());
      REQUIRE(session.value()->Run(2).ok());
      std::vector<float> outputs(2 * (2 * 8 * 6 + 8));
      float* to = outputs.data();
      for (const int32_t entry : {0, 1}) {
        REQUIRE(session.value()->GetOutputF32(0, entry, to, 96).ok());
        REQUIRE(session.value()->GetOutputF32(1, entry, to + 96, 8).ok());
        to += 104;
      }
      // Bytes of 110; their mean, 10 steps above zero; eight times 10 * 2 * 0.25: 40 steps of 0.05.
      for (size_t i = 0; i < 96; ++i) CHECK(outputs[i] == 2.0f);
      for (size_t i = 96; i < 104; ++i) CHECK(outputs[i] == 80.0f);
      if (first.empty()) first = outputs;
      CHECK(std::memcmp(first.data(), outputs.data(), outputs.size() * sizeof(float)) == 0);
    }
  }
  CHECK(std::count(first.begin() + 104, first.end(), first[104]) < 50);  // no constant answer
}

TEST_CASE("reductions, products and interpolations without sense") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr int32_t kMost = std::numeric_limits<int32_t>::max(), kLeast = std::numeric_limits<int32_t>::min();
  struct Bad {
    const char* words;
    std::function<void(IndexNet*)> change;
  };
  const Bad cases[] = {
      {"there is no function", [](IndexNet* n) { n->mean_function = 4; }},
      {"there is no function", [](IndexNet* n) { n->sum_function = 255; }},
      {"index space has 0 axes", [](IndexNet* n) { n->mean_view.rank = 0; }},
      {"index space has 9 axes", [](IndexNet* n) { n->mean_view.rank = 9; }},
      {"index space has -1 axes", [](IndexNet* n) { n->sum_reduced.rank = -1; }},
      {"index space has 9 axes", [](IndexNet* n) { n->sum_reduced.rank = 9; }},
      {"no view of its output", [](IndexNet* n) { n->mean_view.dims[1] = 7; }},
      {"no view of its output", [](IndexNet* n) { n->mean_view.dims[0] = 1; }},
      {"axis 0 has", [](IndexNet* n) { n->mean_reduced.dims[0] = 0; }},
      {"axis 1 has", [](IndexNet* n) { n->sum_reduced.dims[1] = kMost; }},
      {"outside its tensor", [](IndexNet* n) { n->mean_reduced.dims[0] = 11; }},
      {"outside its tensor", [](IndexNet* n) { n->mean_map.start[2] = 1; }},
      {"outside its tensor", [](IndexNet* n) { n->mean_map.start[0] = kLeast; }},
      {"outside its tensor", [](IndexNet* n) { n->mean_map.step[3] = -1; }},
      {"outside its tensor", [](IndexNet* n) { n->sum_map.step[1] = 2; }},
      {"outside its tensor", [](IndexNet* n) { n->sum_map.step[0] = kMost; }},
      {"names dimension 4", [](IndexNet* n) { n->sum_map.dim[3] = 4; }},
      {"names dimension 255", [](IndexNet* n) { n->mean_map.dim[0] = 255; }},
      {"axes kept", [](IndexNet* n) { n->mean_reduced = {10, 1, 1, 1, 1, 1}; }},
      {"2^31 elements",
       [](IndexNet* n) {
         n->sum_reduced = {1 << 24, 1 << 24, 1 << 24};
       }},
      {"can leave 32 bits",
       [](IndexNet* n) {
         n->mean_reduced = {4096, 4096};
         n->mean_map.step[3] = 0;
       }},
      {"multiplier", [](IndexNet* n) { n->mean_multiplier = 0; }},
      {"multiplier", [=](IndexNet* n) { n->product_multiplier = nan; }},
      {"no view of its output",
       [](IndexNet* n) {
         n->product_view = {2, 6, 8};
       }},
      {"no view of its output", [](IndexNet* n) { n->product_view = {96}; }},
      {"2 .. 7 are possible", [](IndexNet* n) { n->product_view = {1, 1, 1, 1, 1, 2, 8, 6}; }},
      {"sums of 0 terms", [](IndexNet* n) { n->product_k = 0; }},
      {"sums of -8 terms", [](IndexNet* n) { n->product_k = -8; }},
      {"outside its tensor", [](IndexNet* n) { n->product_k = 9; }},
      {"sums of 2147483647 terms", [](IndexNet* n) { n->product_k = kMost; }},
      {"can leave 32 bits",
       [](IndexNet* n) {
         n->product_k = 33026;
         n->product_a.step[3] = n->product_b.step[3] = 0;
       }},
      {"along columns", [](IndexNet* n) { n->product_a.step[2] = 1; }},
      {"along rows", [](IndexNet* n) { n->product_b.step[1] = 1; }},
      {"outside its tensor", [](IndexNet* n) { n->product_b.step[0] = 1; }},  // the constant is one image
      {"entry 3 of the height", [](IndexNet* n) { n->low_y[3] = 4; }},
      {"entry 0 of the width", [](IndexNet* n) { n->high_x[0] = -1; }},
      {"entry 9 of the width", [=](IndexNet* n) { n->weight_x[9] = nan; }},
      {"entry 0 of the height", [](IndexNet* n) { n->weight_y[0] = 1.5f; }},
      {"entries for a width", [](IndexNet* n) { n->weight_x.pop_back(); }},
      {"entries for a height", [](IndexNet* n) { n->low_y.clear(); }},
      {"more than", [](IndexNet* n) { n->high_y.assign(20000, 0); }},
      {"number of images", [](IndexNet* n) { n->last = [](RawModel* m) { m->tensors[kBytes].images = 1; }; }},
      {"1 .. 4096", [](IndexNet* n) { n->last = [](RawModel* m) { m->tensors[kBytes].images = 0; }; }},
      {"another size", [](IndexNet* n) { n->last = [](RawModel* m) { m->tensors[kMatrix].data.bytes.resize(128); }; }},
      {"lie outside the file", [](IndexNet* n) { n->last = [](RawModel* m) { m->tensors[kMatrix].data.move = 64; }; }},
      {"no constant", [](IndexNet* n) { n->last = [](RawModel* m) { m->nodes[4].inputs = {kMatrix}; }; }},
      {"u8", [](IndexNet* n) { n->last = [](RawModel* m) { m->tensors[kBytes].type = 1; }; }},
  };
  REQUIRE([&] {
    const test::Bytes file = test::Write(MakeModel({}));
    return Model::OpenMemory(file.data.get(), file.size).ok();
  }());
  for (const Bad& bad : cases) {
    IndexNet net;
    bad.change(&net);
    const test::Bytes file = test::Write(MakeModel(net));
    const Status status = Model::OpenMemory(file.data.get(), file.size).status();
    CAPTURE(std::string(bad.words));
    CAPTURE(std::string(status.text()));
    CHECK(status.code() == Code::kBadInput);
    CHECK(std::strstr(status.text(), bad.words) != nullptr);
  }
}

}  // namespace
}  // namespace cutis
