#include "tests/runtime/write_recipe.h"

namespace cutis::test {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

namespace {

Offset<format::Limits> WriteLimits(FlatBufferBuilder& builder, const RawModel& model) {
  if (model.limits.empty() && !model.empty_limits) return 0;
  std::vector<Offset<format::Limit>> rules;
  for (const RawLimit& limit : model.limits) {
    Offset<void> rule;
    if (limit.type == 2) {
      rule = format::CreateLinearLimit(builder, builder.CreateVector(limit.weights), limit.most).Union();
    } else if (limit.type == 3) {
      const auto center = builder.CreateVector(limit.center), weights = builder.CreateVector(limit.weights);
      rule = format::CreateDistanceLimit(builder, center, weights, limit.most).Union();
    } else {
      rule = format::CreateFeatureLimit(builder, limit.feature, limit.least, limit.most).Union();
    }
    rules.push_back(format::CreateLimit(builder, static_cast<format::LimitReason>(limit.reason),
                                        static_cast<format::Rule>(limit.type), rule));
  }
  const auto rule_vector = builder.CreateVector(rules);
  const auto note = builder.CreateString(model.limits_note);
  const format::Estimate refused =
      model.refused.empty() ? format::Estimate() : format::Estimate(model.refused[0], model.refused[1], model.refused[2]);
  return format::CreateLimits(builder, model.embedding, rule_vector, model.refused.empty() ? nullptr : &refused,
                              model.limit_images, note);
}

using PointVector = flatbuffers::Vector<Offset<format::OperatingPoint>>;

Offset<PointVector> WritePoints(FlatBufferBuilder& builder, const std::vector<RawPoint>& from) {
  std::vector<Offset<format::OperatingPoint>> points;
  for (const RawPoint& p : from) {
    const auto name = builder.CreateString(p.name);
    const auto note = builder.CreateString(p.note);
    const auto estimate = [](const std::vector<float>& e) {
      return e.empty() ? format::Estimate() : format::Estimate(e[0], e[1], e[2]);
    };
    const format::Estimate sensitivity = estimate(p.sensitivity), specificity = estimate(p.specificity);
    points.push_back(format::CreateOperatingPoint(builder, name, p.threshold, p.refer_low, p.refer_high, note, p.calibrated,
                                                  p.sensitivity.empty() ? nullptr : &sensitivity,
                                                  p.specificity.empty() ? nullptr : &specificity));
  }
  return builder.CreateVector(points);
}

Offset<format::PlattScaling> WriteCalibration(FlatBufferBuilder& builder, const RawModel& model, float slope) {
  const auto note = builder.CreateString(model.calibration_note);
  return format::CreatePlattScaling(builder, slope, model.intercept, model.bcc_share, model.calibration_images, note);
}

Offset<format::Views> WriteViews(FlatBufferBuilder& builder, const RawModel& model) {
  if (!model.has_views) return 0;
  const auto calibration = WriteCalibration(builder, model, model.views_slope);
  const auto points = WritePoints(builder, model.view_points);
  std::vector<format::ViewStop> stops;
  for (const auto& [rise, fall] : model.view_stops) stops.emplace_back(rise, fall);
  const auto stop_vector = builder.CreateVectorOfStructs(stops);
  const auto note = builder.CreateString(model.views_note);
  return format::CreateViews(builder, calibration, points, stop_vector, 900, model.mean_views, note);
}

}  // namespace

Offset<format::Preprocess> WritePreprocess(FlatBufferBuilder& builder, const RawModel& model) {
  std::vector<uint8_t> types;
  std::vector<Offset<void>> steps;
  for (const RawStep& step : model.steps) {
    types.push_back(step.type);
    switch (static_cast<format::Step>(step.type)) {
      case format::Step::Resize:
        steps.push_back(
            format::CreateResize(builder, step.width, step.height, static_cast<format::Filter>(step.filter)).Union());
        break;
      case format::Step::CenterCrop:
        steps.push_back(format::CreateCenterCrop(builder, step.width, step.height).Union());
        break;
      default:
        steps.push_back(format::CreateCenterSquare(builder).Union());
    }
  }
  const auto decoder = builder.CreateString(model.decoder);
  const auto types_vector = builder.CreateVector(types.data(), types.size());
  const auto steps_vector = builder.CreateVector(steps);
  const auto mean = builder.CreateVector(model.mean);
  const auto std = builder.CreateVector(model.std);
  format::PreprocessBuilder preprocess(builder);
  preprocess.add_decoder(decoder);
  preprocess.add_steps_type(flatbuffers::Offset<flatbuffers::Vector<format::Step>>(types_vector.o));
  preprocess.add_steps(steps_vector);
  preprocess.add_mean(mean);
  preprocess.add_std(std);
  return preprocess.Finish();
}

Offset<format::Device> WriteDevice(FlatBufferBuilder& builder, const RawModel& model) {
  if (!model.has_device) return 0;
  const auto name = builder.CreateString(model.device_name), isa = builder.CreateString(model.device_isa);
  return format::CreateDevice(builder, name, isa, model.device_threads, model.image_bytes, model.image_file_bytes);
}

Offset<format::SelfTest> WriteSelfTest(FlatBufferBuilder& builder, const RawModel& model) {
  if (!model.has_self_test) return 0;
  std::vector<Offset<format::PictureTest>> pictures;
  for (size_t i = 0; i + 2 < model.pictures.size(); i += 3) {
    const auto pixels = builder.CreateVector(model.pictures[i]), input = builder.CreateVector(model.pictures[i + 1]);
    const auto verdict = builder.CreateVector(model.pictures[i + 2]);
    pictures.push_back(format::CreatePictureTest(builder, pixels, input, verdict));
  }
  const auto outputs = builder.CreateVector(model.test_outputs), first = builder.CreateVector(model.first_outputs);
  Offset<flatbuffers::Vector<Offset<format::PictureTest>>> vector = 0;
  if (!pictures.empty()) vector = builder.CreateVector(pictures);
  return format::CreateSelfTest(builder, outputs, first, vector);
}

Offset<format::Verdict> WriteVerdict(FlatBufferBuilder& builder, const RawModel& model) {
  const auto labels = builder.CreateVectorOfStrings(model.labels);
  const auto points = WritePoints(builder, model.points);
  const auto calibration = model.has_calibration ? WriteCalibration(builder, model, model.slope) : 0;
  const auto hash = model.output_hash.empty() ? 0 : builder.CreateVector(model.output_hash);
  const auto limits = WriteLimits(builder, model);
  return format::CreateVerdict(builder, labels, model.positive, static_cast<format::Scores>(model.scores), model.temperature,
                               points, model.default_point, calibration, hash, limits, WriteViews(builder, model));
}

}  // namespace cutis::test
