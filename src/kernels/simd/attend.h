/* Attention over one span, for any level: included by the file of an instruction set, after it has defined the
 * vectors (see x86/avx512vnni.c for their meaning) and after vector.h.
 *
 * Consecutive query rows that see the same part of a tile go together (the heads of a group do), up to
 * ATTEND_ROWS at a time, so that keys and values are read and widened once for all of them. What is computed for
 * a row does not depend on its company: every score is one accumulator over the dimensions, every value one
 * accumulator over the positions. */

enum { ATTEND_POSITIONS = 4 };

/* VL elements from dimension d on, of a key or value row. */
static INLINE vf kv_load(sotto_dtype dtype, const uint8_t *row, size_t d) {
    if (dtype == SOTTO_F32) return vf_load(row + 4 * d);
    if (dtype == SOTTO_F16) return vf_f16(row + 2 * d);
    const uint8_t *block = row + d / 32 * sizeof(sotto_block_q8_0);
    uint16_t       h;
    memcpy(&h, block, 2);
    return vf_mul(vf_i8(block + 2 + d % 32), vf_set(f16_to_f32(h)));
}

/* The n < VL elements at the end of a row, then zeros; never with q8_0. */
static INLINE vf kv_load_n(sotto_dtype dtype, const uint8_t *row, size_t d, size_t n) {
    uint8_t bytes[4 * VL] = {0};
    size_t  size = dtype == SOTTO_F32 ? 4 : 2;
    memcpy(bytes, row + size * d, size * n);
    return kv_load(dtype, bytes, 0);
}

/* Scores of `rows` rows at ATTEND_POSITIONS positions. */
static INLINE void attend_scores(sotto_dtype dtype, const sotto_attend *a, int rows, const float *const q[],
                                 const uint8_t *const k[], float *score, size_t stride) {
    const size_t dim = (size_t)a->head_dim;
    vf           acc[ATTEND_ROWS][ATTEND_POSITIONS], v[ATTEND_ROWS];
    size_t       d = 0;
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int p = 0; p < ATTEND_POSITIONS; p++) acc[r][p] = vf_zero();
    }
    for (; d + VL <= dim; d += VL) {
        UNROLL for (int r = 0; r < rows; r++) v[r] = vf_load(q[r] + d);
        UNROLL for (int p = 0; p < ATTEND_POSITIONS; p++) {
            vf key = kv_load(dtype, k[p], d);
            UNROLL for (int r = 0; r < rows; r++) acc[r][p] = vf_fma(v[r], key, acc[r][p]);
        }
    }
    if (d < dim) {
        UNROLL for (int r = 0; r < rows; r++) v[r] = vf_load_n(q[r] + d, dim - d);
        UNROLL for (int p = 0; p < ATTEND_POSITIONS; p++) {
            vf key = kv_load_n(dtype, k[p], d, dim - d);
            UNROLL for (int r = 0; r < rows; r++) acc[r][p] = vf_fma(v[r], key, acc[r][p]);
        }
    }
    UNROLL for (int r = 0; r < rows; r++)
        vf_store4(score + (size_t)r * stride, vf_sum4(acc[r][0], acc[r][1], acc[r][2], acc[r][3]));
}

/* acc[row] = acc[row] * shrink[row] + the weighted values of positions [begin, end), for n_vectors whole vectors
 * of dimensions from d on, or (left != 0) one that has only `left` elements. */
static INLINE void attend_values(sotto_dtype dtype, const sotto_attend *a, int rows, int n_vectors, size_t left,
                                 float *const out[], const float *shrink, const float *weight, size_t stride,
                                 int32_t begin, int32_t end, size_t d) {
    vf             acc[ATTEND_ROWS][ATTEND_VECTORS];
    const uint8_t *row = (const uint8_t *)a->v + (size_t)begin * a->v_stride;
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int i = 0; i < n_vectors; i++) {
            const float *p = out[r] + d + (size_t)i * VL;
            acc[r][i] = vf_mul(left ? vf_load_n(p, left) : vf_load(p), vf_set(shrink[r]));
        }
    }
    for (int32_t p = begin; p < end; p++, row += a->v_stride, weight++) {
        vf v[ATTEND_VECTORS];
        UNROLL for (int i = 0; i < n_vectors; i++)
            v[i] = left ? kv_load_n(dtype, row, d, left) : kv_load(dtype, row, d + (size_t)i * VL);
        UNROLL for (int r = 0; r < rows; r++) {
            vf w = vf_set(weight[(size_t)r * stride]);
            UNROLL for (int i = 0; i < n_vectors; i++) acc[r][i] = vf_fma(w, v[i], acc[r][i]);
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int i = 0; i < n_vectors; i++) {
            float *p = out[r] + d + (size_t)i * VL;
            if (left) vf_store_n(p, left, acc[r][i]);
            else vf_store(p, acc[r][i]);
        }
    }
}

/* Scores of a tile become weights relative to the row's new maximum; its m and l go on. What the row had before
 * must be multiplied with the result. Lanes are fixed by position: score[i] is position i of the tile. */
static INLINE float attend_softmax(const sotto_attend *a, int32_t row, float *score) {
    vf max = vf_set(a->m[row]), sum = vf_zero();
    UNROLL for (size_t i = 0; i < SOTTO_ATTN_TILE; i += VL) max = vf_max(max, vf_load(score + i));
    const float m = vf_largest(max);
    UNROLL for (size_t i = 0; i < SOTTO_ATTN_TILE; i += VL) {
        vf w = vf_exp(vf_sub(vf_load(score + i), vf_set(m)));
        vf_store(score + i, w);
        sum = vf_add(sum, w);
    }
    const float shrink = a->l[row] > 0 ? vf_first(vf_exp(vf_set(a->m[row] - m))) : 0;
    a->m[row] = m;
    a->l[row] = a->l[row] * shrink + vf_sum(sum);
    return shrink;
}

/* `rows` rows, of which the last may repeat (n_rows differ), at the positions [begin, end) of the tile. */
static INLINE void attend_tile(sotto_dtype dtype, const sotto_attend *a, int rows, int n_rows, int32_t row,
                               int32_t tile, int32_t begin, int32_t end) {
    float        score[ATTEND_ROWS][SOTTO_ATTN_TILE + ATTEND_POSITIONS], shrink[ATTEND_ROWS];
    float        spare[SOTTO_ATTN_HEAD_DIM_MAX]; /* where the results of repeated rows go */
    const float *q[ATTEND_ROWS];
    float       *out[ATTEND_ROWS];
    for (int r = 0; r < rows; r++) {
        size_t at = (size_t)(row + SOTTO_MIN(r, n_rows - 1));
        q[r] = a->q + at * a->q_stride;
        out[r] = r < n_rows ? a->acc + at * a->acc_stride : spare;
        for (int i = 0; i < SOTTO_ATTN_TILE; i++) score[r][i] = -INFINITY;
    }
    if (n_rows < rows) memset(spare, 0, sizeof spare);
    for (int32_t p = begin; p < end; p += ATTEND_POSITIONS) {
        const uint8_t *k[ATTEND_POSITIONS];
        for (int32_t i = 0; i < ATTEND_POSITIONS; i++)
            k[i] = (const uint8_t *)a->k + (size_t)SOTTO_MIN(p + i, end - 1) * a->k_stride;
        attend_scores(dtype, a, rows, q, k, &score[0][p - tile], SOTTO_ATTN_TILE + ATTEND_POSITIONS);
    }
    for (int r = 0; r < n_rows; r++) {
        if (a->softcap != 0) softcap(&score[r][begin - tile], a->softcap, end - begin);
        for (int32_t i = end - tile; i < SOTTO_ATTN_TILE; i++) score[r][i] = -INFINITY;
        shrink[r] = attend_softmax(a, row + r, score[r]);
    }
    for (int r = n_rows; r < rows; r++) shrink[r] = 0, memcpy(score[r], score[0], sizeof score[r]);

    const float *weight = &score[0][begin - tile];
    const size_t dim = (size_t)a->head_dim, stride = SOTTO_ATTN_TILE + ATTEND_POSITIONS;
    size_t       d = 0;
    for (; d + ATTEND_VECTORS * VL <= dim; d += ATTEND_VECTORS * VL)
        attend_values(dtype, a, rows, ATTEND_VECTORS, 0, out, shrink, weight, stride, begin, end, d);
    for (; d + VL <= dim; d += VL) attend_values(dtype, a, rows, 1, 0, out, shrink, weight, stride, begin, end, d);
    if (d < dim) attend_values(dtype, a, rows, 1, dim - d, out, shrink, weight, stride, begin, end, d);
}

/* The rows [first, last) through all tiles of the span. */
static INLINE void attend_rows(sotto_dtype dtype, const sotto_attend *a, int32_t first, int32_t last) {
    for (int32_t row = first; row < last; row++) {
        a->m[row] = -INFINITY;
        a->l[row] = 0;
        memset(a->acc + (size_t)row * a->acc_stride, 0, (size_t)a->head_dim * sizeof(float));
    }
    for (int32_t i = 0; i < SOTTO_ATTN_SPAN / SOTTO_ATTN_TILE; i++) {
        const int32_t tile = a->span * SOTTO_ATTN_SPAN + i * SOTTO_ATTN_TILE, tile_end = tile + SOTTO_ATTN_TILE;
        for (int32_t row = first, n; row < last; row += n) {
            int32_t begin = SOTTO_MAX(tile, a->begin[row]), end = SOTTO_MIN(tile_end, a->end[row]);
            for (n = 1; n < ATTEND_ROWS && row + n < last; n++) {
                if (SOTTO_MAX(tile, a->begin[row + n]) != begin || SOTTO_MIN(tile_end, a->end[row + n]) != end) break;
            }
            if (begin >= end) continue;
            if (n == 1) attend_tile(dtype, a, 1, 1, row, tile, begin, end);
            else attend_tile(dtype, a, ATTEND_ROWS, n, row, tile, begin, end);
        }
    }
}

/* So many rows at once that their queries and results stay in the caches beside the span's keys and values. */
enum { ATTEND_CHUNK = 32 };

static void attend(const sotto_attend *a) {
    for (int32_t row = 0; row < a->n_rows; row += SOTTO_MIN(ATTEND_CHUNK, a->n_rows - row)) {
        int32_t last = row + SOTTO_MIN(ATTEND_CHUNK, a->n_rows - row);
        switch (a->kv_dtype) {
        case SOTTO_F16: attend_rows(SOTTO_F16, a, row, last); break;
        case SOTTO_Q8_0: attend_rows(SOTTO_Q8_0, a, row, last); break;
        default: attend_rows(SOTTO_F32, a, row, last); break;
        }
    }
}
