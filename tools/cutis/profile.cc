#include "tools/cutis/profile.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "ops/stored.h"

namespace cutis::cli {
namespace {

// What crosses the border of a step: weights, biases, multipliers and tables as stored, constants, the inputs from outside and
// the output, each once. Activations are counted as they lie in the arena, padding included, since memory moves whole cache
// lines.
uint64_t BytesOfStep(const Model& model, const ProfileStep& step, int32_t batch) {
  uint64_t bytes = 0;
  std::vector<int32_t> seen;
  const auto add = [&](int32_t tensor) {
    const ModelTensor& t = model.tensors()[static_cast<size_t>(tensor)];
    if (t.inside || std::find(seen.begin(), seen.end(), tensor) != seen.end()) return;
    seen.push_back(tensor);
    bytes += EntryBytes(t.info) * (t.info.constant ? 1 : static_cast<uint64_t>(batch));
  };
  for (size_t n = step.first; n <= step.last; ++n) {
    const ModelNode& node = model.nodes()[n];
    // One that only renames elements runs nothing where its output lies on its input.
    if ((node.op->kind == OpKind::kMove || node.op->kind == OpKind::kReshape) && node.in_place >= 0) continue;
    const Stored stored = StoredBytes(node.node.options);
    bytes += stored.weights + stored.others;
    for (int32_t input : node.inputs) add(input);
    add(node.output);
  }
  return bytes;
}

void Add(const Cost& cost, Cost& total) {
  total.ms += cost.ms;
  total.macs += cost.macs;
  total.bytes += cost.bytes;
  total.compute_ms += cost.compute_ms;
  total.memory_ms += cost.memory_ms;
  total.roof_ms += cost.roof_ms;
}

// A letter for each kernel that occurs, so that a step is one line.
class KernelLetters {
 public:
  // Kernels of one mask: not more than there are kinds.
  static constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  static_assert(static_cast<size_t>(KernelKind::kSha256Pair) < sizeof kLetters - 1);

  std::string Of(const std::vector<const char*>& kernels) {
    std::string letters;
    for (const char* kernel : kernels) {
      const auto at = std::find(names_.begin(), names_.end(), kernel);
      letters += kLetters[at - names_.begin()];
      if (at == names_.end()) names_.push_back(kernel);
    }
    return letters;
  }

  void PrintLegend() const {
    std::printf("\nkernels\n");
    for (size_t i = 0; i < names_.size(); ++i) std::printf("     %c  %s\n", kLetters[i], names_[i]);
  }

 private:
  std::vector<const char*> names_;
};

// The end of a long name tells more than its beginning.
std::string Shortened(const std::string& name, size_t columns) {
  if (name.size() <= columns) return name;
  std::string text = "..";
  return text.append(name, name.size() - (columns - 2));
}

void PrintRoofs(const Model& model, const Profile& profile) {
  const Roofs& roofs = profile.roofs;
  std::printf("\nroofs, measured on %d thread%s at once\n", roofs.threads, roofs.threads == 1 ? "" : "s");
  for (const DataType type : {DataType::kU8, DataType::kF32}) {
    const bool used = std::any_of(profile.steps.begin(), profile.steps.end(),
                                  [&](const ProfileStep& step) { return model.nodes()[step.last].op->type == type; });
    if (!used) continue;
    const ComputeRoof& roof = roofs.Of(type);
    std::printf("  compute    %s %.1f GOP/s (%s), memory-bound below %.1f op/byte\n", NameOf(type), 2e-6 * roof.macs_per_ms,
                roof.kernel, 2 * roof.macs_per_ms / roofs.bytes_per_ms);
  }
  std::printf("  memory     %.1f GB/s (reading %s bytes, as many as the file has)\n", 1e-6 * roofs.bytes_per_ms,
              Grouped(roofs.buffer_bytes).c_str());
}

constexpr char kCostTitles[] = "        ms  share     MMAC   GOP/s   peak        KB  op/byte  bound     roof";

void PrintCost(const Cost& cost, double all_ms) {
  std::printf("%10.4f %5.1f%% %8.3f %7.1f %5.1f%% %9.1f %8.1f  %-7s %5.1f%%", cost.ms, all_ms > 0 ? 100 * cost.ms / all_ms : 0,
              1e-6 * static_cast<double>(cost.macs), cost.GigaOps(), 100 * cost.PeakShare(),
              1e-3 * static_cast<double>(cost.bytes), cost.Intensity(), cost.Bound(), 100 * cost.RoofShare());
}

}  // namespace

std::vector<OpTotal> Totals(const Profile& profile) {
  std::vector<OpTotal> totals;
  OpTotal all = {"all", 0, {}};
  for (const ProfileStep& step : profile.steps) {
    auto at = std::find_if(totals.begin(), totals.end(), [&](const OpTotal& t) { return std::strcmp(t.op, step.op) == 0; });
    if (at == totals.end()) at = totals.insert(totals.end(), {step.op, 0, {}});
    for (OpTotal* total : {&*at, &all}) {
      ++total->steps;
      Add(step.cost, total->cost);
    }
  }
  std::stable_sort(totals.begin(), totals.end(), [](const OpTotal& a, const OpTotal& b) { return a.cost.ms > b.cost.ms; });
  totals.push_back(all);
  return totals;
}

Profile MakeProfile(const Model& model, int32_t batch, std::span<const double> node_ms, const Roofs& roofs) {
  Profile profile;
  profile.roofs = roofs;
  for (size_t n = 0; n < model.nodes().size(); ++n) {
    ProfileStep step;
    step.first = step.last = n;
    step.op = model.nodes()[n].op->name;
    if (const int32_t block = model.nodes()[n].block; block >= 0) {
      step.last = n = static_cast<size_t>(model.blocks()[static_cast<size_t>(block)].last);
      step.op = "block";
    }
    Cost& cost = step.cost;
    for (size_t i = step.first; i <= step.last; ++i) {
      const ModelNode& node = model.nodes()[i];
      step.kernels.push_back(node.kernel->name);
      const uint64_t macs = MacsOf(*node.op, node.node) * static_cast<uint64_t>(batch);
      cost.macs += macs;
      cost.compute_ms += static_cast<double>(macs) / roofs.Of(node.op->type).macs_per_ms;
    }
    cost.ms = node_ms[step.last];
    cost.bytes = BytesOfStep(model, step, batch);
    cost.memory_ms = static_cast<double>(cost.bytes) / roofs.bytes_per_ms;
    cost.roof_ms = std::max(cost.compute_ms, cost.memory_ms);
    profile.steps.push_back(std::move(step));
  }
  return profile;
}

Json RoofsJson(const Roofs& roofs) {
  return {{"threads", roofs.threads},          {"u8_gops", 2e-6 * roofs.u8.macs_per_ms},
          {"u8_kernel", roofs.u8.kernel},      {"f32_gops", 2e-6 * roofs.f32.macs_per_ms},
          {"f32_kernel", roofs.f32.kernel},    {"memory_gbs", 1e-6 * roofs.bytes_per_ms},
          {"memory_bytes", roofs.buffer_bytes}};
}

Json StepsJson(const Model& model, const Profile& profile) {
  Json json = Json::array();
  for (const ProfileStep& step : profile.steps) {
    std::string kernels;
    for (const char* kernel : step.kernels) {
      if (!kernels.empty()) kernels += ' ';
      kernels += kernel;
    }
    const Cost& cost = step.cost;
    json.push_back({{"node", model.nodes()[step.last].name},
                    {"op", step.op},
                    {"kernel", kernels},
                    {"ms", cost.ms},
                    {"macs", cost.macs},
                    {"gops", cost.GigaOps()},
                    {"peak_share", cost.PeakShare()},
                    {"bytes", cost.bytes},
                    {"intensity", cost.Intensity()},
                    {"bound", cost.roof_ms > 0 ? Json(cost.Bound()) : Json(nullptr)},
                    {"roof_share", cost.RoofShare()}});
  }
  return json;
}

void PrintProfile(const Model& model, const Profile& profile) {
  constexpr size_t kNodeColumns = 17;
  const std::vector<OpTotal> totals = Totals(profile);
  const double all_ms = totals.back().cost.ms;
  KernelLetters letters;
  PrintRoofs(model, profile);
  std::printf("\n%4s  %-13s%s  %-5s %s\n", "step", "op", kCostTitles, "kern.", "node");
  for (const ProfileStep& step : profile.steps) {
    std::printf("%4zu  %-13s", step.last, step.op);
    PrintCost(step.cost, all_ms);
    std::printf("  %-5s %s\n", letters.Of(step.kernels).c_str(),
                Shortened(PrintableLine(model.nodes()[step.last].name), kNodeColumns).c_str());
  }
  letters.PrintLegend();
  std::printf("\n%5s %-13s%s\n", "steps", "op", kCostTitles);
  for (const OpTotal& total : totals) {
    std::printf("%5zu %-13s", total.steps, total.op);
    PrintCost(total.cost, all_ms);
    std::printf("\n");
  }
  std::printf(
      "\nMedians over the runs, for the whole batch. MMAC: 10^6 multiply-adds, of two operations each. peak: share of the "
      "compute\n"
      "roof. KB: 1000 bytes that must move at least. roof: share of the roof that bounds the step (docs/performance.md).\n");
}

}  // namespace cutis::cli
