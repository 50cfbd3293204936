/* Failure injection: every allocation and every system call on files fails in turn, through loading, generating,
 * saving, restoring and converting, until a run gets through untouched. Each failure must come back as a status with a
 * message; nothing may crash, leak (the sanitizer run sees to that) or leave a half-written file.
 *
 * The linker redirects the calls here (-Wl,--wrap=...); jansson is given the same allocator. */
#define _XOPEN_SOURCE 700
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include <sotto/sotto.h>

static long fail_alloc_at, fail_io_at; /* the n-th call from now fails, and every one after it; 0: none */
static bool failed;

static bool count_down(long *at) {
    if (*at == 0) return false;
    if (*at > 1) return (*at)--, false;
    failed = true; /* stays at 1: a machine out of memory does not recover for the second try */
    return true;
}

void   *__real_malloc(size_t n);
void   *__real_calloc(size_t n, size_t size);
void   *__real_realloc(void *p, size_t n);
void   *__real_aligned_alloc(size_t align, size_t n);
int     __real_open(const char *path, int flags, ...);
void   *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
ssize_t __real_read(int fd, void *p, size_t n);
ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t offset);
int     __real_fsync(int fd);
int     __real_rename(const char *from, const char *to);

void   *__wrap_malloc(size_t n);
void   *__wrap_calloc(size_t n, size_t size);
void   *__wrap_realloc(void *p, size_t n);
void   *__wrap_aligned_alloc(size_t align, size_t n);
int     __wrap_open(const char *path, int flags, ...);
void   *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
ssize_t __wrap_read(int fd, void *p, size_t n);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t offset);
int     __wrap_fsync(int fd);
int     __wrap_rename(const char *from, const char *to);

void *__wrap_malloc(size_t n) { return count_down(&fail_alloc_at) ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size) { return count_down(&fail_alloc_at) ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t n) { return count_down(&fail_alloc_at) ? NULL : __real_realloc(p, n); }
void *__wrap_aligned_alloc(size_t align, size_t n) {
    return count_down(&fail_alloc_at) ? NULL : __real_aligned_alloc(align, n);
}
int __wrap_open(const char *path, int flags, ...) {
    va_list ap;
    va_start(ap, flags);
    int mode = flags & O_CREAT ? va_arg(ap, int) : 0;
    va_end(ap);
    return count_down(&fail_io_at) ? (errno = EIO, -1) : __real_open(path, flags, mode);
}
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset) {
    if (fd < 0 ? count_down(&fail_alloc_at) : count_down(&fail_io_at)) return errno = ENOMEM, MAP_FAILED;
    return __real_mmap(at, n, prot, flags, fd, offset);
}
ssize_t __wrap_read(int fd, void *p, size_t n) {
    return count_down(&fail_io_at) ? (errno = EIO, -1) : __real_read(fd, p, n);
}
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t offset) {
    return count_down(&fail_io_at) ? (errno = ENOSPC, -1) : __real_pwrite(fd, p, n, offset);
}
int __wrap_fsync(int fd) { return count_down(&fail_io_at) ? (errno = EIO, -1) : __real_fsync(fd); }
int __wrap_rename(const char *from, const char *to) {
    return count_down(&fail_io_at) ? (errno = EIO, -1) : __real_rename(from, to);
}

/* ---- scenarios: SOTTO_OK or the first failure ---------------------------------------------------------- */

static char session_path[64], convert_path[64];
static bool no_map;

static sotto_status generate(sotto_session *s, const sotto_grammar *grammar, sotto_error *err) {
    sotto_generate_options o = sotto_generate_options_default();
    sotto_generator       *g = NULL;
    sotto_piece            piece = {0};
    sotto_status           status;
    o.max_tokens = 4, o.ignore_end = true, o.top_logprobs = 2, o.grammar = grammar;
    status = sotto_generator_open(&g, s, &o, err);
    while (status == SOTTO_OK && !piece.done) status = sotto_generator_next(g, &piece, err);
    sotto_generator_close(g);
    return status;
}

static sotto_status load_generate_save(const char *path, sotto_error *err) {
    sotto_model          *m = NULL;
    sotto_session        *s = NULL;
    sotto_tokens          tokens = {0};
    sotto_model_options   mo = {.threads = 1, .no_map = no_map};
    sotto_session_options so = {.context = 64};
    sotto_tokenize_options to = {.bos = true};
    sotto_status status = sotto_model_open(&m, path, &mo, err);
    if (status == SOTTO_OK) status = sotto_session_open(&s, m, &so, err);
    if (status == SOTTO_OK) status = sotto_tokenize(m, "hello there", 11, to, &tokens, err);
    if (status == SOTTO_OK) status = sotto_session_sync(s, tokens.ids, tokens.n, err);
    if (status == SOTTO_OK) status = generate(s, NULL, err);
    if (status == SOTTO_OK) status = sotto_session_save(s, session_path, err);
    if (status == SOTTO_OK) status = sotto_session_restore(s, session_path, err);
    sotto_tokens_free(&tokens);
    sotto_session_close(s);
    sotto_model_close(m);
    return status;
}

static sotto_status constrain(const char *path, sotto_error *err) {
    static const char schema[] =
        "{\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"^x+[^y]$\"},\"b\":{\"$ref\":\"#\"}},"
        "\"allOf\":[{\"required\":[\"a\"]},{\"properties\":{\"a\":{\"title\":\"t\"}}},"
        "{\"type\":[\"object\",\"null\"]}],\"additionalProperties\":{\"minimum\":3}}";
    sotto_model          *m = NULL;
    sotto_session        *s = NULL;
    sotto_grammar        *g = NULL;
    int32_t               prompt[] = {1};
    sotto_model_options   mo = {.threads = 1};
    sotto_session_options so = {.context = 64};
    sotto_status          status = sotto_grammar_open_schema(&g, schema, sizeof schema - 1, err);
    if (status == SOTTO_OK) status = sotto_model_open(&m, path, &mo, err);
    if (status == SOTTO_OK) status = sotto_session_open(&s, m, &so, err);
    if (status == SOTTO_OK) status = sotto_session_sync(s, prompt, 1, err);
    if (status == SOTTO_OK) status = generate(s, g, err);
    sotto_session_close(s);
    sotto_model_close(m);
    sotto_grammar_close(g);
    return status;
}

static sotto_status convert(const char *path, sotto_error *err) {
    return sotto_convert(path, convert_path, NULL, err);
}

static sotto_status inspect(const char *path, sotto_error *err) {
    sotto_bytes  json = {0};
    sotto_status status = sotto_inspect(path, &json, err);
    sotto_bytes_free(&json);
    return status;
}

static sotto_status measure(const char *path, sotto_error *err) {
    sotto_model          *m = NULL, *reference = NULL;
    sotto_quality         q;
    sotto_model_options   mo = {.threads = 1};
    sotto_quality_options o = {.text = "how far is the one from the other?", .n_text = 34};
    sotto_status          status = sotto_model_open(&m, path, &mo, err);
    if (status == SOTTO_OK) status = sotto_model_open(&reference, path, &mo, err);
    if (status == SOTTO_OK) status = sotto_quality_measure(m, reference, &o, &q, err);
    sotto_model_close(m);
    sotto_model_close(reference);
    return status;
}

/* Fail at 1, 2, 3 ... until a run is not hit any more. Dense at first, then sparser: late failures repeat
 * early ones. */
static void inject(const char *what, long *at, sotto_status (*scenario)(const char *, sotto_error *),
                   const char *path) {
    long runs = 0;
    for (long n = 1;; n += 1 + n / 50, runs++) {
        sotto_error err = {0};
        failed = false;
        unlink(session_path);
        unlink(convert_path);
        *at = n;
        sotto_status status = scenario(path, &err);
        *at = 0;
        if (!failed) {
            CHECK_OK(status, err);
            break;
        }
        test_checks++;
        if (status == SOTTO_OK) continue; /* a failure that could be done without (a hint to the system, a fallback) */
        if (!err.message[0]) TEST_FAIL("%s: failure %ld gave status %d without a message", what, n, (int)status);
        if (scenario == convert && access(convert_path, F_OK) == 0 && fail_io_at == 0 && status != SOTTO_IO)
            TEST_FAIL("%s: failure %ld left a file behind", what, n);
    }
    CHECK(runs > 10);
    printf("  %-28s %4ld failures injected\n", what, runs);
}

TEST(every_allocation_fails_in_a_folder) {
    inject("allocations, folder", &fail_alloc_at, load_generate_save, "golden/gemma3");
}
TEST(every_call_on_files_fails_in_a_folder) {
    inject("files, folder", &fail_io_at, load_generate_save, "golden/gemma3");
}
TEST(every_read_fails_without_mapping) {
    no_map = true;
    inject("reads, folder", &fail_io_at, load_generate_save, "golden/llama3");
    no_map = false;
}
TEST(every_allocation_fails_under_a_schema) {
    inject("allocations, schema", &fail_alloc_at, constrain, "golden/gemma3");
}
TEST(every_allocation_fails_in_conversion) { inject("allocations, convert", &fail_alloc_at, convert, "golden/llama3"); }
TEST(every_call_on_files_fails_in_conversion) { inject("files, convert", &fail_io_at, convert, "golden/qwen3"); }
TEST(every_allocation_fails_in_inspection) {
    inject("allocations, inspect", &fail_alloc_at, inspect, "golden/gemma4-e");
}
TEST(every_allocation_fails_in_a_measurement) {
    inject("allocations, quality", &fail_alloc_at, measure, "golden/llama2");
}
TEST(every_failure_is_survived_in_a_gguf) {
    sotto_error err = {0};
    char        path[] = "/tmp/sotto-fault-model.gguf";
    CHECK_OK(sotto_convert("golden/llama2", path, NULL, &err), err);
    inject("allocations, gguf", &fail_alloc_at, load_generate_save, path);
    inject("files, gguf", &fail_io_at, load_generate_save, path);
    unlink(path);
}

int main(int argc, char **argv) {
    json_set_alloc_funcs(__wrap_malloc, free);
    snprintf(session_path, sizeof session_path, "/tmp/sotto-fault-%d.session", (int)getpid());
    snprintf(convert_path, sizeof convert_path, "/tmp/sotto-fault-%d.gguf", (int)getpid());
    int result = test_main(argc, argv);
    unlink(session_path);
    unlink(convert_path);
    return result;
}
