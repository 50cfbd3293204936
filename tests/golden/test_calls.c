/* Answers that call tools, of tiny models with random weights: whatever they would like to say, calls are well-formed
 * and fit their schemas. */
#include "unit/model_folder.h"

#include "test.h"

#include "runtime/session.h"
#include "text/calls.h"

enum { SEEDS = TEST_ROUNDS(50), NAMED_SEEDS = TEST_ROUNDS(20), TOKENS_MAX = 120, STEPS_MAX = 5000 };

static const char tools[] =
    "[{\"name\":\"set_timer\",\"parameters\":{\"type\":\"object\",\"properties\":{\"seconds\":{\"type\":\"number\"},"
    "\"label\":{\"type\":\"string\",\"maxLength\":5}}}},"
    "{\"name\":\"flip_coin\",\"parameters\":{\"type\":\"object\",\"properties\":{}}},"
    "{\"name\":\"move\",\"parameters\":{\"type\":\"object\",\"properties\":{\"to\":{\"enum\":[\"left\",\"right\"]},"
    "\"fast\":{\"type\":\"boolean\"},\"by\":{\"type\":\"array\",\"items\":{\"type\":\"null\"},\"maxItems\":2}},"
    "\"required\":[\"to\",\"fast\"]}}]";

/* ---- models -------------------------------------------------------------------------------------------- */

/* A golden model under new names for four tokens: those that its own tokenizer does not have. */
static const char *renamed_model(void) {
    static const char *const files[] = {"config.json", "generation_config.json", "model.safetensors",
                                        "tokenizer_config.json", "tokenizer.json"};
    static const char *const names[][2] = {{"\"<pad>\"", "\"[TOOL_CALLS]\""}, {"\"<|think|>\"", "\"<|tool_call>\""},
                                           {"\"<b>\"", "\"<tool_call|>\""},   {"\"</b>\"", "\"<|\\\"|>\""}};
    put_folder("renamed");
    for (size_t i = 0; i < SOTTO_COUNT(files); i++) {
        char        from[64], to[64];
        sotto_file  f;
        sotto_buf   text = {0};
        sotto_error err;
        (void)snprintf(from, sizeof from, "golden/gemma4-e/%s", files[i]);
        (void)snprintf(to, sizeof to, "renamed/%s", files[i]);
        CHECK_OK(sotto_file_open(&f, from, false, &err), err);
        for (size_t at = 0; at < f.size;) {
            sotto_str rest = {(const char *)f.data + at, f.size - at};
            size_t    k = 0;
            while (i > 2 && k < SOTTO_COUNT(names) && !sotto_str_starts(rest, names[k][0])) k++;
            if (i > 2 && k < SOTTO_COUNT(names)) sotto_buf_puts(&text, names[k][1]);
            else sotto_buf_putc(&text, rest.p[0]);
            at += i > 2 && k < SOTTO_COUNT(names) ? strlen(names[k][0]) : 1;
        }
        put_file(to, text.data, text.len);
        sotto_buf_free(&text);
        sotto_file_close(&f);
    }
    return in_folder("renamed");
}

typedef struct opened {
    sotto_model   *model;
    sotto_session *session;
} opened;

/* With a prompt in the format. */
static bool open_format(opened *o, const char *path, const char *format) {
    sotto_error         err = {0};
    sotto_model_options mo = {.threads = 1, .chat_format = format};
    sotto_chat_turn     turn = {.role = "user", .content = "hi"};
    sotto_tokens        prompt = {0};
    *o = (opened){0};
    CHECK_OK(sotto_model_open(&o->model, path, &mo, &err), err);
    if (o->model) CHECK_OK(sotto_session_open(&o->session, o->model, NULL, &err), err);
    if (!o->session) return false;
    CHECK_OK(sotto_chat_tokens(o->model, &turn, 1, NULL, &prompt, &err), err);
    size_t n = SOTTO_MIN(prompt.n, (size_t)40); /* some prompts nearly fill these models' contexts */
    CHECK_OK(sotto_session_sync(o->session, prompt.ids + prompt.n - n, n, &err), err);
    sotto_tokens_free(&prompt);
    return true;
}

static void close_all(opened *o) {
    sotto_session_close(o->session);
    sotto_model_close(o->model);
}

static const struct { const char *path, *format; } families[] = {
    {"golden/gemma3", "sotto-starter"}, {"golden/gemma3", "gemma"},       {"golden/llama3", "llama3"},
    {"golden/qwen3", "qwen3"},          {"golden/qwen3", "qwen3-thinking"}, {"golden/smollm3", "smollm3"},
    {"golden/llama2", "llama2"},        {NULL, "gemma4"},                 {NULL, "mistral"},
};

static const char *path_of(size_t i) { return families[i].path ? families[i].path : renamed_model(); }

/* ---- calls that have to come --------------------------------------------------------------------------- */

/* One answer from a prompt of n tokens; the number of whole calls. */
static size_t answer(opened *o, size_t n, const char *format, const char *name, uint64_t seed) {
    sotto_sampling         sampling = {.temperature = 1, .top_p = 1, .typical_p = 1, .repetition_penalty = 1,
                                       .dry_base = 1.75f, .dry_allowed_length = 2, .seed = seed};
    sotto_generate_options go = sotto_generate_options_default();
    sotto_generator       *g = NULL;
    sotto_piece            piece = {0};
    sotto_generation       result;
    sotto_error            err = {0};
    size_t                 n_calls = 0;
    bool                   thinks = strcmp(format, "qwen3-thinking") == 0;
    CHECK_OK(sotto_session_sync(o->session, sotto_session_tokens(o->session, &(size_t){0}), n, &err), err);
    go.sampling = &sampling, go.max_tokens = TOKENS_MAX, go.tools = tools;
    go.tool_choice = name ? SOTTO_TOOLS_NAMED : SOTTO_TOOLS_REQUIRED, go.tool_name = name;
    CHECK_OK(sotto_generator_open(&g, o->session, &go, &err), err);
    if (!g) return 0;
    while (!piece.done) {
        sotto_status status = sotto_generator_next(g, &piece, &err);
        CHECK_OK(status, err);
        if (status != SOTTO_OK) break;
        CHECK(piece.n_text == 0 || thinks || piece.done);
        for (int32_t i = 0; i < piece.n_calls; i++, n_calls++) {
            const sotto_tool_call *c = &piece.calls[i];
            if (name) CHECK(strcmp(c->name, name) == 0 || c->error);
            if (!c->error) continue;
            n_calls--;
            if (!piece.done || !strstr(c->error, "breaks off"))
                TEST_FAIL("%s, seed %d: %s %s: %s", format, (int)seed, c->name, c->arguments, c->error);
        }
    }
    sotto_generator_result(g, &result);
    bool cut = result.finish == SOTTO_FINISH_LENGTH || result.finish == SOTTO_FINISH_CONTEXT;
    CHECK(cut || (result.finish == SOTTO_FINISH_STOP && n_calls > 0 && (!name || n_calls == 1)));
    CHECK_INT(result.n_calls - n_calls, cut && result.n_calls > n_calls);
    sotto_generator_close(g);
    return n_calls;
}

TEST(required_calls_fit_their_schemas) {
    for (size_t i = 0; i < SOTTO_COUNT(families); i++) {
        opened o;
        size_t n, n_calls = 0, n_named = 0;
        if (!open_format(&o, path_of(i), families[i].format)) continue;
        (void)sotto_session_tokens(o.session, &n);
        for (uint64_t seed = 0; seed < SEEDS; seed++) n_calls += answer(&o, n, families[i].format, NULL, seed);
        for (uint64_t seed = 0; seed < NAMED_SEEDS; seed++)
            n_named += answer(&o, n, families[i].format, "move", seed);
        bool rare = strcmp(families[i].format, "qwen3-thinking") == 0; /* a random thought hardly ends */
        if (!rare && (n_calls < SEEDS / 4 || n_named < NAMED_SEEDS / 4))
            TEST_FAIL("%s: %zu and %zu calls", families[i].format, n_calls, n_named);
        close_all(&o);
    }
}

/* ---- calls that may come ------------------------------------------------------------------------------- */

/* Give an answer's beginning to a reader of calls, token by token. */
static void push_text(sotto_calls *c, sotto_decoder *d, const sotto_model *m, const char *text, sotto_buf *shown) {
    sotto_tokens           ids = {0};
    sotto_tokenize_options special = {.special = true};
    CHECK(sotto_tokenize(m, text, strlen(text), special, &ids, NULL) == SOTTO_OK);
    for (size_t i = 0; i < ids.n; i++) {
        sotto_constraint *held = sotto_calls_constraint(c);
        CHECK(!held || sotto_constraint_accept(held, ids.ids[i]));
        CHECK(sotto_calls_push(c, d, ids.ids[i], shown));
    }
    sotto_tokens_free(&ids);
}

/* Go on at random as long as a constraint holds; false: it never let go. */
static bool go_on(sotto_calls *c, sotto_decoder *d, int32_t n_vocab, uint64_t *seed, sotto_buf *shown) {
    float *logits = calloc((size_t)n_vocab, sizeof *logits);
    int    steps = 0;
    for (sotto_constraint *held; steps < STEPS_MAX && (held = sotto_calls_constraint(c)); steps++) {
        for (int32_t t = 0; t < n_vocab; t++) logits[t] = test_random_float(seed);
        const float *allowed = sotto_constraint_mask(held, logits);
        int32_t      best = 0;
        CHECK(allowed != NULL);
        for (int32_t t = 1; allowed && t < n_vocab; t++)
            if (allowed[t] > allowed[best]) best = t;
        CHECK(allowed && sotto_constraint_accept(held, best) && sotto_calls_push(c, d, best, shown));
    }
    free(logits);
    return steps < STEPS_MAX;
}

TEST(a_call_is_taken_hold_of_when_it_is_certain) {
    static const struct { const char *path, *format, *free, *certain; } row[] = {
        {"golden/gemma3", "sotto-starter", "", "[set_tim"},
        {"golden/gemma3", "gemma", "```json\n{\"name\": ", "\"move\""},
        {"golden/llama3", "llama3", "{\"name\": ", "\"move\", \"para"},
        {"golden/qwen3", "qwen3", "Yes. <tool_call", ">\n{\"name"},
        {NULL, "gemma4", "Yes. ", "<|tool_call>call:"},
        {NULL, "mistral", "Yes. ", "[TOOL_CALLS] ["},
    };
    uint64_t seed = 3;
    for (size_t i = 0; i < SOTTO_COUNT(row); i++) {
        opened                 o;
        sotto_generate_options go = {.tools = tools};
        sotto_error            err = {0};
        if (!open_format(&o, row[i].path ? row[i].path : renamed_model(), row[i].format)) continue;
        int32_t n_vocab = o.model->transformer->config.n_vocab;
        for (int round = 0; round < 6; round++) {
            sotto_calls           *c = NULL;
            sotto_decoder          d = {.tokenizer = o.model->tokenizer, .started = true};
            sotto_buf              shown = {0};
            size_t                 n;
            CHECK_OK(sotto_calls_open(&c, o.model, &go, n_vocab, false, &err), err);
            if (!c) break;
            for (size_t times = 1; times <= 2; times++) { /* and of the next one too, where one may follow */
                bool again = times == 1 || sotto_chat_format_named(row[i].format) != sotto_chat_format_named("gemma");
                if (!again) continue;
                push_text(c, &d, o.model, row[i].free, &shown);
                CHECK(sotto_calls_constraint(c) == NULL);
                push_text(c, &d, o.model, row[i].certain, &shown);
                if (!sotto_calls_constraint(c)) TEST_FAIL("%s is not taken hold of", row[i].format);
                CHECK(go_on(c, &d, n_vocab, &seed, &shown));
                const sotto_tool_call *calls = sotto_calls_list(c, &n);
                CHECK(n >= times);
                for (size_t k = 0; k < n; k++)
                    if (calls[k].error) TEST_FAIL("%s: %s", row[i].format, calls[k].error);
            }
            CHECK(sotto_calls_end(c, &d, &shown));
            CHECK(!strchr(sotto_buf_str(&shown).p, '{') && !strchr(sotto_buf_str(&shown).p, '['));
            sotto_buf_free(&shown);
            sotto_calls_close(c);
        }
        close_all(&o);
    }
}

/* A model that writes its call in another order is left alone; the call is checked all the same. */
TEST(what_the_grammar_cannot_follow_is_free) {
    opened                 o;
    sotto_generate_options go = {.tools = tools};
    sotto_decoder          d;
    sotto_buf              shown = {0};
    sotto_calls           *c = NULL;
    size_t                 n;
    if (!open_format(&o, "golden/llama3", "llama3")) return;
    for (int loose = 0; loose < 2; loose++) {
        go.loose_calls = loose;
        d = (sotto_decoder){.tokenizer = o.model->tokenizer, .started = true};
        CHECK(sotto_calls_open(&c, o.model, &go, o.model->transformer->config.n_vocab, false, NULL) == SOTTO_OK);
        push_text(c, &d, o.model, "{\"parameters\": {}, \"name\": \"flip_coin\"", &shown);
        CHECK(sotto_calls_constraint(c) == NULL);
        push_text(c, &d, o.model, "}; {\"name\": \"move\"}", &shown);
        CHECK(sotto_calls_end(c, &d, &shown));
        const sotto_tool_call *calls = sotto_calls_list(c, &n);
        CHECK_INT(n, 2);
        CHECK(n == 2 && !calls[0].error && strstr(calls[1].error, "move: \"to\" is missing"));
        sotto_calls_close(c);
    }
    sotto_buf_free(&shown);
    close_all(&o);
}

/* ---- options ------------------------------------------------------------------------------------------- */

static void check_refused(opened *o, sotto_generate_options go, const char *message) {
    sotto_generator *g = NULL;
    sotto_error      err = {0};
    CHECK_INT(sotto_generator_open(&g, o->session, &go, &err), SOTTO_INVALID);
    if (!strstr(err.message, message)) TEST_FAIL("\"%s\" does not say \"%s\"", err.message, message);
    sotto_generator_close(g);
}

TEST(options_that_make_no_sense_are_refused) {
    opened                 o;
    sotto_grammar         *grammar = NULL;
    sotto_generate_options go = sotto_generate_options_default();
    if (!open_format(&o, "golden/qwen3", "qwen3")) return;
    CHECK(sotto_grammar_open(&grammar, "root ::= \"x\"", 12, NULL) == SOTTO_OK);
    go.tool_choice = SOTTO_TOOLS_REQUIRED;
    check_refused(&o, go, "no tools are given");
    go.tools = "[]";
    check_refused(&o, go, "no tools to be called");
    go.tools = "{";
    check_refused(&o, go, "tools: not valid JSON");
    go.tools = tools, go.tool_choice = SOTTO_TOOLS_NAMED;
    check_refused(&o, go, "name it");
    go.tool_name = "dance";
    check_refused(&o, go, "no tool \"dance\"");
    go.tool_choice = SOTTO_TOOLS_AUTO, go.grammar = grammar;
    check_refused(&o, go, "leave out one");
    sotto_grammar_close(grammar);
    close_all(&o);
    if (!open_format(&o, "golden/gemma3", "gemma4")) return;
    go.grammar = NULL;
    check_refused(&o, go, "which this model does not have");
    close_all(&o);
}

TEST_MAIN()
