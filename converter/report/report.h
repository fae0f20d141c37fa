// The report of a conversion or of a check: everything that is worth knowing about a file and where it came from, as plain data
// and as JSON and HTML. Documented in docs/report.md. Nothing of the time, the machine, the threads or the paths is in it.
#ifndef CUTIS_CONVERTER_REPORT_REPORT_H_
#define CUTIS_CONVERTER_REPORT_REPORT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "converter/graph/passes.h"
#include "converter/summary.h"
#include "ops/status.h"
#include "runtime/model.h"

namespace cutis::convert {

struct Job;

// A file that was read, or a folder of images: then `bytes` is the sum of its images and `sha256` that of the text which
// `sha256sum` prints of them in the order of their names, "HASH  NAME\n" each.
struct ReportFile {
  std::string role;  // "weights", "graph", "recipe", "calibration", "labels", "evaluation", "external data", "converted file"
  std::string name;  // without the way there
  uint64_t bytes = 0;
  std::string sha256;
  int64_t images = -1;  // of a folder
};

struct ReportTensor {
  std::string name;
  DataType type = DataType::kU8;
  Shape shape;
  int32_t images = 1;
  bool constant = false;
  float scale = 1;
  int32_t zero_point = 0;
  uint64_t offset = 0, bytes = 0;  // in the activation part of the arena
  int32_t first_step = 0, last_step = 0;
  bool inside = false;  // a block: it takes no arena
};

// A node of the file.
struct ReportLayer {
  std::string name, op, window;
  DataType type = DataType::kU8;  // of its first input
  std::vector<int> inputs;        // indices of tensors
  int output = 0;
  int in_place = -1;           // the input whose place in the arena the output takes over
  int block = -1;              // the block that it runs in
  uint64_t scratch_bytes = 0;  // of a thread in its step; a block's is at its first layer
  uint64_t macs = 0, parameters = 0;
  uint64_t weight_bytes = 0, other_bytes = 0;
  uint64_t rows = 0, live_rows = 0;  // of 64 weight bytes, 16 outputs x 4 inputs; int8 convolutions and dense layers
  bool by_blocks = false;            // only the live rows are stored
  std::optional<std::pair<int64_t, int64_t>> zero_weights;  // zeros, of so many; where the source is known
  std::optional<std::pair<double, double>> weight_scales;   // the least and the largest; int8 layers
  std::optional<double> sqnr_db;                            // infinite: no difference at all
  std::string range, rounding;                              // LayerReport::method and ::rounding
};

// Layers [first, last] run as one step.
struct ReportBlock {
  int32_t first = 0, last = 0;
  int32_t rows = 0;  // of a strip
};

// Where the bytes of the file are. They add up to it.
struct FileParts {
  uint64_t header = 0, graph = 0, conv = 0, depthwise = 0, dense = 0, biases = 0, constants = 0, padding = 0;
};

struct Report {
  bool check = false;  // of a file that there was, with its source
  std::string converter;
  Summary summary;
  std::vector<ReportFile> files;
  std::vector<std::pair<std::string, std::string>> options;  // as given, without threads; files by their names
  std::vector<PassTrace> passes;
  std::vector<ReportTensor> tensors;
  std::vector<ReportLayer> layers;
  std::vector<ReportBlock> blocks;
  std::vector<int> inputs, outputs;  // of tensors
  FileParts parts;
  std::string source, source_sha256, licence, card;  // as the file says
  nlohmann::json preprocess, verdict;                // as in recipe.json; null where the file has none
  std::vector<std::string> warnings;
  std::optional<double> min_cosine;

  uint64_t macs() const;
};

// The paths that reports are to be written to: each ends in .html or .json, none is twice, and none is a file or lies where a
// file of `taken` does. kUsage, naming the option.
Status CheckReportPaths(const std::vector<std::string>& reports, const std::vector<std::string>& taken);

// How reports name an image of a folder.
std::string NameInFolder(const std::string& folder, const std::string& path);

// The name of input number `index` of the agreement: that of an image, or "generated input N".
std::string InputName(const Summary& summary, size_t index);
// Up to `most` inputs, those of the least cosine first.
std::vector<size_t> WorstInputs(const Agreement& agreement, size_t most);

// Everything about `model`. `job` is its source; `summary` is complete.
Result<Report> GatherReport(const Options& options, const Job& job, const Summary& summary, const Model& model);

// What the report says, for programs and for people. Text that came from files may hold anything: it is made valid UTF-8 and,
// in HTML, harmless.
std::string ReportJson(const Report& report);
std::string ReportHtml(const Report& report);

// Writes each of `paths` in the form that its ending names, atomically.
Status WriteReports(const std::vector<std::string>& paths, const Report& report);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_REPORT_REPORT_H_
