// Makes constants of the tensors that a pickle describes.
#ifndef CUTIS_CONVERTER_TORCH_TENSOR_H_
#define CUTIS_CONVERTER_TORCH_TENSOR_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "converter/graph/graph.h"
#include "converter/torch/archive.h"
#include "ops/status.h"

namespace cutis::convert {

struct TorchTensor {
  std::shared_ptr<const Constant> constant;          // a quantised tensor: its values in float32, as PyTorch dequantises them
  std::shared_ptr<const Quantization> quantization;  // scales of int8 weights that Cutis can keep bit for bit
  bool quantised = false;                            // was stored quantised, kept or not
  int64_t clamped = 0;                               // weights of -128, which became -127
  std::string lost;                                  // why the scales could not be kept; empty: they were, or there were none
};

class TensorReader {
 public:
  TensorReader(Archive& archive, Budget& budget) : archive_(archive), pickle_(archive.pickle()), budget_(budget) {}

  // Whether the value is a tensor of any kind, a parameter included.
  bool IsTensor(PickleId id) const;

  // Contiguous, in row-major order. The same view of the same storage gives the same constant. `where` ("f.pth: tensor 'w'")
  // begins messages.
  Result<TorchTensor> Read(PickleId id, const std::string& where);

 private:
  struct View;
  PickleId Unwrap(PickleId id) const;
  Status ReadView(const PickleValue& call, const std::string& where, View* view);
  Status ReadStorage(PickleId id, PickleId dtype, const std::string& where, View* view);
  Status ReadSizes(PickleId sizes, PickleId strides, const std::string& where, View* view) const;
  Status Gather(const View& view, const std::string& where, Constant* constant);
  Result<TorchTensor> Dequantise(const PickleValue& call, const View& view, Constant raw, const std::string& where);
  Status ReadQuantiser(PickleId id, const Dims& dims, const std::string& where, std::vector<float>* scales,
                       std::vector<int64_t>* zero_points, size_t* axis);

  Archive& archive_;
  Pickle& pickle_;
  Budget& budget_;
  bool in_scales_ = false;
  std::map<std::vector<int64_t>, TorchTensor> known_;  // by what describes the view
  std::map<std::string, int64_t> keys_;                // storages by number, for known_
};

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_TORCH_TENSOR_H_
