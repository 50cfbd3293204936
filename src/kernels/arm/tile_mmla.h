/* Tiles by products of 2 x 8 with 8 x 2 bytes (smmla): two rows meet two tokens, block by block. Included by
 * product.h.
 *
 * One instruction adds the products of eight elements, so four sum up a block. Its result has the lanes (row 0,
 * token 0), (row 0, token 1), (row 1, token 0), (row 1, token 1). Block b of every part goes to float accumulator
 * b, so the four accumulators of a pair of pairs hold what one accumulator of the dot product has in its four
 * lanes, and are summed up in the same order. */

enum { TOKEN_CHUNK = 64, TILE_ROW_PAIRS = 4, TILE_TOKEN_PAIRS = 2 };

/* code[b][c]: elements 8c..8c+7 of block b, of one and of the other. */
typedef struct token_pair {
    int8x16_t   code[4][4];
    float32x2_t scale[4], sum[4]; /* per block: of the two tokens; sums are scaled */
} token_pair;

typedef struct row_pair {
    int8x16_t   code[4][4];
    float32x4_t scale[2][4], min[4]; /* per block: of row 0, row 0, row 1, row 1 */
} row_pair;

typedef struct tile_tokens {
    token_pair of[TOKEN_CHUNK / 2][PANEL];
} tile_tokens;

typedef struct tile_rows {
    row_pair of[UNPACKED_ROWS / 2][PANEL];
} tile_rows;

/* Lanes b of a and of b, for each block b. */
static INLINE void pair_lanes(float32x4_t a, float32x4_t b, float32x2_t out[4]) {
    float32x4_t lo = vzip1q_f32(a, b), hi = vzip2q_f32(a, b);
    out[0] = vget_low_f32(lo), out[1] = vget_high_f32(lo);
    out[2] = vget_low_f32(hi), out[3] = vget_high_f32(hi);
}

static INLINE void prepare_tokens(sotto_dtype dtype, const panel *p, tile_tokens *out) {
    for (int32_t t = 0; t < p->n_tokens; t += 2) {
        for (size_t i = 0; i < p->count; i++) {
            const sotto_q8_group *a = part_of_token(panel_token(p, t), p->first + i);
            const sotto_q8_group *b = part_of_token(panel_token(p, t + 1), p->first + i);
            token_pair           *to = &out->of[t / 2][i];
            UNROLL for (int c = 0; c < 4; c++) {
                int8x16_t a0 = vld1q_s8(a->code[2 * c][0]), a1 = vld1q_s8(a->code[2 * c + 1][0]);
                int8x16_t b0 = vld1q_s8(b->code[2 * c][0]), b1 = vld1q_s8(b->code[2 * c + 1][0]);
                int8x16_t a_lo = zip_lo32(a0, a1), a_hi = zip_hi32(a0, a1);
                int8x16_t b_lo = zip_lo32(b0, b1), b_hi = zip_hi32(b0, b1);
                to->code[0][c] = zip_lo64(a_lo, b_lo), to->code[1][c] = zip_hi64(a_lo, b_lo);
                to->code[2][c] = zip_lo64(a_hi, b_hi), to->code[3][c] = zip_hi64(a_hi, b_hi);
            }
            pair_lanes(vld1q_f32(a->scale), vld1q_f32(b->scale), to->scale);
            if (sotto_dtype_has_min(dtype)) pair_lanes(scaled_sums(a), scaled_sums(b), to->sum);
        }
    }
}

/* Lane b of one and of the other row, each twice, for each block b. */
static INLINE void pair_rows(float32x4_t a, float32x4_t b, float32x4_t out[4]) {
    float32x2_t each[4];
    pair_lanes(a, b, each);
    UNROLL for (int i = 0; i < 4; i++) out[i] = vcombine_f32(vdup_lane_f32(each[i], 0), vdup_lane_f32(each[i], 1));
}

static INLINE void prepare_rows(sotto_dtype dtype, const panel *p, tile_rows *out) {
    for (int32_t r = 0; r < p->n_rows; r += 2) {
        for (size_t i = 0; i < p->count; i++) {
            part      a, b;
            row_pair *to = &out->of[r / 2][i];
            unpack(dtype, panel_row(p, r), p->row_bytes, p->first + i, false, &a);
            unpack(dtype, panel_row(p, r + 1), p->row_bytes, p->first + i, false, &b);
            UNROLL for (int k = 0; k < 4; k++) {
                to->code[k][0] = zip_lo64(a.code[k], b.code[k]), to->code[k][1] = zip_hi64(a.code[k], b.code[k]);
                to->code[k][2] = zip_lo64(a.code[4 + k], b.code[4 + k]);
                to->code[k][3] = zip_hi64(a.code[4 + k], b.code[4 + k]);
            }
            pair_rows(a.scale[0], b.scale[0], to->scale[0]);
            if (has_half_scales(dtype)) pair_rows(a.scale[1], b.scale[1], to->scale[1]);
            if (sotto_dtype_has_min(dtype)) pair_rows(a.min, b.min, to->min);
        }
    }
}

/* acc[r][t] += the product of a block of row pairs w[r] and token pairs x[t], for TILE_ROW_PAIRS x n pairs. */
static INLINE void multiply_block(sotto_dtype dtype, int n, int block, const row_pair *const w[],
                                  const token_pair *const x[], float32x4_t acc[TILE_ROW_PAIRS][TILE_TOKEN_PAIRS]) {
    const int steps = has_half_scales(dtype) ? 2 : 4; /* that share a scale */
    int32x4_t sum[TILE_ROW_PAIRS][TILE_TOKEN_PAIRS];
    UNROLL for (int c = 0; c < 4; c++) {
        UNROLL for (int r = 0; r < TILE_ROW_PAIRS; r++) {
            UNROLL for (int t = 0; t < n; t++)
                sum[r][t] = vmmlaq_s32(c % steps ? sum[r][t] : vdupq_n_s32(0), w[r]->code[block][c],
                                       x[t]->code[block][c]);
        }
        if (c % steps != steps - 1) continue;
        UNROLL for (int t = 0; t < n; t++) {
            float32x4_t scale = vcombine_f32(x[t]->scale[block], x[t]->scale[block]);
            float32x4_t sums = sotto_dtype_has_min(dtype) ? vcombine_f32(x[t]->sum[block], x[t]->sum[block]) : scale;
            UNROLL for (int r = 0; r < TILE_ROW_PAIRS; r++) {
                acc[r][t] = accumulate(dtype, acc[r][t], sum[r][t], w[r]->scale[c / steps][block], scale);
                if (sotto_dtype_has_min(dtype)) acc[r][t] = vfmaq_f32(acc[r][t], w[r]->min[block], sums);
            }
        }
    }
}

/* Row pairs row / 2.. by n token pairs token / 2.. of the panel; a pair that is not there repeats the last one.
 * Block after block goes through all parts, so that one accumulator at a time is needed per pair of pairs. */
static INLINE void multiply_tile(sotto_dtype dtype, int n, const panel *p, int32_t token, int32_t row,
                                 const tile_tokens *tokens, const tile_rows *rows) {
    float32x4_t total[4][TILE_ROW_PAIRS][TILE_TOKEN_PAIRS];
    for (int b = 0; b < 4; b++) {
        float32x4_t acc[TILE_ROW_PAIRS][TILE_TOKEN_PAIRS];
        UNROLL for (int r = 0; r < TILE_ROW_PAIRS; r++) {
            UNROLL for (int t = 0; t < n; t++) acc[r][t] = vdupq_n_f32(0);
        }
        for (size_t i = 0; i < p->count; i++) {
            const row_pair   *w[TILE_ROW_PAIRS];
            const token_pair *x[TILE_TOKEN_PAIRS];
            UNROLL for (int r = 0; r < TILE_ROW_PAIRS; r++)
                w[r] = &rows->of[SOTTO_MIN(row + 2 * r, p->n_rows - 1) / 2][i];
            UNROLL for (int t = 0; t < n; t++) x[t] = &tokens->of[token / 2 + t][i];
            multiply_block(dtype, n, b, w, x, acc);
        }
        UNROLL for (int r = 0; r < TILE_ROW_PAIRS; r++) {
            UNROLL for (int t = 0; t < n; t++) total[b][r][t] = acc[r][t];
        }
    }
    float sums[2 * TILE_TOKEN_PAIRS][2 * TILE_ROW_PAIRS];
    UNROLL for (int r = 0; r < TILE_ROW_PAIRS; r++) {
        UNROLL for (int t = 0; t < n; t++) {
            float32x4_t sum = vaddq_f32(vaddq_f32(total[0][r][t], total[1][r][t]),
                                        vaddq_f32(total[2][r][t], total[3][r][t]));
            vst1_f32(&sums[2 * t][2 * r], vget_low_f32(vuzp1q_f32(sum, sum)));
            vst1_f32(&sums[2 * t + 1][2 * r], vget_low_f32(vuzp2q_f32(sum, sum)));
        }
    }
    for (int t = 0; t < 2 * n; t++) panel_add(p, token + t, row, 2 * TILE_ROW_PAIRS, sums[t]);
}

static INLINE void multiply_tiles(sotto_dtype dtype, const panel *p, const tile_tokens *tokens, const tile_rows *rows) {
    for (int32_t token = 0; token < p->n_tokens; token += 2 * TILE_TOKEN_PAIRS) {
        const bool one = p->n_tokens - token <= 2;
        for (int32_t row = 0; row < p->n_rows; row += 2 * TILE_ROW_PAIRS) {
            if (one) multiply_tile(dtype, 1, p, token, row, tokens, rows);
            else multiply_tile(dtype, TILE_TOKEN_PAIRS, p, token, row, tokens, rows);
        }
    }
}
