/* ref: every kernel in plain C. This is the definition; the other levels are checked against it.
 * Attention is in ref/attend.c. */
#include "kernels/ref/ref.h"

#include "tensor/blocks.h"

#include <math.h>

/* ---- products with float activations ------------------------------------------------------------------- */

static float row_dot_f32(const uint8_t *w, const float *x, int32_t cols) {
    float sum = 0;
    for (int32_t i = 0; i < cols; i++) {
        float f;
        memcpy(&f, w + 4 * (size_t)i, 4);
        sum += f * x[i];
    }
    return sum;
}

static float row_dot_f16(const uint8_t *w, const float *x, int32_t cols) {
    float sum = 0;
    for (int32_t i = 0; i < cols; i++) {
        uint16_t h;
        memcpy(&h, w + 2 * (size_t)i, 2);
        sum += sotto_f16_to_f32(h) * x[i];
    }
    return sum;
}

static float row_dot_bf16(const uint8_t *w, const float *x, int32_t cols) {
    float sum = 0;
    for (int32_t i = 0; i < cols; i++) {
        uint16_t h;
        memcpy(&h, w + 2 * (size_t)i, 2);
        sum += sotto_bf16_to_f32(h) * x[i];
    }
    return sum;
}

static void matmul_float(const sotto_matmul *m, int32_t begin, int32_t end,
                         float (*dot)(const uint8_t *w, const float *x, int32_t cols)) {
    for (int32_t r = begin; r < end; r++) {
        const uint8_t *w = (const uint8_t *)m->w + (size_t)r * m->w_stride;
        for (int32_t t = 0; t < m->n_tokens; t++) {
            const void *x = (const uint8_t *)m->x + (size_t)t * m->x_stride;
            m->y[(size_t)t * m->y_stride + (size_t)r] = dot(w, x, m->cols);
        }
    }
}

static void matmul_f32(const sotto_matmul *m, int32_t begin, int32_t end) { matmul_float(m, begin, end, row_dot_f32); }
static void matmul_f16(const sotto_matmul *m, int32_t begin, int32_t end) { matmul_float(m, begin, end, row_dot_f16); }
static void matmul_bf16(const sotto_matmul *m, int32_t begin, int32_t end) {
    matmul_float(m, begin, end, row_dot_bf16);
}

/* ---- products with int8 activations -------------------------------------------------------------------- */

/* Per block of 32: d * x.scale * (sub[0] * sum of codes' products in the first half + sub[1] * second half)
 * + m * x.scale * sum of x's codes. The bracket is an integer below 2^24. */
static float block_dot(const sotto_block32 *w, const sotto_q8_group *x, size_t b) {
    int32_t dot_lo = 0, dot_hi = 0;
    for (int j = 0; j < 16; j++) {
        dot_lo += w->code[j] * x->code[j / 4][b][j % 4];
        dot_hi += w->code[j + 16] * x->code[4 + j / 4][b][j % 4];
    }
    float dot = (float)(w->sub[0] * dot_lo + w->sub[1] * dot_hi);
    return w->d * x->scale[b] * dot + w->m * x->scale[b] * (float)(x->sum_lo[b] + x->sum_hi[b]);
}

static void matmul_q8(sotto_dtype dtype, const sotto_matmul *m, int32_t begin, int32_t end) {
    for (int32_t r = begin; r < end; r++) {
        const uint8_t *w = (const uint8_t *)m->w + (size_t)r * m->w_stride;
        for (int32_t t = 0; t < m->n_tokens; t++) m->y[(size_t)t * m->y_stride + (size_t)r] = 0;
        for (size_t b = 0; b < (size_t)m->cols / 32; b++) {
            sotto_block32 block;
            sotto_block_unpack(dtype, w, b, &block);
            for (int32_t t = 0; t < m->n_tokens; t++) {
                const sotto_q8_group *x =
                    (const sotto_q8_group *)(const void *)((const uint8_t *)m->x + (size_t)t * m->x_stride);
                m->y[(size_t)t * m->y_stride + (size_t)r] += block_dot(&block, x + b / 16, b % 16);
            }
        }
    }
}

static void matmul_q4_0(const sotto_matmul *m, int32_t begin, int32_t end) { matmul_q8(SOTTO_Q4_0, m, begin, end); }
static void matmul_q4_1(const sotto_matmul *m, int32_t begin, int32_t end) { matmul_q8(SOTTO_Q4_1, m, begin, end); }
static void matmul_q5_0(const sotto_matmul *m, int32_t begin, int32_t end) { matmul_q8(SOTTO_Q5_0, m, begin, end); }
static void matmul_q5_1(const sotto_matmul *m, int32_t begin, int32_t end) { matmul_q8(SOTTO_Q5_1, m, begin, end); }
static void matmul_q8_0(const sotto_matmul *m, int32_t begin, int32_t end) { matmul_q8(SOTTO_Q8_0, m, begin, end); }
static void matmul_q4_k(const sotto_matmul *m, int32_t begin, int32_t end) { matmul_q8(SOTTO_Q4_K, m, begin, end); }
static void matmul_q5_k(const sotto_matmul *m, int32_t begin, int32_t end) { matmul_q8(SOTTO_Q5_K, m, begin, end); }
static void matmul_q6_k(const sotto_matmul *m, int32_t begin, int32_t end) { matmul_q8(SOTTO_Q6_K, m, begin, end); }
static void matmul_iq4_nl(const sotto_matmul *m, int32_t begin, int32_t end) {
    matmul_q8(SOTTO_IQ4_NL, m, begin, end);
}

static void quantize_q8(const float *x, sotto_q8_group *out, int32_t cols) {
    memset(out, 0, sotto_q8_row_bytes(cols));
    for (int32_t first = 0; first < cols; first += 32) {
        sotto_q8_group *g = out + first / SOTTO_Q8_GROUP_ELEMS;
        int             b = first / 32 % 16, n = SOTTO_MIN(32, cols - first);
        float           amax = 0;
        for (int j = 0; j < n; j++) {
            float a = fabsf(x[first + j]);
            amax = a > amax ? a : amax; /* NaN is passed over */
        }
        if (!(amax >= 1e-30f)) continue;
        float inverse = 127.0f / amax;
        g->scale[b] = amax / 127.0f;
        for (int j = 0; j < n; j++) {
            float   v = x[first + j] * inverse;
            int32_t code = v == v ? (int32_t)rintf(v) : 0; /* infinity times the inverse 0 is NaN too */
            g->code[j / 4][b][j % 4] = (int8_t)code;
            *(j < 16 ? &g->sum_lo[b] : &g->sum_hi[b]) += code;
        }
    }
}

/* ---- blocks of codes ----------------------------------------------------------------------------------- */

/* To the nearest integer, halves to even, for |x| < 2^22: the sum has no room for a fraction. */
static inline float nearest(float x) { return (x + 12582912.0f) - 12582912.0f; }

/* Without a branch, for compilers that make no vectors of branches; exact for small integers. */
static inline float clamp(float q, float low, float top) {
    return 0.5f * (fabsf(q - low) - fabsf(q - top) + (low + top));
}

static void round_block(const float *x, float inverse, float low, float top, int8_t *codes) {
    for (int i = 0; i < SOTTO_CODE_BLOCK; i++) codes[i] = (int8_t)clamp(nearest(x[i] * inverse), low, top);
}

static void try_scales(const float *x, const float *w, const float *inverse, float *restrict xq, float *restrict qq) {
    for (int k = 0; k < SOTTO_SCALES_TRIED; k++) xq[k] = qq[k] = 0;
    for (int i = 0; i < SOTTO_CODE_BLOCK; i++)
        for (int k = 0; k < SOTTO_SCALES_TRIED; k++) {
            float q = clamp(nearest(x[i] * inverse[k]), -8, 7), wq = w[i] * q;
            xq[k] += x[i] * wq;
            qq[k] += wq * q;
        }
}

/* ---- element-wise -------------------------------------------------------------------------------------- */

static void rmsnorm(float *y, const float *x, const float *w, int32_t n, float eps) {
    double sum = 0;
    for (int32_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    float scale = (float)(1.0 / sqrt(sum / n + (double)eps));
    for (int32_t i = 0; i < n; i++) y[i] = w ? x[i] * scale * w[i] : x[i] * scale;
}

/* Both gates are x * sigmoid(s): silu with s = x, and gelu by tanh because (1 + tanh u) / 2 = sigmoid(2u). This
 * form keeps its relative precision for negative x, where 1 + tanh u would cancel. */
static void activate(sotto_activation act, float *gate, const float *up, int32_t n) {
    const float sqrt_8_over_pi = 1.5957691216057308f;
    for (int32_t i = 0; i < n; i++) {
        float x = gate[i], s = act == SOTTO_ACT_SILU ? x : sqrt_8_over_pi * (x + 0.044715f * x * x * x);
        gate[i] = x / (1.0f + expf(-s)) * up[i];
    }
}

static void add(float *y, const float *x, int32_t n) {
    for (int32_t i = 0; i < n; i++) y[i] += x[i];
}

static void scale(float *y, float s, int32_t n) {
    for (int32_t i = 0; i < n; i++) y[i] *= s;
}

static void softcap(float *x, float cap, int32_t n) {
    for (int32_t i = 0; i < n; i++) x[i] = cap * tanhf(x[i] / cap);
}

static void rope(float *x, const float *cos, const float *sin, int32_t n_pairs, bool interleaved) {
    for (int32_t i = 0; i < n_pairs; i++) {
        float *a = interleaved ? x + 2 * i : x + i, *b = interleaved ? a + 1 : a + n_pairs;
        float  a0 = *a, b0 = *b;
        *a = a0 * cos[i] - b0 * sin[i];
        *b = a0 * sin[i] + b0 * cos[i];
    }
}

static void to_f32(sotto_dtype dtype, const void *src, float *dst, int32_t n) {
    sotto_row_to_f32(dtype, src, dst, (size_t)n);
}

static void from_f32(sotto_dtype dtype, const float *src, void *dst, int32_t n) {
    sotto_row_from_f32(dtype, src, dst, (size_t)n);
}

void sotto_kernels_init_ref(sotto_kernels *k) {
    *k = (sotto_kernels){
        .name = "ref",
        .matmul = {[SOTTO_F32] = matmul_f32,
                   [SOTTO_F16] = matmul_f16,
                   [SOTTO_BF16] = matmul_bf16,
                   [SOTTO_Q4_0] = matmul_q4_0,
                   [SOTTO_Q4_1] = matmul_q4_1,
                   [SOTTO_Q5_0] = matmul_q5_0,
                   [SOTTO_Q5_1] = matmul_q5_1,
                   [SOTTO_Q8_0] = matmul_q8_0,
                   [SOTTO_Q4_K] = matmul_q4_k,
                   [SOTTO_Q5_K] = matmul_q5_k,
                   [SOTTO_Q6_K] = matmul_q6_k,
                   [SOTTO_IQ4_NL] = matmul_iq4_nl},
        .quantize_q8 = quantize_q8,
        .round_block = round_block,
        .try_scales = try_scales,
        .rmsnorm = rmsnorm,
        .activate = activate,
        .add = add,
        .scale = scale,
        .softcap = softcap,
        .rope = rope,
        .attend = sotto_ref_attend,
        .to_f32 = to_f32,
        .from_f32 = from_f32,
    };
}
