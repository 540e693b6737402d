// Matrix products in bfloat16: the loops over what bf16.h has laid out, by vectors (AVX512-BF16) and by tiles (AMX).
//
// Both add their sums to rows of single precision. A row of the result depends on the same row of the left operand
// alone, and is summed in the same order however many rows there are.

#pragma once

#include "bf16.h"

#if defined(HF_RNN_BF16)

#include "products.h"

#if defined(__AMX_BF16__) && defined(__AMX_TILE__) && defined(__linux__)
#define HF_RNN_TILES 1
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace hf_rnn {
namespace bf16 {

// to[0:count] += sums[0:count], at most a panel's columns.
inline void add_line(float* to, __m512 sums, int64_t count) {
    const __mmask16 there = first_lanes(count);
    _mm512_mask_storeu_ps(to, there, _mm512_add_ps(_mm512_maskz_loadu_ps(there, to), sums));
}

// Products by vectors: a block is ROWS rows x 2 panels, its sums in registers.
struct ByVectors {
    static constexpr int kRows = 12;

    struct Ready {};  // nothing to be set in the processor

    template <int ROWS>
    static void block(const Left& left, int64_t first, const uint16_t* low, const uint16_t* high, int64_t depth,
                      float* const* result, int64_t column, int64_t width) {
        __m512 low_sums[ROWS], high_sums[ROWS];
        for (int r = 0; r < ROWS; ++r) low_sums[r] = high_sums[r] = _mm512_setzero_ps();
        const uint16_t* rows = left.row(first);
        for (int64_t k = 0; k < depth; k += 2) {
            const __m512bh low_pairs = (__m512bh)_mm512_load_si512(low + k * kColumns);
            const __m512bh high_pairs = (__m512bh)_mm512_load_si512(high + k * kColumns);
#pragma GCC unroll 16
            for (int r = 0; r < ROWS; ++r) {
                int32_t pair;
                std::memcpy(&pair, rows + r * left.stride() + k, sizeof pair);
                const __m512bh factor = (__m512bh)_mm512_set1_epi32(pair);
                low_sums[r] = _mm512_dpbf16_ps(low_sums[r], factor, low_pairs);
                high_sums[r] = _mm512_dpbf16_ps(high_sums[r], factor, high_pairs);
            }
        }
        for (int r = 0; r < ROWS; ++r) {
            add_line(result[r] + column, low_sums[r], width);
            if (width > kColumns) add_line(result[r] + column + kColumns, high_sums[r], width - kColumns);
        }
    }

    // result[i][column:] += left[first + i] @ right[:, :columns] for `count` rows.
    static void add(const Left& left, int64_t first, int64_t count, const Right& right, int64_t columns,
                    float* const* result, int64_t column) {
        for (int64_t start = 0; start < columns; start += 2 * kColumns) {
            const int64_t width = columns - start;
            const uint16_t* low = right.panel(start / kColumns);
            const uint16_t* high = width > kColumns ? low + right.depth() * kColumns : low;
            for (int64_t i = 0; i < count; i += kRows) {
                with_rows<kRows>(std::min<int64_t>(kRows, count - i), [&](auto rows) {
                    block<rows>(left, first + i, low, high, right.depth(), result + i, column + start, width);
                });
            }
        }
    }
};

#if defined(HF_RNN_TILES)

// Asks the system for the tiles, once in a process.
inline bool tiles_granted() {
    constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    static const bool granted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
    return granted;
}

// Products by tiles: a block is up to 32 rows x 2 panels in four of the eight tiles, 0 to 3; 4 and 5 hold rows of the
// left operand, 6 and 7 panels of the right one.
struct ByTiles {
    // Sets up the calling thread's tiles for as long as it lives: eight of 16 rows of 64 bytes.
    class Ready {
       public:
        Ready() {
            struct alignas(64) {
                uint8_t palette = 1, start_row = 0, reserved[14] = {};
                uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
                uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
            } configuration;
            _tile_loadconfig(&configuration);
        }
        ~Ready() { _tile_release(); }
        Ready(const Ready&) = delete;
        Ready& operator=(const Ready&) = delete;
    };

    // sums (32, 32) = the rows at `left` times the two panels at `right`, as much of it as TALL and WIDE say.
    template <bool TALL, bool WIDE>
    static void block(const Left& operand, const uint16_t* left, const Right& right, const uint16_t* panel,
                      float* sums) {
        constexpr int kStride = 2 * kColumns * sizeof(float);
        const int64_t stride = operand.stride() * sizeof(uint16_t);
        const uint16_t* lower = left + 16 * operand.stride();
        const uint16_t* further = panel + right.depth() * kColumns;
        _tile_zero(0);
        if constexpr (WIDE) _tile_zero(1);
        if constexpr (TALL) _tile_zero(2);
        if constexpr (TALL && WIDE) _tile_zero(3);
        for (int64_t k = 0; k < right.depth(); k += kDepth) {
            _tile_loadd(4, left + k, stride);
            _tile_loadd(6, panel + k * kColumns, 64);
            _tile_dpbf16ps(0, 4, 6);
            if constexpr (WIDE) {
                _tile_loadd(7, further + k * kColumns, 64);
                _tile_dpbf16ps(1, 4, 7);
            }
            if constexpr (TALL) {
                _tile_loadd(5, lower + k, stride);
                _tile_dpbf16ps(2, 5, 6);
                if constexpr (WIDE) _tile_dpbf16ps(3, 5, 7);
            }
        }
        _tile_stored(0, sums, kStride);
        if constexpr (WIDE) _tile_stored(1, sums + kColumns, kStride);
        if constexpr (TALL) _tile_stored(2, sums + 32 * kColumns, kStride);
        if constexpr (TALL && WIDE) _tile_stored(3, sums + 33 * kColumns, kStride);
    }

    // As `ByVectors::add`.
    static void add(const Left& left, int64_t first, int64_t count, const Right& right, int64_t columns,
                    float* const* result, int64_t column) {
        alignas(64) float sums[32 * 2 * kColumns];
        // GCC does not see that tiles are read from memory: what was written there must not wait.
        asm volatile("" ::: "memory");
        for (int64_t start = 0; start < columns; start += 2 * kColumns) {
            const int64_t width = columns - start;
            const uint16_t* panel = right.panel(start / kColumns);
            for (int64_t i = 0; i < count; i += 32) {
                const int64_t rows = std::min<int64_t>(32, count - i);
                const uint16_t* from = left.row(first + i);
                if (rows > 16)
                    width > kColumns ? block<true, true>(left, from, right, panel, sums)
                                     : block<true, false>(left, from, right, panel, sums);
                else
                    width > kColumns ? block<false, true>(left, from, right, panel, sums)
                                     : block<false, false>(left, from, right, panel, sums);
                for (int64_t r = 0; r < rows; ++r) {
                    float* to = result[i + r] + column + start;
                    const float* line = sums + r * 2 * kColumns;
                    add_line(to, _mm512_load_ps(line), width);
                    if (width > kColumns) add_line(to + kColumns, _mm512_load_ps(line + kColumns), width - kColumns);
                }
            }
        }
    }
};

#endif

}  // namespace bf16
}  // namespace hf_rnn

#endif
