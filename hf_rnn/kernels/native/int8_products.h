// Products of rows that are quantised as they come with weights of 8 bits, exact in integers of 32.
//
// Weights are whole numbers from -127 to 127, packed once (int8_packing.py) in panels of 16 columns: a panel
// holds [depth / 4][16][4], so that a vector has four numbers of each column, as the dot products of the processors
// (AVX-VNNI, AVX512-VNNI, AMX) read them. A row of activations has one scale, a column of weights another.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif
#if defined(__AMX_INT8__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace hf_rnn {
namespace int8 {

constexpr int kPanel = 16;       // columns
constexpr int kDepthBlock = 64;  // the depth of a panel is a multiple of it; what is beyond the matrix is zero
constexpr float kLargest = 127.0f;
// A row of smaller numbers is taken for zeros: the inverse of its scale would not be finite.
constexpr float kLeast = 1e-30f;

inline int64_t padded_to(int64_t size, int64_t block) { return (size + block - 1) / block * block; }

// Four neighbouring numbers of a row times those of as many columns as a vector has lanes.
#if defined(__AVX512VNNI__)
// Activations are unsigned here: 128 is added to each, and taken away again as 128 times the sum of a column.
constexpr int kOffset = 128;
constexpr int kRows = 12, kPanels = 2;
struct Dot {
    using type = __m512i;
    static constexpr int lanes = 16;
    static type zero() { return _mm512_setzero_si512(); }
    static type weights(const int8_t* from) { return _mm512_loadu_si512(from); }
    static type factors(int32_t four) { return _mm512_set1_epi32(four); }
    static type add(type sum, type factors, type weights) { return _mm512_dpbusd_epi32(sum, factors, weights); }
    static void store(int32_t* to, type sum) { _mm512_storeu_si512(to, sum); }
};
#elif defined(__AVX2__)
#if defined(__AVXVNNI__)
constexpr int kOffset = 128;
#else
constexpr int kOffset = 0;
#endif
constexpr int kRows = 6, kPanels = 1;
struct Dot {
    using type = __m256i;
    static constexpr int lanes = 8;
    static type zero() { return _mm256_setzero_si256(); }
    static type weights(const int8_t* from) { return _mm256_loadu_si256(reinterpret_cast<const type*>(from)); }
    static type factors(int32_t four) { return _mm256_set1_epi32(four); }
    static type add(type sum, type factors, type weights) {
#if defined(__AVXVNNI__)
        return _mm256_dpbusd_avx_epi32(sum, factors, weights);
#else
        // One factor of maddubs is unsigned: the sign of an activation goes to the weight. Two products are at most
        // 2 * 127 * 127, which is less than what 16 bits hold; with 255 in place of 127 they would be cut off.
        const type pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(factors), _mm256_sign_epi8(weights, factors));
        return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#endif
    }
    static void store(int32_t* to, type sum) { _mm256_storeu_si256(reinterpret_cast<type*>(to), sum); }
};
#else
constexpr int kOffset = 0;
constexpr int kRows = 4, kPanels = 1;
struct Dot {
    struct type {
        int32_t lane[kPanel];
    };
    static constexpr int lanes = kPanel;
    static type zero() { return type{}; }
    static const int8_t* weights(const int8_t* from) { return from; }
    static int32_t factors(int32_t four) { return four; }
    static type add(type sum, int32_t four, const int8_t* weights) {
        int8_t factors[4];
        std::memcpy(factors, &four, sizeof factors);
        for (int lane = 0; lane < lanes; ++lane)
            for (int k = 0; k < 4; ++k) sum.lane[lane] += int32_t(factors[k]) * weights[4 * lane + k];
        return sum;
    }
    static void store(int32_t* to, const type& sum) { std::memcpy(to, &sum, sizeof sum); }
};
#endif

// A matrix of weights (depth, columns) in panels. `scales` and `sums` are those of each column, padded to whole panels
// with zeros.
struct Weights {
    const int8_t* panels;
    const float* scales;
    const int32_t* sums;
    int64_t columns, depth;

    int64_t stride() const { return padded_to(depth, kDepthBlock); }
    int64_t count() const { return padded_to(columns, kPanel) / kPanel; }
    const int8_t* panel(int64_t index) const { return panels + index * kPanel * stride(); }

    // The columns from `first`, which begins a panel of its own.
    Weights from(int64_t first, int64_t count) const {
        return {panel(first / kPanel), scales + first, sums + first, count, depth};
    }
};

// Rows of activations in 8 bits, each with its scale, and as many more as the matrix unit reads beyond the last.
class Activations {
   public:
    void resize(int64_t rows, int64_t depth) {
        stride_ = padded_to(depth, kDepthBlock);
        const int64_t size = (rows + kBeyond) * stride_;
        if (int64_t(numbers_.size()) < size) numbers_.resize(size);
        if (int64_t(scales_.size()) < rows + kBeyond) scales_.resize(rows + kBeyond);
    }

    // Symmetric, to whole numbers from -127 to 127 by a scale of the largest of the row. NaN makes the scale NaN, and
    // by it everything that is computed of the row.
    void quantise(int64_t row, const float* __restrict from, int64_t depth) {
        // The bits of positive numbers are in their order, and those of NaN are the largest.
        uint32_t most = 0;
        for (int64_t k = 0; k < depth; ++k) {
            uint32_t bits;
            std::memcpy(&bits, from + k, sizeof bits);
            most = std::max(most, bits & 0x7fffffffu);
        }
        float largest;
        std::memcpy(&largest, &most, sizeof largest);
        const bool small = largest < kLeast;
        const float inverse = small ? 0.0f : kLargest / largest;
        scales_[row] = small ? 0.0f : largest / kLargest;
        int8_t* __restrict to = at(row);
        for (int64_t k = 0; k < depth; ++k) {
            float number = __builtin_rintf(from[k] * inverse);
            number = number <= kLargest ? number : kLargest;  // NaN, too, whose conversion is undefined
            number = number >= -kLargest ? number : -kLargest;
            to[k] = int8_t(int32_t(number) + kOffset);
        }
        std::memset(to + depth, kOffset, stride_ - depth);
    }

    const int8_t* row(int64_t index) const { return numbers_.data() + index * stride_; }
    const float* scales(int64_t first) const { return scales_.data() + first; }
    int64_t stride() const { return stride_; }

   private:
    static constexpr int64_t kBeyond = 32;

    int8_t* at(int64_t row) { return numbers_.data() + row * stride_; }

    int64_t stride_ = 0;
    std::vector<int8_t> numbers_;
    std::vector<float> scales_;
};

// Where the results of a product go: to row r, column c of `to` goes what stands there in `from` plus the product.
// Whole panels are read and written. A `from_stride` of 0 adds the same row to all.
struct Result {
    const float* from;
    int64_t from_stride;
    float* to;
    int64_t to_stride;
};

// `count` rows of the integers of `WIDTH` columns, `products_stride` apart, to where they go.
template <int WIDTH>
inline void finish(const int32_t* products, int64_t products_stride, int64_t count, const float* row_scales,
                   const Weights& weights, int64_t column, const Result& result) {
    const float* scales = weights.scales + column;
    const int32_t* sums = weights.sums + column;
    for (int64_t r = 0; r < count; ++r) {
        const int32_t* product = products + r * products_stride;
        const float* from = result.from + r * result.from_stride + column;
        float* to = result.to + r * result.to_stride + column;
        const float row_scale = row_scales[r];
#if defined(__clang__)
#pragma clang loop vectorize(assume_safety)
#else
#pragma GCC ivdep
#endif
        for (int c = 0; c < WIDTH; ++c)
            to[c] = from[c] + float(product[c] - kOffset * sums[c]) * (row_scale * scales[c]);
    }
}

template <int ROWS, int PANELS>
inline void tile_product(const Activations& left, int64_t row, const Weights& weights, int64_t panel,
                         const Result& result) {
    constexpr int vectors = PANELS * kPanel / Dot::lanes, per_panel = kPanel / Dot::lanes;
    typename Dot::type sums[ROWS][vectors];
    for (int r = 0; r < ROWS; ++r)
        for (int v = 0; v < vectors; ++v) sums[r][v] = Dot::zero();
    const int8_t* from = left.row(row);
    const int64_t stride = left.stride();
    for (int64_t k = 0; k < weights.depth; k += 4) {
        decltype(Dot::weights(nullptr)) right[vectors];
        for (int v = 0; v < vectors; ++v)
            right[v] = Dot::weights(weights.panel(panel + v / per_panel) + k * kPanel + v % per_panel * 4 * Dot::lanes);
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; ++r) {
            int32_t four;
            std::memcpy(&four, from + r * stride + k, sizeof four);
            const auto factors = Dot::factors(four);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v) sums[r][v] = Dot::add(sums[r][v], factors, right[v]);
        }
    }
    alignas(64) int32_t products[ROWS][PANELS * kPanel];
    for (int r = 0; r < ROWS; ++r)
        for (int v = 0; v < vectors; ++v) Dot::store(products[r] + v * Dot::lanes, sums[r][v]);
    finish<PANELS * kPanel>(products[0], PANELS * kPanel, ROWS, left.scales(row), weights, panel * kPanel, result);
}

template <int ROWS, int PANELS>
inline void tiles_of(int64_t rows, const Activations& left, int64_t row, const Weights& weights, int64_t panel,
                     const Result& result) {
    if (rows == ROWS) {
        tile_product<ROWS, PANELS>(left, row, weights, panel, result);
    } else if constexpr (ROWS > 1) {
        tiles_of<ROWS - 1, PANELS>(rows, left, row, weights, panel, result);
    }
}

inline Result below(const Result& result, int64_t rows) {
    return {result.from + rows * result.from_stride, result.from_stride, result.to + rows * result.to_stride,
            result.to_stride};
}

// The product in vectors, of `count` rows of `left` from row `first`.
inline void multiply_in_vectors(const Activations& left, int64_t first, int64_t count, const Weights& weights,
                                const Result& result) {
    for (int64_t panel = 0; panel < weights.count(); panel += kPanels) {
        const bool whole = weights.count() - panel >= kPanels;
        for (int64_t r = 0; r < count; r += kRows) {
            const int64_t rows = std::min<int64_t>(kRows, count - r);
            if (whole)
                tiles_of<kRows, kPanels>(rows, left, first + r, weights, panel, below(result, r));
            else
                tiles_of<kRows, 1>(rows, left, first + r, weights, panel, below(result, r));
        }
    }
}

#if defined(__AMX_INT8__) && defined(__linux__) && defined(__AVX512VNNI__)
// From so many rows on the matrix unit, which takes sixteen at a time, is the faster one.
constexpr int64_t kMatrixRows = 5;

// Whether the system lets this process use the matrix unit, for which it must be asked.
inline bool has_matrix_unit() {
    constexpr int kRequestPermission = 0x1023, kTileData = 18;
    static const bool granted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
    return granted;
}

// All eight tiles of the matrix unit, of 16 rows of 64 bytes, for as long as this lives.
class MatrixUnit {
   public:
    MatrixUnit() : in_use_(has_matrix_unit()) {
        struct alignas(64) Configuration {
            uint8_t palette, start_row, reserved[14];
            uint16_t bytes[16];
            uint8_t rows[16];
        };
        static const Configuration all{1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};
        if (in_use_) _tile_loadconfig(&all);
    }
    ~MatrixUnit() {
        if (in_use_) _tile_release();
    }
    MatrixUnit(const MatrixUnit&) = delete;
    MatrixUnit& operator=(const MatrixUnit&) = delete;

    bool serves(int64_t rows) const { return in_use_ && rows >= kMatrixRows; }

    // As `multiply_in_vectors`, 32 rows and two panels at a time.
    void multiply(const Activations& left, int64_t first, int64_t count, const Weights& weights,
                  const Result& result) const {
        alignas(64) int32_t products[2][2][16 * kPanel];
        // GCC does not know that loading a tile reads memory.
        __asm__ volatile("" ::: "memory");
        const int64_t stride = left.stride(), last_panel = weights.count() - 1;
        for (int64_t panel = 0; panel <= last_panel; panel += 2) {
            const int8_t* right_low = weights.panel(panel);
            const int8_t* right_high = weights.panel(std::min(panel + 1, last_panel));
            for (int64_t r = 0; r < count; r += 32) {
                const int8_t* above = left.row(first + r);
                if (count - r > 16)
                    tiles<true>(above, stride, right_low, right_high, products);
                else
                    tiles<false>(above, stride, right_low, right_high, products);
                for (int64_t half = 0; half < 2 && count - r > 16 * half; ++half) {
                    const int64_t row = r + 16 * half, rows = std::min<int64_t>(16, count - row);
                    for (int64_t p = 0; p < 2 && panel + p <= last_panel; ++p)
                        finish<kPanel>(products[half][p], kPanel, rows, left.scales(first + row), weights,
                                       (panel + p) * kPanel, below(result, row));
                }
            }
        }
    }

   private:
    template <bool BOTH>
    static void tiles(const int8_t* left, int64_t stride, const int8_t* right_low, const int8_t* right_high,
                      int32_t (*products)[2][16 * kPanel]) {
        _tile_zero(0);
        _tile_zero(1);
        if (BOTH) _tile_zero(2);
        if (BOTH) _tile_zero(3);
        for (int64_t k = 0; k < stride; k += kDepthBlock) {
            _tile_loadd(4, left + k, stride);
            _tile_loadd(6, right_low + k * kPanel, 64);
            _tile_loadd(7, right_high + k * kPanel, 64);
            _tile_dpbusd(0, 4, 6);
            _tile_dpbusd(1, 4, 7);
            if (BOTH) {
                _tile_loadd(5, left + 16 * stride + k, stride);
                _tile_dpbusd(2, 5, 6);
                _tile_dpbusd(3, 5, 7);
            }
        }
        _tile_stored(0, products[0][0], 64);
        _tile_stored(1, products[0][1], 64);
        if (BOTH) _tile_stored(2, products[1][0], 64);
        if (BOTH) _tile_stored(3, products[1][1], 64);
    }

    const bool in_use_;
};
#else
struct MatrixUnit {
    MatrixUnit() {}
    bool serves(int64_t) const { return false; }
    void multiply(const Activations&, int64_t, int64_t, const Weights&, const Result&) const {}
};
#endif

// result = from + left @ weights, for `count` rows of `left` from row `first`.
inline void multiply(const MatrixUnit& unit, const Activations& left, int64_t first, int64_t count,
                     const Weights& weights, const Result& result) {
    if (unit.serves(count))
        unit.multiply(left, first, count, weights, result);
    else
        multiply_in_vectors(left, first, count, weights, result);
}

}  // namespace int8
}  // namespace hf_rnn
