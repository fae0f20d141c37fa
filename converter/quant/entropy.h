// The range that keeps most of a histogram's information (TensorRT's calibration by Kullback-Leibler divergence).
#ifndef CUTIS_CONVERTER_QUANT_ENTROPY_H_
#define CUTIS_CONVERTER_QUANT_ENTROPY_H_

#include "converter/quant/range.h"

namespace cutis::convert {

// log2(x) for finite x > 0 by +, -, * and / alone, so that no system's library decides; relative error below 1e-9 away from 1.
double Log2(double x);

// Of `full` and the ranges that shrink both its sides alike, down to a quarter, the one with the least divergence of the clipped
// histogram from the same in 256 steps. What lies beyond the range counts at its ends.
Range EntropyRange(const TensorStatistics& statistics, const Range& full);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_ENTROPY_H_
