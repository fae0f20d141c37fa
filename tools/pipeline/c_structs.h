// What the C interfaces of this folder share: errors, and structs of callers that may be older or newer than the library (see
// cutis.h).
#ifndef CUTIS_TOOLS_PIPELINE_C_STRUCTS_H_
#define CUTIS_TOOLS_PIPELINE_C_STRUCTS_H_

#include <cstddef>
#include <cstdio>
#include <cstring>

#include "cutis.h"

namespace cutis::pipeline {

// Writes the text, where there is room for one, and gives the status.
inline cutis_status Report(cutis_status status, const char* text, char* error, size_t error_size) {
  if (error != nullptr && error_size > 0) std::snprintf(error, error_size, "%s", text);
  return status;
}

// Writes what the caller knows, and zeros for what he knows beside it. His struct_size, which is set, stays.
template <class T>
void GiveStruct(T full, T* to) {
  const size_t size = to->struct_size;
  full.struct_size = size;
  std::memcpy(to, &full, size < sizeof full ? size : sizeof full);
  if (size > sizeof full) std::memset(reinterpret_cast<char*>(to) + sizeof full, 0, size - sizeof full);
}

}  // namespace cutis::pipeline

#endif  // CUTIS_TOOLS_PIPELINE_C_STRUCTS_H_
