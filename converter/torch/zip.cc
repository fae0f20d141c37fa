#include "converter/torch/zip.h"

#include <zip.h>

#include "converter/torch/pickle.h"

namespace cutis::convert {
namespace {

constexpr int64_t kMaxEntries = 1 << 20;

// A zip_error_t with the life of its scope.
struct ZipError {
  ZipError() { zip_error_init(&error); }
  ~ZipError() { zip_error_fini(&error); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  std::string Text() { return Printable(zip_error_strerror(&error)); }
  zip_error_t error;
};

Status Damaged(const std::string& where, const std::string& why) {
  return Status::Error(Code::kBadInput, "%s: a damaged zip archive: %s", where.c_str(), why.c_str());
}

}  // namespace

void ZipReader::Close::operator()(zip* archive) const { zip_discard(archive); }

Result<ZipReader> ZipReader::Open(std::span<const std::byte> bytes, const std::string& source_name) {
  ZipError error;
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), /*freep=*/0, &error.error);
  if (source == nullptr) return Status::Error(Code::kNoMemory, "%s: %s", source_name.c_str(), error.Text().c_str());
  ZipReader reader;
  reader.source_name_ = source_name;
  reader.archive_.reset(zip_open_from_source(source, ZIP_RDONLY, &error.error));
  if (reader.archive_ == nullptr) {
    zip_source_free(source);
    return Damaged(source_name, error.Text());
  }
  const zip_int64_t count = zip_get_num_entries(reader.archive_.get(), 0);
  if (count < 0 || count > kMaxEntries) return Damaged(source_name, "it has more than a million entries");
  uint64_t stored = 0;  // entries that share bytes are how a small archive inflates to a huge one
  for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(count); ++i) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    constexpr zip_uint64_t kNeeded =
        ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if (zip_stat_index(reader.archive_.get(), i, 0, &stat) != 0 || (stat.valid & kNeeded) != kNeeded) {
      return Damaged(source_name, "entry " + std::to_string(i) + " cannot be read");
    }
    const std::string name = stat.name;
    const std::string where = source_name + ": entry '" + Printable(name) + "'";
    if (stat.encryption_method != ZIP_EM_NONE)
      return Status::Error(Code::kUnsupported, "%s: is encrypted: decrypt the archive first", where.c_str());
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
      return Status::Error(Code::kUnsupported, "%s: is compressed by method %d: only stored and deflated entries are supported",
                           where.c_str(), stat.comp_method);
    }
    if (stat.comp_size > bytes.size() - stored) return Damaged(where, "its entries are larger than the file");
    stored += stat.comp_size;
    // Deflate cannot do better than 1032 to 1.
    const bool possible = stat.comp_method == ZIP_CM_STORE ? stat.size == stat.comp_size : stat.size / 1032 <= stat.comp_size;
    if (!possible) {
      return Damaged(where,
                     std::to_string(stat.comp_size) + " bytes cannot hold the " + std::to_string(stat.size) + " it states");
    }
    if (!name.empty() && name.back() == '/') continue;
    const bool unchecked = stat.comp_method == ZIP_CM_STORE && (stat.valid & ZIP_STAT_CRC) != 0 && stat.crc == 0;
    if (!reader.entries_.emplace(name, Entry{i, stat.size, unchecked}).second) return Damaged(where, "this name stands twice");
  }
  return reader;
}

Result<std::vector<std::byte>> ZipReader::Read(const std::string& name, const Entry& entry) const {
  const std::string where = source_name_ + ": entry '" + Printable(name) + "'";
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(zip_fopen_index(archive_.get(), entry.index, 0), zip_fclose);
  if (file == nullptr) return Damaged(where, Printable(zip_strerror(archive_.get())));
  std::vector<std::byte> bytes(static_cast<size_t>(entry.bytes));
  size_t at = 0;
  while (at < bytes.size()) {
    const zip_int64_t got = zip_fread(file.get(), bytes.data() + at, bytes.size() - at);
    if (got < 0) return Damaged(where, Printable(zip_file_strerror(file.get())));
    if (got == 0) return Damaged(where, "it is shorter than stated");
    at += static_cast<size_t>(got);
  }
  if (entry.unchecked) return bytes;
  // Asked for one byte more, libzip finds the end and compares the checksum.
  std::byte more;
  const zip_int64_t rest = zip_fread(file.get(), &more, 1);
  if (rest < 0) return Damaged(where, Printable(zip_file_strerror(file.get())));
  if (rest > 0) return Damaged(where, "it is longer than stated");
  return bytes;
}

}  // namespace cutis::convert
