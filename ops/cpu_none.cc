// Without an operating system nobody is asked: the reference kernels run on every processor.
#include "ops/cpu.h"

namespace cutis {

CpuFeatures DetectCpu() { return FeatureOf(Isa::kScalar); }

}  // namespace cutis
