// The page of cutis bench --report.
#ifndef CUTIS_TOOLS_CUTIS_REPORT_H_
#define CUTIS_TOOLS_CUTIS_REPORT_H_

#include <optional>
#include <string>

#include "tools/cutis/baseline.h"
#include "tools/cutis/measure.h"

namespace cutis::cli {

// Before anything is measured: whether the files that `options` names may be written and can be read. A report makes of the run
// one with a profile.
Status CheckReport(BenchOptions& options, std::optional<Baseline>* baseline);

std::string BenchReport(const Model& model, const BenchOptions& options, const Measurement& result, const Baseline* baseline);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_REPORT_H_
