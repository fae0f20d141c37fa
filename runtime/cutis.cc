// The C interface over Model, Session and the image path.
#include "runtime/cutis.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "ops/hash/sha256.h"
#include "runtime/c_abi.h"
#include "runtime/classify.h"
#include "runtime/file.h"
#include "runtime/fpenv.h"
#include "runtime/image_limits.h"
#include "runtime/memory.h"
#include "runtime/model.h"
#include "runtime/self_test.h"
#include "runtime/session.h"
#include "runtime/verdict.h"
#include "runtime/views.h"

// The handles are the objects themselves under other names.
namespace {

using cutis::Code;
using cutis::Model;
using cutis::NullArgument;
using cutis::ReadStruct;
using cutis::Report;
using cutis::Result;
using cutis::Session;
using cutis::Status;
using cutis::WriteStruct;
using cutis::WriteTensorInfo;

const Model* ToModel(const cutis_model* model) { return reinterpret_cast<const Model*>(model); }
Session* ToSession(cutis_session* session) { return reinterpret_cast<Session*>(session); }
const Session* ToSession(const cutis_session* session) { return reinterpret_cast<const Session*>(session); }

Status ReadOpenOptions(const cutis_open_options* from, cutis::OpenOptions* to) {
  cutis_open_options options = CUTIS_OPEN_OPTIONS_INIT;
  CUTIS_TRY(ReadStruct(from, &options));
  to->copy = options.copy != 0;
  to->tune_file = options.tune_file;
  if (options.threads < 0 || options.threads > 1024) return Status::Error(Code::kUsage, "threads must be 0 .. 1024");
  to->threads = options.threads > 0 ? options.threads : 1;
  if (options.isa != nullptr) {
    CUTIS_ASSIGN(to->cpu, cutis::MaskCpu(cutis::DetectCpu(), options.isa));
  }
  return {};
}

Status ReadSessionOptions(const cutis_session_options* from, cutis::SessionOptions* to) {
  cutis_session_options given = CUTIS_SESSION_OPTIONS_INIT;
  CUTIS_TRY(ReadStruct(from, &given));
  to->batch = given.batch;
  to->threads = given.threads;
  to->arena = given.arena;
  to->arena_bytes = given.arena_bytes;
  to->pixel_features = given.pixel_features != 0;
  to->profile = given.profile != 0;
  to->explain = given.explain != 0;
  return {};
}

cutis_status GiveModel(Result<std::unique_ptr<Model>> result, cutis_model** model, char* error, size_t error_size) {
  if (!result.ok()) return Report(result.status(), error, error_size);
  *model = reinterpret_cast<cutis_model*>(result.value().release());
  return CUTIS_OK;
}

// What `result` says of the caller's memory, `judge(probabilities)` into memory of our own, and what came of it into `result`.
template <class Function>
Status GiveResult(const Model& model, cutis_result* result, Function judge) {
  if (result->struct_size < offsetof(cutis_result, verdict)) {
    return Status::Error(Code::kUsage, "struct_size of the result is not set");
  }
  cutis_result full = CUTIS_RESULT_INIT;
  full.probabilities = result->probabilities;
  full.probability_count = result->probability_count;
  const cutis::VerdictRecipe* verdict = model.verdict();
  const size_t labels = verdict != nullptr ? verdict->labels.size() : 0;
  if (full.probabilities != nullptr && full.probability_count < labels) {
    return Status::Error(Code::kUsage, "room for %zu probabilities, the model has %zu labels", full.probability_count, labels);
  }
  const std::unique_ptr<float[], cutis::MallocDeleter> probabilities(
      static_cast<float*>(std::malloc((labels + 1) * sizeof(float))));
  if (probabilities == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no room for %zu probabilities", labels);
  CUTIS_ASSIGN(const cutis::Judgement judgement, judge(std::span<float>(probabilities.get(), labels), &full));
  if (full.probabilities != nullptr) std::memcpy(full.probabilities, probabilities.get(), labels * sizeof(float));
  full.verdict = static_cast<cutis_verdict>(judgement.verdict);
  full.p_bcc = judgement.p_bcc;
  full.operating_point = judgement.operating_point != nullptr ? judgement.operating_point->name : nullptr;
  full.reasons = judgement.reasons;
  if (full.bcc_share == 0.0f && verdict->calibration) full.bcc_share = verdict->calibration->bcc_share;
  WriteStruct(full, result);
  return {};
}

// Outputs, features and options of a caller, checked against the model.
struct Findings {
  const cutis::VerdictRecipe* recipe = nullptr;
  std::span<const float> outputs, features;
  int32_t views = 1;
  cutis_judge_options options = CUTIS_JUDGE_OPTIONS_INIT;
};

Status ReadFindings(const Model& model, const cutis_findings* from, const cutis_judge_options* options, Findings* to) {
  cutis_findings given = CUTIS_FINDINGS_INIT;
  CUTIS_TRY(ReadStruct(from, &given));
  CUTIS_TRY(ReadStruct(options, &to->options));
  to->recipe = model.verdict();
  if (to->recipe == nullptr) return Status::Error(Code::kUsage, "this model says nothing about verdicts: it gives tensors");
  if (given.outputs == nullptr) return NullArgument("outputs");
  to->outputs = {given.outputs, given.output_count};
  to->views = given.views;
  if (given.features != nullptr) to->features = {given.features, given.feature_count};
  return {};
}

Result<cutis::Judgement> JudgeFindings(const Findings& findings, std::span<float> probabilities) {
  const cutis::VerdictRecipe& recipe = *findings.recipe;
  const std::unique_ptr<float[], cutis::MallocDeleter> mean(
      static_cast<float*>(std::malloc(probabilities.size() * sizeof(float))));
  if (mean == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no room for %zu outputs", probabilities.size());
  const std::span<float> outputs(mean.get(), probabilities.size());
  const cutis::FloatEnvironment environment;
  CUTIS_TRY(cutis::MeanOfViews(findings.outputs, findings.views, outputs));
  const bool of_views = findings.options.of_views != 0;
  if (findings.views > 1 && !of_views)
    return Status::Error(Code::kUsage, "%d views, judged as if they were one", findings.views);
  CUTIS_ASSIGN(cutis::Judgement judgement,
               cutis::Judge(recipe, outputs, findings.options.operating_point, probabilities, of_views));
  if (!recipe.limits || findings.options.without_limits) return judgement;
  if (findings.features.size() != recipe.limits->features) {
    return Status::Error(Code::kUsage, "%zu features where the model's limits look at %zu", findings.features.size(),
                         recipe.limits->features);
  }
  Refuse(cutis::ExceededLimits(*recipe.limits, findings.features), &judgement);
  return judgement;
}

}  // namespace

cutis_status cutis_model_open(const char* path, const cutis_open_options* options, cutis_model** model, char* error,
                              size_t error_size) {
  if (path == nullptr || model == nullptr) return Report(NullArgument("path, or place for the model,"), error, error_size);
  cutis::OpenOptions open;
  if (Status status = ReadOpenOptions(options, &open); !status.ok()) return Report(status, error, error_size);
  return GiveModel(Model::Open(path, open), model, error, error_size);
}

cutis_status cutis_model_open_memory(const void* bytes, size_t size, const cutis_open_options* options, cutis_model** model,
                                     char* error, size_t error_size) {
  if (model == nullptr) return Report(NullArgument("place for the model"), error, error_size);
  cutis::OpenOptions open;
  if (Status status = ReadOpenOptions(options, &open); !status.ok()) return Report(status, error, error_size);
  return GiveModel(Model::OpenMemory(bytes, size, open), model, error, error_size);
}

void cutis_model_close(cutis_model* model) { delete reinterpret_cast<Model*>(model); }

cutis_status cutis_model_describe(const cutis_model* handle, cutis_model_info* info) {
  if (handle == nullptr || info == nullptr) return CUTIS_ERROR_USAGE;
  const Model& model = *ToModel(handle);
  const cutis::VerdictRecipe* verdict = model.verdict();
  const cutis::TensorInfo& input = model.tensors()[static_cast<size_t>(model.input())].info;
  cutis_model_info full = {};
  full.name = model.provenance().name;
  full.converter = model.provenance().converter;
  full.licence = model.provenance().licence;
  full.card = model.provenance().card;
  full.isa = NameOf(cutis::BestIsa(model.cpu()));
  std::memcpy(full.content_hash, model.sha256().data(), sizeof full.content_hash);
  full.format_version = model.format_version();
  full.input_height = input.shape.height;
  full.input_width = input.shape.width;
  full.input_channels = input.shape.channels;
  full.input_type = static_cast<cutis_type>(input.type);
  full.output_count = static_cast<int32_t>(model.outputs().size());
  if (verdict != nullptr) {
    full.label_count = static_cast<int32_t>(verdict->labels.size());
    full.positive_label = verdict->positive;
    full.operating_point_count = static_cast<int32_t>(verdict->operating_points.size());
    full.default_operating_point = verdict->default_operating_point;
    full.has_calibration = verdict->calibration ? 1 : 0;
    full.has_limits = verdict->limits ? 1 : 0;
    full.has_output_hash = verdict->output_hash.empty() ? 0 : 1;
    if (!verdict->output_hash.empty()) std::memcpy(full.output_hash, verdict->output_hash.data(), sizeof full.output_hash);
  }
  full.takes_images = model.preprocess() != nullptr && verdict != nullptr ? 1 : 0;
  full.file_bytes = model.file_bytes();
  full.file_volume = model.file_identity().volume;
  full.file_number = model.file_identity().number;
  full.file_changed = model.file_identity().changed;
  full.weight_bytes = model.weight_bytes();
  full.memory_bytes = model.memory_bytes();
  return WriteStruct(full, info) ? CUTIS_OK : CUTIS_ERROR_USAGE;
}

const char* cutis_model_label(const cutis_model* model, int32_t index) {
  const cutis::VerdictRecipe* verdict = model != nullptr ? ToModel(model)->verdict() : nullptr;
  if (verdict == nullptr || index < 0 || static_cast<size_t>(index) >= verdict->labels.size()) return nullptr;
  return verdict->labels[static_cast<size_t>(index)];
}

const char* cutis_model_operating_point(const cutis_model* model, int32_t index) {
  const cutis::VerdictRecipe* verdict = model != nullptr ? ToModel(model)->verdict() : nullptr;
  if (verdict == nullptr || index < 0 || static_cast<size_t>(index) >= verdict->operating_points.size()) return nullptr;
  return verdict->operating_points[static_cast<size_t>(index)].name;
}

cutis_status cutis_model_describe_operating_point(const cutis_model* model, int32_t index, cutis_operating_point_info* info) {
  if (info == nullptr || cutis_model_operating_point(model, index) == nullptr) return CUTIS_ERROR_USAGE;
  const cutis::OperatingPoint& point = ToModel(model)->verdict()->operating_points[static_cast<size_t>(index)];
  cutis_operating_point_info full = {};
  full.name = point.name;
  full.note = point.note;
  full.threshold = point.threshold;
  full.refer_low = point.refer_low;
  full.refer_high = point.refer_high;
  full.calibrated = point.calibrated ? 1 : 0;
  full.has_sensitivity = point.sensitivity ? 1 : 0;
  full.has_specificity = point.specificity ? 1 : 0;
  if (point.sensitivity) full.sensitivity = {point.sensitivity->value, point.sensitivity->low, point.sensitivity->high};
  if (point.specificity) full.specificity = {point.specificity->value, point.specificity->low, point.specificity->high};
  return WriteStruct(full, info) ? CUTIS_OK : CUTIS_ERROR_USAGE;
}

cutis_status cutis_model_calibration(const cutis_model* model, cutis_calibration* calibration) {
  const cutis::VerdictRecipe* verdict = model != nullptr ? ToModel(model)->verdict() : nullptr;
  if (verdict == nullptr || !verdict->calibration || calibration == nullptr) return CUTIS_ERROR_USAGE;
  const cutis::PlattScaling& from = *verdict->calibration;
  const cutis_calibration full = {sizeof full, from.slope, from.intercept, from.bcc_share, from.images, from.note};
  return WriteStruct(full, calibration) ? CUTIS_OK : CUTIS_ERROR_USAGE;
}

cutis_status cutis_model_limits(const cutis_model* model, cutis_limits* limits) {
  const cutis::VerdictRecipe* verdict = model != nullptr ? ToModel(model)->verdict() : nullptr;
  if (verdict == nullptr || !verdict->limits || limits == nullptr) return CUTIS_ERROR_USAGE;
  const cutis::Limits& from = *verdict->limits;
  cutis_limits full = {};
  full.rules = static_cast<int32_t>(from.rules.size());
  full.features = static_cast<int32_t>(from.features);
  full.embedding = from.embedding;
  full.images = from.images;
  full.has_refused = from.refused ? 1 : 0;
  if (from.refused) full.refused = {from.refused->value, from.refused->low, from.refused->high};
  full.note = from.note;
  return WriteStruct(full, limits) ? CUTIS_OK : CUTIS_ERROR_USAGE;
}

cutis_status cutis_model_views(const cutis_model* model, cutis_views* views) {
  const cutis::VerdictRecipe* verdict = model != nullptr ? ToModel(model)->verdict() : nullptr;
  if (verdict == nullptr || !verdict->views || views == nullptr) return CUTIS_ERROR_USAGE;
  const cutis::PlattScaling& of = verdict->views->calibration;
  cutis_views full = {};
  full.stops = static_cast<int32_t>(verdict->views->stops.size());
  full.images = verdict->views->images;
  full.mean_views = verdict->views->mean_views;
  full.note = verdict->views->note;
  full.calibration = {sizeof full.calibration, of.slope, of.intercept, of.bcc_share, of.images, of.note};
  return WriteStruct(full, views) ? CUTIS_OK : CUTIS_ERROR_USAGE;
}

cutis_status cutis_model_input(const cutis_model* model, cutis_tensor_info* info) {
  if (model == nullptr || info == nullptr) return CUTIS_ERROR_USAGE;
  return WriteTensorInfo(ToModel(model)->tensors()[static_cast<size_t>(ToModel(model)->input())], info);
}

cutis_status cutis_model_output(const cutis_model* model, int32_t index, cutis_tensor_info* info) {
  if (model == nullptr || info == nullptr) return CUTIS_ERROR_USAGE;
  const std::span<const int32_t> outputs = ToModel(model)->outputs();
  if (index < 0 || static_cast<size_t>(index) >= outputs.size()) return CUTIS_ERROR_USAGE;
  return WriteTensorInfo(ToModel(model)->tensors()[static_cast<size_t>(outputs[static_cast<size_t>(index)])], info);
}

cutis_status cutis_model_node(const cutis_model* model, int32_t index, cutis_node_info* info) {
  if (model == nullptr || info == nullptr || index < 0 || static_cast<size_t>(index) >= ToModel(model)->nodes().size()) {
    return CUTIS_ERROR_USAGE;
  }
  const cutis::ModelNode& node = ToModel(model)->nodes()[static_cast<size_t>(index)];
  cutis_node_info full = {};
  full.name = node.name;
  full.op = node.op->name;
  full.kernel = node.kernel->name;
  full.last = node.block < 0 ? index : ToModel(model)->blocks()[static_cast<size_t>(node.block)].last;
  return WriteStruct(full, info) ? CUTIS_OK : CUTIS_ERROR_USAGE;
}

uint64_t cutis_model_arena_bytes(const cutis_model* model, int32_t batch, int32_t threads) {
  return model == nullptr || batch < 1 || threads < 1 ? 0 : ToModel(model)->ArenaBytes(batch, threads);
}

uint64_t cutis_model_arena_lower_bound(const cutis_model* model, int32_t batch, int32_t threads) {
  return model == nullptr || batch < 1 || threads < 1 ? 0 : ToModel(model)->ArenaLowerBound(batch, threads);
}

cutis_status cutis_session_create(const cutis_model* model, const cutis_session_options* options, cutis_session** session,
                                  char* error, size_t error_size) {
  if (model == nullptr || session == nullptr)
    return Report(NullArgument("model, or place for the session,"), error, error_size);
  cutis::SessionOptions create;
  if (Status status = ReadSessionOptions(options, &create); !status.ok()) return Report(status, error, error_size);
  Result<std::unique_ptr<Session>> result = Session::Create(*ToModel(model), create);
  if (!result.ok()) return Report(result.status(), error, error_size);
  *session = reinterpret_cast<cutis_session*>(result.value().release());
  return CUTIS_OK;
}

void cutis_session_destroy(cutis_session* session) { delete ToSession(session); }

cutis_status cutis_session_set_input_u8(cutis_session* session, int32_t image, const uint8_t* pixels, size_t bytes, char* error,
                                        size_t error_size) {
  if (session == nullptr) return Report(NullArgument("session"), error, error_size);
  return Report(ToSession(session)->SetInputU8(image, pixels, bytes), error, error_size);
}

cutis_status cutis_session_set_input_f32(cutis_session* session, int32_t image, const float* values, size_t count, char* error,
                                         size_t error_size) {
  if (session == nullptr) return Report(NullArgument("session"), error, error_size);
  return Report(ToSession(session)->SetInputF32(image, values, count), error, error_size);
}

cutis_status cutis_session_run(cutis_session* session, int32_t images, char* error, size_t error_size) {
  if (session == nullptr) return Report(NullArgument("session"), error, error_size);
  return Report(ToSession(session)->Run(images), error, error_size);
}

cutis_status cutis_session_get_output_f32(const cutis_session* session, int32_t index, int32_t image, float* values,
                                          size_t count, char* error, size_t error_size) {
  if (session == nullptr) return Report(NullArgument("session"), error, error_size);
  return Report(ToSession(session)->GetOutputF32(index, image, values, count), error, error_size);
}

cutis_status cutis_session_get_pixel_features(const cutis_session* session, int32_t image, float* values, size_t count,
                                              char* error, size_t error_size) {
  if (session == nullptr || values == nullptr)
    return Report(NullArgument("session, or place for the features,"), error, error_size);
  if (count != cutis::kPixelFeatures)
    return Report(Status::Error(Code::kUsage, "room for %zu features, there are %zu", count, cutis::kPixelFeatures), error,
                  error_size);
  return Report(ToSession(session)->GetPixelFeatures(image, std::span<float, cutis::kPixelFeatures>(values, count)), error,
                error_size);
}

cutis_status cutis_session_get_node_times(const cutis_session* session, uint64_t* nanoseconds, size_t count, char* error,
                                          size_t error_size) {
  if (session == nullptr || nanoseconds == nullptr)
    return Report(NullArgument("session, or place for the times,"), error, error_size);
  const std::span<const uint64_t> times = ToSession(session)->node_nanoseconds();
  if (times.empty() || count != times.size()) {
    return Report(
        Status::Error(Code::kUsage, "room for the times of %zu nodes, the session keeps those of %zu", count, times.size()),
        error, error_size);
  }
  std::copy(times.begin(), times.end(), nanoseconds);
  return CUTIS_OK;
}

const char* cutis_pixel_feature_name(int32_t index) {
  return index < 0 || static_cast<size_t>(index) >= cutis::kPixelFeatures ? nullptr
                                                                          : NameOf(static_cast<cutis::PixelFeature>(index));
}

const void* cutis_session_output(const cutis_session* session, int32_t index, int32_t image) {
  return session == nullptr ? nullptr : ToSession(session)->output(index, image);
}

cutis_status cutis_session_set_image(cutis_session* session, int32_t image, const void* encoded, size_t size,
                                     cutis_image_times* times, char* error, size_t error_size) {
  if (session == nullptr || encoded == nullptr) return Report(NullArgument("session or image"), error, error_size);
  const Result<cutis::ImageTimes> made =
      cutis::SetImage(*ToSession(session), image, {static_cast<const uint8_t*>(encoded), size});
  if (!made.ok()) return Report(made.status(), error, error_size);
  if (times == nullptr) return CUTIS_OK;
  const cutis_image_times full = {sizeof full, made.value().decode_ms, made.value().preprocess_ms};
  if (!WriteStruct(full, times)) {
    return Report(Status::Error(Code::kUsage, "struct_size of the times is not set"), error, error_size);
  }
  return CUTIS_OK;
}

cutis_status cutis_session_set_pixels(cutis_session* session, int32_t image, const uint8_t* pixels, size_t bytes, char* error,
                                      size_t error_size) {
  if (session == nullptr) return Report(NullArgument("session"), error, error_size);
  return Report(ToSession(session)->SetInputPixels(image, pixels, bytes), error, error_size);
}

cutis_status cutis_session_judge(const cutis_session* session, int32_t image, const char* operating_point, cutis_result* result,
                                 char* error, size_t error_size) {
  if (session == nullptr || result == nullptr) return Report(NullArgument("session or result"), error, error_size);
  const auto judge = [session, image, operating_point](std::span<float> probabilities, cutis_result*) {
    return cutis::JudgeImage(*ToSession(session), image, operating_point, probabilities);
  };
  return Report(GiveResult(ToSession(session)->model(), result, judge), error, error_size);
}

cutis_status cutis_session_classify(cutis_session* session, const void* encoded, size_t size, const char* operating_point,
                                    cutis_result* result, char* error, size_t error_size) {
  if (session == nullptr || encoded == nullptr || result == nullptr)
    return Report(NullArgument("session, image or result"), error, error_size);
  const auto judge = [session, encoded, size, operating_point](std::span<float> probabilities,
                                                               cutis_result* full) -> Result<cutis::Judgement> {
    CUTIS_ASSIGN(const cutis::Classification made,
                 cutis::ClassifyImage(*ToSession(session), {static_cast<const uint8_t*>(encoded), size}, operating_point,
                                      probabilities));
    full->decode_ms = made.image.decode_ms;
    full->preprocess_ms = made.image.preprocess_ms;
    full->inference_ms = made.inference_ms;
    return made.judgement;
  };
  return Report(GiveResult(ToSession(session)->model(), result, judge), error, error_size);
}

cutis_status cutis_session_get_input_u8(const cutis_session* session, int32_t image, uint8_t* pixels, size_t bytes, char* error,
                                        size_t error_size) {
  if (session == nullptr) return Report(NullArgument("session"), error, error_size);
  return Report(ToSession(session)->GetInputU8(image, pixels, bytes), error, error_size);
}

cutis_status cutis_make_view(const uint8_t* pixels, int32_t side, int32_t view, uint8_t* view_pixels, char* error,
                             size_t error_size) {
  if (pixels == nullptr || view_pixels == nullptr || view_pixels == pixels)
    return Report(NullArgument("pixels, or another place for the view,"), error, error_size);
  if (side < 1 || side > 16384 || view < 0 || view >= cutis::kViews) {
    return Report(
        Status::Error(Code::kUsage, "view %d of a square of %d pixels; there are 0 .. %d", view, side, cutis::kViews - 1),
        error, error_size);
  }
  cutis::MakeView(pixels, side, view, view_pixels);
  return CUTIS_OK;
}

cutis_status cutis_session_get_features(const cutis_session* session, int32_t image, float* values, size_t count, char* error,
                                        size_t error_size) {
  if (session == nullptr || values == nullptr)
    return Report(NullArgument("session, or place for the features,"), error, error_size);
  const cutis::VerdictRecipe* verdict = ToSession(session)->model().verdict();
  if (verdict == nullptr || !verdict->limits) {
    return Report(Status::Error(Code::kUsage, "the model has no limits that look at features"), error, error_size);
  }
  if (count != verdict->limits->features) {
    return Report(
        Status::Error(Code::kUsage, "room for %zu features, the limits look at %zu", count, verdict->limits->features), error,
        error_size);
  }
  return Report(GetFeatures(*ToSession(session), *verdict->limits, image, {values, count}), error, error_size);
}

cutis_status cutis_model_judge(const cutis_model* model, const cutis_findings* given, const cutis_judge_options* options,
                               cutis_result* result, char* error, size_t error_size) {
  if (model == nullptr || given == nullptr || result == nullptr)
    return Report(NullArgument("model, findings or result"), error, error_size);
  Findings findings;
  if (Status status = ReadFindings(*ToModel(model), given, options, &findings); !status.ok())
    return Report(status, error, error_size);
  const auto judge = [&findings](std::span<float> probabilities, cutis_result* full) {
    if (findings.options.of_views && findings.recipe->views) full->bcc_share = findings.recipe->views->calibration.bcc_share;
    return JudgeFindings(findings, probabilities);
  };
  return Report(GiveResult(*ToModel(model), result, judge), error, error_size);
}

cutis_status cutis_model_views_suffice(const cutis_model* model, const cutis_findings* given,
                                       const cutis_judge_options* options, int* suffice, char* error, size_t error_size) {
  if (model == nullptr || given == nullptr || suffice == nullptr)
    return Report(NullArgument("model, findings or place for the answer"), error, error_size);
  Findings findings;
  if (Status status = ReadFindings(*ToModel(model), given, options, &findings); !status.ok())
    return Report(status, error, error_size);
  const size_t labels = findings.recipe->labels.size();
  const std::unique_ptr<float[], cutis::MallocDeleter> mean(static_cast<float*>(std::malloc(labels * sizeof(float))));
  if (mean == nullptr)
    return Report(Status::Error(Code::kNoMemory, "out of memory: no room for %zu outputs", labels), error, error_size);
  const cutis::FloatEnvironment environment;
  const std::span<float> outputs(mean.get(), labels);
  if (Status status = cutis::MeanOfViews(findings.outputs, findings.views, outputs); !status.ok())
    return Report(status, error, error_size);
  if (findings.views == cutis::kViews) {
    *suffice = 1;
    return CUTIS_OK;
  }
  const Result<bool> found = ViewsSuffice(*findings.recipe, outputs, findings.views, findings.options.operating_point);
  if (!found.ok()) return Report(found.status(), error, error_size);
  *suffice = found.value() ? 1 : 0;
  return CUTIS_OK;
}

void cutis_sha256(const void* bytes, size_t size, uint8_t digest[32]) {
  cutis::Sha256::Hash(cutis::DetectCpu(), bytes, size, digest);
}

cutis_status cutis_model_explanation(const cutis_model* handle, cutis_explanation_info* info) {
  if (handle == nullptr || info == nullptr) return CUTIS_ERROR_USAGE;
  const Model& model = *ToModel(handle);
  const cutis::ModelExplanation* explanation = model.explanation();
  if (explanation == nullptr) return CUTIS_ERROR_UNSUPPORTED;
  const cutis::Shape& cells = model.tensors()[static_cast<size_t>(explanation->map)].info.shape;
  const cutis::Shape& logits = model.nodes()[static_cast<size_t>(explanation->dense)].node.output->shape;
  const cutis_explanation_info full = {sizeof full, cells.height, cells.width, logits.channels};
  return WriteStruct(full, info) ? CUTIS_OK : CUTIS_ERROR_USAGE;
}

uint64_t cutis_model_explanation_arena_bytes(const cutis_model* model, int32_t batch, int32_t threads) {
  return model == nullptr || batch < 1 || threads < 1 ? 0 : ToModel(model)->ExplanationArenaBytes(batch, threads);
}

cutis_status cutis_session_get_explanation(const cutis_session* session, int32_t image, int32_t label, float* map, size_t count,
                                           char* error, size_t error_size) {
  if (session == nullptr) return Report(NullArgument("session"), error, error_size);
  return Report(ToSession(session)->GetExplanation(image, label, {map, count}), error, error_size);
}

cutis_status cutis_model_self_test(const cutis_model* model, const cutis_session_options* options, int quick,
                                   cutis_self_test_result* result, char* error, size_t error_size) {
  if (model == nullptr || result == nullptr) return Report(NullArgument("model, or place for the result,"), error, error_size);
  const cutis::SelfTestHashes* expected = ToModel(model)->self_test();
  if (expected == nullptr) {
    return Report(Status::Error(Code::kUnsupported, "the model holds no self-test; convert it again"), error, error_size);
  }
  cutis::SessionOptions create;
  if (Status status = ReadSessionOptions(options, &create); !status.ok()) return Report(status, error, error_size);
  const Result<cutis::SelfTestHashes> found = RunSelfTest(*ToModel(model), create, quick != 0);
  if (!found.ok()) return Report(found.status(), error, error_size);
  cutis_self_test_result full = {};
  full.difference = FirstDifference(*expected, found.value(), quick != 0);
  full.passed = full.difference == nullptr ? 1 : 0;
  std::memcpy(full.output_hash, found.value().outputs, sizeof full.output_hash);
  std::memcpy(full.first_output_hash, found.value().first_outputs, sizeof full.first_output_hash);
  if (!WriteStruct(full, result))
    return Report(Status::Error(Code::kUsage, "struct_size of the result is not set"), error, error_size);
  return CUTIS_OK;
}
