// Compares a .cutis file with the source it was made from.
#ifndef CUTIS_CONVERTER_CHECK_H_
#define CUTIS_CONVERTER_CHECK_H_

#include <string>

#include "converter/options.h"
#include "converter/progress.h"
#include "ops/status.h"

namespace cutis::convert {

struct Checked {
  std::string text;    // for people
  bool below = false;  // the mean cosine is below --min-cosine
};

// Runs the float32 network of the source and the file, with the file's preprocessing, on the images or on generated inputs, and
// writes the reports that are asked for.
Result<Checked> Check(const Options& options, ProgressLine& progress);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_CHECK_H_
