// What one thread of a pipeline does with the images that it has taken: from their bytes to their verdicts.
#ifndef CUTIS_TOOLS_PIPELINE_WORKER_H_
#define CUTIS_TOOLS_PIPELINE_WORKER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/pipeline/cutis_pipeline.h"
#include "tools/pipeline/data_cache.h"

namespace cutis::pipeline {

// What all workers of a pipeline have in common.
struct Shared {
  const cutis_model* model = nullptr;
  uint8_t model_hash[32] = {};
  EntryShape shape;
  int32_t side = 0;  // of the square that views are made of
  size_t nodes = 0;  // with a profile; else 0
  cutis_pipeline_options options = CUTIS_PIPELINE_OPTIONS_INIT;
  cutis_session_options session = CUTIS_SESSION_OPTIONS_INIT;
};

// An image between source and sink.
struct Slot {
  bool ready = false;
  bool has_path = false;
  std::string path, error;
  const void* bytes = nullptr;
  size_t size = 0;
  bool is_pixels = false;
  std::vector<float> probabilities;
  cutis_pipeline_outcome outcome = {};
  double asked_ms = 0;  // when, since the run began
};

class Worker {
 public:
  explicit Worker(const Shared& shared) : shared_(shared) {}
  ~Worker() { cutis_session_destroy(session_); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  cutis_status Create(char* error, size_t error_size);

  std::vector<Slot*> batch;  // taken, in their order; at most options.batch
  // Gives each of them its outcome.
  void Judge();

  const std::vector<double>& node_ms() const { return node_ms_; }

 private:
  struct Item {
    Slot* slot = nullptr;
    CacheKey key = {};
    Findings findings;
    bool pending = false;  // some of its views have still to be run
    bool ran = false;
    size_t views(const Shared& shared) const { return findings.outputs.size() / shared.shape.labels; }
  };

  bool Prepare(Item& item);
  bool Look(Item& item);
  bool SetImage(Item& item, int32_t place);
  void RunFirstViews();
  void RunNextViews();
  bool SetView(Item& item, int32_t place);
  void Run();
  void Keep(Item& item, int32_t place);
  bool Suffices(const Item& item, size_t views, bool* suffices);
  bool Settle(Item& item);
  void GiveVerdict(Item& item);
  bool Fail(Item& item, cutis_status status);
  cutis_judge_options JudgeOptions() const;
  bool several() const { return shared_.options.views > 1; }
  bool keeps_pixels() const { return several() || shared_.options.cache != nullptr; }

  const Shared& shared_;
  cutis_session* session_ = nullptr;
  std::vector<uint8_t> file_, view_;
  std::vector<Item> items_;
  std::vector<Item*> run_;  // those of them that the session holds, by place
  std::vector<uint64_t> node_ns_;
  std::vector<double> node_ms_;
  char error_[512] = "";
};

}  // namespace cutis::pipeline

#endif  // CUTIS_TOOLS_PIPELINE_WORKER_H_
