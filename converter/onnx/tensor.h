// The content of ONNX tensors.
#ifndef CUTIS_CONVERTER_ONNX_TENSOR_H_
#define CUTIS_CONVERTER_ONNX_TENSOR_H_

#include <string>

#include "converter/graph/graph.h"
#include "ops/status.h"

namespace onnx {
class TensorProto;
}

namespace cutis::convert {

// Reads raw, typed or external data. External files must lie inside `folder` (empty: external data is refused). `where` begins
// every message.
Result<Constant> ReadTensorProto(const onnx::TensorProto& tensor, const std::string& folder, const std::string& where);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_ONNX_TENSOR_H_
