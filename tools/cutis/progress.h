// How far a long run is, for people who wait for it.
#ifndef CUTIS_TOOLS_CUTIS_PROGRESS_H_
#define CUTIS_TOOLS_CUTIS_PROGRESS_H_

#include <atomic>
#include <cstddef>

#include "tools/cutis/common.h"

namespace cutis::cli {

// A line on the standard error that is written over, a few times a second: "120 of 10034 images, 612 a second, 0:16 left". Only
// where somebody sees it, and where results do not go to the same terminal.
class Progress {
 public:
  // total: 0 where it is not known. Results go to a file, or else to the standard output.
  Progress(size_t total, bool to_file);
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Add();
  void Skip() { total_ -= total_ > 0 ? 1 : 0; }  // one less to do
  void Clear();                                  // before something else is printed there

 private:
  std::atomic<size_t> total_;  // Skip is called beside Add
  const bool shown_;
  size_t done_ = 0;
  double next_ms_ = 500;
  bool on_line_ = false;
  Stopwatch watch_;
};

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_PROGRESS_H_
