// The quantiser at work: how the files quantize*.cc share the network that comes into being.
#ifndef CUTIS_CONVERTER_QUANT_QUANTIZER_H_
#define CUTIS_CONVERTER_QUANT_QUANTIZER_H_

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "converter/quant/forms.h"
#include "converter/quant/quantize.h"
#include "ops/requant.h"

namespace cutis::convert {

// A quantised layer before it is packed.
struct Layer {
  std::vector<int8_t> weights;
  std::vector<int32_t> bias;
  std::vector<float> multiplier;
};

// Where a clamp to real bounds lies in bytes. Infinite bounds: the whole range.
OutputU8 ClampOf(const Affine& affine, float min, float max);
// The byte nearest to a real value; a NaN gives the zero point.
uint8_t ByteOf(double real, const Affine& affine);
// A scale and zero point that cover a constant.
Affine AffineOfConstant(const std::vector<float>& values);
// The bytes of a tensor of scale `in` as those of one of scale `out`.
std::vector<uint8_t> RescaleTable(const Affine& in, const Affine& out);
// float32(scale / out_scale), or the smallest multiplier there is where the input is too fine to reach the output at all.
inline float Ratio(double scale, double out_scale) { return std::max(static_cast<float>(scale / out_scale), kMinMultiplier); }

class Quantizer {
 public:
  Quantizer(const Net& net, const Calibration& calibration, const InputRecipe& input, Refinement& refinement)
      : net_(net), calibration_(calibration), recipe_(input), refinement_(refinement) {}

  Result<FileModel> Run();

 private:
  const NetTensor& Source(int tensor) const { return net_.tensors[static_cast<size_t>(tensor)]; }
  TensorInfo& Info(int tensor) { return model_.tensors[static_cast<size_t>(tensor)].info; }
  Affine AffineOfTensor(int tensor) { return {Info(tensor).scale, Info(tensor).zero_point}; }
  const TensorStatistics& Statistics(int tensor) const { return calibration_.tensors[static_cast<size_t>(tensor)]; }
  void SetAffine(int tensor, const Affine& affine);
  void SetReal(int tensor);

  // quantize.cc: scales, inputs and forms
  Affine ChosenAffine(int tensor, float min, float max, double least_scale);
  Affine SetOutput(const NetNode& node, double least_scale);
  Status SetInputs();
  Status SetImage();
  Status AddNode(size_t index);
  void Emit(const NetNode& node, OpKind kind, std::vector<int> inputs, int output, OpOptions options);
  // A new tensor with the values of tensor `tensor` of the network.
  int NewTensor(int tensor, DataType type, const char* suffix);
  // The tensor of the network in bytes: as it is, quantised by a node of its own, or, of a constant, with its own scale.
  int Bytes(const NetNode& node, int tensor);
  // The same in bytes of that scale; a table translates.
  int BytesOf(const NetNode& node, int tensor, const Affine& affine);
  // The tensor of the network in float32.
  int Reals(const NetNode& node, int tensor);
  // `values` of the shape of constant `tensor` as a constant of bytes.
  int ByteConstant(int tensor, const std::vector<float>& values, const Affine& affine);

  // quantize_layers.cc: layers with weights
  size_t InputChannel(const NetNode& node, size_t n, size_t k) const;
  int64_t PaddedTerms(const NetNode& node, size_t terms) const;
  RealLayer Unfold(const NetNode& node) const;
  Result<Layer> QuantizeLayer(size_t index, int input);
  std::vector<uint8_t> Padding(const NetNode& node) const;
  template <class Options>
  Options Packed(const NetNode& node, const Layer& layer, int32_t groups, const std::vector<int8_t>& weights);
  Status Conv(size_t index);
  Status Depthwise(size_t index);

  // quantize_elements.cc: operators on single elements and windows
  void Add(const NetNode& node);
  void AveragePool(const NetNode& node);
  // An operator that leaves scale and zero point of its input as they are; where the source states others for the output, a
  // table follows.
  void Keep(const NetNode& node, OpOptions options);
  // output = f(input), where f has been applied to the 256 real values of the input.
  void Table(const NetNode& node, int input, const std::vector<float>& results);
  std::vector<float> RealValues(int tensor);
  void Clamp(const NetNode& node);
  void Unary(const NetNode& node);
  void Scalar(const NetNode& node, const ScalarOperand& operand);

  // quantize_maps.cc: operators on index maps
  void Binary(const NetNode& node);
  void Move(const NetNode& node);
  void Reduce(const NetNode& node);
  void MatMul(const NetNode& node);

  const Net& net_;
  const Calibration& calibration_;
  const InputRecipe& recipe_;
  Refinement& refinement_;
  bool folded_ = false;  // the image's normalisation goes into the layers that read it
  std::vector<bool> real_nodes_;
  size_t index_ = 0;                  // of the node of the network at work
  std::map<int, int> bytes_, reals_;  // copies of tensors of the network in another form
  FileModel model_;
};

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_QUANTIZER_H_
