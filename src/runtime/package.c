/* The engine of Core ML packages: their programs, and the tokenizer beside them. A program keeps its cache to itself,
 * at positions that each call names: to go back is to feed at an earlier one. */
#include "runtime/engine.h"

bool sotto_package_is(const char *path) {
    sotto_str name = sotto_str_from(path);
    while (name.n > 1 && name.p[name.n - 1] == '/') name.n--;
    return sotto_str_ends(name, ".mlpackage");
}

#if SOTTO_COREML

#include <stdlib.h>

#include "coreml/run.h"

static sotto_status open_model(sotto_model *m, const char *path, const sotto_model_options *o, bool look_only,
                               sotto_error *err) {
    const sotto_program_options options = {.threads = o->threads, .cpu = o->cpu, .no_map = o->no_map,
                                           .look_only = look_only};
    sotto_program_info          info;
    SOTTO_TRY(sotto_program_open(&m->program, path, &options, err));
    sotto_status status = sotto_program_describe(m->program, &info, err);
    if (status != SOTTO_OK) return sotto_fail_prefix(err, status, "%s", path);
    m->kernels = m->program->kernels;
    m->pool = m->program->pool;
    m->info = (sotto_model_info){
        .family = *info.family ? info.family : "coreml",
        .name = info.name,
        .kernels = m->kernels.name,
        .threads = o->threads,
        .n_vocab = info.n_vocab, .n_layers = info.n_layers, .n_embd = info.n_embd, .context_length = info.context,
        .n_params = info.n_params,
        .file_bytes = info.file_bytes,
        .decode_bytes = info.decode_bytes,
        .prefill_macs = info.prefill_macs,
    };
    return look_only ? SOTTO_OK : sotto_package_tokenizer(&m->checkpoint, path, err);
}

static void close_model(sotto_model *m) { sotto_program_close(m->program); }

static sotto_program_info describe(const sotto_model *m) {
    sotto_program_info info = {0};
    (void)sotto_program_describe(m->program, &info, NULL); /* it could when the model was opened */
    return info;
}

static void budget(const sotto_model *m, const sotto_session_options *o, sotto_memory *out) {
    sotto_program_info info = describe(m);
    out->weights_bytes = info.weights_bytes;
    out->cache_bytes = info.position_bytes * (uint64_t)o->context;
    out->scratch_bytes = sotto_program_call_bytes(m->program, o->batch, o->context);
}

/* ---- sessions ------------------------------------------------------------------------------------------ */

static sotto_status open_session(sotto_session *s, sotto_error *err) {
    if (s->options.cache_type == SOTTO_CACHE_Q8_0)
        return sotto_fail(err, SOTTO_UNSUPPORTED,
                          "a Core ML package keeps its cache as its program says: leave the cache type alone");
    return sotto_program_state_open(&s->state, s->model->program, err);
}

static void close_session(sotto_session *s) { sotto_program_state_close(s->state); }

/* Tokens at positions from n_past on, as many in a call as the caller wants logits of. */
static sotto_status feed(sotto_session *s, const int32_t *tokens, int32_t n, int32_t n_past, int32_t n_logits,
                         float *logits, sotto_error *err) {
    const size_t n_vocab = (size_t)s->model->info.n_vocab;
    const float *rows;
    int32_t      n_rows = 0, width;
    for (int32_t done = 0, step; done < n; done += step) {
        int32_t ahead = n - done; /* a program that gives one row only: the last n_logits tokens one by one */
        step = n_logits > 1 && n_rows == 1 ? 1 : ahead;
        SOTTO_TRY(sotto_program_feed(s->model->program, s->state, tokens + done, (size_t)step, (size_t)(n_past + done),
                                     &rows, &n_rows, &width, err));
        if (n_rows < SOTTO_MIN(step, n_logits)) {
            step = 0; /* anew, one by one: to feed at the same place replaces what is there */
            continue;
        }
        int32_t first = SOTTO_MAX(n - n_logits, done); /* of the tokens whose logits are wanted */
        int32_t count = done + step - first;
        if (count > 0)
            memcpy(logits + (size_t)(first - (n - n_logits)) * n_vocab, rows + (size_t)(n_rows - count) * n_vocab,
                   (size_t)count * n_vocab * sizeof *logits);
    }
    return SOTTO_OK;
}

static sotto_status run(sotto_session *s, const int32_t *tokens, int32_t n, int32_t n_logits, float *logits,
                        sotto_error *err) {
    return feed(s, tokens, n, s->n, n_logits, logits, err);
}

static bool rewind_to(sotto_session *s, int32_t n) { return (void)s, (void)n, true; }
static void mark(sotto_session *s, int32_t position) { (void)s, (void)position; }

/* A program cannot move what it has: what follows the gap is computed again. */
static sotto_status drop(sotto_session *s, int32_t begin, int32_t end, sotto_error *err) {
    sotto_status status = SOTTO_OK;
    for (int32_t done = end, step; status == SOTTO_OK && done < s->n; done += step) {
        step = SOTTO_MIN(s->options.batch, s->n - done);
        status = feed(s, s->tokens + done, step, begin + done - end, 0, NULL, err);
    }
    s->has_logits = false; /* those were of tokens that saw more */
    if (status != SOTTO_OK) s->n = begin;
    return status;
}

static uint64_t read_bytes(const sotto_session *s, int32_t depth) {
    return describe(s->model).position_bytes * (uint64_t)depth;
}

/* Programs say themselves what they compute, and a call of several tokens need not be equal to several calls. */
static double guess_cost(const sotto_model *m) { return (void)m, 0; }

/* Every token of a call may get its logits, whether they are wanted or not: fewer tokens than the native engine's. */
const sotto_engine sotto_engine_package = {.batch = 128, .guess_cost = guess_cost,
                                           .open = open_model, .close = close_model, .budget = budget,
                                           .session_open = open_session, .session_close = close_session, .run = run,
                                           .rewind = rewind_to, .mark = mark, .drop = drop, .read_bytes = read_bytes};

sotto_status sotto_package_look(const char *path, json_t **doc, sotto_checkpoint **tokenizer, sotto_error *no_tokenizer,
                                sotto_error *err) {
    sotto_bytes text = {0};
    *tokenizer = NULL;
    SOTTO_TRY(sotto_program_inspect(path, &text, err));
    *doc = json_loadb(text.data, text.n, 0, NULL);
    sotto_bytes_free(&text);
    if (!*doc) return sotto_fail_memory(err, "the description of a package");
    if (sotto_package_tokenizer(tokenizer, path, no_tokenizer) != SOTTO_OK) *tokenizer = NULL;
    return SOTTO_OK;
}

#else

static sotto_status refuse(const char *path, sotto_error *err) {
    return sotto_fail(err, SOTTO_UNSUPPORTED, "%s: this sotto was built without Core ML", path);
}

static sotto_status open_model(sotto_model *m, const char *path, const sotto_model_options *o, bool look_only,
                               sotto_error *err) {
    return (void)m, (void)o, (void)look_only, refuse(path, err);
}
static void close_model(sotto_model *m) { (void)m; }

const sotto_engine sotto_engine_package = {.open = open_model, .close = close_model};
sotto_status sotto_package_look(const char *path, json_t **doc, sotto_checkpoint **tokenizer, sotto_error *no_tokenizer,
                                sotto_error *err) {
    return (void)doc, (void)tokenizer, (void)no_tokenizer, refuse(path, err);
}

#endif
