// Which nodes run together as blocks, so that what lies between them never exists whole.
#ifndef CUTIS_CONVERTER_PLAN_BLOCKS_H_
#define CUTIS_CONVERTER_PLAN_BLOCKS_H_

#include <vector>

#include "converter/write/file_model.h"

namespace cutis::convert {

// The longest blocks there are (ops/block/block.h), with strips of as few rows as leave kernels enough pixels to work on. The
// nodes have been checked.
std::vector<FileBlock> FindBlocks(const FileModel& model);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PLAN_BLOCKS_H_
