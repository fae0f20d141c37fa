// Runs single nodes of a network over many images, all images through one node before the next, so that the node after it can be
// chosen by what this one really gives.
#ifndef CUTIS_CONVERTER_QUANT_RUN_NODES_H_
#define CUTIS_CONVERTER_QUANT_RUN_NODES_H_

#include <cstdint>
#include <vector>

#include "converter/write/file_model.h"
#include "ops/status.h"

namespace cutis::convert {

// One tensor for each of the images, in the layout of its FileTensor. Empty: a constant, not computed, or no longer wanted.
using ImageValues = std::vector<AlignedBytes>;

class NodeRunner {
 public:
  explicit NodeRunner(int32_t threads) : threads_(threads) {}

  // Computes node `index` of `model` for all images: `values` by tensor; the inputs must be there. The operator checks the node
  // first, so an error means that the model is not one that the runtime would run. Same bits as in a Session.
  Status Run(const FileModel& model, size_t index, std::vector<ImageValues>& values) const;

 private:
  int32_t threads_;
};

// Drops the values that no node after `index` reads and that are no output. `model`: PackFloat(net).
void DropUnused(const FileModel& model, size_t index, std::vector<ImageValues>& values);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_RUN_NODES_H_
