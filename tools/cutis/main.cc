// cutis: classify images, look into a model file, measure. Exit codes: 0 done, 1 failure, 2 usage, 3 bad input.
#include <cstdio>
#include <exception>
#include <functional>
#include <new>
#include <string>

#include "tools/cutis/common.h"
#include "tools/utf8/utf8.h"

namespace {

using cutis::cli::Command;

int ParseError(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help and --version
  const CLI::App* at = &app;
  for (const CLI::App* sub : app.get_subcommands()) at = sub;
  const std::string help = at == &app ? "cutis --help" : "cutis " + at->get_name() + " --help";
  cutis::cli::PrintError(std::string(error.what()) + " (see " + help + ")");
  return 2;
}

int Main(int argc, char** argv) {
  CLI::App app{
      "Cutis: tells basal cell carcinoma (bcc) from other skin lesions in dermoscopic images.\n"
      "Not a medical device.\n",
      "cutis"};
  app.allow_windows_style_options(false);  // /name is a path
  app.set_version_flag("--version", "cutis " CUTIS_VERSION);
  app.require_subcommand(1);
  app.footer("Exit codes: 0 done, 1 failure, 2 wrong usage, 3 bad input (a model or an image).");
  const Command commands[] = {cutis::cli::AddClassify(app), cutis::cli::AddInspect(app), cutis::cli::AddBench(app),
                              cutis::cli::AddSelfTest(app)};
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ParseError(app, error);
  }
  for (const Command& command : commands) {
    if (!command.app->parsed()) continue;
    const int code = command.run();
    const int output = cutis::cli::FinishOutput();
    return code != 0 ? code : output;
  }
  return 2;
}

}  // namespace

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
