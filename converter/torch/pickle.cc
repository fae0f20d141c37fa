// The opcodes: https://github.com/python/cpython/blob/main/Lib/pickletools.py
#include "converter/torch/pickle.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

namespace cutis::convert {

class Unpickler {
 public:
  Unpickler(Pickle& pickle, std::span<const std::byte> bytes, const std::string& where, size_t first_byte)
      : values_(pickle.values_), pickle_(pickle), bytes_(bytes), where_(where), first_byte_(first_byte) {}

  Result<Pickle::Loaded> Run() {
    for (;;) {
      start_ = at_;
      if (at_ == bytes_.size()) return Bad("ends without STOP: it is damaged or cut off");
      code_ = static_cast<uint8_t>(bytes_[at_++]);
      if (code_ == '.') break;
      CUTIS_TRY(Step());
      if (stack_.size() > kMaxPickleStack) return Bad("stacks more values than any checkpoint needs");
    }
    if (stack_.size() != 1 || !marks_.empty()) return Bad("STOP does not find exactly one value");
    return Pickle::Loaded{stack_[0], at_};
  }

 private:
  Status Bad(const std::string& what, Code code = Code::kBadInput) const {
    return Status::Error(code, "%s: byte %zu: %s", where_.c_str(), first_byte_ + start_, what.c_str());
  }
  Status BadUse(const char* what) const { return Bad(OpcodeName(code_) + " " + what); }

  // -- bytes ----------------------------------------------------------------------------------------
  Status Take(uint64_t count, std::string_view* text) {
    if (count > bytes_.size() - at_) return Bad(OpcodeName(code_) + " reaches beyond the end: it is damaged or cut off");
    *text = {reinterpret_cast<const char*>(bytes_.data()) + at_, static_cast<size_t>(count)};
    at_ += static_cast<size_t>(count);
    return {};
  }
  Status TakeNumber(size_t width, uint64_t* number) {
    std::string_view text;
    CUTIS_TRY(Take(width, &text));
    *number = 0;
    for (size_t i = width; i-- > 0;) *number = *number << 8 | static_cast<unsigned char>(text[i]);
    return {};
  }
  Status TakeSized(size_t width, std::string_view* text) {
    uint64_t size = 0;
    CUTIS_TRY(TakeNumber(width, &size));
    return Take(size, text);
  }
  Status TakeLine(std::string_view* text) {
    const void* end = at_ < bytes_.size() ? std::memchr(bytes_.data() + at_, '\n', bytes_.size() - at_) : nullptr;
    if (end == nullptr) return Bad(OpcodeName(code_) + " reaches beyond the end: it is damaged or cut off");
    const size_t size = static_cast<size_t>(static_cast<const std::byte*>(end) - (bytes_.data() + at_));
    CUTIS_TRY(Take(size + 1, text));
    text->remove_suffix(1);
    return {};
  }

  // -- values ---------------------------------------------------------------------------------------
  Result<PickleId> Make(PickleKind kind, std::vector<PickleId> items = {}) {
    if (values_.size() >= kMaxPickleValues) return Bad("holds more values than any checkpoint needs");
    CUTIS_TRY(Count(items.size()));
    PickleValue value;
    value.kind = kind;
    value.items = std::move(items);
    for (const PickleId item : value.items) CUTIS_TRY(Nest(item, &value.depth));
    values_.push_back(std::move(value));
    return static_cast<PickleId>(values_.size() - 1);
  }
  // Copies of long lists must not grow without end.
  Status Count(size_t items) {
    pickle_.items_ += items;
    return pickle_.items_ > kMaxPickleItems ? Bad("holds more values than any checkpoint needs") : Status();
  }
  Status Nest(PickleId item, uint32_t* depth) const {
    *depth = std::max(*depth, At(item).depth + 1);
    return *depth > kMaxPickleDepth ? Bad("values are nested too deeply") : Status();
  }
  // Adds to a container that exists already; what holds it keeps its old depth, so that walks have to count for themselves.
  Status Add(PickleId container, PickleId item) {
    CUTIS_TRY(Count(1));
    uint32_t depth = At(container).depth;
    if (item != container) CUTIS_TRY(Nest(item, &depth));
    values_[static_cast<size_t>(container)].depth = depth;
    values_[static_cast<size_t>(container)].items.push_back(item);
    return {};
  }
  const PickleValue& At(PickleId id) const { return values_[static_cast<size_t>(id)]; }

  // -- the stack ------------------------------------------------------------------------------------
  size_t Floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Status Pop(PickleId* id) {
    if (stack_.size() <= Floor()) return BadUse("finds nothing on the stack");
    *id = stack_.back();
    stack_.pop_back();
    return {};
  }
  Status Top(PickleId* id) {
    if (stack_.size() <= Floor()) return BadUse("finds nothing on the stack");
    *id = stack_.back();
    return {};
  }
  Status PopMark(std::vector<PickleId>* items) {
    if (marks_.empty()) return BadUse("finds no mark on the stack");
    items->assign(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return {};
  }
  Status Push(PickleKind kind, std::vector<PickleId> items = {}) {
    CUTIS_ASSIGN(const PickleId id, Make(kind, std::move(items)));
    stack_.push_back(id);
    return {};
  }
  Status PushNumber(PickleKind kind, int64_t number) {
    CUTIS_TRY(Push(kind));
    values_.back().number = number;
    return {};
  }
  Status PushText(PickleKind kind, std::string_view text) {
    CUTIS_TRY(Push(kind));
    values_.back().text = text;
    return {};
  }
  Status PushTuple(size_t count) {
    std::vector<PickleId> items(count);
    for (size_t i = count; i-- > 0;) CUTIS_TRY(Pop(&items[i]));
    return Push(PickleKind::kTuple, std::move(items));
  }
  // A little-endian two's complement number of any length.
  Status PushLong(std::string_view digits) {
    if (digits.size() > sizeof(int64_t)) return PushText(PickleKind::kBigInt, digits);
    uint64_t number = !digits.empty() && (digits.back() & 0x80) != 0 ? ~uint64_t{0} : 0;
    for (size_t i = digits.size(); i-- > 0;) number = number << 8 | static_cast<unsigned char>(digits[i]);
    return PushNumber(PickleKind::kInt, static_cast<int64_t>(number));
  }

  Status Remember(uint64_t index) {
    PickleId top = kNoPickle;
    CUTIS_TRY(Top(&top));
    if (memo_.size() >= kMaxPickleValues) return Bad("remembers more values than any checkpoint needs");
    memo_[index] = top;
    return {};
  }
  Status Recall(uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) return BadUse("recalls a value that was never stored");
    stack_.push_back(found->second);
    return {};
  }

  // -- globals and objects --------------------------------------------------------------------------
  Status CheckGlobal(std::string_view module, std::string_view name) const {
    if (module.empty() || name.empty() || module.size() > kMaxGlobalName || name.size() > kMaxGlobalName) {
      return BadUse("names nothing, or has a name that is too long");
    }
    if (UseOfGlobal(module, name) != GlobalUse::kRefused) return {};
    return Bad("refers to '" + Printable(module) + "." + Printable(name) +
                   "': no checkpoint needs that, and in Python it could run programs: do not load this file there",
               Code::kUnsupported);
  }
  Status PushGlobal(std::string_view module, std::string_view name) {
    CUTIS_TRY(CheckGlobal(module, name));
    CUTIS_ASSIGN(const PickleId first, Make(PickleKind::kText));
    values_.back().text = module;
    CUTIS_ASSIGN(const PickleId second, Make(PickleKind::kText));
    values_.back().text = name;
    return Push(PickleKind::kGlobal, {first, second});
  }
  GlobalUse UseOf(PickleId global) const { return UseOfGlobal(At(At(global).items[0]).text, At(At(global).items[1]).text); }

  Status RefuseCall(const char* how) const {
    return Bad(std::string("would call '") + pickle_.GlobalName(called_) + "' " + how +
                   "; nothing is ever called: save the state_dict(), which holds tensors only",
               Code::kUnsupported);
  }
  Status PopGlobal(PickleId* id) {
    CUTIS_TRY(Pop(id));
    if (At(*id).kind != PickleKind::kGlobal) return BadUse("needs a class or function");
    called_ = *id;
    return {};
  }

  Status PushCall(PickleId function, std::vector<PickleId> arguments) {
    CUTIS_TRY(Push(PickleKind::kCall, std::move(arguments)));
    values_.back().callee = function;
    return {};
  }
  Status PushObject(PickleId type) {
    CUTIS_TRY(Push(PickleKind::kObject));
    values_.back().callee = type;
    return {};
  }

  // Calls of the allow list become what they stand for, or a note of the call.
  Status Reduce() {
    PickleId arguments = kNoPickle, function = kNoPickle;
    CUTIS_TRY(Pop(&arguments));
    CUTIS_TRY(PopGlobal(&function));
    if (At(arguments).kind != PickleKind::kTuple) return BadUse("needs a tuple of arguments");
    std::vector<PickleId> items = At(arguments).items;
    const std::string name = pickle_.GlobalName(function);
    switch (UseOf(function)) {
      case GlobalUse::kDict:
        return PushDict(items);
      case GlobalUse::kSet:
        if (items.size() > 1 ||
            (items.size() == 1 && At(items[0]).kind != PickleKind::kList && At(items[0]).kind != PickleKind::kTuple)) {
          return BadUse("makes a set of something that is no list");
        }
        return Push(PickleKind::kSet, items.empty() ? std::vector<PickleId>() : At(items[0]).items);
      case GlobalUse::kFunction:
        break;
      case GlobalUse::kOpaque:
      case GlobalUse::kRefused:
        return RefuseCall("with arguments (REDUCE)");
    }
    if (name == "copyreg._reconstructor" || name == "copy_reg._reconstructor") {
      // object.__reduce_ex__ below protocol 2: (class, object, None) makes an empty object of the class.
      const bool plain =
          items.size() == 3 && At(items[0]).kind == PickleKind::kGlobal && At(items[2]).kind == PickleKind::kNone &&
          (pickle_.GlobalName(items[1]) == "builtins.object" || pickle_.GlobalName(items[1]) == "__builtin__.object");
      if (!plain) return RefuseCall("for more than an empty object");
      called_ = items[0];
      if (UseOf(items[0]) != GlobalUse::kOpaque) return RefuseCall("as a class");
      return PushObject(items[0]);
    }
    return PushCall(function, std::move(items));
  }

  // OrderedDict(), OrderedDict([[key, value], ...]) of Python 2, defaultdict(factory), Counter({...}).
  Status PushDict(const std::vector<PickleId>& arguments) {
    std::vector<PickleId> items;
    if (arguments.size() == 1 && At(arguments[0]).kind == PickleKind::kDict) items = At(arguments[0]).items;
    if (arguments.size() == 1 && At(arguments[0]).kind == PickleKind::kList) {
      for (const PickleId pair : At(arguments[0]).items) {
        const bool good =
            (At(pair).kind == PickleKind::kList || At(pair).kind == PickleKind::kTuple) && At(pair).items.size() == 2;
        if (!good) return BadUse("makes a dict of something that is no list of pairs");
        items.insert(items.end(), At(pair).items.begin(), At(pair).items.end());
      }
    }
    return Push(PickleKind::kDict, std::move(items));
  }

  // Opaque objects are made without arguments; the few classes of the allow list that checkpoints make with some are calls.
  Status NewObject(bool keywords) {
    PickleId named = kNoPickle, arguments = kNoPickle, type = kNoPickle;
    if (keywords) CUTIS_TRY(Pop(&named));
    CUTIS_TRY(Pop(&arguments));
    CUTIS_TRY(PopGlobal(&type));
    if (At(arguments).kind != PickleKind::kTuple || (keywords && At(named).kind != PickleKind::kDict)) {
      return BadUse("needs a tuple of arguments");
    }
    const bool empty = At(arguments).items.empty() && (!keywords || At(named).items.empty());
    switch (UseOf(type)) {
      case GlobalUse::kOpaque:
        return empty ? PushObject(type) : RefuseCall(("with arguments (" + OpcodeName(code_) + ")").c_str());
      case GlobalUse::kDict:
        if (empty) return Push(PickleKind::kDict);
        break;
      case GlobalUse::kSet:
        if (empty) return Push(PickleKind::kSet);
        break;
      case GlobalUse::kFunction:
        if (!keywords) return PushCall(type, At(arguments).items);
        break;
      case GlobalUse::kRefused:
        break;
    }
    return RefuseCall(("as a class (" + OpcodeName(code_) + ")").c_str());
  }

  Status Build() {
    PickleId state = kNoPickle, object = kNoPickle;
    CUTIS_TRY(Pop(&state));
    CUTIS_TRY(Top(&object));
    const PickleKind kind = At(object).kind;
    if (kind != PickleKind::kObject && kind != PickleKind::kCall && kind != PickleKind::kDict && kind != PickleKind::kSet) {
      return BadUse("sets the state of a value that has none");
    }
    uint32_t depth = At(object).depth;
    CUTIS_TRY(Nest(state, &depth));
    values_[static_cast<size_t>(object)].depth = depth;
    values_[static_cast<size_t>(object)].state = state;
    return {};
  }

  // torch.save's old format wraps the class of a module into ("module", class, file, source).
  Status PushPersistent() {
    PickleId id = kNoPickle;
    CUTIS_TRY(Pop(&id));
    const PickleValue& value = At(id);
    if (value.kind == PickleKind::kTuple && value.items.size() >= 2 && At(value.items[0]).text == "module" &&
        At(value.items[1]).kind == PickleKind::kGlobal) {
      stack_.push_back(value.items[1]);
      return {};
    }
    return Push(PickleKind::kPersistent, {id});
  }

  // -- containers -----------------------------------------------------------------------------------
  static bool Appends(PickleKind kind) { return kind == PickleKind::kList || kind == PickleKind::kObject; }
  static bool Maps(PickleKind kind) { return kind == PickleKind::kDict || kind == PickleKind::kObject; }
  Status AddAll(bool pairs, const std::vector<PickleId>& items) {
    PickleId container = kNoPickle;
    CUTIS_TRY(Top(&container));
    const PickleKind kind = At(container).kind;
    if (code_ == 0x90 ? kind != PickleKind::kSet : !(pairs ? Maps(kind) : Appends(kind)))
      return BadUse("adds to a value of another kind");
    if (pairs && items.size() % 2 != 0) return BadUse("finds a key without a value");
    for (const PickleId item : items) CUTIS_TRY(Add(container, item));
    return {};
  }
  Status AddPopped(size_t count) {
    std::vector<PickleId> items(count);
    for (size_t i = count; i-- > 0;) CUTIS_TRY(Pop(&items[i]));
    return AddAll(count == 2, items);
  }
  Status AddMarked(bool pairs) {
    std::vector<PickleId> items;
    CUTIS_TRY(PopMark(&items));
    return AddAll(pairs, items);
  }

  // INST and OBJ belong to the classes of Python 1 and 2; no torch.save writes them. Said with the name of what they would
  // make.
  Status RefuseOldObject() {
    if (code_ == 'i') {
      std::string_view module, name;
      CUTIS_TRY(TakeLine(&module));
      CUTIS_TRY(TakeLine(&name));
      CUTIS_TRY(CheckGlobal(module, name));
      return Bad("INST would make '" + Printable(module) + "." + Printable(name) + "': this opcode is not supported",
                 Code::kUnsupported);
    }
    std::vector<PickleId> items;
    CUTIS_TRY(PopMark(&items));
    const std::string name = items.empty() ? "" : pickle_.GlobalName(items[0]);
    return Bad("OBJ would make '" + name + "': this opcode is not supported", Code::kUnsupported);
  }

  // Of the opcodes whose argument begins with its length: how many bytes the length has.
  static size_t WidthOfLength(uint8_t code) {
    switch (code) {
      case 'C':
      case 'U':
      case 0x8a:
      case 0x8c:
        return 1;
      case 'B':
      case 'T':
      case 'X':
      case 0x8b:
        return 4;
      case 0x8d:
      case 0x8e:
      case 0x96:
        return 8;
      default:
        return 0;
    }
  }

  Status Step() {
    uint64_t number = 0;
    std::vector<PickleId> items;
    PickleId id = kNoPickle;
    if (const size_t width = WidthOfLength(code_); width > 0) {
      std::string_view text;
      CUTIS_TRY(TakeSized(width, &text));
      if (code_ == 0x8a || code_ == 0x8b) return PushLong(text);
      const bool bytes = code_ == 'B' || code_ == 'C' || code_ == 0x8e || code_ == 0x96;
      return PushText(bytes ? PickleKind::kBytes : PickleKind::kText, text);
    }
    switch (code_) {
      case 0x80:  // PROTO
        CUTIS_TRY(TakeNumber(1, &number));
        return number >= 2 && number <= 5
                   ? Status()
                   : Bad("pickle protocol " + std::to_string(number) + " is not supported", Code::kUnsupported);
      case 0x95:  // FRAME: only a hint for reading ahead
        return TakeNumber(8, &number);
      case '(':
        if (marks_.size() >= kMaxPickleMarks) return Bad("values are nested too deeply");
        marks_.push_back(stack_.size());
        return {};
      case '0':  // POP takes a mark where one lies on top
        if (!marks_.empty() && marks_.back() == stack_.size()) {
          marks_.pop_back();
          return {};
        }
        return Pop(&id);
      case '1':
        return PopMark(&items);
      case '2':
        CUTIS_TRY(Top(&id));
        stack_.push_back(id);
        return {};
      case 'N':
        return Push(PickleKind::kNone);
      case 0x88:
      case 0x89:
        return PushNumber(PickleKind::kBool, code_ == 0x88);
      case 'J':
        CUTIS_TRY(TakeNumber(4, &number));
        return PushNumber(PickleKind::kInt, static_cast<int32_t>(number));
      case 'K':
        CUTIS_TRY(TakeNumber(1, &number));
        return PushNumber(PickleKind::kInt, static_cast<int64_t>(number));
      case 'M':
        CUTIS_TRY(TakeNumber(2, &number));
        return PushNumber(PickleKind::kInt, static_cast<int64_t>(number));
      case 'G': {
        CUTIS_TRY(TakeNumber(8, &number));
        uint64_t bits = 0;  // BINFLOAT is big-endian
        for (int i = 0; i < 8; ++i) bits = bits << 8 | (number >> (8 * i) & 0xff);
        CUTIS_TRY(Push(PickleKind::kFloat));
        std::memcpy(&values_.back().real, &bits, sizeof bits);
        return {};
      }
      default:
        return StepOnValues();
    }
  }

  // The opcodes that work on what lies on the stack.
  Status StepOnValues() {
    std::string_view module, name;
    uint64_t number = 0;
    std::vector<PickleId> items;
    PickleId id = kNoPickle;
    switch (code_) {
      case ')':
      case 0x85:
      case 0x86:
      case 0x87:
        return PushTuple(code_ == ')' ? 0 : code_ - 0x84u);
      case 't':
      case 'l':
      case 0x91:
        CUTIS_TRY(PopMark(&items));
        return Push(code_ == 't' ? PickleKind::kTuple : code_ == 'l' ? PickleKind::kList : PickleKind::kSet, std::move(items));
      case 'd':
        CUTIS_TRY(PopMark(&items));
        if (items.size() % 2 != 0) return BadUse("finds a key without a value");
        return Push(PickleKind::kDict, std::move(items));
      case ']':
        return Push(PickleKind::kList);
      case '}':
        return Push(PickleKind::kDict);
      case 0x8f:
        return Push(PickleKind::kSet);
      case 'a':
        return AddPopped(1);
      case 's':
        return AddPopped(2);
      case 'e':
      case 0x90:
        return AddMarked(/*pairs=*/false);
      case 'u':
        return AddMarked(/*pairs=*/true);
      case 'q':
      case 'r':
        CUTIS_TRY(TakeNumber(code_ == 'q' ? 1 : 4, &number));
        return Remember(number);
      case 0x94:
        return Remember(memo_.size());
      case 'h':
      case 'j':
        CUTIS_TRY(TakeNumber(code_ == 'h' ? 1 : 4, &number));
        return Recall(number);
      case 'c':
        CUTIS_TRY(TakeLine(&module));
        CUTIS_TRY(TakeLine(&name));
        return PushGlobal(module, name);
      case 0x93: {
        PickleId second = kNoPickle;
        CUTIS_TRY(Pop(&second));
        CUTIS_TRY(Pop(&id));
        if (At(id).kind != PickleKind::kText || At(second).kind != PickleKind::kText) return BadUse("needs two texts");
        return PushGlobal(At(id).text, At(second).text);
      }
      case 'R':
        return Reduce();
      case 0x81:
      case 0x92:
        return NewObject(code_ == 0x92);
      case 'b':
        return Build();
      case 'Q':
        return PushPersistent();
      case 'i':
      case 'o':
        return RefuseOldObject();
      default:
        return Bad("opcode " + OpcodeName(code_) + " is not supported: no torch.save writes it", Code::kUnsupported);
    }
  }

  std::vector<PickleValue>& values_;
  Pickle& pickle_;
  std::span<const std::byte> bytes_;
  const std::string& where_;
  size_t first_byte_, at_ = 0, start_ = 0;
  uint8_t code_ = 0;
  PickleId called_ = kNoPickle;  // for messages
  std::vector<PickleId> stack_;
  std::vector<size_t> marks_;
  std::map<uint64_t, PickleId> memo_;  // no hashes: their collisions could be chosen
};

Result<Pickle::Loaded> Pickle::Load(std::span<const std::byte> bytes, const std::string& where, size_t first_byte) {
  return Unpickler(*this, bytes, where, first_byte).Run();
}

}  // namespace cutis::convert
