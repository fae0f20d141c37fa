// The bytes of a file.
#ifndef CUTIS_TOOLS_PIPELINE_READ_FILE_H_
#define CUTIS_TOOLS_PIPELINE_READ_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cutis.h"

namespace cutis::pipeline {

// Replaces `bytes`, whose room is used again. CUTIS_ERROR_BAD_INPUT, with an error, when the file is missing, a folder or
// longer than `limit`, CUTIS_ERROR_IO when it cannot be read. `path` is UTF-8 on Windows.
cutis_status ReadFile(const char* path, size_t limit, std::vector<uint8_t>* bytes, std::string* error);

}  // namespace cutis::pipeline

#endif  // CUTIS_TOOLS_PIPELINE_READ_FILE_H_
