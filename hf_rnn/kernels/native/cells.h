// The element-wise part of each cell: one step of one sequence, forward and backward.
//
// A cell keeps its gates side by side in a row of `slots` x units. The products fill a row with what enters the
// activations and `step` replaces that with the activations; from these `step_backward` gives the gradients of what
// entered. Equations and order of gates: hf_rnn/models/cells.py.

#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

// Of a loop: no turn reads what another writes.
#if defined(__clang__)
#define HF_RNN_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define HF_RNN_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace hf_rnn {

inline double exponential(double x) { return std::exp(x); }

// exp in single precision to 1e-7 relative, without a branch, so that the compiler works on whole vectors:
// x = n ln 2 + r, exp(r) by its Taylor polynomial of degree 7 on |r| <= ln(2) / 2.
inline float exponential(float x) {
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    // Added to 1.5 * 2^23 a number is rounded to a whole one, which stands in the lowest bits; also NaN has such bits,
    // whereas its conversion to an integer is undefined.
    const float rounded = x * 1.44269504f + 12582912.0f;
    const float n = rounded - 12582912.0f;
    const float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float sum = 1.0f / 5040;
    sum = sum * r + 1.0f / 720;
    sum = sum * r + 1.0f / 120;
    sum = sum * r + 1.0f / 24;
    sum = sum * r + 1.0f / 6;
    sum = sum * r + 0.5f;
    sum = sum * r + 1.0f;
    sum = sum * r + 1.0f;
    uint32_t bits;
    std::memcpy(&bits, &rounded, sizeof bits);
    bits = (bits + 127) << 23;
    float power;
    std::memcpy(&power, &bits, sizeof power);
    return sum * power;
}

template <class T>
inline T logistic(T x) {
    return T(1) / (T(1) + exponential(-x));
}

inline double hyperbolic_tangent(double x) { return std::tanh(x); }

// Near zero 1 - 2 / (exp(2x) + 1) cancels; there the continued fraction of tanh, cut after x^2 / 9.
inline float hyperbolic_tangent(float x) {
    const float square = x * x;
    const float fraction = x * (945.0f + square * (105.0f + square)) / (945.0f + square * (420.0f + 15.0f * square));
    const float far = 1.0f - 2.0f / (exponential(2.0f * x) + 1.0f);
    return square < 0.3f ? fraction : far;
}

// What a step of one sequence reads and writes. `h_previous` and `c_previous` are the state it starts from.
template <class T>
struct Forward {
    T* gates;
    const T* h_previous;
    const T* c_previous;
    T* h;
    T* c;
};

// `grad_h` is the whole gradient of h_t, replaced with the part of that of h_{t-1} that does not go through the
// recurrent weights; `grad_c` is the gradient of c_t, replaced with that of c_{t-1}.
template <class T>
struct Backward {
    const T* gates;
    const T* h_previous;
    const T* c_previous;
    const T* c;
    T* grad_gates;
    T* grad_h;
    T* grad_c;
};

struct Lstm {
    static constexpr int slots = 4;           // i, f, g, o
    static constexpr int input_slots = 4;     // the slots that the input weights enter, from the first
    static constexpr int shared_slots = 4;    // the slots that the recurrent weights enter too, from the first
    static constexpr bool has_cell_state = true;

    template <class T>
    static void step(const Forward<T>& at, int64_t units) {
        T* __restrict gates = at.gates;
HF_RNN_INDEPENDENT
        for (int64_t u = 0; u < units; ++u) {
            const T i = logistic(gates[u]), f = logistic(gates[units + u]);
            const T g = hyperbolic_tangent(gates[2 * units + u]), o = logistic(gates[3 * units + u]);
            const T c = f * at.c_previous[u] + i * g;
            gates[u] = i;
            gates[units + u] = f;
            gates[2 * units + u] = g;
            gates[3 * units + u] = o;
            at.c[u] = c;
            at.h[u] = o * hyperbolic_tangent(c);
        }
    }

    template <class T>
    static void step_backward(const Backward<T>& at, int64_t units) {
        const T* gates = at.gates;
        T* __restrict grad_gates = at.grad_gates;
        T* __restrict grad_h = at.grad_h;
        T* __restrict grad_c = at.grad_c;
HF_RNN_INDEPENDENT
        for (int64_t u = 0; u < units; ++u) {
            const T i = gates[u], f = gates[units + u], g = gates[2 * units + u], o = gates[3 * units + u];
            const T squashed = hyperbolic_tangent(at.c[u]);
            const T grad = grad_h[u];
            const T grad_cell = grad_c[u] + grad * o * (1 - squashed * squashed);
            grad_gates[u] = grad_cell * g * i * (1 - i);
            grad_gates[units + u] = grad_cell * at.c_previous[u] * f * (1 - f);
            grad_gates[2 * units + u] = grad_cell * i * (1 - g * g);
            grad_gates[3 * units + u] = grad * squashed * o * (1 - o);
            grad_c[u] = grad_cell * f;
            grad_h[u] = 0;
        }
    }
};

// Reset after the product: torch's and cuDNN's form.
struct Gru {
    static constexpr int slots = 4;  // r, z, n and W_hn h + b_hn, which r multiplies
    static constexpr int input_slots = 3;
    static constexpr int shared_slots = 2;
    static constexpr bool has_cell_state = false;

    template <class T>
    static void step(const Forward<T>& at, int64_t units) {
        T* __restrict gates = at.gates;
HF_RNN_INDEPENDENT
        for (int64_t u = 0; u < units; ++u) {
            const T r = logistic(gates[u]), z = logistic(gates[units + u]);
            const T n = hyperbolic_tangent(gates[2 * units + u] + r * gates[3 * units + u]);
            gates[u] = r;
            gates[units + u] = z;
            gates[2 * units + u] = n;
            at.h[u] = n + z * (at.h_previous[u] - n);
        }
    }

    template <class T>
    static void step_backward(const Backward<T>& at, int64_t units) {
        const T* gates = at.gates;
        T* __restrict grad_gates = at.grad_gates;
        T* __restrict grad_h = at.grad_h;
HF_RNN_INDEPENDENT
        for (int64_t u = 0; u < units; ++u) {
            const T r = gates[u], z = gates[units + u], n = gates[2 * units + u], recurrent = gates[3 * units + u];
            const T grad = grad_h[u];
            const T grad_n = grad * (1 - z) * (1 - n * n);
            grad_gates[u] = grad_n * recurrent * r * (1 - r);
            grad_gates[units + u] = grad * (at.h_previous[u] - n) * z * (1 - z);
            grad_gates[2 * units + u] = grad_n;
            grad_gates[3 * units + u] = grad_n * r;
            grad_h[u] = grad * z;
        }
    }
};

template <bool RELU>
struct Elman {
    static constexpr int slots = 1;
    static constexpr int input_slots = 1;
    static constexpr int shared_slots = 1;
    static constexpr bool has_cell_state = false;

    template <class T>
    static void step(const Forward<T>& at, int64_t units) {
        T* __restrict gates = at.gates;
HF_RNN_INDEPENDENT
        for (int64_t u = 0; u < units; ++u) {
            const T h = RELU ? (gates[u] < 0 ? T(0) : gates[u]) : hyperbolic_tangent(gates[u]);
            gates[u] = h;
            at.h[u] = h;
        }
    }

    template <class T>
    static void step_backward(const Backward<T>& at, int64_t units) {
        T* __restrict grad_gates = at.grad_gates;
        T* __restrict grad_h = at.grad_h;
HF_RNN_INDEPENDENT
        for (int64_t u = 0; u < units; ++u) {
            const T h = at.gates[u];
            grad_gates[u] = RELU ? (h <= 0 ? T(0) : grad_h[u]) : grad_h[u] * (1 - h * h);
            grad_h[u] = 0;
        }
    }
};

}  // namespace hf_rnn
