/* The texts of a vocabulary's tokens in the order of their bytes. What one token shares with the one before is walked
 * once, and where a beginning is refused all tokens that have it are passed over: the walk of a trie, in an array. */
#include "runtime/vocabulary.h"

#include <stdlib.h>

typedef struct entry {
    uint64_t    key; /* the first 8 bytes, so that few comparisons look at the text */
    const char *p;
    uint32_t    n;
    int32_t     id;
} entry;

static int compare_entries(const void *x, const void *y) {
    const entry *a = x, *b = y;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    int by_text = memcmp(a->p, b->p, SOTTO_MIN(a->n, b->n));
    if (by_text) return by_text;
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

/* What a token is as text: nothing, where it is none that an answer's text is made of. */
static bool append_text(const sotto_tokenizer *t, int32_t id, sotto_buf *out) {
    sotto_token_type type = sotto_tokenizer_type(t, id);
    bool text = type == SOTTO_TOKEN_NORMAL || type == SOTTO_TOKEN_USER_DEFINED || type == SOTTO_TOKEN_BYTE;
    return !text || sotto_tokenizer_is_eog(t, id) || sotto_tokenizer_decode(t, id, false, out);
}

/* The texts by id, one after the other. begin[n + 1]. */
static bool read_texts(sotto_vocabulary *v, sotto_buf *text, uint32_t *begin) {
    text->max = UINT32_MAX; /* what `begin` can hold */
    for (int32_t id = 0; id < v->n; id++) {
        begin[id] = (uint32_t)text->len;
        if (!append_text(v->tokenizer, id, text)) return false;
        size_t n = text->len - begin[id];
        v->n_order += n > 0;
        v->longest = SOTTO_MAX(v->longest, n);
    }
    begin[v->n] = (uint32_t)text->len;
    return true;
}

static void order_texts(sotto_vocabulary *v, const char *text, const uint32_t *begin, entry *entries) {
    size_t n = 0;
    for (int32_t id = 0; id < v->n; id++) {
        entry e = {.p = text + begin[id], .n = begin[id + 1] - begin[id], .id = id};
        for (size_t i = 0; i < 8; i++) e.key = e.key << 8 | (i < e.n ? (unsigned char)e.p[i] : 0);
        if (e.n) entries[n++] = e;
        v->rank[id] = -1;
    }
    qsort(entries, n, sizeof *entries, compare_entries);
    for (size_t i = 0; i < n; i++) {
        size_t same = 0, most = i ? SOTTO_MIN(entries[i].n, entries[i - 1].n) : 0;
        most = SOTTO_MIN(most, (size_t)UINT8_MAX);
        while (same < most && entries[i].p[same] == entries[i - 1].p[same]) same++;
        v->shared[i] = (uint8_t)same;
        v->order[i] = entries[i].id;
        v->rank[entries[i].id] = (int32_t)i;
        memcpy(v->text + v->begin[i], entries[i].p, entries[i].n);
        v->begin[i + 1] = v->begin[i] + entries[i].n;
    }
}

static sotto_status fill(sotto_vocabulary *v, sotto_error *err) {
    sotto_buf text = {0};
    uint32_t *begin = calloc((size_t)v->n + 1, sizeof *begin);
    entry    *entries = NULL;
    bool      ok = begin && read_texts(v, &text, begin);
    if (ok) {
        entries = calloc(v->n_order + 1, sizeof *entries);
        v->text = malloc(text.len + 1);
        v->begin = calloc(v->n_order + 1, sizeof *v->begin);
        v->order = calloc(v->n_order + 1, sizeof *v->order);
        v->shared = calloc(v->n_order + 1, sizeof *v->shared);
        v->rank = calloc((size_t)v->n + 1, sizeof *v->rank);
        ok = entries && v->text && v->begin && v->order && v->shared && v->rank;
    }
    if (ok) order_texts(v, sotto_buf_str(&text).p, begin, entries);
    sotto_buf_free(&text);
    free(begin);
    free(entries);
    return ok ? SOTTO_OK : sotto_fail_memory(err, "the texts of the vocabulary");
}

sotto_status sotto_vocabulary_open(sotto_vocabulary **out, const sotto_tokenizer *t, sotto_error *err) {
    sotto_vocabulary *v = calloc(1, sizeof *v);
    if (!v) return sotto_fail_memory(err, "the texts of the vocabulary");
    v->tokenizer = t;
    v->n = sotto_tokenizer_n_vocab(t);
    sotto_status status = fill(v, err);
    if (status != SOTTO_OK) {
        sotto_vocabulary_close(v);
        return status;
    }
    *out = v;
    return SOTTO_OK;
}

void sotto_vocabulary_close(sotto_vocabulary *v) {
    if (!v) return;
    free(v->text);
    free(v->begin);
    free(v->order);
    free(v->shared);
    free(v->rank);
    free(v);
}

/* Threads that are first at the same time each make one; all but one of them throw theirs away. */
sotto_status sotto_model_vocabulary(sotto_model *m, const sotto_vocabulary **out, sotto_error *err) {
    sotto_vocabulary *known = atomic_load(&m->vocabulary), *made;
    if (!known) {
        SOTTO_TRY(sotto_vocabulary_open(&made, m->tokenizer, err));
        if (atomic_compare_exchange_strong(&m->vocabulary, &known, made))
            known = made;
        else
            sotto_vocabulary_close(made);
    }
    *out = known;
    return SOTTO_OK;
}
