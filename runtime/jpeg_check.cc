#include <cstdlib>
#include <cstring>
#include <memory>

#include "runtime/exif.h"
#include "runtime/image.h"
#include "runtime/image_check.h"
#include "runtime/jpeg_entropy.h"
#include "runtime/memory.h"

namespace cutis {
namespace {

constexpr int kMaxComponents = 3;
// What real encoders write stays below 20. Each scan may visit every block, so the number bounds the time a file can cost.
constexpr int kMaxScans = 128;
// The largest magnitude categories of 8-bit samples (annex F.1.2 of the standard).
constexpr int kMaxDcCategory = 11, kMaxAcCategory = 10;
constexpr int32_t kMaxDc = 32767;

struct Component {
  uint8_t id = 0, quant = 0;
  int h = 1, v = 1;                                  // sampling factors
  int32_t blocks_x = 0, blocks_y = 0;                // that hold part of the image
  int32_t stored_x = 0, stored_y = 0;                // with those that fill up interleaved units
  std::unique_ptr<uint64_t[], FreeDeleter> nonzero;  // progressive: bit k of a block, coefficient k is known not to be zero
  int8_t precision[64];                              // progressive: the lowest bit known of each coefficient; -1: none yet
  bool seen = false;
  int32_t dc = 0;
  const HuffmanTable* dc_table = nullptr;
  const HuffmanTable* ac_table = nullptr;
};

}  // namespace

// One pass over the file; the state of the decoding process without its pixels.
class JpegChecker : public FromMalloc {
 public:
  explicit JpegChecker(std::span<const uint8_t> file) : file_(file), reader_(file, 0) {}
  Result<EncodedInfo> ReadHeaders();
  Result<EncodedInfo> ReadScans();
  bool sequential() const { return !progressive_; }
  uint64_t samples() const;
  bool one_scan() const;

 private:
  Status ReadSegments(bool to_first_scan);

  struct Scan {
    int count = 0;
    Component* components[kMaxComponents] = {};
    int begin = 0, end = 0, high = 0, low = 0;
  };

  Status Damaged(const char* what) const {
    return Status::Error(Code::kBadInput, "the JPEG is damaged near byte %zu: %s; get the original file again", at_, what);
  }
  Status CutOff() const {
    return Status::Error(Code::kBadInput, "the JPEG is cut off after %zu bytes; get the whole file again", file_.size());
  }
  uint32_t Read16(size_t at) const { return static_cast<uint32_t>(file_[at] << 8 | file_[at + 1]); }

  Result<uint8_t> NextMarker();
  Status Segment(uint8_t marker);
  Status ReadFrame(uint8_t marker, std::span<const uint8_t> body);
  Status PlaceBlocks();
  Status AllocateProgress();
  Status ReadHuffman(std::span<const uint8_t> body);
  Status ReadQuant(std::span<const uint8_t> body);
  Status ReadScanHeader(std::span<const uint8_t> body, Scan* scan);
  Status CheckProgress(Scan* scan);
  Status WalkScan(Scan* scan);
  Status NextRestart(int* index);
  bool Block(Scan* scan, Component* component, int32_t x, int32_t y);
  bool BlockSequential(Component* component);
  bool DcFirst(Component* component);
  bool AcFirst(const Scan& scan, Component* component, uint64_t* nonzero);
  bool AcRefine(const Scan& scan, Component* component, uint64_t* nonzero);
  Status CheckComplete() const;

  std::span<const uint8_t> file_;
  size_t at_ = 0;
  EntropyReader reader_;
  EncodedInfo info_;
  bool have_frame_ = false, progressive_ = false, have_exif_ = false;
  bool at_scan_ = false, at_end_ = false;  // the last marker read was one of these, and what follows it is still to be read
  int component_count_ = 0, scans_ = 0;
  Component components_[kMaxComponents];
  int32_t units_x_ = 0, units_y_ = 0;  // interleaved units (MCU)
  HuffmanTable dc_[4], ac_[4];
  uint32_t quant_defined_ = 0;
  int32_t restart_interval_ = 0, end_of_band_run_ = 0;
};

Result<uint8_t> JpegChecker::NextMarker() {
  if (at_ >= file_.size()) return CutOff();
  if (file_[at_] != 0xff) return Damaged("something other than a marker where one belongs");
  while (at_ < file_.size() && file_[at_] == 0xff) ++at_;
  if (at_ >= file_.size()) return CutOff();
  return file_[at_++];
}

Status JpegChecker::ReadFrame(uint8_t marker, std::span<const uint8_t> body) {
  if (marker > 0xc2) {
    return Status::Error(Code::kUnsupported, "this kind of JPEG (%s) is not supported; save it as an ordinary JPEG",
                         marker >= 0xc9 ? "arithmetic coding" : "lossless or hierarchical");
  }
  if (have_frame_) return Damaged("a second frame");
  if (body.size() < 6) return Damaged("the frame header is too short");
  if (body[0] != 8) {
    return Status::Error(Code::kUnsupported, "a JPEG with %d bits a sample is not supported; save it with 8", body[0]);
  }
  const uint32_t height = static_cast<uint32_t>(body[1] << 8 | body[2]), width = static_cast<uint32_t>(body[3] << 8 | body[4]);
  CUTIS_TRY(CheckImageSize(width, height));
  info_.width = static_cast<int32_t>(width);
  info_.height = static_cast<int32_t>(height);
  component_count_ = body[5];
  if (component_count_ == 4) {
    return Status::Error(Code::kUnsupported, "a CMYK JPEG is not supported; save it as RGB");
  }
  if (component_count_ != 1 && component_count_ != 3) {
    return Status::Error(Code::kUnsupported, "a JPEG with %d components is not supported; save it as RGB or grey",
                         component_count_);
  }
  if (body.size() != 6 + 3 * static_cast<size_t>(component_count_)) return Damaged("the frame header has a wrong length");
  for (int i = 0; i < component_count_; ++i) {
    const uint8_t* entry = &body[6 + 3 * static_cast<size_t>(i)];
    Component& component = components_[i];
    component.id = entry[0];
    component.h = entry[1] >> 4;
    component.v = entry[1] & 15;
    component.quant = entry[2];
    std::memset(component.precision, -1, sizeof component.precision);
    if (component.h < 1 || component.h > 4 || component.v < 1 || component.v > 4 || component.quant > 3) {
      return Damaged("a component with impossible numbers");
    }
    for (int k = 0; k < i; ++k) {
      if (components_[k].id == component.id) return Damaged("two components of the same name");
    }
  }
  progressive_ = marker == 0xc2;
  have_frame_ = true;
  return PlaceBlocks();
}

Status JpegChecker::PlaceBlocks() {
  int h_max = 1, v_max = 1;
  for (int i = 0; i < component_count_; ++i) {
    if (components_[i].h > h_max) h_max = components_[i].h;
    if (components_[i].v > v_max) v_max = components_[i].v;
  }
  units_x_ = (info_.width + 8 * h_max - 1) / (8 * h_max);
  units_y_ = (info_.height + 8 * v_max - 1) / (8 * v_max);
  for (int i = 0; i < component_count_; ++i) {
    Component& component = components_[i];
    if (h_max % component.h != 0 || v_max % component.v != 0) {
      return Status::Error(Code::kUnsupported, "a JPEG with colours sampled at a fraction is not supported; save it again");
    }
    component.blocks_x = ((info_.width * component.h + h_max - 1) / h_max + 7) / 8;
    component.blocks_y = ((info_.height * component.v + v_max - 1) / v_max + 7) / 8;
    component.stored_x = units_x_ * component.h;
    component.stored_y = units_y_ * component.v;
  }
  return {};
}

// Before the first scan, and not with the frame: until then a caller may refuse the image for its size.
Status JpegChecker::AllocateProgress() {
  for (int i = 0; progressive_ && i < component_count_; ++i) {
    Component& component = components_[i];
    const size_t blocks = static_cast<size_t>(component.stored_x) * static_cast<size_t>(component.stored_y);
    component.nonzero.reset(static_cast<uint64_t*>(std::calloc(blocks, sizeof(uint64_t))));
    if (!component.nonzero)
      return Status::Error(Code::kNoMemory, "not enough memory to check a JPEG of %d x %d pixels", info_.width, info_.height);
  }
  return {};
}

Status JpegChecker::ReadHuffman(std::span<const uint8_t> body) {
  while (!body.empty()) {
    if (body.size() < 17) return Damaged("a Huffman table is too short");
    const int kind = body[0] >> 4, index = body[0] & 15;
    size_t total = 0;
    for (size_t i = 1; i <= 16; ++i) total += body[i];
    if (kind > 1 || index > 3 || total > 256 || body.size() < 17 + total) return Damaged("a Huffman table with wrong numbers");
    HuffmanTable& table = kind == 0 ? dc_[index] : ac_[index];
    if (!table.Build(body.subspan<1, 16>(), body.subspan(17, total))) return Damaged("a Huffman table with too many codes");
    body = body.subspan(17 + total);
  }
  return {};
}

Status JpegChecker::ReadQuant(std::span<const uint8_t> body) {
  while (!body.empty()) {
    const int wide = body[0] >> 4, index = body[0] & 15;
    const size_t bytes = wide != 0 ? 129 : 65;
    if (wide > 1 || index > 3 || body.size() < bytes) return Damaged("a quantisation table with wrong numbers");
    quant_defined_ |= 1u << index;
    body = body.subspan(bytes);
  }
  return {};
}

Status JpegChecker::ReadScanHeader(std::span<const uint8_t> body, Scan* scan) {
  if (!have_frame_) return Damaged("a scan before the frame header");
  if (++scans_ > kMaxScans) return Damaged("more scans than any encoder writes");
  scan->count = body.empty() ? 0 : body[0];
  if (scan->count < 1 || scan->count > component_count_ || body.size() != 4 + 2 * static_cast<size_t>(scan->count)) {
    return Damaged("a scan header with wrong numbers");
  }
  for (int i = 0; i < scan->count; ++i) {
    const uint8_t id = body[1 + 2 * static_cast<size_t>(i)], tables = body[2 + 2 * static_cast<size_t>(i)];
    Component* found = nullptr;
    for (int k = 0; k < component_count_; ++k) {
      if (components_[k].id == id) found = &components_[k];
    }
    for (int k = 0; k < i; ++k) {
      if (scan->components[k] == found) found = nullptr;
    }
    if (found == nullptr || tables >> 4 > 3 || (tables & 15) > 3) return Damaged("a scan of components that do not exist");
    if (!(quant_defined_ >> found->quant & 1)) return Damaged("a quantisation table is missing");
    found->dc_table = &dc_[tables >> 4];
    found->ac_table = &ac_[tables & 15];
    scan->components[i] = found;
  }
  const uint8_t* rest = &body[1 + 2 * static_cast<size_t>(scan->count)];
  scan->begin = rest[0];
  scan->end = rest[1];
  scan->high = rest[2] >> 4;
  scan->low = rest[2] & 15;
  return CheckProgress(scan);
}

// That the scan brings what is still missing, and that its tables are there.
Status JpegChecker::CheckProgress(Scan* scan) {
  const bool dc = scan->begin == 0;
  if (!progressive_) {
    if (!dc || scan->high != 0 || scan->low != 0) return Damaged("a scan header with wrong numbers");
  } else if (scan->end > 63 || scan->begin > scan->end || (dc ? scan->end != 0 : scan->count != 1) || scan->low > 13) {
    return Damaged("a scan of a range that cannot be");
  }
  for (int i = 0; i < scan->count; ++i) {
    Component& component = *scan->components[i];
    const bool needs_dc = dc && scan->high == 0, needs_ac = !progressive_ || !dc;
    if ((needs_dc && !component.dc_table->defined()) || (needs_ac && !component.ac_table->defined())) {
      return Damaged("a Huffman table is missing");
    }
    if (!progressive_) {
      if (component.seen) return Damaged("a component comes twice");
      component.seen = true;
      continue;
    }
    if (!dc && component.precision[0] < 0) return Damaged("a scan comes too early");
    for (int k = scan->begin; k <= scan->end; ++k) {
      const int known = component.precision[k];
      const bool fits = scan->high == 0 ? known == -1 : known == scan->high && scan->low == scan->high - 1;
      if (!fits) return Damaged("a scan does not continue the ones before it");
      component.precision[k] = static_cast<int8_t>(scan->low);
    }
  }
  return {};
}

// The difference of a DC coefficient; its sum is kept within what a decoder may compute with.
bool JpegChecker::DcFirst(Component* component) {
  uint8_t category = 0;
  uint32_t bits = 0;
  if (!reader_.Symbol(*component->dc_table, &category) || category > kMaxDcCategory || !reader_.Bits(category, &bits))
    return false;
  if (category != 0) {
    const int32_t value = static_cast<int32_t>(bits);
    component->dc += value >> (category - 1) != 0 ? value : value - (1 << category) + 1;
  }
  return component->dc >= -kMaxDc && component->dc <= kMaxDc;
}

bool JpegChecker::BlockSequential(Component* component) {
  if (!DcFirst(component)) return false;
  int k = 1;
  while (k < 64) {
    uint8_t symbol = 0;
    if (!reader_.Coefficient(*component->ac_table, &symbol)) return false;
    const int run = symbol >> 4, category = symbol & 15;
    if (category == 0) {
      if (run != 15) break;
      k += 16;
      continue;
    }
    k += run + 1;
    if (category > kMaxAcCategory) return false;
  }
  return k <= 64;
}

bool JpegChecker::AcFirst(const Scan& scan, Component* component, uint64_t* nonzero) {
  if (end_of_band_run_ > 0) {
    --end_of_band_run_;
    return true;
  }
  int k = scan.begin;
  while (k <= scan.end) {
    uint8_t symbol = 0;
    uint32_t bits = 0;
    if (!reader_.Symbol(*component->ac_table, &symbol)) return false;
    const int run = symbol >> 4, category = symbol & 15;
    if (category == 0) {
      if (run == 15) {
        k += 16;
        continue;
      }
      if (!reader_.Bits(run, &bits)) return false;
      end_of_band_run_ = (1 << run) + static_cast<int32_t>(bits) - 1;
      return true;
    }
    k += run;
    if (k > scan.end || category > kMaxAcCategory || !reader_.Bits(category, &bits)) return false;
    *nonzero |= uint64_t{1} << k;
    ++k;
  }
  return k == scan.end + 1;
}

bool JpegChecker::AcRefine(const Scan& scan, Component* component, uint64_t* nonzero) {
  int k = scan.begin;
  uint32_t bits = 0;
  while (k <= scan.end && end_of_band_run_ == 0) {
    uint8_t symbol = 0;
    if (!reader_.Symbol(*component->ac_table, &symbol)) return false;
    int run = symbol >> 4;
    const int category = symbol & 15;
    if (category > 1) return false;
    if (category == 1) {
      if (!reader_.Bits(1, &bits)) return false;  // the sign
    } else if (run < 15) {
      if (!reader_.Bits(run, &bits)) return false;
      end_of_band_run_ = (1 << run) + static_cast<int32_t>(bits);
      break;
    }
    // Passes `run` coefficients that are still zero, correcting the others on the way, and sets the next zero one.
    for (;; ++k) {
      if (k > scan.end) return false;
      if (*nonzero >> k & 1) {
        if (!reader_.Bits(1, &bits)) return false;
      } else if (run-- == 0) {
        break;
      }
    }
    if (category == 1) *nonzero |= uint64_t{1} << k;
    ++k;
  }
  if (end_of_band_run_ > 0) {
    for (; k <= scan.end; ++k) {
      if ((*nonzero >> k & 1) && !reader_.Bits(1, &bits)) return false;
    }
    --end_of_band_run_;
  }
  return true;
}

bool JpegChecker::Block(Scan* scan, Component* component, int32_t x, int32_t y) {
  if (!progressive_) return BlockSequential(component);
  if (scan->begin == 0) {
    uint32_t ignored = 0;
    return scan->high == 0 ? DcFirst(component) : reader_.Bits(1, &ignored);
  }
  uint64_t* nonzero =
      &component->nonzero[static_cast<size_t>(y) * static_cast<size_t>(component->stored_x) + static_cast<size_t>(x)];
  return scan->high == 0 ? AcFirst(*scan, component, nonzero) : AcRefine(*scan, component, nonzero);
}

// At the end of a restart interval: the marker must be there, and the one whose turn it is.
Status JpegChecker::NextRestart(int* index) {
  const bool tidy = reader_.Finish();
  at_ = reader_.position();
  if (!tidy) return Damaged("image data that belongs nowhere");
  CUTIS_ASSIGN(const uint8_t marker, NextMarker());
  if (marker != 0xd0 + *index) return Damaged("a restart marker is missing");
  *index = (*index + 1) % 8;
  reader_.Restart(at_);
  end_of_band_run_ = 0;
  for (Component& component : components_) component.dc = 0;
  return {};
}

Status JpegChecker::WalkScan(Scan* scan) {
  reader_.Restart(at_);
  end_of_band_run_ = 0;
  for (Component& component : components_) component.dc = 0;
  // A scan of one component has no filling blocks; its unit is one block.
  const bool single = scan->count == 1;
  const int32_t across = single ? scan->components[0]->blocks_x : units_x_;
  const int32_t down = single ? scan->components[0]->blocks_y : units_y_;
  int32_t todo = restart_interval_;
  int restart = 0;
  for (int32_t unit_y = 0; unit_y < down; ++unit_y) {
    for (int32_t unit_x = 0; unit_x < across; ++unit_x) {
      if (restart_interval_ != 0 && todo-- == 0) {
        CUTIS_TRY(NextRestart(&restart));
        todo = restart_interval_ - 1;
      }
      for (int i = 0; i < scan->count; ++i) {
        Component* component = scan->components[i];
        const int h = single ? 1 : component->h, v = single ? 1 : component->v;
        for (int32_t block = 0; block < h * v; ++block) {
          if (Block(scan, component, unit_x * h + block % h, unit_y * v + block / h)) continue;
          at_ = reader_.position();
          if (reader_.at_end()) return CutOff();
          return Status::Error(Code::kBadInput,
                               "the JPEG is damaged near byte %zu: its image data breaks off in row %d of %d; get the original "
                               "file again",
                               at_, unit_y * info_.height / down, info_.height);
        }
      }
    }
  }
  const bool tidy = reader_.Finish();
  at_ = reader_.position();
  return tidy ? Status() : Damaged("more image data than the image has pixels");
}

Status JpegChecker::CheckComplete() const {
  for (int i = 0; i < component_count_; ++i) {
    const Component& component = components_[i];
    bool complete = component.seen;
    if (progressive_) {
      complete = true;
      for (const int8_t known : component.precision) complete = complete && known == 0;
    }
    if (!complete) return Damaged("its last scans are missing");
  }
  return have_frame_ ? Status() : Damaged("it holds no image");
}

Status JpegChecker::Segment(uint8_t marker) {
  if (file_.size() - at_ < 2) return CutOff();
  const size_t length = Read16(at_);
  if (length < 2) return Damaged("a segment without a length");
  if (length > file_.size() - at_) return CutOff();
  const std::span<const uint8_t> body = file_.subspan(at_ + 2, length - 2);
  at_ += length;
  if (marker == 0xc4) return ReadHuffman(body);
  if (marker == 0xdb) return ReadQuant(body);
  if (marker == 0xdd) {
    if (body.size() != 2) return Damaged("a restart interval of wrong length");
    restart_interval_ = body[0] << 8 | body[1];
    return {};
  }
  if (marker == 0xda) {
    Scan scan;
    CUTIS_TRY(ReadScanHeader(body, &scan));
    return WalkScan(&scan);
  }
  if (marker == 0xdc) {  // the height once more, after the first scan
    return body.size() == 2 && (body[0] << 8 | body[1]) == info_.height ? Status()
                                                                        : Damaged("it says its height twice, differently");
  }
  if (marker == 0xe1 && !have_exif_ && body.size() >= 6 && std::memcmp(body.data(), "Exif\0\0", 6) == 0) {
    have_exif_ = true;
    info_.orientation = ExifOrientation(body.subspan(6));
    return {};
  }
  if ((marker >= 0xe0 && marker <= 0xef) || marker == 0xfe) return {};  // application data, comments
  if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc8 && marker != 0xcc) return ReadFrame(marker, body);
  return Damaged("a segment of an unknown kind");
}

Status JpegChecker::ReadSegments(bool to_first_scan) {
  while (!at_end_) {
    CUTIS_ASSIGN(const uint8_t marker, NextMarker());
    at_end_ = marker == 0xd9;
    at_scan_ = marker == 0xda;
    if (at_end_ || (at_scan_ && to_first_scan)) break;
    CUTIS_TRY(Segment(marker));
  }
  return {};
}

Result<EncodedInfo> JpegChecker::ReadHeaders() {
  at_ = 2;
  CUTIS_TRY(ReadSegments(true));
  if (!have_frame_) return ReadScans();  // whatever follows is an error
  return info_;
}

Result<EncodedInfo> JpegChecker::ReadScans() {
  CUTIS_TRY(AllocateProgress());
  if (at_scan_) CUTIS_TRY(Segment(0xda));
  CUTIS_TRY(ReadSegments(false));
  CUTIS_TRY(CheckComplete());
  return info_;
}

uint64_t JpegChecker::samples() const {
  uint64_t blocks = 0;
  for (int i = 0; i < component_count_; ++i) {
    blocks += static_cast<uint64_t>(components_[i].stored_x) * static_cast<uint64_t>(components_[i].stored_y);
  }
  return blocks * 64;
}

// Reads ahead: after the marker come two bytes of length and the number of components.
bool JpegChecker::one_scan() const { return at_scan_ && at_ + 2 < file_.size() && file_[at_ + 2] == component_count_; }

JpegCheck::JpegCheck(std::span<const uint8_t> file) : checker_(new JpegChecker(file)) {}
JpegCheck::~JpegCheck() = default;

Result<EncodedInfo> JpegCheck::ReadHeaders() {
  if (!checker_) return Status::Error(Code::kNoMemory, "not enough memory to check a JPEG");
  return checker_->ReadHeaders();
}
uint64_t JpegCheck::samples() const { return checker_->samples(); }
bool JpegCheck::one_scan() const { return checker_->one_scan(); }
bool JpegCheck::sequential() const { return checker_->sequential(); }
Result<EncodedInfo> JpegCheck::ReadScans() { return checker_->ReadScans(); }

Result<EncodedInfo> CheckJpeg(std::span<const uint8_t> file) {
  JpegCheck check(file);
  CUTIS_TRY(check.ReadHeaders().status());
  return check.ReadScans();
}

}  // namespace cutis
