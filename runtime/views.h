// Several views of one image (test-time augmentation): the eight flips and quarter turns of the square that the network is
// given. The network's outputs for them are averaged in their order, and judged by numbers of their own (VerdictRecipe::views).
#ifndef CUTIS_RUNTIME_VIEWS_H_
#define CUTIS_RUNTIME_VIEWS_H_

#include <cstdint>
#include <span>

#include "ops/status.h"
#include "runtime/recipe.h"

namespace cutis {

inline constexpr int32_t kViews = 8;

// View 0 .. kViews-1 of `side` x `side` tight pixels of three bytes: bit 2 of the view exchanges rows and columns, then bit 1
// turns the order of the rows round, bit 0 that of the columns. View 0 is the image. `view_pixels` is another place.
void MakeView(const uint8_t* pixels, int32_t side, int32_t view, uint8_t* view_pixels);

// The mean of the outputs of `views` views, which lie one after the other: summed in their order, then divided. `mean` has one
// element a label.
Status MeanOfViews(std::span<const float> outputs, int32_t views, std::span<float> mean);

// Whether the views after the first `views`, whose mean is `mean`, are left out: the file's limit for that number says that no
// bound of a decision at the named operating point (null: the default one) is near. Never without such limits.
Result<bool> ViewsSuffice(const VerdictRecipe& recipe, std::span<const float> mean, int32_t views, const char* operating_point);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_VIEWS_H_
