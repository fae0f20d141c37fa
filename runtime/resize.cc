// Antialiased resize in integers, with the very numbers of Pillow's 8-bit path, which the networks were trained behind.
//
// Each axis is a table of windows: output i is the sum of `count` neighbouring inputs from `first` on, times weights in units
// of 2^-22, rounded and clamped to a byte. Rows are resampled first, into bytes; columns then. 22 bits: a byte (8) times a
// weight (below 2 in sum of magnitudes) with one bit for the sign still fits 32 bits. The weights come from double arithmetic
// whose order of operations is part of the result: every expression below is the one that gives the same last bit.
#include "runtime/resize.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

namespace cutis {
namespace {

constexpr int kWeightBits = 22;
constexpr int32_t kHalf = 1 << (kWeightBits - 1);
constexpr int32_t kMaxSide = 1 << 16;  // keeps every count below within 32 bits

double Triangle(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

// The cubic convolution with a = -1/2 (Catmull-Rom).
double Cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

struct Span {
  int32_t first, count;
};

template <class T>
using Owned = std::unique_ptr<T[], FreeDeleter>;

template <class T>
Owned<T> Allocate(size_t count) {
  return Owned<T>(static_cast<T*>(std::malloc(count * sizeof(T))));
}

// The windows of one axis: window i is spans[i] with weights[i * taps ...].
struct Windows {
  Owned<Span> spans;
  Owned<int32_t> weights;
  int32_t taps = 0;
};

Result<Windows> MakeWindows(int32_t in, int32_t out, Filter filter) {
  double (*const kernel)(double) = filter == Filter::kBicubic ? Cubic : Triangle;
  const double scale = static_cast<double>(in) / out;
  const double stretch = scale < 1.0 ? 1.0 : scale;  // shrinking widens the kernel, which is the antialiasing
  const double support = (filter == Filter::kBicubic ? 2.0 : 1.0) * stretch;
  Windows windows;
  windows.taps = static_cast<int32_t>(std::ceil(support)) * 2 + 1;
  const size_t taps = static_cast<size_t>(windows.taps);
  windows.spans = Allocate<Span>(static_cast<size_t>(out));
  windows.weights = Allocate<int32_t>(static_cast<size_t>(out) * taps);
  const Owned<double> exact = Allocate<double>(taps);
  if (!windows.spans || !windows.weights || !exact) {
    return Status::Error(Code::kNoMemory, "not enough memory for the resize of %d to %d pixels", in, out);
  }
  const double shrink = 1.0 / stretch;
  for (int32_t i = 0; i < out; ++i) {
    const double center = (i + 0.5) * scale;
    // The conversion to int truncates, so a negative bound gives 0 or is raised to it.
    int32_t first = static_cast<int32_t>(center - support + 0.5);
    if (first < 0) first = 0;
    int32_t end = static_cast<int32_t>(center + support + 0.5);
    if (end > in) end = in;
    const int32_t count = end - first;
    double sum = 0.0;
    for (int32_t k = 0; k < count; ++k) {
      exact[static_cast<size_t>(k)] = kernel((k + first - center + 0.5) * shrink);
      sum += exact[static_cast<size_t>(k)];
    }
    int32_t* weights = windows.weights.get() + static_cast<size_t>(i) * taps;
    for (int32_t k = 0; k < count; ++k) {
      const double weight =
          (sum != 0.0 ? exact[static_cast<size_t>(k)] / sum : exact[static_cast<size_t>(k)]) * (1 << kWeightBits);
      weights[k] = static_cast<int32_t>(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    windows.spans[static_cast<size_t>(i)] = {first, count};
  }
  return windows;
}

inline uint8_t ToByte(int32_t sum) {
  const int32_t value = sum >> kWeightBits;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

// One row of RGB.
void ResizeRow(const uint8_t* in, const Windows& windows, int32_t out_width, uint8_t* out) {
  const int32_t* weights = windows.weights.get();
  for (int32_t x = 0; x < out_width; ++x, weights += windows.taps, out += 3) {
    const Span span = windows.spans[static_cast<size_t>(x)];
    const uint8_t* pixel = in + static_cast<size_t>(span.first) * 3;
    int32_t red = kHalf, green = kHalf, blue = kHalf;
    for (int32_t k = 0; k < span.count; ++k, pixel += 3) {
      red += pixel[0] * weights[k];
      green += pixel[1] * weights[k];
      blue += pixel[2] * weights[k];
    }
    out[0] = ToByte(red);
    out[1] = ToByte(green);
    out[2] = ToByte(blue);
  }
}

// One output row from `count` rows of `bytes` bytes. In pieces whose sums stay in registers and the first cache.
void BlendRows(const uint8_t* rows, size_t row_bytes, const int32_t* weights, int32_t count, size_t bytes, uint8_t* out) {
  constexpr size_t kPiece = 256;
  int32_t sums[kPiece];
  for (size_t begin = 0; begin < bytes; begin += kPiece) {
    const size_t piece = bytes - begin < kPiece ? bytes - begin : kPiece;
    for (size_t i = 0; i < piece; ++i) sums[i] = kHalf;
    for (int32_t k = 0; k < count; ++k) {
      const uint8_t* row = rows + static_cast<size_t>(k) * row_bytes + begin;
      const int32_t weight = weights[k];
      for (size_t i = 0; i < piece; ++i) sums[i] += row[i] * weight;
    }
    for (size_t i = 0; i < piece; ++i) out[begin + i] = ToByte(sums[i]);
  }
}

}  // namespace

Result<Image> AllocateImage(int32_t width, int32_t height) {
  if (width < 1 || height < 1 || int64_t{width} * height > kMaxPixels) {
    return Status::Error(Code::kBadInput, "an image of %d x %d pixels: 1 to %lld pixels can be handled", width, height,
                         static_cast<long long>(kMaxPixels));
  }
  Image image;
  image.width = width;
  image.height = height;
  image.rgb.reset(static_cast<uint8_t*>(std::malloc(static_cast<size_t>(width) * static_cast<size_t>(height) * 3)));
  if (!image.rgb) return Status::Error(Code::kNoMemory, "not enough memory for an image of %d x %d pixels", width, height);
  return image;
}

Result<Image> ResizeView(const PixelView& view, int32_t width, int32_t height, Filter filter) {
  if (width > kMaxSide || height > kMaxSide || view.width > kMaxSide || view.height > kMaxSide) {
    return Status::Error(Code::kUnsupported, "a resize from %d x %d to %d x %d pixels: sides above %d are not supported",
                         view.width, view.height, width, height, kMaxSide);
  }
  CUTIS_ASSIGN(Image out, AllocateImage(width, height));
  const size_t out_row = static_cast<size_t>(width) * 3;
  Image narrow;  // the rows resampled, where the width changes
  PixelView rows = view;
  Windows vertical;  // together its windows reach every row, so the first pass makes them all
  if (height != view.height) {
    CUTIS_ASSIGN(vertical, MakeWindows(view.height, height, filter));
  }
  if (width != view.width) {
    CUTIS_ASSIGN(const Windows horizontal, MakeWindows(view.width, width, filter));
    uint8_t* to = out.rgb.get();
    if (height != view.height) {
      CUTIS_ASSIGN(narrow, AllocateImage(width, view.height));
      to = narrow.rgb.get();
    }
    for (int32_t y = 0; y < view.height; ++y) {
      ResizeRow(view.pixels + static_cast<size_t>(y) * view.row_bytes, horizontal, width,
                to + static_cast<size_t>(y) * out_row);
    }
    if (height == view.height) return out;
    rows = {to, width, view.height, out_row};
  }
  for (int32_t y = 0; y < height; ++y) {
    uint8_t* to = out.rgb.get() + static_cast<size_t>(y) * out_row;
    if (height == view.height) {
      std::memcpy(to, rows.pixels + static_cast<size_t>(y) * rows.row_bytes, out_row);
      continue;
    }
    const Span span = vertical.spans[static_cast<size_t>(y)];
    BlendRows(rows.pixels + static_cast<size_t>(span.first) * rows.row_bytes, rows.row_bytes,
              vertical.weights.get() + static_cast<size_t>(y) * static_cast<size_t>(vertical.taps), span.count, out_row, to);
  }
  return out;
}

Result<Image> ResizeImage(const Image& image, int32_t width, int32_t height, Filter filter) {
  return ResizeView({image.rgb.get(), image.width, image.height, static_cast<size_t>(image.width) * 3}, width, height, filter);
}

}  // namespace cutis
