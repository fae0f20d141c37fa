// Fuzz target: bytes as a JPEG or PNG file. The checksums of a PNG are put right first, so that the fuzzer gets to what lies
// behind them. What decodes must decode to the same pixels once more; the last bytes choose a recipe that it then goes through.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "runtime/image.h"
#include "runtime/image_check.h"

namespace {

using cutis::Image;

constexpr int64_t kMaxFuzzPixels = 300'000;

uint32_t Crc32(const uint8_t* bytes, size_t count) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < count; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? 0xedb88320u ^ crc >> 1 : crc >> 1;
  }
  return crc ^ 0xffffffffu;
}

void RepairPng(std::vector<uint8_t>* file) {
  size_t at = cutis::kPngSignatureBytes;
  while (file->size() >= at + cutis::kPngChunkOverhead) {
    const uint32_t length = cutis::ReadBig32(&(*file)[at]);
    if (length > file->size() - at - cutis::kPngChunkOverhead) return;
    const uint32_t crc = Crc32(&(*file)[at + 4], size_t{length} + 4);
    for (int i = 0; i < 4; ++i) (*file)[at + 8 + length + static_cast<size_t>(i)] = static_cast<uint8_t>(crc >> (24 - 8 * i));
    at += cutis::kPngChunkOverhead + length;
  }
}

bool IsSmall(const std::vector<uint8_t>& file) {
  cutis::EncodedInfo info;
  if (file[0] == 0xff) {
    const auto jpeg = cutis::CheckJpeg(file);
    if (!jpeg.ok()) return false;
    info = jpeg.value();
  } else {
    const auto png = cutis::CheckPng(file);
    if (!png.ok()) return false;
    info = png.value().image;
  }
  return int64_t{info.width} * info.height <= kMaxFuzzPixels;
}

void CheckEqual(const Image& a, const Image& b) {
  const size_t bytes = static_cast<size_t>(a.width) * static_cast<size_t>(a.height) * 3;
  if (a.width != b.width || a.height != b.height || std::memcmp(a.rgb.get(), b.rgb.get(), bytes) != 0) {
    std::fputs("the same file gives different pixels\n", stderr);
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 12 || size > (1u << 20)) return 0;
  std::vector<uint8_t> file(data, data + size);
  const bool png = file[0] == 0x89;
  if (png) RepairPng(&file);
  const bool known =
      png ? std::memcmp(&file[1], "PNG\r\n\x1a\n", 7) == 0 : file[0] == 0xff && file[1] == 0xd8 && file[2] == 0xff;
  if (known && !IsSmall(file)) return 0;
  const uint8_t* choice = &data[size - 4];
  const int32_t width = choice[0] + 1, height = choice[1] + 1;
  using Kind = cutis::PreprocessStep::Kind;
  const cutis::Filter filter = choice[2] & 1 ? cutis::Filter::kBicubic : cutis::Filter::kBilinear;
  const cutis::PreprocessStep steps[] = {{Kind::kCenterSquare, 0, 0, filter},
                                         {Kind::kResize, width, height, filter},
                                         {Kind::kCenterCrop, (width + 1) / 2, (height + 1) / 2, filter}};
  const size_t skip = choice[2] >> 1 & 1;
  cutis::Preprocess recipe;
  recipe.steps = {steps + skip, 3 - skip};
  // A long comment makes it large enough to be checked and decoded at the same time.
  std::vector<uint8_t> longer;
  if (!png && (choice[3] & 4) != 0) {
    longer.assign(file.begin(), file.begin() + 2);
    longer.insert(longer.end(), {0xff, 0xfe, 0xf0, 0x00});
    longer.resize(longer.size() + 0xf000 - 2);
    longer.insert(longer.end(), file.begin() + 2, file.end());
  }
  // libjpeg-turbo, where the build has it, may be stricter than stb_image, and gives the same pixels again.
  for (const char* const decoder : cutis::DecoderNames()) {
    recipe.decoder = decoder;
    const auto first = cutis::DecodeImage(file, recipe);
    if (!longer.empty()) {
      const auto together = cutis::DecodeImage(longer, recipe, 2);
      if (together.ok() != first.ok()) std::abort();
      if (first.ok()) CheckEqual(first.value(), together.value());
    }
    if (!first.ok()) continue;
    const auto second = cutis::DecodeImage(file, recipe);
    if (!second.ok()) std::abort();
    CheckEqual(first.value(), second.value());
  }
  recipe.decoder = "stb";
  const auto image = cutis::DecodeImage(file, recipe);
  if (!image.ok()) return 0;
  const int32_t stride = 3 + (choice[3] & 3);
  std::vector<uint8_t> out(static_cast<size_t>(steps[2].width) * static_cast<size_t>(steps[2].height) *
                           static_cast<size_t>(stride));
  // By the reference and by the best kernels.
  std::vector<uint8_t> best = out;
  for (std::vector<uint8_t>* to : {&out, &best}) {
    const cutis::CpuFeatures cpu = to == &out ? cutis::FeatureOf(cutis::Isa::kScalar) : cutis::DetectCpu();
    if (!cutis::PreprocessImage(recipe, image.value(), cpu, steps[2].width, steps[2].height, stride, to->data()).ok())
      std::abort();
  }
  if (best != out) std::abort();
  return 0;
}
