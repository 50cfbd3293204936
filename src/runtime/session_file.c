/* Sessions on disk.
 *
 *   header   magic, fingerprint of the model, cache type, counts      (struct file_header)
 *   floors   int32 per layer: first position that a window layer still holds
 *   tokens   int32 per position
 *   cache    for every layer with keys, every head: the bytes of its keys, then of its values
 *   logits   float per vocabulary entry, when there are any
 *   checksum of everything before it
 *
 * Written through sotto_writer: whole or not there, whatever happens to the power. Read as hostile: nothing is
 * taken over before the length, every field and the checksum are found right. */
#include "runtime/session.h"

#include <stdlib.h>

typedef struct file_header {
    char     magic[8];
    uint64_t fingerprint;
    uint64_t cache_bytes;
    int32_t  cache_dtype, n_layers, n_vocab, n_tokens, mark;
    uint8_t  slid, has_logits, zero[2];
} file_header;

static const char MAGIC[8] = {'s', 'o', 't', 't', 'o', 'k', 'v', '1'};

/* The cache of a program is its own. */
static sotto_status check_kind(const sotto_session *s, sotto_error *err) {
    if (s->options.variant)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "a session for comparisons cannot be saved or restored");
    if (s->model->transformer) return SOTTO_OK;
    return sotto_fail(err, SOTTO_UNSUPPORTED,
                      "a session with a Core ML package cannot be saved or restored: its program keeps the cache to "
                      "itself; keep the conversation, and it is computed again");
}

/* ---- saving -------------------------------------------------------------------------------------------- */

typedef struct saver {
    sotto_writer *writer;
    uint64_t      checksum, n_bytes;
} saver;

static sotto_status put(void *user, void *bytes, size_t n, sotto_error *err) {
    saver *s = user;
    s->checksum = sotto_hash(bytes, n, s->checksum);
    s->n_bytes += n;
    return sotto_writer_write(s->writer, bytes, n, err);
}

static sotto_status count(void *user, void *bytes, size_t n, sotto_error *err) {
    (void)bytes, (void)err;
    *(uint64_t *)user += n;
    return SOTTO_OK;
}

static sotto_status put_all(saver *out, const sotto_session *s, sotto_error *err) {
    const sotto_config *c = &s->model->transformer->config;
    sotto_kv            kv = s->kv; /* a copy of the view: saving changes nothing */
    kv.n = s->n;                    /* without what is guessed */
    file_header         h = {.fingerprint = s->model->fingerprint,
                             .cache_dtype = (int32_t)kv.dtype,
                             .n_layers = c->n_layers,
                             .n_vocab = c->n_vocab,
                             .n_tokens = kv.n,
                             .mark = kv.mark,
                             .slid = s->slid,
                             .has_logits = s->has_logits};
    memcpy(h.magic, MAGIC, sizeof MAGIC);
    SOTTO_TRY(sotto_kv_each_run(&kv, count, &h.cache_bytes, err));
    SOTTO_TRY(put(out, &h, sizeof h, err));
    for (int32_t i = 0; i < c->n_layers; i++) SOTTO_TRY(put(out, &kv.layers[i].floor, sizeof kv.layers[i].floor, err));
    SOTTO_TRY(put(out, s->tokens, (size_t)kv.n * sizeof *s->tokens, err));
    SOTTO_TRY(sotto_kv_each_run(&kv, put, out, err));
    if (s->has_logits) SOTTO_TRY(put(out, s->logits, (size_t)c->n_vocab * sizeof *s->logits, err));
    uint64_t checksum = out->checksum;
    return put(out, &checksum, sizeof checksum, err);
}

sotto_status sotto_session_save(const sotto_session *s, const char *path, sotto_error *err) {
    saver out = {0};
    SOTTO_TRY(check_kind(s, err));
    SOTTO_TRY(sotto_writer_open(&out.writer, path, err));
    sotto_status status = put_all(&out, s, err);
    if (status == SOTTO_OK) return sotto_writer_commit(out.writer, err);
    sotto_writer_close(out.writer);
    return status;
}

/* ---- restoring ----------------------------------------------------------------------------------------- */

typedef struct parser {
    const uint8_t *p;
    size_t         left;
    uint64_t       checksum;
} parser;

/* Lend the next n bytes; NULL when there are fewer. Pieces are as in put(), so that the checksums chain alike. */
static const uint8_t *take(parser *r, size_t n) {
    if (n > r->left) return NULL;
    const uint8_t *bytes = r->p;
    r->checksum = sotto_hash(bytes, n, r->checksum);
    r->p += n;
    r->left -= n;
    return bytes;
}

static sotto_status check_run(void *user, void *bytes, size_t n, sotto_error *err) {
    (void)bytes;
    return take(user, n) ? SOTTO_OK : sotto_fail(err, SOTTO_FORMAT, "session file is cut short in its cache");
}

static sotto_status copy_run(void *user, void *bytes, size_t n, sotto_error *err) {
    (void)err;
    memcpy(bytes, take(user, n), n);
    return SOTTO_OK;
}

static sotto_status check_header(const sotto_session *s, const file_header *h, sotto_error *err) {
    const sotto_config *c = &s->model->transformer->config;
    if (memcmp(h->magic, MAGIC, sizeof MAGIC) != 0) return sotto_fail(err, SOTTO_FORMAT, "not a session file of sotto");
    if (h->fingerprint != s->model->fingerprint || h->n_layers != c->n_layers || h->n_vocab != c->n_vocab)
        return sotto_fail(err, SOTTO_MISMATCH, "session was saved with another model: open that model, or start anew");
    if (h->cache_dtype != (int32_t)s->kv.dtype)
        return sotto_fail(err, SOTTO_MISMATCH,
                          "session was saved with another cache type: choose that type, or start anew");
    if (h->n_tokens < 0 || h->mark < 0 || h->mark > h->n_tokens || h->slid > 1 || h->has_logits > 1)
        return sotto_fail(err, SOTTO_FORMAT, "session file states impossible counts: it is damaged");
    if (h->n_tokens > s->options.context)
        return sotto_fail(err, SOTTO_CONTEXT_FULL,
                          "session holds %d tokens, the context only %d: choose a larger context",
                          (int)h->n_tokens, (int)s->options.context);
    return SOTTO_OK;
}

/* Check everything; `floors` receives a copy, and cache, tokens and logits are left for a second pass. */
static sotto_status check_body(const sotto_session *s, const file_header *h, parser *r, sotto_kv_layer *layers,
                               bool verify, sotto_error *err) {
    const sotto_config *c = &s->model->transformer->config;
    for (int32_t i = 0; i < c->n_layers; i++) {
        const uint8_t *p = take(r, sizeof layers[i].floor);
        if (!p) return sotto_fail(err, SOTTO_FORMAT, "session file is cut short in its layer table");
        memcpy(&layers[i].floor, p, sizeof layers[i].floor);
        if (layers[i].floor < 0 || layers[i].floor > h->n_tokens || (layers[i].floor > 0 && c->layers[i].window == 0))
            return sotto_fail(err, SOTTO_FORMAT,
                              "session file: layer %d begins at position %d of %d: it is damaged", (int)i,
                              (int)layers[i].floor, (int)h->n_tokens);
    }
    const uint8_t *tokens = take(r, (size_t)h->n_tokens * sizeof *s->tokens);
    if (!tokens) return sotto_fail(err, SOTTO_FORMAT, "session file is cut short in its tokens");
    for (int32_t i = 0, id; i < h->n_tokens; i++) {
        memcpy(&id, tokens + (size_t)i * sizeof id, sizeof id);
        if (id < 0 || id >= c->n_vocab)
            return sotto_fail(err, SOTTO_FORMAT,
                              "session file: token %d at position %d is not in the vocabulary", (int)id,
                              (int)i);
    }
    sotto_kv view = s->kv;
    view.layers = layers;
    view.n = h->n_tokens;
    SOTTO_TRY(sotto_kv_each_run(&view, check_run, r, err));
    if (h->has_logits && !take(r, (size_t)c->n_vocab * sizeof *s->logits))
        return sotto_fail(err, SOTTO_FORMAT, "session file is cut short in its logits");
    uint64_t       expected = r->checksum, stored = 0;
    const uint8_t *p = take(r, sizeof stored);
    if (p) memcpy(&stored, p, sizeof stored);
    if (!p || (verify && stored != expected) || r->left != 0)
        return sotto_fail(err, SOTTO_FORMAT, "session file has a wrong checksum: it is damaged");
    return SOTTO_OK;
}

sotto_status sotto_session_parse(sotto_session *s, const uint8_t *bytes, size_t n, bool verify, sotto_error *err) {
    parser         r = {bytes, n, 0};
    file_header    h;
    const uint8_t *header = take(&r, sizeof h);
    if (!header) return sotto_fail(err, SOTTO_FORMAT, "not a session file of sotto");
    memcpy(&h, header, sizeof h);
    SOTTO_TRY(check_header(s, &h, err));
    size_t          n_layers = (size_t)h.n_layers;
    sotto_kv_layer *layers = calloc(n_layers, sizeof *layers);
    if (!layers) return sotto_fail_memory(err, "a session's layer table");
    memcpy(layers, s->kv.layers, n_layers * sizeof *layers);
    sotto_status status = check_body(s, &h, &r, layers, verify, err);
    if (status == SOTTO_OK) {
        (void)sotto_kv_rewind(&s->kv, 0);
        s->ahead = 0;
        memcpy(s->kv.layers, layers, n_layers * sizeof *layers);
        s->n = s->kv.n = h.n_tokens;
        s->kv.mark = h.mark;
        r = (parser){bytes + sizeof h + n_layers * sizeof layers->floor, n, 0};
        if (h.n_tokens)
            memcpy(s->tokens, take(&r, (size_t)h.n_tokens * sizeof *s->tokens),
                   (size_t)h.n_tokens * sizeof *s->tokens);
        (void)sotto_kv_each_run(&s->kv, copy_run, &r, NULL);
        if (h.has_logits) memcpy(s->logits, r.p, (size_t)h.n_vocab * sizeof *s->logits);
        s->has_logits = h.has_logits;
        s->slid = h.slid;
    }
    free(layers);
    return status;
}

sotto_status sotto_session_restore(sotto_session *s, const char *path, sotto_error *err) {
    sotto_file f;
    SOTTO_TRY(check_kind(s, err));
    SOTTO_TRY(sotto_file_open(&f, path, true, err));
    sotto_status status = sotto_session_parse(s, f.data, f.size, true, err);
    sotto_file_close(&f);
    return status == SOTTO_OK ? SOTTO_OK : sotto_fail_prefix(err, status, "%s", path);
}
