// What one core can compute at most: multiply-adds from registers to registers with the best exact instructions of an
// instruction set. Nothing of a network; these kernels measure the roof under which `cutis bench --profile` puts the others.
#ifndef CUTIS_OPS_PEAK_PEAK_H_
#define CUTIS_OPS_PEAK_PEAK_H_

#include <cstdint>

namespace cutis {

// `rounds` times (1 or more), as many multiply-adds as fill the multipliers; how many that are is for the kernel to say. With
// the 4 bytes x and the 4 weights w over and over,
//   *sum = *macs / 4 * (x[0] w[0] + x[1] w[1] + x[2] w[2] + x[3] w[3])   modulo 2^32
// is what the registers hold in the end: no multiply-add is counted that was not done. Weights lie within [-64, 63], where
// vpmaddubsw is exact.
struct PeakU8Args {
  uint8_t x[4];
  int8_t w[4];
  uint64_t rounds;
  uint64_t* macs;
  uint32_t* sum;
};

// *sum = *macs * x * w, exactly as long as every lane's sums are: rounds * x * w is an integer within 2^24. A product is
// rounded before it is added, as in all float kernels.
struct PeakF32Args {
  float x, w;
  uint64_t rounds;
  uint64_t* macs;
  double* sum;
};

}  // namespace cutis

#endif  // CUTIS_OPS_PEAK_PEAK_H_
