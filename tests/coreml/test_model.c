/* Packages as models: through the public functions they behave like any other, and what a session computes does not
 * depend on how it got there. */
#define _XOPEN_SOURCE 700
#include "coreml/run.h"
#include "runtime/session.h"

#include <unistd.h>

#include "folder.h"

enum { N = 40, CONTEXT = 48 };

typedef struct fixture {
    sotto_model     *model;
    sotto_session   *session;
    sotto_model_info info;
    int32_t          ids[N];
} fixture;

static bool open_model(fixture *f, const char *source, sotto_export_options o, sotto_session_options so) {
    const char  *path = in_folder("m.mlpackage");
    sotto_error  err = {0};
    uint64_t     seed = 11;
    *f = (fixture){0};
    o.context = CONTEXT;
    CHECK_OK(sotto_export(source, path, &o, &err), err);
    CHECK_OK(sotto_model_open(&f->model, path, &(sotto_model_options){.threads = 2}, &err), err);
    if (!f->model) return false;
    CHECK_OK(sotto_session_open(&f->session, f->model, &so, &err), err);
    sotto_model_get_info(f->model, &f->info);
    for (int i = 0; i < N; i++) f->ids[i] = 3 + (int32_t)(sotto_splitmix64(&seed) % 90);
    return f->session != NULL;
}

static void close_model(fixture *f) {
    sotto_session_close(f->session);
    sotto_model_close(f->model);
}

static void check_equal(const float *a, const float *b, size_t n) {
    CHECK(a && b && memcmp(a, b, n * sizeof *a) == 0);
}

/* ---- sessions ------------------------------------------------------------------------------------------ */

/* Logits of all tokens, computed one by one, are those of every other way to the same tokens, bit for bit. */
static void check_ways(const char *source, sotto_export_options o) {
    fixture     f;
    sotto_error err = {0};
    if (!open_model(&f, source, o, (sotto_session_options){.batch = 7})) return close_model(&f);
    sotto_session *s = f.session;
    size_t         v = (size_t)f.info.n_vocab, kept, computed;
    float         *rows = calloc(N * v, sizeof *rows), *batch = calloc(N * v, sizeof *batch);
    for (size_t i = 0; i < N; i++) {
        CHECK_OK(sotto_session_append(s, f.ids + i, 1, &err), err);
        memcpy(rows + i * v, sotto_session_logits(s), v * sizeof *rows);
    }
    CHECK_OK(sotto_session_rewind(s, 0, &err), err);
    CHECK_OK(sotto_session_append_logits(s, f.ids, N, batch, &err), err);
    check_equal(rows, batch, N * v);
    check_equal(sotto_session_logits(s), rows + (N - 1) * v, v);
    CHECK_OK(sotto_session_rewind(s, 10, &err), err);
    CHECK(sotto_session_logits(s) == NULL);
    CHECK_OK(sotto_session_append(s, f.ids + 10, 15, &err), err);
    check_equal(sotto_session_logits(s), rows + 24 * v, v);
    f.ids[30]++; /* another end, and back */
    CHECK_OK(sotto_session_sync(s, f.ids, N, &err), err);
    f.ids[30]--;
    CHECK_OK(sotto_session_sync(s, f.ids, 35, &err), err);
    sotto_session_last_sync(s, &kept, &computed);
    CHECK_INT(kept, 30);
    CHECK_INT(computed, 5);
    check_equal(sotto_session_logits(s), rows + 34 * v, v);
    CHECK_OK(sotto_session_sync(s, f.ids, 35, &err), err);
    sotto_session_last_sync(s, &kept, &computed);
    CHECK_INT(computed, 0);
    free(rows);
    free(batch);
    close_model(&f);
}

TEST(every_way_to_the_same_tokens_gives_the_same_logits) {
    check_ways("golden/gemma3", (sotto_export_options){.bits = 4});
    check_ways("golden/gemma2", (sotto_export_options){.bits = 16});
    check_ways("golden/qwen3", (sotto_export_options){.bits = 4, .last_logits = true});
}

/* What is left is computed again, so that nothing of what was dropped is in it. */
TEST(dropping_tokens_is_as_if_they_had_never_been_there) {
    fixture     f;
    sotto_error err = {0};
    size_t      n;
    if (!open_model(&f, "golden/llama3", (sotto_export_options){.bits = 4}, (sotto_session_options){.batch = 8}))
        return close_model(&f);
    sotto_session *s = f.session;
    size_t         v = (size_t)f.info.n_vocab;
    float         *want = calloc(v, sizeof *want);
    CHECK_OK(sotto_session_sync(s, f.ids, N - 1, &err), err);
    CHECK_OK(sotto_session_drop(s, 4, 20, &err), err);
    CHECK_INT(sotto_session_tokens(s, &n)[4], f.ids[20]);
    CHECK_INT(n, N - 1 - 16);
    CHECK_OK(sotto_session_append(s, f.ids + N - 1, 1, &err), err);
    memcpy(want, sotto_session_logits(s), v * sizeof *want);
    memmove(f.ids + 4, f.ids + 20, 20 * sizeof *f.ids);
    CHECK_OK(sotto_session_rewind(s, 0, &err), err);
    CHECK_OK(sotto_session_sync(s, f.ids, N - 16, &err), err);
    check_equal(sotto_session_logits(s), want, v);
    free(want);
    close_model(&f);
}

/* A greedy answer that slides: as many tokens as asked for, whatever the context holds. */
TEST(an_answer_may_slide_beyond_the_context) {
    fixture                f;
    sotto_error            err = {0};
    sotto_generator       *g = NULL;
    sotto_piece            piece = {0};
    sotto_sampling         greedy = sotto_sampling_default(NULL);
    sotto_generate_options o = sotto_generate_options_default();
    int32_t                dropped = 0, n = 0;
    greedy.temperature = 0;
    o.sampling = &greedy, o.max_tokens = 100, o.slide = true, o.keep = 4, o.ignore_end = true;
    if (!open_model(&f, "golden/smollm2", (sotto_export_options){.bits = 16}, sotto_session_options_default()))
        return close_model(&f);
    CHECK_OK(sotto_session_sync(f.session, f.ids, 5, &err), err);
    CHECK_OK(sotto_generator_open(&g, f.session, &o, &err), err);
    while (g && !piece.done && sotto_generator_next(g, &piece, &err) == SOTTO_OK) {
        dropped += piece.n_dropped;
        n += piece.token >= 0;
    }
    CHECK_STR(err.message, "");
    CHECK_INT(n, 100);
    CHECK(dropped > 0);
    sotto_generator_close(g);
    close_model(&f);
}

/* ---- what is said of one ------------------------------------------------------------------------------- */

TEST(a_package_says_what_it_is) {
    fixture          f;
    sotto_error      err = {0};
    sotto_memory     m;
    sotto_model     *source = NULL;
    sotto_model_info want;
    if (!open_model(&f, "golden/gemma2", (sotto_export_options){.bits = 16}, sotto_session_options_default()))
        return close_model(&f);
    CHECK_OK(sotto_model_open(&source, "golden/gemma2", NULL, &err), err);
    sotto_model_get_info(source, &want);
    CHECK_STR(f.info.family, want.family);
    CHECK_STR(f.info.name, "gemma2");
    CHECK_INT(f.info.n_vocab, want.n_vocab);
    CHECK_INT(f.info.n_layers, want.n_layers);
    CHECK_INT(f.info.n_embd, want.n_embd);
    CHECK_INT(f.info.context_length, CONTEXT);
    CHECK_INT(f.info.prefill_macs, want.prefill_macs);
    CHECK(f.info.n_params > 0 && f.info.n_params <= want.n_params); /* without norms */
    CHECK(f.info.n_params > want.n_params * 9 / 10);
    CHECK(f.info.decode_bytes >= 2 * want.prefill_macs);
    CHECK_OK(sotto_memory_estimate(in_folder("m.mlpackage"), NULL, &m, &err), err);
    CHECK_INT(m.context, CONTEXT);
    CHECK_INT(m.weights_bytes, 2 * f.info.n_params);
    sotto_model_close(source);
    close_model(&f);
}

/* What calls take is foretold, neither too little nor several times too much. */
static void check_memory(const char *source, sotto_export_options o) {
    fixture     f;
    sotto_error err = {0};
    if (!open_model(&f, source, o, (sotto_session_options){.batch = 16})) return close_model(&f);
    CHECK_OK(sotto_session_sync(f.session, f.ids, 16, &err), err);
    CHECK_OK(sotto_session_sync(f.session, f.ids, N, &err), err);
    uint64_t foretold = sotto_program_call_bytes(f.model->program, 16, CONTEXT), taken = f.session->state->taken;
    test_checks++;
    if (taken > foretold || foretold > 2 * taken)
        TEST_FAIL("%s: %llu bytes foretold, %llu taken", source, (unsigned long long)foretold,
                  (unsigned long long)taken);
    close_model(&f);
}

TEST(memory_is_foretold) {
    check_memory("golden/gemma3", (sotto_export_options){.bits = 4});
    check_memory("golden/gemma2", (sotto_export_options){.bits = 16});
    check_memory("golden/llama3", (sotto_export_options){.bits = 16, .last_logits = true});
    check_memory("golden/qwen2", (sotto_export_options){.bits = 8});
}

/* ---- what does not go ---------------------------------------------------------------------------------- */

TEST(what_packages_cannot_do_is_said) {
    fixture      f;
    sotto_error  err = {0};
    sotto_memory m;
    if (!open_model(&f, "golden/llama3", (sotto_export_options){.bits = 4}, sotto_session_options_default()))
        return close_model(&f);
    sotto_session        *none = NULL;
    sotto_session_options q8 = {.cache_type = SOTTO_CACHE_Q8_0}, tight = {.memory_limit = 1000},
                          long_ = {.context = CONTEXT + 1};
    CHECK_INT(sotto_session_save(f.session, in_folder("session"), &err), SOTTO_UNSUPPORTED);
    CHECK_INT(sotto_path_kind_of(in_folder("session")), SOTTO_PATH_NONE);
    CHECK_INT(sotto_session_restore(f.session, in_folder("session"), &err), SOTTO_UNSUPPORTED);
    CHECK_INT(sotto_session_open(&none, f.model, &q8, &err), SOTTO_UNSUPPORTED);
    CHECK_INT(sotto_session_open(&none, f.model, &tight, &err), SOTTO_LIMIT);
    CHECK_INT(sotto_memory_estimate(in_folder("m.mlpackage"), &tight, &m, &err), SOTTO_LIMIT);
    CHECK_INT(sotto_session_open(&none, f.model, &long_, &err), SOTTO_INVALID);
    CHECK(strstr(err.message, "1 to 48") != NULL);
    CHECK_INT(sotto_session_append(f.session, (const int32_t[]){f.info.n_vocab}, 1, &err), SOTTO_INVALID);
    sotto_quality         q;
    static const char     text[] = "how far is the one from the other, and the other from the one? What lies between?";
    sotto_quality_options qo = {.text = text, .n_text = sizeof text - 1, .window = 16,
                                .collect = in_folder("importance")};
    CHECK_INT(sotto_quality_measure(f.model, NULL, &qo, &q, &err), SOTTO_UNSUPPORTED);
    close_model(&f);
}

TEST(a_package_without_a_tokenizer_says_where_it_was_looked_for) {
    sotto_error          err = {0};
    sotto_model         *m = NULL;
    sotto_memory         memory;
    sotto_bytes          json = {0};
    sotto_export_options o = {.context = CONTEXT};
    CHECK_OK(sotto_export("golden/llama3", in_folder("alone.mlpackage"), &o, &err), err);
    CHECK(rename(in_folder("alone.tokenizer"), in_folder("elsewhere")) == 0);
    CHECK_INT(sotto_model_open(&m, in_folder("alone.mlpackage"), NULL, &err), SOTTO_NOT_FOUND);
    CHECK(strstr(err.message, "alone.tokenizer") != NULL);
    CHECK_OK(sotto_memory_estimate(in_folder("alone.mlpackage/"), NULL, &memory, &err), err);
    CHECK_OK(sotto_inspect(in_folder("alone.mlpackage"), &json, &err), err);
    CHECK(json.data && strstr(json.data, "\"tokenizer\":null") && strstr(json.data, "has no tokenizer beside it"));
    sotto_bytes_free(&json);
    CHECK(rename(in_folder("elsewhere"), in_folder("alone.tokenizer")) == 0);
    CHECK_OK(sotto_inspect(in_folder("alone.mlpackage"), &json, &err), err);
    CHECK(json.data && strstr(json.data, "\"adds_bos\""));
    sotto_bytes_free(&json);
    CHECK_INT(sotto_model_open(&m, in_folder("none.mlpackage"), NULL, &err), SOTTO_NOT_FOUND);
    CHECK(m == NULL);
}

TEST_MAIN_IN_FOLDER()
