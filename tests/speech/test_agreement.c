/* LocalAgreement: the words that the last partials agree on. */
#include "speech/speech.h"
#include "test.h"

static void check(int n, const char *const *feeds, const char *const *wants) {
    sotto_agreement a = {0};
    sotto_agreement_reset(&a, n);
    for (size_t i = 0; feeds[i]; i++) CHECK_STR(sotto_agreement_feed(&a, feeds[i]), wants[i]);
    sotto_agreement_free(&a);
}
#define LIST(...) (const char *const[]){__VA_ARGS__, NULL}

TEST(two_must_agree) {
    check(2, LIST("set", "set a", "set a time", "set a timer", "set a timer for"),
          LIST("", "set", "set a", "set a", "set a timer"));
}

TEST(three_must_agree) {
    check(3, LIST("what", "what time", "what times it", "what time is it", "what time is it", "what time is it"),
          LIST("", "", "what", "what", "what", "what time is it"));
}

TEST(one_is_enough) { check(1, LIST("a", "b c", "b", ""), LIST("a", "b c", "b c", "b c")); }

TEST(a_word_is_whole) { check(2, LIST("add", "address", "address the"), LIST("", "", "address")); }

TEST(a_shorter_partial_takes_nothing_back) {
    check(2, LIST("set a timer", "set a timer", "set", "", "set a timer for"),
          LIST("", "set a timer", "set a timer", "set a timer", "set a timer"));
}

TEST(a_contradiction_does) {
    check(2, LIST("set a timer for", "set a timer for", "set the alarm", "set the alarm", "stop", "stop"),
          LIST("", "set a timer for", "set", "set the alarm", "", "stop"));
}

TEST(many_partials_and_the_next_utterance) {
    sotto_agreement a = {0};
    char            text[64];
    sotto_agreement_reset(&a, SOTTO_AGREEMENT_MAX);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(text, sizeof text, "the same %d", i / SOTTO_AGREEMENT_MAX);
        const char *agreed = sotto_agreement_feed(&a, text);
        if (i < SOTTO_AGREEMENT_MAX - 1) CHECK_STR(agreed, "");
        else CHECK_STR(agreed, (i + 1) % SOTTO_AGREEMENT_MAX == 0 ? text : "the same");
    }
    sotto_agreement_reset(&a, 2);
    CHECK_STR(sotto_agreement_feed(&a, "the same"), "");
    CHECK_STR(sotto_agreement_feed(&a, "the same"), "the same");
    sotto_agreement_free(&a);
}

TEST_MAIN()
