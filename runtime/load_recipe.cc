// Preprocessing, verdict and provenance, from the file.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "format_generated.h"
#include "runtime/verify.h"
#include "runtime/views.h"

namespace cutis {
namespace {

Status LoadStep(format::Step type, const void* from, uint32_t index, PreprocessStep* step) {
  uint32_t width = 0, height = 0;
  switch (type) {
    case format::Step::CenterSquare:
      step->kind = PreprocessStep::Kind::kCenterSquare;
      return {};
    case format::Step::Resize: {
      const auto* resize = static_cast<const format::Resize*>(from);
      step->kind = PreprocessStep::Kind::kResize;
      width = resize->width();
      height = resize->height();
      if (resize->filter() > format::Filter::MAX)
        return Status::Error(Code::kBadInput, "preprocessing step %u: unknown filter", index);
      step->filter = resize->filter() == format::Filter::Bicubic ? Filter::kBicubic : Filter::kBilinear;
      break;
    }
    case format::Step::CenterCrop: {
      const auto* crop = static_cast<const format::CenterCrop*>(from);
      step->kind = PreprocessStep::Kind::kCenterCrop;
      width = crop->width();
      height = crop->height();
      break;
    }
    default:
      return Status::Error(Code::kUnsupported, "preprocessing step %u is unknown to this version", index);
  }
  if (width < 1 || width > kMaxDim || height < 1 || height > kMaxDim) {
    return Status::Error(Code::kBadInput, "preprocessing step %u: its width or height is not in 1 .. %u", index, kMaxDim);
  }
  step->width = static_cast<int32_t>(width);
  step->height = static_cast<int32_t>(height);
  return {};
}

// The steps must end at exactly the input of the network, whatever image they start from.
Status CheckLastSize(std::span<const PreprocessStep> steps, const Shape& shape) {
  int32_t width = 0, height = 0;  // 0: depends on the image
  for (const PreprocessStep& step : steps) {
    if (step.kind == PreprocessStep::Kind::kCenterSquare) {
      width = height = width < height ? width : height;
    } else {
      if (step.kind == PreprocessStep::Kind::kCenterCrop && height > 0 && (step.width > width || step.height > height)) {
        return Status::Error(Code::kBadInput, "preprocessing: a crop is larger than what it crops");
      }
      width = step.width;
      height = step.height;
    }
  }
  if (width != shape.width || height != shape.height) {
    return Status::Error(Code::kBadInput, "preprocessing ends at %d x %d pixels, the network takes %d x %d", width, height,
                         shape.width, shape.height);
  }
  return {};
}

bool IsFraction(float value) { return value >= 0.0f && value <= 1.0f; }

Status LoadEstimate(const format::Estimate* from, const char* what, const char* point, std::optional<Estimate>* estimate) {
  if (CopyEstimate(from, estimate)) return {};
  return Status::Error(Code::kBadInput, "operating point \"%s\": its %s is not 0 <= low <= value <= high <= 1", point, what);
}

Status LoadOperatingPoint(const format::OperatingPoint& from, Memory& memory, OperatingPoint* point) {
  CUTIS_TRY(CopyText(from.name(), kMaxName, "an operating point's name", memory, &point->name));
  CUTIS_TRY(CopyText(from.note(), kMaxText, "an operating point's note", memory, &point->note));
  if (point->name[0] == '\0') return Status::Error(Code::kBadInput, "an operating point has no name");
  point->threshold = from.threshold();
  point->refer_low = from.refer_low();
  point->refer_high = from.refer_high();
  point->calibrated = from.calibrated();
  if (!IsFraction(point->threshold) || !IsFraction(point->refer_low) || !IsFraction(point->refer_high) ||
      point->refer_low > point->refer_high) {
    return Status::Error(Code::kBadInput, "operating point \"%s\": its threshold and refer band are not within 0 .. 1",
                         point->name);
  }
  CUTIS_TRY(LoadEstimate(from.sensitivity(), "sensitivity", point->name, &point->sensitivity));
  return LoadEstimate(from.specificity(), "specificity", point->name, &point->specificity);
}

Status LoadCalibration(const format::PlattScaling& from, const VerdictRecipe& verdict, Memory& memory, PlattScaling* to) {
  PlattScaling& calibration = *to;
  CUTIS_TRY(CopyText(from.note(), kMaxText, "the calibration's note", memory, &calibration.note));
  calibration.slope = from.slope();
  calibration.intercept = from.intercept();
  calibration.bcc_share = from.bcc_share();
  calibration.images = from.images();
  if (verdict.scores != Scores::kSoftmax || verdict.labels.size() < 2) {
    return Status::Error(Code::kBadInput, "verdict: a calibration is for the softmax of at least two labels");
  }
  if (!std::isnormal(calibration.slope) || calibration.slope < 0 || !std::isfinite(calibration.intercept)) {
    return Status::Error(Code::kBadInput,
                         "verdict: the calibration's slope is not positive, or it or the intercept not finite");
  }
  if (!(calibration.bcc_share > 0 && calibration.bcc_share < 1) || calibration.images == 0) {
    return Status::Error(Code::kBadInput,
                         "verdict: the calibration's share of BCC is not between 0 and 1, or it is of no image");
  }
  return {};
}

using OperatingPointVector = flatbuffers::Vector<flatbuffers::Offset<format::OperatingPoint>>;

// May be null: none.
Status LoadOperatingPoints(const OperatingPointVector* from, Memory& memory, std::span<const OperatingPoint>* to) {
  const uint32_t count = from == nullptr ? 0 : from->size();
  if (count > kMaxOperatingPoints)
    return Status::Error(Code::kBadInput, "verdict: more than %u operating points", kMaxOperatingPoints);
  std::span<OperatingPoint> points;
  CUTIS_TRY(memory.Array(count, &points));
  for (uint32_t i = 0; i < count; ++i) {
    CUTIS_TRY(LoadOperatingPoint(*from->Get(i), memory, &points[i]));
    for (uint32_t j = 0; j < i; ++j) {
      if (std::strcmp(points[i].name, points[j].name) == 0) {
        return Status::Error(Code::kBadInput, "verdict: two operating points are named \"%s\"", points[i].name);
      }
    }
  }
  *to = points;
  return {};
}

// After the operating points for one view.
Status LoadViews(const format::Views& from, Memory& memory, VerdictRecipe* verdict) {
  ViewsRecipe& views = verdict->views.emplace();
  CUTIS_TRY(CopyText(from.note(), kMaxText, "the note of the views", memory, &views.note));
  CUTIS_TRY(LoadCalibration(*from.calibration(), *verdict, memory, &views.calibration));
  CUTIS_TRY(LoadOperatingPoints(from.operating_points(), memory, &views.operating_points));
  bool same = views.operating_points.size() == verdict->operating_points.size();
  for (size_t i = 0; same && i < views.operating_points.size(); ++i) {
    same = std::strcmp(views.operating_points[i].name, verdict->operating_points[i].name) == 0;
  }
  if (!same) return Status::Error(Code::kBadInput, "views: their operating points are not those for one view");
  const uint32_t count = from.stops() == nullptr ? 0 : from.stops()->size();
  std::span<ViewStop> stops;
  if (count >= static_cast<uint32_t>(kViews))
    return Status::Error(Code::kBadInput, "views: %u stops, there are %d views", count, kViews);
  CUTIS_TRY(memory.Array(count, &stops));
  for (uint32_t i = 0; i < count; ++i) {
    stops[i] = {from.stops()->Get(i)->rise(), from.stops()->Get(i)->fall()};
    if (!(stops[i].rise >= 0) || !(stops[i].fall >= 0)) return Status::Error(Code::kBadInput, "views: stop %u is below 0", i);
  }
  views.stops = stops;
  views.images = from.images();
  views.mean_views = from.mean_views();
  if (!(views.mean_views >= 0 && views.mean_views <= static_cast<float>(kViews))) {
    return Status::Error(Code::kBadInput, "views: their mean number is not in 0 .. %d", kViews);
  }
  return {};
}

bool AllUnique(std::span<const char* const> names) {
  for (size_t i = 0; i < names.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (std::strcmp(names[i], names[j]) == 0) return false;
    }
  }
  return true;
}

}  // namespace

bool CopyEstimate(const format::Estimate* from, std::optional<Estimate>* estimate) {
  if (from == nullptr) return true;
  *estimate = Estimate{from->value(), from->low(), from->high()};
  const auto& [value, low, high] = **estimate;
  return IsFraction(low) && IsFraction(value) && IsFraction(high) && low <= value && value <= high;
}

Status LoadPreprocess(const format::Preprocess& from, Memory& memory, ModelData* out) {
  const TensorInfo& input = out->tensors[static_cast<size_t>(out->inputs[0])].info;
  Preprocess& recipe = out->preprocess;
  CUTIS_TRY(CopyText(from.decoder(), kMaxName, "the decoder's name", memory, &recipe.decoder));
  if (recipe.decoder[0] == '\0') return Status::Error(Code::kBadInput, "preprocessing names no decoder");
  if (out->inputs.size() != 1 || input.images != 1) {
    return Status::Error(Code::kBadInput, "preprocessing: the network takes more than one image");
  }
  if (input.shape.channels != 3) {
    return Status::Error(Code::kBadInput, "preprocessing makes RGB images, the network takes %d channels",
                         input.shape.channels);
  }
  const auto& steps = *from.steps();
  const auto& types = *from.steps_type();
  if (steps.size() != types.size() || steps.size() < 1 || steps.size() > kMaxSteps) {
    return Status::Error(Code::kBadInput, "preprocessing has no steps, or more than %u", kMaxSteps);
  }
  std::span<PreprocessStep> copy;
  CUTIS_TRY(memory.Array(steps.size(), &copy));
  for (uint32_t i = 0; i < steps.size(); ++i) {
    CUTIS_TRY(LoadStep(types.GetEnum<format::Step>(i), steps.Get(i), i, &copy[i]));
  }
  CUTIS_TRY(CheckLastSize(copy, input.shape));
  recipe.steps = copy;

  std::span<float> mean, std;
  if (from.mean()->size() != 3 || from.std()->size() != 3) {
    return Status::Error(Code::kBadInput, "preprocessing must state a mean and a deviation for each of 3 channels");
  }
  CUTIS_TRY(memory.Array(3, &mean));
  CUTIS_TRY(memory.Array(3, &std));
  for (uint32_t i = 0; i < 3; ++i) {
    mean[i] = from.mean()->Get(i);
    std[i] = from.std()->Get(i);
    if (!std::isfinite(mean[i]) || !std::isfinite(std[i]) || !(std[i] > 0)) {
      return Status::Error(Code::kBadInput, "preprocessing: the mean or deviation of channel %u is no proper number", i);
    }
  }
  recipe.mean = mean;
  recipe.std = std;
  out->has_preprocess = true;
  return {};
}

Status LoadVerdict(const format::Verdict& from, Memory& memory, ModelData* out) {
  const Shape& scores = out->tensors[static_cast<size_t>(out->outputs[0])].info.shape;
  const auto& labels = *from.labels();
  if (scores.height != 1 || scores.width != 1 || labels.size() != static_cast<uint32_t>(scores.channels)) {
    return Status::Error(Code::kBadInput, "verdict: %u labels for an output of %d x %d x %d", labels.size(), scores.height,
                         scores.width, scores.channels);
  }
  VerdictRecipe& verdict = out->verdict;
  std::span<const char*> names;
  CUTIS_TRY(memory.Array(labels.size(), &names));
  for (uint32_t i = 0; i < labels.size(); ++i) {
    CUTIS_TRY(CopyText(labels.Get(i), kMaxName, "a label", memory, &names[i]));
    if (names[i][0] == '\0') return Status::Error(Code::kBadInput, "verdict: label %u is empty", i);
  }
  // The comparison is quadratic; networks with more labels than that are not for verdicts.
  if (labels.size() > 4096 || !AllUnique(names))
    return Status::Error(Code::kBadInput, "verdict: two labels are equal, or there are more than 4096");
  verdict.labels = names;
  if (from.positive() >= labels.size()) return Status::Error(Code::kBadInput, "verdict: the positive label does not exist");
  verdict.positive = static_cast<int32_t>(from.positive());
  if (from.scores() > format::Scores::MAX) return Status::Error(Code::kBadInput, "verdict: unknown kind of scores");
  static_assert(static_cast<int>(format::Scores::MAX) == static_cast<int>(Scores::kSigmoid), "the two lists agree");
  verdict.scores = static_cast<Scores>(from.scores());
  verdict.temperature = from.temperature();
  if (!std::isfinite(verdict.temperature) || !(verdict.temperature > 0)) {
    return Status::Error(Code::kBadInput, "verdict: the temperature is not a finite positive number");
  }
  if (from.output_hash() != nullptr) {
    std::span<uint8_t> hash;
    if (from.output_hash()->size() != 32) return Status::Error(Code::kBadInput, "verdict: the output hash has not 32 bytes");
    CUTIS_TRY(memory.Array(32, &hash));
    std::copy_n(from.output_hash()->data(), 32, hash.data());
    verdict.output_hash = hash;
  }
  if (from.calibration() != nullptr) {
    CUTIS_TRY(LoadCalibration(*from.calibration(), verdict, memory, &verdict.calibration.emplace()));
  }
  if (from.limits() != nullptr) CUTIS_TRY(LoadLimits(*from.limits(), memory, out));

  CUTIS_TRY(LoadOperatingPoints(from.operating_points(), memory, &verdict.operating_points));
  const size_t count = verdict.operating_points.size();
  if (from.default_operating_point() >= (count > 0 ? count : 1)) {
    return Status::Error(Code::kBadInput, "verdict: the default operating point does not exist");
  }
  verdict.default_operating_point = static_cast<int32_t>(from.default_operating_point());
  if (from.views() != nullptr) CUTIS_TRY(LoadViews(*from.views(), memory, &verdict));
  out->has_verdict = true;
  return {};
}

Status LoadSelfTest(const format::SelfTest& from, ModelData* out) {
  SelfTestHashes& test = out->self_test;
  const auto copy = [](const flatbuffers::Vector<uint8_t>& hash, uint8_t(&to)[32]) {
    if (hash.size() != 32) return false;
    std::copy_n(hash.data(), 32, to);
    return true;
  };
  bool whole = copy(*from.outputs(), test.outputs) && copy(*from.first_outputs(), test.first_outputs);
  test.has_pictures = from.pictures() != nullptr;
  if (test.has_pictures) {
    if (!out->has_preprocess || !out->has_verdict || from.pictures()->size() != kSelfTestPictures) {
      return Status::Error(Code::kBadInput, "self-test: pictures of a model that judges none, or not %zu of them",
                           kSelfTestPictures);
    }
    for (uint32_t i = 0; i < kSelfTestPictures; ++i) {
      const format::PictureTest& picture = *from.pictures()->Get(i);
      whole = whole && copy(*picture.pixels(), test.pictures[i].pixels) && copy(*picture.input(), test.pictures[i].input) &&
              copy(*picture.verdict(), test.pictures[i].verdict);
    }
  }
  if (!whole) return Status::Error(Code::kBadInput, "self-test: a hash has not 32 bytes");
  out->has_self_test = true;
  return {};
}

Status LoadDevice(const format::Device& from, Memory& memory, ModelData* out) {
  DeviceLimits& device = out->device;
  CUTIS_TRY(CopyText(from.name(), kMaxName, "the device's name", memory, &device.name));
  CUTIS_TRY(CopyText(from.isa(), kMaxName, "the device's instruction set", memory, &device.isa));
  if (device.name[0] == '\0') return Status::Error(Code::kBadInput, "the device has no name");
  if (from.threads() < 1 || from.threads() > kMaxDeviceThreads) {
    return Status::Error(Code::kBadInput, "the device's number of threads is not in 1 .. %u", kMaxDeviceThreads);
  }
  device.threads = static_cast<int32_t>(from.threads());
  device.image_bytes = from.image_bytes();
  device.image_file_bytes = from.image_file_bytes();
  out->has_device = true;
  out->preprocess.device = &device;
  return {};
}

Status LoadProvenance(const format::Provenance& from, Memory& memory, ModelData* out) {
  Provenance& provenance = out->provenance;
  CUTIS_TRY(CopyText(from.name(), kMaxName, "the model's name", memory, &provenance.name));
  CUTIS_TRY(CopyText(from.converter(), kMaxName, "the converter's name", memory, &provenance.converter));
  CUTIS_TRY(CopyText(from.source(), kMaxName, "the source's name", memory, &provenance.source));
  CUTIS_TRY(CopyText(from.source_sha256(), kMaxName, "the source's hash", memory, &provenance.source_sha256));
  CUTIS_TRY(CopyText(from.licence(), kMaxText, "the licence", memory, &provenance.licence));
  return CopyText(from.card(), kMaxText, "the card", memory, &provenance.card);
}

}  // namespace cutis
