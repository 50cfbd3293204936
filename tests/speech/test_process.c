/* Other programs: their input and output, their end, and what is not there. */
#include "os/os.h"

#include "test.h"

static sotto_process *start(const char *const *argv, const void *input, size_t n) {
    sotto_process *p = NULL;
    sotto_error    err = {0};
    CHECK_OK(sotto_process_start(&p, argv, input, n, &err), err);
    return p;
}

static size_t read_to_end(sotto_process *p, char *out, size_t max) {
    size_t n = 0;
    for (long got; n < max && (got = sotto_process_read(p, out + n, max - n, 60000)) > 0;) n += (size_t)got;
    return n;
}

/* More than a socket holds, in both directions at once. */
TEST(much_comes_back) {
    enum { N = 3000000 };
    char          *input = malloc(N), *output = malloc(N + 1);
    sotto_process *p;
    for (size_t i = 0; i < N; i++) input[i] = (char)(i * 7919 >> 5);
    if ((p = start((const char *const[]){"cat", NULL}, input, N)) != NULL) {
        CHECK_INT(read_to_end(p, output, N + 1), N);
        CHECK(memcmp(input, output, N) == 0);
        CHECK_INT(sotto_process_close(p, 60000), 0);
    }
    free(input);
    free(output);
}

/* Arguments are no commands, and input that nobody reads is no signal. */
TEST(no_shell_no_signal) {
    static char    much[1 << 20], out[64];
    sotto_process *p = start((const char *const[]){"echo", "$(id); `id` *", NULL}, much, sizeof much);
    size_t         n = p ? read_to_end(p, out, sizeof out - 1) : 0;
    out[n] = '\0';
    CHECK_STR(out, "$(id); `id` *\n");
    CHECK_INT(sotto_process_close(p, 60000), 0);
}

TEST(ends) {
    char           out[8];
    sotto_process *p = start((const char *const[]){"sh", "-c", "exit 3", NULL}, NULL, 0);
    CHECK_INT(read_to_end(p, out, sizeof out), 0);
    CHECK_INT(sotto_process_close(p, 60000), 3);
    p = start((const char *const[]){"sleep", "600", NULL}, NULL, 0);
    CHECK_INT(sotto_process_read(p, out, sizeof out, 20), -1);
    CHECK_INT(sotto_process_close(p, 0), -1);
    CHECK_INT(sotto_process_close(NULL, 0), -1);
}

TEST(not_there) {
    sotto_process *p = NULL;
    sotto_error    err = {0};
    const char    *argv[] = {"sotto-no-such-program", NULL};
    CHECK_INT(sotto_process_start(&p, argv, NULL, 0, &err), SOTTO_NOT_FOUND);
    CHECK(strstr(err.message, "sotto-no-such-program") != NULL);
}

TEST_MAIN()
