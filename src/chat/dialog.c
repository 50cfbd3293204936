/* Answers of a dialog, and what is computed before they are asked for.
 *
 *   render -> answer -> calls? -> execute them -> a model that hears results: again from the start
 *                                                 else: their own sentences are the answer */
#include "chat/dialog.h"

#include <jansson.h>
#include <stdlib.h>

#include "os/os.h"

enum { MAX_ROUNDS = 8 }; /* answers to one turn: a model that calls on and on is stopped */

/* One answer of the model, while it comes. */
typedef struct answer {
    sotto_buf text;
    bool      begun; /* some text has come */
    json_t   *calls; /* [{"name","arguments","error"?}]; NULL: none */
} answer;

/* A turn, while it is answered. */
typedef struct turn_run {
    sotto_dialog              *d;
    const sotto_dialog_events *events; /* never NULL */
    const volatile int        *cancel;
    sotto_dialog_answer        out;
    answer                     last;
} turn_run;

static bool cancelled(const turn_run *t) { return sotto_flag_is_set(t->cancel); }

static double ms_since(uint64_t start) { return (double)(sotto_time_ns() - start) / 1e6; }

static void say_dropped(const turn_run *t, int32_t n_tokens) {
    if (n_tokens > 0 && t->events->dropped) t->events->dropped(t->events->user, n_tokens);
}

/* ---- prefill -------------------------------------------------------------------------------------------- */

/* How a text goes on: with the next word, with the rest of the last one, or not at all. */
static const char *const continuations[] = {"", " a", "s"};

/* The prompt of the dialog, whose last turn begins with `said`, as far as how it goes on does not matter. */
static sotto_status sure_prompt(sotto_dialog *d, const char *said, sotto_tokens *out, sotto_error *err) {
    sotto_tokens other = {0};
    sotto_buf    text = {0};
    sotto_status status = SOTTO_OK;
    for (size_t i = 0; i < SOTTO_COUNT(continuations) && status == SOTTO_OK; i++) {
        sotto_buf_clear(&text);
        if (!sotto_buf_printf(&text, "%s%s", said, continuations[i])) status = sotto_fail_memory(err, "a prompt");
        else status = sotto_dialog_render(d, d->n, text.data, i == 0 ? out : &other, err);
        if (i > 0 && status == SOTTO_OK) out->n = sotto_dialog_common(out->ids, out->n, other.ids, other.n);
    }
    sotto_buf_free(&text);
    sotto_tokens_free(&other);
    return status;
}

sotto_status sotto_dialog_prefill(sotto_dialog *d, const char *said, const volatile int *cancel, sotto_error *err) {
    sotto_chat_turn turn = {.role = "user"};
    sotto_tokens    prompt = {0};
    size_t          n, first = d->first;
    SOTTO_TRY(sotto_dialog_add(d, &turn, err)); /* its text is given to render */
    sotto_status   status = sure_prompt(d, said ? said : "", &prompt, err);
    const int32_t *ids = sotto_session_tokens(d->session, &n);
    bool           there = sotto_dialog_common(ids, n, prompt.ids, prompt.n) == prompt.n;
    /* Where the dialog is going to slide it does so when the turn is whole: then it is known how much has to go. */
    bool           later = d->generate.slide && !sotto_dialog_has_room(d, prompt.n);
    if (status == SOTTO_OK && !there && !later) status = sotto_dialog_compute(d, &prompt, true, cancel, &n, err);
    sotto_dialog_cut(d, d->n - 1);
    d->first = first;
    sotto_tokens_free(&prompt);
    return status;
}

/* ---- one answer ----------------------------------------------------------------------------------------- */

static bool keep_calls(answer *a, const sotto_piece *p) {
    if (p->n_calls && !a->calls) a->calls = json_array();
    for (int32_t i = 0; i < p->n_calls; i++) {
        const sotto_tool_call *c = &p->calls[i];
        json_t *call = json_pack("{s:s, s:o, s:s*}", "name", c->name, "arguments", json_loads(c->arguments, 0, NULL),
                                 "error", c->error);
        if (json_array_append_new(a->calls, call) != 0) return false;
    }
    return true;
}

/* What one step of the generator gave. Llama 2 and Mistral begin answers with a space that belongs to their format. */
static sotto_status take_piece(turn_run *t, const sotto_piece *p, sotto_error *err) {
    const sotto_dialog_events *e = t->events;
    sotto_str                  text = {p->text, p->n_text};
    if (text.n && !t->last.begun) {
        t->last.begun = true;
        if (text.p[0] == ' ') text.p++, text.n--;
    }
    if (p->n_dropped) {
        t->d->slid = true;
        t->out.n_dropped += p->n_dropped;
        say_dropped(t, p->n_dropped);
    }
    if (e->piece) e->piece(e->user, p);
    if (text.n && e->text) e->text(e->user, text.p, text.n);
    (void)sotto_buf_append(&t->last.text, text.p, text.n);
    return keep_calls(&t->last, p) && !t->last.text.failed ? SOTTO_OK : sotto_fail_memory(err, "the answer");
}

static sotto_status draw(turn_run *t, sotto_generator *g, uint64_t start, sotto_error *err) {
    sotto_piece  piece = {0};
    sotto_status status = SOTTO_OK;
    for (bool first = true; status == SOTTO_OK && !piece.done; first = false) {
        status = sotto_generator_next(g, &piece, err);
        if (status != SOTTO_OK) break;
        if (first) t->out.first_token_ms = ms_since(start);
        status = take_piece(t, &piece, err);
    }
    if (status != SOTTO_OK && status != SOTTO_CANCELLED) return status; /* the session's progress may cancel too */
    sotto_generation result;
    sotto_generator_result(g, &result);
    t->out.finish = status == SOTTO_CANCELLED ? SOTTO_FINISH_CANCELLED : result.finish;
    t->out.n_tokens = result.n_tokens;
    t->out.decode_ms = result.decode_ms;
    t->out.n_proposed = result.n_proposed;
    t->out.n_accepted = result.n_accepted;
    return SOTTO_OK;
}

static sotto_status answer_prompt(turn_run *t, const sotto_tokens *prompt, const sotto_dialog_window *window,
                                  bool first_round, sotto_error *err) {
    const sotto_dialog_events *e = t->events;
    sotto_generate_options     o = t->d->generate;
    sotto_generator           *g;
    uint64_t                   start = sotto_time_ns();
    sotto_status               status = sotto_dialog_compute(t->d, prompt, false, t->cancel, &t->out.n_cached, err);
    t->out.n_prompt = prompt->n;
    t->out.prefill_ms = ms_since(start);
    if (status == SOTTO_CANCELLED) {
        t->out.finish = SOTTO_FINISH_CANCELLED;
        return SOTTO_OK;
    }
    SOTTO_TRY(status);
    if (e->prompt) e->prompt(e->user, t->out.n_prompt, t->out.n_cached);
    if (!first_round) o.tool_choice = SOTTO_TOOLS_AUTO; /* now it may speak */
    o.keep = SOTTO_MAX(o.keep, window->keep);
    o.turns = window->turns;
    o.n_turns = window->n_turns;
    o.cancel = t->cancel;
    SOTTO_TRY(sotto_generator_open(&g, t->d->session, &o, err));
    status = draw(t, g, start, err);
    sotto_generator_close(g);
    return status;
}

/* Whether the calls of an answer may be executed, or it ends here as cancelled. */
static void ask_gate(turn_run *t) {
    const sotto_dialog_events *e = t->events;
    if (t->last.calls && t->d->options.toolbox && t->out.finish != SOTTO_FINISH_CANCELLED &&
        (cancelled(t) || (e->before_calls && !e->before_calls(e->user)) || cancelled(t)))
        t->out.finish = SOTTO_FINISH_CANCELLED;
    if (t->out.finish != SOTTO_FINISH_CANCELLED) return;
    json_decref(t->last.calls);
    t->last.calls = NULL;
}

static sotto_status keep_answer(turn_run *t, sotto_error *err) {
    char           *calls = t->last.calls ? json_dumps(t->last.calls, JSON_COMPACT) : NULL;
    sotto_chat_turn turn = {.role = "assistant", .content = t->last.text.data, .tool_calls = calls};
    sotto_status    status = calls || !t->last.calls ? sotto_dialog_add(t->d, &turn, err)
                                                     : sotto_fail_memory(err, "the conversation");
    free(calls);
    return status;
}

static void free_answer(answer *a) {
    sotto_buf_free(&a->text);
    json_decref(a->calls);
    *a = (answer){0};
}

static sotto_status answer_once(turn_run *t, bool first_round, sotto_error *err) {
    sotto_tokens        prompt = {0};
    sotto_dialog_window window = {0};
    int32_t             n_dropped;
    free_answer(&t->last);
    t->out = (sotto_dialog_answer){0};
    sotto_status status = sotto_dialog_prepare(t->d, &prompt, &window, &n_dropped, err);
    if (status == SOTTO_OK) {
        say_dropped(t, n_dropped);
        status = answer_prompt(t, &prompt, &window, first_round, err);
    }
    free(window.turns);
    sotto_tokens_free(&prompt);
    SOTTO_TRY(status);
    if (t->out.n_dropped) sotto_dialog_forget_turns(t->d, t->out.n_dropped);
    ask_gate(t);
    return keep_answer(t, err);
}

/* ---- calls ---------------------------------------------------------------------------------------------- */

/* What the model said last, for "repeat". */
static const char *last_said(const sotto_dialog *d) {
    for (size_t i = d->n; i-- > 0;)
        if (sotto_dialog_is(&d->turns[i], "assistant") && *d->turns[i].content) return d->turns[i].content;
    return "I have not said anything yet.";
}

/* The result of a call that does not fit its schema, which is not executed. */
static sotto_status refuse(const char *why, sotto_tool_result *out, sotto_error *err) {
    json_t     *error = json_pack("{s:s}", "error", why);
    const char *spoken = NULL;
    out->json = error ? json_dumps(error, JSON_COMPACT) : NULL;
    bool copied = sotto_dialog_copy(&spoken, "Sorry, that did not work.");
    out->spoken = (char *)spoken;
    out->failed = true;
    json_decref(error);
    return out->json && copied ? SOTTO_OK : sotto_fail_memory(err, "a tool's answer");
}

/* Execute one call, or say that it has been chosen: its result becomes a turn, its sentence is added to `spoken`. */
static sotto_status execute(turn_run *t, json_t *call, sotto_buf *spoken, sotto_error *err) {
    const sotto_dialog_events *e = t->events;
    sotto_toolbox             *toolbox = t->d->options.toolbox;
    const char                *name = json_string_value(json_object_get(call, "name"));
    const char                *wrong = json_string_value(json_object_get(call, "error"));
    char                      *arguments = json_dumps(json_object_get(call, "arguments"), JSON_COMPACT);
    sotto_tool_result          r = {0};
    sotto_status               status = arguments ? SOTTO_OK : sotto_fail_memory(err, "a call");
    if (status == SOTTO_OK && toolbox)
        status = wrong ? refuse(wrong, &r, err) : sotto_toolbox_call(toolbox, name, arguments, &r, err);
    if (status == SOTTO_OK && e->called) e->called(e->user, name, arguments, toolbox ? &r : NULL);
    if (status == SOTTO_OK && toolbox) {
        const char     *said = r.effect == SOTTO_EFFECT_REPEAT ? last_said(t->d) : r.spoken;
        sotto_chat_turn turn = {.role = "tool", .content = r.json, .tool_name = name};
        if (*said) (void)sotto_buf_printf(spoken, "%s%s", spoken->len ? " " : "", said);
        status = spoken->failed ? sotto_fail_memory(err, "the answer") : sotto_dialog_add(t->d, &turn, err);
    }
    sotto_tool_result_free(&r);
    free(arguments);
    return status;
}

/* The tools' sentences in the place of an answer. */
static sotto_status speak_for_model(turn_run *t, const sotto_buf *spoken, sotto_error *err) {
    sotto_chat_turn turn = {.role = "assistant", .content = spoken->data};
    SOTTO_TRY(sotto_dialog_add(t->d, &turn, err));
    if (t->events->text) t->events->text(t->events->user, spoken->data, spoken->len);
    return SOTTO_OK;
}

/* Execute the calls of the last answer, in their order. *again: the model hears their results. */
static sotto_status execute_all(turn_run *t, bool *again, sotto_error *err) {
    sotto_buf    spoken = {0};
    sotto_status status = SOTTO_OK;
    json_t      *call;
    size_t       i;
    json_array_foreach(t->last.calls, i, call) {
        if (status == SOTTO_OK) status = execute(t, call, &spoken, err);
    }
    *again = t->d->options.toolbox && t->d->hears_results;
    if (status == SOTTO_OK && !*again && spoken.len) status = speak_for_model(t, &spoken, err);
    sotto_buf_free(&spoken);
    return status;
}

/* ---- the turn ------------------------------------------------------------------------------------------- */

static sotto_status answer_rounds(turn_run *t, sotto_error *err) {
    for (int round = 1; round <= MAX_ROUNDS; round++) {
        bool again;
        SOTTO_TRY(answer_once(t, round == 1, err));
        if (!t->last.calls) return SOTTO_OK;
        SOTTO_TRY(execute_all(t, &again, err));
        if (!again) return SOTTO_OK;
    }
    return sotto_fail(err, SOTTO_LIMIT, "the model called tools in %d answers in a row and came to no end", MAX_ROUNDS);
}

sotto_status sotto_dialog_answer_turn(sotto_dialog *d, const char *said, const sotto_dialog_events *events,
                                      const volatile int *cancel, sotto_dialog_answer *out, sotto_error *err) {
    static const sotto_dialog_events none = {0};
    turn_run        t = {.d = d, .events = events ? events : &none, .cancel = cancel};
    sotto_chat_turn turn = {.role = "user", .content = said};
    size_t          n = d->n, first = d->first;
    if (!said && (n == 0 || sotto_dialog_is(&d->turns[n - 1], "assistant")))
        return sotto_fail(err, SOTTO_INVALID, "nothing has been said that could be answered");
    if (said) SOTTO_TRY(sotto_dialog_add(d, &turn, err));
    sotto_status status = answer_rounds(&t, err);
    free_answer(&t.last);
    if (status == SOTTO_OK) {
        if (out) *out = t.out;
        return SOTTO_OK;
    }
    sotto_dialog_cut(d, n);
    if (d->first != first) sotto_dialog_forget_starts(d, 0);
    d->first = first;
    return status;
}
