/* What `sotto talk` shows: lines of a conversation, a line of state on a terminal, JSON for scripts, and where the time
 * went. */
#include "cli/talk.h"

#include <stdlib.h>

enum { METER_CELLS = 12, METER_FLOOR_DB = -60, BAR_CELLS = 40 };

/* ---- the line of state ----------------------------------------------------------------------------------- */

static void clear_line(sotto_cli_talk *t) {
    if (t->line_drawn) (void)fputs("\r\033[K", stderr), (void)fflush(stderr);
    t->line_drawn = false;
}

/* "[listening] |#####.......| set a timer for": never longer than the terminal is wide. */
void sotto_cli_talk_draw(sotto_cli_talk *t) {
    if (!t->live) return;
    char  meter[METER_CELLS + 1];
    float share = (t->level_db - METER_FLOOR_DB) / -(float)METER_FLOOR_DB;
    for (int i = 0; i < METER_CELLS; i++) meter[i] = share * METER_CELLS > (float)i ? '#' : '.';
    meter[METER_CELLS] = '\0';
    char        head[64];
    const char *heard = t->partial.data ? t->partial.data : "", *state = sotto_voice_state_name(t->state);
    int         n = snprintf(head, sizeof head, "[%s] |%s| ", state, meter), room = sotto_terminal_columns() - n - 1;
    size_t      from = 0, length = strlen(heard);
    if (room < 1) return;
    while (length - from > (size_t)room || (from < length && (heard[from] & 0xC0) == 0x80)) from++; /* its end counts */
    (void)fflush(stdout);
    (void)fprintf(stderr, "\r\033[K%s%s%s", t->colored ? "\033[2m" : "", head, t->colored ? "\033[0m" : "");
    sotto_cli_print(stderr, heard + from, length - from, true);
    (void)fflush(stderr);
    t->line_drawn = true;
}

/* ---- lines ----------------------------------------------------------------------------------------------- */

static void say(sotto_cli_talk *t, const char *before, const char *text, const char *after) {
    FILE *out = t->lines_aside ? stderr : stdout;
    clear_line(t);
    (void)fputs(before, out);
    sotto_cli_print(out, text, strlen(text), sotto_terminal_is(t->lines_aside ? 2 : 1));
    (void)fputs(after, out);
    (void)fflush(out);
}

static void end_answer(sotto_cli_talk *t) {
    if (t->answering) say(t, "", "", "\n");
    t->answering = false;
}

typedef struct stage {
    const char *name;
    double      from, to;
} stage;

/* A row of the waterfall: its bar stands where the stage was in time. */
static void print_stage(const stage *s, double all) {
    char bar[BAR_CELLS + 1];
    int  from = (int)(s->from / all * BAR_CELLS), to = (int)(s->to / all * BAR_CELLS);
    for (int i = 0; i < BAR_CELLS; i++) bar[i] = i >= from && (i < to || i == from) ? '=' : ' ';
    bar[BAR_CELLS] = '\0';
    (void)fprintf(stderr, "  %-12s |%s| %7.1f ms\n", s->name, bar, s->to - s->from);
}

void sotto_cli_talk_waterfall(const sotto_cli_talk *t, const sotto_voice_latency *l) {
    if (l->audio_start <= 0) return;
    double begun = l->held ? l->speculated : l->recognized, ready = SOTTO_MAX(l->first_audio, l->recognized);
    const stage stages[] = {{"end-point", 0, l->committed},           {"recognition", l->committed, l->recognized},
                            {"prefill", begun, l->prefilled},         {"first clause", l->prefilled, l->first_text},
                            {"synthesis", l->first_text, l->first_audio}, {"output", ready, l->audio_start}};
    bool        color = t->colored;
    (void)fflush(stdout);
    if (color) (void)fputs("\033[2m", stderr);
    (void)fprintf(stderr, "  %.0f ms from the end of speech to the answer\n", l->audio_start);
    for (size_t i = 0; i < SOTTO_COUNT(stages); i++)
        if (stages[i].from >= 0 && stages[i].to >= stages[i].from) print_stage(&stages[i], l->audio_start);
    if (l->held)
        (void)fprintf(stderr, "  the answer was begun %.0f ms before it was sure, and saved %.0f ms\n",
                      SOTTO_MAX(l->recognized - l->speculated, 0), l->saved);
    (void)fprintf(stderr, "  %d of %d tokens of the prompt were computed before\n", l->n_prefilled, l->n_prompt);
    if (color) (void)fputs("\033[0m", stderr);
}

static void note(sotto_cli_talk *t, const char *text) {
    end_answer(t);
    clear_line(t);
    sotto_cli_note(t->settings, "[%s]", text);
}

static void show_tool(sotto_cli_talk *t, const sotto_voice_event *e) {
    end_answer(t);
    clear_line(t);
    sotto_cli_note(t->settings, "[%s %s]", e->name, e->arguments);
}

static void show_token(sotto_cli_talk *t, const sotto_voice_event *e) {
    if (!t->transcribed) { /* an answer that may yet be thrown away is not shown */
        (void)sotto_buf_puts(&t->early, e->text);
        return;
    }
    say(t, "", e->text, "");
    t->answering = true;
}

static void show_transcript(sotto_cli_talk *t, const sotto_voice_event *e) {
    end_answer(t);
    say(t, "> ", e->text, "\n");
    t->transcribed = true;
    if (t->early.len) say(t, "", t->early.data, ""), t->answering = true;
    sotto_buf_clear(&t->early);
    sotto_buf_clear(&t->partial);
}

static void show_done(sotto_cli_talk *t, const sotto_voice_event *e) {
    end_answer(t);
    if (e->interrupted) note(t, "interrupted; only what was heard is kept");
    clear_line(t);
    if (t->settings->stats) sotto_cli_talk_waterfall(t, e->latency);
}

static void show_state(sotto_cli_talk *t, const sotto_voice_event *e) {
    if (e->state == SOTTO_VOICE_LISTENING && strcmp(e->text, "resume") == 0) sotto_buf_clear(&t->early);
    if (e->state == SOTTO_VOICE_LISTENING && e->before != SOTTO_VOICE_LISTENING) {
        t->transcribed = false;
        sotto_buf_clear(&t->early);
    }
    if (!t->settings->talk.trace) return;
    clear_line(t);
    sotto_cli_note(t->settings, "%9.0f ms  %s + %s -> %s", e->t_ms, sotto_voice_state_name(e->before), e->text,
                   sotto_voice_state_name(e->state));
}

static void show(sotto_cli_talk *t, const sotto_voice_event *e) {
    switch (e->type) {
    case SOTTO_VOICE_STATE: show_state(t, e); break;
    case SOTTO_VOICE_LEVEL: t->level_db = e->level_db; break;
    case SOTTO_VOICE_PARTIAL:
        sotto_buf_clear(&t->partial);
        (void)sotto_buf_puts(&t->partial, e->text);
        break;
    case SOTTO_VOICE_TRANSCRIPT: show_transcript(t, e); break;
    case SOTTO_VOICE_TOKEN: show_token(t, e); break;
    case SOTTO_VOICE_TOOL: show_tool(t, e); break;
    case SOTTO_VOICE_DONE: show_done(t, e); break;
    case SOTTO_VOICE_TAKEN_BACK: note(t, "taken back: you had not finished"); break;
    case SOTTO_VOICE_NOTHING: sotto_buf_clear(&t->partial); break;
    case SOTTO_VOICE_TOO_LOUD:
    case SOTTO_VOICE_DUE: end_answer(t), say(t, "", e->text, "\n"); break;
    case SOTTO_VOICE_SLID: note(t, "the model has forgotten the oldest turns"); break;
    case SOTTO_VOICE_FAILED: end_answer(t), clear_line(t), sotto_cli_error("%s", e->text); break;
    case SOTTO_VOICE_WAKE:
    case SOTTO_VOICE_SPEECH_START:
    case SOTTO_VOICE_AUDIO_START:
    case SOTTO_VOICE_CUT: break;
    }
    sotto_cli_talk_draw(t);
}

/* ---- JSON ------------------------------------------------------------------------------------------------ */

static json_t *text_or_null(const char *text) { return text ? sotto_cli_json_text(text, strlen(text)) : json_null(); }

/* JSON text as what it says. */
static json_t *parsed(const char *text) {
    json_t *doc = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    return doc ? doc : json_null();
}

static json_t *latency_json(const sotto_voice_latency *l) {
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:b, s:f, s:i, s:i}", "speculated_ms", l->speculated,
                     "committed_ms", l->committed, "recognized_ms", l->recognized, "prefilled_ms", l->prefilled,
                     "first_text_ms", l->first_text, "first_audio_ms", l->first_audio, "audio_start_ms",
                     l->audio_start, "held", l->held, "saved_ms", l->saved, "prompt_tokens_before", l->n_prefilled,
                     "prompt_tokens", l->n_prompt);
}

static void print_json(sotto_cli_talk *t, const sotto_voice_event *e) {
    bool quiet = e->type == SOTTO_VOICE_LEVEL || e->type == SOTTO_VOICE_STATE;
    if (quiet && !t->settings->talk.trace) return;
    json_t *doc = json_pack("{s:s, s:f}", "event", sotto_voice_event_name(e->type), "t_ms", e->t_ms);
    bool    ok = doc != NULL;
    if (ok && e->type == SOTTO_VOICE_STATE)
        ok = !json_object_set_new(doc, "state", json_string(sotto_voice_state_name(e->state))) &&
             !json_object_set_new(doc, "before", json_string(sotto_voice_state_name(e->before))) &&
             !json_object_set_new(doc, "cause", text_or_null(e->text));
    else if (ok && e->text)
        ok = !json_object_set_new(doc, "text", text_or_null(e->text));
    if (ok && e->type == SOTTO_VOICE_LEVEL)
        ok = !json_object_set_new(doc, "level_db", json_real(e->level_db)) &&
             !json_object_set_new(doc, "noise_db", json_real(e->noise_db));
    if (ok && e->type == SOTTO_VOICE_PARTIAL)
        ok = !json_object_set_new(doc, "agreed", json_integer((json_int_t)e->agreed));
    if (ok && e->type == SOTTO_VOICE_TRANSCRIPT) ok = !json_object_set_new(doc, "confidence", json_real(e->confidence));
    if (ok && e->type == SOTTO_VOICE_SLID) ok = !json_object_set_new(doc, "tokens", json_integer(e->n));
    if (ok && e->type == SOTTO_VOICE_TOOL)
        ok = !json_object_set_new(doc, "name", text_or_null(e->name)) &&
             !json_object_set_new(doc, "arguments", parsed(e->arguments)) &&
             !json_object_set_new(doc, "result", parsed(e->result));
    if (ok && e->type == SOTTO_VOICE_DONE)
        ok = !json_object_set_new(doc, "said", text_or_null(e->said)) &&
             !json_object_set_new(doc, "answer", text_or_null(e->answer)) &&
             !json_object_set_new(doc, "interrupted", json_boolean(e->interrupted)) &&
             !json_object_set_new(doc, "latency", latency_json(e->latency));
    if (!ok) json_decref(doc), doc = NULL;
    t->failed |= sotto_cli_print_json(doc) != SOTTO_EXIT_OK;
}

void sotto_cli_talk_event(void *user, const sotto_voice_event *e) {
    sotto_cli_talk *t = user;
    t->state = e->state;
    t->failed |= e->type == SOTTO_VOICE_FAILED;
    if (t->settings->json) print_json(t, e);
    else show(t, e);
}

void sotto_cli_talk_summary(sotto_cli_talk *t, const sotto_voice_stats *s) {
    end_answer(t);
    clear_line(t);
    if (t->settings->json) {
        (void)sotto_cli_print_json(json_pack(
            "{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:f}", "event", "end", "turns", s->n_turns, "interrupted",
            s->n_interrupted, "taken_back", s->n_taken_back, "nothing", s->n_nothing, "too_loud", s->n_too_loud,
            "begun_early", s->n_speculated, "held", s->n_held, "saved_ms", s->saved_ms));
    } else if (t->settings->stats && s->n_turns) {
        sotto_cli_note(t->settings, "[%d turns; %d answers begun early, %d of them held and saved %.0f ms in all]",
                       s->n_turns, s->n_speculated, s->n_held, s->saved_ms);
    }
    sotto_buf_free(&t->partial);
    sotto_buf_free(&t->early);
}
