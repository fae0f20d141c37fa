// Status values and results: how runtime/ and ops/ report errors without exceptions and without the heap.
#ifndef CUTIS_OPS_STATUS_H_
#define CUTIS_OPS_STATUS_H_

#include <cstdarg>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include "ops/format_text.h"

namespace cutis {

// What kind of failure it is; the command line tools turn it into their exit code (see tools/exit_code.h).
enum class Code : uint8_t {
  kOk = 0,
  kUsage,        // the caller asked for something that cannot be (exit 2)
  kBadInput,     // a file or an image is damaged, foreign, too new, too large, missing (exit 3)
  kUnsupported,  // well formed, but beyond what this version or build can do (exit 3)
  kIo,           // reading or writing failed (exit 1)
  kNoMemory,     // an allocation failed (exit 1)
  kInternal,     // a defect of Cutis itself (exit 1)
};

// A code and one line of text for a person: what, where, what to do. The text lives inside the value, so that reporting a
// failed allocation needs no allocation. An ok Status carries no text.
class [[nodiscard]] Status {
 public:
  static constexpr int kMaxText = 320;

  Status() : code_(Code::kOk) { text_[0] = '\0'; }
  Status(const Status& other) { *this = other; }
  Status& operator=(const Status& other) {
    code_ = other.code_;
    if (this != &other) std::memcpy(text_, other.text_, std::strlen(other.text_) + 1);
    return *this;
  }

  // printf-style; longer text is cut.
  [[gnu::format(printf, 2, 3)]] static Status Error(Code code, const char* format, ...) {
    Status status;
    status.code_ = code;
    va_list args;
    va_start(args, format);
    FormatText(status.text_, sizeof status.text_, format, args);
    va_end(args);
    return status;
  }

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const char* text() const { return text_; }

 private:
  Code code_;
  char text_[kMaxText];
};

// A value or the Status that says why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {}  // NOLINT(google-explicit-constructor)
  Result(Result&& other) noexcept : status_(other.status_) {
    if (ok()) ::new (&value_) T(std::move(other.value_));
  }
  Result(const Result&) = delete;
  Result& operator=(const Result&) = delete;
  ~Result() {
    if (ok()) value_.~T();
  }

  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  T& value() { return value_; }
  const T& value() const { return value_; }

 private:
  Status status_;
  union {
    T value_;
  };
};

#define CUTIS_CONCAT_(a, b) a##b
#define CUTIS_CONCAT(a, b) CUTIS_CONCAT_(a, b)

// Leaves the function with the Status of `expression` unless it is ok.
#define CUTIS_TRY(expression)                                                                    \
  do {                                                                                           \
    if (::cutis::Status cutis_status_ = (expression); !cutis_status_.ok()) return cutis_status_; \
  } while (0)

// CUTIS_ASSIGN(auto model, Open(path)): declares `model` from a Result or leaves with its Status.
#define CUTIS_ASSIGN(declaration, expression) CUTIS_ASSIGN_(declaration, expression, CUTIS_CONCAT(cutis_result_, __LINE__))
#define CUTIS_ASSIGN_(declaration, expression, result) \
  auto result = (expression);                          \
  if (!result.ok()) return result.status();            \
  declaration = std::move(result.value())

}  // namespace cutis

#endif  // CUTIS_OPS_STATUS_H_
