// quant.json: scales and zero points that a quantisation-aware training has used, kept bit for bit. Documented in
// docs/quant-json.md.
#ifndef CUTIS_CONVERTER_QUANT_QUANT_JSON_H_
#define CUTIS_CONVERTER_QUANT_QUANT_JSON_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "converter/graph/graph.h"
#include "converter/lower/net.h"
#include "ops/status.h"

namespace cutis::convert {

// By names of values, as the source calls them.
struct QuantFile {
  std::string where;  // the file's name; begins every message
  std::map<std::string, std::shared_ptr<const Quantization>> activations;
  std::map<std::string, std::vector<float>> weights;
};

// kBadInput for what is no quant.json.
Result<QuantFile> ParseQuantJson(std::string_view text, const std::string& where);

// Lets the values of an imported graph carry these scales, before the passes. Weights of int8 become their real values, q *
// scale.
Status ApplyQuant(const QuantFile& quant, Graph& graph);

// After the passes: whether everything that was stated is still what it was.
Status CheckQuantKept(const QuantFile& quant, const Graph& graph);

// Whether the image's scale and the weights of the layers that read it agree with the recipe's mean and std (both empty: the
// network takes real tensors).
Status CheckQuantOfImage(const QuantFile& quant, const Net& net, const std::vector<float>& mean, const std::vector<float>& std);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_QUANT_JSON_H_
