#include "converter/options.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "converter/write/emit_c.h"
#include "tools/exit_code.h"
#include "tools/threads.h"

namespace cutis::convert {
namespace {

bool SetsConversion(const Options& options, bool prunes) {
  return options.float32 || options.mixed || options.effort == Effort::kHigh || prunes || options.prune.first ||
         options.prune.last || !options.fuse;
}

// A .cutis file as the input.
Status CheckEmission(const Options& options, bool prunes) {
  if (options.emit_c.empty())
    return Status::Error(Code::kUsage, "%s: is converted already: only --emit-c and --check take it", options.input.c_str());
  bool set = SetsConversion(options, prunes) || !options.check_file.empty() || !options.reports.empty() || options.min_cosine;
  for (const std::string* value : {&options.output, &options.graph, &options.recipe, &options.quant, &options.calibrate,
                                   &options.labels, &options.write_calibration, &options.evaluate, &options.sensitivity}) {
    set = set || !value->empty();
  }
  if (set) return Status::Error(Code::kUsage, "--emit-c: takes no other option with a .cutis file");
  return {};
}

// Converting and checking want different things of the command line.
Status CheckMode(const Options& options, bool prunes) {
  if (!options.emit_c.empty()) CUTIS_TRY(CheckCPath(options.emit_c));
  if (OnlyEmitsC(options)) return CheckEmission(options, prunes);
  if (!options.check) {
    if (!options.check_file.empty())
      return Status::Error(Code::kUsage, "%s: only --check takes more than one file", options.check_file.c_str());
    if (options.output.empty()) return Status::Error(Code::kUsage, "-o: is needed: the .cutis file to write");
    if (options.min_cosine) return Status::Error(Code::kUsage, "--min-cosine: has a meaning only with --check");
    return {};
  }
  if (options.check_file.empty())
    return Status::Error(Code::kUsage, "--check: needs the .cutis file that is compared with %s", options.input.c_str());
  if (SetsConversion(options, prunes)) return Status::Error(Code::kUsage, "--check: takes no options of a conversion");
  for (const auto& [name, value] : {std::pair{"-o", &options.output},
                                    {"--recipe", &options.recipe},
                                    {"--calibrate", &options.calibrate},
                                    {"--write-calibration", &options.write_calibration},
                                    {"--evaluate", &options.evaluate},
                                    {"--target", &options.target},
                                    {"--emit-c", &options.emit_c},
                                    {"--sensitivity", &options.sensitivity}}) {
    if (!value->empty()) return Status::Error(Code::kUsage, "%s: has no meaning with --check", name);
  }
  return {};
}

}  // namespace

bool OnlyEmitsC(const Options& options) { return !options.check && options.input.ends_with(".cutis"); }

std::optional<Options> ParseOptions(int argc, char** argv, int* exit_code) {
  Options options;
  CLI::App app("Converts a trained network into a .cutis file.", "cutis-convert");
  app.set_version_flag("--version", std::string("cutis-convert " CUTIS_VERSION));
  app.add_option("INPUT", options.input,
                 "a models/NAME folder, a .safetensors, .pth or .pt file (with --graph) or an .onnx file")
      ->required();
  app.add_option("FILE", options.check_file, "with --check: the .cutis file that is compared with INPUT");
  app.add_option("IMAGES", options.check_images, "with --check: a folder of images (default: generated inputs)");
  app.add_option("-o,--output", options.output, "the .cutis file to write");
  app.add_option("--graph", options.graph, "graph.json: the architecture that the weights belong to (docs/graph-json.md)");
  app.add_option("--recipe", options.recipe, "recipe.json: preprocessing, labels, operating points (docs/recipe-json.md)");
  app.add_option("--quant", options.quant,
                 "quant.json: scales of a quantisation-aware training, kept bit for bit (docs/quant-json.md)");
  app.add_option("--calibrate", options.calibrate, "a folder of images, or a calibration.json");
  app.add_option("--labels", options.labels, "CSV (file,is_bcc or file,label): print the AUC on the images compared");
  app.add_option("--write-calibration", options.write_calibration, "write what the images gave to this calibration.json");
  app.add_option("--evaluate", options.evaluate,
                 "a folder of images to compare int8 with float32 on (default: those of --calibrate)");
  app.add_option(
      "--target", options.target,
      "a device's profile (targets/device/*.json, docs/targets.md): refuse a model that does not fit into its storage and "
      "memory, and write into the file how many threads and how large an image do");
  std::string effort = "default";
  app.add_option(
         "--effort", effort,
         "default, or high: ranges by the error of the outputs, weights rounded layer by layer on the images of --calibrate; "
         "minutes")
      ->check(CLI::IsMember({"default", "high"}));
  app.add_flag("!--no-fuse", options.fuse,
               "keep every layer a step of its own; the bits are the same, memory and time are not");
  app.add_flag("--mixed", options.mixed, "compute what has no int8 form in float32, in an int8 network; says where");
  app.add_flag("--float", options.float32, "write a float32 model; nothing is calibrated");
  std::string prune, prune_by;
  std::vector<std::string> prune_limits;
  app.add_option("--prune", prune, "unstructured:RATE, block:RATE, channel:RATE or none (docs/pruning.md)");
  app.add_option("--prune-by", prune_by, "importance of a weight: l1 (default) or activation");
  app.add_option("--prune-limit", prune_limits, "LAYER=SHARE: prune at most that share of a layer; may be repeated")
      ->take_all()
      ->expected(1);
  app.add_flag("--prune-first", options.prune.first, "also prune the first layer");
  app.add_flag("--prune-last", options.prune.last, "also prune the last layer");
  app.add_option("--emit-c", options.emit_c,
                 "write the model as C source to this .c file and the .h beside it (docs/bare.md); INPUT may be a .cutis file");
  app.add_option("--sensitivity", options.sensitivity,
                 "measure what pruning each layer alone costs; print it and write it to this JSON file");
  app.add_option("--report", options.reports, "write a report to this .html or .json file (docs/report.md); may be repeated")
      ->take_all()
      ->expected(1);
  app.add_flag("--check", options.check,
               "convert nothing: compare FILE with the float32 network of its source INPUT, on IMAGES or generated inputs");
  app.add_option("--min-cosine", options.min_cosine,
                 "with --check: exit with code 4 when the mean cosine of the outputs is below this")
      ->check(CLI::Range(-1.0, 1.0));
  app.add_option(
         "--threads", options.threads,
         "threads for calibrating and comparing; never changes the result; default, and 0: as many as the affinity mask and "
         "the CPU quota of the process allow")
      ->check(CLI::Range(0, kMaxThreads));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      app.exit(error, std::cout, std::cerr);
      *exit_code = kExitOk;
    } else {
      std::fprintf(stderr, "cutis-convert: %s (--help lists the options)\n", error.what());
      *exit_code = kExitUsage;
    }
    return std::nullopt;
  }
  options.effort = effort == "high" ? Effort::kHigh : Effort::kDefault;
  Status status = CheckMode(options, !prune.empty() || !prune_by.empty() || !prune_limits.empty());
  if (status.ok()) status = ParsePruning(prune, prune_by, prune_limits, &options.prune);
  if (!status.ok()) {
    std::fprintf(stderr, "cutis-convert: %s\n", status.text());
    *exit_code = kExitUsage;
    return std::nullopt;
  }
  options.threads = ThreadsOf(options.threads, "cutis-convert");
  return options;
}

}  // namespace cutis::convert
