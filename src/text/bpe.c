/* Byte-pair merging: of all adjacent pairs that have a merge, the one of the lowest rank goes first, the leftmost
 * of equals. Sennrich, Haddow, Birch 2016 give the method; the linked list with a priority queue, O(n log n)
 * for a pre-token of any length, is the arrangement of Kudo and Richardson's SentencePiece (2018). */
#include "text/tokenizer.h"

#include <stdlib.h>

struct sotto_bpe_symbol {
    int32_t id;         /* < 0: merged into its left neighbour */
    int32_t prev, next; /* < 0: none */
};

struct sotto_bpe_pair {
    uint64_t key; /* rank, then position: the order of merging */
    int32_t  result;
};

void sotto_bpe_free(sotto_bpe *b) {
    free(b->symbols);
    free(b->heap);
    sotto_buf_free(&b->spelled);
    *b = (sotto_bpe){0};
}

static bool reserve_symbols(sotto_bpe *b, size_t n) {
    if (n <= b->cap_symbols) return true;
    size_t                   cap = SOTTO_MAX(n, b->cap_symbols * 2);
    struct sotto_bpe_symbol *symbols = realloc(b->symbols, cap * sizeof *symbols);
    if (!symbols) return false;
    b->symbols = symbols;
    b->cap_symbols = cap;
    return true;
}

static bool heap_push(sotto_bpe *b, struct sotto_bpe_pair pair) {
    if (b->n_heap == b->cap_heap) {
        size_t                 cap = b->cap_heap ? b->cap_heap * 2 : 64;
        struct sotto_bpe_pair *heap = realloc(b->heap, cap * sizeof *heap);
        if (!heap) return false;
        b->heap = heap;
        b->cap_heap = cap;
    }
    size_t i = b->n_heap++;
    for (; i > 0 && b->heap[(i - 1) / 2].key > pair.key; i = (i - 1) / 2) b->heap[i] = b->heap[(i - 1) / 2];
    b->heap[i] = pair;
    return true;
}

static struct sotto_bpe_pair heap_pop(sotto_bpe *b) {
    struct sotto_bpe_pair *h = b->heap, top = h[0], last = h[--b->n_heap];
    size_t                 i = 0, n = b->n_heap;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && h[child + 1].key < h[child].key) child++;
        if (h[child].key >= last.key) break;
        h[i] = h[child];
    }
    if (n) h[i] = last;
    return top;
}

static bool push_pair(sotto_bpe *b, const sotto_tokenizer *t, int32_t at) {
    sotto_merge m;
    if (at < 0 || b->symbols[at].next < 0) return true;
    if (!sotto_merges_find(t, b->symbols[at].id, b->symbols[b->symbols[at].next].id, &m)) return true;
    return heap_push(b, (struct sotto_bpe_pair){(uint64_t)m.rank << 32 | (uint32_t)at, m.result});
}

/* A pair that was queued may be gone. Symbols only grow: it is there as long as the two are as long as their result. */
static bool still_there(const sotto_bpe *b, const sotto_tokenizer *t, int32_t at, int32_t result) {
    const struct sotto_bpe_symbol *s = &b->symbols[at];
    if (s->id < 0 || s->next < 0) return false;
    return t->pieces[s->id].n + t->pieces[b->symbols[s->next].id].n == t->pieces[result].n;
}

static bool merge_all(sotto_bpe *b, const sotto_tokenizer *t, size_t n) {
    b->n_heap = 0;
    for (size_t i = 0; i + 1 < n; i++)
        if (!push_pair(b, t, (int32_t)i)) return false;
    while (b->n_heap) {
        struct sotto_bpe_pair pair = heap_pop(b);
        int32_t               at = (int32_t)(uint32_t)pair.key;
        if (!still_there(b, t, at, pair.result)) continue;
        struct sotto_bpe_symbol *left = &b->symbols[at], *right = &b->symbols[left->next];
        left->id = pair.result;
        left->next = right->next;
        right->id = -1;
        if (left->next >= 0) b->symbols[left->next].prev = at;
        if (!push_pair(b, t, left->prev) || !push_pair(b, t, at)) return false;
    }
    return true;
}

/* The first symbols of a pre-token: its bytes, or its characters with unknown ones as bytes or <unk> (without
 * <unk> they vanish, as in tokenizers). Returns how many. */
static size_t first_symbols(sotto_bpe *b, const sotto_tokenizer *t, sotto_str word) {
    size_t n = 0, len;
    for (size_t i = 0; i < word.n; i += len) {
        uint32_t cp;
        len = t->byte_level ? 1 : sotto_utf8_decode(word.p + i, word.n - i, &cp);
        int32_t id =
            t->byte_level ? t->byte_ids[(uint8_t)word.p[i]] : sotto_vocab_find(t, (sotto_str){word.p + i, len});
        /* Only ordinary pieces: a control token must not come of text, however short its name. */
        int type = id >= 0 ? t->flags[id] & SOTTO_TOKEN_TYPE_MASK : 0;
        if (type == SOTTO_TOKEN_NORMAL || type == SOTTO_TOKEN_USER_DEFINED) {
            b->symbols[n++].id = id;
            continue;
        }
        bool bytes = t->byte_fallback;
        for (size_t k = 0; k < len; k++) bytes = bytes && t->byte_ids[(uint8_t)word.p[i + k]] >= 0;
        for (size_t k = 0; bytes && k < len; k++) b->symbols[n++].id = t->byte_ids[(uint8_t)word.p[i + k]];
        bool again = t->fuse_unk && n > 0 && b->symbols[n - 1].id == t->unk;
        if (!bytes && t->unk >= 0 && !again) b->symbols[n++].id = t->unk;
    }
    for (size_t i = 0; i < n; i++) {
        b->symbols[i].prev = (int32_t)i - 1;
        b->symbols[i].next = i + 1 < n ? (int32_t)i + 1 : -1;
    }
    return n;
}

/* The piece that the whole pre-token is, or -1. */
static int32_t whole_piece(sotto_bpe *b, const sotto_tokenizer *t, sotto_str word) {
    if (word.n > t->longest) return -1;
    sotto_buf_clear(&b->spelled);
    for (size_t i = 0; t->byte_level && i < word.n; i++) {
        char   utf8[4];
        size_t n = sotto_utf8_encode(sotto_byte_level_char((uint8_t)word.p[i]), utf8);
        if (!sotto_buf_append(&b->spelled, utf8, n)) return -1;
    }
    int32_t id = sotto_vocab_find(t, t->byte_level ? sotto_buf_str(&b->spelled) : word);
    return id >= 0 && (t->flags[id] & SOTTO_TOKEN_TYPE_MASK) == SOTTO_TOKEN_NORMAL ? id : -1;
}

bool sotto_bpe_encode(sotto_bpe *b, const sotto_tokenizer *t, sotto_str word, sotto_token_buf *out) {
    /* Gemma 4's GGUF: merges were made without newlines, so a run that is a piece is taken whole. */
    bool try_whole = t->ignore_merges || (t->split == SOTTO_SPLIT_NEWLINES && word.n && word.p[0] == '\n');
    if (try_whole) {
        int32_t id = whole_piece(b, t, word);
        if (b->spelled.failed) return false;
        if (id >= 0) return sotto_token_buf_append(out, id);
    }
    if (!reserve_symbols(b, word.n)) return false;
    size_t n = first_symbols(b, t, word);
    if (!n) return true;
    if (!merge_all(b, t, n)) return false;
    for (int32_t i = 0; i >= 0; i = b->symbols[i].next)
        if (!sotto_token_buf_append(out, b->symbols[i].id)) return false;
    return true;
}
