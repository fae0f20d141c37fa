#include "converter/torch/archive.h"

#include <cstring>
#include <utility>

#include "converter/torch/zip.h"

namespace cutis::convert {
namespace {

struct StorageClass {
  std::string_view name;
  size_t bytes;
};
constexpr StorageClass kStorageClasses[] = {{"FloatStorage", 4},    {"DoubleStorage", 8},       {"HalfStorage", 2},
                                            {"BFloat16Storage", 2}, {"LongStorage", 8},         {"IntStorage", 4},
                                            {"ShortStorage", 2},    {"CharStorage", 1},         {"ByteStorage", 1},
                                            {"BoolStorage", 1},     {"QInt8Storage", 1},        {"QUInt8Storage", 1},
                                            {"QInt32Storage", 4},   {"UntypedStorage", 1},      {"QUInt4x2Storage", 1},
                                            {"QUInt2x4Storage", 1}, {"ComplexFloatStorage", 8}, {"ComplexDoubleStorage", 16}};

// The start of every file of the old format: the pickled number 0x1950a86a20f9469cfc6c.
constexpr char kLegacyMagic[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
constexpr int64_t kLegacyProtocol = 1001;

bool BeginsWith(std::span<const std::byte> bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

// -- zip ------------------------------------------------------------------------------------------------
class ZipArchive : public Archive {
 public:
  ZipArchive(ZipReader reader, const std::string& source_name, Budget& budget)
      : reader_(std::move(reader)), source_name_(source_name), budget_(budget) {}

  Status Open() {
    // All records lie in one folder, whose name is free.
    const std::string ending = "data.pkl";
    bool found = false;
    for (const auto& [name, entry] : reader_.entries()) {
      if (name.size() < ending.size() || name.compare(name.size() - ending.size(), ending.size(), ending) != 0) continue;
      const std::string folder = name.substr(0, name.size() - ending.size());
      const size_t slash = folder.find('/');
      if (!folder.empty() && slash != folder.size() - 1) continue;
      if (found) return Status::Error(Code::kBadInput, "%s: holds more than one data.pkl", source_name_.c_str());
      found = true;
      folder_ = folder;
    }
    if (!found) {
      return Status::Error(Code::kBadInput, "%s: a zip archive without data.pkl: it was not written by torch.save",
                           source_name_.c_str());
    }
    if (reader_.entries().count(folder_ + "constants.pkl") != 0) {
      return Status::Error(Code::kUnsupported,
                           "%s: a TorchScript archive, which holds a program: save the state_dict(), or export to ONNX",
                           source_name_.c_str());
    }
    CUTIS_TRY(ReadByteOrder());
    CUTIS_ASSIGN(text_, ReadEntry(folder_ + "data.pkl"));
    const std::string where = source_name_ + ": data.pkl";
    CUTIS_ASSIGN(const Pickle::Loaded loaded, pickle_.Load(text_, where));
    if (loaded.bytes != text_.size()) return Status::Error(Code::kBadInput, "%s: goes on after its end", where.c_str());
    root_ = loaded.value;
    return {};
  }

  Result<std::span<const std::byte>> Storage(const std::string& key, uint64_t bytes, const std::string& where) override {
    const auto known = storages_.find(key);
    if (known == storages_.end()) {
      const auto entry = reader_.entries().find(folder_ + "data/" + key);
      if (entry == reader_.entries().end()) {
        return Status::Error(Code::kBadInput, "%s: its storage 'data/%s' is missing from the archive", where.c_str(),
                             Printable(key, 40).c_str());
      }
      CUTIS_TRY(CheckSize(entry->second.bytes, bytes, where));
      CUTIS_ASSIGN(storages_[key], ReadEntry(entry->first));
    }
    const std::vector<std::byte>& storage = storages_[key];
    CUTIS_TRY(CheckSize(storage.size(), bytes, where));
    return std::span<const std::byte>(storage);
  }

 private:
  static Status CheckSize(uint64_t held, uint64_t stated, const std::string& where) {
    if (held == stated) return {};
    return Status::Error(Code::kBadInput, "%s: its storage holds %llu bytes instead of %llu", where.c_str(),
                         static_cast<unsigned long long>(held), static_cast<unsigned long long>(stated));
  }

  Result<std::vector<std::byte>> ReadEntry(const std::string& name) {
    const ZipReader::Entry& entry = reader_.entries().at(name);
    CUTIS_TRY(budget_.Take(entry.bytes, source_name_ + ": entry '" + Printable(name) + "'"));
    return reader_.Read(name, entry);
  }

  Status ReadByteOrder() {
    if (reader_.entries().count(folder_ + "byteorder") == 0) return {};
    CUTIS_ASSIGN(const std::vector<std::byte> order, ReadEntry(folder_ + "byteorder"));
    const std::string_view text(reinterpret_cast<const char*>(order.data()), order.size());
    big_endian_ = text == "big";
    if (text == "big" || text == "little") return {};
    return Status::Error(Code::kBadInput, "%s: byteorder is '%s', neither 'little' nor 'big'", source_name_.c_str(),
                         Printable(text, 20).c_str());
  }

  ZipReader reader_;
  std::string source_name_, folder_;
  Budget& budget_;
  std::vector<std::byte> text_;
  std::map<std::string, std::vector<std::byte>> storages_;
};

// -- the stream before 1.6 --------------------------------------------------------------------------------
// Pickles of the magic number, the protocol, facts on the system, the object, the keys of the storages; then for every key its
// number of elements in 8 bytes and the elements, all little-endian.
class LegacyArchive : public Archive {
 public:
  LegacyArchive(std::span<const std::byte> bytes, const std::string& source_name) : bytes_(bytes), source_name_(source_name) {}

  Status Open() {
    PickleId value = kNoPickle;
    CUTIS_TRY(Next(&value));  // the magic number: OpenArchive has seen it
    CUTIS_TRY(Next(&value));
    if (pickle_.KindOf(value) != PickleKind::kInt || pickle_[value].number != kLegacyProtocol)
      return Status::Error(Code::kUnsupported, "%s: not version 1001 of PyTorch's old format", source_name_.c_str());
    CUTIS_TRY(Next(&value));
    CUTIS_TRY(Next(&root_));
    PickleId keys = kNoPickle;
    CUTIS_TRY(Next(&keys));
    if (pickle_.KindOf(keys) != PickleKind::kList)
      return Status::Error(Code::kBadInput, "%s: its list of storages is damaged", source_name_.c_str());
    CollectSizes();
    for (const PickleId key : pickle_[keys].items) CUTIS_TRY(AddStorage(std::string(pickle_[key].text)));
    if (at_ != bytes_.size())
      return Status::Error(Code::kBadInput, "%s: %zu bytes after the last storage belong to none", source_name_.c_str(),
                           bytes_.size() - at_);
    return {};
  }

  Result<std::span<const std::byte>> Storage(const std::string& key, uint64_t bytes, const std::string& where) override {
    const auto found = storages_.find(key);
    if (found == storages_.end())
      return Status::Error(Code::kBadInput, "%s: its storage '%s' is missing", where.c_str(), Printable(key, 40).c_str());
    if (found->second.size() != bytes) {
      return Status::Error(Code::kBadInput, "%s: its storage holds %zu bytes instead of %llu", where.c_str(),
                           found->second.size(), static_cast<unsigned long long>(bytes));
    }
    return found->second;
  }

 private:
  Status Next(PickleId* value) {
    CUTIS_ASSIGN(const Pickle::Loaded loaded, pickle_.Load(bytes_.subspan(at_), source_name_, at_));
    *value = loaded.value;
    at_ += loaded.bytes;
    return {};
  }

  // The stream states numbers of elements; how large one is stands in the pickle only.
  void CollectSizes() {
    for (size_t i = 0; i < pickle_.size(); ++i) {
      const PickleValue& value = pickle_[static_cast<PickleId>(i)];
      if (value.kind != PickleKind::kPersistent) continue;
      const PickleValue& id = pickle_[value.items[0]];
      if (id.kind != PickleKind::kTuple || id.items.size() < 3 || pickle_.KindOf(id.items[1]) != PickleKind::kGlobal) continue;
      const PickleValue& type = pickle_[id.items[1]];
      element_bytes_.emplace(pickle_[id.items[2]].text, StorageElementBytes(pickle_[type.items[1]].text));
    }
  }

  Status AddStorage(const std::string& key) {
    const std::string where = source_name_ + ": storage '" + Printable(key, 40) + "'";
    const auto element = element_bytes_.find(key);
    if (element == element_bytes_.end() || element->second == 0)
      return Status::Error(Code::kUnsupported, "%s: is of an unknown type", where.c_str());
    uint64_t count = 0;
    if (bytes_.size() - at_ < sizeof count) return Status::Error(Code::kBadInput, "%s: is cut off", where.c_str());
    for (size_t i = sizeof count; i-- > 0;) count = count << 8 | static_cast<uint64_t>(bytes_[at_ + i]);
    at_ += sizeof count;
    if (count > (bytes_.size() - at_) / element->second) {
      return Status::Error(Code::kBadInput, "%s: its %llu elements reach beyond the end of the file", where.c_str(),
                           static_cast<unsigned long long>(count));
    }
    const size_t size = static_cast<size_t>(count) * element->second;
    if (!storages_.emplace(key, bytes_.subspan(at_, size)).second)
      return Status::Error(Code::kBadInput, "%s: stands twice", where.c_str());
    at_ += size;
    return {};
  }

  std::span<const std::byte> bytes_;
  std::string source_name_;
  size_t at_ = 0;
  std::map<std::string, size_t, std::less<>> element_bytes_;
  std::map<std::string, std::span<const std::byte>> storages_;
};

// What the file is, where it is no checkpoint.
Status Foreign(std::span<const std::byte> bytes, const std::string& source_name) {
  const char* what = "not a file of torch.save, or damaged at its start";
  if (bytes.empty()) what = "an empty file";
  if (bytes.size() > 262 && std::memcmp(bytes.data() + 257, "ustar", 5) == 0) {
    what = "a tar archive, as PyTorch wrote before 0.1.10: load it in PyTorch and save it again";
  } else if (BeginsWith(bytes, "\x80")) {
    what = "a plain pickle: only files of torch.save are supported";
  } else if (BeginsWith(bytes, "version https://git-lfs")) {
    what = "a pointer of Git LFS: fetch the file itself with git lfs pull";
  } else if (BeginsWith(bytes, "\x89HDF\r\n")) {
    what = "an HDF5 file, not one of PyTorch";
  }
  return Status::Error(Code::kBadInput, "%s: %s", source_name.c_str(), what);
}

}  // namespace

Status Budget::Take(uint64_t bytes, const std::string& where) {
  if (bytes > left_) {
    return Status::Error(Code::kBadInput, "%s: the file would grow to more than %llu times its size in memory", where.c_str(),
                         static_cast<unsigned long long>(kMaxExpansion));
  }
  left_ -= bytes;
  return {};
}

size_t StorageElementBytes(std::string_view storage_class) {
  for (const StorageClass& known : kStorageClasses) {
    if (known.name == storage_class) return known.bytes;
  }
  return 0;
}

Result<std::unique_ptr<Archive>> OpenArchive(std::span<const std::byte> bytes, const std::string& source_name, Budget& budget) {
  if (BeginsWith(bytes, "PK")) {
    CUTIS_ASSIGN(ZipReader reader, ZipReader::Open(bytes, source_name));
    auto archive = std::make_unique<ZipArchive>(std::move(reader), source_name, budget);
    CUTIS_TRY(archive->Open());
    return std::unique_ptr<Archive>(std::move(archive));
  }
  if (BeginsWith(bytes, {kLegacyMagic, sizeof kLegacyMagic - 1})) {
    auto archive = std::make_unique<LegacyArchive>(bytes, source_name);
    CUTIS_TRY(archive->Open());
    return std::unique_ptr<Archive>(std::move(archive));
  }
  return Foreign(bytes, source_name);
}

}  // namespace cutis::convert
