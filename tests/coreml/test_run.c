/* Packages, run. What the engine computes from the same weights is the reference, for every family that can be
 * exported; and what numpy computed for a package that Apple's tools wrote.
 *
 * Bound. Rounding to fp16 is off by half of 2^-10 at the most, and by 2^-10 / sqrt(12) of a number's power of two on
 * the average: between 1.4e-4 and 2.8e-4 of the number, 2^-12 say. Errors of different results are independent; that of
 * each of a program's n rounded results reaches the logits about as large as it is, and such errors add up like roots:
 * e = 2^-12 sqrt(n) of the logits' root mean square is expected. Measured are 0.6 to 1.9 times that, for n from 104
 * to 655; 2.5 times are allowed for what the models' random weights enlarge. The greatest of some 10^4 independent
 * errors lies at 4.4 times their root mean square; here the errors of a token's logits come from one hidden state, and
 * tokens differ: at 5 to 11 times. 24 e is allowed. Where 4-bit kernels round activations to 8 bits, tests/golden
 * derives some 0.7 % for each product, and e has these instead: 7e-3 sqrt(products). */
#define _XOPEN_SOURCE 700
#include "coreml/run.h"
#include "format/parse.h"

#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"

enum { PROMPT = 13, STEPS = 32, TOKENS = PROMPT + STEPS, LONG = 2048, DEEP = LONG - 1 };
static const int32_t contexts[] = {32, 128, LONG};

/* ---- callers ------------------------------------------------------------------------------------------- */

typedef enum caller { TRIANGLE, ZEROS, SINGLE, CALLERS } caller;
static const char *const caller_names[] = {"triangle", "zeros", "one by one"};

/* One call of tokens[done..done + n), as this caller makes it: a mask -inf above the diagonal for the prompt; zeros,
 * one column too wide; or always one token. Logits of all n to out. */
static bool call(sotto_program *p, sotto_program_state *st, caller who, const int32_t *tokens, int32_t done, int32_t n,
                 float *out, int32_t n_vocab) {
    sotto_error err = {0};
    bool        triangle = who == TRIANGLE && n > 1;
    int32_t     end = done + n + (who == ZEROS), rows = triangle ? n : 1;
    float      *mask = calloc((size_t)rows * (size_t)end, sizeof *mask);
    if (!mask) return false;
    for (int32_t i = 0; triangle && i < n; i++)
        for (int32_t k = i + 1; k < n; k++) mask[i * end + k] = -INFINITY;
    sotto_array in[] = {{.name = "causalMask", .rank = 4, .shape = {1, 1, rows, end}, .data = mask},
                        {.name = "inputIds", .element = SOTTO_ELEMENT_I32, .rank = 2, .shape = {1, n},
                         .data = tokens + done}};
    sotto_array logits;
    CHECK_OK(sotto_program_predict(p, st, in, 2, &logits, 1, &err), err);
    free(mask);
    if (err.message[0]) return false;
    CHECK(logits.rank == 3 && logits.shape[1] == n && logits.shape[2] == n_vocab);
    memcpy(out + (size_t)done * (size_t)n_vocab, logits.data, (size_t)n * (size_t)n_vocab * sizeof *out);
    return true;
}

static bool run_caller(sotto_program *p, caller who, const int32_t *tokens, int32_t n, int32_t n_prompt, float *out,
                       int32_t n_vocab) {
    sotto_program_state *st;
    sotto_error          err = {0};
    int32_t              first = who == SINGLE ? 1 : n_prompt;
    CHECK_OK(sotto_program_state_open(&st, p, &err), err);
    bool fine = st && call(p, st, who, tokens, 0, first, out, n_vocab);
    for (int32_t i = first; fine && i < n; i++) fine = call(p, st, who, tokens, i, 1, out, n_vocab);
    sotto_program_state_close(st);
    return fine;
}

/* ---- the engine ---------------------------------------------------------------------------------------- */

static float *engine_logits(const char *path, const int32_t *tokens, int32_t n, int32_t *n_vocab) {
    sotto_model          *m = NULL;
    sotto_session        *s = NULL;
    sotto_error           err = {0};
    sotto_model_info      info;
    sotto_session_options o = {.cache_type = SOTTO_CACHE_F32, .context = LONG};
    float                *logits = NULL;
    CHECK_OK(sotto_model_open(&m, path, NULL, &err), err);
    if (m) CHECK_OK(sotto_session_open(&s, m, &o, &err), err);
    if (s) {
        sotto_model_get_info(m, &info);
        *n_vocab = info.n_vocab;
        logits = calloc((size_t)n * (size_t)info.n_vocab, sizeof *logits);
        CHECK_OK(sotto_session_append_logits(s, tokens, (size_t)n, logits, &err), err);
    }
    sotto_session_close(s);
    sotto_model_close(m);
    return logits;
}

/* What is expected of a program's logits, by the bound above. */
static double expected_error(const sotto_program *p, bool exact) {
    int32_t products = 0, rounded = 0;
    for (int32_t i = 0; i < p->n_steps; i++) {
        const sotto_mil_step *s = &p->steps[i];
        bool                  moves = false;
        for (const sotto_mil_kind *k = sotto_mil_move_kinds; k->type; k++) moves |= s->kind == k;
        if (moves || s->op->n_outputs != 1) continue;
        products += strcmp(s->kind->type, "linear") == 0;
        rounded += p->f->vars[s->op->outputs[0]].type.dtype == SOTTO_MIL_F16;
    }
    return exact ? ldexp(sqrt(rounded), -12) : 7e-3 * sqrt(products);
}

/* Root mean square and greatest of the differences, as shares of the root mean square of `want`. */
static void check_rows(const char *what, const float *got, const float *want, size_t n, double expected) {
    double greatest = 0, sum_diff = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - (double)want[i]);
        greatest = d > greatest || d != d ? d : greatest;
        sum_diff += d * d;
        sum += (double)want[i] * (double)want[i];
    }
    double rms = sqrt(sum_diff / sum), worst = greatest / sqrt(sum / (double)n);
    if (getenv("SOTTO_TEST_FIGURES"))
        printf("%s: rms %.1e, %.1f of what is expected; worst %.1e, %.0f\n", what, rms, rms / expected, worst,
               worst / expected);
    test_checks++;
    if (!(rms <= 2.5 * expected && worst <= 24 * expected))
        TEST_FAIL("%s: rms %.2e, worst %.2e, %.2e is expected", what, rms, worst, expected);
}

/* ---- exported packages --------------------------------------------------------------------------------- */

typedef struct reference {
    const char    *name;
    int32_t        bits, n_vocab;
    const int32_t *tokens;
    const float   *logits; /* the engine's */
    bool           deep;   /* of DEEP tokens, else of TOKENS */
} reference;

/* A caller's logits of a prompt and the steps after it. */
static void check_caller(sotto_program *p, const reference *r, caller who, int32_t n_prompt, int32_t n, bool exact,
                         const char *where) {
    char   what[128];
    float *got = calloc((size_t)n * (size_t)r->n_vocab, sizeof *got);
    (void)snprintf(what, sizeof what, "%s, %d bits%s, %s, %s", r->name, (int)r->bits, exact ? "" : " in kernels", where,
                   caller_names[who]);
    if (got && run_caller(p, who, r->tokens, n, n_prompt, got, r->n_vocab))
        check_rows(what, got, r->logits, (size_t)n * (size_t)r->n_vocab, expected_error(p, exact));
    free(got);
}

static void check_package(const reference *r, const char *source, int32_t context) {
    const char          *path = in_folder("model.mlpackage");
    sotto_export_options o = {.bits = r->bits, .context = context};
    int32_t              n = SOTTO_MIN(context - 1, (int32_t)TOKENS);
    sotto_error          err = {0};
    char                 where[32];
    (void)snprintf(where, sizeof where, "context %d", (int)context);
    CHECK_OK(sotto_export(source, path, &o, &err), err);
    for (int exact = 1; exact >= (r->bits == 16); exact--) {
        sotto_program *p;
        CHECK_OK(sotto_program_open(&p, path, &(sotto_program_options){.threads = 1, .exact = exact != 0}, &err), err);
        for (int who = 0; p && who < (exact ? CALLERS : 1); who++)
            check_caller(p, r, (caller)who, PROMPT, n, exact != 0, where);
        if (p && r->deep && context == LONG) check_caller(p, r, TRIANGLE, DEEP - STEPS, DEEP, true, "a full context");
        sotto_program_close(p);
    }
}

static void check_source(reference r, const char *compared, const char *source) {
    float *logits = engine_logits(compared, r.tokens, r.deep ? DEEP : TOKENS, &r.n_vocab);
    r.logits = logits;
    for (size_t i = 0; logits && i < SOTTO_COUNT(contexts); i++)
        if (!TEST_SLOW || r.deep || contexts[i] < LONG) check_package(&r, source, contexts[i]);
    free(logits);
}

/* The tiny models say that they can hold 256 tokens, which nothing in them depends on: a copy that says LONG. */
static void make_long(const char *name, const char *path) {
    static const char *const files[] = {"model.safetensors", "tokenizer.json", "tokenizer.model",
                                        "tokenizer_config.json"};
    sotto_error err = {0};
    char        from[256], to[512], whole[4096];
    json_t     *config = NULL;
    (void)snprintf(from, sizeof from, "golden/%s", name);
    (void)mkdir(path, 0700);
    CHECK_OK(sotto_json_load(&config, from, "config.json", true, &err), err);
    CHECK(json_object_set_new(config, "max_position_embeddings", json_integer(LONG)) == 0);
    (void)snprintf(to, sizeof to, "%s/config.json", path);
    CHECK(json_dump_file(config, to, 0) == 0);
    json_decref(config);
    for (size_t i = 0; i < SOTTO_COUNT(files); i++) {
        (void)snprintf(from, sizeof from, "golden/%s/%s", name, files[i]);
        (void)snprintf(to, sizeof to, "%s/%s", path, files[i]);
        if (realpath(from, whole)) CHECK(symlink(whole, to) == 0);
    }
}

static void check_family(const char *name, bool deep) {
    int32_t               tokens[DEEP];
    uint64_t              seed = 7;
    sotto_error           err = {0};
    sotto_convert_options q4 = {.type = "q4_0", .head = "q4_0"}, f32 = {.type = "f32"};
    const char           *model = in_folder(name), *q4_path = in_folder("q4.gguf"), *f32_path = in_folder("f32.gguf");
    for (int i = 0; i < DEEP; i++) tokens[i] = 3 + (int32_t)(sotto_splitmix64(&seed) % 90);
    make_long(name, model);
    check_source((reference){.name = name, .bits = 16, .tokens = tokens, .deep = deep}, model, model);
    (void)unlink(q4_path), (void)unlink(f32_path);
    if (sotto_convert(model, q4_path, &q4, &err) != SOTTO_OK) { /* rows that are no whole blocks */
        for (size_t i = 0; i < SOTTO_COUNT(contexts); i++) {
            sotto_export_options o = {.bits = 4, .context = contexts[i]};
            CHECK_OK(sotto_export(model, in_folder("model.mlpackage"), &o, &err), err);
        }
        return;
    }
    CHECK_OK(sotto_convert(q4_path, f32_path, &f32, &err), err);
    check_source((reference){.name = name, .bits = 4, .tokens = tokens}, f32_path, q4_path);
}

TEST(gemma_packages) {
    check_family("gemma1", false);
    check_family("gemma2", false);
    check_family("gemma3", true);
}
TEST(llama_packages) {
    check_family("llama2", false);
    check_family("llama3", true);
    check_family("llama3-untied", false);
    check_family("mistral", false);
    check_family("smollm2", false);
    check_family("smollm3", false);
}
TEST(qwen_packages) {
    check_family("qwen2", false);
    check_family("qwen3", false);
}

/* Written by coremltools' own builder, its logits by numpy: tools/coreml/make_toy.py. */
TEST(a_package_of_apple_s_tools_runs) {
    sotto_file        file = {0};
    sotto_tensor_list list = {0};
    sotto_program    *p = NULL;
    sotto_error       err = {0};
    CHECK_OK(sotto_file_open(&file, "coreml/toy.safetensors", true, &err), err);
    CHECK_OK(sotto_safetensors_parse(&list, file.data, file.size, 0, &err), err);
    int32_t tokens = sotto_map_get(&list.names, sotto_str_from("tokens"));
    int32_t logits = sotto_map_get(&list.names, sotto_str_from("logits"));
    CHECK_OK(sotto_program_open(&p, "coreml/toy.mlpackage", &(sotto_program_options){.exact = true}, &err), err);
    if (p && tokens >= 0 && logits >= 0) {
        float got[5 * 64];
        if (run_caller(p, TRIANGLE, list.items[tokens].data, 5, 4, got, 64))
            check_rows("toy", got, list.items[logits].data, 5 * 64, expected_error(p, true));
    }
    sotto_program_close(p);
    sotto_tensor_list_free(&list);
    sotto_file_close(&file);
}

/* ---- strangers ----------------------------------------------------------------------------------------- */

#define T(type, ...)                                                                                         \
    (sotto_mil_type) {                                                                                       \
        .dtype = SOTTO_MIL_##type, .rank = sizeof((int64_t[]){__VA_ARGS__}) / 8, .dim = { __VA_ARGS__ }      \
    }

/* x [1, 1..4] of fp16 and a state of [4, 4], for a test to add operations to. */
typedef struct toy {
    sotto_mil_program   program;
    sotto_mil_function *f;
    int32_t             x, state;
} toy;

static void toy_begin(toy *t) {
    sotto_mil_feature x = {.name = "x", .type = T(F16, 1, 1), .lower = {1, 1}, .upper = {1, 4}};
    *t = (toy){0};
    t->f = sotto_mil_begin(&t->program, 9, "CoreML8");
    t->x = sotto_mil_add_input(t->f, &x);
    t->state = sotto_mil_add_state(t->f, "cache", T(F16, 4, 4));
}

static int32_t ints(toy *t, const int32_t *values, int64_t n) {
    return sotto_mil_add_const(t->f, NULL, &(sotto_mil_value){.type = T(I32, n), .data = values,
                                                              .n_bytes = (size_t)n * sizeof *values});
}
#define INTS(t, ...) ints(t, (const int32_t[]){__VA_ARGS__}, sizeof((const int32_t[]){__VA_ARGS__}) / 4)
#define OP(t, type, out, ...)                                                                                \
    sotto_mil_add_op((t)->f, type, NULL, &(sotto_mil_type[]){out}[0], (const sotto_mil_in[]){__VA_ARGS__},   \
                     sizeof((const sotto_mil_in[]){__VA_ARGS__}) / sizeof(sotto_mil_in))

/* Prepare it, call it with x = 1, 2, 3, and say how far it came. `got`: what the output begins with. */
static sotto_status toy_run(toy *t, int32_t out, const char *why, float *got) {
    static const float   x[] = {1, 2, 3};
    sotto_program       *p = NULL;
    sotto_program_state *st = NULL;
    sotto_error          err = {0};
    sotto_array          in = {.name = "x", .rank = 2, .shape = {1, 3}, .data = x}, y;
    sotto_mil_add_output(t->f, out);
    const sotto_program_options options = {.threads = 1, .memory_limit = 1 << 20};
    sotto_status status = sotto_program_prepare(&p, &t->program, 0, &options, &err);
    if (status == SOTTO_OK) status = sotto_program_state_open(&st, p, &err);
    if (status == SOTTO_OK) status = sotto_program_predict(p, st, &in, 1, &y, 1, &err);
    if (status == SOTTO_OK && got) *got = *(const float *)y.data;
    CHECK(why ? status != SOTTO_OK && strstr(err.message, why) != NULL : status == SOTTO_OK);
    if ((status != SOTTO_OK) != (why != NULL) || (why && !strstr(err.message, why)))
        printf("    \"%s\"\n", err.message);
    sotto_program_state_close(st);
    sotto_program_close(p);
    sotto_mil_program_free(&t->program);
    return status;
}

TEST(what_cannot_be_run_is_named_when_it_is_opened) {
    toy t;
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "teleport", T(F16, 1, -1), {"x", .var = t.x}), "\"teleport\"", NULL);
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "add", T(F16, 1, -1), {"x", .var = t.x}), "parameter y is missing", NULL);
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "abs", T(F16, 1, -1), {"x", .var = t.x}, {"z", .var = t.x}), "not known", NULL);
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "abs", T(F16, 4, 4), {"x", .var = t.state}), "is a state", NULL);
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "read_state", T(F16, 4, 4), {"input", .var = t.x}), "is no state", NULL);
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "linear", T(F16, 1, 4), {"x", .var = t.x}, {"weight", .var = t.x}),
                  "constant matrix", NULL);
    toy_begin(&t);
    (void)toy_run(&t, t.x, "no operation computes", NULL);
    toy_begin(&t);
    sotto_mil_value codes = {.type = T(I4, 4, 32), .data = (uint8_t[64]){0}, .n_bytes = 64};
    sotto_mil_value scale = {.type = T(F16, 4, 3), .data = (uint8_t[24]){0}, .n_bytes = 24};
    int32_t w = OP(&t, "constexpr_blockwise_shift_scale", T(F16, 4, 32), {"data", .value = &codes},
                   {"scale", .value = &scale});
    (void)toy_run(&t, OP(&t, "linear", T(F16, 1, 4), {"x", .var = t.x}, {"weight", .var = w}), "do not divide", NULL);
    toy_begin(&t);
    w = OP(&t, "constexpr_sparse_to_dense", T(F16, 4, 32), {"data", .value = &codes}, {"scale", .value = &scale});
    (void)toy_run(&t, OP(&t, "abs", T(F16, 4, 32), {"x", .var = w}), "not supported", NULL);
}

/* A palette of this many entries of `vector` numbers for 2-bit indices of [2, 4]. */
static void run_palette(int64_t entries, int64_t vector, int32_t axis, int64_t rows, int64_t cols, const char *why) {
    static const uint8_t  zeros[256];
    const sotto_mil_value indices = {.type = T(U2, 2, 4), .data = zeros, .n_bytes = 2};
    const sotto_mil_value lut = {.type = T(F16, 1, 2, entries, vector), .data = zeros,
                                 .n_bytes = (size_t)(4 * entries * vector)};
    const sotto_mil_value at = {.type = T(I32, 1), .data = &axis, .n_bytes = sizeof axis};
    toy                   t;
    toy_begin(&t);
    int32_t w = OP(&t, "constexpr_lut_to_dense", T(F16, rows, cols), {"indices", .value = &indices},
                   {"lut", .value = &lut}, {"vector_axis", .value = &at});
    (void)toy_run(&t, OP(&t, "abs", T(F16, rows, cols), {"x", .var = w}), why, NULL);
}

TEST(palettes_are_checked) {
    run_palette(4, 1, 0, 2, 4, NULL);
    run_palette(4, 3, 1, 2, 12, NULL);
    run_palette(4, 3, -2, 6, 4, NULL);
    run_palette(3, 1, 0, 2, 4, "too few entries");
    run_palette(4, 3, 2, 6, 4, "vector_axis");
    run_palette(4, 3, -3, 6, 4, "vector_axis");
    run_palette(4, 3, 1, 6, 4, "declared shape");
}

/* A constant of 512 KiB as floats, again and again. */
TEST(constants_cannot_multiply_a_package) {
    static uint16_t       half[131072];
    const sotto_mil_value v = {.type = T(F16, 131072), .data = half, .n_bytes = sizeof half};
    toy                   t;
    toy_begin(&t);
    int32_t sum = t.x;
    for (int i = 0; i < 3; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "c%d", i);
        sum = OP(&t, "add", T(F16, 1, -1), {"x", .var = sum}, {"y", .var = sotto_mil_add_const(t.f, name, &v)});
    }
    (void)toy_run(&t, sum, "several times as large", NULL);
}

TEST(shapes_that_do_not_fit_are_refused) {
    toy t;
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "abs", T(F16, 1, 7), {"x", .var = t.x}), "declares fp16[1, 7], but its inputs give", NULL);
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "reshape", T(F16, 2, -1), {"x", .var = t.x}, {"shape", .var = INTS(&t, 2, -1)}),
                  "numbers of elements", NULL);
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "reshape", T(F16, -1), {"x", .var = t.x}, {"shape", .var = INTS(&t, -5)}),
                  "impossible", NULL);
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "transpose", T(F16, -1, 1), {"x", .var = t.x}, {"perm", .var = INTS(&t, 1, 1)}),
                  "order", NULL);
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "expand_dims", T(F16, 1, 1, -1), {"x", .var = t.x}, {"axes", .var = INTS(&t, 9)}),
                  "axes", NULL);
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "tile", T(F16, -1, -1), {"x", .var = t.x},
                         {"reps", .var = INTS(&t, 2000000000, 2000000000)}),
                  "too large", NULL);
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "tile", T(F16, -1, -1), {"x", .var = t.x}, {"reps", .var = INTS(&t, 1000, 1000)}),
                  "1 MiB", NULL);
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "slice_by_index", T(F16, 1, -1), {"x", .var = t.x}, {"begin", .var = INTS(&t, 0, 2)},
                         {"end", .var = INTS(&t, 1, 9)}), "outside", NULL);
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "gather", T(F16, 1, -1), {"x", .var = t.x}, {"indices", .var = INTS(&t, 5)},
                         {"axis", .var = INTS(&t, 1)}), "index 5", NULL);
    toy_begin(&t);
    (void)toy_run(&t, OP(&t, "scaled_dot_product_attention", T(F16, 1, -1), {"query", .var = t.x}, {"key", .var = t.x},
                         {"value", .var = t.x}), "not of one kind", NULL);
    toy_begin(&t);
    int32_t zero = INTS(&t, 0);
    (void)toy_run(&t, OP(&t, "range_1d", T(I32, -1), {"end", .var = INTS(&t, 9)}, {"start", .var = zero},
                         {"step", .var = zero}), "without end", NULL);
}

/* What was read from a state stays as it was when the state is written later. */
TEST(a_state_that_was_read_keeps_its_values) {
    toy     t;
    float   got = -1;
    uint16_t one = 0x3c00;
    toy_begin(&t);
    int32_t before = OP(&t, "read_state", T(F16, 4, 4), {"input", .var = t.state});
    int32_t base = OP(&t, "read_state", T(F16, 4, 4), {"input", .var = t.state});
    int32_t c = sotto_mil_add_const(t.f, NULL, &(sotto_mil_value){.type = T(F16, 1, 1), .data = &one, .n_bytes = 2});
    int32_t new = OP(&t, "slice_update", T(F16, 4, 4), {"x", .var = base}, {"update", .var = c},
                     {"begin", .var = INTS(&t, 0, 0)}, {"end", .var = INTS(&t, 1, 1)});
    (void)sotto_mil_add_op(t.f, "write_state", NULL, NULL,
                           (const sotto_mil_in[]){{"input", .var = t.state}, {"data", .var = new}}, 2);
    int32_t after = OP(&t, "read_state", T(F16, 4, 4), {"input", .var = t.state});
    int32_t twice = OP(&t, "add", T(F16, 4, 4), {"x", .var = after}, {"y", .var = after});
    int32_t less = OP(&t, "sub", T(F16, 4, 4), {"x", .var = twice}, {"y", .var = before});
    CHECK_INT(toy_run(&t, less, NULL, &got), SOTTO_OK);
    CHECK(got == 2);
}

TEST(calls_are_checked) {
    toy                  t;
    sotto_program       *p = NULL;
    sotto_program_state *st = NULL;
    sotto_error          err = {0};
    static const float   x[8] = {0};
    sotto_array          y;
    toy_begin(&t);
    sotto_mil_add_output(t.f, OP(&t, "abs", T(F16, 1, -1), {"x", .var = t.x}));
    CHECK_OK(sotto_program_prepare(&p, &t.program, 0, NULL, &err), err);
    CHECK_OK(sotto_program_state_open(&st, p, &err), err);
    sotto_array in = {.name = "x", .rank = 2, .shape = {1, 5}, .data = x};
    CHECK_INT(sotto_program_predict(p, st, &in, 1, &y, 1, &err), SOTTO_INVALID);
    in.shape[1] = INT64_MAX;
    CHECK_INT(sotto_program_predict(p, st, &in, 1, &y, 1, &err), SOTTO_INVALID);
    in.shape[1] = 4, in.rank = 1;
    CHECK_INT(sotto_program_predict(p, st, &in, 1, &y, 1, &err), SOTTO_INVALID);
    in.rank = 2, in.name = "z";
    CHECK_INT(sotto_program_predict(p, st, &in, 1, &y, 1, &err), SOTTO_INVALID);
    in.name = "x";
    CHECK_INT(sotto_program_predict(p, st, &in, 0, &y, 1, &err), SOTTO_INVALID);
    CHECK_OK(sotto_program_predict(p, st, &in, 1, &y, 1, &err), err);
    CHECK(y.rank == 2 && y.shape[1] == 4);
    const float *rows;
    int32_t      n_rows, n_vocab;
    CHECK_INT(sotto_program_feed(p, st, (const int32_t[]){1}, 1, 0, &rows, &n_rows, &n_vocab, &err), SOTTO_UNSUPPORTED);
    sotto_program_state_close(st);
    sotto_program_close(p);
    sotto_mil_program_free(&t.program);
}

TEST_MAIN_IN_FOLDER()
