// Antialiased resize in integers, with the very numbers of Pillow's 8-bit path, which the networks were trained behind.
//
// Each axis is a table of windows: output i is the sum of `count` neighbouring inputs from `first` on, times weights in units
// of 2^-22, rounded and clamped to a byte. Rows are resampled first, into bytes; columns then. 22 bits: a byte (8) times a
// weight (below 2 in sum of magnitudes) with one bit for the sign still fits 32 bits. The weights come from double arithmetic
// whose order of operations is part of the result: every expression below is the one that gives the same last bit. The sums
// themselves are kernels (ops/resample).
#include "runtime/resize.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "ops/op.h"
#include "ops/resample/resample.h"

namespace cutis {
namespace {

static_assert(kResampleBits == 22);
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

template <class T>
using Owned = std::unique_ptr<T[], FreeDeleter>;

template <class T>
Owned<T> Allocate(size_t count) {
  return Owned<T>(static_cast<T*>(std::malloc(count * sizeof(T))));
}

// The windows of one axis, as the kernels take them: window i is spans[i] with weights[i * taps ...].
struct Windows {
  Owned<ResampleWindow> spans;
  Owned<int32_t> weights;
  size_t taps = 0;

  const int32_t* WeightsOf(int32_t i) const { return weights.get() + static_cast<size_t>(i) * taps; }
};

// Of the outputs from number `begin` on, `count` of them.
Result<Windows> MakeWindows(int32_t in, int32_t out, Filter filter, int32_t begin, int32_t count) {
  double (*const kernel)(double) = filter == Filter::kBicubic ? Cubic : Triangle;
  const double scale = static_cast<double>(in) / out;
  const double stretch = scale < 1.0 ? 1.0 : scale;  // shrinking widens the kernel, which is the antialiasing
  const double support = (filter == Filter::kBicubic ? 2.0 : 1.0) * stretch;
  Windows windows;
  const int32_t most = static_cast<int32_t>(std::ceil(support)) * 2 + 1;
  windows.taps = static_cast<size_t>((most + kResampleGroup - 1) / kResampleGroup * kResampleGroup);
  windows.spans = Allocate<ResampleWindow>(static_cast<size_t>(count));
  windows.weights = Allocate<int32_t>(static_cast<size_t>(count) * windows.taps);
  const Owned<double> exact = Allocate<double>(windows.taps);
  if (!windows.spans || !windows.weights || !exact) {
    return Status::Error(Code::kNoMemory, "not enough memory for the resize of %d to %d pixels", in, out);
  }
  std::memset(windows.weights.get(), 0, static_cast<size_t>(count) * windows.taps * sizeof(int32_t));
  const double shrink = 1.0 / stretch;
  int32_t* weights = windows.weights.get();
  for (int32_t i = 0; i < count; ++i, weights += windows.taps) {
    const double center = (begin + i + 0.5) * scale;
    // The conversion to int truncates, so a negative bound gives 0 or is raised to it.
    int32_t first = static_cast<int32_t>(center - support + 0.5);
    if (first < 0) first = 0;
    int32_t end = static_cast<int32_t>(center + support + 0.5);
    if (end > in) end = in;
    const int32_t inputs = end - first;
    double sum = 0.0;
    for (int32_t k = 0; k < inputs; ++k) {
      exact[static_cast<size_t>(k)] = kernel((k + first - center + 0.5) * shrink);
      sum += exact[static_cast<size_t>(k)];
    }
    for (int32_t k = 0; k < inputs; ++k) {
      const double weight =
          (sum != 0.0 ? exact[static_cast<size_t>(k)] / sum : exact[static_cast<size_t>(k)]) * (1 << kResampleBits);
      weights[k] = static_cast<int32_t>(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    windows.spans[static_cast<size_t>(i)] = {first, inputs};
  }
  return windows;
}

Status CheckPixels(int32_t width, int32_t height) {
  if (width >= 1 && height >= 1 && int64_t{width} * height <= kMaxPixels) return {};
  return Status::Error(Code::kBadInput, "an image of %d x %d pixels: 1 to %lld pixels can be handled", width, height,
                       static_cast<long long>(kMaxPixels));
}

template <class Args>
void (*KernelFor(KernelKind kind, CpuFeatures cpu))(const Args&) {
  return reinterpret_cast<void (*)(const Args&)>(ChooseKernel(kind, cpu)->fn);
}

}  // namespace

Result<Image> AllocateImage(int32_t width, int32_t height) {
  CUTIS_TRY(CheckPixels(width, height));
  Image image;
  image.width = width;
  image.height = height;
  image.rgb.reset(static_cast<uint8_t*>(std::malloc(static_cast<size_t>(width) * static_cast<size_t>(height) * 3)));
  if (!image.rgb) return Status::Error(Code::kNoMemory, "not enough memory for an image of %d x %d pixels", width, height);
  return image;
}

void SpreadPixels(const uint8_t* from, int32_t pixels, size_t pixel_stride, uint8_t* to) {
  if (pixel_stride == 3) {
    std::memcpy(to, from, static_cast<size_t>(pixels) * 3);
    return;
  }
  for (int32_t i = 0; i < pixels; ++i, from += 3, to += pixel_stride) {
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
  }
}

Status ResizeView(const PixelView& view, const Resize& resize, CpuFeatures cpu, size_t pixel_stride, uint8_t* out) {
  if (resize.width > kMaxSide || resize.height > kMaxSide || view.width > kMaxSide || view.height > kMaxSide) {
    return Status::Error(Code::kUnsupported, "a resize from %d x %d to %d x %d pixels: sides above %d are not supported",
                         view.width, view.height, resize.width, resize.height, kMaxSide);
  }
  CUTIS_TRY(CheckPixels(resize.width, resize.height));
  const int32_t width = resize.part_width, height = resize.part_height;
  const bool across = resize.width != view.width, down = resize.height != view.height;
  PixelView rows = {view.pixels, width, view.height, view.row_bytes};  // what the columns are made from
  Windows vertical;
  if (down) {
    CUTIS_ASSIGN(vertical, MakeWindows(view.height, resize.height, resize.filter, resize.top, height));
    // Both ends of the windows ascend.
    const ResampleWindow& last = vertical.spans[static_cast<size_t>(height - 1)];
    const int32_t first = vertical.spans[0].first;
    rows.height = last.first + last.count - first;
    rows.pixels += static_cast<size_t>(first) * view.row_bytes;
    for (int32_t y = 0; y < height; ++y) vertical.spans[static_cast<size_t>(y)].first -= first;
  } else {
    rows.height = height;
    rows.pixels += static_cast<size_t>(resize.top) * view.row_bytes;
  }
  Image narrow;  // the rows resampled, where the width changes
  if (across) {
    CUTIS_ASSIGN(const Windows horizontal, MakeWindows(view.width, resize.width, resize.filter, resize.left, width));
    CUTIS_ASSIGN(narrow, AllocateImage(width, rows.height));
    const size_t narrow_row = static_cast<size_t>(width) * 3;
    const ResampleRowsU8Args args = {rows.pixels,
                                     rows.row_bytes,
                                     view.width,
                                     static_cast<size_t>(rows.height),
                                     horizontal.spans.get(),
                                     horizontal.weights.get(),
                                     horizontal.taps,
                                     narrow.rgb.get(),
                                     narrow_row,
                                     width};
    KernelFor<ResampleRowsU8Args>(KernelKind::kResampleRowsU8, cpu)(args);
    rows.pixels = narrow.rgb.get();
    rows.row_bytes = narrow_row;
  } else {
    rows.pixels += static_cast<size_t>(resize.left) * 3;
  }
  const size_t row_bytes = static_cast<size_t>(width) * 3;
  const auto column_kernel = KernelFor<ResampleColumnsU8Args>(KernelKind::kResampleColumnsU8, cpu);
  const Owned<uint8_t> row = Allocate<uint8_t>(row_bytes);  // for pixels that do not lie side by side in `out`
  if (!row) return Status::Error(Code::kNoMemory, "not enough memory for a row of %d pixels", width);
  for (int32_t y = 0; y < height; ++y, out += static_cast<size_t>(width) * pixel_stride) {
    const uint8_t* from = rows.pixels + static_cast<size_t>(y) * rows.row_bytes;
    if (down) {
      const ResampleWindow& span = vertical.spans[static_cast<size_t>(y)];
      uint8_t* to = pixel_stride == 3 ? out : row.get();
      column_kernel({rows.pixels + static_cast<size_t>(span.first) * rows.row_bytes, rows.row_bytes, vertical.WeightsOf(y),
                     span.count, to, row_bytes});
      from = to;
    }
    if (from != out) SpreadPixels(from, width, pixel_stride, out);
  }
  return {};
}

Result<Image> ResizeImage(const Image& image, int32_t width, int32_t height, Filter filter, CpuFeatures cpu) {
  CUTIS_ASSIGN(Image out, AllocateImage(width, height));
  const PixelView view = {image.rgb.get(), image.width, image.height, static_cast<size_t>(image.width) * 3};
  CUTIS_TRY(ResizeView(view, {width, height, filter, 0, 0, width, height}, cpu, 3, out.rgb.get()));
  return out;
}

}  // namespace cutis
