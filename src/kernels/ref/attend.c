/* ref: attention over one span of positions, tile by tile, with the online softmax. */
#include "kernels/ref/ref.h"

#include <math.h>

/* One tile [begin, end) for one row: continue its running maximum *m, sum *l and weighted values acc. */
static void attend_tile(const sotto_attend *a, int32_t row, int32_t begin, int32_t end) {
    const float *q = a->q + (size_t)row * a->q_stride;
    float       *acc = a->acc + (size_t)row * a->acc_stride;
    float        score[SOTTO_ATTN_TILE], kv[SOTTO_ATTN_HEAD_DIM_MAX];
    float        max = a->m[row];
    for (int32_t p = begin; p < end; p++) {
        sotto_row_to_f32(a->kv_dtype, (const uint8_t *)a->k + (size_t)p * a->k_stride, kv, (size_t)a->head_dim);
        float s = 0;
        for (int32_t d = 0; d < a->head_dim; d++) s += q[d] * kv[d];
        if (a->softcap != 0) s = a->softcap * tanhf(s / a->softcap);
        score[p - begin] = s;
        max = s > max ? s : max;
    }
    /* What was summed so far was relative to the old maximum. At the first tile that is -INF and there is
     * nothing yet. */
    float shrink = a->l[row] > 0 ? expf(a->m[row] - max) : 0;
    a->m[row] = max;
    a->l[row] *= shrink;
    for (int32_t d = 0; d < a->head_dim; d++) acc[d] *= shrink;
    for (int32_t p = begin; p < end; p++) {
        float weight = expf(score[p - begin] - max);
        sotto_row_to_f32(a->kv_dtype, (const uint8_t *)a->v + (size_t)p * a->v_stride, kv, (size_t)a->head_dim);
        a->l[row] += weight;
        for (int32_t d = 0; d < a->head_dim; d++) acc[d] += weight * kv[d];
    }
}

void sotto_ref_attend(const sotto_attend *a) {
    for (int32_t row = 0; row < a->n_rows; row++) {
        a->m[row] = -INFINITY;
        a->l[row] = 0;
        memset(a->acc + (size_t)row * a->acc_stride, 0, (size_t)a->head_dim * sizeof(float));
        for (int32_t i = 0; i < SOTTO_ATTN_SPAN / SOTTO_ATTN_TILE; i++) {
            int32_t tile = a->span * SOTTO_ATTN_SPAN + i * SOTTO_ATTN_TILE;
            int32_t begin = SOTTO_MAX(tile, a->begin[row]), end = SOTTO_MIN(tile + SOTTO_ATTN_TILE, a->end[row]);
            if (begin < end) attend_tile(a, row, begin, end);
        }
    }
}
