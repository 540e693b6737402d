// Recurrent and dense layers with weights of 8 bits, forward only. Gates and states are of single precision.
//
// The rows of a batch, and the tasks that the threads take, are those of recurrence.cpp. Inputs and states are
// quantised a row at a time, as they come, and the products are exact in integers: what a sequence's output is does
// not depend on what it is batched with. The interface is C (see int8_binding.py).

#include <algorithm>
#include <cstdint>
#include <vector>

#include "int8_cells.h"
#include "int8_products.h"
#include "running.h"

namespace hf_rnn {
namespace int8 {

// Mirrored by int8_binding.py. One direction over some of a batch's sequences, longest first. Weights are packed, and
// every gate begins a panel.
struct Task {
    int64_t batch, steps, input_size, units;
    int64_t output_stride;  // numbers between the rows of outputs
    int64_t row_stride;     // numbers between the steps of `rows`
    const int64_t* rows;    // (steps, batch): which row of inputs and outputs a sequence stands at
    const int64_t* active;  // (steps): how many sequences are still running
    const float* inputs;    // (rows, input_size)
    const int8_t *weight_x, *weight_h;
    const float *scale_x, *scale_h;
    const int32_t *sum_x, *sum_h;
    const float* bias;       // (slots, units to whole panels), of b_x and b_h together
    const float *h_0, *c_0;  // (batch, units)
    float* outputs;          // (rows, units)
    float *h_n, *c_n;        // (batch, units)
};

// Steps are taken in blocks of about this many rows, so that their gates stay in the second-level cache.
constexpr int64_t kBlockRows = 192;

template <class Cell>
class Layer {
   public:
    explicit Layer(const Task& task)
        : task_(task),
          units_(task.units),
          slot_(padded_to(units_, kPanel)),
          stride_(Cell::slots * slot_),
          entered_(Cell::input_slots * slot_),
          from_input_{task.weight_x, task.scale_x, task.sum_x, entered_, task.input_size},
          from_state_{task.weight_h, task.scale_h, task.sum_h, Cell::shared_slots * slot_, units_},
          from_state_apart_(from_state_.from(Cell::shared_slots * slot_, stride_ - entered_)),
          h_(task.batch * slot_),
          c_(Cell::has_cell_state ? task.batch * slot_ : 0) {}

    void forward() {
        states_.resize(task_.batch, slot_);
        for (int64_t b = 0; b < task_.batch; ++b) {
            std::copy_n(task_.h_0 + b * units_, units_, h(b));
            if (Cell::has_cell_state) std::copy_n(task_.c_0 + b * units_, units_, c(b));
            states_.quantise(b, h(b), slot_);
        }
        // The batch may be padded beyond its longest sequence.
        for (int64_t start = 0, end; start < task_.steps && task_.active[start] > 0; start = end) {
            end = enter(start);
            float* gates = gates_.data();
            for (int64_t t = start; t < end; gates += task_.active[t] * stride_, ++t) {
                multiply(unit_, states_, 0, task_.active[t], from_state_, {gates, stride_, gates, stride_});
                if (from_state_apart_.columns > 0)
                    multiply(unit_, states_, 0, task_.active[t], from_state_apart_,
                             {task_.bias + entered_, 0, gates + entered_, stride_});
                for (int64_t b = 0; b < task_.active[t]; ++b) step(t, b, gates + b * stride_);
            }
        }
        for (int64_t b = 0; b < task_.batch; ++b) {
            std::copy_n(h(b), units_, task_.h_n + b * units_);
            if (Cell::has_cell_state) std::copy_n(c(b), units_, task_.c_n + b * units_);
        }
    }

   private:
    // Fills `gates_` with what enters from the inputs of the steps from `start`, and returns where they end.
    int64_t enter(int64_t start) {
        int64_t count = 0, end = start;
        while (end < task_.steps && task_.active[end] > 0 && (end == start || count < kBlockRows))
            count += task_.active[end++];
        inputs_.resize(count, task_.input_size);
        if (int64_t(gates_.size()) < count * stride_) gates_.resize(count * stride_);
        for (int64_t t = start, i = 0; t < end; ++t)
            for (int64_t b = 0; b < task_.active[t]; ++b, ++i)
                inputs_.quantise(i, task_.inputs + row(t, b) * task_.input_size, task_.input_size);
        multiply(unit_, inputs_, 0, count, from_input_, {task_.bias, 0, gates_.data(), stride_});
        return end;
    }

    void step(int64_t t, int64_t b, const float* gates) {
        for (int64_t u = 0; u < slot_; u += kPanel) Cell::step(gates + u, slot_, h(b) + u, c(b) + u);
        std::copy_n(h(b), units_, task_.outputs + row(t, b) * task_.output_stride);
        states_.quantise(b, h(b), slot_);
    }

    // The state that a sequence has reached.
    float* h(int64_t b) { return h_.data() + b * slot_; }
    float* c(int64_t b) { return c_.data() + (Cell::has_cell_state ? b * slot_ : 0); }

    int64_t row(int64_t t, int64_t b) const { return task_.rows[t * task_.row_stride + b]; }

    const Task& task_;
    const int64_t units_;
    const int64_t slot_;     // numbers from one gate of a row to the next
    const int64_t stride_;   // and from one row to the next
    const int64_t entered_;  // those of a row that the inputs enter
    const Weights from_input_, from_state_, from_state_apart_;
    const MatrixUnit unit_;
    Activations inputs_, states_;
    std::vector<float> gates_, h_, c_;
};

template <class Cell>
void run(const Task& task) {
    Layer<Cell>(task).forward();
}

}  // namespace int8
}  // namespace hf_rnn

// Runs `count` tasks of one kind of cell on `threads` threads. Returns 0, or 1 where memory ran out.
extern "C" int hf_rnn_int8_run(const hf_rnn::int8::Task* tasks, int64_t count, int64_t threads, int kind) {
    using namespace hf_rnn::int8;
    return hf_rnn::run_all(count, threads, [&](int64_t index) {
        switch (kind) {  // the numbers of binding.KINDS
            case 0: return run<Lstm>(tasks[index]);
            case 1: return run<Gru>(tasks[index]);
            case 2: return run<Elman<false>>(tasks[index]);
            case 3: return run<Elman<true>>(tasks[index]);
        }
    });
}

// outputs (rows, columns) = inputs (rows, depth) @ weights + bias. `bias`, and a row of `outputs`, which has `stride`
// numbers, have room for whole panels.
extern "C" int hf_rnn_int8_linear(const float* inputs, int64_t rows, int64_t depth, const int8_t* panels,
                                  const float* scales, const int32_t* sums, int64_t columns, const float* bias,
                                  float* outputs, int64_t stride) {
    using namespace hf_rnn::int8;
    return hf_rnn::run_all(1, 1, [&](int64_t) {
        const MatrixUnit unit;
        Activations activations;
        for (int64_t start = 0; start < rows; start += kBlockRows) {
            const int64_t count = std::min(kBlockRows, rows - start);
            activations.resize(count, depth);
            for (int64_t row = 0; row < count; ++row)
                activations.quantise(row, inputs + (start + row) * depth, depth);
            multiply(unit, activations, 0, count, {panels, scales, sums, columns, depth},
                     {bias, 0, outputs + start * stride, stride});
        }
    });
}
