#include "ops/conv/panels.h"

#include <algorithm>

#include "ops/conv/geometry.h"

namespace cutis {
namespace {

constexpr int64_t kMostKGroups = int64_t{1} << 16;  // what an entry of `live` can name

// The k-groups of a panel; saturates far above what any check lets through.
int64_t KGroups(const PanelShape& shape) {
  constexpr int64_t kMost = int64_t{1} << 31;
  return shape.taps > kMost ? kMost : std::min<int64_t>(kMost, shape.taps * static_cast<int64_t>(shape.GroupsOfTap()));
}

// Where a k-group holds fewer than 4 true channels, the others meet whatever the pixel holds there, so their weights must be
// zero. `row` is one of the last k-group of a tap, of which `used` channels exist.
Status CheckRowTail(const char* op, const int8_t* row, size_t used) {
  for (size_t n = 0; n < 16; ++n) {
    for (size_t j = used; j < 4; ++j) {
      if (row[n * 4 + j] != 0) {
        return Status::Error(Code::kBadInput, "%s: a weight beyond the last input channel is not zero", op);
      }
    }
  }
  return Status();
}

Status CheckDense(const char* op, const ConvU8Options& options, const PanelShape& shape) {
  if (!options.live.empty()) return Status::Error(Code::kBadInput, "%s: live rows without the starts of the panels", op);
  const int64_t k_groups = KGroups(shape);
  CUTIS_TRY(CheckChannels(op, options.bias, options.multiplier, shape.group_out, shape.PanelsOfGroup() * 16, 4 * k_groups));
  const uint64_t wanted =
      SaturatingMultiply(SaturatingMultiply(shape.groups, shape.PanelsOfGroup()), static_cast<uint64_t>(k_groups) * 64);
  if (options.weights.size() != wanted) {
    return Status::Error(Code::kBadInput, "%s: %zu bytes of weights where the layout has %llu", op, options.weights.size(),
                         static_cast<unsigned long long>(wanted));
  }
  CUTIS_TRY(CheckWeightsS8(op, options.weights));
  const size_t used = shape.group_in % 4;
  for (size_t row = shape.GroupsOfTap() - 1; used != 0 && row * 64 < wanted; row += shape.GroupsOfTap()) {
    CUTIS_TRY(CheckRowTail(op, options.weights.data() + row * 64, used));
  }
  return Status();
}

// Rows [begin, end) are those of one panel of `channels` outputs, which begin at channel `first` and at entry `block` of bias
// and multiplier.
Status CheckSparsePanel(const char* op, const ConvU8Options& options, const PanelShape& shape, size_t begin, size_t end,
                        size_t block, size_t first, size_t channels) {
  const size_t used = shape.group_in % 4, of_tap = shape.GroupsOfTap();
  const int64_t k_groups = KGroups(shape);
  for (size_t row = begin; row < end; ++row) {
    const size_t group = options.live[row];
    if (static_cast<int64_t>(group) >= k_groups || (row > begin && group <= options.live[row - 1])) {
      return Status::Error(Code::kBadInput, "%s: row %zu holds k-group %zu, which is out of order or not below %lld", op, row,
                           group, static_cast<long long>(k_groups));
    }
    if (used != 0 && group % of_tap == of_tap - 1) CUTIS_TRY(CheckRowTail(op, options.weights.data() + row * 64, used));
  }
  return CheckChannels(op, options.bias.subspan(block, 16), options.multiplier.subspan(block, 16), channels, 16,
                       4 * static_cast<int64_t>(end - begin), first);
}

Status CheckSparse(const char* op, const ConvU8Options& options, const PanelShape& shape) {
  const size_t in_group = shape.PanelsOfGroup(), panels = shape.groups * in_group;  // the biases of all panels exist
  const std::span<const uint32_t> starts = options.panel_starts;
  if (KGroups(shape) > kMostKGroups) {
    return Status::Error(Code::kBadInput, "%s: %lld k-groups; pruned weights have at most %lld", op,
                         static_cast<long long>(KGroups(shape)), static_cast<long long>(kMostKGroups));
  }
  if (starts.size() != panels + 1 || starts[0] != 0 || starts[panels] != options.live.size() ||
      options.live.size() > options.weights.size() || options.weights.size() != options.live.size() * 64) {
    return Status::Error(Code::kBadInput, "%s: %zu starts of %zu panels, %zu live rows and %zu bytes of weights do not agree",
                         op, starts.size(), panels, options.live.size(), options.weights.size());
  }
  for (size_t panel = 0; panel < panels; ++panel) {
    if (starts[panel] > starts[panel + 1]) {
      return Status::Error(Code::kBadInput, "%s: panel %zu begins after the one that follows it", op, panel);
    }
  }
  CUTIS_TRY(CheckWeightsS8(op, options.weights));
  for (size_t panel = 0; panel < panels; ++panel) {
    const size_t first = panel % in_group * 16;
    CUTIS_TRY(CheckSparsePanel(op, options, shape, starts[panel], starts[panel + 1], panel * 16,
                               panel / in_group * shape.group_out + first, std::min<size_t>(16, shape.group_out - first)));
  }
  return Status();
}

}  // namespace

Status CheckPanels(const char* op, const ConvU8Options& options, const PanelShape& shape) {
  const uint64_t channels = SaturatingMultiply(shape.PanelsOfGroup() * 16, shape.groups);
  if (options.bias.size() != channels || options.multiplier.size() != channels) {
    return Status::Error(Code::kBadInput, "%s: %zu biases and %zu multipliers where the layout has %llu", op,
                         options.bias.size(), options.multiplier.size(), static_cast<unsigned long long>(channels));
  }
  return options.panel_starts.empty() ? CheckDense(op, options, shape) : CheckSparse(op, options, shape);
}

uint64_t PanelMacs(const ConvU8Options& options, const PanelShape& shape) {
  if (options.panel_starts.empty()) {
    return SaturatingMultiply(shape.groups * shape.group_out, static_cast<uint64_t>(shape.taps) * shape.group_in);
  }
  const size_t in_group = shape.PanelsOfGroup(), of_tap = shape.GroupsOfTap(), used = shape.group_in - (of_tap - 1) * 4;
  uint64_t macs = 0;
  for (size_t panel = 0; panel + 1 < options.panel_starts.size(); ++panel) {
    uint64_t terms = 0;
    for (size_t row = options.panel_starts[panel]; row < options.panel_starts[panel + 1]; ++row) {
      terms += options.live[row] % of_tap == of_tap - 1 ? used : 4;
    }
    macs += terms * std::min<size_t>(16, shape.group_out - panel % in_group * 16);
  }
  return macs;
}

void RunPanels(KernelFn kernel, const ConvU8Options& options, size_t first_panel, const ConvU8Args& args) {
  if (options.panel_starts.empty()) {
    ConvU8Args dense = args;
    dense.w = options.weights.data() + first_panel * static_cast<size_t>(args.k_groups) * 64;
    reinterpret_cast<void (*)(const ConvU8Args&)>(kernel)(dense);
    return;
  }
  const ConvSparseU8Args sparse = {args.x,
                                   args.x_stride,
                                   args.pixels,
                                   options.weights.data(),
                                   options.panel_starts.data() + first_panel,
                                   options.live.data(),
                                   args.bias,
                                   args.multiplier,
                                   args.y,
                                   args.y_stride,
                                   args.channels,
                                   args.out,
                                   args.scratch};
  reinterpret_cast<void (*)(const ConvSparseU8Args&)>(kernel)(sparse);
}

}  // namespace cutis
