/* Spoken scenes for tests of the voice: what is said is made by the program's own voices, a voice hears it frame by
 * frame, and what it did is written down. */
#ifndef SOTTO_TESTS_VOICE_SCENE_H
#define SOTTO_TESTS_VOICE_SCENE_H

#include <jansson.h>

#include <sotto/voice.h>

#include "audio/audio.h"
#include "base/base.h"
#include "speech/speech.h"
#include "test.h"

#define SCENE_MODEL "../models/starter/sotto-starter-q4_0.gguf"

/* ---- what is said ---------------------------------------------------------------------------------------- */

typedef struct sound {
    sotto_buf pcm; /* int16 at SOTTO_VOICE_RATE */
} sound;

static inline size_t   sound_length(const sound *s) { return s->pcm.len / sizeof(int16_t); }
static inline int16_t *sound_samples(const sound *s) { return (int16_t *)(void *)s->pcm.data; }

static inline void sound_silence(sound *s, int ms) {
    static const int16_t zeros[SOTTO_VOICE_FRAME];
    for (int i = 0; i < ms / 10; i++) CHECK(sotto_buf_append(&s->pcm, zeros, sizeof zeros));
}

static bool sound_take(void *user, const int16_t *pcm, size_t n) {
    return sotto_buf_append(user, pcm, n * sizeof *pcm);
}

/* False: this voice is not installed. *begin and *end: the samples of it that are louder than a hundredth of its
 * loudest. */
static inline bool sound_say(sound *s, const char *voice, const char *text, size_t *begin, size_t *end) {
    sotto_error       err;
    sotto_tts_options o = sotto_tts_options_default();
    sotto_tts        *tts;
    sotto_resampler  *r;
    sotto_buf         own = {0};
    size_t            from = sound_length(s);
    o.voice = voice;
    if (sotto_tts_open(&tts, &o, &err)) return false;
    CHECK_OK(sotto_tts_speak(tts, text, sound_take, &own, &err), err);
    CHECK_OK(sotto_resampler_open(&r, sotto_tts_rate(tts), SOTTO_VOICE_RATE, &err), err);
    CHECK_OK(sotto_resampler_run(r, (const int16_t *)(void *)own.data, own.len / 2, true, &s->pcm, &err), err);
    sotto_resampler_close(r);
    sotto_tts_close(tts);
    sotto_buf_free(&own);
    int loudest = 0;
    for (size_t i = from; i < sound_length(s); i++) loudest = SOTTO_MAX(loudest, abs(sound_samples(s)[i]));
    size_t a = from, b = sound_length(s);
    while (a < b && abs(sound_samples(s)[a]) * 100 < loudest) a++;
    while (b > a && abs(sound_samples(s)[b - 1]) * 100 < loudest) b--;
    if (begin) *begin = a;
    if (end) *end = b;
    return true;
}

/* White noise over all of it, so many decibels below the mean power of what is not silent. */
static inline void sound_noise(sound *s, double snr_db, uint64_t *random) {
    double power = 0;
    size_t n = 0;
    for (size_t i = 0; i < sound_length(s); i++) {
        double x = sound_samples(s)[i];
        if (x != 0) power += x * x, n++;
    }
    double deviation = sqrt(power / (double)SOTTO_MAX(n, 1) / pow(10, snr_db / 10));
    for (size_t i = 0; i < sound_length(s); i++) { /* a sum of three uniform numbers is nearly normal */
        double sum = 0;
        for (int k = 0; k < 3; k++) sum += (double)test_random_float(random);
        double x = sound_samples(s)[i] + deviation * sum;
        sound_samples(s)[i] = (int16_t)SOTTO_MIN(SOTTO_MAX(x, -32768), 32767);
    }
}

/* ---- what happens ---------------------------------------------------------------------------------------- */

typedef struct scene {
    sotto_model   *model;
    sotto_session *session;
    sotto_dialog  *dialog;
    sotto_toolbox *toolbox;
    sotto_history *history;
    sotto_voice   *voice;
    sotto_buf      heard, answers; /* texts of all turns, a space between them */
    json_t        *calls;          /* [{"name","arguments"}], those of turns that were taken back left out */
    size_t         n_calls_kept;
    sotto_buf      played;         /* int16 at the voice's rate, without pauses */
    sotto_buf      trace;          /* "idle+start>listening " ... */
    int            n[SOTTO_VOICE_FAILED + 1]; /* events */
    double         t_ms[SOTTO_VOICE_FAILED + 1]; /* of the last */
    sotto_voice_latency latency;
    bool           interrupted;
} scene;

static void scene_event(void *user, const sotto_voice_event *e) {
    scene *s = user;
    s->n[e->type]++;
    s->t_ms[e->type] = e->t_ms;
    if (e->type == SOTTO_VOICE_STATE)
        (void)sotto_buf_printf(&s->trace, "%s+%s>%s ", sotto_voice_state_name(e->before), e->text,
                               sotto_voice_state_name(e->state));
    if (e->type == SOTTO_VOICE_TRANSCRIPT) (void)sotto_buf_printf(&s->heard, "%s%s", s->heard.len ? " " : "", e->text);
    if (e->type == SOTTO_VOICE_TOOL)
        json_array_append_new(s->calls, json_pack("{s:s, s:s}", "name", e->name, "arguments", e->arguments));
    if (e->type == SOTTO_VOICE_TAKEN_BACK)
        while (json_array_size(s->calls) > s->n_calls_kept) json_array_remove(s->calls, json_array_size(s->calls) - 1);
    if (e->type == SOTTO_VOICE_DONE) {
        (void)sotto_buf_printf(&s->answers, "%s%s", s->answers.len ? " " : "", e->answer);
        s->n_calls_kept = json_array_size(s->calls);
        s->latency = *e->latency;
        s->interrupted = e->interrupted;
    }
    if (e->type == SOTTO_VOICE_FAILED) TEST_FAIL("%s", e->text);
}

static inline void scene_open(scene *s, const sotto_voice_options *voice) {
    sotto_error            err;
    sotto_toolbox_options  t = sotto_toolbox_options_default();
    sotto_model_options    m = sotto_model_options_default();
    sotto_dialog_options   d = sotto_dialog_options_default();
    sotto_voice_options    v = voice ? *voice : sotto_voice_options_default();
    int64_t                conversation;
    *s = (scene){.calls = json_array()};
    m.threads = 1;
    t.path = ":memory:";
    CHECK_OK(sotto_toolbox_open(&s->toolbox, &t, &err), err);
    CHECK_OK(sotto_model_open(&s->model, SCENE_MODEL, &m, &err), err);
    CHECK_OK(sotto_session_open(&s->session, s->model, NULL, &err), err);
    sotto_generate_options g = sotto_generate_options_default();
    g.slide = true;
    d.generate = &g;
    d.tools = sotto_tools_schema();
    d.toolbox = s->toolbox;
    CHECK_OK(sotto_dialog_open(&s->dialog, s->session, &d, &err), err);
    CHECK_OK(sotto_history_open(&s->history, ":memory:", &err), err);
    CHECK_OK(sotto_history_begin(s->history, "talk", "starter", NULL, &conversation, &err), err);
    v.dialog = s->dialog;
    v.toolbox = s->toolbox;
    v.history = s->history;
    v.conversation = conversation;
    v.event = scene_event;
    v.event_user = s;
    v.lockstep = !voice || voice->lockstep;
    CHECK_OK(sotto_voice_open(&s->voice, &v, &err), err);
    if (!s->voice) exit(1);
}

/* One frame in, and what is played in its time out. */
static inline void scene_frame(scene *s, const int16_t *heard, const int16_t *played) {
    sotto_error err;
    int16_t     out[480];
    CHECK_OK(sotto_voice_feed(s->voice, heard, played, &err), err);
    size_t n = sotto_voice_read(s->voice, out, (size_t)sotto_voice_rate(s->voice) / 100);
    CHECK(sotto_buf_append(&s->played, out, n * sizeof *out));
}

static inline void scene_hear(scene *s, const sound *said) {
    for (size_t i = 0; i + SOTTO_VOICE_FRAME <= sound_length(said); i += SOTTO_VOICE_FRAME)
        scene_frame(s, sound_samples(said) + i, NULL);
}

/* Silence until all is said. */
static inline void scene_finish(scene *s) {
    static const int16_t zeros[SOTTO_VOICE_FRAME];
    for (int i = 0, idle = 0; i < 6000 && idle < 150; i++) {
        scene_frame(s, zeros, NULL);
        idle = sotto_voice_get_state(s->voice) == SOTTO_VOICE_IDLE ? idle + 1 : 0;
    }
}

/* As if nothing had been said yet; what the tools keep stays. */
static inline void scene_begin_again(scene *s) {
    sotto_dialog_cut(s->dialog, 0);
    json_array_clear(s->calls);
    s->n_calls_kept = 0;
    sotto_buf *texts[] = {&s->heard, &s->answers, &s->played, &s->trace};
    for (size_t i = 0; i < SOTTO_COUNT(texts); i++) sotto_buf_clear(texts[i]);
    memset(s->n, 0, sizeof s->n);
}

static inline void scene_close(scene *s) {
    sotto_voice_close(s->voice);
    sotto_history_close(s->history);
    sotto_dialog_close(s->dialog);
    sotto_session_close(s->session);
    sotto_model_close(s->model);
    sotto_toolbox_close(s->toolbox);
    json_decref(s->calls);
    sotto_buf_free(&s->heard);
    sotto_buf_free(&s->answers);
    sotto_buf_free(&s->played);
    sotto_buf_free(&s->trace);
}

#endif
