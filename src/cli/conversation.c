/* A conversation as chat keeps it, and its file: {"messages":[{"role":...,"content":...},...]}, the form that
 * most other programs read too. */
#include "cli/cli.h"

#include <stdlib.h>

enum { MAX_FILE_BYTES = 64 << 20 };

/* NULL stays NULL; false: out of memory. */
static bool copy_text(const char **to, const char *text) {
    size_t n = text ? strlen(text) + 1 : 0;
    char  *copy = text ? malloc(n) : NULL;
    if (copy) memcpy(copy, text, n);
    *to = copy;
    return copy || !text;
}

static void free_turn(sotto_chat_turn *t) {
    free((char *)t->content);
    free((char *)t->tool_calls);
    free((char *)t->tool_name);
}

bool sotto_cli_conversation_add(sotto_cli_conversation *c, const sotto_chat_turn *turn) {
    if (c->n == c->cap) {
        size_t          cap = c->cap ? c->cap * 2 : 16;
        sotto_cli_turn *turns = realloc(c->turns, cap * sizeof *turns);
        if (!turns) return false;
        c->turns = turns;
        c->cap = cap;
    }
    bool            user = strcmp(turn->role, "user") == 0;
    sotto_chat_turn said = {.role = user ? "user" : strcmp(turn->role, "tool") == 0 ? "tool" : "assistant"};
    if (!copy_text(&said.content, turn->content ? turn->content : "") ||
        !copy_text(&said.tool_calls, turn->tool_calls) || !copy_text(&said.tool_name, turn->tool_name)) {
        free_turn(&said);
        return false;
    }
    c->turns[c->n++] = (sotto_cli_turn){user, said, -1};
    return true;
}

bool sotto_cli_conversation_set_system(sotto_cli_conversation *c, const char *text) {
    const char *system;
    if (!copy_text(&system, text && *text ? text : NULL)) return false;
    free((char *)c->system);
    c->system = system;
    for (size_t i = 0; i < c->n; i++) c->turns[i].start = -1; /* everything moves */
    return true;
}

void sotto_cli_conversation_cut(sotto_cli_conversation *c, size_t n) {
    while (c->n > n) free_turn(&c->turns[--c->n].said);
    c->first = SOTTO_MIN(c->first, c->n);
}

void sotto_cli_conversation_free(sotto_cli_conversation *c) {
    sotto_cli_conversation_cut(c, 0);
    free(c->turns);
    free((char *)c->system);
    *c = (sotto_cli_conversation){0};
}

size_t sotto_cli_conversation_last_user(const sotto_cli_conversation *c) {
    for (size_t i = c->n; i-- > 0;)
        if (c->turns[i].user) return i;
    return c->n;
}

sotto_chat_turn *sotto_cli_conversation_view(const sotto_cli_conversation *c, size_t end, size_t *n) {
    sotto_chat_turn *view = calloc(c->n + 1, sizeof *view);
    if (!view) return NULL;
    *n = 0;
    if (c->system) view[(*n)++] = (sotto_chat_turn){.role = "system", .content = c->system};
    for (size_t i = c->first; i < end; i++) view[(*n)++] = c->turns[i].said;
    return view;
}

/* ---- files --------------------------------------------------------------------------------------------- */

static bool put_message(json_t *messages, const sotto_chat_turn *t) {
    json_t *text = sotto_cli_json_text(t->content, strlen(t->content));
    json_t *m = json_pack("{s:s, s:o}", "role", t->role, "content", text);
    bool    ok = m != NULL;
    if (ok && t->tool_name) ok = json_object_set_new(m, "name", json_string(t->tool_name)) == 0;
    if (ok && t->tool_calls) ok = json_object_set_new(m, "tool_calls", json_loads(t->tool_calls, 0, NULL)) == 0;
    return json_array_append_new(messages, m) == 0 && ok;
}

static json_t *to_json(const sotto_cli_conversation *c) {
    json_t         *messages = json_array();
    sotto_chat_turn system = {.role = "system", .content = c->system};
    bool            ok = messages && (!c->system || put_message(messages, &system));
    for (size_t i = 0; i < c->n && ok; i++) ok = put_message(messages, &c->turns[i].said);
    if (ok) return json_pack("{s:o}", "messages", messages);
    json_decref(messages);
    return NULL;
}

sotto_status sotto_cli_conversation_save(const sotto_cli_conversation *c, const char *path,
                                         sotto_error *err) {
    json_t       *doc = to_json(c);
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

static const char *const roles[] = {"user", "assistant", "model", "tool"};

static sotto_status add_message(sotto_cli_conversation *c, json_t *message, const char *path, size_t i,
                                sotto_error *err) {
    const char *role = json_string_value(json_object_get(message, "role"));
    const char *text = json_string_value(json_object_get(message, "content"));
    json_t     *calls = json_object_get(message, "tool_calls");
    if (!role || (!text && !calls))
        return sotto_fail(err, SOTTO_FORMAT, "%s: message %zu lacks a role or a content that is text", path,
                          i + 1);
    bool system = strcmp(role, "system") == 0 || strcmp(role, "developer") == 0, known = system;
    if (system && i != 0)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "%s: message %zu is a system prompt; only the first can be",
                          path, i + 1);
    for (size_t k = 0; k < SOTTO_COUNT(roles); k++) known = known || strcmp(role, roles[k]) == 0;
    if (!known)
        return sotto_fail(err, SOTTO_UNSUPPORTED,
                          "%s: message %zu has the role \"%.40s\": chat knows system, user, assistant and tool",
                          path, i + 1, role);
    char           *written = calls ? json_dumps(calls, JSON_COMPACT) : NULL;
    sotto_chat_turn turn = {.role = role, .content = text, .tool_calls = written,
                            .tool_name = json_string_value(json_object_get(message, "name"))};
    bool ok = (written || !calls) &&
              (system ? sotto_cli_conversation_set_system(c, text) : sotto_cli_conversation_add(c, &turn));
    free(written);
    return ok ? SOTTO_OK : sotto_fail_memory(err, "the conversation");
}

static sotto_status from_json(sotto_cli_conversation *c, json_t *doc, const char *path, sotto_error *err) {
    json_t *messages = json_object_get(doc, "messages");
    if (!json_is_array(messages))
        return sotto_fail(err, SOTTO_FORMAT, "%s: is no conversation: there is no array \"messages\" in it",
                          path);
    for (size_t i = 0; i < json_array_size(messages); i++)
        SOTTO_TRY(add_message(c, json_array_get(messages, i), path, i, err));
    return SOTTO_OK;
}

sotto_status sotto_cli_conversation_load(sotto_cli_conversation *c, const char *path, sotto_error *err) {
    sotto_file file;
    SOTTO_TRY(sotto_file_open(&file, path, false, err));
    json_error_t           why = {.text = "it is too large"};
    json_t                *doc = NULL;
    sotto_cli_conversation loaded = {0};
    if (file.size <= MAX_FILE_BYTES)
        doc = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, &why);
    sotto_status status =
        doc ? from_json(&loaded, doc, path, err)
            : sotto_fail(err, SOTTO_FORMAT, "%s: is no conversation: line %d: %s", path, why.line, why.text);
    json_decref(doc);
    sotto_file_close(&file);
    if (status) {
        sotto_cli_conversation_free(&loaded);
        return status;
    }
    sotto_cli_conversation_free(c);
    *c = loaded;
    return SOTTO_OK;
}
