/* The arithmetic ceiling of x86-64. Twelve independent accumulators keep every multiplier busy while the
 * latency of four or five cycles passes. The loops are written in assembly, because compilers add register
 * moves to them. */
#include "kernels/kernels.h"

#if defined(__x86_64__)

#define TWELVE(op)                                                                                           \
    op("0") op("1") op("2") op("3") op("4") op("5") op("6") op("7") op("8") op("9") op("10") op("11")
#define TWELVE_HIGH(op)                                                                                      \
    op("16") op("17") op("18") op("19") op("20") op("21") op("22") op("23") op("24") op("25") op("26")       \
        op("27")
#define LOW_CLOBBERED                                                                                        \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",        \
        "xmm12", "xmm13", "xmm14", "xmm15"
#define HIGH_CLOBBERED                                                                                       \
    "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26",       \
        "xmm27", "xmm28", "xmm29"
/* All registers zero (a sum of garbage could meet slow denormals), then `body` until the count is used up. */
#define LOOP(zero, body, end, ...)                                                                           \
    __asm__ volatile(zero ".p2align 5\n1:\n" body "subq $1, %0\njnz 1b\n" end                                \
                     : "+r"(rounds)                                                                          \
                     :                                                                                       \
                     : "cc", __VA_ARGS__)

#define ZERO_YMM(n) "vxorps %%ymm" n ", %%ymm" n ", %%ymm" n "\n"
#define ZERO_ZMM(n) "vpxord %%zmm" n ", %%zmm" n ", %%zmm" n "\n"
/* The int8 product of AVX2: pairs to int16, pairs to int32, add. */
#define MADD_YMM(n)                                                                                          \
    "vpmaddubsw %%ymm12, %%ymm13, %%ymm14\nvpmaddwd %%ymm12, %%ymm14, %%ymm14\nvpaddd %%ymm14, %%ymm" n      \
    ", %%ymm" n "\n"
#define FMA_YMM(n) "vfmadd231ps %%ymm12, %%ymm13, %%ymm" n "\n"
#define FMA_ZMM(n) "vfmadd231ps %%zmm28, %%zmm29, %%zmm" n "\n"
#define DOT_ZMM(n) "vpdpbusd %%zmm28, %%zmm29, %%zmm" n "\n"
#define DOT_BF16_ZMM(n) "vdpbf16ps %%zmm28, %%zmm29, %%zmm" n "\n"
#define ZERO_ALL_YMM TWELVE(ZERO_YMM) ZERO_YMM("12") ZERO_YMM("13") ZERO_YMM("14")
#define ZERO_ALL_ZMM TWELVE_HIGH(ZERO_ZMM) ZERO_ZMM("28") ZERO_ZMM("29")

__attribute__((target("avx2,fma"))) static uint64_t peak_int8_avx2(uint64_t rounds) {
    uint64_t macs = rounds * 12 * 32;
    LOOP(ZERO_ALL_YMM, TWELVE(MADD_YMM), "vzeroupper\n", LOW_CLOBBERED);
    return macs;
}

__attribute__((target("avx2,fma"))) static uint64_t peak_f32_avx2(uint64_t rounds) {
    uint64_t macs = rounds * 12 * 8;
    LOOP(ZERO_ALL_YMM, TWELVE(FMA_YMM), "vzeroupper\n", LOW_CLOBBERED);
    return macs;
}

__attribute__((target("avx512f,avx512vl"))) static uint64_t peak_int8_avx512vnni(uint64_t rounds) {
    uint64_t macs = rounds * 12 * 64;
    LOOP(ZERO_ALL_ZMM, TWELVE_HIGH(DOT_ZMM), "", HIGH_CLOBBERED);
    return macs;
}

__attribute__((target("avx512f,avx512vl"))) static uint64_t peak_f32_avx512(uint64_t rounds) {
    uint64_t macs = rounds * 12 * 16;
    LOOP(ZERO_ALL_ZMM, TWELVE_HIGH(FMA_ZMM), "", HIGH_CLOBBERED);
    return macs;
}

__attribute__((target("avx512f,avx512vl"))) static uint64_t peak_bf16_avx512(uint64_t rounds) {
    uint64_t macs = rounds * 12 * 32;
    LOOP(ZERO_ALL_ZMM, TWELVE_HIGH(DOT_BF16_ZMM), "", HIGH_CLOBBERED);
    return macs;
}

void sotto_kernels_init_peak_avx2(sotto_kernels *k) {
    k->peak_int8 = peak_int8_avx2;
    k->peak_bf16 = k->peak_f32 = peak_f32_avx2;
}
void sotto_kernels_init_peak_avx512vnni(sotto_kernels *k) {
    k->peak_int8 = peak_int8_avx512vnni;
    k->peak_bf16 = k->peak_f32 = peak_f32_avx512;
}
void sotto_kernels_init_peak_avx512bf16(sotto_kernels *k) { k->peak_bf16 = peak_bf16_avx512; }

#else

void sotto_kernels_init_peak_avx2(sotto_kernels *k) { (void)k; }
void sotto_kernels_init_peak_avx512vnni(sotto_kernels *k) { (void)k; }
void sotto_kernels_init_peak_avx512bf16(sotto_kernels *k) { (void)k; }

#endif
