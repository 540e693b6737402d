// How the tasks of a layer are shared among threads.

#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "denormals.h"

namespace hf_rnn {

// Calls `run` with each index below `count` on `threads` threads, the calling one among them. Returns 0, or 1 where
// memory ran out.
template <class Run>
int run_all(int64_t count, int64_t threads, const Run& run) {
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
