#include "converter/torch/state.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace cutis::convert {
namespace {

constexpr int kMaxWrappers = 4;
constexpr int kMaxModules = 64;        // nested in each other
constexpr size_t kMaxName = 1000;      // bytes
constexpr size_t kMaxWork = 1u << 26;  // keys looked at and bytes of names: shared parts can be reached on many ways

// Keys under which training scripts store a state_dict or a module; the first that is there counts. Averaged weights come
// first, since they are what such scripts evaluate and publish.
constexpr const char* kWrappers[] = {
    "state_dict_ema", "ema_state_dict", "model_ema", "ema_model",      "ema", "state_dict", "model_state_dict",
    "model_state",    "model_dict",     "model",     "net_state_dict", "net", "network",    "module",
    "weights",        "params"};

// The dict of attributes of an object: what BUILD gave it, alone or as the first of (attributes, slots).
PickleId Attributes(const Pickle& pickle, PickleId object) {
  if (object == kNoPickle || pickle.KindOf(object) != PickleKind::kObject) return kNoPickle;
  PickleId state = pickle[object].state;
  if (state != kNoPickle && pickle.KindOf(state) == PickleKind::kTuple && pickle[state].items.size() == 2)
    state = pickle[state].items[0];
  return state != kNoPickle && pickle.KindOf(state) == PickleKind::kDict ? state : kNoPickle;
}

bool IsModule(const Pickle& pickle, PickleId object) {
  const PickleId attributes = Attributes(pickle, object);
  return pickle.Find(attributes, "_parameters") != kNoPickle && pickle.Find(attributes, "_modules") != kNoPickle;
}

class Entries {
 public:
  Entries(const std::string& source_name, State* state) : source_name_(source_name), state_(state) {}

  Status Spend(size_t work) {
    work_ += work;
    if (work_ <= kMaxWork) return {};
    return Status::Error(Code::kBadInput, "%s: holds more names than any checkpoint needs", source_name_.c_str());
  }
  Status Add(const std::string& prefix, std::string_view name, PickleId value) {
    CUTIS_TRY(Spend(prefix.size() + name.size() + 1));
    if (name.empty() || prefix.size() + name.size() > kMaxName) {
      return Status::Error(Code::kBadInput, "%s: a tensor in '%s' has no name, or one too long", source_name_.c_str(),
                           Printable(prefix).c_str());
    }
    state_->entries.push_back({prefix + std::string(name), value});
    return {};
  }

 private:
  const std::string& source_name_;
  State* state_;
  size_t work_ = 0;
};

class ModuleWalker {
 public:
  ModuleWalker(const Pickle& pickle, const std::string& source_name, Entries& entries)
      : pickle_(pickle), source_name_(source_name), entries_(entries) {}

  Status Walk(PickleId module, const std::string& prefix, int depth) {
    if (depth > kMaxModules || prefix.size() > kMaxName) {
      return Status::Error(Code::kBadInput, "%s: modules are nested more than %d deep, or in themselves", source_name_.c_str(),
                           kMaxModules);
    }
    const PickleId attributes = Attributes(pickle_, module);
    CUTIS_TRY(entries_.Spend(8 * pickle_[attributes].items.size()));
    CUTIS_TRY(AddAll(pickle_.Find(attributes, "_parameters"), kNoPickle, prefix));
    CUTIS_TRY(AddAll(pickle_.Find(attributes, "_buffers"), pickle_.Find(attributes, "_non_persistent_buffers_set"), prefix));
    if (IsQuantised(module)) CUTIS_TRY(AddQuantised(attributes, prefix));
    const PickleId modules = pickle_.Find(attributes, "_modules");
    if (modules == kNoPickle || pickle_.KindOf(modules) != PickleKind::kDict) return {};
    const std::vector<PickleId>& items = pickle_[modules].items;
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      if (pickle_.KindOf(items[i + 1]) == PickleKind::kNone) continue;
      const std::string name = prefix + std::string(pickle_[items[i]].text.substr(0, kMaxName));
      CUTIS_TRY(entries_.Spend(name.size() + 1));
      if (IsModule(pickle_, items[i + 1])) {
        CUTIS_TRY(Walk(items[i + 1], name + ".", depth + 1));
      } else {
        CUTIS_TRY(AddPackedConv(items[i + 1], name));
      }
    }
    return {};
  }

 private:
  // What `excluded` (a set of names) holds is not part of the state_dict.
  Status AddAll(PickleId dict, PickleId excluded, const std::string& prefix) {
    if (dict == kNoPickle || pickle_.KindOf(dict) != PickleKind::kDict) return {};
    const std::vector<PickleId> none;
    const std::vector<PickleId>& left_out = excluded == kNoPickle ? none : pickle_[excluded].items;
    const std::vector<PickleId>& items = pickle_[dict].items;
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      const std::string_view name = pickle_[items[i]].text;
      CUTIS_TRY(entries_.Spend(left_out.size()));
      if (std::any_of(left_out.begin(), left_out.end(), [&](PickleId id) { return pickle_[id].text == name; })) continue;
      CUTIS_TRY(entries_.Add(prefix, name, items[i + 1]));
    }
    return {};
  }

  // The classes of torch.ao.nn.quantized, torch.ao.nn.intrinsic.quantized, and torch.nn.quantized of old.
  bool IsQuantised(PickleId object) const {
    return pickle_.GlobalName(pickle_[object].callee).find(".quantized.") != std::string::npos;
  }

  // Quantised modules keep scales and packed weights in attributes of their own, which their state_dict puts beside the rest.
  Status AddQuantised(PickleId attributes, const std::string& prefix) {
    for (const char* name : {"scale", "zero_point"}) {
      const PickleId value = pickle_.Find(attributes, name);
      if (value != kNoPickle) CUTIS_TRY(entries_.Add(prefix, name, value));
    }
    // A ScriptObject, whose state is ((weight, bias), ...).
    const PickleId packed = pickle_.Find(attributes, "_packed_params");
    if (packed == kNoPickle || pickle_.KindOf(packed) != PickleKind::kObject) return {};
    PickleId state = pickle_[packed].state;
    for (int i = 0; i < 2 && state != kNoPickle && pickle_.KindOf(state) == PickleKind::kTuple; ++i) {
      const std::vector<PickleId>& items = pickle_[state].items;
      if (items.empty() || pickle_.KindOf(items[0]) != PickleKind::kTuple) break;
      state = items[0];
    }
    return state == kNoPickle ? Status() : entries_.Add(prefix, "_packed_params", state);
  }

  // A quantised convolution's state is a tuple: (in, out, kernel, stride, padding, dilation, transposed, output padding,
  // groups, padding mode, weight, bias, scale, zero point, training).
  Status AddPackedConv(PickleId object, const std::string& name) {
    const bool is_object = pickle_.KindOf(object) == PickleKind::kObject;
    const PickleId state = is_object && IsQuantised(object) ? pickle_[object].state : kNoPickle;
    if (state != kNoPickle && pickle_.KindOf(state) == PickleKind::kTuple && pickle_[state].items.size() == 15) {
      const std::vector<PickleId>& items = pickle_[state].items;
      const char* const parts[] = {"weight", "bias", "scale", "zero_point"};
      for (size_t i = 0; i < 4; ++i) CUTIS_TRY(entries_.Add(name + ".", parts[i], items[10 + i]));
      return {};
    }
    return Status::Error(Code::kUnsupported, "%s: '%s' (%s) is no module whose weights can be found: save the state_dict()",
                         source_name_.c_str(), Printable(name).c_str(),
                         is_object ? pickle_.GlobalName(pickle_[object].callee).c_str() : "?");
  }

  const Pickle& pickle_;
  const std::string& source_name_;
  Entries& entries_;
};

// The keys of a dict, for a message or a note.
std::string KeysOf(const Pickle& pickle, PickleId dict) {
  std::string text;
  const std::vector<PickleId>& items = pickle[dict].items;
  for (size_t i = 0; i + 1 < items.size() && text.size() < 100; i += 2) {
    text += (text.empty() ? "" : ", ") + Printable(pickle[items[i]].text, 40);
  }
  return text;
}

}  // namespace

Result<State> FindState(const Pickle& pickle, PickleId root, const std::string& source_name) {
  State state;
  Entries entries(source_name, &state);
  std::string path;
  for (int level = 0;; ++level) {
    if (IsModule(pickle, root)) {
      CUTIS_TRY(ModuleWalker(pickle, source_name, entries).Walk(root, "", 0));
      if (!path.empty()) state.notes.push_back("weights taken from '" + path + "'");
      return state;
    }
    // An object that is no module counts by its attributes (an averager that holds its model, ...).
    const PickleId dict = pickle.KindOf(root) == PickleKind::kObject ? Attributes(pickle, root) : root;
    if (dict == kNoPickle || pickle.KindOf(dict) != PickleKind::kDict || pickle[dict].items.empty()) {
      return Status::Error(Code::kBadInput, "%s: holds neither a state_dict nor a module%s%s", source_name.c_str(),
                           path.empty() ? "" : " at ", path.c_str());
    }
    const auto is_wrapper = [&](const char* key) {
      const PickleId value = pickle.Find(dict, key);
      if (value == kNoPickle) return false;
      const PickleId inner = pickle.KindOf(value) == PickleKind::kObject ? Attributes(pickle, value) : value;
      return inner != kNoPickle && pickle.KindOf(inner) == PickleKind::kDict && !pickle[inner].items.empty();
    };
    const char* const* key = std::find_if(std::begin(kWrappers), std::end(kWrappers), is_wrapper);
    if (key == std::end(kWrappers)) {
      const std::vector<PickleId>& items = pickle[dict].items;
      for (size_t i = 0; i + 1 < items.size(); i += 2) {
        if (pickle.KindOf(items[i]) == PickleKind::kText) CUTIS_TRY(entries.Add("", pickle[items[i]].text, items[i + 1]));
      }
      // Tensors, or the weights of quantised layers: what is none of these is no state_dict, whatever else it holds.
      const bool tensors = std::any_of(state.entries.begin(), state.entries.end(), [&](const StateEntry& entry) {
        return pickle.KindOf(entry.value) == PickleKind::kCall || entry.name.find("_packed_params") != std::string::npos;
      });
      if (!tensors) {
        return Status::Error(Code::kBadInput, "%s: no state_dict is found%s%s; the keys are: %s", source_name.c_str(),
                             path.empty() ? "" : " at ", path.c_str(), KeysOf(pickle, dict).c_str());
      }
      if (!path.empty()) state.notes.push_back("weights taken from '" + path + "'");
      return state;
    }
    if (level == kMaxWrappers)
      return Status::Error(Code::kBadInput, "%s: the state_dict lies too deep, at %s", source_name.c_str(), path.c_str());
    std::string others;
    for (const char* const* other = key + 1; other != std::end(kWrappers); ++other) {
      if (is_wrapper(*other)) others += std::string(others.empty() ? "" : ", ") + *other;
    }
    if (!path.empty()) path += '.';
    path += *key;
    if (!others.empty()) state.notes.push_back("'" + path + "' was preferred to: " + others);
    root = pickle.Find(dict, *key);
  }
}

void StripPrefixes(State& state) {
  constexpr std::string_view kParallel = "module.", kCompiled = "_orig_mod.";
  size_t compiled = 0, parallel = 0;
  for (StateEntry& entry : state.entries) {
    for (size_t at = 0; (at = entry.name.find(kCompiled, at)) != std::string::npos;) {
      if (at > 0 && entry.name[at - 1] != '.') {
        at += kCompiled.size();
        continue;
      }
      entry.name.erase(at, kCompiled.size());
      ++compiled;
    }
  }
  // AveragedModel counts its steps beside the module.
  const auto counter = [](const StateEntry& entry) { return entry.name == "n_averaged"; };
  for (;;) {
    const bool all = std::all_of(state.entries.begin(), state.entries.end(), [&](const StateEntry& entry) {
      return counter(entry) || entry.name.compare(0, kParallel.size(), kParallel) == 0;
    });
    const bool any =
        std::any_of(state.entries.begin(), state.entries.end(), [&](const StateEntry& entry) { return !counter(entry); });
    if (!all || !any) break;
    state.entries.erase(std::remove_if(state.entries.begin(), state.entries.end(), counter), state.entries.end());
    for (StateEntry& entry : state.entries) entry.name.erase(0, kParallel.size());
    ++parallel;
  }
  if (compiled > 0) state.notes.push_back("'_orig_mod.' was taken off the names");
  if (parallel > 0) state.notes.push_back("'module.' was taken off the names");
}

}  // namespace cutis::convert
