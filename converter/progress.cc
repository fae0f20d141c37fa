#include "converter/progress.h"

#include <unistd.h>

#include <cstdio>

namespace cutis::convert {

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO) == 1) {}

void ProgressLine::Show(const char* phase) { Draw(phase); }

void ProgressLine::Show(const char* phase, int64_t done, int64_t total) {
  Draw(std::string(phase) + "  " + std::to_string(total > 0 ? done * 100 / total : 100) + " %");
}

void ProgressLine::Clear() { Draw(""); }

void ProgressLine::Draw(const std::string& line) {
  if (!terminal_ || line == shown_) return;
  shown_ = line;
  std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
  std::fflush(stderr);
}

}  // namespace cutis::convert
