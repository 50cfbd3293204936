/* The q6_k quantiser: 256 weights as sixteen groups of 16 with an int8 scale each and one half-precision scale
 * over all; codes are -32..31.
 *
 * A group's scale is searched: candidates take the element of largest magnitude to a code near -32, each is
 * refined to the least-squares scale of the codes that it gives, and the one of least squared error, weighted
 * with x^2, wins. The group scales are then themselves rounded to multiples of the super-block's scale, and the
 * codes are made anew with the scales that will really be used. */
#include "tensor/blocks.h"

#include <math.h>

/* Nearest integer, as a float, of lo <= v <= hi (others are clamped; NaN becomes lo). Adding and taking away
 * 1.5 * 2^23 leaves no bits below 1; it compiles to two additions where lrintf would be a call. */
static inline float nearest(float v, float lo, float hi) {
    v = v > lo ? v : lo;
    v = v < hi ? v : hi;
    return v + 12582912.0f - 12582912.0f;
}

/* The best scale for 16 weights; 0 when all are 0. */
static float search_scale(const float x[16]) {
    float amax = 0, max = 0;
    for (int j = 0; j < 16; j++) {
        if (fabsf(x[j]) > amax) amax = fabsf(x[j]), max = x[j];
    }
    if (!(amax > 1e-30f)) return 0;

    /* With weights w, codes q and scale s the error is sum w(x - sq)^2 = sum wx^2 - s(2a - sb) for a = sum wxq
     * and b = sum wq^2; it is least at s = a / b, where the second term, the gain, is a^2 / b. */
    float best_scale = 0, best_gain = 0, unit = 1 / amax;
    for (int k = -9; k <= 9; k++) {
        float inverse = -(32 + 0.1f * (float)k) / max, a = 0, b = 0;
        for (int j = 0; j < 16; j++) {
            float q = nearest(x[j] * inverse, -32, 31), y = x[j] * unit, w = y * y;
            a += w * y * q;
            b += w * q * q;
        }
        if (b > 0 && a * a > best_gain * b) {
            best_gain = a * a / b;
            best_scale = a / b * amax;
        }
    }
    return best_scale;
}

void sotto_quantize_q6_k(const float *src, sotto_block_q6_k *out) {
    float scale[16], max = 0;
    for (int g = 0; g < 16; g++) {
        scale[g] = search_scale(src + 16 * g);
        if (fabsf(scale[g]) > fabsf(max)) max = scale[g];
    }
    memset(out, 0, sizeof *out);
    /* The largest group scale becomes -128, its sign kept by d's. Small weights make d a subnormal number of few
     * bits, so what counts from here on is d as it is stored. */
    out->d = sotto_f32_to_f16(max / -128);
    float d = sotto_f16_to_f32(out->d), inverse = d != 0 ? 1 / d : 0;

    uint8_t code[256];
    for (int g = 0; g < 16; g++) {
        out->scales[g] = (int8_t)nearest(scale[g] * inverse, -128, 127);
        float step = d * out->scales[g];
        for (int j = 0; j < 16; j++)
            code[16 * g + j] = (uint8_t)(32 + (step != 0 ? nearest(src[16 * g + j] / step, -32, 31) : 0));
    }
    for (int n = 0; n < 2; n++) {
        const uint8_t *c = code + 128 * n; /* four runs of 32: see unpack_q6_k in blocks.c */
        for (int l = 0; l < 32; l++) {
            out->ql[64 * n + l] = (uint8_t)((c[l] & 15) | (c[l + 64] & 15) << 4);
            out->ql[64 * n + l + 32] = (uint8_t)((c[l + 32] & 15) | (c[l + 96] & 15) << 4);
            out->qh[32 * n + l] =
                (uint8_t)(c[l] >> 4 | c[l + 32] >> 4 << 2 | c[l + 64] >> 4 << 4 | c[l + 96] >> 4 << 6);
        }
    }
}
