// The files beside an ONNX model that hold its larger tensors.
#ifndef CUTIS_CONVERTER_ONNX_EXTERNAL_FILES_H_
#define CUTIS_CONVERTER_ONNX_EXTERNAL_FILES_H_

#include <string>
#include <vector>

#include "ops/status.h"

namespace cutis::convert {

// Their places as the model names them, relative to its folder, sorted, each once. For a model that ImportOnnx has read: that
// has seen that they lie inside the folder.
Result<std::vector<std::string>> ListExternalFiles(const std::string& onnx_path);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_ONNX_EXTERNAL_FILES_H_
