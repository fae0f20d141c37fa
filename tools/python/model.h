// A model as Python has it: a use of one in the process's cache, and what is said of it.
#ifndef CUTIS_TOOLS_PYTHON_MODEL_H_
#define CUTIS_TOOLS_PYTHON_MODEL_H_

#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "cutis_pipeline.hpp"

namespace cutis::python {

// Immutable; any number of threads may use one.
class Model {
 public:
  explicit Model(cutis_api::CachedModel model) : model_(std::move(model)), info_(model_.Describe()) {}

  const cutis_api::ModelView& view() const { return model_; }
  const cutis_model_info& info() const { return info_; }
  std::string Hash() const;
  std::vector<const char*> Labels() const;
  std::vector<const char*> OperatingPoints() const;

 private:
  cutis_api::CachedModel model_;
  cutis_model_info info_;
};

// How images are judged; as in cutis_pipeline_options.
struct Judging {
  const char* operating_point = nullptr;  // null: the model's default
  int32_t views = 1;
  bool gates = true;
};

// What became of an image, until it is told to Python.
struct Judged {
  std::string error;  // empty: there is a result
  cutis_result result = CUTIS_RESULT_INIT;
  std::vector<float> probabilities;
  int32_t views = 0;  // whose mean was judged
};

// What `cutis classify --json` says of an image that was judged, or could not be: a dict with the same keys in the same order.
// A real is the shortest decimal that reads back as the runtime's float32, which is what is printed there.
pybind11::dict DictOf(const Model& model, const Judging& judging, pybind11::object file, const Judged& judged);

}  // namespace cutis::python

#endif  // CUTIS_TOOLS_PYTHON_MODEL_H_
