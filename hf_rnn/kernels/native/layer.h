// One recurrent layer over padded batches, forward and backward through time, with no work done on padding.
//
// A task is one direction over some of the batch's sequences, longest first, so that the sequences still running at
// step t are the first active[t]. Which row of the (batch * time, features) inputs a sequence reads at a step is given
// by index: reading backwards from the last real token, left padding and holes are all a matter of the index, and
// nothing is copied. Tasks share nothing that is written: threads that run them need no barrier until the end.
//
// `Products` says in which numbers the matrix products are computed (policies.h); all else is the same.

#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cells.h"
#include "policies.h"

namespace hf_rnn {

// Mirrored by binding.py. The numbers behind `void*` are float or double; all matrices are row-major.
struct Task {
    int64_t batch, steps, input_size, units;
    int64_t output_stride;  // numbers between the rows of outputs and grad_outputs
    int64_t row_stride;     // numbers between the steps of `rows`
    int64_t keep;           // whether gates and cells are kept for the backward pass
    const int64_t* rows;    // (steps, batch): which row of inputs and outputs a sequence stands at
    const int64_t* active;  // (steps)
    const void* inputs;     // (rows, input_size)
    const void *weight_x, *weight_h, *bias_x, *bias_h;
    const void *h_0, *c_0;  // (batch, units)
    void* outputs;          // (rows, units)
    void *gates, *cells;    // kept: (sum of active, gate stride) and (sum of active, units)
    void *h_n, *c_n;        // (batch, units)
    const void* grad_outputs;
    void *grad_h, *grad_c;  // (batch, units): in, the gradient of h_n and c_n; out, that of h_0 and c_0
    void* grad_inputs;      // (rows, input_size), added to; null: not wanted
    void *grad_weight_x, *grad_weight_h;  // transposed: (input_size, gates), (units, gates), added to
    void* grad_bias;        // (slots * units): of what enters each slot, added to
};

// Steps are taken in blocks of about this many rows: enough for the products over a block to be efficient, few enough
// for its gates to stay in the second-level cache.
constexpr int64_t kBlockRows = 192;

template <class Products, class Cell>
class Layer {
    using T = typename Products::Number;
    using Weights = typename Products::Weights;

   public:
    explicit Layer(const Task& task)
        : task_(task), units_(task.units), inputs_(task.input_size), stride_(padded<T>(Cell::slots * units_)) {
        first_row_.push_back(0);
        // The batch may be padded beyond its longest sequence.
        while (steps_ < task.steps && task.active[steps_] > 0) {
            first_row_.push_back(first_row_.back() + task.active[steps_]);
            ++steps_;
        }
    }

    void forward() {
        const T* weight_h = static_cast<const T*>(task_.weight_h);
        const auto from_input =
            Weights::of_transposed(static_cast<const T*>(task_.weight_x), Cell::input_slots * units_, inputs_);
        const auto from_state = Weights::of_transposed(weight_h, Cell::shared_slots * units_, units_);
        const auto from_state_apart =
            Weights::of_transposed(weight_h + Cell::shared_slots * units_ * units_, apart(), units_);
        const std::vector<T> bias = slot_biases();
        std::copy_n(static_cast<const T*>(task_.h_0), task_.batch * units_, static_cast<T*>(task_.h_n));
        if (Cell::has_cell_state)
            std::copy_n(static_cast<const T*>(task_.c_0), task_.batch * units_, static_cast<T*>(task_.c_n));
        for (int64_t start = 0, end; start < steps_; start = end) {
            end = block_end(start);
            enter(start, end, task_.keep ? static_cast<T*>(task_.gates) + first_row_[start] * stride_ : nullptr);
            for (T* row : gate_rows_) std::copy(bias.begin(), bias.end(), row);
            if (!Products::copies_rows) gather(input_rows_, inputs_, inputs_here_);
            from_below_.reset(input_rows_.data(), count_, inputs_);
            from_below_.take(0, count_);
            Products::add(from_below_, 0, count_, from_input, gate_rows_.data());
            before_.reset(state_rows_.data(), count_, units_);
            for (int64_t t = start; t < end; ++t) {
                const int64_t first = first_row_[t] - first_row_[start], running = task_.active[t];
                const T* const* states = state_rows_.data() + first;
                T* const* gates = gate_rows_.data() + first;
                before_.take(first, running);
                Products::add(before_, first, running, from_state, gates);
                Products::add(before_, first, running, from_state_apart, gates, Cell::input_slots * units_);
                for (int64_t b = 0; b < running; ++b) step(t, b, gates[b], states[b]);
            }
        }
    }

    void backward() {
        const T* weight_h = static_cast<const T*>(task_.weight_h);
        const auto to_input =
            Weights::of(static_cast<const T*>(task_.weight_x), inputs_, Cell::input_slots * units_);
        const auto to_state = Weights::of(weight_h, units_, Cell::shared_slots * units_);
        const auto to_state_apart = Weights::of(weight_h + Cell::shared_slots * units_ * units_, units_, apart());
        for (int64_t end = steps_, start; end > 0; end = start) {
            start = block_start(end);
            enter(start, end, nullptr);
            shared_.reset(gate_rows_.data(), count_, Cell::shared_slots * units_);
            apart_.reset(apart_rows_.data(), count_, apart());
            for (int64_t t = end - 1; t >= start; --t) {
                const int64_t first = first_row_[t] - first_row_[start], running = task_.active[t];
                T* const* grads = gate_rows_.data() + first;
                for (int64_t b = 0; b < running; ++b) step_backward(t, b, grads[b], state_rows_[first + b]);
                shared_.take(first, running);
                Products::add(shared_, first, running, to_state, grad_h_rows_.data());
                apart_.take(first, running);
                Products::add(apart_, first, running, to_state_apart, grad_h_rows_.data());
            }
            if (task_.grad_inputs) add_input_gradients(to_input);
            add_weight_gradients();
        }
    }

   private:
    // Units of the slots that only the recurrent weights enter.
    int64_t apart() const { return (Cell::slots - Cell::input_slots) * units_; }

    // The gradients of what the input weights enter, as the products take them.
    const typename Products::Rows& entered_rows() {
        if constexpr (Cell::input_slots == Cell::shared_slots) return shared_;
        entered_.reset(gate_rows_.data(), count_, Cell::input_slots * units_);
        entered_.take(0, count_);
        return entered_;
    }

    int64_t block_end(int64_t start) const {
        int64_t end = start + 1;
        while (end < steps_ && first_row_[end] - first_row_[start] < kBlockRows) ++end;
        return end;
    }

    int64_t block_start(int64_t end) const {
        int64_t start = end - 1;
        while (start > 0 && first_row_[end] - first_row_[start] < kBlockRows) --start;
        return start;
    }

    // What enters each slot besides the products.
    std::vector<T> slot_biases() const {
        const T* bias_x = static_cast<const T*>(task_.bias_x);
        const T* bias_h = static_cast<const T*>(task_.bias_h);
        std::vector<T> bias(Cell::slots * units_, T(0));
        for (int64_t u = 0; u < Cell::input_slots * units_; ++u) bias[u] = bias_x[u];
        for (int64_t u = 0; u < Cell::shared_slots * units_; ++u) bias[u] += bias_h[u];
        std::copy_n(bias_h + Cell::shared_slots * units_, apart(), bias.begin() + Cell::input_slots * units_);
        return bias;
    }

    // Points at every row of the steps from `start` to `end`. `gates` is where those of the block lie: null, in
    // scratch.
    // In the backward pass they are gradients, and what the forward pass kept stays as it is.
    void enter(int64_t start, int64_t end, T* gates) {
        count_ = first_row_[end] - first_row_[start];
        gate_rows_.resize(count_);
        for (auto* rows : {&apart_rows_, &input_rows_, &state_rows_}) rows->resize(count_);
        if (task_.grad_inputs) grad_input_rows_.resize(count_);
        // One tile more than the rows: what is read beyond a slot's columns is never used, but it is read.
        const size_t size = count_ * stride_ + Vector<T>::tile;
        if (!gates && scratch_.size() < size) scratch_.resize(size);
        if (!gates) gates = scratch_.data();
        for (int64_t t = start, i = 0; t < end; ++t) {
            for (int64_t b = 0; b < task_.active[t]; ++b, ++i) {
                gate_rows_[i] = gates + i * stride_;
                apart_rows_[i] = gate_rows_[i] + Cell::input_slots * units_;
                input_rows_[i] = static_cast<const T*>(task_.inputs) + row(t, b) * inputs_;
                state_rows_[i] = t == 0 ? static_cast<const T*>(task_.h_0) + b * units_ : output(t - 1, b);
                if (task_.grad_inputs) grad_input_rows_[i] = static_cast<T*>(task_.grad_inputs) + row(t, b) * inputs_;
            }
        }
        for (int64_t b = grad_h_rows_.size(); task_.grad_h && b < task_.batch; ++b)
            grad_h_rows_.push_back(static_cast<T*>(task_.grad_h) + b * units_);
    }

    // Copies rows to one place and points at the copies. The rows of one step are a whole text apart: read piecewise,
    // they lie in as many pages and on the same few lines of the cache, which takes longer than the products.
    void gather(std::vector<const T*>& rows, int64_t width, std::vector<T>& copies) {
        if (copies.size() < rows.size() * width) copies.resize(rows.size() * width);
        for (size_t i = 0; i < rows.size(); ++i) {
            T* copy = copies.data() + i * width;
            std::copy_n(rows[i], width, copy);
            rows[i] = copy;
        }
    }

    // Those of the block's steps, computed in one place as they are read from one (`gather`).
    void add_input_gradients(const Weights& to_input) {
        grad_inputs_.assign(count_ * inputs_, T(0));
        std::vector<T*> rows(count_);
        for (int64_t i = 0; i < count_; ++i) rows[i] = grad_inputs_.data() + i * inputs_;
        Products::add(entered_rows(), 0, count_, to_input, rows.data());
        for (int64_t i = 0; i < count_; ++i)
            for (int64_t k = 0; k < inputs_; ++k) grad_input_rows_[i][k] += rows[i][k];
    }

    int64_t row(int64_t t, int64_t b) const { return task_.rows[t * task_.row_stride + b]; }

    T* output(int64_t t, int64_t b) const {
        return static_cast<T*>(task_.outputs) + row(t, b) * task_.output_stride;
    }

    // c after step t of sequence b; kept for each step, or the last one only.
    T* cell(int64_t t, int64_t b) const {
        if (!task_.keep) return static_cast<T*>(task_.c_n) + b * units_;
        return static_cast<T*>(task_.cells) + (first_row_[t] + b) * units_;
    }

    const T* previous_cell(int64_t t, int64_t b) const {
        if (!Cell::has_cell_state) return nullptr;
        return t == 0 ? static_cast<const T*>(task_.c_0) + b * units_ : cell(t - 1, b);
    }

    void step(int64_t t, int64_t b, T* gates, const T* state) {
        T* h = output(t, b);
        T* c = Cell::has_cell_state ? cell(t, b) : nullptr;
        Cell::step(Forward<T>{gates, state, previous_cell(t, b), h, c}, units_);
        if (t + 1 < steps_ && b < task_.active[t + 1]) return;
        std::copy_n(h, units_, static_cast<T*>(task_.h_n) + b * units_);
        if (Cell::has_cell_state && task_.keep) std::copy_n(c, units_, static_cast<T*>(task_.c_n) + b * units_);
    }

    void step_backward(int64_t t, int64_t b, T* grad_gates, const T* state) {
        const T* from_above = static_cast<const T*>(task_.grad_outputs) + row(t, b) * task_.output_stride;
        T* grad_h = grad_h_rows_[b];
        for (int64_t u = 0; u < units_; ++u) grad_h[u] += from_above[u];
        const T* gates = static_cast<const T*>(task_.gates) + (first_row_[t] + b) * stride_;
        T* grad_c = Cell::has_cell_state ? static_cast<T*>(task_.grad_c) + b * units_ : nullptr;
        const T* c = Cell::has_cell_state ? cell(t, b) : nullptr;
        Cell::step_backward(Backward<T>{gates, state, previous_cell(t, b), c, grad_gates, grad_h, grad_c}, units_);
    }

    void add_weight_gradients() {
        const int64_t shared = Cell::shared_slots * units_, entered = Cell::input_slots * units_;
        const int64_t recurrent = shared + apart();
        const T* gates = gate_rows_[0];
        T* weight_h = static_cast<T*>(task_.grad_weight_h);
        T* bias = static_cast<T*>(task_.grad_bias);
        gather(input_rows_, inputs_, inputs_here_);
        turned_.across(input_rows_.data(), inputs_, count_);
        columns_.take(gates, stride_, entered, count_);
        Products::add_turned(turned_, columns_, entered, static_cast<T*>(task_.grad_weight_x), entered);
        gather(state_rows_, units_, states_);
        turned_.across(state_rows_.data(), units_, count_);
        Products::add_turned(turned_, columns_, shared, weight_h, recurrent);
        columns_.take(gates + entered, stride_, apart(), count_);
        Products::add_turned(turned_, columns_, apart(), weight_h + shared, recurrent);
        for (const T* row : gate_rows_)
            for (int64_t u = 0; u < Cell::slots * units_; ++u) bias[u] += row[u];
    }

    const Task& task_;
    const int64_t units_, inputs_, stride_;
    int64_t steps_ = 0;               // until the longest sequence ends
    int64_t count_ = 0;               // rows of the block
    std::vector<int64_t> first_row_;  // rows of all the steps before each
    std::vector<T> scratch_, inputs_here_, states_, grad_inputs_;
    std::vector<T*> gate_rows_, grad_input_rows_, grad_h_rows_;
    std::vector<const T*> apart_rows_, input_rows_, state_rows_;
    // As the products take them: the block's inputs and the states before its steps, the gradients of its gates, and
    // both turned for the gradients of the weights.
    typename Products::Rows from_below_, before_, shared_, apart_, entered_;
    typename Products::Turned turned_;
    typename Products::Columns columns_;
};

}  // namespace hf_rnn
