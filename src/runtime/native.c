/* The native engine: a checkpoint's weights, the forward pass of model/, and its cache. */
#include "runtime/engine.h"

/* What a saved session must agree on: shapes, types, and a sample of every tensor's bytes. */
static uint64_t fingerprint(const sotto_checkpoint *c) {
    uint64_t h = sotto_hash(&c->n_tensors, sizeof c->n_tensors, 0);
    for (size_t i = 0; i < c->n_tensors; i++) {
        const sotto_tensor *t = &c->tensors[i];
        h = sotto_hash(t->name.p, t->name.n, h);
        h = sotto_hash(&t->dtype, sizeof t->dtype, h);
        h = sotto_hash(t->dim, sizeof t->dim, h);
        size_t n = SOTTO_MIN(t->n_bytes, (size_t)64);
        if (n > 0) h = sotto_hash((const uint8_t *)t->data + (t->n_bytes - n) / 2, n, h);
    }
    return h;
}

sotto_status sotto_kernels_choose(sotto_kernels *k, const char *level, sotto_error *err) {
    uint32_t flags = sotto_cpu_flags(), allowed;
    if (level) {
        if (!sotto_kernels_level(level, &allowed))
            return sotto_fail(err, SOTTO_INVALID,
                              "kernel level \"%s\" does not exist (ref, avx2, avx512vnni, neon, dotprod and "
                              "i8mm do)",
                              level);
        flags &= allowed;
    }
    sotto_kernels_init(k, flags);
    return SOTTO_OK;
}

static sotto_status open_model(sotto_model *m, const char *path, const sotto_model_options *o, bool look_only,
                               sotto_error *err) {
    SOTTO_TRY(sotto_kernels_choose(&m->kernels, o->cpu, err));
    SOTTO_TRY(sotto_checkpoint_open(&m->checkpoint, path, &(sotto_checkpoint_options){.no_map = o->no_map}, err));
    SOTTO_TRY(sotto_transformer_open(&m->transformer, m->checkpoint, err));
    const sotto_transformer *t = m->transformer;
    m->info = (sotto_model_info){
        .family = t->config.family->name,
        .name = t->config.name,
        .kernels = m->kernels.name,
        .threads = o->threads,
        .n_vocab = t->config.n_vocab, .n_layers = t->config.n_layers, .n_embd = t->config.n_embd,
        .context_length = t->config.context_length,
        .n_params = t->n_params,
        .file_bytes = m->checkpoint->n_bytes,
        .decode_bytes = t->decode_bytes,
        .prefill_macs = t->prefill_macs,
    };
    if (look_only) return SOTTO_OK;
    m->fingerprint = fingerprint(m->checkpoint);
    return sotto_pool_open(&m->pool, o->threads, err);
}

static void close_model(sotto_model *m) {
    sotto_pool_close(m->pool);
    sotto_transformer_close(m->transformer);
}

/* ---- sessions ------------------------------------------------------------------------------------------ */

static const sotto_dtype cache_dtypes[] = {
    [SOTTO_CACHE_F16] = SOTTO_F16, [SOTTO_CACHE_Q8_0] = SOTTO_Q8_0, [SOTTO_CACHE_F32] = SOTTO_F32};

static void budget(const sotto_model *m, const sotto_session_options *o, sotto_memory *out) {
    const sotto_config *c = &m->transformer->config;
    out->weights_bytes = m->checkpoint->n_bytes;
    out->cache_bytes = sotto_kv_bytes(c, cache_dtypes[o->cache_type], o->context, o->batch);
    out->scratch_bytes = sotto_workspace_bytes(c, o->batch, o->context, m->info.threads);
    if (o->variant) out->scratch_bytes += sotto_plain_bytes(c, o->batch, o->context);
    if (o->variant == SOTTO_VARIANT_COPIED_CACHE) out->cache_bytes *= 2;
}

static sotto_status open_session(sotto_session *s, sotto_error *err) {
    const sotto_session_options *o = &s->options;
    const sotto_transformer     *t = s->model->transformer;
    SOTTO_TRY(sotto_kv_open(&s->kv, &t->config, cache_dtypes[o->cache_type], o->context, err));
    if (o->variant) SOTTO_TRY(sotto_plain_open(&s->plain, &t->config, o->batch, o->context, err));
    if (o->variant == SOTTO_VARIANT_COPIED_CACHE)
        SOTTO_TRY(sotto_vm_reserve((void **)&s->outside, s->kv.n_bytes, err));
    return sotto_workspace_open(&s->workspace, t, o->batch, o->context, s->model->info.threads, err);
}

static void close_session(sotto_session *s) {
    sotto_vm_release(s->outside, s->kv.n_bytes);
    sotto_plain_close(s->plain);
    sotto_kv_close(&s->kv);
    sotto_workspace_close(s->workspace);
}

/* ref multiplies one value at a time: twice the tokens take twice the time. */
static double guess_cost(const sotto_model *m) { return strcmp(m->kernels.name, "ref") == 0 ? 1.0 : 0.3; }

/* All tokens from the first on, in batches of which the last is a whole one, then the rest of the context as padding:
 * any token serves, as nothing before it looks at it. What comes without logits is left until some are asked for. */
static void run_without_cache(sotto_session *s, const sotto_forward *f, int32_t n, int32_t n_logits, float *logits) {
    const int32_t total = s->n + n, batch = s->options.batch, context = s->options.context;
    s->kv.n = 0;
    memset(s->tokens + total, 0, (size_t)(context - total) * sizeof *s->tokens);
    for (int32_t at = 0, step; n_logits > 0 && at < context; at += step) {
        step = at == 0 && total % batch ? total % batch : SOTTO_MIN(batch, context - at);
        sotto_forward_run(f, s->tokens + at, step, at + step == total ? n_logits : 0, logits);
    }
    s->kv.n = total;
}

static sotto_status run(sotto_session *s, const int32_t *tokens, int32_t n, int32_t n_logits, float *logits,
                        sotto_error *err) {
    const sotto_forward f = {.transformer = s->model->transformer,
                             .kernels = &s->model->kernels,
                             .pool = s->model->pool,
                             .workspace = s->workspace,
                             .kv = &s->kv,
                             .observer = s->observer,
                             .plain = s->plain};
    (void)err;
    if (s->options.variant == SOTTO_VARIANT_NO_CACHE) run_without_cache(s, &f, n, n_logits, logits);
    else sotto_forward_run(&f, tokens, n, n_logits, logits);
    if (!s->outside) return SOTTO_OK;
    memcpy(s->outside, s->kv.memory, s->kv.n_bytes);
    memcpy(s->kv.memory, s->outside, s->kv.n_bytes);
    return SOTTO_OK;
}

static bool rewind_to(sotto_session *s, int32_t n) { return sotto_kv_rewind(&s->kv, n); }
static void mark(sotto_session *s, int32_t position) { sotto_kv_set_mark(&s->kv, position); }

/* Keys are rotated to their new positions, and nothing is computed: they still hold what was once before them. */
static sotto_status drop(sotto_session *s, int32_t begin, int32_t end, sotto_error *err) {
    SOTTO_TRY(sotto_kv_drop(&s->kv, &s->model->kernels, begin, end, err));
    s->slid = true;
    return SOTTO_OK;
}

static uint64_t read_bytes(const sotto_session *s, int32_t depth) {
    return sotto_kv_read_bytes(&s->model->transformer->config, s->kv.dtype, depth);
}

const sotto_engine sotto_engine_native = {.batch = 512, .guess_cost = guess_cost,
                                          .open = open_model, .close = close_model, .budget = budget,
                                          .session_open = open_session, .session_close = close_session, .run = run,
                                          .rewind = rewind_to, .mark = mark, .drop = drop, .read_bytes = read_bytes};
