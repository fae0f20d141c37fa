// The results of many images in a file, which a run that was interrupted goes on with.
#ifndef CUTIS_TOOLS_CUTIS_RESULT_FILE_H_
#define CUTIS_TOOLS_CUTIS_RESULT_FILE_H_

#include <cstdio>
#include <memory>
#include <string>
#include <unordered_map>

#include "cutis_pipeline.h"
#include "tools/cutis/common.h"
#include "tools/cutis/verdict_text.h"

namespace cutis::cli {

// Lines of JSON for *.jsonl, a table for *.csv. First comes what the results depend on (model, operating point, views,
// gates, version of Cutis); then a line an image, in the order of the images, on the disk's way as soon as it is there.
class ResultFile {
 public:
  // A new file; kUsage where there is one already. With `resume` that one is gone on with: kUsage where it was begun with
  // another model, options or version; a last line that was cut off is made anew.
  static Result<std::unique_ptr<ResultFile>> Open(const std::string& path, const Judging& judging, bool resume);
  ~ResultFile();
  ResultFile(const ResultFile&) = delete;
  ResultFile& operator=(const ResultFile&) = delete;

  // Whether a result of this image was there when the file was opened. Each counts once.
  bool TakeDone(const std::string& path);
  // Whether an image in the file that was opened could not be judged.
  bool had_errors() const { return had_errors_; }
  Status Write(const cutis_pipeline_outcome& outcome);
  // All that was written is on the disk, or an error.
  Status Finish();

 private:
  explicit ResultFile(const Judging& judging) : judging_(judging) {}
  std::string Head() const;
  std::string CsvLine(const cutis_pipeline_outcome& outcome) const;
  Status ReadDone(const std::string& text, const std::string& head, size_t* keep);

  Status Foreign(size_t at) const;

  const Judging& judging_;
  std::string path_;
  bool csv_ = false;
  bool had_errors_ = false;
  std::FILE* file_ = nullptr;
  std::unordered_map<std::string, size_t> done_;
};

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_RESULT_FILE_H_
