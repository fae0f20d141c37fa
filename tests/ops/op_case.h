// A node with tensors in guarded memory, for tests of whole operators.
#ifndef CUTIS_TESTS_OPS_OP_CASE_H_
#define CUTIS_TESTS_OPS_OP_CASE_H_

#include <memory>
#include <vector>

#include "ops/op.h"
#include "tests/ops/kernel_test.h"

namespace cutis::test {

// How far a tensor's memory exceeds its elements: further elements between pixels, further bytes (a multiple of 64) between
// images.
struct Gaps {
  int32_t channels = 0;
  size_t image = 0;
};

TensorInfo MakeTensor(DataType type, Shape shape, Gaps gaps = {}, float scale = 1.0f, int32_t zero_point = 0);

// Output extent of a window along one axis.
int32_t OutputExtent(int32_t in, int32_t kernel, int32_t stride, int32_t dilation, int32_t pad_begin, int32_t pad_end);
Shape OutputShape(const Shape& in, const Window& window, int32_t channels);

class OpCase {
 public:
  // A batch of `batch` entries; where the tensors have several images, "image" below counts those of all entries. All memory
  // starts as random bytes, gaps included; fill the inputs through In().
  OpCase(OpKind kind, std::vector<TensorInfo> inputs, TensorInfo output, OpOptions options, int32_t batch, uint64_t seed);
  OpCase(const OpCase&) = delete;
  OpCase& operator=(const OpCase&) = delete;

  template <class T>
  T& In(size_t input, int32_t image, int32_t y, int32_t x, int32_t c) {
    return At<T>(inputs_[input], in_data_[input]->data(), image, y, x, c);
  }
  template <class T>
  T Out(int32_t image, int32_t y, int32_t x, int32_t c) const {
    return At<T>(output_, out_data_->data(), image, y, x, c);
  }
  // Calls set(element) for every element of an input.
  template <class T, class Set>
  void Fill(size_t input, Set set) {
    const Shape& shape = inputs_[input].shape;
    for (int32_t b = 0; b < ImagesOf(inputs_[input]); ++b) {
      for (int32_t y = 0; y < shape.height; ++y) {
        for (int32_t x = 0; x < shape.width; ++x) {
          for (int32_t c = 0; c < shape.channels; ++c) In<T>(input, b, y, x, c) = set();
        }
      }
    }
  }
  // Calls each(image, y, x, c) for every element of the output.
  template <class Each>
  void ForEachOutput(Each each) const {
    for (int32_t b = 0; b < ImagesOf(output_); ++b) {
      for (int32_t y = 0; y < output_.shape.height; ++y) {
        for (int32_t x = 0; x < output_.shape.width; ++x) {
          for (int32_t c = 0; c < output_.shape.channels; ++c) each(b, y, x, c);
        }
      }
    }
  }

  Node& node() { return node_; }
  const Op& op() const { return *op_; }
  TensorInfo& input(size_t index) { return inputs_[index]; }
  TensorInfo& output() { return output_; }
  int32_t batch() const { return batch_; }
  RunArgs run_args();

  // Checks the node, runs it with every kernel that this CPU has, its units cut in different ways, and compares: all outputs
  // are equal by bytes and nothing but elements has been written. The outputs of the last kernel remain.
  void Run();
  // The check's verdict alone.
  bool IsRefused() const { return !op_->check(node_).ok(); }

 private:
  template <class T>
  static T& At(const TensorInfo& tensor, uint8_t* data, int32_t image, int32_t y, int32_t x, int32_t c) {
    const int64_t pixel = int64_t{y} * tensor.shape.width + x;
    return reinterpret_cast<T*>(data + static_cast<size_t>(image) * tensor.image_bytes)[pixel * tensor.channel_stride + c];
  }
  // Of all entries; a constant is there once.
  int32_t ImagesOf(const TensorInfo& tensor) const { return tensor.images * (tensor.constant ? 1 : batch_); }
  size_t BytesOf(const TensorInfo& tensor) const { return static_cast<size_t>(ImagesOf(tensor)) * tensor.image_bytes; }
  void RunKernel(KernelFn kernel, Random& random);

  std::vector<TensorInfo> inputs_;
  TensorInfo output_;
  std::vector<const TensorInfo*> input_pointers_;
  std::vector<std::unique_ptr<GuardedBuffer>> in_data_;
  std::vector<const std::byte*> in_pointers_;
  std::unique_ptr<GuardedBuffer> out_data_;
  Node node_;
  const Op* op_;
  int32_t batch_;
  uint64_t seed_;
};

}  // namespace cutis::test

#endif  // CUTIS_TESTS_OPS_OP_CASE_H_
