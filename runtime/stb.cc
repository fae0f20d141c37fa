// The only file that contains stb_image. It is compiled with signed overflow defined (-fwrapv) and, where the compiler can,
// with local variables preset: version 2.27 leaves parts of its tables unset, and a damaged file must not make the result
// depend on what lay in memory before.
#include "runtime/stb.h"

#include <cstdlib>
#include <cstring>

namespace cutis {
namespace {

thread_local size_t allocation_limit = 0;
thread_local bool allocation_denied = false;  // by the limit, rather than by the system

bool Allowed(size_t bytes) {
  if (bytes <= allocation_limit) return true;
  allocation_denied = true;
  return false;
}

// Zeroed, so that pixels which no data reaches are the same on every run.
void* StbAllocate(size_t bytes) { return Allowed(bytes) ? std::calloc(1, bytes != 0 ? bytes : 1) : nullptr; }

void* StbReallocate(void* memory, size_t old_bytes, size_t bytes) {
  if (!Allowed(bytes)) return nullptr;
  void* const grown = std::realloc(memory, bytes);
  if (grown != nullptr && memory == nullptr) std::memset(grown, 0, bytes);
  if (grown != nullptr && memory != nullptr && bytes > old_bytes) {
    std::memset(static_cast<char*>(grown) + old_bytes, 0, bytes - old_bytes);
  }
  return grown;
}

}  // namespace
}  // namespace cutis

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS 65535
#define STBI_ASSERT(condition) static_cast<void>(0)  // input never aborts the process
#define STBI_MALLOC(bytes) cutis::StbAllocate(bytes)
#define STBI_REALLOC_SIZED(memory, old_bytes, bytes) cutis::StbReallocate(memory, old_bytes, bytes)
#define STBI_REALLOC(memory, bytes) cutis::StbReallocate(memory, bytes, bytes)  // never called: the sized one is
#define STBI_FREE(memory) std::free(memory)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace cutis {

Result<Image> StbDecode(std::span<const uint8_t> file, size_t largest_allocation) {
  allocation_limit = largest_allocation;
  allocation_denied = false;
  int width = 0, height = 0, channels = 0;
  stbi_uc* const pixels = stbi_load_from_memory(file.data(), static_cast<int>(file.size()), &width, &height, &channels, 3);
  if (pixels != nullptr) {
    Image image;
    image.width = width;
    image.height = height;
    image.rgb.reset(pixels);
    return image;
  }
  if (allocation_denied) {
    return Status::Error(Code::kBadInput, "the image is damaged: it unpacks to more than its size says");
  }
  const char* reason = stbi_failure_reason();
  if (reason == nullptr) reason = "no reason given";
  if (std::strcmp(reason, "outofmem") == 0) return Status::Error(Code::kNoMemory, "not enough memory to decode the image");
  return Status::Error(Code::kBadInput, "the image is damaged (%s); get the original file again", reason);
}

}  // namespace cutis
