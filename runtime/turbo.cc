// The only file that calls libjpeg-turbo. The library reports an error by a function that must not return; longjmp() leads from
// there back into Start() or ReadPixels(), and passes frames of C and of functions without objects only.
#include "runtime/turbo.h"

#if defined(CUTIS_TURBOJPEG)

// clang-format off
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it before it

#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include "runtime/resize.h"

namespace cutis {
namespace {

#define CUTIS_TEXT_OF(value) #value
#define CUTIS_TEXT(value) CUTIS_TEXT_OF(value)

struct Decoder {
  jpeg_error_mgr errors;  // first: libjpeg hands out its address
  jpeg_decompress_struct jpeg;
  std::jmp_buf failed;
  char reason[JMSG_LENGTH_MAX];
};

[[noreturn]] void Fail(j_common_ptr jpeg) {
  auto* decoder = reinterpret_cast<Decoder*>(jpeg->err);
  decoder->errors.format_message(jpeg, decoder->reason);
  std::longjmp(decoder->failed, 1);
}

// Negative levels are warnings: the library has found damage and goes on with a guess. Three of them are about no pixel: a kind
// of JFIF or Adobe segment it does not know, and numbers in the header of a sequential scan that mean nothing there. Filling
// bytes behind a scan's data are what CheckJpeg() decides about.
void Emit(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  switch (jpeg->err->msg_code) {
    case JWRN_JFIF_MAJOR:
    case JWRN_ADOBE_XFORM:
    case JWRN_NOT_SEQUENTIAL:
    case JWRN_EXTRANEOUS_DATA:
      return;
    default:
      Fail(jpeg);
  }
}

void PrintNothing(j_common_ptr) {}

// What the output will be, before anything of the image's size is allocated. Every setting that decides about bits is set here,
// whatever the library's defaults are. The accurate integer transform gives the same bits with and without vector code.
bool Start(Decoder* decoder, const uint8_t* file, size_t bytes, int eighths) {
  if (setjmp(decoder->failed) != 0) return false;
  jpeg_decompress_struct* jpeg = &decoder->jpeg;
  jpeg_create_decompress(jpeg);
  jpeg_mem_src(jpeg, file, static_cast<unsigned long>(bytes));
  jpeg_read_header(jpeg, TRUE);
  jpeg->out_color_space = JCS_RGB;
  jpeg->scale_num = static_cast<unsigned>(eighths);
  jpeg->scale_denom = 8;
  jpeg->dct_method = JDCT_ISLOW;
  jpeg->do_fancy_upsampling = TRUE;
  jpeg->do_block_smoothing = FALSE;
  jpeg->quantize_colors = FALSE;
  jpeg->buffered_image = FALSE;
  jpeg->raw_data_out = FALSE;
  jpeg_calc_output_dimensions(jpeg);
  return true;
}

bool ReadPixels(Decoder* decoder, uint8_t* pixels, size_t row_bytes) {
  if (setjmp(decoder->failed) != 0) return false;
  jpeg_decompress_struct* jpeg = &decoder->jpeg;
  jpeg_start_decompress(jpeg);
  while (jpeg->output_scanline < jpeg->output_height) {
    JSAMPROW row = pixels + size_t{jpeg->output_scanline} * row_bytes;
    jpeg_read_scanlines(jpeg, &row, 1);
  }
  jpeg_finish_decompress(jpeg);
  return true;
}

Status FailureOf(const Decoder& decoder) {
  switch (decoder.errors.msg_code) {
    case JERR_OUT_OF_MEMORY:
      return Status::Error(Code::kNoMemory, "not enough memory to decode the image");
    default:
      return Status::Error(Code::kBadInput, "the image is damaged (%s); get the original file again", decoder.reason);
  }
}

struct Destroyer {
  Decoder* decoder;
  ~Destroyer() { jpeg_destroy_decompress(&decoder->jpeg); }
};

}  // namespace

const char* TurboVersion() { return CUTIS_TEXT(LIBJPEG_TURBO_VERSION); }

Result<Image> TurboDecode(std::span<const uint8_t> file, const EncodedInfo& info, int eighths) {
  Decoder decoder = {};
  decoder.jpeg.err = jpeg_std_error(&decoder.errors);
  decoder.errors.error_exit = Fail;
  decoder.errors.emit_message = Emit;
  decoder.errors.output_message = PrintNothing;
  const Destroyer destroyer = {&decoder};
  if (!Start(&decoder, file.data(), file.size(), eighths)) return FailureOf(decoder);
  // Only the frame header decides how much memory the library takes, and nothing of the image's size has been taken yet.
  const int32_t width = ScaledSide(info.width, eighths), height = ScaledSide(info.height, eighths);
  const jpeg_decompress_struct& jpeg = decoder.jpeg;
  if (jpeg.image_width != static_cast<JDIMENSION>(info.width) || jpeg.image_height != static_cast<JDIMENSION>(info.height) ||
      jpeg.output_width != static_cast<JDIMENSION>(width) || jpeg.output_height != static_cast<JDIMENSION>(height) ||
      jpeg.output_components != 3 || (jpeg.num_components != 1 && jpeg.num_components != 3)) {
    return Status::Error(Code::kInternal, "the decoder finds %u x %u pixels of %d colours where the check found %d x %d",
                         jpeg.image_width, jpeg.image_height, jpeg.num_components, info.width, info.height);
  }
  CUTIS_ASSIGN(Image image, AllocateImage(width, height));
  if (!ReadPixels(&decoder, image.rgb.get(), static_cast<size_t>(width) * 3)) return FailureOf(decoder);
  return image;
}

}  // namespace cutis

#else

namespace cutis {

const char* TurboVersion() { return nullptr; }

Result<Image> TurboDecode(std::span<const uint8_t>, const EncodedInfo&, int) {
  return Status::Error(Code::kUnsupported, "this build has no libjpeg-turbo");
}

}  // namespace cutis

#endif
