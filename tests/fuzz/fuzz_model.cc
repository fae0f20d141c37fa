// Fuzz target: bytes as a .cutis file. The header and the hash are put right first, so that the fuzzer gets to what lies
// behind. What opens and is small also runs; a uint8 network must give the same bits by the reference kernels and by the best
// ones.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "runtime/content_hash.h"
#include "runtime/file.h"
#include "runtime/header.h"
#include "runtime/session.h"

namespace {

constexpr uint64_t kMaxArena = 4u << 20;
constexpr uint64_t kMaxWork = 20'000'000;

using cutis::Model;
using cutis::Session;

bool IsSmall(const Model& model) {
  uint64_t work = 0;
  for (const cutis::ModelNode& node : model.nodes()) {
    const uint64_t macs = MacsOf(*node.op, node.node);
    if (macs > kMaxWork) return false;
    work += macs + EntryBytes(*node.node.output);
  }
  return work <= kMaxWork && model.ArenaBytes(2, 2) <= kMaxArena && model.ExplanationArenaBytes(2, 2) <= kMaxArena;
}

bool IsInteger(const Model& model) {
  for (const cutis::ModelNode& node : model.nodes()) {
    if (node.op->type != cutis::DataType::kU8) return false;
  }
  return true;
}

std::unique_ptr<Session> RunOne(const Model& model, int32_t threads, const uint8_t* data, size_t size, bool explain = false) {
  cutis::SessionOptions options;
  options.batch = 2;
  options.threads = threads;
  options.explain = explain;
  auto session = Session::Create(model, options);
  if (!session.ok()) return nullptr;
  for (size_t n = 0; n < model.inputs().size(); ++n) {
    const cutis::TensorInfo& input = model.tensors()[static_cast<size_t>(model.inputs()[n])].info;
    uint8_t* bytes = static_cast<uint8_t*>(session.value()->input(static_cast<int32_t>(n), 0));
    for (size_t i = 0; i < 2 * EntryBytes(input); ++i) bytes[i] = data[i % size];
  }
  if (!session.value()->Run(2).ok()) std::abort();
  return std::move(session.value());
}

// The maps of both images.
void ExplainAll(const Session& session) {
  const Model& model = session.model();
  const cutis::Shape& shape = model.tensors()[static_cast<size_t>(model.explanation()->map)].info.shape;
  std::vector<float> map(static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width));
  for (int32_t image = 0; image < 2; ++image) {
    if (!session.GetExplanation(image, 0, map).ok()) std::abort();
  }
}

void Compare(const Session& a, const Session& b) {
  const Model& model = a.model();
  for (size_t o = 0; o < model.outputs().size(); ++o) {
    const cutis::TensorInfo& info = model.tensors()[static_cast<size_t>(model.outputs()[o])].info;
    const size_t element = SizeOf(info.type),
                 pixels = static_cast<size_t>(info.shape.height) * static_cast<size_t>(info.shape.width);
    for (int32_t image = 0; image < 2 * info.images; ++image) {
      const size_t start = static_cast<size_t>(image) * info.image_bytes;
      const char* x = static_cast<const char*>(a.output(static_cast<int32_t>(o), 0)) + start;
      const char* y = static_cast<const char*>(b.output(static_cast<int32_t>(o), 0)) + start;
      for (size_t i = 0; i < pixels; ++i) {
        const size_t at = i * static_cast<size_t>(info.channel_stride) * element;
        if (std::memcmp(x + at, y + at, static_cast<size_t>(info.shape.channels) * element) != 0) {
          std::fputs("the reference kernels and the best ones, or the two plans, disagree\n", stderr);
          std::abort();
        }
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  size = size / 64 * 64;
  if (size < 128 || size > (1u << 20)) return 0;
  const auto bytes = cutis::AllocateAligned(size);
  if (bytes == nullptr) return 0;
  std::memcpy(bytes.get(), data, size);
  cutis::FileHeader header;
  std::memcpy(&header, bytes.get(), sizeof header);
  std::memcpy(header.magic, cutis::kMagic, sizeof cutis::kMagic);
  header.version = cutis::kFormatVersion;
  header.signature_bytes = 0;
  // The size of the graph is the fuzzer's choice as long as it is possible.
  if (header.graph_bytes % 64 != 0 || header.graph_bytes == 0 || header.graph_bytes > size - 64) header.graph_bytes = size - 64;
  header.segment_bytes = size - 64 - header.graph_bytes;
  const std::span<const uint8_t> content(bytes.get() + 64, size - 64);
  if (!cutis::HashContent(cutis::DetectCpu(), 1, content.first(header.graph_bytes), content.subspan(header.graph_bytes),
                          header.sha256)
           .ok()) {
    return 0;
  }
  std::memcpy(bytes.get(), &header, sizeof header);

  cutis::OpenOptions options;
  options.cpu = cutis::DetectCpu();
  const auto model = Model::OpenMemory(bytes.get(), size, options);
  if (!model.ok() || !IsSmall(*model.value())) return 0;
  const auto best = RunOne(*model.value(), 1, bytes.get(), size);
  options.cpu = cutis::FeatureOf(cutis::Isa::kScalar);
  const auto plain = Model::OpenMemory(bytes.get(), size, options);
  if (!plain.ok()) std::abort();
  const auto reference = RunOne(*plain.value(), 1, bytes.get(), size);
  if (model.value()->explanation() != nullptr) {
    const auto explaining = RunOne(*model.value(), 1, bytes.get(), size, true);
    if (explaining != nullptr) ExplainAll(*explaining);
    if (best != nullptr && explaining != nullptr && IsInteger(*model.value())) Compare(*best, *explaining);
  }
  if (best != nullptr && reference != nullptr && IsInteger(*model.value())) Compare(*best, *reference);
  return 0;
}
