// The data cache: what is stored comes back, what is damaged does not, the bound holds. And percentiles.
#include "tools/pipeline/data_cache.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tools/pipeline/histogram.h"

namespace cutis::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr EntryShape kShape = {7, 19, 3000};
constexpr uint64_t kEntryBytes = 8 + 32 + 16 + 4 * (7 + 19) + 32 + 3000 + 32;
const uint8_t kModel[32] = {1, 2, 3};

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "cutis-cache-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  std::string cache() const { return path_ + "/cache"; }
  // Files of entries, the lock left out.
  std::vector<std::string> Entries() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(cache())) {
      if (entry.is_regular_file() && entry.path().filename() != "lock") found.push_back(entry.path().string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  uint64_t Bytes() const {
    uint64_t bytes = 0;
    for (const std::string& name : Entries()) bytes += fs::file_size(name);
    return bytes;
  }

 private:
  std::string path_;
};

CacheKey Key(uint32_t image) { return KeyOf(kModel, &image, sizeof image); }

Findings Made(uint32_t image, size_t views) {
  Findings made;
  for (size_t i = 0; i < views * kShape.labels; ++i)
    made.outputs.push_back(static_cast<float>(image) + 0.5f * static_cast<float>(i));
  for (size_t i = 0; i < kShape.features; ++i) made.features.push_back(static_cast<float>(i) - static_cast<float>(image));
  for (size_t i = 0; i < kShape.pixel_bytes; ++i) made.pixels.push_back(static_cast<uint8_t>(i * 7 + image));
  return made;
}

void CheckKnown(DataCache& cache, uint32_t image, size_t views) {
  Findings found;
  const Findings expected = Made(image, views);
  REQUIRE(cache.Load(Key(image), kShape, &found));
  CHECK(found.outputs == expected.outputs);
  CHECK(found.features == expected.features);
  CHECK(found.pixels.empty());
  std::vector<uint8_t> pixels;
  REQUIRE(cache.LoadPixels(Key(image), kShape, &pixels));
  CHECK(std::equal(pixels.begin(), pixels.end(), expected.pixels.begin(), expected.pixels.end()));
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void WriteAll(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

TEST_CASE("what is stored comes back, for the same image, model and version alone") {
  Folder folder;
  DataCache cache;
  std::string error;
  REQUIRE_MESSAGE(cache.Open(folder.cache().c_str(), 1 << 20, &error) == CUTIS_OK, error);
  Findings found;
  CHECK_FALSE(cache.Load(Key(1), kShape, &found));
  cache.Store(Key(1), kShape, Made(1, 1));
  cache.Store(Key(2), kShape, Made(2, 8));
  CheckKnown(cache, 1, 1);
  CheckKnown(cache, 2, 8);
  cache.Store(Key(1), kShape, Made(1, 3));  // more views are known now
  CheckKnown(cache, 1, 3);
  const uint32_t image = 1;
  const uint8_t other_model[32] = {1, 2, 4};
  CHECK_FALSE(cache.Load(KeyOf(other_model, &image, sizeof image), kShape, &found));
  const cutis_data_cache_statistics statistics = cache.statistics();
  CHECK(statistics.hits == 3);
  CHECK(statistics.misses == 2);
  CHECK(statistics.stored == 3);
  CHECK(statistics.damaged + statistics.failures + statistics.evicted == 0);
  // Another handle, as of another process.
  DataCache again;
  REQUIRE(again.Open(folder.cache().c_str(), 1 << 20, &error) == CUTIS_OK);
  CheckKnown(again, 2, 8);
  // No name but hashes, and nobody else may look.
  for (const std::string& name : folder.Entries()) {
    CHECK(fs::path(name).filename().string().find_first_not_of("0123456789abcdef") == std::string::npos);
    struct stat info;
    REQUIRE(stat(name.c_str(), &info) == 0);
    CHECK((info.st_mode & 077) == 0);
  }
}

TEST_CASE("damage of any byte is seen") {
  Folder folder;
  DataCache cache;
  std::string error;
  REQUIRE(cache.Open(folder.cache().c_str(), 1 << 20, &error) == CUTIS_OK);
  cache.Store(Key(1), kShape, Made(1, 2));
  const std::string name = folder.Entries().at(0), whole = ReadAll(name);
  constexpr size_t kKnown = 8 + 32 + 16 + 4 * (14 + 19) + 32;
  Findings found;
  std::vector<uint8_t> pixels;
  for (size_t at = 0; at < whole.size(); at += at < kKnown ? 1 : 97) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    WriteAll(name, damaged);
    INFO(at);
    CHECK(cache.Load(Key(1), kShape, &found) == (at >= kKnown));
    if (at >= kKnown) CHECK_FALSE(cache.LoadPixels(Key(1), kShape, &pixels));
  }
  for (const size_t length : {size_t{0}, size_t{7}, size_t{55}, kKnown - 1, kKnown, whole.size() - 1}) {
    WriteAll(name, whole.substr(0, length));
    INFO(length);
    CHECK(cache.Load(Key(1), kShape, &found) == (length >= kKnown));
    CHECK_FALSE(cache.LoadPixels(Key(1), kShape, &pixels));
  }
  // An entry of another shape, or under another name, is none either.
  WriteAll(name, whole);
  CHECK(cache.Load(Key(1), kShape, &found));
  CHECK_FALSE(cache.Load(Key(1), {7, 20, 3000}, &found));
  CHECK(cache.statistics().damaged > 0);
}

TEST_CASE("the bound holds, and what was not used for the longest time goes") {
  Folder folder;
  DataCache cache;
  std::string error;
  constexpr uint64_t kBytes = 1 << 20, kFit = kBytes / kEntryBytes;
  REQUIRE(cache.Open(folder.cache().c_str(), kBytes, &error) == CUTIS_OK);
  Findings found;
  for (uint32_t image = 0; image < 3 * kFit; ++image) {
    cache.Store(Key(image), kShape, Made(image, 1));
    REQUIRE(cache.Load(Key(0), kShape, &found));  // always in use
    if (image % 16 == 0) CHECK(folder.Bytes() <= kBytes);
  }
  CHECK(folder.Bytes() <= kBytes);
  CHECK(folder.Bytes() > kBytes * 8 / 10);
  CHECK(cache.Load(Key(3 * kFit - 1), kShape, &found));
  CHECK_FALSE(cache.Load(Key(1), kShape, &found));
  CHECK(cache.statistics().evicted >= 2 * kFit - 2);
  // Two of them with a bound: that of the smaller one, which it keeps when it stores.
  DataCache larger;
  REQUIRE(larger.Open(folder.cache().c_str(), 2 * kBytes, &error) == CUTIS_OK);
  for (uint32_t image = 0; image < kFit; ++image) larger.Store(Key(10000 + image), kShape, Made(image, 1));
  CHECK(folder.Bytes() > kBytes);
  cache.Store(Key(20000), kShape, Made(20000, 1));
  CHECK(folder.Bytes() <= kBytes);
  // What would not fit alone is not kept.
  const EntryShape huge = {7, 0, 2 << 20};
  Findings large;
  large.outputs.resize(7);
  large.pixels.resize(huge.pixel_bytes);
  cache.Store(Key(1), huge, large);
  CHECK(cache.statistics().failures == 1);
  CHECK(folder.Bytes() <= kBytes);
}

TEST_CASE("several at once") {
  Folder folder;
  constexpr uint64_t kBytes = 1 << 20;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&folder, &wrong, t] {
      DataCache cache;  // each as a process would
      std::string error;
      if (cache.Open(folder.cache().c_str(), kBytes, &error) != CUTIS_OK) ++wrong;
      Findings found;
      for (uint32_t i = 0; i < 300; ++i) {
        const uint32_t image = (i * 7 + static_cast<uint32_t>(t) * 13) % 400;
        if (!cache.Load(Key(image), kShape, &found)) {
          cache.Store(Key(image), kShape, Made(image, 1 + image % 3));
        } else if (found.outputs != Made(image, 1 + image % 3).outputs) {
          ++wrong;
        }
      }
      if (cache.statistics().damaged + cache.statistics().failures != 0) ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(folder.Bytes() <= kBytes);
}

TEST_CASE("what cannot be written is counted, what a killed process left goes") {
  Folder folder;
  DataCache cache;
  std::string error;
  REQUIRE(cache.Open(folder.cache().c_str(), 1 << 20, &error) == CUTIS_OK);
  cache.Store(Key(1), kShape, Made(1, 1));
  const std::string name = folder.Entries().at(0);
  fs::remove(name);
  fs::create_directory(name);  // no file can take its place
  cache.Store(Key(1), kShape, Made(1, 1));
  CHECK(cache.statistics().failures == 1);
  Findings found;
  CHECK_FALSE(cache.Load(Key(1), kShape, &found));
  fs::remove(name);
  const std::string left = folder.cache() + "/partial-1-1", fresh = folder.cache() + "/partial-1-2";
  WriteAll(left, "cut off");
  WriteAll(fresh, "being written");
  fs::last_write_time(left, fs::file_time_type::clock::now() - std::chrono::hours(1));
  // The next look at the folder: the number that the lock keeps is gone.
  WriteAll(folder.cache() + "/lock", "");
  DataCache again;
  REQUIRE(again.Open(folder.cache().c_str(), 1 << 20, &error) == CUTIS_OK);
  CHECK_FALSE(fs::exists(left));
  CHECK(fs::exists(fresh));
}

TEST_CASE("folders that are refused") {
  Folder folder;
  DataCache cache;
  std::string error;
  CHECK(cache.Open(folder.cache().c_str(), 1000, &error) == CUTIS_ERROR_USAGE);
  CHECK(error.find("1 MiB") != std::string::npos);
  CHECK(cache.Open((folder.cache() + "/above/it").c_str(), 1 << 20, &error) == CUTIS_ERROR_IO);
  fs::create_directory(folder.cache());
  REQUIRE(chmod(folder.cache().c_str(), 0750) == 0);
  CHECK(cache.Open(folder.cache().c_str(), 1 << 20, &error) == CUTIS_ERROR_USAGE);
  CHECK(error.find("chmod 700") != std::string::npos);
  fs::remove(folder.cache());
  WriteAll(folder.cache(), "a file");
  CHECK(cache.Open(folder.cache().c_str(), 1 << 20, &error) == CUTIS_ERROR_USAGE);
  cutis_data_cache* made = nullptr;
  char text[200] = "";
  CHECK(cutis_data_cache_open(nullptr, 1 << 20, &made, text, sizeof text) == CUTIS_ERROR_USAGE);
  CHECK(cutis_data_cache_open(folder.cache().c_str(), 1 << 20, nullptr, text, sizeof text) == CUTIS_ERROR_USAGE);
  CHECK(cutis_data_cache_open(folder.cache().c_str(), 1 << 20, &made, text, sizeof text) == CUTIS_ERROR_USAGE);
  CHECK(made == nullptr);
  cutis_data_cache_close(nullptr);
}

TEST_CASE("percentiles are right within 1 %") {
  Histogram histogram;
  CHECK(histogram.Summary().count == 0);
  CHECK(histogram.Summary().p99 == 0);
  std::vector<double> times;
  uint32_t state = 1;
  for (int i = 0; i < 10000; ++i) {
    state = state * 1664525u + 1013904223u;
    // From a tenth of a microsecond to a second, evenly by orders of magnitude.
    times.push_back(1e-4 * std::pow(10.0, 7.0 * static_cast<double>(state >> 8) / (1 << 24)));
    histogram.Add(times.back());
  }
  std::sort(times.begin(), times.end());
  const cutis_latency found = histogram.Summary();
  CHECK(found.count == 10000);
  CHECK(found.least == times.front());
  CHECK(found.most == times.back());
  CHECK(std::abs(found.p50 / times[4999] - 1) < 0.01);
  CHECK(std::abs(found.p90 / times[8999] - 1) < 0.01);
  CHECK(std::abs(found.p99 / times[9899] - 1) < 0.01);
  double sum = 0;
  for (const double ms : times) sum += ms;
  CHECK(found.mean == doctest::Approx(sum / 10000));
  Histogram one;
  one.Add(-1);  // a clock that went back
  CHECK(one.Summary().most == 0);
  one.Add(1e300);
  CHECK(one.Summary().count == 2);
}

}  // namespace
}  // namespace cutis::pipeline
