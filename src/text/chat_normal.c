/* Normal form: what callers send, made into a conversation that every family can say. Nothing that a person can
 * do to the order of turns is an error:
 *   - "developer" is "system", "model" is "assistant";
 *   - the leading system turns are one system text; later ones stay where the family has such turns and are a
 *     user's elsewhere;
 *   - adjacent turns of one role are merged, a blank line between them (results of tools stay apart);
 *   - where the family's first turn must be a user's, an empty one is put in front;
 *   - where the family has no form for tools, declarations, calls and results become text;
 *   - where the family hears no results, they and what was said of them are left out, as are system turns.
 * Only malformed JSON, unknown roles and sizes beyond the limits are refused. */
#include <stdio.h>

#include "text/chat.h"

static const char separator[] = "\n\n";

/* ---- JSON of the caller -------------------------------------------------------------------------------- */

sotto_status sotto_chat_json_parse(json_t **out, const char *text, const char *what, sotto_error *err) {
    sotto_str    bytes = sotto_str_from(text);
    json_t      *value = NULL;
    json_error_t e;
    if (bytes.n > SOTTO_CHAT_JSON_MAX)
        return sotto_fail(err, SOTTO_LIMIT, "%s: %zu bytes of JSON are more than the %d MiB allowed", what, bytes.n,
                          SOTTO_CHAT_JSON_MAX >> 20);
    value = json_loadb(bytes.p, bytes.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!value)
        return sotto_fail(err, SOTTO_INVALID, "%s: not valid JSON at line %d, column %d: %s", what, e.line, e.column,
                          e.text);
    if (sotto_chat_json_too_deep(value)) {
        json_decref(value);
        return sotto_fail(err, SOTTO_LIMIT, "%s: JSON nested more than %d deep", what, SOTTO_CHAT_JSON_DEPTH_MAX);
    }
    *out = value;
    return SOTTO_OK;
}

/* The same into an array that the scene owns. */
static sotto_status parse(sotto_chat_scene *s, const json_t **out, const char *text, const char *what,
                          sotto_error *err) {
    json_t *value;
    SOTTO_TRY(sotto_chat_json_parse(&value, text, what, err));
    *out = value;
    return json_array_append_new(s->parsed, value) == 0 ? SOTTO_OK : sotto_fail_memory(err, what);
}

/* {"name":...} or {"type":"function","function":{"name":...}}: the inner object, or NULL. */
static json_t *function_of(const json_t *v) {
    json_t *inner = json_object_get(v, "function");
    json_t *f = inner ? inner : (json_t *)v;
    const char *name = json_string_value(json_object_get(f, "name"));
    return name && *name ? f : NULL;
}

static sotto_status add_tools(json_t *tools, const json_t *given, sotto_error *err) {
    if (!json_is_array(given)) return sotto_fail(err, SOTTO_INVALID, "tools: expected a JSON array of functions");
    for (size_t i = 0; i < json_array_size(given); i++) {
        json_t *tool = json_array_get(given, i), *f = function_of(tool);
        if (!f) return sotto_fail(err, SOTTO_INVALID, "tools[%zu]: expected a function with a name", i);
        json_t *whole = f == tool ? json_pack("{s:s, s:O}", "type", "function", "function", f) : json_incref(tool);
        if (!whole || json_array_append_new(tools, whole) != 0) return sotto_fail_memory(err, "tools");
    }
    return SOTTO_OK;
}

sotto_status sotto_chat_tools_parse(json_t **out, const char *text, sotto_error *err) {
    json_t *given, *tools;
    SOTTO_TRY(sotto_chat_json_parse(&given, text, "tools", err));
    tools = json_array();
    sotto_status status = tools ? add_tools(tools, given, err) : sotto_fail_memory(err, "tools");
    json_decref(given);
    if (status == SOTTO_OK) *out = tools;
    else json_decref(tools);
    return status;
}

static sotto_status take_tools(sotto_chat_scene *s, const char *text, sotto_error *err) {
    json_t *tools;
    if (!text) return SOTTO_OK;
    SOTTO_TRY(sotto_chat_tools_parse(&tools, text, err));
    if (json_array_append_new(s->parsed, tools) != 0) return sotto_fail_memory(err, "tools");
    s->tools = json_array_size(tools) && !s->format->tools->deaf ? tools : NULL;
    return SOTTO_OK;
}

static bool is_nine_letters(const char *id) {
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    return id && strlen(id) == 9 && strspn(id, letters) == 9;
}

/* One call; arguments may be an object, absent, or (OpenAI's form) an object as text. */
static sotto_status take_call(sotto_chat_scene *s, sotto_chat_call *call, const json_t *v, const char *what,
                              sotto_error *err) {
    const json_t *f = function_of(v), *arguments = json_object_get(f, "arguments");
    char          inner[96], id[16];
    if (!f) return sotto_fail(err, SOTTO_INVALID, "%s: expected an object with the name of a function", what);
    if (json_is_string(arguments)) {
        (void)snprintf(inner, sizeof inner, "%s.arguments", what);
        SOTTO_TRY(parse(s, &arguments, json_string_value(arguments), inner, err));
    } else if (!arguments) {
        json_t *empty = json_object();
        if (!empty || json_array_append_new(s->parsed, empty) != 0) return sotto_fail_memory(err, what);
        arguments = empty;
    }
    if (!json_is_object(arguments))
        return sotto_fail(err, SOTTO_INVALID, "%s.arguments: expected a JSON object", what);
    if (++s->n_calls > SOTTO_CHAT_CALLS_MAX)
        return sotto_fail(err, SOTTO_LIMIT, "%s: more than %d calls in a conversation", what, SOTTO_CHAT_CALLS_MAX);
    call->name = json_string_value(json_object_get(f, "name"));
    call->arguments = arguments;
    call->given_id = json_string_value(json_object_get(v, "id"));
    call->id = call->given_id;
    if (!is_nine_letters(call->id)) {
        (void)snprintf(id, sizeof id, "call%05zu", s->n_calls);
        call->id = sotto_arena_text(&s->arena, id, strlen(id));
    }
    return call->id ? SOTTO_OK : sotto_fail_memory(err, what);
}

static sotto_status take_calls(sotto_chat_scene *s, sotto_chat_message *m, const char *text, size_t turn,
                               sotto_error *err) {
    char          what[64];
    const json_t *given;
    (void)snprintf(what, sizeof what, "tool_calls of turn %zu", turn);
    SOTTO_TRY(parse(s, &given, text, what, err));
    if (!json_is_array(given)) return sotto_fail(err, SOTTO_INVALID, "%s: expected a JSON array of calls", what);
    m->n_calls = json_array_size(given);
    m->calls = sotto_arena_array(&s->arena, m->n_calls, sizeof *m->calls);
    if (!m->calls && m->n_calls) return sotto_fail_memory(err, what);
    for (size_t i = 0; i < m->n_calls; i++) {
        (void)snprintf(what, sizeof what, "tool_calls[%zu] of turn %zu", i, turn);
        SOTTO_TRY(take_call(s, &m->calls[i], json_array_get(given, i), what, err));
    }
    return SOTTO_OK;
}

/* ---- turns --------------------------------------------------------------------------------------------- */

/* a, a blank line, b; or the one of them that is not empty. The room behind `a` doubles, so that many small
 * turns cost no more than their text. */
static bool join(sotto_chat_scene *s, sotto_chat_text *a, sotto_str b) {
    const size_t gap = sizeof separator - 1;
    size_t       n;
    if (b.n == 0 || a->text.n == 0) {
        if (b.n) *a = (sotto_chat_text){.text = b};
        return true;
    }
    if (!sotto_size_add(a->text.n, b.n, &n) || !sotto_size_add(n, gap, &n) || n > SOTTO_CHAT_TEXT_MAX) return false;
    if (n > a->room) {
        char *text = sotto_arena_alloc(&s->arena, 2 * n);
        if (!text) return false;
        memcpy(text, a->text.p, a->text.n);
        *a = (sotto_chat_text){{text, a->text.n}, text, 2 * n};
    }
    memcpy(a->own + a->text.n, separator, gap);
    memcpy(a->own + a->text.n + gap, b.p, b.n);
    a->text.n = n;
    return true;
}

/* Give the scene a copy of a buffer's text, and release the buffer. */
static bool keep(sotto_chat_scene *s, sotto_buf *b, sotto_str *out) {
    char *copy = b->failed ? NULL : sotto_arena_text(&s->arena, b->data ? b->data : "", b->len);
    *out = (sotto_str){copy, b->len};
    sotto_buf_free(b);
    return copy != NULL;
}

/* Tools as text, for families without a form of their own: in the words of the row, one JSON per line. */
static bool plain_declarations(sotto_chat_scene *s) {
    const sotto_chat_tools *t = s->format->tools;
    sotto_buf               b = {.max = SOTTO_CHAT_TEXT_MAX};
    sotto_str               text;
    sotto_buf_puts(&b, t->declare_before);
    for (size_t i = 0; i < json_array_size(s->tools); i++) {
        if (i) sotto_buf_puts(&b, t->declare_between);
        sotto_chat_json_write(&b, json_object_get(json_array_get(s->tools, i), "function"), t->style);
    }
    s->tools = NULL;
    s->has_system = true;
    return keep(s, &b, &text) && join(s, &s->system, text);
}

static bool plain_calls(sotto_chat_scene *s, sotto_chat_message *m) {
    const sotto_chat_tools *t = s->format->tools;
    sotto_buf               b = {.max = SOTTO_CHAT_TEXT_MAX};
    sotto_str               text;
    for (size_t i = 0; i < m->n_calls; i++) {
        if (i) sotto_buf_puts(&b, t->calls_between);
        sotto_buf_printf(&b, "%s%s%s", t->call_name, m->calls[i].name, t->call_arguments);
        sotto_chat_json_write(&b, m->calls[i].arguments, t->style);
        sotto_buf_puts(&b, t->call_after);
    }
    m->n_calls = 0;
    return keep(s, &b, &text) && join(s, &m->said, text);
}

static bool plain_result(sotto_chat_scene *s, sotto_chat_message *m) {
    const sotto_chat_tools *t = s->format->tools;
    sotto_buf               b = {.max = SOTTO_CHAT_TEXT_MAX};
    sotto_buf_printf(&b, "%s%s%s", t->result_before, m->tool_name, t->result_after);
    sotto_buf_append(&b, m->said.text.p, m->said.text.n);
    m->role = SOTTO_CHAT_USER;
    m->said = (sotto_chat_text){0};
    return keep(s, &b, &m->said.text);
}

/* Append a turn, or merge it with the last one. */
static bool push(sotto_chat_scene *s, sotto_chat_message m) {
    sotto_chat_message *last = s->n ? &s->turns[s->n - 1] : NULL;
    if (s->format->tools->plain && m.n_calls && !plain_calls(s, &m)) return false;
    if (s->format->tools->plain && m.role == SOTTO_CHAT_TOOL && !plain_result(s, &m)) return false;
    if (!last || last->role != m.role || m.role == SOTTO_CHAT_TOOL) {
        s->turns[s->n++] = m; /* there is room for all: see sotto_chat_scene_make */
        return true;
    }
    if (!join(s, &last->said, m.said.text)) return false;
    if (m.n_calls == 0) return true;
    sotto_chat_call *calls = sotto_arena_array(&s->arena, last->n_calls + m.n_calls, sizeof *calls);
    if (!calls) return false;
    if (last->n_calls) memcpy(calls, last->calls, last->n_calls * sizeof *calls);
    memcpy(calls + last->n_calls, m.calls, m.n_calls * sizeof *calls);
    last->calls = calls;
    last->n_calls += m.n_calls;
    return true;
}

/* Which call of the turn before is answered here: by its id, else the results come in the order of the calls. */
static void find_call(sotto_chat_message *m, const sotto_chat_message *asked, size_t nth, const char *id) {
    const sotto_chat_call *call = asked && nth < asked->n_calls ? &asked->calls[nth] : NULL;
    for (size_t i = 0; id && asked && i < asked->n_calls; i++)
        if (asked->calls[i].given_id && strcmp(asked->calls[i].given_id, id) == 0) call = &asked->calls[i];
    if (!m->tool_name) m->tool_name = call ? call->name : "unknown";
    m->call_id = call ? call->id : is_nine_letters(id) ? id : "call00000";
}

static bool role_of(const char *name, sotto_chat_role *role) {
    static const struct { const char *name; sotto_chat_role role; } names[] = {
        {"system", SOTTO_CHAT_SYSTEM},       {"developer", SOTTO_CHAT_SYSTEM}, {"user", SOTTO_CHAT_USER},
        {"assistant", SOTTO_CHAT_ASSISTANT}, {"model", SOTTO_CHAT_ASSISTANT},  {"tool", SOTTO_CHAT_TOOL},
    };
    for (size_t i = 0; i < SOTTO_COUNT(names); i++) {
        if (!name || strcmp(name, names[i].name) != 0) continue;
        *role = names[i].role;
        return true;
    }
    return false;
}

/* What a model that hears no results is not shown: system turns, results, and the sentence that was made of them. */
static bool is_unheard(sotto_chat_role role, sotto_chat_role before) {
    return role == SOTTO_CHAT_SYSTEM || role == SOTTO_CHAT_TOOL ||
           (role == SOTTO_CHAT_ASSISTANT && before == SOTTO_CHAT_TOOL);
}

static sotto_status take_turns(sotto_chat_scene *s, const sotto_chat_turn *turns, size_t n, sotto_error *err) {
    sotto_chat_role    before = SOTTO_CHAT_USER;
    sotto_chat_message asked = {0}; /* the calls that are being answered */
    size_t             answered = 0;
    bool               leading = true;
    for (size_t i = 0; i < n; i++) {
        const sotto_chat_turn *t = &turns[i];
        sotto_chat_message     m = {.said.text = sotto_str_from(t->content), .tool_name = t->tool_name};
        if (!role_of(t->role, &m.role))
            return sotto_fail(err, SOTTO_INVALID,
                              "turn %zu: unknown role \"%s\", not one of system, developer, user, assistant, model, "
                              "tool", i + 1, t->role ? t->role : "");
        if (t->tool_calls && m.role != SOTTO_CHAT_ASSISTANT)
            return sotto_fail(err, SOTTO_INVALID, "turn %zu: only an assistant's turn has tool_calls", i + 1);
        if (t->tool_calls) SOTTO_TRY(take_calls(s, &m, t->tool_calls, i + 1, err));
        if (m.role == SOTTO_CHAT_TOOL) {
            find_call(&m, &asked, answered++, t->tool_call_id);
        } else {
            asked = m;
            answered = 0;
        }
        bool unheard = s->format->tools->deaf && !m.n_calls && is_unheard(m.role, before);
        before = m.role;
        if (unheard && !(s->continue_last && i + 1 == n)) continue;
        leading = leading && m.role == SOTTO_CHAT_SYSTEM;
        s->has_system |= leading;
        if (!leading && m.role == SOTTO_CHAT_SYSTEM && !(s->format->flags & SOTTO_CHAT_SYSTEM_LATER))
            m.role = SOTTO_CHAT_USER;
        if (leading ? !join(s, &s->system, m.said.text) : !push(s, m))
            return sotto_chat_fail_size(err);
    }
    return SOTTO_OK;
}

/* ---- the scene ----------------------------------------------------------------------------------------- */

sotto_status sotto_chat_scene_make(sotto_chat_scene *s, const sotto_chat_turn *turns, size_t n,
                                   const sotto_chat_params *params, sotto_error *err) {
    static const sotto_chat_params none = {0};
    const sotto_chat_params       *p = params ? params : &none;
    unsigned                       flags = s->format->flags;
    s->thinking = p->thinking;
    s->continue_last = p->continue_last;
    s->date = p->date;
    s->parsed = json_array();
    /* One more, for an empty user turn. */
    s->turns = n < SIZE_MAX ? sotto_arena_array(&s->arena, n + 1, sizeof *s->turns) : NULL;
    if (!s->parsed || !s->turns) return sotto_fail_memory(err, "a conversation");
    SOTTO_TRY(take_tools(s, p->tools, err));
    SOTTO_TRY(take_turns(s, turns, n, err));
    if (s->tools && s->format->tools->plain && !plain_declarations(s)) return sotto_chat_fail_size(err);
    bool user_first = (flags & SOTTO_CHAT_USER_FIRST) || (s->tools && (flags & SOTTO_CHAT_TOOLS_IN_FIRST));
    if (user_first && (s->n == 0 || s->turns[0].role != SOTTO_CHAT_USER)) {
        memmove(s->turns + 1, s->turns, s->n * sizeof *s->turns);
        s->turns[0] = (sotto_chat_message){.role = SOTTO_CHAT_USER};
        s->n++;
    }
    s->last_user = s->n;
    for (size_t i = 0; i < s->n; i++)
        if (s->turns[i].role == SOTTO_CHAT_USER) s->last_user = i;
    if (s->continue_last && (s->n == 0 || s->turns[s->n - 1].role != SOTTO_CHAT_ASSISTANT))
        return sotto_fail(err, SOTTO_INVALID, "to continue the last turn it must be the assistant's");
    return SOTTO_OK;
}

void sotto_chat_scene_free(sotto_chat_scene *s) {
    json_decref(s->parsed);
    sotto_arena_free(&s->arena);
}
