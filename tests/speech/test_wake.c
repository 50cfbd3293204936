/* The wake word: heard from every voice of flite, seldom in other speech. */
#include "spoken.h"

static sotto_wake *open_or_skip(const char *phrase) {
    sotto_wake *w;
    sotto_error err = {0};
    if (sotto_wake_open(&w, phrase, NULL, &err) == SOTTO_OK) return w;
    printf("%s\n", err.message);
    exit(err.status == SOTTO_NOT_FOUND ? 77 : 1);
}

/* How often it was heard in a sentence. */
static int count_heard(sotto_wake *w, size_t voice, const char *sentence) {
    spoken s = spoken_by(voice, sentence, 500, 700);
    int    n = 0;
    for (size_t at = 0; at + SOTTO_SPEECH_FRAME <= s.n; at += SOTTO_SPEECH_FRAME)
        n += sotto_wake_feed(w, s.pcm + at, SOTTO_SPEECH_FRAME);
    free(s.pcm);
    return n;
}

TEST(hey_computer) {
    static const char *const with[] = {"hey computer", "hey computer, what time is it", "okay then. hey computer"};
    static const char *const without[] = {
        "set a timer for five minutes and then remind me of the laundry",
        "in the summer we swim in the lake behind the house",
        "turn off the lights in the kitchen and the hall",
        "the meeting with the architect has been moved to thursday afternoon",
        "please come here and look at this picture",
        "who wrote the book about the white whale",
    };
    sotto_wake *w = open_or_skip("Hey  Computer");
    int         heard = 0, wrong = 0;
    for (size_t voice = 0; voice < SOTTO_COUNT(spoken_voices); voice++) {
        for (size_t i = 0; i < SOTTO_COUNT(with); i++) heard += count_heard(w, voice, with[i]) == 1;
        for (size_t i = 0; i < SOTTO_COUNT(without); i++) {
            int n = count_heard(w, voice, without[i]);
            if (n) printf("    %s: \"%s\"\n", spoken_voices[voice].name, without[i]);
            wrong += n;
        }
    }
    printf("    %d of 12 heard once, %d false alarms\n", heard, wrong);
    CHECK(heard >= 11);
    CHECK(wrong <= 2);
    sotto_wake_close(w);
}

TEST(a_phrase_of_a_word_that_no_dictionary_has) {
    sotto_wake *w = open_or_skip("okay zorbleflick");
    CHECK_INT(count_heard(w, 0, "set a timer for five minutes"), 0);
    sotto_wake_close(w);
}

TEST(phrases_that_are_refused) {
    char        longest[200];
    sotto_wake *w;
    sotto_error err = {0};
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    CHECK_INT(sotto_wake_open(&w, longest, NULL, &err), SOTTO_INVALID);
    CHECK_INT(sotto_wake_open(&w, " ", NULL, &err), SOTTO_INVALID);
    CHECK_INT(sotto_wake_open(&w, "h3y", NULL, &err), SOTTO_INVALID);
    CHECK(w == NULL);
}

TEST_MAIN()
