#include "converter/recipe/labels.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "converter/write/file.h"

namespace cutis::convert {
namespace {

using Row = std::vector<std::string>;

// Takes one row off the front of `text`: fields between commas, "..." may hold commas, line breaks and doubled quotes.
Row TakeRow(std::string_view& text) {
  Row row(1);
  bool quoted = false;
  size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"') {
        row.back() += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        row.back() += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"' && row.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      row.emplace_back();
    } else if (c == '\n') {
      ++i;
      break;
    } else if (c != '\r') {
      row.back() += c;
    }
  }
  text.remove_prefix(i);
  return row;
}

}  // namespace

Result<std::map<std::string, bool>> ParseLabels(std::string_view text, const std::string& positive, const std::string& where) {
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);  // the byte order mark of some spreadsheets
  const Row header = TakeRow(text);
  const auto column = [&](const char* name) {
    return static_cast<size_t>(std::find(header.begin(), header.end(), name) - header.begin());
  };
  const size_t file = column("file"), is_bcc = column("is_bcc"), label = column("label"), none = header.size();
  if (file == none || (is_bcc == none && label == none)) {
    return Status::Error(Code::kBadInput, "%s: the first line must name the columns file and is_bcc, or file and label",
                         where.c_str());
  }
  std::map<std::string, bool> labels;
  for (size_t number = 2; !text.empty(); ++number) {
    const Row row = TakeRow(text);
    if (row.size() == 1 && row[0].empty()) continue;
    if (row.size() != header.size()) {
      return Status::Error(Code::kBadInput, "%s: row %zu has %zu fields, the first %zu", where.c_str(), number, row.size(),
                           header.size());
    }
    if (is_bcc != none && row[is_bcc] != "0" && row[is_bcc] != "1") {
      return Status::Error(Code::kBadInput, "%s: row %zu: is_bcc must be 0 or 1", where.c_str(), number);
    }
    const bool truth = is_bcc != none ? row[is_bcc] == "1" : row[label] == positive;
    const auto [at, added] = labels.emplace(FileName(row[file]), truth);
    if (!added && at->second != truth) {
      return Status::Error(Code::kBadInput, "%s: row %zu contradicts an earlier one about \"%s\"", where.c_str(), number,
                           at->first.c_str());
    }
  }
  return labels;
}

}  // namespace cutis::convert
