// From the command line to a network: finds the files of a source, reads them, and makes models of what was read. For the
// conversion and for the check of its result alike.
#ifndef CUTIS_CONVERTER_LOAD_H_
#define CUTIS_CONVERTER_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "converter/graph/passes.h"
#include "converter/lower/net.h"
#include "converter/options.h"
#include "converter/plan/plan.h"
#include "converter/prune/channels.h"
#include "converter/quant/quant_json.h"
#include "converter/recipe/recipe.h"
#include "converter/target/profile.h"
#include "converter/write/encode.h"
#include "converter/write/file_model.h"
#include "ops/status.h"
#include "runtime/model.h"

namespace cutis::convert {

inline constexpr uint64_t kMaxText = uint64_t{256} << 20;

bool IsFolder(const std::string& path);
bool Exists(const std::string& path);
// Whether both paths lead to one file. Also for files that do not exist yet: then by the text of the paths, whatever detours
// they take.
bool SameFile(const std::string& a, const std::string& b);
bool EndsWith(const std::string& text, const char* ending);
Result<std::string> ReadText(const std::string& path);

// The files that the command line leads to.
struct Sources {
  std::string weights, graph, recipe, quant, calibrate;
};
Result<Sources> FindSources(const Options& options);

// A network with its recipe, ready to become a file.
struct Job {
  Sources paths;
  Source source;
  uint64_t source_bytes = 0;
  Recipe recipe;
  std::optional<QuantFile> quant;
  std::optional<Profile> profile;  // of the device that the file is for
  Graph graph;                     // in normal form
  Net net;                         // `graph` lowered; pruned where that is asked for
  DeadChannels dead_channels;
  std::vector<std::string> notes;  // of the importer
  std::vector<PassTrace> passes;

  nlohmann::json Preprocessing() const { return recipe.preprocess ? recipe.preprocess->ToJson() : nlohmann::json(nullptr); }
};

// The graph and the network of the source; the recipe is left empty. `float32`: inputs and outputs of integers stay such.
Result<Job> LoadNetwork(Sources paths, bool float32);
// The same with the recipe, which fits the network and what the options ask of it.
Result<Job> Load(const Options& options, Sources paths);

// A planned and encoded model, opened like any other file: what the runtime would refuse is never written.
struct Encoded {
  PlanReport plan;
  std::vector<std::byte> bytes;
  std::unique_ptr<Model> model;
};
Result<Encoded> Encode(FileModel file, const Job& job);
// The same for a model whose unused tensors are out already; it may be planned and encoded again.
Result<Encoded> EncodeAsItIs(FileModel& file, const Job& job);

// The finished model once more, with a self-test: what it gives here, for every machine to compare with. `output_hash`: its
// OutputHash in hexadecimal, if that is known already, else empty. With the limits of the job's device, if it has one; *fit
// then says how the model fits.
Result<Encoded> EncodeFinished(FileModel& file, const Job& job, const Model& model, const std::string& output_hash,
                               int32_t threads, std::optional<Fit>* fit);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_LOAD_H_
