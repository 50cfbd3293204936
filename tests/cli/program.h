/* Running the program from a test: arguments and input in, output and exit code out. The program is found in
 * the environment (SOTTO_PROGRAM); its state and cache folders lie in a temporary folder that goes with the
 * test. Include it first: it asks the C library for POSIX. */
#ifndef SOTTO_TEST_PROGRAM_H
#define SOTTO_TEST_PROGRAM_H

#define _XOPEN_SOURCE 700

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "test.h"

#define MODEL "golden/gemma3" /* a context of 256 tokens, no chat template */
#define CHAT_MODEL "-m", MODEL, "--chat-format", "gemma"

static char program_folder[64];

static inline void program_remove_folder(void) {
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", program_folder);
    if (system(command) != 0) printf("cannot remove %s\n", program_folder);
}

/* A name in the test's temporary folder, good for as long as the test runs. */
static inline const char *program_file(const char *name) {
    static char paths[64][128];
    static int  n;
    if (!program_folder[0]) {
        (void)snprintf(program_folder, sizeof program_folder, "/tmp/sotto-test-XXXXXX");
        if (!mkdtemp(program_folder)) printf("cannot make %s\n", program_folder), exit(1);
        (void)atexit(program_remove_folder);
        (void)setenv("XDG_STATE_HOME", program_folder, 1);
        (void)setenv("XDG_CACHE_HOME", program_folder, 1);
        (void)setenv("XDG_DATA_HOME", program_folder, 1);
        (void)unsetenv("NO_COLOR");
    }
    size_t n_folder = strlen(program_folder) + 1;
    for (int i = 0; i < n; i++)
        if (strcmp(paths[i] + n_folder, name) == 0) return paths[i];
    if (n == 64) printf("more than 64 names\n"), exit(1);
    (void)snprintf(paths[n], sizeof paths[n], "%s/%s", program_folder, name);
    return paths[n++];
}

static inline char *program_read_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char  *text = NULL;
    size_t n = 0, got;
    do {
        text = realloc(text, n + 65536 + 1);
        if (!text) exit(1);
        got = fread(text + n, 1, 65536, f);
        n += got;
    } while (got > 0);
    (void)fclose(f);
    text[n] = '\0';
    return text;
}

static inline void program_write_file(const char *path, const char *text) {
    FILE *f = fopen(path, "wb");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0) printf("cannot write %s\n", path), exit(1);
}

typedef struct program_run {
    int   code;       /* the exit code; minus the signal that ended it */
    char *out, *err;  /* program_free */
} program_run;

/* input NULL: an empty one. Output goes to files, so that no pipe can fill. */
static inline pid_t program_start(const char *input, const char *const *args) {
    const char *program = getenv("SOTTO_PROGRAM");
    if (!program) printf("SOTTO_PROGRAM is not set: it names the program to test\n"), exit(1);
    program_write_file(program_file("in"), input ? input : "");
    program_write_file(program_file("out"), ""); /* now: program_wait_output looks at it */
    const char *argv[64] = {program};
    for (int i = 0; args[i] && i < 62; i++) argv[i + 1] = args[i];
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid != 0) return pid;
    int in = open(program_file("in"), O_RDONLY),
        out = open(program_file("out"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int err = open(program_file("err"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    (void)dup2(in, 0), (void)dup2(out, 1), (void)dup2(err, 2);
    (void)execv(program, (char *const *)(uintptr_t)argv);
    _exit(126);
}

static inline program_run program_finish(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return (program_run){.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
                         .out = program_read_file(program_file("out")),
                         .err = program_read_file(program_file("err"))};
}

#define START(input, ...) program_start(input, (const char *const[]){__VA_ARGS__, NULL})
#define RUN(input, ...) program_finish(START(input, __VA_ARGS__))

static inline void program_free(program_run *r) {
    free(r->out);
    free(r->err);
    *r = (program_run){0};
}

static inline void program_sleep_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

/* Wait until the program has written so many bytes to its standard output; false after a minute. */
static inline bool program_wait_output(off_t n_bytes) {
    struct stat st;
    for (int i = 0; i < 6000; i++) {
        if (stat(program_file("out"), &st) == 0 && st.st_size >= n_bytes) return true;
        program_sleep_ms(10);
    }
    return false;
}

/* The i-th line of a text as JSON, or NULL. */
static inline json_t *json_line(const char *text, int i) {
    while (text && i-- > 0) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return text ? json_loadb(text, strcspn(text, "\n"), JSON_ALLOW_NUL, NULL) : NULL;
}
/* A value by a path like "usage.prompt_tokens"; NULL when a part is missing. */
static inline json_t *json_at(json_t *doc, const char *path) {
    char key[64];
    while (doc && *path) {
        size_t n = strcspn(path, ".");
        (void)snprintf(key, sizeof key, "%.*s", (int)n, path);
        doc = json_object_get(doc, key);
        path += n + (path[n] == '.');
    }
    return doc;
}
static inline long long json_int_at(json_t *doc, const char *path) {
    return json_integer_value(json_at(doc, path));
}
static inline const char *json_text_at(json_t *doc, const char *path) {
    return json_string_value(json_at(doc, path));
}

static inline int count_lines(const char *text) {
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

#define CHECK_CODE(r, want)                                                                                  \
    do {                                                                                                     \
        test_checks++;                                                                                       \
        if ((r).code != (want)) TEST_FAIL("exit code %d, expected %d; stderr: %s", (r).code, want, (r).err); \
    } while (0)
#define CHECK_HAS(text, part)                                                                                \
    do {                                                                                                     \
        const char *text_ = (text), *part_ = (part);                                                         \
        test_checks++;                                                                                       \
        if (!text_ || !strstr(text_, part_))                                                                 \
            TEST_FAIL("%s does not contain \"%s\": %s", #text, part_, text_ ? text_ : "(null)");             \
    } while (0)

#endif
