/* The replay engine: partials by the sound that was fed, finals in order, and files that are refused. */
#include "os/os.h"
#include "speech/replay.h"
#include "speech/speech.h"
#include "test.h"

static sotto_stt *open_text(const char *text) {
    const char       *folder = getenv("TMPDIR");
    char              path[512];
    sotto_stt        *s = NULL;
    sotto_error       err = {0};
    sotto_stt_options opt = sotto_stt_options_default();
    (void)snprintf(path, sizeof path, "%s/sotto-replay-%llx", folder ? folder : "/tmp",
                   (unsigned long long)sotto_random_seed());
    FILE *f = fopen(path, "w");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
    opt.engine = "replay", opt.model = path;
    CHECK_OK(sotto_stt_open(&s, &opt, &err), err);
    CHECK_INT(remove(path), 0);
    return s;
}

static void feed_ms(sotto_stt *s, int ms) {
    static const int16_t silence[SOTTO_SPEECH_FRAME];
    sotto_error          err = {0};
    for (int i = 0; i < ms; i += 10) CHECK_OK(sotto_stt_feed(s, silence, SOTTO_SPEECH_FRAME, &err), err);
}

TEST(partials_and_finals) {
    sotto_stt  *s = open_text("# two requests\n400 Set the\n900   set the timer\r\n=0.75 set a timer\n\n"
                              "= What time is it\n");
    sotto_error err = {0};
    const char *text;
    float       confidence;
    CHECK_OK(sotto_stt_start(s, &err), err);
    CHECK_STR(sotto_stt_partial(s), "");
    feed_ms(s, 390);
    CHECK_STR(sotto_stt_partial(s), "");
    feed_ms(s, 10);
    CHECK_STR(sotto_stt_partial(s), "set the");
    feed_ms(s, 600);
    CHECK_STR(sotto_stt_partial(s), "set the timer");
    CHECK_OK(sotto_stt_start(s, &err), err); /* dropped: it comes again */
    CHECK_STR(sotto_stt_partial(s), "");
    feed_ms(s, 400);
    CHECK_STR(sotto_stt_partial(s), "set the");
    CHECK_OK(sotto_stt_final(s, &text, &confidence, &err), err);
    CHECK_STR(text, "set a timer");
    CHECK(confidence == 0.75f);
    CHECK_INT(sotto_stt_feed(s, NULL, 0, &err), SOTTO_INVALID);
    CHECK_OK(sotto_stt_again(s, &err), err); /* it was not over */
    CHECK_STR(sotto_stt_partial(s), "");
    feed_ms(s, 400);
    CHECK_STR(sotto_stt_partial(s), "set the");
    CHECK_OK(sotto_stt_final(s, &text, &confidence, &err), err);
    CHECK_STR(text, "set a timer");
    for (int i = 0; i < 2; i++) {
        CHECK_OK(sotto_stt_start(s, &err), err);
        feed_ms(s, 2000);
        CHECK_STR(sotto_stt_partial(s), "");
        CHECK_OK(sotto_stt_final(s, &text, &confidence, &err), err);
        CHECK_STR(text, i == 0 ? "what time is it" : "");
        CHECK(confidence == 1);
    }
    sotto_stt_close(s);
}

TEST(what_is_refused) {
    static const char *const cases[] = {
        "hello\n", "= a\n\n100\x01 b\n= b\n", "900 b\n400 a\n= c\n", "400 a\n", "=1.5 a\n", "=x a\n", "-4 a\n= b\n",
        "9999999999 a\n= b\n", "99999999 a\n= b\n", "4.0.0 a\n= b\n", ". a\n= b\n",
    };
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        sotto_replay_script script;
        sotto_arena         arena = {0};
        sotto_error         err = {0};
        CHECK_INT(sotto_replay_read(&script, &arena, "file", cases[i], strlen(cases[i]), &err), SOTTO_FORMAT);
        CHECK(strncmp(err.message, "file:", 5) == 0);
        sotto_arena_free(&arena);
    }
    sotto_stt_options opt = sotto_stt_options_default();
    sotto_error       err = {0};
    sotto_stt        *s;
    opt.engine = "replay";
    CHECK_INT(sotto_stt_open(&s, &opt, &err), SOTTO_INVALID);
    opt.model = "/nowhere/replay.txt";
    CHECK_INT(sotto_stt_open(&s, &opt, &err), SOTTO_NOT_FOUND);
}

TEST_MAIN()
