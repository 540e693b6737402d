// The mode of the processor in which numbers too small to be normal are zero.

#pragma once

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

}  // namespace hf_rnn
