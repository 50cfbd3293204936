/* The tables of a tokenizer: pieces and their index, and tries of the tokens recognised in text. */
#include "text/tokenizer.h"

#include <stdlib.h>

/* ---- texts --------------------------------------------------------------------------------------------- */

bool sotto_texts_keep(sotto_texts *s, sotto_str text, sotto_piece *out) {
    size_t start = s->lent ? (size_t)(text.p - s->base) : s->own.len;
    if (start >= UINT32_MAX || text.n >= UINT32_MAX) return false;
    if (!s->lent && !sotto_buf_append(&s->own, text.p, text.n)) return false;
    if (!s->lent) s->base = s->own.data;
    *out = (sotto_piece){(uint32_t)start, (uint32_t)text.n};
    return true;
}

/* Keeps a file from choosing its collisions: the address differs from run to run (ASLR). */
static uint64_t seed(void) {
    static const char here;
    return (uint64_t)(uintptr_t)&here * 0x9e3779b97f4a7c15u;
}

/* Multiplication carries a change upwards, the shift brings it down again. */
static uint64_t mix(uint64_t h, uint64_t word) {
    h = (h ^ word) * 0x9fb21c651e98df25u;
    return h ^ h >> 32;
}

/* The n < 8 bytes at p as the low bytes of a word: by loads that overlap, of which none leaves the text. */
static uint64_t load_few(const char *p, size_t n) {
    if (n == 0) return 0;
    if (n < 4) {
        const unsigned char *u = (const unsigned char *)p;
        return (uint64_t)u[0] | (uint64_t)u[n / 2] << 8 * (n / 2) | (uint64_t)u[n - 1] << 8 * (n - 1);
    }
    uint32_t first, last;
    memcpy(&first, p, sizeof first);
    memcpy(&last, p + n - sizeof last, sizeof last);
    return first | (uint64_t)last << 8 * (n - sizeof last);
}

/* By words of eight bytes, wherever the border between the two texts is. */
uint64_t sotto_texts_hash(sotto_str left, sotto_str right) {
    uint64_t h = seed(), word, rest;
    size_t   n = left.n + right.n;
    for (; left.n >= sizeof word; left.p += sizeof word, left.n -= sizeof word) {
        memcpy(&word, left.p, sizeof word);
        h = mix(h, word);
    }
    rest = load_few(left.p, left.n);
    if (left.n && left.n + right.n >= sizeof word) {
        size_t more = sizeof word - left.n;
        h = mix(h, rest | load_few(right.p, more) << 8 * left.n);
        rest = 0, left.n = 0;
        right = (sotto_str){right.p + more, right.n - more};
    }
    for (; right.n >= sizeof word; right.p += sizeof word, right.n -= sizeof word) {
        memcpy(&word, right.p, sizeof word);
        h = mix(h, word);
    }
    return mix(mix(h, rest | load_few(right.p, right.n) << 8 * left.n), n);
}

/* ---- pieces -------------------------------------------------------------------------------------------- */

sotto_tokenizer *sotto_tokenizer_new(size_t id_limit) {
    sotto_tokenizer *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->id_limit = (int32_t)SOTTO_MIN(id_limit, (size_t)1 << 24);
    t->unk = t->bos = t->eos = t->pad = -1;
    for (size_t i = 0; i < 256; i++) t->byte_ids[i] = -1;
    return t;
}

void sotto_tokenizer_close(sotto_tokenizer *t) {
    if (!t) return;
    sotto_buf_free(&t->texts.own);
    sotto_buf_free(&t->merge_texts.own);
    free(t->pieces);
    free(t->flags);
    free(t->scores);
    free(t->index);
    free(t->merges);
    free(t->merge_index);
    free(t->raw.nodes);
    free(t->normalised.nodes);
    free(t);
}

static bool grow_array(void *array, size_t old_count, size_t count, size_t size) {
    void **p = array;
    char  *grown = realloc(*p, count * size);
    if (!grown) return false;
    memset(grown + old_count * size, 0, (count - old_count) * size);
    *p = grown;
    return true;
}

static bool set_cap_vocab(sotto_tokenizer *t, size_t cap) {
    size_t old = (size_t)t->cap_vocab;
    if (!grow_array(&t->pieces, old, cap, sizeof *t->pieces)) return false;
    if (!grow_array(&t->flags, old, cap, sizeof *t->flags)) return false;
    if (!grow_array(&t->scores, old, cap, sizeof *t->scores)) return false;
    t->cap_vocab = (int32_t)cap;
    return true;
}

static bool grow_vocab(sotto_tokenizer *t, int32_t need) {
    size_t old = (size_t)t->cap_vocab;
    return need <= t->cap_vocab || set_cap_vocab(t, SOTTO_MAX((size_t)need, old + old / 2 + 64));
}

sotto_status sotto_vocab_reserve(sotto_tokenizer *t, size_t count, sotto_error *err) {
    count = SOTTO_MIN(count, (size_t)t->id_limit);
    if (count <= (size_t)t->cap_vocab || set_cap_vocab(t, count)) return SOTTO_OK;
    return sotto_fail_memory(err, "the vocabulary");
}

sotto_status sotto_vocab_put(sotto_tokenizer *t, int64_t id, sotto_str text, sotto_token_type type, float score,
                             sotto_error *err) {
    if (id < 0 || id >= t->id_limit)
        return sotto_fail(err, SOTTO_FORMAT, "token id %lld is out of range for a tokenizer of this size",
                          (long long)id);
    if (type < SOTTO_TOKEN_NORMAL || type > SOTTO_TOKEN_BYTE)
        return sotto_fail(err, SOTTO_FORMAT, "token %lld has the unknown type %d", (long long)id, (int)type);
    if (score != score)
        return sotto_fail(err, SOTTO_FORMAT, "the score of token %lld is not a number", (long long)id);
    if (!grow_vocab(t, (int32_t)id + 1)) return sotto_fail_memory(err, "the vocabulary");
    if (t->flags[id]) return sotto_fail(err, SOTTO_FORMAT, "token id %lld is given twice", (long long)id);
    if (!sotto_texts_keep(&t->texts, text, &t->pieces[id])) return sotto_fail_memory(err, "the vocabulary");
    t->flags[id] = (uint8_t)type;
    t->scores[id] = score;
    t->n_vocab = SOTTO_MAX(t->n_vocab, (int32_t)id + 1);
    t->longest = SOTTO_MAX(t->longest, text.n);
    return SOTTO_OK;
}

void sotto_vocab_retype(sotto_tokenizer *t, int32_t id, sotto_token_type type) {
    t->flags[id] = (uint8_t)((t->flags[id] & ~SOTTO_TOKEN_TYPE_MASK) | (int)type);
}

/* The slot that holds left + right, or the empty one where it belongs. */
static sotto_text_slot *index_slot(const sotto_tokenizer *t, uint64_t hash, sotto_str left, sotto_str right) {
    const size_t   mask = t->cap_index - 1;
    const uint32_t tag = (uint32_t)(hash >> 32);
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        sotto_text_slot *slot = &t->index[i];
        if (!slot->number) return slot;
        if (slot->tag != tag) continue;
        sotto_str text = sotto_tokenizer_piece(t, (int32_t)(slot->number - 1));
        if (text.n == left.n + right.n && sotto_str_eq((sotto_str){text.p, left.n}, left) &&
            sotto_str_eq((sotto_str){text.p + left.n, right.n}, right))
            return slot;
    }
}

int32_t sotto_vocab_find_joined(const sotto_tokenizer *t, uint64_t hash, sotto_str left, sotto_str right) {
    if (!t->cap_index || left.n > t->longest || right.n > t->longest - left.n) return -1;
    return (int32_t)index_slot(t, hash, left, right)->number - 1;
}

int32_t sotto_vocab_find(const sotto_tokenizer *t, sotto_str text) {
    const sotto_str none = {"", 0};
    return text.n <= t->longest ? sotto_vocab_find_joined(t, sotto_texts_hash(text, none), text, none) : -1;
}

sotto_status sotto_vocab_index(sotto_tokenizer *t, bool unique, sotto_error *err) {
    const sotto_str none = {"", 0};
    size_t          cap = 64;
    while (cap / 2 < (size_t)t->n_vocab) cap *= 2;
    free(t->index);
    t->cap_index = 0;
    t->index = calloc(cap, sizeof *t->index);
    if (!t->index) return sotto_fail_memory(err, "the index of the vocabulary");
    t->cap_index = cap;
    for (int32_t id = 0; id < t->n_vocab; id++) {
        if (!t->flags[id]) continue;
        sotto_str        text = sotto_tokenizer_piece(t, id);
        uint64_t         hash = sotto_texts_hash(text, none);
        sotto_text_slot *slot = index_slot(t, hash, text, none);
        if (slot->number && unique)
            return sotto_fail(err, SOTTO_FORMAT, "tokens %u and %d are both \"%.*s\"", slot->number - 1, id,
                              (int)SOTTO_MIN(text.n, (size_t)60), text.p);
        if (!slot->number) *slot = (sotto_text_slot){(uint32_t)(hash >> 32), (uint32_t)id + 1};
    }
    return SOTTO_OK;
}

/* ---- tries --------------------------------------------------------------------------------------------- */

static int32_t new_node(sotto_trie *trie, uint8_t byte, int32_t next) {
    if (trie->n == trie->cap) {
        size_t           cap = trie->cap ? trie->cap * 2 : 256;
        sotto_trie_node *nodes = cap < INT32_MAX / 2 ? realloc(trie->nodes, cap * sizeof *nodes) : NULL;
        if (!nodes) return 0;
        trie->nodes = nodes;
        trie->cap = cap;
        trie->n = SOTTO_MAX(trie->n, (size_t)1);
    }
    trie->nodes[trie->n] = (sotto_trie_node){.byte = byte, .next = next, .id = -1};
    return (int32_t)trie->n++;
}

sotto_status sotto_trie_put(sotto_trie *trie, sotto_str text, int32_t id, sotto_error *err) {
    int32_t at = 0;
    if (text.n == 0) return SOTTO_OK;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t byte = (uint8_t)text.p[i];
        int32_t first = at ? trie->nodes[at].child : trie->root[byte], node = first;
        while (node && trie->nodes[node].byte != byte) node = trie->nodes[node].next;
        if (!node) {
            node = new_node(trie, byte, first);
            if (!node) return sotto_fail_memory(err, "the special tokens");
            if (at)
                trie->nodes[at].child = node;
            else
                trie->root[byte] = node;
        }
        at = node;
    }
    trie->nodes[at].id = id;
    return SOTTO_OK;
}
