/* 32 weights at a time to 4 or 8 bits. */
#include "coreml/export.h"

#include <math.h>

/* Scales tried: those that take the greatest magnitude to code 5.5, 5.625, ... 8.5. More do not lower the error of
 * normally distributed weights by a thousandth. */
enum { CANDIDATES = 25 };

/* To the nearest integer, halves to even, for |x| < 2^22: the sum has no room for a fraction. */
static inline float nearest(float x) { return (x + 12582912.0f) - 12582912.0f; }

/* Without a branch, for compilers that make no vectors of branches; exact for small integers. */
static inline float clamp(float q, float low, float high) {
    return 0.5f * (fabsf(q - low) - fabsf(q - high) + (low + high));
}

/* 32 numbers as 4 rows of 8: sums run down the columns, which compilers turn into vector instructions. */
enum { LANES = 8 };

static float sum_lanes(const float *lanes) {
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

/* One block being searched: wx = importance * x. */
typedef struct block {
    float x[SOTTO_CODE_BLOCK], w[SOTTO_CODE_BLOCK], wx[SOTTO_CODE_BLOCK];
} block;

/* Codes of a scale; sum of w x q and of w q q. */
static void make_codes(const block *restrict b, float scale, float low, float high, float *restrict codes, float *xq,
                       float *qq) {
    float inverse = 1.0f / scale, lanes_xq[LANES] = {0}, lanes_qq[LANES] = {0};
    for (int i = 0; i < SOTTO_CODE_BLOCK; i += LANES)
        for (int k = 0; k < LANES; k++) {
            float q = clamp(nearest(b->x[i + k] * inverse), low, high);
            codes[i + k] = q;
            lanes_xq[k] += b->wx[i + k] * q;
            lanes_qq[k] += b->w[i + k] * q * q;
        }
    *xq = sum_lanes(lanes_xq);
    *qq = sum_lanes(lanes_qq);
}

static float error_of(const block *b, float scale, const float *codes) {
    float lanes[LANES] = {0};
    for (int i = 0; i < SOTTO_CODE_BLOCK; i += LANES)
        for (int k = 0; k < LANES; k++) {
            float e = b->x[i + k] - scale * codes[i + k];
            lanes[k] += b->w[i + k] * e * e;
        }
    return sum_lanes(lanes);
}

/* Each candidate's codes get the scale that serves them best, xq / qq by least squares, and have lowered the error by
 * xq^2 / qq then. The winner replaces what is there if, with its scale in half precision, it is truly better. */
static void search(const block *b, float greatest, float *codes, uint16_t *scale) {
    float tried[SOTTO_CODE_BLOCK], best[SOTTO_CODE_BLOCK], most = 0, fitted = 0, xq, qq;
    for (int k = 0; k < CANDIDATES; k++) {
        make_codes(b, greatest / (5.5f + 0.125f * (float)k), -8, 7, tried, &xq, &qq);
        if (!(qq > 0) || !(xq > 0) || !(xq * xq / qq > most)) continue;
        most = xq * xq / qq;
        fitted = xq / qq;
        memcpy(best, tried, sizeof best);
    }
    uint16_t h = sotto_f32_to_f16(fitted);
    if (most == 0 || !(error_of(b, sotto_f16_to_f32(h), best) < error_of(b, sotto_f16_to_f32(*scale), codes))) return;
    *scale = h;
    memcpy(codes, best, sizeof best);
}

bool sotto_block_quantize(const float *x, const float *importance, int bits, bool best, int8_t *codes,
                          uint16_t *scale) {
    float top = bits == 4 ? 7 : 127, greatest = 0, sum = 0, q[SOTTO_CODE_BLOCK], xq, qq;
    block b;
    for (int i = 0; i < SOTTO_CODE_BLOCK; i++) {
        greatest = fabsf(x[i]) > greatest ? fabsf(x[i]) : greatest;
        sum += x[i];
        b.x[i] = x[i];
        b.w[i] = importance ? importance[i] : 1;
        b.wx[i] = b.w[i] * x[i];
    }
    *scale = sotto_f32_to_f16(greatest / top);
    if (!isfinite(sum) || (*scale & 0x7c00) == 0x7c00) return false;
    memset(codes, 0, SOTTO_CODE_BLOCK);
    if (*scale == 0) return true; /* nothing that half precision could tell from zero */
    make_codes(&b, sotto_f16_to_f32(*scale), -top, top, q, &xq, &qq);
    if (best && bits == 4) search(&b, greatest, q, scale);
    for (int i = 0; i < SOTTO_CODE_BLOCK; i++) codes[i] = (int8_t)q[i];
    return true;
}

bool sotto_block_from_q4_0(const sotto_block_q4_0 *b, bool mirror, int8_t *codes, uint16_t *scale, int8_t *offset) {
    bool negative = mirror && (b->d & 0x8000) != 0;
    for (int i = 0; i < SOTTO_CODE_BLOCK / 2; i++) {
        int low = b->qs[i] & 15, high = b->qs[i] >> 4;
        codes[i] = (int8_t)(negative ? 7 - low : low - 8);
        codes[i + 16] = (int8_t)(negative ? 7 - high : high - 8);
    }
    *scale = negative ? b->d & 0x7fff : b->d;
    *offset = negative ? -1 : 0;
    return (b->d & 0x7c00) != 0x7c00;
}
