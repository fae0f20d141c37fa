// Reads the files of torch.save (.pth, .pt) without Python: see docs/pytorch.md.
#ifndef CUTIS_CONVERTER_TORCH_TORCH_H_
#define CUTIS_CONVERTER_TORCH_TORCH_H_

#include <cstddef>
#include <span>
#include <string>

#include "converter/safetensors/safetensors.h"
#include "ops/status.h"

namespace cutis::convert {

// The file is untrusted: a state_dict, a checkpoint that holds one, or a whole pickled module. Nothing is ever called; what a
// pickle would call is refused by name. Names are those of the state_dict, without "module." and "_orig_mod."; pruned tensors
// (X_orig, X_mask) are multiplied out; quantised ones become float32 and their scales `quantizations` and `activations`.
Result<Checkpoint> ReadTorch(const std::string& path);

// The same for bytes in memory; `source_name` is for messages.
Result<Checkpoint> ParseTorch(std::span<const std::byte> bytes, const std::string& source_name);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_TORCH_TORCH_H_
