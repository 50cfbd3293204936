/* How fast this processor can multiply at most: loops in registers, for `sotto bench`'s arithmetic ceiling.
 * Each function does `rounds` rounds and returns the multiply-accumulates done; here in plain C. */
#include "kernels/kernels.h"

enum { LANES = 16 };

static uint64_t peak_int8_ref(uint64_t rounds) {
    volatile int8_t  seed = 3;
    volatile int32_t sink;
    int8_t           a[LANES], b = seed;
    int32_t          sum[LANES] = {0}, all = 0;
    for (int i = 0; i < LANES; i++) a[i] = (int8_t)(seed + i);
    for (uint64_t r = 0; r < rounds; r++, b = (int8_t)(b ^ (int8_t)r))
        for (int i = 0; i < LANES; i++) sum[i] = (int32_t)((uint32_t)sum[i] + (uint32_t)(a[i] * b));
    for (int i = 0; i < LANES; i++) all ^= sum[i];
    sink = all;
    (void)sink;
    return rounds * LANES;
}

static uint64_t peak_f32_ref(uint64_t rounds) {
    volatile float seed = 0.5f, sink;
    float          a[LANES], sum[LANES] = {0}, b = seed, all = 0;
    for (int i = 0; i < LANES; i++) a[i] = seed + (float)i;
    for (uint64_t r = 0; r < rounds; r++, b = -b)
        for (int i = 0; i < LANES; i++) sum[i] += a[i] * b;
    for (int i = 0; i < LANES; i++) all += sum[i];
    sink = all;
    (void)sink;
    return rounds * LANES;
}

void sotto_kernels_init_peak_ref(sotto_kernels *k) {
    k->peak_int8 = peak_int8_ref;
    k->peak_bf16 = k->peak_f32 = peak_f32_ref;
}
