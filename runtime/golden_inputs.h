// Inputs that every machine generates alike, and how tensors enter a hash.
#ifndef CUTIS_RUNTIME_GOLDEN_INPUTS_H_
#define CUTIS_RUNTIME_GOLDEN_INPUTS_H_

#include <cstddef>
#include <cstdint>

#include "ops/hash/sha256.h"
#include "ops/tensor.h"

namespace cutis {

inline constexpr int32_t kGoldenInputs = 32;

// Writes input `index` (>= 0), height*width*channels bytes of tight NHWC. Integers only:
//
// even index: noise. A SplitMix64 generator starts at state = index; each step is
//     state += 0x9e3779b97f4a7c15;  z = state;
//     z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;  z = (z ^ z >> 27) * 0x94d049bb133111eb;  z ^= z >> 31;
//   and gives the next 8 bytes, the lowest first.
//
// odd index: a smooth gradient, a triangle wave of period 512 along x, y and the channel c. With k = (index - 1) / 2:
//     v = (x*(1 + k % 5) + y*(1 + k / 5 % 3) + c*85 + k*37) % 512;   byte = v < 256 ? v : 511 - v.
void GenerateInput(int32_t index, const Shape& shape, uint8_t* pixels);

// Adds an entry of a tensor to a hash: tight NHWC, without the elements between its channels and its channel stride.
void UpdateTight(const TensorInfo& info, const void* entry, Sha256* hash);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_GOLDEN_INPUTS_H_
