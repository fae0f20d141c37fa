// ExpandU8 and ExpandSparseU8 kernels: panels, widths that fill no quad, patches of any form, borders, extreme values, ties.
#include <algorithm>
#include <memory>
#include <vector>

#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

struct Case {
  int32_t panels, k_groups, rows, width;
  size_t border;
  bool extreme = false, ties = false;
  bool whole = false;     // the k-groups of a patch follow each other
  bool sequence = false;  // each row's pixels go on in the next row
};

// A patch is runs of k-groups with gaps between them, as the rows of a window are.
class ExpandCase {
 public:
  ExpandCase(const Case& c, bool sparse, uint64_t seed) : random_(seed), case_(c) {
    const size_t groups = static_cast<size_t>(c.k_groups), channels = static_cast<size_t>(c.panels) * 16;
    const size_t run = c.whole ? groups : static_cast<size_t>(random_.Between(1, c.k_groups));
    size_t patch = 0;
    for (size_t g = 0; g < groups; ++g) {
      if (g > 0 && g % run == 0) patch += static_cast<size_t>(random_.Between(0, 50));
      offsets_.push_back(static_cast<uint32_t>(patch));
      patch += 4;
    }
    args.rows = c.rows;
    args.width = c.width;
    args.x_stride = static_cast<size_t>(random_.Between(1, 70));
    if (c.whole && random_.OneIn(2)) args.x_stride = groups * 4;  // else patches overlap or have gaps
    args.x_row_stride =
        c.sequence ? static_cast<size_t>(c.width) * args.x_stride : static_cast<size_t>(random_.Between(0, 300));
    const size_t x_bytes =
        static_cast<size_t>(c.rows - 1) * args.x_row_stride + static_cast<size_t>(c.width - 1) * args.x_stride + patch;
    x_ = std::make_unique<GuardedBuffer>(x_bytes, random_.OneIn(3) ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd);
    if (sparse) TakeLiveRows();
    const size_t rows = sparse ? live_.size() : groups * static_cast<size_t>(c.panels);
    w_ = std::make_unique<GuardedBuffer>(std::max<size_t>(rows, 1) * 64);
    padding_ = std::make_unique<GuardedBuffer>(channels);
    bias_ = std::make_unique<GuardedBuffer>(channels * 4);
    multiplier_ = std::make_unique<GuardedBuffer>(channels * 4);
    random_.Fill(padding_->bytes());
    random_.Fill(scratch_.bytes());
    Fill();
    args.x = x_->data();
    args.offsets = offsets_.data();
    args.w = w_->as<int8_t>().data();
    args.k_groups = c.k_groups;
    args.bias = bias_->as<int32_t>().data();
    args.multiplier = multiplier_->as<float>().data();
    args.padding = padding_->data();
    args.border = c.border;
    args.panels = c.panels;
    args.scratch = reinterpret_cast<std::byte*>(scratch_.data());
    // Rows and panels may lie farther apart than they must.
    const size_t quads = (static_cast<size_t>(c.width) + 3) / 4;
    args.y_row_stride = (quads + c.border * (random_.OneIn(2) ? 1 : 2)) * kQuadBytes;
    args.y_panel_stride = static_cast<size_t>(c.rows) * args.y_row_stride + (c.border + random_.OneIn(2)) * kQuadBytes;
    begin_ = c.border * kQuadBytes;
    bytes_ = begin_ + static_cast<size_t>(c.panels - 1) * args.y_panel_stride +
             static_cast<size_t>(c.rows - 1) * args.y_row_stride + (quads + c.border) * kQuadBytes;
  }

  void Compare(KernelOf<ExpandU8Args> reference, KernelOf<ExpandU8Args> kernel, const char* name) {
    const OutputPair y(bytes_);
    args.y = y.expected() + begin_;
    reference(args);
    args.y = y.actual() + begin_;
    kernel(args);
    y.Check(name, "panels=%d k_groups=%d rows=%d width=%d border=%zu x_stride=%zu extreme=%d ties=%d whole=%d sequence=%d",
            case_.panels, case_.k_groups, case_.rows, case_.width, case_.border, args.x_stride, case_.extreme, case_.ties,
            case_.whole, case_.sequence);
  }

  ExpandU8Args args = {};

 private:
  void TakeLiveRows() {
    starts_.push_back(0);
    for (int32_t panel = 0; panel < case_.panels; ++panel) {
      const int keep = static_cast<int>(random_.Between(1, 4));  // of four rows; some panels may have none at all
      for (int32_t g = 0; g < case_.k_groups; ++g) {
        if (random_.OneIn(keep)) live_.push_back(static_cast<uint16_t>(g));
      }
      starts_.push_back(static_cast<uint32_t>(live_.size()));
    }
    args.panel_starts = starts_.data();
    args.live = live_.data();
  }

  void Fill() {
    if (case_.ties) {
      std::fill(x_->bytes().begin(), x_->bytes().end(), uint8_t{0});
      random_.FillWeights(w_->as<int8_t>());
      FillTies(random_, bias_->as<int32_t>(), multiplier_->as<float>());
      args.out = {128, 0, 255};
      return;
    }
    if (case_.extreme) {
      random_.FillExtreme(x_->bytes());
      random_.FillExtremeWeights(w_->as<int8_t>());
    } else {
      random_.Fill(x_->bytes());
      random_.FillWeights(w_->as<int8_t>());
    }
    for (int32_t& b : bias_->as<int32_t>()) b = static_cast<int32_t>(random_.Between(-50000, 50000));
    FillMultipliers(random_, 128.0 * 64.0 * 4.0 * case_.k_groups, multiplier_->as<float>());
    args.out = RandomOutput(random_);
  }

  Random random_;
  Case case_;
  std::vector<uint32_t> offsets_, starts_;
  std::vector<uint16_t> live_;
  std::unique_ptr<GuardedBuffer> x_, w_, padding_, bias_, multiplier_;
  const GuardedBuffer scratch_{kExpandU8KernelBytes};
  size_t begin_, bytes_;
};

void RunAll(KernelOf<ExpandU8Args> reference, KernelOf<ExpandU8Args> kernel, const char* name, bool sparse) {
  size_t seed = 1;
  const auto run = [&](const Case& c) { ExpandCase(c, sparse, seed++).Compare(reference, kernel, name); };
  for (const int32_t panels : {1, 2, 3, 4, 5, 6, 7, 8}) {
    for (const int32_t groups : {1, 2, 7, 9, 33}) {
      for (const int32_t width : {1, 2, 3, 4, 5, 7, 8, 9, 11, 14, 17, 28}) {
        run({panels, groups, 1 + width % 3, width, static_cast<size_t>(width % 4 == 3 ? 0 : width % 3), seed % 4 == 0});
      }
    }
  }
  // Pixels of several rows in one tile, quads that begin in one block of pixels and end in the next, rows by themselves.
  for (const int32_t panels : {1, 2, 3, 4}) {
    for (const int32_t groups : {7, 8, 10, 15, 16, 17, 28, 33}) {
      for (const int32_t width : {1, 3, 4, 7, 14, 16, 17, 28, 56}) {
        for (const int32_t rows : {1, 2, 3, 7}) {
          const bool sequence = seed % 3 != 0;
          run({panels, groups, rows, width, seed % 3, seed % 4 == 0, false, true, sequence});
        }
      }
    }
  }
  for (const int32_t groups : {96, 127, 128, 129, 200}) {  // several steps of 16 k-groups; more than tiles of weights hold
    for (const int32_t panels : {1, 2, 5}) {
      run({panels, groups, 3, 14, 1, seed % 4 == 0, false, true, true});
      run({panels, groups, 2, 50, 1, seed % 4 == 0, false, true, false});
    }
  }
  for (const int32_t groups : {385, 1000}) {  // more rows than the scratch holds zipped
    run({2, groups, 1, 7, 1, false, false, true, true});
    run({2, groups, 1, 6, 1, false, false, true, false});
  }
  for (const int32_t panels : {4, 20}) {
    run({panels, 3, 2, 13, 1, false, true});
    run({panels, 9, 5, 13, 1, false, true, true, true});
  }
}

void RunBench(KernelOf<ExpandU8Args> kernel, Bench& bench, bool sparse) {
  struct Layer {
    const char* name;
    int32_t size, k_groups, panels;
  };
  for (const Layer& layer : {Layer{"112x112x16 -> 96", 112, 4, 6}, Layer{"28x28x40 -> 240", 28, 10, 15},
                             Layer{"14x14x112 -> 672", 14, 28, 42}, Layer{"7x7x192 -> 1152", 7, 48, 72}}) {
    ExpandCase c({layer.panels, layer.k_groups, layer.size, layer.size, 1}, sparse, 1);
    const GuardedBuffer x(static_cast<size_t>(layer.size * layer.size * layer.k_groups) * 4);
    c.args.x = x.data();
    c.args.x_stride = static_cast<size_t>(layer.k_groups) * 4;
    c.args.x_row_stride = static_cast<size_t>(layer.size) * c.args.x_stride;
    std::vector<uint32_t> offsets;
    for (int32_t g = 0; g < layer.k_groups; ++g) offsets.push_back(static_cast<uint32_t>(g) * 4);
    c.args.offsets = offsets.data();
    c.args.y_panel_stride = static_cast<size_t>(layer.size) * c.args.y_row_stride + kQuadBytes;
    const GuardedBuffer y(static_cast<size_t>(layer.panels) * c.args.y_panel_stride + kQuadBytes);
    c.args.y = y.data() + kQuadBytes;
    const double rows = sparse ? c.args.panel_starts[layer.panels] : layer.k_groups * layer.panels;
    bench.Run(layer.name, 2.0 * 64.0 * rows * layer.size * layer.size, [&] { kernel(c.args); });
  }
}

CUTIS_KERNEL_TEST(ExpandU8) { RunAll(reference, kernel, name, false); }
CUTIS_KERNEL_TEST(ExpandSparseU8) { RunAll(reference, kernel, name, true); }
CUTIS_KERNEL_BENCH(ExpandU8) { RunBench(kernel, bench, false); }
CUTIS_KERNEL_BENCH(ExpandSparseU8) { RunBench(kernel, bench, true); }

}  // namespace
}  // namespace cutis::test
