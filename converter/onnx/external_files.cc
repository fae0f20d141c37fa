#include "converter/onnx/external_files.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <onnx/onnx_pb.h>

#include <fstream>
#include <limits>
#include <set>

namespace cutis::convert {
namespace {

void Add(const onnx::TensorProto& tensor, std::set<std::string>& places) {
  if (tensor.data_location() != onnx::TensorProto::EXTERNAL) return;
  for (const onnx::StringStringEntryProto& entry : tensor.external_data()) {
    if (entry.key() == "location") places.insert(entry.value());
  }
}

}  // namespace

Result<std::vector<std::string>> ListExternalFiles(const std::string& onnx_path) {
  std::ifstream file(onnx_path, std::ios::binary);
  google::protobuf::io::IstreamInputStream input(&file);
  google::protobuf::io::CodedInputStream stream(&input);
  stream.SetTotalBytesLimit(std::numeric_limits<int>::max());
  stream.SetRecursionLimit(32);
  onnx::ModelProto model;
  if (!file.is_open() || !model.ParseFromCodedStream(&stream)) {
    return Status::Error(Code::kIo, "%s: can no longer be read as it was", onnx_path.c_str());
  }
  std::set<std::string> places;
  for (const onnx::TensorProto& tensor : model.graph().initializer()) Add(tensor, places);
  for (const onnx::NodeProto& node : model.graph().node()) {
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_t()) Add(attribute.t(), places);
    }
  }
  return std::vector<std::string>(places.begin(), places.end());
}

}  // namespace cutis::convert
