// Small matrix products on rows that lie anywhere in memory.
//
// A BLAS wants its operands in one block; the steps of a padded batch are not, so a product over them would first be
// gathered. Here a row is a pointer. Each micro-kernel keeps a tile of ROWS x 2 vectors of the result in registers;
// the vectors are the compiler's own (GCC and Clang), so one source serves AVX-512, AVX2, NEON and plain C++.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace hf_rnn {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kTileRows = 12;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
constexpr int kTileRows = 6;
#else
constexpr int kVectorBytes = 16;
constexpr int kTileRows = 6;
#endif

template <class T>
struct Vector {
    typedef T type __attribute__((vector_size(kVectorBytes)));
    static constexpr int lanes = kVectorBytes / sizeof(T);
    static constexpr int tile = 2 * lanes;  // columns of a tile

    static type load(const T* from) {
        type value;
        std::memcpy(&value, from, sizeof value);
        return value;
    }

    static void store(T* to, type value) { std::memcpy(to, &value, sizeof value); }
};

// The number of columns rounded up to whole tiles.
template <class T>
int64_t padded(int64_t columns) {
    return (columns + Vector<T>::tile - 1) / Vector<T>::tile * Vector<T>::tile;
}

// Rows and columns of a block that is transposed in registers: one number after the other, cutting panels takes as long
// as a sentence's products with them.
constexpr int kBlock = 4;

#if defined(__clang__)
#define HF_RNN_SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define HF_RNN_SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, Index{i, j, k, l})
#endif

// to[r][c] = from[c][r] for a block of numbers, with strides between the rows.
template <class T>
inline void transpose_block(const T* from, int64_t from_stride, T* to, int64_t to_stride) {
    typedef T Row __attribute__((vector_size(kBlock * sizeof(T))));
    using Integer = typename std::conditional<sizeof(T) == 4, int32_t, int64_t>::type;
    [[maybe_unused]] typedef Integer Index __attribute__((vector_size(kBlock * sizeof(T))));
    Row rows[kBlock];
    for (int r = 0; r < kBlock; ++r) std::memcpy(&rows[r], from + r * from_stride, sizeof(Row));
    const Row first_low = HF_RNN_SHUFFLE(rows[0], rows[1], 0, 4, 1, 5);
    const Row first_high = HF_RNN_SHUFFLE(rows[0], rows[1], 2, 6, 3, 7);
    const Row second_low = HF_RNN_SHUFFLE(rows[2], rows[3], 0, 4, 1, 5);
    const Row second_high = HF_RNN_SHUFFLE(rows[2], rows[3], 2, 6, 3, 7);
    rows[0] = HF_RNN_SHUFFLE(first_low, second_low, 0, 1, 4, 5);
    rows[1] = HF_RNN_SHUFFLE(first_low, second_low, 2, 3, 6, 7);
    rows[2] = HF_RNN_SHUFFLE(first_high, second_high, 0, 1, 4, 5);
    rows[3] = HF_RNN_SHUFFLE(first_high, second_high, 2, 3, 6, 7);
    for (int r = 0; r < kBlock; ++r) std::memcpy(to + r * to_stride, &rows[r], sizeof(Row));
}

#undef HF_RNN_SHUFFLE

// A matrix (depth, columns) cut into panels of one tile's columns, each panel contiguous: panel p holds
// [depth][tile]. The columns past the end are zero.
template <class T>
class Panels {
   public:
    // From `matrix` (columns, depth), row-major: its transpose, as weights are kept.
    static Panels of_transposed(const T* matrix, int64_t columns, int64_t depth) {
        Panels panels(columns, depth);
        for (int64_t column = 0; column < columns; column += kBlock) {
            const int64_t width = std::min<int64_t>(kBlock, columns - column);
            for (int64_t k = 0; k < depth; k += kBlock) {
                const int64_t height = std::min<int64_t>(kBlock, depth - k);
                const T* from = matrix + column * depth + k;
                if (width == kBlock && height == kBlock) {
                    transpose_block(from, depth, panels.at(k, column), Vector<T>::tile);
                    continue;
                }
                for (int64_t c = 0; c < width; ++c)
                    for (int64_t r = 0; r < height; ++r) *panels.at(k + r, column + c) = from[c * depth + r];
            }
        }
        return panels;
    }

    // From `matrix` (depth, columns), row-major.
    static Panels of(const T* matrix, int64_t columns, int64_t depth) {
        Panels panels(columns, depth);
        for (int64_t column = 0; column < columns; column += Vector<T>::tile) {
            const int64_t width = std::min<int64_t>(Vector<T>::tile, columns - column);
            for (int64_t k = 0; k < depth; ++k)
                std::copy_n(matrix + k * columns + column, width, panels.at(k, column));
        }
        return panels;
    }

    int64_t columns() const { return columns_; }
    int64_t depth() const { return depth_; }
    const T* panel(int64_t index) const { return data_.data() + index * depth_ * Vector<T>::tile; }

   private:
    Panels(int64_t columns, int64_t depth)
        : columns_(columns), depth_(depth), data_(padded<T>(columns) * depth, T(0)) {}

    T* at(int64_t k, int64_t column) {
        constexpr int tile = Vector<T>::tile;
        return &data_[(column / tile * depth_ + k) * tile + column % tile];
    }

    int64_t columns_, depth_;
    std::vector<T> data_;
};

// One tile: result[r][0:width] += sum_k left(r, k) * right[k][:], for ROWS rows.
// `Left` says where the factor of row r and depth k is; `right` has `right_stride` numbers between its rows.
template <class T, int ROWS, class Left>
inline void tile_product(const Left& left, int64_t depth, const T* right, int64_t right_stride, T* const* result,
                         int64_t column, int64_t width) {
    using V = Vector<T>;
    typename V::type low[ROWS], high[ROWS];
    for (int r = 0; r < ROWS; ++r) low[r] = high[r] = typename V::type{};
    for (int64_t k = 0; k < depth; ++k, right += right_stride) {
        const auto right_low = V::load(right), right_high = V::load(right + V::lanes);
        const auto factors = left.at(k);
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; ++r) {
            const T factor = factors[r];
            low[r] += factor * right_low;
            high[r] += factor * right_high;
        }
    }
    for (int r = 0; r < ROWS; ++r) {
        T* to = result[r] + column;
        if (width >= V::tile) {
            V::store(to, V::load(to) + low[r]);
            V::store(to + V::lanes, V::load(to + V::lanes) + high[r]);
        } else {
            T tail[V::tile];
            V::store(tail, low[r]);
            V::store(tail + V::lanes, high[r]);
            for (int64_t j = 0; j < width; ++j) to[j] += tail[j];
        }
    }
}

// The left factor of a product of rows: row r is rows[r], and depth runs along it.
template <class T>
struct AlongRows {
    const T* const* rows;
    struct Column {
        const T* const* rows;
        int64_t k;
        T operator[](int r) const { return rows[r][k]; }
    };
    Column at(int64_t k) const { return {rows, k}; }
};

// The left factor of a product of transposed rows: depth runs over the rows, r along them from `first`.
template <class T>
struct AcrossRows {
    const T* const* rows;
    int64_t first;
    const T* at(int64_t k) const { return rows[k] + first; }
};

// Calls `run` with the number of rows as a compile-time constant.
template <int ROWS, class Run>
inline void with_rows(int64_t rows, const Run& run) {
    if (rows == ROWS) {
        run(std::integral_constant<int, ROWS>{});
    } else if constexpr (ROWS > 1) {
        with_rows<ROWS - 1>(rows, run);
    }
}

// result[i][column:] += left[i] @ panels for the `count` rows of `left` and `result`.
template <class T>
void add_product(const T* const* left, int64_t count, const Panels<T>& panels, T* const* result, int64_t column = 0) {
    constexpr int tile = Vector<T>::tile;
    if (panels.depth() == 0) return;
    for (int64_t start = 0; start < panels.columns(); start += tile) {
        const int64_t width = panels.columns() - start;
        for (int64_t i = 0; i < count; i += kTileRows) {
            with_rows<kTileRows>(std::min<int64_t>(kTileRows, count - i), [&](auto rows) {
                tile_product<T, rows>(AlongRows<T>{left + i}, panels.depth(), panels.panel(start / tile), tile,
                                      result + i, column + start, width);
            });
        }
    }
}

// result (features, columns) += left^T @ right, summed over `count` rows: left (count, features) by pointers, right
// (count, columns) with `right_stride` numbers between rows, readable to whole tiles.
template <class T>
void add_transposed_product(const T* const* left, int64_t features, int64_t count, const T* right,
                            int64_t right_stride, int64_t columns, T* result, int64_t result_stride) {
    constexpr int tile = Vector<T>::tile;
    T* rows_of_result[kTileRows];
    for (int64_t start = 0; start < columns; start += tile) {
        for (int64_t i = 0; i < features; i += kTileRows) {
            const int64_t rows_here = std::min<int64_t>(kTileRows, features - i);
            for (int64_t r = 0; r < rows_here; ++r) rows_of_result[r] = result + (i + r) * result_stride;
            with_rows<kTileRows>(rows_here, [&](auto rows) {
                tile_product<T, rows>(AcrossRows<T>{left, i}, count, right + start, right_stride, rows_of_result,
                                      start, columns - start);
            });
        }
    }
}

}  // namespace hf_rnn
