/* Whether words are a whole request: phrases as a recogniser writes them, whole, cut off, and such as may be either.
 * An answer too early interrupts a person, so a phrase that goes on must not be taken for whole; one that is whole
 * costs a quarter of a second when it is not seen to be. */
#include "speech/speech.h"
#include "test.h"

/* Whole. */
static const char *const whole[] = {
    "set a timer for five minutes",
    "set a timer for twenty five seconds",
    "start a ten minute timer",
    "set a timer for an hour and a half",
    "timer for three minutes",
    "pasta timer for nine minutes",
    "wake me up in twenty minutes",
    "cancel the timer",
    "stop the pasta timer",
    "how much time is left",
    "how long is left on the egg timer",
    "what time is it",
    "what's the time",
    "what day is it",
    "what's the date today",
    "what is today's date",
    "what day of the week is it",
    "remind me to call mom tomorrow",
    "remind me to water the plants at nine pm",
    "what are my reminders",
    "how many miles are in ten kilometers",
    "how many ounces in two pounds",
    "convert ten miles to kilometers",
    "what is five feet in centimeters",
    "seventy degrees fahrenheit in celsius",
    "add milk to my list",
    "add eggs and butter to the shopping list",
    "put bread on the shopping list",
    "take the milk off the list",
    "remove cheese from my shopping list",
    "what's on my list",
    "what is on the shopping list",
    "read me my list",
    "clear the list",
    "volume up",
    "turn the volume down",
    "turn it up",
    "louder please",
    "set the volume to fifty percent",
    "mute",
    "roll a die",
    "roll two dice",
    "flip a coin",
    "heads or tails",
    "tell me a joke",
    "another joke please",
    "never mind",
    "stop",
    "thank you",
    "thanks a lot",
    "good morning",
    "hello",
    "goodbye",
    "repeat that please",
    "say that again",
    "what can you do",
    "who are you",
    "what's your name",
    "yes",
    "no thanks",
    "okay set a timer for ten minutes please",
    "can you tell me the time please",
    "could you turn the lights off",
    "turn off the lights please",
    "um what time is it",
    "double that",
    "cancel that",
    "forget it",
};

/* Plainly go on. */
static const char *const unfinished[] = {
    "set a timer for",
    "set a timer for five",
    "set a",
    "set the",
    "set a timer for an hour and",
    "timer for",
    "wake me",
    "wake me up in",
    "wake me up in twenty",
    "remind me",
    "remind me to",
    "remind me tomorrow to",
    "remind me in ten minutes to",
    "remind me in ten minutes",
    "remind me to call the",
    "remind me at",
    "what's the",
    "what is",
    "what time is",
    "what is fifteen percent of",
    "what is five plus",
    "what is five times",
    "twelve divided by",
    "how many",
    "how many miles are in",
    "how many miles",
    "how much is",
    "convert",
    "convert ten miles",
    "convert ten miles to",
    "add",
    "add milk and",
    "add milk to",
    "add milk to my",
    "add milk to the",
    "put bread on",
    "put bread on the",
    "take the milk off the",
    "what's on my",
    "what is on the",
    "read me my",
    "turn",
    "turn the volume",
    "turn the",
    "set the volume to",
    "set the volume",
    "roll a",
    "roll two",
    "flip a",
    "tell me",
    "tell me a",
    "tell me about the",
    "remember",
    "remember that",
    "remember that my",
    "remember that my locker number is",
    "can you",
    "could you please",
    "i need to",
    "i want you to",
    "and",
    "um",
    "set a timer um",
    "what is the uh",
    "so",
    "the capital of",
    "write a poem about",
    "who is the",
    "play some",
    "call my",
    "when is",
    "why",
    "make it",
    "what about",
};

/* May be either. */
static const char *const unsure[] = {
    "",
    "remember that my locker number is forty two",
    "add milk",
    "put bread",
    "what is five plus three",
    "what is fifteen percent of eighty",
    "thirty seven times twelve",
    "write a poem about autumn",
    "tell me about the romans",
    "who is the president of france",
    "play some quiet music",
    "xylophone",
    "remind me to call mom",
    "remind me in ten minutes to check the oven",
    "remind me to water the plants at nine",
    "the weather",
    "explain how rainbows work",
    "where did i park the car",
    "my sister lives in boston",
    "i think so",
    "set the volume to five",
    "pasta",
};

static const char *const names[] = {"unsure", "complete", "incomplete"};

static size_t count_wrong(const char *const *phrases, size_t n, sotto_completeness want) {
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        sotto_completeness got = sotto_completeness_of(phrases[i]);
        if (got == want) continue;
        wrong++;
        printf("    \"%s\" is %s, expected %s\n", phrases[i], names[got], names[want]);
    }
    return wrong;
}

TEST(whole_requests) { CHECK_INT(count_wrong(whole, SOTTO_COUNT(whole), SOTTO_COMPLETE), 0); }
TEST(unfinished_requests) { CHECK_INT(count_wrong(unfinished, SOTTO_COUNT(unfinished), SOTTO_INCOMPLETE), 0); }
TEST(either) { CHECK_INT(count_wrong(unsure, SOTTO_COUNT(unsure), SOTTO_UNSURE), 0); }

/* The beginnings of whole requests: few are whole requests themselves. */
TEST(beginnings) {
    static const char *const also_whole[] = {
        "thanks", "repeat that", "say that", "no", "stop", "louder", "another joke", "can you tell me the time",
        "okay set a timer for ten minutes", "turn off the lights", "what's the date", "how long is left",
        "what day is it", "set a timer for an hour",
    };
    size_t wrong = 0, n = 0;
    for (size_t i = 0; i < SOTTO_COUNT(whole); i++)
        for (const char *p = strchr(whole[i], ' '); p; p = strchr(p + 1, ' '), n++) {
            char text[128];
            bool known = false;
            (void)snprintf(text, sizeof text, "%.*s", (int)(p - whole[i]), whole[i]);
            for (size_t k = 0; k < SOTTO_COUNT(also_whole); k++) known |= strcmp(text, also_whole[k]) == 0;
            if (known || sotto_completeness_of(text) != SOTTO_COMPLETE) continue;
            wrong++;
            printf("    \"%s\" is taken for whole\n", text);
        }
    printf("    %zu beginnings\n", n);
    CHECK_INT(wrong, 0);
}

TEST(text_that_is_no_speech) {
    char      text[4096];
    uint64_t  random = 1;
    for (int i = 0; i < 2000; i++) {
        size_t n = test_random(&random) % sizeof text;
        for (size_t k = 0; k < n; k++)
            text[k] = (char)(test_random(&random) % 4 ? 'a' + test_random(&random) % 26 : ' ');
        text[n ? n - 1 : 0] = '\0';
        CHECK_INT(sotto_completeness_of(text) == SOTTO_COMPLETE, 0);
    }
}

TEST_MAIN()
