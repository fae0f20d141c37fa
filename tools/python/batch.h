// Many images through a model, without the GIL while it computes.
#ifndef CUTIS_TOOLS_PYTHON_BATCH_H_
#define CUTIS_TOOLS_PYTHON_BATCH_H_

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tools/python/model.h"

namespace cutis::python {

// Images are spread over workers, each with a session of its own. Results do not depend on it.
struct Spread {
  int32_t workers = 0;  // 0: as many as the process has CPUs for
  int32_t threads = 1;  // of each worker
  int32_t batch = 1;    // images of one run
};

// A list of dicts (DictOf), in the order of the paths.
pybind11::list JudgeFiles(const Model& model, const std::vector<std::string>& paths, const Judging& judging,
                          const Spread& spread);

// The same for uint8 images of the network's own size, (n, height, width, 3).
pybind11::list JudgePixels(const Model& model, const pybind11::array& images, const Judging& judging, const Spread& spread);

// Real values of an output, (n, channels), or (n, height, width, channels) where that is more than one pixel, for images of
// uint8, or of float32 (the network's own normalised input).
pybind11::array_t<float> RunNetwork(const Model& model, const pybind11::array& images, int32_t output, const Spread& spread);

// What each of `runs` runs of all these uint8 images at once took, in milliseconds, after some to warm up.
std::vector<double> MeasureRuns(const Model& model, const pybind11::array& images, int32_t runs, int32_t threads);

}  // namespace cutis::python

#endif  // CUTIS_TOOLS_PYTHON_BATCH_H_
