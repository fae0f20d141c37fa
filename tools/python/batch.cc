#include "tools/python/batch.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "runtime/cpus.h"
#include "tools/python/errors.h"

namespace py = pybind11;

namespace cutis::python {
namespace {

using cutis_api::Error;
using cutis_api::Outcome;
using cutis_api::Session;
using Clock = std::chrono::steady_clock;

constexpr int32_t kMaxWorkers = 256;
constexpr int32_t kMaxBatch = 1024;

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Ctrl-C: asked for by the thread that came from Python, now and then, with the GIL for the time of the question.
class Interruption {
 public:
  // On another thread: false.
  bool Pending() {
    if (std::this_thread::get_id() != thread_ || MillisecondsSince(asked_) < kEveryMs) return false;
    asked_ = Clock::now();
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() == 0) return false;
    thrown_ = std::make_exception_ptr(py::error_already_set());
    return true;
  }
  // With the GIL held: what the handler of the signal has raised, if it has.
  void Rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  static constexpr double kEveryMs = 50;
  const std::thread::id thread_ = std::this_thread::get_id();
  Clock::time_point asked_ = Clock::now();
  std::exception_ptr thrown_;
};

// How many workers there are for so many images.
int32_t WorkersFor(size_t images, const Spread& spread) {
  if (spread.workers < 0 || spread.workers > kMaxWorkers) throw py::value_error("workers must be 0 .. 256");
  if (spread.threads < 1 || spread.threads > kMaxWorkers) throw py::value_error("threads must be 1 .. 256");
  if (spread.batch < 1 || spread.batch > kMaxBatch) throw py::value_error("batch must be 1 .. 1024");
  const int32_t most = spread.workers > 0 ? spread.workers : std::clamp(AvailableCpus() / spread.threads, 1, kMaxWorkers);
  const size_t batch = static_cast<size_t>(spread.batch), runs = std::max<size_t>((images + batch - 1) / batch, 1);
  return static_cast<int32_t>(std::min(runs, static_cast<size_t>(most)));
}

// Images 0 .. count-1 by a batch, each batch by whichever worker is free. `compute(session, first, images)` makes of images
// first .. first+images-1 what is wanted; it returns an Error, and is called by several threads at once.
template <class Compute>
class ArrayRun {
 public:
  ArrayRun(const Model& model, size_t count, const Spread& spread, Compute compute)
      : model_(model), count_(count), spread_(spread), workers_(WorkersFor(count, spread)), compute_(compute) {}

  void Run() {
    {
      const py::gil_scoped_release released;
      std::vector<std::thread> threads;
      try {
        for (int32_t i = 1; i < workers_; ++i) threads.emplace_back([this] { Work(); });
        Work();
      } catch (const std::exception&) {  // the system refuses a thread, or the room for one
        Stop([this] { failure_ = std::current_exception(); });
      }
      for (std::thread& thread : threads) thread.join();
    }
    interruption_.Rethrow();
    if (failure_) std::rethrow_exception(failure_);
    Check(error_);
  }

 private:
  void Work() try {
    if (const Error error = RunImages()) {
      Stop([&] { error_ = error; });
    }
  } catch (...) {
    Stop([this] { failure_ = std::current_exception(); });
  }

  Error RunImages() {
    Session session;
    cutis_session_options options = CUTIS_SESSION_OPTIONS_INIT;
    options.batch = spread_.batch;
    options.threads = spread_.threads;
    if (Error error = session.Create(model_.view(), &options)) return error;
    while (!stopped_ && !interruption_.Pending()) {
      const size_t first = next_.fetch_add(static_cast<size_t>(spread_.batch));
      if (first >= count_) return {};
      const int32_t images = static_cast<int32_t>(std::min(count_ - first, static_cast<size_t>(spread_.batch)));
      if (Error error = compute_(session, first, images)) return error;
    }
    stopped_ = true;
    return {};
  }

  // The first to stop says why.
  template <class Say>
  void Stop(Say say) {
    const std::lock_guard lock(mutex_);
    if (!failure_ && !error_) say();
    stopped_ = true;
  }

  const Model& model_;
  const size_t count_;
  const Spread spread_;
  const int32_t workers_;
  Compute compute_;
  Interruption interruption_;
  std::atomic<size_t> next_ = 0;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  Error error_;
  std::exception_ptr failure_;
};

// Images as the network takes them, in one piece.
template <class T>
class Images {
 public:
  Images(const Model& model, const py::array& images) {
    const cutis_model_info& info = model.info();
    const py::ssize_t wanted[] = {info.input_height, info.input_width, info.input_channels};
    if (images.ndim() != 4 || !std::equal(wanted, wanted + 3, images.shape() + 1)) {
      const std::string shape = py::str(images.attr("shape"));
      throw py::value_error("images of shape (n, " + std::to_string(wanted[0]) + ", " + std::to_string(wanted[1]) + ", " +
                            std::to_string(wanted[2]) + ") wanted, as the network takes them; these have " + shape);
    }
    if (!py::isinstance<py::array_t<T>>(images)) {
      throw py::type_error("images of type " + std::string(py::str(py::dtype::of<T>())) + " wanted; these have " +
                           std::string(py::str(images.dtype())));
    }
    array_ = py::array_t<T, py::array::c_style>::ensure(images);
    if (!array_) throw py::error_already_set();
    values_ = array_.data();
    count_ = static_cast<size_t>(array_.shape(0));
    each_ = static_cast<size_t>(wanted[0]) * static_cast<size_t>(wanted[1]) * static_cast<size_t>(wanted[2]);
  }
  size_t count() const { return count_; }
  Error Set(Session& session, int32_t place, size_t image) const { return session.SetInput(place, At(image), each_); }
  const T* At(size_t image) const { return values_ + image * each_; }
  size_t each() const { return each_; }

 private:
  py::array_t<T, py::array::c_style> array_;
  const T* values_ = nullptr;
  size_t count_ = 0, each_ = 0;
};

py::object FileName(const std::string& path) {
  PyObject* const name = PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size()));
  if (name == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(name);
}

}  // namespace

namespace {

// What became of images 0 .. count-1, which `fill(index, image)` states.
template <class Fill>
std::vector<Judged> JudgeAll(const Model& model, size_t count, const Judging& judging, const Spread& spread, Fill fill) {
  cutis_pipeline_options options = CUTIS_PIPELINE_OPTIONS_INIT;
  options.workers = WorkersFor(count, spread);
  options.session_threads = spread.threads;
  options.batch = spread.batch;
  options.operating_point = judging.operating_point;
  options.views = judging.views;
  options.without_limits = judging.gates ? 0 : 1;
  std::vector<Judged> judged(count);
  Interruption interruption;
  Error error;
  {
    const py::gil_scoped_release released;
    cutis_api::Pipeline pipeline;
    error = pipeline.Create(model.view(), &options);
    size_t next = 0;
    const auto source = [&](cutis_pipeline_image& image) {
      if (next == count || interruption.Pending()) return false;
      fill(next++, image);
      return true;
    };
    const auto sink = [&](const Outcome& outcome) {
      Judged& now = judged[outcome.index()];
      now.error = outcome.error();
      if (!outcome.ok()) return true;
      now.result = outcome.result();
      now.views = outcome.views();
      now.probabilities.assign(outcome.probabilities().begin(), outcome.probabilities().end());
      return true;
    };
    if (!error) error = pipeline.Run(source, sink);
  }
  interruption.Rethrow();
  Check(error);
  return judged;
}

}  // namespace

py::list JudgeFiles(const Model& model, const std::vector<std::string>& paths, const Judging& judging, const Spread& spread) {
  const auto fill = [&paths](size_t index, cutis_pipeline_image& image) { image.path = paths[index].c_str(); };
  const std::vector<Judged> judged = JudgeAll(model, paths.size(), judging, spread, fill);
  py::list made;
  for (size_t i = 0; i < paths.size(); ++i) made.append(DictOf(model, judging, FileName(paths[i]), judged[i]));
  return made;
}

py::list JudgePixels(const Model& model, const py::array& images, const Judging& judging, const Spread& spread) {
  if (!model.info().takes_images) throw py::value_error("this model says nothing about images or verdicts: use run()");
  const Images<uint8_t> pixels(model, images);
  const auto fill = [&pixels](size_t index, cutis_pipeline_image& image) {
    image.bytes = pixels.At(index);
    image.size = pixels.each();
    image.is_pixels = 1;
  };
  py::list made;
  for (const Judged& one : JudgeAll(model, pixels.count(), judging, spread, fill)) {
    made.append(DictOf(model, judging, py::none(), one));
  }
  return made;
}

namespace {

template <class T>
py::array_t<float> RunImages(const Model& model, const py::array& images, int32_t output, const Spread& spread) {
  const Images<T> inputs(model, images);
  cutis_tensor_info info = {};
  info.struct_size = sizeof info;
  if (cutis_model_output(model.view().get(), output, &info) != CUTIS_OK) {
    throw py::value_error("the network has no output " + std::to_string(output));
  }
  std::vector<py::ssize_t> shape = {static_cast<py::ssize_t>(inputs.count()), info.height, info.width, info.channels};
  const size_t each = static_cast<size_t>(info.height) * static_cast<size_t>(info.width) * static_cast<size_t>(info.channels);
  if (info.height == 1 && info.width == 1) shape.erase(shape.begin() + 1, shape.begin() + 3);
  py::array_t<float> made(shape);
  float* const values = made.mutable_data();
  const auto compute = [&](Session& session, size_t first, int32_t count) -> Error {
    for (int32_t i = 0; i < count; ++i) {
      if (Error error = inputs.Set(session, i, first + static_cast<size_t>(i))) return error;
    }
    if (Error error = session.Run(count)) return error;
    for (int32_t i = 0; i < count; ++i) {
      if (Error error = session.GetOutput(output, i, values + (first + static_cast<size_t>(i)) * each, each)) return error;
    }
    return {};
  };
  ArrayRun(model, inputs.count(), spread, compute).Run();
  return made;
}

}  // namespace

py::array_t<float> RunNetwork(const Model& model, const py::array& images, int32_t output, const Spread& spread) {
  return py::isinstance<py::array_t<float>>(images) ? RunImages<float>(model, images, output, spread)
                                                    : RunImages<uint8_t>(model, images, output, spread);
}

std::vector<double> MeasureRuns(const Model& model, const py::array& images, int32_t runs, int32_t threads) {
  constexpr int32_t kWarmUp = 3;  // as cutis bench
  const Images<uint8_t> pixels(model, images);
  const int32_t count = static_cast<int32_t>(std::min<size_t>(pixels.count(), size_t{kMaxBatch} + 1));  // more is refused
  Session session;
  cutis_session_options options = CUTIS_SESSION_OPTIONS_INIT;
  options.batch = count;
  options.threads = threads;
  Check(session.Create(model.view(), &options));
  std::vector<double> ms;
  ms.reserve(static_cast<size_t>(runs));
  Interruption interruption;
  Error error;
  {
    const py::gil_scoped_release released;
    for (int32_t run = -std::min(runs, kWarmUp); run < runs && !error && !interruption.Pending(); ++run) {
      for (int32_t i = 0; i < count && !error; ++i) error = pixels.Set(session, i, static_cast<size_t>(i));
      const Clock::time_point start = Clock::now();
      if (!error) error = session.Run(count);
      if (run >= 0) ms.push_back(MillisecondsSince(start));
    }
  }
  interruption.Rethrow();
  Check(error);
  return ms;
}

}  // namespace cutis::python
