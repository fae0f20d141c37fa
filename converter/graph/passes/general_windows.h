// Convolutions and pools that are no sliding windows over images with constant weights: written as products and reductions of
// unfolded patches. For Canonicalize.
#ifndef CUTIS_CONVERTER_GRAPH_PASSES_GENERAL_WINDOWS_H_
#define CUTIS_CONVERTER_GRAPH_PASSES_GENERAL_WINDOWS_H_

#include "converter/graph/rewriter.h"

namespace cutis::convert {

// One or two spatial axes and constant weights: kept. Else unfolded patches times the weights.
Status RewriteConv(Rewriter& rewriter, const Node& node);
// A convolution with flipped weights over the input with zeros between its elements.
Status RewriteConvTranspose(Rewriter& rewriter, const Node& node);
// One or two spatial axes: kept, but for what the operators of the runtime cannot count (padding as large as the window;
// ceil_mode with count_include_pad where it changes a count).
Status RewritePool(Rewriter& rewriter, const Node& node);
// A pool over everything, or a reduction where there are more axes than two.
Status RewriteGlobalPool(Rewriter& rewriter, const Node& node);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_GRAPH_PASSES_GENERAL_WINDOWS_H_
