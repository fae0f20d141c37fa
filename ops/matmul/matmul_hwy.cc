// The products of matrices for every instruction set that Highway knows. Lanes are columns, whose elements of b lie next to
// each other or are gathered.
//
// float32: 6 rows by two vectors, k in order, each product rounded before it is added, so the bits are the reference's.
//
// uint8: the sum of (a-z_a)*(b-z_b) is that of a*(b-z_b) less z_a times that of (b-z_b); bytes are widened to 16 bits and
// multiplied in pairs into 32 bits, and no partial sum leaves them, since 255*255*k < 2^31. Four k of a row of a make a word,
// whose low and high bytes, widened in place, are the pairs (k0, k2) and (k1, k3) (as in ops/conv/conv_hwy.cc); the rows k0 and
// k2 of b, interleaved and widened, are the other side.
//
// The last columns and vectors overlap those before: their outputs are computed twice, to the same values. Fewer columns than a
// vector are left to scalars. Columns that have to be gathered take a vector at a time: gathering is what they wait for.
#include "ops/clamp_hwy.h"
#include "ops/hwy_kernel.h"
#include "ops/matmul/matmul.h"
#include "ops/requant.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::ScalableTag<float> df;
const hn::RebindToSigned<decltype(df)> d32;
const hn::Rebind<uint8_t, decltype(df)> d8;
const hn::Repartition<int16_t, decltype(d32)> d16;
const hn::Repartition<uint16_t, decltype(d32)> du16;
const hn::Rebind<uint8_t, decltype(d16)> d8_pairs;
using Floats = hn::Vec<decltype(df)>;
using Sums = hn::Vec<decltype(d32)>;
using Words = hn::Vec<decltype(d16)>;
constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());
constexpr ptrdiff_t kStep = static_cast<ptrdiff_t>(kLanes);

template <class T>
HWY_NOINLINE void Scatter(const T* from, size_t rows, ptrdiff_t width, T* y, ptrdiff_t y_row, ptrdiff_t y_column) {
  for (size_t r = 0; r < rows; ++r, from += width, y += y_row) {
    for (ptrdiff_t i = 0; i < width; ++i) y[i * y_column] = from[i];
  }
}

// Where a tile stores its vectors: in the output, or, where the columns of that are apart, in rows of its own, out of which Finish
// copies them.
template <class T, size_t kRows, size_t kVectors>
class TileRows {
 public:
  HWY_INLINE TileRows(T* y, ptrdiff_t y_row, ptrdiff_t y_column)
      : y_(y), y_row_(y_row), y_column_(y_column), to_(y_column == 1 ? y : own_), row_(y_column == 1 ? y_row : kWidth) {}

  HWY_INLINE T* At(size_t row, size_t vector) const {
    return to_ + static_cast<ptrdiff_t>(row) * row_ + static_cast<ptrdiff_t>(vector) * kStep;
  }

  HWY_INLINE void Finish() const {
    if (y_column_ != 1) Scatter(own_, kRows, kWidth, y_, y_row_, y_column_);
  }

 private:
  static constexpr ptrdiff_t kWidth = static_cast<ptrdiff_t>(kVectors) * kStep;

  T own_[kRows * kVectors * kLanes];
  T* y_;
  ptrdiff_t y_row_, y_column_;
  T* to_;
  ptrdiff_t row_;
};

// -- float32 --------------------------------------------------------------------------------------

template <size_t kRows, size_t kVectors, bool kContiguous>
HWY_INLINE void TileF32(const MatMulF32Args& args, const float* a, const float* b, float* y) {
  Floats sums[kRows][kVectors];
  Unroll<kRows>([&](auto r) CUTIS_UNROLLED { Unroll<kVectors>([&](auto v) CUTIS_UNROLLED { sums[r][v] = hn::Zero(df); }); });
  const Sums lanes = hn::Mul(hn::Iota(d32, 0), hn::Set(d32, kContiguous ? 1 : static_cast<int32_t>(args.b_column)));
  const ptrdiff_t a_row = args.a_row, a_k = args.a_k, b_k = args.b_k, b_step = kStep * args.b_column;
  for (int32_t i = 0; i < args.k; ++i, a += a_k, b += b_k) {
    Floats columns[kVectors];
    Unroll<kVectors>([&](auto v) CUTIS_UNROLLED {
      const float* from = b + static_cast<ptrdiff_t>(v) * b_step;
      if constexpr (kContiguous) {
        columns[v] = hn::LoadU(df, from);
      } else {
        columns[v] = hn::GatherIndex(df, from, lanes);
      }
    });
    Unroll<kRows>([&](auto r) CUTIS_UNROLLED {
      const Floats value = hn::Set(df, a[static_cast<ptrdiff_t>(r) * a_row]);
      Unroll<kVectors>([&](auto v) CUTIS_UNROLLED { sums[r][v] = hn::Add(sums[r][v], hn::Mul(value, columns[v])); });
    });
  }
  const Floats min = hn::Set(df, args.min), max = hn::Set(df, args.max);
  TileRows<float, kRows, kVectors> rows(y, args.y_row, args.y_column);
  Unroll<kRows>([&](auto r) CUTIS_UNROLLED {
    Unroll<kVectors>([&](auto v) CUTIS_UNROLLED { hn::StoreU(ClampLanes(df, sums[r][v], min, max), df, rows.At(r, v)); });
  });
  rows.Finish();
}

template <size_t kVectors, bool kContiguous>
HWY_INLINE void StripF32(const MatMulF32Args& args, size_t column) {
  const float* a = args.a;
  const float* b = args.b + static_cast<ptrdiff_t>(column) * args.b_column;
  float* y = args.y + static_cast<ptrdiff_t>(column) * args.y_column;
  size_t left = args.rows;
  for (; left >= 6; left -= 6, a += 6 * args.a_row, y += 6 * args.y_row) TileF32<6, kVectors, kContiguous>(args, a, b, y);
  for (; left >= 2; left -= 2, a += 2 * args.a_row, y += 2 * args.y_row) TileF32<2, kVectors, kContiguous>(args, a, b, y);
  if (left == 1) TileF32<1, kVectors, kContiguous>(args, a, b, y);
}

// -- uint8 ----------------------------------------------------------------------------------------

// kLanes bytes, `stride` apart.
template <bool kContiguous>
HWY_INLINE hn::Vec<decltype(d8)> LoadColumns(const uint8_t* from, ptrdiff_t stride) {
  if constexpr (kContiguous) {
    return hn::LoadU(d8, from);
  } else {
    alignas(16) uint8_t copy[kLanes];
    for (size_t i = 0; i < kLanes; ++i) copy[i] = from[static_cast<ptrdiff_t>(i) * stride];
    return hn::LoadU(d8, copy);
  }
}

// Two rows of b as pairs, less the zero point.
HWY_INLINE Words Pairs(hn::Vec<decltype(d8)> first, hn::Vec<decltype(d8)> second, Words zero_b) {
  const auto pairs =
      hn::InterleaveLower(d8_pairs, hn::ZeroExtendVector(d8_pairs, first), hn::ZeroExtendVector(d8_pairs, second));
  return hn::Sub(hn::PromoteTo(d16, pairs), zero_b);
}

// Four k of a row of a, or as many as there are and zeros.
HWY_INLINE int32_t LoadWord(const uint8_t* a, ptrdiff_t stride, int32_t live) {
  uint32_t word = 0;
  if (stride == 1 && live == 4) {
    __builtin_memcpy(&word, a, 4);
  } else {
    for (int32_t i = 0; i < live; ++i) word |= static_cast<uint32_t>(a[i * stride]) << (8 * i);
  }
  return static_cast<int32_t>(word);
}

HWY_INLINE hn::Vec<decltype(d8)> ToBytes(const MatMulU8Args& args, Sums sums) {
  const auto lo = hn::Set(df, static_cast<float>(args.out.lo - args.out.zero_point));
  const auto hi = hn::Set(df, static_cast<float>(args.out.hi - args.out.zero_point));
  const auto scaled = hn::Mul(hn::ConvertTo(df, sums), hn::Set(df, args.multiplier));
  // Adding 1.5 * 2^23 rounds to an integer, to nearest even, and leaves it in the low bits (see RoundToEven in ops/requant.h).
  const auto bits = hn::BitCast(d32, hn::Add(hn::Min(hn::Max(scaled, lo), hi), hn::Set(df, 12582912.0f)));
  return hn::DemoteTo(d8, hn::Sub(bits, hn::Set(d32, 0x4B400000 - args.out.zero_point)));
}

// The sums of a tile: `more` where the instruction set sums halves apart; in row kRows those of b alone.
template <size_t kRows, size_t kVectors>
struct TileSums {
  Sums sums[kRows + 1][kVectors], more[kRows + 1][kVectors];
};

// Four k, or `live` of them.
template <size_t kRows, size_t kVectors, bool kContiguous>
HWY_INLINE void FourTerms(const MatMulU8Args& args, const uint8_t* a, const uint8_t* b, int32_t live, Words zero_b,
                          TileSums<kRows, kVectors>& tile) {
  Words even[kVectors], odd[kVectors];
  const ptrdiff_t b_k = args.b_k, b_column = args.b_column;
  Unroll<kVectors>([&](auto v) CUTIS_UNROLLED {
    const uint8_t* from = b + static_cast<ptrdiff_t>(v) * kStep * b_column;
    // In place of a row beyond the last one the zero point: its terms are 0.
    const auto none = hn::Set(d8, static_cast<uint8_t>(args.zero_b));
    const auto row0 = LoadColumns<kContiguous>(from, b_column);
    const auto row1 = live > 1 ? LoadColumns<kContiguous>(from + b_k, b_column) : none;
    const auto row2 = live > 2 ? LoadColumns<kContiguous>(from + 2 * b_k, b_column) : none;
    const auto row3 = live > 3 ? LoadColumns<kContiguous>(from + 3 * b_k, b_column) : none;
    even[v] = Pairs(row0, row2, zero_b);
    odd[v] = Pairs(row1, row3, zero_b);
  });
  const auto add = [&](size_t r, size_t v, Words x_even, Words x_odd) CUTIS_UNROLLED {
    tile.sums[r][v] = hn::ReorderWidenMulAccumulate(d32, x_even, even[v], tile.sums[r][v], tile.more[r][v]);
    tile.sums[r][v] = hn::ReorderWidenMulAccumulate(d32, x_odd, odd[v], tile.sums[r][v], tile.more[r][v]);
  };
  Unroll<kRows>([&](auto r) CUTIS_UNROLLED {
    const int32_t word = LoadWord(a + static_cast<ptrdiff_t>(r) * args.a_row, args.a_k, live);
    const Words bytes = hn::BitCast(d16, hn::Set(d32, word));
    const Words x_even = hn::And(bytes, hn::Set(d16, 0xff));
    const Words x_odd = hn::BitCast(d16, hn::ShiftRight<8>(hn::BitCast(du16, bytes)));
    Unroll<kVectors>([&](auto v) CUTIS_UNROLLED { add(r, v, x_even, x_odd); });
  });
  const Words one = hn::Set(d16, 1);
  Unroll<kVectors>([&](auto v) CUTIS_UNROLLED { add(kRows, v, one, one); });
}

template <size_t kRows, size_t kVectors, bool kContiguous>
HWY_INLINE void TileU8(const MatMulU8Args& args, const uint8_t* a, const uint8_t* b, uint8_t* y) {
  TileSums<kRows, kVectors> tile;
  Unroll<kRows + 1>([&](auto r) CUTIS_UNROLLED {
    Unroll<kVectors>([&](auto v) CUTIS_UNROLLED { tile.sums[r][v] = tile.more[r][v] = hn::Zero(d32); });
  });
  const Words zero_b = hn::Set(d16, static_cast<int16_t>(args.zero_b));
  for (int32_t left = args.k; left > 0; left -= 4, a += 4 * args.a_k, b += 4 * args.b_k) {
    FourTerms<kRows, kVectors, kContiguous>(args, a, b, left < 4 ? left : 4, zero_b, tile);
  }
  const Sums zero_a = hn::Set(d32, args.zero_a);
  TileRows<uint8_t, kRows, kVectors> rows(y, args.y_row, args.y_column);
  Unroll<kVectors>([&](auto v) CUTIS_UNROLLED {
    const Sums columns = hn::Mul(zero_a, hn::RearrangeToOddPlusEven(tile.sums[kRows][v], tile.more[kRows][v]));
    Unroll<kRows>([&](auto r) CUTIS_UNROLLED {
      const Sums total = hn::Sub(hn::RearrangeToOddPlusEven(tile.sums[r][v], tile.more[r][v]), columns);
      hn::StoreU(ToBytes(args, total), d8, rows.At(r, v));
    });
  });
  rows.Finish();
}

template <size_t kVectors, bool kContiguous>
HWY_INLINE void StripU8(const MatMulU8Args& args, size_t column) {
  const uint8_t* a = args.a;
  const uint8_t* b = args.b + static_cast<ptrdiff_t>(column) * args.b_column;
  uint8_t* y = args.y + static_cast<ptrdiff_t>(column) * args.y_column;
  size_t left = args.rows;
  for (; left >= 4; left -= 4, a += 4 * args.a_row, y += 4 * args.y_row) TileU8<4, kVectors, kContiguous>(args, a, b, y);
  for (; left > 0; --left, a += args.a_row, y += args.y_row) TileU8<1, kVectors, kContiguous>(args, a, b, y);
}

// Calls one(column) for vectors of columns.
template <class One>
HWY_INLINE void ForEachStrip(size_t columns, const One& one) {
  size_t column = 0;
  for (; columns - column >= kLanes; column += kLanes) one(column);
  if (column < columns) one(columns - kLanes);
}

// Calls two(column) for pairs of vectors of columns, one(column) where there are fewer.
template <class Two, class One>
HWY_INLINE void ForEachStrip(size_t columns, const Two& two, const One& one) {
  size_t column = 0;
  for (; columns - column >= 2 * kLanes; column += 2 * kLanes) two(column);
  if (column == 0) return ForEachStrip(columns, one);
  if (column < columns) two(columns - 2 * kLanes);
}

}  // namespace

void CUTIS_HWY_NAME(MatMulF32)(const MatMulF32Args& args) {
  if (args.columns < kLanes) {
    for (ptrdiff_t r = 0; r < static_cast<ptrdiff_t>(args.rows); ++r) {
      for (ptrdiff_t c = 0; c < static_cast<ptrdiff_t>(args.columns); ++c) {
        args.y[r * args.y_row + c * args.y_column] = DotF32(args, args.a + r * args.a_row, args.b + c * args.b_column);
      }
    }
  } else if (args.b_column == 1) {
    ForEachStrip(
        args.columns, [&](size_t c) { StripF32<2, true>(args, c); }, [&](size_t c) { StripF32<1, true>(args, c); });
  } else {
    ForEachStrip(args.columns, [&](size_t c) { StripF32<1, false>(args, c); });
  }
}

void CUTIS_HWY_NAME(MatMulU8)(const MatMulU8Args& args) {
  if (args.columns < kLanes) {
    for (ptrdiff_t r = 0; r < static_cast<ptrdiff_t>(args.rows); ++r) {
      for (ptrdiff_t c = 0; c < static_cast<ptrdiff_t>(args.columns); ++c) {
        const int32_t sum = DotU8(args, args.a + r * args.a_row, args.b + c * args.b_column);
        args.y[r * args.y_row + c * args.y_column] = Requantize(sum, args.multiplier, args.out);
      }
    }
  } else if (args.b_column == 1) {
    ForEachStrip(
        args.columns, [&](size_t c) { StripU8<2, true>(args, c); }, [&](size_t c) { StripU8<1, true>(args, c); });
  } else {
    ForEachStrip(args.columns, [&](size_t c) { StripU8<1, false>(args, c); });
  }
}

}  // namespace cutis
