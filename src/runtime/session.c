/* Sessions: one timeline of tokens over a model. */
#include "runtime/session.h"

#include <stdlib.h>

enum { CONTEXT_DEFAULT = 8192, BATCH_DEFAULT = 512, BATCH_MAX = 8192 };

sotto_session_options sotto_session_options_default(void) { return (sotto_session_options){0}; }

static const sotto_dtype cache_dtypes[] = {
    [SOTTO_CACHE_F16] = SOTTO_F16, [SOTTO_CACHE_Q8_0] = SOTTO_Q8_0, [SOTTO_CACHE_F32] = SOTTO_F32};

static sotto_dtype cache_dtype(const sotto_session_options *o) { return cache_dtypes[o->cache_type]; }

static sotto_status resolve(sotto_session_options *o, const sotto_session_options *given, const sotto_config *c,
                            sotto_error *err) {
    *o = given ? *given : sotto_session_options_default();
    if (o->context == 0) o->context = SOTTO_MIN(c->context_length, (int32_t)CONTEXT_DEFAULT);
    if (o->batch == 0) o->batch = BATCH_DEFAULT;
    o->batch = SOTTO_MIN(o->batch, o->context);
    if (o->context < 1 || o->context > c->context_length)
        return sotto_fail(err, SOTTO_INVALID, "a context of %d tokens: this model takes 1 to %d", (int)o->context,
                          (int)c->context_length);
    if (o->batch < 1 || o->batch > BATCH_MAX)
        return sotto_fail(err, SOTTO_INVALID, "a batch of %d tokens: choose 1 to %d", (int)o->batch, (int)BATCH_MAX);
    if ((unsigned)o->cache_type >= SOTTO_COUNT(cache_dtypes))
        return sotto_fail(err, SOTTO_INVALID, "cache type %d does not exist", (int)o->cache_type);
    return SOTTO_OK;
}

static void budget(sotto_memory *out, const sotto_config *c, uint64_t weights, const sotto_session_options *o,
                   int32_t threads) {
    out->context = o->context;
    out->weights_bytes = weights;
    out->cache_bytes = sotto_kv_bytes(c, cache_dtype(o), o->context, o->batch);
    out->scratch_bytes = sotto_workspace_bytes(c, o->batch, o->context, threads) +
                         (uint64_t)c->n_vocab * sizeof(float) + (uint64_t)o->context * sizeof(int32_t);
    out->total_bytes = out->weights_bytes + out->cache_bytes + out->scratch_bytes;
}

static sotto_status check_limit(const sotto_memory *m, uint64_t limit, sotto_error *err) {
    if (limit == 0 || m->total_bytes <= limit) return SOTTO_OK;
    const double mib = 1024.0 * 1024.0;
    return sotto_fail(err, SOTTO_LIMIT,
                      "needs %.1f MiB (weights %.1f, cache %.1f for %d tokens, scratch %.1f), the limit is "
                      "%.1f MiB: choose a smaller context or a smaller model",
                      (double)m->total_bytes / mib, (double)m->weights_bytes / mib,
                      (double)m->cache_bytes / mib, (int)m->context, (double)m->scratch_bytes / mib,
                      (double)limit / mib);
}

sotto_status sotto_memory_estimate(const char *path, const sotto_session_options *opt, sotto_memory *out,
                                   sotto_error *err) {
    sotto_checkpoint     *c = NULL;
    sotto_transformer    *t = NULL;
    sotto_session_options o;
    sotto_memory          m;
    sotto_status          status = sotto_checkpoint_open(&c, path, NULL, err);
    if (status == SOTTO_OK) status = sotto_transformer_open(&t, c, err);
    if (status == SOTTO_OK) status = resolve(&o, opt, &t->config, err);
    if (status == SOTTO_OK) {
        budget(&m, &t->config, c->n_bytes, &o, sotto_cpu_physical_cores());
        status = check_limit(&m, o.memory_limit, err);
    }
    if (status == SOTTO_OK) *out = m;
    sotto_transformer_close(t);
    sotto_checkpoint_close(c);
    return status;
}

sotto_status sotto_session_open(sotto_session **out, sotto_model *model, const sotto_session_options *opt,
                                sotto_error *err) {
    const sotto_config *c = &model->transformer->config;
    int32_t             threads = sotto_pool_threads(model->pool);
    sotto_memory        m;
    sotto_session      *s = calloc(1, sizeof *s);
    if (!s) return sotto_fail_memory(err, "a session");
    s->model = model;
    sotto_status status = resolve(&s->options, opt, c, err);
    if (status == SOTTO_OK) {
        budget(&m, c, model->checkpoint->n_bytes, &s->options, threads);
        status = check_limit(&m, s->options.memory_limit, err);
    }
    if (status == SOTTO_OK) status = sotto_kv_open(&s->kv, c, cache_dtype(&s->options), s->options.context, err);
    if (status == SOTTO_OK)
        status = sotto_workspace_open(&s->workspace, model->transformer, s->options.batch, s->options.context,
                                      threads, err);
    if (status == SOTTO_OK) {
        s->tokens = calloc((size_t)s->options.context, sizeof *s->tokens);
        s->logits = calloc((size_t)c->n_vocab, sizeof *s->logits);
        if (!s->tokens || !s->logits) status = sotto_fail_memory(err, "a session");
    }
    if (status != SOTTO_OK) {
        sotto_session_close(s);
        return status;
    }
    *out = s;
    return SOTTO_OK;
}

void sotto_session_close(sotto_session *s) {
    if (!s) return;
    sotto_kv_close(&s->kv);
    sotto_workspace_close(s->workspace);
    free(s->tokens);
    free(s->logits);
    free(s);
}

const sotto_model *sotto_session_model(const sotto_session *s) { return s->model; }

void sotto_session_set_cancel(sotto_session *s, const volatile int *cancel) { s->cancel = cancel; }

/* ---- evaluating ---------------------------------------------------------------------------------------- */

static sotto_status check_tokens(const sotto_session *s, size_t at, const int32_t *ids, size_t n, sotto_error *err) {
    int32_t n_vocab = s->model->transformer->config.n_vocab;
    if (n > (size_t)s->options.context || at > (size_t)s->options.context - n)
        return sotto_fail(err, SOTTO_CONTEXT_FULL,
                          "%zu tokens do not fit a context of %d: shorten the prompt, choose a larger "
                          "context, or let it slide",
                          at + n, (int)s->options.context);
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= n_vocab)
            return sotto_fail(err, SOTTO_INVALID, "token %d at position %zu is not in the vocabulary of %d",
                              (int)ids[i], at + i, (int)n_vocab);
    return SOTTO_OK;
}

/* Evaluate checked tokens batch by batch. `all`: logits of every token, else NULL. What is done stays done. */
static sotto_status evaluate(sotto_session *s, const int32_t *ids, size_t n, float *all, sotto_error *err) {
    const sotto_forward f = {.transformer = s->model->transformer,
                             .kernels = &s->model->kernels,
                             .pool = s->model->pool,
                             .workspace = s->workspace,
                             .kv = &s->kv,
                             .observer = s->observer};
    size_t n_vocab = (size_t)f.transformer->config.n_vocab;
    for (size_t done = 0; done < n;) {
        if ((s->cancel && *s->cancel) ||
            (s->options.progress && !s->options.progress(s->options.progress_user, done, n)))
            return sotto_fail(err, SOTTO_CANCELLED, "cancelled after %zu of %zu tokens", done, n);
        int32_t step = (int32_t)SOTTO_MIN((size_t)s->options.batch, n - done);
        bool    last = done + (size_t)step == n;
        s->has_logits = false;
        memmove(s->tokens + s->kv.n, ids + done, (size_t)step * sizeof *ids);
        sotto_forward_run(&f, ids + done, step, all ? step : last ? 1 : 0, all ? all + done * n_vocab : s->logits);
        done += (size_t)step;
        if (last && all) memcpy(s->logits, all + (n - 1) * n_vocab, n_vocab * sizeof *all);
        s->has_logits = last;
    }
    if (n > 0 && s->options.progress) (void)s->options.progress(s->options.progress_user, n, n);
    return SOTTO_OK;
}

sotto_status sotto_session_append(sotto_session *s, const int32_t *ids, size_t n, sotto_error *err) {
    SOTTO_TRY(check_tokens(s, (size_t)s->kv.n, ids, n, err));
    return evaluate(s, ids, n, NULL, err);
}

sotto_status sotto_session_append_logits(sotto_session *s, const int32_t *ids, size_t n, float *logits,
                                         sotto_error *err) {
    SOTTO_TRY(check_tokens(s, (size_t)s->kv.n, ids, n, err));
    return evaluate(s, ids, n, logits, err);
}

sotto_status sotto_session_sync(sotto_session *s, const int32_t *ids, size_t n, sotto_error *err) {
    SOTTO_TRY(check_tokens(s, 0, ids, n, err));
    size_t keep = 0, have = (size_t)s->kv.n;
    /* After sliding the cache holds what other tokens once saw: it serves to go on, not to begin anew elsewhere. */
    while (keep < n && keep < have && ids[keep] == s->tokens[keep]) keep++;
    if (s->slid && keep < have) keep = 0;
    if (keep == n && keep > 0 && !(keep == have && s->has_logits)) keep--; /* the last token again, for its logits */
    if (!sotto_kv_rewind(&s->kv, (int32_t)keep)) {
        keep = 0;
        (void)sotto_kv_rewind(&s->kv, 0);
    }
    if (keep == 0) s->slid = false;
    if (keep < have || keep < n) s->has_logits = false;
    s->kept = keep;
    s->computed = n - keep;
    sotto_status status = evaluate(s, ids + keep, n - keep, NULL, err);
    sotto_kv_set_mark(&s->kv, (int32_t)SOTTO_MIN(keep, (size_t)s->kv.n));
    return status;
}

sotto_status sotto_session_rewind(sotto_session *s, size_t n, sotto_error *err) {
    if (n > (size_t)s->kv.n)
        return sotto_fail(err, SOTTO_INVALID, "cannot rewind to %zu tokens: the session has %d", n, (int)s->kv.n);
    if (n == (size_t)s->kv.n) return SOTTO_OK;
    if (!sotto_kv_rewind(&s->kv, (int32_t)n))
        return sotto_fail(err, SOTTO_INVALID,
                          "cannot rewind to %zu tokens: its sliding-window layers no longer hold what came "
                          "before; sync to the tokens instead",
                          n);
    s->has_logits = false;
    return SOTTO_OK;
}

sotto_status sotto_session_drop(sotto_session *s, size_t begin, size_t end, sotto_error *err) {
    if (begin > end || end > (size_t)s->kv.n)
        return sotto_fail(err, SOTTO_INVALID, "cannot drop the tokens %zu to %zu of %d", begin, end, (int)s->kv.n);
    size_t n = (size_t)s->kv.n;
    if (begin == end) return SOTTO_OK;
    SOTTO_TRY(sotto_kv_drop(&s->kv, &s->model->kernels, (int32_t)begin, (int32_t)end, err));
    memmove(s->tokens + begin, s->tokens + end, (n - end) * sizeof *s->tokens);
    s->slid = true;
    return SOTTO_OK;
}

/* ---- looking ------------------------------------------------------------------------------------------- */

const int32_t *sotto_session_tokens(const sotto_session *s, size_t *n) {
    *n = (size_t)s->kv.n;
    return s->tokens;
}

int32_t      sotto_session_context(const sotto_session *s) { return s->options.context; }
const float *sotto_session_logits(const sotto_session *s) { return s->has_logits ? s->logits : NULL; }

void sotto_session_last_sync(const sotto_session *s, size_t *kept, size_t *computed) {
    *kept = s->kept;
    *computed = s->computed;
}
