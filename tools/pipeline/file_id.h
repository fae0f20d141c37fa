// Which file a path leads to, in the words of cutis_model_info, and whether it is still as it was. One implementation a system:
// file_id_posix.cc, file_id_windows.cc.
#ifndef CUTIS_TOOLS_PIPELINE_FILE_ID_H_
#define CUTIS_TOOLS_PIPELINE_FILE_ID_H_

#include <cstdint>

namespace cutis::pipeline {

struct FileId {
  uint64_t volume = 0, number = 0;
  uint64_t size = 0;
  uint64_t changed = 0;  // when it was last written to
  bool operator==(const FileId&) const = default;
};

// False where the path leads to nothing that the system can examine. Paths are UTF-8 on Windows.
bool IdentifyFile(const char* path, FileId* id);

}  // namespace cutis::pipeline

#endif  // CUTIS_TOOLS_PIPELINE_FILE_ID_H_
