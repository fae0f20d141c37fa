// DepthwiseQuadsU8 for AArch64 with dot products: see quads_neon.h.
#include "ops/depthwise/quads_neon.h"

namespace cutis {

void DepthwiseQuadsU8_8x4k4_dotprod(const DepthwiseQuadsU8Args& args) { RunDepthwiseQuads<QuadIsa<true>, true>(args); }

}  // namespace cutis
