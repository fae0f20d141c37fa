// From a converted network to the runtime's results, for the tests of the converter.
#ifndef CUTIS_TESTS_CONVERTER_RUN_NET_H_
#define CUTIS_TESTS_CONVERTER_RUN_NET_H_

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "converter/plan/plan.h"
#include "converter/write/encode.h"
#include "runtime/session.h"

namespace cutis::convert {

// Planned, encoded and opened: what the runtime refuses fails the test.
inline std::unique_ptr<Model> Open(FileModel file) {
  RemoveUnusedTensors(file);
  const auto plan = PlanMemory(file);
  REQUIRE_MESSAGE(plan.ok(), std::string(plan.status().text()));
  const auto bytes = EncodeModel(file, {}, {});
  REQUIRE(bytes.ok());
  OpenOptions options;
  options.copy = true;
  auto model = Model::OpenMemory(bytes.value().data(), bytes.value().size(), options);
  REQUIRE_MESSAGE(model.ok(), std::string(model.status().text()));
  return std::move(model.value());
}

// The outputs in the order of memory, read image by image; so are the inputs.
inline std::vector<std::vector<float>> RunOn(const Model& model, const std::vector<std::vector<float>>& inputs) {
  auto session = Session::Create(model);
  REQUIRE(session.ok());
  for (size_t i = 0; i < inputs.size(); ++i) {
    REQUIRE(session.value()->SetInputF32(static_cast<int32_t>(i), 0, inputs[i].data(), inputs[i].size()).ok());
  }
  REQUIRE(session.value()->Run(1).ok());
  std::vector<std::vector<float>> outputs;
  for (size_t i = 0; i < model.outputs().size(); ++i) {
    const TensorInfo& info = model.tensors()[static_cast<size_t>(model.outputs()[i])].info;
    std::vector<float> values(static_cast<size_t>(info.images) * static_cast<size_t>(info.shape.height) *
                              static_cast<size_t>(info.shape.width) * static_cast<size_t>(info.shape.channels));
    REQUIRE(session.value()->GetOutputF32(static_cast<int32_t>(i), 0, values.data(), values.size()).ok());
    outputs.push_back(std::move(values));
  }
  return outputs;
}

inline std::vector<std::vector<float>> RunOn(const Model& model, const std::vector<float>& input) {
  return RunOn(model, std::vector<std::vector<float>>{input});
}

}  // namespace cutis::convert

#endif  // CUTIS_TESTS_CONVERTER_RUN_NET_H_
