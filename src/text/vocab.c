/* The tables of a tokenizer: pieces and their index, merges, and tries of the tokens recognised in text. */
#include "text/tokenizer.h"

#include <stdlib.h>

/* Keeps a file from choosing its collisions: the address differs from run to run (ASLR). */
static uint64_t seed(void) {
    static const char here;
    return (uint64_t)(uintptr_t)&here * 0x9e3779b97f4a7c15u;
}

/* ---- pieces -------------------------------------------------------------------------------------------- */

sotto_tokenizer *sotto_tokenizer_new(size_t id_limit) {
    sotto_tokenizer *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->id_limit = (int32_t)SOTTO_MIN(id_limit, (size_t)1 << 24);
    t->text.max = UINT32_MAX - 1;
    t->unk = t->bos = t->eos = t->pad = -1;
    for (size_t i = 0; i < 256; i++) t->byte_ids[i] = -1;
    return t;
}

void sotto_tokenizer_close(sotto_tokenizer *t) {
    if (!t) return;
    sotto_buf_free(&t->text);
    free(t->pieces);
    free(t->flags);
    free(t->scores);
    free(t->index);
    free(t->merges);
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

static bool grow_vocab(sotto_tokenizer *t, int32_t need) {
    if (need <= t->cap_vocab) return true;
    size_t old = (size_t)t->cap_vocab, cap = SOTTO_MAX((size_t)need, old + old / 2 + 64);
    if (!grow_array(&t->pieces, old, cap, sizeof *t->pieces)) return false;
    if (!grow_array(&t->flags, old, cap, sizeof *t->flags)) return false;
    if (!grow_array(&t->scores, old, cap, sizeof *t->scores)) return false;
    t->cap_vocab = (int32_t)cap;
    return true;
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
    t->pieces[id] = (sotto_piece){(uint32_t)t->text.len, (uint32_t)text.n};
    if (!sotto_buf_append(&t->text, text.p, text.n)) return sotto_fail_memory(err, "the vocabulary");
    t->flags[id] = (uint8_t)type;
    t->scores[id] = score;
    t->n_vocab = SOTTO_MAX(t->n_vocab, (int32_t)id + 1);
    t->longest = SOTTO_MAX(t->longest, text.n);
    return SOTTO_OK;
}

void sotto_vocab_retype(sotto_tokenizer *t, int32_t id, sotto_token_type type) {
    t->flags[id] = (uint8_t)((t->flags[id] & ~SOTTO_TOKEN_TYPE_MASK) | (int)type);
}

/* The slot that holds the text, or the empty one where it belongs. */
static uint32_t *index_slot(const sotto_tokenizer *t, sotto_str text) {
    size_t i = (size_t)sotto_hash(text.p, text.n, seed()) & (t->cap_index - 1);
    while (t->index[i] && !sotto_str_eq(sotto_tokenizer_piece(t, (int32_t)(t->index[i] - 1)), text))
        i = (i + 1) & (t->cap_index - 1);
    return &t->index[i];
}

int32_t sotto_vocab_find(const sotto_tokenizer *t, sotto_str text) {
    if (!t->cap_index || text.n > t->longest) return -1;
    return (int32_t)*index_slot(t, text) - 1;
}

sotto_status sotto_vocab_index(sotto_tokenizer *t, bool unique, sotto_error *err) {
    size_t cap = 64;
    while (cap / 2 < (size_t)t->n_vocab) cap *= 2;
    free(t->index);
    t->cap_index = 0;
    t->index = calloc(cap, sizeof *t->index);
    if (!t->index) return sotto_fail_memory(err, "the index of the vocabulary");
    t->cap_index = cap;
    for (int32_t id = 0; id < t->n_vocab; id++) {
        if (!t->flags[id]) continue;
        sotto_str text = sotto_tokenizer_piece(t, id);
        uint32_t *slot = index_slot(t, text);
        if (*slot && unique)
            return sotto_fail(err, SOTTO_FORMAT, "tokens %u and %d are both \"%.*s\"", *slot - 1, id,
                              (int)SOTTO_MIN(text.n, (size_t)60), text.p);
        if (!*slot) *slot = (uint32_t)id + 1;
    }
    return SOTTO_OK;
}

/* ---- merges -------------------------------------------------------------------------------------------- */

static sotto_merge *merge_slot(const sotto_tokenizer *t, int32_t left, int32_t right) {
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) ^ seed();
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    h = (h ^ h >> 29) * 0xc4ceb9fe1a85ec53u;
    size_t i = (size_t)(h >> 32) & (t->cap_merges - 1);
    while (t->merges[i].left >= 0 && !(t->merges[i].left == left && t->merges[i].right == right))
        i = (i + 1) & (t->cap_merges - 1);
    return &t->merges[i];
}

const sotto_merge *sotto_merges_find(const sotto_tokenizer *t, int32_t left, int32_t right) {
    if (left < 0 || right < 0 || !t->cap_merges) return NULL;
    const sotto_merge *m = merge_slot(t, left, right);
    return m->left >= 0 ? m : NULL;
}

sotto_status sotto_merges_reserve(sotto_tokenizer *t, size_t count, sotto_error *err) {
    size_t cap = 64, n_bytes;
    while (cap / 3 * 2 < count && cap <= SIZE_MAX / 4) cap *= 2;
    t->merges = sotto_size_mul(cap, sizeof *t->merges, &n_bytes) ? malloc(n_bytes) : NULL;
    if (!t->merges) return sotto_fail_memory(err, "the merges");
    for (size_t i = 0; i < cap; i++) t->merges[i].left = -1;
    t->cap_merges = cap;
    return SOTTO_OK;
}

void sotto_merges_put(sotto_tokenizer *t, int32_t left, int32_t right, uint32_t rank, int32_t result) {
    int type = t->flags[result] & SOTTO_TOKEN_TYPE_MASK;
    if (type != SOTTO_TOKEN_NORMAL && type != SOTTO_TOKEN_USER_DEFINED) return;
    sotto_merge *m = merge_slot(t, left, right);
    t->n_merges += m->left < 0;
    *m = (sotto_merge){left, right, rank, result};
}

sotto_status sotto_merges_put_texts(sotto_tokenizer *t, sotto_str left, sotto_str right, uint32_t rank,
                                    bool strict, sotto_error *err) {
    char small[256], *joined = left.n + right.n <= sizeof small ? small : malloc(left.n + right.n);
    if (!joined) return sotto_fail_memory(err, "a merge");
    memcpy(joined, left.p, left.n);
    memcpy(joined + left.n, right.p, right.n);
    int32_t l = sotto_vocab_find(t, left), r = sotto_vocab_find(t, right);
    int32_t result = sotto_vocab_find(t, (sotto_str){joined, left.n + right.n});
    if (joined != small) free(joined);
    if (l >= 0 && r >= 0 && result >= 0)
        sotto_merges_put(t, l, r, rank, result);
    else if (strict)
        return sotto_fail(
            err, SOTTO_FORMAT,
            "merge %u, \"%.*s\" with \"%.*s\", is of or gives a piece that is not in the vocabulary", rank,
            (int)SOTTO_MIN(left.n, (size_t)60), left.p, (int)SOTTO_MIN(right.n, (size_t)60), right.p);
    return SOTTO_OK;
}

/* A number that orders floats downwards: the higher score is the lower rank, equal scores are equal ranks (the
 * leftmost pair then goes first). The usual mapping of IEEE bits to an unsigned order, inverted. */
static uint32_t rank_of_score(float score) {
    uint32_t bits;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, sizeof bits);
    return bits & 0x80000000u ? bits : 0x7fffffffu - bits;
}

/* Visit (or, without `add`, count) the cuts of every piece that merging may give. */
static size_t each_cut(sotto_tokenizer *t, bool add) {
    size_t count = 0;
    for (int32_t id = 0; id < t->n_vocab; id++) {
        int type = t->flags[id] & SOTTO_TOKEN_TYPE_MASK;
        if (type != SOTTO_TOKEN_NORMAL && type != SOTTO_TOKEN_USER_DEFINED) continue;
        sotto_str whole = sotto_tokenizer_piece(t, id);
        for (size_t at = 1; at < whole.n; at++) {
            if (((unsigned char)whole.p[at] & 0xc0) == 0x80) continue;
            int32_t left = sotto_vocab_find(t, (sotto_str){whole.p, at});
            if (left < 0) continue;
            int32_t right = sotto_vocab_find(t, (sotto_str){whole.p + at, whole.n - at});
            if (right < 0) continue;
            count++;
            if (add) sotto_merges_put(t, left, right, rank_of_score(t->scores[id]), id);
        }
    }
    return count;
}

sotto_status sotto_merges_from_scores(sotto_tokenizer *t, sotto_error *err) {
    SOTTO_TRY(sotto_merges_reserve(t, each_cut(t, false), err));
    each_cut(t, true);
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
