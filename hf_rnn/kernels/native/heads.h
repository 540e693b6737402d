// Between the recurrent layers and an answer: poolings of a text's steps, and dense layers.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "arena.h"
#include "cells.h"
#include "columns.h"
#include "stack.h"

namespace hf_rnn {

enum Activation { kNone, kRelu, kTanh, kGelu };
enum Pooling { kLast, kMean, kMax, kMeanMax, kAttention };

// y = activation(W x + b) ∗ scale + shift. Mirrored by network_binding.py.
struct DenseSpec {
    int64_t inputs, outputs, activation;
    const float* weight;           // (outputs, inputs)
    const float* bias;             // (outputs), or null
    const float *scale, *shift;    // (outputs), or null: those of a batch normalisation
};

class Dense {
   public:
    explicit Dense(const DenseSpec& spec)
        : outputs_(spec.outputs), activation_(spec.activation), weight_(spec.weight, spec.outputs, spec.inputs) {
        if (spec.bias) bias_.assign(spec.bias, spec.bias + outputs_);
        if (spec.scale) scale_.assign(spec.scale, spec.scale + outputs_);
        if (spec.shift) shift_.assign(spec.shift, spec.shift + outputs_);
        bias_.resize(weight_.padded(), 0.0f);
    }

    int64_t outputs() const { return outputs_; }

    // (count, inputs) to (count, padded outputs): `stride` numbers are between the rows of what is returned.
    Features operator()(const float* rows, int64_t input_stride, int64_t count, Arena& arena) const {
        const int64_t stride = weight_.padded();
        float* found = arena.take(count * stride);
        for (int64_t row = 0; row < count; ++row) std::copy(bias_.begin(), bias_.end(), found + row * stride);
        weight_.add(rows, input_stride, count, found, stride);
        for (int64_t row = 0; row < count; ++row) finish(found + row * stride);
        return {found, count, stride};
    }

   private:
    void finish(float* row) const {
        for (int64_t i = 0; i < outputs_; ++i) row[i] = activated(row[i]);
        for (size_t i = 0; i < scale_.size(); ++i) row[i] = row[i] * scale_[i] + shift_[i];
    }

    float activated(float x) const {
        switch (activation_) {
            case kRelu: return x < 0 ? 0.0f : x;
            case kTanh: return hyperbolic_tangent(x);
            case kGelu: return 0.5f * x * (1.0f + std::erf(x * 0.70710678f));
            default: return x;
        }
    }

    int64_t outputs_, activation_;
    Columns weight_;
    std::vector<float> bias_, scale_, shift_;
};

inline void mean_of(const Features& text, float* to) {
    std::fill_n(to, text.width, 0.0f);
    for (int64_t t = 0; t < text.steps; ++t)
        for (int64_t i = 0; i < text.width; ++i) to[i] += text.rows[t * text.width + i];
    const float count = text.steps ? text.steps : 1;
    for (int64_t i = 0; i < text.width; ++i) to[i] /= count;
}

// As torch's: what is NaN at some step stays NaN.
inline void max_of(const Features& text, float* to) {
    if (text.steps == 0) std::fill_n(to, text.width, 0.0f);
    else std::copy_n(text.rows, text.width, to);
    for (int64_t t = 1; t < text.steps; ++t) {
        const float* row = text.rows + t * text.width;
        for (int64_t i = 0; i < text.width; ++i) to[i] = row[i] > to[i] || row[i] != row[i] ? row[i] : to[i];
    }
}

// Σ_t a_t s_t with a = softmax over t of contextᵀ dense(s_t); see `AttentionPool` in hf_rnn/models/pooling.py.
inline void attend(const Features& text, const Dense& dense, const std::vector<float>& context, float* to,
                   Arena& arena) {
    std::fill_n(to, text.width, 0.0f);
    if (text.steps == 0) return;
    const Features hidden = dense(text.rows, text.width, text.steps, arena);
    float* scores = arena.take(text.steps);
    float largest = -INFINITY, total = 0;
    for (int64_t t = 0; t < text.steps; ++t) {
        scores[t] = 0;
        for (size_t i = 0; i < context.size(); ++i) scores[t] += hidden.rows[t * hidden.width + i] * context[i];
        largest = std::max(largest, scores[t]);
    }
    for (int64_t t = 0; t < text.steps; ++t) total += scores[t] = std::exp(scores[t] - largest);
    for (int64_t t = 0; t < text.steps; ++t)
        for (int64_t i = 0; i < text.width; ++i) to[i] += scores[t] / total * text.rows[t * text.width + i];
}

}  // namespace hf_rnn
