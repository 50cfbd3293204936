/* Turns that do not go smoothly: interruptions, second thoughts, noises, echoes, silence. All but one in lockstep, so
 * that what happens does not depend on the machine; the voice's threads take part as ever. */
#include "os/os.h"
#include "voice/scene.h"

static bool have_voice(sotto_error *err) {
    sotto_stt *stt;
    if (sotto_stt_open(&stt, NULL, err)) return false;
    sotto_stt_close(stt);
    return true;
}

#define NEED_RECOGNISER()                                                                                              \
    do {                                                                                                               \
        sotto_error need_err;                                                                                          \
        if (!have_voice(&need_err)) {                                                                                  \
            printf("skipped: %s\n", need_err.message);                                                                 \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

/* Feed until the state is this one, at most `ms`. */
static bool wait_for(scene *s, sotto_voice_state state, int ms) {
    static const int16_t zeros[SOTTO_VOICE_FRAME];
    for (int i = 0; i < ms / 10 && sotto_voice_get_state(s->voice) != state; i++) scene_frame(s, zeros, NULL);
    return sotto_voice_get_state(s->voice) == state;
}

static void quiet(scene *s, int ms) {
    sound silence = {0};
    sound_silence(&silence, ms);
    scene_hear(s, &silence);
    sotto_buf_free(&silence.pcm);
}

/* Without the silence that the voice puts before and behind. */
static void say(scene *s, const char *voice, const char *text) {
    sound  said = {0};
    size_t begin, end;
    sound_say(&said, voice, text, &begin, &end);
    for (size_t i = begin; i + SOTTO_VOICE_FRAME <= end; i += SOTTO_VOICE_FRAME)
        scene_frame(s, sound_samples(&said) + i, NULL);
    sotto_buf_free(&said.pcm);
}

static size_t n_exchanges(const scene *s) {
    size_t                 n, n_user = 0;
    const sotto_chat_turn *turns = sotto_dialog_turns(s->dialog, &n);
    for (size_t i = 0; i < n; i++) n_user += strcmp(turns[i].role, "user") == 0;
    return n_user;
}

/* All user turns of the history, with bars between them. */
static void history_says(const scene *s, sotto_buf *out) {
    sotto_bytes json = {0};
    sotto_error err;
    int64_t     id;
    size_t      i;
    json_t     *m;
    sotto_buf_clear(out);
    if (sotto_history_last(s->history, &id, &err)) return; /* nothing */
    CHECK_OK(sotto_history_export(s->history, id, SOTTO_HISTORY_JSON, &json, &err), err);
    json_t *doc = json_loads(json.data ? json.data : "", 0, NULL);
    json_array_foreach(json_object_get(doc, "messages"), i, m)
        if (strcmp(json_string_value(json_object_get(m, "role")), "user") == 0)
            (void)sotto_buf_printf(out, "%s|", json_string_value(json_object_get(m, "content")));
    json_decref(doc);
    sotto_bytes_free(&json);
}

TEST(a_turn_is_kept_before_the_next_begins) {
    NEED_RECOGNISER();
    scene     s;
    sotto_buf kept = {0};
    scene_open(&s, NULL);
    quiet(&s, 400);
    say(&s, "flite:rms", "What time is it?");
    scene_finish(&s);
    history_says(&s, &kept);
    CHECK_STR(kept.data, "what time is it|");
    say(&s, "flite:slt", "What is on the shopping list?");
    scene_finish(&s);
    history_says(&s, &kept);
    CHECK_STR(kept.data, "what time is it|what is on the shopping list|");
    CHECK_INT(s.n[SOTTO_VOICE_DONE], 2);
    CHECK_INT(s.n[SOTTO_VOICE_AUDIO_START], 2);
    CHECK(s.latency.audio_start >= 0 && s.latency.audio_start <= 700);
    sotto_buf_free(&kept);
    scene_close(&s);
}

TEST(who_speaks_into_an_answer_stops_it) {
    NEED_RECOGNISER();
    scene s;
    sound stop = {0};
    size_t begin, end;
    scene_open(&s, NULL);
    quiet(&s, 400);
    say(&s, "flite:rms", "What can you do?");
    CHECK(wait_for(&s, SOTTO_VOICE_SPEAKING, 3000));
    size_t before = s.played.len;
    quiet(&s, 1500);
    CHECK(s.played.len > before); /* it is being said */
    sound_say(&stop, "flite:slt", "What time is it?", &begin, &end);
    double spoken_from = s.t_ms[SOTTO_VOICE_LEVEL]; /* within 100 ms of now */
    scene_hear(&s, &stop);
    CHECK_INT(s.n[SOTTO_VOICE_CUT], 1);
    double late = s.t_ms[SOTTO_VOICE_CUT] - spoken_from - (double)begin / 16;
    printf("silent %.0f ms after the first sound\n", late);
    CHECK(late > 0 && late <= 300);
    scene_finish(&s);
    CHECK_INT(s.n[SOTTO_VOICE_DONE], 2);
    size_t                 n;
    const sotto_chat_turn *turns = sotto_dialog_turns(s.dialog, &n);
    CHECK(n >= 4);
    if (n >= 2) { /* the history has the beginning of the answer, up to a word's end */
        size_t heard = strlen(turns[1].content);
        printf("kept of the answer: %s\n", turns[1].content);
        CHECK(heard > 0 && heard < 120);
    }
    CHECK(strstr(s.trace.data, "speaking+suspect>interrupted interrupted+start>interrupted "
                                "interrupted+words>listening") != NULL);
    sotto_buf_free(&stop.pcm);
    scene_close(&s);
}

TEST(who_had_not_finished_is_heard_out) {
    NEED_RECOGNISER();
    scene     s;
    sotto_buf kept = {0};
    scene_open(&s, NULL);
    quiet(&s, 400);
    say(&s, "flite:slt", "Set a timer for five minutes.");
    CHECK(wait_for(&s, SOTTO_VOICE_SPEAKING, 900));
    say(&s, "flite:slt", "and ten seconds please");
    scene_finish(&s);
    CHECK_INT(s.n[SOTTO_VOICE_TAKEN_BACK], 1);
    CHECK_INT(n_exchanges(&s), 1);
    history_says(&s, &kept);
    printf("heard: %s\n", kept.data ? kept.data : "");
    CHECK(kept.data && strncmp(kept.data, "set a timer for five minutes ", 29) == 0);
    sotto_tool_result r = {0};
    sotto_error       err;
    CHECK_OK(sotto_toolbox_call(s.toolbox, "list_timers", NULL, &r, &err), err);
    CHECK(strstr(r.json, "},{") == NULL && strstr(r.json, "}, {") == NULL); /* one timer, not two */
    sotto_tool_result_free(&r);
    sotto_buf_free(&kept);
    scene_close(&s);
}

/* A knock: loud, short, and no words. */
TEST(a_noise_only_delays_an_answer) {
    NEED_RECOGNISER();
    scene    s;
    sound    knock = {0};
    uint64_t random = 3;
    scene_open(&s, NULL);
    quiet(&s, 400);
    say(&s, "flite:rms", "What can you do?");
    CHECK(wait_for(&s, SOTTO_VOICE_SPEAKING, 3000));
    quiet(&s, 1000);
    sound_silence(&knock, 120);
    for (size_t i = 0; i < sound_length(&knock); i++)
        sound_samples(&knock)[i] = (int16_t)(8000 * (double)test_random_float(&random));
    scene_hear(&s, &knock);
    scene_finish(&s);
    CHECK_INT(s.n[SOTTO_VOICE_DONE], 1);
    CHECK(!s.interrupted);
    CHECK_INT(n_exchanges(&s), 1);
    sotto_buf_free(&knock.pcm);
    scene_close(&s);
}

TEST(hush_ends_an_answer) {
    NEED_RECOGNISER();
    scene       s;
    sotto_error err;
    scene_open(&s, NULL);
    quiet(&s, 400);
    say(&s, "flite:rms", "What can you do?");
    CHECK(wait_for(&s, SOTTO_VOICE_SPEAKING, 3000));
    quiet(&s, 1000);
    CHECK_OK(sotto_voice_hush(s.voice, &err), err);
    size_t before = s.played.len;
    scene_finish(&s);
    CHECK_INT(s.played.len, before);
    CHECK_INT(s.n[SOTTO_VOICE_DONE], 1);
    CHECK(s.interrupted);
    scene_close(&s);
}

TEST(push_to_talk_hears_only_while_pushed) {
    NEED_RECOGNISER();
    scene               s;
    sotto_error         err;
    sotto_voice_options o = sotto_voice_options_default();
    o.push_to_talk = o.lockstep = true;
    scene_open(&s, &o);
    quiet(&s, 400);
    say(&s, "flite:rms", "Flip a coin.");
    quiet(&s, 1500);
    CHECK_INT(s.n[SOTTO_VOICE_SPEECH_START], 0);
    CHECK_OK(sotto_voice_push(s.voice, true, &err), err);
    say(&s, "flite:rms", "What time is it?");
    quiet(&s, 100);
    CHECK_OK(sotto_voice_push(s.voice, false, &err), err);
    scene_finish(&s);
    CHECK_INT(s.n[SOTTO_VOICE_DONE], 1);
    CHECK_STR(s.heard.data, "what time is it");
    scene_close(&s);
}

TEST(noise_is_named_and_not_answered) {
    NEED_RECOGNISER();
    scene    s;
    sound    said = {0};
    uint64_t random = 5;
    scene_open(&s, NULL);
    sound_silence(&said, 3000);
    sound_say(&said, "flite:rms", "Set a timer for five minutes.", NULL, NULL);
    sound_silence(&said, 2500);
    sound_noise(&said, 5, &random);
    scene_hear(&s, &said);
    scene_finish(&s);
    CHECK_INT(s.n[SOTTO_VOICE_DONE], 0);
    CHECK_INT(json_array_size(s.calls), 0);
    printf("%s\n", s.trace.data ? s.trace.data : "");
    sotto_buf_free(&said.pcm);
    scene_close(&s);
}

/* The loudspeaker's sound comes back to the microphone through a room: 40 ms later, and with reflections that fade. */
enum { ECHO_DELAY = 640, ECHO_TAPS = 2400 };
typedef struct room {
    float   response[ECHO_TAPS];
    int16_t past[ECHO_TAPS + SOTTO_VOICE_FRAME];
} room;

static void room_open(room *r) {
    uint64_t random = 11;
    memset(r, 0, sizeof *r);
    r->response[ECHO_DELAY] = 0.4f;
    for (int i = ECHO_DELAY + 40; i < ECHO_TAPS; i++)
        r->response[i] = 0.03f * test_random_float(&random) * expf(-(float)(i - ECHO_DELAY) / 500);
}

static void room_echo(room *r, const int16_t *played, int16_t *heard) {
    memmove(r->past, r->past + SOTTO_VOICE_FRAME, ECHO_TAPS * sizeof *r->past);
    memcpy(r->past + ECHO_TAPS, played, SOTTO_VOICE_FRAME * sizeof *played);
    for (int i = 0; i < SOTTO_VOICE_FRAME; i++) {
        float sum = heard[i];
        for (int k = 0; k < ECHO_TAPS; k++)
            if (r->response[k] != 0) sum += r->response[k] * (float)r->past[ECHO_TAPS + i - k];
        heard[i] = (int16_t)SOTTO_MIN(SOTTO_MAX(sum, -32768.0f), 32767.0f);
    }
}

/* A frame of the person's sound (NULL: none) with the echo of what is being played. Whether the answer sounds on. */
static bool hear_in_room(scene *s, room *r, const int16_t *said) {
    static int16_t played[SOTTO_VOICE_FRAME]; /* in the time of the last frame */
    sotto_error    err;
    int16_t        heard[SOTTO_VOICE_FRAME] = {0};
    if (said) memcpy(heard, said, sizeof heard);
    room_echo(r, played, heard);
    CHECK_OK(sotto_voice_feed(s->voice, heard, played, &err), err);
    memset(played, 0, sizeof played);
    return sotto_voice_read(s->voice, played, SOTTO_VOICE_FRAME) > 0;
}

TEST(it_does_not_interrupt_itself) {
    NEED_RECOGNISER();
    scene       s;
    static room r;
    const char *few = getenv("SOTTO_TEST_ECHO_TURNS");
    int         n_turns = few ? atoi(few) : 4, n_sound = 0, n_held = 0;
    scene_open(&s, NULL);
    room_open(&r);
    for (int i = 0; i < n_turns; i++) {
        sound said = {0};
        sound_silence(&said, 600);
        sound_say(&said, "flite:rms", "What can you do?", NULL, NULL);
        for (size_t k = 0; k + SOTTO_VOICE_FRAME <= sound_length(&said); k += SOTTO_VOICE_FRAME)
            hear_in_room(&s, &r, sound_samples(&said) + k);
        for (int k = 0, idle = 0; k < 3000 && idle < 60; k++) {
            n_sound += hear_in_room(&s, &r, NULL);
            n_held += sotto_voice_get_state(s.voice) == SOTTO_VOICE_INTERRUPTED;
            idle = sotto_voice_get_state(s.voice) == SOTTO_VOICE_IDLE ? idle + 1 : 0;
        }
        sotto_buf_free(&said.pcm);
    }
    printf("%d answers in %.1f minutes, held %d times by itself for %.0f ms in all, interrupted %d times\n",
           s.n[SOTTO_VOICE_DONE], n_sound / 6000.0, s.n[SOTTO_VOICE_CUT], n_held * 10.0,
           s.n[SOTTO_VOICE_SPEECH_START] - n_turns);
    CHECK_INT(s.n[SOTTO_VOICE_DONE], n_turns);
    CHECK_INT(s.n[SOTTO_VOICE_SPEECH_START], n_turns);
    CHECK(s.n[SOTTO_VOICE_CUT] <= 1 + n_turns / 4);
    scene_close(&s);
}

/* SOTTO_TEST_SOAK_MINUTES=60: an hour of it. */
TEST(a_long_conversation_takes_no_more_memory) {
    NEED_RECOGNISER();
    static const char *const said[] = {"Set a timer for five minutes.", "What time is it?", "Cancel the timer.",
                                       "Roll two dice.", "What is on the shopping list?"};
    const char              *text = getenv("SOTTO_TEST_SOAK_MINUTES");
    double                   minutes = text ? atof(text) : 0.8, ms = 0;
    uint64_t                 early = 0, n_frames = 0;
    int                      n_turns = 0;
    scene                    s;
    sound                    questions[SOTTO_COUNT(said)] = {{{0}}};
    scene_open(&s, NULL);
    for (size_t i = 0; i < SOTTO_COUNT(said); i++) {
        sound_silence(&questions[i], 500);
        sound_say(&questions[i], i % 2 ? "flite:slt" : "flite:rms", said[i], NULL, NULL);
        sound_silence(&questions[i], 4000);
    }
    while (ms < minutes * 60000) {
        const sound *q = &questions[(size_t)n_turns++ % SOTTO_COUNT(said)];
        scene_hear(&s, q);
        n_frames += sound_length(q) / SOTTO_VOICE_FRAME;
        ms = (double)n_frames * 10;
        sotto_buf *texts[] = {&s.heard, &s.answers, &s.played, &s.trace};
        for (size_t i = 0; i < SOTTO_COUNT(texts); i++) sotto_buf_clear(texts[i]);
        json_array_clear(s.calls);
        s.n_calls_kept = 0;
        if (!early && ms > minutes * 60000 / 3) early = sotto_peak_rss_bytes();
    }
    scene_finish(&s);
    double grown = (double)(sotto_peak_rss_bytes() - early) / 1e6;
    printf("%d turns in %.1f minutes: %d answered, %.1f MB more in the last two thirds\n", n_turns, ms / 60000,
           s.n[SOTTO_VOICE_DONE], grown);
    CHECK_INT(s.n[SOTTO_VOICE_DONE], n_turns);
    CHECK(s.t_ms[SOTTO_VOICE_LEVEL] - ms <= 62000 && s.t_ms[SOTTO_VOICE_LEVEL] >= ms); /* time is what was fed */
    CHECK(grown < 16);
    for (size_t i = 0; i < SOTTO_COUNT(said); i++) sotto_buf_free(&questions[i].pcm);
    scene_close(&s);
}

TEST(the_wake_phrase_is_waited_for) {
    NEED_RECOGNISER();
    scene               s;
    sotto_voice_options o = sotto_voice_options_default();
    o.wake = "hey computer";
    o.lockstep = true;
    scene_open(&s, &o);
    quiet(&s, 400);
    say(&s, "flite:rms", "What time is it?");
    quiet(&s, 1500);
    CHECK_INT(s.n[SOTTO_VOICE_DONE], 0);
    say(&s, "flite:slt", "Hey computer.");
    quiet(&s, 800);
    CHECK_INT(s.n[SOTTO_VOICE_WAKE], 1);
    say(&s, "flite:slt", "What time is it?");
    scene_finish(&s);
    CHECK_INT(s.n[SOTTO_VOICE_DONE], 1);
    CHECK_STR(s.heard.data, "what time is it");
    scene_close(&s);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Twenty people speak into twenty answers, whose echo the microphone hears too: from the first sample of theirs that is
 * louder than a hundredth of their loudest to the last of the answer. The first of them a second into the first answer:
 * until then the canceller does not know the echo. */
TEST(interruptions_are_quick_in_an_echo) {
    NEED_RECOGNISER();
    static const char *const voices[] = {"flite:slt", "flite:rms", "flite:awb", "flite:kal16"};
    static const char *const texts[] = {"What time is it?", "Stop.", "Set a timer for five minutes.", "Flip a coin.",
                                        "No, cancel that."};
    static room r;
    scene       s;
    double      late[20];
    int         n = 0;
    scene_open(&s, NULL);
    room_open(&r);
    for (int i = 0; i < 20; i++) {
        sound  asked = {0}, said = {0};
        size_t begin, end;
        sound_silence(&asked, 600);
        sound_say(&asked, "flite:rms", "What can you do?", NULL, NULL);
        for (size_t k = 0; k + SOTTO_VOICE_FRAME <= sound_length(&asked); k += SOTTO_VOICE_FRAME)
            hear_in_room(&s, &r, sound_samples(&asked) + k);
        for (int k = 0; k < 200 && sotto_voice_get_state(s.voice) != SOTTO_VOICE_SPEAKING; k++)
            hear_in_room(&s, &r, NULL);
        for (int k = 0; k < 100 + 4 * i; k++) hear_in_room(&s, &r, NULL);
        CHECK_INT(sotto_voice_get_state(s.voice), SOTTO_VOICE_SPEAKING);
        sound_say(&said, voices[i % 4], texts[i / 4], &begin, &end);
        int    n_starts = s.n[SOTTO_VOICE_SPEECH_START];
        double ms = 0, sound_ms = 0; /* when this answer last sounded */
        bool   ended = false;
        for (size_t k = begin; k + SOTTO_VOICE_FRAME <= end; k += SOTTO_VOICE_FRAME) {
            bool sounds = hear_in_room(&s, &r, sound_samples(&said) + k);
            ms += 10;
            if (sounds && !ended) sound_ms = ms;
            ended = ended || sotto_voice_get_state(s.voice) == SOTTO_VOICE_LISTENING;
        }
        if (s.n[SOTTO_VOICE_SPEECH_START] > n_starts && sound_ms < ms) late[n++] = sound_ms;
        else printf("missed: %s, \"%s\"\n", voices[i % 4], texts[i / 4]);
        (void)sotto_voice_hush(s.voice, NULL);
        for (int k = 0, idle = 0; k < 600 && idle < 80; k++) {
            hear_in_room(&s, &r, NULL);
            idle = sotto_voice_get_state(s.voice) == SOTTO_VOICE_IDLE ? idle + 1 : 0;
        }
        sotto_buf_free(&asked.pcm);
        sotto_buf_free(&said.pcm);
    }
    qsort(late, (size_t)n, sizeof *late, ascending);
    for (int i = 0; i < n; i++) printf("%.0f ", late[i]);
    printf("ms to silence\n");
    CHECK_INT(n, 20);
    CHECK(n == 20 && late[9] <= 100 && late[18] <= 300);
    scene_close(&s);
}

/* The pace of a clock, and an answer that waits to call a tool when another is asked for in its place. */
TEST(an_answer_begun_to_other_words_does_not_end_the_next) {
    const char         *folder = getenv("TMPDIR");
    char                path[512];
    sotto_voice_options o = sotto_voice_options_default();
    scene               s;
    sound               said = {0};
    (void)snprintf(path, sizeof path, "%s/sotto-turns-%llx", folder ? folder : "/tmp",
                   (unsigned long long)sotto_random_seed());
    FILE *f = fopen(path, "w");
    CHECK(f && fputs("100 set the volume to thirty\n= what time is it\n", f) >= 0 && fclose(f) == 0);
    o.recognizer = "replay", o.recognizer_model = path;
    scene_open(&s, &o);
    sound_silence(&said, 300);
    sound_say(&said, "flite:slt", "What time is it?", NULL, NULL);
    sound_silence(&said, 30000);
    uint64_t at = sotto_time_ns();
    for (size_t i = 0; i + SOTTO_VOICE_FRAME <= sound_length(&said) && !s.n[SOTTO_VOICE_DONE];
         i += SOTTO_VOICE_FRAME) {
        sotto_sleep_until_ns(at += 10000000);
        scene_frame(&s, sound_samples(&said) + i, NULL);
    }
    CHECK_STR(s.heard.data, "what time is it");
    CHECK_INT(json_array_size(s.calls), 1);
    CHECK_INT(s.n[SOTTO_VOICE_AUDIO_START], 1);
    CHECK_INT(s.n[SOTTO_VOICE_DONE], 1);
    CHECK(s.answers.len > 0);
    CHECK_INT(remove(path), 0);
    sotto_buf_free(&said.pcm);
    scene_close(&s);
}

TEST(the_table_is_complete_and_printed) {
    sotto_bytes table = {0};
    sotto_error err;
    CHECK_OK(sotto_voice_table(&table, &err), err);
    for (int state = 0; state <= SOTTO_VOICE_INTERRUPTED; state++)
        CHECK(strstr(table.data, sotto_voice_state_name((sotto_voice_state)state)) != NULL);
    sotto_bytes_free(&table);
}

TEST_MAIN()
