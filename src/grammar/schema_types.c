/* From a JSON schema to GBNF: objects, arrays and strings. */
#include "grammar/schema.h"

#include <math.h>
#include <stdlib.h>

sotto_status sotto_schema_count(sotto_schema_writer *w, const json_t *schema, const char *keyword,
                                const sotto_schema_path *at, uint32_t absent, uint32_t *out) {
    const json_t *value = json_object_get(schema, keyword);
    double        x = value ? json_number_value(value) : 0;
    *out = absent;
    if (!value) return SOTTO_OK;
    if (!json_is_number(value) || x < 0 || x != floor(x))
        return sotto_schema_fail(w, at, keyword, SOTTO_INVALID, "a whole number of at least 0 is expected");
    if (x > SOTTO_REPEAT_MAX)
        return sotto_schema_fail(w, at, keyword, SOTTO_LIMIT, "at most %d is supported", (int)SOTTO_REPEAT_MAX);
    *out = (uint32_t)x;
    return SOTTO_OK;
}

/* minX and maxX; without the second, *most is UINT32_MAX. */
static sotto_status read_counts(sotto_schema_writer *w, const json_t *schema, const char *least_name,
                                const char *most_name, const sotto_schema_path *at, uint32_t *least, uint32_t *most) {
    SOTTO_TRY(sotto_schema_count(w, schema, least_name, at, 0, least));
    SOTTO_TRY(sotto_schema_count(w, schema, most_name, at, UINT32_MAX, most));
    if (*least > *most)
        return sotto_schema_fail(w, at, least_name, SOTTO_INVALID, "%u is more than %s, which is %u", *least, most_name,
                                 *most);
    return SOTTO_OK;
}

static void append_repetition(uint32_t least, uint32_t most, sotto_buf *out) {
    if (most == UINT32_MAX)
        sotto_buf_printf(out, "{%u,}", least);
    else
        sotto_buf_printf(out, "{%u,%u}", least, most);
}

/* From least to most elements with commas between. */
static void append_list(const char *element, uint32_t least, uint32_t most, sotto_buf *out) {
    if (most == 0) return;
    sotto_buf_printf(out, "(%s (\",\" \" \"? %s)", element, element);
    append_repetition(least ? least - 1 : 0, most == UINT32_MAX ? most : most - 1, out);
    sotto_buf_puts(out, least ? ")" : ")?");
}

/* ---- names of further properties ----------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A rule for what may stand after the first n bytes of names[begin, end), which have them in common, when the whole is
 * to be none of the names: a way for each next character, and all others. */
static const char *other_names(sotto_schema_writer *w, const char **names, size_t begin, size_t end, size_t n) {
    sotto_buf   ways = {0}, others = {0};
    const char *rule = NULL;
    bool        ok = true;
    sotto_buf_puts(&others, "[^\"\\\\\\x00-\\x1F");
    if (names[begin][n] != '\0') /* else this is a name as a whole */
        sotto_buf_puts(&ways, "\"\" | ");
    else
        begin++;
    for (size_t i = begin, to; ok && i < end; i = to) {
        uint32_t    cp;
        size_t      n_char = sotto_utf8_decode(names[i] + n, strlen(names[i] + n), &cp);
        for (to = i + 1; to < end && strncmp(names[i] + n, names[to] + n, n_char) == 0;) to++;
        const char *next = other_names(w, names, i, to, n + n_char);
        sotto_gbnf_literal((sotto_str){names[i] + n, n_char}, &ways);
        ok = next && sotto_buf_printf(&ways, " %s | ", next) && sotto_buf_printf(&others, "\\U%08X", cp);
    }
    sotto_buf_printf(&ways, "%s] %s-plain*", sotto_buf_str(&others).p, w->prefix);
    if (ok && !others.failed) rule = sotto_schema_rule(w, &ways);
    sotto_buf_free(&ways);
    sotto_buf_free(&others);
    return rule;
}

/* Whether a name can be written in JSON without escapes. */
static bool is_plain(const char *name) {
    for (; *name; name++)
        if ((unsigned char)*name < 0x20 || *name == '"' || *name == '\\') return false;
    return true;
}

enum { NAME_MAX_BYTES = 256 }; /* how deep other_names calls itself */

/* Append an element for the name of a property that `declared` does not have. */
static sotto_status append_other_name(sotto_schema_writer *w, const json_t *declared, const sotto_schema_path *at,
                                      sotto_buf *out) {
    sotto_buf   ignored = {0};
    const char *key, *rule;
    json_t     *value;
    size_t      n = 0;
    const char **names = sotto_arena_array(&w->arena, json_object_size(declared), sizeof *names);
    sotto_status status = names ? sotto_schema_common(w, "plain", &ignored) : sotto_schema_fail_memory(w);
    sotto_buf_free(&ignored);
    SOTTO_TRY(status);
    json_object_foreach((json_t *)declared, key, value) {
        if (strlen(key) > NAME_MAX_BYTES)
            return sotto_schema_fail(w, at, "properties", SOTTO_LIMIT,
                                     "beside additionalProperties, names have at most %d bytes", (int)NAME_MAX_BYTES);
        if (is_plain(key)) names[n++] = key;
    }
    if (n == 0) {
        sotto_buf_printf(out, "\"\\\"\" %s-plain* \"\\\"\"", w->prefix);
        return SOTTO_OK;
    }
    qsort(names, n, sizeof *names, compare_names);
    if (!(rule = other_names(w, names, 0, n, 0))) return sotto_schema_fail_memory(w);
    sotto_buf_printf(out, "\"\\\"\" %s \"\\\"\"", rule);
    return SOTTO_OK;
}

/* ---- objects ------------------------------------------------------------------------------------------- */

/* The properties that the grammar writes: those of the schema, and those that it requires beside them, which are what
 * additionalProperties says. *needed has the names of all that it requires. */
static sotto_status list_properties(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                    json_t **out, json_t **needed) {
    const json_t *declared = json_object_get(schema, "properties"), *required = json_object_get(schema, "required");
    const json_t *rest = json_object_get(schema, "additionalProperties"), *one;
    size_t        i;
    if (declared && !json_is_object(declared))
        return sotto_schema_fail(w, at, "properties", SOTTO_INVALID, "an object of schemas is expected");
    if (required && !json_is_array(required))
        return sotto_schema_fail(w, at, "required", SOTTO_INVALID, "a list of names is expected");
    json_t *all = declared ? json_copy((json_t *)declared) : json_object();
    if (!all || json_array_append_new(w->made, all) || !(*needed = json_object()) ||
        json_array_append_new(w->made, *needed))
        return sotto_schema_fail_memory(w);
    json_array_foreach(required, i, one) {
        const char *name = json_string_value(one);
        if (!name) return sotto_schema_fail(w, at, "required", SOTTO_INVALID, "a list of names is expected");
        if (json_object_set_new(*needed, name, json_true())) return sotto_schema_fail_memory(w);
        if (json_object_get(all, name)) continue;
        if (json_is_false(rest))
            return sotto_schema_fail(w, at, "required", SOTTO_INVALID, "there is no property \"%.80s\"", name);
        if (json_object_set_new(all, name, rest ? json_incref((json_t *)rest) : json_true()))
            return sotto_schema_fail_memory(w);
    }
    *out = all;
    return SOTTO_OK;
}

typedef struct property {
    const char *rule;
    bool        required;
} property;

/* The rules of properties in a row, from its end: what follows when one stands before, and what may come first. `tail`
 * is what follows after the last one, `alone` what stands there when none came. Appends the first rule's name. */
static sotto_status append_row(sotto_schema_writer *w, const property *items, size_t n, const char *tail,
                               const char *alone, sotto_buf *out) {
    sotto_buf   body = {0}, heads = {0};
    const char *after = tail;
    size_t      n_heads = 0; /* items before the first that is required */
    bool        ok = true;
    while (n_heads < n && !items[n_heads].required) n_heads++;
    if (n_heads == n) sotto_buf_puts(&heads, alone);
    for (size_t i = n; ok && i-- > 0;) {
        const char *between = heads.len || n_heads == n ? " | " : "";
        if (i <= n_heads) sotto_buf_printf(&heads, "%s%s %s", between, items[i].rule, after);
        if (i == 0) break;
        sotto_buf_clear(&body);
        sotto_buf_printf(&body, items[i].required ? "\",\" \" \"? %s %s" : "(\",\" \" \"? %s)? %s",
                         items[i].rule, after);
        ok = (after = sotto_schema_rule(w, &body));
    }
    ok = ok && (after = sotto_schema_rule(w, &heads)) && sotto_buf_puts(out, after);
    sotto_buf_free(&body);
    sotto_buf_free(&heads);
    return ok ? SOTTO_OK : sotto_schema_fail_memory(w);
}

/* One property, name and value, as a rule. */
static sotto_status write_property(sotto_schema_writer *w, const char *name, const json_t *schema,
                                   const sotto_schema_path *at, const char **rule) {
    sotto_buf         body = {.max = w->out->max};
    sotto_schema_path list = {at, "properties", 0}, here = {&list, name, 0};
    json_t           *text = json_string(name);
    char             *quoted = text ? json_dumps(text, JSON_ENCODE_ANY) : NULL;
    sotto_status      status = quoted ? SOTTO_OK : sotto_schema_fail_memory(w);
    if (quoted) {
        sotto_gbnf_literal(sotto_str_from(quoted), &body);
        sotto_buf_puts(&body, " \":\" \" \"? ");
        status = sotto_schema_value(w, schema, &here, &body);
        if (status == SOTTO_OK && !(*rule = sotto_schema_rule(w, &body))) status = sotto_schema_fail_memory(w);
    }
    free(quoted);
    json_decref(text);
    sotto_buf_free(&body);
    return status;
}

/* A further property as a rule; *rule stays NULL where there may be none. */
static sotto_status write_rest(sotto_schema_writer *w, const json_t *schema, const json_t *declared,
                               const sotto_schema_path *at, const char **rule) {
    const json_t     *rest = json_object_get(schema, "additionalProperties");
    sotto_schema_path here = {at, "additionalProperties", 0};
    sotto_buf         body = {.max = w->out->max};
    if (json_is_false(rest) || (!rest && json_object_size(declared))) return SOTTO_OK;
    sotto_status status = append_other_name(w, declared, at, &body);
    sotto_buf_puts(&body, " \":\" \" \"? ");
    if (status == SOTTO_OK && rest) status = sotto_schema_value(w, rest, &here, &body);
    if (status == SOTTO_OK && !rest) status = sotto_schema_common(w, "value", &body);
    if (status == SOTTO_OK && !(*rule = sotto_schema_rule(w, &body))) status = sotto_schema_fail_memory(w);
    sotto_buf_free(&body);
    return status;
}

/* minProperties and maxProperties, beside n properties of which some are required and, maybe, others. Further names may
 * come twice, so that only one of them can be asked for. */
static sotto_status check_property_counts(sotto_schema_writer *w, size_t n, size_t n_required, bool others,
                                          uint32_t least, uint32_t most, const sotto_schema_path *at) {
    bool few = least <= n_required || (n == 0 && least <= 1);
    bool many = most == UINT32_MAX || (n <= most && !others) || n == 0;
    if (few && many) return SOTTO_OK;
    return sotto_schema_fail(w, at, few ? "maxProperties" : "minProperties", SOTTO_UNSUPPORTED,
                             "a grammar cannot count these properties");
}

sotto_status sotto_schema_object(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                 sotto_buf *out) {
    json_t     *declared = NULL, *needed = NULL, *value;
    const char *key, *rest = NULL, *rule;
    uint32_t    least, most;
    size_t      n = 0, n_required = 0;
    SOTTO_TRY(list_properties(w, schema, at, &declared, &needed));
    SOTTO_TRY(read_counts(w, schema, "minProperties", "maxProperties", at, &least, &most));
    property *items = sotto_arena_array(&w->arena, json_object_size(declared), sizeof *items);
    if (!items) return sotto_schema_fail_memory(w);
    json_object_foreach(declared, key, value) {
        items[n].required = json_object_get(needed, key);
        n_required += items[n].required;
        if (json_is_false(value) && !items[n].required) continue; /* one that may not be there */
        SOTTO_TRY(write_property(w, key, value, at, &items[n++].rule));
    }
    SOTTO_TRY(write_rest(w, schema, declared, at, &rest));
    SOTTO_TRY(check_property_counts(w, json_object_size(declared), n_required, rest, least, most, at));
    sotto_buf    body = {0}, tail = {0}, alone = {0};
    sotto_status status = SOTTO_OK;
    if (rest) sotto_buf_printf(&tail, "(\",\" \" \"? %s)*", rest);
    if (rest) append_list(rest, least, most, &alone);
    sotto_buf_puts(&body, "\"{\" ");
    if (n) status = append_row(w, items, n, sotto_buf_str(&tail).p, sotto_buf_str(&alone).p, &body);
    if (!n) sotto_buf_append(&body, alone.data, alone.len);
    sotto_buf_puts(&body, " \"}\"");
    if (status == SOTTO_OK && !(rule = sotto_schema_rule(w, &body))) status = sotto_schema_fail_memory(w);
    if (status == SOTTO_OK) sotto_buf_puts(out, rule);
    sotto_buf_free(&body);
    sotto_buf_free(&tail);
    sotto_buf_free(&alone);
    return status;
}

/* ---- arrays -------------------------------------------------------------------------------------------- */

/* A schema of elements as a rule. */
static sotto_status write_element(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                  const char **rule) {
    sotto_buf    body = {.max = w->out->max};
    sotto_status status = sotto_schema_value(w, schema, at, &body);
    if (status == SOTTO_OK && !(*rule = sotto_schema_rule(w, &body))) status = sotto_schema_fail_memory(w);
    sotto_buf_free(&body);
    return status;
}

/* The elements with a schema each, and that of all others. Before 2020-12 a list in "items" was what prefixItems is. */
static void find_items(const json_t *schema, const char **first_name, const char **rest_name) {
    bool old = json_is_array(json_object_get(schema, "items"));
    *first_name = old ? "items" : "prefixItems";
    *rest_name = old ? "additionalItems" : "items";
}

/* The elements that have a schema each, those before `least` required, from the last one on: an element comes only
 * after the one before it. `tail` is what follows after the last. */
static sotto_status append_elements(sotto_schema_writer *w, const json_t *schemas, size_t n, uint32_t least,
                                    const char *tail, const sotto_schema_path *at, sotto_buf *out) {
    const char *after = tail;
    for (size_t i = n; i-- > 0;) {
        sotto_schema_path here = {at, NULL, i};
        sotto_buf         body = {.max = w->out->max};
        sotto_buf_puts(&body, i < least ? "" : "(");
        sotto_buf_puts(&body, i > 0 ? "\",\" \" \"? " : "");
        sotto_status status = sotto_schema_value(w, json_array_get(schemas, i), &here, &body);
        sotto_buf_printf(&body, " %s%s", after, i < least ? "" : ")?");
        if (status == SOTTO_OK && !(after = sotto_schema_rule(w, &body))) status = sotto_schema_fail_memory(w);
        sotto_buf_free(&body);
        SOTTO_TRY(status);
    }
    return sotto_buf_puts(out, after) ? SOTTO_OK : sotto_schema_fail_memory(w);
}

sotto_status sotto_schema_array(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                sotto_buf *out) {
    const char   *first_name, *rest_name, *element = NULL, *rule;
    uint32_t      least, most;
    find_items(schema, &first_name, &rest_name);
    const json_t *first = json_object_get(schema, first_name), *rest = json_object_get(schema, rest_name);
    uint32_t      n = (uint32_t)SOTTO_MIN(json_array_size(first), (size_t)SOTTO_REPEAT_MAX);
    if (first && !json_is_array(first))
        return sotto_schema_fail(w, at, first_name, SOTTO_INVALID, "a list of schemas is expected");
    if (json_is_true(json_object_get(schema, "uniqueItems")))
        return sotto_schema_fail(w, at, "uniqueItems", SOTTO_UNSUPPORTED, "a grammar cannot compare elements");
    SOTTO_TRY(read_counts(w, schema, "minItems", "maxItems", at, &least, &most));
    if (json_is_false(rest)) most = SOTTO_MIN(most, n);
    if (!rest && n) most = SOTTO_MIN(most, SOTTO_MAX(n, least));
    if (least > most) return sotto_schema_fail(w, at, "minItems", SOTTO_INVALID, "there are only %u elements", most);
    n = SOTTO_MIN(n, most);
    sotto_schema_path first_at = {at, first_name, 0}, rest_at = {at, rest_name, 0};
    uint32_t          more = most == UINT32_MAX ? most : most - n;
    if (more) SOTTO_TRY(write_element(w, rest ? rest : json_true(), &rest_at, &element));
    sotto_buf    body = {0}, tail = {0};
    sotto_status status = SOTTO_OK;
    sotto_buf_puts(&body, "\"[\" ");
    if (n && more) {
        sotto_buf_printf(&tail, "(\",\" \" \"? %s)", element);
        append_repetition(least > n ? least - n : 0, more, &tail);
    }
    if (n) status = append_elements(w, first, n, least, sotto_buf_str(&tail).p, &first_at, &body);
    if (!n && more) append_list(element, least, most, &body);
    sotto_buf_puts(&body, " \"]\"");
    if (status == SOTTO_OK && !(rule = sotto_schema_rule(w, &body))) status = sotto_schema_fail_memory(w);
    if (status == SOTTO_OK) sotto_buf_puts(out, rule);
    sotto_buf_free(&body);
    sotto_buf_free(&tail);
    return status;
}

/* ---- strings ------------------------------------------------------------------------------------------- */

sotto_status sotto_schema_string(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                 sotto_buf *out) {
    const json_t *pattern = json_object_get(schema, "pattern"), *format = json_object_get(schema, "format");
    sotto_buf     any = {0}, name = {0};
    const char   *why = NULL;
    uint32_t      least, most;
    SOTTO_TRY(read_counts(w, schema, "minLength", "maxLength", at, &least, &most));
    bool counted = least > 0 || most != UINT32_MAX;
    if ((pattern || format) && (counted || (pattern && format)))
        return sotto_schema_fail(w, at, pattern ? "pattern" : "format", SOTTO_UNSUPPORTED,
                                 "of pattern, format and lengths a grammar can hold a string to one only");
    if ((pattern && !json_is_string(pattern)) || (format && !json_is_string(format)))
        return sotto_schema_fail(w, at, pattern ? "pattern" : "format", SOTTO_INVALID, "a string is expected");
    if (!pattern && !format && !counted) return sotto_schema_common(w, "string", out);
    sotto_buf_puts(out, "(\"\\\"\" ");
    sotto_status status = SOTTO_OK;
    if (format) {
        sotto_buf_printf(&name, "format-%s", json_string_value(format));
        if (sotto_schema_has_common(sotto_buf_str(&name).p))
            status = sotto_schema_common(w, name.data, out);
        else
            status = sotto_schema_fail(w, at, "format", SOTTO_UNSUPPORTED,
                                       "\"%.40s\" is not supported; date, time, date-time, uuid and patterns are",
                                       json_string_value(format));
    } else {
        status = sotto_schema_common(w, "char", &any);
        if (status == SOTTO_OK && pattern) {
            sotto_str text = {json_string_value(pattern), json_string_length(pattern)};
            if (!sotto_pattern_to_gbnf(text, any.data, out, &why))
                status = sotto_schema_fail(w, at, "pattern", SOTTO_UNSUPPORTED, "%s", why);
        } else if (status == SOTTO_OK) {
            sotto_buf_puts(out, any.data);
            append_repetition(least, most, out);
        }
    }
    sotto_buf_puts(out, " \"\\\"\")");
    sotto_buf_free(&any);
    sotto_buf_free(&name);
    return status;
}
