/* Grammars over the tokens of every tokenizer fixture: the mask against each token asked for alone and against its text
 * asked of the grammar; walks of random allowed tokens, which must end in texts that the grammar accepts. */
#include <time.h>

#include "test.h"

#include "runtime/runtime.h"

/* text/tokenizer.h, which declares these, has a name in common with the public header. */
sotto_tokenizer *sotto_tokenizer_new(size_t id_limit);
sotto_status sotto_vocab_put(sotto_tokenizer *t, int64_t id, sotto_str text, sotto_token_type type, float score,
                             sotto_error *err);

/* TEXTS: of which every tokenizer here has the characters. */
static const char *const texts[] = {
    "root ::= [a-z]+ (\" \" [a-z]+){0,3} \".\"?",
    "root ::= \"{\" (item (\", \" item)*)? \"}\"\nitem ::= [a-c]{1,3} | root",
    "root ::= [^a-z\\x00-\\x1f]{1,6} \"!\"",
    "root ::= \" \"? \"yes\" | \" \"? \"no\" | (\"a\" | \"ab\" | \"abc\")+",
};
static const char schema[] =
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"maxLength\":12},\"n\":{\"type\":\"integer\"},"
    "\"tags\":{\"type\":\"array\",\"items\":{\"enum\":[\"a\",\"b c\"]},\"maxItems\":3}},\"required\":[\"name\"]}";

/* A text as the decoder shows it, so that nothing of the constraint's is used to judge it. */
static bool accepts_tokens(const sotto_grammar *g, const sotto_tokenizer *t, const int32_t *ids, size_t n, bool first) {
    sotto_decoder d = {.tokenizer = t, .started = !first};
    sotto_buf     out = {0};
    for (size_t i = 0; i < n; i++) CHECK(sotto_decoder_push(&d, ids[i], &out));
    CHECK(sotto_decoder_flush(&d, &out));
    bool ok = sotto_grammar_accepts(g, sotto_buf_str(&out).p, out.len);
    if (!ok) printf("  the text is \"%s\"\n", sotto_buf_str(&out).p);
    sotto_buf_free(&out);
    return ok;
}

/* Every token alone says what the mask says. */
static size_t check_mask(sotto_constraint *c, const float *masked, int32_t n_logits) {
    size_t n_allowed = 0, n_wrong = 0;
    for (int32_t id = 0; id < n_logits; id++) {
        bool allowed = masked && masked[id] == 1;
        n_allowed += allowed;
        n_wrong += allowed != sotto_constraint_allows(c, id);
    }
    CHECK_INT(n_wrong, 0);
    return n_allowed;
}

enum { WALK_MAX = 200 };

static void walk(const sotto_grammar *g, const sotto_vocabulary *v, const sotto_tokenizer *t, bool first,
                 uint64_t *seed) {
    int32_t           n_logits = sotto_tokenizer_n_vocab(t) + 3, ids[WALK_MAX]; /* a model may have rows to spare */
    float            *logits = malloc((size_t)n_logits * sizeof *logits);
    sotto_constraint *c = NULL;
    sotto_error       err = {0};
    size_t            n = 0;
    for (int32_t i = 0; i < n_logits; i++) logits[i] = 1;
    CHECK_OK(sotto_constraint_open(&c, g, v, n_logits, first, &err), err);
    while (n < WALK_MAX) {
        const float *masked = sotto_constraint_mask(c, logits);
        size_t       n_allowed = check_mask(c, masked, n_logits);
        if (n_allowed == 0) break;
        int32_t id = (int32_t)(test_random(seed) % (uint64_t)n_logits);
        while (masked[id] != 1) id = (id + 1) % n_logits;
        CHECK(sotto_constraint_accept(c, id));
        if (sotto_tokenizer_is_eog(t, id)) break;
        ids[n++] = id;
        CHECK(!sotto_constraint_accept(c, -1) && !sotto_constraint_allows(c, n_logits + 5));
    }
    if (n < WALK_MAX) CHECK(sotto_constraint_complete(c) && accepts_tokens(g, t, ids, n, first));
    sotto_constraint_close(c);
    free(logits);
}

static void check_tokenizer(const sotto_tokenizer *t, const char *name) {
    sotto_vocabulary *v = NULL;
    sotto_error       err = {0};
    uint64_t          seed = 3;
    CHECK_OK(sotto_vocabulary_open(&v, t, &err), err);
    for (size_t i = 0; i <= sizeof texts / sizeof texts[0]; i++) {
        sotto_grammar *g = NULL;
        if (i < sizeof texts / sizeof texts[0])
            CHECK_OK(sotto_grammar_open(&g, texts[i], strlen(texts[i]), &err), err);
        else
            CHECK_OK(sotto_grammar_open_schema(&g, schema, strlen(schema), &err), err);
        for (int k = 0; k < 6 && test_failures < 20; k++) walk(g, v, t, k % 2, &seed);
        sotto_grammar_close(g);
    }
    printf("  %s: %d tokens\n", name, (int)sotto_tokenizer_n_vocab(t));
    sotto_vocabulary_close(v);
}

static sotto_tokenizer *open_fixture(const char *path, sotto_checkpoint **c) {
    sotto_tokenizer *t = NULL;
    sotto_error      err = {0};
    *c = NULL;
    CHECK_OK(sotto_checkpoint_open(c, path, &(sotto_checkpoint_options){.metadata_only = true}, &err), err);
    if (*c) CHECK_OK(sotto_tokenizer_open(&t, *c, &err), err);
    return t;
}

TEST(every_tokenizer) {
    static const char *const paths[] = {
        "tokenizer/data/gemma", "tokenizer/data/gemma/vocab.gguf", "tokenizer/data/gemma4", "tokenizer/data/llama2",
        "tokenizer/data/llama3", "tokenizer/data/mistral", "tokenizer/data/qwen2", "tokenizer/data/smollm2"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        sotto_checkpoint *c;
        sotto_tokenizer  *t = open_fixture(paths[i], &c);
        if (t) check_tokenizer(t, paths[i]);
        sotto_tokenizer_close(t);
        sotto_checkpoint_close(c);
    }
}

static int32_t token_of(const sotto_tokenizer *t, const char *piece) {
    int32_t id = sotto_tokenizer_find(t, piece);
    if (id < 0) TEST_FAIL("no token %s", piece);
    return id;
}

/* A control token comes where its terminal stands, and its text never does. */
TEST(control_tokens_are_terminals) {
    static const char gbnf[] = "root ::= <start_of_turn> \"a\"+ <end_of_turn> \"b\"";
    sotto_checkpoint *file;
    sotto_tokenizer  *t = open_fixture("tokenizer/data/gemma", &file);
    sotto_vocabulary *v = NULL;
    sotto_grammar    *g = NULL;
    sotto_constraint *c = NULL;
    sotto_error       err = {0};
    CHECK_OK(sotto_vocabulary_open(&v, t, &err), err);
    CHECK_OK(sotto_grammar_open(&g, gbnf, strlen(gbnf), &err), err);
    CHECK_OK(sotto_constraint_open(&c, g, v, sotto_tokenizer_n_vocab(t), true, &err), err);
    int32_t start = token_of(t, "<start_of_turn>"), end = token_of(t, "<end_of_turn>"), a = token_of(t, "a");
    CHECK(!sotto_constraint_allows(c, a) && !sotto_constraint_allows(c, end));
    CHECK(!sotto_constraint_accept_text(c, "<start_of_turn>", 15)); /* moves nowhere: its first byte is refused */
    CHECK(sotto_constraint_accept(c, start));
    CHECK(!sotto_constraint_allows(c, start) && !sotto_constraint_allows(c, end));
    CHECK(sotto_constraint_accept_text(c, "aa", 2) && sotto_constraint_accept(c, a));
    CHECK(sotto_constraint_accept(c, end) && !sotto_constraint_complete(c));
    CHECK(sotto_constraint_accept(c, token_of(t, "b")));
    CHECK(sotto_constraint_complete(c) && sotto_constraint_ends(c));
    CHECK(sotto_constraint_allows(c, end)); /* it ends the answer too */
    sotto_constraint_close(c);
    sotto_grammar_close(g);
    CHECK_OK(sotto_grammar_open(&g, "root ::= <|no_such|>", 20, &err), err);
    CHECK_INT(sotto_constraint_open(&c, g, v, sotto_tokenizer_n_vocab(t), true, &err), SOTTO_INVALID);
    CHECK_STR(err.message, "the grammar names the token <|no_such|>, which this model does not have; write its text in "
                           "quotes if text is meant");
    sotto_grammar_close(g);
    sotto_vocabulary_close(v);
    sotto_tokenizer_close(t);
    sotto_checkpoint_close(file);
}

/* 256k tokens of random letters: how long the vocabulary takes to order, and a mask of a string to make. */
TEST(large_vocabularies_are_quick) {
    sotto_tokenizer  *t = sotto_tokenizer_new(262144);
    sotto_vocabulary *v = NULL;
    sotto_grammar    *g = NULL;
    sotto_constraint *c = NULL;
    sotto_error       err = {0};
    uint64_t          seed = 9;
    static float      logits[262144];
    for (int32_t id = 0; id < 262144; id++) {
        char   text[40];
        size_t n = 0, letters = 1 + test_random(&seed) % 9;
        if (test_random(&seed) % 2) text[n++] = ' ';
        for (; letters > 0; letters--)
            n += sotto_utf8_encode(test_random(&seed) % 8 ? 'a' + (uint32_t)(test_random(&seed) % 26)
                                                           : 0x4e00 + (uint32_t)(test_random(&seed) % 5000), text + n);
        n += (size_t)snprintf(text + n, 8, "%x", (unsigned)id);
        CHECK_OK(sotto_vocab_put(t, id, (sotto_str){text, n}, SOTTO_TOKEN_NORMAL, 0, &err), err);
    }
    clock_t start = clock();
    CHECK_OK(sotto_vocabulary_open(&v, t, &err), err);
    clock_t ordered = clock();
    CHECK_OK(sotto_grammar_open_schema(&g, schema, strlen(schema), &err), err);
    CHECK_OK(sotto_constraint_open(&c, g, v, 262144, true, &err), err);
    CHECK(sotto_constraint_accept_text(c, "{\"name\":\"", 9));
    clock_t began = clock();
    CHECK(sotto_constraint_mask(c, logits) != NULL);
    clock_t first = clock();
    CHECK(sotto_constraint_mask(c, logits) != NULL);
    const double ms = 1000.0 / CLOCKS_PER_SEC;
    printf("  ordered in %.1f ms, first mask in %.1f ms, second in %.1f ms\n", (double)(ordered - start) * ms,
           (double)(first - began) * ms, (double)(clock() - first) * ms);
    sotto_constraint_close(c);
    sotto_grammar_close(g);
    sotto_vocabulary_close(v);
    sotto_tokenizer_close(t);
}

TEST_MAIN()
