// What the converter is at, for a person who waits: on stderr, and only when that is a terminal.
#ifndef CUTIS_CONVERTER_PROGRESS_H_
#define CUTIS_CONVERTER_PROGRESS_H_

#include <cstdint>
#include <string>

namespace cutis::convert {

class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { Clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Shows "phase" or "phase  34 %"; a line is drawn again only when it changes.
  void Show(const char* phase);
  void Show(const char* phase, int64_t done, int64_t total);
  // Removes the line, so that other text can follow.
  void Clear();

 private:
  void Draw(const std::string& line);

  bool terminal_;
  std::string shown_;
};

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PROGRESS_H_
