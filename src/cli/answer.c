/* One answer: compute the prompt, draw tokens, show them as they come, keep the figures. */
#include "cli/cli.h"

#include <stdlib.h>

/* The tokens of a conversation whose last turn has been given another text. */
static sotto_status tokens_with(const sotto_model *model, sotto_chat_turn *turns, size_t n, const char *text,
                                const sotto_chat_params *params, sotto_tokens *out, sotto_error *err) {
    const char *content = turns[n - 1].content;
    turns[n - 1].content = text;
    sotto_status status = sotto_chat_tokens(model, turns, n, params, out, err);
    turns[n - 1].content = content;
    return status;
}

static size_t common_prefix(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b) {
    size_t n = 0;
    while (n < SOTTO_MIN(n_a, n_b) && a[n] == b[n]) n++;
    return n;
}

/* What two prompts that differ in the last turn only have in common stands before that turn's text. */
sotto_status sotto_cli_content_start(const sotto_model *model, sotto_chat_turn *turns, size_t n,
                                     const sotto_chat_params *params, int32_t *start, sotto_error *err) {
    sotto_tokens a = {0}, b = {0};
    sotto_status status = tokens_with(model, turns, n, "a", params, &a, err);
    if (!status) status = tokens_with(model, turns, n, "b", params, &b, err);
    if (!status) *start = (int32_t)common_prefix(a.ids, a.n, b.ids, b.n);
    sotto_tokens_free(&a);
    sotto_tokens_free(&b);
    return status;
}

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

static double ms_since(uint64_t start) { return (double)(sotto_time_ns() - start) / 1e6; }

/* After sliding, sync would compute everything anew wherever the answer reads a little differently when it is
 * tokenised again; going on from the common prefix is what the person has asked for. */
static sotto_status go_on(sotto_cli_engine *e, const sotto_tokens *prompt, size_t *n_cached,
                          sotto_error *err) {
    size_t         n;
    const int32_t *ids = sotto_session_tokens(e->session, &n);
    *n_cached = common_prefix(ids, n, prompt->ids, prompt->n);
    if (*n_cached == prompt->n && *n_cached > 0) --*n_cached; /* the last token again, for its logits */
    SOTTO_TRY(sotto_session_rewind(e->session, *n_cached, err));
    return sotto_session_append(e->session, prompt->ids + *n_cached, prompt->n - *n_cached, err);
}

static sotto_status compute_prompt(sotto_cli_engine *e, const sotto_cli_settings *s,
                                   const sotto_tokens *prompt, sotto_cli_answer *out, sotto_error *err) {
    uint64_t     start = sotto_time_ns();
    size_t       computed;
    sotto_status status = SOTTO_INVALID;
    sotto_cli_progress_begin(&e->progress, s, "prompt", "tokens");
    if (e->slid) status = go_on(e, prompt, &out->n_cached, err);
    if (status == SOTTO_INVALID) { /* not slid, or the session cannot go back so far */
        e->slid = false;
        status = sotto_session_sync(e->session, prompt->ids, prompt->n, err);
        sotto_session_last_sync(e->session, &out->n_cached, &computed);
    }
    sotto_cli_progress_end(&e->progress);
    out->n_prompt = prompt->n;
    out->prefill_ms = ms_since(start);
    return status;
}

void sotto_cli_note_dropped(const sotto_cli_engine *e, const sotto_cli_settings *s, int32_t n_tokens, bool system) {
    if (!e->hears_results) return; /* it looks back on a few turns only, always */
    sotto_cli_note(s, "[dropped the oldest %d tokens; %s kept]", n_tokens,
                   system ? "system prompt" : "beginning");
}

/* The text of a piece. Llama 2 and Mistral begin an answer with a space that belongs to their chat format. */
static sotto_str piece_shown(const sotto_cli_settings *s, const sotto_piece *p, sotto_cli_answer *out) {
    sotto_str text = {p->text, p->n_text};
    if (text.n && !out->begun) {
        out->begun = true;
        if (!s->raw && text.p[0] == ' ') text.p++, text.n--;
    }
    return text;
}

static bool keep_calls(const sotto_piece *p, sotto_cli_answer *out) {
    if (p->n_calls && !out->calls) out->calls = json_array();
    for (int32_t i = 0; i < p->n_calls; i++) {
        const sotto_tool_call *c = &p->calls[i];
        json_t *call = json_pack("{s:s, s:o, s:s*}", "name", c->name, "arguments", json_loads(c->arguments, 0, NULL),
                                 "error", c->error);
        if (json_array_append_new(out->calls, call) != 0) return false;
    }
    return true;
}

/* What one step of the generator gave. */
static sotto_status take_piece(sotto_cli_engine *e, const sotto_cli_settings *s, const sotto_piece *p,
                               const sotto_cli_window *window, bool stream, sotto_cli_answer *out,
                               sotto_error *err) {
    sotto_str text = piece_shown(s, p, out);
    if (p->n_dropped) {
        e->slid = true;
        out->n_dropped += p->n_dropped;
        sotto_cli_note_dropped(e, s, p->n_dropped, window->system);
    }
    sotto_buf_append(&out->text, text.p, text.n);
    if (stream && text.n) {
        sotto_cli_print(stdout, text.p, text.n, sotto_terminal_is(1));
        (void)fflush(stdout);
    }
    bool kept = keep_calls(p, out) && (!out->logprobs || p->token < 0 || keep_logprobs(e->model, p, out->logprobs));
    return kept && !out->text.failed ? SOTTO_OK : sotto_fail_memory(err, "the answer");
}

static sotto_status draw_answer(sotto_cli_engine *e, const sotto_cli_settings *s, sotto_generator *g,
                                const sotto_cli_window *window, bool stream, uint64_t start,
                                sotto_cli_answer *out, sotto_error *err) {
    sotto_piece piece = {0};
    bool        cancelled = false, first = true;
    while (!piece.done && !cancelled) {
        sotto_status status = sotto_generator_next(g, &piece, err);
        if (status == SOTTO_CANCELLED) { /* Ctrl-C while the token was computed */
            cancelled = true;
            break;
        }
        SOTTO_TRY(status);
        if (first) out->first_token_ms = ms_since(start);
        first = false;
        SOTTO_TRY(take_piece(e, s, &piece, window, stream, out, err));
        cancelled = !piece.done && sotto_signals_interrupts() > 0;
    }
    sotto_generation result;
    sotto_generator_result(g, &result);
    out->finish = cancelled ? SOTTO_FINISH_CANCELLED : result.finish;
    out->n_tokens = result.n_tokens;
    out->decode_ms = result.decode_ms;
    out->tokens = sotto_cli_json_ids(result.tokens, result.n_tokens);
    if (!out->tokens) return sotto_fail_memory(err, "the answer");
    if (out->finish == SOTTO_FINISH_CONTEXT)
        sotto_cli_note(s,
                       "[the context of %d tokens is full: -c makes it longer, --slide goes on without the "
                       "oldest turns]",
                       sotto_session_context(e->session));
    return SOTTO_OK;
}

sotto_status sotto_cli_answer_make(sotto_cli_engine *e, const sotto_cli_settings *s,
                                   const sotto_tokens *prompt, const sotto_cli_window *window, bool stream,
                                   sotto_cli_answer *out, sotto_error *err) {
    *out = (sotto_cli_answer){0};
    uint64_t start = sotto_time_ns();
    if (s->logprobs >= 0 && !(out->logprobs = json_array())) return sotto_fail_memory(err, "the answer");
    sotto_status status = compute_prompt(e, s, prompt, out, err);
    if (status == SOTTO_CANCELLED) {
        out->finish = SOTTO_FINISH_CANCELLED;
        out->tokens = json_array();
        return out->tokens ? SOTTO_OK : sotto_fail_memory(err, "the answer");
    }
    SOTTO_TRY(status);
    sotto_generate_options o = sotto_generate_options_default();
    o.sampling = &e->sampling;
    o.max_tokens = s->max_tokens;
    o.stops = s->stops.item;
    o.n_stops = s->stops.n;
    o.ignore_end = s->ignore_end;
    o.top_logprobs = s->logprobs;
    o.slide = s->slide;
    o.tools = e->tools;
    if (e->tools && e->tool_choice && strcmp(e->tool_choice, "auto") != 0) {
        o.tool_choice = strcmp(e->tool_choice, "required") == 0 ? SOTTO_TOOLS_REQUIRED : SOTTO_TOOLS_NAMED;
        o.tool_name = e->tool_choice;
    }
    o.grammar = e->grammar;
    if (window->keep > o.keep) o.keep = window->keep;
    o.turns = window->turns;
    o.n_turns = window->n_turns;
    sotto_generator *g;
    SOTTO_TRY(sotto_generator_open(&g, e->session, &o, err));
    status = draw_answer(e, s, g, window, stream, start, out, err);
    sotto_generator_close(g);
    return status;
}

void sotto_cli_answer_free(sotto_cli_answer *a) {
    sotto_buf_free(&a->text);
    json_decref(a->tokens);
    json_decref(a->logprobs);
    json_decref(a->calls);
    *a = (sotto_cli_answer){0};
}

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
double sotto_cli_answer_speed(const sotto_cli_answer *a) {
    return per_second((double)a->n_tokens - 1, a->decode_ms);
}

json_t *sotto_cli_answer_json(const sotto_cli_answer *a, const sotto_cli_engine *e) {
    const char *finish = a->calls && !e->toolbox ? "tool_calls" : finish_name(a->finish); /* chosen, not executed */
    json_t     *doc = json_pack(
        "{s:o, s:O, s:s, s:b, s:{s:I, s:I, s:I, s:I}, s:{s:f, s:f, s:f, s:f, s:f, s:I}}", "text",
        sotto_cli_json_text(a->text.data ? a->text.data : "", a->text.len), "tokens", a->tokens,
        "finish_reason", finish, "context_full", a->finish == SOTTO_FINISH_CONTEXT, "usage",
        "prompt_tokens", (json_int_t)a->n_prompt, "completion_tokens", (json_int_t)a->n_tokens,
        "total_tokens", (json_int_t)(a->n_prompt + a->n_tokens), "cached_tokens", (json_int_t)a->n_cached,
        "timings", "load_ms", e->load_ms, "prefill_ms", a->prefill_ms, "prefill_tokens_per_s",
        per_second((double)a->n_prompt - (double)a->n_cached, a->prefill_ms), "decode_tokens_per_s",
        sotto_cli_answer_speed(a), "first_token_ms", a->first_token_ms,
        "peak_rss_bytes", (json_int_t)sotto_peak_rss_bytes());
    if (doc && a->logprobs && json_object_set(doc, "logprobs", a->logprobs) != 0)
        json_decref(doc), doc = NULL;
    if (doc && a->n_dropped && json_object_set_new(doc, "dropped_tokens", json_integer(a->n_dropped)) != 0)
        json_decref(doc), doc = NULL;
    return doc;
}
