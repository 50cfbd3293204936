/* counts: the instructions that a product executes, which no clock is needed for: they stay below a bound, on any
 * machine and however busy it is. A copy of this process is stepped through them, one by one. Where the system does
 * not let it (an emulated processor, a container) the test is skipped.
 *
 *   test_check_counts --table    print what a product of 8 x 512 takes, for every level and type, as CSV */
#include "check/check.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "check/counted.h"

enum { COLS = 512, ROWS = 8, SKIPPED = 77 };

/* ---- stepping ------------------------------------------------------------------------------------------ */

static void nothing(void *arg) { (void)arg; }

/* Steps from the child's first stop to its end; -1: it cannot be stepped. Stops of another kind, such as a signal from
 * outside, are no steps. */
static long steps_of(void (*run)(void *), void *arg) {
    long  n = 0;
    int   status = 0;
    pid_t child = fork();
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(1);
        (void)raise(SIGSTOP);
        run(arg);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) return -1;
    while (WIFSTOPPED(status)) {
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0) (void)kill(child, SIGKILL);
        if (waitpid(child, &status, 0) != child) return -1;
        n += WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? n : -1;
}

/* Per block of 32 weights and token. */
static double count(const sotto_kernels *k, sotto_dtype dtype, int n_tokens) {
    counted c = counted_open(k, dtype, COLS, ROWS, n_tokens);
    long    with = steps_of(counted_run, &c), without = steps_of(nothing, NULL);
    counted_close(&c);
    return with < 0 || without < 0 ? -1 : (double)(with - without) / (COLS / 32 * ROWS * n_tokens);
}

/* ---- bounds -------------------------------------------------------------------------------------------- */

/* What gcc 12 makes of it, and a quarter more, so that another compiler has its way but work done twice does not. The
 * product is small, and so its beginnings and ends are a part of the figures. */
static const struct bound {
    const char *level;
    sotto_dtype dtype;
    double      one, four; /* tokens */
} bounds[] = {
    {"avx2", SOTTO_Q4_0, 16, 10},
    {"avx2", SOTTO_Q4_K, 21, 11},
    {"avx2", SOTTO_Q6_K, 22, 12.7},
    {"avx2", SOTTO_BF16, 26, 13},
};

static int print_table(void) {
    static const sotto_dtype types[] = {SOTTO_Q4_0, SOTTO_Q4_K, SOTTO_Q6_K, SOTTO_Q8_0, SOTTO_BF16};
    (void)puts("level,type,tokens,instructions");
    for (int i = 1; i < check_n_levels; i++)
        for (size_t t = 0; t < SOTTO_COUNT(types); t++)
            for (int n = 1; n <= 4; n *= 2)
                (void)printf("%s,%s,%d,%.3f\n", check_levels[i].name, sotto_dtype_get(types[t])->name, n,
                             count(&check_levels[i], types[t], n));
    return 0;
}

TEST(products_take_no_more_instructions_than_they_should) {
    for (size_t i = 0; i < SOTTO_COUNT(bounds); i++) {
        const struct bound  *b = &bounds[i];
        const sotto_kernels *k = counted_level(b->level);
        for (int n = 1; k && n <= 4; n += 3) {
            double found = count(k, b->dtype, n), most = n == 1 ? b->one : b->four;
            if (found > most)
                printf("%s %s, %d tokens: %.2f instructions for a block, at most %.2f\n", b->level,
                       sotto_dtype_get(b->dtype)->name, n, found, most);
            CHECK(found > 0 && found <= most);
        }
    }
}

int main(int argc, char **argv) {
    check_find_levels();
    if (argc > 1 && strcmp(argv[1], "--table") == 0) return print_table();
    if (TEST_SLOW || steps_of(nothing, NULL) < 0) return SKIPPED;
    return test_main(argc, argv);
}
