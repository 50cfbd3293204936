/* Grammars as the public header has them. */
#include <stdlib.h>

#include <sotto/sotto.h>

#include "grammar/rules.h"

sotto_status sotto_grammar_open(sotto_grammar **out, const char *gbnf, size_t n, sotto_error *err) {
    if (n > SOTTO_GBNF_BYTES_MAX)
        return sotto_fail(err, SOTTO_LIMIT, "the grammar has %zu bytes; at most %d are allowed", n,
                          (int)SOTTO_GBNF_BYTES_MAX);
    sotto_grammar *g = calloc(1, sizeof *g);
    if (!g) return sotto_fail_memory(err, "a grammar");
    sotto_status status = sotto_gbnf_parse(g, (sotto_str){gbnf, n}, err);
    if (status == SOTTO_OK) status = sotto_rules_check(g, err);
    if (status != SOTTO_OK) {
        sotto_grammar_close(g);
        return status;
    }
    *out = g;
    return SOTTO_OK;
}

sotto_status sotto_grammar_open_schema(sotto_grammar **out, const char *schema, size_t n, sotto_error *err) {
    if (n > SOTTO_GBNF_BYTES_MAX)
        return sotto_fail(err, SOTTO_LIMIT, "the JSON schema has %zu bytes; at most %d are allowed", n,
                          (int)SOTTO_GBNF_BYTES_MAX);
    json_error_t why;
    json_t      *json = json_loadb(schema, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!json)
        return sotto_fail(err, SOTTO_INVALID, "the JSON schema is not JSON: line %d, column %d: %s", why.line,
                          why.column, why.text);
    sotto_buf    gbnf = {0};
    sotto_status status = sotto_schema_to_gbnf(json, "root", &gbnf, err);
    json_decref(json);
    if (status == SOTTO_OK && (status = sotto_grammar_open(out, gbnf.data, gbnf.len, err)) != SOTTO_OK)
        sotto_fail_prefix(err, status, "the JSON schema as a grammar");
    sotto_buf_free(&gbnf);
    return status;
}

void sotto_grammar_close(sotto_grammar *g) {
    if (!g) return;
    sotto_arena_free(&g->arena);
    free(g->nodes);
    free(g->rules);
    free(g->tokens);
    free(g);
}

bool sotto_grammar_accepts(const sotto_grammar *g, const char *text, size_t n) {
    sotto_matcher *m;
    if (sotto_matcher_open(&m, g, 1, true, NULL) != SOTTO_OK) return false;
    size_t at = 0;
    for (; at < n && sotto_matcher_push(m, (uint8_t)text[at]); at++) sotto_matcher_keep(m);
    bool whole = at == n && sotto_matcher_complete(m);
    sotto_matcher_close(m);
    return whole;
}

sotto_str sotto_grammar_token(const sotto_grammar *g, size_t i) {
    return i < g->n_tokens ? g->tokens[i].text : (sotto_str){NULL, 0};
}
