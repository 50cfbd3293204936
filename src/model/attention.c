/* Attention over the cache.
 *
 * Every query folds the spans that it sees in the order of their positions, so its result does not depend on how
 * the work is cut. One token: a unit is (KV head, span), so that a single-headed cache still feeds every thread,
 * and the partial results are folded afterwards. Many tokens: a unit is (KV head, block of tokens), folded on the
 * way. The queries that share a KV head go through the kernel together: keys and values are read once for all. */
#include "model/forward.h"

#include <math.h>

typedef struct job {
    const sotto_forward      *f;
    const sotto_layer_config *layer;
    const sotto_kv_layer     *kv;
    int32_t                   position, n;
    int32_t                   group;      /* query heads per KV head */
    int32_t                   block;      /* tokens per unit */
    int32_t                   first_span, n_spans; /* one token */
} job;

static void visible(const job *j, int32_t position, int32_t *begin, int32_t *end) {
    int32_t first = j->layer->window ? position - j->layer->window + 1 : 0;
    *begin = SOTTO_MAX(first, j->kv->floor);
    *end = position + 1;
}

/* Add one span's (m, l, acc) to the running sum; both scaled to the larger maximum. */
static void fold(float *m_sum, float *l_sum, float *sum, float m, float l, const float *acc, int32_t head_dim) {
    if (!(l > 0)) return;
    float top = SOTTO_MAX(*m_sum, m), a = expf(*m_sum - top), b = expf(m - top);
    for (int32_t i = 0; i < head_dim; i++) sum[i] = sum[i] * a + acc[i] * b;
    *l_sum = *l_sum * a + l * b;
    *m_sum = top;
}

static void write_out(float *out, const float *sum, float l, int32_t head_dim) {
    float scale = l > 0 ? 1.0f / l : 0.0f;
    for (int32_t i = 0; i < head_dim; i++) out[i] = sum[i] * scale;
}

static sotto_attend call_for(const job *j, int32_t kv_head) {
    size_t offset = (size_t)kv_head * j->kv->head_bytes;
    return (sotto_attend){.k = j->kv->k + offset, .v = j->kv->v + offset, .k_stride = j->kv->stride,
                          .v_stride = j->kv->stride, .kv_dtype = j->f->kv->dtype, .head_dim = j->layer->head_dim,
                          .softcap = j->f->transformer->config.attn_softcap};
}

/* ---- many tokens --------------------------------------------------------------------------------------- */

static void block_unit(void *arg, int chunk, int worker) {
    const job          *j = arg;
    const sotto_workspace *w = j->f->workspace;
    sotto_attn_scratch *s = &w->attn_scratch[worker];
    int32_t hd = j->layer->head_dim, kv_head = chunk % j->layer->n_kv_heads;
    int32_t t0 = chunk / j->layer->n_kv_heads * j->block, t1 = SOTTO_MIN(t0 + j->block, j->n), rows = 0;
    for (int32_t t = t0; t < t1; t++)
        for (int32_t g = 0; g < j->group; g++, rows++) {
            memcpy(s->q + (size_t)rows * hd, sotto_row(&w->q, t) + (size_t)(kv_head * j->group + g) * hd,
                   (size_t)hd * 4);
            visible(j, j->position + t, &s->begin[rows], &s->end[rows]);
            s->m_sum[rows] = -INFINITY;
            s->l_sum[rows] = 0;
        }
    memset(s->sum, 0, (size_t)rows * hd * 4);
    sotto_attend a = call_for(j, kv_head);
    a.q = s->q, a.q_stride = (size_t)hd, a.n_rows = rows, a.begin = s->begin, a.end = s->end;
    a.m = s->m, a.l = s->l, a.acc = s->part, a.acc_stride = (size_t)hd;
    for (a.span = s->begin[0] / SOTTO_ATTN_SPAN; a.span * SOTTO_ATTN_SPAN < s->end[rows - 1]; a.span++) {
        j->f->kernels->attend(&a);
        for (int32_t r = 0; r < rows; r++)
            fold(&s->m_sum[r], &s->l_sum[r], s->sum + (size_t)r * hd, s->m[r], s->l[r], s->part + (size_t)r * hd, hd);
    }
    for (int32_t r = 0; r < rows; r++)
        write_out(sotto_row(&w->attn, t0 + r / j->group) + (size_t)(kv_head * j->group + r % j->group) * hd,
                  s->sum + (size_t)r * hd, s->l_sum[r], hd);
}

/* ---- one token ----------------------------------------------------------------------------------------- */

static void span_unit(void *arg, int chunk, int worker) {
    const job          *j = arg;
    const sotto_workspace *w = j->f->workspace;
    sotto_attn_scratch *s = &w->attn_scratch[worker];
    int32_t hd = j->layer->head_dim, kv_head = chunk % j->layer->n_kv_heads, span = chunk / j->layer->n_kv_heads;
    int32_t row = span * j->layer->n_heads + kv_head * j->group; /* in part_acc and part_ml */
    for (int32_t g = 0; g < j->group; g++) visible(j, j->position, &s->begin[g], &s->end[g]);
    sotto_attend a = call_for(j, kv_head);
    a.q = sotto_row(&w->q, 0) + (size_t)(kv_head * j->group) * hd, a.q_stride = (size_t)hd, a.n_rows = j->group;
    a.begin = s->begin, a.end = s->end, a.m = s->m, a.l = s->l;
    a.acc = w->part_acc + (size_t)row * hd, a.acc_stride = (size_t)hd, a.span = j->first_span + span;
    j->f->kernels->attend(&a);
    for (int32_t g = 0; g < j->group; g++) {
        w->part_ml[2 * (row + g)] = s->m[g];
        w->part_ml[2 * (row + g) + 1] = s->l[g];
    }
}

static void fold_spans(const job *j) {
    const sotto_workspace *w = j->f->workspace;
    int32_t                hd = j->layer->head_dim, heads = j->layer->n_heads;
    for (int32_t h = 0; h < heads; h++) {
        float *out = sotto_row(&w->attn, 0) + (size_t)h * hd, m = -INFINITY, l = 0;
        memset(out, 0, (size_t)hd * 4);
        for (int32_t s = 0; s < j->n_spans; s++) {
            int32_t row = s * heads + h;
            fold(&m, &l, out, w->part_ml[2 * row], w->part_ml[2 * row + 1], w->part_acc + (size_t)row * hd, hd);
        }
        write_out(out, out, l, hd);
    }
}

void sotto_attention(const sotto_forward *f, int32_t layer, int32_t position, int32_t n) {
    const sotto_layer_config *l = &f->transformer->config.layers[layer];
    job j = {.f = f, .layer = l, .kv = &f->kv->layers[l->kv_layer], .position = position, .n = n,
             .group = l->n_heads / l->n_kv_heads};
    if (n > 1) {
        j.block = SOTTO_MAX((int32_t)SOTTO_ATTN_ROWS / j.group, 1);
        sotto_pool_run(f->pool, l->n_kv_heads * ((n + j.block - 1) / j.block), block_unit, &j);
        return;
    }
    int32_t begin, end;
    visible(&j, position, &begin, &end);
    j.first_span = begin / SOTTO_ATTN_SPAN;
    j.n_spans = (end - 1) / SOTTO_ATTN_SPAN - j.first_span + 1;
    sotto_pool_run(f->pool, l->n_kv_heads * j.n_spans, span_unit, &j);
    fold_spans(&j);
}
