/* The arithmetic ceiling of arm64; see x86/peak_x86.c for how the loops are made. */
#include "kernels/kernels.h"

#if defined(__aarch64__)

#define TWELVE(op)                                                                                           \
    op("16") op("17") op("18") op("19") op("20") op("21") op("22") op("23") op("24") op("25") op("26")       \
        op("27")
#define LOOP(body)                                                                                           \
    __asm__ volatile(                                                                                        \
        "movi v0.16b, #0\nmovi v1.16b, #0\n" TWELVE(ZERO) "1:\n" TWELVE(body) "subs %0, %0, #1\nb.ne 1b\n"   \
        : "+r"(rounds)                                                                                       \
        :                                                                                                    \
        : "cc", "v0", "v1", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26",     \
          "v27")

#define ZERO(n) "movi v" n ".16b, #0\n"
#define WIDEN(n) "smlal v" n ".8h, v0.8b, v1.8b\n"
#define FMA(n) "fmla v" n ".4s, v0.4s, v1.4s\n"
/* sdot and smmla vN.4s, v0.16b, v1.16b and bfmmla vN.4s, v0.8h, v1.8h as numbers: assemblers know the names only
 * where the whole file is for a newer architecture. */
#define SDOT(n) ".inst 0x4e819400 + " n "\n"
#define SMMLA(n) ".inst 0x4e81a400 + " n "\n"
#define BFMMLA(n) ".inst 0x6e41ec00 + " n "\n"

static uint64_t peak_int8_neon(uint64_t rounds) {
    uint64_t macs = rounds * 12 * 8;
    LOOP(WIDEN);
    return macs;
}

static uint64_t peak_f32_neon(uint64_t rounds) {
    uint64_t macs = rounds * 12 * 4;
    LOOP(FMA);
    return macs;
}

static uint64_t peak_int8_dotprod(uint64_t rounds) {
    uint64_t macs = rounds * 12 * 16;
    LOOP(SDOT);
    return macs;
}

static uint64_t peak_int8_i8mm(uint64_t rounds) {
    uint64_t macs = rounds * 12 * 32;
    LOOP(SMMLA);
    return macs;
}

static uint64_t peak_bf16_bfmmla(uint64_t rounds) {
    uint64_t macs = rounds * 12 * 16;
    LOOP(BFMMLA);
    return macs;
}

void sotto_kernels_init_peak_neon(sotto_kernels *k) {
    k->peak_int8 = peak_int8_neon;
    k->peak_bf16 = k->peak_f32 = peak_f32_neon;
}
void sotto_kernels_init_peak_dotprod(sotto_kernels *k) { k->peak_int8 = peak_int8_dotprod; }
void sotto_kernels_init_peak_i8mm(sotto_kernels *k) { k->peak_int8 = peak_int8_i8mm; }
void sotto_kernels_init_peak_bf16(sotto_kernels *k) { k->peak_bf16 = peak_bf16_bfmmla; }

#else

void sotto_kernels_init_peak_neon(sotto_kernels *k) { (void)k; }
void sotto_kernels_init_peak_dotprod(sotto_kernels *k) { (void)k; }
void sotto_kernels_init_peak_i8mm(sotto_kernels *k) { (void)k; }
void sotto_kernels_init_peak_bf16(sotto_kernels *k) { (void)k; }

#endif
