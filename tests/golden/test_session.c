/* Sessions on real (tiny) models: what the public calls promise beyond the golden logits. */
#define _DEFAULT_SOURCE
#include "test.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/session.h"

#if defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static char scratch[] = "/tmp/sotto-session-XXXXXX";

typedef struct opened {
    sotto_model   *model;
    sotto_session *session;
} opened;

static bool open_with(opened *o, const char *path, int32_t context, sotto_cache_type cache, int32_t threads) {
    sotto_error           err = {0};
    sotto_model_options   mo = {.threads = threads};
    sotto_session_options so = {.context = context, .batch = 16, .cache_type = cache};
    *o = (opened){0};
    CHECK_OK(sotto_model_open(&o->model, path, &mo, &err), err);
    if (o->model) CHECK_OK(sotto_session_open(&o->session, o->model, &so, &err), err);
    return o->session != NULL;
}

static void close_all(opened *o) {
    sotto_session_close(o->session);
    sotto_model_close(o->model);
}

static void fill(int32_t *ids, int32_t n, int32_t n_vocab) {
    for (int32_t i = 0; i < n; i++) ids[i] = (i * 37 + 11) % (n_vocab - 10) + 8;
}

/* ---- q8_0 cache: heads of 64 --------------------------------------------------------------------------- */

static const char *synthetic(void) {
    static char path[64];
    sotto_error err = {0};
    snprintf(path, sizeof path, "%s/tiny.gguf", scratch);
    if (access(path, F_OK) != 0) CHECK_OK(sotto_synthetic_write("tiny", path, NULL, &err), err);
    return path;
}

/* An 8-bit block rounds keys and values by at most 1/254 of the block's largest: within 3 % of the f32 cache's logits
 * here (root mean square), and far from equal to them, or the option would not do anything. */
TEST(a_q8_0_cache_is_close_and_agrees_with_itself_bit_for_bit) {
    enum { N = 700 };
    static int32_t ids[N];
    const size_t   bytes = 2048 * sizeof(float);
    opened         exact, one, many;
    sotto_error    err = {0};
    fill(ids, N, 2048);
    if (open_with(&exact, synthetic(), 1024, SOTTO_CACHE_F32, 2) &&
        open_with(&one, synthetic(), 1024, SOTTO_CACHE_Q8_0, 1) &&
        open_with(&many, synthetic(), 1024, SOTTO_CACHE_Q8_0, 3)) {
        CHECK_OK(sotto_session_sync(exact.session, ids, N, &err), err);
        CHECK_OK(sotto_session_sync(many.session, ids, N, &err), err);
        for (int i = 0; i < N; i++) CHECK_OK(sotto_session_append(one.session, ids + i, 1, &err), err);
        const float *a = sotto_session_logits(exact.session), *b = sotto_session_logits(one.session),
                    *c = sotto_session_logits(many.session);
        double diff = 0, sum = 0;
        for (int i = 0; i < 2048; i++) {
            diff += (double)(a[i] - b[i]) * (double)(a[i] - b[i]);
            sum += (double)a[i] * (double)a[i];
        }
        CHECK(sqrt(diff / sum) < 0.03);
        CHECK(diff > 0);
        CHECK(memcmp(b, c, bytes) == 0); /* over two spans of keys: one by one, one thread = batches, three threads */
    }
    close_all(&exact);
    close_all(&one);
    close_all(&many);
}

TEST(heads_that_are_no_whole_blocks_refuse_a_q8_0_cache) {
    sotto_error           err = {0};
    sotto_model          *m = NULL;
    sotto_session        *s = NULL;
    sotto_session_options so = {.cache_type = SOTTO_CACHE_Q8_0};
    CHECK_OK(sotto_model_open(&m, "golden/llama3", NULL, &err), err);
    CHECK_INT(sotto_session_open(&s, m, &so, &err), SOTTO_INVALID);
    CHECK(strstr(err.message, "another cache type"));
    sotto_model_close(m);
}

/* ---- limits -------------------------------------------------------------------------------------------- */

TEST(too_long_a_prompt_names_both_counts) {
    int32_t     ids[64];
    opened      o;
    sotto_error err = {0};
    fill(ids, 64, 280);
    if (open_with(&o, "golden/llama3", 40, SOTTO_CACHE_F16, 1)) {
        CHECK_INT(sotto_session_sync(o.session, ids, 64, &err), SOTTO_CONTEXT_FULL);
        CHECK(strstr(err.message, "64") && strstr(err.message, "40"));
        CHECK_OK(sotto_session_sync(o.session, ids, 40, &err), err);
        CHECK_INT(sotto_session_append(o.session, ids, 1, &err), SOTTO_CONTEXT_FULL);
        ids[3] = 1 << 20;
        CHECK_INT(sotto_session_sync(o.session, ids, 10, &err), SOTTO_INVALID);
        ids[3] = -1;
        CHECK_INT(sotto_session_sync(o.session, ids, 10, &err), SOTTO_INVALID);
    }
    close_all(&o);
}

TEST(a_memory_limit_refuses_with_the_numbers) {
    sotto_error           err = {0};
    sotto_memory          m;
    sotto_session_options so = {.context = 256};
    CHECK_OK(sotto_memory_estimate("golden/gemma3", &so, &m, &err), err);
    CHECK(m.weights_bytes > 0 && m.cache_bytes > 0 && m.scratch_bytes > 0);
    CHECK_INT(m.total_bytes, m.weights_bytes + m.cache_bytes + m.scratch_bytes);
    so.memory_limit = m.total_bytes;
    CHECK_OK(sotto_memory_estimate("golden/gemma3", &so, &m, &err), err);
    so.memory_limit = m.total_bytes - 1;
    CHECK_INT(sotto_memory_estimate("golden/gemma3", &so, &m, &err), SOTTO_LIMIT);
    CHECK(strstr(err.message, "weights") && strstr(err.message, "limit"));
    so.context = 100000;
    CHECK_INT(sotto_memory_estimate("golden/gemma3", &so, &m, &err), SOTTO_INVALID);
}

/* ---- sliding ------------------------------------------------------------------------------------------- */

/* The keys of layer 0 depend on nothing but their token and position: after a drop they must be those of a session that
 * never saw the dropped tokens. */
static void check_rotation(const char *model, bool gguf) {
    enum { N = 40, DROP = 13 };
    int32_t     ids[N];
    char        path[128];
    opened      a, b;
    sotto_error err = {0};
    snprintf(path, sizeof path, "golden/%s", model);
    if (gguf) {
        sotto_convert_options f32 = {.type = "f32"};
        char                  out[128];
        snprintf(out, sizeof out, "%s/rotate.gguf", scratch);
        CHECK_OK(sotto_convert(path, out, &f32, &err), err);
        snprintf(path, sizeof path, "%s", out);
    }
    fill(ids, N, 280);
    if (open_with(&a, path, 64, SOTTO_CACHE_F32, 1) && open_with(&b, path, 64, SOTTO_CACHE_F32, 1)) {
        CHECK_OK(sotto_session_sync(a.session, ids, N, &err), err);
        CHECK_OK(sotto_session_drop(a.session, 2, 2 + DROP, &err), err);
        CHECK_OK(sotto_session_append(b.session, ids, 2, &err), err);
        CHECK_OK(sotto_session_append(b.session, ids + 2 + DROP, N - 2 - DROP, &err), err);
        const sotto_kv_layer *x = &a.session->kv.layers[0], *y = &b.session->kv.layers[0];
        int32_t               hd = a.model->transformer->config.layers[0].head_dim;
        double                worst = 0;
        for (int32_t p = 0; p < N - DROP; p++)
            for (int32_t i = 0; i < hd; i++) {
                double k = (double)((const float *)(x->k + (size_t)p * x->stride))[i];
                worst = fmax(worst, fabs(k - (double)((const float *)(y->k + (size_t)p * y->stride))[i]));
                CHECK(((const float *)(x->v + (size_t)p * x->stride))[i] ==
                      ((const float *)(y->v + (size_t)p * y->stride))[i]);
            }
        test_checks++;
        if (!(worst < 1e-4)) TEST_FAIL("%s: rotated keys differ by %g", model, worst);
    }
    close_all(&a);
    close_all(&b);
}

TEST(dropped_keys_are_rotated_to_their_new_positions) {
    check_rotation("llama3", false);
    check_rotation("llama3", true); /* rotary pairs are adjacent in its GGUF */
    check_rotation("qwen3", false);
    check_rotation("gemma1", false);
}

TEST(sliding_generates_on_past_the_context) {
    static const char *const models[] = {"gemma3", "gemma4-e", "llama3", "smollm3", "mistral"};
    for (size_t i = 0; i < SOTTO_COUNT(models); i++) {
        int32_t                ids[24], dropped = 0, generated = 0;
        char                   path[64];
        opened                 o;
        sotto_error            err = {0};
        sotto_generator       *g = NULL;
        sotto_piece            piece = {0};
        sotto_generate_options go = sotto_generate_options_default();
        size_t                 n;
        snprintf(path, sizeof path, "golden/%s", models[i]);
        fill(ids, 24, 280);
        if (open_with(&o, path, 48, SOTTO_CACHE_F16, 1)) {
            go.max_tokens = 200, go.ignore_end = true, go.slide = true, go.keep = 6;
            CHECK_OK(sotto_session_sync(o.session, ids, 24, &err), err);
            CHECK_OK(sotto_generator_open(&g, o.session, &go, &err), err);
            while (g && !piece.done && sotto_generator_next(g, &piece, &err) == SOTTO_OK) {
                dropped += piece.n_dropped;
                generated += piece.token >= 0;
            }
            CHECK_INT(generated, 200);
            CHECK(dropped >= 24 + 200 - 48);
            const int32_t *now = sotto_session_tokens(o.session, &n);
            CHECK(n <= 48 && memcmp(now, ids, 6 * sizeof *ids) == 0);
        }
        sotto_generator_close(g);
        close_all(&o);
    }
}

/* A session that has slid goes on from what it holds, but never passes its cache off as another conversation's. */
TEST(after_sliding_another_conversation_starts_anew) {
    enum { N = 30 };
    int32_t     ids[N];
    size_t      kept, computed;
    opened      a, b;
    sotto_error err = {0};
    fill(ids, N, 280);
    if (open_with(&a, "golden/llama3", 64, SOTTO_CACHE_F32, 1) &&
        open_with(&b, "golden/llama3", 64, SOTTO_CACHE_F32, 1)) {
        CHECK_OK(sotto_session_sync(a.session, ids, N, &err), err);
        CHECK_OK(sotto_session_drop(a.session, 4, 10, &err), err);
        memmove(ids + 4, ids + 10, (N - 10) * sizeof *ids); /* what it holds now: N - 6 tokens */
        ids[N - 6] = 77;
        CHECK_OK(sotto_session_sync(a.session, ids, N - 5, &err), err);
        sotto_session_last_sync(a.session, &kept, &computed);
        CHECK_INT(kept, N - 6);
        CHECK_INT(computed, 1);
        ids[20]++; /* another conversation with the same beginning */
        CHECK_OK(sotto_session_sync(a.session, ids, N - 5, &err), err);
        sotto_session_last_sync(a.session, &kept, &computed);
        CHECK_INT(kept, 0);
        CHECK_OK(sotto_session_sync(b.session, ids, N - 5, &err), err);
        CHECK(memcmp(sotto_session_logits(a.session), sotto_session_logits(b.session), 293 * sizeof(float)) == 0);
    }
    close_all(&a);
    close_all(&b);
}

TEST(without_sliding_the_answer_ends_at_the_context) {
    int32_t                ids[24];
    opened                 o;
    sotto_error            err = {0};
    sotto_generator       *g = NULL;
    sotto_piece            piece = {0};
    sotto_generation       result = {0};
    sotto_generate_options go = sotto_generate_options_default();
    fill(ids, 24, 280);
    if (open_with(&o, "golden/llama3", 40, SOTTO_CACHE_F16, 1)) {
        go.ignore_end = true;
        CHECK_OK(sotto_session_sync(o.session, ids, 24, &err), err);
        CHECK_OK(sotto_generator_open(&g, o.session, &go, &err), err);
        while (g && !piece.done && sotto_generator_next(g, &piece, &err) == SOTTO_OK) {}
        sotto_generator_result(g, &result);
        CHECK_INT(result.finish, SOTTO_FINISH_CONTEXT);
    }
    sotto_generator_close(g);
    close_all(&o);
}

/* ---- files --------------------------------------------------------------------------------------------- */

TEST(a_session_of_another_model_or_damaged_is_refused) {
    char        path[128];
    int32_t     ids[20];
    size_t      n;
    opened      a, b, other_cache;
    sotto_error err = {0};
    snprintf(path, sizeof path, "%s/a.session", scratch);
    fill(ids, 20, 280);
    if (open_with(&a, "golden/llama3", 64, SOTTO_CACHE_F16, 1) &&
        open_with(&b, "golden/llama3-untied", 64, SOTTO_CACHE_F16, 1) &&
        open_with(&other_cache, "golden/llama3", 64, SOTTO_CACHE_F32, 1)) {
        CHECK_OK(sotto_session_sync(a.session, ids, 20, &err), err);
        CHECK_OK(sotto_session_save(a.session, path, &err), err);
        CHECK_INT(sotto_session_restore(b.session, path, &err), SOTTO_MISMATCH);
        CHECK_INT(sotto_session_restore(other_cache.session, path, &err), SOTTO_MISMATCH);
        sotto_file f;
        CHECK_OK(sotto_file_open(&f, path, false, &err), err);
        uint8_t *copy = malloc(f.size);
        for (size_t cut = 0; cut < f.size; cut += 1 + cut / 16)
            CHECK(sotto_session_parse(a.session, f.data, cut, true, &err) != SOTTO_OK);
        for (size_t at = 0; at < f.size; at += 1 + at / 16) { /* one bit anywhere */
            memcpy(copy, f.data, f.size);
            copy[at] ^= 4;
            CHECK(sotto_session_parse(a.session, copy, f.size, true, &err) != SOTTO_OK);
        }
        (void)sotto_session_tokens(a.session, &n);
        CHECK_INT(n, 20); /* what was there is still there */
        free(copy);
        sotto_file_close(&f);
    }
    close_all(&a);
    close_all(&b);
    close_all(&other_cache);
    unlink(path);
}

/* Half a gigabyte converted by a child whose peak memory is read afterwards. */
TEST(conversion_stays_within_300_MB) {
    char                  in[64], out[64];
    sotto_error           err = {0};
    sotto_convert_options bf16 = {.type = "bf16"};
    struct rusage         usage = {0};
    int                   status = 0;
    snprintf(in, sizeof in, "%s/large.gguf", scratch);
    snprintf(out, sizeof out, "%s/small.gguf", scratch);
    CHECK_OK(sotto_synthetic_write("gemma3-270m", in, &bf16, &err), err);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(sotto_convert(in, out, NULL, NULL) == SOTTO_OK ? 0 : 1);
    CHECK(wait4(child, &status, 0, &usage) == child && status == 0);
    long megabytes = usage.ru_maxrss / 1024;
    printf("  peak %ld MB\n", megabytes);
    if (!SANITIZED) CHECK(megabytes < 300); /* a sanitizer's own memory is many times the program's */
    unlink(in);
    unlink(out);
}

int main(int argc, char **argv) {
    char path[64];
    if (!mkdtemp(scratch)) return 1;
    int result = test_main(argc, argv);
    snprintf(path, sizeof path, "%s/tiny.gguf", scratch);
    unlink(path);
    snprintf(path, sizeof path, "%s/rotate.gguf", scratch);
    unlink(path);
    rmdir(scratch);
    return result;
}
