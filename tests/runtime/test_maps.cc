// Files with several inputs, several images, constants and operators on index maps: what they compute, and what is refused.
#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "runtime/model.h"
#include "runtime/session.h"
#include "runtime/verify.h"
#include "tests/runtime/test_file.h"

namespace cutis {
namespace {

using test::Bytes;
using test::RawModel;

Status OpenStatus(const Bytes& file) { return Model::OpenMemory(file.data.get(), file.size).status(); }

struct BadModel {
  const char* words;
  std::function<void(RawModel*)> change;
};

void CheckAllRefused(const std::vector<BadModel>& cases) {
  const RawModel sound = test::SmallMapModel();
  const Status fine = OpenStatus(test::Write(sound));
  REQUIRE_MESSAGE(fine.ok(), fine.text());
  for (const BadModel& bad : cases) {
    CAPTURE(&bad - cases.data());
    CAPTURE(std::string(bad.words));
    RawModel model = sound;
    bad.change(&model);
    const Status status = OpenStatus(test::Write(model));
    CAPTURE(std::string(status.text()));
    CHECK(status.code() == Code::kBadInput);
    CHECK(std::strstr(status.text(), bad.words) != nullptr);
  }
}

TEST_CASE("operators on index maps compute what their maps say, for every entry of a batch") {
  const Bytes file = test::Write(test::SmallMapModel());
  const auto model = Model::OpenMemory(file.data.get(), file.size);
  REQUIRE_MESSAGE(model.ok(), model.status().text());
  CHECK(model.value()->tensors()[2].constant != nullptr);
  for (const int32_t threads : {1, 2}) {
    SessionOptions options;
    options.batch = 3;
    options.threads = threads;
    auto session = Session::Create(*model.value(), options);
    REQUIRE_MESSAGE(session.ok(), session.status().text());
    // x: two images of 3 x 4 x 2; v: 1 x 1 x 4; the constant k: 1 x 1 x 5, 10 .. 14.
    const auto x = [](int entry, int i, int h, int w, int c) {
      return static_cast<float>(entry * 100 + i * 24 + h * 8 + w * 2 + c);
    };
    const auto v = [](int entry, int w) { return static_cast<float>(w - 2 * entry); };
    for (int32_t entry = 0; entry < 3; ++entry) {
      float values[48], vector[4];
      for (int i = 0; i < 48; ++i) values[i] = static_cast<float>(entry * 100 + i);
      for (int i = 0; i < 4; ++i) vector[i] = v(entry, i);
      REQUIRE(session.value()->SetInputF32(0, entry, values, 48).ok());
      REQUIRE(session.value()->SetInputF32(1, entry, vector, 4).ok());
    }
    REQUIRE(session.value()->Run(3).ok());
    for (int32_t entry = 0; entry < 3; ++entry) {
      // moved[i][c][h][w] = x[i][h][w][c], and a channel of 0.5 behind; sum = moved + k; selected = v != 0 ? sum : -sum.
      float out[2 * 2 * 3 * 5];
      REQUIRE(session.value()->GetOutputF32(0, entry, out, 60).ok());
      int wrong = 0, at = 0;
      for (int i = 0; i < 2; ++i) {
        for (int c = 0; c < 2; ++c) {
          for (int h = 0; h < 3; ++h) {
            for (int w = 0; w < 5; ++w, ++at) {
              const float moved = w < 4 ? x(entry, i, h, w, c) : 0.5f;
              const float sum = moved + static_cast<float>(10 + w);
              wrong += out[at] != (v(entry, h) != 0 ? sum : -sum);
            }
          }
        }
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("maps and pieces that lead elsewhere are refused") {
  constexpr int32_t kLeast = std::numeric_limits<int32_t>::min(), kMost = std::numeric_limits<int32_t>::max();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto piece = [](auto change) { return [=](RawModel* m) { change(m->nodes[0].options.pieces[0]); }; };
  const auto move = [](auto change) { return [=](RawModel* m) { change(m->nodes[0].options); }; };
  const auto binary = [](auto change) { return [=](RawModel* m) { change(m->nodes[1].options); }; };
  const auto unary = [](auto change) { return [=](RawModel* m) { change(m->nodes[2].options); }; };
  const auto select = [](auto change) { return [=](RawModel* m) { change(m->nodes[3].options); }; };
  CheckAllRefused({
      {"outside its tensor", piece([](MovePiece& p) { p.map.start[1] = 1; })},
      {"outside its tensor", piece([](MovePiece& p) { p.map.start[0] = -1; })},
      {"outside its tensor", piece([](MovePiece& p) { p.map.start[3] = kLeast; })},
      {"outside its tensor", piece([](MovePiece& p) { p.map.step[0] = kMost; })},
      {"outside its tensor", piece([](MovePiece& p) { p.map.step[0] = kLeast; })},
      {"outside its tensor", piece([](MovePiece& p) { p.map.dim[2] = Dim::kChannel; })},
      {"names dimension 255", piece([](MovePiece& p) { p.map.dim[1] = static_cast<Dim>(255), p.map.step[1] = 0; })},
      {"outside the output", piece([](MovePiece& p) { p.from[3] = 2; })},
      {"outside the output", piece([](MovePiece& p) { p.from[3] = kLeast; })},
      {"outside the output", piece([](MovePiece& p) { p.from[0] = kMost; })},
      {"outside the output", piece([](MovePiece& p) { p.extent[0] = 0; })},
      {"outside the output", piece([](MovePiece& p) { p.extent[0] = kLeast; })},
      {"outside the output", piece([](MovePiece& p) { p.extent[3] = 6; })},
      {"of an input that it lacks", piece([](MovePiece& p) { p.input = 1; })},
      {"of an input that it lacks", piece([](MovePiece& p) { p.input = -1; })},
      {"no table 0", [](RawModel* m) { m->nodes[0].options.pieces[0].table = 0; }},
      {"no table -2", piece([](MovePiece& p) { p.table = -2; })},
      {"overlap", move([](test::RawOptions& o) { o.pieces.push_back(o.pieces[0]); })},
      {"48 of 60", move([](test::RawOptions& o) { o.filled = false; })},
      {"pieces are more than", move([](test::RawOptions& o) { o.pieces.resize(kMaxPieces + 1, o.pieces[0]); })},
      {"tables", move([](test::RawOptions& o) { o.table.resize(256); })},
      {"bytes of tables", move([](test::RawOptions& o) { o.table.resize(256 * 16 + 1); })},
      {"cannot fill", move([=](test::RawOptions& o) { o.fill = nan; })},
      {"0 axes", move([](test::RawOptions& o) { o.view.rank = 0; })},
      {"9 axes", move([](test::RawOptions& o) { o.view.rank = 9; })},
      {"-2147483648 axes", move([](test::RawOptions& o) { o.view.rank = kLeast; })},
      {"no view", move([](test::RawOptions& o) { o.view.dims[3] = 4; })},
      {"elements", move([](test::RawOptions& o) { o.view.dims[0] = 0; })},
      {"elements", move([](test::RawOptions& o) { o.view.dims[0] = kMost; })},
      {"2^31", move([](test::RawOptions& o) { o.view.dims[0] = o.view.dims[1] = 1 << 24; })},
      {"no function 7", binary([](test::RawOptions& o) { o.function = 7; })},
      {"no function 255", binary([](test::RawOptions& o) { o.function = 255; })},
      {"outside its tensor", binary([](test::RawOptions& o) { o.a.step[0] = 2; })},
      {"outside its tensor", binary([](test::RawOptions& o) { o.b.start[3] = 1; })},
      {"clamp", binary([=](test::RawOptions& o) {
         o.clamp_f32 = {nan, 0};
       })},
      {"no view", binary([](test::RawOptions& o) { o.view.dims[0] = 3; })},
      {"instead of 2", [](RawModel* m) { m->nodes[1].inputs.resize(1); }},
      {"no function 15", unary([](test::RawOptions& o) { o.function = 15; })},
      {"finite", unary([=](test::RawOptions& o) { o.alpha = nan; })},
      {"finite", unary([=](test::RawOptions& o) { o.beta = std::numeric_limits<float>::infinity(); })},
      {"outside its tensor", select([](test::RawOptions& o) { o.condition.step[2] = 2; })},
      {"outside its tensor", select([](test::RawOptions& o) { o.a.step[0] = -1; })},
      {"outside its tensor", select([](test::RawOptions& o) { o.b.start[2] = 1; })},
      {"another operator", select([](test::RawOptions& o) { o.type = static_cast<uint8_t>(format::Options::Move); })},
  });
}

TEST_CASE("inputs, images and constants without sense are refused") {
  CheckAllRefused({
      {"number of images", [](RawModel* m) { m->tensors[0].images = 0; }},
      {"number of images", [](RawModel* m) { m->tensors[0].images = kMaxImages + 1; }},
      {"number of images", [](RawModel* m) { m->tensors[0].images = 0xffffffffu; }},
      {"256 MiB",
       [](RawModel* m) {
         m->tensors[0].images = kMaxImages;
         m->tensors[0].dims = {300, 300, 2};
       }},
      {"outside its tensor", [](RawModel* m) { m->tensors[0].images = 1; }},
      {"another size", [](RawModel* m) { m->tensors[2].data.bytes.resize(128); }},
      {"another size", [](RawModel* m) { m->tensors[2].data.bytes.resize(32); }},
      {"another size", [](RawModel* m) { m->tensors[2].images = 2; }},
      {"another size", [](RawModel* m) { m->tensors[2].offset = 64; }},
      {"constants", [](RawModel* m) { m->tensors[2].data.move = 1 << 20; }},
      {"constants", [](RawModel* m) { m->tensors[2].data.move = 4; }},
      {"constants", [](RawModel* m) { m->tensors[2].data.grow = 1 << 20; }},
      // The unary function works by image and takes no constant.
      {"no constant", [](RawModel* m) { m->nodes[2].inputs = {2}; }},
      {"number of images", [](RawModel* m) { m->nodes[2].inputs[0] = 1; }},
      {"made by another node", [](RawModel* m) { m->nodes[1].output = 2; }},
      {"is a constant, or listed twice", [](RawModel* m) { m->more_inputs = {0}; }},
      {"is a constant, or listed twice", [](RawModel* m) { m->more_inputs = {2}; }},
      {"is no tensor", [](RawModel* m) { m->more_inputs = {1000}; }},
      {"before it is made", [](RawModel* m) { m->more_inputs.clear(); }},
      {"more than", [](RawModel* m) { m->more_inputs.assign(kMaxInputs, 1); }},
      {"made by no node", [](RawModel* m) { m->outputs = {2}; }},
  });
}

TEST_CASE("a move of bytes needs tables where scales differ") {
  RawModel model = test::TinyModel();
  test::RawOptions& o = model.nodes[0].options;
  model.nodes[0].kind = static_cast<uint8_t>(OpKind::kMove);
  o.type = static_cast<uint8_t>(format::Options::Move);
  o.view = {3, {4, 4, 3}};
  o.pieces = {MovePiece{0, {}, {4, 4, 3}, {{}, {Dim::kWidth, Dim::kHeight, Dim::kChannel}, {1, 1, 1}}, 0}};
  CHECK(OpenStatus(test::Write(model)).ok());
  o.pieces[0].table = -1;
  CHECK(OpenStatus(test::Write(model)).ok());
  model.tensors[1].zero_point = 3;
  CHECK(std::strstr(OpenStatus(test::Write(model)).text(), "same scale") != nullptr);
  o.pieces[0].table = 1;
  CHECK(std::strstr(OpenStatus(test::Write(model)).text(), "no table 1") != nullptr);
  o.pieces[0].table = 0;
  CHECK(OpenStatus(test::Write(model)).ok());
  o.table.pop_back();
  CHECK(std::strstr(OpenStatus(test::Write(model)).text(), "tables") != nullptr);
}

TEST_CASE("what all the moves of a file take in memory and time to check is bounded") {
  // Nodes that each have as many pieces as are allowed; a small file can let them share one list.
  RawModel model = test::TinyModel();
  const test::RawNode first = model.nodes[0];
  for (int i = 0; i < 40; ++i) {
    model.tensors.push_back(model.tensors[1]);
    model.nodes.push_back(first);
    model.nodes.back().output = static_cast<uint32_t>(model.tensors.size() - 1);
  }
  for (size_t i = 1; i < model.nodes.size(); ++i) {
    test::RawOptions& o = model.nodes[i].options;
    model.nodes[i].kind = static_cast<uint8_t>(OpKind::kMove);
    o.type = static_cast<uint8_t>(format::Options::Move);
    o.view = {3, {256, 256, 1}};
    o.pieces_of_node_before = i > 1;
    for (int32_t p = 0; p < 65536 && i == 1; ++p) o.pieces.push_back(MovePiece{0, {p / 256, p % 256, 0}, {1, 1, 1}, {}, -1});
    model.tensors[model.nodes[i].output].dims = {256, 256, 1};
  }
  test::MakePlan(&model);
  CHECK(std::strstr(OpenStatus(test::Write(model)).text(), "far more") != nullptr);
  model.nodes.resize(3);
  model.tensors.resize(4);
  test::MakePlan(&model);
  CHECK(OpenStatus(test::Write(model)).ok());
}

}  // namespace
}  // namespace cutis
