/* 32 weights at a time to 4 or 8 bits. */
#include "coreml/export.h"

#include <math.h>

/* Scales tried: those that take the greatest magnitude to code 5.5, 5.625, ... 8.5. More do not lower the error of
 * normally distributed weights by a thousandth. */
enum { CANDIDATES = 25 };

/* To the nearest integer, halves to even, for |x| < 2^22: the sum has no room for a fraction. */
static inline float nearest(float x) { return (x + 12582912.0f) - 12582912.0f; }

static inline float clamp(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

/* Codes of a scale, and the scale that serves these codes best by least squares. */
static float codes_of(const float *x, const float *importance, float scale, float low, float high, float *codes) {
    float inverse = 1.0f / scale, xq = 0, qq = 0;
    for (int i = 0; i < SOTTO_CODE_BLOCK; i++) codes[i] = clamp(nearest(clamp(x[i] * inverse, -200, 200)), low, high);
    for (int i = 0; i < SOTTO_CODE_BLOCK; i++) {
        xq += importance[i] * x[i] * codes[i];
        qq += importance[i] * codes[i] * codes[i];
    }
    return qq > 0 ? xq / qq : scale;
}

static float error_of(const float *x, const float *importance, float scale, const float *codes) {
    float sum = 0;
    for (int i = 0; i < SOTTO_CODE_BLOCK; i++) {
        float e = x[i] - scale * codes[i];
        sum += importance[i] * e * e;
    }
    return sum;
}

bool sotto_block_quantize(const float *x, const float *importance, int bits, bool search, int8_t *codes,
                          uint16_t *scale) {
    static const float ones[SOTTO_CODE_BLOCK] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                                 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    float top = bits == 4 ? 7 : 127, greatest = 0, sum = 0, best[SOTTO_CODE_BLOCK], tried[SOTTO_CODE_BLOCK];
    if (!importance) importance = ones;
    for (int i = 0; i < SOTTO_CODE_BLOCK; i++) {
        greatest = fabsf(x[i]) > greatest ? fabsf(x[i]) : greatest;
        sum += x[i];
    }
    *scale = sotto_f32_to_f16(greatest / top);
    if (!isfinite(sum) || (*scale & 0x7c00) == 0x7c00) return false;
    float d = sotto_f16_to_f32(*scale);
    memset(codes, 0, SOTTO_CODE_BLOCK);
    if (d == 0) return true; /* nothing that half precision could tell from zero */
    (void)codes_of(x, importance, d, -top, top, best);
    float least = error_of(x, importance, d, best);
    for (int k = 0; search && bits == 4 && k < CANDIDATES; k++) {
        float    fitted = codes_of(x, importance, greatest / (5.5f + 0.125f * (float)k), -8, 7, tried);
        uint16_t h = sotto_f32_to_f16(fitted);
        float    candidate = sotto_f16_to_f32(h), error = error_of(x, importance, candidate, tried);
        if (!(error < least) || candidate <= 0) continue;
        least = error;
        *scale = h;
        memcpy(best, tried, sizeof best);
    }
    for (int i = 0; i < SOTTO_CODE_BLOCK; i++) codes[i] = (int8_t)best[i];
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
