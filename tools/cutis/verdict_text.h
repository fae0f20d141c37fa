// A verdict for people, and as JSON.
#ifndef CUTIS_TOOLS_CUTIS_VERDICT_TEXT_H_
#define CUTIS_TOOLS_CUTIS_VERDICT_TEXT_H_

#include <string>

#include "cutis_pipeline.h"
#include "tools/cutis/common.h"

namespace cutis::cli {

// `result` holds all probabilities; `model` is the one that it comes from.
Json VerdictJson(const Model& model, const std::string& path, const cutis_result& result);
// The same, or the error that an image had.
Json OutcomeJson(const Model& model, const cutis_pipeline_outcome& outcome);
void PrintVerdict(const Model& model, const std::string& path, const cutis_result& result);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_VERDICT_TEXT_H_
