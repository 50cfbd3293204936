/* Every quantised weight dtype seen as blocks of 32 elements: the definition that the conversion to float and
 * the reference kernels share. Super-blocks of 256 (q4_k, q5_k, q6_k) are eight such blocks. */
#ifndef SOTTO_TENSOR_BLOCKS_H
#define SOTTO_TENSOR_BLOCKS_H

#include "tensor/tensor.h"

/* Element j is (d * sub[j / 16]) * code[j] + m, rounded to float after each step. */
typedef struct sotto_block32 {
    int8_t code[32];
    float  d;
    int8_t sub[2]; /* integer scales of the halves: q6_k's, else 1 */
    float  m;      /* 0 for the dtypes without a minimum */
} sotto_block32;

/* Block `index` (elements 32 * index and on) of a row. */
void sotto_block_unpack(sotto_dtype dtype, const void *row, size_t index, sotto_block32 *out);

/* Whether m can differ from 0. */
static inline bool sotto_dtype_has_min(sotto_dtype dtype) {
    return dtype == SOTTO_Q4_1 || dtype == SOTTO_Q5_1 || dtype == SOTTO_Q4_K || dtype == SOTTO_Q5_K;
}

/* Scale and minimum codes (6 bits each) of sub-block s of q4_k and q5_k, packed in 12 bytes: sub-blocks 0..3
 * in the low 6 bits of bytes s and s + 4; of sub-blocks 4..7 the low 4 bits share byte s + 4 and the high 2
 * bits are the top bits of bytes s - 4 and s. */
static inline void sotto_k_scale(const uint8_t scales[12], size_t s, uint8_t *scale, uint8_t *min) {
    if (s < 4) {
        *scale = scales[s] & 63;
        *min = scales[s + 4] & 63;
    } else {
        *scale = (uint8_t)((scales[s + 4] & 15) | (scales[s - 4] >> 6) << 4);
        *min = (uint8_t)((scales[s + 4] >> 4) | (scales[s] >> 6) << 4);
    }
}

/* q6_k super-block from 256 floats (quant_q6k.c). */
void sotto_quantize_q6_k(const float *src, sotto_block_q6_k *out);

#endif
