// The recipe's steps from a decoded image to the network's input.
#include <cstdlib>
#include <cstring>
#include <optional>

#include "runtime/image.h"
#include "runtime/resize.h"

namespace cutis {
namespace {

PixelView ViewOf(const Image& image) {
  return {image.rgb.get(), image.width, image.height, static_cast<size_t>(image.width) * 3};
}

Status CheckCrop(int32_t from_width, int32_t from_height, int32_t width, int32_t height) {
  if (width >= 1 && height >= 1 && width <= from_width && height <= from_height) return {};
  return Status::Error(Code::kBadInput, "the image is %d x %d pixels where the centre %d x %d is to be cut out", from_width,
                       from_height, width, height);
}

// A crop only moves the view; nothing is copied.
Status Crop(PixelView* view, int32_t width, int32_t height) {
  CUTIS_TRY(CheckCrop(view->width, view->height, width, height));
  const size_t left = static_cast<size_t>((view->width - width) / 2);
  const size_t top = static_cast<size_t>((view->height - height) / 2);
  *view = {view->pixels + top * view->row_bytes + left * 3, width, height, view->row_bytes};
  return {};
}

// The image between two steps. A resize waits for the crops behind it, so that it makes only what they leave.
struct Stage {
  PixelView view;
  std::optional<Resize> resize;
  Image made;  // what `view` looks into, once a resize has been done

  int32_t width() const { return resize ? resize->part_width : view.width; }
  int32_t height() const { return resize ? resize->part_height : view.height; }

  Status Cut(int32_t to_width, int32_t to_height) {
    if (!resize) return Crop(&view, to_width, to_height);
    CUTIS_TRY(CheckCrop(width(), height(), to_width, to_height));
    resize->left += (width() - to_width) / 2;
    resize->top += (height() - to_height) / 2;
    resize->part_width = to_width;
    resize->part_height = to_height;
    return {};
  }

  Status StartResize(const PreprocessStep& step, CpuFeatures cpu) {
    if (resize) {
      CUTIS_ASSIGN(Image next, AllocateImage(width(), height()));
      CUTIS_TRY(ResizeView(view, *resize, cpu, 3, next.rgb.get()));
      made = std::move(next);
      view = ViewOf(made);
    }
    resize = Resize{step.width, step.height, step.filter, 0, 0, step.width, step.height};
    return {};
  }
};

Status CheckImage(const Image& image) {
  if (!image.rgb || image.width < 1 || image.height < 1) return Status::Error(Code::kUsage, "there is no image to work on");
  return {};
}

}  // namespace

void FreeDeleter::operator()(void* memory) const { std::free(memory); }

int DecodeEighths(std::span<const PreprocessStep> steps, int32_t width, int32_t height) {
  bool square = false;
  for (const PreprocessStep& step : steps) {
    if (step.kind == PreprocessStep::Kind::kCenterCrop) return 8;
    if (step.kind == PreprocessStep::Kind::kCenterSquare) {
      square = true;
      continue;
    }
    for (const int eighths : {1, 2, 4}) {
      int32_t w = ScaledSide(width, eighths), h = ScaledSide(height, eighths);
      if (square) w = h = w < h ? w : h;
      if (w >= step.width && h >= step.height) return eighths;
    }
    return 8;
  }
  return 8;
}

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

Status PreprocessImage(const Preprocess& recipe, const Image& image, CpuFeatures cpu, int32_t width, int32_t height,
                       int32_t pixel_stride, uint8_t* out) {
  CUTIS_TRY(CheckImage(image));
  if (pixel_stride < 3) return Status::Error(Code::kUsage, "a pixel stride of %d: RGB needs at least 3", pixel_stride);
  Stage stage;
  stage.view = ViewOf(image);
  for (const PreprocessStep& step : recipe.steps) {
    switch (step.kind) {
      case PreprocessStep::Kind::kCenterSquare: {
        const int32_t side = stage.width() < stage.height() ? stage.width() : stage.height();
        CUTIS_TRY(stage.Cut(side, side));
        break;
      }
      case PreprocessStep::Kind::kResize:
        CUTIS_TRY(stage.StartResize(step, cpu));
        break;
      case PreprocessStep::Kind::kCenterCrop:
        CUTIS_TRY(stage.Cut(step.width, step.height));
        break;
    }
  }
  if (stage.width() != width || stage.height() != height) {
    return Status::Error(Code::kBadInput, "the image is %d x %d pixels after the recipe's steps, and the network takes %d x %d",
                         stage.width(), stage.height(), width, height);
  }
  const size_t stride = static_cast<size_t>(pixel_stride);
  if (stage.resize) return ResizeView(stage.view, *stage.resize, cpu, stride, out);
  for (int32_t y = 0; y < height; ++y, out += static_cast<size_t>(width) * stride) {
    SpreadPixels(stage.view.pixels + static_cast<size_t>(y) * stage.view.row_bytes, width, stride, out);
  }
  return {};
}

}  // namespace cutis
