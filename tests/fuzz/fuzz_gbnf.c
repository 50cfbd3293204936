/* A grammar of a stranger, up to a zero byte, and a text for it. What one matcher finds by pushing and popping, another
 * must find by going straight on. */
#include <stdlib.h>

#include <sotto/sotto.h>

#include "grammar/grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) abort(); /* a broken promise of the interface is a finding too */
}

static void use(const sotto_grammar *g, const uint8_t *text, size_t n) {
    sotto_matcher *m;
    if (sotto_matcher_open(&m, g, 16, true, NULL) != SOTTO_OK) return;
    size_t at = 0;
    bool   fits = true;
    for (; fits && at < n; at++) {
        if (sotto_matcher_depth(m) == 16) sotto_matcher_keep(m);
        size_t depth = sotto_matcher_depth(m);
        bool   again = sotto_matcher_push(m, text[at]);
        sotto_matcher_pop(m, depth);
        fits = sotto_matcher_push(m, text[at]);
        require(fits == again && sotto_matcher_depth(m) == depth + fits);
    }
    bool complete = fits && sotto_matcher_complete(m), over = sotto_matcher_overflowed(m);
    require(!sotto_matcher_ends(m) || sotto_matcher_complete(m));
    require(over || sotto_grammar_accepts(g, (const char *)text, n) == complete);
    sotto_matcher_close(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sotto_grammar *g;
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t         n = end ? (size_t)(end - data) : size;
    if (sotto_grammar_open(&g, (const char *)data, n, NULL) != SOTTO_OK) return 0;
    use(g, data + n + (end ? 1 : 0), size - n - (end ? 1 : 0));
    for (size_t i = 0; sotto_grammar_token(g, i).p; i++) require(sotto_grammar_token(g, i).n >= 2);
    sotto_grammar_close(g);
    return 0;
}
