// Loops over registers, unrolled by the compiler's front end.
//
// gcc 12 decides which arrays of vectors can live in registers before it unrolls an ordinary loop over them, and then leaves
// some of the sums on the stack. Here every index is a constant from the beginning.
#ifndef CUTIS_OPS_UNROLL_H_
#define CUTIS_OPS_UNROLL_H_

#include <cstddef>

namespace cutis {

template <size_t kValue>
struct UnrolledIndex {
  static constexpr size_t kIndex = kValue;
  constexpr operator size_t() const { return kValue; }  // NOLINT(google-explicit-constructor)
};

// Calls body(0) ... body(kCount - 1). The body is [&](auto i) CUTIS_UNROLLED { ... }.
#define CUTIS_UNROLLED __attribute__((always_inline))

template <size_t kCount, size_t kFirst = 0, class Body>
[[gnu::always_inline]] static inline void Unroll(const Body& body) {
  if constexpr (kFirst < kCount) {
    body(UnrolledIndex<kFirst>());
    Unroll<kCount, kFirst + 1>(body);
  }
}

}  // namespace cutis

#endif  // CUTIS_OPS_UNROLL_H_
