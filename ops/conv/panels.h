// What conv and dense share: their weights are panels of 16 outputs, dense (W16x4) or pruned (B16x4).
#ifndef CUTIS_OPS_CONV_PANELS_H_
#define CUTIS_OPS_CONV_PANELS_H_

#include <cstddef>
#include <cstdint>

#include "ops/conv/conv.h"
#include "ops/op.h"
#include "ops/options.h"
#include "ops/status.h"

namespace cutis {

// What the layout of a layer's weights follows from. All values are at least 1; the inputs are those of one group.
struct PanelShape {
  size_t groups = 1;
  size_t group_out = 1;
  int64_t taps = 1;
  size_t group_in = 1;

  size_t PanelsOfGroup() const { return (group_out + 15) / 16; }
  size_t GroupsOfTap() const { return (group_in + 3) / 4; }  // k-groups
};

// The sizes of all spans, the lists of live rows, the bounds of the sums, the weights: everything that ConvU8Options says of
// itself but window, clamp and padding. Errors begin with `op`.
Status CheckPanels(const char* op, const ConvU8Options& options, const PanelShape& shape);

// Multiply-adds of one pixel, the padding of k-groups and panels not counted. CheckPanels has passed.
uint64_t PanelMacs(const ConvU8Options& options, const PanelShape& shape);

// Calls `kernel`, which is of the kind that the options want, for `args` with the weights of `first_panel` and those after it;
// args.w is ignored.
void RunPanels(KernelFn kernel, const ConvU8Options& options, size_t first_panel, const ConvU8Args& args);

}  // namespace cutis

#endif  // CUTIS_OPS_CONV_PANELS_H_
