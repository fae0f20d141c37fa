// Reads an architecture (graph.json, see docs/graph-json.md) and its weights (.safetensors, .pth, .pt) into the converter's
// graph.
#ifndef CUTIS_CONVERTER_JSON_GRAPH_JSON_GRAPH_H_
#define CUTIS_CONVERTER_JSON_GRAPH_JSON_GRAPH_H_

#include <string>
#include <vector>

#include "converter/graph/graph.h"
#include "converter/safetensors/safetensors.h"
#include "ops/status.h"

namespace cutis::convert {

// The error of a checkpoint that does not fit names the missing, surplus and mis-shaped tensors (as many as one line holds).
// `notes` (or null) gets what a person should know: what was chosen, changed or left out.
Result<Graph> ImportJsonGraph(const std::string& graph_json_path, const std::string& weights_path,
                              std::vector<std::string>* notes = nullptr);

// A .safetensors, .pth or .pt file, by the ending of its name.
Result<Checkpoint> ReadCheckpoint(const std::string& path);

// The same for texts in memory; the names are for messages.
Result<Graph> ParseJsonGraph(const std::string& json_text, const std::string& json_name, const Checkpoint& weights,
                             const std::string& weights_name, std::vector<std::string>* notes = nullptr);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_JSON_GRAPH_JSON_GRAPH_H_
