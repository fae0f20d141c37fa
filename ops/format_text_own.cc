#include "ops/format_text_own.h"

#include <cstdint>
#include <cstring>

namespace cutis {
namespace {

// What stands between % and the conversion.
struct Spec {
  bool left = false, zeros = false;
  int width = 0, precision = -1;  // -1: none given
  int longs = 0;                  // l or ll
  bool size = false;              // z
};

class Writer {
 public:
  Writer(char* to, size_t size) : to_(to), size_(size) {}

  void Put(char c) {
    if (length_ + 1 < size_) to_[length_] = c;
    ++length_;
  }
  void Put(const char* text, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) Put(text[i]);
  }
  // With spaces or zeros up to the width; zeros go behind a sign.
  void PutPadded(const char* text, size_t bytes, const Spec& spec) {
    const size_t width = static_cast<size_t>(spec.width);
    const bool zeros = spec.zeros && !spec.left;
    if (zeros && bytes > 0 && text[0] == '-') {
      Put('-');
      Fill('0', bytes, width);
      return Put(text + 1, bytes - 1);
    }
    if (!spec.left) Fill(zeros ? '0' : ' ', bytes, width);
    Put(text, bytes);
    if (spec.left) Fill(' ', bytes, width);
  }
  int Finish() {
    if (size_ > 0) to_[length_ < size_ ? length_ : size_ - 1] = '\0';
    return static_cast<int>(length_);
  }

 private:
  void Fill(char with, size_t bytes, size_t width) {
    for (size_t i = bytes; i < width; ++i) Put(with);
  }

  char* to_;
  size_t size_, length_ = 0;
};

// Digits end at `end`; returns where they begin.
char* Digits(uint64_t value, unsigned base, char* end) {
  do {
    *--end = "0123456789abcdef"[value % base];
    value /= base;
  } while (value > 0);
  return end;
}

constexpr int kDigits = 6;  // of %g

// 10^power, exact up to 22.
double PowerOfTen(int power) {
  double result = 1;
  while (power-- > 0) result *= 10;
  return result;
}

// value > 0 as a number of kDigits digits times ten to the (exponent - kDigits + 1). One product or quotient with an exact
// power of ten, so only what lies within its rounding (the 16th digit) of the middle between two can come out as its neighbour;
// beyond 10^22, or below 10^-17, a few roundings more.
uint64_t Scale(double value, int* exponent) {
  *exponent = 0;
  while (*exponent < 308 && value / PowerOfTen(*exponent) >= 10) ++*exponent;
  while (value < 1 && value * PowerOfTen(-*exponent) < 1) --*exponent;
  const int shift = kDigits - 1 - *exponent;
  const double scaled = shift < 0 ? value / PowerOfTen(-shift) : value * PowerOfTen(shift);
  uint64_t digits = static_cast<uint64_t>(scaled);
  const double rest = scaled - static_cast<double>(digits);
  if (rest > 0.5 || (rest == 0.5 && digits % 2 == 1)) ++digits;
  if (digits < 1000000) return digits;
  ++*exponent;
  return digits / 10;
}

// As %g does: at most 6 digits, none of them a zero at the end; an exponent where it is below -4 or above 5.
size_t General(double value, char* to) {
  char* out = to;
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (bits >> 63 != 0) *out++ = '-';
  bits &= ~(uint64_t{1} << 63);
  std::memcpy(&value, &bits, sizeof bits);
  const auto put = [&](const char* text) {
    while (*text != '\0') *out++ = *text++;
    return static_cast<size_t>(out - to);
  };
  if (value != value) return put("nan");
  if (bits == uint64_t{0x7ff} << 52) return put("inf");
  if (value == 0) return put("0");
  int exponent = 0;
  char digits[kDigits];
  Digits(Scale(value, &exponent), 10, digits + kDigits);
  int count = kDigits;
  while (count > 1 && digits[count - 1] == '0') --count;
  const bool scientific = exponent < -4 || exponent >= kDigits;
  const int before = scientific ? 1 : exponent + 1;  // digits before the point; below 1: zeros come first
  if (before < 1) {
    put("0.");
    for (int i = before; i < 0; ++i) *out++ = '0';
  }
  for (int i = 0; i < count || i < before; ++i) {
    if (i == before && before >= 1) *out++ = '.';
    *out++ = i < count ? digits[i] : '0';
  }
  if (!scientific) return static_cast<size_t>(out - to);
  *out++ = 'e';
  *out++ = exponent < 0 ? '-' : '+';
  char text[4];
  char* const end = text + sizeof text;
  char* begin = Digits(static_cast<uint64_t>(exponent < 0 ? -exponent : exponent), 10, end);
  if (end - begin < 2) *--begin = '0';
  while (begin < end) *out++ = *begin++;
  return static_cast<size_t>(out - to);
}

const char* ParseNumber(const char* p, int* number) {
  *number = 0;
  for (; *p >= '0' && *p <= '9' && *number < 10000; ++p) *number = *number * 10 + (*p - '0');
  return p;
}

// Flags, width, precision and size; returns where the conversion stands. A list of arguments within a struct may be handed on.
struct Arguments {
  va_list list;
};

const char* ParseSpec(const char* p, Arguments& arguments, Spec* spec) {
  for (; *p == '-' || *p == '0'; ++p) (*p == '-' ? spec->left : spec->zeros) = true;
  if (*p == '*') {
    spec->width = va_arg(arguments.list, int);
    ++p;
  } else {
    p = ParseNumber(p, &spec->width);
  }
  if (*p == '.' && *++p == '*') {
    spec->precision = va_arg(arguments.list, int);
    ++p;
  } else if (p[-1] == '.') {
    p = ParseNumber(p, &spec->precision);
  }
  for (; *p == 'l' || *p == 'z'; ++p) {
    if (*p == 'l') ++spec->longs;
    if (*p == 'z') spec->size = true;
  }
  return p;
}

uint64_t TakeUnsigned(const Spec& spec, Arguments& arguments) {
  if (spec.size) return va_arg(arguments.list, size_t);
  if (spec.longs == 0) return va_arg(arguments.list, unsigned);
  if (spec.longs == 1) return va_arg(arguments.list, unsigned long);
  return va_arg(arguments.list, unsigned long long);
}

int64_t TakeSigned(const Spec& spec, Arguments& arguments) {
  if (spec.longs == 0) return va_arg(arguments.list, int);
  if (spec.longs == 1) return va_arg(arguments.list, long);
  return va_arg(arguments.list, long long);
}

void PutText(const char* text, const Spec& spec, Writer* writer) {
  size_t length = 0;
  while ((spec.precision < 0 || length < static_cast<size_t>(spec.precision)) && text[length] != '\0') ++length;
  writer->PutPadded(text, length, spec);
}

// False for what is not known.
bool Convert(char conversion, const Spec& spec, Arguments& arguments, Writer* writer) {
  char text[32];
  char* const end = text + sizeof text;
  switch (conversion) {
    case 's':
      PutText(va_arg(arguments.list, const char*), spec, writer);
      return true;
    case 'c':
      text[0] = static_cast<char>(va_arg(arguments.list, int));
      writer->PutPadded(text, 1, spec);
      return true;
    case 'd': {
      const int64_t value = TakeSigned(spec, arguments);
      char* begin = Digits(value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value), 10, end);
      if (value < 0) *--begin = '-';
      writer->PutPadded(begin, static_cast<size_t>(end - begin), spec);
      return true;
    }
    case 'u':
    case 'x': {
      char* const begin = Digits(TakeUnsigned(spec, arguments), conversion == 'x' ? 16 : 10, end);
      writer->PutPadded(begin, static_cast<size_t>(end - begin), spec);
      return true;
    }
    case 'g':
      writer->PutPadded(text, General(va_arg(arguments.list, double), text), spec);
      return true;
    default:
      return false;
  }
}

}  // namespace

int FormatTextOwn(char* to, size_t size, const char* format, va_list args) {
  Writer writer(to, size);
  Arguments arguments;
  va_copy(arguments.list, args);
  for (const char* p = format; *p != '\0'; ++p) {
    if (*p != '%') {
      writer.Put(*p);
      continue;
    }
    if (p[1] == '%') {
      writer.Put(*++p);
      continue;
    }
    Spec spec;
    const char* const conversion = ParseSpec(p + 1, arguments, &spec);
    if (!Convert(*conversion, spec, arguments, &writer)) {
      writer.Put(p, std::strlen(p));
      break;
    }
    p = conversion;
  }
  va_end(arguments.list);
  return writer.Finish();
}

}  // namespace cutis
