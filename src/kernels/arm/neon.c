/* neon: the level that every 64-bit ARM processor has. Everything but the products of quantised weights comes from
 * the bodies that all processors share. */
#include "kernels/kernels.h"

#if defined(__aarch64__)

#include "kernels/arm/lanes.h"

#define WIDE_NIBBLES 0
#define TILES_OF_MMLA 0
#define TILE_ROWS 2
#define TILE_TOKENS 2

#include "kernels/arm/unpack.h"

/* The sums of one vector of lanes, without an instruction for it: products of bytes add up in 16 bits as long as
 * they fit, then pairs of them in 32 bits. */
typedef struct dot_sum {
    int16x8_t lo16, hi16;
    int32x4_t lo, hi;
} dot_sum;

/* How many products of a code and an activation (at most 127) fit in 16 bits. */
static INLINE int dot_run(sotto_dtype dtype) {
    switch (dtype) {
    case SOTTO_Q8_0:
    case SOTTO_IQ4_NL: return 2; /* 2 * 128 * 127 = 32512 */
    case SOTTO_Q6_K: return 4;   /* 4 * 32 * 127 = 16256 */
    default: return 8;           /* 8 * 31 * 127 = 31496 */
    }
}

/* Step `k` of a sum (0 begins it): per lane, add the products of four bytes of the weights and of the activations. */
static INLINE void dot_add(sotto_dtype dtype, int k, dot_sum *s, int8x16_t w, int8x16_t x) {
    const int run = dot_run(dtype);
    if (k % run == 0) {
        s->lo16 = vmull_s8(vget_low_s8(w), vget_low_s8(x));
        s->hi16 = vmull_high_s8(w, x);
    } else {
        s->lo16 = vmlal_s8(s->lo16, vget_low_s8(w), vget_low_s8(x));
        s->hi16 = vmlal_high_s8(s->hi16, w, x);
    }
    if (k % run != run - 1) return;
    s->lo = k < run ? vpaddlq_s16(s->lo16) : vpadalq_s16(s->lo, s->lo16);
    s->hi = k < run ? vpaddlq_s16(s->hi16) : vpadalq_s16(s->hi, s->hi16);
}

static INLINE int32x4_t dot_total(const dot_sum *s) { return vpaddq_s32(s->lo, s->hi); }

#include "kernels/arm/product.h"
#include "kernels/simd/floats.h"
#include "kernels/simd/vector.h"
#include "kernels/simd/attend.h"
#include "kernels/simd/table.h"

void sotto_kernels_init_neon(sotto_kernels *k) {
    set_entries(k);
    k->name = "neon";
}

#else

void sotto_kernels_init_neon(sotto_kernels *k) { (void)k; }

#endif
