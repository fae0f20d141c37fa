#include "runtime/tuning.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "runtime/system_file.h"

namespace cutis {
namespace {

constexpr size_t kMostLine = 160;

class Reader {
 public:
  explicit Reader(const char* path) : path_(path), file_(OpenStream(path)) {}
  ~Reader() {
    if (file_ != nullptr) std::fclose(file_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Status Opened() const {
    if (file_ != nullptr) return {};
    return Status::Error(errno == ENOENT ? Code::kBadInput : Code::kIo, "%s: the tuning cannot be opened: %s", path_,
                         std::strerror(errno));
  }

  // The next line without its end, in line(). False at the end of the file.
  Result<bool> Next() {
    if (std::fgets(line_, sizeof line_, file_) == nullptr) {
      if (std::ferror(file_)) return Status::Error(Code::kIo, "%s: the tuning cannot be read", path_);
      return false;
    }
    ++number_;
    const size_t length = std::strlen(line_);
    read_ += length;
    if (length == 0 || line_[length - 1] != '\n' || read_ > kMaxTuningBytes) return Damaged("no line of a tuning");
    line_[length - 1] = '\0';
    return true;
  }

  // What follows `key` and a space on the next line.
  Result<const char*> Value(const char* key) {
    CUTIS_ASSIGN(const bool there, Next());
    const size_t length = std::strlen(key);
    if (!there) return Damaged("it ends too early");
    if (std::strncmp(line_, key, length) != 0 || line_[length] != ' ') return Damaged("not what belongs here");
    return static_cast<const char*>(line_ + length + 1);
  }

  const char* line() const { return line_; }

  Status Damaged(const char* what) const {
    return Status::Error(Code::kBadInput, "%s, line %d: %s; measure anew with cutis bench --autotune", path_, number_, what);
  }

 private:
  const char* path_;
  std::FILE* file_;
  char line_[kMostLine];
  int number_ = 0;
  size_t read_ = 0;
};

// Node number and instruction set of a line "step NODE ISA".
bool ParseStep(const char* line, long* node, char (&isa)[16]) {
  constexpr char kKey[] = "step ";
  if (std::strncmp(line, kKey, sizeof kKey - 1) != 0) return false;
  const char* at = line + sizeof kKey - 1;
  char* end = nullptr;
  if (*at < '0' || *at > '9') return false;
  errno = 0;
  *node = std::strtol(at, &end, 10);
  if (errno != 0 || *end != ' ' || end[1] == '\0' || std::strlen(end + 1) >= sizeof isa) return false;
  std::strcpy(isa, end + 1);
  return true;
}

bool IsLastOfStep(const ModelData& data, long node) {
  if (node < 0 || static_cast<size_t>(node) >= data.nodes.size()) return false;
  const int32_t block = data.nodes[static_cast<size_t>(node)].block;
  return block < 0 || data.blocks[static_cast<size_t>(block)].last == node;
}

}  // namespace

Status ApplyTuning(const char* path, CpuFeatures cpu, std::span<const uint8_t, 32> sha256, ModelData* data) {
  Reader reader(path);
  CUTIS_TRY(reader.Opened());
  CUTIS_ASSIGN(const bool any, reader.Next());
  if (!any || std::strcmp(reader.line(), kTuningHeader) != 0) return reader.Damaged("not a tuning of this version of Cutis");
  char text[kMostLine];
  DescribeCpu(text, sizeof text);
  CUTIS_ASSIGN(const char* const name, reader.Value("cpu"));
  if (std::strcmp(name, text) != 0) return Status::Error(Code::kUsage, "%s: measured on another CPU: %s", path, name);
  for (size_t i = 0; i < sha256.size(); ++i) std::snprintf(text + 2 * i, 3, "%02x", sha256[i]);
  CUTIS_ASSIGN(const char* const model, reader.Value("model"));
  if (std::strcmp(model, text) != 0) return Status::Error(Code::kUsage, "%s: measured for another model", path);
  while (true) {
    CUTIS_ASSIGN(const bool more, reader.Next());
    if (!more) return {};
    long node = 0;
    char isa[16];
    if (!ParseStep(reader.line(), &node, isa) || !IsLastOfStep(*data, node)) return reader.Damaged("no step of the model");
    const Result<CpuFeatures> mask = MaskCpu(cpu, isa);
    if (!mask.ok()) return Status::Error(mask.status().code(), "%s: step %ld: %s", path, node, mask.status().text());
    ChooseStepKernels(mask.value(), static_cast<int32_t>(node), data);
  }
}

}  // namespace cutis
