// Which nodes of a network are computed on bytes and which on real numbers once it is quantised.
#ifndef CUTIS_CONVERTER_QUANT_FORMS_H_
#define CUTIS_CONVERTER_QUANT_FORMS_H_

#include <optional>
#include <vector>

#include "converter/lower/net.h"
#include "ops/status.h"

namespace cutis::convert {

// A binary node whose one operand is the same number everywhere and whose other one has the output's shape and layout: a
// function of one element.
struct ScalarOperand {
  int tensor = -1;     // the other operand
  bool first = false;  // the number is the first operand
  float value = 0;
};
std::optional<ScalarOperand> FindScalarOperand(const Net& net, const NetNode& node);

// By node: whether it is computed in float32. What reads nothing but results of a softmax stays real where it only moves,
// reduces or maps elements. An operator without an int8 form is real where net.mixed allows it, else kUnsupported, naming the
// node.
Result<std::vector<bool>> RealNodes(const Net& net);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_FORMS_H_
