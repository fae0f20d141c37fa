// Writes PNG files, by stb_image_write.
#ifndef CUTIS_TOOLS_CUTIS_PNG_H_
#define CUTIS_TOOLS_CUTIS_PNG_H_

#include <cstdint>
#include <string>

namespace cutis::cli {

// The bytes of a file with these RGB pixels, rows without gaps. The same pixels give the same bytes on any machine.
std::string EncodePng(const uint8_t* rgb, int32_t width, int32_t height);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_PNG_H_
