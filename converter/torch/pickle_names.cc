// Names in a pickle, for look-ups and messages.
#include "converter/torch/pickle.h"

namespace cutis::convert {

std::string Printable(std::string_view text, size_t limit) {
  std::string printable(text.substr(0, limit));
  for (char& c : printable) {
    if (c < 0x20 || c == 0x7f) c = '?';  // char is signed or not: both ends are caught
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return text.size() > limit ? printable + "..." : printable;
}

PickleId Pickle::Find(PickleId dict, std::string_view key) const {
  if (dict == kNoPickle || KindOf(dict) != PickleKind::kDict) return kNoPickle;
  const std::vector<PickleId>& items = (*this)[dict].items;
  for (size_t i = items.size(); i >= 2; i -= 2) {
    const PickleValue& candidate = (*this)[items[i - 2]];
    if (candidate.kind == PickleKind::kText && candidate.text == key) return items[i - 1];
  }
  return kNoPickle;
}

std::string Pickle::GlobalName(PickleId id) const {
  if (id == kNoPickle || KindOf(id) != PickleKind::kGlobal) return "";
  const std::vector<PickleId>& items = (*this)[id].items;
  return Printable((*this)[items[0]].text) + "." + Printable((*this)[items[1]].text);
}

namespace {

// Opcodes by their names in Python's pickletools. Those that are not in the table do not exist.
struct Opcode {
  uint8_t code;
  const char* name;
};
constexpr Opcode kOpcodes[] = {
    {'(', "MARK"},
    {'.', "STOP"},
    {'0', "POP"},
    {'1', "POP_MARK"},
    {'2', "DUP"},
    {'F', "FLOAT"},
    {'I', "INT"},
    {'J', "BININT"},
    {'K', "BININT1"},
    {'L', "LONG"},
    {'M', "BININT2"},
    {'N', "NONE"},
    {'P', "PERSID"},
    {'Q', "BINPERSID"},
    {'R', "REDUCE"},
    {'S', "STRING"},
    {'T', "BINSTRING"},
    {'U', "SHORT_BINSTRING"},
    {'V', "UNICODE"},
    {'X', "BINUNICODE"},
    {'a', "APPEND"},
    {'b', "BUILD"},
    {'c', "GLOBAL"},
    {'d', "DICT"},
    {'}', "EMPTY_DICT"},
    {'e', "APPENDS"},
    {'g', "GET"},
    {'h', "BINGET"},
    {'i', "INST"},
    {'j', "LONG_BINGET"},
    {'l', "LIST"},
    {']', "EMPTY_LIST"},
    {'o', "OBJ"},
    {'p', "PUT"},
    {'q', "BINPUT"},
    {'r', "LONG_BINPUT"},
    {'s', "SETITEM"},
    {'t', "TUPLE"},
    {')', "EMPTY_TUPLE"},
    {'u', "SETITEMS"},
    {'G', "BINFLOAT"},
    {0x80, "PROTO"},
    {0x81, "NEWOBJ"},
    {0x82, "EXT1"},
    {0x83, "EXT2"},
    {0x84, "EXT4"},
    {0x85, "TUPLE1"},
    {0x86, "TUPLE2"},
    {0x87, "TUPLE3"},
    {0x88, "NEWTRUE"},
    {0x89, "NEWFALSE"},
    {0x8a, "LONG1"},
    {0x8b, "LONG4"},
    {'B', "BINBYTES"},
    {'C', "SHORT_BINBYTES"},
    {0x8c, "SHORT_BINUNICODE"},
    {0x8d, "BINUNICODE8"},
    {0x8e, "BINBYTES8"},
    {0x8f, "EMPTY_SET"},
    {0x90, "ADDITEMS"},
    {0x91, "FROZENSET"},
    {0x92, "NEWOBJ_EX"},
    {0x93, "STACK_GLOBAL"},
    {0x94, "MEMOIZE"},
    {0x95, "FRAME"},
    {0x96, "BYTEARRAY8"},
    {0x97, "NEXT_BUFFER"},
    {0x98, "READONLY_BUFFER"},
};

}  // namespace

std::string OpcodeName(uint8_t code) {
  for (const Opcode& opcode : kOpcodes) {
    if (opcode.code == code) return opcode.name;
  }
  return "0x" + std::string(1, "0123456789abcdef"[code >> 4]) + std::string(1, "0123456789abcdef"[code & 15]);
}

}  // namespace cutis::convert
