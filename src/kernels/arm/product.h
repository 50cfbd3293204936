/* Products of quantised weights with int8 activations, for every ARM level; included by the level's file after
 * unpack.h, and after it has defined dot_sum, dot_add and dot_total (see neon.c for their meaning).
 *
 * A row is taken part by part: 128 columns, four blocks of 32, one block per lane. The exact integer sums of the
 * lanes are scaled by weight scale * activation scale and added to a float accumulator of four lanes. Every PANEL
 * parts the lanes are summed up, always in the same order, and added to y. One token or many, on this or that
 * instruction: the float steps that lead to one y are the same ones in the same order. */

enum { PANEL = 8, UNPACKED_ROWS = 16, FEW_TOKENS = 16, ROWS_OF_ONE = 2 };

/* acc += sum * (scale of the weights * scale of the activations), lane by lane. */
static INLINE float32x4_t accumulate(sotto_dtype dtype, float32x4_t acc, int32x4_t sum, float32x4_t w, float32x4_t x) {
    return vfmaq_f32(acc, sum_to_float(dtype, sum), vmulq_f32(w, x));
}

/* Part `index` of a token's row. All arrays of a group have 64 bytes per row and four per block, so four blocks
 * further on there is again what looks like a group, of which only the first four blocks count. */
static INLINE const sotto_q8_group *part_of_token(const void *x, size_t index) {
    return (const void *)((const uint8_t *)x + index / 4 * sizeof(sotto_q8_group) + index % 4 * PART_BLOCKS * 4);
}

/* Scale times the sum of the codes of each block: what a weight's minimum is multiplied with. */
static INLINE float32x4_t scaled_sums(const sotto_q8_group *g) {
    return vmulq_f32(vcvtq_f32_s32(vaddq_s32(vld1q_s32(g->sum_lo), vld1q_s32(g->sum_hi))), vld1q_f32(g->scale));
}

static INLINE void add_panel(float *y, size_t first_part, float sum) { *y = first_part ? *y + sum : sum; }

static INLINE size_t bytes_of_row(sotto_dtype dtype, int32_t cols) {
    return (size_t)cols / (is_super(dtype) ? 256 : 32) * block_bytes(dtype);
}

/* acc[r][t] += the product of part w[r] with part `index` of token t's row, for rows x n tokens. */
static INLINE void multiply_parts(sotto_dtype dtype, int rows, int n, const part *const w[], const uint8_t *x,
                                  size_t x_stride, size_t index, float32x4_t acc[TILE_ROWS][TILE_TOKENS]) {
    const int             steps = has_half_scales(dtype) ? 4 : 8; /* that share a scale */
    const sotto_q8_group *g[TILE_TOKENS];
    dot_sum               sum[TILE_ROWS][TILE_TOKENS];
    UNROLL for (int t = 0; t < n; t++) g[t] = part_of_token(x + (size_t)t * x_stride, index);
    UNROLL for (int k = 0; k < 8; k++) {
        UNROLL for (int t = 0; t < n; t++) {
            int8x16_t codes = vld1q_s8(g[t]->code[k][0]);
            UNROLL for (int r = 0; r < rows; r++) dot_add(dtype, k % steps, &sum[r][t], w[r]->code[k], codes);
        }
        if (k % steps != steps - 1) continue;
        UNROLL for (int t = 0; t < n; t++) {
            float32x4_t scale = vld1q_f32(g[t]->scale);
            UNROLL for (int r = 0; r < rows; r++) {
                acc[r][t] = accumulate(dtype, acc[r][t], dot_total(&sum[r][t]), w[r]->scale[k / steps], scale);
                if (sotto_dtype_has_min(dtype)) acc[r][t] = vfmaq_f32(acc[r][t], w[r]->min, scaled_sums(g[t]));
            }
        }
    }
}

/* One token: ROWS_OF_ONE rows are read side by side, each once and in order. */
static INLINE void multiply_one(sotto_dtype dtype, const sotto_matmul *m, int32_t begin, int32_t end) {
    const size_t   row_bytes = bytes_of_row(dtype, m->cols), parts = ((size_t)m->cols + 127) / 128;
    const uint8_t *x = m->x, *row[ROWS_OF_ONE];
    for (int32_t r = begin; r < end; r += ROWS_OF_ONE) {
        UNROLL for (int i = 0; i < ROWS_OF_ONE; i++)
            row[i] = (const uint8_t *)m->w + (size_t)SOTTO_MIN(r + i, end - 1) * m->w_stride;
        for (size_t first = 0; first < parts; first += PANEL) {
            float32x4_t acc[TILE_ROWS][TILE_TOKENS];
            UNROLL for (int i = 0; i < ROWS_OF_ONE; i++) acc[i][0] = vdupq_n_f32(0);
            for (size_t p = first; p < parts && p < first + PANEL; p++) {
                part        unpacked[ROWS_OF_ONE];
                const part *w[ROWS_OF_ONE];
                UNROLL for (int i = 0; i < ROWS_OF_ONE; i++) {
                    unpack(dtype, row[i], row_bytes, p, true, &unpacked[i]);
                    w[i] = &unpacked[i];
                }
                multiply_parts(dtype, ROWS_OF_ONE, 1, w, x, 0, p, acc);
            }
            UNROLL for (int i = 0; i < ROWS_OF_ONE; i++) {
                if (r + i < end) add_panel(m->y + r + i, first, vf_sum(acc[i][0]));
            }
        }
    }
}

/* What the many-token path works on at a time: rows x tokens x parts of the product `m`. */
typedef struct panel {
    const sotto_matmul *m;
    size_t              row_bytes;
    int32_t             row, n_rows, token, n_tokens;
    size_t              first, count; /* parts */
} panel;

static INLINE const uint8_t *panel_row(const panel *p, int32_t i) { /* the last one for those past it */
    return (const uint8_t *)p->m->w + (size_t)(p->row + SOTTO_MIN(i, p->n_rows - 1)) * p->m->w_stride;
}
static INLINE const uint8_t *panel_token(const panel *p, int32_t i) {
    return (const uint8_t *)p->m->x + (size_t)(p->token + SOTTO_MIN(i, p->n_tokens - 1)) * p->m->x_stride;
}
/* Sums of a token and of n rows from `row` on, as far as the panel has them, to y. */
static INLINE void panel_add(const panel *p, int32_t token, int32_t row, int32_t n, const float *sum) {
    if (token >= p->n_tokens) return;
    float  *y = p->m->y + (size_t)(p->token + token) * p->m->y_stride + p->row + row;
    int32_t i = 0;
    n = SOTTO_MIN(n, p->n_rows - row);
    for (; i + 4 <= n; i += 4) {
        float32x4_t v = vld1q_f32(sum + i);
        vst1q_f32(y + i, p->first ? vaddq_f32(vld1q_f32(y + i), v) : v);
    }
    for (; i < n; i++) add_panel(y + i, p->first, sum[i]);
}

/* From here on the two ways to multiply tiles differ: prepare_tokens brings the panel's activations into the form
 * that the tiles want, prepare_rows its weights, and multiply_tiles does the panel. */
#if TILES_OF_MMLA
#include "kernels/arm/tile_mmla.h"
#else
#include "kernels/arm/tile_dot.h"
#endif

/* Several tokens: rows are unpacked once per panel and chunk of tokens, whose activations then stay in a near cache
 * while all rows pass. Few tokens take few rows at a time through all panels instead, so that rows are read in
 * order. */
static INLINE void multiply_many(sotto_dtype dtype, const sotto_matmul *m, int32_t begin, int32_t end) {
    const size_t  parts = ((size_t)m->cols + 127) / 128;
    const int32_t pass = m->n_tokens <= FEW_TOKENS ? UNPACKED_ROWS : SOTTO_MAX(end - begin, 1);
    panel         p = {.m = m, .row_bytes = bytes_of_row(dtype, m->cols)};
    tile_tokens   tokens;
    tile_rows     rows;
    for (int32_t pass_begin = begin; pass_begin < end; pass_begin += SOTTO_MIN(pass, end - pass_begin)) {
        const int32_t pass_end = pass_begin + SOTTO_MIN(pass, end - pass_begin);
        for (p.first = 0; p.first < parts; p.first += PANEL) {
            p.count = SOTTO_MIN(parts - p.first, (size_t)PANEL);
            for (p.token = 0; p.token < m->n_tokens; p.token += p.n_tokens) {
                p.n_tokens = SOTTO_MIN(m->n_tokens - p.token, TOKEN_CHUNK);
                prepare_tokens(dtype, &p, &tokens);
                for (p.row = pass_begin; p.row < pass_end; p.row += p.n_rows) {
                    p.n_rows = SOTTO_MIN(pass_end - p.row, UNPACKED_ROWS);
                    prepare_rows(dtype, &p, &rows);
                    multiply_tiles(dtype, &p, &tokens, &rows);
                }
            }
        }
    }
}

static INLINE void multiply(sotto_dtype dtype, const sotto_matmul *m, int32_t begin, int32_t end) {
    if (m->n_tokens == 1) multiply_one(dtype, m, begin, end);
    else multiply_many(dtype, m, begin, end);
}

#include "kernels/simd/products.h"
