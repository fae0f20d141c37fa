// Walking the Huffman-coded data of a JPEG without computing a pixel.
#ifndef CUTIS_RUNTIME_JPEG_ENTROPY_H_
#define CUTIS_RUNTIME_JPEG_ENTROPY_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace cutis {

// A Huffman table of the JPEG standard (annex C).
class HuffmanTable {
 public:
  // `counts`: how many codes of each length 1 .. 16; `symbols`: their meanings in the order of the codes, as many as the counts
  // sum to (at most 256). False when there are more codes than fit.
  bool Build(std::span<const uint8_t, 16> counts, std::span<const uint8_t> symbols);
  bool defined() const { return defined_; }

  // The length of the code at the front of 16 bits, and its symbol; 0 when no code begins so.
  int Find(uint32_t bits16, uint8_t* symbol) const {
    const uint16_t quick = quick_[bits16 >> (16 - kQuickBits)];
    if (quick != 0) {
      *symbol = static_cast<uint8_t>(quick);
      return quick >> 8;
    }
    return FindLong(bits16, symbol);
  }

 private:
  static constexpr int kQuickBits = 9;
  int FindLong(uint32_t bits16, uint8_t* symbol) const;

  bool defined_ = false;
  uint16_t quick_[1 << kQuickBits] = {};  // length << 8 | symbol of codes up to kQuickBits; 0: longer or none
  uint32_t end_[17] = {};                 // codes of length n, left-aligned to 16 bits, lie below end_[n]
  int32_t index_[17] = {};                // of the symbol of the code c of length n: c + index_[n]
  uint8_t symbols_[256] = {};
};

// The bits between two markers. It never reads past the marker or the end of the file: what asks for more gets `false`.
class EntropyReader {
 public:
  EntropyReader(std::span<const uint8_t> file, size_t at) : file_(file), at_(at) {}

  bool Symbol(const HuffmanTable& table, uint8_t* symbol) {
    if (bits_ < 16) Fill();
    const uint32_t front = static_cast<uint32_t>(bits_ >= 16 ? buffer_ >> (bits_ - 16) : buffer_ << (16 - bits_)) & 0xffffu;
    const int length = table.Find(front, symbol);
    if (length == 0 || length > bits_) return false;
    bits_ -= length;
    return true;
  }
  // `count` (0 .. 16) bits as an unsigned number.
  bool Bits(int count, uint32_t* value) {
    if (bits_ < count) Fill();
    if (bits_ < count) return false;
    bits_ -= count;
    *value = static_cast<uint32_t>(buffer_ >> bits_) & ((1u << count) - 1);
    return true;
  }
  // After the last block before a marker: drops the filling bits. False when whole bytes other than zeros are left over, that
  // is, when the data says more than the image has room for. Leaves position() at the marker's first 0xff or the file's end.
  bool Finish();
  size_t position() const { return at_; }
  void Restart(size_t at) {
    at_ = at;
    bits_ = 0;
    buffer_ = 0;
    stopped_ = false;
  }
  bool at_end() const { return stopped_ && at_ >= file_.size(); }  // of the file, rather than at a marker

 private:
  void Fill();

  std::span<const uint8_t> file_;
  size_t at_;
  uint64_t buffer_ = 0;  // the low bits_ bits are still to be read
  int bits_ = 0;
  bool stopped_ = false;
};

}  // namespace cutis

#endif  // CUTIS_RUNTIME_JPEG_ENTROPY_H_
