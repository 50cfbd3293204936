/* The sums of one vector of lanes by sdot; see neon.c for the meaning. */

typedef int32x4_t dot_sum;

static INLINE void dot_add(sotto_dtype dtype, int k, dot_sum *s, int8x16_t w, int8x16_t x) {
    (void)dtype;
    *s = vdotq_s32(k ? *s : vdupq_n_s32(0), w, x);
}

static INLINE int32x4_t dot_total(const dot_sum *s) { return *s; }
