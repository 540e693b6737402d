// One step of each cell where nothing is kept for a backward pass. Equations and order of gates: cells.h.
//
// Divisions take most of the time of a step once its products are of 8 bits. Here fractions are brought to one
// denominator before they are divided: an LSTM divides twice for each unit where its equations have seven divisions.
//
// A step is that of a panel's units. `gates` has `slot` numbers from one gate to the next; h and c are replaced.

#pragma once

#include <cstdint>

#include "cells.h"
#include "int8_products.h"

namespace hf_rnn {
namespace int8 {

// exp(-x), limited so that the product of three, each with one added to it, is finite; the logistic function differs
// from 0 and from 1 there by 1e-12.
inline float decay(float x) {
    x = x < -28.0f ? -28.0f : x;
    x = x > 28.0f ? 28.0f : x;
    return exponential(-x);
}

// In terms of decay: logistic(x) = 1 / (1 + decay(x)), tanh(x) = (1 - decay(2x)) / (1 + decay(2x)). Near zero this
// tanh is right to 1e-7, though not to as many digits.
struct Lstm {
    static constexpr int slots = 4, input_slots = 4, shared_slots = 4;
    static constexpr bool has_cell_state = true;

    static void step(const float* __restrict gates, int64_t slot, float* __restrict h, float* __restrict c) {
HF_RNN_INDEPENDENT
        for (int u = 0; u < kPanel; ++u) {
            const float i = decay(gates[u]), f = decay(gates[slot + u]);
            const float g = decay(2 * gates[2 * slot + u]), o = decay(gates[3 * slot + u]);
            const float entering = (1 + i) * (1 + g);
            const float cell = (c[u] * entering + (1 - g) * (1 + f)) / (entering * (1 + f));
            const float squashed = decay(2 * cell);
            c[u] = cell;
            h[u] = (1 - squashed) / ((1 + squashed) * (1 + o));
        }
    }
};

struct Gru {
    static constexpr int slots = 4, input_slots = 3, shared_slots = 2;
    static constexpr bool has_cell_state = false;

    static void step(const float* __restrict gates, int64_t slot, float* __restrict h, float*) {
HF_RNN_INDEPENDENT
        for (int u = 0; u < kPanel; ++u) {
            const float z = decay(gates[slot + u]);
            const float n = decay(2 * (gates[2 * slot + u] + gates[3 * slot + u] / (1 + decay(gates[u]))));
            // (1 - z) n + z h, of which z is the logistic function.
            h[u] = (z * (1 - n) + h[u] * (1 + n)) / ((1 + z) * (1 + n));
        }
    }
};

template <bool RELU>
struct Elman {
    static constexpr int slots = 1, input_slots = 1, shared_slots = 1;
    static constexpr bool has_cell_state = false;

    static void step(const float* __restrict gates, int64_t, float* __restrict h, float*) {
HF_RNN_INDEPENDENT
        for (int u = 0; u < kPanel; ++u) {
            const float squashed = decay(2 * gates[u]);
            h[u] = RELU ? (gates[u] < 0 ? 0.0f : gates[u]) : (1 - squashed) / (1 + squashed);
        }
    }
};

}  // namespace int8
}  // namespace hf_rnn
