// What the library gives to Python: tasks, each a direction of a layer (layer.h), run on threads.
//
// The interface is C (see binding.py), so that the library depends on no version of torch.

#include <cstdint>

#include "layer.h"
#include "running.h"

namespace hf_rnn {

enum Kind { kLstm, kGru, kElmanTanh, kElmanRelu };

// In which numbers a layer is computed. In bfloat16 are the products alone; all that is read and written is float.
enum Numbers { kFloat, kDouble, kBfloat16ByVectors, kBfloat16ByTiles };

template <class Products, class Cell>
void run(const Task& task, bool backward) {
    Layer<Products, Cell> layer(task);
    backward ? layer.backward() : layer.forward();
}

template <class Products>
void run(const Task& task, int kind, bool backward) {
    switch (kind) {
        case kLstm: return run<Products, Lstm>(task, backward);
        case kGru: return run<Products, Gru>(task, backward);
        case kElmanTanh: return run<Products, Elman<false>>(task, backward);
        case kElmanRelu: return run<Products, Elman<true>>(task, backward);
    }
}

void run(const Task& task, int kind, int numbers, bool backward) {
    switch (numbers) {
        case kFloat: return run<Exact<float>>(task, kind, backward);
        case kDouble: return run<Exact<double>>(task, kind, backward);
#if defined(HF_RNN_BF16)
        case kBfloat16ByVectors: return run<Rounded<bf16::ByVectors>>(task, kind, backward);
#endif
#if defined(HF_RNN_TILES)
        case kBfloat16ByTiles: {
            const bf16::ByTiles::Ready ready;
            return run<Rounded<bf16::ByTiles>>(task, kind, backward);
        }
#endif
    }
}

}  // namespace hf_rnn

// Numbers between the rows of `gates`.
extern "C" int64_t hf_rnn_gate_stride(int kind, int64_t units, int numbers) {
    const int64_t columns = (kind == hf_rnn::kLstm || kind == hf_rnn::kGru ? 4 : 1) * units;
    return numbers == hf_rnn::kDouble ? hf_rnn::padded<double>(columns) : hf_rnn::padded<float>(columns);
}

// Whether this processor computes in `numbers`, and the system lets it.
extern "C" int hf_rnn_has(int numbers) {
    switch (numbers) {
        case hf_rnn::kFloat:
        case hf_rnn::kDouble: return 1;
#if defined(HF_RNN_BF16)
        case hf_rnn::kBfloat16ByVectors: return 1;
#endif
#if defined(HF_RNN_TILES)
        case hf_rnn::kBfloat16ByTiles: return hf_rnn::bf16::tiles_granted();
#endif
    }
    return 0;
}

// The numbers that products in bfloat16 are computed in here; kFloat where no instruction makes them faster than float.
extern "C" int hf_rnn_bfloat16() {
    if (hf_rnn_has(hf_rnn::kBfloat16ByTiles)) return hf_rnn::kBfloat16ByTiles;
#if defined(HF_RNN_BF16)
    // Intel's processors multiply by vectors of bfloat16 a quarter as fast as by vectors of float; AMD's twice as fast.
    if (!__builtin_cpu_is("intel")) return hf_rnn::kBfloat16ByVectors;
#endif
    return hf_rnn::kFloat;
}

// Runs `count` tasks on `threads` threads, the calling one among them. Returns 0, or 1 where memory ran out.
extern "C" int hf_rnn_run(const hf_rnn::Task* tasks, int64_t count, int64_t threads, int kind, int numbers,
                          int backward) {
    return hf_rnn::run_all(count, threads,
                           [&](int64_t index) { hf_rnn::run(tasks[index], kind, numbers, backward); });
}
