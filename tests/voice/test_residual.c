/* Whose voice it is: made of noise, so that every level is known. */
#include "voice/voice.h"

#include "test.h"

enum { FRAME = SOTTO_AUDIO_FRAME };

typedef struct room {
    sotto_residual residual;
    uint64_t       random;
} room;

/* For so many frames sotto plays `played` loud, 8 dB of which come back; the canceller leaves 30 dB less, and a person
 * is `person` loud. The number of frames until one is suspected; -1: none is. */
static int hear(room *r, int frames, float played, float person) {
    int16_t out[FRAME], echo[FRAME], rest[FRAME];
    int     suspected = -1;
    for (int k = 0; k < frames; k++) {
        for (int i = 0; i < FRAME; i++) {
            float own = played * test_random_float(&r->random);
            out[i] = (int16_t)own;
            echo[i] = (int16_t)(0.4f * own);
            rest[i] = (int16_t)(0.4f * 0.03f * own + person * test_random_float(&r->random));
        }
        sotto_residual_feed(&r->residual, out, echo, rest, person > 0);
        if (suspected < 0 && r->residual.suspected) suspected = k + 1;
    }
    return suspected;
}

static void begin(room *r) {
    *r = (room){.random = 7};
    sotto_residual_reset(&r->residual);
    (void)hear(r, 200, 8000, 0);
}

TEST(what_is_left_of_an_echo_is_nobody) {
    room r;
    r = (room){.random = 7};
    sotto_residual_reset(&r.residual);
    CHECK_INT(hear(&r, 300, 8000, 0), -1);
    for (int i = 0; i < 20; i++) { /* words and pauses */
        CHECK_INT(hear(&r, 15, 2000, 0), -1);
        CHECK_INT(hear(&r, 20, 0, 0), -1);
        CHECK_INT(hear(&r, 25, 12000, 0), -1);
        CHECK(!r.residual.person);
    }
}

TEST(a_person_is_suspected_after_four_frames) {
    room r;
    begin(&r);
    CHECK_INT(hear(&r, 20, 8000, 2000), 4);
    CHECK(r.residual.person);
    begin(&r);
    CHECK_INT(hear(&r, 20, 8000, 100), -1); /* no louder than the rest */
}

TEST(a_click_is_nobody) {
    room r;
    begin(&r);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(hear(&r, 2, 8000, 8000), -1);
        CHECK_INT(hear(&r, 20, 8000, 0), -1);
    }
}

TEST(mistakes_make_it_careful_for_a_while) {
    room r;
    begin(&r);
    CHECK(hear(&r, 10, 8000, 400) > 0);
    for (int i = 0; i < 3; i++) sotto_residual_was_wrong(&r.residual);
    (void)hear(&r, 10, 8000, 0);
    CHECK_INT(hear(&r, 10, 8000, 400), -1);
    CHECK(hear(&r, 10, 8000, 6000) > 0);
    (void)hear(&r, 8000, 8000, 0);
    CHECK(hear(&r, 10, 8000, 400) > 0);
}

TEST_MAIN()
