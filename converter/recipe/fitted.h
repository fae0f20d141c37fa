// Numbers of a recipe that were fitted with one network, and hold for no other: its calibration, its limits, its
// calibrated operating points, measured sensitivities and specificities.
#ifndef CUTIS_CONVERTER_RECIPE_FITTED_H_
#define CUTIS_CONVERTER_RECIPE_FITTED_H_

#include <string>

#include "converter/recipe/recipe.h"

namespace cutis::convert {

// Whether there are any.
bool HasFitted(const VerdictSettings& verdict);

// Takes them out, and the hash with them; uncalibrated operating points stay, without what was measured at them. Says for
// people what went, and which operating point became the default in place of one that went; empty when there was nothing.
std::string TakeOutFitted(VerdictSettings& verdict);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_RECIPE_FITTED_H_
