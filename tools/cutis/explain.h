// cutis classify --explain: a picture of what a verdict rests on.
#ifndef CUTIS_TOOLS_CUTIS_EXPLAIN_H_
#define CUTIS_TOOLS_CUTIS_EXPLAIN_H_

#include <cstddef>
#include <string>

#include "runtime/cutis.h"
#include "runtime/model.h"

namespace cutis::cli {

// Before anything is computed: one image, a model that can explain, and a file that is not there yet. `images`: their number, 0
// where it is not known.
Status CheckExplain(const Model& model, const std::string& model_path, size_t images, const std::string& out);

// Runs the image once more, keeping the feature map, and writes a PNG with the map of the positive label and the verdict
// `result`: whole or not at all.
Status Explain(const Model& model, const std::string& image, const cutis_result& result, int32_t threads,
               const std::string& out);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_EXPLAIN_H_
