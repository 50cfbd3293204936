/* os: files, paths, memory, processor, terminal and signals, against what the system itself says. */
#if !defined(__APPLE__)
#define _GNU_SOURCE 1
#endif
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static char scratch[64]; /* a folder of this test's own */

static const char *scratch_path(const char *name) {
    static char path[256];
    if (!scratch[0]) {
        strcpy(scratch, "/tmp/sotto-os-XXXXXX");
        if (!mkdtemp(scratch)) exit(1);
    }
    (void)snprintf(path, sizeof path, "%s/%s", scratch, name);
    return path;
}

static void put_file(const char *path, const void *data, size_t n) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0) exit(1);
}

TEST(file_mapped_equals_read) {
    enum { N = 3 * 65536 + 17 };
    uint8_t *data = malloc(N);
    uint64_t seed = 1;
    for (size_t i = 0; i < N; i++) data[i] = (uint8_t)test_random(&seed);
    const char *path = scratch_path("data");
    put_file(path, data, N);
    for (int map = 0; map < 2; map++) {
        sotto_file  f;
        sotto_error err = {0};
        CHECK_OK(sotto_file_open(&f, path, map, &err), err);
        CHECK_INT(f.size, N);
        CHECK_INT(f.mapped, map);
        CHECK((uintptr_t)f.data % 64 == 0);
        sotto_file_advise_sequential(&f, 5, N); /* ranges may be odd and reach past the end */
        sotto_file_advise_random(&f, 4096, 1);
        sotto_file_advise_done(&f, 1, N - 2);
        sotto_file_advise_done(&f, N + 1, 5);
        CHECK(memcmp(f.data, data, N) == 0); /* also after the pages were given back */
        sotto_file_close(&f);
        CHECK(f.data == NULL);
    }
    (void)unlink(path);
    free(data);
}

TEST(file_of_nothing) {
    const char *path = scratch_path("empty");
    put_file(path, "", 0);
    for (int map = 0; map < 2; map++) {
        sotto_file  f = {.data = (const uint8_t *)"x", .size = 1};
        sotto_error err = {0};
        CHECK_OK(sotto_file_open(&f, path, map, &err), err);
        CHECK(f.size == 0 && f.data == NULL && !f.mapped);
        sotto_file_advise_sequential(&f, 0, 10);
        sotto_file_close(&f);
    }
    (void)unlink(path);
}

TEST(file_that_is_none) {
    sotto_file  f;
    sotto_error err = {0};
    CHECK_INT(sotto_file_open(&f, scratch_path("absent"), true, &err), SOTTO_NOT_FOUND);
    CHECK(strstr(err.message, "absent") && strstr(err.message, "No such file"));
    CHECK_INT(sotto_file_open(&f, "/tmp", true, &err), SOTTO_INVALID);
    CHECK(strstr(err.message, "folder") != NULL);
    const char *fifo = scratch_path("fifo");
    CHECK_INT(mkfifo(fifo, 0600), 0);
    CHECK_INT(sotto_file_open(&f, fifo, false, &err), SOTTO_INVALID); /* and does not hang */
    CHECK(strstr(err.message, "pipe") != NULL);
    CHECK_INT(sotto_file_open(&f, fifo, false, NULL), SOTTO_INVALID);
    (void)unlink(fifo);
}

#if !defined(__APPLE__)
TEST(file_leaves_the_cache_but_for_what_is_mapped) {
    enum { N = 1 << 20 };
    static uint8_t data[N];
    const char    *path = scratch_path("cached");
    uint64_t       left = 1, pages = 0;
    sotto_error    err = {0};
    sotto_file     f;
    put_file(path, data, N);
    CHECK_OK(sotto_file_uncache(path, &left, &err), err);
    CHECK(left <= N); /* all of it where the folder is nothing but memory */
    CHECK_OK(sotto_file_open(&f, path, true, &err), err);
    for (size_t i = 0; i < f.size; i += 512) pages += f.data[i];
    CHECK_INT(pages, 0);
    CHECK_OK(sotto_file_uncache(path, &left, &err), err);
    CHECK_INT(left, N);
    sotto_file_close(&f);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(sotto_file_uncache(scratch_path("none"), &left, &err), SOTTO_NOT_FOUND);
}
#endif

TEST(path_join) {
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"", "b", "b"}, {"a", "", "a/"}};
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        char *path = sotto_path_join(cases[i][0], cases[i][1]);
        CHECK_STR(path, cases[i][2]);
        free(path);
    }
}

TEST(path_make_folder_and_kind) {
    sotto_error err = {0};
    struct stat st;
    char        deep[256], blocked[300];
    (void)snprintf(deep, sizeof deep, "%s", scratch_path("x/y/z"));
    CHECK_INT(sotto_path_kind_of(deep), SOTTO_PATH_NONE);
    CHECK_OK(sotto_path_make_folder(deep, &err), err);
    CHECK_OK(sotto_path_make_folder(deep, &err), err); /* there already */
    CHECK_INT(sotto_path_kind_of(deep), SOTTO_PATH_FOLDER);
    CHECK_INT(stat(deep, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0700);
    (void)snprintf(blocked, sizeof blocked, "%s/file", deep);
    put_file(blocked, "x", 1);
    CHECK_INT(sotto_path_kind_of(blocked), SOTTO_PATH_FILE);
    CHECK_INT(sotto_path_kind_of("/dev/null"), SOTTO_PATH_OTHER);
    strcat(blocked, "/below");
    CHECK(sotto_path_make_folder(blocked, &err) != SOTTO_OK);
    CHECK(strstr(err.message, "file") != NULL);
}

TEST(path_make_file) {
    sotto_error err = {0};
    struct stat st;
    char        path[256], below[300];
    (void)snprintf(path, sizeof path, "%s", scratch_path("made"));
    CHECK_OK(sotto_path_make_file(path, &err), err);
    CHECK(stat(path, &st) == 0 && st.st_size == 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    put_file(path, "kept", 4);
    CHECK_OK(sotto_path_make_file(path, &err), err);
    CHECK(stat(path, &st) == 0 && st.st_size == 4);
    (void)snprintf(below, sizeof below, "%s/below", path);
    CHECK_INT(sotto_path_make_file(below, &err), SOTTO_NOT_FOUND);
    CHECK(strstr(err.message, below) && strstr(err.message, "cannot make this file"));
    CHECK_INT(unlink(path), 0);
}

#if !defined(__APPLE__)
TEST(path_user_folders) {
    static const struct {
        sotto_user_folder which;
        const char       *variable, *path;
    } cases[] = {{SOTTO_FOLDER_CONFIG, "XDG_CONFIG_HOME", "/home/x/.config/sotto"},
                 {SOTTO_FOLDER_DATA, "XDG_DATA_HOME", "/home/x/.local/share/sotto"},
                 {SOTTO_FOLDER_STATE, "XDG_STATE_HOME", "/home/x/.local/state/sotto"},
                 {SOTTO_FOLDER_CACHE, "XDG_CACHE_HOME", "/home/x/.cache/sotto"}};
    CHECK_INT(setenv("HOME", "/home/x", 1), 0);
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        (void)unsetenv(cases[i].variable);
        char *path = sotto_path_user_folder(cases[i].which);
        CHECK_STR(path, cases[i].path);
        free(path);
        (void)setenv(cases[i].variable, "relative", 1); /* must be ignored */
        path = sotto_path_user_folder(cases[i].which);
        CHECK_STR(path, cases[i].path);
        free(path);
        (void)setenv(cases[i].variable, "/elsewhere", 1);
        path = sotto_path_user_folder(cases[i].which);
        CHECK_STR(path, "/elsewhere/sotto");
        free(path);
    }
    (void)unsetenv("HOME");
    (void)unsetenv("XDG_DATA_HOME");
    char *path = sotto_path_user_folder(SOTTO_FOLDER_DATA); /* from the password file, if this user is in it */
    CHECK(!path || path[0] == '/');
    free(path);
}
#endif

TEST(vm_reads_zero_and_gives_back) {
    sotto_error err = {0};
    size_t      n = (size_t)1 << 30, page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t    *p;
    CHECK_OK(sotto_vm_reserve((void **)&p, n, &err), err);
    if (!p) return;
    CHECK_INT(p[0] + p[n / 2] + p[n - 1], 0);
    memset(p + n / 2, 7, 3 * page);
    sotto_vm_discard(p + n / 2 + 1, 3 * page - 2); /* only the page in the middle is wholly inside */
    CHECK_INT(p[n / 2], 7);
    CHECK_INT(p[n / 2 + page - 1], 7);
    CHECK_INT(p[n / 2 + page], 0);
    CHECK_INT(p[n / 2 + 2 * page - 1], 0);
    CHECK_INT(p[n / 2 + 2 * page], 7);
    sotto_vm_discard(p, 1);
    sotto_vm_release(p, n);
    CHECK_OK(sotto_vm_reserve((void **)&p, 0, &err), err);
    CHECK(p == NULL);
    sotto_vm_release(NULL, 0);
    CHECK_INT(sotto_vm_reserve((void **)&p, SIZE_MAX / 2, &err), SOTTO_NO_MEMORY);
}

TEST(memory_figures) {
    uint64_t total = sotto_memory_total_bytes(), available = sotto_memory_available_bytes();
    CHECK(total > (64u << 20));
    CHECK(available > 0 && available <= total);
    uint64_t before = sotto_memory_peak_rss_bytes();
    enum { N = 64 << 20 };
    volatile uint8_t *p = malloc(N);
    for (size_t i = 0; p && i < N; i += 1024) p[i] = 1;
    uint64_t after = sotto_memory_peak_rss_bytes();
    CHECK(before > 0 && after >= before && after > 60u << 20 && after < total);
    free((void *)p);
}

TEST(time_runs) {
    struct timespec nap = {0, 5000000};
    uint64_t        begin = sotto_time_ns();
    (void)nanosleep(&nap, NULL);
    uint64_t ns = sotto_time_ns() - begin;
    CHECK(ns >= 5000000 && ns < 5000000000u);
    CHECK_INT(sotto_time_unix() / 10, time(NULL) / 10);
    CHECK(sotto_random_seed() != sotto_random_seed());
}

#if defined(__x86_64__) && defined(__GNUC__)
/* The compiler's own detection is an independent witness. */
TEST(cpu_flags_agree_with_the_compiler) {
    uint32_t flags = sotto_cpu_flags();
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    CHECK_INT(!!(flags & SOTTO_CPU_AVX2), avx2);
    CHECK_INT(!!(flags & SOTTO_CPU_AVX512), avx2 && avx512);
    CHECK_INT(!!(flags & SOTTO_CPU_AVX512_VNNI), avx512 && __builtin_cpu_supports("avx512vnni"));
    CHECK_INT(!!(flags & SOTTO_CPU_AVX512_VBMI), avx512 && __builtin_cpu_supports("avx512vbmi"));
    CHECK_INT(!!(flags & SOTTO_CPU_AVX512_BF16), avx512 && __builtin_cpu_supports("avx512bf16"));
    CHECK_INT(flags & (SOTTO_CPU_NEON | SOTTO_CPU_DOTPROD | SOTTO_CPU_I8MM), 0);
}
#elif defined(__aarch64__)
TEST(cpu_flags_of_arm64) { CHECK(sotto_cpu_flags() & SOTTO_CPU_NEON); }
#endif

#if defined(__linux__)
/* /proc/cpuinfo names what the kernel found; it knows AVX-VNNI, which older compilers do not. */
TEST(cpu_flags_agree_with_the_kernel) {
    static const struct {
        const char *word;
        uint32_t    flag;
    } words[] = {{" avx_vnni ", SOTTO_CPU_AVX_VNNI}, {" avx512_vnni ", SOTTO_CPU_AVX512_VNNI},
                 {" avx512_bf16 ", SOTTO_CPU_AVX512_BF16}, {" avx2 ", SOTTO_CPU_AVX2},
                 {" asimddp ", SOTTO_CPU_DOTPROD}, {" i8mm ", SOTTO_CPU_I8MM}};
#if defined(__x86_64__)
    const char *feature_line = "flags";
#else
    const char *feature_line = "Features"; /* an emulator that shows its host's file has no such line */
#endif
    char  line[8192];
    bool  found = false;
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && !found && fgets(line, sizeof line, f))
        found = strncmp(line, feature_line, strlen(feature_line)) == 0;
    if (f) (void)fclose(f);
    for (char *p = line; found && *p; p++)
        if (*p == '\n') *p = ' ';
    for (size_t i = 0; found && i < SOTTO_COUNT(words); i++)
        CHECK_INT(!!(sotto_cpu_flags() & words[i].flag), strstr(line, words[i].word) != NULL);
}
#endif

TEST(cpu_texts) {
    char text[256];
    CHECK(strlen(sotto_cpu_name()) > 0);
    sotto_cpu_flags_text(SOTTO_CPU_AVX2 | SOTTO_CPU_AVX512_VNNI, text, sizeof text);
    CHECK_STR(text, "avx2 avx512_vnni");
    sotto_cpu_flags_text(SOTTO_CPU_AVX2 | SOTTO_CPU_AVX512_VNNI, text, 8);
    CHECK_STR(text, "avx2 av");
    sotto_cpu_flags_text(0, text, sizeof text);
    CHECK_STR(text, "");
    sotto_cpu_flags_text(UINT32_MAX, text, 0);
    CHECK_STR(text, "");
}

TEST(cpu_cores) {
    int n = sotto_cpu_physical_cores();
    CHECK(n >= 1 && n <= sysconf(_SC_NPROCESSORS_CONF));
#if defined(__linux__)
    cpu_set_t before, one;
    if (sched_getaffinity(0, sizeof before, &before) != 0) return;
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) return;
    CHECK_INT(sotto_cpu_physical_cores(), 1);
    CHECK_INT(sched_setaffinity(0, sizeof before, &before), 0);
#endif
}

TEST(terminal) {
    int null = open("/dev/null", O_RDWR);
    CHECK(!sotto_terminal_is(null) && !sotto_terminal_is(-1));
    CHECK(sotto_terminal_columns() > 0);
    (void)close(null);
}

/* What a child process that runs `body` leaves behind; its stderr goes to `text`. */
static int run_child(void (*body)(void), char *text, size_t n) {
    int pipes[2], status = 0;
    (void)fflush(stdout);
    if (pipe(pipes) != 0) return -1;
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(pipes[1], STDERR_FILENO);
        body();
        _exit(99);
    }
    (void)close(pipes[1]);
    size_t  len = 0;
    ssize_t got;
    while ((got = read(pipes[0], text + len, n - 1 - len)) > 0) len += (size_t)got;
    text[len] = '\0';
    (void)close(pipes[0]);
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void interrupt_twice(void) {
    sotto_signals_catch_interrupt();
    (void)raise(SIGINT);
    if (sotto_signals_interrupts() != 1) _exit(1);
    (void)raise(SIGINT);
}
static void interrupt_reset_interrupt(void) {
    sotto_signals_catch_interrupt();
    if (sotto_signals_interrupts() != 0) _exit(1);
    (void)raise(SIGINT);
    sotto_signals_reset();
    if (sotto_signals_interrupts() != 0) _exit(2);
    (void)raise(SIGINT);
    _exit(sotto_signals_interrupts() == 1 ? 42 : 3);
}
/* A mapped file that is cut while we read it. */
static void shrink_mapped_file(void) {
    const char *path = scratch_path("shrinks");
    char        data[65536] = {1};
    sotto_file  f;
    put_file(path, data, sizeof data);
    sotto_signals_catch_bus_error("model.gguf: the file changed while it was in use");
    if (sotto_file_open(&f, path, true, NULL) != SOTTO_OK || !f.mapped || truncate(path, 0) != 0) _exit(3);
    volatile uint8_t byte = f.data[60000];
    (void)byte;
}

TEST(signals_interrupt) {
    char text[256];
    CHECK_INT(run_child(interrupt_twice, text, sizeof text), 130);
    CHECK_INT(run_child(interrupt_reset_interrupt, text, sizeof text), 42);
}

TEST(signals_bus_error) {
    char text[256];
    CHECK_INT(run_child(shrink_mapped_file, text, sizeof text), 1);
    CHECK_STR(text, "model.gguf: the file changed while it was in use\n");
    (void)unlink(scratch_path("shrinks"));
}

/* Last: the scratch folder goes. */
TEST(zz_clean_up) {
    CHECK_INT(unlink(scratch_path("x/y/z/file")), 0);
    CHECK_INT(rmdir(scratch_path("x/y/z")) + rmdir(scratch_path("x/y")) + rmdir(scratch_path("x")), 0);
    CHECK_INT(rmdir(scratch), 0);
}

TEST_MAIN()
