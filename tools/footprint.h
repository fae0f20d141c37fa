// What a model takes on a device, in bytes, for cutis inspect and cutis-convert.
#ifndef CUTIS_TOOLS_FOOTPRINT_H_
#define CUTIS_TOOLS_FOOTPRINT_H_

#include <cstdint>
#include <memory>

#include "ops/status.h"
#include "runtime/model.h"
#include "runtime/session.h"

namespace cutis {

struct Footprint {
  int32_t threads = 1;   // of the session, for one image
  uint64_t file = 0;     // in storage; its pages are read in place and may be evicted, unless it lies in memory anyway
  uint64_t model = 0;    // heap of the opened model
  uint64_t session = 0;  // heap of the session beside the arena
  uint64_t arena = 0;
  uint64_t Heap() const { return model + session + arena; }
};

// Exact: makes the session and asks it.
inline Result<Footprint> MeasureFootprint(const Model& model, int32_t threads) {
  SessionOptions options;
  options.threads = threads;
  CUTIS_ASSIGN(const std::unique_ptr<Session> session, Session::Create(model, options));
  return Footprint{threads, model.file_bytes(), model.memory_bytes(), session->memory_bytes(), session->arena_bytes()};
}

}  // namespace cutis

#endif  // CUTIS_TOOLS_FOOTPRINT_H_
