// cutis: classify images, look into a model file, measure. Exit codes: 0 done, 1 failure, 2 usage, 3 bad input.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <span>
#include <string>

#include "tools/cutis/common.h"
#include "tools/utf8/utf8.h"

namespace {

using cutis::cli::Command;

constexpr const char* kAbout =
    "Cutis: tells basal cell carcinoma (bcc) from other skin lesions in dermoscopic images.\n"
    "Not a medical device.\n";

std::string Help(std::span<const Command> commands) {
  std::string text = std::string(kAbout) + "\nUsage: cutis [OPTIONS] SUBCOMMAND\n\nOptions:\n";
  text += cutis::cli::HelpEntry("-h,--help", "Print this help message and exit");
  text += cutis::cli::HelpEntry("--version", "Display program version information and exit");
  text += "\nSubcommands:\n";
  for (const Command& command : commands) text += cutis::cli::HelpEntry(command.name(), command.about());
  return text + "\n" + cutis::cli::kExitCodes + "\n";
}

int UsageError(const std::string& what, const std::string& command) {
  cutis::cli::PrintError(what + " (see cutis " + command + (command.empty() ? "" : " ") + "--help)");
  return 2;
}

int Print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return cutis::cli::FinishOutput();
}

int Main(int argc, char** argv) {
  Command commands[] = {cutis::cli::MakeClassify(), cutis::cli::MakeInspect(), cutis::cli::MakeBench(),
                        cutis::cli::MakeSelfTest()};
  if (argc < 2) return UsageError("a subcommand is missing", "");
  const std::string first = argv[1];
  if (first == "-h" || first == "--help") return Print(Help(commands));
  if (first == "--version") return Print("cutis " CUTIS_VERSION "\n");
  for (Command& command : commands) {
    if (first != command.name()) continue;
    bool help = false;
    const cutis::Status status = command.Parse(argc - 1, argv + 1, &help);
    if (!status.ok()) return UsageError(status.text(), first);
    if (help) return Print(command.Help());
    const int code = command.run();
    const int output = cutis::cli::FinishOutput();
    return code != 0 ? code : output;
  }
  return UsageError("\"" + first + "\" is no subcommand", "");
}

}  // namespace

#if defined(__GLIBCXX__)
// What libstdc++ calls for an exception that nothing catches. Its own prints the type's name, and brings what takes names
// apart: 45 KB.
namespace __gnu_cxx {
void __verbose_terminate_handler();
void __verbose_terminate_handler() {
  std::fputs("cutis: stopped: nothing caught an exception\n", stderr);
  std::abort();
}
}  // namespace __gnu_cxx
#endif

int main(int argc, char** argv) {
  argv = Utf8Arguments(&argc, argv);
  try {
    if (argv == nullptr) throw std::bad_alloc();
    return Main(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("cutis: out of memory\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cutis: %s\n", error.what());
  }
  return 1;
}
