#include "converter/load.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "converter/json_graph/json_graph.h"
#include "converter/onnx/onnx.h"
#include "converter/quant/forms.h"
#include "converter/quant/quantize.h"
#include "converter/write/file.h"
#include "runtime/explain.h"

namespace cutis::convert {
namespace {

constexpr uint64_t kMaxWeightFile = uint64_t{4} << 30;

// The one file of weights in a models/NAME folder.
Result<std::string> FindWeights(const std::string& folder) {
  std::string found;
  for (const char* name : {"weights.safetensors", "weights.pth", "weights.pt"}) {
    if (!Exists(folder + name)) continue;
    if (!found.empty())
      return Status::Error(Code::kUsage, "%s: holds both %s and %s: keep one of them", folder.c_str(), found.c_str(), name);
    found = name;
  }
  // Without any, the message about a missing file names the usual one.
  return folder + (found.empty() ? "weights.safetensors" : found);
}

Result<Encoded> EncodeWith(FileModel& file, const Job& job, const SelfTestHashes* self_test, const DeviceSettings* device) {
  Encoded encoded;
  CUTIS_ASSIGN(encoded.plan, PlanMemory(file));
  CUTIS_ASSIGN(encoded.bytes, EncodeModel(file, job.recipe, job.source, self_test, device));
  OpenOptions options;
  options.copy = true;
  CUTIS_ASSIGN(encoded.model, Model::OpenMemory(encoded.bytes.data(), encoded.bytes.size(), options));
  return encoded;
}

}  // namespace

bool IsFolder(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

bool SameFile(const std::string& a, const std::string& b) {
  std::error_code error;
  if (a == b || std::filesystem::equivalent(a, b, error)) return true;
  const auto place = [&](const std::string& path) {
    const std::filesystem::path whole = std::filesystem::absolute(path, error);
    return error ? std::filesystem::path() : std::filesystem::weakly_canonical(whole, error);
  };
  const std::filesystem::path first = place(a);
  return !first.empty() && !error && first == place(b);
}

bool EndsWith(const std::string& text, const char* ending) {
  const std::string_view end = ending;
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

Result<std::string> ReadText(const std::string& path) {
  CUTIS_ASSIGN(const std::vector<std::byte> bytes, ReadFile(path, kMaxText));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<Sources> FindSources(const Options& options) {
  Sources sources{options.input, options.graph, options.recipe, options.quant, options.calibrate};
  if (!Exists(options.input)) return Status::Error(Code::kBadInput, "%s: does not exist", options.input.c_str());
  if (IsFolder(options.input)) {
    if (!options.graph.empty())
      return Status::Error(Code::kUsage, "--graph: the folder %s has a graph.json of its own", options.input.c_str());
    const std::string folder = options.input + (options.input.back() == '/' ? "" : "/");
    CUTIS_ASSIGN(sources.weights, FindWeights(folder));
    sources.graph = folder + "graph.json";
    for (const std::string& path : {sources.weights, sources.graph}) {
      if (!Exists(path)) return Status::Error(Code::kBadInput, "%s: is missing in the model's folder", path.c_str());
    }
    if (sources.recipe.empty() && Exists(folder + "recipe.json")) sources.recipe = folder + "recipe.json";
    if (sources.quant.empty() && Exists(folder + "quant.json")) sources.quant = folder + "quant.json";
    if (sources.calibrate.empty() && Exists(folder + "calibration.json")) sources.calibrate = folder + "calibration.json";
  } else if (EndsWith(options.input, ".safetensors") || EndsWith(options.input, ".pth") || EndsWith(options.input, ".pt")) {
    if (options.graph.empty()) {
      return Status::Error(Code::kUsage, "%s holds weights only: give its architecture with --graph graph.json",
                           options.input.c_str());
    }
  } else if (EndsWith(options.input, ".onnx")) {
    if (!options.graph.empty()) return Status::Error(Code::kUsage, "--graph: an .onnx file holds its own graph");
  } else {
    return Status::Error(Code::kUsage, "%s: is neither a folder nor a .safetensors, .pth, .pt or .onnx file",
                         options.input.c_str());
  }
  return sources;
}

Result<Job> LoadNetwork(Sources paths, bool float32) {
  Job job;
  job.paths = std::move(paths);
  {
    CUTIS_ASSIGN(const std::vector<std::byte> bytes, ReadFile(job.paths.weights, kMaxWeightFile));
    job.source = {FileName(job.paths.weights), HexSha256(bytes)};
    job.source_bytes = bytes.size();
  }
  auto imported =
      job.paths.graph.empty() ? ImportOnnx(job.paths.weights) : ImportJsonGraph(job.paths.graph, job.paths.weights, &job.notes);
  CUTIS_ASSIGN(job.graph, std::move(imported));
  if (!job.paths.quant.empty()) {
    CUTIS_ASSIGN(const std::string text, ReadText(job.paths.quant));
    CUTIS_ASSIGN(job.quant, ParseQuantJson(text, job.paths.quant));
    CUTIS_TRY(ApplyQuant(*job.quant, job.graph));
  }
  CUTIS_TRY(RunPasses(job.graph, &job.passes));
  if (job.quant) CUTIS_TRY(CheckQuantKept(*job.quant, job.graph));
  if (!float32) {
    CUTIS_TRY(Traced(job.graph, "TakeBytesAsReals", "inputs and outputs of integers become real ones of the same scale",
                     &job.passes, [&] { return TakeBytesAsReals(job.graph); }));
  }
  CUTIS_TRY(Traced(job.graph, "RemoveDeadChannels", "channels that cannot change the outputs go", &job.passes, [&]() -> Status {
    CUTIS_ASSIGN(job.dead_channels, RemoveDeadChannels(job.graph));
    return {};
  }));
  CUTIS_ASSIGN(job.net, Lower(job.graph));
  job.passes.push_back({"Lower",
                        "the graph becomes the runtime's operators; reshapes that keep the bytes go",
                        job.graph.nodes.size(),
                        job.net.nodes.size(),
                        {}});
  return job;
}

Result<Job> Load(const Options& options, Sources paths) {
  Recipe recipe;
  if (!paths.recipe.empty()) {
    CUTIS_ASSIGN(const std::string text, ReadText(paths.recipe));
    CUTIS_ASSIGN(recipe, ParseRecipe(text, paths.recipe));
  }
  CUTIS_ASSIGN(Job job, LoadNetwork(std::move(paths), options.float32));
  job.recipe = std::move(recipe);
  job.net.mixed = options.mixed;
  if (!options.float32) {
    if (job.quant) {
      const InputRecipe input =
          job.recipe.preprocess ? InputRecipe{job.recipe.preprocess->mean, job.recipe.preprocess->std} : InputRecipe();
      CUTIS_TRY(CheckQuantOfImage(*job.quant, job.net, input.mean, input.std));
      job.notes.push_back(FileName(job.paths.quant) + ": its scales of " + std::to_string(job.quant->activations.size()) +
                          " activations and " + std::to_string(job.quant->weights.size()) + " layers' weights are kept");
    }
    job.notes.insert(job.notes.end(), job.net.scale_notes.begin(), job.net.scale_notes.end());
    CUTIS_ASSIGN(const std::vector<bool> real, RealNodes(job.net));
    for (size_t i = 0; i < real.size(); ++i) {
      if (real[i]) job.notes.push_back("layer \"" + job.net.nodes[i].name + "\" is computed in float32");
    }
  }
  if (job.recipe.name.empty())
    job.recipe.name = job.net.name.empty() ? std::filesystem::path(options.input).stem().string() : job.net.name;
  std::vector<NetOutput> outputs;
  for (const int output : job.net.outputs) {
    const NetTensor& tensor = job.net.tensors[static_cast<size_t>(output)];
    outputs.push_back({tensor.name, tensor.shape});
  }
  CUTIS_TRY(FitRecipe(job.net.tensors[static_cast<size_t>(job.net.inputs[0])].shape, outputs, job.recipe));
  if (!job.recipe.preprocess && (IsFolder(job.paths.calibrate) || !options.evaluate.empty())) {
    return Status::Error(Code::kUsage, "images need a recipe with decoder, steps, mean and std: give --recipe recipe.json");
  }
  if (!job.recipe.verdict && !options.labels.empty()) {
    return Status::Error(Code::kUsage, "--labels: needs a recipe with labels and a positive one: give --recipe recipe.json");
  }
  return job;
}

Result<Encoded> Encode(FileModel file, const Job& job) {
  RemoveUnusedTensors(file);
  return EncodeAsItIs(file, job);
}

Result<Encoded> EncodeAsItIs(FileModel& file, const Job& job) { return EncodeWith(file, job, nullptr, nullptr); }

Result<Encoded> EncodeFinished(FileModel& file, const Job& job, const Model& model, const std::string& output_hash,
                               int32_t threads, std::optional<Fit>* fit) {
  SessionOptions options;
  options.threads = threads;
  CUTIS_ASSIGN(SelfTestHashes hashes, RunSelfTest(model, options, !output_hash.empty()));
  if (!output_hash.empty()) {
    const std::vector<uint8_t> digest = FromHex(output_hash);
    std::copy(digest.begin(), digest.end(), hashes.outputs);
  }
  const auto explained = FindExplainedLayers(model.tensors(), model.nodes(), model.outputs()[0]);
  if (explained.ok()) CUTIS_TRY(PlanExplanation(file, explained.value().map));
  if (!job.profile) return EncodeWith(file, job, &hashes, nullptr);
  // The limits are what is left beside the file and the model, which are as large with any limits.
  const DeviceSettings any = {job.profile->name, job.profile->isa, job.profile->cores};
  CUTIS_ASSIGN(Encoded measured, EncodeWith(file, job, &hashes, &any));
  // The memory is reckoned for an ordinary session. One that explains takes no more, or the file has no plan for it.
  for (int32_t t = 1; t <= any.threads; ++t) {
    if (measured.model->ExplanationArenaBytes(1, t) <= measured.model->ArenaBytes(1, t)) continue;
    file.explanation.reset();
    CUTIS_ASSIGN(measured, EncodeWith(file, job, &hashes, &any));
    break;
  }
  CUTIS_ASSIGN(*fit, FitDevice(*job.profile, measured.bytes));
  CUTIS_ASSIGN(Encoded whole, EncodeWith(file, job, &hashes, &(*fit)->device));
  // The self-test's own pictures have to fit as well.
  const Result<SelfTestHashes> again = RunSelfTest(*whole.model, {}, true);
  if (!again.ok())
    return Status::Error(again.status().code(), "the self-test cannot run on this device: %s", again.status().text());
  return whole;
}

}  // namespace cutis::convert
