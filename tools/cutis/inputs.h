// The images that a command line names.
#ifndef CUTIS_TOOLS_CUTIS_INPUTS_H_
#define CUTIS_TOOLS_CUTIS_INPUTS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "ops/status.h"

namespace cutis::cli {

// One path after the other. Of arguments that are files, the path; of folders, the *.jpg, *.jpeg and *.png in them and all
// folders below, in the order of their bytes; of patterns (* and ? in the last part) that no file is called by, what matches, in the same order;
// for "-", the lines of the standard input, while they come.
class Inputs {
 public:
  // Looks for all but the standard input. kBadInput for a folder that cannot be read, or a pattern that nothing matches.
  Status Expand(const std::vector<std::string>& arguments);
  bool Next(std::string* path);
  // 0: not known, there is a standard input.
  size_t total() const { return has_stdin_ ? 0 : paths_.size(); }

 private:
  Status AddFolder(const std::string& folder);

  std::vector<std::string> paths_;  // "" stands for the standard input
  size_t next_ = 0;
  bool has_stdin_ = false;
};

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_INPUTS_H_
