/* The sampler: every step against fixtures computed by transformers and numpy (tools/sampler-fixtures),
 * selection in large vocabularies against a full sort, the draw against its own probabilities, and what is
 * refused. */
#include "model_folder.h"

#include "test.h"

#include "runtime/runtime.h"

static const sotto_sampling OFF = {.temperature = 1, .top_p = 1, .typical_p = 1, .repetition_penalty = 1,
                                   .penalty_last = -1, .dry_base = 1.75f, .dry_allowed_length = 2, .dry_last = -1};

/* ---- fixtures ------------------------------------------------------------------------------------------ */

enum { N_MAX = 256 };

typedef struct fixture {
    char             name[80];
    sotto_sampling   params;
    int              n_vocab, n_history, n_bias, n_want;
    float            logits[N_MAX];
    int32_t          history[N_MAX];
    bool             breaks[N_MAX];
    sotto_logit_bias bias[N_MAX];
    int32_t          want[N_MAX];
    double           want_p[N_MAX];
} fixture;

static int read_count(FILE *f, const char *what) {
    char word[16];
    int  n = -1;
    if (fscanf(f, " %15s %d", word, &n) != 2 || strcmp(word, what) != 0 || n < 0 || n > N_MAX) return -1;
    return n;
}

static bool read_fixture(FILE *f, fixture *x) {
    memset(x, 0, sizeof *x);
    sotto_sampling *p = &x->params;
    if (fscanf(f, " case %79[^\n]", x->name) != 1) return false;
    bool ok = fscanf(f, " params %f %d %f %f %f %f %f %f %d %f %f %d %d", &p->temperature, &p->top_k, &p->top_p,
                     &p->min_p, &p->typical_p, &p->repetition_penalty, &p->presence_penalty, &p->frequency_penalty,
                     &p->penalty_last, &p->dry_multiplier, &p->dry_base, &p->dry_allowed_length, &p->dry_last) == 13;
    ok = ok && (x->n_vocab = read_count(f, "logits")) > 0;
    for (int i = 0; i < x->n_vocab; i++) ok = ok && fscanf(f, "%f", &x->logits[i]) == 1;
    ok = ok && (x->n_history = read_count(f, "history")) >= 0;
    for (int i = 0; i < x->n_history; i++) ok = ok && fscanf(f, "%d", &x->history[i]) == 1;
    int n_breaks = read_count(f, "breaks"), token;
    for (int i = 0; i < n_breaks; i++)
        if ((ok = ok && fscanf(f, "%d", &token) == 1 && token >= 0 && token < x->n_vocab)) x->breaks[token] = true;
    ok = ok && (x->n_bias = read_count(f, "bias")) >= 0;
    for (int i = 0; i < x->n_bias; i++) ok = ok && fscanf(f, "%d %f", &x->bias[i].token, &x->bias[i].bias) == 2;
    ok = ok && (x->n_want = read_count(f, "want")) > 0;
    for (int i = 0; i < x->n_want; i++) ok = ok && fscanf(f, "%d %lf", &x->want[i], &x->want_p[i]) == 2;
    p->bias = x->bias;
    p->n_bias = (size_t)x->n_bias;
    if (!ok) TEST_FAIL("fixture \"%s\" cannot be read", x->name);
    return ok;
}

static void check_fixture(const fixture *x) {
    sotto_error            err;
    sotto_sampler         *s = NULL;
    const sotto_candidate *list;
    size_t                 n;
    CHECK_OK(sotto_sampler_open(&s, &x->params, x->n_vocab, N_MAX, x->breaks, &err), err);
    if (!s) return;
    for (int again = 0; again < 2; again++) { /* no state may be left over from one pick to the next */
        CHECK_OK(sotto_sampler_candidates(s, x->logits, x->history, (size_t)x->n_history, &list, &n, &err), err);
        bool same = n == (size_t)x->n_want;
        test_checks++;
        for (int i = 0; same && i < x->n_want; i++)
            same = list[i].token == x->want[i] && fabs(list[i].p - x->want_p[i]) <= 1e-5 * fmax(x->want_p[i], 1e-3);
        if (!same) TEST_FAIL("fixture \"%s\": %zu tokens are left, expected %d, or probabilities differ", x->name, n,
                             x->n_want);
    }
    sotto_sampler_close(s);
}

TEST(steps_agree_with_independent_implementations) {
    FILE *f = fopen("unit/data/sampler.txt", "r");
    CHECK(f);
    if (!f) return;
    static fixture x;
    int            n = 0;
    for (; read_fixture(f, &x); n++) check_fixture(&x);
    CHECK(n >= 80);
    fclose(f);
}

/* ---- large vocabularies -------------------------------------------------------------------------------- */

enum { LARGE = 262144 };

static float large[LARGE];

static int by_rank(const void *a, const void *b) {
    int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
    if (large[i] != large[j]) return large[i] > large[j] ? -1 : 1;
    return i < j ? -1 : 1;
}

/* top-k, top-p and min-p all keep a run from the most likely on: its length by a full sort. */
static size_t run_length(const int32_t *order, const sotto_sampling *p) {
    size_t n = p->top_k ? (size_t)p->top_k : LARGE, kept = 0;
    double sum = 0, mass = 0, max = (double)large[order[0]], t = (double)p->temperature;
    for (size_t i = 0; i < n; i++) sum += exp(((double)large[order[i]] - max) / t);
    while (kept < n && (kept == 0 || p->top_p >= 1 || mass < (double)p->top_p * sum))
        mass += exp(((double)large[order[kept++]] - max) / t);
    while (p->min_p > 0 && exp(((double)large[order[kept - 1]] - max) / t) < (double)p->min_p) kept--;
    return kept;
}

static void check_large(const char *what) {
    static int32_t order[LARGE];
    static bool    kept[LARGE];
    for (int32_t i = 0; i < LARGE; i++) order[i] = i;
    qsort(order, LARGE, sizeof *order, by_rank);
    static const struct { float temperature, top_p, min_p; int32_t top_k; } cases[] = {
        {0.7f, 0.95f, 0, 40}, {1, 0.9f, 0, 0}, {3, 0.5f, 0, 0}, {1, 1, 0.05f, 0}, {1, 1, 0, 5000}, {50, 0.999f, 0, 0},
    };
    for (size_t c = 0; c < SOTTO_COUNT(cases); c++) {
        sotto_sampling p = OFF;
        p.temperature = cases[c].temperature, p.top_p = cases[c].top_p;
        p.min_p = cases[c].min_p, p.top_k = cases[c].top_k;
        sotto_sampler         *s = NULL;
        const sotto_candidate *list;
        size_t                 n = 0, want = run_length(order, &p), same = 0;
        CHECK(sotto_sampler_open(&s, &p, LARGE, 0, NULL, NULL) == SOTTO_OK);
        CHECK(sotto_sampler_candidates(s, large, NULL, 0, &list, &n, NULL) == SOTTO_OK);
        memset(kept, 0, sizeof kept);
        for (size_t i = 0; i < n; i++) kept[list[i].token] = true;
        for (size_t i = 0; i < want; i++) same += kept[order[i]];
        test_checks++;
        if (n != want || same != want) TEST_FAIL("%s, case %zu: %zu kept, %zu of %zu expected", what, c, n, same, want);
        sotto_sampler_close(s);
    }
}

TEST(large_vocabularies_are_cut_as_by_a_full_sort) {
    uint64_t seed = 7;
    for (int i = 0; i < LARGE; i++)
        large[i] = test_random_float(&seed) + 4 * test_random_float(&seed) + 6 * test_random_float(&seed);
    check_large("random");
    for (int i = 0; i < LARGE; i++) large[i] = (float)i * 1e-4f;
    check_large("ascending");
    for (int i = 0; i < LARGE; i++) large[i] = (float)-i * 1e-4f;
    check_large("descending");
    for (int i = 0; i < LARGE; i++) large[i] = (float)(i % 7);
    check_large("ties");
    for (int i = 0; i < LARGE; i++) large[i] = 1;
    check_large("all equal");
}

TEST(a_share_that_is_met_exactly_takes_no_more) {
    static const float equal[64];
    sotto_sampling     p = OFF;
    p.top_p = 0.5f;
    for (int32_t n_vocab = 2; n_vocab <= 64; n_vocab += 2) {
        sotto_sampler         *s = NULL;
        const sotto_candidate *list;
        size_t                 n = 0;
        CHECK(sotto_sampler_open(&s, &p, n_vocab, 0, NULL, NULL) == SOTTO_OK);
        CHECK(sotto_sampler_candidates(s, equal, NULL, 0, &list, &n, NULL) == SOTTO_OK);
        CHECK_INT(n, n_vocab / 2);
        CHECK_INT(list[n - 1].token, n_vocab / 2 - 1); /* the lower ids */
        sotto_sampler_close(s);
    }
}

/* ---- the draw ------------------------------------------------------------------------------------------ */

TEST(draws_follow_the_probabilities) {
    static const float logits[] = {0, 1.5f, -2, 0.3f, 2.2f, -0.5f, 1, -30};
    enum { N = SOTTO_COUNT(logits), DRAWS = 100000 };
    sotto_sampling p = OFF;
    p.seed = 12345;
    sotto_sampler *s = NULL;
    int            count[N] = {0};
    double         weight[N], sum = 0, chi2 = 0;
    CHECK(sotto_sampler_open(&s, &p, N, 0, NULL, NULL) == SOTTO_OK);
    for (int i = 0; i < DRAWS; i++) {
        int32_t token = -1;
        CHECK(sotto_sampler_pick(s, logits, NULL, 0, &token, NULL) == SOTTO_OK && token >= 0 && token < N);
        if (token >= 0 && token < N) count[token]++;
    }
    for (int i = 0; i < N; i++) sum += weight[i] = exp((double)logits[i]);
    for (int i = 0; i + 1 < N; i++) {
        double want = weight[i] / sum * DRAWS;
        chi2 += (count[i] - want) * (count[i] - want) / want;
    }
    CHECK_INT(count[N - 1], 0);
    CHECK(chi2 < 22.46); /* 6 degrees of freedom, 0.1% */
    CHECK(chi2 > 0.38);  /* nor too good to be random */
    sotto_sampler_close(s);
}

/* Seed 42 among 1000 equal tokens, by a Python version of xoshiro256** and splitmix64 made from their
 * definitions, which also gives the value that PHP's own test expects of its engine of that name with seed
 * 1234. */
TEST(a_seed_means_the_same_everywhere) {
    static float   logits[1000];
    sotto_sampling p = OFF;
    p.seed = 42;
    sotto_sampler *s = NULL, *t = NULL;
    CHECK(sotto_sampler_open(&s, &p, 1000, 0, NULL, NULL) == SOTTO_OK);
    CHECK(sotto_sampler_open(&t, &p, 1000, 0, NULL, NULL) == SOTTO_OK);
    static const int32_t want[] = {83, 378, 680, 924, 991, 769, 719, 850};
    for (size_t i = 0; i < SOTTO_COUNT(want); i++) {
        int32_t a = -1, b = -1;
        CHECK(sotto_sampler_pick(s, logits, NULL, 0, &a, NULL) == SOTTO_OK);
        CHECK(sotto_sampler_pick(t, logits, NULL, 0, &b, NULL) == SOTTO_OK);
        CHECK_INT(a, want[i]);
        CHECK_INT(b, want[i]);
    }
    CHECK(sotto_sampler_seed(s) == 42);
    sotto_sampler_close(s);
    sotto_sampler_close(t);
    p.seed = SOTTO_SEED_RANDOM;
    CHECK(sotto_sampler_open(&s, &p, 1000, 0, NULL, NULL) == SOTTO_OK);
    CHECK(sotto_sampler_open(&t, &p, 1000, 0, NULL, NULL) == SOTTO_OK);
    CHECK(sotto_sampler_seed(s) != sotto_sampler_seed(t));
    CHECK(sotto_sampler_seed(s) < (uint64_t)1 << 53);
    sotto_sampler_close(s);
    sotto_sampler_close(t);
}

TEST(greedy_takes_the_lowest_id_among_equals) {
    static const float logits[] = {1, 3, 2, 3, 3};
    sotto_sampling     p = OFF;
    p.temperature = 0;
    p.top_k = 1000;
    sotto_sampler *s = NULL;
    int32_t        token = -1;
    CHECK(sotto_sampler_open(&s, &p, 5, 0, NULL, NULL) == SOTTO_OK);
    CHECK(sotto_sampler_pick(s, logits, NULL, 0, &token, NULL) == SOTTO_OK);
    CHECK_INT(token, 1);
    sotto_sampler_close(s);
}

/* ---- refusals ------------------------------------------------------------------------------------------ */

static void check_refused(sotto_sampling p, const char *naming) {
    sotto_error    err = {0};
    sotto_sampler *s = NULL;
    CHECK_INT(sotto_sampler_open(&s, &p, 10, 8, NULL, &err), SOTTO_INVALID);
    CHECK(!s);
    test_checks++;
    if (!strstr(err.message, naming)) TEST_FAIL("\"%s\" does not name %s", err.message, naming);
}

TEST(parameters_out_of_range_are_refused) {
#define REFUSED(field, wrong, naming)                                                                        \
    do {                                                                                                     \
        sotto_sampling p_ = OFF;                                                                             \
        p_.field = wrong;                                                                                    \
        check_refused(p_, naming);                                                                           \
    } while (0)
    REFUSED(temperature, -0.1f, "temperature");
    REFUSED(temperature, NAN, "temperature");
    REFUSED(temperature, INFINITY, "temperature");
    REFUSED(top_k, -1, "top-k");
    REFUSED(top_p, 1.01f, "top-p");
    REFUSED(min_p, -0.01f, "min-p");
    REFUSED(typical_p, 2, "typical-p");
    REFUSED(repetition_penalty, 0, "repetition");
    REFUSED(presence_penalty, 1e9f, "presence");
    REFUSED(frequency_penalty, NAN, "frequency");
    REFUSED(penalty_last, -2, "penalty range");
    REFUSED(dry_multiplier, -1, "DRY multiplier");
    REFUSED(dry_base, 0.5f, "DRY base");
    REFUSED(dry_allowed_length, 0, "DRY allowed");
    REFUSED(dry_last, -2, "DRY range");
    REFUSED(n_bias, 3, "bias");
    static const sotto_logit_bias outside = {10, 1}, below = {-1, 1}, nan = {1, NAN}, inf = {1, INFINITY};
    const sotto_logit_bias       *wrong[] = {&outside, &below, &nan, &inf};
    for (size_t i = 0; i < SOTTO_COUNT(wrong); i++) {
        sotto_sampling p = OFF;
        p.bias = wrong[i], p.n_bias = 1;
        check_refused(p, "logit bias");
    }
}

TEST(bad_logits_are_errors) {
    static const struct { float logits[3]; const char *message; } cases[] = {
        {{0, NAN, 1}, "token 1 "}, {{NAN, 0, 1}, "token 0 "}, {{0, 1, INFINITY}, "token 2 "},
        {{-INFINITY, -INFINITY, -INFINITY}, "forbids every token"},
    };
    for (int greedy = 0; greedy < 2; greedy++) {
        sotto_sampling p = OFF;
        p.temperature = greedy ? 0.0f : 1.0f;
        sotto_sampler *s = NULL;
        CHECK(sotto_sampler_open(&s, &p, 3, 8, NULL, NULL) == SOTTO_OK);
        int32_t token = -7;
        for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
            sotto_error err = {0};
            CHECK_INT(sotto_sampler_pick(s, cases[i].logits, NULL, 0, &token, &err), SOTTO_INVALID);
            CHECK(strstr(err.message, cases[i].message));
            CHECK_INT(token, -7);
        }
        static const float   fine[3] = {0, 2, 1};
        static const int32_t strange = 3;
        CHECK_INT(sotto_sampler_pick(s, fine, &strange, 1, &token, NULL), SOTTO_INVALID);
        CHECK_INT(sotto_sampler_pick(s, fine, NULL, 0, &token, NULL), SOTTO_OK);
        sotto_sampler_close(s);
    }
}

TEST(a_bias_forbids_all_but_one) {
    enum { N = 50 };
    static float     logits[N];
    sotto_logit_bias bias[N - 1];
    for (int i = 0; i < N - 1; i++) bias[i] = (sotto_logit_bias){i < 31 ? i : i + 1, -INFINITY};
    logits[31] = -1e5f;
    sotto_sampling p = OFF;
    p.bias = bias, p.n_bias = N - 1, p.top_k = 20, p.top_p = 0.5f, p.min_p = 0.1f, p.typical_p = 0.5f;
    p.dry_multiplier = 100, p.dry_base = 100, p.dry_allowed_length = 1;
    sotto_sampler *s = NULL;
    CHECK(sotto_sampler_open(&s, &p, N, 400, NULL, NULL) == SOTTO_OK);
    memset(bias, 0, sizeof bias); /* the list was copied */
    int32_t history[400], token = -1;
    for (int i = 0; i < 400; i++) history[i] = 31;
    CHECK(sotto_sampler_pick(s, logits, history, 400, &token, NULL) == SOTTO_OK);
    CHECK_INT(token, 31);
    sotto_sampler_close(s);
}

TEST(closing_nothing_is_allowed) { sotto_sampler_close(NULL); }

/* ---- defaults ------------------------------------------------------------------------------------------ */

static sotto_sampling defaults_of(const char *generation_config) {
    sotto_checkpoint checkpoint = {.kind = SOTTO_CHECKPOINT_HF};
    sotto_model      model = {.checkpoint = &checkpoint};
    sotto_error      err;
    if (generation_config)
        CHECK_OK(sotto_json_parse(&checkpoint.generation_config, sotto_str_from(generation_config), "a test", &err),
                 err);
    sotto_sampling s = sotto_sampling_default(&model);
    json_decref(checkpoint.generation_config);
    CHECK(sotto_sampling_check(&s, 1, NULL) == SOTTO_OK);
    CHECK(s.seed == SOTTO_SEED_RANDOM && s.dry_multiplier == 0 && s.n_bias == 0);
    return s;
}

static void check_defaults(sotto_sampling s, float temperature, int32_t top_k, float top_p, float repetition) {
    CHECK(s.temperature == temperature);
    CHECK_INT(s.top_k, top_k);
    CHECK(s.top_p == top_p);
    CHECK(s.repetition_penalty == repetition);
}

TEST(defaults_are_the_publishers) {
    check_defaults(sotto_sampling_default(NULL), 0.7f, 40, 0.95f, 1);
    check_defaults(defaults_of(NULL), 0.7f, 40, 0.95f, 1);
    check_defaults(defaults_of("{\"eos_token_id\": [1, 106]}"), 0.7f, 40, 0.95f, 1);
    check_defaults(defaults_of("{\"do_sample\": false, \"temperature\": 0.1}"), 0.7f, 40, 0.95f, 1);
    /* as published with Gemma 3, Llama 3.2 and Qwen 2.5 */
    check_defaults(defaults_of("{\"do_sample\": true, \"top_k\": 64, \"top_p\": 0.95}"), 1, 64, 0.95f, 1);
    check_defaults(defaults_of("{\"do_sample\": true, \"temperature\": 0.6, \"top_p\": 0.9}"), 0.6f, 50, 0.9f, 1);
    check_defaults(defaults_of("{\"do_sample\": true, \"temperature\": 0.7, \"top_p\": 0.8, \"top_k\": 20, "
                               "\"repetition_penalty\": 1.1}"), 0.7f, 20, 0.8f, 1.1f);
    /* values that no sampler can use are passed over */
    check_defaults(defaults_of("{\"do_sample\": true, \"temperature\": -3, \"top_k\": -1, \"top_p\": \"x\", "
                               "\"repetition_penalty\": 0}"), 1, 50, 1, 1);
}

TEST(defaults_come_from_gguf_too) {
    const char *name = in_folder("sampling.gguf");
    for (int with = 0; with < 2; with++) {
        sotto_error        err;
        sotto_gguf_writer *w = NULL;
        sotto_model        model = {0};
        CHECK_OK(sotto_gguf_writer_open(&w, name, &err), err);
        CHECK_OK(sotto_gguf_put_str(w, "general.architecture", sotto_str_from("gemma3"), &err), err);
        if (with) {
            CHECK_OK(sotto_gguf_put_i32(w, "general.sampling.top_k", 64, &err), err);
            CHECK_OK(sotto_gguf_put_f32(w, "general.sampling.top_p", 0.95f, &err), err);
            CHECK_OK(sotto_gguf_put_f32(w, "general.sampling.penalty_repeat", 1.05f, &err), err);
        }
        CHECK_OK(sotto_gguf_put_tensor(w, "x", SOTTO_F32, 1, (const int64_t[]){1}, &err), err);
        CHECK_OK(sotto_gguf_begin_data(w, &err), err);
        CHECK_OK(sotto_gguf_write(w, &(float){1}, sizeof(float), &err), err);
        CHECK_OK(sotto_gguf_commit(w, &err), err);
        CHECK_OK(sotto_checkpoint_open(&model.checkpoint, name, NULL, &err), err);
        if (!model.checkpoint) continue;
        if (with) check_defaults(sotto_sampling_default(&model), 1, 64, 0.95f, 1.05f);
        else check_defaults(sotto_sampling_default(&model), 0.7f, 40, 0.95f, 1);
        sotto_checkpoint_close(model.checkpoint);
    }
}

/* ---- log probabilities --------------------------------------------------------------------------------- */

TEST(logprobs_are_a_stable_log_softmax) {
    enum { N = 500, TOP = 20 };
    float    logits[N], logprob;
    uint64_t seed = 3;
    for (int round = 0; round < 3; round++) {
        float         shift = round == 0 ? 0.0f : round == 1 ? 1e4f : -1e4f; /* exp of these is out of range */
        sotto_logprob top[TOP];
        double        sum = 0;
        for (int i = 0; i < N; i++) logits[i] = shift + rintf(test_random_float(&seed) * 40) * 0.25f;
        for (int i = 0; i < N; i++) sum += exp((double)(logits[i] - shift));
        sotto_logprobs(logits, N, 7, &logprob, top, TOP);
        CHECK(fabs((double)logprob - ((double)(logits[7] - shift) - log(sum))) < 1e-5);
        for (int k = 0; k < TOP; k++) {
            int ahead = 0; /* tokens that come before: more likely, or as likely with a lower id */
            for (int i = 0; i < N; i++)
                ahead += logits[i] > logits[top[k].token] || (logits[i] == logits[top[k].token] && i < top[k].token);
            CHECK_INT(ahead, k);
            CHECK(fabs((double)top[k].logprob - ((double)(logits[top[k].token] - shift) - log(sum))) < 1e-5);
        }
    }
    sotto_logprobs(logits, N, 0, &logprob, NULL, 0);
    static const float one[1] = {5};
    sotto_logprob      only;
    sotto_logprobs(one, 1, 0, &logprob, &only, 1);
    CHECK(logprob == 0 && only.token == 0 && only.logprob == 0);
}

TEST_MAIN()
