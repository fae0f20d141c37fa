// Figures of a run of classify, for who watches it.
#ifndef CUTIS_TOOLS_CUTIS_METRICS_H_
#define CUTIS_TOOLS_CUTIS_METRICS_H_

#include <string>

#include "cutis_pipeline.h"
#include "tools/cutis/system.h"
#include "tools/cutis/verdict_text.h"

namespace cutis::cli {

// kUsage unless the name ends in .json or .prom, or is empty.
Status CheckMetricsName(const std::string& path);

// Writes what the pipeline has counted since it was created, whole or not at all: JSON, or the text format of Prometheus
// (https://prometheus.io/docs/instrumenting/exposition_formats). `cpu`: what the run used;
// `cache`: null without one.
Status WriteMetrics(const std::string& path, const Judging& judging, const cutis_pipeline_options& options,
                    const cutis_pipeline& pipeline, const CpuSeconds& cpu, const cutis_data_cache_statistics* cache);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_METRICS_H_
