// DepthwiseQuadsU8 for AArch64 with the mixed dot products of FEAT_I8MM: see quads_neon.h.
#include "ops/depthwise/quads_neon.h"

namespace cutis {

void DepthwiseQuadsU8_8x4k4_i8mm(const DepthwiseQuadsU8Args& args) { RunDepthwiseQuads<QuadIsa<false>>(args); }

}  // namespace cutis
