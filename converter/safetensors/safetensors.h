// Reads a .safetensors file: an 8-byte little-endian header length, a JSON header, the bytes of the tensors.
#ifndef CUTIS_CONVERTER_SAFETENSORS_SAFETENSORS_H_
#define CUTIS_CONVERTER_SAFETENSORS_SAFETENSORS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "converter/graph/graph.h"
#include "ops/status.h"

namespace cutis::convert {

// Weights by name, whatever the file they come from. Only PyTorch's files (converter/torch) state quantisations and notes.
struct Checkpoint {
  std::map<std::string, std::shared_ptr<const Constant>> tensors;
  std::map<std::string, std::string> metadata;        // "__metadata__" of the header
  std::map<std::string, Quantization> quantizations;  // of tensors that were int8; `tensors` holds their values in float32
  std::map<std::string, Quantization> activations;    // of what a module puts out, by the module's name
  std::vector<std::string> notes;                     // for people: what was chosen, changed or left out
};

// The file is untrusted. Refused: a header over 100 MB or not strict JSON (duplicate keys, depth), unknown dtypes, sizes that
// do not match dtype times shape, gaps, overlaps, and a file that is longer or shorter than its header says.
Result<Checkpoint> ReadSafetensors(const std::string& path);

// The same for bytes in memory; `source_name` is for messages.
Result<Checkpoint> ParseSafetensors(std::span<const std::byte> bytes, const std::string& source_name);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_SAFETENSORS_SAFETENSORS_H_
