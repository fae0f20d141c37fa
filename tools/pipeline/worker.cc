#include "tools/pipeline/worker.h"

#include <chrono>

#include "tools/pipeline/read_file.h"

namespace cutis::pipeline {
namespace {

constexpr size_t kEncodedBytes = size_t{64} << 20;  // the most that the runtime decodes

using Clock = std::chrono::steady_clock;
double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

cutis_status Worker::Create(char* error, size_t error_size) {
  const size_t most = static_cast<size_t>(shared_.options.batch);
  items_.resize(most);
  for (Item& item : items_) {
    item.findings.outputs.reserve(size_t{shared_.shape.labels} * static_cast<size_t>(shared_.options.views));
    item.findings.features.resize(shared_.shape.features);
  }
  batch.reserve(most);
  run_.reserve(most);
  if (several()) view_.resize(shared_.shape.pixel_bytes);
  node_ns_.resize(shared_.nodes);
  node_ms_.resize(shared_.nodes);
  return cutis_session_create(shared_.model, &shared_.session, &session_, error, error_size);
}

// False, always.
bool Worker::Fail(Item& item, cutis_status status) {
  item.slot->outcome.status = status;
  item.slot->error = error_;
  item.pending = false;
  return false;
}

cutis_judge_options Worker::JudgeOptions() const {
  cutis_judge_options options = CUTIS_JUDGE_OPTIONS_INIT;
  options.operating_point = shared_.options.operating_point;
  options.of_views = several();
  options.without_limits = shared_.options.without_limits;
  return options;
}

// The file's bytes, and what the cache knows of them. False: no image to run, whatever the reason.
bool Worker::Prepare(Item& item) {
  Slot& slot = *item.slot;
  item.findings.outputs.clear();
  item.findings.pixels.clear();
  item.ran = item.pending = false;
  slot.outcome.result = CUTIS_RESULT_INIT;
  slot.outcome.encoded_bytes = slot.size;
  if (slot.bytes == nullptr) {
    const auto start = Clock::now();
    const cutis_status status = ReadFile(slot.path.c_str(), kEncodedBytes, &file_, &slot.error);
    if (status != CUTIS_OK) {
      slot.outcome.status = status;
      return false;
    }
    slot.outcome.read_ms = MillisecondsSince(start);
    slot.bytes = file_.data();
    slot.size = slot.outcome.encoded_bytes = file_.size();
  }
  if (shared_.options.cache != nullptr) item.key = KeyOf(shared_.model_hash, slot.bytes, slot.size, slot.is_pixels);
  return true;
}

// What the cache knows; true where that is enough.
bool Worker::Look(Item& item) {
  if (shared_.options.cache == nullptr || !shared_.options.cache->Load(item.key, shared_.shape, &item.findings)) {
    item.findings.outputs.clear();
    return false;
  }
  return Settle(item);
}

// Whether the first `views` of its views are enough; false with an error in the slot where that cannot be said.
bool Worker::Suffices(const Item& item, size_t views, bool* suffices) {
  *suffices = !several();
  if (*suffices) return true;
  const cutis_judge_options options = JudgeOptions();
  cutis_findings findings = CUTIS_FINDINGS_INIT;
  findings.outputs = item.findings.outputs.data();
  findings.output_count = views * shared_.shape.labels;
  findings.views = static_cast<int32_t>(views);
  int answer = 0;
  const cutis_status status = cutis_model_views_suffice(shared_.model, &findings, &options, &answer, error_, sizeof error_);
  *suffices = answer != 0;
  if (status == CUTIS_OK) return true;
  item.slot->outcome.status = status;
  item.slot->error = error_;
  return false;
}

// True where the views that are there are enough, or nothing more can be done; then outcome.views says how many of them count:
// the fewest that are enough, however many another run has left in the cache.
bool Worker::Settle(Item& item) {
  const size_t known = item.views(shared_);
  for (size_t views = 1; views <= known; ++views) {
    bool suffices = false;
    if (!Suffices(item, views, &suffices)) {
      item.pending = false;
      return true;
    }
    if (!suffices) continue;
    item.slot->outcome.views = static_cast<int32_t>(views);
    item.pending = false;
    return true;
  }
  item.pending = true;
  return false;
}

// Into the session's place: pixels as they are, else decoded and preprocessed.
bool Worker::SetImage(Item& item, int32_t place) {
  Slot& slot = *item.slot;
  cutis_image_times times = {sizeof times, 0.0, 0.0};
  const cutis_status status =
      slot.is_pixels
          ? cutis_session_set_pixels(session_, place, static_cast<const uint8_t*>(slot.bytes), slot.size, error_, sizeof error_)
          : cutis_session_set_image(session_, place, slot.bytes, slot.size, &times, error_, sizeof error_);
  if (status != CUTIS_OK) return Fail(item, status);
  slot.outcome.result.decode_ms = times.decode_ms;
  slot.outcome.result.preprocess_ms = times.preprocess_ms;
  if (!keeps_pixels()) return true;
  std::vector<uint8_t>& pixels = item.findings.pixels;
  pixels.resize(shared_.shape.pixel_bytes);
  const cutis_status kept = cutis_session_get_input_u8(session_, place, pixels.data(), pixels.size(), error_, sizeof error_);
  return kept == CUTIS_OK || Fail(item, kept);
}

// The outputs of the run, and of its first view the features.
void Worker::Keep(Item& item, int32_t place) {
  std::vector<float>& outputs = item.findings.outputs;
  const size_t known = outputs.size();
  outputs.resize(known + shared_.shape.labels);
  cutis_status status =
      cutis_session_get_output_f32(session_, 0, place, outputs.data() + known, shared_.shape.labels, error_, sizeof error_);
  if (status == CUTIS_OK && known == 0 && shared_.shape.features > 0) {
    status = cutis_session_get_features(session_, place, item.findings.features.data(), shared_.shape.features, error_,
                                        sizeof error_);
  }
  item.ran = true;
  if (status != CUTIS_OK) {
    Fail(item, status);
  } else {
    Settle(item);
  }
}

// Runs what the session holds.
void Worker::Run() {
  if (run_.empty()) return;
  const int32_t count = static_cast<int32_t>(run_.size());
  const auto start = Clock::now();
  const cutis_status status = cutis_session_run(session_, count, error_, sizeof error_);
  const double each = MillisecondsSince(start) / count;
  for (int32_t place = 0; place < count; ++place) {
    Item& item = *run_[static_cast<size_t>(place)];
    item.slot->outcome.result.inference_ms += each;
    if (status == CUTIS_OK) {
      Keep(item, place);
    } else {
      Fail(item, status);
    }
  }
  if (status != CUTIS_OK || node_ns_.empty()) return;
  if (cutis_session_get_node_times(session_, node_ns_.data(), node_ns_.size(), nullptr, 0) != CUTIS_OK) return;
  for (size_t i = 0; i < node_ns_.size(); ++i) node_ms_[i] += 1e-6 * static_cast<double>(node_ns_[i]);
}

// Puts the next view of an image into the session's place.
bool Worker::SetView(Item& item, int32_t place) {
  const int32_t view = static_cast<int32_t>(item.views(shared_));
  cutis_status status = cutis_make_view(item.findings.pixels.data(), shared_.side, view, view_.data(), error_, sizeof error_);
  if (status == CUTIS_OK)
    status = cutis_session_set_input_u8(session_, place, view_.data(), view_.size(), error_, sizeof error_);
  return status == CUTIS_OK || Fail(item, status);
}

// Of the images of the batch that need more, until none does: one view each in a run.
void Worker::RunNextViews() {
  for (;;) {
    run_.clear();
    for (size_t i = 0; i < batch.size(); ++i) {
      if (items_[i].pending && SetView(items_[i], static_cast<int32_t>(run_.size()))) run_.push_back(&items_[i]);
    }
    if (run_.empty()) return;
    Run();
  }
}

// Reads, decodes and runs what the cache does not know. An image of which it knows too few views comes back with its pixels.
void Worker::RunFirstViews() {
  run_.clear();
  for (size_t i = 0; i < batch.size(); ++i) {
    Item& item = items_[i];
    item.slot = batch[i];
    if (!Prepare(item) || Look(item)) continue;
    if (item.views(shared_) > 0 && shared_.options.cache->LoadPixels(item.key, shared_.shape, &item.findings.pixels)) continue;
    item.findings.outputs.clear();
    item.pending = false;  // until its first view has been run
    if (SetImage(item, static_cast<int32_t>(run_.size()))) run_.push_back(&item);
  }
  Run();
}

void Worker::GiveVerdict(Item& item) {
  Slot& slot = *item.slot;
  cutis_pipeline_outcome& outcome = slot.outcome;
  if (outcome.status != CUTIS_OK) return;
  cutis_findings findings = CUTIS_FINDINGS_INIT;
  findings.outputs = item.findings.outputs.data();
  findings.views = outcome.views;
  findings.output_count = static_cast<size_t>(outcome.views) * shared_.shape.labels;
  findings.features = shared_.shape.features > 0 ? item.findings.features.data() : nullptr;
  findings.feature_count = shared_.shape.features;
  const cutis_judge_options options = JudgeOptions();
  cutis_result result = CUTIS_RESULT_INIT;
  result.probabilities = slot.probabilities.data();
  result.probability_count = slot.probabilities.size();
  outcome.status = cutis_model_judge(shared_.model, &findings, &options, &result, error_, sizeof error_);
  slot.error = outcome.status == CUTIS_OK ? "" : error_;
  result.decode_ms = outcome.result.decode_ms;
  result.preprocess_ms = outcome.result.preprocess_ms;
  result.inference_ms = outcome.result.inference_ms;
  outcome.result = result;
  outcome.cached = item.ran ? 0 : 1;
}

void Worker::Judge() {
  RunFirstViews();
  if (several()) RunNextViews();
  for (size_t i = 0; i < batch.size(); ++i) {
    Item& item = items_[i];
    GiveVerdict(item);
    if (shared_.options.cache != nullptr && item.ran && item.slot->outcome.status == CUTIS_OK) {
      shared_.options.cache->Store(item.key, shared_.shape, item.findings);
    }
  }
}

}  // namespace cutis::pipeline
