/* What happens when: the table of states and events of a voice, and what each pair does. */
#include "voice/voice.h"

#include <assert.h>

/* Who begins to speak so soon after the answer has begun does not answer it: it takes people 200 ms and more to begin
 * to speak (Levinson & Torreira 2015). They had not finished, and what they say now belongs to the same turn. */
enum { REACTION_MS = 300 };

typedef sotto_status (*action_fn)(sotto_voice *v, sotto_error *err);

/* ---- listening ------------------------------------------------------------------------------------------- */

static sotto_status begin(sotto_voice *v, sotto_error *err) {
    sotto_buf_clear(&v->before);
    sotto_buf_clear(&v->speculated);
    sotto_voice_tell(v, &(sotto_voice_event){.type = SOTTO_VOICE_SPEECH_START});
    return sotto_voice_listen_begin(v, err);
}

/* The turn so far, this utterance included, in *out. */
static sotto_status whole(const sotto_voice *v, const char *utterance, sotto_buf *out, sotto_error *err) {
    sotto_buf_clear(out);
    if (v->before.len) (void)sotto_buf_printf(out, "%s%s", v->before.data, *utterance ? " " : "");
    return sotto_buf_puts(out, utterance) ? SOTTO_OK : sotto_fail_memory(err, "what was said");
}

static void forget_answer(sotto_voice *v) {
    sotto_think_cancel(v);
    sotto_speak_clear(v);
    sotto_buf_clear(&v->speculated);
}

/* Begin an answer to `text`, to be heard once it is committed. */
static sotto_status ask(sotto_voice *v, const char *text, sotto_error *err) {
    sotto_buf_clear(&v->said);
    if (!sotto_buf_puts(&v->said, text)) return sotto_fail_memory(err, "what was said");
    sotto_speak_clear(v);
    sotto_mutex_lock(&v->shared.mutex);
    v->shared.committed = v->shared.settled = v->shared.failed = false;
    v->shared.answering = true;
    v->shared.latency = (sotto_voice_latency){-1, -1, -1, -1, -1, -1, -1, false, 0, 0, 0};
    sotto_mutex_unlock(&v->shared.mutex);
    return sotto_think_post(v, SOTTO_JOB_ANSWER, text, 0, err);
}

static sotto_status withdraw(sotto_voice *v, sotto_error *err) {
    if (!v->speculated.len) return SOTTO_OK;
    forget_answer(v);
    return sotto_think_post(v, SOTTO_JOB_UNDO, NULL, 0, err);
}

bool sotto_voice_has_begun(const sotto_voice *v) {
    const sotto_buf *begun = &v->speculated, *before = &v->before;
    size_t           n = before->len + (before->len && v->partial.len);
    if (!begun->len || begun->len != n + v->partial.len) return false;
    return (!before->len || memcmp(begun->data, before->data, before->len) == 0) &&
           strcmp(begun->data + n, v->partial.data) == 0;
}

/* Begin an answer to all that was said. */
static sotto_status answer_all(sotto_voice *v, sotto_error *err) {
    sotto_buf    text = {0};
    sotto_status status = whole(v, v->partial.data, &text, err);
    if (!status) status = withdraw(v, err);
    if (!status) status = ask(v, text.data, err);
    sotto_buf_free(&text);
    return status;
}

static sotto_status speculate(sotto_voice *v, sotto_error *err) {
    if (!v->options.speculate || !v->partial.len) return SOTTO_OK;
    SOTTO_TRY(answer_all(v, err));
    if (!sotto_buf_append(&v->speculated, v->said.data, v->said.len)) return sotto_fail_memory(err, "what was said");
    sotto_mutex_lock(&v->shared.mutex);
    v->shared.latency.speculated = sotto_voice_now(v);
    sotto_mutex_unlock(&v->shared.mutex);
    v->stats.n_speculated++;
    return SOTTO_OK;
}

static sotto_status drop(sotto_voice *v, sotto_error *err) {
    sotto_voice_listen_end(v);
    return withdraw(v, err);
}

/* ---- answering ------------------------------------------------------------------------------------------- */

/* v->partial holds the final words. */
static sotto_status commit(sotto_voice *v, sotto_error *err) {
    bool   held = sotto_voice_has_begun(v);
    double committed_ms = v->speech_end_ms + v->endpoint.silence_ms;
    sotto_voice_listen_end(v);
    if (!held) SOTTO_TRY(answer_all(v, err));
    v->stats.n_held += held;
    sotto_mutex_lock(&v->shared.mutex);
    v->shared.latency.held = held;
    v->shared.latency.committed = committed_ms;
    v->shared.latency.recognized = sotto_voice_now(v);
    sotto_mutex_unlock(&v->shared.mutex);
    sotto_think_commit(v);
    return SOTTO_OK;
}

static sotto_status play(sotto_voice *v, sotto_error *err) {
    (void)err;
    sotto_speak_play(v, true);
    v->audio_start_ms = sotto_voice_now(v);
    sotto_mutex_lock(&v->shared.mutex);
    v->shared.latency.audio_start = v->audio_start_ms;
    sotto_mutex_unlock(&v->shared.mutex);
    sotto_voice_tell(v, &(sotto_voice_event){.type = SOTTO_VOICE_AUDIO_START});
    return SOTTO_OK;
}

static sotto_status keep(sotto_voice *v, sotto_error *err) {
    sotto_speak_play(v, false);
    if (v->announcing) return SOTTO_OK;
    sotto_think_settle(v);
    return sotto_think_post(v, SOTTO_JOB_KEEP, NULL, SIZE_MAX, err);
}

static sotto_status fail(sotto_voice *v, sotto_error *err) {
    forget_answer(v);
    return sotto_think_post(v, SOTTO_JOB_UNDO, NULL, 0, err);
}

/* A timer's sentence is in the speaker's queue. */
static sotto_status announce(sotto_voice *v, sotto_error *err) {
    v->announcing = true;
    return play(v, err);
}

/* ---- interruption ---------------------------------------------------------------------------------------- */

static sotto_status hold(sotto_voice *v, sotto_error *err) {
    (void)err;
    sotto_speak_play(v, false);
    v->held_ms = sotto_voice_now(v);
    sotto_endpoint_reset(&v->endpoint, &v->endpoint.options); /* what is heard in the quiet counts */
    sotto_voice_tell(v, &(sotto_voice_event){.type = SOTTO_VOICE_CUT});
    return SOTTO_OK;
}

static sotto_status listen(sotto_voice *v, sotto_error *err) {
    sotto_voice_tell(v, &(sotto_voice_event){.type = SOTTO_VOICE_SPEECH_START});
    return sotto_voice_listen_begin(v, err);
}

static sotto_status hold_and_listen(sotto_voice *v, sotto_error *err) {
    sotto_speak_play(v, false);
    sotto_voice_tell(v, &(sotto_voice_event){.type = SOTTO_VOICE_CUT});
    return listen(v, err);
}

static sotto_status go_on(sotto_voice *v, sotto_error *err) {
    (void)err;
    sotto_residual_was_wrong(&v->residual);
    sotto_voice_listen_end(v);
    if (v->audio_start_ms >= 0) sotto_speak_play(v, true);
    return SOTTO_OK;
}

/* What has been heard of the answer is its end. */
static sotto_status cut(sotto_voice *v, sotto_error *err) {
    size_t n_heard = sotto_speak_heard(v);
    v->stats.n_interrupted++;
    forget_answer(v);
    if (v->announcing) return SOTTO_OK;
    sotto_think_settle(v);
    return sotto_think_post(v, SOTTO_JOB_KEEP, NULL, n_heard, err);
}

static sotto_status take_back(sotto_voice *v, sotto_error *err) {
    v->stats.n_taken_back++;
    forget_answer(v);
    SOTTO_TRY(sotto_think_post(v, SOTTO_JOB_UNDO, NULL, 0, err));
    sotto_voice_tell(v, &(sotto_voice_event){.type = SOTTO_VOICE_TAKEN_BACK});
    sotto_buf_clear(&v->before);
    return sotto_buf_append(&v->before, v->said.data, v->said.len) ? SOTTO_OK : sotto_fail_memory(err, "what was said");
}

static sotto_status interrupt(sotto_voice *v, sotto_error *err) {
    bool unheard = v->audio_start_ms < 0 || v->speech_start_ms < v->audio_start_ms + REACTION_MS;
    if (unheard && !v->announcing) return take_back(v, err);
    SOTTO_TRY(cut(v, err));
    sotto_buf_clear(&v->before);
    return SOTTO_OK;
}

static sotto_status hush(sotto_voice *v, sotto_error *err) {
    sotto_voice_listen_end(v);
    sotto_voice_tell(v, &(sotto_voice_event){.type = SOTTO_VOICE_CUT});
    if (v->audio_start_ms >= 0) return cut(v, err);
    return fail(v, err);
}

/* ---- the table ------------------------------------------------------------------------------------------- */

enum {
    IDLE = SOTTO_VOICE_IDLE,
    LISTENING = SOTTO_VOICE_LISTENING,
    THINKING = SOTTO_VOICE_THINKING,
    SPEAKING = SOTTO_VOICE_SPEAKING,
    INTERRUPTED = SOTTO_VOICE_INTERRUPTED,
    BACK = -1 /* to THINKING or SPEAKING, from which the interruption came */
};

static const struct {
    int               state;
    sotto_voice_cause cause;
    int               next;
    action_fn         action;
    const char       *what;
} table[] = {
    {IDLE, SOTTO_CAUSE_START, LISTENING, begin, "begin to recognise"},
    {IDLE, SOTTO_CAUSE_DUE, SPEAKING, announce, "say what is due"},
    {LISTENING, SOTTO_CAUSE_SPECULATIVE, LISTENING, speculate, "begin an answer"},
    {LISTENING, SOTTO_CAUSE_RESUME, LISTENING, withdraw, "throw it away"},
    {LISTENING, SOTTO_CAUSE_END, THINKING, commit, "answer, or let the answer out"},
    {LISTENING, SOTTO_CAUSE_NOTHING, IDLE, drop, "forget it"},
    {LISTENING, SOTTO_CAUSE_HUSH, IDLE, drop, "forget it"},
    {THINKING, SOTTO_CAUSE_AUDIO, SPEAKING, play, "play"},
    {THINKING, SOTTO_CAUSE_ANSWERED, IDLE, keep, "keep the turn: nothing was to be said"},
    {THINKING, SOTTO_CAUSE_START, INTERRUPTED, hold_and_listen, "hold the answer, begin to recognise"},
    {THINKING, SOTTO_CAUSE_HUSH, IDLE, hush, "forget it"},
    {THINKING, SOTTO_CAUSE_FAILED, IDLE, fail, "undo the turn"},
    {SPEAKING, SOTTO_CAUSE_ANSWERED, IDLE, keep, "keep the turn"},
    {SPEAKING, SOTTO_CAUSE_SUSPECT, INTERRUPTED, hold, "be quiet"},
    {SPEAKING, SOTTO_CAUSE_START, INTERRUPTED, hold_and_listen, "be quiet, begin to recognise"},
    {SPEAKING, SOTTO_CAUSE_HUSH, IDLE, hush, "keep what was heard"},
    {SPEAKING, SOTTO_CAUSE_FAILED, IDLE, hush, "keep what was heard"},
    {INTERRUPTED, SOTTO_CAUSE_START, INTERRUPTED, listen, "begin to recognise"},
    {INTERRUPTED, SOTTO_CAUSE_WORDS, LISTENING, interrupt, "take the turn back, or keep what was heard of the answer"},
    {INTERRUPTED, SOTTO_CAUSE_NOTHING, BACK, go_on, "go on"},
    {INTERRUPTED, SOTTO_CAUSE_HUSH, IDLE, hush, "keep what was heard"},
    {INTERRUPTED, SOTTO_CAUSE_FAILED, LISTENING, interrupt, "undo the turn, or keep what was heard"},
};

static const char *const state_names[] = {"idle", "listening", "thinking", "speaking", "interrupted"};
static const char *const cause_names[] = {"suspect", "start",   "speculative", "resume", "end",  "words",
                                          "nothing", "audio",   "answered",    "due",    "hush", "failed"};
static_assert(SOTTO_COUNT(cause_names) == SOTTO_CAUSES, "a name for each cause");

const char *sotto_voice_state_name(sotto_voice_state state) { return state_names[state]; }

sotto_status sotto_voice_dispatch(sotto_voice *v, sotto_voice_cause cause, sotto_error *err) {
    for (size_t i = 0; i < SOTTO_COUNT(table); i++) {
        if (table[i].state != (int)v->state || table[i].cause != cause) continue;
        sotto_voice_state before = v->state;
        SOTTO_TRY(table[i].action(v, err));
        if (table[i].next != BACK) v->state = (sotto_voice_state)table[i].next;
        else v->state = v->audio_start_ms >= 0 ? SOTTO_VOICE_SPEAKING : SOTTO_VOICE_THINKING;
        if (v->state == SOTTO_VOICE_IDLE || v->state == SOTTO_VOICE_LISTENING)
            v->audio_start_ms = -1, v->announcing = false;
        sotto_voice_tell(v, &(sotto_voice_event){.type = SOTTO_VOICE_STATE, .before = before,
                                                 .text = cause_names[cause]});
        return SOTTO_OK;
    }
    return SOTTO_OK;
}

sotto_status sotto_voice_table(sotto_bytes *out, sotto_error *err) {
    sotto_buf text = {0};
    for (size_t i = 0; i < SOTTO_COUNT(table); i++)
        (void)sotto_buf_printf(&text, "%-12s %-12s -> %-20s %s\n", state_names[table[i].state],
                               cause_names[table[i].cause],
                               table[i].next == BACK ? "thinking or speaking" : state_names[table[i].next],
                               table[i].what);
    if (text.failed) {
        sotto_buf_free(&text);
        return sotto_fail_memory(err, "the table");
    }
    *out = (sotto_bytes){text.data, text.len};
    return SOTTO_OK;
}
