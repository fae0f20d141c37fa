#include "tests/ops/op_case.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

namespace cutis::test {

TensorInfo MakeTensor(DataType type, Shape shape, Gaps gaps, float scale, int32_t zero_point) {
  TensorInfo tensor;
  tensor.type = type;
  tensor.shape = shape;
  tensor.channel_stride = ChannelStride(type, shape.channels) + gaps.channels;
  tensor.image_bytes = RoundUp(static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) *
                                   static_cast<size_t>(tensor.channel_stride) * SizeOf(type),
                               kAlignment) +
                       gaps.image;
  tensor.scale = scale;
  tensor.zero_point = zero_point;
  return tensor;
}

int32_t OutputExtent(int32_t in, int32_t kernel, int32_t stride, int32_t dilation, int32_t pad_begin, int32_t pad_end) {
  return (in + pad_begin + pad_end - dilation * (kernel - 1) - 1) / stride + 1;
}

Shape OutputShape(const Shape& in, const Window& w, int32_t channels) {
  return {OutputExtent(in.height, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, w.pad_bottom),
          OutputExtent(in.width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, w.pad_right), channels};
}

OpCase::OpCase(OpKind kind, std::vector<TensorInfo> inputs, TensorInfo output, OpOptions options, int32_t batch, uint64_t seed)
    : inputs_(std::move(inputs)), output_(output), op_(FindOp(kind, inputs_[0].type)), batch_(batch), seed_(seed) {
  REQUIRE(op_ != nullptr);
  Random random(seed);
  for (const TensorInfo& tensor : inputs_) {
    input_pointers_.push_back(&tensor);
    in_data_.push_back(std::make_unique<GuardedBuffer>(BytesOf(tensor)));
    random.Fill(in_data_.back()->bytes());
    in_pointers_.push_back(reinterpret_cast<const std::byte*>(in_data_.back()->data()));
  }
  out_data_ = std::make_unique<GuardedBuffer>(BytesOf(output_));
  random.Fill(out_data_->bytes());
  node_.kind = kind;
  node_.inputs = input_pointers_;
  node_.output = &output_;
  node_.options = options;
}

RunArgs OpCase::run_args() {
  return {in_pointers_.data(), reinterpret_cast<std::byte*>(out_data_->data()), BatchOf(*op_, node_, batch_)};
}

void OpCase::RunKernel(KernelFn kernel, Random& random) {
  const size_t scratch_bytes = op_->scratch_bytes(node_);
  CHECK(scratch_bytes % kAlignment == 0);
  GuardedBuffer scratch(scratch_bytes);
  const int64_t units = op_->units(node_, run_args().batch);
  REQUIRE(units >= 1);
  // From the last unit to the first, since they must not depend on each other.
  for (int64_t end = units; end > 0;) {
    const int64_t begin = random.OneIn(4) ? 0 : random.Between(0, end - 1);
    random.Fill(scratch.bytes());
    op_->run(node_, kernel, run_args(), begin, end, reinterpret_cast<std::byte*>(scratch.data()));
    end = begin;
  }
}

void OpCase::Run() {
  const Status status = op_->check(node_);
  REQUIRE_MESSAGE(status.ok(), status.text());
  Random random(seed_ + 1);
  const std::vector<uint8_t> before(out_data_->bytes().begin(), out_data_->bytes().end());
  std::vector<uint8_t> expected;
  for (const Kernel& kernel : Kernels()) {
    if (kernel.kind != op_->kernel || (kernel.needs & ~DetectCpu()) != 0) continue;
    CAPTURE(kernel.name);
    std::copy(before.begin(), before.end(), out_data_->data());
    RunKernel(kernel.fn, random);
    if (expected.empty()) {
      expected.assign(out_data_->bytes().begin(), out_data_->bytes().end());
      // Everything that is no element is as before.
      std::vector<uint8_t> gaps = expected;
      const size_t size = SizeOf(output_.type);
      ForEachOutput([&](int32_t b, int32_t y, int32_t x, int32_t c) {
        const size_t at = static_cast<size_t>(b) * output_.image_bytes +
                          static_cast<size_t>((int64_t{y} * output_.shape.width + x) * output_.channel_stride + c) * size;
        std::copy_n(before.begin() + static_cast<std::ptrdiff_t>(at), size, gaps.begin() + static_cast<std::ptrdiff_t>(at));
      });
      CHECK(std::memcmp(gaps.data(), before.data(), before.size()) == 0);
    }
    CHECK(std::memcmp(expected.data(), out_data_->data(), expected.size()) == 0);
  }
  CHECK(!expected.empty());
}

}  // namespace cutis::test
