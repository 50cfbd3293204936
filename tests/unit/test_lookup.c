/* Which guesses are made, and when they are worth computing. */
#include "test.h"

#include "runtime/lookup.h"

static sotto_lookup l;

static int32_t guess(const int32_t *ids, size_t n, int32_t most) { /* the last of ids is the next token */
    return sotto_lookup_guess(&l, ids, n - 1, ids[n - 1], most);
}
#define GUESS(most, ...)                                                                                     \
    guess((const int32_t[]){__VA_ARGS__}, sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t), most)

TEST(what_followed_before_is_guessed) {
    sotto_lookup_init(&l, 0);
    CHECK_INT(GUESS(3, 5, 6, 7, 8, 9, 1, 5, 6), 3);
    CHECK_INT(l.length, 2);
    CHECK(l.guesses[0] == 7 && l.guesses[1] == 8 && l.guesses[2] == 9);
    CHECK_INT(GUESS(3, 5, 6, 7, 8, 9, 1, 4, 6), 0); /* one token is no match */
    CHECK_INT(GUESS(3, 5), 0);
    CHECK_INT(GUESS(3, 5, 6), 0);
    CHECK_INT(GUESS(0, 5, 6, 7, 5, 6), 0);
}

TEST(the_longest_match_counts_and_among_equals_the_latest) {
    sotto_lookup_init(&l, 0);
    (void)GUESS(1, 1, 2, 3, 40, 9, 2, 3, 41, 1, 2, 3);
    CHECK_INT(l.length, 3);
    CHECK_INT(l.guesses[0], 40);
    (void)GUESS(1, 2, 3, 40, 9, 2, 3, 41, 7, 2, 3);
    CHECK_INT(l.length, 2);
    CHECK_INT(l.guesses[0], 41);
    (void)GUESS(1, 1, 2, 3, 4, 5, 6, 50, 2, 3, 4, 5, 6, 51, 1, 2, 3, 4, 5, 6); /* beyond four tokens nobody looks */
    CHECK_INT(l.length, 4);
    CHECK_INT(l.guesses[0], 51);
}

TEST(guesses_go_round_where_the_text_does) {
    sotto_lookup_init(&l, 0);
    CHECK_INT(GUESS(7, 1, 2, 3, 1, 2, 3), 7);
    const int32_t expected[] = {1, 2, 3, 1, 2, 3, 1};
    CHECK(memcmp(l.guesses, expected, sizeof expected) == 0);
    CHECK_INT(GUESS(2, 4, 4, 4), 2);
    CHECK(l.guesses[0] == 4 && l.guesses[1] == 4);
}

/* A pass that costs 1 + c (k + 1) pays from the share on at which 1 + p + ... + p^k tokens make up for it. */
TEST(guesses_are_computed_as_long_as_they_pay) {
    static const int32_t ids[] = {1, 2, 3, 1, 2, 3};
    int                  tries = 0, silent = 0;
    sotto_lookup_init(&l, 0.3);
    CHECK_INT(guess(ids, 6, 7), 0); /* a share of 0.5: 1.5 tokens for 1.6, 1.75 for 1.9 */
    sotto_lookup_see(&l, 1);
    l.came_true[3] = 0.7;
    CHECK_INT(guess(ids, 6, 1), 1); /* 1.7 for 1.6 */
    CHECK_INT(guess(ids, 6, 7), 2); /* 2.19 for 1.9; 2.53 for 2.2 would be less by the pass */
    sotto_lookup_see(&l, 1);
    for (int i = 0; i < 40; i++) {
        CHECK(guess(ids, 6, 7) >= 1);
        for (int32_t k = 0; k < l.n; k++) sotto_lookup_see(&l, l.guesses[k]);
    }
    CHECK_INT(guess(ids, 6, 7), 7); /* all came true */
    CHECK_INT(guess(ids, 6, 2), 2);
    for (int i = 0; i < 100; i++) { /* none does any more */
        tries += guess(ids, 6, 7);
        sotto_lookup_see(&l, 99);
    }
    CHECK(tries <= 25);
    CHECK_INT(guess(ids, 6, 7), 0);
    while (guess(ids, 6, 7) == 0 && silent < 100) { /* judged though not computed: it comes back by itself */
        sotto_lookup_see(&l, 1);
        silent++;
    }
    CHECK(silent > 3 && silent < 20);
}

TEST(a_guess_that_costs_a_pass_never_pays) {
    static const int32_t ids[] = {1, 2, 3, 1, 2, 3};
    sotto_lookup_init(&l, 1);
    for (int i = 0; i < 200; i++) {
        CHECK_INT(guess(ids, 6, 7), 0);
        sotto_lookup_see(&l, 1);
    }
}

TEST(matches_of_each_length_are_judged_alone) {
    static const int32_t two[] = {1, 2, 3, 9, 2, 3, 5, 2, 3}, four[] = {7, 8, 9, 6, 5, 7, 8, 9, 6};
    sotto_lookup_init(&l, 0.3);
    for (int i = 0; i < 10; i++) {
        (void)guess(two, 9, 7);
        sotto_lookup_see(&l, 99);
    }
    for (int i = 0; i < 10; i++) {
        (void)guess(four, 9, 7);
        sotto_lookup_see(&l, 5);
    }
    CHECK_INT(guess(two, 9, 7), 0);
    CHECK(guess(four, 9, 7) > 0);
}

TEST_MAIN()
