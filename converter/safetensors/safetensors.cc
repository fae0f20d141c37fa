// The format: https://github.com/huggingface/safetensors (README, "Format").
#include "converter/safetensors/safetensors.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <vector>

#include "converter/graph/edit.h"
#include "converter/recipe/json.h"

namespace cutis::convert {
namespace {

constexpr uint64_t kMaxHeader = 100'000'000;
constexpr size_t kMaxFile = size_t{4} << 30;
constexpr size_t kMaxTensors = 1 << 20;
constexpr size_t kMaxName = 1000;

struct TypeName {
  const char* name;
  ElementType type;
};
constexpr TypeName kTypes[] = {{"F64", ElementType::kF64},   {"F32", ElementType::kF32}, {"F16", ElementType::kF16},
                               {"BF16", ElementType::kBF16}, {"I64", ElementType::kI64}, {"I32", ElementType::kI32},
                               {"I8", ElementType::kI8},     {"U8", ElementType::kU8},   {"BOOL", ElementType::kBool}};

struct Extent {
  uint64_t begin, end;
  std::string name;
};

// One entry of the header. `body` are the bytes after it.
Status ReadTensor(const std::string& name, const nlohmann::json& entry, std::span<const std::byte> body,
                  const std::string& source, Checkpoint* checkpoint, std::vector<Extent>* extents) {
  if (name.empty() || name.size() > kMaxName ||
      std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return Status::Error(Code::kBadInput, "%s: a tensor's name is empty, over %zu bytes, or holds control characters",
                         source.c_str(), kMaxName);
  }
  const std::string where = source + ": tensor '" + name.substr(0, 100) + "'";
  CUTIS_ASSIGN(JsonObject object, JsonObject::From(entry, where));
  CUTIS_ASSIGN(const std::string dtype, object.String("dtype"));
  CUTIS_ASSIGN(const nlohmann::json* shape, object.Array("shape"));
  CUTIS_ASSIGN(const nlohmann::json* offsets, object.Array("data_offsets"));
  CUTIS_TRY(object.Finish());
  const TypeName* type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeName& t) { return dtype == t.name; });
  if (type == std::end(kTypes)) {
    return Status::Error(Code::kUnsupported, "%s: data type '%.20s' is not supported", where.c_str(), dtype.c_str());
  }
  Constant constant;
  constant.type = type->type;
  for (const nlohmann::json& dim : *shape) {
    if (!dim.is_number_unsigned() || dim.get<uint64_t>() > static_cast<uint64_t>(kMaxDim)) {
      return Status::Error(Code::kBadInput, "%s: its shape is not a list of sizes of at most %lld", where.c_str(),
                           static_cast<long long>(kMaxDim));
    }
    constant.dims.push_back(static_cast<int64_t>(dim.get<uint64_t>()));
  }
  const int64_t count = ElementCount(constant.dims);
  if (count < 0) return Status::Error(Code::kBadInput, "%s: its shape is too large", where.c_str());
  if (offsets->size() != 2 || !(*offsets)[0].is_number_unsigned() || !(*offsets)[1].is_number_unsigned()) {
    return Status::Error(Code::kBadInput, "%s: data_offsets are not two positions", where.c_str());
  }
  const uint64_t begin = (*offsets)[0].get<uint64_t>(), end = (*offsets)[1].get<uint64_t>();
  if (begin > end || end > body.size()) {
    return Status::Error(Code::kBadInput, "%s: its bytes %llu .. %llu lie outside the file", where.c_str(),
                         static_cast<unsigned long long>(begin), static_cast<unsigned long long>(end));
  }
  if (end - begin != static_cast<uint64_t>(count) * ElementBytes(constant.type)) {
    return Status::Error(Code::kBadInput, "%s: %llu bytes do not hold %s of %s", where.c_str(),
                         static_cast<unsigned long long>(end - begin), ToText(constant.dims).c_str(), dtype.c_str());
  }
  const std::span<const std::byte> bytes = body.subspan(begin, end - begin);
  constant.data.assign(bytes.begin(), bytes.end());
  extents->push_back({begin, end, name});
  checkpoint->tensors.emplace(name, std::make_shared<const Constant>(std::move(constant)));
  return {};
}

// The tensors cover the body without gap or overlap.
Status CheckExtents(std::vector<Extent>& extents, uint64_t body_bytes, const std::string& source) {
  std::sort(extents.begin(), extents.end(),
            [](const Extent& a, const Extent& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
  uint64_t at = 0;
  for (const Extent& extent : extents) {
    if (extent.begin != at) {
      return Status::Error(Code::kBadInput, "%s: the bytes of tensor '%.100s' %s", source.c_str(), extent.name.c_str(),
                           extent.begin < at ? "overlap those of another" : "leave a gap before them");
    }
    at = extent.end;
  }
  if (at != body_bytes) {
    return Status::Error(Code::kBadInput, "%s: %llu bytes after the last tensor belong to none", source.c_str(),
                         static_cast<unsigned long long>(body_bytes - at));
  }
  return {};
}

}  // namespace

Result<Checkpoint> ParseSafetensors(std::span<const std::byte> bytes, const std::string& source_name) {
  uint64_t header_bytes = 0;
  if (bytes.size() < 8)
    return Status::Error(Code::kBadInput, "%s: no safetensors file: shorter than 8 bytes", source_name.c_str());
  for (int i = 7; i >= 0; --i) header_bytes = header_bytes << 8 | static_cast<uint64_t>(bytes[static_cast<size_t>(i)]);
  if (header_bytes > kMaxHeader || header_bytes > bytes.size() - 8) {
    return Status::Error(Code::kBadInput, "%s: no safetensors file, or cut off: its header would have %llu bytes",
                         source_name.c_str(), static_cast<unsigned long long>(header_bytes));
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, header_bytes);
  if (text.empty() || text.front() != '{')
    return Status::Error(Code::kBadInput, "%s: no safetensors file: its header does not begin with '{'", source_name.c_str());
  CUTIS_ASSIGN(const nlohmann::json header, ParseJson(text, source_name));
  if (!header.is_object()) return Status::Error(Code::kBadInput, "%s: the header is not a JSON object", source_name.c_str());
  if (header.size() > kMaxTensors)
    return Status::Error(Code::kBadInput, "%s: more than %zu tensors", source_name.c_str(), kMaxTensors);
  const std::span<const std::byte> body = bytes.subspan(8 + header_bytes);
  Checkpoint checkpoint;
  std::vector<Extent> extents;
  for (const auto& [name, entry] : header.items()) {
    if (name != "__metadata__") {
      CUTIS_TRY(ReadTensor(name, entry, body, source_name, &checkpoint, &extents));
      continue;
    }
    if (!entry.is_object()) return Status::Error(Code::kBadInput, "%s: __metadata__ is not an object", source_name.c_str());
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string()) {
        return Status::Error(Code::kBadInput, "%s: __metadata__ '%.100s' is not a text", source_name.c_str(), key.c_str());
      }
      checkpoint.metadata.emplace(key, value.get<std::string>());
    }
  }
  CUTIS_TRY(CheckExtents(extents, body.size(), source_name));
  return checkpoint;
}

Result<Checkpoint> ReadSafetensors(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return Status::Error(Code::kBadInput, "%s: cannot be opened", path.c_str());
  const std::streamoff size = file.tellg();
  if (size < 0 || static_cast<uint64_t>(size) > kMaxFile) {
    return Status::Error(Code::kBadInput, "%s: not a plain file, or larger than 4 GiB", path.c_str());
  }
  std::vector<std::byte> bytes(static_cast<size_t>(size));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), size))
    return Status::Error(Code::kIo, "%s: cannot be read", path.c_str());
  return ParseSafetensors(bytes, path);
}

}  // namespace cutis::convert
