#include "tools/cutis/options.h"

#include <getopt.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace cutis::cli {
namespace {

constexpr size_t kColumn = 30, kLine = 120;
constexpr int kFirstOption = 256;  // what getopt_long returns for option 0: no character
constexpr int kHelp = 'h', kPositional = 1;

}  // namespace

std::string HelpEntry(const std::string& head, const char* about) {
  std::string text("  ");
  text += head;
  if (text.size() + 2 > kColumn) text += '\n';
  text.append(kColumn - (text.back() == '\n' ? 0 : text.size()), ' ');
  size_t used = kColumn;
  bool first = true;
  for (const char* word = about; *word != '\0'; first = false) {
    const size_t length = std::strcspn(word, " ");
    if (!first && used + 1 + length > kLine) {
      text.append("\n").append(kColumn, ' ');
      used = kColumn;
    } else if (!first) {
      text += ' ';
      ++used;
    }
    text.append(word, length);
    used += length;
    word += length + std::strspn(word + length, " ");
  }
  return text + "\n";
}

Status ReadNumber(const char* name, const char* text, int32_t least, int32_t most, int32_t* value) {
  int32_t number = 0;
  const char* const all = text + std::strlen(text);
  const auto [end, error] = std::from_chars(text, all, number);
  if (error != std::errc() || end != all || number < least || number > most) {
    return Status::Error(Code::kUsage, "--%s: \"%s\" is no whole number from %d to %d", name, text, least, most);
  }
  *value = number;
  return {};
}

void Command::AddPositional(const char* name, std::string& value, const char* about) {
  positionals_.push_back({name, about, &value, nullptr});
}

void Command::AddPositionals(const char* name, std::vector<std::string>& values, const char* about) {
  positionals_.push_back({name, about, nullptr, &values});
}

void Command::AddText(const char* name, const char* argument, std::string& value, const char* about) {
  const auto take = [&value](const char* text) {
    value = text;
    return Status();
  };
  options_.push_back({name, argument, about, take, {}});
}

void Command::AddNumber(const char* name, int32_t& value, int32_t least, int32_t most, const char* about) {
  char range[80];
  std::snprintf(range, sizeof range, "N:INT in [%d - %d]=%d", least, most, value);
  const auto take = [&value, name, least, most](const char* text) { return ReadNumber(name, text, least, most, &value); };
  options_.push_back({name, range, about, take, {}});
}

void Command::AddChoice(const char* name, std::vector<const char*> choices, std::string& value, const char* about) {
  std::string shown, listed;
  for (const char* choice : choices) {
    shown.append(shown.empty() ? "" : "|").append(choice);
    listed.append(listed.empty() ? "" : ",").append(choice);
  }
  shown.append(":{").append(listed).append("}=").append(value);
  const auto take = [&value, name, choices, listed](const char* text) -> Status {
    const auto is_text = [text](const char* choice) { return std::strcmp(choice, text) == 0; };
    if (std::none_of(choices.begin(), choices.end(), is_text)) {
      return Status::Error(Code::kUsage, "--%s: \"%s\" is none of %s", name, text, listed.c_str());
    }
    value = text;
    return {};
  };
  options_.push_back({name, shown, about, take, {}});
}

void Command::AddFlag(const char* name, bool& value, const char* about) {
  const auto take = [&value](const char*) {
    value = true;
    return Status();
  };
  options_.push_back({name, "", about, take, {}});
}

void Command::Exclude(const char* name) {
  const auto other =
      std::find_if(options_.begin(), options_.end(), [name](const Option& option) { return option.name == name; });
  other->excluded.push_back(options_.size() - 1);
  options_.back().excluded.push_back(static_cast<size_t>(other - options_.begin()));
}

std::string Command::Help() const {
  std::string text = std::string(about_) + "\nUsage: cutis " + name_ + " [OPTIONS]";
  for (const Positional& positional : positionals_)
    text.append(" ").append(positional.name).append(positional.values ? "..." : "");
  text += "\n\nPositionals:\n";
  for (const Positional& positional : positionals_) {
    text += HelpEntry(std::string(positional.name) + (positional.values ? " ... REQUIRED" : " REQUIRED"), positional.about);
  }
  text += "\nOptions:\n" + HelpEntry("-h,--help", "Print this help message and exit");
  for (const Option& option : options_) {
    std::string head("--");
    head += option.name;
    if (!option.argument.empty()) head.append(" ").append(option.argument);
    for (const size_t other : option.excluded) head.append(" Excludes: --").append(options_[other].name);
    text += HelpEntry(head, option.about);
  }
  return text + "\n" + footer_ + "\n";
}

Status Command::Take(Option& option, const char* value) {
  if (option.given) return Status::Error(Code::kUsage, "--%s: given twice", option.name.c_str());
  for (const size_t other : option.excluded) {
    if (!options_[other].given) continue;
    return Status::Error(Code::kUsage, "--%s and --%s exclude each other", options_[other].name.c_str(), option.name.c_str());
  }
  option.given = true;
  return option.take(value);
}

Status Command::TakeAll(const std::vector<const char*>& positionals) {
  size_t at = 0;
  for (const Positional& positional : positionals_) {
    if (at == positionals.size()) return Status::Error(Code::kUsage, "%s is missing", positional.name);
    if (positional.values != nullptr) {
      positional.values->assign(positionals.begin() + static_cast<std::ptrdiff_t>(at), positionals.end());
      at = positionals.size();
    } else {
      *positional.value = positionals[at++];
    }
  }
  if (at < positionals.size()) return Status::Error(Code::kUsage, "\"%s\": nothing takes this argument", positionals[at]);
  return {};
}

Status Command::Parse(int count, char** arguments, bool* help) {
  std::vector<option> names;
  for (const Option& option : options_) {
    const int has = option.argument.empty() ? no_argument : required_argument;
    names.push_back({option.name.c_str(), has, nullptr, kFirstOption + static_cast<int>(names.size())});
  }
  names.push_back({"help", no_argument, nullptr, kHelp});
  names.push_back({});
  std::vector<const char*> positionals;
  *help = false;
  optind = 1;
  opterr = 0;
  for (;;) {
    // '-': arguments that are no options come in their order, as the character 1; ':': a missing value is told apart.
    const int found = getopt_long(count, arguments, "-:h", names.data(), nullptr);
    if (found == -1) break;
    if (found == kHelp) {
      *help = true;
      return {};
    }
    if (found == kPositional) {
      positionals.push_back(optarg);
    } else if (found >= kFirstOption) {
      CUTIS_TRY(Take(options_[static_cast<size_t>(found - kFirstOption)], optarg));
    } else if (found == ':') {
      return Status::Error(Code::kUsage, "%s: its value is missing", arguments[optind - 1]);
    } else if (optopt >= kFirstOption || optopt == kHelp) {
      return Status::Error(Code::kUsage, "%s: this option takes no value", arguments[optind - 1]);
    } else if (optopt != 0) {
      return Status::Error(Code::kUsage, "-%c: there is no such option", optopt);
    } else {
      return Status::Error(Code::kUsage, "%s: no option, or several, begin so", arguments[optind - 1]);
    }
  }
  while (optind < count) positionals.push_back(arguments[optind++]);  // behind --
  return TakeAll(positionals);
}

}  // namespace cutis::cli
