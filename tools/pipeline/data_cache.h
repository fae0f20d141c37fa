// What the pipeline asks of a cutis_data_cache.
#ifndef CUTIS_TOOLS_PIPELINE_DATA_CACHE_H_
#define CUTIS_TOOLS_PIPELINE_DATA_CACHE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "tools/pipeline/cache_files.h"
#include "tools/pipeline/cutis_data_cache.h"

namespace cutis::pipeline {

// Of the bytes of an image file, or of an image's pixels, a model's content hash, and the version of the library.
using CacheKey = std::array<uint8_t, 32>;
CacheKey KeyOf(const uint8_t model_hash[32], const void* image, size_t size, bool is_pixels = false);

// How large an entry's parts are for a model.
struct EntryShape {
  uint32_t labels = 0, features = 0, pixel_bytes = 0;
  bool operator==(const EntryShape&) const = default;
};

// What is known of an image.
struct Findings {
  std::vector<float> outputs;   // `labels` for each of the views 0, 1, ... that were run
  std::vector<float> features;  // of view 0
  std::vector<uint8_t> pixels;  // that the network was given for view 0; may be empty where nobody asked for them
};

// Thread-safe.
class DataCache {
 public:
  cutis_status Open(const char* path, uint64_t bytes, std::string* error);

  // What is known of the image, without its pixels; false where there is nothing whole.
  bool Load(const CacheKey& key, const EntryShape& shape, Findings* findings);
  // Its pixels; false where they are not whole.
  bool LoadPixels(const CacheKey& key, const EntryShape& shape, std::vector<uint8_t>* pixels);
  // Instead of what was known before. The findings hold pixels.
  void Store(const CacheKey& key, const EntryShape& shape, const Findings& findings);

  cutis_data_cache_statistics statistics() const;

 private:
  bool MakeRoom(uint64_t bytes, FolderLock& lock);
  uint64_t Scan(std::vector<CacheFile>* files) const;
  std::string NameOf(const CacheKey& key) const;

  std::string path_;
  uint64_t most_bytes_ = 0;
  std::mutex mutex_;  // of what stores
  std::atomic<uint64_t> hits_{0}, misses_{0}, damaged_{0}, stored_{0}, failures_{0}, evicted_{0}, bytes_{0};
};

}  // namespace cutis::pipeline

struct cutis_data_cache final : cutis::pipeline::DataCache {};

#endif  // CUTIS_TOOLS_PIPELINE_DATA_CACHE_H_
