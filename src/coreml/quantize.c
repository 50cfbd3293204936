/* 32 weights at a time to 4 or 8 bits. */
#include "coreml/export.h"

/* Lanes that are summed up at last: compilers turn them into vector instructions. */
enum { LANES = 8 };

static float sum_lanes(const float *lanes) {
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

static float error_of(const float *x, const float *w, float scale, const int8_t *codes) {
    float lanes[LANES] = {0};
    for (int i = 0; i < SOTTO_CODE_BLOCK; i += LANES)
        for (int k = 0; k < LANES; k++) {
            float e = x[i + k] - scale * (float)codes[i + k];
            lanes[k] += w[i + k] * e * e;
        }
    return sum_lanes(lanes);
}

/* Scales that take the greatest magnitude to code 5.5 and on, up to 8.5; more do not lower the error of normally
 * distributed weights by a thousandth. The codes of each would get the scale that serves them best, xq / qq by least
 * squares, and lower the error by xq^2 / qq then. The winner replaces what is there if, with its scale in half
 * precision, it is truly better. */
static void search(const sotto_kernels *k, const float *x, const float *w, float greatest, int8_t *codes,
                   uint16_t *scale) {
    float   inverse[SOTTO_SCALES_TRIED], xq[SOTTO_SCALES_TRIED], qq[SOTTO_SCALES_TRIED], most = 0;
    int8_t  tried[SOTTO_CODE_BLOCK];
    int     best = 0;
    for (int i = 0; i < SOTTO_SCALES_TRIED; i++)
        inverse[i] = (5.5f + 3.0f / (SOTTO_SCALES_TRIED - 1) * (float)i) / greatest;
    k->try_scales(x, w, inverse, xq, qq);
    for (int i = 0; i < SOTTO_SCALES_TRIED; i++) {
        float gain = xq[i] * xq[i] / qq[i]; /* not a number where all codes are zero */
        if (gain > most) most = gain, best = i;
    }
    if (most == 0) return;
    uint16_t h = sotto_f32_to_f16(xq[best] / qq[best]);
    k->round_block(x, inverse[best], -8, 7, tried);
    if (!(error_of(x, w, sotto_f16_to_f32(h), tried) < error_of(x, w, sotto_f16_to_f32(*scale), codes))) return;
    *scale = h;
    memcpy(codes, tried, sizeof tried);
}

/* The bits of the greatest magnitude: they are in the order of the numbers, infinity and what is no number last. */
static uint32_t greatest_bits(const float *x) {
    uint32_t bits[SOTTO_CODE_BLOCK], greatest = 0;
    memcpy(bits, x, sizeof bits);
    for (int i = 0; i < SOTTO_CODE_BLOCK; i++) greatest = SOTTO_MAX(greatest, bits[i] & 0x7fffffff);
    return greatest;
}

bool sotto_block_quantize(const sotto_kernels *k, const float *x, const float *importance, int bits, bool best,
                          int8_t *codes, uint16_t *scale) {
    static const float equal[SOTTO_CODE_BLOCK] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                                  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    uint32_t           all = greatest_bits(x);
    float              top = bits == 4 ? 7 : 127, greatest;
    memcpy(&greatest, &all, sizeof greatest);
    *scale = sotto_f32_to_f16(greatest / top);
    if ((*scale & 0x7c00) == 0x7c00) return false;
    memset(codes, 0, SOTTO_CODE_BLOCK);
    if (*scale == 0) return true; /* nothing that half precision could tell from zero */
    k->round_block(x, 1 / sotto_f16_to_f32(*scale), -top, top, codes);
    if (best && bits == 4) search(k, x, importance ? importance : equal, greatest, codes, scale);
    return true;
}

bool sotto_block_from_q4_0(const sotto_block_q4_0 *b, bool mirror, int8_t *codes, uint16_t *scale, int8_t *offset) {
    bool    negative = mirror && (b->d & 0x8000) != 0;
    uint8_t flip = negative ? 0xff : 0; /* 7 - q = (15 - q) - 8 */
    uint8_t made[SOTTO_CODE_BLOCK], qs[SOTTO_CODE_BLOCK / 2];
    memcpy(qs, b->qs, sizeof qs);
    for (int i = 0; i < SOTTO_CODE_BLOCK / 2; i++) made[i] = (uint8_t)(((qs[i] ^ flip) & 15) - 8);
    for (int i = 0; i < SOTTO_CODE_BLOCK / 2; i++) made[i + 16] = (uint8_t)(((qs[i] ^ flip) >> 4) - 8);
    memcpy(codes, made, sizeof made);
    *scale = negative ? b->d & 0x7fff : b->d;
    *offset = negative ? -1 : 0;
    return (b->d & 0x7c00) != 0x7c00;
}
