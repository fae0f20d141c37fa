#ifndef CUTIS_CONVERTER_LOWER_WINDOW_H_
#define CUTIS_CONVERTER_LOWER_WINDOW_H_

#include "converter/graph/graph.h"
#include "ops/options.h"

namespace cutis::convert {

// The window of a node in normal form: along one axis (which is the width) or along two.
Window ToWindow(const Node& node);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_LOWER_WINDOW_H_
