#include "tools/cutis/heat_map.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace cutis::cli {
namespace {

// Orange-red and blue are told apart with any kind of colour vision, and both on grey.
constexpr Color kFor = {230, 85, 0}, kAgainst = {0, 110, 190}, kWhite = {255, 255, 255}, kBlack = {0, 0, 0},
                kGrey = {176, 176, 176};
constexpr int32_t kFull = 32767;     // the end of the scale
constexpr int32_t kMostShare = 170;  // of 255, there: the image still shows
constexpr int32_t kMargin = 16, kTop = kMargin + kTextHeight, kBarHeight = 18, kTick = 6;

// Nothing at 0, more and more of one of two colours to both ends.
Color Shade(Color under, int64_t value) {
  return Mix(under, value < 0 ? kAgainst : kFor, static_cast<int32_t>(std::abs(value) * kMostShare / kFull));
}

// Where a pixel lies between the middles of two cells: at first + share / whole.
struct Between {
  int32_t first, second;
  int64_t share, whole;

  Between(int32_t pixel, int32_t pixels, int32_t cells) : whole(2 * int64_t{pixels}) {
    const int64_t at = std::clamp((2 * int64_t{pixel} + 1) * cells - pixels, int64_t{0}, whole * (cells - 1));
    first = static_cast<int32_t>(at / whole);
    second = std::min(first + 1, cells - 1);
    share = at % whole;
  }
};

// As much of it as a panel has room for.
std::string Fitting(std::string text, int32_t width) {
  if (Canvas::TextWidth(text) <= width) return text;
  while (!text.empty() && Canvas::TextWidth(text + "..") > width) text.pop_back();
  return text.append("..");
}

class Drawing {
 public:
  explicit Drawing(const HeatMap& map)
      : map_(map),
        right_(2 * kMargin + map.width),
        below_(kTop + map.height + kMargin),
        canvas_(right_ + map.width + kMargin, below_ + std::max<int32_t>(kScaleHeight, CaptionHeight(map)) + kMargin, kWhite) {
    float most = 1;  // a map that hardly says anything stays pale
    for (const float cell : map.cells) most = std::max(most, std::abs(cell));
    end_ = std::ceil(most);
    for (const float cell : map.cells) values_.push_back(static_cast<int32_t>(cell / end_ * kFull));
  }

  Canvas Draw() {
    Line(kMargin, kMargin, "what the network sees");
    Line(right_, kMargin, std::string("for (orange) and against (blue) ").append(map_.label));
    // A frame around each: an image may be as white as the paper.
    for (const int32_t x : {kMargin, right_}) canvas_.Fill(x - 1, kTop - 1, map_.width + 2, map_.height + 2, kGrey);
    for (int32_t y = 0; y < map_.height; ++y) {
      for (int32_t x = 0; x < map_.width; ++x) DrawPixel(x, y);
    }
    DrawScale();
    for (size_t i = 0; i < map_.caption.size(); ++i)
      Line(kMargin, below_ + static_cast<int32_t>(i) * kTextHeight, map_.caption[i]);
    return std::move(canvas_);
  }

 private:
  static constexpr int32_t kScaleHeight = kBarHeight + kTick + 2 * kTextHeight;
  static int32_t CaptionHeight(const HeatMap& map) { return static_cast<int32_t>(map.caption.size()) * kTextHeight; }

  void Line(int32_t x, int32_t y, const std::string& text) { canvas_.Text(x, y, Fitting(text, map_.width), kBlack); }

  int64_t Value(int32_t row, int32_t column) const { return values_[static_cast<size_t>(row * map_.columns + column)]; }

  void DrawPixel(int32_t x, int32_t y) {
    const uint8_t* const pixel =
        map_.rgb + (static_cast<size_t>(y) * static_cast<size_t>(map_.width) + static_cast<size_t>(x)) * 3;
    const Color color = {pixel[0], pixel[1], pixel[2]};
    canvas_.Set(kMargin + x, kTop + y, color);
    const Between row(y, map_.height, map_.rows), column(x, map_.width, map_.columns);
    const int64_t upper =
        Value(row.first, column.first) * (column.whole - column.share) + Value(row.first, column.second) * column.share;
    const int64_t lower =
        Value(row.second, column.first) * (column.whole - column.share) + Value(row.second, column.second) * column.share;
    const int64_t value = (upper * (row.whole - row.share) + lower * row.share) / (row.whole * column.whole);
    const auto grey = static_cast<uint8_t>((299 * color.red + 587 * color.green + 114 * color.blue) / 1000);
    canvas_.Set(right_ + x, kTop + y, Shade({grey, grey, grey}, value));
  }

  void DrawScale() {
    const int32_t width = map_.width;
    for (int32_t x = 0; x < width; ++x)
      canvas_.Fill(right_ + x, below_, 1, kBarHeight, Shade(kGrey, (2 * int64_t{x} + 1 - width) * kFull / width));
    for (int32_t tick = -2; tick <= 2; ++tick) {
      const int32_t x = right_ + (tick + 2) * (width - 1) / 4;
      canvas_.Fill(x, below_ + kBarHeight, 1, kTick, kBlack);
      char text[32];
      std::snprintf(text, sizeof text, tick == 0 ? "%g" : "%+g", static_cast<double>(end_) * tick / 2);
      const int32_t text_width = Canvas::TextWidth(text);
      canvas_.Text(std::clamp(x - text_width / 2, right_, right_ + width - text_width), below_ + kBarHeight + kTick + 2, text,
                   kBlack);
    }
    const std::string cells =
        std::to_string(map_.columns).append(" x ").append(std::to_string(map_.rows)).append(" cells: logit of ");
    Line(right_, below_ + kBarHeight + kTick + 2 + kTextHeight, cells + map_.label + " above the mean of all");
  }

  const HeatMap& map_;
  const int32_t right_, below_;  // where the map's panel begins; where scale and caption do
  Canvas canvas_;
  float end_ = 1;  // of the scale
  std::vector<int32_t> values_;
};

}  // namespace

Canvas DrawHeatMap(const HeatMap& map) { return Drawing(map).Draw(); }

}  // namespace cutis::cli
