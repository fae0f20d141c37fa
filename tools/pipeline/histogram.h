// Percentiles of many times in little memory.
#ifndef CUTIS_TOOLS_PIPELINE_HISTOGRAM_H_
#define CUTIS_TOOLS_PIPELINE_HISTOGRAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/pipeline/cutis_pipeline.h"

namespace cutis::pipeline {

// Times from 1 ns up, in buckets of 1/64 of a power of two; a percentile is the middle of its bucket, so it is right within 1
// %.
class Histogram {
 public:
  void Add(double ms);
  cutis_latency Summary() const;

 private:
  double Percentile(double share) const;

  std::vector<uint64_t> counts_;  // made with the first time
  uint64_t count_ = 0;
  double sum_ = 0, least_ = 0, most_ = 0;
};

}  // namespace cutis::pipeline

#endif  // CUTIS_TOOLS_PIPELINE_HISTOGRAM_H_
