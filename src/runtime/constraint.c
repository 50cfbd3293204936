/* A grammar over tokens: which of a vocabulary's may come next.
 *
 * Text tokens are their bytes, and a token may end inside a character. A control token is what a token terminal names,
 * and nothing else. The tokens that end an answer may come exactly where the grammar is complete. */
#include <math.h>
#include <stdlib.h>

#include "runtime/vocabulary.h"

enum { DEPTH_MAX = 4096 }; /* bytes of tokens that are tried one after the other */

struct sotto_constraint {
    const sotto_vocabulary *vocabulary;
    sotto_matcher          *matcher;
    bool                    trim;      /* the next text loses the space that it may begin with */
    int32_t                *terminals; /* [n_terminals] ids of the grammar's token terminals */
    size_t                  n_terminals;
    float                  *masked; /* [n_logits] */
    int32_t                 n_logits;
};

/* ---- opening ------------------------------------------------------------------------------------------- */

/* <text> is the token "<text>", or where there is none, such as [TOOL_CALLS] of <[TOOL_CALLS]>, the token "text". */
static int32_t find_terminal(const sotto_tokenizer *t, const char *text) {
    char    inner[64];
    size_t  n = strlen(text);
    int32_t id = sotto_tokenizer_find(t, text);
    if (id >= 0 || n < 2 || n - 2 >= sizeof inner) return id;
    memcpy(inner, text + 1, n - 2);
    inner[n - 2] = '\0';
    return sotto_tokenizer_find(t, inner);
}

static sotto_status find_terminals(sotto_constraint *c, const sotto_grammar *g, sotto_error *err) {
    while (sotto_grammar_token(g, c->n_terminals).p) c->n_terminals++;
    c->terminals = calloc(c->n_terminals + 1, sizeof *c->terminals);
    if (!c->terminals) return sotto_fail_memory(err, "a grammar's tokens");
    for (size_t i = 0; i < c->n_terminals; i++) {
        const char *text = sotto_grammar_token(g, i).p;
        c->terminals[i] = find_terminal(c->vocabulary->tokenizer, text);
        if (c->terminals[i] < 0 || c->terminals[i] >= c->n_logits)
            return sotto_fail(err, SOTTO_INVALID,
                              "the grammar names the token %.80s, which this model does not have; write its text in "
                              "quotes if text is meant",
                              text);
    }
    return SOTTO_OK;
}

sotto_status sotto_constraint_open(sotto_constraint **out, const sotto_grammar *g, const sotto_vocabulary *v,
                                   int32_t n_logits, bool first, sotto_error *err) {
    sotto_constraint *c = calloc(1, sizeof *c);
    if (!c) return sotto_fail_memory(err, "a grammar's constraint");
    *c = (sotto_constraint){.vocabulary = v, .n_logits = n_logits,
                            .trim = first && sotto_tokenizer_trims(v->tokenizer)};
    c->masked = calloc((size_t)n_logits, sizeof *c->masked);
    sotto_status status = c->masked ? find_terminals(c, g, err) : sotto_fail_memory(err, "a grammar's constraint");
    if (status == SOTTO_OK)
        status = sotto_matcher_open(&c->matcher, g, v->longest + DEPTH_MAX, false, err);
    if (status != SOTTO_OK) {
        sotto_constraint_close(c);
        return status;
    }
    *out = c;
    return SOTTO_OK;
}

void sotto_constraint_close(sotto_constraint *c) {
    if (!c) return;
    sotto_matcher_close(c->matcher);
    free(c->terminals);
    free(c->masked);
    free(c);
}

/* ---- one token ----------------------------------------------------------------------------------------- */

static bool is_text(const sotto_constraint *c, int32_t token) {
    return token >= 0 && token < c->vocabulary->n && c->vocabulary->rank[token] >= 0;
}

static bool trims(const sotto_constraint *c) { return c->trim && sotto_matcher_depth(c->matcher) == 0; }

/* What a text token adds to the text here. */
static sotto_str text_of(const sotto_constraint *c, int32_t token) {
    sotto_str text = sotto_vocabulary_text(c->vocabulary, (size_t)c->vocabulary->rank[token]);
    if (trims(c) && text.n && text.p[0] == ' ') text.p++, text.n--;
    return text;
}

bool sotto_constraint_push(sotto_constraint *c, int32_t token) {
    size_t depth = sotto_matcher_depth(c->matcher);
    for (size_t i = 0; i < c->n_terminals; i++)
        if (c->terminals[i] == token && sotto_matcher_push_token(c->matcher, (uint32_t)i)) return true;
    if (!is_text(c, token)) return false;
    sotto_str text = text_of(c, token);
    for (size_t i = 0; i < text.n; i++) {
        if (sotto_matcher_push(c->matcher, (uint8_t)text.p[i])) continue;
        sotto_matcher_pop(c->matcher, depth);
        return false;
    }
    return text.n > 0;
}

size_t sotto_constraint_depth(const sotto_constraint *c) { return sotto_matcher_depth(c->matcher); }
void   sotto_constraint_pop(sotto_constraint *c, size_t depth) { sotto_matcher_pop(c->matcher, depth); }

static bool ends_here(const sotto_constraint *c, int32_t token) {
    return sotto_tokenizer_is_eog(c->vocabulary->tokenizer, token) && sotto_matcher_complete(c->matcher);
}

bool sotto_constraint_allows(sotto_constraint *c, int32_t token) {
    if (ends_here(c, token)) return true;
    size_t depth = sotto_matcher_depth(c->matcher);
    bool   may = sotto_constraint_push(c, token);
    sotto_matcher_pop(c->matcher, depth);
    return may;
}

bool sotto_constraint_accept(sotto_constraint *c, int32_t token) {
    if (sotto_constraint_push(c, token)) {
        if (is_text(c, token)) c->trim = false;
        sotto_matcher_keep(c->matcher);
        return true;
    }
    return ends_here(c, token);
}

bool sotto_constraint_accept_text(sotto_constraint *c, const char *text, size_t n) {
    if (n) c->trim = false;
    for (size_t i = 0; i < n; i++) {
        if (!sotto_matcher_push(c->matcher, (uint8_t)text[i])) return false;
        sotto_matcher_keep(c->matcher);
    }
    return true;
}

bool sotto_constraint_complete(const sotto_constraint *c) { return sotto_matcher_complete(c->matcher); }
bool sotto_constraint_ends(const sotto_constraint *c) { return sotto_matcher_ends(c->matcher); }
bool sotto_constraint_overflowed(const sotto_constraint *c) { return sotto_matcher_overflowed(c->matcher); }

/* ---- all tokens ---------------------------------------------------------------------------------------- */

/* Walk the texts in their order. The matcher holds the beginning that the last two have in common; `refused` is how
 * many bytes were allowed of one that was refused, and all that share more than these with it are refused too. */
static size_t mask_texts(sotto_constraint *c, const float *logits) {
    const sotto_vocabulary *v = c->vocabulary;
    size_t                  n_allowed = 0, refused = SIZE_MAX, here = sotto_matcher_depth(c->matcher);
    bool                    trim = trims(c);
    for (size_t i = 0; i < v->n_order; i++) {
        if (v->shared[i] > refused) continue;
        sotto_str text = sotto_vocabulary_text(v, i);
        size_t    trimmed = trim && text.p[0] == ' ', at = SOTTO_MAX((size_t)v->shared[i], trimmed);
        sotto_matcher_pop(c->matcher, here + at - trimmed);
        at = sotto_matcher_depth(c->matcher) - here + trimmed;
        while (at < text.n && sotto_matcher_push(c->matcher, (uint8_t)text.p[at])) at++;
        refused = at < text.n ? at : SIZE_MAX;
        if (at < text.n || text.n == trimmed || v->order[i] >= c->n_logits) continue;
        c->masked[v->order[i]] = logits[v->order[i]];
        n_allowed += logits[v->order[i]] > -INFINITY;
    }
    sotto_matcher_pop(c->matcher, here);
    return n_allowed;
}

const float *sotto_constraint_mask(sotto_constraint *c, const float *logits) {
    for (int32_t t = 0; t < c->n_logits; t++) c->masked[t] = -INFINITY;
    size_t n_allowed = mask_texts(c, logits);
    for (size_t i = 0; i < c->n_terminals; i++)
        if (sotto_constraint_allows(c, c->terminals[i])) {
            c->masked[c->terminals[i]] = logits[c->terminals[i]];
            n_allowed += logits[c->terminals[i]] > -INFINITY;
        }
    if (sotto_matcher_complete(c->matcher))
        for (int32_t t = 0; t < SOTTO_MIN(c->vocabulary->n, c->n_logits); t++) {
            if (!sotto_tokenizer_is_eog(c->vocabulary->tokenizer, t)) continue;
            c->masked[t] = logits[t];
            n_allowed += logits[t] > -INFINITY;
        }
    return n_allowed ? c->masked : NULL;
}
