// From a float32 network to what goes into a file: in float32, or in the integers of ops/requant.h.
#ifndef CUTIS_CONVERTER_QUANT_QUANTIZE_H_
#define CUTIS_CONVERTER_QUANT_QUANTIZE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "converter/lower/net.h"
#include "converter/quant/calibration.h"
#include "converter/quant/range.h"
#include "converter/write/file_model.h"
#include "ops/status.h"

namespace cutis::convert {

// How the bytes of an image become the network's real input: (byte - mean[c]) / std[c]. Both empty: the network takes real
// tensors, and the calibration's range of the input decides.
struct InputRecipe {
  std::vector<float> mean, std;
};

// The weights and biases of a layer in real numbers, with the normalisation of the image folded in where it reads that. In the
// order of NetNode::weights; `means` are those of the inputs that the weights meet.
struct RealLayer {
  std::vector<double> weights, means, bias;
};

// A layer's weights as integers in [-127, 127], a scale for each output, and the real biases to go with them. Scale 0: the
// channel is left to the quantiser.
struct RoundedLayer {
  std::vector<int8_t> weights;
  std::vector<double> scales, bias;
};

// May replace the choices that the quantiser makes by itself, while it goes through the network node by node.
class Refinement {
 public:
  virtual ~Refinement() = default;
  // The scale and zero point of a computed tensor, instead of those that its statistics suggest.
  virtual std::optional<Affine> ChooseAffine(int) { return std::nullopt; }
  // The integers of the layer `node` of the network, which reads the bytes of tensor `input` of `model`; without ones of its own.
  virtual Result<std::optional<RoundedLayer>> RoundLayer(size_t /*node*/, int /*input*/, const RealLayer&, const FileModel&,
                                                         std::span<const uint8_t> /*padding*/) {
    return std::optional<RoundedLayer>();
  }
  // `model` has just got all that computes the node `node` of the network.
  virtual Status Finished(size_t, const FileModel&) { return {}; }
};

// float32 throughout: for calibration, comparison and --float. Not planned yet.
Result<FileModel> PackFloat(const Net& net);

// The options of the node in float32.
OpOptions FloatOptionsOf(const Net& net, const NetNode& node, FileModel& model);

// uint8 activations and int8 weights. The calibration fits the network (FitCalibration). Not planned yet. Errors name the node.
// `refinement` may be null. Tensors 0 .. net.tensors.size()-1 of the model are those of the network, in bytes or real; those that
// come after them are copies of such ones in another form.
Result<FileModel> Quantize(const Net& net, const Calibration& calibration, const InputRecipe& input,
                           Refinement* refinement = nullptr);

// A tensor of the file like that of the network, in the strides of its type.
FileTensor MakeTensor(const NetTensor& tensor, DataType type);
// The float32 elements of a constant, as the runtime wants them.
std::span<const std::byte> PackConstant(const NetTensor& tensor, FileModel& model);

// Whether the node is of a kind that a network may hold, has the weights that its kind and shapes ask for, all of them finite,
// and a clamp only where one can be fused. kInternal or kBadInput, naming the node.
Status CheckNetNode(const Net& net, const NetNode& node);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_QUANTIZE_H_
