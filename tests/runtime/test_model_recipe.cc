// What a .cutis file says of images and verdicts: what is accepted, what is refused, and with which words.
#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "runtime/model.h"
#include "runtime/session.h"
#include "runtime/verify.h"
#include "tests/runtime/refused.h"
#include "tests/runtime/test_file.h"

namespace cutis {
namespace {

using test::Bytes;
using test::CheckAllRefused;
using test::OpenStatus;
using test::RawModel;

TEST_CASE("limits are what the file says") {
  RawModel raw = test::SmallCalibratedModel();
  test::AddLimits(&raw);
  const Bytes file = test::Write(raw);
  const auto model = Model::OpenMemory(file.data.get(), file.size);
  REQUIRE_MESSAGE(model.ok(), model.status().text());
  REQUIRE(model.value()->verdict()->limits.has_value());
  const Limits& limits = *model.value()->verdict()->limits;
  CHECK(limits.features == 19);
  CHECK(limits.embedding == 0);
  CHECK(limits.images == 800);
  CHECK(limits.refused->high == 0.0625f);
  CHECK(std::string(limits.note) == "made by a test");
  REQUIRE(limits.rules.size() == 3);
  CHECK(limits.rules[0].reason == LimitReason::kOverExposed);
  CHECK(limits.rules[0].kind == Limit::Kind::kFeature);
  CHECK(limits.rules[0].feature == 4);
  CHECK(limits.rules[0].least == 30);
  CHECK(limits.rules[0].most == 220);
  CHECK(limits.rules[1].kind == Limit::Kind::kLinear);
  CHECK(limits.rules[1].weights.size() == 19);
  CHECK(limits.rules[2].kind == Limit::Kind::kDistance);
  CHECK(limits.rules[2].center[18] == 1);
  CHECK(limits.rules[2].weights.size() == 190);
  CHECK(limits.rules[2].most == 1e6f);
  // Without an embedding there are the features of the pixels alone; one-sided bounds are infinite.
  raw.embedding = -1;
  raw.limits.resize(1);
  raw.limits[0].least = -std::numeric_limits<float>::infinity();
  CHECK(OpenStatus(test::Write(raw)).ok());
}

TEST_CASE("the device is what the file says") {
  RawModel raw = test::SmallCalibratedModel();
  {
    const Bytes any = test::Write(raw);
    CHECK(Model::OpenMemory(any.data.get(), any.size).value()->device() == nullptr);
  }
  raw.has_device = true;
  const Bytes file = test::Write(raw);
  const auto model = Model::OpenMemory(file.data.get(), file.size);
  REQUIRE_MESSAGE(model.ok(), model.status().text());
  const DeviceLimits* device = model.value()->device();
  REQUIRE(device != nullptr);
  CHECK(std::string(device->name) == "a device");
  CHECK(std::string(device->isa) == "neon");
  CHECK(device->threads == 2);
  CHECK(device->image_bytes == 1 << 20);
  CHECK(device->image_file_bytes == 1 << 16);
  CHECK(model.value()->preprocess()->device == device);
  SessionOptions options;
  options.threads = 2;
  CHECK(Session::Create(*model.value(), options).ok());
  options.threads = 3;
  const auto session = Session::Create(*model.value(), options);
  CHECK(session.status().code() == Code::kUsage);
  CHECK(std::string(session.status().text()) ==
        "3 threads: the model was made for a device, whose memory holds a session of 2");
  CheckAllRefused(
      {
          {"the device has no name", [](RawModel* m) { m->device_name.clear(); }},
          {"the device's name is not printable UTF-8", [](RawModel* m) { m->device_name.assign(1, '\x01'); }},
          {"the device's instruction set is longer than 256 bytes", [](RawModel* m) { m->device_isa.assign(257, 'a'); }},
          {"the device's number of threads is not in 1 .. 256", [](RawModel* m) { m->device_threads = 0; }},
          {"the device's number of threads is not in 1 .. 256", [](RawModel* m) { m->device_threads = 257; }},
      },
      raw);
}

TEST_CASE("a calibration is what the file says") {
  const Bytes file = test::Write(test::SmallCalibratedModel());
  const auto model = Model::OpenMemory(file.data.get(), file.size);
  REQUIRE_MESSAGE(model.ok(), model.status().text());
  const std::optional<PlattScaling>& calibration = model.value()->verdict()->calibration;
  REQUIRE(calibration.has_value());
  CHECK(calibration->slope == 0.75f);
  CHECK(calibration->intercept == -0.5f);
  CHECK(calibration->bcc_share == 0.25f);
  CHECK(calibration->images == 1200);
  CHECK(std::string(calibration->note) == "fitted by a test");
  const VerdictRecipe& verdict = *model.value()->verdict();
  CHECK_FALSE(verdict.operating_points[0].sensitivity.has_value());
  CHECK_FALSE(verdict.operating_points[0].specificity.has_value());
  REQUIRE(verdict.operating_points[1].sensitivity.has_value());
  CHECK(verdict.operating_points[1].sensitivity->value == 0.9375f);
  CHECK(verdict.operating_points[1].sensitivity->low == 0.875f);
  CHECK(verdict.operating_points[1].sensitivity->high == 0.96875f);
  CHECK(verdict.operating_points[1].specificity->high == 0.75f);
  REQUIRE(verdict.output_hash.size() == 32);
  CHECK(verdict.output_hash[31] == 248);
}

TEST_CASE("limits without sense") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  RawModel raw = test::SmallCalibratedModel();
  test::AddLimits(&raw);
  CheckAllRefused(
      {
          {"no limits, or more", [](RawModel* m) { m->limits.clear(), m->empty_limits = true; }},
          {"no limits, or more", [](RawModel* m) { m->limits.resize(kMaxLimits + 1, m->limits[0]); }},
          {"reason", [](RawModel* m) { m->limits[1].reason = 4; }, Code::kUnsupported},
          {"output 1", [](RawModel* m) { m->embedding = 1; }},
          {"output -2", [](RawModel* m) { m->embedding = -2; }},
          {"limit 1 has 19 weights where there must be 12", [](RawModel* m) { m->embedding = -1; }},
          {"limit 0 is of feature 12", [](RawModel* m) { m->limits[0].feature = 12; }},
          {"limit 0: its least", [](RawModel* m) { m->limits[0].least = 221; }},
          {"limit 0: its least", [=](RawModel* m) { m->limits[0].least = nan; }},
          {"limit 0: its least", [=](RawModel* m) { m->limits[0].most = nan; }},
          {"limit 0: its least", [=](RawModel* m) { m->limits[0].most = -infinity; }},
          {"limit 0: its least", [=](RawModel* m) { m->limits[0].least = m->limits[0].most = infinity; }},
          {"limit 1 has 18 weights", [](RawModel* m) { m->limits[1].weights.pop_back(); }},
          {"limit 1: not all of its weights", [=](RawModel* m) { m->limits[1].weights[3] = nan; }},
          {"limit 1: its bound", [=](RawModel* m) { m->limits[1].most = infinity; }},
          {"limit 2 has 20 means", [](RawModel* m) { m->limits[2].center.push_back(0); }},
          {"limit 2: not all of its means", [=](RawModel* m) { m->limits[2].center[0] = -infinity; }},
          {"limit 2 has 189 weights", [](RawModel* m) { m->limits[2].weights.pop_back(); }},
          {"limit 2: its distance", [](RawModel* m) { m->limits[2].most = 0; }},
          {"limit 2: its distance", [=](RawModel* m) { m->limits[2].most = nan; }},
          {"limit 2: its bound", [=](RawModel* m) { m->limits[2].most = infinity; }},
          {"refuse", [](RawModel* m) { m->refused[0] = 0.5f; }},
          {"refuse", [=](RawModel* m) { m->refused[2] = nan; }},
          {"note", [](RawModel* m) { m->limits_note = "\x1b[2J"; }},
          {"takes none", [](RawModel* m) { m->has_preprocess = false; }},
      },
      raw);
}

TEST_CASE("views are what the file says") {
  RawModel raw = test::SmallCalibratedModel();
  test::AddViews(&raw);
  const Bytes file = test::Write(raw);
  const auto model = Model::OpenMemory(file.data.get(), file.size);
  REQUIRE_MESSAGE(model.ok(), model.status().text());
  REQUIRE(model.value()->verdict()->views.has_value());
  const ViewsRecipe& views = *model.value()->verdict()->views;
  CHECK(views.calibration.slope == 2);
  CHECK(views.calibration.intercept == -0.5f);
  REQUIRE(views.operating_points.size() == 2);
  CHECK(views.operating_points[1].threshold == 0.375f);
  REQUIRE(views.stops.size() == 2);
  CHECK(views.stops[0].rise == 2);
  CHECK(views.stops[1].fall == 0.25f);
  CHECK(views.images == 900);
  CHECK(views.mean_views == 2.5f);
  CHECK(std::string(views.note) == "made by a test");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CheckAllRefused(
      {
          {"not those for one view", [](RawModel* m) { m->view_points.pop_back(); }},
          {"not those for one view", [](RawModel* m) { m->view_points[1].name = "another"; }},
          {"two operating points", [](RawModel* m) { m->view_points[1].name = m->view_points[0].name; }},
          {"0 .. 1", [](RawModel* m) { m->view_points[1].threshold = 2; }},
          {"slope", [](RawModel* m) { m->views_slope = 0; }},
          {"softmax", [](RawModel* m) { m->scores = 2, m->has_calibration = false; }},
          {"8 stops", [](RawModel* m) { m->view_stops.resize(8); }},
          {"stop 1 is below 0", [](RawModel* m) { m->view_stops[1].first = -1; }},
          {"stop 0 is below 0", [=](RawModel* m) { m->view_stops[0].second = nan; }},
          {"mean number", [](RawModel* m) { m->mean_views = 8.5f; }},
          {"mean number", [=](RawModel* m) { m->mean_views = nan; }},
          {"note", [](RawModel* m) { m->views_note = "\x1b[2J"; }},
      },
      raw);
}

TEST_CASE("self-tests without sense") {
  RawModel raw = test::SmallU8Model();
  raw.has_self_test = true;
  raw.pictures.assign(6, std::vector<uint8_t>(32));
  CHECK(OpenStatus(test::Write(raw)).ok());
  CheckAllRefused(
      {
          {"32 bytes", [](RawModel* m) { m->test_outputs.pop_back(); }},
          {"32 bytes", [](RawModel* m) { m->first_outputs.clear(); }},
          {"32 bytes", [](RawModel* m) { m->pictures[2].push_back(0); }},
          {"32 bytes", [](RawModel* m) { m->pictures[3].pop_back(); }},
          {"not 2 of them", [](RawModel* m) { m->pictures.resize(3); }},
          {"not 2 of them", [](RawModel* m) { m->pictures.resize(9, m->pictures[0]); }},
          {"judges none", [](RawModel* m) { m->has_verdict = false; }},
      },
      raw);
}

TEST_CASE("recipes and verdicts without sense") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CheckAllRefused(
      {
          {"decoder", [](RawModel* m) { m->decoder.clear(); }},
          {"no steps", [](RawModel* m) { m->steps.clear(); }},
          {"no steps", [](RawModel* m) { m->steps.insert(m->steps.begin(), kMaxSteps, m->steps[0]); }},
          {"unknown to this version", [](RawModel* m) { m->steps[0].type = 9; }, Code::kUnsupported},
          {"unknown to this version", [](RawModel* m) { m->steps[0].type = 0; }, Code::kUnsupported},
          {"filter", [](RawModel* m) { m->steps[1].filter = 7; }},
          {"width or height", [](RawModel* m) { m->steps[1].width = 0; }},
          {"width or height", [](RawModel* m) { m->steps[1].height = 0x80000000u; }},
          {"larger than what it crops", [](RawModel* m) { m->steps[1].width = 11; }},
          {"the network takes", [](RawModel* m) { m->steps.pop_back(); }},
          {"the network takes", [](RawModel* m) { m->steps.resize(1); }},
          {"each of 3 channels", [](RawModel* m) { m->mean = {1}; }},
          {"channel 1", [](RawModel* m) { m->std[1] = 0; }},
          {"channel 2", [=](RawModel* m) { m->mean[2] = nan; }},
          {"6 labels", [](RawModel* m) { m->labels.pop_back(); }},
          {"label 3", [](RawModel* m) { m->labels[3].clear(); }},
          {"equal", [](RawModel* m) { m->labels[3] = m->labels[0]; }},
          {"printable", [](RawModel* m) { m->labels[3] = "\x1b[2J"; }},
          {"positive", [](RawModel* m) { m->positive = 7; }},
          {"scores", [](RawModel* m) { m->scores = 3; }},
          {"temperature", [](RawModel* m) { m->temperature = 0; }},
          {"temperature", [=](RawModel* m) { m->temperature = nan; }},
          {"no name", [](RawModel* m) { m->points[0].name.clear(); }},
          {"two operating points", [](RawModel* m) { m->points[1].name = m->points[0].name; }},
          {"0 .. 1", [](RawModel* m) { m->points[0].threshold = 1.5f; }},
          {"0 .. 1", [=](RawModel* m) { m->points[0].threshold = nan; }},
          {"0 .. 1", [](RawModel* m) { m->points[1].refer_low = 0.5f; }},
          {"default", [](RawModel* m) { m->default_point = 2; }},
          {"default", [](RawModel* m) { m->points.clear(), m->default_point = 1; }},
          {"operating points", [](RawModel* m) { m->points.resize(kMaxOperatingPoints + 1, m->points[0]); }},
          {"card", [](RawModel* m) { m->card = std::string(kMaxText + 1, 'a'); }},
          {"name", [](RawModel* m) { m->name.assign(1, 0x7f); }},
      },
      test::SmallU8Model());
  const float infinity = std::numeric_limits<float>::infinity();
  CheckAllRefused(
      {
          {"softmax", [](RawModel* m) { m->scores = 2; }},
          {"softmax", [](RawModel* m) { m->scores = 0; }},
          {"slope", [](RawModel* m) { m->slope = 0; }},
          {"slope", [](RawModel* m) { m->slope = -1; }},
          {"slope", [=](RawModel* m) { m->slope = infinity; }},
          {"slope", [=](RawModel* m) { m->slope = nan; }},
          {"slope", [](RawModel* m) { m->slope = 1e-45f; }},
          {"intercept", [=](RawModel* m) { m->intercept = -infinity; }},
          {"intercept", [=](RawModel* m) { m->intercept = nan; }},
          {"share", [](RawModel* m) { m->bcc_share = 0; }},
          {"share", [](RawModel* m) { m->bcc_share = 1; }},
          {"share", [=](RawModel* m) { m->bcc_share = nan; }},
          {"share", [](RawModel* m) { m->calibration_images = 0; }},
          {"note", [](RawModel* m) { m->calibration_note = std::string(kMaxText + 1, 'a'); }},
          {"note", [](RawModel* m) { m->calibration_note = "\x1b[2J"; }},
          {"sensitivity",
           [](RawModel* m) {
             m->points[1].sensitivity = {0.5f, 0.625f, 0.75f};
           }},
          {"sensitivity",
           [](RawModel* m) {
             m->points[1].sensitivity = {0.5f, 0.25f, 0.375f};
           }},
          {"sensitivity",
           [](RawModel* m) {
             m->points[0].sensitivity = {1.5f, 1, 2};
           }},
          {"specificity",
           [](RawModel* m) {
             m->points[1].specificity = {0.5f, -0.25f, 0.75f};
           }},
          {"specificity",
           [=](RawModel* m) {
             m->points[1].specificity = {nan, 0, 1};
           }},
          {"specificity",
           [=](RawModel* m) {
             m->points[1].specificity = {0.5f, nan, 1};
           }},
          {"specificity",
           [=](RawModel* m) {
             m->points[1].specificity = {0.5f, 0, nan};
           }},
          {"32 bytes", [](RawModel* m) { m->output_hash.pop_back(); }},
          {"32 bytes", [](RawModel* m) { m->output_hash.resize(1 << 16); }},
      },
      test::SmallCalibratedModel());
  RawModel none = test::SmallU8Model();
  none.points.clear();
  CHECK(OpenStatus(test::Write(none)).ok());
  RawModel grey = test::TinyModel();
  grey.tensors[0].dims = grey.tensors[1].dims = {4, 4, 1};
  grey.has_preprocess = true;
  grey.steps = {{static_cast<uint8_t>(format::Step::Resize), 4, 4, 0}};
  grey.mean = grey.std = {1};
  CheckRefused(test::Write(grey), Code::kBadInput, "RGB");
}

}  // namespace
}  // namespace cutis
