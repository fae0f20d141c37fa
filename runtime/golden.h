// The hashes of what a network makes of generated inputs: the same on every machine, ISA, thread count and batch.
#ifndef CUTIS_RUNTIME_GOLDEN_H_
#define CUTIS_RUNTIME_GOLDEN_H_

#include <cstdint>
#include <span>

#include "ops/status.h"
#include "runtime/golden_inputs.h"
#include "runtime/session.h"

namespace cutis {

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
