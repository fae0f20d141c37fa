// The runtime's view of a network before quantisation: NHWC, one struct per node, float32 weights in plain order.
#ifndef CUTIS_CONVERTER_LOWER_NET_H_
#define CUTIS_CONVERTER_LOWER_NET_H_

#include <limits>
#include <string>
#include <vector>

#include "converter/graph/graph.h"
#include "ops/op.h"

namespace cutis::convert {

struct NetTensor {
  std::string name;
  Shape shape;
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
};

// Nodes are in the order of execution. Reshapes that keep the bytes (1 x 1 images) have been removed.
struct Net {
  std::string name;
  std::vector<NetTensor> tensors;
  std::vector<NetNode> nodes;
  int input = -1;
  std::vector<int> outputs;
};

// Graph in normal form to Net. Errors name the node and say what is not supported.
Result<Net> Lower(const Graph& graph);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_LOWER_NET_H_
