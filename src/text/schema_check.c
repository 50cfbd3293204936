/* A value against a JSON schema: the part of it that tools use, with a sentence for what does not fit. */
#include "text/chat.h"

typedef struct checker {
    sotto_buf  path; /* of the value that is looked at, from the arguments on: a.b[0] */
    sotto_buf *why;  /* NULL: nobody asks */
} checker;

static bool check(checker *c, const json_t *schema, const json_t *v);

/* ---- saying what is wrong ------------------------------------------------------------------------------ */

/* "PATH" WHAT; without a path it is all arguments that are meant. */
static bool wrong(checker *c, const char *what) {
    if (!c->why) return false;
    if (c->path.len) sotto_buf_printf(c->why, "\"%s\" %s", c->path.data, what);
    else sotto_buf_printf(c->why, "the arguments %s", what);
    return false;
}

static bool wrong_value(checker *c, const char *what, const json_t *bound, const char *unit) {
    (void)wrong(c, what);
    if (!c->why) return false;
    sotto_chat_json_write(c->why, bound, SOTTO_JSON_LINE);
    sotto_buf_puts(c->why, unit);
    return false;
}

/* ---- types --------------------------------------------------------------------------------------------- */

static const struct { const char *name, *article; } types[] = {
    {"object", "an "}, {"array", "an "}, {"string", "a "}, {"integer", "an "}, {"number", "a "}, {"boolean", "a "},
    {"null", ""},
};

static bool is_whole(const json_t *v) {
    double x = json_number_value(v);
    return json_is_integer(v) || (json_is_real(v) && (x < -1e18 || x > 1e18 || x == (double)(json_int_t)x));
}

static bool has_type(const json_t *v, const char *name) {
    switch (json_typeof(v)) {
    case JSON_OBJECT: return strcmp(name, "object") == 0;
    case JSON_ARRAY: return strcmp(name, "array") == 0;
    case JSON_STRING: return strcmp(name, "string") == 0;
    case JSON_NULL: return strcmp(name, "null") == 0;
    case JSON_TRUE:
    case JSON_FALSE: return strcmp(name, "boolean") == 0;
    default: return strcmp(name, "number") == 0 || (strcmp(name, "integer") == 0 && is_whole(v));
    }
}

static void write_type(sotto_buf *out, const char *name) {
    const char *article = "";
    for (size_t i = 0; i < SOTTO_COUNT(types); i++)
        if (strcmp(types[i].name, name) == 0) article = types[i].article;
    sotto_buf_printf(out, "%s%s", article, name);
}

/* The type by its name, or by one name of a list. */
static bool check_type(checker *c, const json_t *type, const json_t *v) {
    size_t n = json_is_array(type) ? json_array_size(type) : 1;
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_is_array(type) ? json_array_get(type, i) : type);
        if (!name || has_type(v, name)) return true; /* no name: what does not make sense forbids nothing */
    }
    (void)wrong(c, "must be ");
    if (!c->why) return false;
    for (size_t i = 0; i < n; i++) {
        if (i) sotto_buf_puts(c->why, " or ");
        write_type(c->why, json_string_value(json_is_array(type) ? json_array_get(type, i) : type));
    }
    sotto_buf_puts(c->why, ", not ");
    for (size_t i = 0; i < SOTTO_COUNT(types); i++) {
        if (!has_type(v, types[i].name)) continue;
        write_type(c->why, types[i].name);
        break;
    }
    return false;
}

/* ---- values -------------------------------------------------------------------------------------------- */

static bool equal(const json_t *a, const json_t *b) {
    if (json_is_number(a) && json_is_number(b)) return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

static bool check_choice(checker *c, const json_t *schema, const json_t *v) {
    const json_t *choices = json_object_get(schema, "enum"), *only = json_object_get(schema, "const");
    if (only && !equal(only, v)) return wrong_value(c, "must be ", only, "");
    if (!json_is_array(choices)) return true;
    for (size_t i = 0; i < json_array_size(choices); i++)
        if (equal(json_array_get(choices, i), v)) return true;
    return wrong_value(c, "must be one of ", choices, "");
}

static bool check_number(checker *c, const json_t *schema, const json_t *v) {
    static const struct { const char *key, *what; bool below, equal; } bounds[] = {
        {"minimum", "must be at least ", false, true},
        {"maximum", "must be at most ", true, true},
        {"exclusiveMinimum", "must be more than ", false, false},
        {"exclusiveMaximum", "must be less than ", true, false},
    };
    double x = json_number_value(v);
    for (size_t i = 0; i < SOTTO_COUNT(bounds); i++) {
        const json_t *bound = json_object_get(schema, bounds[i].key);
        if (!json_is_number(bound)) continue;
        double y = json_number_value(bound);
        if (!(bounds[i].below ? x < y : x > y) && !(bounds[i].equal && x == y))
            return wrong_value(c, bounds[i].what, bound, "");
    }
    return true;
}

/* How many there are: characters of a string, items of a list. */
static bool check_count(checker *c, const json_t *schema, double n, const char *least, const char *most,
                        const char *unit) {
    const json_t *min = json_object_get(schema, least), *max = json_object_get(schema, most);
    if (json_is_number(min) && n < json_number_value(min)) return wrong_value(c, "must have at least ", min, unit);
    if (json_is_number(max) && n > json_number_value(max)) return wrong_value(c, "must have at most ", max, unit);
    return true;
}

static bool check_string(checker *c, const json_t *schema, const json_t *v) {
    const char *p = json_string_value(v);
    size_t      n = json_string_length(v), n_characters = 0;
    for (size_t i = 0; i < n; i++) n_characters += ((unsigned char)p[i] & 0xc0) != 0x80;
    return check_count(c, schema, (double)n_characters, "minLength", "maxLength", " characters");
}

static bool check_array(checker *c, const json_t *schema, const json_t *v) {
    const json_t *items = json_object_get(schema, "items");
    size_t        n = json_array_size(v), len = c->path.len;
    if (!check_count(c, schema, (double)n, "minItems", "maxItems", " items")) return false;
    for (size_t i = 0; items && i < n; i++) {
        sotto_buf_printf(&c->path, "[%zu]", i);
        if (!check(c, items, json_array_get(v, i))) return false;
        c->path.len = len;
    }
    return true;
}

/* Where a schema names properties, others are refused unless it says otherwise: they are mistakes more often than
 * not. */
static bool check_object(checker *c, const json_t *schema, const json_t *v) {
    const json_t *properties = json_object_get(schema, "properties"), *required = json_object_get(schema, "required");
    const json_t *others = json_object_get(schema, "additionalProperties");
    json_t       *object = (json_t *)v;
    size_t        len = c->path.len;
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
        const char   *key = json_object_iter_key(it);
        const json_t *inner = json_object_get(properties, key);
        sotto_buf_printf(&c->path, "%s%s", len ? "." : "", key);
        if (!inner && (others ? json_is_false(others) : json_object_size(properties) > 0))
            return wrong(c, "is not known");
        if (!inner) inner = others;
        if (inner && !check(c, inner, json_object_iter_value(it))) return false;
        c->path.len = len;
    }
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *key = json_string_value(json_array_get(required, i));
        if (!key || json_object_get(v, key)) continue;
        sotto_buf_printf(&c->path, "%s%s", len ? "." : "", key);
        return wrong(c, "is missing");
    }
    return true;
}

/* ---- a schema ------------------------------------------------------------------------------------------ */

/* Where none fits, the first says why. */
static bool check_any(checker *c, const json_t *list, const json_t *v) {
    size_t     len = c->path.len, n = json_array_size(list);
    sotto_buf *why = c->why;
    bool       fits = n == 0;
    c->why = NULL;
    for (size_t i = 0; !fits && i < n; i++) {
        fits = check(c, json_array_get(list, i), v);
        c->path.len = len;
    }
    c->why = why;
    return fits || check(c, json_array_get(list, 0), v);
}

static bool check(checker *c, const json_t *schema, const json_t *v) {
    const json_t *type = json_object_get(schema, "type"), *any = json_object_get(schema, "anyOf");
    if (json_is_false(schema)) return wrong(c, "is not allowed");
    if (!json_is_object(schema)) return true;
    if (type && !check_type(c, type, v)) return false;
    if (!check_choice(c, schema, v) || !check_any(c, any, v)) return false;
    switch (json_typeof(v)) {
    case JSON_OBJECT: return check_object(c, schema, v);
    case JSON_ARRAY: return check_array(c, schema, v);
    case JSON_STRING: return check_string(c, schema, v);
    case JSON_INTEGER:
    case JSON_REAL: return check_number(c, schema, v);
    default: return true;
    }
}

json_t *sotto_schema_of_tool(json_t *function) {
    json_t *schema = json_object_get(function, "parameters");
    if (!json_is_object(schema)) return NULL;
    if (json_object_get(schema, "properties") && !json_object_get(schema, "additionalProperties"))
        (void)json_object_set_new(schema, "additionalProperties", json_false());
    return schema;
}

bool sotto_schema_fits(const json_t *schema, const json_t *value, sotto_buf *why) {
    checker c = {.why = why};
    bool    fits = check(&c, schema, value);
    sotto_buf_free(&c.path);
    return fits;
}
