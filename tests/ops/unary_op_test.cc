// The operator unary: each function against libm in double, its limits, and what the operator refuses.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/ops/op_case.h"

namespace cutis::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Reference {
  const char* name;
  UnaryFunction function;
  float alpha, beta;
  double (*exact)(double);
  double error;     // relative
  double absolute;  // beside it
  float at_minus_infinity, at_infinity;
};

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double Softplus(double x) { return x > 30 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
// tanh(softplus(x)) without cancellation.
double MishFactor(double x) {
  const double u = std::exp(-std::fabs(x));
  return x < 0 ? u * (u + 2) / (u * (u + 2) + 2) : (1 + 2 * u) / (1 + 2 * u + 2 * u * u);
}

const Reference kReferences[] = {
    {"neg", UnaryFunction::kNeg, 0, 0, [](double x) { return -x; }, 0, 0, kInfinity, -kInfinity},
    {"abs", UnaryFunction::kAbs, 0, 0, [](double x) { return std::fabs(x); }, 0, 0, kInfinity, kInfinity},
    {"sqrt", UnaryFunction::kSqrt, 0, 0, [](double x) { return std::sqrt(x); }, 6e-8, 0, kNan, kInfinity},
    {"reciprocal", UnaryFunction::kReciprocal, 0, 0, [](double x) { return 1 / x; }, 6e-8, 0, -0.0f, 0},
    {"exp", UnaryFunction::kExp, 0, 0, [](double x) { return std::exp(x); }, 2.4e-7, 1.2e-38, 0, kInfinity},
    {"log", UnaryFunction::kLog, 0, 0, [](double x) { return std::log(x); }, 6.1e-8, 0, kNan, kInfinity},
    {"sigmoid", UnaryFunction::kSigmoid, 0, 0, Sigmoid, 5e-7, 1.2e-38, 0, 1},
    {"tanh", UnaryFunction::kTanh, 0, 0, [](double x) { return std::tanh(x); }, 5e-7, 0, -1, 1},
    {"softplus", UnaryFunction::kSoftplus, 0, 0, Softplus, 5e-7, 1.2e-38, 0, kInfinity},
    {"swish", UnaryFunction::kSwish, 1, 0, [](double x) { return x * Sigmoid(x); }, 5e-7, 2e-36, 0, kInfinity},
    {"swish 1.5", UnaryFunction::kSwish, 1.5f, 0, [](double x) { return x * Sigmoid(1.5 * x); }, 6e-6, 2e-36, 0, kInfinity},
    {"swish -1", UnaryFunction::kSwish, -1, 0, [](double x) { return x * Sigmoid(-x); }, 5e-7, 2e-36, -kInfinity, 0},
    {"mish", UnaryFunction::kMish, 0, 0, [](double x) { return x * MishFactor(x); }, 5e-7, 2e-36, 0, kInfinity},
    {"hard sigmoid", UnaryFunction::kHardSigmoid, 0.25f, 0.5f,
     [](double x) { return std::fmax(0, std::fmin(1, 0.25 * x + 0.5)); }, 1e-7, 1e-7, 0, 1},
    {"hard swish", UnaryFunction::kHardSwish, 0, 0, [](double x) { return x * std::fmax(0, std::fmin(1, x / 6 + 0.5)); }, 1e-6,
     1e-6, 0, kInfinity},
    {"elu", UnaryFunction::kElu, 1, 0, [](double x) { return x < 0 ? std::expm1(x) : x; }, 5e-7, 0, -1, kInfinity},
    {"elu 0.5", UnaryFunction::kElu, 0.5f, 0, [](double x) { return x < 0 ? 0.5 * std::expm1(x) : x; }, 5e-7, 0, -0.5f,
     kInfinity},
    {"leaky relu", UnaryFunction::kLeakyRelu, 0.125f, 0, [](double x) { return x < 0 ? 0.125 * x : x; }, 6e-8, 0, -kInfinity,
     kInfinity},
};

bool Same(float a, float b) { return std::isnan(a) ? std::isnan(b) : a == b; }

TEST_CASE("unary functions are as exact as they say, and right at the ends") {
  constexpr int32_t kCount = 40000;
  const TensorInfo tensor = MakeTensor(DataType::kF32, {2, 1, kCount / 2});
  for (const Reference& r : kReferences) {
    CAPTURE(std::string(r.name));
    OpCase c(OpKind::kUnary, {tensor}, tensor, UnaryOptions{r.function, r.alpha, r.beta}, 1, 1);
    Random random(7);
    int index = 0;
    c.Fill<float>(0, [&]() -> float {
      switch (index++ % 4) {
        case 0:
          return random.Uniform(-1, 1);
        case 1:
          return random.Uniform(-12, 12);
        case 2:
          return random.Uniform(-100, 88);
        default:
          return std::exp2(random.Uniform(-30, 6)) * (random.OneIn(2) ? 1.0f : -1.0f);
      }
    });
    c.Run();
    double worst = 0;
    int wrong = 0;
    c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
      const double in = static_cast<double>(c.In<float>(0, i, y, x, n)), want = r.exact(in);
      const float is = c.Out<float>(i, y, x, n);
      if (std::isnan(want)) {
        wrong += !std::isnan(is);
        return;
      }
      const double off = std::fabs(static_cast<double>(is) - want), allowed = r.error * std::fabs(want) + r.absolute + 1e-45;
      worst = std::max(worst, off / allowed);
    });
    MESSAGE(std::string(r.name), ": ", worst, " of the error that is stated");
    CHECK(worst <= 1);
    CHECK(wrong == 0);
  }
}

// Of one value.
float Value(const UnaryOptions& options, float x) {
  const TensorInfo tensor = MakeTensor(DataType::kF32, {1, 1, 16});
  OpCase c(OpKind::kUnary, {tensor}, tensor, options, 1, 1);
  c.Fill<float>(0, [&] { return x; });
  c.Run();
  return c.Out<float>(0, 0, 0, 15);
}

TEST_CASE("unary functions have their limits at the infinities, and NaN stays NaN") {
  for (const Reference& r : kReferences) {
    CAPTURE(std::string(r.name));
    const UnaryOptions options{r.function, r.alpha, r.beta};
    CHECK(Same(r.at_minus_infinity, Value(options, -kInfinity)));
    CHECK(Same(r.at_infinity, Value(options, kInfinity)));
    CHECK(std::isnan(Value(options, kNan)));
  }
  CHECK(Value({UnaryFunction::kSoftplus, 0, 0}, 100) == 100);
  CHECK(Value({UnaryFunction::kSoftplus, 0, 0}, 3e38f) == 3e38f);
  CHECK(Value({UnaryFunction::kSigmoid, 0, 0}, -100) == 0);
  CHECK(Value({UnaryFunction::kSigmoid, 0, 0}, 100) == 1);
  CHECK(Value({UnaryFunction::kTanh, 0, 0}, 20) == 1);
  CHECK(Value({UnaryFunction::kTanh, 0, 0}, -3e38f) == -1);
  CHECK(Value({UnaryFunction::kSwish, 1, 0}, -3e38f) == 0);
  CHECK(Value({UnaryFunction::kMish, 0, 0}, 100) == 100);
  CHECK(Value({UnaryFunction::kHardSwish, 0, 0}, 3) == 3);
  CHECK(Value({UnaryFunction::kHardSwish, 0, 0}, -3) == 0);
  CHECK(Value({UnaryFunction::kReciprocal, 0, 0}, 0) == kInfinity);
  CHECK(Value({UnaryFunction::kLog, 0, 0}, 0) == -kInfinity);
  CHECK(std::signbit(Value({UnaryFunction::kTanh, 0, 0}, -0.0f)));
  CHECK(std::signbit(Value({UnaryFunction::kNeg, 0, 0}, 0)));
}

TEST_CASE("unary treats every image by itself, gaps and blocks included") {
  for (const Shape& shape : {Shape{3, 5, 7}, Shape{80, 80, 24}, Shape{1, 1, 40000}}) {
    TensorInfo in = MakeTensor(DataType::kF32, shape, {1, 64}), out = MakeTensor(DataType::kF32, shape, {0, 0});
    in.images = out.images = 2;
    OpCase c(OpKind::kUnary, {in}, out, UnaryOptions{UnaryFunction::kLeakyRelu, -0.5f, 0}, 2, 1);
    Random random(1);
    c.Fill<float>(0, [&] { return random.Uniform(-1, 1); });
    c.Run();
    int wrong = 0;
    c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
      const float value = c.In<float>(0, i, y, x, n);
      wrong += c.Out<float>(i, y, x, n) != (value < 0 ? -0.5f * value : value);
    });
    CHECK(wrong == 0);
  }
}

TEST_CASE("unary refuses nodes that make no sense") {
  const TensorInfo tensor = MakeTensor(DataType::kF32, {2, 3, 5});
  OpCase c(OpKind::kUnary, {tensor}, tensor, UnaryOptions{UnaryFunction::kLeakyRelu, 1, 1}, 1, 1);
  CHECK(!c.IsRefused());
  for (const int function : {15, 16, 255}) {
    c.node().options = UnaryOptions{static_cast<UnaryFunction>(function), 1, 1};
    CHECK(c.IsRefused());
  }
  for (const float bad : {kNan, kInfinity, -kInfinity}) {
    c.node().options = UnaryOptions{UnaryFunction::kSwish, bad, 0};
    CHECK(c.IsRefused());
    c.node().options = UnaryOptions{UnaryFunction::kHardSigmoid, 0, bad};
    CHECK(c.IsRefused());
  }
  c.node().options = ClampF32Options{0, 1};
  CHECK(c.IsRefused());
  c.node().options = UnaryOptions{UnaryFunction::kAbs, 0, 0};
  CHECK(!c.IsRefused());
  c.output().shape.width = 2;
  CHECK(c.IsRefused());
  CHECK(FindOp(OpKind::kUnary, DataType::kU8) == nullptr);
}

}  // namespace
}  // namespace cutis::test
