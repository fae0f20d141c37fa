#include "converter/write/emit_c.h"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "converter/recipe/of_model.h"
#include "converter/write/file.h"
#include "runtime/cutis_core.h"
#include "runtime/file.h"
#include "runtime/header.h"
#include "runtime/memory.h"
#include "runtime/model.h"
#include "runtime/self_test.h"

namespace cutis::convert {
namespace {

constexpr size_t kWordsOfLine = 6;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string Upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

// A C string literal; bytes that mean something to a compiler, or lie beyond ASCII, as octal numbers.
std::string Literal(const std::string& text) {
  std::string literal = "\"";
  for (const char c : text) {
    if (IsLetter(c) || IsDigit(c) || std::strchr(" -_.,:()+", c) != nullptr) {
      literal += c;
    } else {
      char octal[8];
      std::snprintf(octal, sizeof octal, "\\%03o", static_cast<unsigned>(static_cast<unsigned char>(c)));
      literal += octal;
    }
  }
  return literal + "\"";
}

// What the core takes of its caller's memory, by opening the model in as much as that needs.
Result<size_t> MemoryOfCore(const uint8_t* model, size_t size) {
  for (size_t room = size_t{64} << 10;; room *= 2) {
    const std::unique_ptr<uint8_t[], AlignedDeleter> memory = AllocateAligned(room);
    if (memory == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no %zu bytes to open the model in", room);
    cutis_core* core = nullptr;
    char error[Status::kMaxText];
    const cutis_status status = cutis_core_open(model, size, memory.get(), room, &core, error, sizeof error);
    if (status == CUTIS_OK) return cutis_core_memory_bytes(core);
    if (status != CUTIS_ERROR_NO_MEMORY) return Status::Error(static_cast<Code>(status), "%s", error);
  }
}

std::string HeaderText(const Model& model, const std::string& name, size_t memory_bytes) {
  const std::string upper = Upper(name);
  std::string text = "/* Made by cutis-convert --emit-c; do not edit. How to use it: docs/bare.md of Cutis. */\n";
  text += "#ifndef CUTIS_" + upper + "_MODEL_H_\n#define CUTIS_" + upper + "_MODEL_H_\n\n#include <stdint.h>\n\n";
  const auto define = [&](const char* what, const std::string& value, const char* comment) {
    text += "#define " + upper + "_" + what + " " + value + (comment[0] != '\0' ? std::string(" /* ") + comment + " */" : "") +
            "\n";
  };
  define("NAME", Literal(model.provenance().name), "");
  define("CONTENT_HASH", Literal(HexText(model.sha256())), "");
  if (model.self_test() != nullptr) {
    define("OUTPUT_HASH", Literal(HexText(model.self_test()->outputs)), "of the generated inputs: what the self-test must find");
  }
  define("MODEL_BYTES", std::to_string(model.file_bytes()), "a multiple of 64");
  define("ARENA_BYTES", std::to_string(model.ArenaBytes(1, 1)), "for one image at a time: the same on every machine");
  define("MEMORY_BYTES", std::to_string(memory_bytes), "for cutis_core_open: with 64-bit pointers; 32-bit ones take less");
  text += "\n/* The file, at a multiple of 64. Words for little-endian machines. */\n";
  text += "extern const uint64_t " + name + "_model[" + upper + "_MODEL_BYTES / 8];\n\n";
  text +=
      "/* The same under names that do not depend on the model, for a program that holds only this one. */\n#ifdef "
      "CUTIS_ONE_MODEL\n";
  for (const char* what : {"NAME", "MODEL_BYTES", "ARENA_BYTES", "MEMORY_BYTES"})
    text += std::string("#define CUTIS_ONE_") + what + " " + upper + "_" + what + "\n";
  text += "#define CUTIS_ONE_MODEL_WORDS " + name + "_model\n#endif\n\n#endif\n";
  return text;
}

std::string SourceText(std::span<const std::byte> bytes, const std::string& name, const std::string& header) {
  std::string text =
      "/* Made by cutis-convert --emit-c; do not edit. CUTIS_MODEL_SECTION may name the section to put it into. */\n";
  text += "#include \"" + header + "\"\n\n#ifdef CUTIS_MODEL_SECTION\n__attribute__((section(CUTIS_MODEL_SECTION)))\n#endif\n";
  text += "_Alignas(64) const uint64_t " + name + "_model[" + Upper(name) + "_MODEL_BYTES / 8] = {\n";
  text.reserve(text.size() + bytes.size() / 8 * 21);
  for (size_t i = 0; i < bytes.size() / 8; ++i) {
    uint64_t word = 0;
    for (size_t j = 8; j-- > 0;) word = word << 8 | static_cast<uint64_t>(bytes[8 * i + j]);
    char number[32];
    std::snprintf(number, sizeof number, "0x%llxu,", static_cast<unsigned long long>(word));
    text += number;
    text += (i + 1) % kWordsOfLine == 0 ? "\n" : " ";
  }
  return text + "\n};\n";
}

}  // namespace

std::string CNameOf(const std::string& name) {
  std::string made;
  for (const char c : name) made += IsDigit(c) ? c : IsLetter(c) ? static_cast<char>(c | 0x20) : '_';
  return !made.empty() && IsLetter(made[0]) ? made : "model_" + made;
}

Status CheckCPath(const std::string& path) {
  const std::string file = FileName(path);
  if (file.size() > 2 && file.ends_with(".c")) return {};
  return Status::Error(Code::kUsage, "--emit-c: %s does not end with .c", path.c_str());
}

Status EmitC(std::span<const std::byte> bytes, const std::string& source, const std::string& path) {
  CUTIS_TRY(CheckCPath(path));
  const std::unique_ptr<uint8_t[], AlignedDeleter> aligned = AllocateAligned(bytes.size());
  if (aligned == nullptr) return Status::Error(Code::kBadInput, "%s: not a .cutis file: it is empty", source.c_str());
  std::memcpy(aligned.get(), bytes.data(), bytes.size());
  const Result<std::unique_ptr<Model>> model = Model::OpenMemory(aligned.get(), bytes.size());
  if (!model.ok()) return Status::Error(model.status().code(), "%s: %s", source.c_str(), model.status().text());
  const Result<size_t> memory = MemoryOfCore(aligned.get(), bytes.size());
  if (!memory.ok()) return Status::Error(memory.status().code(), "%s: %s", source.c_str(), memory.status().text());
  const std::string name = CNameOf(model.value()->provenance().name);
  const std::string header = path.substr(0, path.size() - 1) + "h";
  const std::string header_text = HeaderText(*model.value(), name, memory.value());
  const std::string source_text = SourceText(bytes, name, FileName(header));
  CUTIS_TRY(WriteFileAtomically(header, std::as_bytes(std::span(header_text))));
  return WriteFileAtomically(path, std::as_bytes(std::span(source_text)));
}

Status EmitCOfFile(const std::string& file, const std::string& path) {
  CUTIS_ASSIGN(const std::vector<std::byte> bytes, ReadFile(file, sizeof(FileHeader) + kMaxGraphBytes + kMaxSegmentBytes));
  return EmitC(bytes, file, path);
}

}  // namespace cutis::convert
