#include "tools/cutis/inputs.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "tools/cutis/system.h"

namespace cutis::cli {
namespace {

bool IsImageName(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  std::string ending(name.substr(dot + 1));
  for (char& c : ending) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return ending == "jpg" || ending == "jpeg" || ending == "png";
}

// A line without its end; false at the end of the stream.
bool ReadLine(std::FILE* file, std::string* line) {
  line->clear();
  int c;
  while ((c = std::getc(file)) != EOF && c != '\n') *line += static_cast<char>(c);
  if (!line->empty() && line->back() == '\r') line->pop_back();
  return c != EOF || !line->empty();
}

}  // namespace

Status Inputs::AddFolder(const std::string& folder) {
  std::vector<FolderEntry> entries;
  CUTIS_TRY(ListFolder(folder, &entries));
  std::sort(entries.begin(), entries.end(), [](const FolderEntry& a, const FolderEntry& b) { return a.name < b.name; });
  const char* const between = folder.back() == '/' ? "" : "/";
  for (const FolderEntry& entry : entries) {
    const std::string path = folder + between + entry.name;
    if (entry.is_folder) {
      CUTIS_TRY(AddFolder(path));
    } else if (IsImageName(entry.name)) {
      paths_.push_back(path);
    }
  }
  return {};
}

Status Inputs::Expand(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "-") {
      has_stdin_ = true;
      paths_.emplace_back();
    } else if (argument.empty()) {
      return Status::Error(Code::kBadInput, "the name of an image is empty");
    } else if (IsFolder(argument)) {
      CUTIS_TRY(AddFolder(argument));
    } else if (argument.find_first_of("*?") != std::string::npos && !Exists(argument)) {
      std::vector<std::string> found = MatchPattern(argument);
      if (found.empty()) return Status::Error(Code::kBadInput, "%s: nothing matches this pattern", argument.c_str());
      std::sort(found.begin(), found.end());
      paths_.insert(paths_.end(), found.begin(), found.end());
    } else {
      paths_.push_back(argument);
    }
  }
  return {};
}

bool Inputs::Next(std::string* path) {
  while (next_ < paths_.size()) {
    if (!paths_[next_].empty()) {
      *path = paths_[next_++];
      return true;
    }
    while (ReadLine(stdin, path)) {
      if (!path->empty()) return true;
    }
    ++next_;
  }
  return false;
}

}  // namespace cutis::cli
