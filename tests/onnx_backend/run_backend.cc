// The tests of the onnx package's backend suite, run by the converter and the runtime.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/onnx_backend/cases.h"
#include "tests/onnx_backend/evaluate.h"

namespace cutis::convert {
namespace {

constexpr char kUsage[] =
    "usage: run_backend ROOT [options]\n"
    "ROOT is onnx/backend/test/data of the onnx package.\n"
    "  --json FILE    the status of every test\n"
    "  --only TEXT    only tests whose name contains TEXT\n"
    "  --light        the light_* models too\n"
    "  --verbose      every test on a line of its own\n";

struct Options {
  std::string root, json, only;
  bool light = false, verbose = false;
};

struct Outcome {
  const Case* test = nullptr;
  std::string status, reason;  // "passed", "failed", "excluded"
  double seconds = 0;
  nlohmann::json operators;
  int64_t opset = 0;
};

bool ParseOptions(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const bool more = i + 1 < argc;
    if (name == "--json" && more) {
      options->json = argv[++i];
    } else if (name == "--only" && more) {
      options->only = argv[++i];
    } else if (name == "--light") {
      options->light = true;
    } else if (name == "--verbose") {
      options->verbose = true;
    } else if (name[0] != '-' && options->root.empty()) {
      options->root = name;
    } else {
      return false;
    }
  }
  return !options->root.empty();
}

Status RunCase(const Case& test, const onnx::ModelProto& model) {
  const std::string folder = std::filesystem::path(test.model).parent_path().string();
  const size_t sets = test.kind == "light" ? 1 : test.data_sets.size();
  if (sets == 0) return Status::Error(Code::kBadInput, "it has no data");
  for (size_t i = 0; i < sets; ++i) {
    CUTIS_ASSIGN(DataSet data, ReadDataSet(test, model, i));
    onnx::ModelProto bound = model;
    BindConstants(&bound, &data);
    CUTIS_TRY(Evaluate(bound, folder, data, test.rtol, test.atol));
  }
  return {};
}

Outcome Judge(const Case& test) {
  Outcome outcome;
  outcome.test = &test;
  const auto start = std::chrono::steady_clock::now();
  const auto model = ReadModel(test.model);
  if (!model.ok()) {
    outcome.status = "failed";
    outcome.reason = model.status().text();
    return outcome;
  }
  std::map<std::string, int> operators;
  for (const onnx::NodeProto& node : model.value().graph().node()) ++operators[node.op_type()];
  for (const auto& op : operators) outcome.operators.push_back(op.first);
  for (const auto& set : model.value().opset_import()) {
    if (set.domain().empty()) outcome.opset = set.version();
  }
  outcome.reason = ExclusionOf(model.value());
  if (!outcome.reason.empty()) {
    outcome.status = "excluded";
    return outcome;
  }
  const Status status = RunCase(test, model.value());
  outcome.status = status.ok() ? "passed" : "failed";
  if (!status.ok()) outcome.reason = status.text();
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outcome;
}

void PrintTable(const std::vector<Outcome>& outcomes) {
  std::map<std::string, std::map<std::string, int>> kinds;
  std::map<std::string, int> rules;
  for (const Outcome& outcome : outcomes) {
    ++kinds[outcome.test->kind][outcome.status];
    ++kinds["all"][outcome.status];
    if (outcome.status == "excluded") ++rules[outcome.reason];
  }
  std::printf("%-20s %8s %8s %8s\n", "", "passed", "failed", "excluded");
  for (auto& entry : kinds) {
    std::printf("%-20s %8d %8d %8d\n", entry.first.c_str(), entry.second["passed"], entry.second["failed"],
                entry.second["excluded"]);
  }
  std::printf("excluded by rule:\n");
  for (const auto& entry : rules) std::printf("%6d  %s\n", entry.second, entry.first.c_str());
}

bool WriteJson(const std::vector<Outcome>& outcomes, const std::string& path) {
  nlohmann::json all = nlohmann::json::array();
  for (const Outcome& outcome : outcomes) {
    nlohmann::json entry = {{"kind", outcome.test->kind}, {"name", outcome.test->name},     {"status", outcome.status},
                            {"opset", outcome.opset},     {"operators", outcome.operators}, {"seconds", outcome.seconds}};
    if (!outcome.reason.empty()) entry["reason"] = outcome.reason;
    all.push_back(std::move(entry));
  }
  std::ofstream file(path);
  file << all.dump(1) << "\n";
  return static_cast<bool>(file);
}

int Main(int argc, char** argv) {
  Options options;
  if (!ParseOptions(argc, argv, &options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  const auto cases = ListCases(options.root, options.light);
  if (!cases.ok()) {
    std::fprintf(stderr, "run_backend: %s\n", std::string(cases.status().text()).c_str());
    return 2;
  }
  std::vector<Outcome> outcomes;
  bool failed = false;
  for (const Case& test : cases.value()) {
    if (test.name.find(options.only) == std::string::npos) continue;
    outcomes.push_back(Judge(test));
    const Outcome& outcome = outcomes.back();
    failed = failed || outcome.status == "failed";
    if (options.verbose || outcome.status == "failed" || test.kind == "light") {
      std::printf("%s %s/%s %.2f s%s%s\n", outcome.status.c_str(), test.kind.c_str(), test.name.c_str(), outcome.seconds,
                  outcome.reason.empty() ? "" : ": ", outcome.reason.c_str());
      std::fflush(stdout);
    }
  }
  PrintTable(outcomes);
  if (!options.json.empty() && !WriteJson(outcomes, options.json)) {
    std::fprintf(stderr, "run_backend: %s: cannot be written\n", options.json.c_str());
    return 2;
  }
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace cutis::convert

int main(int argc, char** argv) { return cutis::convert::Main(argc, argv); }
