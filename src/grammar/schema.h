/* From a JSON schema to GBNF: what its files share. Internal. */
#ifndef SOTTO_GRAMMAR_SCHEMA_H
#define SOTTO_GRAMMAR_SCHEMA_H

#include "grammar/rules.h"

/* Where in a schema something stands, for its JSON pointer: a chain of steps up to a text. */
typedef struct sotto_schema_path {
    const struct sotto_schema_path *up; /* NULL: key is a whole pointer, "#" and what follows */
    const char                     *key; /* NULL: an array's element */
    size_t                          index;
} sotto_schema_path;

typedef struct sotto_schema_ref {
    const char   *pointer; /* "#/$defs/node" */
    const json_t *schema;
    const char   *rule;
} sotto_schema_ref;

typedef struct sotto_schema_writer {
    sotto_arena       arena;
    const json_t     *root;
    const char       *prefix; /* of rule names; the rule of the schema itself */
    sotto_buf        *out;    /* rules that are whole */
    uint32_t          n_rules;
    uint64_t          shared; /* rows of the table of common rules that are written */
    int               depth;
    sotto_schema_ref *refs; /* [n_refs] those before `done` are written */
    size_t            n_refs, cap_refs;
    json_t           *made; /* an array that keeps schemas alive that were made by merging */
    sotto_error      *err;
} sotto_schema_writer;

/* Report a fault of `keyword` (NULL: of the schema itself) at a path; the status. */
sotto_status sotto_schema_fail(sotto_schema_writer *w, const sotto_schema_path *at, const char *keyword,
                               sotto_status status, const char *fmt, ...) SOTTO_PRINTF(5, 6);
sotto_status sotto_schema_fail_memory(sotto_schema_writer *w);

/* Append the name of a common rule ("string", "value") and see that it is written. */
sotto_status sotto_schema_common(sotto_schema_writer *w, const char *name, sotto_buf *out);
/* Whether there is a common rule of that name. */
bool         sotto_schema_has_common(const char *name);
/* Write a rule with this body under a new name. NULL: out of memory. */
const char  *sotto_schema_rule(sotto_schema_writer *w, const sotto_buf *body);

/* Append one GBNF element for any value of a schema. */
sotto_status sotto_schema_value(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                sotto_buf *out);
/* ... for its objects, arrays, strings, whole numbers (or all). The keywords have been looked through. */
sotto_status sotto_schema_object(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                 sotto_buf *out);
sotto_status sotto_schema_array(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                sotto_buf *out);
sotto_status sotto_schema_string(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                 sotto_buf *out);
sotto_status sotto_schema_number(sotto_schema_writer *w, const json_t *schema, bool whole, const sotto_schema_path *at,
                                 sotto_buf *out);
/* The value of a keyword that counts, minLength or maxItems; `absent` where it is not there. */
sotto_status sotto_schema_count(sotto_schema_writer *w, const json_t *schema, const char *keyword,
                                const sotto_schema_path *at, uint32_t absent, uint32_t *out);

/* What a schema says together with all that its allOf and $ref say: a schema without either. */
sotto_status sotto_schema_merge(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                const json_t **out);
/* What a $ref names. */
sotto_status sotto_schema_find(sotto_schema_writer *w, const json_t *ref, const sotto_schema_path *at,
                               const json_t **out);
/* Whether no value fits two schemas of a list, as oneOf wants it, is sure; else UNSUPPORTED. */
sotto_status sotto_schema_check_one(sotto_schema_writer *w, const json_t *list, const sotto_schema_path *at);
/* What a keyword does: */
typedef enum sotto_schema_role {
    SOTTO_ROLE_UNKNOWN,
    SOTTO_ROLE_NOTE,  /* says nothing of what is valid */
    SOTTO_ROLE_ANY,   /* holds for values of every type */
    SOTTO_ROLE_OBJECT, SOTTO_ROLE_ARRAY, SOTTO_ROLE_STRING, SOTTO_ROLE_NUMBER
} sotto_schema_role;
sotto_schema_role sotto_schema_role_of(const char *keyword);

/* Append what stands between the quotes of JSON strings that a regular expression finds something in. Of the
 * expressions of ECMA-262: characters, classes, groups, |, repetitions, and ^ and $ at the ends. *why: what else there
 * is. `any` is the rule of any character of a string; `pattern` is NUL-terminated. */
bool sotto_pattern_to_gbnf(sotto_str pattern, const char *any, sotto_buf *out, const char **why);
/* Append an element for the decimal numbers from lo to hi, 0 <= lo <= hi < 10^18. */
void sotto_digits_between(int64_t lo, int64_t hi, sotto_buf *out);

#endif
