// A model file as C source, for programs without a file system (docs/bare.md).
#ifndef CUTIS_CONVERTER_WRITE_EMIT_C_H_
#define CUTIS_CONVERTER_WRITE_EMIT_C_H_

#include <cstddef>
#include <span>
#include <string>

#include "ops/status.h"

namespace cutis::convert {

// Checks the model in `bytes` and writes it to `path`, which ends with .c, and what a program has to know of it to the .h
// beside. `source` names it in errors. Names in both come from the model's name: letters and digits in lower case, anything
// else as _.
Status EmitC(std::span<const std::byte> bytes, const std::string& source, const std::string& path);
// The same of a file.
Status EmitCOfFile(const std::string& file, const std::string& path);

// Of C files made by EmitC: "BCC lite-0" gives bcc_lite_0; what would begin with no letter begins with model_.
std::string CNameOf(const std::string& name);

// kUsage unless the path ends with .c.
Status CheckCPath(const std::string& path);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_WRITE_EMIT_C_H_
