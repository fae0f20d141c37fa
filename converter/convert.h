// The whole way from a source to a .cutis file, as cutis-convert goes it.
#ifndef CUTIS_CONVERTER_CONVERT_H_
#define CUTIS_CONVERTER_CONVERT_H_

#include "converter/options.h"
#include "converter/progress.h"
#include "converter/summary.h"
#include "ops/status.h"

namespace cutis::convert {

// Reads, quantises, plans, checks, compares and writes, reports that are asked for too. Nothing is written unless everything
// has succeeded.
Result<Summary> Convert(const Options& options, ProgressLine& progress);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_CONVERT_H_
