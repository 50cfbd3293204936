/* Tiles of rows x tokens by dot products of bytes: the lanes of sotto_q8_group meet the weights' as they lie.
 * Included by product.h. */

enum { TOKEN_CHUNK = 64 };

typedef struct tile_tokens {
    char unused; /* activations are taken from where they are */
} tile_tokens;

typedef struct tile_rows {
    part of[UNPACKED_ROWS][PANEL];
} tile_rows;

static INLINE void prepare_tokens(sotto_dtype dtype, const panel *p, tile_tokens *out) {
    (void)dtype, (void)p, (void)out;
}

static INLINE void prepare_rows(sotto_dtype dtype, const panel *p, tile_rows *out) {
    for (int32_t r = 0; r < p->n_rows; r++)
        for (size_t i = 0; i < p->count; i++)
            unpack(dtype, panel_row(p, r), p->row_bytes, p->first + i, true, &out->of[r][i]);
}

/* Rows row.. by n tokens token.. of the panel. */
static INLINE void multiply_tile(sotto_dtype dtype, int n, const panel *p, int32_t token, int32_t row,
                                 const tile_rows *rows) {
    float32x4_t acc[TILE_ROWS][TILE_TOKENS];
    UNROLL for (int r = 0; r < TILE_ROWS; r++) {
        UNROLL for (int t = 0; t < n; t++) acc[r][t] = vdupq_n_f32(0);
    }
    for (size_t i = 0; i < p->count; i++) {
        const part *w[TILE_ROWS];
        UNROLL for (int r = 0; r < TILE_ROWS; r++) w[r] = &rows->of[SOTTO_MIN(row + r, p->n_rows - 1)][i];
        multiply_parts(dtype, TILE_ROWS, n, w, panel_token(p, token), p->m->x_stride, p->first + i, acc);
    }
    UNROLL for (int t = 0; t < n; t++) {
        float sums[TILE_ROWS];
        UNROLL for (int r = 0; r < TILE_ROWS; r++) sums[r] = vf_sum(acc[r][t]);
        panel_add(p, token + t, row, TILE_ROWS, sums);
    }
}

static INLINE void multiply_tiles(sotto_dtype dtype, const panel *p, const tile_tokens *tokens, const tile_rows *rows) {
    (void)tokens;
    for (int32_t token = 0, n; token < p->n_tokens; token += n) {
        n = p->n_tokens - token >= TILE_TOKENS ? TILE_TOKENS : 1;
        for (int32_t row = 0; row < p->n_rows; row += TILE_ROWS) {
            if (n == 1) multiply_tile(dtype, 1, p, token, row, rows);
            else multiply_tile(dtype, TILE_TOKENS, p, token, row, rows);
        }
    }
}
