// The profile of a model: what each step took, and what the machine's roofs would have allowed.
#ifndef CUTIS_TOOLS_CUTIS_PROFILE_H_
#define CUTIS_TOOLS_CUTIS_PROFILE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/model.h"
#include "tools/cutis/common.h"
#include "tools/cutis/roofs.h"

namespace cutis::cli {

// What a step, a kind of steps or all of them cost, for the whole batch.
struct Cost {
  double ms = 0;
  uint64_t macs = 0;
  uint64_t bytes = 0;     // that must move at least: weights, what is read, what is written
  double compute_ms = 0;  // what the multiply-adds take at the peak
  double memory_ms = 0;   // what the bytes take at the bandwidth
  double roof_ms = 0;     // the larger of the two, of each step

  double GigaOps() const { return ms > 0 ? 2e-6 * static_cast<double>(macs) / ms : 0; }
  double Intensity() const { return bytes > 0 ? 2 * static_cast<double>(macs) / static_cast<double>(bytes) : 0; }
  double PeakShare() const { return ms > 0 ? compute_ms / ms : 0; }
  double RoofShare() const { return ms > 0 ? roof_ms / ms : 0; }
  const char* Bound() const { return roof_ms <= 0 ? "-" : compute_ms >= memory_ms ? "compute" : "memory"; }
};

// A node by itself, or the nodes of a block.
struct ProfileStep {
  size_t first = 0, last = 0;  // nodes
  const char* op = "";
  std::vector<const char*> kernels;
  Cost cost;
};

struct Profile {
  Roofs roofs;
  std::vector<ProfileStep> steps;
};

// `node_ms`: of each node; a block's stands at its last one.
Profile MakeProfile(const Model& model, int32_t batch, std::span<const double> node_ms, const Roofs& roofs);

// The steps of one kind of operator.
struct OpTotal {
  const char* op;
  size_t steps;
  Cost cost;
};
// Per kind, the slowest first; then all.
std::vector<OpTotal> Totals(const Profile& profile);

Json RoofsJson(const Roofs& roofs);
Json StepsJson(const Model& model, const Profile& profile);
void PrintProfile(const Model& model, const Profile& profile);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_PROFILE_H_
