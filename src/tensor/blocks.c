/* Unpacking of quantised blocks, and rows of any dtype to float. */
#include "tensor/blocks.h"

const int8_t sotto_iq4_nl_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/* 16 bytes of nibbles: the low ones are elements 0..15, the high ones 16..31. */
static void unpack_nibbles(const uint8_t qs[16], int offset, int8_t code[32]) {
    for (int j = 0; j < 16; j++) {
        code[j] = (int8_t)((qs[j] & 15) - offset);
        code[j + 16] = (int8_t)((qs[j] >> 4) - offset);
    }
}

/* The same with a fifth bit: bit j of the little-endian word qh belongs to element j. */
static void unpack_five(const uint8_t qs[16], const uint8_t qh[4], int offset, int8_t code[32]) {
    unpack_nibbles(qs, offset, code);
    for (int j = 0; j < 32; j++) code[j] = (int8_t)(code[j] + ((qh[j / 8] >> j % 8 & 1) << 4));
}

/* q4_k and q5_k: two sub-blocks share 32 bytes of qs, low nibbles and high nibbles; q5_k's fifth bit of element j
 * of sub-block s is bit s of qh[j]. `qh` is NULL for q4_k. */
static void unpack_k(const uint8_t scales[12], const uint8_t *qh, const uint8_t *qs, size_t s, sotto_block32 *out) {
    uint8_t scale, min;
    sotto_k_scale(scales, s, &scale, &min);
    out->d *= scale;
    out->m *= -(float)min;
    for (int j = 0; j < 32; j++) {
        int high = qh ? qh[j] >> s & 1 : 0;
        out->code[j] = (int8_t)((qs[32 * (s / 2) + (size_t)j] >> 4 * (s % 2) & 15) | high << 4);
    }
}

/* Half n = s / 4 of the super-block; quarter k = s % 4 of it takes ql bytes 32(k % 2).., their low (k < 2) or
 * high nibbles, and bits 2k, 2k+1 of the 32 qh bytes. */
static void unpack_q6_k(const uint8_t *block, size_t s, sotto_block32 *out) {
    size_t         n = s / 4, k = s % 4;
    const uint8_t *ql = block + offsetof(sotto_block_q6_k, ql) + 64 * n + 32 * (k % 2);
    const uint8_t *qh = block + offsetof(sotto_block_q6_k, qh) + 32 * n;
    for (int j = 0; j < 32; j++)
        out->code[j] = (int8_t)(((ql[j] >> 4 * (k / 2) & 15) | (qh[j] >> 2 * k & 3) << 4) - 32);
    memcpy(out->sub, block + offsetof(sotto_block_q6_k, scales) + 2 * s, 2);
}

void sotto_block_unpack(sotto_dtype dtype, const void *row, size_t index, sotto_block32 *out) {
    const sotto_dtype_info *info = sotto_dtype_get(dtype);
    const uint8_t          *block = (const uint8_t *)row + index * 32 / info->block_elems * info->block_bytes;
    /* The scale d comes first but in q6_k; where there is a minimum it comes next. */
    size_t   d_at = dtype == SOTTO_Q6_K ? offsetof(sotto_block_q6_k, d) : 0;
    uint16_t d, m;
    memcpy(&d, block + d_at, 2);
    memcpy(&m, block + 2, 2);
    out->d = sotto_f16_to_f32(d);
    out->m = sotto_dtype_has_min(dtype) ? sotto_f16_to_f32(m) : 0;
    out->sub[0] = out->sub[1] = 1;
    switch (dtype) {
    case SOTTO_Q4_0: unpack_nibbles(block + 2, 8, out->code); break;
    case SOTTO_Q4_1: unpack_nibbles(block + 4, 0, out->code); break;
    case SOTTO_Q5_0: unpack_five(block + 6, block + 2, 16, out->code); break;
    case SOTTO_Q5_1: unpack_five(block + 8, block + 4, 0, out->code); break;
    case SOTTO_Q8_0: memcpy(out->code, block + 2, 32); break;
    case SOTTO_Q4_K: unpack_k(block + 4, NULL, block + 16, index % 8, out); break;
    case SOTTO_Q5_K: unpack_k(block + 4, block + 16, block + 48, index % 8, out); break;
    case SOTTO_Q6_K: unpack_q6_k(block, index % 8, out); break;
    case SOTTO_IQ4_NL:
        unpack_nibbles(block + 2, 0, out->code);
        for (int j = 0; j < 32; j++) out->code[j] = sotto_iq4_nl_values[out->code[j]];
        break;
    default: memset(out, 0, sizeof *out); break; /* not a quantised dtype */
    }
}

static void quantised_to_f32(sotto_dtype dtype, const void *src, float *dst, size_t n) {
    bool has_min = sotto_dtype_has_min(dtype); /* adding 0 would turn -0 into +0 */
    for (size_t i = 0; i < n / 32; i++) {
        sotto_block32 b;
        sotto_block_unpack(dtype, src, i, &b);
        for (int j = 0; j < 32; j++) {
            float value = b.d * b.sub[j / 16] * b.code[j];
            dst[32 * i + (size_t)j] = has_min ? value + b.m : value;
        }
    }
}

void sotto_row_to_f32(sotto_dtype dtype, const void *src, float *dst, size_t n) {
    const uint8_t *p = src;
    uint16_t       h;
    double         f64;
    switch (dtype) {
    case SOTTO_F32: memcpy(dst, src, n * sizeof *dst); break;
    case SOTTO_F16:
        for (size_t i = 0; i < n; i++) memcpy(&h, p + 2 * i, 2), dst[i] = sotto_f16_to_f32(h);
        break;
    case SOTTO_BF16:
        for (size_t i = 0; i < n; i++) memcpy(&h, p + 2 * i, 2), dst[i] = sotto_bf16_to_f32(h);
        break;
    case SOTTO_F64:
        for (size_t i = 0; i < n; i++) memcpy(&f64, p + 8 * i, 8), dst[i] = (float)f64;
        break;
    default: quantised_to_f32(dtype, src, dst, n); break;
    }
}
