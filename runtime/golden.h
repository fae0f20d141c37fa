// Generated inputs and the hashes of what a network makes of them: the same on every machine, ISA, thread count and batch.
#ifndef CUTIS_RUNTIME_GOLDEN_H_
#define CUTIS_RUNTIME_GOLDEN_H_

#include <cstdint>
#include <span>

#include "ops/status.h"
#include "runtime/session.h"

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

// SHA-256 over the outputs of the inputs 0 .. kGoldenInputs-1, in that order whatever the batch; of each input every output of
// the graph in order, tight NHWC (no elements beyond the channels), as raw little-endian bytes. The bytes go in by
// Session::SetInputU8. Runs in a session made with `options` (batch, threads, backend, arena).
// With `inputs` below kGoldenInputs, over as many of them.
Status OutputHash(const Model& model, const SessionOptions& options, uint8_t digest[32], int32_t inputs = kGoldenInputs);

struct TensorHash {
  const char* name = "";  // in the model
  uint8_t digest[32] = {};
};

// The same for every tensor of the graph, its input included, each with a hash of its own over all inputs.
// `hashes` has model.tensors().size() elements, in the order of the tensors. A tensor inside a block never exists whole: its
// hash is that of nothing.
Status TensorHashes(const Model& model, const SessionOptions& options, std::span<TensorHash> hashes);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_GOLDEN_H_
