/* Looking up guesses never changes an answer: tokens, log probabilities and what the session holds are those of one
 * pass for each token, for every family, however tokens are chosen. */
#define _XOPEN_SOURCE 700
#include "golden/families.h"

#include <sotto/sotto.h>

#include "base/base.h"

enum { N_PROMPT = 36, TOKENS_MAX = 160 };

static char scratch[] = "/tmp/sotto-lookup-XXXXXX";

typedef struct answer {
    int32_t          tokens[TOKENS_MAX];
    float            logprobs[TOKENS_MAX];
    size_t           n;
    int32_t          n_dropped;
    char             text[8192];
    size_t           n_text;
    sotto_generation result;
} answer;

static size_t all_proposed, all_accepted; /* of every comparison */

/* A prompt with a part that comes twice. */
static void fill(int32_t *ids, int32_t n_vocab) {
    for (int i = 0; i < N_PROMPT; i++) ids[i] = (i % 12 * 37 + i / 24 * 5 + 11) % (n_vocab - 10) + 8;
}

static void draw(sotto_session *s, const int32_t *prompt, int32_t n_prompt, const sotto_generate_options *o,
                 answer *out) {
    sotto_generator *g = NULL;
    sotto_piece      piece = {0};
    sotto_error      err = {0};
    size_t           n;
    memset(out, 0, sizeof *out);
    CHECK_OK(sotto_session_sync(s, prompt, (size_t)n_prompt, &err), err);
    CHECK_OK(sotto_generator_open(&g, s, o, &err), err);
    while (g && !piece.done) {
        if (sotto_generator_next(g, &piece, &err) != SOTTO_OK) {
            TEST_FAIL("%s", err.message);
            break;
        }
        out->n_dropped += piece.n_dropped;
        if (out->n_text + piece.n_text < sizeof out->text)
            memcpy(out->text + out->n_text, piece.text, piece.n_text), out->n_text += piece.n_text;
        if (piece.token < 0) continue;
        out->tokens[out->n] = piece.token, out->logprobs[out->n++] = piece.logprob;
        (void)sotto_session_tokens(s, &n); /* what is guessed does not show */
        CHECK_INT(n + (size_t)out->n_dropped, (size_t)n_prompt + out->n - 1);
    }
    if (g) sotto_generator_result(g, &out->result);
    sotto_generator_close(g);
}

static void compare(sotto_session *s, const int32_t *prompt, int32_t n_prompt, sotto_generate_options o,
                    const char *what) {
    static answer plain, fast;
    o.top_logprobs = 0;
    o.lookup = SOTTO_LOOKUP_OFF;
    draw(s, prompt, n_prompt, &o, &plain);
    CHECK_INT(plain.result.n_proposed + plain.result.n_accepted, 0);
    for (int use = SOTTO_LOOKUP_AUTO; use <= SOTTO_LOOKUP_ON; use++) {
        o.lookup = (sotto_lookup_use)use;
        draw(s, prompt, n_prompt, &o, &fast);
        test_checks++;
        if (fast.n != plain.n || memcmp(fast.tokens, plain.tokens, plain.n * sizeof *plain.tokens) != 0 ||
            memcmp(fast.logprobs, plain.logprobs, plain.n * sizeof *plain.logprobs) != 0)
            TEST_FAIL("%s: the answer is another one with guesses (%d)", what, use);
        CHECK(fast.n_text == plain.n_text && memcmp(fast.text, plain.text, plain.n_text) == 0);
        CHECK(fast.result.finish == plain.result.finish);
        CHECK_INT(fast.n_dropped, plain.n_dropped);
        CHECK(fast.result.n_accepted <= fast.result.n_proposed);
        CHECK_INT(fast.result.n_passes + fast.result.n_accepted, plain.result.n_passes);
        all_proposed += fast.result.n_proposed, all_accepted += fast.result.n_accepted;
    }
}

/* ---- every family -------------------------------------------------------------------------------------- */

static void compare_samplings(sotto_session *s, const int32_t *ids, const char *name) {
    sotto_sampling samplings[4];
    char           what[96];
    for (int i = 0; i < 4; i++) samplings[i] = sotto_sampling_default(NULL), samplings[i].seed = 7;
    samplings[0].temperature = 0;
    samplings[1].temperature = 0.2f;
    samplings[2].temperature = 0, samplings[2].repetition_penalty = 1.1f, samplings[2].dry_multiplier = 0.5f;
    samplings[3].temperature = 1, samplings[3].top_k = 3;
    for (int i = 0; i < 4; i++)
        for (int32_t n = 1; n <= 90; n = n < 4 ? n + 1 : n * 5 - 2) { /* 1, 2, 3, 4, 18, 88 */
            sotto_generate_options o = sotto_generate_options_default();
            o.sampling = &samplings[i], o.max_tokens = n, o.ignore_end = i != 3;
            snprintf(what, sizeof what, "%.48s, sampling %d, %d tokens", name, i, n);
            compare(s, ids, N_PROMPT, o, what);
        }
}

static void check_family(const char *name) {
    char                  path[300];
    int32_t               ids[N_PROMPT];
    sotto_error           err = {0};
    sotto_model          *m = NULL;
    sotto_session        *s = NULL;
    sotto_model_info      info;
    sotto_model_options   mo = {.threads = 2};
    sotto_session_options so = {.context = 160, .batch = 16};
    snprintf(path, sizeof path, "golden/%.256s", name);
    CHECK_OK(sotto_model_open(&m, path, &mo, &err), err);
    if (m) CHECK_OK(sotto_session_open(&s, m, &so, &err), err);
    if (s) {
        sotto_model_get_info(m, &info);
        fill(ids, info.n_vocab);
        compare_samplings(s, ids, name);
    }
    sotto_session_close(s);
    sotto_model_close(m);
}

TEST(answers_of_every_family_are_the_same_with_guesses) {
    each_family(check_family);
    CHECK(all_accepted > 100 && all_proposed > all_accepted); /* some come true and some do not */
}

/* ---- beside other things ------------------------------------------------------------------------------- */

typedef struct opened {
    sotto_model   *model;
    sotto_session *session;
    int32_t        ids[N_PROMPT];
} opened;

static bool open_with(opened *o, const char *path, sotto_session_options so) {
    sotto_error         err = {0};
    sotto_model_options mo = {.threads = 2};
    sotto_model_info    info;
    *o = (opened){0};
    CHECK_OK(sotto_model_open(&o->model, path, &mo, &err), err);
    if (o->model) CHECK_OK(sotto_session_open(&o->session, o->model, &so, &err), err);
    if (!o->session) return false;
    sotto_model_get_info(o->model, &info);
    fill(o->ids, info.n_vocab);
    return true;
}

static void close_all(opened *o) {
    sotto_session_close(o->session);
    sotto_model_close(o->model);
}

static sotto_generate_options greedy(sotto_sampling *sampling, int32_t n) {
    sotto_generate_options o = sotto_generate_options_default();
    *sampling = sotto_sampling_default(NULL);
    sampling->temperature = 0, sampling->seed = 1;
    o.sampling = sampling, o.max_tokens = n, o.ignore_end = true;
    return o;
}

TEST(sliding_drops_the_same_tokens) {
    static const char *const models[] = {"golden/gemma3", "golden/gemma4-e", "golden/llama3", "golden/smollm3"};
    for (size_t i = 0; i < SOTTO_COUNT(models); i++) {
        opened                 o;
        sotto_sampling         sampling;
        sotto_generate_options go = greedy(&sampling, 150);
        go.slide = true, go.keep = 6;
        if (open_with(&o, models[i], (sotto_session_options){.context = 48, .batch = 5}))
            compare(o.session, o.ids, N_PROMPT, go, models[i]);
        close_all(&o);
    }
}

TEST(a_full_context_ends_at_the_same_token) {
    opened                 o;
    sotto_sampling         sampling;
    sotto_generate_options go = greedy(&sampling, -1);
    if (open_with(&o, "golden/qwen3", (sotto_session_options){.context = 75}))
        compare(o.session, o.ids, N_PROMPT, go, "a full context");
    close_all(&o);
}

TEST(grammars_hold_with_guesses) {
    static const char *const models[] = {"golden/gemma3", "golden/llama3", "golden/qwen3", "golden/llama2"};
    static const char gbnf[] = "root ::= item{12}\nitem ::= \"[\" (\"yes\" | \"no\" | [0-9]{1,3}) \"], \"";
    for (size_t i = 0; i < SOTTO_COUNT(models) * 2; i++) {
        opened                 o;
        sotto_error            err = {0};
        sotto_grammar         *g = NULL;
        sotto_sampling         sampling;
        sotto_generate_options go = greedy(&sampling, 120);
        size_t                 before = all_accepted;
        CHECK_OK(sotto_grammar_open(&g, gbnf, sizeof gbnf - 1, &err), err);
        go.grammar = g;
        if (i % 2) sampling.temperature = 0.8f;
        if (open_with(&o, models[i / 2], (sotto_session_options){.context = 256}))
            compare(o.session, o.ids, N_PROMPT, go, models[i / 2]);
        CHECK(all_accepted > before); /* the form repeats */
        close_all(&o);
        sotto_grammar_close(g);
    }
}

/* A small batch leaves room for fewer guesses, a quantised cache and weights change none of it. */
TEST(batches_caches_and_weights_make_no_difference) {
    char                   path[64];
    opened                 o;
    sotto_error            err = {0};
    sotto_sampling         sampling;
    sotto_generate_options go = greedy(&sampling, 100);
    snprintf(path, sizeof path, "%s/tiny.gguf", scratch);
    CHECK_OK(sotto_synthetic_write("tiny", path, NULL, &err), err);
    for (int32_t batch = 1; batch <= 8; batch *= 2) {
        if (open_with(&o, path, (sotto_session_options){.context = 256, .batch = batch,
                                                        .cache_type = SOTTO_CACHE_Q8_0}))
            compare(o.session, o.ids, N_PROMPT, go, "tiny");
        close_all(&o);
    }
    remove(path);
}

/* In the middle of an answer the engine may hold guesses: what is saved, dropped or synced to must not have them. */
TEST(a_session_is_itself_between_pieces) {
    opened                 o;
    sotto_error            err = {0};
    sotto_sampling         sampling;
    sotto_generate_options go = greedy(&sampling, 40);
    sotto_generator       *g = NULL;
    sotto_piece            piece = {0};
    sotto_session         *other = NULL;
    char                   path[64];
    size_t                 n;
    snprintf(path, sizeof path, "%s/middle.session", scratch);
    go.lookup = SOTTO_LOOKUP_ON;
    if (open_with(&o, "golden/gemma3", (sotto_session_options){.context = 128})) {
        sotto_model_info info;
        sotto_model_get_info(o.model, &info);
        const size_t bytes = (size_t)info.n_vocab * sizeof(float);
        CHECK_OK(sotto_session_open(&other, o.model, &(sotto_session_options){.context = 128}, &err), err);
        CHECK_OK(sotto_session_sync(o.session, o.ids, N_PROMPT, &err), err);
        CHECK_OK(sotto_generator_open(&g, o.session, &go, &err), err);
        for (int i = 0; i < 20; i++) {
            CHECK_OK(sotto_generator_next(g, &piece, &err), err);
            const int32_t *ids = sotto_session_tokens(o.session, &n);
            CHECK_OK(sotto_session_save(o.session, path, &err), err);
            CHECK_OK(sotto_session_restore(other, path, &err), err);
            CHECK(memcmp(sotto_session_logits(other), sotto_session_logits(o.session), bytes) == 0);
            CHECK_OK(sotto_session_sync(other, ids, n, &err), err);
            CHECK_OK(sotto_session_append(other, &piece.token, 1, &err), err);
            CHECK(memcmp(sotto_session_tokens(other, &n), ids, (n - 1) * sizeof *ids) == 0);
        }
        sotto_generator_close(g);
        (void)sotto_session_tokens(o.session, &n);
        CHECK_OK(sotto_session_append(o.session, &piece.token, 1, &err), err); /* after the guesses, not behind them */
        CHECK(memcmp(sotto_session_logits(o.session), sotto_session_logits(other), bytes) == 0);
        CHECK_OK(sotto_session_drop(o.session, 4, 9, &err), err);
        CHECK_OK(sotto_session_rewind(o.session, n - 10, &err), err);
    }
    sotto_session_close(other);
    close_all(&o);
    remove(path);
}

int main(int argc, char **argv) {
    if (!mkdtemp(scratch)) return 1;
    int result = test_main(argc, argv);
    rmdir(scratch);
    return result;
}
