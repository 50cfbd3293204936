/* Sessions: one timeline of tokens over a model. */
#include "runtime/engine.h"

#include <stdlib.h>

enum { CONTEXT_DEFAULT = 8192, BATCH_MAX = 8192 };

sotto_session_options sotto_session_options_default(void) { return (sotto_session_options){0}; }

static sotto_status resolve(sotto_session_options *o, const sotto_session_options *given, const sotto_model *m,
                            sotto_error *err) {
    const int32_t most = m->info.context_length;
    *o = given ? *given : sotto_session_options_default();
    if (o->context == 0) o->context = SOTTO_MIN(most, (int32_t)CONTEXT_DEFAULT);
    if (o->batch == 0) o->batch = m->engine->batch;
    o->batch = SOTTO_MIN(o->batch, o->context);
    if (o->context < 1 || o->context > most)
        return sotto_fail(err, SOTTO_INVALID, "a context of %d tokens: this model takes 1 to %d", (int)o->context,
                          (int)most);
    if (o->batch < 1 || o->batch > BATCH_MAX)
        return sotto_fail(err, SOTTO_INVALID, "a batch of %d tokens: choose 1 to %d", (int)o->batch, (int)BATCH_MAX);
    if ((unsigned)o->cache_type > SOTTO_CACHE_F32)
        return sotto_fail(err, SOTTO_INVALID, "cache type %d does not exist", (int)o->cache_type);
    if ((unsigned)o->variant > SOTTO_VARIANT_NO_CACHE)
        return sotto_fail(err, SOTTO_INVALID, "variant %d does not exist", (int)o->variant);
    if (o->variant && (o->cache_type == SOTTO_CACHE_Q8_0 || !m->transformer))
        return sotto_fail(err, SOTTO_UNSUPPORTED, "variants are for GGUF files and folders, with an f16 or f32 cache");
    return SOTTO_OK;
}

static void budget(sotto_memory *out, const sotto_model *m, const sotto_session_options *o) {
    m->engine->budget(m, o, out);
    out->context = o->context;
    out->scratch_bytes += (uint64_t)m->info.n_vocab * sizeof(float) * (SOTTO_AHEAD_MAX + 2) +
                          (uint64_t)o->context * sizeof(int32_t);
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
    const sotto_model_options model_options = sotto_model_options_default();
    sotto_session_options     o;
    sotto_memory              m;
    sotto_model              *model = calloc(1, sizeof *model);
    if (!model) return sotto_fail_memory(err, "a model");
    sotto_status status = sotto_model_open_engine(model, path, &model_options, true, err);
    if (status == SOTTO_OK) status = resolve(&o, opt, model, err);
    if (status == SOTTO_OK) {
        budget(&m, model, &o);
        status = check_limit(&m, o.memory_limit, err);
    }
    if (status == SOTTO_OK) *out = m;
    sotto_model_close(model);
    return status;
}

sotto_status sotto_session_open(sotto_session **out, sotto_model *model, const sotto_session_options *opt,
                                sotto_error *err) {
    sotto_memory   m;
    sotto_session *s = calloc(1, sizeof *s);
    if (!s) return sotto_fail_memory(err, "a session");
    s->model = model;
    sotto_status status = resolve(&s->options, opt, model, err);
    if (status == SOTTO_OK) {
        budget(&m, model, &s->options);
        status = check_limit(&m, s->options.memory_limit, err);
    }
    if (status == SOTTO_OK) status = model->engine->session_open(s, err);
    if (status == SOTTO_OK) {
        s->tokens = calloc((size_t)s->options.context, sizeof *s->tokens);
        s->logits = calloc((size_t)model->info.n_vocab, sizeof *s->logits);
        s->ahead_logits = calloc((size_t)model->info.n_vocab, sizeof *s->logits * (SOTTO_AHEAD_MAX + 1));
        if (!s->tokens || !s->logits || !s->ahead_logits) status = sotto_fail_memory(err, "a session");
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
    s->model->engine->session_close(s);
    free(s->tokens);
    free(s->logits);
    free(s->ahead_logits);
    free(s);
}

const sotto_model *sotto_session_model(const sotto_session *s) { return s->model; }

void sotto_session_set_cancel(sotto_session *s, const volatile int *cancel) { s->cancel = cancel; }

/* ---- evaluating ---------------------------------------------------------------------------------------- */

static sotto_status check_tokens(const sotto_session *s, size_t at, const int32_t *ids, size_t n, sotto_error *err) {
    int32_t n_vocab = s->model->info.n_vocab;
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

static sotto_status go_on(const sotto_session *s, size_t done, size_t n, sotto_error *err) {
    if (sotto_flag_is_set(s->cancel) ||
        (s->options.progress && !s->options.progress(s->options.progress_user, done, n)))
        return sotto_fail(err, SOTTO_CANCELLED, "cancelled after %zu of %zu tokens", done, n);
    return SOTTO_OK;
}

static sotto_status run_batch(sotto_session *s, const int32_t *ids, int32_t n, int32_t n_logits, float *logits,
                              sotto_error *err) {
    s->has_logits = false;
    memmove(s->tokens + s->n, ids, (size_t)n * sizeof *ids);
    SOTTO_TRY(s->model->engine->run(s, ids, n, n_logits, logits, err));
    s->n += n;
    return SOTTO_OK;
}

/* Evaluate checked tokens batch by batch. `all`: logits of every token, else NULL. What is done stays done. */
static sotto_status evaluate(sotto_session *s, const int32_t *ids, size_t n, float *all, sotto_error *err) {
    size_t n_vocab = (size_t)s->model->info.n_vocab;
    for (size_t done = 0; done < n;) {
        SOTTO_TRY(go_on(s, done, n, err));
        int32_t step = (int32_t)SOTTO_MIN((size_t)s->options.batch, n - done);
        bool    last = done + (size_t)step == n;
        SOTTO_TRY(run_batch(s, ids + done, step, all ? step : last ? 1 : 0, all ? all + done * n_vocab : s->logits,
                            err));
        done += (size_t)step;
        if (last && all) memcpy(s->logits, all + (n - 1) * n_vocab, n_vocab * sizeof *all);
        s->has_logits = last;
    }
    if (n > 0 && s->options.progress) (void)s->options.progress(s->options.progress_user, n, n);
    return SOTTO_OK;
}

/* What was guessed has not come. The engine forgets it; a window keeps enough before it (sotto_kv_set_mark). */
static void forget_guesses(sotto_session *s) {
    if (s->ahead) (void)s->model->engine->rewind(s, s->n);
    s->ahead = 0;
}

sotto_status sotto_session_append(sotto_session *s, const int32_t *ids, size_t n, sotto_error *err) {
    SOTTO_TRY(check_tokens(s, (size_t)s->n, ids, n, err));
    forget_guesses(s);
    return evaluate(s, ids, n, NULL, err);
}

sotto_status sotto_session_append_logits(sotto_session *s, const int32_t *ids, size_t n, float *logits,
                                         sotto_error *err) {
    SOTTO_TRY(check_tokens(s, (size_t)s->n, ids, n, err));
    forget_guesses(s);
    return evaluate(s, ids, n, logits, err);
}

/* The logits after the token that the guesses follow, or after one of them that came true. */
static void use_row(sotto_session *s, int32_t row) {
    size_t n_vocab = (size_t)s->model->info.n_vocab;
    memcpy(s->logits, s->ahead_logits + (size_t)row * n_vocab, n_vocab * sizeof *s->logits);
    s->has_logits = true;
}

sotto_status sotto_session_append_guessing(sotto_session *s, int32_t token, const int32_t *guesses, int32_t n,
                                           sotto_error *err) {
    int32_t ids[SOTTO_AHEAD_MAX + 1] = {token};
    n = SOTTO_MIN(SOTTO_MIN(n, (int32_t)SOTTO_AHEAD_MAX), SOTTO_MIN(s->options.batch, s->options.context - s->n) - 1);
    if (n <= 0) return sotto_session_append(s, &token, 1, err);
    memcpy(ids + 1, guesses, (size_t)n * sizeof *ids);
    SOTTO_TRY(check_tokens(s, (size_t)s->n, ids, (size_t)n + 1, err));
    forget_guesses(s);
    SOTTO_TRY(go_on(s, 0, 1, err));
    SOTTO_TRY(run_batch(s, ids, n + 1, n + 1, s->ahead_logits, err));
    s->n -= n;
    s->ahead = n;
    s->ahead_row = 1;
    use_row(s, 0);
    return SOTTO_OK;
}

bool sotto_session_take_guess(sotto_session *s, int32_t token) {
    if (!s->ahead || s->tokens[s->n] != token) return false;
    s->n++;
    s->ahead--;
    if (s->ahead_row < 0) s->has_logits = false;
    else use_row(s, s->ahead_row++);
    return true;
}

void sotto_session_hold_back(sotto_session *s, size_t n) {
    forget_guesses(s);
    s->ahead = s->n - (int32_t)n;
    s->ahead_row = -1;
    s->n = (int32_t)n;
    s->has_logits = false;
}

static bool rewind_to(sotto_session *s, size_t n) {
    if (!s->model->engine->rewind(s, (int32_t)n)) return false;
    s->n = (int32_t)n;
    return true;
}

sotto_status sotto_session_sync(sotto_session *s, const int32_t *ids, size_t n, sotto_error *err) {
    SOTTO_TRY(check_tokens(s, 0, ids, n, err));
    forget_guesses(s);
    size_t keep = 0, have = (size_t)s->n;
    /* After sliding the cache holds what other tokens once saw: it serves to go on, not to begin anew elsewhere. */
    while (keep < n && keep < have && ids[keep] == s->tokens[keep]) keep++;
    if (s->slid && keep < have) keep = 0;
    if (keep == n && keep > 0 && !(keep == have && s->has_logits)) keep--; /* the last token again, for its logits */
    if (!rewind_to(s, keep)) {
        keep = 0;
        (void)rewind_to(s, 0);
    }
    if (keep == 0) s->slid = false;
    if (keep < have || keep < n) s->has_logits = false;
    s->kept = keep;
    s->computed = n - keep;
    sotto_status status = evaluate(s, ids + keep, n - keep, NULL, err);
    s->model->engine->mark(s, (int32_t)SOTTO_MIN(keep, (size_t)s->n));
    return status;
}

sotto_status sotto_session_rewind(sotto_session *s, size_t n, sotto_error *err) {
    if (n > (size_t)s->n)
        return sotto_fail(err, SOTTO_INVALID, "cannot rewind to %zu tokens: the session has %d", n, (int)s->n);
    forget_guesses(s);
    if (n == (size_t)s->n) return SOTTO_OK;
    if (!rewind_to(s, n))
        return sotto_fail(err, SOTTO_INVALID,
                          "cannot rewind to %zu tokens: its sliding-window layers no longer hold what came "
                          "before; sync to the tokens instead",
                          n);
    s->has_logits = false;
    return SOTTO_OK;
}

sotto_status sotto_session_restore_logits(sotto_session *s, size_t n, const float *logits, sotto_error *err) {
    SOTTO_TRY(sotto_session_rewind(s, n, err));
    memcpy(s->logits, logits, (size_t)s->model->info.n_vocab * sizeof *logits);
    s->has_logits = true;
    return SOTTO_OK;
}

sotto_status sotto_session_drop(sotto_session *s, size_t begin, size_t end, sotto_error *err) {
    if (begin > end || end > (size_t)s->n)
        return sotto_fail(err, SOTTO_INVALID, "cannot drop the tokens %zu to %zu of %d", begin, end, (int)s->n);
    size_t n = (size_t)s->n;
    if (begin == end) return SOTTO_OK;
    forget_guesses(s);
    SOTTO_TRY(s->model->engine->drop(s, (int32_t)begin, (int32_t)end, err));
    memmove(s->tokens + begin, s->tokens + end, (n - end) * sizeof *s->tokens);
    s->n -= (int32_t)(end - begin);
    return SOTTO_OK;
}

/* ---- looking ------------------------------------------------------------------------------------------- */

const int32_t *sotto_session_tokens(const sotto_session *s, size_t *n) {
    *n = (size_t)s->n;
    return s->tokens;
}

int32_t      sotto_session_context(const sotto_session *s) { return s->options.context; }
const float *sotto_session_logits(const sotto_session *s) { return s->has_logits ? s->logits : NULL; }

void sotto_session_last_sync(const sotto_session *s, size_t *kept, size_t *computed) {
    *kept = s->kept;
    *computed = s->computed;
}
