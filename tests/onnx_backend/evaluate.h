// One model through everything that a user's model goes through, and its outputs.
#ifndef CUTIS_TESTS_ONNX_BACKEND_EVALUATE_H_
#define CUTIS_TESTS_ONNX_BACKEND_EVALUATE_H_

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "ops/status.h"
#include "tests/onnx_backend/cases.h"

namespace cutis::convert {

// Imports, runs the passes, lowers, packs, plans, encodes, opens and verifies, runs; compares the outputs with those of `data`
// as numpy.testing.assert_allclose does. An error says what went wrong. What the conversion alone finds out (a model without
// inputs, an output without elements) is compared as the passes leave it.
Status Evaluate(const onnx::ModelProto& model, const std::string& folder, const DataSet& data, double rtol, double atol);

}  // namespace cutis::convert

#endif  // CUTIS_TESTS_ONNX_BACKEND_EVALUATE_H_
