// The product of one row and a matrix, where reading the matrix takes the time.
//
// A step of one text multiplies one row by all recurrent weights: each weight is read for one multiplication. So the
// weights are laid out in the order in which they are read, and numbers that all fit half precision, as those of a
// checkpoint in float16 do, are kept in it: half the memory to read, and the same numbers.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "products.h"

#if defined(__AVX512F__) || defined(__F16C__)
#include <immintrin.h>
#endif

namespace hf_rnn {

// Memory whose vectors do not straddle two lines of the cache.
template <class T>
struct LineAllocator {
    using value_type = T;
    static constexpr std::align_val_t line{64};
    LineAllocator() = default;
    template <class U>
    LineAllocator(const LineAllocator<U>&) {}
    T* allocate(size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), line)); }
    void deallocate(T* at, size_t) { ::operator delete(at, line); }
    template <class U>
    bool operator==(const LineAllocator<U>&) const { return true; }
    template <class U>
    bool operator!=(const LineAllocator<U>&) const { return false; }
};

template <class T>
using Lines = std::vector<T, LineAllocator<T>>;

using Half = uint16_t;
using Floats = Vector<float>;

// Between half and single precision; where the processor cannot, nothing is kept in half precision.
#if defined(__AVX512F__) && defined(__F16C__)
constexpr bool kHasHalf = true;
inline Half to_half(float x) { return _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT); }
inline float from_half(Half x) { return _cvtsh_ss(x); }
inline Floats::type load(const Half* from) {
    return (Floats::type)_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
#elif defined(__AVX__) && defined(__F16C__)
constexpr bool kHasHalf = true;
inline Half to_half(float x) { return _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT); }
inline float from_half(Half x) { return _cvtsh_ss(x); }
inline Floats::type load(const Half* from) {
    return (Floats::type)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
#else
constexpr bool kHasHalf = false;
inline Half to_half(float) { return 0; }
inline float from_half(Half) { return 0; }
inline Floats::type load(const Half*) { return Floats::type{}; }
#endif
inline Floats::type load(const float* from) { return Floats::load(from); }

// The numbers in half precision, which has the very same ones; nothing where it has not.
inline Lines<Half> as_halves(const float* numbers, int64_t count) {
    Lines<Half> halves;
    if (!kHasHalf) return halves;
    halves.resize(count);
    constexpr int64_t kChecked = 1024;
    for (int64_t start = 0; start < count; start += kChecked) {
        const int64_t end = std::min(count, start + kChecked);
        uint32_t differing = 0;
        for (int64_t i = start; i < end; ++i) {
            halves[i] = to_half(numbers[i]);
            const float back = from_half(halves[i]);
            uint32_t own, found;
            std::memcpy(&own, &numbers[i], sizeof own);
            std::memcpy(&found, &back, sizeof found);
            differing |= own ^ found;
        }
        if (differing) return {};
    }
    return halves;
}

// A matrix (depth, columns), its columns in panels of up to `kWidth` vectors, all of about the same width. A product
// takes `kRows` rows at a time where there are as many: what it reads of the matrix then serves each of them.
class Columns {
   public:
    static constexpr int kWidth = 8;
    static constexpr int kRows = kVectorBytes == 64 ? 3 : 1;  // a row has kWidth registers for its sums
    static constexpr int lanes = Floats::lanes;

    Columns() = default;

    // From `matrix` (columns, depth), row-major: its transpose, as weights are kept.
    Columns(const float* matrix, int64_t columns, int64_t depth)
        : vectors_((columns + lanes - 1) / lanes), depth_(depth), panels_((vectors_ + kWidth - 1) / kWidth) {
        const Lines<Half> halves = as_halves(matrix, columns * depth);
        half_ = !halves.empty();
        half_ ? fill(halves_, halves.data(), columns) : fill(floats_, matrix, columns);
    }

    // Columns rounded up to whole vectors: so many numbers of a result are read and written.
    int64_t padded() const { return vectors_ * lanes; }

    // results[i] += rows[i] @ matrix for `count` rows, with strides between the rows.
    void add(const float* rows, int64_t stride, int64_t count, float* results, int64_t result_stride) const {
        if (depth_ == 0) return;
        half_ ? add(halves_.data(), rows, stride, count, results, result_stride)
              : add(floats_.data(), rows, stride, count, results, result_stride);
    }

   private:
    // The first vector of a panel.
    int64_t start(int64_t panel) const { return vectors_ * panel / panels_; }

    template <class Stored>
    void fill(Lines<Stored>& to, const Stored* matrix, int64_t columns) {
        to.assign(vectors_ * lanes * depth_, Stored(0));
        for (int64_t panel = 0; panel < panels_; ++panel) {
            const int64_t first = start(panel) * lanes, width = start(panel + 1) * lanes - first;
            const int64_t real = std::min(width, columns - first);
            Stored* at = to.data() + first * depth_;
            for (int64_t k = 0; k < depth_; ++k, at += width)
                for (int64_t c = 0; c < real; ++c) at[c] = matrix[(first + c) * depth_ + k];
        }
    }

    template <class Stored>
    void add(const Stored* stored, const float* rows, int64_t stride, int64_t count, float* results,
             int64_t result_stride) const {
        for (int64_t panel = 0; panel < panels_; ++panel) {
            const int64_t first = start(panel);
            const Stored* at = stored + first * lanes * depth_;
            with_rows<kWidth>(start(panel + 1) - first, [&](auto vectors) {
                for (int64_t i = 0; i < count; i += kRows) {
                    with_rows<kRows>(std::min<int64_t>(kRows, count - i), [&](auto together) {
                        multiply<vectors, together>(rows + i * stride, stride, depth_, at,
                                                    results + i * result_stride + first * lanes, result_stride);
                    });
                }
            });
        }
    }

    template <int VECTORS, int ROWS, class Stored>
    static void multiply(const float* rows, int64_t stride, int64_t depth, const Stored* panel, float* results,
                         int64_t result_stride) {
        Floats::type sums[ROWS][VECTORS];
        for (int r = 0; r < ROWS; ++r)
            for (int v = 0; v < VECTORS; ++v) sums[r][v] = Floats::load(results + r * result_stride + v * lanes);
        for (int64_t k = 0; k < depth; ++k, panel += VECTORS * lanes) {
            float factors[ROWS];
            for (int r = 0; r < ROWS; ++r) factors[r] = rows[r * stride + k];
#pragma GCC unroll 8
            for (int v = 0; v < VECTORS; ++v) {
                const Floats::type read = load(panel + v * lanes);
#pragma GCC unroll 3
                for (int r = 0; r < ROWS; ++r) sums[r][v] += factors[r] * read;
            }
        }
        for (int r = 0; r < ROWS; ++r)
            for (int v = 0; v < VECTORS; ++v) Floats::store(results + r * result_stride + v * lanes, sums[r][v]);
    }

    int64_t vectors_ = 0, depth_ = 0, panels_ = 0;
    bool half_ = false;
    Lines<float> floats_;
    Lines<Half> halves_;
};

// Rows of numbers that are looked up.
class Table {
   public:
    Table() = default;
    Table(const float* numbers, int64_t rows, int64_t width) : rows_(rows), width_(width) {
        halves_ = as_halves(numbers, rows * width);
        half_ = !halves_.empty();
        if (!half_) floats_.assign(numbers, numbers + rows * width);
    }

    int64_t rows() const { return rows_; }
    int64_t width() const { return width_; }

    void copy(int64_t row, float* to) const {
        if (half_) std::transform(&halves_[row * width_], &halves_[row * width_] + width_, to, from_half);
        else std::copy_n(&floats_[row * width_], width_, to);
    }

   private:
    int64_t rows_ = 0, width_ = 0;
    bool half_ = false;
    std::vector<float> floats_;
    Lines<Half> halves_;
};

}  // namespace hf_rnn
