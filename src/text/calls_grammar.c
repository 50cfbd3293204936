/* What calls look like, as GBNF: the marks of a family's row, and inside them the arguments as their schemas want them.
 * In JSON those are grammar/'s business (sotto_schema_to_gbnf). In the other notations they are written here: members
 * in the order in which the family writes them, of which those that are not required may be left out. */
#include <stdio.h>

#include "grammar/grammar.h"
#include "text/calls.h"
#include "text/chat.h"

enum { CALLS_MORE = 15 }; /* after the first: a model that does not stop is stopped */

/* How values are written that are not JSON. Texts of two kinds: GBNF, and what is put between quotes. */
typedef struct notation {
    const char *open;                   /* GBNF: how a string begins that is a value */
    const char *quote, *character;      /* GBNF: around other strings, and at the end; what is in them */
    const char *assign, *colon, *comma; /* GBNF: behind a name of an argument, of an inner object; between members */
    bool        quotes_keys;            /* of inner objects */
    bool        sorts;                  /* members by their names */
    const char *number;                 /* a rule for all numbers; NULL: as in JSON */
} notation;

static const notation notations[] = {
    [SOTTO_CALL_GEMMA4] = {"<|\"|>", "<|\"|>", "[^\\x00]", "\":\"", "\":\"", "\",\"", false, true, NULL},
    [SOTTO_CALL_STARTER] = {"\"\\\" \"", "\"\\\"\"",
                            "[^\"\\\\\\x00-\\x1F]", "\"=\"", "\": \"", "\", \"", true, false, "sum"},
};

/* Rules that any grammar of calls may name. A sum has brackets at most three deep, and never divides by 0. */
#define SUM(name, part) name " ::= \"-\"? " part " ([*+-] " part " | \"/\" [1-9] [0-9]{0,5} (\".\" [0-9]{1,6})?){0,5}\n"
#define BRACKETS(name, sum) name " ::= decimal | \"(\" " sum " \")\"\n"
static const char common[] =
    "space ::= \"\\n\"? [ \\t]{0,8}\n"
    "name ::= [^ \\t\\n\\r{}\\[\\]()<>,:=\"\\x00-\\x1F]{1,64}\n"
    "decimal ::= (\"0\" | [1-9] [0-9]{0,11}) (\".\" [0-9]{1,6})?\n"
    BRACKETS("part", "sum-b") SUM("sum", "part") BRACKETS("part-b", "sum-c") SUM("sum-b", "part-b")
    BRACKETS("part-c", "sum-d") SUM("sum-c", "part-c") SUM("sum-d", "decimal");

typedef struct writer {
    const sotto_chat_format *format;
    const notation          *notation;
    sotto_arena              arena;
    sotto_buf               *out; /* rules that are whole */
    size_t                   n_rules;
    sotto_error             *err;
} writer;

static sotto_status write_value(writer *w, const json_t *schema, sotto_buf *body);

static sotto_status fail_memory(writer *w) { return sotto_fail_memory(w->err, "a grammar of calls"); }

static void literal(sotto_buf *out, sotto_str text) {
    (void)sotto_gbnf_literal(text, out);
    sotto_buf_putc(out, ' ');
}

/* ---- values -------------------------------------------------------------------------------------------- */

static void write_text(writer *w, const char *open, sotto_str text, sotto_buf *body) {
    sotto_buf_printf(body, "%s ", open);
    literal(body, text);
    sotto_buf_printf(body, "%s ", w->notation->quote);
}

/* A value that is given: of an enum, or a const. */
static void write_given(writer *w, const json_t *v, sotto_buf *body) {
    sotto_buf text = {0};
    if (json_is_string(v)) {
        write_text(w, w->notation->open, (sotto_str){json_string_value(v), json_string_length(v)}, body);
        return;
    }
    sotto_chat_json_write(&text, v, SOTTO_JSON_LINE);
    literal(body, sotto_buf_str(&text));
    body->failed |= text.failed;
    sotto_buf_free(&text);
}

static bool is_required(const json_t *schema, const char *key) {
    const json_t *required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (name && strcmp(name, key) == 0) return true;
    }
    return false;
}

/* The name of a member, what stands behind it, and its value. */
static sotto_status write_member(writer *w, const sotto_chat_member *m, bool inner, sotto_buf *body) {
    const notation *n = w->notation;
    sotto_str       key = sotto_str_from(m->key);
    if (inner && n->quotes_keys) {
        write_text(w, n->quote, key, body);
    } else {
        if (key.n == 0 || strpbrk(m->key, " \t\r\n{}[]()<>,:=\""))
            return sotto_fail(w->err, SOTTO_UNSUPPORTED, "calls of this model cannot have the name \"%.60s\"", m->key);
        literal(body, key);
    }
    sotto_buf_printf(body, "%s ", inner ? n->colon : n->assign);
    return write_value(w, m->value, body);
}

/* Members in their order. Of two rules for each, m<k> is what may follow where one was written before the k-th, and
 * f<k> where none was. */
static sotto_status write_properties(writer *w, const json_t *schema, bool inner, sotto_buf *body) {
    const json_t      *properties = json_object_get(schema, "properties");
    size_t             n = json_object_size(properties), base = w->n_rules;
    sotto_chat_member *list = sotto_chat_members(&w->arena, properties);
    sotto_buf          rules = {0};
    sotto_status       status = list || !n ? SOTTO_OK : fail_memory(w);
    w->n_rules += n + 1;
    if (w->notation->sorts && status == SOTTO_OK) sotto_chat_gemma4_sort(list, n);
    for (size_t i = 0; i < n && status == SOTTO_OK; i++) {
        size_t k = base + i;
        bool   required = is_required(schema, list[i].key);
        sotto_buf_printf(&rules, "p%zu ::= ", k);
        status = write_member(w, &list[i], inner, &rules);
        sotto_buf_printf(&rules, "\nm%zu ::= %s p%zu m%zu", k, w->notation->comma, k, k + 1);
        if (!required) sotto_buf_printf(&rules, " | m%zu", k + 1);
        sotto_buf_printf(&rules, "\nf%zu ::= p%zu m%zu", k, k, k + 1);
        if (!required) sotto_buf_printf(&rules, " | f%zu", k + 1);
        sotto_buf_putc(&rules, '\n');
    }
    sotto_buf_printf(&rules, "m%zu ::= \"\"\nf%zu ::= \"\"\n", base + n, base + n);
    sotto_buf_printf(body, "f%zu ", base);
    sotto_buf_append(w->out, rules.data, rules.len);
    w->out->failed |= rules.failed;
    sotto_buf_free(&rules);
    return status;
}

/* What stands between the brackets of an object. Where no property is named all are allowed, with simple values. */
static sotto_status write_members(writer *w, const json_t *schema, bool inner, sotto_buf *body) {
    const notation *n = w->notation;
    const json_t   *others = json_object_get(schema, "additionalProperties");
    sotto_buf       any = {0};
    if (json_object_get(schema, "properties") || json_is_false(others)) return write_properties(w, schema, inner, body);
    if (inner && n->quotes_keys) sotto_buf_printf(&any, "%s name %s %s ", n->quote, n->quote, n->colon);
    else sotto_buf_printf(&any, "name %s ", inner ? n->colon : n->assign);
    sotto_status status = write_value(w, others, &any);
    sotto_buf_printf(body, "(%s(%s %s)*)? ", sotto_buf_str(&any).p, n->comma, sotto_buf_str(&any).p);
    body->failed |= any.failed;
    sotto_buf_free(&any);
    return status;
}

static size_t count_of(const json_t *schema, const char *key, size_t absent) {
    const json_t *v = json_object_get(schema, key);
    double        x = json_number_value(v);
    return json_is_number(v) && x >= 0 && x < 4096 ? (size_t)x : absent;
}

/* {least,most}, or an open end. */
static void write_times(sotto_buf *body, size_t least, size_t most) {
    if (most == SIZE_MAX) sotto_buf_printf(body, "{%zu,} ", least);
    else sotto_buf_printf(body, "{%zu,%zu} ", least, SOTTO_MAX(least, most));
}

static sotto_status write_array(writer *w, const json_t *schema, sotto_buf *body) {
    size_t       least = count_of(schema, "minItems", 0), most = count_of(schema, "maxItems", SIZE_MAX);
    sotto_buf    item = {0};
    sotto_status status = write_value(w, json_object_get(schema, "items"), &item);
    if (most == 0) {
        sotto_buf_puts(body, "\"[]\" ");
    } else {
        sotto_buf_printf(body, "\"[\" (%s(%s %s)", sotto_buf_str(&item).p, w->notation->comma, sotto_buf_str(&item).p);
        write_times(body, least ? least - 1 : 0, most == SIZE_MAX ? most : most - 1);
        sotto_buf_printf(body, ")%s \"]\" ", least ? "" : "?");
    }
    body->failed |= item.failed;
    sotto_buf_free(&item);
    return status;
}

/* `type`: the one of the schema's that is meant. */
static sotto_status write_number(writer *w, const json_t *schema, const char *type, sotto_buf *body) {
    char name[32];
    if (w->notation->number) {
        sotto_buf_printf(body, "%s ", w->notation->number);
        return SOTTO_OK;
    }
    json_t *only = schema ? json_copy((json_t *)schema) : json_object();
    if (json_object_set_new(only, "type", json_string(type)) != 0) {
        json_decref(only);
        return fail_memory(w);
    }
    (void)snprintf(name, sizeof name, "n%zu", w->n_rules++);
    sotto_buf_printf(body, "%s ", name);
    sotto_status status = sotto_schema_to_gbnf(only, name, w->out, w->err);
    json_decref(only);
    return status;
}

static sotto_status write_type(writer *w, const json_t *schema, const char *type, sotto_buf *body) {
    static const char *const words[][2] = {{"boolean", "(\"true\" | \"false\") "},
                                           {"null", "(\"null\" | \"None\") "}};
    sotto_status             status;
    for (size_t i = 0; i < SOTTO_COUNT(words); i++)
        if (strcmp(type, words[i][0]) == 0) return sotto_buf_puts(body, words[i][1]) ? SOTTO_OK : fail_memory(w);
    if (strcmp(type, "number") == 0 || strcmp(type, "integer") == 0) return write_number(w, schema, type, body);
    if (strcmp(type, "array") == 0) return write_array(w, schema, body);
    if (strcmp(type, "object") == 0) {
        sotto_buf_puts(body, "\"{\" ");
        status = write_members(w, schema, true, body);
        sotto_buf_puts(body, "\"}\" ");
        return status;
    }
    if (strcmp(type, "string") != 0) return sotto_fail(w->err, SOTTO_INVALID, "there is no type \"%.60s\"", type);
    sotto_buf_printf(body, "%s %s", w->notation->open, w->notation->character);
    write_times(body, count_of(schema, "minLength", 0), count_of(schema, "maxLength", SIZE_MAX));
    sotto_buf_printf(body, "%s ", w->notation->quote);
    return SOTTO_OK;
}

/* Alternatives in brackets: of an enum, of anyOf, of a list of types. */
static sotto_status write_choice(writer *w, const json_t *schema, const json_t *list, const char *what,
                                 sotto_buf *body) {
    sotto_status status = SOTTO_OK;
    for (size_t i = 0; i < json_array_size(list) && status == SOTTO_OK; i++) {
        const json_t *v = json_array_get(list, i);
        sotto_buf_puts(body, i ? "| " : "(");
        if (*what == 'e') write_given(w, v, body);
        else if (*what == 'a') status = write_value(w, v, body);
        else status = write_type(w, schema, json_is_string(v) ? json_string_value(v) : "", body);
    }
    sotto_buf_puts(body, ") ");
    return status;
}

/* Any value of a schema, as elements of a body. Without a type all simple ones are. */
static sotto_status write_value(writer *w, const json_t *schema, sotto_buf *body) {
    static const char *const lists[] = {"enum", "anyOf", "type"};
    const json_t            *only = json_object_get(schema, "const"), *type = json_object_get(schema, "type");
    if (only) {
        write_given(w, only, body);
        return SOTTO_OK;
    }
    for (size_t i = 0; i < SOTTO_COUNT(lists); i++) {
        const json_t *list = json_object_get(schema, lists[i]);
        if (json_array_size(list)) return write_choice(w, schema, list, lists[i], body);
    }
    if (json_is_string(type)) return write_type(w, schema, json_string_value(type), body);
    if (json_object_get(schema, "properties")) return write_type(w, schema, "object", body);
    json_t      *any = json_pack("[s,s,s,s]", "string", "number", "boolean", "null");
    sotto_status status = any ? write_choice(w, NULL, any, "type", body) : fail_memory(w);
    json_decref(any);
    return status;
}

/* ---- calls --------------------------------------------------------------------------------------------- */

/* In JSON: the keys that the family uses, in its order; one space or none, or one line for each, between them. */
static sotto_status write_json_call(writer *w, const char *name, const json_t *schema, size_t i) {
    const sotto_chat_tools *t = w->format->tools;
    bool   parameters = sotto_chat_find(sotto_str_from(t->call_arguments), "parameters") != SIZE_MAX;
    char   rule[32];
    json_t *key = json_string(name), *object = json_pack("{s:s}", "type", "object");
    sotto_status status = key && object ? SOTTO_OK : fail_memory(w);
    (void)snprintf(rule, sizeof rule, "arguments-%zu", i);
    if (status == SOTTO_OK) {
        sotto_buf text = {0};
        sotto_chat_json_write(&text, key, SOTTO_JSON_LINE);
        sotto_buf_printf(w->out, "call-%zu ::= \"{\" space (\"\\\"type\\\":\" space \"\\\"function\\\",\" space)? "
                                 "\"\\\"name\\\":\" space ", i);
        literal(w->out, sotto_buf_str(&text));
        sotto_buf_printf(w->out, "\",\" space \"\\\"%s\\\":\" space %s%s space \"}\"\n",
                         parameters ? "parameters" : "arguments", rule,
                         t->call_id ? " (\", \\\"id\\\": \\\"\" [0-9A-Za-z]{9} \"\\\"\")?" : "");
        w->out->failed |= text.failed;
        sotto_buf_free(&text);
        status = sotto_schema_to_gbnf(schema ? schema : object, rule, w->out, w->err);
    }
    json_decref(key);
    json_decref(object);
    return status;
}

static sotto_status write_call(writer *w, json_t *tool, size_t i) {
    const char         *name = json_string_value(json_object_get(tool, "name"));
    const json_t       *schema = sotto_schema_of_tool(tool);
    sotto_call_notation form = w->format->tools->form.notation;
    sotto_buf           body = {0};
    sotto_status        status;
    if (form == SOTTO_CALL_JSON) {
        status = write_json_call(w, name, schema, i);
    } else {
        sotto_buf_printf(&body, "call-%zu ::= %s", i, form == SOTTO_CALL_GEMMA4 ? "\"call:\" " : "");
        literal(&body, sotto_str_from(name));
        sotto_buf_puts(&body, form == SOTTO_CALL_GEMMA4 ? "\"{\" " : "\"(\" ");
        status = write_members(w, schema, false, &body);
        sotto_buf_puts(&body, form == SOTTO_CALL_GEMMA4 ? "\"}\"\n" : "\")\"\n");
        sotto_buf_append(w->out, body.data, body.len);
    }
    w->out->failed |= body.failed;
    sotto_buf_free(&body);
    if (status != SOTTO_OK) (void)sotto_fail_prefix(w->err, status, "the parameters of the tool \"%.60s\"", name);
    return status;
}

/* A mark, as a token or spelled. */
static void write_mark(writer *w, const char *mark) {
    if (!w->format->tools->form.control) literal(w->out, sotto_str_from(mark));
    else sotto_buf_printf(w->out, mark[0] == '<' ? "%s " : "<%s> ", mark);
}

/* The rules above the calls: `block` is what a reader sees as one, with its closing mark. */
static void write_root(writer *w, size_t n_tools, size_t more, bool whole) {
    const sotto_chat_tools *t = w->format->tools;
    const sotto_call_form  *f = &t->form;
    const char             *open = f->open[0], *between = t->calls_between ? t->calls_between : "";
    bool                    own = strlen(open) == 1; /* the mark is the call's own bracket */
    bool                    json = f->notation == SOTTO_CALL_JSON;
    sotto_buf_puts(w->out, "call ::=");
    for (size_t i = 0; i < n_tools; i++) sotto_buf_printf(w->out, "%s call-%zu", i ? " |" : "", i);
    sotto_buf_puts(w->out, json && !own ? "\nblock ::= space " : "\nblock ::= ");
    if (f->list) {
        sotto_buf_puts(w->out, "\"[\" call (");
        literal(w->out, sotto_str_from(between));
        sotto_buf_printf(w->out, "call){0,%zu} \"]\" ", more);
        more = 0;
    } else {
        sotto_buf_puts(w->out, "call ");
    }
    if (f->close && json) sotto_buf_puts(w->out, "space ");
    if (f->close) write_mark(w, f->close);
    sotto_buf_puts(w->out, whole ? "\nroot ::= " : "\nroot ::= block*\n");
    if (!whole) return;
    if (sotto_calls_begin_thinking(w->format)) {
        sotto_buf_puts(w->out, "[^<]* ");
        literal(w->out, sotto_str_from(f->think[1]));
        sotto_buf_puts(w->out, "\"\\n\"{0,2} ");
    }
    if (!own) write_mark(w, open);
    sotto_buf_puts(w->out, "block (");
    literal(w->out, sotto_str_from(between));
    if (!own) write_mark(w, open);
    sotto_buf_printf(w->out, "block){0,%zu}\n", more);
}

static sotto_status write_grammar(writer *w, const json_t *tools, const char *only, bool whole) {
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(tools); i++) {
        json_t *tool = json_object_get(json_array_get(tools, i), "function");
        if (only && strcmp(only, json_string_value(json_object_get(tool, "name"))) != 0) continue;
        SOTTO_TRY(write_call(w, tool, n++));
    }
    if (n == 0 && only) return sotto_fail(w->err, SOTTO_INVALID, "there is no tool \"%.60s\" to be called", only);
    if (n == 0) return sotto_fail(w->err, SOTTO_INVALID, "there are no tools to be called");
    write_root(w, n, only ? 0 : CALLS_MORE, whole);
    sotto_buf_puts(w->out, common);
    return w->out->failed ? fail_memory(w) : SOTTO_OK;
}

sotto_status sotto_calls_grammar(const sotto_chat_format *f, const char *tools, const char *only, bool whole,
                                 sotto_buf *out, sotto_error *err) {
    writer  w = {.format = f, .notation = &notations[f->tools->form.notation], .out = out, .err = err};
    json_t *list;
    SOTTO_TRY(sotto_chat_tools_parse(&list, tools, err));
    sotto_status status = write_grammar(&w, list, only, whole);
    json_decref(list);
    sotto_arena_free(&w.arena);
    return status;
}
