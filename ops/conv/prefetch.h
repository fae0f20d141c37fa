// Weights are read once an image, so most of them come from the third-level cache or from memory, in bursts: the first tile of
// a panel waits for them, the other tiles find them near.
#ifndef CUTIS_OPS_CONV_PREFETCH_H_
#define CUTIS_OPS_CONV_PREFETCH_H_

#include <cstddef>
#include <cstdint>

namespace cutis {

// Asks for the weights behind those at hand, as many as they are themselves, in equal parts: one before each of `tiles` tiles.
// What follows the last panel is the next layer's; an address where nothing lies is no error.
class WeightPrefetch {
 public:
  [[gnu::always_inline]] WeightPrefetch(const int8_t* w, size_t bytes, size_t tiles)
      : next_(w + bytes), part_(tiles > 0 ? (bytes / tiles + 63) / 64 * 64 : 0) {}

  [[gnu::always_inline]] void Step() {
    for (const int8_t* const end = next_ + part_; next_ != end; next_ += 64) __builtin_prefetch(next_, 0, 2);
  }

 private:
  const int8_t* next_;
  size_t part_;
};

}  // namespace cutis

#endif  // CUTIS_OPS_CONV_PREFETCH_H_
