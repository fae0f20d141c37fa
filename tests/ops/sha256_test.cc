// SHA-256 against the examples that NIST publishes for FIPS 180-4, in one piece and in many, by every kernel.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

struct Vector {
  std::string message;
  const char* digest;
};

std::string Hex(const uint8_t* digest) {
  std::string text;
  for (size_t i = 0; i < Sha256::kDigestBytes; ++i) {
    char byte[3];
    std::snprintf(byte, sizeof byte, "%02x", digest[i]);
    text += byte;
  }
  return text;
}

TEST_CASE("SHA-256 of known messages") {
  const Vector vectors[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
      {std::string(1000000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const CpuFeatures features : {FeatureOf(Isa::kScalar), DetectCpu()}) {
    for (const Vector& vector : vectors) {
      uint8_t digest[Sha256::kDigestBytes];
      Sha256::Hash(features, vector.message.data(), vector.message.size(), digest);
      CHECK(Hex(digest) == vector.digest);
      // In pieces of growing length.
      Sha256 hash(features);
      size_t done = 0;
      for (size_t step = 0; done < vector.message.size(); ++step) {
        const size_t bytes = std::min(step % 200, vector.message.size() - done);
        hash.Update(vector.message.data() + done, bytes);
        done += bytes;
      }
      hash.Finish(digest);
      CHECK(Hex(digest) == vector.digest);
    }
  }
}

TEST_CASE("SHA-256 does not depend on how a message is cut") {
  Random random(1);
  const GuardedBuffer message(200);
  random.Fill(message.bytes());
  for (size_t length = 0; length <= 200; ++length) {
    uint8_t whole[Sha256::kDigestBytes], parts[Sha256::kDigestBytes];
    Sha256::Hash(FeatureOf(Isa::kScalar), message.data(), length, whole);
    Sha256 hash(DetectCpu());
    const size_t cut = static_cast<size_t>(random.Between(0, static_cast<int64_t>(length)));
    hash.Update(message.data(), cut);
    hash.Update(message.data() + cut, length - cut);
    hash.Finish(parts);
    CHECK(std::memcmp(whole, parts, sizeof whole) == 0);
  }
}

}  // namespace
}  // namespace cutis::test
