// The truth about images, from a CSV file.
#ifndef CUTIS_CONVERTER_RECIPE_LABELS_H_
#define CUTIS_CONVERTER_RECIPE_LABELS_H_

#include <map>
#include <string>
#include <string_view>

#include "ops/status.h"

namespace cutis::convert {

// Whether each image is a positive one, by file name without folders. The first line names the columns: `file`, and `is_bcc` (0
// or 1) or `label` (compared with `positive`); others are ignored, fields may be quoted. Two rows with the same file name must
// agree. kBadInput with the line's number for what does not fit.
Result<std::map<std::string, bool>> ParseLabels(std::string_view text, const std::string& positive, const std::string& where);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_RECIPE_LABELS_H_
