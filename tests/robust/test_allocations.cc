// No allocation inside Run; every failed allocation of opening and creating is a Status and leaks nothing.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "ops/xnnpack.h"
#include "runtime/golden.h"
#include "runtime/session.h"
#include "tests/robust/allocations.h"
#include "tests/runtime/test_file.h"

namespace cutis {
namespace {

TEST_CASE("the counter counts") {
  const uint64_t before = test::Allocations();
  const int64_t held = test::Held();
  void* memory = std::malloc(10);
  int* volatile number = new int(1);  // volatile: a compiler may leave out a pair of new and delete
  CHECK(memory != nullptr);
  CHECK(test::Allocations() == before + 2);
  CHECK(test::Held() == held + 2);
  std::free(memory);
  delete number;
  CHECK(test::Held() == held);
  test::FailAllocationsAfter(1);
  void* first = std::malloc(10);
  void* second = std::malloc(10);
  test::FailAllocationsAfter(-1);
  CHECK(first != nullptr);
  CHECK(second == nullptr);
  std::free(first);
}

TEST_CASE("a run allocates nothing") {
  for (const test::RawModel& raw : {test::Explained(test::SmallU8Model()), test::Explained(test::SmallF32Model())}) {
    const test::Bytes file = test::Write(raw);
    const auto model = Model::OpenMemory(file.data.get(), file.size);
    REQUIRE_MESSAGE(model.ok(), model.status().text());
    for (bool xnnpack : {false, true}) {
      if (xnnpack && (!XnnpackAvailable() || raw.tensors[0].type == 0)) continue;
      for (int32_t threads : {1, 3}) {
        SessionOptions options;
        options.batch = 2;
        options.threads = threads;
        options.profile = true;
        options.explain = true;
        options.float_backend = xnnpack ? FloatBackend::kXnnpack : FloatBackend::kOwn;
        const auto session = Session::Create(*model.value(), options);
        REQUIRE_MESSAGE(session.ok(), session.status().text());
        std::vector<uint8_t> pixels(432, 77);
        std::vector<float> values(7), reals(432, 0.5f), map(9);
        const uint64_t before = test::Allocations();
        bool ok = true;
        for (int i = 0; i < 3; ++i) {
          ok = ok && session.value()->SetInputU8(0, pixels.data(), pixels.size()).ok();
          ok = ok && session.value()->SetInputF32(1, reals.data(), reals.size()).ok();
          ok = ok && session.value()->Run(2).ok();
          ok = ok && session.value()->GetOutputF32(0, 1, values.data(), values.size()).ok();
          ok = ok && session.value()->GetExplanation(1, 0, map).ok();
        }
        CHECK(test::Allocations() == before);
        CHECK(ok);
      }
    }
  }
}

// Calls attempt() with the first allocation failing, then the second, ... until it works. It returns the Status.
template <class Attempt>
void FailOneAfterAnother(Attempt attempt) {
  int64_t allowed = 0;
  for (;; ++allowed) {
    REQUIRE(allowed < 10000);
    const int64_t held = test::Held();
    test::FailAllocationsAfter(allowed);
    const Status status = attempt();
    test::FailAllocationsAfter(-1);
    CHECK(test::Held() == held);
    if (status.ok()) break;
    CAPTURE(std::string(status.text()));
    CHECK(status.code() == Code::kNoMemory);
  }
  CHECK(allowed > 3);
}

TEST_CASE("opening with every allocation failing in turn") {
  for (const test::RawModel& raw : {test::Explained(test::SmallU8Model()), test::SmallF32Model(), test::SmallMapModel()}) {
    const test::Bytes file = test::Write(raw);
    for (bool copy : {false, true}) {
      OpenOptions options;
      options.copy = copy;
      FailOneAfterAnother([&] { return Model::OpenMemory(file.data.get(), file.size, options).status(); });
    }
  }
}

TEST_CASE("sessions and hashes with every allocation failing in turn") {
  for (const test::RawModel& raw : {test::SmallU8Model(), test::SmallF32Model()}) {
    const test::Bytes file = test::Write(raw);
    const auto model = Model::OpenMemory(file.data.get(), file.size);
    REQUIRE(model.ok());
    SessionOptions options;
    options.threads = 2;
    options.profile = true;
    FailOneAfterAnother([&] { return Session::Create(*model.value(), options).status(); });
    std::vector<TensorHash> hashes(raw.tensors.size());
    FailOneAfterAnother([&] { return TensorHashes(*model.value(), options, hashes); });
    if (XnnpackAvailable() && raw.tensors[0].type == 1) {
      options.float_backend = FloatBackend::kXnnpack;
      FailOneAfterAnother([&] { return Session::Create(*model.value(), options).status(); });
    }
  }
}

}  // namespace
}  // namespace cutis
