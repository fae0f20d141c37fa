// Which Python classes and functions a checkpoint may mention, and what for. Nothing is ever called here; the lists decide
// between what has a meaning for us, what is harmless, and what marks a file as an attack on those who load it in Python.
#include <algorithm>
#include <iterator>
#include <string>

#include "converter/torch/pickle.h"

namespace cutis::convert {
namespace {

struct Known {
  std::string_view module, name;
  GlobalUse use;
};

// Functions and classes that pickles of checkpoints apply to arguments. All but the tensor builders only describe things that
// the importer does not look at (a date, a path, a number of numpy).
constexpr Known kKnown[] = {
    {"collections", "OrderedDict", GlobalUse::kDict},
    {"collections", "defaultdict", GlobalUse::kDict},
    {"collections", "Counter", GlobalUse::kDict},
    {"builtins", "set", GlobalUse::kSet},
    {"builtins", "frozenset", GlobalUse::kSet},
    {"__builtin__", "set", GlobalUse::kSet},
    {"__builtin__", "frozenset", GlobalUse::kSet},
    {"torch", "Size", GlobalUse::kFunction},
    {"torch", "device", GlobalUse::kFunction},
    {"torch._utils", "_rebuild_tensor", GlobalUse::kFunction},
    {"torch._utils", "_rebuild_tensor_v2", GlobalUse::kFunction},
    {"torch._utils", "_rebuild_tensor_v3", GlobalUse::kFunction},
    {"torch._utils", "_rebuild_qtensor", GlobalUse::kFunction},
    {"torch._utils", "_rebuild_parameter", GlobalUse::kFunction},
    {"torch._utils", "_rebuild_parameter_with_state", GlobalUse::kFunction},
    {"torch._utils", "_rebuild_sparse_tensor", GlobalUse::kFunction},
    {"torch._utils", "_rebuild_meta_tensor_no_storage", GlobalUse::kFunction},
    {"torch._tensor", "_rebuild_from_type", GlobalUse::kFunction},
    {"torch._tensor", "_rebuild_from_type_v2", GlobalUse::kFunction},
    {"torch.serialization", "_get_layout", GlobalUse::kFunction},
    {"_codecs", "encode", GlobalUse::kFunction},
    {"copyreg", "_reconstructor", GlobalUse::kFunction},
    {"copy_reg", "_reconstructor", GlobalUse::kFunction},
    {"numpy", "dtype", GlobalUse::kFunction},
    {"numpy.core.multiarray", "scalar", GlobalUse::kFunction},
    {"numpy.core.multiarray", "_reconstruct", GlobalUse::kFunction},
    {"numpy._core.multiarray", "scalar", GlobalUse::kFunction},
    {"numpy._core.multiarray", "_reconstruct", GlobalUse::kFunction},
    {"datetime", "datetime", GlobalUse::kFunction},
    {"datetime", "date", GlobalUse::kFunction},
    {"datetime", "timedelta", GlobalUse::kFunction},
    {"pathlib", "Path", GlobalUse::kFunction},
    {"pathlib", "PosixPath", GlobalUse::kFunction},
    {"pathlib", "PurePosixPath", GlobalUse::kFunction},
    {"pathlib", "WindowsPath", GlobalUse::kFunction},
    {"pathlib", "PureWindowsPath", GlobalUse::kFunction},
    {"pathlib._local", "PosixPath", GlobalUse::kFunction},
    {"pathlib._local", "WindowsPath", GlobalUse::kFunction},
    {"functools", "partial", GlobalUse::kFunction},
    {"builtins", "bytes", GlobalUse::kFunction},
    {"builtins", "bytearray", GlobalUse::kFunction},
    {"builtins", "complex", GlobalUse::kFunction},
    {"builtins", "range", GlobalUse::kFunction},
    {"builtins", "slice", GlobalUse::kFunction},
    {"__builtin__", "bytes", GlobalUse::kFunction},
    {"__builtin__", "bytearray", GlobalUse::kFunction},
    {"__builtin__", "complex", GlobalUse::kFunction},
    {"__builtin__", "xrange", GlobalUse::kFunction},
    {"__builtin__", "slice", GlobalUse::kFunction},
    // Builtin types, mentioned as what they are.
    {"builtins", "object", GlobalUse::kOpaque},
    {"builtins", "dict", GlobalUse::kOpaque},
    {"builtins", "list", GlobalUse::kOpaque},
    {"builtins", "tuple", GlobalUse::kOpaque},
    {"builtins", "int", GlobalUse::kOpaque},
    {"builtins", "float", GlobalUse::kOpaque},
    {"builtins", "bool", GlobalUse::kOpaque},
    {"builtins", "str", GlobalUse::kOpaque},
    {"__builtin__", "object", GlobalUse::kOpaque},
    {"__builtin__", "dict", GlobalUse::kOpaque},
    {"__builtin__", "list", GlobalUse::kOpaque},
    {"__builtin__", "tuple", GlobalUse::kOpaque},
    {"__builtin__", "int", GlobalUse::kOpaque},
    {"__builtin__", "long", GlobalUse::kOpaque},
    {"__builtin__", "float", GlobalUse::kOpaque},
    {"__builtin__", "bool", GlobalUse::kOpaque},
    {"__builtin__", "str", GlobalUse::kOpaque},
    {"__builtin__", "unicode", GlobalUse::kOpaque},
};

// Packages that run code, start programs, or reach files and networks. A checkpoint has no use for any part of them, so that
// their mere mention is refused, whatever it is used for.
constexpr std::string_view kRefusedPackages[] = {
    "__builtin__",
    "_io",
    "_pickle",
    "_posixsubprocess",
    "_thread",
    "asyncio",
    "atexit",
    "bdb",
    "builtins",
    "cPickle",
    "cffi",
    "cloudpickle",
    "codeop",
    "commands",
    "concurrent",
    "copy_reg",
    "copyreg",
    "ctypes",
    "dill",
    "distutils",
    "ftplib",
    "functools",
    "gc",
    "http",
    "imp",
    "importlib",
    "inspect",
    "io",
    "joblib",
    "linecache",
    "marshal",
    "mmap",
    "multiprocessing",
    "nt",
    "ntpath",
    "operator",
    "os",
    "pdb",
    "pickle",
    "pip",
    "pkg_resources",
    "pkgutil",
    "platform",
    "popen2",
    "posix",
    "posixpath",
    "pty",
    "pydoc",
    "requests",
    "runpy",
    "setuptools",
    "shelve",
    "shutil",
    "signal",
    "smtplib",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "subprocess",
    "sys",
    "tarfile",
    "telnetlib",
    "tempfile",
    "threading",
    "timeit",
    "types",
    "urllib",
    "urllib2",
    "webbrowser",
    "xmlrpc",
    "zipfile",
    "zipimport",
    "SocketServer",
    "StringIO",
    "cStringIO",
    "httplib",
    "thread",
};

}  // namespace

GlobalUse UseOfGlobal(std::string_view module, std::string_view name) {
  for (const Known& known : kKnown) {
    if (module == known.module && name == known.name) return known.use;
  }
  // The name may be a path too ("os.system" in a module that imports os): all but its last part count as packages.
  const std::string path = std::string(module.substr(0, module.find('.'))) + "." + std::string(name);
  for (size_t begin = 0, dot; (dot = path.find('.', begin)) != std::string::npos; begin = dot + 1) {
    const std::string_view part = std::string_view(path).substr(begin, dot - begin);
    if (std::find(std::begin(kRefusedPackages), std::end(kRefusedPackages), part) != std::end(kRefusedPackages)) {
      return GlobalUse::kRefused;
    }
  }
  return GlobalUse::kOpaque;
}

}  // namespace cutis::convert
