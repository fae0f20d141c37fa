#include "tools/python/errors.h"

namespace py = pybind11;

namespace cutis::python {
namespace {

PyObject* error_type = nullptr;  // lives as long as the process, like the module

const char* NameOf(cutis_status status) {
  switch (status) {
    case CUTIS_OK:
      break;
    case CUTIS_ERROR_USAGE:
      return "usage";
    case CUTIS_ERROR_BAD_INPUT:
      return "bad_input";
    case CUTIS_ERROR_UNSUPPORTED:
      return "unsupported";
    case CUTIS_ERROR_IO:
      return "io";
    case CUTIS_ERROR_NO_MEMORY:
      return "no_memory";
    case CUTIS_ERROR_INTERNAL:
      return "internal";
  }
  return "internal";
}

}  // namespace

void AddErrorType(py::module_& module) {
  error_type = PyErr_NewExceptionWithDoc(
      "cutis.Error",
      "What the runtime reports: one line for people. `status` says what kind of error it is: \"bad_input\" (a file is "
      "damaged, "
      "foreign, too large or missing), \"unsupported\" (beyond this version or machine), \"io\" or \"internal\".",
      PyExc_RuntimeError, nullptr);
  if (error_type == nullptr) throw py::error_already_set();
  module.add_object("Error", py::reinterpret_borrow<py::object>(error_type));
}

void Raise(cutis_status status, std::string_view text) {
  const py::str message = Text(text);
  if (status == CUTIS_ERROR_USAGE || status == CUTIS_ERROR_NO_MEMORY) {
    PyErr_SetObject(status == CUTIS_ERROR_USAGE ? PyExc_ValueError : PyExc_MemoryError, message.ptr());
  } else {
    const py::object error = py::reinterpret_borrow<py::object>(error_type)(message);
    error.attr("status") = NameOf(status);
    PyErr_SetObject(error_type, error.ptr());
  }
  throw py::error_already_set();
}

}  // namespace cutis::python
