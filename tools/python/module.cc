// The Python module cutis._cutis: what cutis/__init__.py is made of.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/python/batch.h"
#include "tools/python/errors.h"
#include "tools/python/model.h"
#include "tools/python/process_memory.h"

namespace py = pybind11;

namespace cutis::python {
namespace {

// The process's models. Never destroyed: models may live until the interpreter ends.
cutis_api::ModelCache& Cache() {
  static cutis_api::ModelCache* const cache = [] {
    auto made = std::make_unique<cutis_api::ModelCache>();
    Check(made->Create());
    return made.release();
  }();
  return *cache;
}

// A path of os.fsencode, which a NUL would cut short.
const char* Path(const std::string& path) {
  if (path.find('\0') != std::string::npos) throw py::value_error("embedded null byte in a path");
  return path.c_str();
}

std::unique_ptr<Model> LoadModel(const std::string& path, const std::optional<std::string>& isa,
                                 const std::optional<std::string>& tune_file, bool copy, int32_t threads) {
  cutis_open_options options = CUTIS_OPEN_OPTIONS_INIT;
  options.isa = isa ? isa->c_str() : nullptr;
  options.tune_file = tune_file ? Path(*tune_file) : nullptr;
  options.copy = copy ? 1 : 0;
  options.threads = threads;
  cutis_api::CachedModel model;
  cutis_api::ModelCache& cache = Cache();
  const char* const name = Path(path);
  cutis_api::Error error;
  {
    const py::gil_scoped_release released;
    error = cache.Get(name, &model, &options);
  }
  Check(error);
  return std::make_unique<Model>(std::move(model));
}

py::dict MemoryUsage() {
  const ProcessMemory process = MeasureProcessMemory();
  const cutis_model_cache_statistics models = Cache().Describe();
  py::dict made;
  made["resident"] = process.resident;
  made["peak_resident"] = process.peak;
  made["models_mapped"] = models.mapped_bytes;
  made["models_heap"] = models.heap_bytes;
  made["models_peak"] = models.peak_bytes;
  return made;
}

py::dict CacheStatistics() {
  const cutis_model_cache_statistics now = Cache().Describe();
  py::dict made;
  made["hits"] = now.hits;
  made["misses"] = now.misses;
  made["failures"] = now.failures;
  made["evictions"] = now.evictions;
  made["open_models"] = now.open_models;
  made["used_models"] = now.used_models;
  return made;
}

py::tuple Texts(const std::vector<const char*>& texts) {
  py::tuple made(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) made[i] = Text(texts[i]);
  return made;
}

py::object DefaultOperatingPoint(const Model& model) {
  if (model.info().operating_point_count == 0) return py::none();
  return Text(model.OperatingPoints()[static_cast<size_t>(model.info().default_operating_point)]);
}

std::string Represent(const Model& model) {
  const cutis_model_info& info = model.info();
  std::string text = "<cutis.Model ";
  text.append(model.Hash(), 0, 12).append(": ").append(std::to_string(info.input_height)).append(" x ");
  text.append(std::to_string(info.input_width)).append(" x ").append(std::to_string(info.input_channels)).append(", ");
  return text.append(std::to_string(info.label_count)).append(" labels, ").append(info.isa).append(">");
}

void AddModel(py::module_& module) {
  const auto text = [](const char* cutis_model_info::*field) {
    return [field](const Model& model) { return Text(model.info().*field); };
  };
  const auto bytes = [](uint64_t cutis_model_info::*field) {
    return [field](const Model& model) { return model.info().*field; };
  };
  const auto flag = [](int32_t cutis_model_info::*field) {
    return [field](const Model& model) { return model.info().*field != 0; };
  };
  py::class_<Model>(module, "Model",
                    "An opened and checked .cutis file, made by load_model(). Immutable: any number of threads may use it.")
      .def_property_readonly("name", text(&cutis_model_info::name), "As the file states it; \"\" where it does not.")
      .def_property_readonly("licence", text(&cutis_model_info::licence), "Of the weights; \"\" where the file states none.")
      .def_property_readonly("card", text(&cutis_model_info::card), "One paragraph: what it is for and what it is not.")
      .def_property_readonly("isa", text(&cutis_model_info::isa), "The best instruction set that it will use.")
      .def_property_readonly("hash", &Model::Hash, "Of the file's content, in hexadecimal: model_hash of the results.")
      .def_property_readonly(
          "input_shape",
          [](const Model& model) {
            return py::make_tuple(model.info().input_height, model.info().input_width, model.info().input_channels);
          },
          "(height, width, channels) of the network's input.")
      .def_property_readonly(
          "output_count", [](const Model& model) { return model.info().output_count; }, "How many outputs the network has.")
      .def_property_readonly(
          "labels", [](const Model& model) { return Texts(model.Labels()); },
          "Of the channels of output 0; empty where the model gives bare tensors.")
      .def_property_readonly(
          "operating_points", [](const Model& model) { return Texts(model.OperatingPoints()); },
          "Names of the thresholds that the model can be judged at.")
      .def_property_readonly("default_operating_point", &DefaultOperatingPoint, "None where there is none.")
      .def_property_readonly("takes_images", flag(&cutis_model_info::takes_images), "Whether process_batch() can be used.")
      .def_property_readonly("has_calibration", flag(&cutis_model_info::has_calibration),
                             "Whether p_bcc is a calibrated probability.")
      .def_property_readonly("has_limits", flag(&cutis_model_info::has_limits),
                             "Whether images that the model cannot judge are refused (verdict \"unusable\").")
      .def_property_readonly("file_bytes", bytes(&cutis_model_info::file_bytes), "Size of the file, bytes.")
      .def_property_readonly("memory_bytes", bytes(&cutis_model_info::memory_bytes), "Heap that the model takes, bytes.")
      .def(
          "arena_bytes",
          [](const Model& model, int32_t batch, int32_t threads) { return model.view().ArenaBytes(batch, threads); },
          py::arg("batch") = 1, py::arg("threads") = 1,
          "Bytes in which a run of `batch` images on `threads` threads takes place.")
      .def(
          "run",
          [](const Model& model, const py::array& images, int32_t output, int32_t workers, int32_t threads, int32_t batch) {
            return RunNetwork(model, images, output, {workers, threads, batch});
          },
          py::arg("images"), py::kw_only(), py::arg("output") = 0, py::arg("workers") = 0, py::arg("threads") = 1,
          py::arg("batch") = 1,
          "Real values of an output of the network, float32.\n\n"
          "images: (n, height, width, channels) of the network's own size, uint8 (pixels) or float32 (its own normalised "
          "input).\n"
          "Returns (n, channels), or (n, height, width, channels) where the output is more than one pixel.\n"
          "workers, threads, batch: as in process_batch(); without effect on the values.")
      .def("__repr__", &Represent);
}

void AddFunctions(py::module_& module) {
  module.def("load_model", &LoadModel, py::arg("path"), py::arg("isa"), py::arg("tune_file"), py::arg("copy"),
             py::arg("threads"));
  module.def(
      "judge_files",
      [](const Model& model, const std::vector<std::string>& paths, const std::optional<std::string>& point, int32_t views,
         bool gates, int32_t workers, int32_t threads, int32_t batch) {
        for (const std::string& path : paths) Path(path);
        return JudgeFiles(model, paths, {point ? point->c_str() : nullptr, views, gates}, {workers, threads, batch});
      },
      py::arg("model"), py::arg("paths"), py::arg("operating_point"), py::arg("views"), py::arg("gates"), py::arg("workers"),
      py::arg("threads"), py::arg("batch"));
  module.def(
      "judge_pixels",
      [](const Model& model, const py::array& images, const std::optional<std::string>& point, int32_t views, bool gates,
         int32_t workers, int32_t threads, int32_t batch) {
        return JudgePixels(model, images, {point ? point->c_str() : nullptr, views, gates}, {workers, threads, batch});
      },
      py::arg("model"), py::arg("images"), py::arg("operating_point"), py::arg("views"), py::arg("gates"), py::arg("workers"),
      py::arg("threads"), py::arg("batch"));
  module.def("measure_runs", &MeasureRuns, py::arg("model"), py::arg("images"), py::arg("runs"), py::arg("threads"));
  module.def("memory_usage", &MemoryUsage);
  module.def("cache_statistics", &CacheStatistics);
  module.def("clear_cache", [] { Cache().Clear(); });
}

}  // namespace
}  // namespace cutis::python

PYBIND11_MODULE(_cutis, module) {
  module.doc() = "The runtime behind the package cutis.";
  module.attr("__version__") = cutis_version();
  cutis::python::AddErrorType(module);
  cutis::python::AddModel(module);
  cutis::python::AddFunctions(module);
}
