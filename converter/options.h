// The command line of cutis-convert.
#ifndef CUTIS_CONVERTER_OPTIONS_H_
#define CUTIS_CONVERTER_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "converter/prune/prune.h"

namespace cutis::convert {

// How long the quantiser may look for better integers.
enum class Effort : uint8_t { kDefault, kHigh };

struct Options {
  std::string input, output;
  std::string graph, recipe, quant, calibrate, labels, write_calibration, evaluate, target;  // empty: not given
  bool float32 = false;
  bool mixed = false;
  bool fuse = true;  // layers run together in blocks where they can (plan/blocks.h)
  Effort effort = Effort::kDefault;
  int32_t threads = 0;  // ParseOptions makes a number of the default
  PruneOptions prune;
  std::string emit_c;                // the .c file to write; empty: not given
  std::string sensitivity;           // the JSON file to write; empty: not given
  std::vector<std::string> reports;  // to write, .html or .json
  // --check: `input` is compared with `check_file` on `check_images` (a folder; empty: on generated inputs). Nothing is
  // converted, and `output` is empty.
  bool check = false;
  std::string check_file, check_images;
  std::optional<double> min_cosine;  // of the check
};

// `input` is a .cutis file: nothing is converted, its C source is written.
bool OnlyEmitsC(const Options& options);

// Nothing when the program shall end with `exit_code` at once (help or version printed: 0; a usage error, printed: 2).
std::optional<Options> ParseOptions(int argc, char** argv, int* exit_code);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_OPTIONS_H_
