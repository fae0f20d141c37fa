// A writer of small .cutis files for the tests of the runtime, independent of the converter's. It takes raw numbers, so that it
// can also write what no converter would.
#ifndef CUTIS_TESTS_RUNTIME_TEST_FILE_H_
#define CUTIS_TESTS_RUNTIME_TEST_FILE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "format_generated.h"
#include "ops/op.h"
#include "runtime/memory.h"

namespace cutis::test {

struct RawBuffer {
  std::vector<uint8_t> bytes;
  uint64_t move = 0;  // added to the offset that is written
  uint64_t grow = 0;  // added to the size that is written
};

struct RawTensor {
  std::string name;
  uint8_t type = 0;
  std::vector<uint32_t> dims;
  float scale = 1;
  uint8_t zero_point = 0;
  uint64_t offset = 0;
  uint32_t images = 1;
  RawBuffer data;  // not empty: a constant
};

// The union of all options; `type` says which of them are written.
struct RawOptions {
  uint8_t type = 0;
  format::Window window{1, 1, 1, 1, 1, 1, 0, 0, 0, 0};
  int32_t groups = 1;
  RawBuffer weights, bias, multiplier;
  std::vector<uint8_t> padding;
  std::vector<uint8_t> live;
  bool write_live = false;  // even when it is empty
  format::Clamp clamp{0, 255};
  format::ClampF32 clamp_f32{-1e30f, 1e30f};
  float multiplier_a = 0.5f, multiplier_b = 0.5f;
  bool count_include_pad = false;
  std::vector<int32_t> counts;
  std::vector<float> multipliers;
  std::vector<uint8_t> table;  // of a move too
  // Operators on index maps.
  uint8_t function = 0;
  View view;
  IndexMap condition, a, b;
  std::vector<MovePiece> pieces;
  bool pieces_of_node_before = false;  // refers to the list that the last move has written
  bool filled = false;
  float fill = 0;
  float alpha = 0, beta = 0;
  // Any other table.
  std::function<flatbuffers::Offset<void>(flatbuffers::FlatBufferBuilder& builder)> write;
};

struct RawNode {
  std::string name;
  uint8_t kind = 0;
  std::vector<uint32_t> inputs;
  uint32_t output = 0;
  RawOptions options;
};

struct RawBlock {
  uint32_t first = 0, nodes = 0, rows = 0;
};

struct RawStep {
  uint8_t type = 1;
  uint32_t width = 0, height = 0;
  uint8_t filter = 0;
};

struct RawPoint {
  std::string name;
  float threshold = 0.5f, refer_low = 0, refer_high = 0;
  std::string note;
  bool calibrated = false;
  std::vector<float> sensitivity = {}, specificity = {};  // value, low, high; or nothing
};

struct RawLimit {
  uint8_t reason = 0;
  uint8_t type = 1;  // of the union: 1 feature, 2 linear, 3 distance
  uint32_t feature = 0;
  float least = 0, most = 1;
  std::vector<float> weights, center;
};

struct RawModel {
  std::vector<RawTensor> tensors;
  std::vector<RawNode> nodes;
  uint32_t input = 0;
  std::vector<uint32_t> more_inputs;
  std::vector<uint32_t> outputs;
  std::vector<RawBlock> blocks;
  uint64_t activation_bytes = 0;
  std::vector<uint32_t> scratch_bytes;  // by node
  bool has_explanation = false;
  std::vector<uint32_t> explanation_offsets;
  uint64_t explanation_bytes = 0;

  bool has_preprocess = true;
  std::string decoder = "stb";
  std::vector<RawStep> steps;
  std::vector<float> mean, std;

  bool has_verdict = true;
  std::vector<std::string> labels;
  uint32_t positive = 0;
  uint8_t scores = 1;
  float temperature = 1;
  std::vector<RawPoint> points;
  uint32_t default_point = 0;
  bool has_calibration = false;
  float slope = 1, intercept = 0, bcc_share = 0.5f;
  uint32_t calibration_images = 1;
  std::string calibration_note;
  std::vector<uint8_t> output_hash;
  std::vector<RawLimit> limits;  // empty: the file has none, unless empty_limits
  bool empty_limits = false;
  int32_t embedding = -1;
  std::vector<float> refused;
  uint32_t limit_images = 0;
  std::string limits_note;
  bool has_views = false;
  float views_slope = 1;
  std::vector<RawPoint> view_points;
  std::vector<std::pair<float, float>> view_stops;  // rise, fall
  float mean_views = 0;
  std::string views_note;

  std::string name = "test", card = "made by a test";

  bool has_device = false;
  std::string device_name = "a device", device_isa = "neon";
  uint32_t device_threads = 2;
  uint64_t image_bytes = 1 << 20, image_file_bytes = 1 << 16;

  bool has_self_test = false;
  std::vector<uint8_t> test_outputs = std::vector<uint8_t>(32), first_outputs = std::vector<uint8_t>(32);
  std::vector<std::vector<uint8_t>> pictures;  // three hashes a picture; empty: none
};

// 64-byte aligned bytes.
struct Bytes {
  std::unique_ptr<uint8_t[], AlignedDeleter> data;
  size_t size = 0;
};
Bytes MakeBytes(const void* data, size_t size);

// Writes the model as it stands.
Bytes Write(const RawModel& model);
// Puts the right sizes and hash into the header of a file of at least 64 bytes whose FlatBuffer or segment was altered.
void FixHash(Bytes* file);
uint64_t GraphBytes(const Bytes& file);

// A node with options of that type and nothing in them.
RawNode MakeRawNode(const char* name, OpKind kind, format::Options options, std::vector<uint32_t> inputs, uint32_t output);

// Sets offsets and activation_bytes by first fit, and a scratch that is enough for these small networks. What lies inside a
// block gets no place, if the blocks make sense.
void MakePlan(RawModel* model);

// It with a second plan, in which the tensor that the average pool before the logits reads lives to the end.
RawModel Explained(RawModel model);

// 12 x 12 RGB through every uint8 operator to 7 real logits; with recipe and verdict.
RawModel SmallU8Model();
// It with all that a verdict may say.
RawModel SmallCalibratedModel();
// Limits of each kind over the features of pixels and output 0 (seven elements): of feature 4, the luminance, 30 to 220; a
// linear and a distance one that no image exceeds.
void AddLimits(RawModel* model);
// Numbers for several views to SmallCalibratedModel().
void AddViews(RawModel* model);
// Its weights pruned to B16x4 where there are panels: the stem, the grouped convolution and the dense layer.
RawModel SmallSparseModel();
// Two inverted residuals as blocks: a stem, 3x3 and projection in strips of 2 rows, and expansion, 5x5, projection and sum in
// strips of 4; then to 7 real logits, with recipe and verdict.
RawModel SmallBlocksModel();
// The same shape of network as SmallU8Model in float32, with 7 probabilities.
RawModel SmallF32Model();
// Two inputs, of two images of 3 x 4 x 2 and of 1 x 1 x 4, and a constant of 1 x 1 x 5, through a move, a sum, a negation and a
// select to two images of 2 x 3 x 5; float32, without recipe and verdict.
RawModel SmallMapModel();
// One lookup on 4 x 4 x 3, without recipe and verdict: the smallest file that there is.
RawModel TinyModel();

}  // namespace cutis::test

#endif  // CUTIS_TESTS_RUNTIME_TEST_FILE_H_
