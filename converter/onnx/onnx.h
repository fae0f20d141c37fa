// Reads an ONNX file into the converter's graph.
#ifndef CUTIS_CONVERTER_ONNX_ONNX_H_
#define CUTIS_CONVERTER_ONNX_ONNX_H_

#include <span>
#include <string>

#include "converter/graph/graph.h"
#include "ops/status.h"

namespace cutis::convert {

// Opsets 7 to 22 of the default domain. Weights may be initializers (listed as graph inputs or not), Constant nodes or external
// data files inside the model's own folder. A symbolic batch dimension becomes 1; any other symbolic dimension is an error.
// The file is untrusted: sizes, names and offsets are checked. Whether an operator is supported is decided by RunPasses.
Result<Graph> ImportOnnx(const std::string& path);

// The same for bytes in memory. `folder` is where external data may lie; empty: external data is refused.
Result<Graph> ParseOnnx(std::span<const std::byte> bytes, const std::string& folder, const std::string& source_name);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_ONNX_ONNX_H_
