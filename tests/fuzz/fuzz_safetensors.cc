// Fuzz target: bytes as a .safetensors file. The first eight bytes, the length of the header, are put right first unless the
// first one is odd, so that the fuzzer gets to what lies behind: the header then ends at the first zero byte.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "converter/graph/edit.h"
#include "converter/safetensors/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cutis::convert;
  std::vector<std::byte> bytes(size);
  if (size > 0) std::memcpy(bytes.data(), data, size);
  if (size >= 8 && (data[0] & 1) == 0) {
    const auto end = std::find(bytes.begin() + 8, bytes.end(), std::byte{0});
    const uint64_t header = static_cast<uint64_t>(end - bytes.begin()) - 8;
    for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(header >> (8 * i) & 0xff);
  }
  const auto checkpoint = ParseSafetensors(bytes, "fuzz");
  if (!checkpoint.ok()) return 0;
  // What was accepted holds what it says.
  uint64_t total = 0;
  for (const auto& [name, tensor] : checkpoint.value().tensors) {
    const int64_t count = ElementCount(tensor->dims);
    if (count < 0 || static_cast<uint64_t>(count) * ElementBytes(tensor->type) != tensor->data.size()) std::abort();
    total += tensor->data.size();
  }
  if (total > size) std::abort();
  return 0;
}
