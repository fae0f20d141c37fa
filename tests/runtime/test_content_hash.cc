// The hash of a file's content against its definition, one leaf after the other.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "runtime/content_hash.h"

namespace cutis {
namespace {

using Digest = std::vector<uint8_t>;

std::vector<uint8_t> Content(size_t bytes, uint32_t seed) {
  std::vector<uint8_t> content(bytes);
  for (uint8_t& byte : content) byte = static_cast<uint8_t>((seed = seed * 1664525u + 1013904223u) >> 24);
  return content;
}

void AppendLeaves(const std::vector<uint8_t>& part, std::vector<uint8_t>* message) {
  for (size_t at = 0; at < part.size(); at += 16384) {
    uint8_t digest[32];
    Sha256::Hash(FeatureOf(Isa::kScalar), part.data() + at, std::min<size_t>(16384, part.size() - at), digest);
    message->insert(message->end(), digest, digest + 32);
  }
}

Digest Defined(const std::vector<uint8_t>& graph, const std::vector<uint8_t>& segment) {
  std::vector<uint8_t> message(16);
  const uint64_t sizes[2] = {graph.size(), segment.size()};
  std::memcpy(message.data(), sizes, 16);
  AppendLeaves(graph, &message);
  AppendLeaves(segment, &message);
  Digest digest(32);
  Sha256::Hash(FeatureOf(Isa::kScalar), message.data(), message.size(), digest.data());
  return digest;
}

Digest Computed(CpuFeatures cpu, int32_t threads, const std::vector<uint8_t>& graph, const std::vector<uint8_t>& segment) {
  Digest digest(32);
  REQUIRE(HashContent(cpu, threads, graph, segment, digest.data()).ok());
  return digest;
}

TEST_CASE("the content's hash is that of its definition, on any number of threads") {
  for (const size_t graph : {0, 64, 16384, 16385, 40000}) {
    for (const size_t segment : {0, 1, 16383, 16384, 32768, 50000, 3000000}) {
      const std::vector<uint8_t> a = Content(graph, 1), b = Content(segment, 2);
      const Digest expected = Defined(a, b);
      CAPTURE(graph);
      CAPTURE(segment);
      CHECK(Computed(DetectCpu(), 1, a, b) == expected);
      CHECK(Computed(FeatureOf(Isa::kScalar), 1, a, b) == expected);
      for (const int32_t threads : {2, 3, 7}) CHECK(Computed(DetectCpu(), threads, a, b) == expected);
    }
  }
}

TEST_CASE("no byte and no border of the content can change without its hash") {
  std::vector<uint8_t> graph = Content(20000, 3), segment = Content(40000, 4);
  const Digest before = Computed(DetectCpu(), 1, graph, segment);
  for (const size_t at : {0, 16383, 16384, 19999}) {
    graph[at] ^= 1;
    CHECK(Computed(DetectCpu(), 1, graph, segment) != before);
    graph[at] ^= 1;
  }
  for (const size_t at : {0, 16384, 39999}) {
    segment[at] ^= 0x80;
    CHECK(Computed(DetectCpu(), 1, graph, segment) != before);
    segment[at] ^= 0x80;
  }
  CHECK(Computed(DetectCpu(), 1, graph, segment) == before);
  // The same leaves, one of them on the other side of the border.
  const std::vector<uint8_t> whole = Content(65536, 5);
  const auto part = [&whole](size_t begin, size_t end) {
    return std::vector<uint8_t>(whole.begin() + static_cast<ptrdiff_t>(begin), whole.begin() + static_cast<ptrdiff_t>(end));
  };
  CHECK(Computed(DetectCpu(), 1, part(0, 16384), part(16384, 65536)) !=
        Computed(DetectCpu(), 1, part(0, 32768), part(32768, 65536)));
}

}  // namespace
}  // namespace cutis
