#include "runtime/jpeg_entropy.h"

#include <cstring>

namespace cutis {

bool HuffmanTable::Build(std::span<const uint8_t, 16> counts, std::span<const uint8_t> symbols) {
  *this = HuffmanTable();
  std::memcpy(symbols_, symbols.data(), symbols.size());
  uint32_t code = 0;  // the next code of the current length
  int32_t used = 0;
  for (int length = 1; length <= 16; ++length) {
    const int32_t count = counts[static_cast<size_t>(length - 1)];
    index_[length] = used - static_cast<int32_t>(code);
    if (code + static_cast<uint32_t>(count) > 1u << length) return false;
    if (length <= kQuickBits) {
      const int shift = kQuickBits - length;
      for (int32_t i = 0; i < count; ++i) {
        const Code entry = MakeCode(symbols_[used + i], length);
        const uint32_t begin = (code + static_cast<uint32_t>(i)) << shift;
        for (uint32_t k = 0; k < 1u << shift; ++k) quick_[begin + k] = entry;
      }
    }
    code += static_cast<uint32_t>(count);
    used += count;
    end_[length] = code << (16 - length);
    code <<= 1;
  }
  defined_ = true;
  return true;
}

HuffmanTable::Code HuffmanTable::FindLong(uint32_t bits16) const {
  for (int length = kQuickBits + 1; length <= 16; ++length) {
    if (bits16 < end_[length]) {
      return MakeCode(symbols_[static_cast<size_t>(static_cast<int32_t>(bits16 >> (16 - length)) + index_[length])], length);
    }
  }
  return {};
}

void EntropyReader::FillSlowly() {
  while (!stopped_ && bits_ <= 48) {
    if (at_ >= file_.size()) {
      stopped_ = true;
      return;
    }
    const uint8_t byte = file_[at_];
    if (byte == 0xff) {
      // A data byte 0xff is followed by a zero that is not data; anything else is a marker.
      if (at_ + 1 >= file_.size()) {
        at_ = file_.size();
        stopped_ = true;
        return;
      }
      if (file_[at_ + 1] != 0) {
        stopped_ = true;
        return;
      }
      ++at_;
    }
    ++at_;
    buffer_ |= uint64_t{byte} << (56 - bits_);
    bits_ += 8;
  }
}

bool EntropyReader::Finish() {
  Drop(bits_ % 8);
  for (;;) {
    if (bits_ == 0) Fill();
    if (bits_ == 0) return true;
    const uint64_t byte = buffer_ >> 56;
    Drop(8);
    if (byte != 0) return false;
  }
}

}  // namespace cutis
