// The parts of a file beside its graph; see test_file.h.
#ifndef CUTIS_TESTS_RUNTIME_WRITE_RECIPE_H_
#define CUTIS_TESTS_RUNTIME_WRITE_RECIPE_H_

#include "tests/runtime/test_file.h"

namespace cutis::test {

flatbuffers::Offset<format::Preprocess> WritePreprocess(flatbuffers::FlatBufferBuilder& builder, const RawModel& model);
// With calibration, operating points and limits.
flatbuffers::Offset<format::Verdict> WriteVerdict(flatbuffers::FlatBufferBuilder& builder, const RawModel& model);
// Null where the model has none.
flatbuffers::Offset<format::SelfTest> WriteSelfTest(flatbuffers::FlatBufferBuilder& builder, const RawModel& model);
flatbuffers::Offset<format::Device> WriteDevice(flatbuffers::FlatBufferBuilder& builder, const RawModel& model);

}  // namespace cutis::test

#endif  // CUTIS_TESTS_RUNTIME_WRITE_RECIPE_H_
