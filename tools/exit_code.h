// How a Status becomes the exit code of a command line tool.
#ifndef CUTIS_TOOLS_EXIT_CODE_H_
#define CUTIS_TOOLS_EXIT_CODE_H_

#include "ops/status.h"

namespace cutis {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;   // reading or writing failed, no memory, a defect of Cutis
inline constexpr int kExitUsage = 2;     // the command line asks for something that cannot be
inline constexpr int kExitBadInput = 3;  // a file or an image is damaged, foreign, missing or not supported
inline constexpr int kExitBelowLimit =
    4;  // cutis-convert --check: all was read and run, but the agreement is below --min-cosine

inline int ExitCode(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
      return kExitOk;
    case Code::kUsage:
      return kExitUsage;
    case Code::kBadInput:
    case Code::kUnsupported:
      return kExitBadInput;
    case Code::kIo:
    case Code::kNoMemory:
    case Code::kInternal:
      return kExitFailure;
  }
  return kExitFailure;
}

}  // namespace cutis

#endif  // CUTIS_TOOLS_EXIT_CODE_H_
