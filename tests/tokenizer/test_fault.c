/* Memory that runs out: every allocation of opening and using a tokenizer fails in turn, which must give
 * NO_MEMORY and lose nothing. The C library's allocator is replaced by one that counts, where that can be
 * done. */
#define _POSIX_C_SOURCE 200809L
#include "tokenizer/fixtures.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REPLACED 0 /* the sanitizer has its own */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define REPLACED 0
#endif
#endif
#if !defined(REPLACED) && defined(__GLIBC__)
#define REPLACED 1
#elif !defined(REPLACED)
#define REPLACED 0
#endif

static long fail_at, n_live; /* the fail_at-th allocation from now on fails, and all later ones; 0: none */
static bool failed;

#if REPLACED
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);
void  __libc_free(void *p);

#define VISIBLE __attribute__((visibility("default")))
static bool fails(void) {
    if (fail_at == 1) return failed = true;
    fail_at -= fail_at > 1;
    return false;
}
static void *counted(void *p) {
    n_live += p != NULL;
    return p;
}
VISIBLE void *malloc(size_t n) { return fails() ? NULL : counted(__libc_malloc(n)); }
VISIBLE void *calloc(size_t count, size_t size) { return fails() ? NULL : counted(__libc_calloc(count, size)); }
VISIBLE void *aligned_alloc(size_t align, size_t n) {
    return fails() ? NULL : counted(__libc_memalign(align, n));
}
VISIBLE void *realloc(void *p, size_t n) {
    if (fails()) return NULL;
    void *grown = __libc_realloc(p, n);
    n_live += !p && grown;
    return grown;
}
VISIBLE void free(void *p) {
    n_live -= p != NULL;
    __libc_free(p);
}
#endif

static sotto_status open_and_use(sotto_str json, sotto_str model, sotto_error *err) {
    static const char text[] = "Hello <|im_end|><s>\n\n  e\xcc\x81 12 it's \xff \xe6\x98\x8e";
    sotto_tokenizer  *t = NULL;
    sotto_token_buf   ids = {0};
    sotto_buf         out = {0};
    sotto_status      status = sotto_tokenizer_from_texts(&t, json, model, NULL, NULL, NULL, err);
    if (status == SOTTO_OK)
        status = sotto_tokenizer_encode(t, sotto_str_from(text),
                                        (sotto_encode_options){.special = true, .bos = true, .first = true}, &ids,
                                        err);
    sotto_decoder d = {.tokenizer = t};
    for (size_t i = 0; status == SOTTO_OK && i < ids.n; i++)
        if (!sotto_decoder_push(&d, ids.ids[i], &out)) status = sotto_fail_memory(err, "text");
    if (status == SOTTO_OK && !sotto_decoder_flush(&d, &out)) status = sotto_fail_memory(err, "text");
    sotto_tokenizer_close(t);
    sotto_token_buf_free(&ids);
    sotto_buf_free(&out);
    return status;
}

static void exhaust(const char *file) {
    char path[256];
    (void)snprintf(path, sizeof path, DATA "%s", file);
    bytes       b = read_file(path);
    bool        model = strstr(file, ".model") != NULL;
    sotto_str   none = {"", 0}, text = text_of_file(&b);
    sotto_error err = {0};
    CHECK_OK(open_and_use(model ? none : text, model ? text : none, &err),
             err); /* what is made once is made now */
    int runs = 0;
    for (long n = 1; REPLACED; n += 1 + n / 40, runs++) {
        long         before = n_live;
        sotto_status status;
        failed = false;
        fail_at = n;
        status = open_and_use(model ? none : text, model ? text : none, &err);
        fail_at = 0;
        CHECK_INT(n_live, before);
        if (!failed) {
            CHECK_INT(status, SOTTO_OK);
            break;
        }
        /* jansson's lexer, out of memory, says that the text is not JSON. */
        bool jansson = status == SOTTO_FORMAT && strstr(err.message, "not valid JSON");
        if (status != SOTTO_NO_MEMORY && !jansson)
            TEST_FAIL("%s: failure %ld gave status %d: %s", file, n, (int)status, err.message);
    }
    CHECK(!REPLACED || runs > 10);
    free(b.data);
}

TEST(memory_runs_out_with_a_tokenizer_model) { exhaust("llama2/tokenizer.model"); }
TEST(memory_runs_out_with_a_sentencepiece_json) { exhaust("gemma/tokenizer.json"); }
TEST(memory_runs_out_with_a_byte_level_json) { exhaust("qwen2/tokenizer.json"); }

TEST_MAIN()
