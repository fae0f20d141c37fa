// The C interface over Model, Session and the image path.
#include "runtime/cutis.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "runtime/c_abi.h"
#include "runtime/classify.h"
#include "runtime/file.h"
#include "runtime/memory.h"
#include "runtime/model.h"
#include "runtime/self_test.h"
#include "runtime/session.h"
#include "runtime/verdict.h"

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
Status GiveResult(const Session* session, cutis_result* result, Function judge) {
  if (result->struct_size < offsetof(cutis_result, verdict)) {
    return Status::Error(Code::kUsage, "struct_size of the result is not set");
  }
  cutis_result full = CUTIS_RESULT_INIT;
  full.probabilities = result->probabilities;
  full.probability_count = result->probability_count;
  const cutis::VerdictRecipe* verdict = session->model().verdict();
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
  full.bcc_share = verdict->calibration ? verdict->calibration->bcc_share : 0.0f;
  WriteStruct(full, result);
  return {};
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

cutis_status cutis_session_judge(const cutis_session* session, int32_t image, const char* operating_point, cutis_result* result,
                                 char* error, size_t error_size) {
  if (session == nullptr || result == nullptr) return Report(NullArgument("session or result"), error, error_size);
  const auto judge = [session, image, operating_point](std::span<float> probabilities, cutis_result*) {
    return cutis::JudgeImage(*ToSession(session), image, operating_point, probabilities);
  };
  return Report(GiveResult(ToSession(session), result, judge), error, error_size);
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
  return Report(GiveResult(ToSession(session), result, judge), error, error_size);
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
