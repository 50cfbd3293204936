/* The end of an utterance: a state machine fed with made-up traces of voice, and what it says when. */
#include "speech/speech.h"
#include "test.h"

/* A trace: pairs of letter and count of frames, "v30 .50"; events are written as they come, with the
 * frame: "S9 P56". */
typedef struct run {
    sotto_endpoint e;
    int            frame;
    char           events[512];
} run;

static void begin(run *r, const sotto_endpoint_options *opt) {
    memset(r, 0, sizeof *r);
    sotto_endpoint_reset(&r->e, opt);
}

static void feed(run *r, bool voiced, sotto_completeness completeness) {
    static const char  letters[] = {0, 'S', 'P', 'C', 'R', 'E'};
    sotto_endpoint_event event = sotto_endpoint_feed(&r->e, voiced, completeness);
    size_t               n = strlen(r->events);
    r->frame++;
    if (event) (void)snprintf(r->events + n, sizeof r->events - n, "%s%c%d", n ? " " : "", letters[event], r->frame);
}

static void trace(run *r, const char *text, sotto_completeness completeness) {
    for (const char *p = text; *p; p += strspn(p, " ")) {
        char *end;
        bool  voiced = *p == 'v';
        for (long n = strtol(p + 1, &end, 10); n > 0; n--) feed(r, voiced, completeness);
        p = end;
    }
}

static const char *events_of(run *r, const char *text, sotto_completeness completeness) {
    begin(r, NULL);
    trace(r, text, completeness);
    return r->events;
}

TEST(a_sentence_and_its_end_by_completeness) {
    run r;
    CHECK_STR(events_of(&r, ".100 v100 .150", SOTTO_UNSURE), "S109 P220 C238 E250");
    CHECK_STR(events_of(&r, ".100 v100 .150", SOTTO_COMPLETE), "S109 C213 P220 E225");
    CHECK_STR(events_of(&r, ".100 v100 .150", SOTTO_INCOMPLETE), "S109 P220 C238 E320");
}

TEST(completeness_may_change_while_it_is_silent) {
    run r;
    begin(&r, NULL);
    trace(&r, ".10 v50 .30", SOTTO_INCOMPLETE);
    CHECK_STR(r.events, "S19 P80");
    feed(&r, false, SOTTO_COMPLETE);
    CHECK_STR(r.events, "S19 P80 E91");
}

TEST(when_it_began) {
    run r;
    begin(&r, NULL);
    trace(&r, ".50 v9", SOTTO_UNSURE);
    CHECK_STR(r.events, "S59");
    CHECK_INT(r.e.since_ms, 90);
    CHECK_INT(r.e.speech_ms, 90);
    begin(&r, NULL); /* with a gap */
    trace(&r, ".50 v5 .3 v4", SOTTO_UNSURE);
    CHECK_STR(r.events, "S62");
    CHECK_INT(r.e.since_ms, 120);
}

TEST(a_cough_and_clicks_are_no_utterance) {
    run r;
    CHECK_STR(events_of(&r, ".50 v8 .200", SOTTO_UNSURE), "");
    CHECK_STR(events_of(&r, ".50 v4 .15 v4 .15 v4 .15 v4 .50", SOTTO_UNSURE), "");
    CHECK_STR(events_of(&r, ".50 v1 .9 v1 .9 v1 .9 v1 .9 v1 .9 v1 .9 v1 .9 v1 .9 v1 .9 v1 .9", SOTTO_UNSURE), "");
}

TEST(a_pause_in_a_sentence) {
    run r;
    CHECK_STR(events_of(&r, ".20 v60 .15 v60 .60", SOTTO_UNSURE), "S29 P175 C193 E205");           /* 150 ms */
    CHECK_STR(events_of(&r, ".20 v60 .30 v60 .60", SOTTO_UNSURE), "S29 P100 R113 P190 C208 E220"); /* 300 ms */
    CHECK_STR(events_of(&r, ".20 v60 .90 v60 .130", SOTTO_INCOMPLETE), "S29 P100 C118 R173 P250 C268 E350");
    CHECK_STR(events_of(&r, ".20 v60 .90 v60 .60", SOTTO_UNSURE), "S29 P100 C118 E130 S179 P250 C268 E280"); /* two */
}

TEST(who_goes_on_when_the_end_was_near) {
    run r;
    CHECK_STR(events_of(&r, ".20 v60 .15 v60 .60", SOTTO_COMPLETE), "S29 C93 R98 C168 P175 E180");
    CHECK_STR(events_of(&r, ".20 v60 .45 v60 .60", SOTTO_UNSURE), "S29 P100 C118 R128 P205 C223 E235");
}

TEST(clicks_do_not_break_a_silence) {
    run r;
    CHECK_STR(events_of(&r, ".20 v60 .10 v1 .10 v2 .10 v1 .40", SOTTO_UNSURE), "S29 P100 C118 E130");
    CHECK_STR(events_of(&r, ".20 v60 .10 v3 .60", SOTTO_UNSURE), "S29 P113 C131 E143"); /* a sound does */
}

TEST(a_microphone_that_runs_away) {
    run r;
    CHECK_STR(events_of(&r, ".20 v4000", SOTTO_UNSURE), "S29 E1520");
    trace(&r, ".10 v100", SOTTO_UNSURE); /* not silent for long enough */
    CHECK_STR(r.events, "S29 E1520");
    trace(&r, ".30 v50 .60", SOTTO_UNSURE);
    CHECK_STR(r.events, "S29 E1520 S4169 P4230 C4248 E4260");
}

/* A fan is switched on: to a detector it is a voice for a second, until it has become the room. */
TEST(a_fan_that_is_switched_on) {
    run r;
    CHECK_STR(events_of(&r, ".100 v100 .100", SOTTO_UNSURE), "S109 P220 C238 E250");
    CHECK_STR(events_of(&r, ".20 v40 .10 v150 .100", SOTTO_UNSURE), "S29 P240 C258 E270");
}

TEST(a_detector_that_is_wrong_now_and_then) {
    run      r;
    uint64_t random = 7;
    int      right = 0;
    for (int k = 0; k < 200; k++) {
        begin(&r, NULL);
        for (int i = 0; i < 400; i++) {
            bool truth = i >= 100 && i < 250, wrong = test_random(&random) % 100 < 4;
            feed(&r, truth != wrong, SOTTO_UNSURE);
        }
        int start = 0, end = 0, n = 0;
        const char *last = strrchr(r.events, 'E');
        if (sscanf(r.events, "S%d %n", &start, &n) == 1 && last) end = atoi(last + 1);
        right += start >= 105 && start <= 115 && end >= 298 && end <= 330;
    }
    CHECK(right >= 195);
}

TEST(options) {
    sotto_endpoint_options opt = sotto_endpoint_options_default();
    run                    r;
    CHECK_INT(opt.start_ms, 90);
    CHECK_INT(opt.longest_ms, 15000);
    opt = (sotto_endpoint_options){.start_ms = 300, .speculative_ms = 1000, .complete_ms = 300, .unsure_ms = 300,
                                   .incomplete_ms = 300, .longest_ms = 1000};
    begin(&r, &opt);
    trace(&r, ".20 v50 .40", SOTTO_UNSURE);
    CHECK_STR(r.events, "S50 C88 E100"); /* never speculative */
    begin(&r, &opt);
    trace(&r, ".20 v200", SOTTO_UNSURE);
    CHECK_STR(r.events, "S50 E120");
}

TEST_MAIN()
