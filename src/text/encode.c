/* From text to tokens: recognise tokens in the text, normalise what is between them, cut it, merge.
 *
 * Each kind of file is followed in what its own library does, as the fixtures of tests/tokenizer show:
 *  - tokenizer.json as Hugging Face's tokenizers: added tokens are looked for in the text as typed, and a "Prepend"
 *    prefix comes before every stretch between them;
 *  - tokenizer.model as sentencepiece: user-defined pieces are looked for where spaces are markers already;
 *  - GGUF as llama.cpp: all of them in the text as typed, user-defined pieces spelled with spaces.
 * The three differ on few texts: a run of typed U+2581 next to spaces is one run for sentencepiece and two for the
 * others. In one thing all give way: without `special`, no text gives a control token, even where a library's
 * merges or a file's types would let it. Of overlapping tokens the leftmost counts, then the longest. */
#include "text/tokenizer.h"

#include <stdlib.h>

enum { TEXT_MAX = 256 << 20 }; /* bytes; positions in the merging are 32-bit */

typedef struct encoder {
    const sotto_tokenizer *t;
    sotto_token_buf       *out;
    bool                   special;
    sotto_buf              normal; /* one stretch, normalised */
    sotto_bpe              bpe;
} encoder;

bool sotto_token_buf_append(sotto_token_buf *b, int32_t id) {
    if (b->n == b->cap) {
        size_t   cap = b->cap ? b->cap * 2 : 64, n_bytes;
        int32_t *ids = sotto_size_mul(cap, sizeof *ids, &n_bytes) ? realloc(b->ids, n_bytes) : NULL;
        if (!ids) return false;
        b->ids = ids;
        b->cap = cap;
    }
    b->ids[b->n++] = id;
    return true;
}

void sotto_token_buf_free(sotto_token_buf *b) {
    free(b->ids);
    *b = (sotto_token_buf){0};
}

/* ---- tokens in the text -------------------------------------------------------------------------------- */

typedef struct match {
    size_t  start, end; /* with the white space that the token takes along */
    int32_t id;
} match;

/* Bytes of white space before s[at], not beyond s[from], and from s[at] on. */
static size_t space_before(sotto_str s, size_t from, size_t at) {
    size_t end = at;
    while (at > from) {
        size_t   start = at - 1;
        uint32_t cp;
        while (start > from && ((unsigned char)s.p[start] & 0xc0) == 0x80) start--;
        sotto_utf8_decode(s.p + start, at - start, &cp);
        if (!sotto_char_is_space(cp)) break;
        at = start;
    }
    return end - at;
}

static size_t space_after(sotto_str s, size_t at) {
    size_t start = at;
    while (at < s.n) {
        uint32_t cp;
        size_t   len = sotto_utf8_decode(s.p + at, s.n - at, &cp);
        if (!sotto_char_is_space(cp)) break;
        at += len;
    }
    return at - start;
}

/* The longest token at s[at..n), or -1. */
static int32_t token_at(const encoder *e, const sotto_trie *trie, sotto_str s, size_t at, size_t *end) {
    int32_t found = -1, node = trie->root[(uint8_t)s.p[at]];
    while (node) {
        const sotto_trie_node *x = &trie->nodes[node];
        if (x->byte != (uint8_t)s.p[at]) {
            node = x->next;
            continue;
        }
        at++;
        int type = x->id >= 0 ? e->t->flags[x->id] & SOTTO_TOKEN_TYPE_MASK : 0;
        if (type && (e->special || type == SOTTO_TOKEN_USER_DEFINED)) {
            found = x->id;
            *end = at;
        }
        node = at < s.n ? x->child : 0;
    }
    return found;
}

/* The next token from `from` on: leftmost, then longest. */
static bool next_match(const encoder *e, const sotto_trie *trie, sotto_str s, size_t from, match *m) {
    for (size_t at = from; at < s.n; at++) {
        if (!trie->root[(uint8_t)s.p[at]]) continue;
        m->id = token_at(e, trie, s, at, &m->end);
        if (m->id < 0) continue;
        m->start = at;
        uint8_t flags = e->t->flags[m->id];
        if (flags & SOTTO_TOKEN_LSTRIP) m->start -= space_before(s, from, m->start);
        if (flags & SOTTO_TOKEN_RSTRIP) m->end += space_after(s, m->end);
        return true;
    }
    return false;
}

/* ---- stretches between tokens -------------------------------------------------------------------------- */

/* Where the next word begins: before a marker that follows something else. */
static size_t word_end(sotto_str s) {
    const size_t marker = sizeof SOTTO_SPACE_MARKER - 1;
    bool         after_marker = true;
    for (size_t i = 0; i < s.n;) {
        bool here = s.n - i >= marker && memcmp(s.p + i, SOTTO_SPACE_MARKER, marker) == 0;
        if (here && !after_marker) return i;
        i += here ? marker : 1;
        after_marker = here;
    }
    return s.n;
}

static bool encode_plain(encoder *e, sotto_str s) {
    while (s.n) {
        size_t    n = sotto_split_next(e->t->split, s.p, s.n);
        sotto_str part = {s.p, n};
        s = (sotto_str){s.p + n, s.n - n};
        while (part.n) {
            n = e->t->words_apart ? word_end(part) : part.n;
            if (!sotto_bpe_encode(&e->bpe, e->t, (sotto_str){part.p, n}, e->out)) return false;
            part = (sotto_str){part.p + n, part.n - n};
        }
    }
    return true;
}

static bool begins_marked(sotto_str s) { return s.p[0] == ' ' || sotto_str_starts(s, SOTTO_SPACE_MARKER); }

/* `at_start`: the beginning of the whole text; else the stretch follows a token. */
static bool wants_prefix(const sotto_tokenizer *t, sotto_str s, bool at_start) {
    switch (t->prefix) {
    case SOTTO_PREFIX_NEVER: return false;
    case SOTTO_PREFIX_EACH: return true;
    case SOTTO_PREFIX_EACH_UNMARKED: return !begins_marked(s);
    case SOTTO_PREFIX_FIRST_UNMARKED: return at_start && !begins_marked(s);
    }
    return false;
}

static bool normalise(const sotto_tokenizer *t, sotto_str s, bool prefix, sotto_buf *out) {
    sotto_buf_clear(out);
    if (t->nfc) return sotto_nfc(s, out);
    if (!t->space_marker) return sotto_buf_append(out, s.p, s.n);
    if (prefix) sotto_buf_puts(out, SOTTO_SPACE_MARKER);
    for (size_t i = 0; i < s.n;) {
        const char *space = memchr(s.p + i, ' ', s.n - i);
        size_t      n = space ? (size_t)(space - s.p) - i : s.n - i;
        sotto_buf_append(out, s.p + i, n);
        if (space) sotto_buf_puts(out, SOTTO_SPACE_MARKER);
        i += n + (space ? 1 : 0);
    }
    return !out->failed;
}

static bool encode_stretch(encoder *e, sotto_str s, bool prefix_allowed, bool at_start) {
    if (s.n == 0) return true;
    if (!normalise(e->t, s, prefix_allowed && wants_prefix(e->t, s, at_start), &e->normal)) return false;
    sotto_str text = sotto_buf_str(&e->normal);
    size_t    from = 0;
    match     m;
    for (; next_match(e, &e->t->normalised, text, from, &m); from = m.end) {
        if (!encode_plain(e, (sotto_str){text.p + from, m.start - from})) return false;
        if (!sotto_token_buf_append(e->out, m.id)) return false;
    }
    return encode_plain(e, (sotto_str){text.p + from, text.n - from});
}

static bool encode_text(encoder *e, sotto_str text, bool first, bool after) {
    size_t from = 0;
    match  m;
    for (; next_match(e, &e->t->raw, text, from, &m); from = m.end) {
        if (!encode_stretch(e, (sotto_str){text.p + from, m.start - from}, after || from > 0, first && from == 0))
            return false;
        if (!sotto_token_buf_append(e->out, m.id)) return false;
    }
    return encode_stretch(e, (sotto_str){text.p + from, text.n - from}, after || from > 0, first && from == 0);
}

/* Copy with U+FFFD for every maximal invalid sequence. */
static bool repair(sotto_str text, sotto_buf *out) {
    for (size_t i = 0; i < text.n;) {
        uint32_t cp;
        char     utf8[4];
        i += sotto_utf8_decode(text.p + i, text.n - i, &cp);
        if (!sotto_buf_append(out, utf8, sotto_utf8_encode(cp, utf8))) return false;
    }
    return true;
}

sotto_status sotto_tokenizer_encode(const sotto_tokenizer *t, sotto_str text, sotto_encode_options opt,
                                    sotto_token_buf *out, sotto_error *err) {
    if (text.n > TEXT_MAX)
        return sotto_fail(err, SOTTO_LIMIT,
                          "a text of %zu bytes is more than can be made into tokens at once (%d)", text.n,
                          (int)TEXT_MAX);
    encoder   e = {.t = t, .out = out, .special = opt.special};
    sotto_buf repaired = {0};
    bool      ok = true;
    if (!sotto_utf8_valid(text.p, text.n)) {
        ok = repair(text, &repaired);
        text = sotto_buf_str(&repaired);
    }
    if (ok && opt.bos && t->add_bos) ok = sotto_token_buf_append(out, t->bos);
    ok = ok && encode_text(&e, text, opt.first, opt.first || opt.after);
    sotto_bpe_free(&e.bpe);
    sotto_buf_free(&e.normal);
    sotto_buf_free(&repaired);
    return ok ? SOTTO_OK : sotto_fail_memory(err, "the tokens of a text");
}
