// The recurrent layers of a network that reads one text, or a step of a few, with weights laid out once.
//
// recurrence.cpp is for batches: it lays the weights out anew in each call, which is nothing beside a batch and more
// than all the rest of a short text. Nothing here is written after construction, so threads may share a stack.

#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "arena.h"
#include "cells.h"
#include "columns.h"

namespace hf_rnn {

enum Kind { kLstm, kGru, kElmanTanh, kElmanRelu };

// Mirrored by network_binding.py. The weights are those of torch, row-major, each direction's four beside each other:
// W_x (gates, inputs), W_h (gates, units), b_x and b_h (gates).
struct LayerSpec {
    int64_t kind, directions, inputs, units;
    int64_t summed;  // whether the directions are added; else they stand side by side
    const float* weights[8];
};

// A state before or after a step: h, and c of an LSTM, each (rows, units).
template <class T>
struct CellState {
    T *h, *c;
};

// One direction of a layer.
class Reader {
   public:
    virtual ~Reader() = default;

    // Read `steps` rows of `inputs` from a state of zeros, the last first if `backward`. The output of each goes to
    // its row of `outputs`; the returned row is the last one read, null where there is none.
    virtual const float* read(const float* inputs, int64_t input_stride, int64_t steps, bool backward, float* outputs,
                              int64_t stride, Arena& arena) const = 0;

    // One step of `rows` sequences, each with a state of its own.
    virtual void step(const float* inputs, int64_t input_stride, int64_t rows, CellState<const float> before,
                      CellState<float> after, Arena& arena) const = 0;
};

template <class Cell>
class ReaderOf : public Reader {
   public:
    ReaderOf(const float* const* weights, int64_t inputs, int64_t units)
        : units_(units),
          // Whole vectors are read and written, beyond the last gate, too.
          stride_((Cell::slots * units + 2 * Columns::lanes - 1) / Columns::lanes * Columns::lanes),
          from_input_(weights[0], Cell::input_slots * units, inputs),
          from_state_(weights[1], Cell::shared_slots * units, units),
          from_state_apart_(weights[1] + Cell::shared_slots * units * units, apart(), units),
          bias_(stride_, 0.0f) {
        const float *bias_x = weights[2], *bias_h = weights[3];
        for (int64_t u = 0; u < Cell::input_slots * units; ++u) bias_[u] = bias_x[u];
        for (int64_t u = 0; u < Cell::shared_slots * units; ++u) bias_[u] += bias_h[u];
        std::copy_n(bias_h + Cell::shared_slots * units, apart(), bias_.begin() + Cell::input_slots * units);
    }

    const float* read(const float* inputs, int64_t input_stride, int64_t steps, bool backward, float* outputs,
                      int64_t stride, Arena& arena) const override {
        float* gates = entered(inputs, input_stride, steps, arena);
        float* c = arena.take(units_);
        float* zeros = arena.take(units_);
        std::fill_n(c, units_, 0.0f);
        std::fill_n(zeros, units_, 0.0f);
        const float* h = nullptr;
        for (int64_t i = 0; i < steps; ++i) {
            const int64_t t = backward ? steps - 1 - i : i;
            float* row = gates + t * stride_;
            if (h) add_state(h, units_, 1, row);
            Cell::step(Forward<float>{row, h ? h : zeros, c, outputs + t * stride, c}, units_);
            h = outputs + t * stride;
        }
        return h;
    }

    void step(const float* inputs, int64_t input_stride, int64_t rows, CellState<const float> before,
              CellState<float> after, Arena& arena) const override {
        float* gates = entered(inputs, input_stride, rows, arena);
        add_state(before.h, units_, rows, gates);
        for (int64_t row = 0; row < rows; ++row) {
            const int64_t at = row * units_;
            Cell::step(Forward<float>{gates + row * stride_, before.h + at, before.c + at, after.h + at, after.c + at},
                       units_);
        }
    }

   private:
    int64_t apart() const { return (Cell::slots - Cell::input_slots) * units_; }

    // The biases, and what enters the gates of each row from the inputs.
    float* entered(const float* inputs, int64_t input_stride, int64_t rows, Arena& arena) const {
        float* gates = arena.take(rows * stride_);
        for (int64_t row = 0; row < rows; ++row) std::copy(bias_.begin(), bias_.end(), gates + row * stride_);
        from_input_.add(inputs, input_stride, rows, gates, stride_);
        return gates;
    }

    void add_state(const float* h, int64_t h_stride, int64_t rows, float* gates) const {
        from_state_.add(h, h_stride, rows, gates, stride_);
        if (apart()) from_state_apart_.add(h, h_stride, rows, gates + Cell::input_slots * units_, stride_);
    }

    int64_t units_, stride_;
    Columns from_input_, from_state_, from_state_apart_;
    std::vector<float> bias_;
};

inline std::unique_ptr<Reader> make_reader(int64_t kind, const float* const* weights, int64_t inputs, int64_t units) {
    switch (kind) {
        case kLstm: return std::make_unique<ReaderOf<Lstm>>(weights, inputs, units);
        case kGru: return std::make_unique<ReaderOf<Gru>>(weights, inputs, units);
        case kElmanTanh: return std::make_unique<ReaderOf<Elman<false>>>(weights, inputs, units);
        default: return std::make_unique<ReaderOf<Elman<true>>>(weights, inputs, units);
    }
}

struct StackedLayer {
    explicit StackedLayer(const LayerSpec& spec) : units(spec.units), summed(spec.summed), has_cell(spec.kind == kLstm) {
        for (int64_t direction = 0; direction < spec.directions; ++direction)
            readers.push_back(make_reader(spec.kind, spec.weights + 4 * direction, spec.inputs, spec.units));
    }

    int64_t directions() const { return readers.size(); }
    int64_t width() const { return summed ? units : directions() * units; }

    int64_t units;
    bool summed, has_cell;
    std::vector<std::unique_ptr<Reader>> readers;
};

// The features (steps, width) of a text, row after row.
struct Features {
    float* rows;
    int64_t steps, width;
};

class Stack {
   public:
    Stack(const LayerSpec* layers, int64_t count) {
        for (int64_t index = 0; index < count; ++index) layers_.emplace_back(layers[index]);
    }

    // The units of the last layer.
    int64_t units() const { return layers_.back().units; }

    // The last layer's outputs, and in `final` (width) each direction's own last one; zeros where there are no steps.
    Features read(Features text, float*& final, Arena& arena) const {
        for (const auto& layer : layers_) text = read(layer, text, final, arena);
        return text;
    }

    // A step of `rows` sequences, whose features lie in `inputs`. `before` and `after` point at each layer's h (rows,
    // units) and, for an LSTM, c. Returns the last layer's outputs (rows, units). Layers of one direction only.
    const float* step(const float* inputs, int64_t width, int64_t rows, const float* const* before,
                      float* const* after, Arena& arena) const {
        for (const auto& layer : layers_) {
            const int64_t c = layer.has_cell;
            layer.readers[0]->step(inputs, width, rows, {before[0], before[c]}, {after[0], after[c]}, arena);
            inputs = after[0];
            width = layer.units;
            before += 1 + c;
            after += 1 + c;
        }
        return inputs;
    }

   private:
    static Features read(const StackedLayer& layer, Features text, float*& final, Arena& arena) {
        const int64_t units = layer.units, wide = layer.directions() * units;
        float* outputs = arena.take(text.steps * wide);
        final = arena.take(wide);
        std::fill_n(final, wide, 0.0f);
        for (int64_t direction = 0; direction < layer.directions(); ++direction) {
            const float* last = layer.readers[direction]->read(text.rows, text.width, text.steps, direction == 1,
                                                               outputs + direction * units, wide, arena);
            if (last) std::copy_n(last, units, final + direction * units);
        }
        if (layer.directions() == 1 || !layer.summed) return {outputs, text.steps, wide};
        for (int64_t t = 0; t < text.steps; ++t)
            for (int64_t u = 0; u < units; ++u) outputs[t * units + u] = outputs[t * wide + u] + outputs[t * wide + units + u];
        for (int64_t u = 0; u < units; ++u) final[u] += final[units + u];
        return {outputs, text.steps, units};
    }

    std::vector<StackedLayer> layers_;
};

}  // namespace hf_rnn
