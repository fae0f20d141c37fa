#include "tools/pipeline/data_cache.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>

#include "tools/pipeline/c_structs.h"

// An entry, all numbers little-endian as the processors are:
//
//   "CUTISDC1" | key, 32 bytes | views, labels, features, bytes of pixels: 4 bytes each | outputs | features | SHA-256 of all
//   this | pixels | SHA-256 of the pixels
//
// so that what is asked of an image that is known takes a small read. Its file is named by the key, in one of 256 folders.

namespace cutis::pipeline {
namespace {

constexpr char kMagic[8] = {'C', 'U', 'T', 'I', 'S', 'D', 'C', '1'};
constexpr size_t kHeadBytes = sizeof kMagic + 32 + 4 * sizeof(uint32_t), kDigestBytes = 32;
constexpr uint32_t kMostViews = CUTIS_VIEWS;
constexpr uint64_t kLeastBytes = uint64_t{1} << 20;
constexpr int64_t kStale = int64_t{600} * 1000000000;  // of a file that a process was killed over

static_assert(sizeof(float) == 4);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "entries are little-endian"
#endif

void Append(const void* from, size_t size, std::vector<uint8_t>* to) {
  const size_t used = to->size();
  to->resize(used + size);
  if (size > 0) std::memcpy(to->data() + used, from, size);
}

size_t KnownBytes(const EntryShape& shape, uint32_t views) {
  return kHeadBytes + sizeof(float) * (size_t{shape.labels} * views + shape.features);
}

void AppendHead(const CacheKey& key, const EntryShape& shape, uint32_t views, std::vector<uint8_t>* to) {
  Append(kMagic, sizeof kMagic, to);
  Append(key.data(), key.size(), to);
  for (const uint32_t number : {views, shape.labels, shape.features, shape.pixel_bytes}) Append(&number, sizeof number, to);
}

bool HasDigest(const uint8_t* bytes, size_t size) {
  uint8_t digest[kDigestBytes];
  cutis_sha256(bytes, size, digest);
  return std::memcmp(digest, bytes + size, kDigestBytes) == 0;
}

// The views of the entry whose head this is; 0: it is no such entry.
uint32_t ViewsOf(const uint8_t* head, const CacheKey& key, const EntryShape& shape) {
  uint32_t views;
  std::memcpy(&views, head + sizeof kMagic + key.size(), sizeof views);
  if (views < 1 || views > kMostViews) return 0;
  std::vector<uint8_t> expected;
  AppendHead(key, shape, views, &expected);
  return std::memcmp(head, expected.data(), kHeadBytes) == 0 ? views : 0;
}

}  // namespace

CacheKey KeyOf(const uint8_t model_hash[32], const void* image, size_t size, bool is_pixels) {
  std::vector<uint8_t> text;
  uint8_t image_hash[32];
  cutis_sha256(image, size, image_hash);
  Append(kMagic, sizeof kMagic, &text);
  Append(model_hash, 32, &text);
  Append(image_hash, sizeof image_hash, &text);
  Append(cutis_version(), std::strlen(cutis_version()), &text);
  if (is_pixels) Append(" pixels", 7, &text);
  CacheKey key;
  cutis_sha256(text.data(), text.size(), key.data());
  return key;
}

cutis_status DataCache::Open(const char* path, uint64_t bytes, std::string* error) {
  if (bytes < kLeastBytes) {
    *error = "a data cache takes at least 1 MiB";
    return CUTIS_ERROR_USAGE;
  }
  path_ = path;
  most_bytes_ = bytes;
  if (const cutis_status status = MakePrivateFolder(path_, error); status != CUTIS_OK) return status;
  for (int i = 0; i < 256; ++i) {
    char name[8];
    std::snprintf(name, sizeof name, "/%02x", i);
    if (const cutis_status status = MakePrivateFolder(path_ + name, error); status != CUTIS_OK) return status;
  }
  FolderLock lock(path_ + "/lock");
  if (!lock.held()) {
    error->assign(path_).append(": its lock cannot be taken");
    return CUTIS_ERROR_IO;
  }
  MakeRoom(0, lock);
  return CUTIS_OK;
}

std::string DataCache::NameOf(const CacheKey& key) const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string name = path_;
  for (size_t i = 0; i < key.size(); ++i) {
    if (i < 2) name += '/';
    name += kDigits[key[i] >> 4];
    name += kDigits[key[i] & 15];
  }
  return name;
}

bool DataCache::Load(const CacheKey& key, const EntryShape& shape, Findings* findings) {
  const std::string name = NameOf(key);
  // In one read: another process may replace the entry at any time.
  std::vector<uint8_t> bytes(KnownBytes(shape, kMostViews) + kDigestBytes);
  const size_t got = ReadPart(name, 0, bytes.size(), bytes.data());
  if (got == 0) {
    ++misses_;
    return false;
  }
  const uint32_t views = got < kHeadBytes ? 0 : ViewsOf(bytes.data(), key, shape);
  const size_t known = KnownBytes(shape, views);
  if (views == 0 || got < known + kDigestBytes || !HasDigest(bytes.data(), known)) {
    ++damaged_;
    return false;
  }
  findings->outputs.resize(size_t{shape.labels} * views);
  findings->features.resize(shape.features);
  const uint8_t* const outputs = bytes.data() + kHeadBytes;
  const size_t output_bytes = findings->outputs.size() * sizeof(float);
  if (output_bytes > 0) std::memcpy(findings->outputs.data(), outputs, output_bytes);
  if (shape.features > 0) std::memcpy(findings->features.data(), outputs + output_bytes, shape.features * sizeof(float));
  Touch(name);
  ++hits_;
  return true;
}

bool DataCache::LoadPixels(const CacheKey& key, const EntryShape& shape, std::vector<uint8_t>* pixels) {
  const std::string name = NameOf(key);
  uint8_t head[kHeadBytes];
  if (ReadPart(name, 0, kHeadBytes, head) != kHeadBytes) return false;
  const uint32_t views = ViewsOf(head, key, shape);
  if (views == 0) return false;
  pixels->resize(shape.pixel_bytes + kDigestBytes);
  const bool whole =
      ReadPart(name, KnownBytes(shape, views) + kDigestBytes, pixels->size(), pixels->data()) == pixels->size() &&
      HasDigest(pixels->data(), shape.pixel_bytes);
  pixels->resize(whole ? shape.pixel_bytes : 0);
  if (!whole) ++damaged_;
  return whole;
}

void DataCache::Store(const CacheKey& key, const EntryShape& shape, const Findings& findings) {
  const uint32_t views = static_cast<uint32_t>(findings.outputs.size() / shape.labels);
  std::vector<uint8_t> bytes;
  bytes.reserve(KnownBytes(shape, views) + shape.pixel_bytes + 2 * kDigestBytes);
  AppendHead(key, shape, views, &bytes);
  Append(findings.outputs.data(), findings.outputs.size() * sizeof(float), &bytes);
  Append(findings.features.data(), findings.features.size() * sizeof(float), &bytes);
  uint8_t digest[kDigestBytes];
  cutis_sha256(bytes.data(), bytes.size(), digest);
  Append(digest, sizeof digest, &bytes);
  Append(findings.pixels.data(), findings.pixels.size(), &bytes);
  cutis_sha256(findings.pixels.data(), findings.pixels.size(), digest);
  Append(digest, sizeof digest, &bytes);

  const std::lock_guard guard(mutex_);
  const std::string name = NameOf(key);
  std::string partial = path_;
  partial.append("/partial-").append(std::to_string(ProcessId())).append("-").append(std::to_string(stored_ + failures_));
  FolderLock lock(path_ + "/lock");
  // An entry with fewer views may give its place; it is counted twice until the next look at the folder.
  if (MakeRoom(bytes.size(), lock) && WriteWhole(name, partial, bytes)) {
    ++stored_;
  } else {
    ++failures_;
  }
}

uint64_t DataCache::Scan(std::vector<CacheFile>* files) const {
  for (int i = 0; i < 256; ++i) {
    char name[8];
    std::snprintf(name, sizeof name, "/%02x", i);
    ListFiles(path_ + name, files);
  }
  uint64_t bytes = 0;
  for (const CacheFile& file : *files) bytes += file.bytes;
  return bytes;
}

// Counts `bytes` more, in the lock's file: so the bound holds for all processes together. Where they do not fit, looks at what
// is there and takes away what was not used for the longest time, and a tenth more than it must: looking takes time. The number
// is written before the file, so a process that is killed in between leaves it too high, never too low; the next look sets it
// right.
bool DataCache::MakeRoom(uint64_t bytes, FolderLock& lock) {
  if (!lock.held() || bytes > most_bytes_) return false;
  uint64_t total = 0;
  if (!lock.Read(&total) || total + bytes > most_bytes_) {
    std::vector<CacheFile> files, partial;
    total = Scan(&files);
    if (total + bytes > most_bytes_) {
      std::sort(files.begin(), files.end(), [](const CacheFile& a, const CacheFile& b) { return a.used < b.used; });
      const uint64_t most = most_bytes_ - most_bytes_ / 10;
      for (const CacheFile& file : files) {
        if (total == 0 || total + bytes <= most) break;
        if (!Remove(file.path)) continue;
        total -= file.bytes;
        ++evicted_;
      }
    }
    ListFiles(path_, &partial);
    for (const CacheFile& file : partial) {
      if (file.path.find("/partial-", path_.size()) == path_.size() && Now() - file.used > kStale) Remove(file.path);
    }
    if (total + bytes > most_bytes_) return false;
  }
  bytes_ = total + bytes;
  return lock.Write(total + bytes);
}

cutis_data_cache_statistics DataCache::statistics() const {
  cutis_data_cache_statistics made = {};
  made.hits = hits_;
  made.misses = misses_;
  made.damaged = damaged_;
  made.stored = stored_;
  made.failures = failures_;
  made.evicted = evicted_;
  made.bytes = bytes_;
  return made;
}

}  // namespace cutis::pipeline

cutis_status cutis_data_cache_open(const char* path, uint64_t bytes, cutis_data_cache** cache, char* error,
                                   size_t error_size) try {
  std::string text = "no path, or place for the cache, given";
  cutis_status status = CUTIS_ERROR_USAGE;
  if (path != nullptr && cache != nullptr) {
    auto made = std::make_unique<cutis_data_cache>();
    status = made->Open(path, bytes, &text);
    if (status == CUTIS_OK) *cache = made.release();
  }
  return status == CUTIS_OK ? status : cutis::pipeline::Report(status, text.c_str(), error, error_size);
} catch (const std::bad_alloc&) {
  return cutis::pipeline::Report(CUTIS_ERROR_NO_MEMORY, "out of memory", error, error_size);
}

void cutis_data_cache_close(cutis_data_cache* cache) { delete cache; }

cutis_status cutis_data_cache_get_statistics(const cutis_data_cache* cache, cutis_data_cache_statistics* statistics) {
  if (cache == nullptr || statistics == nullptr || statistics->struct_size < sizeof(size_t)) return CUTIS_ERROR_USAGE;
  cutis::pipeline::GiveStruct(cache->statistics(), statistics);
  return CUTIS_OK;
}
