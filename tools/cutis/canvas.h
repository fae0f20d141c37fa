// A picture that is drawn into: rectangles and short texts.
#ifndef CUTIS_TOOLS_CUTIS_CANVAS_H_
#define CUTIS_TOOLS_CUTIS_CANVAS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace cutis::cli {

struct Color {
  uint8_t red = 0, green = 0, blue = 0;
};

// `share` of 255 of `to`, the rest of `from`.
Color Mix(Color from, Color to, int32_t share);

inline constexpr int32_t kTextHeight = 24;  // from one line to the next

class Canvas {
 public:
  Canvas(int32_t width, int32_t height, Color background);

  int32_t width() const { return width_; }
  int32_t height() const { return height_; }
  const uint8_t* rgb() const { return rgb_.data(); }
  // What lies outside is left out.
  void Set(int32_t x, int32_t y, Color color);
  void Fill(int32_t x, int32_t y, int32_t width, int32_t height, Color color);
  // From its upper left corner; what is not printable ASCII becomes '?'.
  void Text(int32_t x, int32_t y, std::string text, Color color);
  static int32_t TextWidth(std::string text);

 private:
  int32_t width_, height_;
  std::vector<uint8_t> rgb_;
};

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_CANVAS_H_
