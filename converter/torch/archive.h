// The two containers that torch.save has written: the zip archive (since 1.6) and the plain stream before it.
#ifndef CUTIS_CONVERTER_TORCH_ARCHIVE_H_
#define CUTIS_CONVERTER_TORCH_ARCHIVE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "converter/torch/pickle.h"
#include "ops/status.h"

namespace cutis::convert {

// What reading a file may take in all: inflated entries, storages, tensors and what is computed from them.
inline constexpr uint64_t kMaxExpansion = 16;
inline constexpr uint64_t kSmallExpansion = uint64_t{1} << 20;

class Budget {
 public:
  explicit Budget(uint64_t file_bytes) : left_(file_bytes * kMaxExpansion + kSmallExpansion) {}
  // To be called before the bytes are allocated.
  Status Take(uint64_t bytes, const std::string& where);

 private:
  uint64_t left_;
};

// The raw bytes of storages by their keys; `bytes` is the size that the pickle states, which the file must hold exactly.
class Archive {
 public:
  virtual ~Archive() = default;
  virtual Result<std::span<const std::byte>> Storage(const std::string& key, uint64_t bytes, const std::string& where) = 0;
  bool big_endian() const { return big_endian_; }
  PickleId root() const { return root_; }
  Pickle& pickle() { return pickle_; }

 protected:
  bool big_endian_ = false;
  PickleId root_ = kNoPickle;
  Pickle pickle_;
};

// Finds out which of the two it is and unpickles it, or says what the file is instead. `bytes` and `budget` must outlive the
// archive. `source_name` begins messages.
Result<std::unique_ptr<Archive>> OpenArchive(std::span<const std::byte> bytes, const std::string& source_name, Budget& budget);

// How many bytes an element of a storage class ("FloatStorage") has; 0: unknown.
size_t StorageElementBytes(std::string_view storage_class);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_TORCH_ARCHIVE_H_
