// ConvU8 and ConvSparseU8 for AMX-INT8: the blocks of blocks_amx.h, whose sums become rows of bytes.
#include "ops/conv/blocks_amx.h"
#include "ops/conv/conv.h"
#include "ops/conv/sparse_amx.h"

namespace cutis {

void ConvU8_6x64k4_avx512vnni(const ConvU8Args& args);
void ConvSparseU8_12x16k4_avx512vnni(const ConvSparseU8Args& args);

namespace {

// Steps of pruned weights at a time: as many as the scratch holds. 192 k-groups are 768 channels.
constexpr size_t kConvSteps = 12;
static_assert(kDenseScratchBytes <= ConvU8ScratchBytes(1) && SparseScratchBytes(kConvSteps) <= ConvU8ScratchBytes(1));

// Where the bytes go. A strip is 2 pixels of two panels or 4 of one, since four vectors become bytes together.
struct RowTarget {
  uint8_t* y;
  size_t y_stride, channels;
  const float* multiplier;
};

class WaitingRows {
 public:
  WaitingRows(const RowTarget& to, const OutputU8& out, const SumRing& ring)
      : to_(to), out_(MakeOutput(out, to.multiplier, to.channels)), ring_(ring) {}

  size_t strips = 0;

  [[gnu::always_inline]] void Begin(size_t panel, size_t panels) {
    const size_t first = panel * 16, left = to_.channels - first;
    multiplier_ = to_.multiplier + first;
    y_ = to_.y + first;
    live_ = FirstBits(left < panels * 16 ? left : panels * 16);
    pixel_ = 0;
    strip_pixels_ = 4 / panels;
  }

  [[gnu::always_inline]] void Ready(size_t end) {
    end_ = end;
    strips = (end - pixel_ + strip_pixels_ - 1) / strip_pixels_;
  }

  // Pixels beyond the last repeat the first one and are not stored.
  [[gnu::always_inline]] void StoreStrip() {
    const size_t left = end_ - pixel_, stride = to_.y_stride;
    uint8_t* y = y_;
    const int32_t* sums = ring_.Sums(pixel_);
    const auto vector = [&](size_t pixel, size_t panel) CUTIS_UNROLLED {
      return _mm512_load_si512(sums + (pixel < left ? pixel * SumRing::kPlaceSums : 0) + panel * 16);
    };
    if (strip_pixels_ == 2) {
      const __m512i bytes = InRows(Requantize4<2>(vector(0, 0), vector(0, 1), vector(1, 0), vector(1, 1), multiplier_, out_));
      const __mmask32 live = static_cast<__mmask32>(live_);
      _mm256_mask_storeu_epi8(y, live, _mm512_castsi512_si256(bytes));
      if (left > 1) _mm256_mask_storeu_epi8(y + stride, live, _mm512_extracti64x4_epi64(bytes, 1));
    } else {
      const __m512i bytes = InRows(Requantize4<1>(vector(0, 0), vector(1, 0), vector(2, 0), vector(3, 0), multiplier_, out_));
      StoreRows16(bytes, y, stride, left, live_);
    }
    pixel_ += strip_pixels_;
    y_ += strip_pixels_ * stride;
    --strips;
  }

 private:
  const RowTarget to_;
  const Output out_;
  const SumRing ring_;
  const float* multiplier_ = nullptr;
  uint8_t* y_ = nullptr;
  uint64_t live_ = 0;  // a bit for each channel that exists
  size_t pixel_ = 0, end_ = 0, strip_pixels_ = 0;
};

}  // namespace

void ConvU8_32x32k64_amx(const ConvU8Args& args) {
  if (args.k_groups < kFewestGroups || args.pixels < kFewestPixels) {
    ConvU8_6x64k4_avx512vnni(args);
    return;
  }
  const size_t channels = static_cast<size_t>(args.channels);
  const SumRing ring(args.scratch, args.pixels);
  WaitingRows waiting({args.y, args.y_stride, channels, args.multiplier}, args.out, ring);
  RunDense({args.x, args.x_stride, args.pixels}, ring, args.w, static_cast<size_t>(args.k_groups), args.bias,
           (channels + 15) / 16, args.scratch, waiting);
}

void ConvSparseU8_32x32k64_amx(const ConvSparseU8Args& args) {
  const size_t channels = static_cast<size_t>(args.channels);
  const SparseWeights weights(args.w, args.panel_starts, args.live, (channels + 15) / 16);
  if (!weights.PayForAmx(args.pixels)) {
    ConvSparseU8_12x16k4_avx512vnni(args);
    return;
  }
  const SumRing ring(args.scratch, args.pixels);
  WaitingRows waiting({args.y, args.y_stride, channels, args.multiplier}, args.out, ring);
  RunSparse<kConvSteps>({args.x, args.x_stride, args.pixels}, ring, weights, args.bias, args.scratch, waiting);
}

}  // namespace cutis
