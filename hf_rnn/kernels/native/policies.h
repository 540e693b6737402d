// The kinds of matrix products that a layer (layer.h) may be computed with.
//
// A policy has `Number`, the type of all that is read and written; `Weights`, matrices on the right of a product; and
// of what is on its left `Rows`, which are taken as they become known: `copies_rows` says whether into one place. For
// the gradients of weights, sums over rows, it has `Turned` on the left and `Columns` on the right.

#pragma once

#include "bf16_products.h"
#include "products.h"

namespace hf_rnn {

// Products in the numbers themselves. Nothing is copied but the weights.
template <class T>
struct Exact {
    using Number = T;
    using Weights = Panels<T>;
    static constexpr bool copies_rows = false;

    struct Rows {
        const T* const* rows = nullptr;
        void reset(const T* const* given, int64_t, int64_t) { rows = given; }
        void take(int64_t, int64_t) {}
    };

    struct Turned {
        const T* const* rows = nullptr;
        int64_t features = 0, count = 0;
        void across(const T* const* given, int64_t width, int64_t number) {
            rows = given;
            features = width;
            count = number;
        }
    };

    struct Columns {
        const T* matrix = nullptr;
        int64_t stride = 0;
        void take(const T* given, int64_t between_rows, int64_t, int64_t) {
            matrix = given;
            stride = between_rows;
        }
    };

    // result[i][column:] += left[first + i] @ weights for `count` rows.
    static void add(const Rows& left, int64_t first, int64_t count, const Weights& weights, T* const* result,
                    int64_t column = 0) {
        add_product<T>(left.rows + first, count, weights, result, column);
    }

    // result (features, columns) += left @ right[:, :columns], with a stride between the rows of the result.
    static void add_turned(const Turned& left, const Columns& right, int64_t columns, T* result,
                           int64_t result_stride) {
        add_transposed_product<T>(left.rows, left.features, left.count, right.matrix, right.stride, columns, result,
                                  result_stride);
    }
};

#if defined(HF_RNN_BF16)

// Products of numbers rounded to bfloat16, summed in single precision, by vectors or by tiles.
template <class By>
struct Rounded {
    using Number = float;
    using Weights = bf16::Right;
    static constexpr bool copies_rows = true;
    using Rows = bf16::Left;
    using Columns = bf16::Right;

    class Turned : public bf16::Left {
       public:
        void across(const float* const* rows, int64_t features, int64_t count) {
            features_ = features;
            bf16::Left::across(rows, features, count);
        }
        int64_t features() const { return features_; }

       private:
        int64_t features_ = 0;
    };

    static void add(const Rows& left, int64_t first, int64_t count, const Weights& weights, float* const* result,
                    int64_t column = 0) {
        By::add(left, first, count, weights, weights.columns(), result, column);
    }

    static void add_turned(const Turned& left, const Columns& right, int64_t columns, float* result,
                           int64_t result_stride) {
        constexpr int64_t kRows = 96;  // whole blocks of either kind
        float* rows[kRows];
        for (int64_t f = 0; f < left.features(); f += kRows) {
            const int64_t here = std::min<int64_t>(kRows, left.features() - f);
            for (int64_t r = 0; r < here; ++r) rows[r] = result + (f + r) * result_stride;
            By::add(left, f, here, right, columns, rows, 0);
        }
    }
};

#endif

}  // namespace hf_rnn
