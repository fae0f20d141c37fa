// The frame of the kernel tests and micro-benchmarks. Both are driven by Kernels(), the table made from ops/kernels.inc: every
// kernel that this CPU can run is compared with the first kernel of its kind, the reference, by memcmp; a kind without a test
// fails the run.
//
// To cover a kind, write in a file of tests/ops (listed in ops_test_sources there):
//
//   CUTIS_KERNEL_TEST(AddU8) {                // defines a function with these parameters:
//     // KernelOf<AddU8Args> reference, kernel: two functions, void(const AddU8Args&)
//     // const char* name: the kernel's, for messages
//     Random random(1);
//     GuardedBuffer a(n);                     // exactly n bytes, ending where reading faults
//     random.Fill(a.bytes());
//     OutputPair y(n);                        // two equal guarded buffers full of the same random bytes
//     AddU8Args args = {...};
//     args.y = y.expected(); reference(args);
//     args.y = y.actual();   kernel(args);
//     y.Check(name, "n=%d", n);               // whole buffers by bytes: also what must not be written
//   }
//
// The reference itself runs as `kernel` too, so that its reads and writes are guarded as well. Sweep tails, strides, misaligned
// pointers and extreme values. For inputs whose start matters (reads before the first byte) use GuardedBuffer::kAtStart.
//
// CUTIS_KERNEL_BENCH(AddU8) defines a function with the parameters KernelOf<AddU8Args> kernel and Bench& bench; it calls
// bench.Run("case", operations, [&] { kernel(args); }) for each case. See bench_kernels.cc.
#ifndef CUTIS_TESTS_OPS_KERNEL_TEST_H_
#define CUTIS_TESTS_OPS_KERNEL_TEST_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "ops/op.h"
#include "ops/ops.h"
#include "tests/guarded_pages.h"

namespace cutis::test {

// A small generator of stated steps (SplitMix64), so that a failure can be repeated.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  // In [lo, hi].
  int64_t Between(int64_t lo, int64_t hi);
  float Uniform(float lo, float hi);
  bool OneIn(int n) { return Between(1, n) == 1; }
  void Fill(std::span<uint8_t> bytes);
  // Any of 0, 1, 127, 128, 254, 255.
  void FillExtreme(std::span<uint8_t> bytes);
  // Weights in [-127, 127], or only -127, 0 and 127.
  void FillWeights(std::span<int8_t> weights);
  void FillExtremeWeights(std::span<int8_t> weights);
  void FillFloats(std::span<float> values, float lo, float hi);

 private:
  uint64_t state_;
};

// Memory between two pages that fault on any access. The bytes end where the second one begins (kAtEnd; so the start is aligned
// as much as the size is) or start where the first one ends (kAtStart). Freed by the destructor.
class GuardedBuffer {
 public:
  enum Place { kAtEnd, kAtStart };
  explicit GuardedBuffer(size_t size, Place place = kAtEnd)
      : pages_(size), data_(place == kAtEnd ? pages_.end() - size : pages_.begin()), size_(size) {}

  size_t size() const { return size_; }
  uint8_t* data() const { return data_; }
  std::span<uint8_t> bytes() const { return {data_, size_}; }
  // The bytes as values of T; the place must suit T's alignment.
  template <class T>
  std::span<T> as() const {
    return {reinterpret_cast<T*>(data_), size_ / sizeof(T)};
  }

 private:
  GuardedPages pages_;
  uint8_t* data_;
  size_t size_;
};

// How a check is reported: to doctest in the tests (all_kernels_test.cc); the benchmarks make none.
void CountCheck();
void FailCheck(const std::string& text);

// Outputs of the reference and of the kernel under test: guarded buffers of `size` bytes with the same random content. In place
// the reference writes to a buffer with the content of the input and still reads the input itself; the kernel has one buffer
// for both.
class OutputPair {
 public:
  explicit OutputPair(size_t size, uint64_t seed = 77);
  // With this content, for kernels that write over an input.
  explicit OutputPair(std::span<const uint8_t> content);
  uint8_t* expected() const { return expected_.data(); }
  uint8_t* actual() const { return actual_.data(); }
  // Fails the running test, with the text, unless both buffers are equal byte for byte.
  [[gnu::format(printf, 3, 4)]] void Check(const char* kernel, const char* format, ...) const;

 private:
  GuardedBuffer expected_, actual_;
};

// A clamp with any zero point and any bounds, often the widest.
OutputU8 RandomOutput(Random& random);

// Multipliers that spread sums of about `magnitude` over the bytes; sometimes powers of two (ties), sometimes far too large.
void FillMultipliers(Random& random, double magnitude, std::span<float> multipliers);

// Biases that float32 cannot hold and multipliers that bring them next to k + 1/2, so that a kernel which skips one of the two
// roundings to float32 before the last one, or breaks ties another way, gives other bytes (around a zero point of 128).
void FillTies(Random& random, std::span<int32_t> biases, std::span<float> multipliers);

template <class Args>
using KernelOf = void (*)(const Args&);

// Prints GOP/s of a case: multiply-adds count twice.
class Bench {
 public:
  explicit Bench(const char* kernel) : kernel_(kernel) {}
  void Run(const char* name, double operations, const std::function<void()>& call);

 private:
  const char* kernel_;
};

using ErasedTest = void (*)(KernelFn reference, KernelFn kernel, const char* name);
using ErasedBench = void (*)(KernelFn kernel, Bench& bench);

// Entries of the lists below; made by the macros, alive as long as the program.
struct TestEntry {
  TestEntry(KernelKind kind_, ErasedTest test_);
  KernelKind kind;
  ErasedTest test;
  TestEntry* next;
};
struct BenchEntry {
  BenchEntry(KernelKind kind_, ErasedBench bench_);
  KernelKind kind;
  ErasedBench bench;
  BenchEntry* next;
};
// A kernel outside Kernels(), such as one compiled for emulated instructions; tested like the rest.
struct ExtraKernel {
  explicit ExtraKernel(const Kernel& kernel_);
  Kernel kernel;
  ExtraKernel* next;
};
TestEntry* FirstTest();
BenchEntry* FirstBench();
ExtraKernel* FirstExtraKernel();

#define CUTIS_KERNEL_TEST(Kind)                                                                                           \
  static void TestKernel##Kind(::cutis::test::KernelOf<Kind##Args> reference, ::cutis::test::KernelOf<Kind##Args> kernel, \
                               const char* name);                                                                         \
  static ::cutis::test::TestEntry test_entry_##Kind(                                                                      \
      ::cutis::KernelKind::k##Kind, [](::cutis::KernelFn reference, ::cutis::KernelFn kernel, const char* name) {         \
        TestKernel##Kind(reinterpret_cast<::cutis::test::KernelOf<Kind##Args>>(reference),                                \
                         reinterpret_cast<::cutis::test::KernelOf<Kind##Args>>(kernel), name);                            \
      });                                                                                                                 \
  static void TestKernel##Kind([[maybe_unused]] ::cutis::test::KernelOf<Kind##Args> reference,                            \
                               [[maybe_unused]] ::cutis::test::KernelOf<Kind##Args> kernel, [[maybe_unused]] const char* name)

#define CUTIS_KERNEL_BENCH(Kind)                                                                          \
  static void BenchKernel##Kind(::cutis::test::KernelOf<Kind##Args> kernel, ::cutis::test::Bench& bench); \
  static ::cutis::test::BenchEntry bench_entry_##Kind(                                                    \
      ::cutis::KernelKind::k##Kind, [](::cutis::KernelFn kernel, ::cutis::test::Bench& bench) {           \
        BenchKernel##Kind(reinterpret_cast<::cutis::test::KernelOf<Kind##Args>>(kernel), bench);          \
      });                                                                                                 \
  static void BenchKernel##Kind(::cutis::test::KernelOf<Kind##Args> kernel, ::cutis::test::Bench& bench)

}  // namespace cutis::test

#endif  // CUTIS_TESTS_OPS_KERNEL_TEST_H_
