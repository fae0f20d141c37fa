// Which instruction set computes which step of a model. The best one that the CPU has is not always the fastest: a measurement
// (cutis bench --autotune) may find a lesser one faster for some steps, and is kept in a small text file, apart from the model,
// which may lie on read-only storage:
//
//   cutis-tuning 1
//   cpu NAME       as DescribeCpu() gives it
//   model SHA256   of the model's content, 64 hexadecimal digits
//   step NODE ISA  NODE: the number of the step's last node. Steps that are not listed take the best set
//
// Results are the same bits whatever it says, and so is the arena.
#ifndef CUTIS_RUNTIME_TUNING_H_
#define CUTIS_RUNTIME_TUNING_H_

#include <cstdint>
#include <span>

#include "ops/cpu.h"
#include "ops/status.h"
#include "runtime/verify.h"

namespace cutis {

inline constexpr const char* kTuningHeader = "cutis-tuning 1";
inline constexpr size_t kMaxTuningBytes = 1 << 20;

// Reads the file and gives the steps that it lists their kernels. Errors begin with the path: kUsage when it belongs to another
// CPU or model, or names a set beyond `cpu`; kBadInput when it is damaged or missing.
Status ApplyTuning(const char* path, CpuFeatures cpu, std::span<const uint8_t, 32> sha256, ModelData* data);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_TUNING_H_
