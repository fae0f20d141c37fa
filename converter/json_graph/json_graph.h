// Reads an architecture (graph.json, see docs/graph-json.md) and its weights (.safetensors) into the converter's graph.
#ifndef CUTIS_CONVERTER_JSON_GRAPH_JSON_GRAPH_H_
#define CUTIS_CONVERTER_JSON_GRAPH_JSON_GRAPH_H_

#include <string>

#include "converter/graph/graph.h"
#include "converter/safetensors/safetensors.h"
#include "ops/status.h"

namespace cutis::convert {

// The error of a checkpoint that does not fit names the missing, surplus and mis-shaped tensors (as many as one line holds).
Result<Graph> ImportJsonGraph(const std::string& graph_json_path, const std::string& weights_path);

// The same for texts in memory; the names are for messages.
Result<Graph> ParseJsonGraph(const std::string& json_text, const std::string& json_name, const Checkpoint& weights,
                             const std::string& weights_name);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_JSON_GRAPH_JSON_GRAPH_H_
