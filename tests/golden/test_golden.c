/* Golden models: tiny random-weight checkpoints of every family, with the logits that Hugging Face's transformers
 * computes for them in float32 (tools/golden/ writes both).
 *
 * Bounds. Float: 1e-4 of the row's largest logit, at every stored position. A converted file is held to the same
 * bound after its weights are turned back into f32, where the reference ran on the dequantised weights too: that
 * proves every code and scale. Run directly, a quantised file also rounds activations to 8 bits in blocks of 32: with
 * |x| up to k sigma in a block the relative error of a product is about k/(127 sqrt(12)), some 0.7 % for k = 3, and
 * the layers add their shares like independent errors: 5 % root-mean-square is allowed for the whole. */
#define _XOPEN_SOURCE 700
#include "test.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sotto/sotto.h>

#include "format/parse.h"

enum { NAMES_MAX = 64, BATCH = 16 };

static char  names[NAMES_MAX][64];
static int   n_names;
static char  scratch[] = "/tmp/sotto-golden-XXXXXX";

/* The reference of one model. */
typedef struct expected {
    sotto_file        file;
    sotto_tensor_list list;
    const int32_t    *tokens, *positions, *greedy;
    int32_t           n_tokens, n_positions, n_greedy, n_vocab;
    const float      *logits; /* [n_positions, n_vocab] */
} expected;

static const sotto_tensor *find(const expected *e, const char *name) {
    int32_t i = sotto_map_get(&e->list.names, sotto_str_from(name));
    return i < 0 ? NULL : &e->list.items[i];
}

static bool expected_open(expected *e, const char *name) {
    char        path[256];
    sotto_error err = {0};
    *e = (expected){0};
    snprintf(path, sizeof path, "golden/%.63s/expected.safetensors", name);
    if (sotto_file_open(&e->file, path, true, &err) ||
        sotto_safetensors_parse(&e->list, e->file.data, e->file.size, 0, &err)) {
        TEST_FAIL("%s: %s", path, err.message);
        return false;
    }
    const sotto_tensor *tokens = find(e, "tokens"), *positions = find(e, "positions"), *greedy = find(e, "greedy"),
                       *logits = find(e, "logits");
    if (!tokens || !greedy || !logits) {
        TEST_FAIL("%s: tensors are missing", path);
        return false;
    }
    e->tokens = tokens->data, e->n_tokens = (int32_t)tokens->dim[0];
    e->greedy = greedy->data, e->n_greedy = (int32_t)greedy->dim[0];
    e->logits = logits->data, e->n_vocab = (int32_t)logits->dim[0], e->n_positions = (int32_t)logits->dim[1];
    if (positions) e->positions = positions->data;
    return true;
}

static void expected_close(expected *e) {
    sotto_tensor_list_free(&e->list);
    sotto_file_close(&e->file);
}

/* ---- comparing ----------------------------------------------------------------------------------------- */

/* Largest difference over the largest reference value, and root mean square of the one over that of the other. */
static void compare(const float *got, const float *want, int32_t n, double *worst, double *rms) {
    double top = 0, diff = 0, sum_diff = 0, sum = 0;
    for (int32_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - (double)want[i]), w = fabs((double)want[i]);
        diff = d > diff || d != d ? d : diff;
        top = w > top ? w : top;
        sum_diff += d * d;
        sum += w * w;
    }
    *worst = diff / top;
    *rms = sqrt(sum_diff / sum);
}

typedef struct run {
    sotto_model   *model;
    sotto_session *session;
    float         *logits; /* [n_tokens, n_vocab] */
} run;

static bool run_open(run *r, const char *path, int32_t threads, const char *cpu, sotto_cache_type cache) {
    sotto_error           err = {0};
    sotto_model_options   mo = {.threads = threads, .cpu = cpu};
    sotto_session_options so = {.batch = BATCH, .cache_type = cache, .context = 128};
    *r = (run){0};
    if (sotto_model_open(&r->model, path, &mo, &err) || sotto_session_open(&r->session, r->model, &so, &err)) {
        TEST_FAIL("%s: %s", path, err.message);
        return false;
    }
    return true;
}

static void run_close(run *r) {
    sotto_session_close(r->session);
    sotto_model_close(r->model);
    free(r->logits);
}

/* All logits of a prompt, `step` tokens per call. */
static bool run_prompt(run *r, const int32_t *tokens, int32_t n, int32_t step) {
    sotto_error      err = {0};
    sotto_model_info info;
    sotto_model_get_info(r->model, &info);
    free(r->logits);
    r->logits = calloc((size_t)n * (size_t)info.n_vocab, sizeof(float));
    CHECK_OK(sotto_session_rewind(r->session, 0, &err), err);
    for (int32_t i = 0; i < n; i += step)
        if (sotto_session_append_logits(r->session, tokens + i, (size_t)SOTTO_MIN(step, n - i),
                                        r->logits + (size_t)i * (size_t)info.n_vocab, &err)) {
            TEST_FAIL("%s", err.message);
            return false;
        }
    return true;
}

static void check_rows(const char *what, const char *name, const run *r, const float *want, const int32_t *positions,
                       int32_t first, int32_t n, int32_t n_vocab, double worst_max, double rms_max) {
    double worst_all = 0, rms_all = 0;
    for (int32_t i = 0; i < n; i++) {
        double  worst, rms;
        int32_t at = positions ? positions[i] : first + i;
        compare(r->logits + (size_t)at * (size_t)n_vocab, want + (size_t)i * (size_t)n_vocab, n_vocab, &worst, &rms);
        worst_all = worst > worst_all || worst != worst ? worst : worst_all;
        rms_all += rms * rms / n;
    }
    rms_all = sqrt(rms_all);
    test_checks++;
    if (!(worst_all <= worst_max) || !(rms_all <= rms_max))
        TEST_FAIL("%s, %s: largest error %.3g (allowed %.3g), rms %.3g (allowed %.3g)", name, what, worst_all,
                  worst_max, rms_all, rms_max);
    if (getenv("GOLDEN_VERBOSE")) printf("  %-14s %-22s worst %.2e rms %.2e\n", name, what, worst_all, rms_all);
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static void each_model(void (*fn)(const char *name, const char *path, const expected *e)) {
    CHECK(n_names >= 16);
    for (int i = 0; i < n_names; i++) {
        expected e;
        char     path[256];
        snprintf(path, sizeof path, "golden/%.63s", names[i]);
        if (expected_open(&e, names[i])) fn(names[i], path, &e);
        expected_close(&e);
    }
}

static void check_prefill_and_steps(const char *name, const char *path, const expected *e) {
    run r;
    if (run_open(&r, path, 2, NULL, SOTTO_CACHE_F32) && run_prompt(&r, e->tokens, e->n_tokens, e->n_tokens)) {
        check_rows("prefill", name, &r, e->logits, e->positions, 0, e->n_positions, e->n_vocab, 1e-4, 1e-4);
        if (run_prompt(&r, e->tokens, e->n_tokens, 1))
            check_rows("one by one", name, &r, e->logits, e->positions, 0, e->n_positions, e->n_vocab, 1e-4, 1e-4);
    }
    run_close(&r);
}
TEST(logits_agree_at_every_position) { each_model(check_prefill_and_steps); }

static void check_ref(const char *name, const char *path, const expected *e) {
    run r;
    if (run_open(&r, path, 1, "ref", SOTTO_CACHE_F32) && run_prompt(&r, e->tokens, e->n_tokens, 7))
        check_rows("reference kernels", name, &r, e->logits, e->positions, 0, e->n_positions, e->n_vocab, 1e-4, 1e-4);
    run_close(&r);
}
TEST(logits_agree_with_the_reference_kernels) { each_model(check_ref); }

static void check_greedy(const char *name, const char *path, const expected *e) {
    run         r;
    sotto_error err = {0};
    if (run_open(&r, path, 2, NULL, SOTTO_CACHE_F32)) {
        sotto_sampling         greedy = sotto_sampling_default(r.model);
        sotto_generate_options o = sotto_generate_options_default();
        sotto_generator       *g = NULL;
        sotto_piece            piece = {0};
        sotto_generation       result;
        greedy.temperature = 0, greedy.repetition_penalty = 1;
        o.sampling = &greedy, o.max_tokens = e->n_greedy, o.ignore_end = true;
        CHECK_OK(sotto_session_sync(r.session, e->tokens, (size_t)e->n_tokens, &err), err);
        CHECK_OK(sotto_generator_open(&g, r.session, &o, &err), err);
        while (g && !piece.done && sotto_generator_next(g, &piece, &err) == SOTTO_OK) {}
        if (g) {
            sotto_generator_result(g, &result);
            CHECK_INT(result.n_tokens, e->n_greedy);
            int32_t same = 0;
            while (same < e->n_greedy && same < (int32_t)result.n_tokens &&
                   result.tokens[same] == e->greedy[same])
                same++;
            if (same != e->n_greedy) TEST_FAIL("%s: greedy tokens differ from number %d on", name, same);
        }
        sotto_generator_close(g);
    }
    run_close(&r);
}
TEST(greedy_continuations_are_the_same) { each_model(check_greedy); }

/* Convert, then run what was written: directly, and (quantised) after turning the codes back into f32. */
static void check_converted(const char *name, const char *path, const expected *e, const char *type, const char *head,
                            bool quantised) {
    char                  out[256], back[256], tensor[32], what[64];
    sotto_error           err = {0};
    sotto_convert_options o = {.type = type, .head = head}, f32 = {.type = "f32"};
    run                   r;
    snprintf(out, sizeof out, "%s/%s-%s.gguf", scratch, name, type);
    snprintf(back, sizeof back, "%s/%s-%s-f32.gguf", scratch, name, type);
    snprintf(tensor, sizeof tensor, "logits_%s", type);
    const sotto_tensor *want = find(e, tensor);
    CHECK_OK(sotto_convert(path, out, &o, &err), err);
    int32_t n = want ? (int32_t)want->dim[1] : e->n_positions;
    const float   *rows = want ? want->data : e->logits;
    const int32_t *positions = want ? NULL : e->positions;
    if (run_open(&r, out, 2, NULL, SOTTO_CACHE_F32) && run_prompt(&r, e->tokens, e->n_tokens, e->n_tokens)) {
        sotto_model_info info;
        sotto_model_get_info(r.model, &info);
        double rms = quantised ? 0.007 * sqrt(4.0 * info.n_layers + 1) * 3 : 1e-4;
        snprintf(what, sizeof what, "%s file", type);
        check_rows(what, name, &r, rows, positions, e->n_tokens - n, n, e->n_vocab, quantised ? 1 : 1e-4, rms);
    }
    run_close(&r);
    CHECK_OK(sotto_convert(out, back, &f32, &err), err);
    if (run_open(&r, back, 2, NULL, SOTTO_CACHE_F32) && run_prompt(&r, e->tokens, e->n_tokens, e->n_tokens)) {
        snprintf(what, sizeof what, "%s codes in f32", type);
        check_rows(what, name, &r, rows, positions, e->n_tokens - n, n, e->n_vocab, 1e-4, 1e-4);
    }
    run_close(&r);
    unlink(out);
    unlink(back);
}

static void check_conversions(const char *name, const char *path, const expected *e) {
    check_converted(name, path, e, "f32", NULL, false);
    check_converted(name, path, e, "f16", NULL, false);
    check_converted(name, path, e, "q8_0", NULL, true);
    check_converted(name, path, e, "q4_0", "q8_0", true);
}
TEST(converted_files_agree) { each_model(check_conversions); }

/* ---- pairs that must agree bit for bit ----------------------------------------------------------------- */

static void same_bits(const char *what, const char *name, const run *a, const run *b, size_t n) {
    test_checks++;
    if (memcmp(a->logits, b->logits, n * sizeof(float)) != 0) TEST_FAIL("%s: %s differ", name, what);
}

static void check_pairs(const char *name, const char *path, const expected *e) {
    char                  q4[256];
    sotto_error           err = {0};
    sotto_convert_options o = {.type = "q4_0"};
    snprintf(q4, sizeof q4, "%s/%s-pairs.gguf", scratch, name);
    CHECK_OK(sotto_convert(path, q4, &o, &err), err);
    size_t n = (size_t)e->n_tokens * (size_t)e->n_vocab;
    for (int quantised = 0; quantised < 2; quantised++) {
        const char *file = quantised ? q4 : path;
        run         a, b;
        if (run_open(&a, file, 1, NULL, SOTTO_CACHE_F16) && run_open(&b, file, 3, NULL, SOTTO_CACHE_F16) &&
            run_prompt(&a, e->tokens, e->n_tokens, e->n_tokens) &&
            run_prompt(&b, e->tokens, e->n_tokens, e->n_tokens)) {
            same_bits("1 and 3 threads", name, &a, &b, n);
            run_prompt(&b, e->tokens, e->n_tokens, 1);
            same_bits("batch and one by one", name, &a, &b, n);
            run_prompt(&b, e->tokens, e->n_tokens, 5);
            same_bits("batches of 16 and of 5", name, &a, &b, n);
        }
        run_close(&a);
        run_close(&b);
    }
    unlink(q4);
}
TEST(batch_threads_and_steps_agree_bit_for_bit) { each_model(check_pairs); }

/* Logits after a sync, copied. */
static float *synced(sotto_session *s, const int32_t *tokens, size_t n, int32_t n_vocab) {
    sotto_error err = {0};
    CHECK_OK(sotto_session_sync(s, tokens, n, &err), err);
    float       *copy = calloc((size_t)n_vocab, sizeof *copy);
    const float *now = sotto_session_logits(s);
    CHECK(now != NULL);
    if (now) memcpy(copy, now, (size_t)n_vocab * sizeof *copy);
    return copy;
}

static void check_reuse(const char *name, const char *path, const expected *e) {
    static const sotto_cache_type caches[] = {SOTTO_CACHE_F16, SOTTO_CACHE_F32};
    int32_t n = e->n_tokens, edited[256];
    size_t  kept, computed, bytes = (size_t)e->n_vocab * sizeof(float);
    for (size_t c = 0; c < SOTTO_COUNT(caches); c++) {
        run fresh, used;
        if (run_open(&fresh, path, 1, NULL, caches[c]) && run_open(&used, path, 2, NULL, caches[c])) {
            memcpy(edited, e->tokens, (size_t)n * sizeof *edited);
            edited[n - 5] = (edited[n - 5] + 1) % e->n_vocab;
            free(synced(used.session, e->tokens, (size_t)n - 10, e->n_vocab));
            free(synced(used.session, e->tokens, (size_t)n, e->n_vocab));
            float *a = synced(used.session, edited, (size_t)n, e->n_vocab);
            sotto_session_last_sync(used.session, &kept, &computed);
            CHECK_INT(kept, n - 5); /* the edited turn does not recompute what is before it */
            CHECK_INT(computed, 5);
            float *b = synced(fresh.session, edited, (size_t)n, e->n_vocab);
            test_checks++;
            if (memcmp(a, b, bytes) != 0) TEST_FAIL("%s: reused prefix and fresh session differ", name);
            free(a);
            a = synced(used.session, e->tokens, 3, e->n_vocab); /* far back: window layers must start anew */
            free(b);
            b = synced(fresh.session, e->tokens, 3, e->n_vocab);
            CHECK(memcmp(a, b, bytes) == 0);
            free(a);
            free(b);
        }
        run_close(&fresh);
        run_close(&used);
    }
}
TEST(reused_prefix_and_fresh_session_agree_bit_for_bit) { each_model(check_reuse); }

static void check_restore(const char *name, const char *path, const expected *e) {
    static const sotto_cache_type caches[] = {SOTTO_CACHE_F16, SOTTO_CACHE_F32};
    char        file[256];
    sotto_error err = {0};
    size_t      bytes = (size_t)e->n_vocab * sizeof(float), half = (size_t)e->n_tokens / 2, n;
    snprintf(file, sizeof file, "%s/%s.session", scratch, name);
    for (size_t c = 0; c < SOTTO_COUNT(caches); c++) {
        run a, b;
        if (run_open(&a, path, 1, NULL, caches[c]) && run_open(&b, path, 1, NULL, caches[c])) {
            free(synced(a.session, e->tokens, half, e->n_vocab));
            CHECK_OK(sotto_session_save(a.session, file, &err), err);
            CHECK_OK(sotto_session_restore(b.session, file, &err), err);
            (void)sotto_session_tokens(b.session, &n);
            CHECK_INT(n, half);
            CHECK(sotto_session_logits(b.session) &&
                  memcmp(sotto_session_logits(a.session), sotto_session_logits(b.session), bytes) == 0);
            float *x = synced(a.session, e->tokens, (size_t)e->n_tokens, e->n_vocab);
            float *y = synced(b.session, e->tokens, (size_t)e->n_tokens, e->n_vocab);
            test_checks++;
            if (memcmp(x, y, bytes) != 0) TEST_FAIL("%s: restored and continued session differ", name);
            free(x);
            free(y);
        }
        run_close(&a);
        run_close(&b);
    }
    unlink(file);
}
TEST(restored_and_continued_session_agree_bit_for_bit) { each_model(check_restore); }

static void check_no_map(const char *name, const char *path, const expected *e) {
    run a, b = {0};
    sotto_error           err = {0};
    sotto_model_options   mo = {.threads = 1, .no_map = true};
    sotto_session_options so = {.batch = BATCH, .cache_type = SOTTO_CACHE_F16, .context = 128};
    if (run_open(&a, path, 1, NULL, SOTTO_CACHE_F16)) {
        CHECK_OK(sotto_model_open(&b.model, path, &mo, &err), err);
        CHECK_OK(sotto_session_open(&b.session, b.model, &so, &err), err);
        if (run_prompt(&a, e->tokens, e->n_tokens, BATCH) && run_prompt(&b, e->tokens, e->n_tokens, BATCH))
            same_bits("mapped and read files", name, &a, &b, (size_t)e->n_tokens * (size_t)e->n_vocab);
    }
    run_close(&a);
    run_close(&b);
}
TEST(mapped_and_read_files_agree_bit_for_bit) { each_model(check_no_map); }

/* Sliding: what stays is not recomputed and generation goes on; in layers without a window a dropped prefix leaves keys
 * that were rotated back, so a session whose dropped tokens were never attended to (one token kept, nothing else) is
 * the check that rotation is right: drop everything before the last tokens and compare scores, not bits. */
static void check_drop(const char *name, const char *path, const expected *e) {
    run         r;
    sotto_error err = {0};
    size_t      n;
    if (run_open(&r, path, 1, NULL, SOTTO_CACHE_F32)) {
        free(synced(r.session, e->tokens, (size_t)e->n_tokens, e->n_vocab));
        CHECK_OK(sotto_session_drop(r.session, 4, 12, &err), err);
        const int32_t *now = sotto_session_tokens(r.session, &n);
        CHECK_INT(n, e->n_tokens - 8);
        CHECK(memcmp(now, e->tokens, 4 * sizeof *now) == 0 &&
              memcmp(now + 4, e->tokens + 12, (n - 4) * sizeof *now) == 0);
        CHECK_OK(sotto_session_append(r.session, e->greedy, 4, &err), err);
        const float *logits = sotto_session_logits(r.session);
        for (int32_t i = 0; logits && i < e->n_vocab; i++)
            if (!isfinite(logits[i])) {
                TEST_FAIL("%s: a logit after sliding is not finite", name);
                break;
            }
        CHECK(sotto_session_drop(r.session, 10, 9, &err) == SOTTO_INVALID);
        CHECK(sotto_session_drop(r.session, 0, 1000, &err) == SOTTO_INVALID);
    }
    run_close(&r);
}
TEST(dropping_tokens_keeps_the_rest) { each_model(check_drop); }

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

int main(int argc, char **argv) {
    DIR *d = opendir("golden");
    if (!d || !mkdtemp(scratch)) return printf("golden models not found\n"), 1;
    for (struct dirent *f; (f = readdir(d)) && n_names < NAMES_MAX;) {
        char        path[512];
        struct stat st;
        snprintf(path, sizeof path, "golden/%s/expected.safetensors", f->d_name);
        if (f->d_name[0] != '.' && strlen(f->d_name) < sizeof names[0] && stat(path, &st) == 0)
            strcpy(names[n_names++], f->d_name);
    }
    closedir(d);
    qsort(names, (size_t)n_names, sizeof names[0], by_name);
    int result = test_main(argc, argv);
    rmdir(scratch);
    return result;
}
