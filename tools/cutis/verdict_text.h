// A verdict for people, and as JSON.
#ifndef CUTIS_TOOLS_CUTIS_VERDICT_TEXT_H_
#define CUTIS_TOOLS_CUTIS_VERDICT_TEXT_H_

#include <string>

#include "cutis_pipeline.h"
#include "tools/cutis/common.h"

namespace cutis::cli {

// How images are judged; a result says it, and the first line of a file of results.
struct Judging {
  const Model& model;
  std::string operating_point;  // empty: the model's default
  int32_t views = 1;            // or CUTIS_VIEWS
  bool gates = true;            // false: the limits of usable images are not looked at

  // Whether limits are looked at: not where the model has none.
  bool limited() const { return gates && model.verdict()->limits.has_value(); }
};

// The point that a result was judged at; null without one.
const OperatingPoint* PointOf(const VerdictRecipe& recipe, const cutis_result& result);

// The verdict, which holds all probabilities, or the error that an image had.
Json OutcomeJson(const Judging& judging, const cutis_pipeline_outcome& outcome);
void PrintVerdict(const Judging& judging, const cutis_pipeline_outcome& outcome);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_VERDICT_TEXT_H_
