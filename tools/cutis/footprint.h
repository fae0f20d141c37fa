// What a model takes on a device, as inspect shows it.
#ifndef CUTIS_TOOLS_CUTIS_FOOTPRINT_H_
#define CUTIS_TOOLS_CUTIS_FOOTPRINT_H_

#include "runtime/model.h"
#include "tools/cutis/common.h"

namespace cutis::cli {

// Storage, heap, and what pictures of some sizes take; with the limits of the device that the model was made for.
Result<Json> FootprintJson(const Model& model);
Status PrintFootprint(const Model& model);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_FOOTPRINT_H_
