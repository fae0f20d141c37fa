#include "converter/quant/input_moments.h"

#include <algorithm>

#include "converter/quant/parallel.h"

namespace cutis::convert {
namespace {

// Patches that are summed in float32 before double takes over. Products of two quantised inputs are integers up to 255^2, and
// 256 of them stay below 2^24: these sums are exact.
constexpr size_t kChunk = 256;
constexpr size_t kTileRows = 4, kTileColumns = 16;

// to[i][j] += sum over patches p of x[p][i] * x[p][j], for the rows of one tile and the columns below `columns`. The rows of `x` are
// `stride` apart, a multiple of kTileColumns.
void AddProducts(const float* x, size_t stride, size_t count, size_t first_row, size_t columns, Matrix& to) {
  const size_t rows = std::min(kTileRows, to.size - first_row);
  for (size_t j = 0; j < columns; j += kTileColumns) {
    float sums[kTileRows][kTileColumns] = {};
    for (size_t p = 0; p < count; ++p) {
      const float* left = x + p * stride + first_row;
      const float* right = x + p * stride + j;
      for (size_t r = 0; r < kTileRows; ++r) {
        for (size_t c = 0; c < kTileColumns; ++c) sums[r][c] += left[r] * right[c];
      }
    }
    const size_t live = std::min(kTileColumns, to.size - j);
    for (size_t r = 0; r < rows; ++r) {
      double* row = to.Row(first_row + r) + j;
      for (size_t c = 0; c < live; ++c) row[c] += static_cast<double>(sums[r][c]);
    }
  }
}

uint64_t Mix(uint64_t z) {  // SplitMix64
  z += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

}  // namespace

PatchSampler::PatchSampler(const LayerInput& input, size_t most)
    : input_(input), terms_(input.node->weights.size() / input.node->bias.size()) {
  const Window& w = input.node->window;
  const size_t images = input.quantised->size();
  const auto width = static_cast<size_t>(input.output.width);
  const size_t pixels = static_cast<size_t>(input.output.height) * width;
  const size_t each = std::clamp(most / std::max<size_t>(1, images), size_t{1}, pixels);
  for (size_t image = 0; image < images; ++image) {
    for (size_t i = 0; i < each; ++i) {
      // One pixel of each of `each` equal parts of the image.
      const size_t begin = i * pixels / each, end = (i + 1) * pixels / each;
      const size_t pixel = begin + Mix(image * pixels + i) % (end - begin);
      patches_.push_back({image, static_cast<int32_t>(pixel / width) * w.stride_h - w.pad_top,
                          static_cast<int32_t>(pixel % width) * w.stride_w - w.pad_left});
    }
  }
}

void PatchSampler::Fill(size_t group, size_t first, size_t count, size_t stride, float* quantised, float* real) const {
  const Window& w = input_.node->window;
  const TensorInfo& info = input_.info;
  const auto channels = static_cast<size_t>(info.shape.channels), groups = GroupsOf(*input_.node);
  const size_t each = channels / groups, channel = group * each;
  const float zero = static_cast<float>(info.zero_point), per_step = 1 / info.scale;
  for (size_t p = 0; p < count; ++p) {
    const Patch& patch = patches_[first + p];
    const auto* bytes = reinterpret_cast<const uint8_t*>((*input_.quantised)[patch.image].data());
    const auto* floats =
        input_.real != nullptr ? reinterpret_cast<const float*>((*input_.real)[patch.image].data()) : nullptr;
    float* to = quantised + p * stride;
    float* to_real = real + p * stride;
    for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
      for (int32_t kx = 0; kx < w.kernel_w; ++kx, to += each, to_real += each) {
        const int32_t y = patch.y + ky * w.dilation_h, x = patch.x + kx * w.dilation_w;
        if (y < 0 || y >= info.shape.height || x < 0 || x >= info.shape.width) {
          for (size_t c = 0; c < each; ++c) {
            to[c] = input_.padding.empty() ? 0.0f : static_cast<float>(input_.padding[channel + c]) - zero;
            to_real[c] = floats != nullptr ? 0.0f : to[c];
          }
          continue;
        }
        const size_t pixel = static_cast<size_t>(y) * static_cast<size_t>(info.shape.width) + static_cast<size_t>(x);
        const uint8_t* from = bytes + pixel * static_cast<size_t>(info.channel_stride) + channel;
        for (size_t c = 0; c < each; ++c) to[c] = static_cast<float>(from[c]) - zero;
        for (size_t c = 0; c < each; ++c) to_real[c] = floats != nullptr ? floats[pixel * channels + channel + c] * per_step : to[c];
      }
    }
  }
}

InputMoments PatchSampler::Measure(size_t group, bool covariances, int32_t threads) const {
  const size_t stride = RoundUp(terms_, kTileColumns);
  InputMoments moments;
  moments.real_means.resize(terms_);
  moments.quantised_means.resize(terms_);
  if (covariances) moments.covariances = Matrix(terms_);
  std::vector<float> quantised(kChunk * stride), real(kChunk * stride);
  for (size_t first = 0; first < patches_.size(); first += kChunk) {
    const size_t count = std::min(kChunk, patches_.size() - first);
    Fill(group, first, count, stride, quantised.data(), real.data());
    for (size_t p = 0; p < count; ++p) {
      for (size_t k = 0; k < terms_; ++k) {
        moments.quantised_means[k] += static_cast<double>(quantised[p * stride + k]);
        moments.real_means[k] += static_cast<double>(real[p * stride + k]);
      }
    }
    if (!covariances) continue;
    ParallelFor((terms_ + kTileRows - 1) / kTileRows, threads, [&](size_t tile) {
      const size_t row = tile * kTileRows;
      // The matrix is symmetric: up to the diagonal is enough.
      AddProducts(quantised.data(), stride, count, row, std::min(terms_, row + kTileRows), moments.covariances);
    });
  }
  const double n = static_cast<double>(patches_.size());
  for (double& mean : moments.quantised_means) mean /= n;
  for (double& mean : moments.real_means) mean /= n;
  if (!covariances) return moments;
  for (size_t i = 0; i < terms_; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double& value = moments.covariances.Row(i)[j];
      value = value / n - moments.quantised_means[i] * moments.quantised_means[j];
      moments.covariances.Row(j)[i] = value;
    }
  }
  return moments;
}

}  // namespace cutis::convert
