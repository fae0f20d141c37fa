// Entries of a zip archive in memory, each checked before it is inflated.
#ifndef CUTIS_CONVERTER_TORCH_ZIP_H_
#define CUTIS_CONVERTER_TORCH_ZIP_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ops/status.h"

struct zip;

namespace cutis::convert {

class ZipReader {
 public:
  struct Entry {
    uint64_t index = 0, bytes = 0;
    bool unchecked = false;  // stored with a checksum of 0: torch.save wrote none (set_crc32_options(False))
  };

  // `bytes` must outlive the reader. Refused: encrypted or oddly compressed entries, sizes that cannot be, two entries of one
  // name, more than a million entries.
  static Result<ZipReader> Open(std::span<const std::byte> bytes, const std::string& source_name);

  // By name; directories are left out.
  const std::map<std::string, Entry>& entries() const { return entries_; }
  // The whole entry, its checksum checked where there is one. The caller has found entry.bytes to be acceptable.
  Result<std::vector<std::byte>> Read(const std::string& name, const Entry& entry) const;

 private:
  struct Close {
    void operator()(zip* archive) const;
  };
  std::unique_ptr<zip, Close> archive_;
  std::string source_name_;
  std::map<std::string, Entry> entries_;
};

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_TORCH_ZIP_H_
