/* The voices that are installed: how much they say, at which speed, that they can be stopped, and that they say the
 * same twice. */
#define _POSIX_C_SOURCE 200809L
#include "speech/tts.h"

#include "test.h"

typedef struct sound {
    size_t   n, calls, after_stop;
    size_t   stop_after; /* calls; 0: never */
    uint64_t sum;        /* FNV-1a of the samples */
    int      peak;
} sound;

static bool receive(void *user, const int16_t *pcm, size_t n) {
    sound *s = user;
    s->after_stop += s->stop_after > 0 && s->calls >= s->stop_after;
    s->calls++;
    for (size_t i = 0; i < n; i++) {
        s->sum = (s->sum ^ (uint16_t)pcm[i]) * 0x100000001b3u;
        s->peak = SOTTO_MAX(s->peak, abs(pcm[i]));
    }
    s->n += n;
    return s->stop_after == 0 || s->calls < s->stop_after;
}

static sotto_status speak(sotto_tts *t, const char *text, sound *s) {
    sotto_error  err = {0};
    sotto_status status = sotto_tts_speak(t, text, receive, s, &err);
    if (status != SOTTO_OK && status != SOTTO_CANCELLED) TEST_FAIL("\"%.30s\": %s", text, err.message);
    if (status != SOTTO_OK) CHECK(err.status == status && err.message[0]);
    return status;
}

/* NULL, and a line that says so, where the voice is not installed. */
static sotto_tts *open_voice(const char *name, float speed) {
    sotto_tts        *t = NULL;
    sotto_error       err = {0};
    sotto_tts_options opt = {.voice = name, .speed = speed};
    sotto_status      status = sotto_tts_open(&t, &opt, &err);
    if (status == SOTTO_OK) return t;
    if (status == SOTTO_NOT_FOUND && strstr(err.message, "apt install")) printf("skipped: %s\n", err.message);
    else TEST_FAIL("%s: %s", name, err.message);
    return NULL;
}

static float seconds(const sotto_tts *t, const sound *s) { return (float)s->n / (float)sotto_tts_rate(t); }

static const char sentence[] = "The weather is nice today.";

TEST(every_voice_speaks) {
    for (size_t i = 0; sotto_tts_name_at(i); i++) {
        sotto_tts *t = open_voice(sotto_tts_name_at(i), 1);
        sound      a = {0}, b = {0}, nothing = {0}, odd = {0};
        if (!t) continue;
        int32_t rate = sotto_tts_rate(t);
        CHECK(rate == 16000 || rate == 24000 || rate == 32000);
        CHECK_INT(speak(t, sentence, &a), SOTTO_OK);
        if (seconds(t, &a) < 0.8f || seconds(t, &a) > 4 || a.peak < 2000 || a.calls < 5)
            TEST_FAIL("%s: %g s, peak %d, %zu blocks", sotto_tts_name_at(i), (double)seconds(t, &a), a.peak, a.calls);
        CHECK_INT(speak(t, sentence, &b), SOTTO_OK);
        CHECK(a.n == b.n && a.sum == b.sum);
        CHECK_INT(speak(t, "", &nothing), SOTTO_OK);
        CHECK_INT(speak(t, " ... \n?!", &nothing), SOTTO_OK);
        CHECK_INT(nothing.calls, 0);
        static const char weird[] = "\x01\xff caf\xc3\xa9 <b> $( ) `ls` ' \" \\ %s \xe6\x97\xa5 \xf0\x9f\x98\x80 --h";
        CHECK_INT(speak(t, weird, &odd), SOTTO_OK);
        CHECK(odd.n > 0);
        sotto_tts_close(t);
    }
}

TEST(speed) {
    for (size_t i = 0; sotto_tts_name_at(i); i++) {
        sotto_tts *t = open_voice(sotto_tts_name_at(i), 1), *fast = open_voice(sotto_tts_name_at(i), 1.6f);
        sound      a = {0}, b = {0}, c = {0};
        if (t && fast) {
            (void)speak(t, sentence, &a);
            (void)speak(fast, sentence, &b);
            float ratio = (float)a.n / (float)SOTTO_MAX(b.n, 1);
            if (ratio < 1.3f || ratio > 1.9f) TEST_FAIL("%s: %g times as fast", sotto_tts_name_at(i), (double)ratio);
            (void)speak(t, sentence, &c); /* the other's speed is its own */
            CHECK_INT(c.n, a.n);
        }
        sotto_tts_close(t);
        sotto_tts_close(fast);
    }
}

TEST(stopping) {
    for (size_t i = 0; sotto_tts_name_at(i); i++) {
        sotto_tts *t = open_voice(sotto_tts_name_at(i), 1);
        sound      a = {.stop_after = 3}, b = {0};
        if (!t) continue;
        CHECK_INT(speak(t, sentence, &a), SOTTO_CANCELLED);
        CHECK_INT(a.calls, 3);
        CHECK_INT(a.after_stop, 0);
        CHECK_INT(speak(t, "Yes.", &b), SOTTO_OK); /* and goes on after that */
        CHECK(b.n > 0);
        sotto_tts_close(t);
    }
}

/* More than an engine takes at once, with blanks and without. */
TEST(long_text) {
    sotto_tts *t = open_voice("flite:kal16", 1);
    sotto_buf  text = {0};
    sound      a = {0}, b = {0};
    if (!t) return;
    for (int i = 0; i < 100; i++) (void)sotto_buf_puts(&text, "This is one more sentence, and it is not short. ");
    CHECK_INT(speak(t, text.data, &a), SOTTO_OK);
    CHECK(seconds(t, &a) > 150 && seconds(t, &a) < 500);
    sotto_buf_clear(&text);
    for (int i = 0; i < 300; i++) (void)sotto_buf_puts(&text, "\xc3\xa4" "bcdefgh");
    CHECK_INT(speak(t, text.data, &b), SOTTO_OK);
    CHECK(b.n > 0);
    sotto_buf_free(&text);
    sotto_tts_close(t);
}

/* ---- what is refused ------------------------------------------------------------------------------------ */

static void check_refused(const char *voice, float speed, sotto_status want, const char *says) {
    sotto_tts        *t = NULL;
    sotto_error       err = {0};
    sotto_tts_options opt = {.voice = voice, .speed = speed};
    CHECK_INT(sotto_tts_open(&t, &opt, &err), want);
    if (!strstr(err.message, says)) TEST_FAIL("%s: \"%s\" does not say \"%s\"", voice, err.message, says);
    sotto_tts_close(t);
}

TEST(refused) {
    check_refused("flite", 0.49f, SOTTO_INVALID, "between 0.5 and 2");
    check_refused("flite", 2.01f, SOTTO_INVALID, "between 0.5 and 2");
    check_refused("flite", NAN, SOTTO_INVALID, "between 0.5 and 2");
    check_refused("nobody", 1, SOTTO_NOT_FOUND, "flite:slt, flite:rms");
    check_refused("flite:kal", 1, SOTTO_NOT_FOUND, "espeak:en-gb");
    check_refused("", 1, SOTTO_NOT_FOUND, "flite:slt");
    check_refused("espeak:../x", 1, SOTTO_INVALID, "espeak:en-us");
    check_refused("espeak:-q", 1, SOTTO_INVALID, "espeak:en-us");
    check_refused("espeak:", 1, SOTTO_INVALID, "espeak:en-us");
    sotto_tts *t = open_voice("espeak:en-us", 1);
    if (t) check_refused("espeak:qq-none", 1, SOTTO_NOT_FOUND, "qq-none");
    sotto_tts_close(t);
}

TEST(names) {
    CHECK_STR(sotto_tts_name_at(0), "flite:slt");
    CHECK(sotto_tts_name_at(1000) == NULL);
    sotto_tts *t = NULL;
    CHECK_INT(sotto_tts_open(&t, NULL, NULL), SOTTO_OK);
    CHECK_INT(t ? sotto_tts_rate(t) : 0, 16000);
    sotto_tts_close(t);
    sotto_tts_close(NULL);
}

/* The last of all, as it leaves nothing to be found. */
TEST(without_the_program) {
    CHECK_INT(setenv("PATH", "/nonexistent", 1), 0);
    check_refused("espeak:en-us", 1, SOTTO_NOT_FOUND, "apt install espeak-ng");
}

TEST_MAIN()
