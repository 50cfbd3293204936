/* x86-64: instruction sets by cpuid; the register state that the system saves by xgetbv.
 * Source: Intel SDM volume 1, chapters 14 and 15 (detection of AVX and AVX-512), volume 2, CPUID. */
#include "os/system.h"

#include "os/cpu.h"

#if defined(__x86_64__)

#include <cpuid.h>

/* XCR0, the state components that the system saves on a context switch. Only valid with OSXSAVE. */
static uint64_t saved_state(void) {
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

static bool has(uint32_t reg, uint32_t bits) { return (reg & bits) == bits; }

uint32_t sotto_cpu_detect(void) {
    enum { FMA = 1u << 12, OSXSAVE = 1u << 27, AVX = 1u << 28, F16C = 1u << 29 };   /* leaf 1, ecx */
    enum { AVX2 = 1u << 5, F = 1u << 16, DQ = 1u << 17, BW = 1u << 30 };            /* leaf 7, ebx */
    const uint32_t VL = 1u << 31;                                                   /* leaf 7, ebx */
    enum { VBMI = 1u << 1, VNNI = 1u << 11 };                                       /* leaf 7, ecx */
    enum { AVX_VNNI = 1u << 4, BF16 = 1u << 5 };                                    /* leaf 7.1, eax */
    enum { YMM_STATE = 0x06, ZMM_STATE = 0xe6 };
    uint32_t a1, b1, c1, d1, a7, b7, c7, d7, a71 = 0, b71, c71, d71, flags = 0;

    if (!__get_cpuid(1, &a1, &b1, &c1, &d1) || !__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7)) return 0;
    if (a7 >= 1 && !__get_cpuid_count(7, 1, &a71, &b71, &c71, &d71)) a71 = 0;
    if (!has(c1, OSXSAVE | AVX | FMA | F16C) || !has(b7, AVX2)) return 0;

    uint64_t saved = saved_state();
    if ((saved & YMM_STATE) != YMM_STATE) return 0;
    flags |= SOTTO_CPU_AVX2;
    if (has(a71, AVX_VNNI)) flags |= SOTTO_CPU_AVX_VNNI;

    if (!has(b7, F | DQ | BW | VL) || (saved & ZMM_STATE) != ZMM_STATE) return flags;
    flags |= SOTTO_CPU_AVX512;
    if (has(c7, VNNI)) flags |= SOTTO_CPU_AVX512_VNNI;
    if (has(c7, VBMI)) flags |= SOTTO_CPU_AVX512_VBMI;
    if (has(a71, BF16)) flags |= SOTTO_CPU_AVX512_BF16;
    return flags;
}

/* The brand string: 48 bytes in leaves 0x80000002 to 0x80000004, padded with blanks before or behind. */
void sotto_cpu_detect_name(char *out, size_t n) {
    uint32_t words[13] = {0};
    char     text[sizeof words];
    for (uint32_t leaf = 0; leaf < 3; leaf++) {
        uint32_t *w = words + 4 * leaf;
        if (!__get_cpuid(0x80000002u + leaf, w, w + 1, w + 2, w + 3)) words[0] = 0;
    }
    memcpy(text, words, sizeof text);
    const char *name = text + strspn(text, " ");
    size_t      len = strlen(name);
    while (len > 0 && name[len - 1] == ' ') len--;
    if (len > 0)
        (void)snprintf(out, n, "%.*s", (int)len, name);
    else
        (void)snprintf(out, n, "x86-64");
}

#endif
