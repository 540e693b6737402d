// A whole network for one short text, or for a step of a few: token ids to logits in one call, with the weights laid
// out once, when it is made.
//
// The interface is C (see network_binding.py). A network is a snapshot: it owns copies of all numbers that it is made
// of, and nothing of it is written afterwards, so that threads may share it.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

#include "arena.h"
#include "denormals.h"
#include "heads.h"
#include "stack.h"
#include "tags.h"
#include "words.h"

namespace hf_rnn {

// Mirrored by network_binding.py. What a network does not have is null, or none of.
struct NetworkSpec {
    int64_t table_rows, table_width, num_layers, pooling, num_dense;
    const float* table;
    const LayerSpec* layers;
    const DenseSpec* dense;      // of the pooled vector, or of each step
    const DenseSpec* attention;  // of the attention pooling: its dense layer, with `context` (outputs)
    const float* context;
    const WordSpec* words;
    const TagSpec* tags;
};

enum Status { kDone, kNoMemory, kUnknownId };

class Network {
   public:
    explicit Network(const NetworkSpec& spec)
        : table_(spec.table, spec.table_rows, spec.table_width),
          stack_(spec.layers, spec.num_layers),
          pooling_(spec.pooling),
          dense_(spec.dense, spec.dense + spec.num_dense) {
        if (spec.attention) attention_.emplace(*spec.attention);
        if (spec.attention) context_.assign(spec.context, spec.context + spec.attention->outputs);
        if (spec.words) words_.emplace(*spec.words);
        if (spec.tags) tags_.emplace(*spec.tags);
    }

    bool knows(const int64_t* ids, int64_t count) const {
        const int64_t vocabulary = words_ ? words_->vocabulary() : table_.rows();
        return std::all_of(ids, ids + count, [&](int64_t id) { return id >= 0 && id < vocabulary; });
    }

    // The vector of a text: its logits, or what else the last dense layer gives, or the pooled vector.
    void pool(const int64_t* ids, int64_t count, float* to) const {
        Arena& arena = fresh();
        float* final = nullptr;
        const Features text = stack_.read(look_up(ids, count, arena), final, arena);
        Features pooled{arena.take(2 * text.width), 1, pooling_ == kMeanMax ? 2 * text.width : text.width};
        switch (pooling_) {
            case kLast: std::copy_n(final, text.width, pooled.rows); break;
            case kMax: max_of(text, pooled.rows); break;
            case kAttention: attend(text, *attention_, context_, pooled.rows, arena); break;
            case kMeanMax: max_of(text, pooled.rows + text.width); [[fallthrough]];
            default: mean_of(text, pooled.rows);
        }
        std::copy_n(through(pooled, arena).rows, dense_.empty() ? pooled.width : dense_.back().outputs(), to);
    }

    // Of each piece the best label, its probability by a softmax over the scores and, where `to` is not null, these
    // (count, labels).
    void tag(const int64_t* ids, int64_t count, int64_t* best, float* probability, float* to) const {
        Arena& arena = fresh();
        std::vector<int64_t> word_of(count);
        std::vector<uint8_t> begins(count, 1);
        for (int64_t i = 0; i < count; ++i) word_of[i] = i;
        float* final = nullptr;
        const Features text = words_ ? (*words_)(ids, count, table_, word_of, begins, arena) : look_up(ids, count, arena);
        const float* scores = (*tags_)(through(stack_.read(text, final, arena), arena), arena);
        const int64_t labels = tags_->labels(), further = text.steps * labels;
        for (int64_t i = 0; i < count; ++i) {
            const float* own = scores + (begins[i] ? 0 : further) + word_of[i] * labels;
            const float* largest = std::max_element(own, own + labels);
            float total = 0;
            for (int64_t label = 0; label < labels; ++label) total += std::exp(own[label] - *largest);
            best[i] = largest - own;
            probability[i] = 1 / total;
            if (to) std::copy_n(own, labels, to + i * labels);
        }
    }

    // One step of `rows` texts; `before` and `after` as `Stack::step` has them, the logits (rows, outputs) to `to`.
    void step(const int64_t* ids, int64_t rows, const float* const* before, float* const* after, float* to) const {
        Arena& arena = fresh();
        const Features inputs = look_up(ids, rows, arena);
        const float* outputs = stack_.step(inputs.rows, inputs.width, rows, before, after, arena);
        // A state is only read by the dense layers.
        Features found{const_cast<float*>(outputs), rows, stack_.units()};
        found = through(found, arena);
        for (int64_t row = 0; row < rows; ++row)
            std::copy_n(found.rows + row * found.width, dense_.back().outputs(), to + row * dense_.back().outputs());
    }

   private:
    static Arena& fresh() {
        static thread_local Arena arena;
        arena.reset();
        return arena;
    }

    Features look_up(const int64_t* ids, int64_t count, Arena& arena) const {
        std::vector<int64_t> word_of;
        std::vector<uint8_t> begins;
        if (words_) return (*words_)(ids, count, table_, word_of, begins, arena);
        float* rows = arena.take(count * table_.width());
        for (int64_t i = 0; i < count; ++i) table_.copy(ids[i], rows + i * table_.width());
        return {rows, count, table_.width()};
    }

    Features through(Features rows, Arena& arena) const {
        for (const Dense& dense : dense_) rows = dense(rows.rows, rows.width, rows.steps, arena);
        return rows;
    }

    Table table_;
    Stack stack_;
    int64_t pooling_;
    std::vector<Dense> dense_;
    std::optional<Dense> attention_;
    std::vector<float> context_;
    std::optional<Words> words_;
    std::optional<Tags> tags_;
};

template <class Run>
int guarded(const void* network, const int64_t* ids, int64_t count, const Run& run) {
    const auto& made = *static_cast<const Network*>(network);
    if (!made.knows(ids, count)) return kUnknownId;
    [[maybe_unused]] const DenormalsFlushed flushed;
    try {
        run(made);
    } catch (const std::exception&) {  // nothing above throws but for want of memory
        return kNoMemory;
    }
    return kDone;
}

}  // namespace hf_rnn

// A network, to be freed by `hf_rnn_network_free`; null where memory ran out.
extern "C" void* hf_rnn_network_create(const hf_rnn::NetworkSpec* spec) {
    try {
        return new hf_rnn::Network(*spec);
    } catch (const std::exception&) {
        return nullptr;
    }
}

extern "C" void hf_rnn_network_free(void* network) { delete static_cast<hf_rnn::Network*>(network); }

extern "C" int hf_rnn_network_pool(const void* network, const int64_t* ids, int64_t count, float* to) {
    return hf_rnn::guarded(network, ids, count, [&](const auto& made) { made.pool(ids, count, to); });
}

extern "C" int hf_rnn_network_tag(const void* network, const int64_t* ids, int64_t count, int64_t* best,
                                  float* probability, float* to) {
    return hf_rnn::guarded(network, ids, count,
                           [&](const auto& made) { made.tag(ids, count, best, probability, to); });
}

extern "C" int hf_rnn_network_step(const void* network, const int64_t* ids, int64_t rows, const float* const* before,
                                   float* const* after, float* to) {
    return hf_rnn::guarded(network, ids, rows, [&](const auto& made) { made.step(ids, rows, before, after, to); });
}
