#include "tools/cutis/result_file.h"

#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "runtime/recipe.h"
#include "tools/cutis/system.h"
#include "tools/cutis/verdict_text.h"
#include "tools/pipeline/read_file.h"

namespace cutis::cli {
namespace {

constexpr size_t kErrorColumn = 4;              // of a table: file, verdict, p_bcc, reasons, error
constexpr size_t kMostBytes = size_t{1} << 30;  // of a file that is gone on with

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() > end.size() && text.substr(text.size() - end.size()) == end;
}

// A field of a table (RFC 4180).
std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted("\"");
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted += '"';
}

std::string JsonText(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// The end of the record that begins at `at`, behind its line end; npos where it is cut off. `fields`: of a table its fields,
// else the line.
size_t EndOfRecord(std::string_view text, size_t at, bool csv, std::vector<std::string>* fields) {
  fields->assign(1, "");
  for (bool quoted = false; at < text.size(); ++at) {
    const char c = text[at];
    if (csv && c == '"') {
      // Two quotes within quotes stand for one.
      if (quoted && at + 1 < text.size() && text[at + 1] == '"') {
        fields->back() += text[++at];
      } else {
        quoted = !quoted;
      }
    } else if (c == '\n' && !quoted) {
      return at + 1;
    } else if (csv && c == ',' && !quoted) {
      fields->emplace_back();
    } else {
      fields->back() += c;
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::string ResultFile::Head() const {
  const Model& model = judging_.model;
  const VerdictRecipe& recipe = *model.verdict();
  Json head;
  head["cutis"] = CUTIS_VERSION;
  head["model"] = model.provenance().name;
  head["model_hash"] = Hex(model.sha256());
  head["operating_point"] = nullptr;
  if (!judging_.operating_point.empty()) {
    head["operating_point"] = judging_.operating_point;
  } else if (!recipe.operating_points.empty()) {
    head["operating_point"] = recipe.operating_points[static_cast<size_t>(recipe.default_operating_point)].name;
  }
  head["views"] = judging_.views;
  head["gates"] = judging_.limited();
  const std::string text = JsonText(head);
  if (!csv_) return text + "\n";
  std::string columns("\nfile,verdict,p_bcc,reasons,error,views,gates");
  for (const char* label : recipe.labels) columns.append(",p_").append(label);
  return "# " + text + columns + ",decode_ms,preprocess_ms,inference_ms\n";
}

Status ResultFile::ReadDone(const std::string& text, const std::string& head, size_t* keep) {
  if (text.compare(0, head.size(), head) != 0) {
    // Stopped before the first line was there: begin anew.
    if (head.compare(0, text.size(), text) == 0) return {};
    return Status::Error(
        Code::kUsage,
        "%s: was begun with another model, options or version of Cutis (its first line says which); go on with "
        "these, or name another file",
        path_.c_str());
  }
  *keep = head.size();
  std::vector<std::string> fields;
  for (size_t end; (end = EndOfRecord(text, *keep, csv_, &fields)) != std::string::npos; *keep = end) {
    if (csv_) {
      if (fields.size() <= kErrorColumn) return Foreign(*keep);
      had_errors_ = had_errors_ || !fields[kErrorColumn].empty();
      ++done_[fields[0]];
    } else {
      const Json line = Json::parse(fields[0], nullptr, false);
      if (!line.is_object() || !line.contains("file") || !line["file"].is_string()) return Foreign(*keep);
      had_errors_ = had_errors_ || line.contains("error");
      ++done_[line["file"].get<std::string>()];
    }
  }
  return {};
}

Status ResultFile::Foreign(size_t at) const {
  return Status::Error(Code::kBadInput, "%s: holds something else than results at byte %zu", path_.c_str(), at);
}

Result<std::unique_ptr<ResultFile>> ResultFile::Open(const std::string& path, const Judging& judging, bool resume) {
  std::unique_ptr<ResultFile> made(new ResultFile(judging));
  made->path_ = path;
  made->csv_ = EndsWith(path, ".csv");
  if (!made->csv_ && !EndsWith(path, ".jsonl")) {
    return Status::Error(Code::kUsage, "--out %s: its name must end in .jsonl or .csv", path.c_str());
  }
  const std::string head = made->Head();
  size_t keep = 0;
  if (Exists(path)) {
    if (!resume) {
      return Status::Error(Code::kUsage, "--out %s: is there already; --resume goes on with it", path.c_str());
    }
    std::vector<uint8_t> bytes;
    std::string error;
    if (const cutis_status status = pipeline::ReadFile(path.c_str(), kMostBytes, &bytes, &error); status != CUTIS_OK) {
      return Status::Error(static_cast<Code>(status), "%s: %s", path.c_str(), error.c_str());
    }
    CUTIS_TRY(made->ReadDone(std::string(bytes.begin(), bytes.end()), head, &keep));
  }
  made->file_ = OpenToAppend(path, keep);
  if (made->file_ == nullptr) return Status::Error(Code::kIo, "%s: cannot be written: %s", path.c_str(), std::strerror(errno));
  if (keep == 0) std::fputs(head.c_str(), made->file_);
  return made;
}

ResultFile::~ResultFile() {
  if (file_ != nullptr) std::fclose(file_);
}

bool ResultFile::TakeDone(const std::string& path) {
  // As the file has it: JSON holds no bytes that are not UTF-8.
  const auto found = done_.find(csv_ ? path : Json::parse(JsonText(path)).get<std::string>());
  if (found == done_.end() || found->second == 0) return false;
  --found->second;
  return true;
}

std::string ResultFile::CsvLine(const cutis_pipeline_outcome& outcome) const {
  const cutis_result& result = outcome.result;
  const bool good = outcome.status == CUTIS_OK;
  const char* const verdict = good ? cutis_verdict_name(result.verdict) : nullptr;
  std::string line = CsvField(outcome.path);
  line.append(",").append(verdict != nullptr ? verdict : "").append(",");
  if (good) line += JsonText(result.p_bcc);
  line += ",";
  std::string reasons;
  for (uint32_t bit = 1; good && bit != 0; bit <<= 1) {
    if (result.reasons & bit) reasons.append(reasons.empty() ? "" : " ").append(cutis_reason_name(bit));
  }
  line.append(reasons).append(",").append(good ? "" : CsvField(outcome.error)).append(",");
  if (good) line.append(std::to_string(outcome.views)).append(",").append(judging_.limited() ? "true" : "false");
  if (!good) line += ",";
  for (size_t i = 0; i < judging_.model.verdict()->labels.size(); ++i) {
    line += ",";
    if (good) line += JsonText(result.probabilities[i]);
  }
  for (const double ms : {result.decode_ms, result.preprocess_ms, result.inference_ms}) {
    line += ",";
    if (good) line += JsonText(static_cast<float>(ms));
  }
  return line + "\n";
}

Status ResultFile::Write(const cutis_pipeline_outcome& outcome) {
  std::string line;
  if (csv_) {
    line = CsvLine(outcome);
  } else {
    line = JsonText(OutcomeJson(judging_, outcome)) + "\n";
  }
  if (std::fputs(line.c_str(), file_) >= 0 && std::fflush(file_) == 0) return {};
  return Status::Error(Code::kIo, "%s: cannot be written: %s", path_.c_str(), std::strerror(errno));
}

Status ResultFile::Finish() {
  std::FILE* const file = file_;
  file_ = nullptr;
  if (CloseOnDisk(file)) return {};
  return Status::Error(Code::kIo, "%s: cannot be written: %s", path_.c_str(), std::strerror(errno));
}

}  // namespace cutis::cli
