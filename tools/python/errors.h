// What the C interface reports, as Python exceptions.
#ifndef CUTIS_TOOLS_PYTHON_ERRORS_H_
#define CUTIS_TOOLS_PYTHON_ERRORS_H_

#include <pybind11/pybind11.h>

#include "cutis.hpp"

namespace cutis::python {

// Text of the runtime: UTF-8 but for names of files, whose other bytes become U+FFFD, as in the JSON of `cutis`.
inline pybind11::str Text(std::string_view text) {
  PyObject* const made = PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
  if (made == nullptr) throw pybind11::error_already_set();
  return pybind11::reinterpret_steal<pybind11::str>(made);
}

// Makes the exception type cutis.Error and adds it to the module.
void AddErrorType(pybind11::module_& module);

// ValueError for a wrong call, MemoryError, cutis.Error for the rest. With the GIL held.
[[noreturn]] void Raise(cutis_status status, std::string_view text);
inline void Check(const cutis_api::Error& error) {
  if (error) Raise(error.status(), error.text());
}

}  // namespace cutis::python

#endif  // CUTIS_TOOLS_PYTHON_ERRORS_H_
