/* For the files of one instruction set: they switch it on for themselves, between ISA_BEGIN and ISA_END and after
 * all includes that are not theirs, so that no file needs compiler flags of its own. */
#ifndef SOTTO_KERNELS_SIMD_ISA_H
#define SOTTO_KERNELS_SIMD_ISA_H

#define ISA_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define ISA_BEGIN(features)                                                                                  \
    ISA_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define ISA_END _Pragma("clang attribute pop")
#else
#define ISA_BEGIN(features) _Pragma("GCC push_options") ISA_PRAGMA(GCC target(features))
#define ISA_END _Pragma("GCC pop_options")
#endif

/* Bodies are functions of constants (dtype, tile size) and must be inlined; loops over registers unrolled. */
#define INLINE inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

/* Ask for n_bytes of what will be read a little later, so many bytes ahead of p, into the second-level cache: the
 * processor's own prefetching stops at each page. PREFETCH_AHEAD, for a stream, is well above bandwidth * latency
 * (about 5 KB).
 * Prefetching beyond the end of the weights is harmless: it is no access. */
enum { PREFETCH_AHEAD = 16384 };
static INLINE void prefetch(const uint8_t *p, size_t ahead, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i += 64) __builtin_prefetch((const void *)((uintptr_t)p + ahead + i), 0, 1);
}

#endif
