/* The calls of an answer, each with what is wrong with it: held against the tools that there are. */
#include "text/chat.h"

enum { TOOLS_NAMED_MAX = 16 }; /* in an error */

sotto_status sotto_call_list_open(sotto_call_list *l, const char *text, sotto_error *err) {
    json_t      *list;
    sotto_status status = SOTTO_OK;
    SOTTO_TRY(sotto_chat_tools_parse(&list, text, err));
    l->tools = json_object();
    for (size_t i = 0; status == SOTTO_OK && i < json_array_size(list); i++) {
        json_t *f = json_object_get(json_array_get(list, i), "function");
        (void)sotto_schema_of_tool(f);
        if (json_object_set(l->tools, json_string_value(json_object_get(f, "name")), f) != 0)
            status = sotto_fail_memory(err, "tools");
    }
    json_decref(list);
    return status;
}

void sotto_call_list_close(sotto_call_list *l) {
    json_decref(l->tools);
    sotto_arena_free(&l->arena);
}

const json_t *sotto_call_list_tool(const sotto_call_list *l, sotto_str name) {
    for (void *it = json_object_iter(l->tools); it; it = json_object_iter_next(l->tools, it))
        if (sotto_str_is(name, json_object_iter_key(it))) return json_object_iter_value(it);
    return NULL;
}

static void say_unknown(const sotto_call_list *l, const char *name, sotto_buf *why) {
    size_t n = 0;
    sotto_buf_printf(why, "there is no tool \"%s\"", name);
    for (void *it = json_object_iter(l->tools); it; it = json_object_iter_next(l->tools, it), n++) {
        if (n < TOOLS_NAMED_MAX) sotto_buf_printf(why, "%s%s", n ? ", " : "; there are ", json_object_iter_key(it));
    }
    if (n > TOOLS_NAMED_MAX) sotto_buf_printf(why, " and %zu more", n - TOOLS_NAMED_MAX);
}

static const char *keep(sotto_call_list *l, const sotto_buf *b) {
    const char *copy = b->failed ? NULL : sotto_arena_text(&l->arena, sotto_buf_str(b).p, b->len);
    l->failed |= !copy;
    return copy;
}

/* `why` is empty where nothing is wrong. */
static void add_call(sotto_call_list *l, sotto_str name, const json_t *arguments, const sotto_buf *why) {
    sotto_buf text = {0};
    if (l->n == SOTTO_CALLS_MAX) return;
    if (arguments) sotto_chat_json_write(&text, arguments, SOTTO_JSON_LINE);
    else sotto_buf_puts(&text, "{}");
    const sotto_buf  own = {.data = (char *)name.p, .len = name.n};
    sotto_tool_call  call = {.name = keep(l, &own), .arguments = keep(l, &text)};
    if (why->len || why->failed) call.error = keep(l, why);
    sotto_buf_free(&text);
    if (!l->failed) l->calls[l->n++] = call;
}

void sotto_call_list_add(sotto_call_list *l, const json_t *calls) {
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *call = json_array_get(calls, i), *arguments = json_object_get(call, "arguments");
        sotto_str     name = sotto_str_from(json_string_value(json_object_get(call, "name")));
        const json_t *tool = sotto_call_list_tool(l, name), *schema = json_object_get(tool, "parameters");
        sotto_buf     why = {0};
        if (!tool) say_unknown(l, name.p, &why);
        else sotto_buf_printf(&why, "%s: ", name.p);
        if (tool && (!schema || sotto_schema_fits(schema, arguments, &why))) why.len = 0;
        add_call(l, name, arguments, &why);
        sotto_buf_free(&why);
    }
}

void sotto_call_list_add_broken(sotto_call_list *l, sotto_str name, const char *what) {
    sotto_buf why = {0};
    if (!sotto_utf8_valid(name.p, name.n) || memchr(name.p, '\0', name.n)) name.n = 0;
    sotto_buf_append(&why, name.p, name.n);
    sotto_buf_printf(&why, "%s%s", name.n ? ": " : "", what);
    add_call(l, name, NULL, &why);
    sotto_buf_free(&why);
}
