// Model files that are to be refused, with which code and which words.
#ifndef CUTIS_TESTS_RUNTIME_REFUSED_H_
#define CUTIS_TESTS_RUNTIME_REFUSED_H_

#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "runtime/model.h"
#include "tests/runtime/test_file.h"

namespace cutis::test {

inline Status OpenStatus(const Bytes& file) { return Model::OpenMemory(file.data.get(), file.size).status(); }

// Refused, with that code and those words in the text.
inline void CheckRefused(const Bytes& file, Code code, const char* words) {
  const Status status = OpenStatus(file);
  CAPTURE(std::string(status.text()));
  CAPTURE(std::string(words));
  CHECK(status.code() == code);
  CHECK(std::strstr(status.text(), words) != nullptr);
}

struct BadModel {
  const char* words;
  std::function<void(RawModel*)> change;
  Code code = Code::kBadInput;
};

inline void CheckAllRefused(const std::vector<BadModel>& cases, const RawModel& sound) {
  REQUIRE(OpenStatus(Write(sound)).ok());
  for (const BadModel& bad : cases) {
    CAPTURE(&bad - cases.data());
    RawModel model = sound;
    bad.change(&model);
    CheckRefused(Write(model), bad.code, bad.words);
  }
}

}  // namespace cutis::test

#endif  // CUTIS_TESTS_RUNTIME_REFUSED_H_
