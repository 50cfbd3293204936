/* Attention without fusion, as an operation after another over whole matrices: what attention.c is compared with.
 *
 *   scores = q . k of all heads, positions and tokens     [head][token][position], in memory
 *   scores = softmax(mask(softcap(scores)))
 *   out    = scores . v
 *
 * Products are the kernels', as a program of such operations would have them; the values are turned round for that,
 * [head][head_dim][position]. Only f32 and f16 caches. */
#include "model/forward.h"

#include <math.h>
#include <stdlib.h>

enum { POSITIONS = 64 }; /* of a piece of work: keys whose scores, or values that are turned round */

struct sotto_plain {
    int32_t  batch, context;
    size_t   stride;  /* floats of a row of scores, or of turned values: the context, rounded up */
    float   *scores;  /* [head][batch][stride] */
    float   *values;  /* [kv_head][head_dim][stride] */
    float   *queries; /* [head][batch][head_dim, rounded up] */
    void    *memory;
    uint64_t n_bytes;
};

typedef struct job {
    const sotto_forward      *f;
    const sotto_plain        *p;
    const sotto_layer_config *layer;
    const sotto_kv_layer     *kv;
    int32_t                   position, n;
    int32_t                   begin, n_seen; /* the positions that any of the tokens sees */
    int32_t                   pieces;
    size_t                    q_stride;
} job;

/* ---- memory -------------------------------------------------------------------------------------------- */

static size_t rounded(int32_t n) { return ((size_t)n + 15) & ~(size_t)15; }

static void measure(sotto_plain *p, const sotto_config *c, int32_t batch, int32_t context, uint64_t parts[3]) {
    p->batch = batch, p->context = context, p->stride = rounded(context);
    for (int32_t i = 0; i < c->n_layers; i++) {
        const sotto_layer_config *l = &c->layers[i];
        uint64_t heads = (uint64_t)l->n_heads, hd = rounded(l->head_dim);
        parts[0] = SOTTO_MAX(parts[0], heads * (uint64_t)batch * p->stride * sizeof(float));
        parts[1] = SOTTO_MAX(parts[1], (uint64_t)l->n_kv_heads * hd * p->stride * sizeof(float));
        parts[2] = SOTTO_MAX(parts[2], heads * (uint64_t)batch * hd * sizeof(float));
    }
}

uint64_t sotto_plain_bytes(const sotto_config *c, int32_t batch, int32_t context) {
    sotto_plain p;
    uint64_t    parts[3] = {0};
    measure(&p, c, batch, context, parts);
    return parts[0] + parts[1] + parts[2];
}

sotto_status sotto_plain_open(sotto_plain **out, const sotto_config *c, int32_t batch, int32_t context,
                              sotto_error *err) {
    uint64_t     parts[3] = {0};
    sotto_plain *p = calloc(1, sizeof *p);
    if (!p) return sotto_fail_memory(err, "attention scores");
    measure(p, c, batch, context, parts);
    p->n_bytes = parts[0] + parts[1] + parts[2];
    sotto_status status = sotto_vm_reserve(&p->memory, (size_t)p->n_bytes, err);
    if (status != SOTTO_OK) {
        free(p);
        return status;
    }
    p->scores = p->memory;
    p->values = p->scores + parts[0] / sizeof(float);
    p->queries = p->values + parts[1] / sizeof(float);
    *out = p;
    return SOTTO_OK;
}

void sotto_plain_close(sotto_plain *p) {
    if (!p) return;
    sotto_vm_release(p->memory, (size_t)p->n_bytes);
    free(p);
}

/* ---- the operations ------------------------------------------------------------------------------------ */

static float *row_of(const job *j, int32_t head, int32_t token) {
    return j->p->scores + ((size_t)head * (size_t)j->n + (size_t)token) * j->p->stride;
}

static int32_t kv_head_of(const job *j, int32_t head) { return head / (j->layer->n_heads / j->layer->n_kv_heads); }

static const uint8_t *first_of(const job *j, const uint8_t *side, int32_t kv_head) {
    return side + (size_t)kv_head * j->kv->head_bytes + (size_t)j->begin * j->kv->stride;
}

static void copy_queries(void *arg, int head, int worker) {
    const job *j = arg;
    int32_t    hd = j->layer->head_dim;
    (void)worker;
    for (int32_t t = 0; t < j->n; t++)
        memcpy(j->p->queries + ((size_t)head * (size_t)j->n + (size_t)t) * j->q_stride,
               sotto_row(&j->f->workspace->q, t) + (size_t)(head * hd), (size_t)hd * sizeof(float));
}

static void score_piece(void *arg, int chunk, int worker) {
    const job   *j = arg;
    int32_t      head = chunk / j->pieces, begin = chunk % j->pieces * POSITIONS;
    sotto_matmul m = {.y = row_of(j, head, 0), .y_stride = j->p->stride,
                      .w = first_of(j, j->kv->k, kv_head_of(j, head)), .w_stride = j->kv->stride,
                      .x = j->p->queries + (size_t)head * (size_t)j->n * j->q_stride,
                      .x_stride = j->q_stride * sizeof(float), .cols = j->layer->head_dim, .n_tokens = j->n};
    (void)worker;
    j->f->kernels->matmul[j->f->kv->dtype](&m, begin, SOTTO_MIN(begin + POSITIONS, j->n_seen));
}

static void softmax_row(void *arg, int chunk, int worker) {
    const job *j = arg;
    int32_t    token = chunk % j->n, position = j->position + token;
    int32_t    first = SOTTO_MAX(j->layer->window ? position - j->layer->window + 1 : 0, j->begin) - j->begin;
    int32_t    end = position + 1 - j->begin;
    float     *row = row_of(j, chunk / j->n, token), softcap = j->f->transformer->config.attn_softcap;
    float      max = -INFINITY, sum = 0;
    (void)worker;
    if (softcap > 0) j->f->kernels->softcap(row, softcap, j->n_seen);
    for (int32_t i = first; i < end; i++) max = SOTTO_MAX(max, row[i]);
    for (int32_t i = 0; i < j->n_seen; i++) {
        row[i] = i < first || i >= end ? 0 : expf(row[i] - max);
        sum += row[i];
    }
    j->f->kernels->scale(row, 1 / sum, j->n_seen);
}

static void turn_values(void *arg, int chunk, int worker) {
    const job     *j = arg;
    int32_t        kv_head = chunk / j->pieces, begin = chunk % j->pieces * POSITIONS, hd = j->layer->head_dim;
    const uint8_t *v = first_of(j, j->kv->v, kv_head);
    float          value[SOTTO_ATTN_HEAD_DIM_MAX];
    float         *to = j->p->values + (size_t)kv_head * (size_t)hd * j->p->stride;
    (void)worker;
    for (int32_t i = begin; i < SOTTO_MIN(begin + POSITIONS, j->n_seen); i++) {
        j->f->kernels->to_f32(j->f->kv->dtype, v + (size_t)i * j->kv->stride, value, hd);
        for (int32_t d = 0; d < hd; d++) to[(size_t)d * j->p->stride + (size_t)i] = value[d];
    }
}

static void weigh_values(void *arg, int head, int worker) {
    const job   *j = arg;
    int32_t      hd = j->layer->head_dim;
    sotto_matmul m = {.y = sotto_row(&j->f->workspace->attn, 0) + (size_t)(head * hd),
                      .y_stride = j->f->workspace->attn.stride,
                      .w = j->p->values + (size_t)kv_head_of(j, head) * (size_t)hd * j->p->stride,
                      .w_stride = j->p->stride * sizeof(float), .x = row_of(j, head, 0),
                      .x_stride = j->p->stride * sizeof(float), .cols = j->n_seen, .n_tokens = j->n};
    (void)worker;
    j->f->kernels->matmul[SOTTO_F32](&m, 0, hd);
}

void sotto_attention_plain(const sotto_forward *f, int32_t layer, int32_t position, int32_t n) {
    const sotto_layer_config *l = &f->transformer->config.layers[layer];
    const sotto_kv_layer     *kv = &f->kv->layers[l->kv_layer];
    int32_t                   begin = SOTTO_MAX(l->window ? position - l->window + 1 : 0, kv->floor);
    job j = {.f = f, .p = f->plain, .layer = l, .kv = kv, .position = position, .n = n, .begin = begin,
             .n_seen = position + n - begin, .q_stride = rounded(l->head_dim)};
    j.pieces = (j.n_seen + POSITIONS - 1) / POSITIONS;
    sotto_pool_run(f->pool, l->n_heads, copy_queries, &j);
    sotto_pool_run(f->pool, l->n_heads * j.pieces, score_piece, &j);
    sotto_pool_run(f->pool, l->n_heads * n, softmax_row, &j);
    sotto_pool_run(f->pool, l->n_kv_heads * j.pieces, turn_values, &j);
    sotto_pool_run(f->pool, l->n_heads, weigh_values, &j);
}
