// Whether the processor at hand has the instructions that this library was compiled for.
//
// The library's name tells processors apart by what the system lists (build.py). The list and the processor can differ:
// a container or an emulator may show the flags of its host, and compilers ask the processor itself. One instruction
// that is missing would end the process, so this is asked before anything else of the library is called.

#if defined(__x86_64__) && defined(__GNUC__)
// This function itself must run anywhere.
#define HF_RNN_ANYWHERE __attribute__((target("no-avx,no-bmi,no-bmi2,no-lzcnt,no-popcnt")))
#else
#define HF_RNN_ANYWHERE
#endif

#define HF_RNN_REQUIRE(set) \
    if (!__builtin_cpu_supports(set)) return set

// The first set that is missing; null: none.
extern "C" HF_RNN_ANYWHERE const char* hf_rnn_missing_instruction() {
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
#ifdef __SSE4_2__
    HF_RNN_REQUIRE("sse4.2");
#endif
#ifdef __POPCNT__
    HF_RNN_REQUIRE("popcnt");
#endif
#ifdef __BMI2__
    HF_RNN_REQUIRE("bmi2");
#endif
#ifdef __AVX__
    HF_RNN_REQUIRE("avx");
#endif
#ifdef __AVX2__
    HF_RNN_REQUIRE("avx2");
#endif
#ifdef __FMA__
    HF_RNN_REQUIRE("fma");
#endif
#ifdef __FMA4__
    HF_RNN_REQUIRE("fma4");
#endif
#ifdef __XOP__
    HF_RNN_REQUIRE("xop");
#endif
#ifdef __AVX512F__
    HF_RNN_REQUIRE("avx512f");
#endif
#ifdef __AVX512CD__
    HF_RNN_REQUIRE("avx512cd");
#endif
#ifdef __AVX512VL__
    HF_RNN_REQUIRE("avx512vl");
#endif
#ifdef __AVX512DQ__
    HF_RNN_REQUIRE("avx512dq");
#endif
#ifdef __AVX512BW__
    HF_RNN_REQUIRE("avx512bw");
#endif
#ifdef __AVX512VBMI__
    HF_RNN_REQUIRE("avx512vbmi");
#endif
#ifdef __AVX512VNNI__
    HF_RNN_REQUIRE("avx512vnni");
#endif
#ifdef __AVX512BF16__
    HF_RNN_REQUIRE("avx512bf16");
#endif
#endif
    return nullptr;
}
