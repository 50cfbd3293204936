/* The thread that feeds: what is heard, frame by frame, becomes causes for the table of states. */
#include "voice/voice.h"

#include <assert.h>
#include <stdlib.h>

enum {
    FRAME_MS = 10,
    PARTIAL_FRAMES = 10, /* how often the recogniser is asked what it hears */
    PAUSE_MS = 100,      /* of silence in which it is asked in each frame whether that is a whole request */
    AGREE = 3,           /* partials that must agree on a word before it is prefilled */
    BEFORE_MS = 200,     /* that the recogniser is given from before the first voiced frame */
    WORDS_MS = 250,      /* of speech with words in it that interrupt an answer */
    DOUBT_MS = 400,      /* that an answer is held, before nobody has spoken after all */
    AWAKE_MS = 8000,     /* that a wake phrase, or an answer, is waited for */
    DUE_FRAMES = 50,
    LOUD_QUIET_MS = 30000 /* between two complaints about the noise */
};
static const char too_loud[] = "It is too loud here for me to understand you.";

/* ---- time and events ------------------------------------------------------------------------------------- */

double sotto_voice_now(const sotto_voice *v) {
    if (v->options.lockstep) return v->shared.now_ms;
    return (double)(sotto_time_ns() - v->began_ns) / 1e6;
}

void sotto_voice_tell(sotto_voice *v, sotto_voice_event *event) {
    event->t_ms = sotto_voice_now(v);
    event->state = v->state;
    if (event->type == SOTTO_VOICE_CUT) v->cut = true;
    if (v->options.event) v->options.event(v->options.event_user, event);
}

static const char *const event_names[] = {
    "state",      "level", "wake", "speech_start", "partial",    "transcript", "nothing", "too_loud", "token",
    "tool",       "audio_start", "taken_back", "cut", "done", "due", "slid", "failed",
};
static_assert(SOTTO_COUNT(event_names) == SOTTO_VOICE_FAILED + 1, "a name for each event");

const char *sotto_voice_event_name(sotto_voice_event_type type) { return event_names[type]; }

/* ---- an utterance ---------------------------------------------------------------------------------------- */

/* What comes once the last words are known is kept, in case they were not the last. */
static sotto_status recognise(sotto_voice *v, const int16_t *pcm, sotto_error *err) {
    if (v->options.speculate && !sotto_buf_append(&v->sound, pcm, SOTTO_SPEECH_FRAME * sizeof *pcm))
        return sotto_fail_memory(err, "what was heard");
    return v->closed ? SOTTO_OK : sotto_stt_feed(v->stt, pcm, SOTTO_SPEECH_FRAME, err);
}

sotto_status sotto_voice_listen_begin(sotto_voice *v, sotto_error *err) {
    SOTTO_TRY(sotto_stt_start(v->stt, err));
    v->open = true;
    v->closed = false;
    sotto_buf_clear(&v->sound);
    v->speech_start_ms = sotto_voice_now(v) - v->endpoint.since_ms;
    v->completeness = SOTTO_UNSURE;
    sotto_buf_clear(&v->partial);
    sotto_buf_clear(&v->prefilled);
    sotto_agreement_reset(&v->agreement, AGREE);
    uint64_t n = SOTTO_MIN((uint64_t)((v->endpoint.since_ms + BEFORE_MS) / FRAME_MS), SOTTO_PREROLL_FRAMES);
    n = SOTTO_MIN(n, v->n_frames);
    for (uint64_t i = v->n_frames - n; i < v->n_frames - 1; i++) /* the last is fed by the caller */
        SOTTO_TRY(recognise(v, v->preroll[i % SOTTO_PREROLL_FRAMES], err));
    return SOTTO_OK;
}

void sotto_voice_listen_end(sotto_voice *v) {
    v->open = v->pushed = false;
    sotto_endpoint_reset(&v->endpoint, &v->endpoint.options);
}

static sotto_status keep_partial(sotto_voice *v, const char *text, sotto_error *err) {
    sotto_buf_clear(&v->partial);
    return sotto_buf_puts(&v->partial, text) ? SOTTO_OK : sotto_fail_memory(err, "what was heard");
}

/* What is sure of the turn goes to the model while the rest is still being said. */
static sotto_status prefill(sotto_voice *v, const char *agreed, sotto_error *err) {
    if (!v->options.speculate || v->state != SOTTO_VOICE_LISTENING || v->speculated.len || !*agreed) return SOTTO_OK;
    if (v->prefilled.len && strncmp(v->prefilled.data, agreed, strlen(agreed)) == 0) return SOTTO_OK;
    sotto_buf_clear(&v->prefilled);
    if (!sotto_buf_puts(&v->prefilled, agreed)) return sotto_fail_memory(err, "what was heard");
    sotto_buf    text = {0};
    sotto_status status = SOTTO_OK;
    if (v->before.len) (void)sotto_buf_printf(&text, "%s ", v->before.data);
    if (!sotto_buf_puts(&text, agreed)) status = sotto_fail_memory(err, "what was heard");
    if (!status) status = sotto_think_post(v, SOTTO_JOB_PREFILL, text.data, 0, err);
    sotto_buf_free(&text);
    return status;
}

static sotto_status take_partial(sotto_voice *v, sotto_error *err) {
    if (v->closed) return SOTTO_OK;
    const char *text = sotto_stt_partial(v->stt);
    bool        news = strcmp(text, v->partial.data ? v->partial.data : "") != 0;
    SOTTO_TRY(keep_partial(v, text, err));
    const char *agreed = sotto_agreement_feed(&v->agreement, v->partial.data);
    if (!agreed) return sotto_fail_memory(err, "what was heard");
    v->completeness = sotto_completeness_of(v->partial.data);
    if (news && v->partial.len)
        sotto_voice_tell(v, &(sotto_voice_event){.type = SOTTO_VOICE_PARTIAL, .text = v->partial.data,
                                                 .agreed = strlen(agreed)});
    return prefill(v, agreed, err);
}

/* The last words: the recogniser goes over the whole utterance again. */
static sotto_status close_utterance(sotto_voice *v, sotto_error *err) {
    const char *text;
    if (v->closed) return SOTTO_OK;
    SOTTO_TRY(sotto_stt_final(v->stt, &text, &v->confidence, err));
    SOTTO_TRY(keep_partial(v, text, err));
    v->completeness = sotto_completeness_of(v->partial.data);
    v->closed = true;
    return SOTTO_OK;
}

/* They were not the last. */
static sotto_status reopen(sotto_voice *v, sotto_error *err) {
    if (!v->closed) return SOTTO_OK;
    v->closed = false;
    SOTTO_TRY(sotto_stt_again(v->stt, err));
    return sotto_stt_feed(v->stt, (const int16_t *)(const void *)v->sound.data, v->sound.len / sizeof(int16_t), err);
}

static sotto_status begin_early(sotto_voice *v, sotto_error *err) {
    SOTTO_TRY(take_partial(v, err));
    return sotto_voice_has_begun(v) ? SOTTO_OK : sotto_voice_dispatch(v, SOTTO_CAUSE_SPECULATIVE, err);
}

/* The last pass fits into the silence that is still to be waited for. Meanwhile an answer is begun to what has been
 * understood so far, which is mostly the same. */
static sotto_status prepare_end(sotto_voice *v, sotto_error *err) {
    if (!v->options.speculate || v->state != SOTTO_VOICE_LISTENING) return SOTTO_OK;
    SOTTO_TRY(begin_early(v, err));
    SOTTO_TRY(close_utterance(v, err));
    return begin_early(v, err);
}

static sotto_status complain(sotto_voice *v, sotto_error *err) {
    sotto_voice_tell(v, &(sotto_voice_event){.type = SOTTO_VOICE_TOO_LOUD, .text = too_loud,
                                             .noise_db = v->heard.noise_db});
    v->stats.n_too_loud++;
    bool aloud = v->state == SOTTO_VOICE_LISTENING && sotto_voice_now(v) >= v->loud_until_ms;
    SOTTO_TRY(sotto_voice_dispatch(v, SOTTO_CAUSE_NOTHING, err));
    if (!aloud) return SOTTO_OK;
    v->loud_until_ms = sotto_voice_now(v) + LOUD_QUIET_MS;
    sotto_speak_clear(v);
    sotto_mutex_lock(&v->shared.mutex);
    bool said = sotto_speak_say_locked(v, &(sotto_clause){too_loud, 0});
    sotto_mutex_unlock(&v->shared.mutex);
    return said ? sotto_voice_dispatch(v, SOTTO_CAUSE_DUE, err) : SOTTO_OK;
}

/* The utterance is over: are there words in it? */
static sotto_status end_utterance(sotto_voice *v, sotto_error *err) {
    v->speech_end_ms = v->voice_ms;
    SOTTO_TRY(close_utterance(v, err));
    v->open = false;
    if (v->partial.len && v->heard.snr_db > 0 && v->heard.snr_db < v->options.lowest_snr_db) return complain(v, err);
    if (!v->partial.len) {
        v->stats.n_nothing++;
        sotto_voice_tell(v, &(sotto_voice_event){.type = SOTTO_VOICE_NOTHING});
        return sotto_voice_dispatch(v, SOTTO_CAUSE_NOTHING, err);
    }
    SOTTO_TRY(sotto_voice_dispatch(v, SOTTO_CAUSE_WORDS, err)); /* of an interruption */
    sotto_voice_tell(v, &(sotto_voice_event){.type = SOTTO_VOICE_TRANSCRIPT, .text = v->partial.data,
                                             .confidence = v->confidence});
    return sotto_voice_dispatch(v, SOTTO_CAUSE_END, err);
}

/* ---- hearing --------------------------------------------------------------------------------------------- */

static bool speaks(const sotto_voice *v) {
    return v->state == SOTTO_VOICE_SPEAKING || v->state == SOTTO_VOICE_THINKING;
}

/* Whether speech may begin an utterance now. */
static bool attentive(const sotto_voice *v) {
    if (v->options.push_to_talk) return v->pushed;
    if (v->wake && v->state == SOTTO_VOICE_IDLE) return sotto_voice_now(v) < v->awake_until_ms;
    return true;
}

static void wait_for_wake(sotto_voice *v, const int16_t *pcm) {
    if (!v->wake || v->state != SOTTO_VOICE_IDLE || !sotto_wake_feed(v->wake, pcm, SOTTO_SPEECH_FRAME)) return;
    v->awake_until_ms = sotto_voice_now(v) + AWAKE_MS;
    sotto_endpoint_reset(&v->endpoint, &v->endpoint.options);
    sotto_voice_tell(v, &(sotto_voice_event){.type = SOTTO_VOICE_WAKE, .text = v->options.wake});
}

static sotto_status take_endpoint(sotto_voice *v, sotto_endpoint_event event, sotto_error *err) {
    switch (event) {
    case SOTTO_ENDPOINT_START: return sotto_voice_dispatch(v, SOTTO_CAUSE_START, err);
    case SOTTO_ENDPOINT_RESUME:
        SOTTO_TRY(reopen(v, err));
        return sotto_voice_dispatch(v, SOTTO_CAUSE_RESUME, err);
    case SOTTO_ENDPOINT_CLOSING: return prepare_end(v, err);
    case SOTTO_ENDPOINT_END: return end_utterance(v, err);
    case SOTTO_ENDPOINT_SPECULATIVE: return begin_early(v, err);
    case SOTTO_ENDPOINT_NONE: break;
    }
    return SOTTO_OK;
}

/* An answer is held on suspicion, which costs little when it is wrong; without its echo it is soon certain. */
static sotto_status take_suspicion(sotto_voice *v, sotto_error *err) {
    bool wanted = v->options.barge_in && !v->options.push_to_talk;
    if (v->state == SOTTO_VOICE_SPEAKING && wanted && v->residual.suspected)
        return sotto_voice_dispatch(v, SOTTO_CAUSE_SUSPECT, err);
    if (v->state == SOTTO_VOICE_INTERRUPTED && !v->open && sotto_voice_now(v) >= v->held_ms + DOUBT_MS)
        return sotto_voice_dispatch(v, SOTTO_CAUSE_NOTHING, err);
    return SOTTO_OK;
}

static sotto_status hear(sotto_voice *v, const int16_t *pcm, sotto_error *err) {
    memcpy(v->preroll[v->n_frames % SOTTO_PREROLL_FRAMES], pcm, SOTTO_SPEECH_FRAME * sizeof *pcm);
    v->n_frames++;
    if (v->n_frames % PARTIAL_FRAMES == 0)
        sotto_voice_tell(v, &(sotto_voice_event){.type = SOTTO_VOICE_LEVEL, .level_db = v->heard.level_db,
                                                 .noise_db = v->heard.noise_db});
    wait_for_wake(v, pcm);
    bool deaf = !v->open && (!attentive(v) || (speaks(v) && !v->options.barge_in));
    bool voiced = v->heard.voiced || (v->pushed && !v->endpoint.speaking);
    sotto_endpoint_event event = SOTTO_ENDPOINT_NONE;
    if (deaf) sotto_endpoint_reset(&v->endpoint, &v->endpoint.options);
    else event = sotto_endpoint_feed(&v->endpoint, voiced, v->completeness);
    if (v->pushed && event != SOTTO_ENDPOINT_START) event = SOTTO_ENDPOINT_NONE; /* the button says when it ends */
    if (!v->endpoint.silence_ms) v->voice_ms = sotto_voice_now(v);
    if (v->open && event != SOTTO_ENDPOINT_END) {
        SOTTO_TRY(recognise(v, pcm, err));
        if (v->n_frames % PARTIAL_FRAMES == 0) SOTTO_TRY(take_partial(v, err));
        if (!v->closed && v->endpoint.silence_ms >= PAUSE_MS)
            v->completeness = sotto_completeness_of(sotto_stt_partial(v->stt));
        if (v->state == SOTTO_VOICE_INTERRUPTED && v->partial.len && v->endpoint.speech_ms >= WORDS_MS)
            SOTTO_TRY(sotto_voice_dispatch(v, SOTTO_CAUSE_WORDS, err));
    }
    SOTTO_TRY(take_endpoint(v, event, err));
    if (event == SOTTO_ENDPOINT_START && v->open) return recognise(v, pcm, err);
    return take_suspicion(v, err);
}

/* ---- what the workers did -------------------------------------------------------------------------------- */

static sotto_voice_latency latency_of(const sotto_voice *v) {
    sotto_voice_latency l = v->shared.latency;
    double             *times[] = {&l.speculated, &l.committed,  &l.recognized, &l.prefilled,
                                   &l.first_text, &l.first_audio, &l.audio_start};
    if (l.held) {
        double known = l.first_audio >= 0 ? SOTTO_MIN(l.first_audio, l.recognized) : l.recognized;
        l.saved = SOTTO_MAX(known - l.speculated, 0);
    }
    for (size_t i = 0; i < SOTTO_COUNT(times); i++)
        if (*times[i] >= 0) *times[i] = SOTTO_MAX(*times[i] - v->speech_end_ms, 0);
    return l;
}

static sotto_status announce(sotto_voice *v, const char *text, sotto_error *err) {
    sotto_buf    spoken = {0};
    sotto_status status = sotto_speakable_text(text, strlen(text), &spoken, err);
    if (!status && v->state == SOTTO_VOICE_IDLE && spoken.len) {
        sotto_speak_clear(v);
        sotto_mutex_lock(&v->shared.mutex);
        (void)sotto_speak_say_locked(v, &(sotto_clause){spoken.data, 0});
        sotto_mutex_unlock(&v->shared.mutex);
        status = sotto_voice_dispatch(v, SOTTO_CAUSE_DUE, err);
    }
    sotto_buf_free(&spoken);
    return status;
}

static sotto_status deliver(sotto_voice *v, const sotto_mail *m, sotto_error *err) {
    sotto_voice_event e = {.type = m->type, .text = m->text, .name = m->name, .arguments = m->arguments,
                           .result = m->result, .n = m->n, .interrupted = m->interrupted};
    sotto_voice_latency latency;
    if (m->type == SOTTO_VOICE_DONE) {
        latency = latency_of(v);
        e.latency = &latency;
        e.said = m->name;
        e.answer = m->text ? m->text : "";
        e.name = e.text = NULL;
        v->stats.n_turns++;
        v->stats.saved_ms += latency.saved;
        v->awake_until_ms = sotto_voice_now(v) + AWAKE_MS;
    }
    sotto_voice_tell(v, &e);
    return m->type == SOTTO_VOICE_DUE && m->text ? announce(v, m->text, err) : SOTTO_OK;
}

static sotto_status look_at_workers(sotto_voice *v, sotto_error *err) {
    for (sotto_mail *m; (m = sotto_mail_take(v));) {
        sotto_status status = deliver(v, m, err);
        sotto_mail_free(m);
        SOTTO_TRY(status);
    }
    sotto_mutex_lock(&v->shared.mutex);
    bool failed = v->shared.failed, answering = v->shared.answering, committed = v->shared.committed || v->announcing;
    v->shared.failed = false;
    sotto_mutex_unlock(&v->shared.mutex);
    if (failed) return sotto_voice_dispatch(v, SOTTO_CAUSE_FAILED, err);
    if (!committed || !speaks(v)) return SOTTO_OK;
    bool made = sotto_speak_all_made(v) && !answering;
    if (v->state == SOTTO_VOICE_THINKING && sotto_speak_ready(v) && (made || !v->options.step_by_step))
        SOTTO_TRY(sotto_voice_dispatch(v, SOTTO_CAUSE_AUDIO, err));
    if (made && sotto_speak_all_read(v)) return sotto_voice_dispatch(v, SOTTO_CAUSE_ANSWERED, err);
    return SOTTO_OK;
}

/* With lockstep: until nothing can happen any more before the next frame. */
static void settle(sotto_voice *v) {
    sotto_voice_shared *s = &v->shared;
    sotto_mutex_lock(&s->mutex);
    for (;;) {
        bool stuck = s->full && s->n_clauses == SOTTO_CLAUSES_MAX;
        bool thinks = s->n_jobs && !s->at_gate && !stuck, speaks_on = (s->n_clauses || s->speaking) && !s->full;
        if (s->at_gate && (s->committed || sotto_flag_is_set(&s->cancel))) thinks = true; /* about to go on */
        if (!thinks && !speaks_on) break;
        sotto_condition_wait(&s->changed, &s->mutex);
    }
    sotto_mutex_unlock(&s->mutex);
}

/* What is heard without sotto's own voice, and whether there is a person's in it. */
static void clean_up(sotto_voice *v, const int16_t *heard, const int16_t *played, int16_t clean[SOTTO_VOICE_FRAME]) {
    int16_t rest[SOTTO_VOICE_FRAME], echo[SOTTO_VOICE_FRAME] = {0};
    memcpy(clean, heard, sizeof rest);
    memcpy(rest, heard, sizeof rest);
    if (played) memcpy(echo, played, sizeof echo); /* without a canceller: what it would be like */
    if (v->echo && played) {
        sotto_echo_cancel(v->echo, heard, played, rest, clean);
        for (int i = 0; i < SOTTO_VOICE_FRAME; i++)
            echo[i] = (int16_t)SOTTO_MIN(SOTTO_MAX(heard[i] - rest[i], -32768), 32767);
    }
    v->heard = sotto_vad_feed(v->vad, clean);
    sotto_residual_feed(&v->residual, played, echo, rest, v->heard.voiced);
    v->heard.voiced = v->residual.person;
}

sotto_status sotto_voice_feed(sotto_voice *v, const int16_t heard[SOTTO_VOICE_FRAME],
                              const int16_t played[SOTTO_VOICE_FRAME], sotto_error *err) {
    int16_t clean[SOTTO_VOICE_FRAME];
    if (!v->n_frames) v->began_ns = sotto_time_ns();
    sotto_mutex_lock(&v->shared.mutex);
    v->shared.now_ms = (double)(v->n_frames + 1) * FRAME_MS;
    sotto_mutex_unlock(&v->shared.mutex);
    clean_up(v, heard, played, clean);
    SOTTO_TRY(look_at_workers(v, err));
    SOTTO_TRY(hear(v, clean, err));
    if (v->state == SOTTO_VOICE_IDLE && v->options.toolbox && v->n_frames % DUE_FRAMES == 0)
        SOTTO_TRY(sotto_think_post(v, SOTTO_JOB_DUE, NULL, 0, err));
    if (v->options.lockstep) settle(v);
    return look_at_workers(v, err);
}

/* ---- what a person does besides speaking ----------------------------------------------------------------- */

sotto_status sotto_voice_push(sotto_voice *v, bool down, sotto_error *err) {
    if (down) {
        v->pushed = true;
        return SOTTO_OK;
    }
    bool was = v->pushed;
    v->pushed = false;
    return was && v->open ? end_utterance(v, err) : SOTTO_OK;
}

sotto_status sotto_voice_hush(sotto_voice *v, sotto_error *err) {
    return sotto_voice_dispatch(v, SOTTO_CAUSE_HUSH, err);
}

sotto_status sotto_voice_finish(sotto_voice *v, sotto_error *err) {
    SOTTO_TRY(sotto_voice_dispatch(v, SOTTO_CAUSE_HUSH, err));
    sotto_think_wait(v);
    return look_at_workers(v, err);
}

sotto_voice_state sotto_voice_get_state(const sotto_voice *v) { return v->state; }

void sotto_voice_get_stats(const sotto_voice *v, sotto_voice_stats *out) { *out = v->stats; }

/* ---- opening --------------------------------------------------------------------------------------------- */

sotto_voice_options sotto_voice_options_default(void) {
    sotto_endpoint_options e = sotto_endpoint_options_default();
    return (sotto_voice_options){.language_model_weight = -1, .start_ms = e.start_ms,
                                 .speculative_ms = e.speculative_ms, .complete_ms = e.complete_ms,
                                 .unsure_ms = e.unsure_ms, .incomplete_ms = e.incomplete_ms,
                                 .longest_ms = e.longest_ms, .lowest_snr_db = SOTTO_SNR_TOO_LOW_DB, .speed = 1,
                                 .barge_in = true,
                                 .echo_cancel = true, .speculate = true};
}

const char *sotto_voice_recognizer_at(size_t i) { return sotto_stt_name_at(i); }
const char *sotto_voice_voice_at(size_t i) { return sotto_tts_name_at(i); }

static void choose_endpoint(sotto_voice *v) {
    const sotto_voice_options *o = &v->options;
    sotto_endpoint_options     e = {o->start_ms,  o->speculative_ms, o->complete_ms,
                                    o->unsure_ms, o->incomplete_ms,  o->longest_ms};
    if (o->step_by_step) e.complete_ms = e.incomplete_ms = e.unsure_ms; /* the fixed wait of most others */
    sotto_endpoint_reset(&v->endpoint, &e);
}

static sotto_status open_parts(sotto_voice *v, sotto_error *err) {
    sotto_stt_options   o = sotto_stt_options_default();
    sotto_voice_options *vo = &v->options;
    if (vo->recognizer) o.engine = vo->recognizer;
    if (vo->recognizer_model) o.model = vo->recognizer_model;
    if (vo->language_model) o.lm = vo->language_model;
    if (vo->language_model_weight >= 0) o.lm_weight = vo->language_model_weight;
    if (vo->words) o.words = vo->words;
    SOTTO_TRY(sotto_stt_open(&v->stt, &o, err));
    if (vo->wake) SOTTO_TRY(sotto_wake_open(&v->wake, vo->wake, &o, err));
    SOTTO_TRY(sotto_vad_open(&v->vad, err));
    if (vo->echo_cancel) SOTTO_TRY(sotto_echo_open(&v->echo, err));
    SOTTO_TRY(sotto_speak_open(v, err));
    return sotto_think_open(v, err);
}

sotto_status sotto_voice_open(sotto_voice **out, const sotto_voice_options *opt, sotto_error *err) {
    if (!opt || !opt->dialog) return sotto_fail(err, SOTTO_INVALID, "a voice needs a dialog");
    sotto_voice *v = calloc(1, sizeof *v);
    if (!v) return sotto_fail_memory(err, "the voice");
    v->options = *opt;
    if (v->options.step_by_step) v->options.speculate = false;
    v->began_ns = sotto_time_ns();
    v->audio_start_ms = -1;
    sotto_mutex_init(&v->shared.mutex);
    sotto_condition_init(&v->shared.changed);
    choose_endpoint(v);
    sotto_residual_reset(&v->residual);
    sotto_status status = open_parts(v, err);
    if (status) sotto_voice_close(v);
    else *out = v;
    return status;
}

void sotto_voice_close(sotto_voice *v) {
    if (!v) return;
    if (v->thinker) (void)sotto_voice_finish(v, NULL);
    sotto_mutex_lock(&v->shared.mutex);
    v->shared.quit = true;
    sotto_condition_signal(&v->shared.changed);
    sotto_mutex_unlock(&v->shared.mutex);
    sotto_think_close(v);
    sotto_speak_close(v);
    sotto_stt_close(v->stt);
    sotto_wake_close(v->wake);
    sotto_vad_close(v->vad);
    sotto_echo_close(v->echo);
    sotto_agreement_free(&v->agreement);
    sotto_buf *own[] = {&v->sound, &v->partial, &v->prefilled, &v->before, &v->speculated, &v->said};
    for (size_t i = 0; i < SOTTO_COUNT(own); i++) sotto_buf_free(own[i]);
    sotto_condition_destroy(&v->shared.changed);
    sotto_mutex_destroy(&v->shared.mutex);
    free(v);
}
