/* The generator over a scripted model: the session, tokenizer and chat format that generator.c sees are those
 * below, so that every token and every byte of an answer can be chosen. Its sampler is the real one. */
#include "test.h"

#include "runtime/engine.h"

/* ---- a scripted model ---------------------------------------------------------------------------------- */

enum { END, CONTROL, WORDS, N_VOCAB = 40, CONTEXT_MAX = 256, SCRIPT_MAX = 400 };

static const char *const words[N_VOCAB] = {
    [WORDS] = "a", "b", "ab", "abc", "st", "op", "stop", "art", "x<stop>y", "\n", "\xf0\x9f", "\x98\x80", "\xc3",
    "\xa9", " ", "\xe2\x82\xac", "\xff", "aa", "bcd", "<", "s", "top>", ">",
};

static struct {
    int32_t prompt, context; /* tokens */
    int32_t script[SCRIPT_MAX];
    int32_t tokens[CONTEXT_MAX];
    size_t  n, n_appended;
    float   logits[N_VOCAB];
    bool    append_fails, breaks; /* no memory; NaN for a logit */
    bool    started;              /* what the decoder was told of the text before its first token */
    size_t  begin, end; /* of the last drop */
    const char *format_stop;
} fake;

static int32_t word(const char *text) {
    for (int32_t id = WORDS; id < N_VOCAB; id++)
        if (words[id] && strcmp(words[id], text) == 0) return id;
    return -1;
}

static void script_logits(void) {
    for (int32_t id = 0; id < N_VOCAB; id++) fake.logits[id] = 0;
    if (fake.n_appended < SCRIPT_MAX) fake.logits[fake.script[fake.n_appended]] = 10;
    if (fake.breaks) fake.logits[0] = NAN;
}

static const float *fake_session_logits(const sotto_session *s) {
    (void)s;
    return fake.prompt ? fake.logits : NULL;
}

static const int32_t *fake_session_tokens(const sotto_session *s, size_t *n) {
    (void)s;
    *n = fake.n;
    return fake.tokens;
}

static int32_t fake_session_context(const sotto_session *s) {
    (void)s;
    return fake.context;
}

static sotto_status fake_session_append(sotto_session *s, const int32_t *ids, size_t n, sotto_error *err) {
    (void)s;
    if (fake.append_fails) return sotto_fail(err, SOTTO_NO_MEMORY, "out of memory for a test");
    if (fake.n + n > (size_t)fake.context) return sotto_fail(err, SOTTO_CONTEXT_FULL, "full");
    memcpy(fake.tokens + fake.n, ids, n * sizeof *ids);
    fake.n += n;
    fake.n_appended += n;
    script_logits();
    return SOTTO_OK;
}

/* Guesses are looked at elsewhere (test_lookup.c, golden/test_lookup.c): this session computes none. */
static sotto_status fake_session_append_guessing(sotto_session *s, int32_t token, const int32_t *guesses, int32_t n,
                                                 sotto_error *err) {
    (void)guesses, (void)n;
    return fake_session_append(s, &token, 1, err);
}

static bool fake_session_take_guess(sotto_session *s, int32_t token) {
    (void)s, (void)token;
    return false;
}

static sotto_status fake_session_drop(sotto_session *s, size_t begin, size_t end, sotto_error *err) {
    (void)s;
    if (begin >= end || end > fake.n) return sotto_fail(err, SOTTO_INVALID, "nothing to drop");
    memmove(fake.tokens + begin, fake.tokens + end, (fake.n - end) * sizeof *fake.tokens);
    fake.n -= end - begin;
    fake.begin = begin, fake.end = end;
    return SOTTO_OK;
}

static bool fake_tokenizer_is_eog(const sotto_tokenizer *t, int32_t id) {
    (void)t;
    return id == END;
}

static sotto_token_type fake_tokenizer_type(const sotto_tokenizer *t, int32_t id) {
    (void)t;
    return id < WORDS ? SOTTO_TOKEN_CONTROL : SOTTO_TOKEN_NORMAL;
}

/* Whole characters of held + text; what can never become one gives U+FFFD. */
static bool fake_decode(sotto_decoder *d, const char *text, bool flush, sotto_buf *out) {
    char   s[32];
    size_t n = d->n_held + strlen(text);
    memcpy(s, d->held, d->n_held);
    memcpy(s + d->n_held, text, n - d->n_held);
    d->n_held = flush ? 0 : sotto_utf8_incomplete(s, n);
    n -= d->n_held;
    memcpy(d->held, s + n, d->n_held);
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        char     utf8[4];
        i += sotto_utf8_decode(s + i, n - i, &cp);
        sotto_buf_append(out, utf8, sotto_utf8_encode(cp, utf8));
    }
    return !out->failed;
}

static bool fake_decoder_push(sotto_decoder *d, int32_t id, sotto_buf *out) {
    fake.started = d->started;
    return fake_decode(d, words[id] ? words[id] : "", false, out);
}

static bool fake_decoder_flush(sotto_decoder *d, sotto_buf *out) { return fake_decode(d, "", true, out); }

static int32_t fake_tokenizer_n_vocab(const sotto_tokenizer *t) {
    (void)t;
    return N_VOCAB - 1; /* the model's rows are padded */
}

static bool fake_tokenizer_decode(const sotto_tokenizer *t, int32_t id, bool special, sotto_buf *out) {
    (void)t, (void)special;
    return sotto_buf_puts(out, words[id] ? words[id] : "");
}

static const char *fake_chat_format_stop(const sotto_chat_format *f, size_t i) {
    (void)f;
    return i == 0 ? fake.format_stop : NULL;
}

#define sotto_session_logits   fake_session_logits
#define sotto_session_tokens   fake_session_tokens
#define sotto_session_context  fake_session_context
#define sotto_session_append_guessing fake_session_append_guessing
#define sotto_session_take_guess fake_session_take_guess
#define sotto_session_drop     fake_session_drop
#define sotto_tokenizer_is_eog fake_tokenizer_is_eog
#define sotto_tokenizer_type   fake_tokenizer_type
#define sotto_decoder_push     fake_decoder_push
#define sotto_decoder_flush    fake_decoder_flush
#define sotto_chat_format_stop fake_chat_format_stop
#include "runtime/generator.c"
#define sotto_tokenizer_n_vocab fake_tokenizer_n_vocab
#define sotto_tokenizer_decode  fake_tokenizer_decode
#include "runtime/sampling.c"

static double fake_guess_cost(const sotto_model *m) { return (void)m, 0.3; }

static const sotto_engine engine = {.guess_cost = fake_guess_cost};
static sotto_model   model = {.engine = &engine, .info = {.n_vocab = N_VOCAB}};
static sotto_session session = {.model = &model};
static sotto_sampling    greedy = {.top_p = 1, .typical_p = 1, .repetition_penalty = 1, .dry_base = 1,
                                   .dry_allowed_length = 1, .seed = 1};

/* A prompt of n tokens, 0, 1, 2, ..., in a context, and what the model is going to say. */
static void play_ids(int32_t prompt, int32_t context, const int32_t *script, int n) {
    memset(&fake, 0, sizeof fake);
    model.chat_format = NULL;
    fake.prompt = prompt, fake.context = context, fake.n = (size_t)prompt;
    for (int32_t i = 0; i < prompt; i++) fake.tokens[i] = i % N_VOCAB;
    memcpy(fake.script, script, (size_t)n * sizeof *script);
    script_logits();
}

static void play(const char *const *script) { /* NULL: the end token; then nothing more follows */
    int32_t ids[SCRIPT_MAX];
    int     n = 0;
    for (; script[n]; n++) CHECK((ids[n] = word(script[n])) >= 0);
    ids[n++] = END;
    play_ids(5, 64, ids, n);
}
#define PLAY(...) play((const char *const[]){__VA_ARGS__, NULL})

static sotto_generate_options options(void) {
    sotto_generate_options o = sotto_generate_options_default();
    o.sampling = &greedy;
    return o;
}

/* n words and the end. */
static void babble(int32_t prompt, int32_t context, int n) {
    int32_t ids[SCRIPT_MAX];
    for (int i = 0; i < n; i++) ids[i] = WORDS + i % 4;
    ids[n] = END;
    play_ids(prompt, context, ids, n + 1);
}

typedef struct answer {
    char         text[2000];
    int          n_pieces, n_dropped;
    int32_t      tokens[SCRIPT_MAX];
    size_t       n_tokens;
    sotto_finish finish;
} answer;

/* Run to the end; "|" in the text separates pieces when `marked`. */
static answer run(sotto_generate_options o, bool marked) {
    answer           a = {0};
    sotto_error      err;
    sotto_generator *g = NULL;
    sotto_piece      piece = {0};
    sotto_generation result;
    CHECK_OK(sotto_generator_open(&g, &session, &o, &err), err);
    if (!g) return a;
    while (!piece.done && a.n_pieces < SCRIPT_MAX) {
        CHECK_OK(sotto_generator_next(g, &piece, &err), err);
        CHECK(sotto_utf8_valid(piece.text, piece.n_text));
        CHECK_INT(strlen(piece.text), piece.n_text);
        snprintf(a.text + strlen(a.text), sizeof a.text - strlen(a.text), "%s%s",
                 marked && a.n_pieces ? "|" : "", piece.text);
        a.n_pieces++;
        a.n_dropped += piece.n_dropped;
    }
    sotto_generator_result(g, &result);
    memcpy(a.tokens, result.tokens, result.n_tokens * sizeof *result.tokens);
    a.n_tokens = result.n_tokens;
    a.finish = result.finish;
    CHECK(sotto_generator_next(g, &piece, &err) == SOTTO_OK && piece.done && piece.n_text == 0 && piece.token == -1);
    sotto_generator_close(g);
    return a;
}

/* ---- ends ---------------------------------------------------------------------------------------------- */

TEST(an_answer_ends_at_an_end_token) {
    PLAY("ab", " ", "stop");
    answer a = run(options(), true);
    CHECK_STR(a.text, "ab| |stop|");
    CHECK_INT(a.finish, SOTTO_FINISH_STOP);
    CHECK_INT(a.n_tokens, 3);
    CHECK_INT(a.tokens[2], word("stop"));
    CHECK_INT(fake.n, 5 + 3); /* the end token is not in the session */
}

TEST(end_tokens_can_be_ignored) {
    PLAY("a");
    fake.script[2] = word("b");
    model.chat_format = (const sotto_chat_format *)&fake;
    fake.format_stop = "b";
    sotto_generate_options o = options();
    o.ignore_end = true, o.max_tokens = 3;
    answer a = run(o, false);
    CHECK_STR(a.text, "ab");
    CHECK_INT(a.n_tokens, 3);
    CHECK_INT(a.finish, SOTTO_FINISH_LENGTH);
}

TEST(max_tokens_is_kept) {
    static const char *const want[] = {"", "a", "ab", "abab"};
    for (int32_t max = 0; max <= 3; max++) {
        PLAY("a", "b", "ab", "abc");
        sotto_generate_options o = options();
        o.max_tokens = max;
        answer a = run(o, false);
        CHECK_STR(a.text, want[max]);
        CHECK_INT(a.n_tokens, max);
        CHECK_INT(a.n_pieces, max ? max : 1); /* the last token is also the last piece... */
        CHECK_INT(a.finish, SOTTO_FINISH_LENGTH);
        CHECK_INT(fake.n, 5 + (max ? max - 1 : 0)); /* ...and is not computed */
    }
}

TEST(a_flag_cancels_between_tokens) {
    PLAY("a", "st", "b");
    volatile int           cancel = 0;
    sotto_generate_options o = options();
    const char            *stops[] = {"stop"};
    o.cancel = &cancel, o.stops = stops, o.n_stops = 1;
    sotto_generator *g = NULL;
    sotto_piece      piece;
    sotto_generation result;
    CHECK(sotto_generator_open(&g, &session, &o, NULL) == SOTTO_OK);
    CHECK(sotto_generator_next(g, &piece, NULL) == SOTTO_OK && !piece.done);
    CHECK(sotto_generator_next(g, &piece, NULL) == SOTTO_OK && !piece.done && piece.n_text == 0);
    cancel = 1;
    CHECK(sotto_generator_next(g, &piece, NULL) == SOTTO_OK && piece.done);
    CHECK_STR(piece.text, "st"); /* held text is not lost */
    CHECK_INT(piece.token, -1);
    sotto_generator_result(g, &result);
    CHECK_INT(result.finish, SOTTO_FINISH_CANCELLED);
    CHECK_INT(result.n_tokens, 2);
    CHECK(result.seed == 1);
    sotto_generator_close(g);
}

/* ---- text ---------------------------------------------------------------------------------------------- */

TEST(characters_split_between_tokens_come_out_whole) {
    PLAY("a", "\xf0\x9f", "\x98\x80", "\xc3", "\xa9", "\xe2\x82\xac");
    CHECK_STR(run(options(), true).text, "a||\xf0\x9f\x98\x80||\xc3\xa9|\xe2\x82\xac|");
    PLAY("a", "\xf0\x9f", "a");
    CHECK_STR(run(options(), true).text, "a||\xef\xbf\xbd" "a|");
    PLAY("a", "\xff", "\xc3"); /* never whole: at the end too */
    CHECK_STR(run(options(), true).text, "a|\xef\xbf\xbd||\xef\xbf\xbd");
}

TEST(text_goes_on_where_the_prompt_has_some) {
    for (int32_t prompt = 1; prompt <= 4; prompt++) { /* the first two tokens are control tokens */
        babble(prompt, 64, 1);
        (void)run(options(), false);
        CHECK_INT(fake.started, prompt > 2);
    }
}

static answer run_stops(const char *const *stops, size_t n) {
    sotto_generate_options o = options();
    o.stops = stops, o.n_stops = n;
    return run(o, true);
}
#define STOPS(...)                                                                                           \
    run_stops((const char *const[]){__VA_ARGS__}, SOTTO_COUNT(((const char *const[]){__VA_ARGS__})))

TEST(stop_strings_are_never_shown) {
    PLAY("a", "stop", "b");
    answer a = STOPS("stop");
    CHECK_STR(a.text, "a|");
    CHECK_INT(a.finish, SOTTO_FINISH_STOP);
    CHECK_INT(a.n_tokens, 2);
    CHECK_INT(fake.n, 5 + 1);

    PLAY("a", "st", "op", "b"); /* across tokens */
    CHECK_STR(STOPS("stop").text, "a||");
    PLAY("x<stop>y", "b"); /* inside one */
    CHECK_STR(STOPS("<stop>").text, "x");
    PLAY("a", "<", "s", "top>", "b");
    CHECK_STR(STOPS("\n", "<stop>").text, "a|||");
    PLAY("st", "art", "b"); /* not one after all */
    CHECK_STR(STOPS("stop").text, "|start|b|");
    PLAY("st", "st", "op"); /* one that begins again */
    CHECK_STR(STOPS("stop").text, "|st|");
    PLAY("aa", "a", "b", "b"); /* one that overlaps itself */
    CHECK_STR(STOPS("aab").text, "|a|");
    PLAY("b", "st"); /* the answer ends before it is known */
    CHECK_STR(STOPS("stop").text, "b||st");
    PLAY("abc", "bcd"); /* one ends while a longer one may still begin before it */
    CHECK_STR(STOPS("abcX", "bc").text, "a");
    PLAY("a", "\xc3", "\xa9", "b"); /* a character of several tokens */
    CHECK_STR(STOPS("\xc3\xa9" "b").text, "a|||");
}

TEST(a_chat_format_brings_its_own_stops) {
    PLAY("a", "st", "op", "b");
    model.chat_format = (const sotto_chat_format *)&fake;
    fake.format_stop = "top";
    CHECK_STR(run(options(), false).text, "as");
    PLAY("a", "st", "op", "b");
    model.chat_format = (const sotto_chat_format *)&fake;
    fake.format_stop = "top";
    CHECK_STR(STOPS("a").text, "");
}

/* What must be shown, plainly: after each token look for every stop string in all the text there is. */
static void expected_text(const int32_t *ids, int n, const char *const *stops, size_t n_stops, char *out) {
    sotto_buf     text = {0};
    sotto_decoder d = {0};
    for (int i = 0; i <= n; i++) {
        if (i < n) (void)fake_decoder_push(&d, ids[i], &text);
        else (void)fake_decoder_flush(&d, &text);
        const char *first = NULL, *at;
        for (size_t s = 0; s < n_stops; s++)
            if ((at = strstr(sotto_buf_str(&text).p, stops[s])) && (!first || at < first)) first = at;
        if (!first) continue;
        text.len = (size_t)(first - text.data);
        break;
    }
    memcpy(out, sotto_buf_str(&text).p, text.len);
    out[text.len] = '\0';
    sotto_buf_free(&text);
}

TEST(random_answers_with_random_stops) {
    static const char *const pool[] = {"ab", "abca", "bcd", "aab", "stop", "<stop>", "\xc3\xa9", "ba", "a\n", "topab",
                                       "\xf0\x9f\x98\x80", "bb", "\xef\xbf\xbd", "a a a"};
    uint64_t seed = 11;
    int      stopped = 0;
    for (int round = 0; round < 3000; round++) {
        int32_t     ids[24];
        int         n = (int)(test_random(&seed) % 20);
        size_t      n_stops = (size_t)(test_random(&seed) % 4);
        const char *stops[4];
        char        want[1000];
        for (int i = 0; i < n; i++) ids[i] = WORDS + (int32_t)(test_random(&seed) % (round % 2 ? 4 : 23));
        for (size_t i = 0; i < n_stops; i++) stops[i] = pool[test_random(&seed) % SOTTO_COUNT(pool)];
        expected_text(ids, n, stops, n_stops, want);
        ids[n] = END;
        play_ids(3, 64, ids, n + 1);
        sotto_generate_options o = options();
        o.stops = stops, o.n_stops = n_stops;
        answer a = run(o, false);
        CHECK_STR(a.text, want);
        stopped += a.n_tokens < (size_t)n;
    }
    CHECK(stopped > 500 && stopped < 2500);
}

/* ---- context ------------------------------------------------------------------------------------------- */

TEST(a_full_context_ends_the_answer) {
    for (int32_t prompt = 14; prompt <= 16; prompt++) {
        babble(prompt, 16, 100);
        answer a = run(options(), false);
        CHECK_INT(a.finish, SOTTO_FINISH_CONTEXT);
        CHECK_INT(a.n_tokens, 16 - prompt + 1); /* one more than fits: it need not be appended to be shown */
        CHECK_INT(fake.n, 16);
    }
}

static void check_slid(int32_t drop_begin, int32_t drop_end) {
    CHECK_INT(fake.begin, drop_begin);
    CHECK_INT(fake.end, drop_end);
}

TEST(sliding_goes_on_without_turns) {
    babble(10, 16, 6 + 1); /* room for 6, one more to append, and the end */
    sotto_generate_options o = options();
    o.slide = true;
    answer a = run(o, false);
    CHECK_INT(a.finish, SOTTO_FINISH_STOP);
    CHECK_INT(a.n_tokens, 7);
    check_slid(4, 10); /* half of the 12 after the first 4 */
    CHECK_INT(a.n_dropped, 6);
    CHECK_INT(fake.n, 10 + 7 - 6);
    for (int32_t i = 0; i < 4; i++) CHECK_INT(fake.tokens[i], i);

    babble(10, 16, 300); /* on and on, beyond the token buffer's first size */
    a = run(o, false);
    CHECK_INT(a.n_tokens, 300);
    CHECK_INT(a.n_dropped, 10 + 300 - (int)fake.n);
    for (int32_t i = 0; i < 4; i++) CHECK_INT(fake.tokens[i], i);
    for (size_t i = 4; i < fake.n; i++) CHECK_INT(fake.tokens[i], WORDS + (int)(300 - fake.n + i) % 4);

    o.keep = 12;
    babble(15, 16, 100);
    a = run(o, false);
    CHECK_INT(a.n_tokens, 100);
    for (int32_t i = 0; i < 12; i++) CHECK_INT(fake.tokens[i], i);
}

TEST(sliding_drops_whole_turns) {
    static const int32_t   turns[] = {0, 6, 10, 20, 26, 36};
    sotto_generate_options o = options();
    o.slide = true, o.turns = turns, o.n_turns = SOTTO_COUNT(turns), o.keep = 6;
    babble(38, 40, 2 + 1); /* full after 2 tokens */
    answer a = run(o, false);
    CHECK_INT(a.n_dropped, 14); /* the turns at 6 and 10: one alone would not free a quarter of 40 */
    check_slid(6, 20);
    CHECK_INT(a.finish, SOTTO_FINISH_STOP);

    /* 14 tokens later it is full again; the turns that stayed now begin at 6, 12 and 22. */
    babble(38, 40, 2 + 14 + 1);
    a = run(o, false);
    CHECK_INT(a.n_dropped, 14 + 16);
    check_slid(6, 22);

    /* keep inside a turn: that turn stays whole. */
    o.keep = 7;
    babble(40, 40, 1);
    a = run(o, false);
    check_slid(10, 20);

    /* Then only the last turn is left, which is not whole yet: half of what comes after keep. */
    o.keep = 6;
    babble(38, 40, 2 + 14 + 16 + 1);
    a = run(o, false);
    check_slid(6, 6 + 17);
    CHECK_INT(a.n_dropped, 14 + 16 + 17);

    static const int32_t one_long[] = {0, 4, 8}; /* whole turns would give only 4 tokens */
    o.turns = one_long, o.n_turns = SOTTO_COUNT(one_long), o.keep = 0;
    babble(40, 40, 1);
    a = run(o, false);
    check_slid(4, 22);
}

/* ---- logprobs, refusals, errors ------------------------------------------------------------------------ */

TEST(logprobs_come_with_each_token) {
    PLAY("a", "b");
    sotto_generate_options o = options();
    o.top_logprobs = 2;
    sotto_generator *g = NULL;
    sotto_piece      piece;
    CHECK(sotto_generator_open(&g, &session, &o, NULL) == SOTTO_OK);
    CHECK(sotto_generator_next(g, &piece, NULL) == SOTTO_OK);
    double log_sum = log(exp(10) + N_VOCAB - 1);
    CHECK(fabs((double)piece.logprob - (10 - log_sum)) < 1e-6);
    CHECK_INT(piece.n_top, 2);
    CHECK_INT(piece.top[0].token, word("a"));
    CHECK(piece.top[0].logprob == piece.logprob);
    CHECK_INT(piece.top[1].token, 0);
    CHECK(fabs((double)piece.top[1].logprob + log_sum) < 1e-5);
    sotto_generator_close(g);

    o.top_logprobs = -1;
    CHECK(sotto_generator_open(&g, &session, &o, NULL) == SOTTO_OK);
    CHECK(sotto_generator_next(g, &piece, NULL) == SOTTO_OK && piece.n_top == 0 && !piece.top && piece.logprob == 0);
    sotto_generator_close(g);
}

static void check_refused(sotto_generate_options o, sotto_status status, const char *naming) {
    sotto_error      err = {0};
    sotto_generator *g = NULL;
    CHECK_INT(sotto_generator_open(&g, &session, &o, &err), status);
    CHECK(!g);
    test_checks++;
    if (!strstr(err.message, naming)) TEST_FAIL("\"%s\" does not name %s", err.message, naming);
}

TEST(wrong_options_are_refused) {
    static char long_stop[1026];
    memset(long_stop, 'a', sizeof long_stop - 1);
    const char *many[65], *empty[] = {"a", ""}, *too_long[] = {long_stop}, *broken[] = {"\xc3"};
    for (size_t i = 0; i < SOTTO_COUNT(many); i++) many[i] = "a";
    static const int32_t unordered[] = {1, 5, 5};
    sotto_sampling       hot = greedy;
    hot.temperature = -1;
    PLAY("a");
    sotto_generate_options o = options();
#define REFUSED(status, naming, ...)                                                                         \
    do {                                                                                                     \
        o = options();                                                                                       \
        __VA_ARGS__;                                                                                         \
        check_refused(o, status, naming);                                                                    \
    } while (0)
    REFUSED(SOTTO_INVALID, "-2 tokens", o.max_tokens = -2);
    REFUSED(SOTTO_INVALID, "21 alternatives", o.top_logprobs = 21);
    REFUSED(SOTTO_INVALID, "stop string 2 is empty", o.stops = empty, o.n_stops = 2);
    REFUSED(SOTTO_INVALID, "none is given", o.n_stops = 2);
    REFUSED(SOTTO_INVALID, "UTF-8", o.stops = broken, o.n_stops = 1);
    REFUSED(SOTTO_LIMIT, "1025 bytes", o.stops = too_long, o.n_stops = 1);
    REFUSED(SOTTO_LIMIT, "65 stop strings", o.stops = many, o.n_stops = 65);
    REFUSED(SOTTO_INVALID, "at most 48, not 49", o.slide = true, o.keep = 49);
    REFUSED(SOTTO_INVALID, "number 3", o.slide = true, o.turns = unordered, o.n_turns = 3);
    REFUSED(SOTTO_INVALID, "temperature", o.sampling = &hot);
    fake.prompt = 0;
    REFUSED(SOTTO_INVALID, "no logits", (void)0);
    sotto_generator_close(NULL);
}

TEST(an_error_can_be_closed_or_tried_again) {
    PLAY("a", "b", "ab");
    sotto_generate_options o = options();
    sotto_generator       *g = NULL;
    sotto_piece            piece;
    sotto_error            err;
    CHECK(sotto_generator_open(&g, &session, &o, NULL) == SOTTO_OK);
    CHECK(sotto_generator_next(g, &piece, NULL) == SOTTO_OK);
    fake.append_fails = true;
    CHECK_INT(sotto_generator_next(g, &piece, &err), SOTTO_NO_MEMORY);
    CHECK_STR(err.message, "out of memory for a test");
    CHECK_INT(piece.token, word("a")); /* untouched */
    fake.append_fails = false;
    CHECK(sotto_generator_next(g, &piece, NULL) == SOTTO_OK);
    CHECK_STR(piece.text, "b");
    fake.breaks = true;
    CHECK_INT(sotto_generator_next(g, &piece, &err), SOTTO_INVALID);
    CHECK_INT(fake.n_appended, 2);
    fake.breaks = false;
    script_logits();
    CHECK(sotto_generator_next(g, &piece, NULL) == SOTTO_OK);
    CHECK_STR(piece.text, "ab");
    CHECK_INT(fake.n_appended, 2); /* what was appended before the error is not appended again */
    fake.append_fails = true;
    CHECK_INT(sotto_generator_next(g, &piece, NULL), SOTTO_NO_MEMORY);
    sotto_generator_close(g);
}

/* ---- sampling ------------------------------------------------------------------------------------------ */

TEST(dry_repetitions_break_at_lines_and_control_tokens) {
    bool breaks[N_VOCAB];
    CHECK(sotto_sampling_breaks(NULL, breaks, N_VOCAB, NULL) == SOTTO_OK);
    for (int32_t id = 0; id < N_VOCAB; id++)
        CHECK_INT(breaks[id], id < WORDS || id == word("\n") || id == N_VOCAB - 1);

    sotto_sampling dry = greedy;
    dry.dry_multiplier = 20, dry.dry_last = -1;
    sotto_generate_options o = options();
    o.sampling = &dry, o.max_tokens = 4;
    PLAY("a", "b", "a", "b");
    CHECK_STR(run(o, true).text, "a|"); /* the prompt has "a", "b" too: the model wants "b", DRY anything else */
    PLAY("a", "\n", "a", "\n");
    CHECK_STR(run(o, true).text, "a|\n|a|\n"); /* but lines may end alike */
}

TEST(answers_can_be_drawn_at_random) {
    static const int32_t script[] = {WORDS, WORDS + 1, WORDS, WORDS + 2, WORDS, WORDS + 3};
    sotto_sampling drawn = greedy;
    drawn.temperature = 4, drawn.seed = SOTTO_SEED_RANDOM;
    sotto_generate_options o = options();
    sotto_generation       result;
    o.sampling = &drawn, o.max_tokens = 6, o.ignore_end = true;
    sotto_generator *g = NULL;
    sotto_piece      piece = {0};
    int32_t          tokens[2][6];
    for (int i = 0; i < 2; i++) { /* the seed that was used gives the same answer again */
        play_ids(5, 64, script, 6);
        CHECK(sotto_generator_open(&g, &session, &o, NULL) == SOTTO_OK);
        for (piece.done = false; !piece.done;) CHECK(sotto_generator_next(g, &piece, NULL) == SOTTO_OK);
        sotto_generator_result(g, &result);
        CHECK_INT(result.n_tokens, 6);
        memcpy(tokens[i], result.tokens, sizeof tokens[i]);
        drawn.seed = result.seed;
        sotto_generator_close(g);
    }
    CHECK(memcmp(tokens[0], tokens[1], sizeof tokens[0]) == 0);
}

TEST_MAIN()
