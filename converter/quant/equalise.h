// Cross-layer equalisation (Nagel, van Baalen, Blankevoort, Welling, 2019: "Data-Free Quantization Through Weight Equalization and
// Bias Correction"): a channel whose values are small beside the others' of its tensor uses few of the 256 steps that all channels
// share. Scaled up where it is made and down again where it is read, it uses more of them.
//
// Only where that changes nothing in real numbers: nothing but linear layers, additions, pools and ReLU may lie in between. ReLU6
// is not such a place (a scaled channel would be clamped elsewhere), so tensors behind one keep their scales. Factors are powers of
// two: the float32 network gives the same bits before and after.
#ifndef CUTIS_CONVERTER_QUANT_EQUALISE_H_
#define CUTIS_CONVERTER_QUANT_EQUALISE_H_

#include <vector>

#include "converter/lower/net.h"

namespace cutis::convert {

// The largest absolute value of each channel on images, by tensor; empty: not known.
using ChannelRanges = std::vector<std::vector<float>>;

// Scales the channels of every set of tensors that must keep the same factors. `strength` 0: not at all, 1: until all channels
// of a tensor are equally large (as near as powers of two come). Returns how many channels have been scaled.
size_t Equalise(Net& net, const ChannelRanges& ranges, double strength);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_EQUALISE_H_
