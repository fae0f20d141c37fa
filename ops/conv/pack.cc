#include "ops/conv/pack.h"

#include <algorithm>

#include "ops/tensor.h"

namespace cutis {
namespace {

size_t Size(int32_t value) { return static_cast<size_t>(value); }

size_t PaddedInputs(const ConvWeightShape& shape) { return RoundUp(Size(shape.in_per_group), 4); }

template <class T>
void PackChannelsOf(int32_t out, int32_t groups, const T* plain, T* packed) {
  const size_t live = Size(out / groups), block = RoundUp(live, 16);
  std::fill_n(packed, Size(groups) * block, T{});
  for (size_t group = 0; group < Size(groups); ++group) std::copy_n(plain + group * live, live, packed + group * block);
}

}  // namespace

size_t PackedConvU8Size(const ConvWeightShape& shape) {
  const size_t k = Size(shape.kernel_h) * Size(shape.kernel_w) * PaddedInputs(shape);
  return Size(shape.groups) * RoundUp(Size(shape.out / shape.groups), 16) * k;
}

void PackConvU8(const ConvWeightShape& shape, const int8_t* plain, int8_t* packed) {
  const size_t outs = Size(shape.out / shape.groups), panels = CeilDiv(outs, 16);
  const size_t taps = Size(shape.kernel_h) * Size(shape.kernel_w), ins = Size(shape.in_per_group), padded = PaddedInputs(shape);
  std::fill_n(packed, PackedConvU8Size(shape), int8_t{0});
  for (size_t group = 0; group < Size(shape.groups); ++group) {
    for (size_t n = 0; n < outs; ++n) {
      int8_t* panel = packed + (group * panels + n / 16) * taps * padded * 16;
      for (size_t tap = 0; tap < taps; ++tap) {
        for (size_t in = 0; in < ins; ++in, ++plain) {
          const size_t k = tap * padded + in;
          panel[k / 4 * 64 + n % 16 * 4 + k % 4] = *plain;
        }
      }
    }
  }
}

namespace {
bool IsLive(const int8_t* row) {
  return std::any_of(row, row + 64, [](int8_t weight) { return weight != 0; });
}
}  // namespace

size_t CountLiveRows(const int8_t* packed, size_t bytes) {
  size_t rows = 0;
  for (size_t at = 0; at < bytes; at += 64) rows += IsLive(packed + at) ? 1 : 0;
  return rows;
}

void PackLiveRows(const int8_t* packed, size_t panels, size_t k_groups, uint32_t* starts, uint16_t* live, int8_t* rows) {
  uint32_t count = 0;
  for (size_t panel = 0; panel < panels; ++panel) {
    starts[panel] = count;
    for (size_t group = 0; group < k_groups; ++group, packed += 64) {
      if (!IsLive(packed)) continue;
      live[count] = static_cast<uint16_t>(group);
      std::copy_n(packed, 64, rows + size_t{count} * 64);
      ++count;
    }
  }
  starts[panels] = count;
}

size_t PackedConvF32Size(const ConvWeightShape& shape) {
  const size_t k = Size(shape.kernel_h) * Size(shape.kernel_w) * Size(shape.in_per_group);
  return Size(shape.groups) * RoundUp(Size(shape.out / shape.groups), 16) * k;
}

void PackConvF32(const ConvWeightShape& shape, const float* plain, float* packed) {
  const size_t outs = Size(shape.out / shape.groups), panels = CeilDiv(outs, 16);
  const size_t terms = Size(shape.kernel_h) * Size(shape.kernel_w) * Size(shape.in_per_group);
  std::fill_n(packed, PackedConvF32Size(shape), 0.0f);
  for (size_t group = 0; group < Size(shape.groups); ++group) {
    for (size_t n = 0; n < outs; ++n) {
      float* panel = packed + (group * panels + n / 16) * terms * 16;
      for (size_t k = 0; k < terms; ++k, ++plain) panel[k * 16 + n % 16] = *plain;
    }
  }
}

size_t PackedDepthwiseU8Size(int32_t channels, int32_t kernel_h, int32_t kernel_w) {
  return RoundUp(Size(channels), 16) * RoundUp(Size(kernel_h) * Size(kernel_w), 4);
}

void PackDepthwiseU8(int32_t channels, int32_t kernel_h, int32_t kernel_w, const int8_t* plain, int8_t* packed) {
  const size_t taps = Size(kernel_h) * Size(kernel_w), quads = CeilDiv(taps, 4);
  std::fill_n(packed, PackedDepthwiseU8Size(channels, kernel_h, kernel_w), int8_t{0});
  for (size_t c = 0; c < Size(channels); ++c) {
    for (size_t tap = 0; tap < taps; ++tap, ++plain) {
      packed[(c / 16 * quads + tap / 4) * 64 + c % 16 * 4 + tap % 4] = *plain;
    }
  }
}

size_t PackedDepthwiseF32Size(int32_t channels, int32_t kernel_h, int32_t kernel_w) {
  return RoundUp(Size(channels), 16) * Size(kernel_h) * Size(kernel_w);
}

void PackDepthwiseF32(int32_t channels, int32_t kernel_h, int32_t kernel_w, const float* plain, float* packed) {
  const size_t taps = Size(kernel_h) * Size(kernel_w);
  std::fill_n(packed, PackedDepthwiseF32Size(channels, kernel_h, kernel_w), 0.0f);
  for (size_t c = 0; c < Size(channels); ++c) {
    for (size_t tap = 0; tap < taps; ++tap, ++plain) packed[(c / 16 * taps + tap) * 16 + c % 16] = *plain;
  }
}

size_t PackedChannelsSize(int32_t out, int32_t groups) { return Size(groups) * RoundUp(Size(out / groups), 16); }

void PackChannels(int32_t out, int32_t groups, const int32_t* plain, int32_t* packed) {
  PackChannelsOf(out, groups, plain, packed);
}
void PackChannels(int32_t out, int32_t groups, const float* plain, float* packed) {
  PackChannelsOf(out, groups, plain, packed);
}

}  // namespace cutis
