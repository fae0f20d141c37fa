// cutis selftest: does this machine compute what the model file says that every machine computes?
#include <cstdio>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "runtime/self_test.h"
#include "runtime/session.h"
#include "tools/cutis/common.h"

namespace cutis::cli {
namespace {

struct SelfTestOptions {
  ModelOptions model;
  int32_t threads = 0;
  bool quick = false, json = false;
};

// One instruction set's part of the test.
struct Passage {
  const char* isa = "";
  std::vector<std::string> kernels;  // that compute the network's nodes
  SelfTestHashes hashes;
  const char* difference = nullptr;  // null: all as in the file
  uint64_t arena_bytes = 0;
  double ms = 0;
};

// The instruction sets that the machine has, under CUTIS_ISA, the plainest first; with --isa that one alone.
Result<std::vector<const char*>> IsasToTest(const std::string& wanted) {
  CUTIS_ASSIGN(const CpuFeatures have, CpuFromEnvironment());
  if (!wanted.empty()) {
    CUTIS_TRY(MaskCpu(have, wanted.c_str()).status());
    return std::vector<const char*>{wanted.c_str()};
  }
  std::vector<const char*> isas;  // scalar at least
  for (const Isa isa : kAllIsas) {
    const char* name = NameOf(isa);
    if (MaskCpu(have, name).ok()) isas.push_back(name);
  }
  return isas;
}

Result<Passage> Pass(const SelfTestOptions& options, const char* isa) {
  ModelOptions with = options.model;
  with.isa = isa;
  with.no_tune = true;  // each kernel of this instruction set, not the fastest ones
  CUTIS_ASSIGN(const std::unique_ptr<Model> model, OpenModel(with));
  if (model->self_test() == nullptr) {
    return Status::Error(
        Code::kUnsupported,
        "%s: holds no self-test, so there is nothing to compare with; convert the model again with this version "
        "of cutis-convert",
        options.model.path.c_str());
  }
  Passage passage;
  passage.isa = isa;
  std::set<std::string> kernels;
  for (const ModelNode& node : model->nodes()) kernels.insert(node.kernel->name);
  passage.kernels.assign(kernels.begin(), kernels.end());
  SessionOptions session;
  session.threads = SessionThreads(*model, options.threads, options.model.threads);
  const Stopwatch watch;
  CUTIS_ASSIGN(passage.hashes, RunSelfTest(*model, session, options.quick));
  passage.ms = watch.Milliseconds();
  passage.arena_bytes = model->ArenaBytes(1, session.threads);
  passage.difference = FirstDifference(*model->self_test(), passage.hashes, options.quick);
  return passage;
}

Json PassageJson(const Passage& passage, bool quick) {
  const SelfTestHashes& hashes = passage.hashes;
  Json json = {{"isa", passage.isa}, {"passed", passage.difference == nullptr}};
  json["difference"] = passage.difference == nullptr ? Json(nullptr) : Json(passage.difference);
  json["kernels"] = passage.kernels;
  json["output_hash"] = quick ? Json(nullptr) : Json(Hex(hashes.outputs));
  json["first_output_hash"] = Hex(hashes.first_outputs);
  json["pictures"] = Json::object();
  for (size_t i = 0; hashes.has_pictures && i < kSelfTestPictures; ++i) {
    const PictureHashes& picture = hashes.pictures[i];
    json["pictures"][SelfTestPictureName(i)] = {
        {"pixels", Hex(picture.pixels)}, {"input", Hex(picture.input)}, {"verdict", Hex(picture.verdict)}};
  }
  json["arena_bytes"] = passage.arena_bytes;
  json["ms"] = passage.ms;
  return json;
}

void PrintPassage(const Passage& passage, bool quick) {
  const SelfTestHashes& hashes = passage.hashes;
  std::printf("%-11s %s  %.0f ms, arena %s bytes", passage.isa, passage.difference == nullptr ? "passed" : "FAILED", passage.ms,
              Grouped(passage.arena_bytes).c_str());
  if (passage.difference != nullptr) std::printf(": other values for %s", passage.difference);
  std::printf("\n            outputs  %s\n", Hex(quick ? hashes.first_outputs : hashes.outputs).c_str());
  for (size_t i = 0; hashes.has_pictures && i < kSelfTestPictures; ++i) {
    std::printf("            %-7s  %s\n", SelfTestPictureName(i), Hex(hashes.pictures[i].verdict).c_str());
  }
  std::string line = "            kernels ";
  for (const std::string& kernel : passage.kernels) {
    if (line.size() + kernel.size() > 118) {
      std::printf("%s\n", line.c_str());
      line = "                    ";
    }
    line += " " + kernel;
  }
  std::printf("%s\n", line.c_str());
}

int RunSelfTests(SelfTestOptions options) {
  options.model.threads = ThreadsOf(options.threads, "cutis");
  const std::string wanted = options.model.isa;
  const Result<std::vector<const char*>> isas = IsasToTest(wanted);
  if (!isas.ok()) return Fail(isas.status());
  bool passed = true;
  for (const char* isa : isas.value()) {
    const Result<Passage> passage = Pass(options, isa);
    if (!passage.ok()) return Fail(passage.status());
    passed = passed && passage.value().difference == nullptr;
    if (options.json) {
      PrintJsonLine(PassageJson(passage.value(), options.quick));
    } else {
      PrintPassage(passage.value(), options.quick);
    }
  }
  if (!passed) PrintError("self-test failed: this machine does not compute what the model file says; do not use it");
  return passed ? 0 : 1;
}

}  // namespace

Command MakeSelfTest() {
  auto options = std::make_shared<SelfTestOptions>();
  Command command("selftest",
                  "Whether this machine computes what the model file says: outputs and verdicts, with every instruction set");
  command.AddPositional("MODEL", options->model.path, "The .cutis file");
  command.AddText("isa", "NAME", options->model.isa,
                  "This instruction set alone. Default: each that the machine has, under CUTIS_ISA");
  AddThreads(command, options->threads);
  command.AddFlag("quick", options->quick, "two generated inputs instead of 32; the pictures all the same");
  command.AddFlag("json", options->json, "one JSON object a line for each instruction set");
  command.run = [options] { return RunSelfTests(*options); };
  return command;
}

}  // namespace cutis::cli
