#include "runtime/golden.h"

#include <algorithm>
#include <new>

#include "ops/hash/sha256.h"
#include "runtime/memory.h"

namespace cutis {
namespace {

// Runs the first `inputs` inputs, batch by batch; before_run(images) and after_run(images) see what lies in the session then.
template <class Before, class After>
Status RunInputs(Session& session, int32_t inputs, Before before_run, After after_run) {
  const TensorInfo& input = session.model().tensors()[static_cast<size_t>(session.model().input())].info;
  const size_t bytes = static_cast<size_t>(input.shape.height) * static_cast<size_t>(input.shape.width) *
                       static_cast<size_t>(input.shape.channels);
  const std::unique_ptr<uint8_t[], MallocDeleter> pixels(static_cast<uint8_t*>(std::malloc(bytes)));
  if (pixels == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no %zu bytes for a generated input", bytes);
  for (int32_t first = 0; first < inputs; first += session.options().batch) {
    const int32_t images = std::min(session.options().batch, inputs - first);
    for (int32_t i = 0; i < images; ++i) {
      GenerateInput(first + i, input.shape, pixels.get());
      CUTIS_TRY(session.SetInputU8(i, pixels.get(), bytes));
    }
    before_run(images);
    CUTIS_TRY(session.Run(images));
    after_run(images);
  }
  return {};
}

struct TensorObserver {
  const Model* model;
  Sha256* hashes;

  void Add(int32_t tensor, const void* data, int32_t images) {
    const TensorInfo& info = model->tensors()[static_cast<size_t>(tensor)].info;
    for (int32_t i = 0; i < images; ++i) {
      UpdateTight(info, static_cast<const std::byte*>(data) + static_cast<size_t>(i) * EntryBytes(info), &hashes[tensor]);
    }
  }
  static void Observe(void* context, int32_t node, const void* data, int32_t images) {
    TensorObserver* self = static_cast<TensorObserver*>(context);
    self->Add(self->model->nodes()[static_cast<size_t>(node)].output, data, images);
  }
};

}  // namespace

Status OutputHash(const Model& model, const SessionOptions& options, uint8_t digest[32], int32_t inputs) {
  CUTIS_ASSIGN(const std::unique_ptr<Session> session, Session::Create(model, options));
  Sha256 hash(model.cpu());
  CUTIS_TRY(RunInputs(
      *session, inputs, [](int32_t) {},
      [&](int32_t images) {
        for (int32_t i = 0; i < images; ++i) {
          for (size_t o = 0; o < model.outputs().size(); ++o) {
            UpdateTight(model.tensors()[static_cast<size_t>(model.outputs()[o])].info,
                        session->output(static_cast<int32_t>(o), i), &hash);
          }
        }
      }));
  hash.Finish(digest);
  return {};
}

Status TensorHashes(const Model& model, const SessionOptions& options, std::span<TensorHash> hashes) {
  const size_t count = model.tensors().size();
  if (hashes.size() != count)
    return Status::Error(Code::kUsage, "%zu hashes wanted of a model with %zu tensors", hashes.size(), count);
  CUTIS_ASSIGN(const std::unique_ptr<Session> session, Session::Create(model, options));
  const std::unique_ptr<Sha256[], MallocDeleter> states(static_cast<Sha256*>(std::malloc(count * sizeof(Sha256))));
  if (states == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no room for %zu hashes", count);
  for (size_t i = 0; i < count; ++i) ::new (&states[i]) Sha256(model.cpu());
  TensorObserver observer{&model, states.get()};
  session->SetObserver(&TensorObserver::Observe, &observer);
  CUTIS_TRY(RunInputs(
      *session, kGoldenInputs, [&](int32_t images) { observer.Add(model.input(), session->input(0), images); },
      [](int32_t) {}));
  for (size_t i = 0; i < count; ++i) {
    hashes[i].name = model.tensors()[i].name;
    states[i].Finish(hashes[i].digest);
  }
  return {};
}

}  // namespace cutis
