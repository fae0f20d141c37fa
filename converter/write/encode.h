// The bytes of a .cutis file, and their way onto the disk.
#ifndef CUTIS_CONVERTER_WRITE_ENCODE_H_
#define CUTIS_CONVERTER_WRITE_ENCODE_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "converter/recipe/recipe.h"
#include "converter/target/device.h"
#include "converter/write/file_model.h"
#include "ops/status.h"
#include "runtime/self_test.h"

namespace cutis::convert {

struct Source {
  std::string file;    // name without a folder
  std::string sha256;  // of that file, lower-case hexadecimal
};

// Header, FlatBuffer, weight segment. The model is planned. `self_test` (what the finished model was measured to
// give) and `device` may be null. The same arguments give the same bytes: nothing of the time, the machine or the path goes in.
Result<std::vector<std::byte>> EncodeModel(const FileModel& model, const Recipe& recipe, const Source& source,
                                           const SelfTestHashes* self_test = nullptr,
                                           const DeviceSettings* device = nullptr);

// SHA-256 in lower-case hexadecimal.
std::string HexSha256(std::span<const std::byte> bytes);
// The bytes of an even number of hexadecimal digits in lower case.
std::vector<uint8_t> FromHex(const std::string& text);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_WRITE_ENCODE_H_
