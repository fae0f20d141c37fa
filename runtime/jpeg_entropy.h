// Walking the Huffman-coded data of a JPEG without computing a pixel.
#ifndef CUTIS_RUNTIME_JPEG_ENTROPY_H_
#define CUTIS_RUNTIME_JPEG_ENTROPY_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace cutis {

// A Huffman table of the JPEG standard (annex C).
class HuffmanTable {
 public:
  // `counts`: how many codes of each length 1 .. 16; `symbols`: their meanings in the order of the codes, as many as the counts
  // sum to (at most 256). False when there are more codes than fit.
  bool Build(std::span<const uint8_t, 16> counts, std::span<const uint8_t> symbols);
  bool defined() const { return defined_; }

  // The code at the front of 16 bits; all zero when no code begins so.
  struct Code {
    uint8_t symbol = 0;
    uint8_t length = 0;
    uint8_t with_bits = 0;  // the length with the bits behind the code that a coefficient's symbol announces (its low 4 bits)
  };
  Code Find(uint32_t bits16) const {
    const Code quick = quick_[bits16 >> (16 - kQuickBits)];
    return quick.length != 0 ? quick : FindLong(bits16);
  }

 private:
  static constexpr int kQuickBits = 9;
  static Code MakeCode(uint8_t symbol, int length) {
    return {symbol, static_cast<uint8_t>(length), static_cast<uint8_t>(length + (symbol & 15))};
  }
  Code FindLong(uint32_t bits16) const;

  bool defined_ = false;
  Code quick_[1 << kQuickBits];  // codes of up to kQuickBits; of length 0: longer or none
  uint32_t end_[17] = {};        // codes of length n, left-aligned to 16 bits, lie below end_[n]
  int32_t index_[17] = {};       // of the symbol of the code c of length n: c + index_[n]
  uint8_t symbols_[256] = {};
};

// The bits between two markers. It never reads past the marker or the end of the file: what asks for more gets `false`.
class EntropyReader {
 public:
  EntropyReader(std::span<const uint8_t> file, size_t at) : file_(file), at_(at) {}

  bool Symbol(const HuffmanTable& table, uint8_t* symbol) {
    if (bits_ < 16) Fill();
    const HuffmanTable::Code code = table.Find(static_cast<uint32_t>(buffer_ >> 48));
    *symbol = code.symbol;
    return code.length != 0 && Drop(code.length);
  }
  // The symbol of a coefficient together with the bits behind it, whose value does not matter.
  bool Coefficient(const HuffmanTable& table, uint8_t* symbol) {
    if (bits_ < 31) Fill();
    const HuffmanTable::Code code = table.Find(static_cast<uint32_t>(buffer_ >> 48));
    *symbol = code.symbol;
    return code.length != 0 && Drop(code.with_bits);
  }
  // `count` (0 .. 16) bits as an unsigned number.
  bool Bits(int count, uint32_t* value) {
    if (bits_ < count) Fill();
    *value = static_cast<uint32_t>(buffer_ >> 32 >> (32 - count));
    return Drop(count);
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
  bool Drop(int count) {
    if (bits_ < count) return false;
    bits_ -= count;
    buffer_ <<= count;
    return true;
  }
  // To more than 48 bits, or all there are. Eight bytes at once where none of them is 0xff.
  void Fill() {
    if (file_.size() - at_ >= 8) {
      uint64_t bytes;
      std::memcpy(&bytes, &file_[at_], 8);
      bytes = __builtin_bswap64(bytes);  // little-endian machines only (runtime/file.cc)
      constexpr uint64_t kOnes = 0x0101010101010101u;
      if (((~bytes - kOnes) & bytes & (kOnes << 7)) == 0) {  // no byte of ~bytes is zero
        const int taken = (63 - bits_) / 8;                  // whole bytes that fit, 7 at most
        buffer_ |= bytes >> (64 - 8 * taken) << (64 - 8 * taken) >> bits_;
        bits_ += 8 * taken;
        at_ += static_cast<size_t>(taken);
        return;
      }
    }
    FillSlowly();
  }
  void FillSlowly();

  std::span<const uint8_t> file_;
  size_t at_;
  uint64_t buffer_ = 0;  // the high bits_ bits are still to be read, the others are zero
  int bits_ = 0;
  bool stopped_ = false;
};

}  // namespace cutis

#endif  // CUTIS_RUNTIME_JPEG_ENTROPY_H_
