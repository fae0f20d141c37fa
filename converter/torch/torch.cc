#include "converter/torch/torch.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "converter/graph/edit.h"
#include "converter/torch/archive.h"
#include "converter/torch/state.h"
#include "converter/torch/tensor.h"

namespace cutis::convert {
namespace {

constexpr uint64_t kMaxFile = uint64_t{4} << 30;

// What is kept of the values of one state_dict, on the way to a Checkpoint.
class Collector {
 public:
  Collector(TensorReader& reader, const Pickle& pickle, const std::string& source_name)
      : reader_(reader), pickle_(pickle), source_name_(source_name) {}

  Status Add(const StateEntry& entry) {
    const std::string where = source_name_ + ": tensor '" + Printable(entry.name) + "'";
    if (reader_.IsTensor(entry.value)) {
      CUTIS_ASSIGN(TorchTensor tensor, reader_.Read(entry.value, where));
      return AddTensor(WithoutPacked(entry.name), std::move(tensor));
    }
    const PickleValue& value = pickle_[entry.value];
    if (EndsWith(entry.name, kPacked) && value.kind == PickleKind::kTuple) return AddPacked(entry, where);
    if (value.kind == PickleKind::kInt || value.kind == PickleKind::kFloat) {
      numbers_[entry.name] = value.kind == PickleKind::kInt ? static_cast<double>(value.number) : value.real;
    }
    // A parameter that is switched off, and the dtype beside packed weights, are no loss.
    if (value.kind != PickleKind::kNone && value.kind != PickleKind::kGlobal) skipped_.insert(entry.name);
    return {};
  }

  Result<Checkpoint> Finish(std::vector<std::string> notes, Budget& budget) {
    checkpoint_.notes = std::move(notes);
    CUTIS_TRY(MergeMasks(budget));
    TakeActivations();
    if (clamped_ > 0) Note(std::to_string(clamped_) + " int8 weights of -128 became -127");
    for (const auto& [reason, names] : lost_) {
      Note("scales that are not kept, since " + reason + " (chosen anew): " + Some(names));
    }
    if (!skipped_.empty()) Note("entries that are no tensors were left out: " + Some(skipped_));
    if (checkpoint_.tensors.empty()) {
      return Status::Error(Code::kBadInput, "%s: holds no tensors where the weights should be", source_name_.c_str());
    }
    return std::move(checkpoint_);
  }

 private:
  static constexpr const char* kPacked = "_packed_params";

  static bool EndsWith(const std::string& text, std::string_view ending) {
    return text.size() >= ending.size() && text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
  }

  // "3: a, b, c".
  static std::string Some(const std::set<std::string>& names) {
    std::string text = std::to_string(names.size()) + ":";
    size_t shown = 0;
    for (const std::string& name : names) {
      if (++shown > 3) return text + " ...";
      text += (shown > 1 ? ", " : " ") + Printable(name, 60);
    }
    return text;
  }

  void Note(std::string text) { checkpoint_.notes.push_back(std::move(text)); }

  // Older versions store "fc._packed_params.weight" for the weight of fc.
  static std::string WithoutPacked(const std::string& name) {
    const size_t packed = name.find("_packed_params.");
    if (packed == std::string::npos || (packed > 0 && name[packed - 1] != '.')) return name;
    return name.substr(0, packed) + name.substr(packed + std::string_view("_packed_params.").size());
  }

  Status AddTensor(const std::string& name, TorchTensor tensor) {
    if (name.size() > kMaxName ||
        std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
      return Status::Error(Code::kBadInput, "%s: tensor '%s' has a name that is too long or holds control characters",
                           source_name_.c_str(), Printable(name).c_str());
    }
    if (!checkpoint_.tensors.emplace(name, tensor.constant).second) {
      return Status::Error(Code::kBadInput, "%s: tensor '%s' stands twice", source_name_.c_str(), Printable(name).c_str());
    }
    quantised_ = quantised_ || tensor.quantised;
    clamped_ += tensor.clamped;
    if (tensor.quantization != nullptr) checkpoint_.quantizations.emplace(name, *tensor.quantization);
    if (!tensor.lost.empty()) lost_[tensor.lost].insert(name);
    return {};
  }

  // "fc._packed_params._packed_params": (weight, bias) of a quantised linear layer.
  Status AddPacked(const StateEntry& entry, const std::string& where) {
    const std::vector<PickleId>& items = pickle_[entry.value].items;
    std::string prefix = entry.name.substr(0, entry.name.size() - std::string_view(kPacked).size());
    prefix = WithoutPacked(prefix + "x");
    prefix.pop_back();
    if (items.size() < 2 || !reader_.IsTensor(items[0])) {
      return Status::Error(Code::kUnsupported, "%s: packed weights of a layer that is not linear are not supported",
                           where.c_str());
    }
    CUTIS_ASSIGN(TorchTensor weight, reader_.Read(items[0], where));
    CUTIS_TRY(AddTensor(prefix + "weight", std::move(weight)));
    if (!reader_.IsTensor(items[1])) return {};
    CUTIS_ASSIGN(TorchTensor bias, reader_.Read(items[1], where));
    return AddTensor(prefix + "bias", std::move(bias));
  }

  // torch.nn.utils.prune keeps X as X_orig and X_mask and multiplies them before every use.
  Status MergeMasks(Budget& budget) {
    auto& tensors = checkpoint_.tensors;
    std::vector<std::string> names;
    for (const auto& entry : tensors) {
      if (EndsWith(entry.first, "_orig")) names.push_back(entry.first.substr(0, entry.first.size() - 5));
    }
    size_t merged = 0, zeros = 0, all = 0;
    for (const std::string& name : names) {
      const auto original = tensors.find(name + "_orig"), mask = tensors.find(name + "_mask");
      if (mask == tensors.end()) continue;
      if (original->second->dims != mask->second->dims) {
        return Status::Error(Code::kBadInput, "%s: '%s_mask' %s does not fit '%s_orig' %s", source_name_.c_str(),
                             Printable(name, 60).c_str(), ToText(mask->second->dims).c_str(), Printable(name, 60).c_str(),
                             ToText(original->second->dims).c_str());
      }
      if (tensors.count(name) != 0)
        return Status::Error(Code::kBadInput, "%s: '%s' stands beside its '_orig' and '_mask'", source_name_.c_str(),
                             Printable(name).c_str());
      const uint64_t count = original->second->data.size() / ElementBytes(original->second->type);
      CUTIS_TRY(budget.Take(3 * count * sizeof(float), source_name_ + ": '" + Printable(name) + "'"));
      std::vector<float> values = ReadFloats(*original->second);
      const std::vector<float> factors = ReadFloats(*mask->second);
      for (size_t i = 0; i < values.size(); ++i) {
        values[i] *= factors[i];
        zeros += values[i] == 0 ? 1 : 0;
      }
      all += values.size();
      ++merged;
      auto product = std::make_shared<const Constant>(MakeFloats(original->second->dims, values));
      tensors.erase(mask);
      tensors.erase(original);
      tensors.emplace(name, std::move(product));
    }
    if (merged > 0) {
      char share[32];
      std::snprintf(share, sizeof share, "%.1f", all == 0 ? 0 : 100.0 * static_cast<double>(zeros) / static_cast<double>(all));
      Note(std::to_string(merged) + " pruned tensors (X_orig * X_mask), " + share + " % zeros");
    }
    return {};
  }

  // One number: a tensor of one element, or a plain number.
  bool NumberOf(const std::string& name, double* number) const {
    if (const auto plain = numbers_.find(name); plain != numbers_.end()) {
      *number = plain->second;
      return true;
    }
    const auto tensor = checkpoint_.tensors.find(name);
    if (tensor == checkpoint_.tensors.end() || ElementCount(tensor->second->dims) != 1) return false;
    *number = ReadDoubles(*tensor->second)[0];
    return true;
  }

  // Scale and zero point of what a quantised module puts out. Layers of quantize_dynamic carry 1 and 0, which mean nothing.
  void TakeActivations() {
    if (!quantised_) return;
    std::set<std::string> prefixes;
    const auto collect = [&](const std::string& name) {
      if (name == "scale") prefixes.insert("");
      if (EndsWith(name, ".scale")) prefixes.insert(name.substr(0, name.size() - 6));
    };
    for (const auto& entry : checkpoint_.tensors) collect(entry.first);
    for (const auto& entry : numbers_) collect(entry.first);
    for (const std::string& prefix : prefixes) {
      const std::string scale_name = (prefix.empty() ? "" : prefix + ".") + "scale";
      const std::string zero_name = (prefix.empty() ? "" : prefix + ".") + "zero_point";
      double scale = 0, zero_point = 0;
      if (!NumberOf(scale_name, &scale) || !NumberOf(zero_name, &zero_point)) continue;
      for (const std::string& name : {scale_name, zero_name}) {
        checkpoint_.tensors.erase(name);
        skipped_.erase(name);
      }
      if (scale == 1 && zero_point == 0) continue;
      const float rounded = static_cast<float>(scale);
      if (!(rounded > 0) || !(rounded <= 1e30f) || !(zero_point >= 0 && zero_point <= 255)) {
        lost_["they are none of quint8"].insert(prefix);
        continue;
      }
      checkpoint_.activations[prefix] = Quantization{{rounded}, static_cast<int32_t>(zero_point)};
    }
  }

  static constexpr size_t kMaxName = 1000;

  TensorReader& reader_;
  const Pickle& pickle_;
  std::string source_name_;
  Checkpoint checkpoint_;
  std::map<std::string, double> numbers_;
  std::set<std::string> skipped_;
  std::map<std::string, std::set<std::string>> lost_;  // names by the reason
  bool quantised_ = false;
  int64_t clamped_ = 0;
};

}  // namespace

Result<Checkpoint> ParseTorch(std::span<const std::byte> bytes, const std::string& source_name) {
  Budget budget(bytes.size());
  CUTIS_ASSIGN(const std::unique_ptr<Archive> archive, OpenArchive(bytes, source_name, budget));
  CUTIS_ASSIGN(State state, FindState(archive->pickle(), archive->root(), source_name));
  TensorReader reader(*archive, budget);
  StripPrefixes(state);
  Collector collector(reader, archive->pickle(), source_name);
  for (const StateEntry& entry : state.entries) CUTIS_TRY(collector.Add(entry));
  return collector.Finish(std::move(state.notes), budget);
}

Result<Checkpoint> ReadTorch(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return Status::Error(Code::kBadInput, "%s: cannot be opened", path.c_str());
  const std::streamoff size = file.tellg();
  if (size < 0 || static_cast<uint64_t>(size) > kMaxFile)
    return Status::Error(Code::kBadInput, "%s: not a plain file, or larger than 4 GiB", path.c_str());
  std::vector<std::byte> bytes(static_cast<size_t>(size));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), size))
    return Status::Error(Code::kIo, "%s: cannot be read", path.c_str());
  return ParseTorch(bytes, path);
}

}  // namespace cutis::convert
