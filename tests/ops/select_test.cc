// The operator select: its kernels against each other, the operator against its definition, what it refuses.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "tests/ops/map_case.h"
#include "tests/ops/nest_case.h"
#include "tests/ops/op_case.h"

namespace cutis::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

float AnyCondition(Random& random) {
  const float values[] = {0.0f, -0.0f, 1.0f, kNan, 1e-40f, -2.0f};
  return values[random.Between(0, 5)];
}

CUTIS_KERNEL_TEST(SelectF32) {
  ForEachNest(4, [&](const NestCase& c, Random& random, uint64_t seed) {
    const auto bytes = [&](int32_t operand) { return static_cast<size_t>(c.size[operand]) * 4; };
    const auto place = [&] { return random.OneIn(2) ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd; };
    const GuardedBuffer condition(bytes(1), place()), a(bytes(2), place()), b(bytes(3), place());
    for (float& value : condition.as<float>()) value = AnyCondition(random);
    random.Fill(a.bytes());  // any bits: elements pass as they are
    random.Fill(b.bytes());
    const OutputPair y(bytes(0), seed);
    SelectF32Args args{};
    args.condition = condition.as<float>().data() + c.first[1];
    args.a = a.as<float>().data() + c.first[2];
    args.b = b.as<float>().data() + c.first[3];
    args.nest = c.nest;
    args.y = reinterpret_cast<float*>(y.expected()) + c.first[0];
    reference(args);
    args.y = reinterpret_cast<float*>(y.actual()) + c.first[0];
    kernel(args);
    y.Check(name, "seed=%llu", static_cast<unsigned long long>(seed));
    for (int32_t on = 1; on <= 3; ++on) {
      const GuardedBuffer content(bytes(0));
      for (float& value : content.as<float>()) value = AnyCondition(random);
      SelectF32Args own = args;
      std::copy_n(c.nest.stride[0], kMaxAxes, own.nest.stride[on]);
      const float** const operand = on == 1 ? &own.condition : on == 2 ? &own.a : &own.b;
      const OutputPair in_place(content.bytes());
      *operand = content.as<float>().data() + c.first[0];
      own.y = reinterpret_cast<float*>(in_place.expected()) + c.first[0];
      reference(own);
      *operand = own.y = reinterpret_cast<float*>(in_place.actual()) + c.first[0];
      kernel(own);
      in_place.Check(name, "in place of operand %d, seed=%llu", on, static_cast<unsigned long long>(seed));
    }
  });
}

TEST_CASE("select follows any three maps") {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Random random(seed);
    const MapCase m = MakeMapCase(random, DataType::kF32, 3);
    OpCase c(OpKind::kSelect, m.inputs, m.output, SelectOptions{m.view, m.maps[0], m.maps[1], m.maps[2]}, 2, seed);
    c.Fill<float>(0, [&] { return AnyCondition(random); });
    for (const size_t input : {size_t{1}, size_t{2}}) c.Fill<float>(input, [&] { return random.Uniform(-5, 5); });
    c.Run();
    CHECK(CountWrong<float>(c, m, [&](int64_t entry, const Index& i) {
            const auto at = [&](size_t input) {
              return InAt<float>(c, input, m.inputs[input], m.maps[input], m.view.rank, entry, i);
            };
            return at(0) == 0 ? at(2) : at(1);
          }) == 0);
    CHECK(c.op().macs(c.node()) == static_cast<uint64_t>(ElementCount(m.view)));
  }
}

TEST_CASE("select cuts large tensors into units") {
  const TensorInfo x = MakeTensor(DataType::kF32, {70, 50, 24}), mask = MakeTensor(DataType::kF32, {70, 50, 1});
  TensorInfo one = MakeTensor(DataType::kF32, {1, 1, 1});
  one.constant = true;
  const IndexMap whole{{}, {Dim::kHeight, Dim::kWidth, Dim::kChannel}, {1, 1, 1}};
  const IndexMap pixels{{}, {Dim::kHeight, Dim::kWidth, Dim::kChannel}, {1, 1, 0}};
  const IndexMap nothing{{}, {Dim::kHeight, Dim::kWidth, Dim::kChannel}, {0, 0, 0}};
  OpCase c(OpKind::kSelect, {mask, x, one}, x, SelectOptions{{3, {70, 50, 24}}, pixels, whole, nothing}, 2, 1);
  Random random(1);
  c.Fill<float>(0, [&] { return AnyCondition(random); });
  c.In<float>(2, 0, 0, 0, 0) = -7;
  for (const size_t input : {size_t{1}}) c.Fill<float>(input, [&] { return random.Uniform(-5, 5); });
  CHECK(c.op().units(c.node(), 2) >= 2 * 70 * 50 * 24 / 16384);
  c.Run();
  int wrong = 0;
  c.ForEachOutput([&](int32_t i, int32_t h, int32_t w, int32_t n) {
    wrong += c.Out<float>(i, h, w, n) != (c.In<float>(0, i, h, w, 0) == 0 ? -7 : c.In<float>(1, i, h, w, n));
  });
  CHECK(wrong == 0);
}

TEST_CASE("select refuses nodes that make no sense") {
  const TensorInfo tensor = MakeTensor(DataType::kF32, {2, 3, 5});
  const IndexMap map{{}, {Dim::kHeight, Dim::kWidth, Dim::kChannel}, {1, 1, 1}};
  const SelectOptions sound{{3, {2, 3, 5}}, map, map, map};
  OpCase c(OpKind::kSelect, {tensor, tensor, tensor}, tensor, sound, 1, 1);
  CHECK(!c.IsRefused());
  const auto with = [&](auto change) {
    SelectOptions options = sound;
    change(options);
    c.node().options = options;
    return c.IsRefused();
  };
  CHECK(!with([](SelectOptions&) {}));
  CHECK(with([](SelectOptions& o) { o.view.rank = 2; }));
  CHECK(with([](SelectOptions& o) { o.view.dims[0] = 0; }));
  CHECK(with([](SelectOptions& o) { o.condition.step[0] = 2; }));
  CHECK(with([](SelectOptions& o) { o.a.start[2] = 1; }));
  CHECK(with([](SelectOptions& o) { o.b.dim[2] = static_cast<Dim>(9); }));
  CHECK(with([](SelectOptions& o) { o.b.step[1] = -1; }));
  c.node().options = ReshapeOptions{};
  CHECK(c.IsRefused());
  c.node().options = sound;
  c.output().constant = true;
  CHECK(c.IsRefused());
  c.output().constant = false;
  c.input(1).images = 0;
  CHECK(c.IsRefused());
  c.input(1).images = 1;
  c.node().inputs = c.node().inputs.first(2);
  CHECK(c.IsRefused());
  CHECK(FindOp(OpKind::kSelect, DataType::kU8) == nullptr);
}

}  // namespace
}  // namespace cutis::test
