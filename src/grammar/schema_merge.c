/* What stands in several places of a schema: $ref, allOf, and whether the alternatives of oneOf exclude each other. */
#include "grammar/schema.h"

#include <stdio.h>
#include <stdlib.h>

/* PAIRS_MAX bounds what is compared with each other; LOOKS_MAX how much is looked at to tell alternatives apart. */
enum { MERGES_MAX = 1000, PAIRS_MAX = 1000000, LOOK_DEPTH_MAX = 16, LOOKS_MAX = 100000 };

/* ---- keywords ------------------------------------------------------------------------------------------ */

/* How two values of a keyword become one that says both. */
typedef enum joining {
    JOIN_EQUAL, /* only equal ones go together */
    JOIN_NOTE,  /* the first */
    JOIN_GREATER, JOIN_LESSER,
    JOIN_TYPES,  /* what both name */
    JOIN_VALUES, /* what is in both lists */
    JOIN_LISTS,  /* one after the other */
    JOIN_SCHEMAS, /* both must hold */
    JOIN_PROPERTIES /* by name; both must hold where both have one */
} joining;

static const struct { const char *name; sotto_schema_role role; joining joining; } keywords[] = {
    {"$ref", SOTTO_ROLE_ANY, JOIN_EQUAL},
    {"allOf", SOTTO_ROLE_ANY, JOIN_LISTS},
    {"anyOf", SOTTO_ROLE_ANY, JOIN_EQUAL},
    {"oneOf", SOTTO_ROLE_ANY, JOIN_EQUAL},
    {"const", SOTTO_ROLE_ANY, JOIN_EQUAL},
    {"enum", SOTTO_ROLE_ANY, JOIN_VALUES},
    {"type", SOTTO_ROLE_ANY, JOIN_TYPES},
    {"properties", SOTTO_ROLE_OBJECT, JOIN_PROPERTIES},
    {"required", SOTTO_ROLE_OBJECT, JOIN_LISTS},
    {"additionalProperties", SOTTO_ROLE_OBJECT, JOIN_SCHEMAS},
    {"minProperties", SOTTO_ROLE_OBJECT, JOIN_GREATER},
    {"maxProperties", SOTTO_ROLE_OBJECT, JOIN_LESSER},
    {"items", SOTTO_ROLE_ARRAY, JOIN_SCHEMAS},
    {"additionalItems", SOTTO_ROLE_ARRAY, JOIN_SCHEMAS},
    {"prefixItems", SOTTO_ROLE_ARRAY, JOIN_EQUAL},
    {"minItems", SOTTO_ROLE_ARRAY, JOIN_GREATER},
    {"maxItems", SOTTO_ROLE_ARRAY, JOIN_LESSER},
    {"uniqueItems", SOTTO_ROLE_ARRAY, JOIN_EQUAL},
    {"pattern", SOTTO_ROLE_STRING, JOIN_EQUAL},
    {"format", SOTTO_ROLE_STRING, JOIN_EQUAL},
    {"minLength", SOTTO_ROLE_STRING, JOIN_GREATER},
    {"maxLength", SOTTO_ROLE_STRING, JOIN_LESSER},
    {"minimum", SOTTO_ROLE_NUMBER, JOIN_GREATER},
    {"maximum", SOTTO_ROLE_NUMBER, JOIN_LESSER},
    {"exclusiveMinimum", SOTTO_ROLE_NUMBER, JOIN_GREATER},
    {"exclusiveMaximum", SOTTO_ROLE_NUMBER, JOIN_LESSER},
    {"multipleOf", SOTTO_ROLE_NUMBER, JOIN_EQUAL},
    {"title", SOTTO_ROLE_NOTE, JOIN_NOTE},
    {"description", SOTTO_ROLE_NOTE, JOIN_NOTE},
    {"default", SOTTO_ROLE_NOTE, JOIN_NOTE},
    {"example", SOTTO_ROLE_NOTE, JOIN_NOTE},
    {"examples", SOTTO_ROLE_NOTE, JOIN_NOTE},
    {"deprecated", SOTTO_ROLE_NOTE, JOIN_NOTE},
    {"readOnly", SOTTO_ROLE_NOTE, JOIN_NOTE},
    {"writeOnly", SOTTO_ROLE_NOTE, JOIN_NOTE},
    {"contentEncoding", SOTTO_ROLE_NOTE, JOIN_NOTE},
    {"contentMediaType", SOTTO_ROLE_NOTE, JOIN_NOTE},
    {"$schema", SOTTO_ROLE_NOTE, JOIN_NOTE},
    {"$id", SOTTO_ROLE_NOTE, JOIN_NOTE},
    {"$comment", SOTTO_ROLE_NOTE, JOIN_NOTE},
    {"$defs", SOTTO_ROLE_NOTE, JOIN_NOTE},
    {"definitions", SOTTO_ROLE_NOTE, JOIN_NOTE},
};

static size_t row_of(const char *keyword) {
    size_t i = 0;
    while (i < SOTTO_COUNT(keywords) && strcmp(keywords[i].name, keyword) != 0) i++;
    return i;
}

sotto_schema_role sotto_schema_role_of(const char *keyword) {
    size_t row = row_of(keyword);
    if (row < SOTTO_COUNT(keywords)) return keywords[row].role;
    return strncmp(keyword, "x-", 2) == 0 ? SOTTO_ROLE_NOTE : SOTTO_ROLE_UNKNOWN; /* by custom, private notes */
}

/* ---- $ref ---------------------------------------------------------------------------------------------- */

/* The next step of a JSON pointer in a URI fragment, "/a~1b" or "/a%20b", taken off *at into `key`. */
static void take_step(const char **at, char *key) {
    const char *c = *at + 1;
    for (; *c && *c != '/'; c++, key++) {
        *key = *c;
        unsigned byte;
        char     hex[3] = {c[0] == '%' ? c[1] : '\0', c[0] == '%' && c[1] ? c[2] : '\0', '\0'};
        if (hex[1] && sscanf(hex, "%2x", &byte) == 1 && byte) *key = (char)byte, c += 2;
        if (c[0] == '~' && (c[1] == '0' || c[1] == '1')) *key = *++c == '0' ? '~' : '/';
    }
    *key = '\0';
    *at = c;
}

sotto_status sotto_schema_find(sotto_schema_writer *w, const json_t *ref, const sotto_schema_path *at,
                               const json_t **out) {
    const char   *text = json_string_value(ref), *step = text ? text + 1 : "";
    const json_t *found = w->root;
    if (!text || text[0] != '#' || (text[1] && text[1] != '/'))
        return sotto_schema_fail(w, at, "$ref", SOTTO_UNSUPPORTED,
                                 "only places in this schema can be named, as in \"#/$defs/name\"");
    char *key = sotto_arena_alloc(&w->arena, strlen(text) + 1);
    if (!key) return sotto_schema_fail_memory(w);
    while (*step == '/' && found) {
        take_step(&step, key);
        char  *end;
        size_t index = strtoul(key, &end, 10);
        found = json_is_array(found) && *key && !*end ? json_array_get(found, index) : json_object_get(found, key);
    }
    if (!found) return sotto_schema_fail(w, at, "$ref", SOTTO_INVALID, "there is nothing at \"%.80s\"", text);
    *out = found;
    return SOTTO_OK;
}

/* ---- allOf --------------------------------------------------------------------------------------------- */

static json_t *join_types(const json_t *a, const json_t *b) {
    if (json_array_size(a) > 100 || json_array_size(b) > 100) return NULL; /* there are seven types */
    json_t       *both = json_array(), *lists[2] = {json_array(), json_array()};
    const json_t *x, *y, *types[2] = {a, b};
    size_t        i, k;
    for (i = 0; i < 2; i++)
        if (json_is_array(types[i]))
            json_array_extend(lists[i], (json_t *)types[i]);
        else
            json_array_append(lists[i], (json_t *)types[i]);
    json_array_foreach(lists[0], i, x) json_array_foreach(lists[1], k, y) {
        const char *s = json_string_value(x), *t = json_string_value(y);
        if (!s || !t) continue;
        bool x_less = strcmp(s, "integer") == 0 && strcmp(t, "number") == 0;
        bool y_less = strcmp(s, "number") == 0 && strcmp(t, "integer") == 0;
        if (strcmp(s, t) == 0 || x_less || y_less) json_array_append(both, (json_t *)(y_less ? y : x));
    }
    json_decref(lists[0]);
    json_decref(lists[1]);
    return both;
}

static json_t *join_values(const json_t *a, const json_t *b) {
    if (json_array_size(a) * json_array_size(b) > PAIRS_MAX) return NULL;
    json_t       *both = json_array();
    const json_t *x, *y;
    size_t        i, k;
    json_array_foreach(a, i, x) json_array_foreach(b, k, y) if (json_equal(x, y)) json_array_append(both, (json_t *)x);
    return both;
}

static json_t *both_schemas(const json_t *a, const json_t *b) {
    return json_equal(a, b) ? json_incref((json_t *)a) : json_pack("{s:[OO]}", "allOf", a, b);
}

static json_t *join_properties(const json_t *a, const json_t *b) {
    json_t     *both = json_copy((json_t *)a), *value;
    const char *key;
    json_object_foreach((json_t *)b, key, value) {
        json_t *known = json_object_get(a, key);
        if (!json_object_set_new(both, key, known ? both_schemas(known, value) : json_incref(value))) continue;
        json_decref(both);
        return NULL;
    }
    return both;
}

static json_t *join_lists(const json_t *a, const json_t *b) {
    json_t *both = json_copy((json_t *)a);
    if (!json_array_extend(both, (json_t *)b)) return both;
    json_decref(both);
    return NULL;
}

/* Two values of a keyword as one; NULL: that cannot be said, or memory ran out. */
static json_t *join(joining how, json_t *a, json_t *b) {
    switch (how) {
    case JOIN_NOTE: return json_incref(a);
    case JOIN_EQUAL: return json_equal(a, b) ? json_incref(a) : NULL;
    case JOIN_GREATER: return json_incref(json_number_value(a) >= json_number_value(b) ? a : b);
    case JOIN_LESSER: return json_incref(json_number_value(a) <= json_number_value(b) ? a : b);
    case JOIN_TYPES: return join_types(a, b);
    case JOIN_VALUES: return json_is_array(a) && json_is_array(b) ? join_values(a, b) : NULL;
    case JOIN_LISTS: return json_is_array(a) && json_is_array(b) ? join_lists(a, b) : NULL;
    case JOIN_SCHEMAS: return both_schemas(a, b);
    case JOIN_PROPERTIES: return json_is_object(a) && json_is_object(b) ? join_properties(a, b) : NULL;
    }
    return NULL;
}

/* additionalProperties speaks of the properties beside it only: joined with others it would speak of those too. */
static bool closes(const json_t *one, const json_t *other) {
    const char *key;
    json_t     *value, *rest = json_object_get(one, "additionalProperties");
    if (!rest || json_is_true(rest)) return false;
    json_object_foreach(json_object_get(other, "properties"), key, value)
        if (!json_object_get(json_object_get(one, "properties"), key)) return true;
    return false;
}

/* Join a schema to `all`; the parts that it names in turn come next, from `next` on in `pending`. */
static sotto_status add(sotto_schema_writer *w, json_t *all, const json_t *schema, json_t *pending, size_t next,
                        const sotto_schema_path *at) {
    const char *key;
    json_t     *value, *part;
    size_t      i;
    if (closes(all, schema) || closes(schema, all))
        return sotto_schema_fail(w, at, "additionalProperties", SOTTO_UNSUPPORTED,
                                 "it forbids properties that another part of the schema has");
    json_object_foreach((json_t *)schema, key, value) {
        size_t        row = row_of(key);
        const json_t *named;
        json_t       *known = json_object_get(all, key), *both;
        if (strcmp(key, "$ref") == 0) {
            SOTTO_TRY(sotto_schema_find(w, value, at, &named));
            if (json_array_insert(pending, next++, (json_t *)named)) return sotto_schema_fail_memory(w);
        } else if (strcmp(key, "allOf") == 0) {
            if (!json_is_array(value))
                return sotto_schema_fail(w, at, key, SOTTO_INVALID, "a list of schemas is expected");
            json_array_foreach(value, i, part)
                if (json_array_insert(pending, next++, part)) return sotto_schema_fail_memory(w);
        } else if (known && row < SOTTO_COUNT(keywords)) {
            if (!(both = join(keywords[row].joining, known, value)))
                return sotto_schema_fail(w, at, key, SOTTO_UNSUPPORTED,
                                         "two parts of the schema have it, and a grammar cannot say both");
            if (json_object_set_new(all, key, both)) return sotto_schema_fail_memory(w);
        } else if (json_object_set(all, key, value)) {
            return sotto_schema_fail_memory(w);
        }
    }
    return SOTTO_OK;
}

sotto_status sotto_schema_merge(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at,
                                const json_t **out) {
    json_t      *all = json_object(), *pending = json_array();
    sotto_status status = SOTTO_OK;
    /* Both are taken, whether or not there is memory to keep them. */
    int failed = json_array_append_new(w->made, all) | json_array_append_new(w->made, pending);
    if (failed || json_array_append(pending, (json_t *)schema)) return sotto_schema_fail_memory(w);
    for (size_t i = 0; i < json_array_size(pending) && status == SOTTO_OK; i++) {
        const json_t *part = json_array_get(pending, i);
        if (i == MERGES_MAX)
            return sotto_schema_fail(w, at, NULL, SOTTO_LIMIT,
                                     "more than %d parts must hold together; one may need itself", (int)MERGES_MAX);
        if (json_is_true(part)) continue;
        if (!json_is_object(part))
            return sotto_schema_fail(w, at, "allOf", SOTTO_INVALID, "a schema is expected: an object or true");
        status = add(w, all, part, pending, i + 1, at);
    }
    *out = all;
    return status;
}

/* ---- oneOf --------------------------------------------------------------------------------------------- */

/* Follow $ref, as far as that is all that a schema says. */
static const json_t *follow(sotto_schema_writer *w, const json_t *schema, const sotto_schema_path *at) {
    const json_t *ref;
    sotto_error  *err = w->err;
    w->err = NULL;
    for (int i = 0; i < LOOK_DEPTH_MAX && (ref = json_object_get(schema, "$ref")); i++)
        if (sotto_schema_find(w, ref, at, &schema) != SOTTO_OK) break;
    w->err = err;
    return schema;
}

/* The values that a schema lists: a new list, or NULL. */
static json_t *listed(const json_t *schema) {
    json_t *only = json_object_get(schema, "const"), *values = json_object_get(schema, "enum");
    return only ? json_pack("[O]", only) : json_is_array(values) ? json_incref(values) : NULL;
}

static bool is_required(const json_t *schema, const char *name) {
    const json_t *one;
    size_t        i;
    json_array_foreach(json_object_get(schema, "required"), i, one)
        if (json_is_string(one) && strcmp(json_string_value(one), name) == 0) return true;
    return false;
}

/* Whether no value is valid for both schemas, as far as can be seen: types that differ, lists without a common value,
 * or a property that both require, or that one requires and the other rules out. */
static bool exclude(sotto_schema_writer *w, const json_t *a, const json_t *b, int depth, int *looks,
                    const sotto_schema_path *at) {
    if (depth == LOOK_DEPTH_MAX || --*looks < 0) return false;
    a = follow(w, a, at), b = follow(w, b, at);
    if (json_is_false(a) || json_is_false(b)) return true;
    json_t *x = json_object_get(a, "type"), *y = json_object_get(b, "type"), *value;
    json_t *types = x && y ? join_types(x, y) : NULL, *some = listed(a), *others = listed(b);
    json_t *shared = some && others ? join_values(some, others) : NULL;
    bool    apart = (types && json_array_size(types) == 0) || (shared && json_array_size(shared) == 0);
    bool    objects = types && json_array_size(types) == 1 && json_is_string(json_array_get(types, 0)) &&
                   strcmp(json_string_value(json_array_get(types, 0)), "object") == 0;
    json_decref(types);
    json_decref(some);
    json_decref(others);
    json_decref(shared);
    if (apart || !objects) return apart;
    for (int side = 0; side < 2; side++) {
        const json_t *one = side ? b : a, *other = side ? a : b, *name;
        size_t        i;
        json_array_foreach(json_object_get(one, "required"), i, name) {
            const char *key = json_string_value(name);
            if (!key) continue;
            value = json_object_get(json_object_get(other, "properties"), key);
            if (!value && json_is_false(json_object_get(other, "additionalProperties"))) return true;
            const json_t *mine = json_object_get(json_object_get(one, "properties"), key);
            if (value && mine && is_required(other, key) && exclude(w, mine, value, depth + 1, looks, at)) return true;
        }
    }
    return false;
}

sotto_status sotto_schema_check_one(sotto_schema_writer *w, const json_t *list, const sotto_schema_path *at) {
    int looks = LOOKS_MAX;
    for (size_t i = 0; i < json_array_size(list); i++)
        for (size_t k = 0; k < i; k++)
            if (!exclude(w, json_array_get(list, k), json_array_get(list, i), 0, &looks, at))
                return sotto_schema_fail(w, at, "oneOf", SOTTO_UNSUPPORTED,
                                         "a value may fit alternatives %zu and %zu at once, which a grammar cannot "
                                         "forbid: give them different types or a required property with different "
                                         "values, or write anyOf", k, i);
    return SOTTO_OK;
}
