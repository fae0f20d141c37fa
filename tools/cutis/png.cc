// The only file that contains stb_image_write.
#include "tools/cutis/png.h"

#include <cstdlib>
#include <new>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wshadow"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace cutis::cli {

std::string EncodePng(const uint8_t* rgb, int32_t width, int32_t height) {
  int size = 0;
  unsigned char* const file = stbi_write_png_to_mem(rgb, 3 * width, width, height, 3, &size);
  if (file == nullptr) throw std::bad_alloc();
  std::string bytes(reinterpret_cast<const char*>(file), static_cast<size_t>(size));
  std::free(file);
  return bytes;
}

}  // namespace cutis::cli
