/* What the engine can leave out for comparisons computes the same as the engine, up to the order of sums. */
#include "golden/families.h"

#include <sotto/sotto.h>

#include "base/base.h"

enum { N = 45, CONTEXT = 64 };

/* Prompts in several batches, then token by token, with windows that end within them. */
static void check_variant(sotto_model *m, sotto_variant variant, const int32_t *ids, const float *expected,
                          int32_t n_vocab, const char *name) {
    sotto_error           err = {0};
    sotto_session        *s = NULL;
    sotto_session_options so = {.context = CONTEXT, .batch = 16, .cache_type = SOTTO_CACHE_F32, .variant = variant};
    CHECK_OK(sotto_session_open(&s, m, &so, &err), err);
    if (!s) return;
    CHECK_OK(sotto_session_sync(s, ids, N - 3, &err), err);
    for (int i = N - 3; i < N; i++) CHECK_OK(sotto_session_append(s, ids + i, 1, &err), err);
    const float *logits = sotto_session_logits(s);
    double       diff = 0, top = 0;
    for (int32_t i = 0; i < n_vocab; i++) {
        double d = fabs((double)logits[i] - (double)expected[i]);
        diff = d > diff || d != d ? d : diff;
        top = fmax(top, fabs((double)expected[i]));
    }
    test_checks++;
    if (!(diff < 2e-5 * top)) TEST_FAIL("%s, variant %d: logits differ by %g of %g", name, (int)variant, diff, top);
    CHECK_OK(sotto_session_rewind(s, N - 1, &err), err);
    CHECK_OK(sotto_session_append(s, ids + N - 1, 1, &err), err);
    CHECK(fabs((double)sotto_session_logits(s)[3] - (double)expected[3]) < 2e-5 * top);
    CHECK_INT(sotto_session_save(s, "/tmp/never", &err), SOTTO_UNSUPPORTED);
    sotto_session_close(s);
}

static void check_family(const char *name) {
    char                  path[300];
    int32_t               ids[N];
    sotto_error           err = {0};
    sotto_model          *m = NULL;
    sotto_session        *s = NULL;
    sotto_model_info      info;
    sotto_model_options   mo = {.threads = 2};
    sotto_session_options so = {.context = CONTEXT, .batch = 16, .cache_type = SOTTO_CACHE_F32};
    snprintf(path, sizeof path, "golden/%.256s", name);
    CHECK_OK(sotto_model_open(&m, path, &mo, &err), err);
    if (!m) return;
    sotto_model_get_info(m, &info);
    for (int i = 0; i < N; i++) ids[i] = (i * 37 + 11) % (info.n_vocab - 10) + 8;
    CHECK_OK(sotto_session_open(&s, m, &so, &err), err);
    if (s) {
        CHECK_OK(sotto_session_sync(s, ids, N, &err), err);
        for (int v = SOTTO_VARIANT_PLAIN_ATTENTION; v <= SOTTO_VARIANT_NO_CACHE; v++)
            check_variant(m, (sotto_variant)v, ids, sotto_session_logits(s), info.n_vocab, name);
    }
    sotto_session_close(s);
    sotto_model_close(m);
}

TEST(variants_of_every_family_compute_the_same) {
    each_family(check_family);
}

TEST(variants_are_counted_and_refused_where_they_do_not_go) {
    sotto_error           err = {0};
    sotto_memory          normal, plain, copied;
    sotto_session_options so = {.context = 128};
    CHECK_OK(sotto_memory_estimate("golden/llama3", &so, &normal, &err), err);
    so.variant = SOTTO_VARIANT_PLAIN_ATTENTION;
    CHECK_OK(sotto_memory_estimate("golden/llama3", &so, &plain, &err), err);
    so.variant = SOTTO_VARIANT_COPIED_CACHE;
    CHECK_OK(sotto_memory_estimate("golden/llama3", &so, &copied, &err), err);
    CHECK(plain.scratch_bytes > normal.scratch_bytes);
    CHECK_INT(copied.cache_bytes, 2 * normal.cache_bytes);
    so.cache_type = SOTTO_CACHE_Q8_0;
    CHECK_INT(sotto_memory_estimate("golden/llama3", &so, &copied, &err), SOTTO_UNSUPPORTED);
}

TEST_MAIN()
