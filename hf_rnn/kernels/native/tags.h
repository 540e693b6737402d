// From the emissions of a tagger to the scores of its labels: see hf_rnn/models/crf.py and tagging.py.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "arena.h"
#include "stack.h"

namespace hf_rnn {

// Mirrored by network_binding.py.
struct TagSpec {
    int64_t states, labels;
    const int64_t* label_of_state;   // (states)
    const int64_t* inside_of_label;  // (labels): the label of a word's further pieces
    const float *start, *transition, *end;  // (states), (states before, states after), (states); null: there is no CRF
    float forbidden;
};

class Tags {
   public:
    explicit Tags(const TagSpec& spec)
        : states_(spec.states),
          labels_(spec.labels),
          has_crf_(spec.start),
          label_of_state_(spec.label_of_state, spec.label_of_state + spec.states),
          inside_of_label_(spec.inside_of_label, spec.inside_of_label + spec.labels),
          forbidden_(spec.forbidden) {
        if (!has_crf_) return;
        start_.assign(spec.start, spec.start + states_);
        end_.assign(spec.end, spec.end + states_);
        onward_.assign(spec.transition, spec.transition + states_ * states_);
        back_.resize(states_ * states_);
        for (int64_t i = 0; i < states_; ++i)
            for (int64_t j = 0; j < states_; ++j) back_[j * states_ + i] = onward_[i * states_ + j];
    }

    int64_t labels() const { return labels_; }

    // (2, steps, labels): the scores of each word's first piece, then those of its further ones.
    float* operator()(const Features& emissions, Arena& arena) const {
        float* scores = arena.take(emissions.steps * states_);
        for (int64_t t = 0; t < emissions.steps; ++t)
            std::copy_n(emissions.rows + t * emissions.width, states_, scores + t * states_);
        if (has_crf_ && emissions.steps) max_marginals(scores, emissions.steps, arena);
        float* found = arena.take(2 * emissions.steps * labels_);
        float* further = found + emissions.steps * labels_;
        std::fill_n(found, 2 * emissions.steps * labels_, forbidden_);
        for (int64_t t = 0; t < emissions.steps; ++t) {
            merge(scores + t * states_, label_of_state_, found + t * labels_);
            merge(found + t * labels_, inside_of_label_, further + t * labels_);
        }
        return found;
    }

   private:
    // The emissions (steps, states) to the best path through each state at each step, less the best path of all.
    void max_marginals(float* scores, int64_t steps, Arena& arena) const {
        float* up_to = arena.take(steps * states_);
        float* from = arena.take(steps * states_);
        for (int64_t s = 0; s < states_; ++s) {
            up_to[s] = start_[s] + scores[s];
            from[(steps - 1) * states_ + s] = end_[s] + scores[(steps - 1) * states_ + s];
        }
        for (int64_t t = 1; t < steps; ++t) {
            const int64_t at = t * states_, back = (steps - 1 - t) * states_;
            reach(up_to + at - states_, onward_, scores + at, up_to + at);
            reach(from + back + states_, back_, scores + back, from + back);
        }
        for (int64_t t = 0; t < steps; ++t) {
            float* row = scores + t * states_;
            float largest = -INFINITY;
            for (int64_t s = 0; s < states_; ++s) {
                row[s] = up_to[t * states_ + s] + from[t * states_ + s] - row[s];
                largest = std::max(largest, row[s]);
            }
            for (int64_t s = 0; s < states_; ++s) row[s] -= largest;
        }
    }

    // to[j] = max_i before[i] + transition[i][j], plus emissions[j].
    void reach(const float* before, const std::vector<float>& transition, const float* emissions, float* to) const {
        for (int64_t j = 0; j < states_; ++j) to[j] = before[0] + transition[j];
        for (int64_t i = 1; i < states_; ++i) {
            const float* row = &transition[i * states_];
            for (int64_t j = 0; j < states_; ++j) to[j] = std::max(to[j], before[i] + row[j]);
        }
        for (int64_t j = 0; j < states_; ++j) to[j] += emissions[j];
    }

    static void merge(const float* scores, const std::vector<int64_t>& into, float* to) {
        for (size_t source = 0; source < into.size(); ++source) to[into[source]] = std::max(to[into[source]], scores[source]);
    }

    int64_t states_, labels_;
    bool has_crf_;
    std::vector<int64_t> label_of_state_, inside_of_label_;
    float forbidden_;
    std::vector<float> start_, end_, onward_, back_;
};

}  // namespace hf_rnn
