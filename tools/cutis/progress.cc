#include "tools/cutis/progress.h"

#include <cstdio>

#include "tools/cutis/system.h"

namespace cutis::cli {

Progress::Progress(size_t total, bool to_file) : total_(total), shown_(ErrorIsTerminal() && (to_file || !OutputIsTerminal())) {}

void Progress::Add() {
  ++done_;
  const double ms = watch_.Milliseconds();
  if (!shown_ || ms < next_ms_) return;
  next_ms_ = ms + 200;
  on_line_ = true;
  const size_t total = total_;
  const double rate = 1000.0 * static_cast<double>(done_) / ms;
  if (total == 0) {
    std::fprintf(stderr, "\r%zu images, %.0f a second   ", done_, rate);
  } else {
    const unsigned left = static_cast<unsigned>(static_cast<double>(total - done_) / rate);
    std::fprintf(stderr, "\r%zu of %zu images, %.0f a second, %u:%02u left   ", done_, total, rate, left / 60, left % 60);
  }
  std::fflush(stderr);
}

void Progress::Clear() {
  if (on_line_) std::fprintf(stderr, "\r%60s\r", "");
  on_line_ = false;
}

}  // namespace cutis::cli
