// From the bytes of a file to upright RGB pixels.
#include <cstdlib>
#include <cstring>

#include "runtime/image.h"
#include "runtime/image_check.h"
#include "runtime/image_memory.h"
#include "runtime/resize.h"
#include "runtime/stb.h"
#include "runtime/threads.h"
#include "runtime/turbo.h"

namespace cutis {
namespace {

constexpr uint8_t kPngSignature[kPngSignatureBytes] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr const char* kDecoders[] = {"stb", "libjpeg-turbo", "libjpeg-turbo-scaled"};

constexpr size_t kSlack = 64 * 1024;  // the decoder's own tables

size_t Pixels(const EncodedInfo& info) { return static_cast<size_t>(info.width) * static_cast<size_t>(info.height); }

// What the largest block of a JPEG may be: the coefficients of one component of a progressive one, two bytes each, with the
// sides rounded up to units of at most 32 pixels; or the result, three bytes a pixel.
size_t JpegLimit(const EncodedInfo& info) {
  const EncodedInfo padded = {info.width + 31, info.height + 31, 1};
  return Pixels(padded) * 3 + kSlack;
}

void PutBig32(uint8_t* to, uint32_t value) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

struct ChunkWriter {
  uint8_t* at;
  // Returns where the data goes. The CRC stays 0: it has been checked, and the decoder does not.
  uint8_t* Begin(const char* type, size_t bytes) {
    PutBig32(at, static_cast<uint32_t>(bytes));
    std::memcpy(at + 4, type, 4);
    uint8_t* const data = at + 8;
    PutBig32(data + bytes, 0);
    at = data + bytes + 4;
    return data;
  }
};

// The decoder gets a PNG of only what matters, rewritten: transparency does not (alpha is dropped), and the palette is filled
// up to 256 colours with black, since stb_image 2.27 reads unset memory for a pixel beyond the palette's end.
Result<Image> DecodePng(std::span<const uint8_t> file, const PngInfo& info) {
  constexpr size_t kPalette = 768;
  const bool indexed = info.color == 3;
  const size_t bytes = kPngSignatureBytes + kPngChunkOverhead * 3 + info.header.size() + info.data_bytes +
                       (indexed ? kPngChunkOverhead + kPalette : 0);
  const std::unique_ptr<uint8_t[], FreeDeleter> plain(static_cast<uint8_t*>(std::malloc(bytes)));
  if (!plain) return Status::Error(Code::kNoMemory, "not enough memory to decode a PNG of %zu bytes", file.size());
  std::memcpy(plain.get(), kPngSignature, kPngSignatureBytes);
  ChunkWriter writer = {plain.get() + kPngSignatureBytes};
  std::memcpy(writer.Begin("IHDR", info.header.size()), info.header.data(), info.header.size());
  if (indexed) {
    uint8_t* const palette = writer.Begin("PLTE", kPalette);
    std::memcpy(palette, info.palette.data(), info.palette.size());
    std::memset(palette + info.palette.size(), 0, kPalette - info.palette.size());
  }
  uint8_t* data = writer.Begin("IDAT", info.data_bytes);
  size_t at = info.first_data;
  for (size_t i = 0; i < info.data_chunks; ++i) {
    const size_t length = ReadBig32(&file[at]);
    std::memcpy(data, &file[at + 8], length);
    data += length;
    at += kPngChunkOverhead + length;
  }
  writer.Begin("IEND", 0);
  return StbDecode({plain.get(), bytes}, PngLargestBlock(info));
}

struct JpegJob {
  std::span<const uint8_t> file;
  const Preprocess& recipe;
  bool turbo, scaled;
  JpegCheck check;
  EncodedInfo info = {};
  int eighths = 8;
  Image image = {};
  Status decoded = {}, checked = {};

  void Decode() {
    Result<Image> result = turbo ? TurboDecode(file, info, eighths) : StbDecode(file, JpegLimit(info));
    decoded = result.status();
    if (result.ok()) image = std::move(result.value());
  }
  void CheckScans() {
    const Result<EncodedInfo> result = check.ReadScans();
    checked = result.status();
    if (result.ok()) info.orientation = result.value().orientation;
  }
};

// A second thread takes about 0.1 ms to start: as long as the check of so many bytes.
constexpr size_t kWorthAThread = 32 * 1024;

Status DecodeJpeg(JpegJob* job, int32_t threads) {
  CUTIS_ASSIGN(job->info, job->check.ReadHeaders());
  const bool sideways = job->info.orientation >= 5;
  const int32_t upright_width = sideways ? job->info.height : job->info.width;
  const int32_t upright_height = sideways ? job->info.width : job->info.height;
  if (job->scaled) job->eighths = DecodeEighths(job->recipe.steps, upright_width, upright_height);
  const JpegCheck& check = job->check;
  const JpegLayout layout = {job->info.width,     job->info.height,           check.samples(),
                             !check.sequential(), job->info.orientation != 1, check.one_scan()};
  CUTIS_TRY(CheckImageHeap(job->recipe, JpegHeap(layout, job->turbo, job->eighths), ScaledSide(upright_width, job->eighths),
                           ScaledSide(upright_height, job->eighths)));
  // A progressive file may name any coefficients in any scan: it is checked before a decoder sees it.
  if (threads > 1 && job->check.sequential() && job->file.size() >= kWorthAThread) {
    std::unique_ptr<ThreadTeam> team;
    CUTIS_TRY(ThreadTeam::Create(2, &team));
    team->Run(
        [](void* context, int32_t thread) {
          JpegJob* const shared = static_cast<JpegJob*>(context);
          thread == 0 ? shared->Decode() : shared->CheckScans();
        },
        job);
    CUTIS_TRY(job->checked);
  } else {
    job->CheckScans();
    CUTIS_TRY(job->checked);
    job->Decode();
  }
  return job->decoded;
}

// Orientation n says where the stored first row and column lie in the upright picture. The upright pixel (x, y) is the stored
// one at `first` + x * `right` + y * `down`, counted in pixels.
Result<Image> Turn(Image image, int orientation) {
  if (orientation == 1) return image;
  const ptrdiff_t w = image.width, h = image.height;
  const bool sideways = orientation >= 5;
  ptrdiff_t first = 0, right = 1, down = w;
  switch (orientation) {
    case 2:
      first = w - 1;
      right = -1;
      down = w;
      break;  // mirrored
    case 3:
      first = w * h - 1;
      right = -1;
      down = -w;
      break;  // by 180 degrees
    case 4:
      first = w * (h - 1);
      right = 1;
      down = -w;
      break;  // upside down, mirrored
    case 5:
      first = 0;
      right = w;
      down = 1;
      break;  // along the main diagonal
    case 6:
      first = w * (h - 1);
      right = -w;
      down = 1;
      break;  // by 90 degrees clockwise
    case 7:
      first = w * h - 1;
      right = -w;
      down = -1;
      break;  // along the other diagonal
    case 8:
      first = w - 1;
      right = w;
      down = -1;
      break;  // by 90 degrees counterclockwise
    default:
      break;
  }
  CUTIS_ASSIGN(Image turned, AllocateImage(sideways ? image.height : image.width, sideways ? image.width : image.height));
  uint8_t* to = turned.rgb.get();
  for (ptrdiff_t y = 0; y < turned.height; ++y) {
    const uint8_t* from = image.rgb.get() + (first + y * down) * 3;
    for (ptrdiff_t x = 0; x < turned.width; ++x, to += 3) std::memcpy(to, from + x * right * 3, 3);
  }
  return turned;
}

}  // namespace

Status CheckImageSize(uint32_t width, uint32_t height) {
  if (width == 0 || height == 0) return Status::Error(Code::kBadInput, "the image has no pixels (%u x %u)", width, height);
  if (width > 65535 || height > 65535 || int64_t{width} * int64_t{height} > kMaxPixels) {
    return Status::Error(Code::kBadInput, "the image is too large: %u x %u pixels, the limit is %lld million; make it smaller",
                         width, height, static_cast<long long>(kMaxPixels / 1'000'000));
  }
  return {};
}

std::span<const char* const> DecoderNames() { return kDecoders; }

const char* DecoderVersion(const char* name) {
  if (std::strcmp(name, kDecoders[0]) == 0) return "";
  return std::strcmp(name, kDecoders[1]) == 0 || std::strcmp(name, kDecoders[2]) == 0 ? TurboVersion() : nullptr;
}

Result<Image> DecodeImage(std::span<const uint8_t> encoded, const Preprocess& recipe, int32_t threads) {
  const char* const name = recipe.decoder == nullptr ? "" : recipe.decoder;
  const bool scaled = std::strcmp(name, kDecoders[2]) == 0;
  const bool turbo = scaled || std::strcmp(name, kDecoders[1]) == 0;
  if (!turbo && std::strcmp(name, kDecoders[0]) != 0) {
    return Status::Error(Code::kUnsupported, "the model asks for the image decoder \"%.40s\", which this version does not know",
                         name);
  }
  if (turbo && TurboVersion() == nullptr) {
    return Status::Error(Code::kUnsupported,
                         "the model asks for the image decoder \"%s\", and this build has only \"stb\"; build Cutis with "
                         "-Dturbojpeg=enabled",
                         name);
  }
  if (encoded.empty()) return Status::Error(Code::kBadInput, "the image file is empty");
  if (recipe.device != nullptr && encoded.size() > recipe.device->image_file_bytes) {
    return Status::Error(Code::kBadInput, "the image file is too large for %s: %zu bytes, it has room for %llu",
                         recipe.device->name, encoded.size(), static_cast<unsigned long long>(recipe.device->image_file_bytes));
  }
  if (encoded.size() > kMaxEncodedBytes) {
    return Status::Error(Code::kBadInput, "the image file is too large: %zu bytes, the limit is %zu MiB", encoded.size(),
                         kMaxEncodedBytes >> 20);
  }
  EncodedInfo info;
  Image image;
  int eighths = 8;
  if (encoded.size() >= 3 && encoded[0] == 0xff && encoded[1] == 0xd8 && encoded[2] == 0xff) {
    JpegJob job = {encoded, recipe, turbo, scaled, JpegCheck(encoded)};
    CUTIS_TRY(DecodeJpeg(&job, threads));
    info = job.info;
    image = std::move(job.image);
    eighths = job.eighths;
  } else if (encoded.size() >= kPngSignatureBytes && std::memcmp(encoded.data(), kPngSignature, kPngSignatureBytes) == 0) {
    CUTIS_ASSIGN(const PngInfo png, CheckPng(encoded));
    info = png.image;
    const bool sideways = info.orientation >= 5;
    CUTIS_TRY(CheckImageHeap(recipe, PngHeap(png), sideways ? info.height : info.width, sideways ? info.width : info.height));
    CUTIS_ASSIGN(image, DecodePng(encoded, png));
  } else {
    return Status::Error(Code::kBadInput, "the file is neither JPEG nor PNG; save the image as one of these");
  }
  if (image.width != ScaledSide(info.width, eighths) || image.height != ScaledSide(info.height, eighths)) {
    return Status::Error(Code::kInternal, "the decoder gave %d x %d pixels where the file says %d x %d", image.width,
                         image.height, info.width, info.height);
  }
  // The orientation may stand behind the pixels.
  if (info.orientation != 1) CUTIS_TRY(CheckImageHeap(recipe, TurnHeap(image.width, image.height), image.width, image.height));
  return Turn(std::move(image), info.orientation);
}

}  // namespace cutis
