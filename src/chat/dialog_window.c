/* What of a dialog the model sees: its prompt, the places at which a long conversation is cut, and the session that is
 * brought to it. */
#include "chat/dialog.h"

#include <stdlib.h>

size_t sotto_dialog_common(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b) {
    size_t n = 0;
    while (n < SOTTO_MIN(n_a, n_b) && a[n] == b[n]) n++;
    return n;
}

sotto_status sotto_dialog_render(const sotto_dialog *d, size_t end, const char *text, sotto_tokens *out,
                                 sotto_error *err) {
    sotto_chat_params params = {.thinking = d->options.thinking, .tools = d->options.tools};
    sotto_chat_turn  *view = calloc(end - d->first + 1, sizeof *view);
    size_t            n = 0;
    if (!view) return sotto_fail_memory(err, "the conversation");
    if (d->options.system) view[n++] = (sotto_chat_turn){.role = "system", .content = d->options.system};
    for (size_t i = d->first; i < end; i++) view[n++] = d->turns[i];
    if (text) view[n - 1].content = text;
    out->n = 0;
    sotto_status status = sotto_chat_tokens(d->model, view, n, &params, out, err);
    free(view);
    return status;
}

/* ---- sliding -------------------------------------------------------------------------------------------- */

/* Room made for an answer: a quarter of the context, or max_tokens. */
bool sotto_dialog_has_room(const sotto_dialog *d, size_t n_prompt) {
    int32_t context = sotto_session_context(d->session), quarter = context / 4, most = d->generate.max_tokens;
    return n_prompt <= (size_t)(context - (most >= 0 && most < quarter ? most : quarter));
}

/* What two prompts that differ in the last turn only have in common stands before that turn's text. */
static sotto_status find_start(sotto_dialog *d, size_t turn, sotto_error *err) {
    sotto_tokens a = {0}, b = {0};
    sotto_status status = d->starts[turn] >= 0 ? SOTTO_OK : sotto_dialog_render(d, turn + 1, "a", &a, err);
    if (status == SOTTO_OK && d->starts[turn] < 0) {
        status = sotto_dialog_render(d, turn + 1, "b", &b, err);
        if (status == SOTTO_OK) d->starts[turn] = (int32_t)sotto_dialog_common(a.ids, a.n, b.ids, b.n);
    }
    sotto_tokens_free(&a);
    sotto_tokens_free(&b);
    return status;
}

/* The places at which sliding may cut: those of the user turns that are seen. */
static sotto_status find_window(sotto_dialog *d, sotto_dialog_window *window, sotto_error *err) {
    free(window->turns);
    *window = (sotto_dialog_window){.turns = calloc(d->n + 1, sizeof *window->turns)};
    if (!window->turns) return sotto_fail_memory(err, "the conversation");
    for (size_t i = d->first; i < d->n; i++) {
        if (!sotto_dialog_is(&d->turns[i], "user")) continue;
        SOTTO_TRY(find_start(d, i, err));
        window->turns[window->n_turns++] = d->starts[i];
    }
    window->keep = window->n_turns ? window->turns[0] : 0;
    return SOTTO_OK;
}

void sotto_dialog_forget_turns(sotto_dialog *d, int32_t n) {
    int32_t begin = -1;
    size_t  next = d->first;
    for (size_t i = d->first; i < d->n; i++) {
        if (!sotto_dialog_is(&d->turns[i], "user") || d->starts[i] < 0) continue;
        if (begin < 0) begin = d->starts[i];
        if (d->starts[i] - begin <= n) next = i;
    }
    if (next == d->first) return;
    d->first = next;
    sotto_dialog_forget_starts(d, 0);
}

/* Before a prompt that leaves no room for an answer: drop the oldest turns from the session, so that what stays need
 * not be computed again. `prompt` is the whole conversation. */
static sotto_status slide(sotto_dialog *d, const sotto_tokens *prompt, const sotto_dialog_window *window,
                          int32_t *n_dropped, sotto_error *err) {
    int32_t n_drop = 0;
    for (size_t i = 1; i < window->n_turns && !sotto_dialog_has_room(d, prompt->n - (size_t)n_drop); i++)
        n_drop = window->turns[i] - window->keep;
    *n_dropped = n_drop;
    if (!n_drop) return SOTTO_OK;
    size_t         n, end = (size_t)(window->keep + n_drop);
    const int32_t *ids = sotto_session_tokens(d->session, &n);
    /* Else the session holds something else, or the model is so small that a fresh start costs nothing: what is left is
     * computed anew. */
    if (d->hears_results && sotto_dialog_common(ids, n, prompt->ids, prompt->n) >= end) {
        SOTTO_TRY(sotto_session_drop(d->session, (size_t)window->keep, end, err));
        d->slid = true;
    }
    sotto_dialog_forget_turns(d, n_drop);
    return SOTTO_OK;
}

sotto_status sotto_dialog_prepare(sotto_dialog *d, sotto_tokens *prompt, sotto_dialog_window *window,
                                  int32_t *n_dropped, sotto_error *err) {
    *n_dropped = 0;
    SOTTO_TRY(sotto_dialog_render(d, d->n, NULL, prompt, err));
    if (!d->generate.slide) return SOTTO_OK;
    SOTTO_TRY(find_window(d, window, err));
    SOTTO_TRY(slide(d, prompt, window, n_dropped, err));
    if (!*n_dropped) return SOTTO_OK;
    SOTTO_TRY(sotto_dialog_render(d, d->n, NULL, prompt, err));
    return find_window(d, window, err);
}

/* ---- computing ------------------------------------------------------------------------------------------ */

/* After sliding, sync would compute everything anew wherever the answer reads a little differently when it is
 * tokenised again; going on from the common prefix is what the person has asked for. What is computed ahead goes on so
 * too: sync lets layers with a window forget what only an edit of an earlier turn would need, and what is being said
 * may yet turn out to be something else. */
static sotto_status go_on(sotto_dialog *d, const sotto_tokens *prompt, size_t *n_cached, sotto_error *err) {
    size_t         n;
    const int32_t *ids = sotto_session_tokens(d->session, &n);
    *n_cached = sotto_dialog_common(ids, n, prompt->ids, prompt->n);
    if (*n_cached == prompt->n && *n_cached > 0) --*n_cached; /* the last token again, for its logits */
    SOTTO_TRY(sotto_session_rewind(d->session, *n_cached, err));
    return sotto_session_append(d->session, prompt->ids + *n_cached, prompt->n - *n_cached, err);
}

sotto_status sotto_dialog_compute(sotto_dialog *d, const sotto_tokens *prompt, bool ahead, const volatile int *cancel,
                                  size_t *n_cached, sotto_error *err) {
    size_t       computed;
    sotto_status status = SOTTO_INVALID;
    sotto_session_set_cancel(d->session, cancel);
    if (d->slid || ahead) status = go_on(d, prompt, n_cached, err);
    if (status == SOTTO_INVALID) { /* neither, or the session cannot go back so far */
        d->slid = false;
        status = sotto_session_sync(d->session, prompt->ids, prompt->n, err);
        sotto_session_last_sync(d->session, n_cached, &computed);
    }
    sotto_session_set_cancel(d->session, NULL);
    return status;
}
