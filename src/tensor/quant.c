/* Rows of floats to storage dtypes, by the reference rule of each format. The rules are stated in the comments;
 * every step is a float operation rounded on its own, so that the bytes equal those of the format's other
 * writers. */
#include "tensor/blocks.h"

#include <math.h>

/* 1 / d, or 0 where d is too small to have one: the block's stored scale is then 0 whatever the codes. */
static float inverse(float d) {
    float id = d != 0 ? 1.0f / d : 0.0f;
    return isfinite(id) ? id : 0.0f;
}

/* The scale takes the element of largest magnitude, the first of equals, to code -8: d = that / -8. Codes are
 * made with the d that is not yet rounded to half precision: trunc(x / d + 8.5), at most 15. */
static void quantize_q4_0(const float *x, sotto_block_q4_0 *b) {
    float amax = 0, max = 0;
    for (int j = 0; j < 32; j++) {
        if (fabsf(x[j]) > amax) amax = fabsf(x[j]), max = x[j];
    }
    float   d = max / -8, id = inverse(d);
    uint8_t code[32];
    for (int j = 0; j < 32; j++) code[j] = (uint8_t)fminf(x[j] * id + 8.5f, 15);
    for (int j = 0; j < 16; j++) b->qs[j] = (uint8_t)(code[j] | code[j + 16] << 4);
    b->d = sotto_f32_to_f16(d);
}

/* d = amax / 127, code = x / d rounded to nearest, halves away from zero. */
static void quantize_q8_0(const float *x, sotto_block_q8_0 *b) {
    float amax = 0;
    for (int j = 0; j < 32; j++) amax = fabsf(x[j]) > amax ? fabsf(x[j]) : amax;
    float d = amax / 127, id = inverse(d);
    for (int j = 0; j < 32; j++) b->qs[j] = (int8_t)fmaxf(fminf(roundf(x[j] * id), 127), -127);
    b->d = sotto_f32_to_f16(d);
}

bool sotto_dtype_can_quantize(sotto_dtype dtype) {
    switch (dtype) {
    case SOTTO_F32:
    case SOTTO_F16:
    case SOTTO_BF16:
    case SOTTO_Q8_0:
    case SOTTO_Q4_0:
    case SOTTO_Q6_K: return true;
    default: return false;
    }
}

void sotto_row_from_f32(sotto_dtype dtype, const float *src, void *dst, size_t n) {
    uint8_t *p = dst;
    uint16_t h;
    switch (dtype) {
    case SOTTO_F32: memcpy(dst, src, n * sizeof *src); break;
    case SOTTO_F16:
        for (size_t i = 0; i < n; i++) h = sotto_f32_to_f16(src[i]), memcpy(p + 2 * i, &h, 2);
        break;
    case SOTTO_BF16:
        for (size_t i = 0; i < n; i++) h = sotto_f32_to_bf16(src[i]), memcpy(p + 2 * i, &h, 2);
        break;
    case SOTTO_Q4_0:
        for (size_t i = 0; i < n / 32; i++) {
            sotto_block_q4_0 b;
            quantize_q4_0(src + 32 * i, &b);
            memcpy(p + sizeof b * i, &b, sizeof b);
        }
        break;
    case SOTTO_Q8_0:
        for (size_t i = 0; i < n / 32; i++) {
            sotto_block_q8_0 b;
            quantize_q8_0(src + 32 * i, &b);
            memcpy(p + sizeof b * i, &b, sizeof b);
        }
        break;
    case SOTTO_Q6_K:
        for (size_t i = 0; i < n / 256; i++) {
            sotto_block_q6_k b;
            sotto_quantize_q6_k(src + 256 * i, &b);
            memcpy(p + sizeof b * i, &b, sizeof b);
        }
        break;
    default: break; /* sotto_dtype_can_quantize is false */
    }
}
