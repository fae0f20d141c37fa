#include "tools/cutis/canvas.h"

#include <cstring>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include <stb/stb_easy_font.h>
#pragma GCC diagnostic pop

namespace cutis::cli {
namespace {

constexpr int32_t kTextScale = 2;  // pixels of one of the font

void MakePrintable(std::string* text) {
  for (char& c : *text) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
}

}  // namespace

Color Mix(Color from, Color to, int32_t share) {
  const auto mix = [share](int32_t a, int32_t b) { return static_cast<uint8_t>((a * (255 - share) + b * share + 127) / 255); };
  return {mix(from.red, to.red), mix(from.green, to.green), mix(from.blue, to.blue)};
}

Canvas::Canvas(int32_t width, int32_t height, Color background)
    : width_(width), height_(height), rgb_(static_cast<size_t>(width) * static_cast<size_t>(height) * 3) {
  Fill(0, 0, width, height, background);
}

void Canvas::Set(int32_t x, int32_t y, Color color) {
  if (x < 0 || y < 0 || x >= width_ || y >= height_) return;
  uint8_t* const pixel = &rgb_[(static_cast<size_t>(y) * static_cast<size_t>(width_) + static_cast<size_t>(x)) * 3];
  pixel[0] = color.red;
  pixel[1] = color.green;
  pixel[2] = color.blue;
}

void Canvas::Fill(int32_t x, int32_t y, int32_t width, int32_t height, Color color) {
  for (int32_t row = y; row < y + height; ++row) {
    for (int32_t column = x; column < x + width; ++column) Set(column, row, color);
  }
}

// The font is made of rectangles, each of four corners of 16 bytes that begin with x and y.
void Canvas::Text(int32_t x, int32_t y, std::string text, Color color) {
  constexpr size_t kCorner = 16, kBytesOfCharacter = 64 * kCorner;
  MakePrintable(&text);
  std::vector<char> corners((text.size() + 1) * kBytesOfCharacter);
  const int count = stb_easy_font_print(0, 0, text.data(), nullptr, corners.data(), static_cast<int>(corners.size()));
  for (int i = 0; i < count; ++i) {
    float from[2], to[2];
    const char* const first = corners.data() + static_cast<size_t>(i) * 4 * kCorner;
    std::memcpy(from, first, sizeof from);
    std::memcpy(to, first + 2 * kCorner, sizeof to);
    Fill(x + static_cast<int32_t>(from[0]) * kTextScale, y + static_cast<int32_t>(from[1]) * kTextScale,
         static_cast<int32_t>(to[0] - from[0]) * kTextScale, static_cast<int32_t>(to[1] - from[1]) * kTextScale, color);
  }
}

int32_t Canvas::TextWidth(std::string text) {
  MakePrintable(&text);
  return stb_easy_font_width(text.data()) * kTextScale;
}

}  // namespace cutis::cli
