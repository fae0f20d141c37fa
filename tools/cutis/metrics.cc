#include "tools/cutis/metrics.h"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

namespace cutis::cli {
namespace {

struct NodeTime {
  const ModelNode* node;
  double ms;
};

struct Figures {
  cutis_pipeline_metrics run = {};
  ResidentMemory memory;
  CpuSeconds cpu;
  uint64_t arena_bytes = 0;  // of all workers
  double threads = 0;
  std::vector<NodeTime> nodes;  // a block's time stands at its last node
  double node_ms = 0;           // of all

  double images_per_second() const { return run.seconds > 0 ? static_cast<double>(run.images + run.errors) / run.seconds : 0; }
  double utilisation() const { return run.seconds > 0 ? (cpu.user + cpu.system) / (run.seconds * threads) : 0; }
  std::vector<std::pair<const char*, const cutis_latency*>> stages() const {
    return {{"read", &run.read},
            {"decode", &run.decode},
            {"preprocess", &run.preprocess},
            {"inference", &run.inference},
            {"whole", &run.whole}};
  }
};

Figures FiguresOf(const Judging& judging, const cutis_pipeline_options& options, const cutis_pipeline& pipeline,
                  const CpuSeconds& cpu) {
  Figures made;
  made.run.struct_size = sizeof made.run;
  (void)cutis_pipeline_get_metrics(&pipeline, &made.run);
  made.memory = Resident();
  made.cpu = cpu;
  const int32_t session_threads = std::max(options.session_threads, 1);
  made.threads = static_cast<double>(options.workers) * session_threads;
  made.arena_bytes =
      static_cast<uint64_t>(options.workers) * judging.model.ArenaBytes(cutis_pipeline_batch(&pipeline), session_threads);
  const std::span<const ModelNode> nodes = judging.model.nodes();
  for (size_t i = 0; i < nodes.size(); ++i) {
    const double ms = cutis_pipeline_node_ms(&pipeline, static_cast<int32_t>(i));
    if (nodes[i].block >= 0 && judging.model.blocks()[static_cast<size_t>(nodes[i].block)].last != static_cast<int32_t>(i))
      continue;
    made.nodes.push_back({&nodes[i], ms});
    made.node_ms += ms;
  }
  return made;
}

// The numbers of a cache under their names.
std::vector<std::pair<const char*, uint64_t>> CacheNumbers(const cutis_data_cache_statistics& cache) {
  return {{"hits", cache.hits},     {"misses", cache.misses},     {"damaged", cache.damaged},
          {"stored", cache.stored}, {"failures", cache.failures}, {"evicted", cache.evicted}};
}

Json Real(double value) { return static_cast<float>(value); }

Json LatencyJson(const cutis_latency& latency) {
  return {{"count", latency.count},   {"mean", Real(latency.mean)}, {"min", Real(latency.least)}, {"p50", Real(latency.p50)},
          {"p90", Real(latency.p90)}, {"p99", Real(latency.p99)},   {"max", Real(latency.most)}};
}

Json MetricsJson(const Judging& judging, const Figures& figures, const cutis_pipeline_options& options, int32_t batch,
                 const cutis_data_cache_statistics* cache) {
  const Model& model = judging.model;
  const cutis_pipeline_metrics& run = figures.run;
  Json json;
  json["cutis"] = CUTIS_VERSION;
  json["model"] = model.provenance().name;
  json["model_hash"] = Hex(model.sha256());
  json["isa"] = NameOf(BestIsa(model.cpu()));
  json["workers"] = options.workers;
  json["session_threads"] = std::max(options.session_threads, 1);
  json["batch"] = batch;
  json["views"] = judging.views;
  json["gates"] = judging.limited();
  json["images"] = run.images;
  json["errors"] = run.errors;
  json["cached"] = run.cached;
  json["views_judged"] = run.views;
  json["seconds"] = Real(run.seconds);
  json["images_per_second"] = Real(figures.images_per_second());
  json["latency_ms"] = Json::object();
  for (const auto& [name, latency] : figures.stages()) json["latency_ms"][name] = LatencyJson(*latency);
  json["cache"] = nullptr;
  if (cache != nullptr) {
    json["cache"] = Json::object();
    for (const auto& [name, number] : CacheNumbers(*cache)) json["cache"][name] = number;
    json["cache"]["bytes"] = cache->bytes;
  }
  json["memory"] = {{"resident_bytes", figures.memory.now},
                    {"peak_bytes", figures.memory.peak},
                    {"arena_bytes", figures.arena_bytes},
                    {"model_file_bytes", model.file_bytes()},
                    {"model_heap_bytes", model.memory_bytes()}};
  json["cpu"] = {{"user_seconds", Real(figures.cpu.user)},
                 {"system_seconds", Real(figures.cpu.system)},
                 {"utilisation", Real(figures.utilisation())}};
  json["steps"] = Json::array();
  for (const NodeTime& of : figures.nodes) {
    json["steps"].push_back({{"node", of.node->name},
                             {"op", of.node->op->name},
                             {"kernel", of.node->kernel->name},
                             {"ms", Real(of.ms)},
                             {"share", Real(figures.node_ms > 0 ? of.ms / figures.node_ms : 0)}});
  }
  return json;
}

// The text format: a help, a type, and lines of name{labels} number.
class PrometheusText {
 public:
  void Family(const char* name, const char* type, const char* help) {
    text_.append("# HELP cutis_").append(name).append(" ").append(help).append("\n# TYPE cutis_");
    text_.append(name).append(" ").append(type).append("\n");
  }
  void Sample(const char* name, const std::string& labels, double value) {
    char number[40];
    std::snprintf(number, sizeof number, " %.9g\n", value);
    text_.append("cutis_").append(name);
    if (!labels.empty()) text_.append("{").append(labels).append("}");
    text_.append(number);
  }
  void One(const char* name, const char* type, const char* help, double value) {
    Family(name, type, help);
    Sample(name, "", value);
  }
  static std::string Label(const char* name, std::string_view value) {
    std::string label(name);
    label += "=\"";
    for (const char c : value) {
      if (c == '\\' || c == '"') label += '\\';
      label += c == '\n' ? ' ' : c;
    }
    return label += '"';
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string MetricsText(const Judging& judging, const Figures& figures, const cutis_data_cache_statistics* cache) {
  const cutis_pipeline_metrics& run = figures.run;
  PrometheusText to;
  to.Family("info", "gauge", "What has been run.");
  to.Sample("info",
            PrometheusText::Label("version", CUTIS_VERSION) + "," +
                PrometheusText::Label("model", judging.model.provenance().name) + "," +
                PrometheusText::Label("model_hash", Hex(judging.model.sha256())) + "," +
                PrometheusText::Label("isa", NameOf(BestIsa(judging.model.cpu()))),
            1);
  to.One("images_total", "counter", "Images that were judged.", static_cast<double>(run.images));
  to.One("errors_total", "counter", "Images that could not be judged.", static_cast<double>(run.errors));
  to.One("cached_images_total", "counter", "Judged images that came from the cache.", static_cast<double>(run.cached));
  to.One("views_total", "counter", "Views whose means were judged.", static_cast<double>(run.views));
  to.One("run_seconds", "gauge", "What the run took.", run.seconds);
  to.One("images_per_second", "gauge", "Images in a second of the run.", figures.images_per_second());
  to.Family("stage_seconds", "summary", "Time of an image in a stage.");
  for (const auto& [name, latency] : figures.stages()) {
    const std::string stage = PrometheusText::Label("stage", name);
    for (const auto& [quantile, ms] : {std::pair{"0.5", latency->p50}, {"0.9", latency->p90}, {"0.99", latency->p99}}) {
      to.Sample("stage_seconds", stage + "," + PrometheusText::Label("quantile", quantile), 1e-3 * ms);
    }
    to.Sample("stage_seconds_sum", stage, 1e-3 * latency->mean * static_cast<double>(latency->count));
    to.Sample("stage_seconds_count", stage, static_cast<double>(latency->count));
  }
  if (cache != nullptr) {
    to.Family("cache_entries_total", "counter", "Entries of the data cache, by what became of them.");
    for (const auto& [name, number] : CacheNumbers(*cache)) {
      to.Sample("cache_entries_total", PrometheusText::Label("event", name), static_cast<double>(number));
    }
    to.One("cache_bytes", "gauge", "What the entries of the data cache take.", static_cast<double>(cache->bytes));
  }
  to.One("resident_bytes", "gauge", "Physical memory that the process holds.", static_cast<double>(figures.memory.now));
  to.One("resident_peak_bytes", "gauge", "The most physical memory that the process has held.",
         static_cast<double>(figures.memory.peak));
  to.One("arena_bytes", "gauge", "Arenas of all sessions.", static_cast<double>(figures.arena_bytes));
  to.Family("cpu_seconds_total", "counter", "What CPUs have worked for the run.");
  to.Sample("cpu_seconds_total", PrometheusText::Label("mode", "user"), figures.cpu.user);
  to.Sample("cpu_seconds_total", PrometheusText::Label("mode", "system"), figures.cpu.system);
  to.One("cpu_utilisation", "gauge", "CPU time over the time of the run and its threads.", figures.utilisation());
  to.Family("step_seconds_total", "counter", "Time of the steps of the network.");
  for (const NodeTime& of : figures.nodes) {
    to.Sample("step_seconds_total",
              PrometheusText::Label("node", of.node->name) + "," + PrometheusText::Label("op", of.node->op->name) + "," +
                  PrometheusText::Label("kernel", of.node->kernel->name),
              1e-3 * of.ms);
  }
  return to.text();
}

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() > end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

Status CheckMetricsName(const std::string& path) {
  if (path.empty() || EndsWith(path, ".json") || EndsWith(path, ".prom")) return {};
  return Status::Error(Code::kUsage, "--metrics %s: its name must end in .json or .prom", path.c_str());
}

Status WriteMetrics(const std::string& path, const Judging& judging, const cutis_pipeline_options& options,
                    const cutis_pipeline& pipeline, const CpuSeconds& cpu, const cutis_data_cache_statistics* cache) {
  const Figures figures = FiguresOf(judging, options, pipeline, cpu);
  if (EndsWith(path, ".prom")) return WriteWhole(path, MetricsText(judging, figures, cache));
  const Json json = MetricsJson(judging, figures, options, cutis_pipeline_batch(&pipeline), cache);
  return WriteWhole(path, json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace cutis::cli
