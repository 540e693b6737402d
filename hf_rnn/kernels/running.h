// Tasks that share nothing that is written, on a number of threads.

#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace hf_rnn {

// Denormal numbers cost a hundred times the time of others, and vanishing gradients are full of them.
class DenormalsFlushed {
#if defined(__SSE2__)
   public:
    DenormalsFlushed() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
    ~DenormalsFlushed() { _mm_setcsr(before_); }

   private:
    unsigned before_;
#endif
};

// Calls `run` with every number below `count`, on `threads` threads, the calling one among them. Returns 0, or 1 where
// memory ran out.
template <class Run>
int run_tasks(int64_t count, int64_t threads, const Run& run) {
    std::atomic<bool> failed{false};
    const auto work = [&](int64_t first) {
        [[maybe_unused]] const DenormalsFlushed flushed;
        try {
            for (int64_t index = first; index < count; index += threads) run(index);
        } catch (const std::exception&) {  // nothing above throws but for want of memory
            failed = true;
        }
    };
    std::vector<std::thread> others;
    try {
        others.reserve(threads);  // so that below nothing fails but a thread's start
    } catch (const std::exception&) {
        return 1;
    }
    for (int64_t first = 1; first < threads; ++first) {
        try {
            others.emplace_back(work, first);
        } catch (const std::exception&) {
            work(first);  // no thread to be had: do it here
        }
    }
    work(0);
    for (auto& thread : others) thread.join();
    return failed;
}

}  // namespace hf_rnn
