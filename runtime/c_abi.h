// What the C interfaces (runtime/cutis.cc, runtime/core.cc) have in common.
#ifndef CUTIS_RUNTIME_C_ABI_H_
#define CUTIS_RUNTIME_C_ABI_H_

#include <algorithm>
#include <cstring>

#include "ops/status.h"
#include "runtime/cutis.h"
#include "runtime/model.h"
#include "runtime/verdict.h"

namespace cutis {

static_assert(static_cast<int>(Code::kUsage) == CUTIS_ERROR_USAGE &&
              static_cast<int>(Code::kBadInput) == CUTIS_ERROR_BAD_INPUT &&
              static_cast<int>(Code::kUnsupported) == CUTIS_ERROR_UNSUPPORTED &&
              static_cast<int>(Code::kIo) == CUTIS_ERROR_IO && static_cast<int>(Code::kNoMemory) == CUTIS_ERROR_NO_MEMORY &&
              static_cast<int>(Code::kInternal) == CUTIS_ERROR_INTERNAL);
static_assert(static_cast<int>(Verdict::kBcc) == CUTIS_VERDICT_BCC &&
              static_cast<int>(Verdict::kNotBcc) == CUTIS_VERDICT_NOT_BCC &&
              static_cast<int>(Verdict::kRefer) == CUTIS_VERDICT_REFER &&
              static_cast<int>(Verdict::kUnusable) == CUTIS_VERDICT_UNUSABLE);
static_assert(kReasonNoOperatingPoint == CUTIS_REASON_NO_OPERATING_POINT && kReasonUncalibrated == CUTIS_REASON_UNCALIBRATED &&
              kReasonReferBand == CUTIS_REASON_REFER_BAND);
static_assert(static_cast<int>(DataType::kU8) == CUTIS_U8 && static_cast<int>(DataType::kF32) == CUTIS_F32);

// A model's handle is the model itself under another name.
inline const cutis_model* ToHandle(const Model* model) { return reinterpret_cast<const cutis_model*>(model); }

inline cutis_status Report(const Status& status, char* error, size_t error_size) {
  if (!status.ok() && error != nullptr && error_size > 0) {
    const size_t length = std::min(std::strlen(status.text()), error_size - 1);
    std::memcpy(error, status.text(), length);
    error[length] = '\0';
  }
  return static_cast<cutis_status>(status.code());
}

inline Status NullArgument(const char* what) { return Status::Error(Code::kUsage, "no %s given", what); }

// Options of a caller that may be older: what it does not know keeps its default.
template <class T>
Status ReadStruct(const T* from, T* to) {
  if (from == nullptr) return {};
  if (from->struct_size < sizeof(size_t) || from->struct_size > sizeof(T)) {
    return Status::Error(
        Code::kUsage, "struct_size is %zu, this version of Cutis knows up to %zu: set it to sizeof the struct, or update Cutis",
        from->struct_size, sizeof(T));
  }
  std::memcpy(to, from, from->struct_size);
  return {};
}

// Results for a caller that may be older (gets what it knows) or newer (gets zeros for the rest).
template <class T>
bool WriteStruct(T from, T* to) {
  const size_t size = to->struct_size;
  if (size < sizeof(size_t)) return false;
  from.struct_size = size;
  std::memcpy(to, &from, size < sizeof(T) ? size : sizeof(T));
  if (size > sizeof(T)) std::memset(reinterpret_cast<char*>(to) + sizeof(T), 0, size - sizeof(T));
  return true;
}

inline cutis_status WriteTensorInfo(const ModelTensor& tensor, cutis_tensor_info* info) {
  cutis_tensor_info full = {};
  full.name = tensor.name;
  full.type = static_cast<cutis_type>(tensor.info.type);
  full.height = tensor.info.shape.height;
  full.width = tensor.info.shape.width;
  full.channels = tensor.info.shape.channels;
  full.channel_stride = tensor.info.channel_stride;
  full.scale = tensor.info.scale;
  full.zero_point = tensor.info.zero_point;
  return WriteStruct(full, info) ? CUTIS_OK : CUTIS_ERROR_USAGE;
}

}  // namespace cutis

#endif  // CUTIS_RUNTIME_C_ABI_H_
