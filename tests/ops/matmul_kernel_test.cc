// Products of matrices: sizes around those of tiles and vectors, every order of the axes in memory, special values.
#include <limits>

#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

GuardedBuffer::Place AnyPlace(Random& random) { return random.OneIn(3) ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd; }

// Strides of a matrix in memory: by rows or by columns, with gaps, backwards, or (inputs) with all rows or columns the same.
struct Matrix {
  ptrdiff_t outer, inner;
  size_t elements;
  ptrdiff_t first;  // where element (0, 0) lies
};
Matrix AnyMatrix(Random& random, size_t outer, size_t inner, bool input) {
  const ptrdiff_t rows = static_cast<ptrdiff_t>(outer), columns = static_cast<ptrdiff_t>(inner);
  const ptrdiff_t gap = random.OneIn(2) ? 0 : random.Between(1, 3), step = random.OneIn(4) ? 2 : 1;
  Matrix m = {};
  if (random.OneIn(3)) {
    m.outer = step;
    m.inner = rows * step + gap;
  } else {
    m.inner = step;
    m.outer = columns * step + gap;
  }
  if (input && random.OneIn(8)) m.outer = 0;
  if (input && random.OneIn(8)) m.inner = 0;
  const ptrdiff_t far_outer = (rows - 1) * m.outer, far_inner = (columns - 1) * m.inner;
  m.elements = static_cast<size_t>(far_outer + far_inner) + 1;
  if (random.OneIn(5)) {
    m.outer = -m.outer;
    m.first += far_outer;
  }
  if (random.OneIn(5)) {
    m.inner = -m.inner;
    m.first += far_inner;
  }
  return m;
}

template <class Each>
void ForEachSize(Each each) {
  uint64_t seed = 1;
  for (size_t columns = 1; columns <= 40; ++columns) {
    for (const size_t rows : {1, 2, 3, 4, 5, 6, 7, 13}) each(rows, columns, seed++);
  }
}

int32_t AnyK(Random& random) { return static_cast<int32_t>(random.OneIn(8) ? 200 : random.Between(1, 18)); }

template <class T, class Args>
void SetStrides(const Matrix& a, const Matrix& b, const Matrix& y, const GuardedBuffer& a_data, const GuardedBuffer& b_data,
                Args* args) {
  args->a = a_data.as<T>().data() + a.first;
  args->a_row = a.outer;
  args->a_k = a.inner;
  args->b = b_data.as<T>().data() + b.first;
  args->b_k = b.outer;
  args->b_column = b.inner;
  args->y_row = y.outer;
  args->y_column = y.inner;
}

CUTIS_KERNEL_TEST(MatMulF32) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  ForEachSize([&](size_t rows, size_t columns, uint64_t seed) {
    Random random(seed);
    MatMulF32Args args = {};
    args.rows = rows;
    args.columns = columns;
    args.k = AnyK(random);
    const Matrix a = AnyMatrix(random, rows, static_cast<size_t>(args.k), true),
                 b = AnyMatrix(random, static_cast<size_t>(args.k), columns, true), y = AnyMatrix(random, rows, columns, false);
    const GuardedBuffer a_data(a.elements * 4, AnyPlace(random)), b_data(b.elements * 4, AnyPlace(random));
    // The order of the sums shows in the bits, and so would products that are not rounded.
    for (float& value : a_data.as<float>()) value = random.OneIn(4) ? random.Uniform(-1e6f, 1e6f) : random.Uniform(-1, 1);
    for (float& value : b_data.as<float>()) value = random.OneIn(9) ? 0x1p-130f : random.Uniform(-1, 1);
    // One NaN: which of two would survive is not defined.
    if (random.OneIn(4)) b_data.as<float>()[b.elements / 2] = std::numeric_limits<float>::quiet_NaN();
    args.min = random.OneIn(2) ? 0.0f : -kInfinity;
    args.max = random.OneIn(2) ? 6.0f : kInfinity;
    SetStrides<float>(a, b, y, a_data, b_data, &args);
    const OutputPair out(y.elements * 4, seed);
    args.y = reinterpret_cast<float*>(out.expected()) + y.first;
    reference(args);
    args.y = reinterpret_cast<float*>(out.actual()) + y.first;
    kernel(args);
    out.Check(name, "rows=%zu columns=%zu k=%d b_column=%td y_column=%td seed=%llu", rows, columns, args.k, args.b_column,
              args.y_column, static_cast<unsigned long long>(seed));
  });
}

CUTIS_KERNEL_TEST(MatMulU8) {
  ForEachSize([&](size_t rows, size_t columns, uint64_t seed) {
    Random random(seed);
    MatMulU8Args args = {};
    args.rows = rows;
    args.columns = columns;
    // Now and then the longest sum that there may be.
    args.k = random.OneIn(40) ? 33025 : AnyK(random);
    const Matrix a = AnyMatrix(random, rows, static_cast<size_t>(args.k), true),
                 b = AnyMatrix(random, static_cast<size_t>(args.k), columns, true), y = AnyMatrix(random, rows, columns, false);
    const GuardedBuffer a_data(a.elements, AnyPlace(random)), b_data(b.elements, AnyPlace(random));
    const bool extreme = args.k > 10000;
    for (const GuardedBuffer* data : {&a_data, &b_data}) {
      if (extreme) {
        for (uint8_t& byte : data->bytes()) byte = data == &a_data ? 255 : 0;
      } else {
        random.OneIn(2) ? random.Fill(data->bytes()) : random.FillExtreme(data->bytes());
      }
    }
    args.zero_a = static_cast<int32_t>(extreme ? 255 * random.Between(0, 1) : random.Between(0, 255));
    args.zero_b = static_cast<int32_t>(extreme ? 255 : random.Between(0, 255));
    float multiplier[1];
    FillMultipliers(random, 5000.0 * args.k, multiplier);
    args.multiplier = multiplier[0];
    args.out = RandomOutput(random);
    SetStrides<uint8_t>(a, b, y, a_data, b_data, &args);
    const OutputPair out(y.elements, seed);
    args.y = out.expected() + y.first;
    reference(args);
    args.y = out.actual() + y.first;
    kernel(args);
    out.Check(name, "rows=%zu columns=%zu k=%d b_column=%td y_column=%td seed=%llu", rows, columns, args.k, args.b_column,
              args.y_column, static_cast<unsigned long long>(seed));
  });
}

// Queries times keys (k next to each other in both) and weights times values, of one head of attention.
template <class T, class Args>
void BenchProducts(KernelOf<Args> kernel, Bench& bench) {
  const GuardedBuffer a(196 * 196 * sizeof(T)), b(196 * 196 * sizeof(T)), y(196 * 196 * sizeof(T));
  for (const GuardedBuffer* buffer : {&a, &b}) {
    for (T& value : buffer->as<T>()) value = 1;
  }
  Args args = {};
  args.a = a.as<T>().data();
  args.b = b.as<T>().data();
  args.y = y.as<T>().data();
  args.rows = args.columns = 196;
  args.k = 64;
  args.a_row = 64;
  args.a_k = args.b_k = 1;
  args.b_column = 64;
  args.y_row = 196;
  args.y_column = 1;
  bench.Run("196 x 64 x 196, b transposed", 2.0 * 196 * 64 * 196, [&] { kernel(args); });
  args.columns = 64;
  args.k = 196;
  args.a_row = 196;
  args.b_k = args.y_row = 64;
  args.b_column = 1;
  bench.Run("196 x 196 x 64", 2.0 * 196 * 64 * 196, [&] { kernel(args); });
}

CUTIS_KERNEL_BENCH(MatMulF32) { BenchProducts<float, MatMulF32Args>(kernel, bench); }
CUTIS_KERNEL_BENCH(MatMulU8) { BenchProducts<uint8_t, MatMulU8Args>(kernel, bench); }

}  // namespace
}  // namespace cutis::test
