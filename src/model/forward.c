/* The forward pass, for n tokens of one session.
 *
 *   x = embedding * scale
 *   each layer:  x += [norm] Wo . attention(rope(Wq n), rope(Wk n), Wv n)      n = norm(x)
 *                x += [norm] Wdown . (act(Wgate n) * Wup n)                    n = norm(x)
 *                [Gemma 4: x += norm(Wproj . (act(Wgate x) * p)); x *= scale]  p = the layer's own embedding
 *   logits = head . norm(x)
 *
 * What is in brackets a family has or has not: its weights are NULL then. Work is cut by rows of weights or by
 * tokens; each cut computes whole sums, so no result depends on it. */
#include "model/forward.h"

#include <math.h>

/* Tokens from which on per-token steps are worth waking the other threads for. */
enum { PARALLEL_TOKENS_MIN = 4 };

/* ---- products ------------------------------------------------------------------------------------------ */

typedef struct product {
    const sotto_matrix *w; /* data NULL: nothing to do */
    sotto_rows         *y;
} product;

/* Up to four matrices times the same activations, in one parallel region; optionally y0 = act(y0) * y1 at once. */
typedef struct product_job {
    const sotto_forward *f;
    const sotto_rows    *x;
    const product       *products;
    int32_t              n_products, n_tokens;
    int32_t              rows_per_chunk[4], first_chunk[5];
    bool                 gated;
} product_job;

/* Rows handed out at a time: enough bytes to stream well, few enough that no thread waits long for another. */
static int32_t chunk_rows(const sotto_matrix *w, int32_t n_tokens, int32_t n_threads) {
    size_t  bytes = n_tokens == 1 ? 1 << 17 : 1 << 18;
    int64_t rows = SOTTO_MIN((int64_t)(bytes / w->row_bytes), (int64_t)w->rows / (4 * n_threads));
    return (int32_t)(SOTTO_MAX(rows, (int64_t)16) + 15) & ~15;
}

static void multiply(const product_job *job, const product *p, int32_t begin, int32_t end) {
    const sotto_workspace *ws = job->f->workspace;
    sotto_matmul m = {.y = p->y->data, .y_stride = p->y->stride, .w = p->w->data, .w_stride = p->w->row_bytes,
                      .x = job->x->data, .x_stride = job->x->stride * sizeof(float), .cols = p->w->cols,
                      .n_tokens = job->n_tokens};
    if (sotto_dtype_takes_q8(p->w->dtype)) m.x = ws->q8, m.x_stride = ws->q8_stride;
    job->f->kernels->matmul[p->w->dtype](&m, begin, end);
}

static void product_chunk(void *arg, int chunk, int worker) {
    const product_job *job = arg;
    (void)worker;
    int32_t i = 0;
    while (chunk >= job->first_chunk[i + 1]) i++;
    const product *p = &job->products[i];
    int32_t begin = (chunk - job->first_chunk[i]) * job->rows_per_chunk[i];
    int32_t end = SOTTO_MIN(begin + job->rows_per_chunk[i], p->w->rows);
    multiply(job, p, begin, end);
    if (!job->gated) return;
    multiply(job, p + 1, begin, end);
    for (int32_t t = 0; t < job->n_tokens; t++)
        job->f->kernels->activate(job->f->transformer->config.family->activation, sotto_row(p->y, t) + begin,
                                  sotto_row((p + 1)->y, t) + begin, end - begin);
}

/* ---- per-token steps ----------------------------------------------------------------------------------- */

typedef void (*token_fn)(const sotto_forward *f, void *arg, int32_t token);
typedef struct token_job {
    const sotto_forward *f;
    token_fn             fn;
    void                *arg;
} token_job;

static void token_chunk(void *arg, int chunk, int worker) {
    const token_job *job = arg;
    (void)worker;
    job->fn(job->f, job->arg, chunk);
}

static void each_token(const sotto_forward *f, int32_t n, token_fn fn, void *arg) {
    token_job job = {f, fn, arg};
    if (n >= PARALLEL_TOKENS_MIN)
        sotto_pool_run(f->pool, n, token_chunk, &job);
    else
        for (int32_t t = 0; t < n; t++) fn(f, arg, t);
}

typedef struct quantize_args {
    const sotto_rows *x;
    int32_t           cols;
} quantize_args;

static void quantize_token(const sotto_forward *f, void *arg, int32_t t) {
    const quantize_args *a = arg;
    f->kernels->quantize_q8(
        sotto_row(a->x, t),
        (sotto_q8_group *)(void *)(f->workspace->q8 + (size_t)t * f->workspace->q8_stride), a->cols);
}

/* y_i = W_i . x for every product; `gated`: two products of equal shape, the first is then act(y0) * y1. */
static void multiply_all(const sotto_forward *f, const sotto_rows *x, const product *products, int32_t n_products,
                         int32_t n_tokens, bool gated) {
    product_job job = {
        .f = f, .x = x, .products = products, .n_products = n_products, .n_tokens = n_tokens, .gated = gated};
    bool        q8 = false;
    for (int32_t i = 0; i < n_products; i++) {
        const sotto_matrix *w = products[i].w;
        int32_t             chunks = 0;
        if (w->data) {
            if (f->observer) f->observer->see(f->observer->user, w, x->data, x->stride, n_tokens);
            q8 |= sotto_dtype_takes_q8(w->dtype);
            job.rows_per_chunk[i] = chunk_rows(w, n_tokens, sotto_pool_threads(f->pool));
            chunks = gated && i > 0 ? 0 : (w->rows + job.rows_per_chunk[i] - 1) / job.rows_per_chunk[i];
        }
        job.first_chunk[i + 1] = job.first_chunk[i] + chunks;
    }
    if (q8) each_token(f, n_tokens, quantize_token, &(quantize_args){x, products[0].w->cols});
    sotto_pool_run(f->pool, job.first_chunk[n_products], product_chunk, &job);
}

typedef struct norm_args {
    const float *w;
    sotto_rows  *to;
    const sotto_rows *from;
} norm_args;

static void norm_token(const sotto_forward *f, void *arg, int32_t t) {
    const norm_args *a = arg;
    f->kernels->rmsnorm(sotto_row(a->to, t), sotto_row(a->from, t), a->w, f->transformer->config.n_embd,
                        f->transformer->config.eps);
}

/* x += branch, normalised first where the family has a post norm; the sum times `scale` when that is given. */
typedef struct residual_args {
    const float *norm, *scale;
} residual_args;

static void residual_token(const sotto_forward *f, void *arg, int32_t t) {
    const residual_args *a = arg;
    const sotto_config  *c = &f->transformer->config;
    float *x = sotto_row(&f->workspace->x, t), *branch = sotto_row(&f->workspace->branch, t);
    if (a->norm) f->kernels->rmsnorm(branch, branch, a->norm, c->n_embd, c->eps);
    f->kernels->add(x, branch, c->n_embd);
    if (a->scale) f->kernels->scale(x, *a->scale, c->n_embd);
}

/* ---- embedding ----------------------------------------------------------------------------------------- */

typedef struct embed_args {
    const int32_t *tokens;
    int32_t        position;
} embed_args;

static void embed_token(const sotto_forward *f, void *arg, int32_t t) {
    const embed_args        *a = arg;
    const sotto_transformer *m = f->transformer;
    sotto_workspace         *ws = f->workspace;
    float                   *x = sotto_row(&ws->x, t);
    f->kernels->to_f32(m->embed.dtype, m->embed.data + (size_t)a->tokens[t] * m->embed.row_bytes, x, m->config.n_embd);
    if (m->config.family->embed_scaled) f->kernels->scale(x, m->config.embed_scale, m->config.n_embd);
    for (int r = 0; r < SOTTO_ROPE_COUNT; r++)
        if (m->config.ropes[r].inv_freq)
            sotto_rope_angles(&m->config.ropes[r], a->position + t, sotto_row(&ws->cosines[r], t),
                              sotto_row(&ws->sines[r], t));
}

/* Gemma 4: per layer, (norm(Wproj x / sqrt(n_embd)) + embedding * sqrt(width)) / sqrt(2). The projection is in
 * per_layer already. */
static void per_layer_token(const sotto_forward *f, void *arg, int32_t t) {
    const embed_args        *a = arg;
    const sotto_transformer *m = f->transformer;
    const sotto_config      *c = &m->config;
    sotto_workspace         *ws = f->workspace;
    int32_t                  width = c->per_layer_embd, total = c->n_layers * width;
    float                   *p = sotto_row(&ws->per_layer, t);
    f->kernels->scale(p, 1.0f / sqrtf((float)c->n_embd), total);
    for (int32_t i = 0; i < c->n_layers; i++)
        f->kernels->rmsnorm(p + (size_t)i * width, p + (size_t)i * width, m->per_layer_proj_norm, width, c->eps);
    const sotto_matrix *e = &m->per_layer_embed;
    const uint8_t      *row = e->data + (size_t)a->tokens[t] * e->row_bytes;
    float               values[256]; /* whole blocks of every dtype */
    size_t              piece_bytes = 0;
    (void)sotto_dtype_row_bytes(e->dtype, SOTTO_COUNT(values), &piece_bytes);
    for (int32_t i = 0; i < total; i += (int32_t)SOTTO_COUNT(values), row += piece_bytes) {
        int32_t n = SOTTO_MIN((int32_t)SOTTO_COUNT(values), total - i);
        f->kernels->to_f32(e->dtype, row, values, n);
        f->kernels->scale(values, sqrtf((float)width), n);
        f->kernels->add(p + i, values, n);
    }
    f->kernels->scale(p, 1.0f / sqrtf(2.0f), total);
}

/* ---- a layer ------------------------------------------------------------------------------------------- */

typedef struct layer_args {
    int32_t layer, position;
} layer_args;

/* Bias, norm and rotation of one token's heads, then its keys and values into the cache. */
static void prepare_token(const sotto_forward *f, void *arg, int32_t t) {
    const layer_args         *a = arg;
    const sotto_config       *c = &f->transformer->config;
    const sotto_layer        *w = &f->transformer->layers[a->layer];
    const sotto_layer_config *l = &c->layers[a->layer];
    const sotto_kernels      *k = f->kernels;
    sotto_workspace          *ws = f->workspace;
    const sotto_kv_layer     *kv = &f->kv->layers[a->layer];
    const float *cosines = l->rope < 0 ? NULL : sotto_row(&ws->cosines[l->rope], t);
    const float *sines = l->rope < 0 ? NULL : sotto_row(&ws->sines[l->rope], t);
    float  *q = sotto_row(&ws->q, t), *key = sotto_row(&ws->k, t), *value = sotto_row(&ws->v, t);
    int32_t hd = l->head_dim;

    if (w->q_bias) k->add(q, w->q_bias, l->n_heads * hd);
    for (int32_t h = 0; h < l->n_heads; h++) {
        if (w->q_norm) k->rmsnorm(q + (size_t)h * hd, q + (size_t)h * hd, w->q_norm, hd, c->eps);
        if (cosines) k->rope(q + (size_t)h * hd, cosines, sines, hd / 2, c->rope_interleaved);
    }
    k->scale(q, c->attn_scale, l->n_heads * hd);
    if (!kv->k) return;
    if (w->k_bias) k->add(key, w->k_bias, l->n_kv_heads * hd);
    if (l->v_from_k) memcpy(value, key, (size_t)(l->n_kv_heads * hd) * sizeof *value);
    if (w->v_bias) k->add(value, w->v_bias, l->n_kv_heads * hd);
    size_t offset = (size_t)(a->position + t) * kv->stride;
    for (int32_t h = 0; h < l->n_kv_heads; h++, offset += kv->head_bytes) {
        float *kh = key + (size_t)h * hd, *vh = value + (size_t)h * hd;
        if (w->k_norm) k->rmsnorm(kh, kh, w->k_norm, hd, c->eps);
        if (c->family->v_norm) k->rmsnorm(vh, vh, NULL, hd, c->eps);
        if (cosines) k->rope(kh, cosines, sines, hd / 2, c->rope_interleaved);
        k->from_f32(f->kv->dtype, kh, kv->k + offset, hd);
        k->from_f32(f->kv->dtype, vh, kv->v + offset, hd);
    }
}

static void activate_per_layer_token(const sotto_forward *f, void *arg, int32_t t) {
    const layer_args   *a = arg;
    const sotto_config *c = &f->transformer->config;
    f->kernels->activate(c->family->activation, sotto_row(&f->workspace->gate, t),
                         sotto_row(&f->workspace->per_layer, t) + (size_t)a->layer * c->per_layer_embd,
                         c->per_layer_embd);
}

static void run_layer(const sotto_forward *f, int32_t layer, int32_t position, int32_t n) {
    const sotto_layer *w = &f->transformer->layers[layer];
    sotto_workspace   *ws = f->workspace;
    layer_args         args = {layer, position};

    each_token(f, n, norm_token, &(norm_args){w->attn_norm, &ws->norm, &ws->x});
    product qkv[] = {{&w->q, &ws->q}, {&w->k, &ws->k}, {&w->v, &ws->v}};
    multiply_all(f, &ws->norm, qkv, 3, n, false);
    each_token(f, n, prepare_token, &args);
    (f->plain ? sotto_attention_plain : sotto_attention)(f, layer, position, n);
    multiply_all(f, &ws->attn, &(product){&w->o, &ws->branch}, 1, n, false);
    each_token(f, n, residual_token, &(residual_args){.norm = w->post_attn_norm});

    bool per_layer = w->per_layer_gate.data != NULL;
    each_token(f, n, norm_token, &(norm_args){w->ffn_norm, &ws->norm, &ws->x});
    product gate_up[] = {{&w->gate, &ws->gate}, {&w->up, &ws->up}};
    multiply_all(f, &ws->norm, gate_up, 2, n, true);
    multiply_all(f, &ws->gate, &(product){&w->down, &ws->branch}, 1, n, false);
    each_token(f, n, residual_token, &(residual_args){w->post_ffn_norm, per_layer ? NULL : w->output_scale});
    if (!per_layer) return;

    multiply_all(f, &ws->x, &(product){&w->per_layer_gate, &ws->gate}, 1, n, false);
    each_token(f, n, activate_per_layer_token, &args);
    multiply_all(f, &ws->gate, &(product){&w->per_layer_proj, &ws->branch}, 1, n, false);
    each_token(f, n, residual_token, &(residual_args){w->per_layer_norm, w->output_scale});
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static void write_logits(const sotto_forward *f, int32_t n, int32_t n_logits, float *logits) {
    const sotto_transformer *m = f->transformer;
    sotto_workspace         *ws = f->workspace;
    sotto_rows               last = {sotto_row(&ws->x, n - n_logits), ws->x.stride};
    sotto_rows               out = {logits, (size_t)m->config.n_vocab};
    each_token(f, n_logits, norm_token, &(norm_args){m->output_norm, &ws->norm, &last});
    multiply_all(f, &ws->norm, &(product){&m->head, &out}, 1, n_logits, false);
    for (int32_t t = 0; t < n_logits && m->config.final_softcap > 0; t++)
        f->kernels->softcap(sotto_row(&out, t), m->config.final_softcap, m->config.n_vocab);
}

void sotto_forward_run(const sotto_forward *f, const int32_t *tokens, int32_t n, int32_t n_logits, float *logits) {
    const sotto_transformer *m = f->transformer;
    sotto_workspace         *ws = f->workspace;
    embed_args               args = {tokens, f->kv->n};
    each_token(f, n, embed_token, &args);
    if (m->config.per_layer_embd) {
        multiply_all(f, &ws->x, &(product){&m->per_layer_model_proj, &ws->per_layer}, 1, n, false);
        each_token(f, n, per_layer_token, &args);
    }
    for (int32_t i = 0; i < m->config.n_layers; i++) run_layer(f, i, args.position, n);
    f->kv->n += n;
    if (n_logits > 0) write_logits(f, n, n_logits, logits);
}
