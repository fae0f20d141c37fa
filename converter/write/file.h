// Whole files in and out.
#ifndef CUTIS_CONVERTER_WRITE_FILE_H_
#define CUTIS_CONVERTER_WRITE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ops/status.h"

namespace cutis::convert {

// Reads a regular file of at most `limit` bytes. kBadInput when it is missing, no regular file or larger; kIo when reading
// fails.
Result<std::vector<std::byte>> ReadFile(const std::string& path, uint64_t limit);

// Writes to a temporary name in the same folder, syncs, and renames: `path` holds either what it held before or all of `bytes`.
// On failure the temporary file is removed.
Status WriteFileAtomically(const std::string& path, std::span<const std::byte> bytes);

// The part of a path after the last slash.
std::string FileName(const std::string& path);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_WRITE_FILE_H_
