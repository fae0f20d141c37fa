// One multiplication at a time. The operands are volatile, so that the compiler reads them for each product and keeps the
// products apart.
#include "ops/peak/peak.h"

namespace cutis {

void PeakU8_scalar(const PeakU8Args& args) {
  const volatile uint8_t x[4] = {args.x[0], args.x[1], args.x[2], args.x[3]};
  const int32_t w[4] = {args.w[0], args.w[1], args.w[2], args.w[3]};
  uint32_t sums[4] = {};
  for (uint64_t round = 0; round < args.rounds; ++round) {
    for (int k = 0; k < 4; ++k) sums[k] += static_cast<uint32_t>(x[k] * w[k]);
  }
  *args.macs = args.rounds * 4;
  *args.sum = sums[0] + sums[1] + sums[2] + sums[3];
}

void PeakF32_scalar(const PeakF32Args& args) {
  const volatile float x = args.x;
  const float w = args.w;
  float sums[8] = {};  // sums of float32 take some cycles each, and two can start in one
  for (uint64_t round = 0; round < args.rounds; ++round) {
    for (float& sum : sums) {
      const float product = x * w;
      sum += product;
    }
  }
  *args.macs = args.rounds * 8;
  *args.sum = 0;
  for (float sum : sums) *args.sum += static_cast<double>(sum);
}

}  // namespace cutis
