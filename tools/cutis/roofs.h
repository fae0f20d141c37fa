// What this machine can do at most, measured: multiply-adds in registers and bytes read from where the weights lie. A profile
// puts every step under these two roofs (S. Williams, A. Waterman, D. Patterson: Roofline, Communications of the ACM 52(4),
// 2009).
#ifndef CUTIS_TOOLS_CUTIS_ROOFS_H_
#define CUTIS_TOOLS_CUTIS_ROOFS_H_

#include <cstdint>

#include "ops/cpu.h"
#include "ops/status.h"
#include "ops/tensor.h"

namespace cutis::cli {

struct ComputeRoof {
  const char* kernel = "";  // the fastest of the peak kernels
  double macs_per_ms = 0;
};

struct Roofs {
  int32_t threads = 1;
  ComputeRoof u8, f32;
  uint64_t buffer_bytes = 0;  // that were read, over and over
  double bytes_per_ms = 0;

  const ComputeRoof& Of(DataType type) const { return type == DataType::kU8 ? u8 : f32; }
};

// All threads work at once, each with registers or its share of the buffer, as in a run: what they share (a core's other half,
// the last cache, the clock's limits) lowers the roofs as it lowers the run. Within the instruction sets of `cpu`. Takes a few
// hundred milliseconds.
Result<Roofs> MeasureRoofs(CpuFeatures cpu, uint64_t buffer_bytes, int32_t threads);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_ROOFS_H_
