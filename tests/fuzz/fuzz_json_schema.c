/* A JSON schema of a stranger, up to a zero byte, and a text for it: what the grammar accepts must be JSON, and what
 * becomes GBNF must be a grammar, unless it is too large or calls itself in a circle. */
#include <stdlib.h>

#include <sotto/sotto.h>

#include "grammar/grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char bad_gbnf[] = "the JSON schema as a grammar: grammar, line";
    sotto_grammar    *g;
    sotto_error       err = {0};
    const uint8_t    *end = size ? memchr(data, 0, size) : NULL;
    size_t            n = end ? (size_t)(end - data) : size, used = n + (end ? 1 : 0);
    if (sotto_grammar_open_schema(&g, (const char *)data, n, &err) != SOTTO_OK) {
        require(err.message[0]);
        require(strncmp(err.message, bad_gbnf, sizeof bad_gbnf - 1) != 0 || err.status == SOTTO_LIMIT);
        return 0;
    }
    if (sotto_grammar_accepts(g, (const char *)data + used, size - used)) {
        json_t *json = json_loadb((const char *)data + used, size - used, JSON_DECODE_ANY, NULL);
        require(json != NULL);
        json_decref(json);
    }
    sotto_grammar_close(g);
    return 0;
}
