/* The test harness: one header, no state beyond this program.
 *
 *   TEST(name) { CHECK(cond); CHECK_INT(got, want); CHECK_STR(got, want); }
 *   TEST_MAIN()
 *
 * A failed check prints both values and the place, and the test goes on; the program exits with 1. A name
 * given on the command line runs only tests whose name contains it. */
#ifndef SOTTO_TEST_H
#define SOTTO_TEST_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
} test_case;

static test_case *test_first, **test_last = &test_first;
static int        test_checks, test_failures;

#define TEST(id)                                                                                             \
    static void      test_##id(void);                                                                        \
    static test_case test_case_##id = {#id, test_##id, NULL};                                                \
    __attribute__((constructor)) static void test_register_##id(void) {                                      \
        *test_last = &test_case_##id;                                                                        \
        test_last = &test_case_##id.next;                                                                    \
    }                                                                                                        \
    static void test_##id(void)

#define TEST_FAIL(...)                                                                                       \
    (test_failures++, printf("%s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), (void)printf("\n"))
#define CHECK(cond) (test_checks++, (cond) ? (void)0 : TEST_FAIL("failed: %s", #cond))
#define CHECK_INT(got, want)                                                                                 \
    do {                                                                                                     \
        long long got_ = (long long)(got), want_ = (long long)(want);                                        \
        test_checks++;                                                                                       \
        if (got_ != want_) TEST_FAIL("%s is %lld, expected %lld", #got, got_, want_);                        \
    } while (0)
#define CHECK_STR(got, want)                                                                                 \
    do {                                                                                                     \
        const char *got_ = (got), *want_ = (want);                                                           \
        test_checks++;                                                                                       \
        if (!got_ || strcmp(got_, want_) != 0)                                                               \
            TEST_FAIL("%s is \"%s\", expected \"%s\"", #got, got_ ? got_ : "(null)", want_);                 \
    } while (0)
/* A sotto_status is SOTTO_OK, else print the error's message. */
#define CHECK_OK(expr, err)                                                                                  \
    do {                                                                                                     \
        int status_ = (int)(expr);                                                                           \
        test_checks++;                                                                                       \
        if (status_ != 0) TEST_FAIL("%s gave status %d: %s", #expr, status_, (err).message);                 \
    } while (0)

/* How often something random is repeated, or large is tried: where everything is slow, under a sanitizer or an emulated
 * processor, a fifth of it, since the plain build does the whole. */
#ifdef SOTTO_TEST_SLOW
enum { TEST_SLOW = 1 };
#else
enum { TEST_SLOW = 0 };
#endif
#define TEST_ROUNDS(n) (TEST_SLOW && (n) >= 5 ? (n) / 5 : (n))

/* A generator with a fixed seed, so that a failure repeats. */
static inline uint64_t test_random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
static inline float test_random_float(uint64_t *state) { /* in [-1, 1) */
    return (float)((double)(test_random(state) >> 11) / 4503599627370496.0 - 1.0);
}

static int test_main(int argc, char **argv) {
    int ran = 0;
    for (test_case *t = test_first; t; t = t->next) {
        if (argc > 1 && !strstr(t->name, argv[1])) continue;
        int before = test_failures;
        t->run();
        ran++;
        printf("%s %s\n", test_failures == before ? "ok  " : "FAIL", t->name);
    }
    printf("%d tests, %d checks, %d failures\n", ran, test_checks, test_failures);
    return test_failures || !ran ? 1 : 0;
}
#define TEST_MAIN()                                                                                          \
    int main(int argc, char **argv) { return test_main(argc, argv); }

#endif
