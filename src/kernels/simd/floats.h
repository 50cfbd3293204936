/* Products of f32, f16 and bf16 weights with float activations, for any level; included like attend.h.
 *
 * A row is cut into vectors of VL columns; vector i belongs to chain i % CHAINS, and each chain is one float
 * accumulator that takes its vectors in order. One token uses all chains at once, which hides the latency of the
 * multiply-add; many tokens run a tile of rows x tokens through one chain after the other. Either way the same
 * additions are made in the same order: (chain 0 + chain 1) + (chain 2 + chain 3), then over the lanes. */

enum { CHAINS = 4 };

static INLINE size_t weight_bytes(sotto_dtype dtype) { return dtype == SOTTO_F32 ? 4 : 2; }

static INLINE vf weights(sotto_dtype dtype, const uint8_t *row, size_t col) {
    const uint8_t *p = row + col * weight_bytes(dtype);
    return dtype == SOTTO_F32 ? vf_load(p) : dtype == SOTTO_F16 ? vf_f16(p) : vf_bf16(p);
}

/* The n < VL columns at the end of a row, then zeros. */
static INLINE vf last_weights(sotto_dtype dtype, const uint8_t *row, size_t col, size_t n) {
    uint8_t bytes[4 * VL] = {0};
    memcpy(bytes, row + col * weight_bytes(dtype), n * weight_bytes(dtype));
    return weights(dtype, bytes, 0);
}

static INLINE void float_one(sotto_dtype dtype, const sotto_matmul *m, int32_t begin, int32_t end) {
    const size_t cols = (size_t)m->cols, whole = cols / VL * VL, step = CHAINS * VL;
    const float *x = m->x;
    for (int32_t r = begin; r < end; r++) {
        const uint8_t *row = (const uint8_t *)m->w + (size_t)r * m->w_stride;
        vf             acc[CHAINS] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
        size_t         i = 0;
        for (; i + step <= whole; i += step) {
            prefetch(row + i * weight_bytes(dtype), PREFETCH_AHEAD, step * weight_bytes(dtype));
            UNROLL for (size_t c = 0; c < CHAINS; c++)
                acc[c] = vf_fma(weights(dtype, row, i + c * VL), vf_load(x + i + c * VL), acc[c]);
        }
        UNROLL for (size_t c = 0; c < CHAINS; c++, i += VL) {
            if (i < whole) acc[c] = vf_fma(weights(dtype, row, i), vf_load(x + i), acc[c]);
            else if (i < cols && i == whole)
                acc[c] = vf_fma(last_weights(dtype, row, i, cols - i), vf_load_n(x + i, cols - i), acc[c]);
        }
        m->y[r] = vf_sum(vf_add(vf_add(acc[0], acc[1]), vf_add(acc[2], acc[3])));
    }
}

/* FLOAT_ROWS rows x n tokens. The rows may repeat; the first n_rows are stored. */
static INLINE void float_tile(sotto_dtype dtype, int n, const uint8_t *const rows[], const uint8_t *x, size_t x_stride,
                              size_t cols, int n_rows, float *y, size_t y_stride) {
    const size_t whole = cols / VL * VL;
    vf           chain[CHAINS][FLOAT_ROWS][FLOAT_TOKENS];
    for (size_t c = 0; c < CHAINS; c++) {
        vf     acc[FLOAT_ROWS][FLOAT_TOKENS], w[FLOAT_ROWS];
        size_t i = c * VL;
        UNROLL for (int r = 0; r < FLOAT_ROWS; r++) {
            UNROLL for (int t = 0; t < n; t++) acc[r][t] = vf_zero();
        }
        for (; i < whole; i += CHAINS * VL) {
            UNROLL for (int r = 0; r < FLOAT_ROWS; r++) w[r] = weights(dtype, rows[r], i);
            UNROLL for (int t = 0; t < n; t++) {
                vf v = vf_load((const float *)(const void *)(x + (size_t)t * x_stride) + i);
                UNROLL for (int r = 0; r < FLOAT_ROWS; r++) acc[r][t] = vf_fma(w[r], v, acc[r][t]);
            }
        }
        if (i == whole && whole < cols) {
            UNROLL for (int r = 0; r < FLOAT_ROWS; r++) w[r] = last_weights(dtype, rows[r], i, cols - i);
            UNROLL for (int t = 0; t < n; t++) {
                vf v = vf_load_n((const float *)(const void *)(x + (size_t)t * x_stride) + i, cols - i);
                UNROLL for (int r = 0; r < FLOAT_ROWS; r++) acc[r][t] = vf_fma(w[r], v, acc[r][t]);
            }
        }
        UNROLL for (int r = 0; r < FLOAT_ROWS; r++) {
            UNROLL for (int t = 0; t < n; t++) chain[c][r][t] = acc[r][t];
        }
    }
    for (int r = 0; r < FLOAT_ROWS && r < n_rows; r++) {
        for (int t = 0; t < n; t++) {
            vf sum = vf_add(vf_add(chain[0][r][t], chain[1][r][t]), vf_add(chain[2][r][t], chain[3][r][t]));
            y[(size_t)t * y_stride + (size_t)r] = vf_sum(sum);
        }
    }
}

static INLINE void float_rows(sotto_dtype dtype, const sotto_matmul *m, int32_t token, int n, int32_t r, int32_t end) {
    const uint8_t *x = (const uint8_t *)m->x + (size_t)token * m->x_stride;
    float         *y = m->y + (size_t)token * m->y_stride;
    for (; r < end; r += FLOAT_ROWS) {
        const uint8_t *rows[FLOAT_ROWS];
        for (int32_t i = 0; i < FLOAT_ROWS; i++)
            rows[i] = (const uint8_t *)m->w + (size_t)SOTTO_MIN(r + i, end - 1) * m->w_stride;
        float_tile(dtype, n, rows, x, m->x_stride, (size_t)m->cols, end - r, y + r, m->y_stride);
    }
}

/* Rows by as many as fit in the second-level cache, and for these all tokens. */
enum { FLOAT_CHUNK_BYTES = 256 * 1024 };

static INLINE void float_many(sotto_dtype dtype, const sotto_matmul *m, int32_t begin, int32_t end) {
    const size_t  row_bytes = (size_t)m->cols * weight_bytes(dtype) + 1;
    const int32_t chunk = (int32_t)(FLOAT_CHUNK_BYTES / row_bytes / FLOAT_ROWS + 1) * FLOAT_ROWS;
    for (int32_t r = begin; r < end; r += SOTTO_MIN(chunk, end - r)) {
        int32_t stop = r + SOTTO_MIN(chunk, end - r), token = 0;
        for (; token + FLOAT_TOKENS <= m->n_tokens; token += FLOAT_TOKENS)
            float_rows(dtype, m, token, FLOAT_TOKENS, r, stop);
        for (; token + 2 <= m->n_tokens; token += 2) float_rows(dtype, m, token, 2, r, stop);
        if (token < m->n_tokens) float_rows(dtype, m, token, 1, r, stop);
    }
}

static INLINE void float_matmul(sotto_dtype dtype, const sotto_matmul *m, int32_t begin, int32_t end) {
    if (m->n_tokens == 1) float_one(dtype, m, begin, end);
    else float_many(dtype, m, begin, end);
}

static void matmul_f32(const sotto_matmul *m, int32_t begin, int32_t end) { float_matmul(SOTTO_F32, m, begin, end); }
static void matmul_f16(const sotto_matmul *m, int32_t begin, int32_t end) { float_matmul(SOTTO_F16, m, begin, end); }
static void matmul_bf16(const sotto_matmul *m, int32_t begin, int32_t end) { float_matmul(SOTTO_BF16, m, begin, end); }
