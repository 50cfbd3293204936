/* An answer, drawn out of a session token by token.
 *
 *   append the token before -> pick, within the grammar -> end token? -> decode -> call? -> stop string? -> piece
 *
 * A token is appended when the next one is asked for, so that the last one is never computed in vain. So the
 * session holds the prompt and every token of the answer but the last, or, where an end token came, every one;
 * the end token itself is never appended. What is guessed and computed ahead (lookup.h) the session keeps to itself
 * until the sampler has chosen it. Text that may be the beginning of a stop string is held back until that is
 * known.
 *
 * A call may be looked for as a whole where it begins (search.h); its tokens then come from there instead of being
 * picked. */
#include <stdlib.h>

#include "runtime/engine.h"
#include "runtime/lookup.h"
#include "runtime/search.h"

/* STOPS_MAX and STOP_BYTES_MAX bound the search for stops, which is of the order of their product per
 * token. */
enum { STOPS_MAX = 64, STOP_BYTES_MAX = 1024, TOP_LOGPROBS_MAX = 20, KEEP_MIN = 4, TEXT_BYTES_MIN = 4096 };

struct sotto_generator {
    sotto_arena            arena;
    sotto_session         *session;
    sotto_sampler         *sampler;
    sotto_constraint      *constraint; /* NULL: the answer is free */
    sotto_calls           *calls;      /* NULL: there are no tools */
    size_t                 n_calls;    /* that pieces have given away */
    sotto_search          *search;     /* NULL: tokens of calls are picked one by one */
    bool                   in_call;    /* the last token was held to the grammar of calls */
    sotto_generate_options options; /* its lists are not used: these are copies of them */
    sotto_str             *stops;   /* [n_stops] the caller's and the chat format's */
    size_t                 n_stops;
    int32_t               *turns; /* [options.n_turns], kept up to date while sliding */
    int32_t                n_vocab;
    sotto_decoder          decoder;
    sotto_buf              held, shown; /* text not yet given away; text of the last piece */
    int32_t               *tokens;      /* the answer so far... */
    size_t                 n_tokens, cap_tokens;
    size_t                 n_appended; /* ...and how much of it is in the session: all, or all but the last */
    bool                   guesses;
    sotto_lookup           lookup;
    size_t                 n_passes, n_proposed, n_accepted;
    sotto_logprob          top[TOP_LOGPROBS_MAX];
    sotto_finish           finish;
    uint64_t               decode_ns;
};

sotto_generate_options sotto_generate_options_default(void) {
    return (sotto_generate_options){.max_tokens = -1, .top_logprobs = -1, .keep = KEEP_MIN, .call_search = -1};
}

/* ---- opening ------------------------------------------------------------------------------------------- */

static sotto_status check_stop(const char *stop, size_t i, sotto_error *err) {
    size_t n = stop ? strlen(stop) : 0;
    if (n == 0) return sotto_fail(err, SOTTO_INVALID, "stop string %zu is empty", i + 1);
    if (n > STOP_BYTES_MAX)
        return sotto_fail(err, SOTTO_LIMIT, "stop string %zu has %zu bytes; at most %d are allowed", i + 1, n,
                          (int)STOP_BYTES_MAX);
    if (!sotto_utf8_valid(stop, n))
        return sotto_fail(err, SOTTO_INVALID, "stop string %zu is not valid UTF-8", i + 1);
    return SOTTO_OK;
}

static sotto_status check_options(const sotto_generate_options *o, int32_t context, sotto_error *err) {
    if (o->max_tokens < -1)
        return sotto_fail(err, SOTTO_INVALID, "%d tokens at most; give 0 or more, or -1 for no limit", o->max_tokens);
    if (o->top_logprobs < -1 || o->top_logprobs > TOP_LOGPROBS_MAX)
        return sotto_fail(err, SOTTO_INVALID, "%d alternatives with each token; give 0 to %d, or -1 for none",
                          o->top_logprobs, (int)TOP_LOGPROBS_MAX);
    if (o->call_search < -1)
        return sotto_fail(err, SOTTO_INVALID, "%d tokens to search for a call; give 0 or more, or -1 for the usual",
                          o->call_search);
    if (o->n_stops && !o->stops)
        return sotto_fail(err, SOTTO_INVALID, "%zu stop strings are announced but none is given", o->n_stops);
    if (o->n_stops > STOPS_MAX)
        return sotto_fail(err, SOTTO_LIMIT, "%zu stop strings; give at most %d", o->n_stops, (int)STOPS_MAX);
    for (size_t i = 0; i < o->n_stops; i++) SOTTO_TRY(check_stop(o->stops[i], i, err));
    if (!o->slide) return SOTTO_OK;
    if (o->keep > context - context / 4 || context < 2 * KEEP_MIN)
        return sotto_fail(err, SOTTO_INVALID,
                          "sliding in a context of %d tokens can keep at most %d, not %d; a quarter must be free",
                          context, context - context / 4, o->keep);
    for (size_t i = 0; i < o->n_turns; i++)
        if (!o->turns || o->turns[i] < 0 || (i && o->turns[i] <= o->turns[i - 1]))
            return sotto_fail(err, SOTTO_INVALID, "turn starts must be ascending token positions; number %zu is not",
                              i + 1);
    return SOTTO_OK;
}

static bool copy_stops(sotto_generator *g, const sotto_chat_format *format) {
    const sotto_generate_options *o = &g->options;
    size_t                        n = 0;
    while (format && !o->ignore_end && sotto_chat_format_stop(format, n)) n++;
    g->stops = sotto_arena_array(&g->arena, n + o->n_stops, sizeof *g->stops);
    if (!g->stops) return false;
    for (size_t i = 0; i < n; i++) g->stops[g->n_stops++] = sotto_str_from(sotto_chat_format_stop(format, i));
    for (size_t i = 0; i < o->n_stops; i++) {
        sotto_str stop = sotto_str_from(o->stops[i]);
        if (!(stop.p = sotto_arena_text(&g->arena, stop.p, stop.n))) return false;
        g->stops[g->n_stops++] = stop;
    }
    return true;
}

/* Whether the answer is the first text of the session: then a SentencePiece model's dummy prefix is not
 * shown. */
static bool begins_text(const sotto_tokenizer *t, const int32_t *ids, size_t n) {
    while (n > 0 && sotto_tokenizer_type(t, ids[n - 1]) == SOTTO_TOKEN_CONTROL) n--;
    return n == 0;
}

/* Room for a whole context and for the text of any usual token: only sliding on and on makes the buffers
 * grow. */
static bool allocate(sotto_generator *g, const sotto_model *model) {
    sotto_generate_options *o = &g->options;
    size_t                  context = (size_t)sotto_session_context(g->session), n;
    const int32_t          *ids = sotto_session_tokens(g->session, &n);
    g->cap_tokens = o->max_tokens < 0 ? context : SOTTO_MIN((size_t)o->max_tokens, context);
    g->tokens = calloc(SOTTO_MAX(g->cap_tokens, (size_t)1), sizeof *g->tokens);
    g->turns = sotto_arena_array(&g->arena, o->n_turns, sizeof *g->turns);
    g->decoder = (sotto_decoder){.tokenizer = model->tokenizer, .special = o->special,
                                 .started = !begins_text(model->tokenizer, ids, n)};
    if (!g->tokens || !g->turns || !copy_stops(g, model->chat_format) ||
        !sotto_buf_reserve(&g->held, TEXT_BYTES_MIN) || !sotto_buf_reserve(&g->shown, TEXT_BYTES_MIN))
        return false;
    if (o->n_turns) memcpy(g->turns, o->turns, o->n_turns * sizeof *g->turns);
    return true;
}

static sotto_status open_sampler(sotto_generator *g, const sotto_model *model, const sotto_sampling *given,
                                 sotto_error *err) {
    sotto_sampling sampling = given ? *given : sotto_sampling_default(model);
    bool          *breaks = NULL;
    sotto_status   status = SOTTO_OK;
    if (sampling.dry_multiplier > 0) {
        if (!(breaks = calloc((size_t)g->n_vocab, sizeof *breaks))) return sotto_fail_memory(err, "the sampler");
        status = sotto_sampling_breaks(model->tokenizer, breaks, g->n_vocab, err);
    }
    if (status == SOTTO_OK)
        status = sotto_sampler_open(&g->sampler, &sampling, g->n_vocab, (size_t)sotto_session_context(g->session),
                                    breaks, err);
    free(breaks);
    return status;
}

static sotto_status open_constraint(sotto_generator *g, const sotto_grammar *grammar, sotto_error *err) {
    const sotto_vocabulary *vocabulary;
    if (!grammar) return SOTTO_OK;
    SOTTO_TRY(sotto_model_vocabulary(g->session->model, &vocabulary, err));
    return sotto_constraint_open(&g->constraint, grammar, vocabulary, g->n_vocab, !g->decoder.started, err);
}

/* Only a greedy sampler without other steps chooses by what the model says alone. */
static sotto_status open_search(sotto_generator *g, sotto_error *err) {
    const sotto_chat_format *format = g->session->model->chat_format;
    int32_t                  budget = g->options.call_search;
    if (!g->calls || !sotto_sampler_is_greedy(g->sampler)) return SOTTO_OK;
    if (budget < 0) budget = sotto_chat_format_call_search(format);
    return budget ? sotto_search_open(&g->search, g->session, budget, err) : SOTTO_OK;
}

static void open_lookup(sotto_generator *g) {
    const sotto_generate_options *o = &g->options;
    double                        cost = g->session->model->engine->guess_cost(g->session->model);
    g->guesses = cost > 0 && o->lookup != SOTTO_LOOKUP_OFF;
    if (o->lookup_cost > 0) cost = (double)o->lookup_cost;
    sotto_lookup_init(&g->lookup, o->lookup == SOTTO_LOOKUP_ON ? 0 : cost);
}

sotto_status sotto_generator_open(sotto_generator **out, sotto_session *s, const sotto_generate_options *opt,
                                  sotto_error *err) {
    sotto_generate_options o = opt ? *opt : sotto_generate_options_default();
    o.keep = SOTTO_MAX(o.keep, (int32_t)KEEP_MIN);
    if (!o.slide) o.n_turns = 0;
    SOTTO_TRY(check_options(&o, sotto_session_context(s), err));
    if (!sotto_session_logits(s))
        return sotto_fail(err, SOTTO_INVALID, "the session has no logits to begin with; sync it to a prompt first");
    sotto_generator *g = calloc(1, sizeof *g);
    if (!g) return sotto_fail_memory(err, "a generator");
    g->session = s;
    g->options = o;
    g->n_vocab = s->model->info.n_vocab;
    g->options.top_logprobs = SOTTO_MIN(o.top_logprobs, g->n_vocab);
    sotto_status status = allocate(g, s->model) ? open_sampler(g, s->model, o.sampling, err)
                                                : sotto_fail_memory(err, "a generator");
    open_lookup(g);
    if (status == SOTTO_OK) status = open_constraint(g, o.grammar, err);
    if (status == SOTTO_OK) status = sotto_calls_open(&g->calls, s->model, &o, g->n_vocab, !g->decoder.started, err);
    if (status == SOTTO_OK) status = open_search(g, err);
    if (status != SOTTO_OK) {
        sotto_generator_close(g);
        return status;
    }
    *out = g;
    return SOTTO_OK;
}

void sotto_generator_close(sotto_generator *g) {
    if (!g) return;
    sotto_sampler_close(g->sampler);
    sotto_constraint_close(g->constraint);
    sotto_calls_close(g->calls);
    sotto_search_close(g->search);
    sotto_arena_free(&g->arena);
    sotto_buf_free(&g->held);
    sotto_buf_free(&g->shown);
    free(g->tokens);
    free(g);
}

/* ---- sliding ------------------------------------------------------------------------------------------- */

/* What to drop of n tokens: whole turns, the oldest first, until a quarter of the context is free. Where
 * turns cannot give that much, or none are known, the first half of what may be dropped. */
static void choose_drop(const sotto_generator *g, int32_t n, int32_t context, int32_t *begin, int32_t *end) {
    const sotto_generate_options *o = &g->options;
    size_t                        first = 0;
    while (first < o->n_turns && g->turns[first] < o->keep) first++;
    for (size_t i = first; i < o->n_turns && g->turns[i] <= n; i++) {
        *begin = g->turns[first], *end = g->turns[i];
        if (context - n + (*end - *begin) >= context / 4) return;
    }
    *begin = o->keep;
    *end = o->keep + SOTTO_MAX((n - o->keep) / 2, 1);
}

static sotto_status slide(sotto_generator *g, int32_t n, int32_t *n_dropped, sotto_error *err) {
    sotto_generate_options *o = &g->options;
    int32_t                 begin, end;
    size_t                  kept = 0;
    choose_drop(g, n, sotto_session_context(g->session), &begin, &end);
    SOTTO_TRY(sotto_session_drop(g->session, (size_t)begin, (size_t)end, err));
    *n_dropped = end - begin;
    for (size_t i = 0; i < o->n_turns; i++) { /* starts inside the gap are gone, those after it move up */
        if (g->turns[i] >= begin && g->turns[i] < end) continue;
        g->turns[kept++] = g->turns[i] < begin ? g->turns[i] : g->turns[i] - (end - begin);
    }
    o->n_turns = kept;
    return SOTTO_OK;
}

/* ---- text ---------------------------------------------------------------------------------------------- */

/* Move the first n bytes of the held text into the piece. */
static bool show(sotto_generator *g, size_t n) {
    if (!sotto_buf_append(&g->shown, g->held.data, n)) return false;
    g->held.len -= n;
    memmove(g->held.data, g->held.data + n, g->held.len + 1); /* with its NUL */
    return true;
}

/* Whether the shorter of both is a prefix of the other. */
static bool matches(sotto_str stop, const char *text, size_t n) {
    return memcmp(stop.p, text, SOTTO_MIN(stop.n, n)) == 0;
}

/* Show the held text as far as no stop string can be in it. A whole stop string ends the answer before its
 * first byte; the beginning of one at the end of the text stays held. */
static bool release(sotto_generator *g) {
    const char *text = g->held.data;
    size_t      n = g->held.len, hold = n;
    for (size_t at = 0; at < n; at++)
        for (size_t i = 0; i < g->n_stops; i++) {
            if (!matches(g->stops[i], text + at, n - at)) continue;
            if (g->stops[i].n <= n - at) {
                g->finish = SOTTO_FINISH_STOP;
                return show(g, at);
            }
            hold = SOTTO_MIN(hold, at);
        }
    return show(g, hold);
}

/* The last piece: what is held can no longer become a stop string, nor an incomplete character a whole
 * one. */
static sotto_status finish(sotto_generator *g, sotto_finish why, sotto_piece *piece, sotto_error *err) {
    bool ok = (g->calls ? sotto_calls_end(g->calls, &g->decoder, &g->held)
                        : sotto_decoder_flush(&g->decoder, &g->held)) && release(g);
    if (g->finish == SOTTO_FINISH_NONE) {
        g->finish = why;
        ok = ok && show(g, g->held.len);
    }
    piece->done = true;
    return ok ? SOTTO_OK : sotto_fail_memory(err, "the text of an answer");
}

/* ---- stepping ------------------------------------------------------------------------------------------ */

/* Append a token, from what was guessed if it is there; else with new guesses, but none beyond the answer's end. */
static sotto_status append(sotto_generator *g, int32_t token, sotto_error *err) {
    size_t  n;
    int32_t n_guesses = 0, most = SOTTO_AHEAD_MAX;
    if (sotto_session_take_guess(g->session, token)) {
        if (sotto_session_logits(g->session)) g->n_accepted++; /* else it was held back */
        return SOTTO_OK;
    }
    if (g->options.max_tokens >= 0)
        most = (int32_t)SOTTO_MIN((size_t)most, (size_t)g->options.max_tokens - g->n_tokens - 1);
    const int32_t *ids = sotto_session_tokens(g->session, &n);
    most = SOTTO_MIN(most, sotto_session_context(g->session) - (int32_t)n - 1);
    if (g->guesses) n_guesses = sotto_lookup_guess(&g->lookup, ids, n, token, most);
    SOTTO_TRY(sotto_session_append_guessing(g->session, token, g->lookup.guesses, n_guesses, err));
    g->n_passes++;
    g->n_proposed += (size_t)n_guesses;
    return SOTTO_OK;
}

/* Append the token picked last, sliding if there is no room for it. *full: no room, and sliding is off. */
static sotto_status advance(sotto_generator *g, sotto_piece *piece, bool *full, sotto_error *err) {
    size_t n, context = (size_t)sotto_session_context(g->session);
    (void)sotto_session_tokens(g->session, &n);
    *full = false;
    if (g->n_appended == g->n_tokens) return SOTTO_OK;
    if (n >= context) {
        if ((*full = !g->options.slide)) return SOTTO_OK;
        SOTTO_TRY(slide(g, (int32_t)n, &piece->n_dropped, err));
    }
    SOTTO_TRY(append(g, g->tokens[g->n_appended], err));
    g->n_appended++;
    return SOTTO_OK;
}

static bool keep_token(sotto_generator *g, int32_t token) {
    if (g->n_tokens == g->cap_tokens) {
        size_t   cap, bytes;
        int32_t *tokens;
        if (!sotto_size_mul(g->cap_tokens, 2, &cap) || !sotto_size_mul(cap, sizeof *tokens, &bytes) ||
            !(tokens = realloc(g->tokens, bytes)))
            return false;
        g->tokens = tokens;
        g->cap_tokens = cap;
    }
    g->tokens[g->n_tokens++] = token;
    return true;
}

static sotto_constraint *constraint_of(const sotto_generator *g) {
    return g->calls ? sotto_calls_constraint(g->calls) : g->constraint;
}

/* Under a constraint the sampler first picks freely, which is nearly always allowed and costs next to nothing to ask;
 * only where it is not, it picks again among what is. Of a draw from the whole distribution that makes exactly a draw
 * from its allowed part: p(t) + (1 - p(allowed)) p(t) / p(allowed) = p(t) / p(allowed). The steps that cut the list
 * look at all tokens the first time and at the allowed ones the second. */
static sotto_status pick(sotto_generator *g, const float *logits, int32_t *token, sotto_error *err) {
    size_t            n;
    const int32_t    *history = sotto_session_tokens(g->session, &n);
    sotto_constraint *c = constraint_of(g);
    SOTTO_TRY(sotto_sampler_pick(g->sampler, logits, history, n, token, err));
    if (!c) return SOTTO_OK;
    if (!sotto_constraint_allows(c, *token)) {
        const float *allowed = sotto_constraint_mask(c, logits);
        if (!allowed)
            return sotto_fail(err, sotto_constraint_overflowed(c) ? SOTTO_LIMIT : SOTTO_INVALID,
                              "the answer cannot go on as the grammar wants: %s",
                              sotto_constraint_overflowed(c) ? "it is nested too deeply, or in too many ways at once"
                                                             : "no token of the model's vocabulary fits");
        SOTTO_TRY(sotto_sampler_pick(g->sampler, allowed, history, n, token, err));
    }
    (void)sotto_constraint_accept(c, *token);
    return SOTTO_OK;
}

/* Where a call begins, look for all of it. A session without logits was changed by others. */
static sotto_status look_for_call(sotto_generator *g, sotto_error *err) {
    size_t            n;
    sotto_constraint *c = constraint_of(g);
    bool              begins = c && !g->in_call;
    g->in_call = c != NULL;
    if (!g->search || !begins || !sotto_session_logits(g->session)) return SOTTO_OK;
    (void)sotto_session_tokens(g->session, &n);
    size_t room = (size_t)sotto_session_context(g->session) - n;
    if (g->options.max_tokens >= 0) room = SOTTO_MIN(room, (size_t)g->options.max_tokens - g->n_tokens);
    return sotto_search_run(g->search, c, room, g->options.top_logprobs >= 0, g->options.cancel, err);
}

static sotto_status emit(sotto_generator *g, int32_t token, const float *logits, sotto_piece *piece,
                         sotto_error *err) {
    sotto_lookup_see(&g->lookup, token);
    bool ok = keep_token(g, token) && (g->calls ? sotto_calls_push(g->calls, &g->decoder, token, &g->held)
                                                : sotto_decoder_push(&g->decoder, token, &g->held));
    if (!ok || !release(g)) return sotto_fail_memory(err, "the text of an answer");
    piece->token = token;
    if (g->options.top_logprobs >= 0) {
        sotto_logprobs(logits, g->n_vocab, token, &piece->logprob, g->top, g->options.top_logprobs);
        piece->top = g->top;
        piece->n_top = g->options.top_logprobs;
    }
    piece->done = g->finish != SOTTO_FINISH_NONE;
    if (!piece->done && constraint_of(g) && sotto_constraint_ends(constraint_of(g)))
        return finish(g, SOTTO_FINISH_STOP, piece, err);
    if (!piece->done && g->options.max_tokens >= 0 && g->n_tokens >= (size_t)g->options.max_tokens)
        return finish(g, SOTTO_FINISH_LENGTH, piece, err);
    return SOTTO_OK;
}

static sotto_status step(sotto_generator *g, sotto_piece *piece, sotto_error *err) {
    const sotto_generate_options *o = &g->options;
    bool                          full;
    int32_t                       token = -1;
    if (sotto_flag_is_set(o->cancel)) return finish(g, SOTTO_FINISH_CANCELLED, piece, err);
    if (o->max_tokens == 0) return finish(g, SOTTO_FINISH_LENGTH, piece, err);
    uint64_t begin = sotto_time_ns();
    SOTTO_TRY(advance(g, piece, &full, err));
    if (full) return finish(g, SOTTO_FINISH_CONTEXT, piece, err);
    SOTTO_TRY(look_for_call(g, err));
    const float *logits = sotto_session_logits(g->session);
    if (g->search && (token = sotto_search_next(g->search)) >= 0) {
        (void)sotto_constraint_accept(constraint_of(g), token);
    } else if (logits) {
        SOTTO_TRY(pick(g, logits, &token, err));
    } else {
        return sotto_fail(err, SOTTO_INVALID, "the session was changed while its generator was running");
    }
    if (g->n_tokens > 0) g->decode_ns += sotto_time_ns() - begin;
    if ((!o->ignore_end || constraint_of(g)) && sotto_tokenizer_is_eog(g->decoder.tokenizer, token))
        return finish(g, SOTTO_FINISH_STOP, piece, err);
    return emit(g, token, logits, piece, err);
}

sotto_status sotto_generator_next(sotto_generator *g, sotto_piece *piece, sotto_error *err) {
    sotto_piece next = {.token = -1, .done = g->finish != SOTTO_FINISH_NONE};
    sotto_buf_clear(&g->shown);
    if (!next.done) SOTTO_TRY(step(g, &next, err));
    next.text = sotto_buf_str(&g->shown).p;
    next.n_text = g->shown.len;
    if (g->calls) {
        size_t n;
        next.calls = sotto_calls_list(g->calls, &n) + g->n_calls;
        next.n_calls = (int32_t)(n - g->n_calls);
        g->n_calls = n;
    }
    *piece = next;
    return SOTTO_OK;
}

void sotto_generator_result(const sotto_generator *g, sotto_generation *out) {
    *out = (sotto_generation){
        .finish = g->finish,
        .tokens = g->tokens,
        .n_tokens = g->n_tokens,
        .seed = sotto_sampler_seed(g->sampler),
        .calls = g->calls ? sotto_calls_list(g->calls, &(size_t){0}) : NULL,
        .n_calls = g->n_calls,
        .decode_ms = (double)g->decode_ns / 1e6,
        .n_passes = g->n_passes + (g->search ? sotto_search_passes(g->search) : 0),
        .n_proposed = g->n_proposed,
        .n_accepted = g->n_accepted,
    };
}
