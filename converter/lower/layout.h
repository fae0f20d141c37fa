// Where the elements of a value of any rank lie in a tensor of the runtime.
#ifndef CUTIS_CONVERTER_LOWER_LAYOUT_H_
#define CUTIS_CONVERTER_LOWER_LAYOUT_H_

#include <vector>

#include "converter/graph/graph.h"
#include "ops/index.h"
#include "ops/status.h"
#include "ops/tensor.h"

namespace cutis::convert {

// One axis of a value: which memory dimension it walks along, and how far a step is.
struct AxisPlace {
  Dim dim = Dim::kChannel;
  int32_t step = 0;
};

// coordinate[d] = sum over axes a with dim d of index[a] * step. Every layout here is a bijection: each element of the tensor
// is one of the value. Transposes and many reshapes only change the axes, not the tensor.
struct Layout {
  Shape shape;
  int32_t images = 1;
  std::vector<AxisPlace> axes;  // of the value's dims
};

// Channels last, as convolutions want it: [N, C, H, W], [N, C, L], [N, C], [C]; anything else, and what exceeds the limits of a
// tensor's dimensions, is flat.
Layout ImageLayout(const Dims& dims);
// One row of all elements, in the value's own order.
Layout FlatLayout(const Dims& dims);
// `axis` along the channels, everything else along the width.
Layout RowsLayout(const Dims& dims, size_t axis);

// The same tensor and the same place of each element.
bool SamePlaces(const Layout& a, const Layout& b, const Dims& dims);

// The axes of the value from the outermost in memory to the innermost, those of extent 1 left out, as the view of a tensor that
// has this layout. `order[i]` is the value's axis behind axis i of the view; a value of one element gives one axis of extent 1
// whose order is -1. Fails for more than kMaxAxes axes.
Status ViewOf(const Layout& layout, const Dims& dims, View* view, std::vector<int>* order);

// The index map from the axes of a view (by `order`) to the places of a value that broadcasts to it: `dims` aligned to the last
// axes of a value of `rank` axes, extents of 1 repeated.
IndexMap MapOf(const Layout& layout, const Dims& dims, size_t rank, const std::vector<int>& order);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_LOWER_LAYOUT_H_
