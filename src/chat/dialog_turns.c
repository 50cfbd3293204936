/* A dialog: opening, its options, its turns. */
#include "chat/dialog.h"

#include <stdlib.h>

bool sotto_dialog_copy(const char **to, const char *text) {
    size_t n = text ? strlen(text) + 1 : 0;
    char  *copy = text ? malloc(n) : NULL;
    if (copy) memcpy(copy, text, n);
    *to = copy;
    return copy || !text;
}

bool sotto_dialog_is(const sotto_chat_turn *turn, const char *role) { return strcmp(turn->role, role) == 0; }

void sotto_dialog_forget_starts(sotto_dialog *d, size_t i) {
    for (; i < d->n; i++) d->starts[i] = -1;
}

/* ---- opening -------------------------------------------------------------------------------------------- */

sotto_dialog_options sotto_dialog_options_default(void) { return (sotto_dialog_options){0}; }

sotto_status sotto_dialog_configure(sotto_dialog *d, const sotto_dialog_options *opt, sotto_error *err) {
    sotto_dialog_options   o = opt ? *opt : sotto_dialog_options_default();
    sotto_generate_options generate = o.generate ? *o.generate : sotto_generate_options_default();
    const char            *system;
    if (!sotto_dialog_copy(&system, o.system && *o.system ? o.system : NULL))
        return sotto_fail_memory(err, "a system prompt");
    free((char *)d->options.system);
    generate.tools = o.tools;
    d->generate = generate;
    d->options = o;
    d->options.generate = &d->generate;
    d->options.system = system;
    sotto_dialog_forget_starts(d, 0);
    return SOTTO_OK;
}

sotto_status sotto_dialog_open(sotto_dialog **out, sotto_session *session, const sotto_dialog_options *opt,
                               sotto_error *err) {
    sotto_dialog    *d = calloc(1, sizeof *d);
    sotto_model_info info;
    if (!d) return sotto_fail_memory(err, "a dialog");
    d->session = session;
    d->model = sotto_session_model(session);
    sotto_model_get_info(d->model, &info);
    d->hears_results = info.hears_results;
    sotto_status status = sotto_dialog_configure(d, opt, err);
    if (status == SOTTO_OK) *out = d;
    else free(d);
    return status;
}

void sotto_dialog_close(sotto_dialog *d) {
    if (!d) return;
    sotto_dialog_cut(d, 0);
    free((char *)d->options.system);
    free(d->turns);
    free(d->starts);
    free(d);
}

const char *sotto_dialog_system(const sotto_dialog *d) { return d->options.system; }

/* ---- turns ---------------------------------------------------------------------------------------------- */

const sotto_chat_turn *sotto_dialog_turns(const sotto_dialog *d, size_t *n) {
    *n = d->n;
    return d->turns;
}

size_t sotto_dialog_first_seen(const sotto_dialog *d) { return d->first; }

static void free_turn(sotto_chat_turn *t) {
    free((char *)t->content);
    free((char *)t->tool_calls);
    free((char *)t->tool_name);
    free((char *)t->tool_call_id);
}

static bool grow(sotto_dialog *d) {
    if (d->n < d->cap) return true;
    size_t           cap = d->cap ? d->cap * 2 : 16;
    sotto_chat_turn *turns = realloc(d->turns, cap * sizeof *turns);
    if (turns) d->turns = turns;
    int32_t *starts = turns ? realloc(d->starts, cap * sizeof *starts) : NULL;
    if (!starts) return false;
    d->starts = starts;
    d->cap = cap;
    return true;
}

static const char *role_of(const sotto_chat_turn *turn) {
    static const char *const names[][2] = {
        {"user", "user"}, {"assistant", "assistant"}, {"model", "assistant"}, {"tool", "tool"}};
    for (size_t i = 0; turn->role && i < SOTTO_COUNT(names); i++)
        if (strcmp(turn->role, names[i][0]) == 0) return names[i][1];
    return NULL;
}

sotto_status sotto_dialog_add(sotto_dialog *d, const sotto_chat_turn *turn, sotto_error *err) {
    sotto_chat_turn copy = {.role = role_of(turn)};
    if (!copy.role)
        return sotto_fail(err, SOTTO_INVALID, "a dialog has turns of a user, an assistant and a tool, not of \"%.40s\"",
                          turn->role ? turn->role : "");
    if (!grow(d) || !sotto_dialog_copy(&copy.content, turn->content ? turn->content : "") ||
        !sotto_dialog_copy(&copy.tool_calls, turn->tool_calls) ||
        !sotto_dialog_copy(&copy.tool_name, turn->tool_name) ||
        !sotto_dialog_copy(&copy.tool_call_id, turn->tool_call_id)) {
        free_turn(&copy);
        return sotto_fail_memory(err, "the conversation");
    }
    d->starts[d->n] = -1;
    d->turns[d->n++] = copy;
    return SOTTO_OK;
}

void sotto_dialog_cut(sotto_dialog *d, size_t n) {
    while (d->n > n) free_turn(&d->turns[--d->n]);
    d->first = SOTTO_MIN(d->first, d->n);
}

sotto_status sotto_dialog_amend(sotto_dialog *d, const char *text, sotto_error *err) {
    size_t      i = d->n;
    const char *copy;
    while (i > 0 && !sotto_dialog_is(&d->turns[i - 1], "assistant")) i--;
    if (i == 0) return sotto_fail(err, SOTTO_INVALID, "the model has not said anything yet that could be amended");
    if (!sotto_dialog_copy(&copy, text ? text : "")) return sotto_fail_memory(err, "the conversation");
    free((char *)d->turns[i - 1].content);
    d->turns[i - 1].content = copy;
    sotto_dialog_forget_starts(d, i);
    return SOTTO_OK;
}
