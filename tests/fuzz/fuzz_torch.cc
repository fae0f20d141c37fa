// Fuzz target: bytes as a PyTorch file. What begins neither as a zip archive nor as a stream of the old format is put into such
// a stream as its object, so that the fuzzer meets the unpickler without checksums and lengths around it. The first byte then
// says which storages the stream has: "1", "2", "4" and "8", each of four elements of so many bytes.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "converter/graph/edit.h"
#include "converter/torch/torch.h"

namespace {

// Magic number, protocol 1001, an empty dict for the facts on the system; the object follows.
constexpr char kStart[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.";
constexpr size_t kElements = 4;

void Require(bool condition) {
  if (!condition) std::abort();
}

void Check(const std::string& text) {
  using namespace cutis::convert;
  const auto checkpoint = ParseTorch({reinterpret_cast<const std::byte*>(text.data()), text.size()}, "fuzz");
  if (!checkpoint.ok()) return;
  for (const auto& [name, tensor] : checkpoint.value().tensors) {
    const int64_t count = ElementCount(tensor->dims);
    Require(count >= 0 && static_cast<uint64_t>(count) * ElementBytes(tensor->type) == tensor->data.size());
    Require(ReadDoubles(*tensor).size() == static_cast<size_t>(count));
  }
  Require(!checkpoint.value().tensors.empty());
  for (const auto& [name, scales] : checkpoint.value().quantizations) {
    const auto tensor = checkpoint.value().tensors.find(name);
    Require(tensor != checkpoint.value().tensors.end() && scales.zero_point == 0);
    Require(scales.scales.size() == 1 || scales.scales.size() == static_cast<size_t>(tensor->second->dims[0]));
  }
  for (const auto& [name, scales] : checkpoint.value().activations) {
    Require(scales.scales.size() == 1 && scales.scales[0] > 0 && scales.zero_point >= 0 && scales.zero_point <= 255);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (text.compare(0, 2, "PK") == 0 || text.compare(0, 4, kStart, 4) == 0) {
    Check(text);
    return 0;
  }
  if (text.empty()) return 0;
  std::string keys = "\x80\x02](", storages;
  for (int i = 0; i < 4; ++i) {
    if ((static_cast<unsigned char>(text[0]) >> i & 1) == 0) continue;
    keys += std::string("X\1\0\0\0", 5) + static_cast<char>('0' + (1 << i));
    storages += std::string("\4\0\0\0\0\0\0\0", 8) + std::string(kElements << i, '\1');
  }
  Check(std::string(kStart, sizeof kStart - 1) + text.substr(1) + keys + "e." + storages);
  return 0;
}
