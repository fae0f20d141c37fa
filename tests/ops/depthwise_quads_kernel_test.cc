// DepthwiseQuadsU8 kernels: channel tails, windows, strides, asymmetric padding, rings, parts of an image, extreme values.
#include <algorithm>
#include <memory>

#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

int32_t OutputExtent(int32_t in, int32_t kernel, int32_t stride, int32_t dilation, int32_t begin, int32_t end) {
  return (in + begin + end - dilation * (kernel - 1) - 1) / stride + 1;
}

struct Case {
  int32_t channels, in_h, in_w;
  Window window;
  bool ties = false;
};

class QuadsCase {
 public:
  QuadsCase(const Case& c, bool part, uint64_t seed) : case_(c), random_(seed) {
    const Window& v = c.window;
    args.channels = c.channels;
    args.in_h = c.in_h;
    args.in_w = c.in_w;
    args.window = v;
    const int32_t out_h = OutputExtent(c.in_h, v.kernel_h, v.stride_h, v.dilation_h, v.pad_top, v.pad_bottom);
    args.out_w = OutputExtent(c.in_w, v.kernel_w, v.stride_w, 1, v.pad_left, v.pad_right);
    args.y_stride = static_cast<size_t>(c.channels) + (part ? static_cast<size_t>(random_.Between(0, 3)) : 0);
    args.row_end = out_h;
    if (part) {
      args.row_begin = static_cast<int32_t>(random_.Between(0, out_h - 1));
      args.row_end = static_cast<int32_t>(random_.Between(args.row_begin + 1, out_h));
    }
    const int32_t top = std::clamp(args.row_begin * v.stride_h - v.pad_top, 0, c.in_h - 1);
    const int32_t bottom =
        std::clamp((args.row_end - 1) * v.stride_h - v.pad_top + v.dilation_h * (v.kernel_h - 1) + 1, top + 1, c.in_h);
    args.x_rows = part ? static_cast<int32_t>(random_.Between(bottom - top, c.in_h)) : c.in_h;
    const QuadRows rows = PlanQuadRows(v, c.in_w, args.out_w);
    args.x_row_stride = rows.RowBytes();
    args.x_panel_stride = rows.PanelBytes(static_cast<size_t>(args.x_rows));
    const size_t panels = (static_cast<size_t>(c.channels) + 15) / 16, padded = panels * 16;
    const size_t used = static_cast<size_t>(v.kernel_h) * static_cast<size_t>(v.kernel_w), taps = RoundUp(used, 4);
    x_ = std::make_unique<GuardedBuffer>(panels * args.x_panel_stride + kQuadOverhang * kQuadBytes);
    padding_ = std::make_unique<GuardedBuffer>(padded);
    w_ = std::make_unique<GuardedBuffer>(padded * taps);
    bias_ = std::make_unique<GuardedBuffer>(padded * 4);
    multiplier_ = std::make_unique<GuardedBuffer>(padded * 4);
    scratch_ = std::make_unique<GuardedBuffer>(DepthwiseQuadsU8ScratchBytes(v, c.in_w, args.out_w));
    random_.Fill(padding_->bytes());
    random_.Fill(scratch_->bytes());
    const bool extreme = part && random_.OneIn(4);
    if (extreme) {
      random_.FillExtreme(x_->bytes());
      random_.FillExtremeWeights(w_->as<int8_t>());
    } else {
      random_.Fill(x_->bytes());
      random_.FillWeights(w_->as<int8_t>());
    }
    // The taps that pad the last four are zero in every checked layer.
    for (size_t i = 0; i < w_->size(); ++i) {
      if (i / 64 % (taps / 4) * 4 + i % 4 >= used) w_->as<int8_t>()[i] = 0;
    }
    if (c.ties) {
      std::fill(w_->bytes().begin(), w_->bytes().end(), uint8_t{0});
      FillTies(random_, bias_->as<int32_t>(), multiplier_->as<float>());
      args.out = {128, 0, 255};
    } else {
      for (int32_t& b : bias_->as<int32_t>()) b = static_cast<int32_t>(random_.Between(-50000, 50000));
      FillMultipliers(random_, 8192.0 * static_cast<double>(taps), multiplier_->as<float>());
      args.out = RandomOutput(random_);
    }
    FillPadding(rows, panels);
    args.x = x_->data() + rows.Begin();
    args.padding = padding_->data();
    args.w = w_->as<int8_t>().data();
    args.bias = bias_->as<int32_t>().data();
    args.multiplier = multiplier_->as<float>().data();
    args.scratch = reinterpret_cast<std::byte*>(scratch_->data());
    y_bytes = (static_cast<size_t>(args.row_end - args.row_begin) * static_cast<size_t>(args.out_w) - 1) * args.y_stride +
              static_cast<size_t>(c.channels);
  }

  void Compare(KernelOf<DepthwiseQuadsU8Args> reference, KernelOf<DepthwiseQuadsU8Args> kernel, const char* name) {
    const OutputPair y(y_bytes);
    args.y = y.expected();
    reference(args);
    args.y = y.actual();
    kernel(args);
    const Window& v = case_.window;
    y.Check(name, "channels=%d %dx%d kernel %dx%d stride %dx%d dilation %d padding %d %d %d %d rows %d..%d ring %d",
            case_.channels, case_.in_h, case_.in_w, v.kernel_h, v.kernel_w, v.stride_h, v.stride_w, v.dilation_h, v.pad_top,
            v.pad_left, v.pad_bottom, v.pad_right, args.row_begin, args.row_end, args.x_rows);
  }

  DepthwiseQuadsU8Args args = {};
  size_t y_bytes;

 private:
  // Around the rows, and what fills their last quads.
  void FillPadding(const QuadRows& rows, size_t panels) {
    const int64_t border = static_cast<int64_t>(rows.border), quads = static_cast<int64_t>(rows.quads);
    for (size_t c = 0; c < panels * 16; ++c) {
      for (size_t row = 0; row < static_cast<size_t>(args.x_rows); ++row) {
        uint8_t* begin = x_->data() + c / 16 * args.x_panel_stride + rows.Begin() + row * args.x_row_stride + c % 16 * 4;
        for (int64_t p = -4 * border; p < 4 * (quads + border); ++p) {
          const int64_t quad = (p + 4 * border) / 4 - border;
          if (p < 0 || p >= args.in_w) begin[quad * 64 + (p - 4 * quad)] = padding_->data()[c];
        }
      }
    }
  }

  Case case_;
  Random random_;
  std::unique_ptr<GuardedBuffer> x_, padding_, w_, bias_, multiplier_, scratch_;
};

CUTIS_KERNEL_TEST(DepthwiseQuadsU8) {
  constexpr Window kWindows[] = {
      {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, {3, 3, 2, 2, 1, 1, 0, 0, 1, 1}, {3, 3, 2, 2, 1, 1, 1, 1, 0, 1},
      {3, 3, 1, 1, 1, 1, 0, 0, 0, 0}, {3, 3, 1, 1, 2, 1, 2, 1, 2, 1}, {3, 3, 3, 1, 1, 1, 4, 1, 4, 5},
      {5, 5, 1, 1, 1, 1, 2, 2, 2, 2}, {5, 5, 2, 2, 1, 1, 1, 1, 2, 2}, {5, 5, 2, 2, 1, 1, 2, 2, 1, 2},
      {5, 5, 1, 1, 1, 1, 1, 1, 1, 1}, {5, 5, 1, 2, 3, 1, 6, 2, 6, 7}, {5, 5, 7, 1, 1, 1, 0, 1, 0, 1},
  };
  constexpr int32_t kSizes[][2] = {{5, 5}, {7, 6}, {9, 12}, {6, 7}, {4, 17}};
  uint64_t seed = 1;
  for (const Window& window : kWindows) {
    for (const int32_t channels : {1, 3, 8, 15, 16, 17, 31, 32, 50}) {
      for (const auto& size : kSizes) {
        if (size[0] + window.pad_top + window.pad_bottom <= window.dilation_h * (window.kernel_h - 1) ||
            size[1] + window.pad_left + window.pad_right <= window.kernel_w - 1) {
          continue;
        }
        QuadsCase({channels, size[0], size[1], window}, seed % 3 != 0, seed).Compare(reference, kernel, name);
        ++seed;
      }
    }
  }
  QuadsCase({320, 5, 5, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, true}, false, seed).Compare(reference, kernel, name);
}

CUTIS_KERNEL_BENCH(DepthwiseQuadsU8) {
  struct Layer {
    const char* name;
    int32_t channels, size, kernel, stride;
  };
  constexpr Layer kLayers[] = {{"112x112x32 3x3", 32, 112, 3, 1}, {"112x112x96 3x3 stride 2", 96, 112, 3, 2},
                               {"28x28x240 5x5", 240, 28, 5, 1},  {"14x14x480 3x3", 480, 14, 3, 1},
                               {"14x14x672 5x5", 672, 14, 5, 1},  {"7x7x1152 5x5", 1152, 7, 5, 1}};
  for (const Layer& layer : kLayers) {
    const int32_t pad = layer.kernel / 2;
    const Window window = {layer.kernel, layer.kernel, layer.stride, layer.stride, 1, 1, pad, pad, pad, pad};
    QuadsCase c({layer.channels, layer.size, layer.size, window}, false, 1);
    const GuardedBuffer y(c.y_bytes);
    c.args.y = y.data();
    const double macs = static_cast<double>(c.args.row_end) * c.args.out_w * layer.channels * layer.kernel * layer.kernel;
    bench.Run(layer.name, 2.0 * macs, [&] { kernel(c.args); });
  }
}

}  // namespace
}  // namespace cutis::test
