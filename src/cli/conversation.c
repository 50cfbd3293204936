/* Conversations as files: {"messages":[{"role":...,"content":...},...]}, the form that most other programs read too. */
#include "cli/cli.h"

#include <stdlib.h>

enum { MAX_FILE_BYTES = 64 << 20 };

size_t sotto_cli_last_user(const sotto_dialog *d) {
    size_t                 n;
    const sotto_chat_turn *turns = sotto_dialog_turns(d, &n);
    for (size_t i = n; i-- > 0;)
        if (strcmp(turns[i].role, "user") == 0) return i;
    return n;
}

void sotto_cli_chat_cut(sotto_cli_chat *chat, size_t n) {
    sotto_dialog_cut(chat->dialog, n);
    chat->same = SOTTO_MIN(chat->same, n);
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static bool put_message(json_t *messages, const sotto_chat_turn *t) {
    json_t *text = sotto_cli_json_text(t->content, strlen(t->content));
    json_t *m = json_pack("{s:s, s:o}", "role", t->role, "content", text);
    bool    ok = m != NULL;
    if (ok && t->tool_name) ok = json_object_set_new(m, "name", json_string(t->tool_name)) == 0;
    if (ok && t->tool_calls) ok = json_object_set_new(m, "tool_calls", json_loads(t->tool_calls, 0, NULL)) == 0;
    return json_array_append_new(messages, m) == 0 && ok;
}

static json_t *to_json(const sotto_dialog *d) {
    size_t                 n;
    const sotto_chat_turn *turns = sotto_dialog_turns(d, &n);
    json_t                *messages = json_array();
    sotto_chat_turn        system = {.role = "system", .content = sotto_dialog_system(d)};
    bool                   ok = messages && (!system.content || put_message(messages, &system));
    for (size_t i = 0; i < n && ok; i++) ok = put_message(messages, &turns[i]);
    if (ok) return json_pack("{s:o}", "messages", messages);
    json_decref(messages);
    return NULL;
}

sotto_status sotto_cli_conversation_save(const sotto_dialog *d, const char *path, sotto_error *err) {
    json_t       *doc = to_json(d);
    char         *text = doc ? json_dumps(doc, JSON_INDENT(1)) : NULL;
    sotto_writer *w = NULL;
    sotto_status  status =
        text ? sotto_writer_open(&w, path, err) : sotto_fail_memory(err, "the conversation");
    json_decref(doc);
    if (!status) status = sotto_writer_write(w, text, strlen(text), err);
    if (!status) status = sotto_writer_write(w, "\n", 1, err);
    if (!status)
        status = sotto_writer_commit(w, err);
    else
        sotto_writer_close(w);
    free(text);
    return status;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static bool is_system(json_t *message) {
    const char *role = json_string_value(json_object_get(message, "role"));
    return role && (strcmp(role, "system") == 0 || strcmp(role, "developer") == 0);
}

static sotto_status check_message(json_t *message, const char *path, size_t i, sotto_error *err) {
    static const char *const roles[] = {"user", "assistant", "model", "tool"};
    const char              *role = json_string_value(json_object_get(message, "role"));
    const char              *text = json_string_value(json_object_get(message, "content"));
    bool                     known = is_system(message);
    if (!role || (!text && !json_object_get(message, "tool_calls")))
        return sotto_fail(err, SOTTO_FORMAT, "%s: message %zu lacks a role or a content that is text", path,
                          i + 1);
    if (known && i != 0)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "%s: message %zu is a system prompt; only the first can be",
                          path, i + 1);
    for (size_t k = 0; k < SOTTO_COUNT(roles); k++) known = known || strcmp(role, roles[k]) == 0;
    if (known) return SOTTO_OK;
    return sotto_fail(err, SOTTO_UNSUPPORTED,
                      "%s: message %zu has the role \"%.40s\": chat knows system, user, assistant and tool",
                      path, i + 1, role);
}

static sotto_status add_message(sotto_dialog *d, json_t *message, sotto_error *err) {
    json_t         *calls = json_object_get(message, "tool_calls");
    char           *written = calls ? json_dumps(calls, JSON_COMPACT) : NULL;
    sotto_chat_turn turn = {.role = json_string_value(json_object_get(message, "role")),
                            .content = json_string_value(json_object_get(message, "content")),
                            .tool_calls = written,
                            .tool_name = json_string_value(json_object_get(message, "name"))};
    sotto_status status = written || !calls ? sotto_dialog_add(d, &turn, err)
                                            : sotto_fail_memory(err, "the conversation");
    free(written);
    return status;
}

/* All is checked before anything is changed. */
static sotto_status from_json(sotto_cli_chat *chat, json_t *doc, const char *path, sotto_error *err) {
    json_t *messages = json_object_get(doc, "messages"), *first = json_array_get(messages, 0);
    size_t  n = json_array_size(messages), has_system = is_system(first);
    if (!json_is_array(messages))
        return sotto_fail(err, SOTTO_FORMAT, "%s: is no conversation: there is no array \"messages\" in it",
                          path);
    for (size_t i = 0; i < n; i++) SOTTO_TRY(check_message(json_array_get(messages, i), path, i, err));
    const char *system = has_system ? json_string_value(json_object_get(first, "content")) : NULL;
    SOTTO_TRY(sotto_cli_chat_configure(chat, system, err));
    sotto_dialog_cut(chat->dialog, 0);
    for (size_t i = has_system; i < n; i++) SOTTO_TRY(add_message(chat->dialog, json_array_get(messages, i), err));
    return SOTTO_OK;
}

sotto_status sotto_cli_conversation_load(sotto_cli_chat *chat, const char *path, sotto_error *err) {
    sotto_file file;
    SOTTO_TRY(sotto_file_open(&file, path, false, err));
    json_error_t why = {.text = "it is too large"};
    json_t      *doc = NULL;
    if (file.size <= MAX_FILE_BYTES)
        doc = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, &why);
    sotto_status status =
        doc ? from_json(chat, doc, path, err)
            : sotto_fail(err, SOTTO_FORMAT, "%s: is no conversation: line %d: %s", path, why.line, why.text);
    json_decref(doc);
    sotto_file_close(&file);
    return status;
}
