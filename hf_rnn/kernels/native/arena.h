// Memory of one call, taken piece by piece and free again when the next call begins. It is a thread's own.

#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "columns.h"

namespace hf_rnn {

class Arena {
   public:
    // Free what was taken. What a thread keeps is what its largest call needed.
    void reset() { chunk_ = used_ = 0; }

    // `count` numbers, uninitialised, at the beginning of a line of the cache.
    float* take(int64_t count) {
        count = (count + kLine - 1) / kLine * kLine;
        while (chunk_ < static_cast<int64_t>(chunks_.size()) && used_ + count > size(chunk_)) ++chunk_, used_ = 0;
        if (chunk_ == static_cast<int64_t>(chunks_.size())) chunks_.emplace_back(std::max(count, kChunk));
        float* at = chunks_[chunk_].data() + used_;
        used_ += count;
        return at;
    }

   private:
    static constexpr int64_t kLine = 16, kChunk = 1 << 16;
    int64_t size(int64_t chunk) const { return chunks_[chunk].size(); }

    std::vector<Lines<float>> chunks_;
    int64_t chunk_ = 0, used_ = 0;
};

}  // namespace hf_rnn
