// stb_image has vector code for x86: its pixels must be those of the plain code, which other machines run.
#include <doctest/doctest.h>

#include "runtime/stb.h"
#include "tests/runtime/image_helpers.h"

// The same source once more, under another name.
#define STBI_NO_SIMD
#define StbDecode StbDecodeScalar
#include "runtime/stb.cc"
#undef StbDecode

namespace cutis {
namespace {

TEST_CASE("the decoder gives the same pixels with and without vector instructions") {
  for (const char* const name : {"jpg_420.jpg", "jpg_444.jpg", "jpg_422.jpg", "jpg_progressive.jpg", "jpg_grey.jpg",
                                 "jpg_restart.jpg", "../../../tools/samples/lesion.jpg", "../../../tools/samples/naevus.jpg"}) {
    CAPTURE(name);
    const std::vector<uint8_t> file = ReadData(name);
    const Result<Image> fast = StbDecode(file, kMaxEncodedBytes), plain = StbDecodeScalar(file, kMaxEncodedBytes);
    REQUIRE(fast.ok());
    REQUIRE(plain.ok());
    REQUIRE(fast.value().width == plain.value().width);
    REQUIRE(fast.value().height == plain.value().height);
    CHECK(Crc(fast.value()) == Crc(plain.value()));
  }
}

TEST_CASE("the decoder stops at the limit of its memory") {
  const Result<Image> image = StbDecode(ReadData("../../../tools/samples/lesion.jpg"), 600 * 450 * 3);
  REQUIRE(!image.ok());
  CHECK(image.status().code() == Code::kBadInput);
}

}  // namespace
}  // namespace cutis
