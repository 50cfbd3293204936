/* The thinker: the thread that owns dialog, toolbox and history. Jobs are done in their order; the one at the front is
 * being done while `thinking`. What it has to tell goes out as mail. */
#include "voice/voice.h"

#include <stdlib.h>

/* ---- mail ------------------------------------------------------------------------------------------------ */

static char *copy(const char *text) {
    size_t n = text ? strlen(text) + 1 : 0;
    char  *p = n ? malloc(n) : NULL;
    return p ? memcpy(p, text, n) : NULL;
}

void sotto_mail_free(sotto_mail *m) {
    if (!m) return;
    free(m->text);
    free(m->name);
    free(m->arguments);
    free(m->result);
    free(m);
}

/* Without memory a remark is lost, and nothing else: what must not be lost is in `shared`. */
static void send(sotto_voice *v, const sotto_mail *what) {
    sotto_mail *m = malloc(sizeof *m);
    if (!m) return;
    *m = *what;
    m->text = copy(what->text);
    m->name = copy(what->name);
    m->arguments = copy(what->arguments);
    m->result = copy(what->result);
    m->next = NULL;
    sotto_mutex_lock(&v->shared.mutex);
    *v->shared.mail_end = m;
    v->shared.mail_end = &m->next;
    sotto_mutex_unlock(&v->shared.mutex);
}

sotto_mail *sotto_mail_take(sotto_voice *v) {
    sotto_mutex_lock(&v->shared.mutex);
    sotto_mail *m = v->shared.mail;
    if (m) v->shared.mail = m->next;
    if (!v->shared.mail) v->shared.mail_end = &v->shared.mail;
    sotto_mutex_unlock(&v->shared.mutex);
    return m;
}

/* ---- the toolbox, held until the turn is certain --------------------------------------------------------- */

static void report(sotto_voice *v, const sotto_error *err) {
    send(v, &(sotto_mail){.type = SOTTO_VOICE_FAILED, .text = (char *)err->message});
}

static void release(sotto_voice *v, bool keep) {
    sotto_error err;
    if (!v->held) return;
    v->held = false;
    if (sotto_toolbox_release(v->options.toolbox, keep, &err)) report(v, &err);
}

static bool is_settled(sotto_voice *v) {
    sotto_mutex_lock(&v->shared.mutex);
    bool settled = v->shared.settled;
    sotto_mutex_unlock(&v->shared.mutex);
    return settled;
}

/* ---- an answer ------------------------------------------------------------------------------------------- */

/* Calls change things: they wait until it is certain that the answer will be given. */
static bool wait_at_gate(void *user) {
    sotto_voice        *v = user;
    sotto_voice_shared *s = &v->shared;
    sotto_mutex_lock(&s->mutex);
    s->at_gate = true;
    sotto_condition_signal(&s->changed);
    while (!s->committed && !sotto_flag_is_set(&s->cancel) && !s->quit) sotto_condition_wait(&s->changed, &s->mutex);
    s->at_gate = false;
    bool go = s->committed && !sotto_flag_is_set(&s->cancel) && !s->quit, settled = s->settled;
    sotto_mutex_unlock(&s->mutex);
    if (!go || !v->options.toolbox || v->held || settled) return go;
    sotto_error err;
    v->held = !sotto_toolbox_hold(v->options.toolbox, &err);
    if (!v->held) report(v, &err);
    return v->held;
}

static void prompt_computed(void *user, size_t n_prompt, size_t n_cached) {
    sotto_voice *v = user;
    sotto_mutex_lock(&v->shared.mutex);
    sotto_voice_latency *l = &v->shared.latency;
    if (l->prefilled < 0) {
        l->prefilled = sotto_voice_now(v);
        l->n_prompt = (int32_t)n_prompt;
        l->n_prefilled = (int32_t)n_cached;
    }
    sotto_mutex_unlock(&v->shared.mutex);
}

/* The clauses that are complete go to the speaker. With step_by_step they wait for the end of the answer. */
static bool hand_on(sotto_voice *v) {
    sotto_clause clause;
    bool         ok = true;
    sotto_mutex_lock(&v->shared.mutex);
    while (ok && sotto_speakable_next(v->speakable, &clause)) {
        if (v->shared.latency.first_text < 0) v->shared.latency.first_text = sotto_voice_now(v);
        ok = sotto_speak_say_locked(v, &clause);
    }
    sotto_mutex_unlock(&v->shared.mutex);
    return ok;
}

/* Out of memory. */
static void give_up(sotto_voice *v) {
    sotto_mutex_lock(&v->shared.mutex);
    v->shared.failed = true;
    v->shared.answering = false;
    sotto_flag_set(&v->shared.cancel, 1);
    sotto_mutex_unlock(&v->shared.mutex);
}

static void take_text(void *user, const char *text, size_t n) {
    sotto_voice *v = user;
    sotto_mutex_lock(&v->shared.mutex);
    bool ok = sotto_buf_append(&v->shared.answer, text, n);
    sotto_mutex_unlock(&v->shared.mutex);
    if (!ok || sotto_speakable_feed(v->speakable, text, n, NULL)) {
        give_up(v);
        return;
    }
    sotto_buf piece = {0};
    if (sotto_buf_append(&piece, text, n)) send(v, &(sotto_mail){.type = SOTTO_VOICE_TOKEN, .text = piece.data});
    sotto_buf_free(&piece);
    if (!v->options.step_by_step) (void)hand_on(v);
    if (is_settled(v)) release(v, true);
}

static void take_call(void *user, const char *name, const char *arguments, const sotto_tool_result *result) {
    sotto_voice *v = user;
    v->executed |= result && !result->failed;
    if (result && result->effect == SOTTO_EFFECT_VOLUME) {
        sotto_mutex_lock(&v->shared.mutex);
        v->shared.volume = result->volume;
        sotto_mutex_unlock(&v->shared.mutex);
    }
    send(v, &(sotto_mail){.type = SOTTO_VOICE_TOOL, .name = (char *)name, .arguments = (char *)arguments,
                          .result = result ? result->json : NULL});
}

static void take_dropped(void *user, int32_t n_tokens) {
    send(user, &(sotto_mail){.type = SOTTO_VOICE_SLID, .n = n_tokens});
}

static void answer(sotto_voice *v, const char *text) {
    sotto_dialog_events events = {.user = v,
                                  .prompt = prompt_computed,
                                  .text = take_text,
                                  .before_calls = wait_at_gate,
                                  .called = take_call,
                                  .dropped = take_dropped};
    sotto_dialog_answer result;
    sotto_error         err;
    (void)sotto_dialog_turns(v->options.dialog, &v->n_before);
    sotto_speakable_reset(v->speakable);
    sotto_mutex_lock(&v->shared.mutex);
    sotto_buf_clear(&v->shared.answer);
    sotto_mutex_unlock(&v->shared.mutex);
    v->executed = false;
    sotto_status status = sotto_dialog_answer_turn(v->options.dialog, text, &events, &v->shared.cancel, &result, &err);
    sotto_speakable_end(v->speakable);
    bool ok = !status && hand_on(v);
    if (status && status != SOTTO_CANCELLED) report(v, &err);
    sotto_mutex_lock(&v->shared.mutex);
    if (!sotto_flag_is_set(&v->shared.cancel)) { /* else another may have been asked for already */
        v->shared.failed = !ok;
        v->shared.answering = false;
    }
    sotto_mutex_unlock(&v->shared.mutex);
}

/* ---- the end of a turn ----------------------------------------------------------------------------------- */

static void undo(sotto_voice *v) {
    release(v, false);
    sotto_dialog_cut(v->options.dialog, v->n_before);
}

/* The last text of the model becomes the part of it that was heard. The answer may have come in several turns, with
 * calls between them: those before the last were heard whole, or the last not at all. */
static sotto_status shorten(sotto_voice *v, size_t n_heard, sotto_error *err) {
    size_t                 n, n_earlier = 0, last = 0;
    const sotto_chat_turn *turns = sotto_dialog_turns(v->options.dialog, &n);
    for (size_t i = v->n_before; i < n; i++)
        if (strcmp(turns[i].role, "assistant") == 0) last = i;
    if (last <= v->n_before) return SOTTO_OK;
    for (size_t i = v->n_before; i < last; i++)
        if (strcmp(turns[i].role, "assistant") == 0) n_earlier += strlen(turns[i].content);
    size_t    keep = n_heard > n_earlier ? n_heard - n_earlier : 0;
    sotto_buf text = {0};
    if (!sotto_buf_append(&text, turns[last].content, SOTTO_MIN(keep, strlen(turns[last].content))))
        return sotto_fail_memory(err, "the answer");
    sotto_status status = sotto_dialog_amend(v->options.dialog, text.data, err);
    sotto_buf_free(&text);
    return status;
}

static sotto_status write_turn(sotto_voice *v, bool interrupted, sotto_error *err) {
    size_t                 n;
    const sotto_chat_turn *turns = sotto_dialog_turns(v->options.dialog, &n);
    if (!v->options.history || n <= v->n_before) return SOTTO_OK;
    return sotto_history_append(v->options.history, v->options.conversation, turns + v->n_before, n - v->n_before,
                                interrupted, err);
}

static void keep(sotto_voice *v, size_t n_heard) {
    sotto_error err;
    size_t      n_said;
    release(v, true);
    sotto_mutex_lock(&v->shared.mutex);
    n_said = v->shared.answer.len;
    sotto_mutex_unlock(&v->shared.mutex);
    bool         interrupted = n_heard != SIZE_MAX;
    sotto_status status = n_heard == SIZE_MAX ? SOTTO_OK : shorten(v, n_heard, &err);
    if (!status) status = write_turn(v, interrupted, &err);
    if (status) report(v, &err);
    sotto_buf heard = {0};
    sotto_mutex_lock(&v->shared.mutex);
    (void)sotto_buf_append(&heard, v->shared.answer.data, SOTTO_MIN(n_heard, n_said));
    sotto_mutex_unlock(&v->shared.mutex);
    size_t                 n;
    const sotto_chat_turn *turns = sotto_dialog_turns(v->options.dialog, &n);
    const char            *said = n > v->n_before ? turns[v->n_before].content : "";
    send(v, &(sotto_mail){.type = SOTTO_VOICE_DONE, .text = heard.data, .name = (char *)said,
                          .interrupted = interrupted});
    sotto_buf_free(&heard);
    v->n_before = n;
}

static void say_due(sotto_voice *v) {
    sotto_tool_result due = {0};
    if (sotto_toolbox_next_due(v->options.toolbox) != 0) return;
    if (sotto_toolbox_take_due(v->options.toolbox, &due, NULL) == SOTTO_OK) {
        send(v, &(sotto_mail){.type = SOTTO_VOICE_DUE, .text = due.spoken});
        sotto_tool_result_free(&due);
    }
}

/* ---- the thread ------------------------------------------------------------------------------------------ */

static bool cancellable(sotto_job_kind kind) { return kind == SOTTO_JOB_PREFILL || kind == SOTTO_JOB_ANSWER; }

static void run(sotto_voice *v, const sotto_job *job) {
    switch (job->kind) {
    case SOTTO_JOB_PREFILL: /* what fails here fails again, and is told, when the turn is answered */
        (void)sotto_dialog_prefill(v->options.dialog, job->text, &v->shared.cancel, NULL);
        break;
    case SOTTO_JOB_ANSWER: answer(v, job->text); break;
    case SOTTO_JOB_UNDO: undo(v); break;
    case SOTTO_JOB_KEEP: keep(v, job->n_heard); break;
    case SOTTO_JOB_DUE: say_due(v); break;
    case SOTTO_JOBS_MAX: break;
    }
}

static void remove_job(sotto_voice_shared *s, size_t i) {
    free(s->jobs[i].text);
    memmove(&s->jobs[i], &s->jobs[i + 1], (s->n_jobs - i - 1) * sizeof s->jobs[0]);
    s->n_jobs--;
}

static void think(void *arg) {
    sotto_voice        *v = arg;
    sotto_voice_shared *s = &v->shared;
    sotto_mutex_lock(&s->mutex);
    for (;;) {
        while (!s->n_jobs && !s->quit) sotto_condition_wait(&s->changed, &s->mutex);
        if (!s->n_jobs) break;
        sotto_job job = s->jobs[0];
        s->thinking = true;
        sotto_flag_set(&s->cancel, 0);
        sotto_mutex_unlock(&s->mutex);
        run(v, &job);
        sotto_mutex_lock(&s->mutex);
        remove_job(s, 0);
        s->thinking = false;
        sotto_condition_signal(&s->changed);
    }
    sotto_mutex_unlock(&s->mutex);
}

sotto_status sotto_think_post(sotto_voice *v, sotto_job_kind kind, const char *text, size_t n_heard, sotto_error *err) {
    char *own = copy(text);
    if (text && !own) return sotto_fail_memory(err, "what was said");
    sotto_voice_shared *s = &v->shared;
    sotto_mutex_lock(&s->mutex);
    /* Of prefills that wait only the last counts. */
    for (size_t i = s->thinking; i < s->n_jobs; i++)
        if (s->jobs[i].kind == SOTTO_JOB_PREFILL && cancellable(kind)) remove_job(s, i--);
    if (s->thinking && s->jobs[0].kind == SOTTO_JOB_PREFILL && kind == SOTTO_JOB_ANSWER) sotto_flag_set(&s->cancel, 1);
    bool room = s->n_jobs < SOTTO_JOBS_MAX;
    if (room) s->jobs[s->n_jobs++] = (sotto_job){kind, own, n_heard};
    sotto_condition_signal(&s->changed);
    sotto_mutex_unlock(&s->mutex);
    if (room) return SOTTO_OK;
    free(own);
    return sotto_fail(err, SOTTO_LIMIT, "the model is more than %d turns behind", SOTTO_JOBS_MAX);
}

void sotto_think_commit(sotto_voice *v) {
    sotto_mutex_lock(&v->shared.mutex);
    v->shared.committed = true;
    sotto_condition_signal(&v->shared.changed);
    sotto_mutex_unlock(&v->shared.mutex);
}

void sotto_think_settle(sotto_voice *v) {
    sotto_mutex_lock(&v->shared.mutex);
    v->shared.settled = true;
    sotto_mutex_unlock(&v->shared.mutex);
}

void sotto_think_cancel(sotto_voice *v) {
    sotto_voice_shared *s = &v->shared;
    sotto_mutex_lock(&s->mutex);
    for (size_t i = s->thinking; i < s->n_jobs; i++)
        if (cancellable(s->jobs[i].kind)) remove_job(s, i--);
    if (s->thinking && cancellable(s->jobs[0].kind)) sotto_flag_set(&s->cancel, 1);
    s->answering = s->failed = false;
    sotto_condition_signal(&s->changed);
    sotto_mutex_unlock(&s->mutex);
}

bool sotto_think_busy(sotto_voice *v) {
    sotto_mutex_lock(&v->shared.mutex);
    bool busy = v->shared.n_jobs || v->shared.mail;
    sotto_mutex_unlock(&v->shared.mutex);
    return busy;
}

void sotto_think_wait(sotto_voice *v) {
    sotto_mutex_lock(&v->shared.mutex);
    while (v->shared.n_jobs) sotto_condition_wait(&v->shared.changed, &v->shared.mutex);
    sotto_mutex_unlock(&v->shared.mutex);
}

sotto_status sotto_think_open(sotto_voice *v, sotto_error *err) {
    v->shared.mail_end = &v->shared.mail;
    (void)sotto_dialog_turns(v->options.dialog, &v->n_before);
    SOTTO_TRY(sotto_speakable_open(&v->speakable, err));
    return sotto_thread_start(&v->thinker, think, v, err);
}

/* `quit` is set; what waits is done first. */
void sotto_think_close(sotto_voice *v) {
    sotto_thread_join(v->thinker);
    if (v->thinker) release(v, false);
    for (sotto_mail *m; v->shared.mail && (m = sotto_mail_take(v));) sotto_mail_free(m);
    sotto_speakable_close(v->speakable);
    sotto_buf_free(&v->shared.answer);
}
