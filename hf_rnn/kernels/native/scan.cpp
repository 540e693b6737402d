// The recurrence h_t = (1 - u_t) * h_{t-1} + u_t * c_t of minGRU and minLSTM over padded batches, forward and backward.
//
// u and c depend on the input alone, so the products with the weights are done before, for all steps at once, and what
// is left is a loop over the steps of one sequence in which nothing but numbers side by side meet. A turn is one
// direction of one sequence; turns share nothing that is written. Equations: hf_rnn/models/cells.py.
//
// The interface is C (see scan_binding.py).

#include <algorithm>
#include <cstdint>

#include "cells.h"
#include "running.h"

namespace hf_rnn {

// Mirrored by scan_binding.py. All matrices are row-major.
template <class T>
struct ScanTask {
    int64_t batch, time, directions, units;
    const int64_t* lengths;    // (batch): the real steps of each sequence
    const int64_t* orders[2];  // (batch * time) of each direction: the row read at each place; null: as they lie
    const int64_t* places;     // (batch * time): where a row stands among the real ones; null: all rows are real
    const T* bias;             // (directions, slots * units)
    T* gates;                  // (real rows, directions * slots * units): in, the products; out, what a gradient needs
    const T* h_0;              // (batch, directions, units)
    T* outputs;                // (batch * time, directions * units)
    T* h_n;                    // (batch, directions, units)
    const T* grad_outputs;     // as outputs
    T* grad_h;                 // (batch, directions, units): in, the gradient of h_n; out, that of h_0
    T* grad_gates;             // as gates: the gradient of the products
    T* grad_bias;              // (batch, directions, slots * units): each sequence's share
};

struct MinGru {
    static constexpr int slots = 2;  // z, c

    template <class T>
    static void step(T* __restrict gates, const T* __restrict bias, const T* h_previous, T* h, int64_t units) {
HF_RNN_INDEPENDENT
        for (int64_t u = 0; u < units; ++u) {
            const T z = logistic(gates[u] + bias[u]), c = gates[units + u] + bias[units + u];
            gates[u] = z;
            gates[units + u] = c;
            h[u] = (1 - z) * h_previous[u] + z * c;
        }
    }

    // `grad_h` is the gradient of h_t, replaced with that of h_{t-1}.
    template <class T>
    static void step_backward(const T* gates, const T* h_previous, T* __restrict grad_gates, T* __restrict grad_h,
                              int64_t units) {
HF_RNN_INDEPENDENT
        for (int64_t u = 0; u < units; ++u) {
            const T z = gates[u], c = gates[units + u], grad = grad_h[u];
            grad_gates[u] = grad * (c - h_previous[u]) * z * (1 - z);
            grad_gates[units + u] = grad * z;
            grad_h[u] = grad * (1 - z);
        }
    }
};

struct MinLstm {
    static constexpr int slots = 3;  // i, f, c; kept: i / (f + i), i f / (f + i), c

    // With i = σ(p) and f = σ(q), i / (f + i) = 1 / (1 + f / i), where f / i is
    // exp(min(q, 0) - min(p, 0)) * (1 + exp(-|p|)) / (1 + exp(-|q|)): nothing overflows, and no gate is 0 / 0.
    template <class T>
    static void step(T* __restrict gates, const T* __restrict bias, const T* h_previous, T* h, int64_t units) {
HF_RNN_INDEPENDENT
        for (int64_t u = 0; u < units; ++u) {
            const T p = gates[u] + bias[u], q = gates[units + u] + bias[units + u];
            const T c = gates[2 * units + u] + bias[2 * units + u];
            const T small_p = exponential(p < 0 ? p : -p), small_q = exponential(q < 0 ? q : -q);
            const T i = (p < 0 ? small_p : T(1)) / (1 + small_p);
            const T quotient = exponential((q < 0 ? q : T(0)) - (p < 0 ? p : T(0))) * (1 + small_p) / (1 + small_q);
            const T share = 1 / (1 + quotient);
            gates[u] = share;
            gates[units + u] = i * (1 - share);
            gates[2 * units + u] = c;
            h[u] = (1 - share) * h_previous[u] + share * c;
        }
    }

    // Of u = i / (f + i) the derivative by p is u (1 - u) (1 - i), that by q is -u (1 - u) (1 - f); (1 - u) i = u f is
    // what is kept.
    template <class T>
    static void step_backward(const T* gates, const T* h_previous, T* __restrict grad_gates, T* __restrict grad_h,
                              int64_t units) {
HF_RNN_INDEPENDENT
        for (int64_t u = 0; u < units; ++u) {
            const T share = gates[u], both = gates[units + u], c = gates[2 * units + u], grad = grad_h[u];
            const T grad_share = grad * (c - h_previous[u]);
            grad_gates[u] = grad_share * share * (1 - share - both);
            grad_gates[units + u] = -grad_share * (1 - share) * (share - both);
            grad_gates[2 * units + u] = grad * share;
            grad_h[u] = grad * (1 - share);
        }
    }
};

// One direction of one sequence.
template <class T, class Cell>
class Turn {
   public:
    Turn(const ScanTask<T>& task, int64_t index)
        : task_(task),
          units_(task.units),
          width_(Cell::slots * task.units),
          direction_(index % task.directions),
          sequence_(index / task.directions),
          index_(index) {}

    void forward() const {
        const T* bias = task_.bias + direction_ * width_;
        const T* h = task_.h_0 + index_ * units_;
        for (int64_t t = 0; t < task_.lengths[sequence_]; ++t) {
            const int64_t row = row_at(t);
            T* reached = task_.outputs + column(row, units_);
            Cell::step(task_.gates + column(place(row), width_), bias, h, reached, units_);
            h = reached;
        }
        std::copy_n(h, units_, task_.h_n + index_ * units_);
    }

    void backward() const {
        T* grad_h = task_.grad_h + index_ * units_;
        T* grad_bias = task_.grad_bias + index_ * width_;
        std::fill_n(grad_bias, width_, T(0));
        for (int64_t t = task_.lengths[sequence_] - 1; t >= 0; --t) {
            const int64_t row = row_at(t), of_gates = column(place(row), width_);
            const T* from_above = task_.grad_outputs + column(row, units_);
            for (int64_t u = 0; u < units_; ++u) grad_h[u] += from_above[u];
            const T* before = t == 0 ? task_.h_0 + index_ * units_ : task_.outputs + column(row_at(t - 1), units_);
            T* grad_gates = task_.grad_gates + of_gates;
            Cell::step_backward(task_.gates + of_gates, before, grad_gates, grad_h, units_);
            for (int64_t u = 0; u < width_; ++u) grad_bias[u] += grad_gates[u];
        }
    }

   private:
    int64_t row_at(int64_t t) const {
        const int64_t read = sequence_ * task_.time + t;
        const int64_t* order = task_.orders[direction_];
        return order ? order[read] : read;
    }

    int64_t place(int64_t row) const { return task_.places ? task_.places[row] : row; }

    // Where the direction's numbers stand in a matrix with `width` of them for each direction.
    int64_t column(int64_t row, int64_t width) const { return (row * task_.directions + direction_) * width; }

    const ScanTask<T>& task_;
    const int64_t units_, width_, direction_, sequence_, index_;
};

template <class T, class Cell>
int scan(const ScanTask<T>& task, int64_t threads, bool backward) {
    return run_all(task.batch * task.directions, threads, [&](int64_t index) {
        const Turn<T, Cell> turn(task, index);
        backward ? turn.backward() : turn.forward();
    });
}

template <class T>
int scan(const void* task, int64_t threads, int kind, bool backward) {
    const auto& typed = *static_cast<const ScanTask<T>*>(task);
    return kind == 0 ? scan<T, MinGru>(typed, threads, backward) : scan<T, MinLstm>(typed, threads, backward);
}

}  // namespace hf_rnn

// Runs a task, a `ScanTask` of the type of number, on `threads` threads, the calling one among them. `kind` is 0 for a
// minGRU and 1 for a minLSTM. Returns 0, or 1 where memory ran out.
extern "C" int hf_rnn_scan(const void* task, int64_t threads, int kind, int is_double, int backward) {
    return is_double ? hf_rnn::scan<double>(task, threads, kind, backward)
                     : hf_rnn::scan<float>(task, threads, kind, backward);
}
