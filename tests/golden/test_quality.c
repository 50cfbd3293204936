/* sotto_quality_measure against figures that transformers and numpy computed (tools/quality-fixtures/ wrote
 * golden/quality.json), and what must hold of it whatever the figures are.
 *
 * Bounds. With weights that both sides dequantised to f32, logits agree to about 1e-6 of the largest; a figure may
 * differ by 1e-4 of its size. Run directly, a q4_0 file rounds activations to 8 bits: where another C library's last
 * bit makes one of them round the other way, a logit moves by up to a per cent at one of some 400 tokens. The figures
 * were taken with the same kernels (ref), and are held to 5e-3, a single token's (the tail) to 2e-2: what kernels that
 * add in another order stay within, too. */
#include "unit/model_folder.h"

#include <math.h>

#include <jansson.h>

#include "test.h"

#include <sotto/sotto.h>

#include "base/base.h"
#include "runtime/runtime.h"

static sotto_model *open_model(const char *path, const char *cpu, int32_t threads) {
    sotto_error         err = {0};
    sotto_model        *m = NULL;
    sotto_model_options o = {.threads = threads, .cpu = cpu};
    CHECK_OK(sotto_model_open(&m, path, &o, &err), err);
    if (!m) exit(1);
    return m;
}

/* A golden model as GGUF; converted once. */
static const char *converted(const char *in, const char *type, const char *head, const char *name) {
    sotto_error           err = {0};
    sotto_convert_options o = {.type = type, .head = head};
    const char           *out = in_folder(name);
    if (access(out, F_OK) != 0) CHECK_OK(sotto_convert(in, out, &o, &err), err);
    return out;
}

/* ---- the figures --------------------------------------------------------------------------------------- */

static void check_near(const char *what, double got, double want, double bound, double least) {
    test_checks++;
    if (!(fabs(got - want) <= bound * fmax(fabs(want), least)))
        TEST_FAIL("%s is %.9g, expected %.9g (a relative difference of %.2g)", what, got, want,
                  fabs(got - want) / fabs(want));
}

static double number(json_t *c, const char *key, size_t i) {
    return json_number_value(json_array_get(json_object_get(c, key), i));
}

static void check_estimate(json_t *c, const char *key, sotto_estimate got, double bound) {
    /* A mean that is nearly zero is held to its own error. */
    check_near(key, got.value, number(c, key, 0), bound, number(c, key, 1));
    check_near(key, got.error, number(c, key, 1), bound, 0);
}

static void check_figures(json_t *c, const sotto_quality *q, bool direct) {
    double bound = direct ? 5e-3 : 1e-4, tail = direct ? 2e-2 : 1e-4;
    CHECK_INT(q->n_tokens, json_integer_value(json_object_get(c, "tokens")));
    CHECK_INT(q->n_scored, json_integer_value(json_object_get(c, "scored")));
    check_estimate(c, "perplexity", q->perplexity, bound);
    check_estimate(c, "reference_perplexity", q->reference_perplexity, bound);
    check_estimate(c, "perplexity_ratio", q->perplexity_ratio, bound);
    check_estimate(c, "kl", q->kl, bound);
    check_near("kl_median", q->kl_median, number(c, "kl_tail", 0), tail, 0);
    check_near("kl_99", q->kl_99, number(c, "kl_tail", 1), tail, 0);
    check_near("kl_999", q->kl_999, number(c, "kl_tail", 2), tail, 0);
    check_near("kl_max", q->kl_max, number(c, "kl_tail", 3), tail, 0);
    check_estimate(c, "delta_p", q->delta_p, bound);
    check_estimate(c, "delta_p_rms", q->delta_p_rms, bound);
    check_near("agreement", q->agreement.value, number(c, "agreement", 0), direct ? 2e-2 : 1e-9, 0);
    check_near("agreement", q->agreement.error, number(c, "agreement", 1), direct ? 2e-2 : 1e-9, 0);
}

static void check_case(json_t *c) {
    char        folder[64], name[64];
    const char *model = json_string_value(json_object_get(c, "model"));
    const char *text = json_string_value(json_object_get(c, "text"));
    bool        direct = strcmp(json_string_value(json_object_get(c, "kind")), "direct") == 0;
    int         before = test_failures;
    sotto_error err = {0};
    snprintf(folder, sizeof folder, "golden/%.32s", model);
    snprintf(name, sizeof name, "%.32s-q4_0.gguf", model);
    const char *path = converted(folder, "q4_0", "q8_0", name);
    snprintf(name, sizeof name, "%.32s-back.gguf", model);
    if (!direct) path = converted(path, "f32", NULL, name);
    sotto_model          *m = open_model(path, "ref", 2), *reference = open_model(folder, "ref", 2);
    sotto_quality_options o = {.text = text, .n_text = strlen(text),
                               .window = (int32_t)json_integer_value(json_object_get(c, "window"))};
    sotto_quality         q = {0}, alone = {0};
    CHECK_OK(sotto_quality_measure(m, reference, &o, &q, &err), err);
    check_figures(c, &q, direct);
    CHECK_OK(sotto_quality_measure(m, NULL, &o, &alone, &err), err);
    CHECK(alone.perplexity.value == q.perplexity.value && alone.perplexity.error == q.perplexity.error);
    CHECK(alone.kl.value == 0 && alone.agreement.value == 0 && alone.reference_perplexity.value == 0);
    if (test_failures != before) printf("  in the case above: %s, window %d\n", path, o.window);
    sotto_model_close(m);
    sotto_model_close(reference);
}

TEST(figures_are_those_of_transformers_and_numpy) {
    json_error_t error;
    json_t      *cases = json_load_file("golden/quality.json", 0, &error), *c;
    size_t       i;
    CHECK(json_array_size(cases) > 5);
    json_array_foreach(cases, i, c) check_case(c);
    json_decref(cases);
}

/* ---- what must hold of any figures --------------------------------------------------------------------- */

static const char text[] =
    "Seven ships, one of them red, lay at anchor: 3 from the north, 4 from further away. \"Which is yours?\" she "
    "asked. He pointed at the one that was just then being towed out of the harbour.";

static sotto_quality_options options(int32_t window) {
    return (sotto_quality_options){.text = text, .n_text = sizeof text - 1, .window = window};
}

TEST(a_model_is_no_distance_from_itself) {
    static const char *const models[] = {"golden/gemma3", "golden/qwen3"};
    for (size_t i = 0; i < SOTTO_COUNT(models); i++) {
        sotto_error           err = {0};
        sotto_quality         q = {0};
        sotto_quality_options o = options(40);
        sotto_model          *m = open_model(models[i], NULL, 1), *again = open_model(models[i], NULL, 2);
        CHECK_OK(sotto_quality_measure(m, i ? m : again, &o, &q, &err), err);
        CHECK(q.n_scored > 100 && q.perplexity.value > 1 && q.perplexity.error > 0);
        CHECK(q.reference_perplexity.value == q.perplexity.value);
        CHECK(q.perplexity_ratio.value == 1 && q.perplexity_ratio.error == 0);
        CHECK(q.kl.value == 0 && q.kl.error == 0 && q.kl_median == 0 && q.kl_max == 0);
        CHECK(q.delta_p.value == 0 && q.delta_p_rms.value == 0 && q.delta_p_rms.error == 0);
        CHECK(q.agreement.value == 1 && q.agreement.error == 0);
        sotto_model_close(m);
        sotto_model_close(again);
    }
}

TEST(threads_do_not_show) {
    sotto_error           err = {0};
    sotto_quality         one = {0}, many = {0};
    sotto_quality_options o = options(150); /* more positions than a chunk has */
    const char           *path = converted("golden/gemma2", "q8_0", NULL, "gemma2-q8_0.gguf");
    sotto_model          *a = open_model(path, NULL, 1), *b = open_model(path, NULL, 3);
    sotto_model          *reference = open_model("golden/gemma2", NULL, 1);
    CHECK_OK(sotto_quality_measure(a, reference, &o, &one, &err), err);
    CHECK_OK(sotto_quality_measure(b, reference, &o, &many, &err), err);
    CHECK(one.kl.value > 0 && one.kl.value < 0.1);
    CHECK(memcmp(&one, &many, sizeof one) == 0);
    sotto_model_close(a);
    sotto_model_close(b);
    sotto_model_close(reference);
}

/* A GGUF file spells some pieces another way than the folder, and names rows that the folder's tokenizer does not. */
TEST(a_folder_and_its_file_have_one_vocabulary) {
    static const char *const models[] = {"gemma3-mm", "gemma4-e", "llama3", "smollm3"};
    for (size_t i = 0; i < SOTTO_COUNT(models); i++) {
        char                  folder[64], name[64];
        sotto_error           err = {0};
        sotto_quality         q = {0};
        sotto_quality_options o = options(0);
        snprintf(folder, sizeof folder, "golden/%s", models[i]);
        snprintf(name, sizeof name, "%s-f32.gguf", models[i]);
        sotto_model *m = open_model(converted(folder, "f32", NULL, name), NULL, 1), *f = open_model(folder, NULL, 1);
        CHECK_OK(sotto_quality_measure(m, f, &o, &q, &err), err);
        CHECK(q.kl.value < 1e-9 && q.agreement.value == 1);
        sotto_model_close(m);
        sotto_model_close(f);
    }
}

TEST(the_built_in_text_is_long_enough_and_scored_nearly_whole) {
    sotto_error   err = {0};
    sotto_quality q = {0};
    size_t        words = 0;
    for (size_t i = 0; sotto_quality_text[i]; i++) {
        const char *p = sotto_quality_text[i];
        CHECK(sotto_utf8_valid(p, strlen(p)));
        for (words++; *p; p++) words += *p == ' ' || *p == '\n';
    }
    CHECK(words >= 1500 && words <= 2500);
    sotto_model *m = open_model("golden/qwen2", NULL, 2); /* no BOS, a context of 256 */
    CHECK_OK(sotto_quality_measure(m, NULL, NULL, &q, &err), err);
    CHECK_INT(q.window, 256);
    CHECK_INT(q.n_scored, q.n_tokens - 128);
    CHECK_INT(q.n_windows, (q.n_scored + 127) / 128);
    CHECK(q.n_tokens > words);
    sotto_model_close(m);
}

/* ---- refusals ------------------------------------------------------------------------------------------ */

static void check_refusal(sotto_model *m, sotto_model *reference, const sotto_quality_options *o, sotto_status status,
                          const char *says) {
    sotto_error   err = {0};
    sotto_quality q = {.n_scored = 77};
    CHECK_INT(sotto_quality_measure(m, reference, o, &q, &err), status);
    CHECK_INT(q.n_scored, 77);
    test_checks++;
    if (!strstr(err.message, says)) TEST_FAIL("\"%s\" does not contain \"%s\"", err.message, says);
}

TEST(what_cannot_be_measured_is_refused_with_a_sentence) {
    sotto_model          *gemma2 = open_model("golden/gemma2", NULL, 1), *gemma3 = open_model("golden/gemma3", NULL, 1);
    sotto_model          *kv = open_model("golden/gemma4-kv", NULL, 1), *mm = open_model("golden/gemma3-mm", NULL, 1);
    sotto_quality_options o = options(0);
    check_refusal(gemma2, gemma3, &o, SOTTO_MISMATCH, "of 313 and 317 tokens");
    check_refusal(kv, mm, &o, SOTTO_MISMATCH, "is not the same in both"); /* 305 tokens each */
    o.window = 257;
    check_refusal(gemma2, NULL, &o, SOTTO_INVALID, "a window of 257 tokens: choose 16 to 256");
    o.window = 15;
    check_refusal(gemma2, NULL, &o, SOTTO_INVALID, "a window of 15 tokens");
    o.window = -1;
    check_refusal(gemma2, NULL, &o, SOTTO_INVALID, "a window of -1 tokens");
    o = options(32);
    o.n_text = 4;
    check_refusal(gemma2, NULL, &o, SOTTO_INVALID, "too short");
    o.n_text = 0;
    check_refusal(gemma2, NULL, &o, SOTTO_INVALID, "it has 0 tokens");
    sotto_model_close(gemma2);
    sotto_model_close(gemma3);
    sotto_model_close(kv);
    sotto_model_close(mm);
}

typedef struct steps {
    uint64_t last, total, calls, stop_at;
} steps;

static bool count_step(void *user, uint64_t done, uint64_t total) {
    steps *s = user;
    CHECK(done >= s->last && done <= total && (s->calls == 0 || total == s->total));
    s->last = done;
    s->total = total;
    return ++s->calls != s->stop_at;
}

TEST(progress_is_told_and_may_cancel) {
    steps                 all = {0}, some = {.stop_at = 3};
    sotto_error           err = {0};
    sotto_quality         q = {0};
    sotto_model          *m = open_model("golden/llama2", NULL, 1);
    sotto_quality_options o = options(32);
    o.progress = count_step;
    o.progress_user = &all;
    CHECK_OK(sotto_quality_measure(m, m, &o, &q, &err), err);
    CHECK(all.calls > q.n_windows && all.last == all.total);
    CHECK(all.total > 2 * q.n_tokens && all.total < 4 * (q.n_tokens + q.n_windows + 32)); /* half overlaps, twice */
    o.progress_user = &some;
    check_refusal(m, m, &o, SOTTO_CANCELLED, "cancelled");
    CHECK_INT(some.calls, 3);
    sotto_model_close(m);
}

/* The last tensor of a file becomes NaN: logits are no numbers, and no figure is made of them. */
TEST(damaged_weights_are_noticed) {
    const char *path = converted("golden/llama2", "f32", NULL, "damaged.gguf");
    FILE       *f = fopen(path, "r+b");
    uint8_t     nan[4096];
    memset(nan, 0xff, sizeof nan);
    CHECK(f && fseek(f, -(long)sizeof nan, SEEK_END) == 0 && fwrite(nan, 1, sizeof nan, f) == sizeof nan);
    if (f) CHECK_INT(fclose(f), 0);
    sotto_model          *m = open_model(path, NULL, 1), *whole = open_model("golden/llama2", NULL, 1);
    sotto_quality_options o = options(32);
    check_refusal(m, NULL, &o, SOTTO_INVALID, "the model's logits");
    check_refusal(whole, m, &o, SOTTO_INVALID, "the reference's logits");
    sotto_model_close(m);
    sotto_model_close(whole);
}

TEST_MAIN()
