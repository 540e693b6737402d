// Words rebuilt from the pieces of a tokenizer, and the features of each: its own vector, its spelling, its capitals.
// What is computed, and why, is told in hf_rnn/models/word_embeddings.py and char_encoder.py.

#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "arena.h"
#include "columns.h"
#include "stack.h"

namespace hf_rnn {

// Mirrored by network_binding.py.
struct WordSpec {
    int64_t vocabulary, token_width, num_keys, num_aliases, char_width, filters, casing;
    const uint8_t *token_bytes, *token_lengths, *token_starts;  // (vocabulary, token_width), (vocabulary)
    const uint8_t* classes;                                     // (513, 4): `CASING_CLASSES`
    const int64_t *keys, *alias_keys;                           // sorted
    const int32_t* alias_rows;
    const float* char_table;   // (257, char_width)
    const float* char_weight;  // (filters, char_width, 3)
    const float* char_bias;    // (filters)
};

class Words {
   public:
    static constexpr int kPadding = 256, kSymbols = 257, kKernel = 3, kCasings = 6;
    static constexpr uint64_t kKeyBase = 0x9E3779B97F4A7C15;

    explicit Words(const WordSpec& spec)
        : token_width_(spec.token_width),
          filters_(spec.filters),
          casing_(spec.casing),
          bytes_(spec.token_bytes, spec.token_bytes + spec.vocabulary * spec.token_width),
          lengths_(spec.token_lengths, spec.token_lengths + spec.vocabulary),
          starts_(spec.token_starts, spec.token_starts + spec.vocabulary),
          classes_(spec.classes, spec.classes + 2 * kSymbols * 4 - 4),
          keys_(spec.keys, spec.keys + spec.num_keys),
          alias_keys_(spec.alias_keys, spec.alias_keys + spec.num_aliases),
          alias_rows_(spec.alias_rows, spec.alias_rows + spec.num_aliases) {
        if (filters_) tabulate(spec);
    }

    int64_t vocabulary() const { return lengths_.size(); }

    // (words, features) of the `count` pieces `ids`; `word_of` gets each piece's word, `begins` whether it begins it.
    Features operator()(const int64_t* ids, int64_t count, const Table& table, std::vector<int64_t>& word_of,
                        std::vector<uint8_t>& begins, Arena& arena) const {
        word_of.resize(count);
        begins.resize(count);
        int64_t words = 0;
        for (int64_t i = 0; i < count; ++i) {
            begins[i] = i == 0 || starts_[ids[i]];
            words += begins[i];
            word_of[i] = words - 1;
        }
        const int64_t width = table.width() + filters_ + (casing_ ? kCasings : 0);
        float* features = arena.take(words * width);
        std::vector<int> spelt;
        for (int64_t i = 0, word = 0; i < count; ++word) {
            spelt.clear();
            do {
                const uint8_t* bytes = &bytes_[ids[i] * token_width_];
                spelt.insert(spelt.end(), bytes, bytes + lengths_[ids[i]]);
            } while (++i < count && !begins[i]);
            float* to = features + word * width;
            table.copy(row_of(spelt), to);
            if (filters_) filter(spelt, to + table.width());
            if (casing_) tell_casing(spelt, to + table.width() + filters_);
        }
        return {features, words, width};
    }

   private:
    // What each of the filters gets of each byte at each of its three places, so that a place costs three sums.
    void tabulate(const WordSpec& spec) {
        filtered_.resize(kKernel * kSymbols * filters_);
        bias_.assign(spec.char_bias, spec.char_bias + filters_);
        for (int64_t k = 0; k < kKernel; ++k)
            for (int64_t symbol = 0; symbol < kSymbols; ++symbol)
                for (int64_t f = 0; f < filters_; ++f) {
                    float sum = 0;
                    for (int64_t c = 0; c < spec.char_width; ++c)
                        sum += spec.char_table[symbol * spec.char_width + c] *
                               spec.char_weight[(f * spec.char_width + c) * kKernel + k];
                    filtered_[(k * kSymbols + symbol) * filters_ + f] = sum;
                }
    }

    const uint8_t* classes(const std::vector<int>& spelt, size_t i) const {
        const int before = i > 0 ? spelt[i - 1] : kPadding;
        return &classes_[4 * (spelt[i] + (before == 0xC3 ? 0x100 : 0))];
    }

    int64_t row_of(const std::vector<int>& spelt) const {
        uint64_t written = 0, lower = 0, power = 1;
        for (size_t i = 0; i < spelt.size(); ++i) {
            power *= kKeyBase;
            written += (spelt[i] + 1) * power;
            lower += (spelt[i] + 1 + (classes(spelt, i)[0] ? 0x20 : 0)) * power;
        }
        const int64_t row = find(static_cast<int64_t>(written));
        return row ? row : find(static_cast<int64_t>(lower));
    }

    // The row of a key, 0 where there is none. An alias goes before a word.
    int64_t find(int64_t key) const {
        const auto alias = std::lower_bound(alias_keys_.begin(), alias_keys_.end(), key);
        if (alias != alias_keys_.end() && *alias == key) return alias_rows_[alias - alias_keys_.begin()];
        const auto own = std::lower_bound(keys_.begin(), keys_.end(), key);
        return own != keys_.end() && *own == key ? own - keys_.begin() + 1 : 0;
    }

    void filter(const std::vector<int>& spelt, float* to) const {
        const int64_t count = spelt.size();
        const auto row = [&](int64_t k, int64_t place) {
            const int symbol = place >= 0 && place < count ? spelt[place] : kPadding;
            return &filtered_[(k * kSymbols + symbol) * filters_];
        };
        for (int64_t place = 0; place < std::max<int64_t>(count, 1); ++place) {
            const float *left = row(0, place - 1), *own = row(1, place), *right = row(2, place + 1);
            for (int64_t f = 0; f < filters_; ++f) {
                const float found = left[f] + own[f] + right[f] + bias_[f];
                to[f] = place == 0 || found > to[f] ? found : to[f];
            }
        }
    }

    void tell_casing(const std::vector<int>& spelt, float* to) const {
        int64_t sums[4] = {0, 0, 0, 0};
        for (size_t i = 0; i < spelt.size(); ++i)
            for (int kind = 0; kind < 4; ++kind) sums[kind] += classes(spelt, i)[kind];
        const int64_t length = spelt.size();
        // The first character may be of two bytes.
        const bool first = length > 0 && (classes(spelt, 0)[0] ||
                                          (spelt[0] == 0xC3 && length > 1 && classes(spelt, 1)[0]));
        const bool told[kCasings] = {first,       sums[0] > first,           sums[1] > 0,
                                     sums[2] > 0, length > 0 && sums[2] == length, sums[3] > 0};
        std::copy(told, told + kCasings, to);
    }

    int64_t token_width_, filters_, casing_;
    std::vector<uint8_t> bytes_, lengths_, starts_, classes_;
    std::vector<int64_t> keys_, alias_keys_;
    std::vector<int32_t> alias_rows_;
    std::vector<float> filtered_, bias_;
};

}  // namespace hf_rnn
