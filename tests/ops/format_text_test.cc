// The formatter of systems without stdio against the C library's.
#include <doctest/doctest.h>

#include <cfloat>
#include <climits>
#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "ops/format_text_own.h"

namespace cutis {
namespace {

// Of a format that the C library refuses or knows otherwise: no attribute.
std::string Own(int* length, const char* format, ...) {
  char text[320];
  va_list args;
  va_start(args, format);
  *length = FormatTextOwn(text, sizeof text, format, args);
  va_end(args);
  return text;
}

// All sizes from none to more than enough.
[[gnu::format(printf, 1, 2)]] void Compare(const char* format, ...) {
  for (const size_t size : {0, 1, 2, 7, 20, 320}) {
    char wanted[400], own[400];
    std::memset(own, 'x', sizeof own);
    va_list args;
    va_start(args, format);
    const int length = std::vsnprintf(wanted, size, format, args);
    va_end(args);
    va_start(args, format);
    CHECK(FormatTextOwn(own, size, format, args) == length);
    va_end(args);
    if (size > 0) CHECK(std::string(own) == wanted);
    CHECK(own[size] == 'x');
  }
}

}  // namespace

TEST_CASE("format: text and whole numbers as the C library writes them") {
  Compare("nothing %% to do");
  Compare("%s, %.3s|%.*s|%12s|%-12s|%c", "a text", "abcdef", 4, "precision", "right", "left", 'c');
  for (const int value : {0, 1, -1, 42, INT_MAX, INT_MIN}) {
    Compare("%d %5d|%-5d|%05d", value, value, value, value);
    Compare("%u %x %08x %02x", static_cast<unsigned>(value), static_cast<unsigned>(value), static_cast<unsigned>(value),
            static_cast<unsigned>(value));
  }
  for (const long long value : {0ll, -7ll, LLONG_MAX, LLONG_MIN}) {
    Compare("%lld %llu %zu %ld", value, static_cast<unsigned long long>(value), static_cast<size_t>(value),
            static_cast<long>(value));
  }
}

TEST_CASE("format: %g as the C library writes it") {
  for (const double value : {0.0,
                             -0.0,
                             1.0,
                             -1.0,
                             0.5,
                             100.0,
                             123456.0,
                             1234567.0,
                             999999.5,
                             0.0001,
                             0.00001234,
                             3.14159265,
                             1e10,
                             1e-10,
                             2.5e30,
                             static_cast<double>(FLT_MAX),
                             static_cast<double>(FLT_MIN),
                             HUGE_VAL,
                             -HUGE_VAL,
                             99999.94,
                             0.1,
                             1e22}) {
    Compare("%g|%12g|%-12g|", value, value, value);
  }
  // Floats of both signs from 2^-47 to 2^48.
  uint32_t state = 1;
  for (int i = 0; i < 2000; ++i) {
    state = state * 1664525u + 1013904223u;
    const uint32_t bits = (state & 0x807fffffu) | ((80u + (state >> 9) % 96u) << 23);
    Compare("%g", static_cast<double>(__builtin_bit_cast(float, bits)));
  }
}

TEST_CASE("format: what is not known stays as it stands") {
  int length = 0;
  CHECK(Own(&length, "%d %q %d", 1, 2) == "1 %q %d");
}

}  // namespace cutis
