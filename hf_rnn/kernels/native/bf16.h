// Matrix products in bfloat16 with sums in single precision: the operands, rounded and laid out for the instructions.
//
// The instructions multiply pairs of neighbouring numbers along the depth and add both products to a sum in single
// precision. The left operand is rows of pairs. The right one is panels of 16 columns, each [pair][column][2]. A
// depth is filled up with zeros to whole tiles of 32 numbers, on both sides. Rounding is to the nearest, ties to even.

#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>

#if defined(__AVX512BF16__) && defined(__AVX512F__)
#define HF_RNN_BF16 1
#include <immintrin.h>

namespace hf_rnn {
namespace bf16 {

constexpr int64_t kColumns = 16;  // of a panel, and rows of a tile
constexpr int64_t kPairs = 16;    // of a tile's depth
constexpr int64_t kDepth = 2 * kPairs;

inline int64_t whole(int64_t count, int64_t of) { return (count + of - 1) / of * of; }

inline __mmask16 first_lanes(int64_t count) {
    return count >= 16 ? __mmask16(0xffff) : count <= 0 ? __mmask16(0) : __mmask16((1u << count) - 1);
}

// Memory on the lines of the cache, kept when less is needed.
class Buffer {
   public:
    uint16_t* of(int64_t count) {
        if (count > size_) {
            memory_.reset();
            memory_.reset(static_cast<uint16_t*>(::operator new(count * sizeof(uint16_t), std::align_val_t{64})));
            size_ = count;
        }
        return memory_.get();
    }
    uint16_t* get() const { return memory_.get(); }

   private:
    struct Free {
        void operator()(uint16_t* memory) const { ::operator delete(memory, std::align_val_t{64}); }
    };
    std::unique_ptr<uint16_t, Free> memory_;
    int64_t size_ = 0;
};

// The numbers from[0:count] and from[16:count], rounded, in their order; zeros behind them.
inline __m512i rounded_line(const float* from, int64_t count) {
    const __m512 low = _mm512_maskz_loadu_ps(first_lanes(count), from);
    const __m512 high = _mm512_maskz_loadu_ps(first_lanes(count - 16), from + 16);
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// Pairs of one number from each of two rows.
inline __m512i rounded_pairs(__m512 first, __m512 second) {
    const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(first));
    const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(second));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

// Transposes a tile of 16 x 16 pairs: first inside each 2 x 2, then 4 x 4, 8 x 8 and 16 x 16.
inline void transpose(__m512i (&rows)[16]) {
    __m512i other[16];
    for (int i = 0; i < 16; i += 2) {
        other[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        other[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        for (int j = 0; j < 2; ++j) {
            rows[i + 2 * j] = _mm512_unpacklo_epi64(other[i + j], other[i + j + 2]);
            rows[i + 2 * j + 1] = _mm512_unpackhi_epi64(other[i + j], other[i + j + 2]);
        }
    }
    // Row 4 q + r holds columns r, 4 + r, 8 + r and 12 + r of rows 4 q to 4 q + 3.
    for (int r = 0; r < 4; ++r) {
        const __m512i even = _mm512_shuffle_i32x4(rows[r], rows[4 + r], 0x88);
        const __m512i odd = _mm512_shuffle_i32x4(rows[r], rows[4 + r], 0xdd);
        const __m512i further_even = _mm512_shuffle_i32x4(rows[8 + r], rows[12 + r], 0x88);
        const __m512i further_odd = _mm512_shuffle_i32x4(rows[8 + r], rows[12 + r], 0xdd);
        other[r] = _mm512_shuffle_i32x4(even, further_even, 0x88);
        other[4 + r] = _mm512_shuffle_i32x4(odd, further_odd, 0x88);
        other[8 + r] = _mm512_shuffle_i32x4(even, further_even, 0xdd);
        other[12 + r] = _mm512_shuffle_i32x4(odd, further_odd, 0xdd);
    }
    std::copy_n(other, 16, rows);
}

// The left operand: `count` rows of a depth.
class Left {
   public:
    // Room for the rows that `take` will round.
    void reset(const float* const* rows, int64_t count, int64_t depth) {
        rows_ = rows;
        depth_ = depth;
        stride_ = whole(depth, kDepth);
        buffer_.of((count + kColumns) * stride_);  // a tile may read as many rows as it has
    }

    void take(int64_t first, int64_t count) {
        uint16_t* to = buffer_.get() + first * stride_;
        for (int64_t i = first; i < first + count; ++i, to += stride_)
            for (int64_t k = 0; k < depth_; k += kDepth)
                _mm512_store_si512(to + k, rounded_line(rows_[i] + k, depth_ - k));
    }

    // The transpose of `count` rows of `features` numbers: a row for each feature, of a depth of `count`.
    void across(const float* const* rows, int64_t features, int64_t count) {
        stride_ = whole(count, kDepth);
        uint16_t* to = buffer_.of(whole(features, kColumns) * stride_);
        for (int64_t f = 0; f < features; f += kColumns) {
            const __mmask16 there = first_lanes(features - f);
            for (int64_t k = 0; k < count; k += kDepth) {
                __m512i lines[16];
                for (int64_t p = 0; p < 16; ++p) {
                    const int64_t row = k + 2 * p;
                    const __m512 zero = _mm512_setzero_ps();
                    const __m512 even = row < count ? _mm512_maskz_loadu_ps(there, rows[row] + f) : zero;
                    const __m512 odd = row + 1 < count ? _mm512_maskz_loadu_ps(there, rows[row + 1] + f) : zero;
                    lines[p] = rounded_pairs(even, odd);
                }
                transpose(lines);
                for (int64_t c = 0; c < 16; ++c) _mm512_store_si512(to + (f + c) * stride_ + k, lines[c]);
            }
        }
    }

    const uint16_t* row(int64_t index) const { return buffer_.get() + index * stride_; }
    int64_t stride() const { return stride_; }

   private:
    const float* const* rows_ = nullptr;
    int64_t depth_ = 0, stride_ = 0;
    Buffer buffer_;
};

// The right operand: a matrix (depth, columns) in panels.
class Right {
   public:
    // From `matrix` (columns, depth), row-major: its transpose, as weights are kept.
    static Right of_transposed(const float* matrix, int64_t columns, int64_t depth) {
        Right right;
        uint16_t* to = right.reset(columns, depth);
        for (int64_t c = 0; c < columns; c += kColumns) {
            for (int64_t k = 0; k < depth; k += kDepth) {
                __m512i lines[16];
                for (int64_t i = 0; i < 16; ++i) {
                    const bool there = c + i < columns;
                    lines[i] = there ? rounded_line(matrix + (c + i) * depth + k, depth - k) : _mm512_setzero_si512();
                }
                transpose(lines);
                for (int64_t p = 0; p < 16; ++p, to += 2 * kColumns) _mm512_store_si512(to, lines[p]);
            }
        }
        return right;
    }

    // From `matrix` (depth, columns), row-major.
    static Right of(const float* matrix, int64_t columns, int64_t depth) {
        Right right;
        right.take(matrix, columns, columns, depth);
        return right;
    }

    // From `matrix` (depth, columns) with `stride` numbers between its rows.
    void take(const float* matrix, int64_t stride, int64_t columns, int64_t depth) {
        uint16_t* to = reset(columns, depth);
        const __m512 zero = _mm512_setzero_ps();
        for (int64_t c = 0; c < columns; c += kColumns) {
            const __mmask16 there = first_lanes(columns - c);
            for (int64_t k = 0; k < depth_; k += 2, to += 2 * kColumns) {
                const float* row = matrix + k * stride + c;
                const __m512 even = k < depth ? _mm512_maskz_loadu_ps(there, row) : zero;
                const __m512 odd = k + 1 < depth ? _mm512_maskz_loadu_ps(there, row + stride) : zero;
                _mm512_store_si512(to, rounded_pairs(even, odd));
            }
        }
    }

    const uint16_t* panel(int64_t index) const { return buffer_.get() + index * depth_ * kColumns; }
    int64_t columns() const { return columns_; }
    int64_t depth() const { return depth_; }  // filled up to whole tiles

   private:
    uint16_t* reset(int64_t columns, int64_t depth) {
        columns_ = columns;
        depth_ = whole(depth, kDepth);
        return buffer_.of(whole(columns, kColumns) * depth_);
    }

    int64_t columns_ = 0, depth_ = 0;
    Buffer buffer_;
};

}  // namespace bf16
}  // namespace hf_rnn

#endif
