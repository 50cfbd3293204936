/* How good a model is: its perplexity on a text, and how far its distributions are from those of a reference.
 *
 * The text is cut into overlapping windows (see sotto.h for what is scored). Each is computed by both models side by
 * side, a few positions at a time, because the logits of a whole window can be half a gigabyte; what remains of a
 * position is four numbers. The positions of a chunk are independent of each other and go to the thread pool; their
 * numbers are added up in the order of the text, so that threads do not show in the result. */
#include <math.h>
#include <stdlib.h>

#include "runtime/session.h"

enum { WINDOW_DEFAULT = 512, TOKENS_MIN = 16, ROWS = 64 };

sotto_quality_options sotto_quality_options_default(void) { return (sotto_quality_options){0}; }

/* ---- statistics ---------------------------------------------------------------------------------------- */

/* Mean and sum of squared distances from it, value by value (Welford 1962). */
typedef struct moments {
    double n, mean, m2;
} moments;

static void add(moments *m, double value) {
    double before = value - m->mean;
    m->n++;
    m->mean += before / m->n;
    m->m2 += before * (value - m->mean);
}

static sotto_estimate mean_of(const moments *m) {
    return (sotto_estimate){m->mean, m->n > 1 ? sqrt(m->m2 / (m->n - 1) / m->n) : 0};
}

/* exp and square root of a mean; the error follows from the derivative there. */
static sotto_estimate exp_of(const moments *m) {
    sotto_estimate e = mean_of(m);
    return (sotto_estimate){exp(e.value), exp(e.value) * e.error};
}

static sotto_estimate root_of(const moments *m) {
    sotto_estimate e = mean_of(m);
    double         root = sqrt(e.value);
    return (sotto_estimate){root, root > 0 ? e.error / (2 * root) : 0};
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const double *sorted, size_t n, double share) {
    double at = share * (double)(n - 1);
    size_t below = (size_t)at, above = SOTTO_MIN(below + 1, n - 1);
    return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

/* ---- one position -------------------------------------------------------------------------------------- */

typedef struct side {
    sotto_model   *model; /* NULL: no reference */
    sotto_session *session;
    float         *logits; /* [ROWS, n_vocab] */
} side;

typedef struct row {
    double surprise[2]; /* -log p of the true token: the model's, the reference's */
    double kl;
    bool   agree;
} row;

typedef struct measure {
    side           sides[2]; /* the model, the reference */
    int32_t        n_vocab;
    int32_t        bos; /* -1: windows begin with text */
    sotto_tokens   text;
    int32_t        window, half; /* tokens of a window; where the scored ones begin */
    int32_t       *ids;          /* [window] */
    const int32_t *truth;        /* [rows of the chunk], in ids */
    row            rows[ROWS];
    moments        surprise[2], more_surprise, kl, delta_p, delta_p_squared, agree;
    double        *kls; /* [n_scored]; NULL: no reference */
    size_t         n_scored;
    uint64_t       done, total; /* tokens computed, for progress */
    sotto_importance *importance; /* of the model's inputs; NULL: not asked for */
} measure;

/* The logarithm of the sum of exp(x), and where x is largest first. NaN when an x is not finite. */
static double log_sum_exp(const float *x, int32_t n, int32_t *best) {
    double sum = 0, nothing = 0;
    *best = 0;
    for (int32_t i = 1; i < n; i++)
        if (x[i] > x[*best]) *best = i;
    double top = (double)x[*best];
    for (int32_t i = 0; i < n; i++) {
        sum += exp((double)x[i] - top);
        nothing += 0 * (double)x[i]; /* NaN of an infinity, which exp makes a harmless 0 */
    }
    return top + log(sum) + nothing;
}

/* Sum of p (log p - log q); the logarithms of p's and q's sums of exp are known. */
static double divergence(const float *p, double p_sum, const float *q, double q_sum, int32_t n) {
    double kl = 0;
    for (int32_t i = 0; i < n; i++) {
        double log_p = (double)p[i] - p_sum, log_q = (double)q[i] - q_sum;
        kl += exp(log_p) * (log_p - log_q);
    }
    return kl < 0 ? 0 : kl; /* a rounding error of the sum, never the truth */
}

static void score_row(void *arg, int i, int worker) {
    measure *m = arg;
    row     *r = &m->rows[i];
    double   sum[2] = {0};
    int32_t  best[2];
    (void)worker;
    for (int k = 0; k < 2 && m->sides[k].model; k++) {
        const float *x = m->sides[k].logits + (size_t)i * (size_t)m->n_vocab;
        sum[k] = log_sum_exp(x, m->n_vocab, &best[k]);
        r->surprise[k] = sum[k] - (double)x[m->truth[i]];
    }
    if (!m->sides[1].model) return;
    size_t at = (size_t)i * (size_t)m->n_vocab;
    r->agree = best[0] == best[1];
    r->kl = divergence(m->sides[1].logits + at, sum[1], m->sides[0].logits + at, sum[0], m->n_vocab);
}

static sotto_status count_row(measure *m, const row *r, sotto_error *err) {
    static const char *const names[] = {"model", "reference"};
    for (int k = 0; k < 2 && m->sides[k].model; k++) {
        if (!isfinite(r->surprise[k]))
            return sotto_fail(err, SOTTO_INVALID,
                              "the %s's logits for scored token %zu are not finite: its weights are damaged",
                              names[k], m->n_scored);
        add(&m->surprise[k], r->surprise[k]);
    }
    if (m->kls) {
        double delta = exp(-r->surprise[0]) - exp(-r->surprise[1]);
        add(&m->more_surprise, r->surprise[0] - r->surprise[1]);
        add(&m->kl, r->kl);
        add(&m->delta_p, delta);
        add(&m->delta_p_squared, delta * delta);
        add(&m->agree, r->agree);
        m->kls[m->n_scored] = r->kl;
    }
    m->n_scored++;
    return SOTTO_OK;
}

/* ---- windows ------------------------------------------------------------------------------------------- */

static int32_t stride(const measure *m) { return m->window - m->half; }

/* Tokens of window k, BOS counted; fewer in the last one. */
static size_t window_length(const measure *m, size_t k) {
    size_t from = k * (size_t)stride(m), all = m->text.n + (m->bos >= 0);
    return SOTTO_MIN((size_t)m->window, all - from);
}

static size_t window_count(const measure *m) {
    size_t scored = m->text.n + (m->bos >= 0) - (size_t)m->half, step = (size_t)stride(m);
    return (scored + step - 1) / step;
}

static void fill_window(measure *m, size_t k, size_t n) {
    size_t own = m->bos >= 0;
    if (own) m->ids[0] = m->bos;
    memcpy(m->ids + own, m->text.ids + k * (size_t)stride(m), (n - own) * sizeof *m->ids);
}

/* Evaluate ids[at, at + n) with every model, keeping logits of the scored part. */
static sotto_status evaluate(measure *m, size_t at, size_t n, bool scored, sotto_error *err) {
    for (int k = 0; k < 2 && m->sides[k].model; k++) {
        side *s = &m->sides[k];
        SOTTO_TRY(scored ? sotto_session_append_logits(s->session, m->ids + at, n, s->logits, err)
                         : sotto_session_append(s->session, m->ids + at, n, err));
        m->done += n;
    }
    return SOTTO_OK;
}

static sotto_status go_on(const measure *m, const sotto_quality_options *o, sotto_error *err) {
    if (!o->progress || o->progress(o->progress_user, m->done, m->total)) return SOTTO_OK;
    return sotto_fail(err, SOTTO_CANCELLED, "cancelled after %zu scored tokens", m->n_scored);
}

/* The logits after a token are scored against the next one: the last token is not evaluated. */
static sotto_status measure_window(measure *m, size_t k, const sotto_quality_options *o, sotto_error *err) {
    size_t n = window_length(m, k), unscored = (size_t)m->half - 1;
    fill_window(m, k, n);
    for (int i = 0; i < 2 && m->sides[i].model; i++) SOTTO_TRY(sotto_session_rewind(m->sides[i].session, 0, err));
    for (size_t at = 0, step; at < n - 1; at += step) {
        bool scored = at >= unscored;
        step = SOTTO_MIN((size_t)ROWS, (scored ? n - 1 : unscored) - at);
        SOTTO_TRY(go_on(m, o, err));
        SOTTO_TRY(evaluate(m, at, step, scored, err));
        if (!scored) continue;
        m->truth = m->ids + at + 1;
        sotto_pool_run(m->sides[0].model->pool, (int)step, score_row, m);
        for (size_t i = 0; i < step; i++) SOTTO_TRY(count_row(m, &m->rows[i], err));
    }
    return SOTTO_OK;
}

static sotto_status measure_windows(measure *m, const sotto_quality_options *o, sotto_error *err) {
    size_t n = window_count(m);
    for (size_t k = 0; k < n; k++) m->total += (window_length(m, k) - 1) * (m->sides[1].model ? 2 : 1);
    for (size_t k = 0; k < n; k++) SOTTO_TRY(measure_window(m, k, o, err));
    if (o->progress) (void)o->progress(o->progress_user, m->total, m->total);
    return SOTTO_OK;
}

/* ---- what is compared ---------------------------------------------------------------------------------- */

/* Whether a token is the same in both: as stored, or, because GGUF spells spaces in some pieces another way, by what
 * it stands for. */
static sotto_status same_token(const sotto_model *a, const sotto_model *b, int32_t id, bool *same, sotto_error *err) {
    *same = sotto_str_eq(sotto_tokenizer_piece(a->tokenizer, id), sotto_tokenizer_piece(b->tokenizer, id));
    if (*same) return SOTTO_OK;
    sotto_buf text = {0}, other = {0};
    bool      ok = sotto_tokenizer_decode(a->tokenizer, id, true, &text) &&
              sotto_tokenizer_decode(b->tokenizer, id, true, &other);
    *same = ok && text.len > 0 && sotto_str_eq(sotto_buf_str(&text), sotto_buf_str(&other));
    sotto_buf_free(&text);
    sotto_buf_free(&other);
    return ok ? SOTTO_OK : sotto_fail_memory(err, "the comparison of two vocabularies");
}

/* A file may name fewer tokens than the model has logits, and its conversion pads the names: what both name counts. */
static sotto_status check_vocabularies(const sotto_model *a, const sotto_model *b, sotto_error *err) {
    int32_t n = a->info.n_vocab, other = b->info.n_vocab;
    if (n != other)
        return sotto_fail(err, SOTTO_MISMATCH,
                          "the models have different vocabularies, of %d and %d tokens: only forms of one model, or "
                          "models with one tokenizer, can be compared",
                          (int)n, (int)other);
    int32_t named = SOTTO_MIN(sotto_tokenizer_n_vocab(a->tokenizer), sotto_tokenizer_n_vocab(b->tokenizer));
    for (int32_t i = 0; i < named; i++) {
        bool same;
        SOTTO_TRY(same_token(a, b, i, &same, err));
        if (!same)
            return sotto_fail(err, SOTTO_MISMATCH,
                              "the models have different vocabularies: token %d is not the same in both; only forms "
                              "of one model, or models with one tokenizer, can be compared",
                              (int)i);
    }
    return SOTTO_OK;
}

static sotto_status choose_window(measure *m, int32_t wanted, sotto_error *err) {
    int32_t longest = m->sides[0].model->info.context_length;
    if (m->sides[1].model) longest = SOTTO_MIN(longest, m->sides[1].model->info.context_length);
    if (wanted == 0) wanted = SOTTO_MIN((int32_t)WINDOW_DEFAULT, longest);
    if (wanted < TOKENS_MIN || wanted > longest)
        return sotto_fail(err, SOTTO_INVALID, "a window of %d tokens: choose %d to %d, the longest context here",
                          (int)wanted, (int)TOKENS_MIN, (int)longest);
    size_t all = m->text.n + (m->bos >= 0);
    if (all < TOKENS_MIN)
        return sotto_fail(err, SOTTO_INVALID, "the text is too short to say anything: it has %zu tokens of at least %d",
                          m->text.n, TOKENS_MIN - (m->bos >= 0));
    m->window = (int32_t)SOTTO_MIN((size_t)wanted, all);
    m->half = m->window / 2;
    return SOTTO_OK;
}

static sotto_status tokenize(measure *m, const sotto_quality_options *o, sotto_error *err) {
    const sotto_model *model = m->sides[0].model;
    sotto_str          text = {o->text, o->n_text};
    sotto_buf          own = {0};
    m->bos = sotto_tokenizer_adds_bos(model->tokenizer) ? sotto_tokenizer_bos(model->tokenizer) : -1;
    for (size_t i = 0; !o->text && sotto_quality_text[i]; i++)
        sotto_buf_printf(&own, "%s%s", i ? "\n\n" : "", sotto_quality_text[i]);
    if (!o->text) text = sotto_buf_str(&own);
    sotto_status status = own.failed ? sotto_fail_memory(err, "the built-in text") : SOTTO_OK;
    if (status == SOTTO_OK)
        status = sotto_tokenize(model, text.p, text.n, (sotto_tokenize_options){.special = o->special}, &m->text, err);
    sotto_buf_free(&own);
    return status;
}

static sotto_status open_side(side *s, const measure *m, sotto_error *err) {
    sotto_session_options o = sotto_session_options_default();
    o.context = m->window;
    o.batch = ROWS;
    o.cache_type = SOTTO_CACHE_F32;
    SOTTO_TRY(sotto_session_open(&s->session, s->model, &o, err));
    s->logits = calloc((size_t)m->n_vocab * ROWS, sizeof *s->logits);
    return s->logits ? SOTTO_OK : sotto_fail_memory(err, "the logits of a model");
}

static sotto_status prepare(measure *m, const sotto_quality_options *o, sotto_error *err) {
    m->n_vocab = m->sides[0].model->info.n_vocab;
    if (m->sides[1].model) SOTTO_TRY(check_vocabularies(m->sides[0].model, m->sides[1].model, err));
    SOTTO_TRY(tokenize(m, o, err));
    SOTTO_TRY(choose_window(m, o->window, err));
    size_t n_scored = m->text.n + (m->bos >= 0) - (size_t)m->half;
    m->ids = calloc((size_t)m->window, sizeof *m->ids);
    m->kls = m->sides[1].model ? calloc(n_scored, sizeof *m->kls) : NULL;
    if (!m->ids || (m->sides[1].model && !m->kls)) return sotto_fail_memory(err, "the measurement");
    for (int k = 0; k < 2 && m->sides[k].model; k++) SOTTO_TRY(open_side(&m->sides[k], m, err));
    if (!o->collect) return SOTTO_OK;
    if (!m->sides[0].model->transformer)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "what a Core ML package's matrices read cannot be collected: take "
                          "the model that it was made from");
    SOTTO_TRY(sotto_importance_open(&m->importance, m->sides[0].model->transformer, err));
    m->sides[0].session->observer = sotto_importance_observer(m->importance);
    return SOTTO_OK;
}

static void fill_result(measure *m, sotto_quality *out) {
    *out = (sotto_quality){.n_tokens = m->text.n,
                           .n_scored = m->n_scored,
                           .n_windows = window_count(m),
                           .window = m->window,
                           .perplexity = exp_of(&m->surprise[0])};
    if (!m->kls) return;
    qsort(m->kls, m->n_scored, sizeof *m->kls, by_value);
    out->reference_perplexity = exp_of(&m->surprise[1]);
    out->perplexity_ratio = exp_of(&m->more_surprise);
    out->kl = mean_of(&m->kl);
    out->kl_median = percentile(m->kls, m->n_scored, 0.5);
    out->kl_99 = percentile(m->kls, m->n_scored, 0.99);
    out->kl_999 = percentile(m->kls, m->n_scored, 0.999);
    out->kl_max = m->kls[m->n_scored - 1];
    out->delta_p = mean_of(&m->delta_p);
    out->delta_p_rms = root_of(&m->delta_p_squared);
    out->agreement = mean_of(&m->agree);
}

sotto_status sotto_quality_measure(sotto_model *model, sotto_model *reference, const sotto_quality_options *opt,
                                   sotto_quality *out, sotto_error *err) {
    const sotto_quality_options o = opt ? *opt : sotto_quality_options_default();
    measure                    *m = calloc(1, sizeof *m);
    if (!m) return sotto_fail_memory(err, "the measurement");
    m->sides[0].model = model;
    m->sides[1].model = reference;
    sotto_status status = prepare(m, &o, err);
    if (status == SOTTO_OK) status = measure_windows(m, &o, err);
    if (status == SOTTO_OK && o.collect) status = sotto_importance_write(m->importance, o.collect, err);
    if (status == SOTTO_OK) fill_result(m, out);
    for (int k = 0; k < 2; k++) {
        sotto_session_close(m->sides[k].session);
        free(m->sides[k].logits);
    }
    sotto_importance_close(m->importance);
    sotto_tokens_free(&m->text);
    free(m->ids);
    free(m->kls);
    free(m);
    return status;
}
