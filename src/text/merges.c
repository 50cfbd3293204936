/* Which two pieces merge, and in which order.
 *
 * A file either ranks pieces by scores, and then any two merge that together are a piece; or it lists the merges by
 * rank. In both cases what there is to know stands in the index of the pieces and in the list as the file has it:
 * nothing is worked out for hundreds of thousands of merges before one is asked for. */
#include "text/tokenizer.h"

#include <stdlib.h>

/* A number that orders floats downwards: the higher score is the lower rank, equal scores are equal ranks (the
 * leftmost pair then goes first). The usual mapping of IEEE bits to an unsigned order, inverted. */
static uint32_t rank_of_score(float score) {
    uint32_t bits;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, sizeof bits);
    return bits & 0x80000000u ? bits : 0x7fffffffu - bits;
}

static sotto_str text_at(const sotto_tokenizer *t, sotto_piece p) {
    return (sotto_str){t->merge_texts.base + p.start, p.n};
}

/* The slot that lists left with right, or the empty one where it belongs; `hash` is of the two together. */
static sotto_text_slot *merge_slot(const sotto_tokenizer *t, uint64_t hash, sotto_str left, sotto_str right,
                                   uint32_t *tag) {
    const size_t mask = t->cap_merge_index - 1;
    hash += left.n * 0x9e3779b97f4a7c15u; /* the same text cut elsewhere */
    *tag = (uint32_t)(hash >> 32);
    for (size_t i = (size_t)(hash ^ hash >> 32) & mask;; i = (i + 1) & mask) {
        sotto_text_slot *slot = &t->merge_index[i];
        if (!slot->number) return slot;
        if (slot->tag != *tag) continue;
        const sotto_merge_text *m = &t->merges[slot->number - 1];
        if (sotto_str_eq(text_at(t, m->left), left) && sotto_str_eq(text_at(t, m->right), right)) return slot;
    }
}

sotto_status sotto_merges_reserve(sotto_tokenizer *t, size_t count, sotto_error *err) {
    size_t cap = 64, n_bytes;
    while (cap / 3 * 2 < count && cap <= SIZE_MAX / 4) cap *= 2;
    t->merges = count < UINT32_MAX && sotto_size_mul(count, sizeof *t->merges, &n_bytes) ? malloc(n_bytes + 1) : NULL;
    t->merge_index = calloc(cap, sizeof *t->merge_index);
    if (!t->merges || !t->merge_index) return sotto_fail_memory(err, "the merges");
    t->cap_merges = count;
    t->cap_merge_index = cap;
    return SOTTO_OK;
}

sotto_status sotto_merges_put(sotto_tokenizer *t, sotto_str left, sotto_str right, sotto_error *err) {
    sotto_merge_text *m = &t->merges[t->n_merges];
    uint32_t          tag;
    if (t->n_merges == t->cap_merges || !sotto_texts_keep(&t->merge_texts, left, &m->left) ||
        !sotto_texts_keep(&t->merge_texts, right, &m->right))
        return sotto_fail_memory(err, "the merges");
    sotto_text_slot *slot = merge_slot(t, sotto_texts_hash(left, right), left, right, &tag);
    *slot = (sotto_text_slot){tag, (uint32_t)++t->n_merges};
    return SOTTO_OK;
}

static bool is_ordinary(const sotto_tokenizer *t, int32_t id) {
    int type = id >= 0 ? t->flags[id] & SOTTO_TOKEN_TYPE_MASK : 0;
    return type == SOTTO_TOKEN_NORMAL || type == SOTTO_TOKEN_USER_DEFINED;
}

bool sotto_merges_find(const sotto_tokenizer *t, int32_t left, int32_t right, sotto_merge *out) {
    sotto_str l = sotto_tokenizer_piece(t, left), r = sotto_tokenizer_piece(t, right);
    uint32_t  tag, number = 0;
    if (!l.n || !r.n || l.n > t->longest || r.n > t->longest - l.n) return false;
    uint64_t hash = sotto_texts_hash(l, r);
    if (!t->has_scores) {
        number = t->cap_merge_index ? merge_slot(t, hash, l, r, &tag)->number : 0;
        if (!number) return false;
    }
    int32_t id = sotto_vocab_find_joined(t, hash, l, r);
    if (!is_ordinary(t, id)) return false;
    *out = (sotto_merge){left, right, t->has_scores ? rank_of_score(t->scores[id]) : number - 1, id};
    return true;
}

bool sotto_merges_at(const sotto_tokenizer *t, size_t rank, sotto_merge *out) {
    sotto_str l = text_at(t, t->merges[rank].left), r = text_at(t, t->merges[rank].right);
    int32_t   left = sotto_vocab_find(t, l), right = sotto_vocab_find(t, r);
    return left >= 0 && right >= 0 && sotto_merges_find(t, left, right, out) && out->rank == rank;
}

/* ---- words --------------------------------------------------------------------------------------------- */

/* A marker after something else: such a text goes over the border of a word. */
static bool has_inner_marker(sotto_str s, bool *after_other) {
    const size_t marker = sizeof SOTTO_SPACE_MARKER - 1;
    for (size_t i = 0; i < s.n;) {
        bool here = s.n - i >= marker && memcmp(s.p + i, SOTTO_SPACE_MARKER, marker) == 0;
        if (here && *after_other) return true;
        *after_other = !here;
        i += here ? marker : 1;
    }
    return false;
}

/* Whether some two pieces merge to this one; of one that is longer than any word, this is taken for granted. */
static bool is_merged(const sotto_tokenizer *t, sotto_str whole) {
    enum { LOOKED_AT = 256 };
    if (whole.n > LOOKED_AT) return true;
    for (size_t at = 1; at < whole.n; at++)
        if (sotto_vocab_find(t, (sotto_str){whole.p, at}) >= 0 &&
            sotto_vocab_find(t, (sotto_str){whole.p + at, whole.n - at}) >= 0)
            return true;
    return false;
}

bool sotto_merges_join_words(const sotto_tokenizer *t) {
    sotto_merge unused;
    for (size_t rank = 0; rank < t->n_merges; rank++) {
        const sotto_merge_text *m = &t->merges[rank];
        bool                    after_other = false;
        if (has_inner_marker(text_at(t, m->left), &after_other) || has_inner_marker(text_at(t, m->right), &after_other))
            if (sotto_merges_at(t, rank, &unused)) return true;
    }
    for (int32_t id = 0; t->has_scores && id < t->n_vocab; id++) {
        sotto_str piece = sotto_tokenizer_piece(t, id);
        bool      after_other = false;
        if (is_ordinary(t, id) && has_inner_marker(piece, &after_other) && is_merged(t, piece)) return true;
    }
    return false;
}
