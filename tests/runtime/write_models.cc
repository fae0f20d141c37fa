// Writes the small networks of the tests as files: write_models FOLDER [SUFFIX]. For the C tests and as seeds of the fuzzers.
#include <cstdio>
#include <string>

#include "tests/runtime/test_file.h"

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::string suffix = argc > 2 ? argv[2] : ".cutis";
  cutis::test::RawModel limited = cutis::test::SmallCalibratedModel();
  cutis::test::AddLimits(&limited);
  cutis::test::AddViews(&limited);
  cutis::test::RawModel wrong = cutis::test::SmallU8Model();  // a self-test that no machine passes
  wrong.has_self_test = true;
  wrong.pictures.assign(6, std::vector<uint8_t>(32));
  const struct {
    const char* name;
    cutis::test::RawModel model;
  } models[] = {{"small_u8", cutis::test::SmallU8Model()},
                {"small_sparse", cutis::test::SmallSparseModel()},
                {"small_blocks", cutis::test::SmallBlocksModel()},
                {"small_calibrated", cutis::test::SmallCalibratedModel()},
                {"small_limits", limited},
                {"small_wrong", wrong},
                {"small_explained", cutis::test::Explained(cutis::test::SmallU8Model())},
                {"small_f32", cutis::test::SmallF32Model()},
                {"small_map", cutis::test::SmallMapModel()},
                {"tiny", cutis::test::TinyModel()}};
  for (const auto& [name, model] : models) {
    const cutis::test::Bytes file = cutis::test::Write(model);
    std::FILE* out = std::fopen((std::string(argv[1]) + "/" + name + suffix).c_str(), "wb");
    if (out == nullptr || std::fwrite(file.data.get(), 1, file.size, out) != file.size || std::fclose(out) != 0) return 1;
  }
  return 0;
}
