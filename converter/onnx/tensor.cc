#include "converter/onnx/tensor.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "converter/graph/edit.h"

namespace cutis::convert {
namespace {

bool TypeOf(int onnx_type, ElementType* type) {
  switch (onnx_type) {
    case onnx::TensorProto::FLOAT:
      *type = ElementType::kF32;
      return true;
    case onnx::TensorProto::DOUBLE:
      *type = ElementType::kF64;
      return true;
    case onnx::TensorProto::FLOAT16:
      *type = ElementType::kF16;
      return true;
    case onnx::TensorProto::BFLOAT16:
      *type = ElementType::kBF16;
      return true;
    case onnx::TensorProto::INT64:
      *type = ElementType::kI64;
      return true;
    case onnx::TensorProto::INT32:
      *type = ElementType::kI32;
      return true;
    case onnx::TensorProto::INT8:
      *type = ElementType::kI8;
      return true;
    case onnx::TensorProto::UINT8:
      *type = ElementType::kU8;
      return true;
    case onnx::TensorProto::BOOL:
      *type = ElementType::kBool;
      return true;
    default:
      return false;
  }
}

// Typed fields: each element takes a field entry, narrow types stand in int32_data.
template <class To, class Field>
void CopyField(const Field& field, std::vector<std::byte>* data) {
  data->resize(static_cast<size_t>(field.size()) * sizeof(To));
  for (int i = 0; i < field.size(); ++i) {
    const To value = static_cast<To>(field.Get(i));
    std::memcpy(data->data() + static_cast<size_t>(i) * sizeof(To), &value, sizeof value);
  }
}

void CopyTyped(const onnx::TensorProto& tensor, ElementType type, std::vector<std::byte>* data) {
  switch (type) {
    case ElementType::kF32:
      return CopyField<float>(tensor.float_data(), data);
    case ElementType::kF64:
      return CopyField<double>(tensor.double_data(), data);
    case ElementType::kI64:
      return CopyField<int64_t>(tensor.int64_data(), data);
    case ElementType::kI32:
      return CopyField<int32_t>(tensor.int32_data(), data);
    case ElementType::kF16:
    case ElementType::kBF16:
      return CopyField<uint16_t>(tensor.int32_data(), data);
    case ElementType::kI8:
    case ElementType::kU8:
    case ElementType::kBool:
      return CopyField<uint8_t>(tensor.int32_data(), data);
  }
}

bool ParseNumber(const std::string& text, uint64_t* value) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), *value);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

// The file's real place (links followed) must lie inside the folder's: a model may not read what its user did not hand over.
Result<std::filesystem::path> PlaceOf(const std::string& location, const std::string& folder, const std::string& where) {
  const std::filesystem::path relative(location);
  std::error_code error;
  const std::filesystem::path root = std::filesystem::canonical(folder, error);
  const std::filesystem::path file = error ? root : std::filesystem::canonical(root / relative, error);
  if (folder.empty() || relative.is_absolute()) {
    return Status::Error(Code::kBadInput, "%s: external data '%.100s' must be named relative to the model's folder",
                         where.c_str(), location.c_str());
  }
  if (error) return Status::Error(Code::kBadInput, "%s: external data '%.100s' is not there", where.c_str(), location.c_str());
  const std::filesystem::path inside = file.lexically_relative(root);
  if (inside.empty() || *inside.begin() == "..") {
    return Status::Error(Code::kBadInput, "%s: external data '%.100s' lies outside the model's folder", where.c_str(),
                         location.c_str());
  }
  return file;
}

Status ReadExternal(const onnx::TensorProto& tensor, const std::string& folder, const std::string& where, uint64_t bytes,
                    std::vector<std::byte>* data) {
  std::string location;
  uint64_t offset = 0, length = bytes;
  for (const onnx::StringStringEntryProto& entry : tensor.external_data()) {
    bool good = true;
    if (entry.key() == "location") {
      location = entry.value();
    } else if (entry.key() == "offset") {
      good = ParseNumber(entry.value(), &offset);
    } else if (entry.key() == "length") {
      good = ParseNumber(entry.value(), &length);
    }
    if (!good)
      return Status::Error(Code::kBadInput, "%s: external data: '%.40s' is not a number", where.c_str(), entry.key().c_str());
  }
  CUTIS_ASSIGN(const std::filesystem::path path, PlaceOf(location, folder, where));
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
  if (size < 0) return Status::Error(Code::kIo, "%s: external data '%.100s' cannot be read", where.c_str(), location.c_str());
  if (length != bytes || offset > static_cast<uint64_t>(size) || length > static_cast<uint64_t>(size) - offset) {
    return Status::Error(Code::kBadInput, "%s: external data '%.100s' does not hold its %llu bytes there", where.c_str(),
                         location.c_str(), static_cast<unsigned long long>(bytes));
  }
  data->resize(bytes);
  file.seekg(static_cast<std::streamoff>(offset));
  if (!file.read(reinterpret_cast<char*>(data->data()), static_cast<std::streamsize>(bytes))) {
    return Status::Error(Code::kIo, "%s: external data '%.100s' cannot be read", where.c_str(), location.c_str());
  }
  return {};
}

// Types that the graph does not have, as wider ones: INT16, UINT16 -> int32, UINT32, UINT64 -> int64, INT4, UINT4 -> int8,
// uint8. Numbers of the last two: TensorProto.DataType since ONNX 1.16, two elements a byte, the lower half first.
constexpr int kUint4 = 21, kInt4 = 22;

size_t NarrowBits(int onnx_type) {
  switch (onnx_type) {
    case onnx::TensorProto::INT16:
    case onnx::TensorProto::UINT16:
      return 16;
    case onnx::TensorProto::UINT32:
      return 32;
    case onnx::TensorProto::UINT64:
      return 64;
    case kUint4:
    case kInt4:
      return 4;
    default:
      return 0;
  }
}

// Element i of a tensor in one of these types, from its raw bytes or its typed field.
Status ReadWidened(const onnx::TensorProto& tensor, const std::string& where, size_t count, std::vector<int64_t>* values) {
  const int type = tensor.data_type();
  const size_t bits = NarrowBits(type), bytes = (count * bits + 7) / 8;
  std::string raw = tensor.raw_data();
  if (!tensor.has_raw_data()) {
    // Fields hold an element each; those of four bits hold a byte of two.
    if (bits >= 32) {
      for (const uint64_t value : tensor.uint64_data()) raw.append(reinterpret_cast<const char*>(&value), bits / 8);
    } else {
      for (const int32_t value : tensor.int32_data())
        raw.append(reinterpret_cast<const char*>(&value), std::max<size_t>(1, bits / 8));
    }
  }
  if (raw.size() != bytes) {
    return Status::Error(Code::kBadInput, "%s: it holds %zu bytes, its shape wants %zu", where.c_str(), raw.size(), bytes);
  }
  for (size_t i = 0; i < count; ++i) {
    uint64_t value = 0;
    if (bits == 4) {
      value = static_cast<uint64_t>(static_cast<unsigned char>(raw[i / 2]) >> (i % 2 * 4)) & 15;
    } else {
      std::memcpy(&value, raw.data() + i * (bits / 8), bits / 8);
    }
    if (type == onnx::TensorProto::UINT64 && value > static_cast<uint64_t>(INT64_MAX)) {
      return Status::Error(Code::kUnsupported, "%s: a number of 2^63 or more is not supported", where.c_str());
    }
    const bool negative = (type == kInt4 && value >= 8) || (type == onnx::TensorProto::INT16 && value >= 32768);
    values->push_back(static_cast<int64_t>(value) - (negative ? int64_t{1} << bits : 0));
  }
  return {};
}

Result<Constant> ReadNarrow(const onnx::TensorProto& tensor, const std::string& where) {
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL || tensor.has_segment()) {
    return Status::Error(Code::kUnsupported, "%s: external data of element type %d is not supported", where.c_str(),
                         tensor.data_type());
  }
  Constant constant;
  constant.dims.assign(tensor.dims().begin(), tensor.dims().end());
  const int64_t count = ElementCount(constant.dims);
  if (count < 0) return Status::Error(Code::kBadInput, "%s: its shape is too large", where.c_str());
  std::vector<int64_t> values;
  CUTIS_TRY(ReadWidened(tensor, where, static_cast<size_t>(count), &values));
  const size_t bits = NarrowBits(tensor.data_type());
  constant.type = bits == 4    ? (tensor.data_type() == kInt4 ? ElementType::kI8 : ElementType::kU8)
                  : bits == 16 ? ElementType::kI32
                               : ElementType::kI64;
  const size_t bytes = ElementBytes(constant.type);
  constant.data.resize(values.size() * bytes);
  // Little-endian: the lower bytes are the narrower number.
  for (size_t i = 0; i < values.size(); ++i) std::memcpy(constant.data.data() + i * bytes, &values[i], bytes);
  return constant;
}

}  // namespace

Result<Constant> ReadTensorProto(const onnx::TensorProto& tensor, const std::string& folder, const std::string& where) {
  if (NarrowBits(tensor.data_type()) != 0) return ReadNarrow(tensor, where);
  Constant constant;
  if (!TypeOf(tensor.data_type(), &constant.type)) {
    return Status::Error(Code::kUnsupported, "%s: element type %d is not supported", where.c_str(), tensor.data_type());
  }
  if (tensor.has_segment()) return Status::Error(Code::kUnsupported, "%s: data in segments is not supported", where.c_str());
  constant.dims.assign(tensor.dims().begin(), tensor.dims().end());
  const int64_t count = ElementCount(constant.dims);
  if (count < 0) return Status::Error(Code::kBadInput, "%s: its shape is too large", where.c_str());
  const uint64_t bytes = static_cast<uint64_t>(count) * ElementBytes(constant.type);
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
    CUTIS_TRY(ReadExternal(tensor, folder, where, bytes, &constant.data));
  } else if (tensor.has_raw_data()) {
    const auto* raw = reinterpret_cast<const std::byte*>(tensor.raw_data().data());
    constant.data.assign(raw, raw + tensor.raw_data().size());
  } else {
    CopyTyped(tensor, constant.type, &constant.data);
  }
  if (constant.data.size() != bytes) {
    return Status::Error(Code::kBadInput, "%s: it holds %zu bytes, its shape %s wants %llu", where.c_str(),
                         constant.data.size(), ToText(constant.dims).c_str(), static_cast<unsigned long long>(bytes));
  }
  return constant;
}

}  // namespace cutis::convert
