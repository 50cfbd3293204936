/* grammar: what a text may look like, as rules over bytes, and the matcher that follows a text through them.
 *
 * A GBNF text (gbnf.c) becomes a small graph for each rule (rules.h), which is checked once (check.c) and never
 * changes; a JSON schema is first written as GBNF (schema.c). A matcher (match.c) is a place in a grammar. */
#ifndef SOTTO_GRAMMAR_H
#define SOTTO_GRAMMAR_H

#include <jansson.h>

#include "base/base.h"

/* ---- grammars ------------------------------------------------------------------------------------------ */

typedef struct sotto_grammar sotto_grammar; /* the public header's, which opens it and closes it */
/* The grammar's <token> terminals by number, each once, with its < and >; {NULL, 0} past the end. */
sotto_str sotto_grammar_token(const sotto_grammar *g, size_t i);

/* Append the GBNF rules of a schema to *out: `rule`, which is the value, and others, whose names begin with `rule` and
 * a "-". So schemas under different names can stand in one grammar, beside rules of the caller. The JSON is compact
 * but for one space that may stand after "," and ":". INVALID and UNSUPPORTED name the JSON pointer and the keyword.
 * On failure *out holds what was there before. */
sotto_status sotto_schema_to_gbnf(const json_t *schema, const char *rule, sotto_buf *out, sotto_error *err);
/* Append a text as a GBNF literal, with its quotes. */
bool sotto_gbnf_literal(sotto_str text, sotto_buf *out);

/* ---- matching ------------------------------------------------------------------------------------------ */

/* A place in a grammar, and the way that led there from the last place that was kept: bytes are pushed and popped. All
 * memory is taken when it is opened. The grammar must stay open. */
typedef struct sotto_matcher sotto_matcher;
/* At the beginning of the grammar. At most max_path bytes and tokens are pushed without keeping them. `as_text`: token
 * terminals stand for their texts. */
sotto_status sotto_matcher_open(sotto_matcher **out, const sotto_grammar *g, size_t max_path, bool as_text,
                                sotto_error *err);
void         sotto_matcher_close(sotto_matcher *m);
/* Go on by a byte or a token terminal; false: nothing of the grammar goes on like that, and the place is as before. */
bool   sotto_matcher_push(sotto_matcher *m, uint8_t byte);
bool   sotto_matcher_push_token(sotto_matcher *m, uint32_t token);
size_t sotto_matcher_depth(const sotto_matcher *m); /* pushes since the last that was kept */
void   sotto_matcher_pop(sotto_matcher *m, size_t depth); /* back to this depth */
void   sotto_matcher_keep(sotto_matcher *m);              /* the place is depth 0 from now on */
bool   sotto_matcher_complete(const sotto_matcher *m); /* what was matched is a whole text of the grammar */
bool   sotto_matcher_ends(const sotto_matcher *m);     /* complete, and nothing can follow */
/* Since the last place was kept a push was refused because its memory did not suffice: too deep or too ambiguous. */
bool   sotto_matcher_overflowed(const sotto_matcher *m);

#endif
