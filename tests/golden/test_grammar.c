/* Answers of the golden models under a schema: with every way to sample they are JSON of that schema, or cut off. */
#include "test.h"

#include <jansson.h>

#include <sotto/sotto.h>

static const char schema[] =
    "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\",\"maxLength\":8},"
    "\"days\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":14},\"tags\":{\"type\":\"array\",\"items\":"
    "{\"enum\":[\"a\",\"b\"]},\"maxItems\":3}},\"required\":[\"city\",\"days\"]}";

static void check_answer(const char *text) {
    json_t *json = json_loads(text, 0, NULL);
    json_t *city = json_object_get(json, "city"), *days = json_object_get(json, "days");
    CHECK(json_is_string(city) && json_is_integer(days));
    CHECK(json_integer_value(days) >= 1 && json_integer_value(days) <= 14);
    CHECK(json_array_size(json_object_get(json, "tags")) <= 3);
    if (!json) printf("  %s\n", text);
    json_decref(json);
}

typedef struct answer {
    char             text[4096];
    size_t           n;
    sotto_generation result;
} answer;

static void draw(sotto_session *s, const sotto_generate_options *o, answer *out) {
    sotto_generator *g = NULL;
    sotto_piece      piece = {0};
    sotto_error      err = {0};
    *out = (answer){.n = 0};
    CHECK_OK(sotto_generator_open(&g, s, o, &err), err);
    while (g && !piece.done) {
        if (sotto_generator_next(g, &piece, &err) != SOTTO_OK) {
            TEST_FAIL("%s", err.message);
            break;
        }
        if (out->n + piece.n_text < sizeof out->text) memcpy(out->text + out->n, piece.text, piece.n_text);
        out->n += piece.n_text;
    }
    if (g) sotto_generator_result(g, &out->result);
    sotto_generator_close(g);
}

static void check_model(const char *path) {
    sotto_error            err = {0};
    sotto_model           *m = NULL;
    sotto_session         *s = NULL;
    sotto_grammar         *g = NULL;
    sotto_tokens           prompt = {0};
    sotto_model_options    mo = {.threads = 1};
    sotto_generate_options o = sotto_generate_options_default();
    static answer          a, again;
    CHECK_OK(sotto_grammar_open_schema(&g, schema, sizeof schema - 1, &err), err);
    CHECK_OK(sotto_model_open(&m, path, &mo, &err), err);
    CHECK_OK(sotto_session_open(&s, m, NULL, &err), err);
    sotto_sampling samplings[4] = {sotto_sampling_default(m), sotto_sampling_default(m), sotto_sampling_default(m),
                                   sotto_sampling_default(m)};
    samplings[0].temperature = 0;
    samplings[1].top_k = 0, samplings[1].top_p = 1;
    samplings[2].dry_multiplier = 1, samplings[2].repetition_penalty = 1.2f;
    samplings[3].top_k = 1;
    o.grammar = g;
    o.max_tokens = 150;
    for (int i = 0; i < 4; i++) {
        samplings[i].seed = 5;
        o.sampling = &samplings[i];
        prompt.n = 0;
        /* With nothing but BOS before it the answer begins the text, where SentencePiece would begin with a space. */
        sotto_tokenize_options to = {.bos = true};
        CHECK_OK(sotto_tokenize(m, "hello there", i % 2 ? 11 : 0, to, &prompt, &err), err);
        if (prompt.n == 0) continue;
        CHECK_OK(sotto_session_sync(s, prompt.ids, prompt.n, &err), err);
        draw(s, &o, &a);
        CHECK(a.result.finish == SOTTO_FINISH_STOP || a.result.n_tokens == 150);
        if (a.result.finish == SOTTO_FINISH_STOP) check_answer(a.text);
        CHECK_OK(sotto_session_sync(s, prompt.ids, prompt.n, &err), err);
        draw(s, &o, &again);
        CHECK_STR(again.text, a.text); /* a seed repeats, with two draws for some tokens */
    }
    sotto_tokens_free(&prompt);
    sotto_session_close(s);
    sotto_model_close(m);
    sotto_grammar_close(g);
}

TEST(schemas_hold_with_every_tokenizer) {
    static const char *const paths[] = {"golden/gemma3", "golden/gemma4-e", "golden/llama2", "golden/llama3",
                                        "golden/mistral", "golden/qwen3", "golden/smollm3"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) check_model(paths[i]);
}

/* Stop strings end an answer before its grammar does, and what the vocabulary cannot spell is an error. */
TEST(stops_and_dead_ends) {
    static const char *const stops[] = {"cd"};
    sotto_error            err = {0};
    sotto_model           *m = NULL;
    sotto_session         *s = NULL;
    sotto_grammar         *g = NULL;
    sotto_generator       *gen = NULL;
    sotto_tokens           prompt = {0};
    sotto_piece            piece = {0};
    sotto_generate_options o = sotto_generate_options_default();
    static answer          a;
    CHECK_OK(sotto_model_open(&m, "golden/gemma3", NULL, &err), err);
    CHECK_OK(sotto_session_open(&s, m, NULL, &err), err);
    CHECK_OK(sotto_tokenize(m, "hello", 5, (sotto_tokenize_options){.bos = true}, &prompt, &err), err);
    CHECK_OK(sotto_session_sync(s, prompt.ids, prompt.n, &err), err);
    CHECK_OK(sotto_grammar_open(&g, "root ::= \"abcdef\"", 17, &err), err);
    o.grammar = g, o.stops = stops, o.n_stops = 1;
    draw(s, &o, &a);
    CHECK_STR(a.text, "ab");
    CHECK_INT(a.result.finish, SOTTO_FINISH_STOP);
    o.n_stops = 0;
    CHECK_OK(sotto_session_sync(s, prompt.ids, prompt.n, &err), err);
    draw(s, &o, &a);
    CHECK_STR(a.text, "abcdef");
    CHECK_INT(a.result.finish, SOTTO_FINISH_STOP);
    sotto_logit_bias *bias = calloc((size_t)prompt.ids[0] + 4096, sizeof *bias);
    sotto_sampling    sampling = sotto_sampling_default(m);
    sotto_model_info  info;
    sotto_model_get_info(m, &info);
    for (int32_t i = 1; i < info.n_vocab; i++) bias[i - 1] = (sotto_logit_bias){i, -INFINITY};
    sampling.bias = bias, sampling.n_bias = (size_t)info.n_vocab - 1; /* all but token 0, which the grammar forbids */
    o.sampling = &sampling;
    CHECK_OK(sotto_session_sync(s, prompt.ids, prompt.n, &err), err);
    CHECK_OK(sotto_generator_open(&gen, s, &o, &err), err);
    CHECK_INT(sotto_generator_next(gen, &piece, &err), SOTTO_INVALID);
    printf("  %s\n", err.message);
    sotto_generator_close(gen);
    free(bias);
    sotto_grammar_close(g);
    sotto_tokens_free(&prompt);
    sotto_session_close(s);
    sotto_model_close(m);
}

TEST_MAIN()
