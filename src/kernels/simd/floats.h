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

/* Some columns of a tile of FLOAT_ROWS rows x n tokens, from a multiple of CHAINS vectors on. */
typedef vf float_chains[CHAINS][FLOAT_ROWS][FLOAT_TOKENS];

static INLINE void float_columns(sotto_dtype dtype, int n, const uint8_t *const rows[], const uint8_t *x,
                                 size_t x_stride, size_t begin, size_t end, float_chains chain) {
    const size_t whole = end / VL * VL;
    for (size_t c = 0; c < CHAINS; c++) {
        vf     acc[FLOAT_ROWS][FLOAT_TOKENS], w[FLOAT_ROWS];
        size_t i = begin + c * VL;
        UNROLL for (int r = 0; r < FLOAT_ROWS; r++) {
            UNROLL for (int t = 0; t < n; t++) acc[r][t] = begin ? chain[c][r][t] : vf_zero();
        }
        for (; i < whole; i += CHAINS * VL) {
            UNROLL for (int r = 0; r < FLOAT_ROWS; r++) w[r] = weights(dtype, rows[r], i);
            UNROLL for (int t = 0; t < n; t++) {
                vf v = vf_keep(vf_load((const float *)(const void *)(x + (size_t)t * x_stride) + i));
                UNROLL for (int r = 0; r < FLOAT_ROWS; r++) acc[r][t] = vf_fma(w[r], v, acc[r][t]);
            }
        }
        if (i == whole && whole < end) {
            UNROLL for (int r = 0; r < FLOAT_ROWS; r++) w[r] = last_weights(dtype, rows[r], i, end - i);
            UNROLL for (int t = 0; t < n; t++) {
                vf v = vf_load_n((const float *)(const void *)(x + (size_t)t * x_stride) + i, end - i);
                UNROLL for (int r = 0; r < FLOAT_ROWS; r++) acc[r][t] = vf_fma(w[r], v, acc[r][t]);
            }
        }
        UNROLL for (int r = 0; r < FLOAT_ROWS; r++) {
            UNROLL for (int t = 0; t < n; t++) chain[c][r][t] = acc[r][t];
        }
    }
}

static INLINE void float_store(int n, int n_rows, float_chains chain, float *y, size_t y_stride) {
    for (int r = 0; r < FLOAT_ROWS && r < n_rows; r++) {
        for (int t = 0; t < n; t++) {
            vf sum = vf_add(vf_add(chain[0][r][t], chain[1][r][t]), vf_add(chain[2][r][t], chain[3][r][t]));
            y[(size_t)t * y_stride + (size_t)r] = vf_sum(sum);
        }
    }
}

/* A block of the activations of a tile's tokens stays in the first-level cache while the tiles of a block of rows
 * pass, whose chains wait in memory meanwhile. */
enum { FLOAT_BLOCK_COLS = 512, FLOAT_BLOCK_TILES = 16 / FLOAT_ROWS };

static INLINE void float_rows(sotto_dtype dtype, const sotto_matmul *m, int32_t token, int n, int32_t r, int32_t end) {
    const uint8_t *x = (const uint8_t *)m->x + (size_t)token * m->x_stride;
    float         *y = m->y + (size_t)token * m->y_stride;
    const size_t   cols = (size_t)m->cols;
    float_chains   chains[FLOAT_BLOCK_TILES];
    for (; r < end; r += FLOAT_BLOCK_TILES * FLOAT_ROWS) {
        const int32_t  n_rows = SOTTO_MIN(end - r, FLOAT_BLOCK_TILES * FLOAT_ROWS);
        const uint8_t *rows[FLOAT_BLOCK_TILES * FLOAT_ROWS]; /* the last may repeat, to fill a tile */
        for (int32_t i = 0; i < FLOAT_BLOCK_TILES * FLOAT_ROWS; i++)
            rows[i] = (const uint8_t *)m->w + (size_t)(r + SOTTO_MIN(i, n_rows - 1)) * m->w_stride;
        for (size_t i = 0; i < cols; i += FLOAT_BLOCK_COLS)
            for (int32_t k = 0; k < n_rows; k += FLOAT_ROWS)
                float_columns(dtype, n, rows + k, x, m->x_stride, i, SOTTO_MIN(i + FLOAT_BLOCK_COLS, cols),
                              chains[k / FLOAT_ROWS]);
        for (int32_t k = 0; k < n_rows; k += FLOAT_ROWS)
            float_store(n, n_rows - k, chains[k / FLOAT_ROWS], y + r + k, m->y_stride);
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
