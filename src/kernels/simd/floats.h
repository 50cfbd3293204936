/* Products of f32, f16 and bf16 weights with float activations, for any level; included like attend.h.
 *
 * A row is cut into blocks of FLOAT_BLOCK columns. Of each, every lane of one accumulator takes every VL-th column in
 * order, then the lanes are added (vf_sum4), and the blocks' sums in order. So it is for one token and for many, from
 * whichever copy of the weights they come. Four rows at a time are enough to hide the latency of the multiply-add. */

enum { FLOAT_BLOCK = 512, FLOAT_ROWS = 4 };

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

/* One vector of columns, from column i on, of a tile of FLOAT_ROWS rows x n tokens. */
static INLINE void float_step(sotto_dtype dtype, int n, const uint8_t *const rows[], const uint8_t *x, size_t x_stride,
                              size_t i, vf acc[][FLOAT_TOKENS]) {
    vf v[FLOAT_TOKENS];
    UNROLL for (int t = 0; t < n; t++)
        v[t] = vf_keep(vf_load((const float *)(const void *)(x + (size_t)t * x_stride) + i));
    UNROLL for (int r = 0; r < FLOAT_ROWS; r++) {
        vf w = vf_keep(weights(dtype, rows[r], i));
        UNROLL for (int t = 0; t < n; t++) acc[r][t] = vf_fma(w, v[t], acc[r][t]);
    }
}

/* The first n_cols columns of a tile's block; of the weights so many bytes ahead are asked for, 0: none. */
static INLINE void float_tile(sotto_dtype dtype, int n, const uint8_t *const rows[], size_t ahead, const uint8_t *x,
                              size_t x_stride, size_t n_cols, float sums[][FLOAT_ROWS]) {
    const size_t whole = n_cols / VL * VL, line = 64 / weight_bytes(dtype), left = n_cols - whole;
    size_t       i = 0;
    vf           acc[FLOAT_ROWS][FLOAT_TOKENS];
    UNROLL for (int r = 0; r < FLOAT_ROWS; r++) {
        UNROLL for (int t = 0; t < n; t++) acc[r][t] = vf_zero();
    }
    for (; ahead && i + line <= whole; i += line) {
        UNROLL for (int r = 0; r < FLOAT_ROWS; r++) prefetch(rows[r] + i * weight_bytes(dtype), ahead, 1);
        UNROLL for (size_t k = 0; k < line; k += VL) float_step(dtype, n, rows, x, x_stride, i + k, acc);
    }
    for (; i < whole; i += VL) float_step(dtype, n, rows, x, x_stride, i, acc);
    UNROLL for (int t = 0; t < n && left; t++) {
        vf v = vf_load_n((const float *)(const void *)(x + (size_t)t * x_stride) + whole, left);
        UNROLL for (int r = 0; r < FLOAT_ROWS; r++)
            acc[r][t] = vf_fma(last_weights(dtype, rows[r], whole, left), v, acc[r][t]);
    }
    UNROLL for (int t = 0; t < n; t++) vf_store4(sums[t], vf_sum4(acc[0][t], acc[1][t], acc[2][t], acc[3][t]));
}

/* The tile of n tokens from `token` on, its sums stored or added. Row i of it is rows[i] from the block's first column
 * on; its results go to y[r + i * step], i < n_rows. */
static INLINE void float_block(sotto_dtype dtype, int n, const sotto_matmul *m, const uint8_t *const rows[],
                               size_t ahead, int32_t token, size_t col, int32_t r, int32_t step, int32_t n_rows) {
    float          sums[FLOAT_TOKENS][FLOAT_ROWS];
    const uint8_t *x = (const uint8_t *)m->x + (size_t)token * m->x_stride + col * sizeof(float);
    float         *y = m->y + (size_t)token * m->y_stride + r;
    float_tile(dtype, n, rows, ahead, x, m->x_stride, SOTTO_MIN((size_t)m->cols - col, (size_t)FLOAT_BLOCK), sums);
    UNROLL for (int t = 0; t < n; t++, y += m->y_stride) {
        if (n_rows == FLOAT_ROWS && col) {
            UNROLL for (int32_t i = 0; i < FLOAT_ROWS; i++) y[i * step] += sums[t][i];
        } else {
            for (int32_t i = 0; i < n_rows; i++) y[i * step] = col ? y[i * step] + sums[t][i] : sums[t][i];
        }
    }
}

/* All tiles of the tokens [token, end). */
static INLINE void float_tokens(sotto_dtype dtype, const sotto_matmul *m, const uint8_t *const rows[], int32_t token,
                                int32_t end, size_t col, int32_t r, int32_t n_rows) {
    for (; token + FLOAT_TOKENS <= end; token += FLOAT_TOKENS)
        float_block(dtype, FLOAT_TOKENS, m, rows, 0, token, col, r, 1, n_rows);
    for (; token + 2 <= end; token += 2)
        float_block(dtype, 2, m, rows, 0, token, col, r, 1, n_rows);
    if (token < end) float_block(dtype, 1, m, rows, 0, token, col, r, 1, n_rows);
}

/* The rows r, r + step, ... of a tile from a column on; the last of n_rows may repeat, to fill it. */
static INLINE void float_rows(sotto_dtype dtype, const sotto_matmul *m, int32_t r, int32_t step, int32_t n_rows,
                              size_t col, const uint8_t *rows[]) {
    for (int32_t i = 0; i < FLOAT_ROWS; i++)
        rows[i] = (const uint8_t *)m->w + (size_t)(r + SOTTO_MIN(i, n_rows - 1) * step) * m->w_stride +
                  col * weight_bytes(dtype);
}

/* One token: four quarters of the rows at once, as in multiply_one of the quantised types. */
static INLINE void float_one(sotto_dtype dtype, const sotto_matmul *m, int32_t begin, int32_t end) {
    const uint8_t *rows[FLOAT_ROWS];
    const int32_t  step = (end - begin) / FLOAT_ROWS, left = begin + step * FLOAT_ROWS;
    for (int32_t r = begin; r < begin + step; r++)
        for (size_t col = 0; col < (size_t)m->cols; col += FLOAT_BLOCK) {
            float_rows(dtype, m, r, step, FLOAT_ROWS, col, rows);
            float_block(dtype, 1, m, rows, PREFETCH_AHEAD, 0, col, r, step, FLOAT_ROWS);
        }
    for (size_t col = 0; left < end && col < (size_t)m->cols; col += FLOAT_BLOCK) {
        float_rows(dtype, m, left, 1, end - left, col, rows);
        float_block(dtype, 1, m, rows, 0, 0, col, left, 1, end - left);
    }
}

/* A few tokens: each tile of rows is read once, in order. */
static INLINE void float_few(sotto_dtype dtype, const sotto_matmul *m, int32_t begin, int32_t end) {
    const uint8_t *rows[FLOAT_ROWS];
    for (int32_t r = begin; r < end; r += FLOAT_ROWS) {
        const int32_t n_rows = SOTTO_MIN(end - r, FLOAT_ROWS);
        for (size_t col = 0; col < (size_t)m->cols; col += FLOAT_BLOCK) {
            float_rows(dtype, m, r, 1, n_rows, col, rows);
            float_tokens(dtype, m, rows, 0, m->n_tokens, col, r, n_rows);
        }
    }
}

/* Many tokens: a block of some rows is widened into the first-level cache, where it also lies without gaps (rows of
 * 2^n bytes fall on one another there), and meets some tokens, whose block stays in the second-level cache for as many
 * rows as fit there beside it. */
enum { FLOAT_FEW = 15, FLOAT_PANEL_ROWS = 2 * FLOAT_ROWS, FLOAT_CHUNK_TOKENS = 48, FLOAT_CHUNK_BYTES = 192 * 1024 };

typedef float float_wide[FLOAT_PANEL_ROWS][FLOAT_BLOCK + 16]; /* [row][column of the block] */

static INLINE void float_widen(sotto_dtype dtype, const sotto_matmul *m, int32_t r, int32_t n_rows, size_t col,
                               float_wide wide) {
    const size_t n_cols = SOTTO_MIN((size_t)m->cols - col, (size_t)FLOAT_BLOCK), whole = n_cols / VL * VL;
    for (int32_t i = 0; i < n_rows; i++) {
        const uint8_t *row = (const uint8_t *)m->w + (size_t)(r + i) * m->w_stride + col * weight_bytes(dtype);
        for (size_t c = 0; c < whole; c += VL) vf_store(wide[i] + c, weights(dtype, row, c));
        if (whole < n_cols) vf_store(wide[i] + whole, last_weights(dtype, row, whole, n_cols - whole));
    }
}

/* The block from `col` on of the rows [r, r + n_rows) and the tokens [token, last). */
static INLINE void float_panel(sotto_dtype dtype, const sotto_matmul *m, int32_t r, int32_t n_rows, int32_t token,
                               int32_t last, size_t col) {
    float_wide     wide;
    const uint8_t *rows[FLOAT_ROWS];
    float_widen(dtype, m, r, n_rows, col, wide);
    for (int32_t i = 0; i < n_rows; i += FLOAT_ROWS) {
        for (int32_t k = 0; k < FLOAT_ROWS; k++) rows[k] = (const uint8_t *)wide[SOTTO_MIN(i + k, n_rows - 1)];
        float_tokens(SOTTO_F32, m, rows, token, last, col, r + i, SOTTO_MIN(n_rows - i, FLOAT_ROWS));
    }
}

static INLINE void float_many(sotto_dtype dtype, const sotto_matmul *m, int32_t begin, int32_t end) {
    const int32_t fit = (int32_t)(FLOAT_CHUNK_BYTES / (m->w_stride + 1)) / FLOAT_PANEL_ROWS * FLOAT_PANEL_ROWS;
    const int32_t chunk = SOTTO_MAX(fit, FLOAT_PANEL_ROWS);
    for (int32_t first = begin; first < end; first += SOTTO_MIN(chunk, end - first)) {
        const int32_t stop = first + SOTTO_MIN(chunk, end - first);
        for (int32_t token = 0; token < m->n_tokens; token += FLOAT_CHUNK_TOKENS)
            for (size_t col = 0; col < (size_t)m->cols; col += FLOAT_BLOCK)
                for (int32_t r = first; r < stop; r += FLOAT_PANEL_ROWS)
                    float_panel(dtype, m, r, SOTTO_MIN(stop - r, FLOAT_PANEL_ROWS), token,
                                SOTTO_MIN(token + FLOAT_CHUNK_TOKENS, m->n_tokens), col);
    }
}

static INLINE void float_matmul(sotto_dtype dtype, const sotto_matmul *m, int32_t begin, int32_t end) {
    if (m->n_tokens == 1) float_one(dtype, m, begin, end);
    else if (m->n_tokens <= FLOAT_FEW) float_few(dtype, m, begin, end);
    else float_many(dtype, m, begin, end);
}

static void matmul_f32(const sotto_matmul *m, int32_t begin, int32_t end) { float_matmul(SOTTO_F32, m, begin, end); }
static void matmul_f16(const sotto_matmul *m, int32_t begin, int32_t end) { float_matmul(SOTTO_F16, m, begin, end); }
static void matmul_bf16(const sotto_matmul *m, int32_t begin, int32_t end) { float_matmul(SOTTO_BF16, m, begin, end); }
