// A restricted unpickler: turns a Python pickle into a tree of plain values. Nothing is ever called, imported or built beyond
// these values; what a value means is decided by torch.cc.
#ifndef CUTIS_CONVERTER_TORCH_PICKLE_H_
#define CUTIS_CONVERTER_TORCH_PICKLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/status.h"

namespace cutis::convert {

enum class PickleKind : uint8_t {
  kNone,
  kBool,        // number
  kInt,         // number
  kBigInt,      // beyond 64 bits: text holds its little-endian bytes
  kFloat,       // real
  kText,        // text: str, in UTF-8 as found
  kBytes,       // text: bytes, bytearray
  kTuple,       // items
  kList,        // items
  kDict,        // items: key, value, key, value, ...; also OrderedDict
  kSet,         // items
  kGlobal,      // items: module, name (both kText)
  kCall,        // a function of the allow list with arguments: callee, items (the arguments); nothing was called
  kObject,      // an opaque object: callee is its class, state what BUILD gave it, items what was appended to it
  kPersistent,  // a persistent id: items holds the one value that names it
};

using PickleId = int32_t;
inline constexpr PickleId kNoPickle = -1;

struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  uint32_t depth = 0;  // how deep values are nested in it, at least
  PickleId callee = kNoPickle, state = kNoPickle;
  union {
    int64_t number = 0;
    double real;
  };
  std::string_view text;  // points into the pickle
  std::vector<PickleId> items;
};

// Limits, all far above what checkpoints hold. A value takes about a hundred bytes.
inline constexpr size_t kMaxPickleValues = size_t{1} << 21;
inline constexpr size_t kMaxPickleItems = size_t{1} << 23;  // places in lists, dicts, ... in all
inline constexpr size_t kMaxPickleStack = size_t{1} << 18;
inline constexpr size_t kMaxPickleMarks = 1000;
inline constexpr uint32_t kMaxPickleDepth = 1000;
inline constexpr size_t kMaxGlobalName = 255;

// What a global (a class or function of a Python module) may be used for.
enum class GlobalUse : uint8_t {
  kFunction,  // may be called with arguments: the call is noted as kCall
  kDict,      // the same, but what it makes is a dict (OrderedDict, ...)
  kSet,       // ... a set
  kOpaque,    // unknown: may be mentioned, and be the class of an opaque object that is made without arguments
  kRefused,   // may not occur at all
};
GlobalUse UseOfGlobal(std::string_view module, std::string_view name);

// The values of one or several pickles that follow each other. They point into the bytes given to Load, which must outlive
// them.
class Pickle {
 public:
  // Reads one pickle from the start of `bytes`; `where` begins messages, whose byte positions count from `first_byte` on.
  // Returns its value and how many bytes it took.
  struct Loaded {
    PickleId value = kNoPickle;
    size_t bytes = 0;
  };
  Result<Loaded> Load(std::span<const std::byte> bytes, const std::string& where, size_t first_byte = 0);

  const PickleValue& operator[](PickleId id) const { return values_[static_cast<size_t>(id)]; }
  size_t size() const { return values_.size(); }
  PickleKind KindOf(PickleId id) const { return (*this)[id].kind; }
  // The value of a key (a text) of a dict; kNoPickle when there is none. The last one counts, as in Python.
  PickleId Find(PickleId dict, std::string_view key) const;
  // "torch._utils._rebuild_tensor_v2" of a global, made fit for a message; "" for anything else.
  std::string GlobalName(PickleId id) const;

 private:
  friend class Unpickler;
  std::vector<PickleValue> values_;
  size_t items_ = 0;
};

// Text for a message: control characters and bytes that are no ASCII become '?', and it is cut after `limit` bytes.
std::string Printable(std::string_view text, size_t limit = 100);

// "REDUCE" of an opcode, as Python's pickletools has it; "0xff" of one that does not exist.
std::string OpcodeName(uint8_t code);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_TORCH_PICKLE_H_
