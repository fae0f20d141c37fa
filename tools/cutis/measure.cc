#include "tools/cutis/measure.h"

#include <algorithm>
#include <memory>

#include "runtime/content_hash.h"
#include "tools/pipeline/read_file.h"

namespace cutis::cli {
namespace {

// The value below which `share` of the sorted values lie, interpolated between neighbours.
double Percentile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const size_t low = static_cast<size_t>(at), high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - static_cast<double>(low));
}

// The inputs of one run, generated beforehand: setting them is not part of what is timed.
class Inputs {
 public:
  Inputs(const Shape& shape, int32_t batch)
      : bytes_(static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) * static_cast<size_t>(shape.channels)),
        kinds_(std::min(batch, kGoldenInputs)),
        pixels_(bytes_ * static_cast<size_t>(kinds_)) {
    for (int32_t i = 0; i < kinds_; ++i) GenerateInput(i, shape, pixels_.data() + static_cast<size_t>(i) * bytes_);
  }

  Status Set(Session& session, int32_t batch) const {
    for (int32_t i = 0; i < batch; ++i) {
      CUTIS_TRY(session.SetInputU8(i, pixels_.data() + static_cast<size_t>(i % kinds_) * bytes_, bytes_));
    }
    return Status();
  }

 private:
  size_t bytes_;
  int32_t kinds_;
  std::vector<uint8_t> pixels_;
};

SessionOptions OptionsOf(const BenchOptions& options) {
  SessionOptions session;
  session.batch = options.batch;
  session.threads = options.threads;
  return session;
}

// The times of all runs, and of each node in each of them.
Status TimeRuns(Session& session, const Inputs& inputs, const BenchOptions& options, Measurement& result,
                std::vector<std::vector<double>>& node_ms) {
  const int32_t warm_up = std::min(options.runs, 3);
  for (int32_t i = -warm_up; i < options.runs; ++i) {
    CUTIS_TRY(inputs.Set(session, options.batch));
    const Stopwatch run;
    CUTIS_TRY(session.Run(options.batch));
    const double ms = run.Milliseconds();
    if (i < 0) continue;
    const size_t at = static_cast<size_t>(i);
    result.run_ms[at] = ms;
    for (size_t n = 0; n < node_ms.size(); ++n) node_ms[n][at] = 1e-6 * static_cast<double>(session.node_nanoseconds()[n]);
  }
  return {};
}

}  // namespace

double Measurement::RunMs(double share) const { return Percentile(run_ms, share); }

Status MeasureRuns(const Model& model, const BenchOptions& options, Measurement& result) {
  const Inputs inputs(model.tensors()[static_cast<size_t>(model.input())].info.shape, options.batch);
  SessionOptions session_options = OptionsOf(options);
  session_options.profile = options.profile;
  const size_t runs = static_cast<size_t>(options.runs), nodes = options.profile ? model.nodes().size() : 0;
  std::vector<std::vector<double>> node_ms(nodes, std::vector<double>(runs));
  result.run_ms.resize(runs);
  result.stages.push_back({"file open, inputs made", Resident()});
  {
    const Stopwatch first;
    CUTIS_ASSIGN(const std::unique_ptr<Session> session, Session::Create(model, session_options));
    CUTIS_TRY(inputs.Set(*session, options.batch));
    CUTIS_TRY(session->Run(options.batch));
    result.first_ms = first.Milliseconds();
    result.stages.push_back({"first run done", Resident()});
    CUTIS_TRY(TimeRuns(*session, inputs, options, result, node_ms));
    result.stages.push_back({"all runs done", Resident()});
  }
  std::sort(result.run_ms.begin(), result.run_ms.end());
  for (std::vector<double>& times : node_ms) {
    std::sort(times.begin(), times.end());
    result.node_ms.push_back(Percentile(times, 0.5));
  }
  if (!options.profile) return {};
  CUTIS_ASSIGN(const Roofs roofs, MeasureRoofs(model.cpu(), model.file_bytes(), options.threads));
  result.profile = MakeProfile(model, options.batch, result.node_ms, roofs);
  return {};
}

Status MeasureHash(const Model& model, const BenchOptions& options, Measurement& result) {
  constexpr int kRuns = 3;
  std::vector<uint8_t> bytes;
  std::string error;
  const size_t limit = static_cast<size_t>(model.file_bytes());
  if (const cutis_status status = pipeline::ReadFile(options.model.path.c_str(), limit, &bytes, &error); status != CUTIS_OK) {
    return Status::Error(static_cast<Code>(status), "%s", error.c_str());
  }
  for (int run = 0; run < kRuns; ++run) {
    uint8_t digest[Sha256::kDigestBytes];
    const Stopwatch watch;
    CUTIS_TRY(HashContent(model.cpu(), options.threads, {}, bytes, digest));
    const double ms = watch.Milliseconds();
    result.hash_ms = run == 0 ? ms : std::min(result.hash_ms, ms);
  }
  return {};
}

Status TakeHashes(const Model& model, const BenchOptions& options, Measurement& result) {
  CUTIS_TRY(OutputHash(model, OptionsOf(options), result.output_hash));
  if (options.hash != "all") return {};
  result.tensor_hashes.resize(model.tensors().size());
  CUTIS_TRY(TensorHashes(model, OptionsOf(options), result.tensor_hashes));
  for (size_t i = result.tensor_hashes.size(); i-- > 0;) {
    if (!model.tensors()[i].inside) continue;  // else it never exists whole
    result.tensor_hashes.erase(result.tensor_hashes.begin() + static_cast<ptrdiff_t>(i));
  }
  return {};
}

}  // namespace cutis::cli
