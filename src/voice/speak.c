/* The speaker: the thread that makes sound of clauses, ahead of the player; and the sound, as it is played. */
#include "voice/voice.h"

#include <stdlib.h>

enum { AHEAD_SECONDS = 30, FADES_PER_SECOND = 200 /* sound begins, or goes on, within 5 ms */ };

/* ---- making ---------------------------------------------------------------------------------------------- */

static size_t n_made(const sotto_voice_shared *s) { return s->sound.len / sizeof(int16_t); }

typedef struct making {
    sotto_voice *v;
    uint32_t     generation;
} making;

/* Samples of the clause at the front. It never waits: engines hold locks meanwhile. */
static bool take_samples(void *user, const int16_t *pcm, size_t n) {
    making             *m = user;
    sotto_voice_shared *s = &m->v->shared;
    sotto_mutex_lock(&s->mutex);
    bool wanted = s->generation == m->generation && !s->quit;
    if (wanted && s->latency.first_audio < 0 && n) s->latency.first_audio = sotto_voice_now(m->v);
    if (wanted) wanted = sotto_buf_append(&s->sound, pcm, n * sizeof *pcm);
    sotto_mutex_unlock(&s->mutex);
    return wanted;
}

static void mark(sotto_voice_shared *s, size_t n_text) {
    if (s->n_marks < SOTTO_MARKS_MAX) s->marks[s->n_marks++] = (sotto_sound_mark){n_made(s), n_text};
}

static void drop_clause(sotto_voice_shared *s) {
    free(s->clauses[0].spoken);
    memmove(&s->clauses[0], &s->clauses[1], (s->n_clauses - 1) * sizeof s->clauses[0]);
    s->n_clauses--;
}

/* Far enough ahead of the player the next clause has time. */
static bool has_time(const sotto_voice *v) {
    size_t ahead = (size_t)sotto_tts_rate(v->tts) * AHEAD_SECONDS;
    return v->shared.n_clauses && n_made(&v->shared) - v->shared.n_read > ahead;
}

static void wait_for_clause(sotto_voice *v) {
    sotto_voice_shared *s = &v->shared;
    while (!s->quit && (!s->n_clauses || has_time(v))) {
        s->full = has_time(v);
        if (s->full) sotto_condition_signal(&s->changed);
        sotto_condition_wait(&s->changed, &s->mutex);
    }
    s->full = false;
}

static void speak(void *arg) {
    sotto_voice        *v = arg;
    sotto_voice_shared *s = &v->shared;
    sotto_mutex_lock(&s->mutex);
    for (;;) {
        wait_for_clause(v);
        if (s->quit) break;
        making           m = {v, s->generation};
        sotto_clause_job clause = s->clauses[0];
        s->clauses[0].spoken = NULL; /* ours now: the queue may be cleared */
        s->speaking = true;
        sotto_mutex_unlock(&s->mutex);
        (void)sotto_tts_speak(v->tts, clause.spoken, take_samples, &m, NULL); /* a clause that fails is not heard */
        free(clause.spoken);
        sotto_mutex_lock(&s->mutex);
        s->speaking = false;
        if (s->generation == m.generation) {
            mark(s, clause.n_text);
            drop_clause(s);
        }
        sotto_condition_signal(&s->changed);
    }
    sotto_mutex_unlock(&s->mutex);
}

bool sotto_speak_say_locked(sotto_voice *v, const sotto_clause *clause) {
    sotto_voice_shared *s = &v->shared;
    size_t              n = strlen(clause->spoken) + 1;
    while (s->n_clauses == SOTTO_CLAUSES_MAX && !sotto_flag_is_set(&s->cancel) && !s->quit)
        sotto_condition_wait(&s->changed, &s->mutex);
    if (sotto_flag_is_set(&s->cancel) || s->quit) return false;
    char *spoken = malloc(n);
    if (!spoken) return false;
    s->clauses[s->n_clauses++] = (sotto_clause_job){memcpy(spoken, clause->spoken, n), clause->n_text};
    sotto_condition_signal(&s->changed);
    return true;
}

static void clear_locked(sotto_voice_shared *s) {
    s->generation++;
    while (s->n_clauses) drop_clause(s);
    sotto_buf_clear(&s->sound);
    s->n_read = s->n_marks = s->unplayed = 0;
    s->play = s->full = false;
}

void sotto_speak_clear(sotto_voice *v) {
    sotto_mutex_lock(&v->shared.mutex);
    clear_locked(&v->shared);
    sotto_condition_signal(&v->shared.changed);
    sotto_mutex_unlock(&v->shared.mutex);
}

/* ---- playing --------------------------------------------------------------------------------------------- */

size_t sotto_voice_read(sotto_voice *v, int16_t *pcm, size_t n) {
    sotto_voice_shared *s = &v->shared;
    sotto_mutex_lock(&s->mutex);
    n = s->play ? SOTTO_MIN(n, n_made(s) - s->n_read) : 0;
    size_t fade = (size_t)sotto_tts_rate(v->tts) / FADES_PER_SECOND;
    for (size_t i = 0; i < n; i++) {
        int16_t sample;
        size_t  since = SOTTO_MIN(s->n_read + i - s->begun_at, fade);
        memcpy(&sample, s->sound.data + (s->n_read + i) * sizeof sample, sizeof sample);
        pcm[i] = (int16_t)(sample * s->volume / 100 * (int32_t)since / (int32_t)fade);
    }
    s->n_read += n;
    if (n) sotto_condition_signal(&s->changed);
    sotto_mutex_unlock(&s->mutex);
    return n;
}

void sotto_voice_set_unplayed(sotto_voice *v, size_t n) {
    sotto_mutex_lock(&v->shared.mutex);
    v->shared.unplayed = n;
    sotto_mutex_unlock(&v->shared.mutex);
}

int32_t sotto_voice_rate(const sotto_voice *v) { return sotto_tts_rate(v->tts); }

void sotto_speak_play(sotto_voice *v, bool on) {
    sotto_voice_shared *s = &v->shared;
    sotto_mutex_lock(&s->mutex);
    if (!on && s->play) s->n_read -= SOTTO_MIN(s->n_read, s->unplayed), s->unplayed = 0;
    if (on && !s->play) s->begun_at = s->n_read;
    s->play = on;
    sotto_mutex_unlock(&s->mutex);
}

bool sotto_speak_ready(sotto_voice *v) {
    sotto_mutex_lock(&v->shared.mutex);
    bool ready = n_made(&v->shared) > v->shared.n_read;
    sotto_mutex_unlock(&v->shared.mutex);
    return ready;
}

bool sotto_speak_all_made(sotto_voice *v) {
    sotto_mutex_lock(&v->shared.mutex);
    bool made = !v->shared.n_clauses && !v->shared.speaking;
    sotto_mutex_unlock(&v->shared.mutex);
    return made;
}

bool sotto_speak_all_read(sotto_voice *v) {
    sotto_mutex_lock(&v->shared.mutex);
    bool read = n_made(&v->shared) == v->shared.n_read && !v->shared.unplayed;
    sotto_mutex_unlock(&v->shared.mutex);
    return read;
}

/* Where in the answer's text a sample stands: between two marks as far along as between their samples. */
static size_t text_at(const sotto_voice_shared *s, size_t sample) {
    sotto_sound_mark before = {0, 0};
    for (size_t i = 0; i < s->n_marks; i++) {
        sotto_sound_mark m = s->marks[i];
        if (sample < m.end && m.end > before.end)
            return before.n_text + (m.n_text - before.n_text) * (sample - before.end) / (m.end - before.end);
        before = m;
    }
    return before.n_text;
}

/* As far as whole words go. */
size_t sotto_speak_heard(sotto_voice *v) {
    sotto_voice_shared *s = &v->shared;
    sotto_mutex_lock(&s->mutex);
    size_t      n = SOTTO_MIN(text_at(s, s->n_read - SOTTO_MIN(s->n_read, s->unplayed)), s->answer.len);
    const char *text = s->answer.data;
    if (n < s->answer.len && text[n] != ' ')
        while (n && text[n - 1] != ' ') n--;
    while (n && text[n - 1] == ' ') n--;
    sotto_mutex_unlock(&s->mutex);
    return n;
}

/* ---- the thread ------------------------------------------------------------------------------------------ */

sotto_status sotto_speak_open(sotto_voice *v, sotto_error *err) {
    sotto_tts_options o = sotto_tts_options_default();
    o.voice = v->options.voice;
    if (v->options.speed > 0) o.speed = v->options.speed;
    v->shared.volume = 100;
    SOTTO_TRY(sotto_tts_open(&v->tts, &o, err));
    return sotto_thread_start(&v->speaker, speak, v, err);
}

void sotto_speak_close(sotto_voice *v) {
    sotto_thread_join(v->speaker);
    clear_locked(&v->shared);
    sotto_buf_free(&v->shared.sound);
    sotto_tts_close(v->tts);
}
