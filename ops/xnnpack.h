// XNNPACK as a second backend for float32 convolutions, depthwise convolutions and fully connected layers.
//
// XNNPACK repacks weights and builds tables of pointers, so each node gets an operator of its own when a session is created.
// What it allocates is counted. Results differ from our kernels in the last bits (it fuses multiply and add), so it is never
// used for calibration. In a build without XNNPACK (-Dxnnpack=disabled) Available is false and the functions return
// kUnsupported.
#ifndef CUTIS_OPS_XNNPACK_H_
#define CUTIS_OPS_XNNPACK_H_

#include <cstddef>
#include <cstdint>

#include "ops/op.h"
#include "ops/status.h"

struct pthreadpool;  // pthreadpool_t is a pointer to it

namespace cutis {

struct ExternalOp;

// Its kernels may read (and ignore) this many bytes behind the last image of an input. Within an arena other buffers lie there;
// behind the arena's last buffer they must be readable memory too.
inline constexpr size_t kXnnpackExtraBytes = 16;

bool XnnpackAvailable();

// Whether XNNPACK computes this node: conv, depthwise or dense in float32.
bool XnnpackSupports(const Node& node);

// `threads` including the calling one; null for 1, which means "the calling thread alone" below. Thread-safe.
Result<pthreadpool*> CreateXnnpackThreads(int32_t threads);
void DestroyXnnpackThreads(pthreadpool* pool);  // null is fine

// For a node that has passed its check. Keeps `args`' pointers (16 readable bytes behind each input, see above) and `pool`,
// which must outlive the operator, and copies the weights. args.batch is the most images of one run. Thread-safe.
Result<ExternalOp*> CreateXnnpackOp(const Node& node, const RunArgs& args, pthreadpool* pool);

// Computes the first `images` images, 1 .. args.batch of the creation. No allocation. One run at a time of operators that share
// a pool. Fails only for a wrong count or a defect of XNNPACK.
Status RunXnnpackOp(ExternalOp* op, int32_t images);

void DestroyXnnpackOp(ExternalOp* op);  // null is fine

// Heap bytes of one operator; of all that live; how many allocations there have been in the process.
size_t XnnpackOpBytes(const ExternalOp* op);
uint64_t XnnpackBytes();
uint64_t XnnpackAllocations();

}  // namespace cutis

#endif  // CUTIS_OPS_XNNPACK_H_
