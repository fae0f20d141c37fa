// The recipe's steps from a decoded image to the network's input.
#include <cstdlib>
#include <cstring>

#include "runtime/image.h"
#include "runtime/resize.h"

namespace cutis {
namespace {

PixelView ViewOf(const Image& image) {
  return {image.rgb.get(), image.width, image.height, static_cast<size_t>(image.width) * 3};
}

// A crop only moves the view; nothing is copied.
Status Crop(PixelView* view, int32_t width, int32_t height) {
  if (width < 1 || height < 1 || width > view->width || height > view->height) {
    return Status::Error(Code::kBadInput, "the image is %d x %d pixels where the centre %d x %d is to be cut out", view->width,
                         view->height, width, height);
  }
  const size_t left = static_cast<size_t>((view->width - width) / 2);
  const size_t top = static_cast<size_t>((view->height - height) / 2);
  *view = {view->pixels + top * view->row_bytes + left * 3, width, height, view->row_bytes};
  return {};
}

Status CheckImage(const Image& image) {
  if (!image.rgb || image.width < 1 || image.height < 1) return Status::Error(Code::kUsage, "there is no image to work on");
  return {};
}

}  // namespace

void FreeDeleter::operator()(void* memory) const { std::free(memory); }

Result<Image> CropCenter(const Image& image, int32_t width, int32_t height) {
  CUTIS_TRY(CheckImage(image));
  PixelView view = ViewOf(image);
  CUTIS_TRY(Crop(&view, width, height));
  CUTIS_ASSIGN(Image out, AllocateImage(width, height));
  const size_t row = static_cast<size_t>(width) * 3;
  for (int32_t y = 0; y < height; ++y) {
    std::memcpy(out.rgb.get() + static_cast<size_t>(y) * row, view.pixels + static_cast<size_t>(y) * view.row_bytes, row);
  }
  return out;
}

Status PreprocessImage(const Preprocess& recipe, const Image& image, int32_t width, int32_t height, int32_t pixel_stride,
                       uint8_t* out) {
  CUTIS_TRY(CheckImage(image));
  if (pixel_stride < 3) return Status::Error(Code::kUsage, "a pixel stride of %d: RGB needs at least 3", pixel_stride);
  PixelView view = ViewOf(image);
  Image resized;  // what `view` looks into after a resize
  for (const PreprocessStep& step : recipe.steps) {
    switch (step.kind) {
      case PreprocessStep::Kind::kCenterSquare: {
        const int32_t side = view.width < view.height ? view.width : view.height;
        CUTIS_TRY(Crop(&view, side, side));
        break;
      }
      case PreprocessStep::Kind::kResize: {
        CUTIS_ASSIGN(Image next, ResizeView(view, step.width, step.height, step.filter));
        resized = std::move(next);
        view = ViewOf(resized);
        break;
      }
      case PreprocessStep::Kind::kCenterCrop:
        CUTIS_TRY(Crop(&view, step.width, step.height));
        break;
    }
  }
  if (view.width != width || view.height != height) {
    return Status::Error(Code::kBadInput, "the image is %d x %d pixels after the recipe's steps, and the network takes %d x %d",
                         view.width, view.height, width, height);
  }
  const size_t stride = static_cast<size_t>(pixel_stride);
  for (int32_t y = 0; y < height; ++y) {
    const uint8_t* from = view.pixels + static_cast<size_t>(y) * view.row_bytes;
    uint8_t* to = out + static_cast<size_t>(y) * static_cast<size_t>(width) * stride;
    if (stride == 3) {
      std::memcpy(to, from, static_cast<size_t>(width) * 3);
      continue;
    }
    for (int32_t x = 0; x < width; ++x, from += 3, to += stride) {
      to[0] = from[0];
      to[1] = from[1];
      to[2] = from[2];
    }
  }
  return {};
}

}  // namespace cutis
