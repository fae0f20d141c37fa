// The runtime's view of a network before quantisation: NHWC, one struct per node, float32 weights in plain order.
#ifndef CUTIS_CONVERTER_LOWER_NET_H_
#define CUTIS_CONVERTER_LOWER_NET_H_

#include <limits>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "converter/graph/graph.h"
#include "ops/op.h"

namespace cutis::convert {

struct NetTensor {
  std::string name;
  Shape shape;
  int32_t images = 1;
  DataType type = DataType::kF32;  // kU8: an input or output of bytes, by `quantization`
  bool is_constant = false;
  std::vector<float> constant;                       // [images][height][width][channels] where is_constant
  std::shared_ptr<const Quantization> quantization;  // that of the source, if it states one
};

struct NetMove {
  View view;
  std::vector<MovePiece> pieces;
  bool filled = false;
  float fill = 0;
};
struct NetResize {
  std::vector<int32_t> low_y, high_y, low_x, high_x;
  std::vector<float> weight_y, weight_x;
};

struct NetNode {
  OpKind kind = OpKind::kReshape;
  std::string name;
  std::vector<int> inputs;  // indices into Net::tensors
  int output = -1;
  Window window;  // conv, depthwise, dense, pools
  int32_t groups = 1;
  bool count_include_pad = false;
  std::vector<float> weights;  // [out][kernel_h][kernel_w][in/groups]; depthwise: [c][kernel_h][kernel_w]
  std::vector<float> bias;     // [out]; always present (zeros)
  float min = -std::numeric_limits<float>::infinity();  // fused clamp, or that of kClamp
  float max = std::numeric_limits<float>::infinity();
  std::vector<float> weight_scales;  // of the source, one for each output channel or one for all; empty: chosen
  // Operators on index maps, in float32 terms. Their clamp, if they have one, is min and max above.
  std::variant<std::monostate, NetMove, NetResize, BinaryF32Options, SelectOptions, UnaryOptions, ReduceF32Options,
               MatMulF32Options>
      options;
};

// Nodes are in the order of execution. Reshapes that keep the bytes (1 x 1 images) have been removed.
struct Net {
  std::string name;
  std::vector<NetTensor> tensors;
  std::vector<NetNode> nodes;
  std::vector<int> inputs;  // the first one is the image
  std::vector<int> outputs;
  // For people: what becomes of scales that the source states once the network is quantised.
  std::vector<std::string> scale_notes;
  bool mixed = false;  // quantised, it may hold float32 operators where there is no int8 form
};

// Graph in normal form to Net. Errors name the node and say what is not supported.
Result<Net> Lower(const Graph& graph);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_LOWER_NET_H_
