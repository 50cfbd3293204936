/* From a JSON schema to GBNF: what holds for values of every type, and the whole.
 *
 * Said exactly: type, enum, const, anyOf, oneOf of alternatives that exclude each other, allOf, $ref within the
 * document; properties, required, additionalProperties; items, prefixItems, minItems, maxItems; pattern, format,
 * minLength, maxLength; minimum, maximum, exclusiveMinimum, exclusiveMaximum. Everything else that would rule out a
 * value is refused by its name. So all that a grammar lets through is valid; not all that is valid it lets through:
 *  - an object has its properties in the schema's order, and further ones only where additionalProperties is given or
 *    no property is; their names are written without escapes;
 *  - an array with prefixItems has further elements only where items is given;
 *  - numbers have at most 18 digits before the point and after it and 2 in the exponent, so that readers can hold them;
 *    no string holds U+0000;
 *  - white space is one space after "," and ":", or none: a model could go on with it for ever. Within the values of
 *    enum and const there is none. */
#include "grammar/schema.h"

#include <stdio.h>
#include <stdlib.h>

enum { DEPTH_MAX = 128 };

/* ---- errors -------------------------------------------------------------------------------------------- */

static void append_pointer(const sotto_schema_path *at, sotto_buf *out) {
    if (!at->up) {
        sotto_buf_puts(out, at->key);
        return;
    }
    append_pointer(at->up, out);
    if (!at->key) sotto_buf_printf(out, "/%zu", at->index);
    if (at->key) sotto_buf_putc(out, '/');
    for (const char *c = at->key; c && *c; c++) {
        if (*c == '~' || *c == '/')
            sotto_buf_puts(out, *c == '~' ? "~0" : "~1");
        else
            sotto_buf_putc(out, *c);
    }
}

sotto_status sotto_schema_fail(sotto_schema_writer *w, const sotto_schema_path *at, const char *keyword,
                               sotto_status status, const char *fmt, ...) {
    va_list           args;
    sotto_buf         pointer = {0};
    char              text[256];
    sotto_schema_path last = {at, keyword, 0};
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    append_pointer(keyword ? &last : at, &pointer);
    sotto_str all = sotto_buf_str(&pointer);
    size_t    skip = all.n > 200 ? all.n - 200 : 0; /* the end tells more than the beginning */
    (void)sotto_fail(w->err, status, "JSON schema, %s%s: %s", skip ? "..." : "", all.p + skip, text);
    sotto_buf_free(&pointer);
    return status;
}

sotto_status sotto_schema_fail_memory(sotto_schema_writer *w) { return sotto_fail_memory(w->err, "a JSON schema"); }

/* ---- common rules -------------------------------------------------------------------------------------- */

/* % stands for the prefix. Escapes: not U+0000, which ends strings of C, and no half of a surrogate pair. Dates: 30 and
 * 31 days, 28, and the 29th in leap years from 1000 to 9999. */
#define HEX "[0-9a-fA-F]"
#define DIGITS "(\"0\" | [1-9] [0-9]{0,17})"
#define TIME_OF_DAY "([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9]"
static const struct { const char *name, *body; } common[] = {
    {"char", "[^\"\\\\\\x00-\\x1F] | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" %-code)"},
    {"code", "[1-9a-cA-CefEF] " HEX "{3} | [dD] [0-7] " HEX "{2} | \"0\" ([1-9a-fA-F] " HEX "{2} | \"0\" ([1-9a-fA-F] "
             HEX " | \"0\" [1-9a-fA-F])) | [dD] [89abAB] " HEX "{2} \"\\\\u\" [dD] [c-fC-F] " HEX "{2}"},
    {"plain", "[^\"\\\\\\x00-\\x1F]"},
    {"string", "\"\\\"\" %-char* \"\\\"\""},
    {"integer", "\"-\"? " DIGITS},
    {"fraction", "\".\" [0-9]{1,18}"},
    {"number", "\"-\"? " DIGITS " %-fraction? ([eE] [-+]? [0-9]{1,2})?"},
    {"boolean", "\"true\" | \"false\""},
    {"null", "\"null\""},
    {"value", "%-string | %-number | %-object | %-array | %-boolean | %-null"},
    {"member", "%-string \":\" \" \"? %-value"},
    {"object", "\"{\" (%-member (\",\" \" \"? %-member)*)? \"}\""},
    {"array", "\"[\" (%-value (\",\" \" \"? %-value)*)? \"]\""},
    {"leap", "[1-9] [0-9] (\"0\" [48] | [2468] [048] | [13579] [26]) | ([2468] [048] | [13579] [26]) \"00\""},
    {"format-date", "[1-9] [0-9]{3} \"-\" ((\"0\" [13578] | \"1\" [02]) \"-\" (\"0\" [1-9] | [12] [0-9] | \"3\" [01]) |"
                    " (\"0\" [469] | \"11\") \"-\" (\"0\" [1-9] | [12] [0-9] | \"30\") |"
                    " \"02-\" (\"0\" [1-9] | \"1\" [0-9] | \"2\" [0-8])) | %-leap \"-02-29\""},
    {"format-time", TIME_OF_DAY " \":\" [0-5] [0-9] (\".\" [0-9]{1,9})? (\"Z\" | [-+] " TIME_OF_DAY ")"},
    {"format-date-time", "%-format-date \"T\" %-format-time"},
    {"format-uuid", HEX "{8} (\"-\" " HEX "{4}){3} \"-\" " HEX "{12}"},
};

bool sotto_schema_has_common(const char *name) {
    for (size_t i = 0; i < SOTTO_COUNT(common); i++)
        if (strcmp(common[i].name, name) == 0) return true;
    return false;
}

/* Write a row and those that it names. It goes no deeper than the table is long. */
static void write_common(sotto_schema_writer *w, size_t row) {
    _Static_assert(SOTTO_COUNT(common) <= 64, "sotto_schema_writer.shared is too short");
    if (w->shared >> row & 1) return;
    w->shared |= (uint64_t)1 << row;
    sotto_buf_printf(w->out, "%s-%s ::= ", w->prefix, common[row].name);
    for (const char *c = common[row].body; *c; c++) {
        if (*c == '%')
            sotto_buf_puts(w->out, w->prefix);
        else
            sotto_buf_putc(w->out, *c);
    }
    sotto_buf_putc(w->out, '\n');
    for (const char *c = common[row].body; (c = strchr(c, '%')); c++)
        for (size_t i = 0; i < SOTTO_COUNT(common); i++) {
            size_t n = strlen(common[i].name);
            if (strncmp(c + 2, common[i].name, n) == 0 && (!c[2 + n] || strchr(" *?)", c[2 + n]))) write_common(w, i);
        }
}

sotto_status sotto_schema_common(sotto_schema_writer *w, const char *name, sotto_buf *out) {
    for (size_t i = 0; i < SOTTO_COUNT(common); i++)
        if (strcmp(common[i].name, name) == 0) write_common(w, i);
    return sotto_buf_printf(out, "%s-%s", w->prefix, name) ? SOTTO_OK : sotto_schema_fail_memory(w);
}

const char *sotto_schema_rule(sotto_schema_writer *w, const sotto_buf *body) {
    char name[24];
    int  n = snprintf(name, sizeof name, "-%u", ++w->n_rules);
    size_t n_prefix = strlen(w->prefix);
    char  *whole = sotto_arena_alloc(&w->arena, n_prefix + (size_t)n + 1);
    if (!whole) return NULL;
    memcpy(whole, w->prefix, n_prefix);
    memcpy(whole + n_prefix, name, (size_t)n + 1);
    if (body && (body->failed || !sotto_buf_printf(w->out, "%s ::= ", whole) ||
                 !sotto_buf_append(w->out, body->data, body->len) || !sotto_buf_putc(w->out, '\n')))
        return NULL;
    return whole;
}

/* ---- references ---------------------------------------------------------------------------------------- */

/* The rule of what a $ref names, to be written later unless it is. */
static sotto_status write_ref(sotto_schema_writer *w, const json_t *ref, const sotto_schema_path *at,
                              sotto_buf *out) {
    const json_t *schema;
    SOTTO_TRY(sotto_schema_find(w, ref, at, &schema));
    const char *rule = schema == w->root ? w->prefix : NULL;
    for (size_t i = 0; i < w->n_refs && !rule; i++)
        if (w->refs[i].schema == schema) rule = w->refs[i].rule;
    if (!rule) {
        if (w->n_refs == w->cap_refs) {
            size_t            cap = SOTTO_MAX(2 * w->cap_refs, (size_t)16);
            sotto_schema_ref *refs = realloc(w->refs, cap * sizeof *refs);
            if (!refs) return sotto_schema_fail_memory(w);
            w->refs = refs;
            w->cap_refs = cap;
        }
        if (!(rule = sotto_schema_rule(w, NULL))) return sotto_schema_fail_memory(w);
        w->refs[w->n_refs++] = (sotto_schema_ref){json_string_value(ref), schema, rule};
    }
    return sotto_buf_puts(out, rule) ? SOTTO_OK : sotto_schema_fail_memory(w);
}

/* ---- values as they are -------------------------------------------------------------------------------- */

/* A value's JSON, with the fewest digits that mean it. */
static char *dump(const json_t *value) {
    char   *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    json_t *again = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    if (text && !json_equal(again, value)) {
        free(text);
        text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    }
    json_decref(again);
    return text;
}

static bool has_type(const json_t *value, const char *type) {
    static const char *const names[] = {"object", "array", "string", "integer", "number", "boolean", "boolean", "null"};
    json_type                kind = json_typeof(value);
    if (strcmp(type, "number") == 0) return json_is_number(value);
    if (strcmp(type, "integer") == 0 && kind == JSON_REAL) {
        double x = json_real_value(value);
        return x > -1e18 && x < 1e18 && x == (double)(int64_t)x;
    }
    return strcmp(type, names[kind]) == 0;
}

/* Whether a value is of one of the types that a schema names. */
static bool fits_type(const json_t *value, const json_t *type) {
    const json_t *one;
    size_t        i;
    bool          fits = !type || (json_is_string(type) && has_type(value, json_string_value(type)));
    json_array_foreach(type, i, one) fits = fits || (json_is_string(one) && has_type(value, json_string_value(one)));
    return fits;
}

/* enum, or const as an enum of one. */
static sotto_status write_enum(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                               sotto_buf *out) {
    const json_t *values = json_object_get(schema, "enum"), *only = json_object_get(schema, "const"), *value;
    const char   *keyword = only ? "const" : "enum", *key;
    size_t        n = 0;
    if (!only && !json_is_array(values)) return sotto_schema_fail(w, at, keyword, SOTTO_INVALID, "a list is expected");
    json_object_foreach((json_t *)schema, key, value) {
        if (strcmp(key, "type") == 0 || strcmp(key, "const") == 0 || (!only && strcmp(key, "enum") == 0)) continue;
        if (sotto_schema_role_of(key) != SOTTO_ROLE_NOTE)
            return sotto_schema_fail(w, at, key, SOTTO_UNSUPPORTED,
                                     "not supported beside %s: leave out the values that it forbids", keyword);
    }
    sotto_buf_putc(out, '(');
    for (size_t i = 0; i < (only ? 1 : json_array_size(values)); i++) {
        value = only ? only : json_array_get(values, i);
        if (!fits_type(value, json_object_get(schema, "type"))) continue;
        char *text = dump(value);
        if (!text) return sotto_schema_fail_memory(w);
        sotto_buf_puts(out, n++ ? " | " : "");
        sotto_gbnf_literal(sotto_str_from(text), out);
        free(text);
    }
    if (n == 0) return sotto_schema_fail(w, at, keyword, SOTTO_INVALID, "no value is left");
    return sotto_buf_putc(out, ')') ? SOTTO_OK : sotto_schema_fail_memory(w);
}

/* ---- types --------------------------------------------------------------------------------------------- */

static sotto_status write_type(sotto_schema_writer *w, const char *type, const json_t *schema,
                               const sotto_schema_path *at, sotto_buf *out) {
    if (strcmp(type, "object") == 0) return sotto_schema_object(w, schema, at, out);
    if (strcmp(type, "array") == 0) return sotto_schema_array(w, schema, at, out);
    if (strcmp(type, "string") == 0) return sotto_schema_string(w, schema, at, out);
    if (strcmp(type, "integer") == 0) return sotto_schema_number(w, schema, true, at, out);
    if (strcmp(type, "number") == 0) return sotto_schema_number(w, schema, false, at, out);
    if (strcmp(type, "boolean") == 0 || strcmp(type, "null") == 0) return sotto_schema_common(w, type, out);
    return sotto_schema_fail(w, at, "type", SOTTO_INVALID,
                             "\"%.40s\" is none of object, array, string, integer, number, boolean, null", type);
}

/* Keywords of one type only, and no type: values of that type are meant. */
static sotto_status write_untyped(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                  sotto_buf *out) {
    static const struct { sotto_schema_role role; const char *type; } types[] = {
        {SOTTO_ROLE_OBJECT, "object"}, {SOTTO_ROLE_ARRAY, "array"}, {SOTTO_ROLE_STRING, "string"},
        {SOTTO_ROLE_NUMBER, "number"}};
    const char *key;
    json_t     *value;
    size_t      n = 0;
    for (size_t i = 0; i < SOTTO_COUNT(types); i++) {
        bool used = false;
        json_object_foreach((json_t *)schema, key, value) used = used || sotto_schema_role_of(key) == types[i].role;
        if (!used) continue;
        sotto_buf_puts(out, n++ ? " | " : "(");
        SOTTO_TRY(write_type(w, types[i].type, schema, at, out));
    }
    if (n == 0) return sotto_schema_common(w, "value", out);
    return sotto_buf_putc(out, ')') ? SOTTO_OK : sotto_schema_fail_memory(w);
}

static sotto_status write_types(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                sotto_buf *out) {
    const json_t *type = json_object_get(schema, "type"), *one;
    size_t        i;
    if (!type) return write_untyped(w, schema, at, out);
    if (json_is_string(type)) return write_type(w, json_string_value(type), schema, at, out);
    if (json_array_size(type) == 0) return sotto_schema_fail(w, at, "type", SOTTO_INVALID, "a type is expected");
    sotto_buf_putc(out, '(');
    json_array_foreach(type, i, one) {
        if (!json_is_string(one)) return sotto_schema_fail(w, at, "type", SOTTO_INVALID, "a type is expected");
        sotto_buf_puts(out, i ? " | " : "");
        SOTTO_TRY(write_type(w, json_string_value(one), schema, at, out));
    }
    return sotto_buf_putc(out, ')') ? SOTTO_OK : sotto_schema_fail_memory(w);
}

/* ---- alternatives -------------------------------------------------------------------------------------- */

/* anyOf or oneOf: what stands beside it holds for each alternative. */
static sotto_status write_alternatives(sotto_schema_writer *w, const json_t *schema, const char *keyword,
                                       const sotto_schema_path *at, sotto_buf *out) {
    const json_t *list = json_object_get(schema, keyword);
    size_t        n = json_array_size(list);
    const char   *key;
    if (n == 0) return sotto_schema_fail(w, at, keyword, SOTTO_INVALID, "a list of schemas is expected");
    json_t *beside = json_object(), *value;
    if (!beside || json_array_append_new(w->made, beside)) return sotto_schema_fail_memory(w);
    json_object_foreach((json_t *)schema, key, value)
        if (strcmp(key, keyword) != 0 && sotto_schema_role_of(key) != SOTTO_ROLE_NOTE &&
            json_object_set(beside, key, value))
            return sotto_schema_fail_memory(w);
    sotto_schema_path here = {at, keyword, 0};
    if (strcmp(keyword, "oneOf") == 0) SOTTO_TRY(sotto_schema_check_one(w, list, at));
    sotto_buf_putc(out, '(');
    for (size_t i = 0; i < n; i++) {
        sotto_schema_path one = {&here, NULL, i};
        json_t           *both = json_pack("{s:[OO]}", "allOf", beside, json_array_get(list, i));
        if (!both || json_array_append_new(w->made, both)) return sotto_schema_fail_memory(w);
        sotto_buf_puts(out, i ? " | " : "");
        SOTTO_TRY(sotto_schema_value(w, json_object_size(beside) ? both : json_array_get(list, i), &one, out));
    }
    return sotto_buf_putc(out, ')') ? SOTTO_OK : sotto_schema_fail_memory(w);
}

/* ---- schemas ------------------------------------------------------------------------------------------- */

/* All keywords known; *n_says of them say what is valid. */
static sotto_status check_keywords(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                   size_t *n_says) {
    const char *key;
    json_t     *value;
    *n_says = 0;
    json_object_foreach((json_t *)schema, key, value) {
        sotto_schema_role role = sotto_schema_role_of(key);
        if (role == SOTTO_ROLE_UNKNOWN)
            return sotto_schema_fail(w, at, key, SOTTO_UNSUPPORTED,
                                     "this keyword is not supported: a grammar cannot say it");
        *n_says += role != SOTTO_ROLE_NOTE;
    }
    return SOTTO_OK;
}

static sotto_status write_value(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                sotto_buf *out) {
    size_t n_says;
    if (json_is_true(schema)) return sotto_schema_common(w, "value", out);
    if (json_is_false(schema)) return sotto_schema_fail(w, at, NULL, SOTTO_INVALID, "false allows no value");
    if (!json_is_object(schema))
        return sotto_schema_fail(w, at, NULL, SOTTO_INVALID, "a schema is expected: an object, true or false");
    SOTTO_TRY(check_keywords(w, schema, at, &n_says));
    const json_t *ref = json_object_get(schema, "$ref");
    if (ref && n_says == 1) return write_ref(w, ref, at, out);
    if (ref || json_object_get(schema, "allOf")) {
        SOTTO_TRY(sotto_schema_merge(w, schema, at, &schema));
        return sotto_schema_value(w, schema, at, out);
    }
    if (json_object_get(schema, "anyOf")) return write_alternatives(w, schema, "anyOf", at, out);
    if (json_object_get(schema, "oneOf")) return write_alternatives(w, schema, "oneOf", at, out);
    if (json_object_get(schema, "const") || json_object_get(schema, "enum")) return write_enum(w, schema, at, out);
    return write_types(w, schema, at, out);
}

sotto_status sotto_schema_value(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                sotto_buf *out) {
    if (w->depth == DEPTH_MAX)
        return sotto_schema_fail(w, at, NULL, SOTTO_LIMIT, "more than %d schemas in each other", (int)DEPTH_MAX);
    if (w->n_rules > SOTTO_RULES_MAX || w->out->len > SOTTO_GBNF_BYTES_MAX || out->len > SOTTO_GBNF_BYTES_MAX)
        return sotto_schema_fail(w, at, NULL, SOTTO_LIMIT, "the schema is too large as a grammar");
    w->depth++;
    sotto_status status = write_value(w, schema, at, out);
    w->depth--;
    if (status == SOTTO_OK && (out->failed || w->out->failed)) return sotto_schema_fail_memory(w);
    return status;
}

static sotto_status write_rule(sotto_schema_writer *w, const char *rule, const json_t *schema, const char *pointer) {
    sotto_buf         body = {.max = w->out->max};
    sotto_schema_path at = {NULL, pointer, 0};
    sotto_status      status = sotto_schema_value(w, schema, &at, &body);
    if (status == SOTTO_OK && !sotto_buf_printf(w->out, "%s ::= %s\n", rule, body.data))
        status = sotto_schema_fail_memory(w);
    sotto_buf_free(&body);
    return status;
}

sotto_status sotto_schema_to_gbnf(const json_t *schema, const char *rule, sotto_buf *out, sotto_error *err) {
    sotto_schema_writer w = {.root = schema, .prefix = rule, .out = out, .made = json_array(), .err = err};
    size_t              before = out->len;
    sotto_status        status = w.made ? write_rule(&w, rule, schema, "#") : sotto_schema_fail_memory(&w);
    for (size_t i = 0; i < w.n_refs && status == SOTTO_OK; i++)
        status = write_rule(&w, w.refs[i].rule, w.refs[i].schema, w.refs[i].pointer);
    if (status != SOTTO_OK && out->data) out->data[out->len = before] = '\0';
    json_decref(w.made);
    free(w.refs);
    sotto_arena_free(&w.arena);
    return status;
}
