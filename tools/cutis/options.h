// Subcommands with options, read by the C library's getopt_long: `--name VALUE` or `--name=VALUE`, `--` before names that begin
// with a dash, unambiguous beginnings of names. The parser of cutis-convert (CLI11) would bring streams and locales: a third of
// a static program.
#ifndef CUTIS_TOOLS_CUTIS_OPTIONS_H_
#define CUTIS_TOOLS_CUTIS_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ops/status.h"

namespace cutis::cli {

inline constexpr const char* kExitCodes = "Exit codes: 0 done, 1 failure, 2 wrong usage, 3 bad input (a model or an image).";

// One subcommand: what it takes, and what it does. The values that options write to must live as long; what they hold before is
// the default that --help names. Texts are string literals.
class Command {
 public:
  Command(const char* name, const char* about) : name_(name), about_(about) {}

  // Positionals, required, in this order.
  void AddPositional(const char* name, std::string& value, const char* about);
  void AddPositionals(const char* name, std::vector<std::string>& values, const char* about);  // one or more; the last
  // argument: what --help calls the value.
  void AddText(const char* name, const char* argument, std::string& value, const char* about);
  void AddNumber(const char* name, int32_t& value, int32_t least, int32_t most, const char* about);
  void AddChoice(const char* name, std::vector<const char*> choices, std::string& value, const char* about);
  void AddFlag(const char* name, bool& value, const char* about);
  // The last option that was added may not come together with this one, which was added before.
  void Exclude(const char* name);
  void SetFooter(const char* text) { footer_ = text; }  // instead of the exit codes

  const char* name() const { return name_; }
  const char* about() const { return about_; }
  std::string Help() const;
  // arguments: the subcommand's name and what follows it, as main() got it. kUsage where it is not understood; `help` says
  // whether
  // --help was among it, and the rest has not been looked at.
  Status Parse(int count, char** arguments, bool* help);

  std::function<int()> run;  // gives the exit code

 private:
  struct Option {
    std::string name;      // without dashes
    std::string argument;  // as --help prints it; empty: a flag
    const char* about;
    std::function<Status(const char*)> take;
    std::vector<size_t> excluded;
    bool given = false;
  };
  struct Positional {
    const char* name;
    const char* about;
    std::string* value;                // or
    std::vector<std::string>* values;  // one or more
  };
  Status Take(Option& option, const char* value);
  Status TakeAll(const std::vector<const char*>& positionals);

  const char *name_, *about_, *footer_ = kExitCodes;
  std::vector<Option> options_;
  std::vector<Positional> positionals_;
};

// The value of option `name`, for those that take other words too.
Status ReadNumber(const char* name, const char* text, int32_t least, int32_t most, int32_t* value);

// What --help prints of a name and its text: beside each other, or below, in lines of at most 120 characters where words allow
// it.
std::string HelpEntry(const std::string& head, const char* about);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_OPTIONS_H_
