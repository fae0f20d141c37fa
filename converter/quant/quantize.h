// From a float32 network to what goes into a file: in float32, or in the integers of ops/requant.h.
#ifndef CUTIS_CONVERTER_QUANT_QUANTIZE_H_
#define CUTIS_CONVERTER_QUANT_QUANTIZE_H_

#include <vector>

#include "converter/lower/net.h"
#include "converter/quant/calibration.h"
#include "converter/write/file_model.h"
#include "ops/status.h"

namespace cutis::convert {

// How the bytes of an image become the network's real input: (byte - mean[c]) / std[c]. Both empty: the network takes real
// tensors, and the calibration's range of the input decides.
struct InputRecipe {
  std::vector<float> mean, std;
};

// float32 throughout: for calibration, comparison and --float. Not planned yet.
Result<FileModel> PackFloat(const Net& net);

// uint8 activations and int8 weights. The calibration fits the network (FitCalibration). Not planned yet. Errors name the node.
Result<FileModel> Quantize(const Net& net, const Calibration& calibration, const InputRecipe& input);

// A tensor of the file like that of the network, in the strides of its type.
FileTensor MakeTensor(const NetTensor& tensor, DataType type);
// The float32 elements of a constant, as the runtime wants them.
std::span<const std::byte> PackConstant(const NetTensor& tensor, FileModel& model);

// Whether the node is of a kind that a network may hold, has the weights that its kind and shapes ask for, all of them finite,
// and a clamp only where one can be fused. kInternal or kBadInput, naming the node.
Status CheckNetNode(const Net& net, const NetNode& node);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_QUANTIZE_H_
