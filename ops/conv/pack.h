// From plain weights to the layouts of ops/options.h; for the converter and for tests. All sizes are counted in elements.
#ifndef CUTIS_OPS_CONV_PACK_H_
#define CUTIS_OPS_CONV_PACK_H_

#include <cstddef>
#include <cstdint>

namespace cutis {

// A convolution's weights: plain [out][kernel_h][kernel_w][in_per_group]. `out` counts the outputs of all groups and is a
// multiple of `groups`. A fully connected layer has a 1 x 1 kernel. All values are at least 1.
struct ConvWeightShape {
  int32_t out = 1, kernel_h = 1, kernel_w = 1, in_per_group = 1, groups = 1;
};

// W16x4: [groups][ceil(n/16)][K/4][16 n][4 k], n = out/groups, k over (ky, kx, cin) with cin padded to 4. Tails are zero.
size_t PackedConvU8Size(const ConvWeightShape& shape);
void PackConvU8(const ConvWeightShape& shape, const int8_t* plain, int8_t* packed);

// B16x4: the rows of 64 bytes of W16x4 that hold anything. `panels` panels of `k_groups` rows, at most 2^16; `starts` has
// panels+1 entries, `live` one and `rows` 64 for each of the CountLiveRows() rows.
size_t CountLiveRows(const int8_t* packed, size_t bytes);
void PackLiveRows(const int8_t* packed, size_t panels, size_t k_groups, uint32_t* starts, uint16_t* live, int8_t* rows);

// [groups][ceil(n/16)][K][16 n], k over (ky, kx, cin), cin not padded. Tails are zero.
size_t PackedConvF32Size(const ConvWeightShape& shape);
void PackConvF32(const ConvWeightShape& shape, const float* plain, float* packed);

// Depthwise: plain [channels][kernel_h][kernel_w] to [ceil(c/16)][ceil(taps/4)][16 c][4 taps], taps in the same order; tails
// are zero.
size_t PackedDepthwiseU8Size(int32_t channels, int32_t kernel_h, int32_t kernel_w);
void PackDepthwiseU8(int32_t channels, int32_t kernel_h, int32_t kernel_w, const int8_t* plain, int8_t* packed);

// Depthwise: plain [channels][kernel_h][kernel_w] to [ceil(c/16)][kernel_h][kernel_w][16 c]; tails are zero.
size_t PackedDepthwiseF32Size(int32_t channels, int32_t kernel_h, int32_t kernel_w);
void PackDepthwiseF32(int32_t channels, int32_t kernel_h, int32_t kernel_w, const float* plain, float* packed);

// Biases and multipliers: plain [out] to [groups][ceil16(out/groups)], tails zero. (Depthwise: groups = 1.)
size_t PackedChannelsSize(int32_t out, int32_t groups);
void PackChannels(int32_t out, int32_t groups, const int32_t* plain, int32_t* packed);
void PackChannels(int32_t out, int32_t groups, const float* plain, float* packed);

}  // namespace cutis

#endif  // CUTIS_OPS_CONV_PACK_H_
