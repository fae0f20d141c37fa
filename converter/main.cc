// cutis-convert: trained weights in, a .cutis file out.
#include <cstdio>
#include <exception>
#include <new>

#include "converter/check.h"
#include "converter/convert.h"
#include "converter/options.h"
#include "converter/progress.h"
#include "converter/write/emit_c.h"
#include "tools/exit_code.h"

namespace {

int Main(int argc, char** argv) {
  int exit_code = cutis::kExitOk;
  const auto options = cutis::convert::ParseOptions(argc, argv, &exit_code);
  if (!options) return exit_code;
  if (cutis::convert::OnlyEmitsC(*options)) {
    const cutis::Status written = cutis::convert::EmitCOfFile(options->input, options->emit_c);
    if (!written.ok()) std::fprintf(stderr, "cutis-convert: %s\n", written.text());
    return cutis::ExitCode(written);
  }
  cutis::convert::ProgressLine progress;
  if (options->check) {
    const auto checked = cutis::convert::Check(*options, progress);
    progress.Clear();
    if (!checked.ok()) {
      std::fprintf(stderr, "cutis-convert: %s\n", checked.status().text());
      return cutis::ExitCode(checked.status());
    }
    std::fputs(checked.value().text.c_str(), stdout);
    return checked.value().below ? cutis::kExitBelowLimit : cutis::kExitOk;
  }
  const auto summary = cutis::convert::Convert(*options, progress);
  progress.Clear();
  if (!summary.ok()) {
    std::fprintf(stderr, "cutis-convert: %s\n", summary.status().text());
    return cutis::ExitCode(summary.status());
  }
  std::fputs(cutis::convert::SummaryText(summary.value()).c_str(), stdout);
  return cutis::kExitOk;
}

}  // namespace

// The containers and libraries that the converter uses report a lack of memory by throwing; that ends here.
int main(int argc, char** argv) {
  try {
    return Main(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("cutis-convert: out of memory\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cutis-convert: %s\n", error.what());
  }
  return cutis::kExitFailure;
}
