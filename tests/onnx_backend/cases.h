// The tests of the onnx package's backend suite as they lie on disk, and the rules by which some of them do not count.
#ifndef CUTIS_TESTS_ONNX_BACKEND_CASES_H_
#define CUTIS_TESTS_ONNX_BACKEND_CASES_H_

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "converter/graph/graph.h"
#include "ops/status.h"

namespace cutis::convert {

// One folder of onnx/backend/test/data/{node,simple,pytorch-converted,pytorch-operator}, or one model of light/.
struct Case {
  std::string kind, name;              // "node", "test_add"
  std::string model;                   // path
  std::vector<std::string> data_sets;  // folders with input_*.pb and output_*.pb; none for light/
  std::vector<std::string> outputs;    // light/: the stored outputs
  double rtol = 1e-3, atol = 1e-7;     // those of the package's runner
};

struct NamedTensor {
  std::string name;
  Constant value;
};

// Values for one run.
struct DataSet {
  std::vector<NamedTensor> inputs, outputs;
};

// All cases below `root` (the folder named data), sorted by kind and name; light/ only where asked for.
Result<std::vector<Case>> ListCases(const std::string& root, bool light);

Result<onnx::ModelProto> ReadModel(const std::string& path);

// Why a case does not count, in a few words that are the same for all cases of one rule; empty: it counts.
std::string ExclusionOf(const onnx::ModelProto& model);

// Of data set `index` (0 for light/: the input that the package's runner makes up).
Result<DataSet> ReadDataSet(const Case& test, const onnx::ModelProto& model, size_t index);

// Turns the inputs that must be known when a model is converted into initializers with the values of `data`, and removes them
// from it: integers and booleans, tensors without elements, and float32 inputs that steer (the scales of Resize, ...).
void BindConstants(onnx::ModelProto* model, DataSet* data);

// The operators of the list that the converter stands for.
bool IsListed(const std::string& op);
const std::vector<std::string>& ListedOperators();

}  // namespace cutis::convert

#endif  // CUTIS_TESTS_ONNX_BACKEND_CASES_H_
