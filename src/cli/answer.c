/* Answers: what the settings ask of them, shown as they come, and their figures. */
#include "cli/cli.h"

#include <stdlib.h>

/* ---- options ------------------------------------------------------------------------------------------- */

static sotto_generate_options generate_options(const sotto_cli_chat *chat) {
    const sotto_cli_settings *s = chat->settings;
    sotto_generate_options    o = sotto_generate_options_default();
    o.sampling = &chat->engine.sampling;
    o.max_tokens = s->max_tokens;
    o.stops = s->stops.item;
    o.n_stops = s->stops.n;
    o.ignore_end = s->ignore_end;
    o.top_logprobs = s->logprobs;
    o.slide = s->slide;
    o.lookup = (sotto_lookup_use)s->lookup;
    o.grammar = chat->engine.grammar;
    if (chat->engine.tools && s->tool_choice && strcmp(s->tool_choice, "auto") != 0) {
        o.tool_choice = strcmp(s->tool_choice, "required") == 0 ? SOTTO_TOOLS_REQUIRED : SOTTO_TOOLS_NAMED;
        o.tool_name = s->tool_choice;
    }
    return o;
}

sotto_status sotto_cli_chat_configure(sotto_cli_chat *chat, const char *system, sotto_error *err) {
    sotto_generate_options generate = generate_options(chat);
    sotto_dialog_options   o = sotto_dialog_options_default();
    o.system = system;
    o.generate = &generate;
    o.tools = chat->engine.tools;
    o.toolbox = chat->engine.toolbox;
    o.thinking = chat->settings->thinking;
    return chat->dialog ? sotto_dialog_configure(chat->dialog, &o, err)
                        : sotto_dialog_open(&chat->dialog, chat->engine.session, &o, err);
}

/* ---- what happens -------------------------------------------------------------------------------------- */

static json_t *piece_text(const sotto_model *model, int32_t token) {
    sotto_bytes text = {0};
    if (sotto_detokenize(model, &token, 1, true, &text, NULL)) return NULL;
    json_t *json = sotto_cli_json_text(text.data ? text.data : "", text.n);
    sotto_bytes_free(&text);
    return json;
}

static json_t *logprob_json(const sotto_model *model, int32_t token, float logprob) {
    return json_pack("{s:i, s:o, s:f}", "token", token, "piece", piece_text(model, token), "logprob",
                     (double)logprob);
}

static bool keep_logprobs(const sotto_model *model, const sotto_piece *p, json_t *list) {
    json_t *one = logprob_json(model, p->token, p->logprob), *top = json_array();
    bool    ok = one && top;
    for (int32_t i = 0; i < p->n_top && ok; i++)
        ok = json_array_append_new(top, logprob_json(model, p->top[i].token, p->top[i].logprob)) == 0;
    ok = ok && json_object_set(one, "top", top) == 0 && json_array_append(list, one) == 0;
    json_decref(one);
    json_decref(top);
    return ok;
}

/* The model begins to answer: what it said before, with its calls, was not the end. */
static void on_prompt(void *user, size_t n_prompt, size_t n_cached) {
    sotto_cli_chat   *chat = user;
    sotto_cli_answer *a = &chat->last;
    (void)n_prompt;
    (void)n_cached;
    sotto_cli_progress_end(&chat->engine.progress);
    sotto_buf_clear(&a->text);
    (void)json_array_clear(a->tokens);
    (void)json_array_clear(a->logprobs);
}

static void on_piece(void *user, const sotto_piece *p) {
    sotto_cli_chat   *chat = user;
    sotto_cli_answer *a = &chat->last;
    if (p->token >= 0) {
        a->failed |= json_array_append_new(a->tokens, json_integer(p->token)) != 0;
        a->failed |= a->logprobs && !keep_logprobs(chat->engine.model, p, a->logprobs);
    }
    if (!p->done && sotto_signals_interrupts() > 0) chat->cancel = 1;
}

static void on_text(void *user, const char *text, size_t n) {
    sotto_cli_chat *chat = user;
    chat->last.failed |= !sotto_buf_append(&chat->last.text, text, n);
    if (!chat->stream) return;
    sotto_cli_print(stdout, text, n, sotto_terminal_is(1));
    (void)fflush(stdout);
}

static void on_called(void *user, const char *name, const char *arguments, const sotto_tool_result *result) {
    sotto_cli_chat *chat = user;
    sotto_cli_note(chat->settings, "[%s %s]", name, arguments);
    json_t *entry = json_pack("{s:s, s:o, s:o}", "name", name, "arguments", json_loads(arguments, 0, NULL), "result",
                              result ? json_loads(result->json, 0, NULL) : json_null());
    chat->last.failed |= json_array_append_new(chat->last.tool_calls, entry) != 0;
    chat->last.chosen |= !result;
    sotto_cli_progress_begin(&chat->engine.progress, chat->settings, "prompt", "tokens"); /* of the results */
}

static void on_dropped(void *user, int32_t n_tokens) {
    const sotto_cli_chat *chat = user;
    if (!chat->engine.hears_results) return; /* it looks back on a few turns only, always */
    bool system = chat->dialog && sotto_dialog_system(chat->dialog);
    sotto_cli_note(chat->settings, "[dropped the oldest %d tokens; %s kept]", n_tokens,
                   system ? "system prompt" : "beginning");
}

/* ---- answers ------------------------------------------------------------------------------------------- */

static void answer_free(sotto_cli_answer *a) {
    sotto_buf_free(&a->text);
    json_decref(a->tokens);
    json_decref(a->logprobs);
    json_decref(a->tool_calls);
    *a = (sotto_cli_answer){0};
}

static sotto_status answer_begin(sotto_cli_chat *chat, sotto_error *err) {
    sotto_cli_answer *a = &chat->last;
    bool              logprobs = chat->settings->logprobs >= 0, tools = chat->engine.tools != NULL;
    answer_free(a);
    chat->cancel = 0;
    a->tokens = json_array();
    a->logprobs = logprobs ? json_array() : NULL;
    a->tool_calls = tools ? json_array() : NULL;
    sotto_cli_progress_begin(&chat->engine.progress, chat->settings, "prompt", "tokens");
    bool ok = a->tokens && (a->logprobs || !logprobs) && (a->tool_calls || !tools);
    return ok ? SOTTO_OK : sotto_fail_memory(err, "the answer");
}

static sotto_status answer_end(sotto_cli_chat *chat, sotto_status status, sotto_error *err) {
    sotto_cli_progress_end(&chat->engine.progress);
    SOTTO_TRY(status);
    if (chat->last.failed) return sotto_fail_memory(err, "the answer");
    if (chat->last.figures.finish == SOTTO_FINISH_CONTEXT)
        sotto_cli_note(chat->settings,
                       "[the context of %d tokens is full: -c makes it longer, --slide goes on without the "
                       "oldest turns]",
                       sotto_session_context(chat->engine.session));
    return SOTTO_OK;
}

sotto_status sotto_cli_answer_turn(sotto_cli_chat *chat, sotto_error *err) {
    const sotto_dialog_events events = {.user = chat, .prompt = on_prompt, .piece = on_piece, .text = on_text,
                                        .called = on_called, .dropped = on_dropped};
    SOTTO_TRY(answer_begin(chat, err));
    sotto_status status =
        sotto_dialog_answer_turn(chat->dialog, NULL, &events, &chat->cancel, &chat->last.figures, err);
    return answer_end(chat, status, err);
}

static double ms_since(uint64_t start) { return (double)(sotto_time_ns() - start) / 1e6; }

static sotto_status draw_raw(sotto_cli_chat *chat, sotto_generator *g, uint64_t start, sotto_error *err) {
    sotto_dialog_answer *f = &chat->last.figures;
    sotto_piece          piece = {0};
    sotto_status         status = SOTTO_OK;
    for (bool first = true; !piece.done; first = false) {
        status = sotto_generator_next(g, &piece, err);
        if (status != SOTTO_OK) break;
        if (first) f->first_token_ms = ms_since(start);
        if (piece.n_dropped) on_dropped(chat, piece.n_dropped);
        f->n_dropped += piece.n_dropped;
        on_piece(chat, &piece);
        if (piece.n_text) on_text(chat, piece.text, piece.n_text);
    }
    if (status != SOTTO_OK && status != SOTTO_CANCELLED) return status;
    sotto_generation result;
    sotto_generator_result(g, &result);
    f->finish = status == SOTTO_CANCELLED ? SOTTO_FINISH_CANCELLED : result.finish;
    f->n_tokens = result.n_tokens;
    f->decode_ms = result.decode_ms;
    f->n_proposed = result.n_proposed;
    f->n_accepted = result.n_accepted;
    return SOTTO_OK;
}

static sotto_status compute_and_draw(sotto_cli_chat *chat, const sotto_tokens *prompt, sotto_error *err) {
    sotto_dialog_answer   *f = &chat->last.figures;
    sotto_generate_options o = generate_options(chat);
    sotto_generator       *g;
    uint64_t               start = sotto_time_ns();
    size_t                 computed;
    sotto_status           status = sotto_session_sync(chat->engine.session, prompt->ids, prompt->n, err);
    sotto_session_last_sync(chat->engine.session, &f->n_cached, &computed);
    f->n_prompt = prompt->n;
    f->prefill_ms = ms_since(start);
    if (status == SOTTO_CANCELLED) {
        f->finish = SOTTO_FINISH_CANCELLED;
        return SOTTO_OK;
    }
    SOTTO_TRY(status);
    on_prompt(chat, f->n_prompt, f->n_cached);
    o.cancel = &chat->cancel;
    SOTTO_TRY(sotto_generator_open(&g, chat->engine.session, &o, err));
    status = draw_raw(chat, g, start, err);
    sotto_generator_close(g);
    return status;
}

sotto_status sotto_cli_answer_raw(sotto_cli_chat *chat, const sotto_tokens *prompt, sotto_error *err) {
    SOTTO_TRY(answer_begin(chat, err));
    return answer_end(chat, compute_and_draw(chat, prompt, err), err);
}

void sotto_cli_chat_close(sotto_cli_chat *chat) {
    sotto_cli_keep_close(chat);
    answer_free(&chat->last);
    sotto_dialog_close(chat->dialog);
    chat->dialog = NULL;
    sotto_cli_engine_close(&chat->engine);
}

/* ---- figures ------------------------------------------------------------------------------------------- */

static const char *finish_name(sotto_finish finish) {
    switch (finish) {
    case SOTTO_FINISH_LENGTH:
    case SOTTO_FINISH_CONTEXT: return "length";
    case SOTTO_FINISH_CANCELLED: return "cancelled";
    case SOTTO_FINISH_NONE:
    case SOTTO_FINISH_STOP: break;
    }
    return "stop";
}

static double per_second(double count, double ms) { return ms > 0 && count > 0 ? count * 1000 / ms : 0; }

/* The first token comes with the prompt, so what is timed is those after it. */
double sotto_cli_answer_speed(const sotto_dialog_answer *a) {
    return per_second((double)a->n_tokens - 1, a->decode_ms);
}

json_t *sotto_cli_answer_json(const sotto_cli_chat *chat) {
    const sotto_cli_answer    *last = &chat->last;
    const sotto_dialog_answer *a = &last->figures;
    json_t                    *doc = json_pack(
        "{s:o, s:O, s:s, s:b, s:{s:I, s:I, s:I, s:I}, s:{s:I, s:I}, s:{s:f, s:f, s:f, s:f, s:f, s:I}}", "text",
        sotto_cli_json_text(last->text.data ? last->text.data : "", last->text.len), "tokens", last->tokens,
        "finish_reason", last->chosen ? "tool_calls" : finish_name(a->finish), "context_full",
        a->finish == SOTTO_FINISH_CONTEXT, "usage", "prompt_tokens", (json_int_t)a->n_prompt, "completion_tokens",
        (json_int_t)a->n_tokens, "total_tokens", (json_int_t)(a->n_prompt + a->n_tokens), "cached_tokens",
        (json_int_t)a->n_cached, "lookup", "proposed", (json_int_t)a->n_proposed, "accepted",
        (json_int_t)a->n_accepted, "timings", "load_ms", chat->engine.load_ms, "prefill_ms", a->prefill_ms,
        "prefill_tokens_per_s", per_second((double)a->n_prompt - (double)a->n_cached, a->prefill_ms),
        "decode_tokens_per_s", sotto_cli_answer_speed(a), "first_token_ms", a->first_token_ms,
        "peak_rss_bytes", (json_int_t)sotto_peak_rss_bytes());
    bool ok = doc && (!last->logprobs || json_object_set(doc, "logprobs", last->logprobs) == 0) &&
              (!a->n_dropped || json_object_set_new(doc, "dropped_tokens", json_integer(a->n_dropped)) == 0) &&
              (!last->tool_calls || json_object_set(doc, "tool_calls", last->tool_calls) == 0);
    if (ok) return doc;
    json_decref(doc);
    return NULL;
}
