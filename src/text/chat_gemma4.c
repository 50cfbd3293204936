/* Gemma 4: its own notation for declarations, calls and results of tools, where every string stands between two
 * <|"|> tokens, so that no text inside needs escaping. A call, its results and the answer are one model turn. */
#include <stdlib.h>

#include "text/chat.h"

#define QUOTE "<|\"|>"

static void write_string(sotto_chat_scene *s, sotto_str text) {
    sotto_chat_say(s, QUOTE);
    sotto_chat_quote(s, text);
    sotto_chat_say(s, QUOTE);
}

static sotto_str string_of(const json_t *v) {
    return (sotto_str){json_is_string(v) ? json_string_value(v) : "", json_string_length(v)};
}

/* What Jinja takes as true. */
static bool is_truthy(const json_t *v) {
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_OBJECT: return json_object_size(v) > 0;
    case JSON_ARRAY: return json_array_size(v) > 0;
    case JSON_STRING: return json_string_length(v) > 0;
    case JSON_INTEGER: return json_integer_value(v) != 0;
    case JSON_REAL: return json_real_value(v) != 0;
    default: return json_is_true(v);
    }
}

/* Of ASCII letters, in any locale. */
static int lower(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c; }
static char upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c; }

/* ---- keys in alphabetical order, whatever their case --------------------------------------------------- */

static int compare(const void *pa, const void *pb) {
    const sotto_chat_member *a = pa, *b = pb;
    const char              *x = a->key, *y = b->key;
    while (*x && lower(*x) == lower(*y)) x++, y++;
    int order = lower(*x) - lower(*y);
    return order ? order : a->index < b->index ? -1 : 1;
}

void sotto_chat_gemma4_sort(sotto_chat_member *list, size_t n) {
    if (n) qsort(list, n, sizeof *list, compare);
}

/* The members of an object, sorted; NULL for an empty one, for other values, and without memory. */
static sotto_chat_member *sorted(sotto_chat_scene *s, const json_t *v, size_t *n) {
    *n = json_object_size(v);
    sotto_chat_member *list = sotto_chat_members(&s->arena, v);
    if (!list) {
        s->out->text.failed |= *n > 0;
        *n = 0;
        return NULL;
    }
    sotto_chat_gemma4_sort(list, *n);
    return list;
}

/* ---- values -------------------------------------------------------------------------------------------- */

/* A value; keys of objects are written like strings when `quoted`. */
static void write_value(sotto_chat_scene *s, const json_t *v, bool quoted);

/* key:value,key:value */
static void write_members(sotto_chat_scene *s, const json_t *object, bool quoted) {
    size_t             n;
    sotto_chat_member *list = sorted(s, object, &n);
    for (size_t i = 0; i < n; i++) {
        if (i) sotto_chat_say(s, ",");
        if (quoted) write_string(s, sotto_str_from(list[i].key));
        else sotto_chat_quote(s, sotto_str_from(list[i].key));
        sotto_chat_say(s, ":");
        write_value(s, list[i].value, quoted);
    }
}

static void write_value(sotto_chat_scene *s, const json_t *v, bool quoted) {
    sotto_buf number = {0};
    switch (json_typeof(v)) {
    case JSON_STRING: write_string(s, string_of(v)); break;
    case JSON_OBJECT:
        sotto_chat_say(s, "{");
        write_members(s, v, quoted);
        sotto_chat_say(s, "}");
        break;
    case JSON_ARRAY:
        sotto_chat_say(s, "[");
        for (size_t i = 0; i < json_array_size(v); i++) {
            if (i) sotto_chat_say(s, ",");
            write_value(s, json_array_get(v, i), quoted);
        }
        sotto_chat_say(s, "]");
        break;
    case JSON_TRUE: sotto_chat_say(s, "true"); break;
    case JSON_FALSE: sotto_chat_say(s, "false"); break;
    case JSON_NULL: sotto_chat_say(s, "None"); break;
    case JSON_INTEGER:
    case JSON_REAL:
        sotto_chat_json_number(&number, v);
        sotto_chat_quote(s, sotto_buf_str(&number));
        s->out->text.failed |= number.failed;
        sotto_buf_free(&number);
        break;
    }
}

/* ---- declarations -------------------------------------------------------------------------------------- */

/* The name of a JSON schema type in capitals; a list of types as Python prints it. */
static void write_type(sotto_chat_scene *s, const json_t *type) {
    sotto_buf b = {0};
    if (json_is_string(type)) sotto_buf_append(&b, json_string_value(type), json_string_length(type));
    else if (type) sotto_chat_json_write(&b, type, SOTTO_JSON_PYTHON);
    for (size_t i = 0; i < b.len; i++) b.data[i] = upper(b.data[i]);
    write_string(s, sotto_buf_str(&b));
    s->out->text.failed |= b.failed;
    sotto_buf_free(&b);
}

static bool type_is(const json_t *schema, const char *name) {
    const char *type = json_string_value(json_object_get(schema, "type"));
    size_t      i = 0;
    while (type && type[i] && upper(type[i]) == name[i]) i++;
    return type && !type[i] && !name[i];
}

static void write_names(sotto_chat_scene *s, const json_t *list) {
    sotto_chat_say(s, "required:[");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (i) sotto_chat_say(s, ",");
        write_string(s, string_of(json_array_get(list, i)));
    }
    sotto_chat_say(s, "]");
}

static void write_parameters(sotto_chat_scene *s, const json_t *properties);

/* The schema of an array's elements. */
static void write_items(sotto_chat_scene *s, const json_t *items) {
    size_t             n;
    sotto_chat_member *list = sorted(s, items, &n);
    bool               first = true;
    sotto_chat_say(s, "items:{");
    for (size_t i = 0; i < n; i++) {
        const json_t *v = list[i].value;
        if (json_is_null(v)) continue;
        if (!first) sotto_chat_say(s, ",");
        first = false;
        if (strcmp(list[i].key, "properties") == 0) {
            sotto_chat_say(s, "properties:{");
            write_parameters(s, v);
            sotto_chat_say(s, "}");
        } else if (strcmp(list[i].key, "required") == 0) {
            write_names(s, v);
        } else if (strcmp(list[i].key, "type") == 0 && !json_is_array(v)) {
            sotto_chat_say(s, "type:");
            write_type(s, v);
        } else if (strcmp(list[i].key, "type") == 0) {
            sotto_chat_say(s, "type:[");
            for (size_t k = 0; k < json_array_size(v); k++) {
                if (k) sotto_chat_say(s, ",");
                write_type(s, json_array_get(v, k));
            }
            sotto_chat_say(s, "]");
        } else {
            sotto_chat_quote(s, sotto_str_from(list[i].key));
            sotto_chat_say(s, ":");
            write_value(s, v, true);
        }
    }
    sotto_chat_say(s, "}");
}

/* One parameter: what is there of description, enum, items, nullable, properties and required; its type last. */
static void write_schema(sotto_chat_scene *s, const json_t *v) {
    const json_t *description = json_object_get(v, "description"), *choices = json_object_get(v, "enum");
    const json_t *items = json_object_get(v, "items"), *inner = json_object_get(v, "properties");
    const json_t *required = json_object_get(v, "required");
    if (is_truthy(description)) {
        sotto_chat_say(s, "description:");
        write_string(s, string_of(description));
        sotto_chat_say(s, ",");
    }
    if (type_is(v, "STRING") && is_truthy(choices)) {
        sotto_chat_say(s, "enum:");
        write_value(s, choices, true);
        sotto_chat_say(s, ",");
    }
    if (type_is(v, "ARRAY") && json_is_object(items) && is_truthy(items)) {
        write_items(s, items);
        sotto_chat_say(s, ",");
    }
    if (is_truthy(json_object_get(v, "nullable"))) sotto_chat_say(s, "nullable:true,");
    if (type_is(v, "OBJECT")) {
        sotto_chat_say(s, "properties:{");
        write_parameters(s, json_is_object(inner) ? inner : v);
        sotto_chat_say(s, "},");
        if (is_truthy(required)) {
            write_names(s, required);
            sotto_chat_say(s, ",");
        }
    }
    sotto_chat_say(s, "type:");
    write_type(s, json_object_get(v, "type"));
}

static void write_parameters(sotto_chat_scene *s, const json_t *properties) {
    static const char *const words[] = {"description", "type", "properties", "required", "nullable"};
    size_t             n;
    sotto_chat_member *list = sorted(s, properties, &n);
    bool               first = true;
    for (size_t i = 0; i < n; i++) {
        bool is_word = false;
        for (size_t k = 0; k < SOTTO_COUNT(words); k++) is_word |= strcmp(list[i].key, words[k]) == 0;
        if (is_word) continue;
        if (!first) sotto_chat_say(s, ",");
        first = false;
        sotto_chat_quote(s, sotto_str_from(list[i].key));
        sotto_chat_say(s, ":{");
        write_schema(s, list[i].value);
        sotto_chat_say(s, "}");
    }
}

/* The type closes the brace of the parameters and of the response: without one the template leaves it open. */
static void write_declaration(sotto_chat_scene *s, const json_t *f) {
    const json_t *parameters = json_object_get(f, "parameters"), *response = json_object_get(f, "response");
    const json_t *properties = json_object_get(parameters, "properties");
    const json_t *required = json_object_get(parameters, "required"), *type = json_object_get(parameters, "type");
    sotto_chat_say(s, "<|tool>declaration:");
    sotto_chat_quote(s, string_of(json_object_get(f, "name")));
    sotto_chat_say(s, "{description:");
    write_string(s, string_of(json_object_get(f, "description")));
    if (is_truthy(parameters)) {
        sotto_chat_say(s, ",parameters:{");
        if (is_truthy(properties)) {
            sotto_chat_say(s, "properties:{");
            write_parameters(s, properties);
            sotto_chat_say(s, "},");
        }
        if (is_truthy(required)) {
            write_names(s, required);
            sotto_chat_say(s, ",");
        }
        if (is_truthy(type)) {
            sotto_chat_say(s, "type:");
            write_type(s, type);
            sotto_chat_say(s, "}");
        }
    }
    if (response) {
        sotto_chat_say(s, ",response:{");
        if (is_truthy(json_object_get(response, "description"))) {
            sotto_chat_say(s, "description:");
            write_string(s, string_of(json_object_get(response, "description")));
            sotto_chat_say(s, ",");
        }
        if (type_is(response, "OBJECT")) sotto_chat_say(s, "type:" QUOTE "OBJECT" QUOTE "}");
    }
    sotto_chat_say(s, "}<tool|>");
}

/* ---- turns --------------------------------------------------------------------------------------------- */

/* What was said, without the thoughts between <|channel> and <channel|>. */
static sotto_str without_thoughts(sotto_chat_scene *s, sotto_str text) {
    static const char open[] = "<|channel>", close[] = "<channel|>";
    char     *copy = sotto_arena_alloc(&s->arena, text.n + 1);
    sotto_str out = {copy, 0};
    if (!copy) s->out->text.failed = true;
    while (copy && text.n) {
        size_t    end = sotto_chat_find(text, close);
        sotto_str part = {text.p, SOTTO_MIN(end, text.n)};
        size_t    keep = SOTTO_MIN(sotto_chat_find(part, open), part.n);
        if (keep) memcpy(copy + out.n, part.p, keep);
        out.n += keep;
        text = end == SIZE_MAX ? (sotto_str){"", 0} : sotto_chat_from(text, end + sizeof close - 1);
    }
    return sotto_chat_trim(out);
}

static void write_system(sotto_chat_scene *s) {
    if (!s->thinking && !s->tools && !s->has_system) return;
    sotto_chat_say(s, s->format->turn[SOTTO_CHAT_SYSTEM].before);
    if (s->thinking) sotto_chat_say(s, "<|think|>\n");
    sotto_chat_quote(s, sotto_chat_system(s));
    for (size_t i = 0; i < json_array_size(s->tools); i++)
        write_declaration(s, json_object_get(json_array_get(s->tools, i), "function"));
    sotto_chat_say(s, s->format->turn[SOTTO_CHAT_SYSTEM].after);
}

static void write_calls(sotto_chat_scene *s, const sotto_chat_message *m) {
    for (size_t i = 0; i < m->n_calls; i++) {
        sotto_chat_say(s, "<|tool_call>call:");
        sotto_chat_quote(s, sotto_str_from(m->calls[i].name));
        sotto_chat_say(s, "{");
        write_members(s, m->calls[i].arguments, false);
        sotto_chat_say(s, "}<tool_call|>");
    }
}

/* The results that follow turn i; how many. */
static size_t write_results(sotto_chat_scene *s, size_t i) {
    size_t n = 0;
    for (; i + 1 + n < s->n && s->turns[i + 1 + n].role == SOTTO_CHAT_TOOL; n++) {
        const sotto_chat_message *m = &s->turns[i + 1 + n];
        sotto_chat_say(s, "<|tool_response>response:");
        sotto_chat_quote(s, sotto_str_from(m->tool_name));
        sotto_chat_say(s, "{value:");
        write_string(s, m->said.text);
        sotto_chat_say(s, "}<tool_response|>");
    }
    return n;
}

typedef enum state { SAID, ASKED, ANSWERED } state; /* a call without results, with results */

/* A model turn. One that follows another, with at most results between them, goes on without a new header. */
static state write_model(sotto_chat_scene *s, size_t i) {
    const sotto_chat_message *m = &s->turns[i];
    size_t before = i, results = 0;
    while (before > 0 && s->turns[before - 1].role == SOTTO_CHAT_TOOL) before--;
    if (before == 0 || s->turns[before - 1].role != SOTTO_CHAT_ASSISTANT)
        sotto_chat_say(s, s->format->turn[SOTTO_CHAT_ASSISTANT].before);
    if (m->n_calls) {
        write_calls(s, m);
        results = write_results(s, i);
    }
    bool thinks_on = sotto_chat_is_open(s, i) && sotto_chat_find(m->said.text, "<|channel>") != SIZE_MAX &&
                     sotto_chat_find(m->said.text, "<channel|>") == SIZE_MAX;
    sotto_chat_quote(s, thinks_on ? m->said.text : without_thoughts(s, m->said.text));
    if (sotto_chat_is_open(s, i)) return SAID;
    if (m->n_calls && !results) sotto_chat_say(s, "<|tool_response>");
    else if (!results || m->said.text.n) sotto_chat_say(s, s->format->turn[SOTTO_CHAT_ASSISTANT].after);
    return m->n_calls == 0 ? SAID : results ? ANSWERED : ASKED;
}

void sotto_chat_gemma4_write(sotto_chat_scene *s) {
    const sotto_chat_format *f = s->format;
    state                    now = SAID;
    write_system(s);
    for (size_t i = 0; i < s->n; i++) {
        sotto_chat_role role = s->turns[i].role;
        if (role == SOTTO_CHAT_TOOL) continue; /* written with its call */
        if (role == SOTTO_CHAT_ASSISTANT) {
            now = write_model(s, i);
            continue;
        }
        now = SAID;
        sotto_chat_say(s, f->turn[role].before);
        sotto_chat_quote(s, sotto_chat_content(s, i));
        sotto_chat_say(s, f->turn[role].after);
    }
    if (s->continue_last) return;
    if (now == SAID) {
        sotto_chat_say(s, f->turn[SOTTO_CHAT_ASSISTANT].before);
        sotto_chat_say(s, f->answer[s->thinking]);
    } else if (now == ANSWERED && s->thinking && f->variant == SOTTO_GEMMA4_THINKS_ON) {
        sotto_chat_say(s, "<|channel>thought\n");
    }
}
