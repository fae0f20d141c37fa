// Folders of images, and the bytes that a network gets of them.
#ifndef CUTIS_CONVERTER_QUANT_IMAGES_H_
#define CUTIS_CONVERTER_QUANT_IMAGES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "ops/status.h"
#include "ops/tensor.h"
#include "runtime/recipe.h"

namespace cutis::convert {

// All files below `folder` that end in .jpg, .jpeg or .png (any case), sorted by path, so that the order is that of every file
// system. kBadInput when there is none.
Result<std::vector<std::string>> ListImages(const std::string& folder);

// Decodes and preprocesses one image to tight pixels of `shape`. The error names the file.
Result<std::vector<uint8_t>> LoadImage(const std::string& path, const Preprocess& recipe, const Shape& shape);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_IMAGES_H_
