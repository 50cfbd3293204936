/* Calls that are looked for as a whole: never less likely than greedy decoding's or a beam's, the same where greedy
 * decoding cannot be beaten, and the session is what it would be without. Beam search, here in its plainest form, is
 * the independent way to the same thing. */
#include "test.h"

#include <math.h>

#include <sotto/sotto.h>
#include <sotto/tools.h>

#include "base/base.h"

#define STARTER "../models/starter/sotto-starter-q4_0.gguf"
enum { TOKENS_MAX = 60, WIDTH = 8, BEAMS_MAX = TEST_SLOW ? 0 : 10 };

/* Sentences that leave a model in doubt: one of each. */
static const char *const begins[] = {"remind me at half past the", "um two no three of the", "set it for forty no the",
                                     "add and take off the", "how much how many is", "seven hundred and and nine"};
static const char *const middles[] = {"pasta minute list", "eggs of the other thing", "percent in a week",
                                      "gate is what i said", "twelve feet and a bit"};
static const char *const ends[] = {"after seven", "but not the bread"};
enum {
    DOUBTFUL = SOTTO_COUNT(begins) * SOTTO_COUNT(middles) * SOTTO_COUNT(ends),
    STEP = TEST_SLOW ? 29 : 1, /* no factor of DOUBTFUL */
};

static const char *doubtful(size_t i) {
    static char said[128];
    (void)snprintf(said, sizeof said, "%s %s %s", begins[i % SOTTO_COUNT(begins)],
                   middles[i / SOTTO_COUNT(begins) % SOTTO_COUNT(middles)],
                   ends[i / SOTTO_COUNT(begins) / SOTTO_COUNT(middles)]);
    return said;
}

/* Where greedy decoding is sure. */
static const char *const certain[] = {"set a timer for five minutes", "flip a coin", "what time is it"};

typedef struct answer {
    int32_t tokens[TOKENS_MAX];
    size_t  n, n_calls;
    double  logprobs; /* the sum that the pieces give, where they do */
} answer;

static sotto_model   *model;
static sotto_session *session;
static int32_t        n_vocab;

static bool open_model(const char *path, const char *format) {
    sotto_error           err = {0};
    sotto_model_options   mo = {.threads = 1, .chat_format = format};
    sotto_session_options so = sotto_session_options_default();
    sotto_model_info      info = {0};
    model = NULL, session = NULL;
    CHECK_OK(sotto_model_open(&model, path, &mo, &err), err);
    if (model) CHECK_OK(sotto_session_open(&session, model, &so, &err), err);
    if (model) sotto_model_get_info(model, &info);
    n_vocab = info.n_vocab;
    return session != NULL;
}

static void close_model(void) {
    sotto_session_close(session);
    sotto_model_close(model);
}

static bool prompt_of(const char *said, sotto_tokens *prompt) {
    sotto_error     err = {0};
    sotto_chat_turn turn = {.role = "user", .content = said};
    *prompt = (sotto_tokens){0};
    CHECK_OK(sotto_chat_tokens(model, &turn, 1, NULL, prompt, &err), err);
    return prompt->n > 0;
}

static answer ask(const sotto_tokens *prompt, int32_t search, bool logprobs, sotto_tool_choice choice) {
    sotto_error            err = {0};
    sotto_sampling         sampling = sotto_sampling_default(model);
    sotto_generate_options go = sotto_generate_options_default();
    sotto_generator       *g = NULL;
    sotto_piece            piece = {0};
    sotto_generation       result = {0};
    answer                 a = {.n = 0};
    size_t                 n;
    sampling.temperature = 0;
    go.sampling = &sampling, go.tools = sotto_tools_schema(), go.tool_choice = choice;
    go.max_tokens = TOKENS_MAX, go.call_search = search, go.top_logprobs = logprobs ? 0 : -1;
    CHECK_OK(sotto_session_sync(session, prompt->ids, prompt->n, &err), err);
    CHECK_OK(sotto_generator_open(&g, session, &go, &err), err);
    while (g && !piece.done) {
        sotto_status status = sotto_generator_next(g, &piece, &err);
        CHECK_OK(status, err);
        if (status != SOTTO_OK) break;
        if (piece.token >= 0) a.logprobs += (double)piece.logprob;
    }
    if (!g) return a;
    sotto_generator_result(g, &result);
    a.n = result.n_tokens, a.n_calls = result.n_calls;
    memcpy(a.tokens, result.tokens, a.n * sizeof *a.tokens);
    /* The session holds the prompt and the answer, all but the last token or, before an end token, all. */
    const int32_t *ids = sotto_session_tokens(session, &n);
    CHECK(n == prompt->n + a.n || n + 1 == prompt->n + a.n);
    CHECK(memcmp(ids, prompt->ids, prompt->n * sizeof *ids) == 0);
    CHECK(n < prompt->n || memcmp(ids + prompt->n, a.tokens, (n - prompt->n) * sizeof *ids) == 0);
    sotto_generator_close(g);
    return a;
}

/* The logarithm of an answer's probability, or of that of its tokens from `from` on. */
static double logprob_of(const sotto_tokens *prompt, const int32_t *tokens, size_t from, size_t n) {
    sotto_error err = {0};
    double      sum = 0;
    float      *logits = calloc((prompt->n + n) * (size_t)n_vocab, sizeof *logits);
    CHECK(logits != NULL);
    CHECK_OK(sotto_session_sync(session, prompt->ids, 1, &err), err);
    CHECK_OK(sotto_session_append_logits(session, prompt->ids + 1, prompt->n - 1, logits, &err), err);
    float *row = logits + (prompt->n - 2) * (size_t)n_vocab;
    CHECK_OK(sotto_session_append_logits(session, tokens, n, row + n_vocab, &err), err);
    for (size_t i = 0; i < n; i++, row += n_vocab) {
        double total = 0;
        for (int32_t t = 0; t < n_vocab; t++) total += exp((double)row[t] - (double)row[tokens[i]]);
        if (i >= from) sum -= log(total);
    }
    free(logits);
    return sum;
}

/* ---- a beam -------------------------------------------------------------------------------------------- */

typedef struct beam {
    int32_t tokens[TOKENS_MAX];
    size_t  n;
    double  logprob;
} beam;

/* The WIDTH likeliest of those that `list` has and `b` with one token more, likeliest first. */
static void widen(beam *list, size_t *n, const beam *b, const float *logits) {
    double most = -INFINITY, total = 0;
    for (int32_t t = 0; t < n_vocab; t++) most = fmax(most, (double)logits[t]);
    for (int32_t t = 0; t < n_vocab; t++) total += exp((double)logits[t] - most);
    for (int32_t t = 0; t < n_vocab; t++) {
        double logprob = b->logprob + (double)logits[t] - most - log(total);
        if (*n == WIDTH && logprob <= list[WIDTH - 1].logprob) continue;
        size_t at = *n < WIDTH ? (*n)++ : WIDTH - 1;
        for (; at > 0 && list[at - 1].logprob < logprob; at--) list[at] = list[at - 1];
        list[at] = *b;
        list[at].tokens[list[at].n++] = t;
        list[at].logprob = logprob;
    }
}

/* How likely the likeliest call is that a beam finds: what begins with this token and ends in a bracket. */
static double beam_search(const sotto_tokens *prompt, int32_t first) {
    sotto_error err = {0};
    double      best = -INFINITY;
    beam        live[WIDTH] = {{.tokens = {first}, .n = 1}}, next[WIDTH];
    size_t      n_live = 1, n_next = 0, n_piece;
    int32_t    *ids = calloc(prompt->n + TOKENS_MAX, sizeof *ids);
    CHECK(ids != NULL);
    memcpy(ids, prompt->ids, prompt->n * sizeof *ids);
    for (; n_live > 0 && live[0].n + 1 < TOKENS_MAX; n_live = n_next) {
        n_next = 0;
        for (size_t i = 0; i < n_live; i++) {
            memcpy(ids + prompt->n, live[i].tokens, live[i].n * sizeof *ids);
            CHECK_OK(sotto_session_sync(session, ids, prompt->n + live[i].n, &err), err);
            widen(next, &n_next, &live[i], sotto_session_logits(session));
        }
        size_t kept = 0;
        for (size_t i = 0; i < n_next; i++) {
            const char *piece = sotto_token_piece(model, next[i].tokens[next[i].n - 1], &n_piece);
            if (sotto_token_ends(model, next[i].tokens[next[i].n - 1])) continue; /* before the call was whole */
            if (n_piece && piece[n_piece - 1] == ']') best = fmax(best, next[i].logprob);
            else if (next[i].logprob > best) live[kept++] = next[i];
        }
        n_next = kept;
    }
    free(ids);
    return best;
}

/* ---- the tests ----------------------------------------------------------------------------------------- */

static bool same(const answer *a, const answer *b) {
    return a->n == b->n && memcmp(a->tokens, b->tokens, a->n * sizeof *a->tokens) == 0;
}

TEST(nothing_likelier_is_found_by_a_beam) {
    int n_other = 0, n_beams = 0;
    if (!open_model(STARTER, "sotto-starter")) return;
    for (size_t i = 0; i < DOUBTFUL; i += STEP) {
        sotto_tokens prompt;
        if (!prompt_of(doubtful(i), &prompt)) continue;
        answer greedy = ask(&prompt, 0, false, SOTTO_TOOLS_AUTO), found = ask(&prompt, 2000, false, SOTTO_TOOLS_AUTO);
        double by_greed = logprob_of(&prompt, greedy.tokens, 1, greedy.n);
        if (!greedy.n_calls || by_greed > log(0.5)) {
            CHECK(same(&greedy, &found));
        } else { /* the first token says that it is a call, and is no part of what is looked for */
            double by_search = logprob_of(&prompt, found.tokens, 1, found.n);
            CHECK(found.n_calls > 0 && found.tokens[0] == greedy.tokens[0]);
            CHECK(by_search >= by_greed - 1e-3);
            if (n_beams++ < BEAMS_MAX) CHECK(by_search >= beam_search(&prompt, greedy.tokens[0]) - 1e-3);
            n_other += !same(&greedy, &found);
        }
        sotto_tokens_free(&prompt);
    }
    if (!TEST_SLOW) CHECK(n_beams > 0 && n_other > 0); /* else they are not doubtful, and nothing was shown */
    close_model();
}

/* Its logits are asked for with the pieces: they are the model's, and change nothing. */
TEST(logprobs_of_a_found_call_are_its_own) {
    if (!open_model(STARTER, "sotto-starter")) return;
    for (size_t i = 0; i < DOUBTFUL; i += STEP) {
        sotto_tokens prompt;
        if (!prompt_of(doubtful(i), &prompt)) continue;
        answer plain = ask(&prompt, -1, false, SOTTO_TOOLS_AUTO), shown = ask(&prompt, -1, true, SOTTO_TOOLS_AUTO);
        CHECK(same(&plain, &shown));
        CHECK(fabs(shown.logprobs - logprob_of(&prompt, shown.tokens, 0, shown.n)) < 1e-3);
        sotto_tokens_free(&prompt);
    }
    close_model();
}

TEST(what_is_certain_takes_no_pass_more) {
    if (!open_model(STARTER, "sotto-starter")) return;
    for (size_t i = 0; i < SOTTO_COUNT(certain); i++) {
        sotto_tokens prompt;
        sotto_error  err = {0};
        if (!prompt_of(certain[i], &prompt)) continue;
        size_t passes[2];
        for (int searching = 0; searching < 2; searching++) {
            sotto_generate_options go = sotto_generate_options_default();
            sotto_generator       *g = NULL;
            sotto_piece            piece = {0};
            sotto_generation       result = {0};
            go.tools = sotto_tools_schema(), go.lookup = SOTTO_LOOKUP_OFF, go.call_search = searching ? -1 : 0;
            CHECK_OK(sotto_session_sync(session, prompt.ids, prompt.n, &err), err);
            CHECK_OK(sotto_generator_open(&g, session, &go, &err), err);
            while (g && !piece.done && sotto_generator_next(g, &piece, &err) == SOTTO_OK) continue;
            if (g) sotto_generator_result(g, &result);
            CHECK_INT(result.n_calls, 1);
            CHECK_INT(result.n_accepted, 0);
            passes[searching] = result.n_passes;
            sotto_generator_close(g);
        }
        CHECK_INT(passes[1], passes[0]);
        sotto_tokens_free(&prompt);
    }
    close_model();
}

/* Models with random weights are in doubt everywhere: the budget ends it, and what comes is a call all the same. */
TEST(a_budget_ends_it) {
    static const struct { const char *path, *format; } families[] = {
        {"golden/gemma3", "sotto-starter"}, {"golden/llama3", "llama3"}, {"golden/qwen3", "qwen3"}};
    for (size_t i = 0; i < SOTTO_COUNT(families); i++) {
        sotto_tokens prompt;
        if (!open_model(families[i].path, families[i].format) || !prompt_of("hi", &prompt)) continue;
        prompt.n = SOTTO_MIN(prompt.n, (size_t)40);
        answer greedy = ask(&prompt, 0, false, SOTTO_TOOLS_REQUIRED);
        for (int32_t budget = 1; budget < 100; budget = budget * 3 + 1) {
            answer found = ask(&prompt, budget, false, SOTTO_TOOLS_REQUIRED);
            answer shown = ask(&prompt, budget, true, SOTTO_TOOLS_REQUIRED);
            CHECK(same(&found, &shown));
            if (greedy.n_calls && found.n_calls)
                CHECK(logprob_of(&prompt, found.tokens, 0, found.n) >=
                      logprob_of(&prompt, greedy.tokens, 0, greedy.n) - 1e-2);
        }
        sotto_tokens_free(&prompt);
        close_model();
    }
}

/* A session that was changed under a generator has no logits to begin a call with. */
TEST(a_changed_session_is_an_error) {
    sotto_tokens           prompt;
    sotto_error            err = {0};
    sotto_generate_options go = sotto_generate_options_default();
    sotto_generator       *g = NULL;
    sotto_piece            piece = {0};
    size_t                 n;
    if (!open_model("golden/gemma3", "sotto-starter") || !prompt_of("hi", &prompt)) return;
    go.tools = sotto_tools_schema(), go.tool_choice = SOTTO_TOOLS_REQUIRED, go.call_search = -2;
    CHECK_OK(sotto_session_sync(session, prompt.ids, prompt.n, &err), err);
    CHECK_INT(sotto_generator_open(&g, session, &go, &err), SOTTO_INVALID);
    go.sampling = &(sotto_sampling){.top_p = 1, .typical_p = 1, .repetition_penalty = 1, .dry_base = 1.75f,
                                    .dry_allowed_length = 2};
    go.call_search = 10;
    CHECK_OK(sotto_generator_open(&g, session, &go, &err), err);
    (void)sotto_session_tokens(session, &n);
    CHECK_OK(sotto_session_rewind(session, n - 1, &err), err);
    CHECK_INT(sotto_generator_next(g, &piece, &err), SOTTO_INVALID);
    sotto_generator_close(g);
    sotto_tokens_free(&prompt);
    close_model();
}

TEST_MAIN()
