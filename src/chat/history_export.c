/* A conversation written out: as Markdown for people, as JSON for programs. */
#include "chat/history.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/os.h"

/* What an export has come to. */
typedef struct export {
    sotto_buf text;     /* Markdown */
    json_t   *messages; /* JSON */
} export;

/* ---- Markdown ------------------------------------------------------------------------------------------- */

static void put_time(sotto_buf *b, const char *what, int64_t t) {
    sotto_wall w;
    if (sotto_wall_from_unix(&w, t))
        (void)sotto_buf_printf(b, "- %s: %04d-%02d-%02d %02d:%02d\n", what, w.year, w.month, w.day, w.hour, w.minute);
}

static void put_text(sotto_buf *b, const char *text) {
    (void)sotto_buf_puts(b, text);
    (void)sotto_buf_puts(b, *text && text[strlen(text) - 1] == '\n' ? "\n" : "\n\n");
}

/* JSON in the form of code, each line four spaces in. */
static void put_code(sotto_buf *b, const char *text) {
    (void)sotto_buf_puts(b, "    ");
    for (; *text; text++) {
        (void)sotto_buf_putc(b, *text);
        if (*text == '\n') (void)sotto_buf_puts(b, "    ");
    }
    (void)sotto_buf_puts(b, "\n\n");
}

static void put_calls(sotto_buf *b, const char *calls) {
    json_t *list = json_loads(calls, 0, NULL), *call;
    size_t  i;
    if (!json_is_array(list)) put_code(b, calls);
    json_array_foreach(list, i, call) {
        json_t     *function = json_object_get(call, "function"), *from = function ? function : call;
        const char *name = json_string_value(json_object_get(from, "name"));
        char       *arguments = json_dumps(json_object_get(from, "arguments"), JSON_COMPACT | JSON_ENCODE_ANY);
        sotto_buf   line = {0};
        (void)sotto_buf_printf(&line, "%s %s", name ? name : "?", arguments ? arguments : "");
        put_code(b, sotto_buf_str(&line).p);
        b->failed |= line.failed;
        sotto_buf_free(&line);
        free(arguments);
    }
    json_decref(list);
}

static sotto_status put_markdown(void *user, const sotto_chat_turn *turn, bool interrupted, sotto_error *err) {
    sotto_buf *b = &((export *)user)->text;
    bool       tool = strcmp(turn->role, "tool") == 0;
    (void)sotto_buf_printf(b, "## %s\n\n", tool ? "Tool" : strcmp(turn->role, "user") == 0 ? "You" : "sotto");
    if (tool) put_code(b, turn->content);
    else if (*turn->content) put_text(b, turn->content);
    if (turn->tool_calls) put_calls(b, turn->tool_calls);
    if (interrupted) (void)sotto_buf_puts(b, "*(interrupted)*\n\n");
    return b->failed ? sotto_fail_memory(err, "a conversation") : SOTTO_OK;
}

static sotto_status put_title(void *user, const sotto_chat_turn *turn, bool interrupted, sotto_error *err) {
    sotto_buf *title = user;
    (void)interrupted;
    (void)err;
    if (title->len == 0 && strcmp(turn->role, "user") == 0) sotto_history_title(title, turn->content);
    return SOTTO_OK;
}

static sotto_status to_markdown(sotto_history *h, int64_t id, const sotto_history_head *head, export *x,
                                sotto_error *err) {
    sotto_buf   *b = &x->text, title = {0};
    sotto_status status = sotto_history_each(h, id, put_title, &title, err);
    (void)sotto_buf_printf(b, "# %s\n\n- %s with %s\n", title.len ? title.data : "Conversation", head->kind,
                           *head->model ? head->model : "an unknown model");
    b->failed |= title.failed;
    sotto_buf_free(&title);
    put_time(b, "begun", head->begun);
    put_time(b, "changed", head->changed);
    (void)sotto_buf_puts(b, "\n");
    if (head->system) {
        (void)sotto_buf_puts(b, "## System\n\n");
        put_text(b, head->system);
    }
    return status == SOTTO_OK ? sotto_history_each(h, id, put_markdown, x, err) : status;
}

/* ---- JSON ----------------------------------------------------------------------------------------------- */

static bool set_text(json_t *message, const char *key, const char *text) {
    return !text || json_object_set_new(message, key, json_string(text)) == 0;
}

static sotto_status put_message(void *user, const sotto_chat_turn *turn, bool interrupted, sotto_error *err) {
    json_t *m = json_pack("{s:s, s:s}", "role", turn->role, "content", turn->content);
    json_t *calls = turn->tool_calls ? json_loads(turn->tool_calls, 0, NULL) : NULL;
    bool    ok = m && set_text(m, "name", turn->tool_name) && set_text(m, "tool_call_id", turn->tool_call_id) &&
              (!calls || json_object_set(m, "tool_calls", calls) == 0) &&
              (!interrupted || json_object_set_new(m, "interrupted", json_true()) == 0);
    ok = json_array_append_new(((export *)user)->messages, m) == 0 && ok;
    json_decref(calls);
    return ok ? SOTTO_OK : sotto_fail_memory(err, "a conversation");
}

static sotto_status to_json(sotto_history *h, int64_t id, const sotto_history_head *head, export *x,
                            sotto_error *err) {
    sotto_chat_turn system = {.role = "system", .content = head->system};
    if (!(x->messages = json_array())) return sotto_fail_memory(err, "a conversation");
    if (system.content) SOTTO_TRY(put_message(x, &system, false, err));
    SOTTO_TRY(sotto_history_each(h, id, put_message, x, err));
    json_t *doc = json_pack("{s:I, s:s, s:s, s:I, s:I, s:O}", "id", (json_int_t)id, "kind", head->kind, "model",
                            head->model, "begun", (json_int_t)head->begun, "changed", (json_int_t)head->changed,
                            "messages", x->messages);
    char *text = doc ? json_dumps(doc, JSON_INDENT(1)) : NULL;
    bool  ok = text && sotto_buf_puts(&x->text, text) && sotto_buf_putc(&x->text, '\n');
    json_decref(doc);
    free(text);
    return ok ? SOTTO_OK : sotto_fail_memory(err, "a conversation");
}

sotto_status sotto_history_export(sotto_history *h, int64_t id, sotto_history_form form, sotto_bytes *out,
                                  sotto_error *err) {
    sotto_history_head head;
    export             x = {0};
    SOTTO_TRY(sotto_history_find(h, id, &head, err));
    sotto_status status = form == SOTTO_HISTORY_JSON ? to_json(h, id, &head, &x, err)
                                                     : to_markdown(h, id, &head, &x, err);
    (void)sqlite3_finalize(head.row);
    json_decref(x.messages);
    if (status == SOTTO_OK && x.text.failed) status = sotto_fail_memory(err, "a conversation");
    if (status != SOTTO_OK) {
        sotto_buf_free(&x.text);
        return status;
    }
    sotto_bytes_free(out);
    *out = (sotto_bytes){x.text.data, x.text.len};
    return SOTTO_OK;
}
