/* sotto talk: a spoken conversation. */
#include "cli/talk.h"

#include <stdlib.h>

enum { BATCH = 64 }; /* prompt tokens computed together: what is no longer wanted can be stopped between two batches */

/* ---- keys ------------------------------------------------------------------------------------------------ */

/* The space bar begins and ends an utterance with --push, and ends an answer without. */
static void press(sotto_cli_talk *t) {
    if (!t->settings->talk.push) {
        (void)sotto_voice_hush(t->voice, NULL);
        return;
    }
    t->pushed = !t->pushed;
    (void)sotto_voice_push(t->voice, t->pushed, NULL);
}

static bool tick(void *user) {
    sotto_cli_talk *t = user;
    char            key;
    if (sotto_signals_interrupts()) t->left = true;
    if (t->keys && sotto_terminal_read(0, &key, 1, 0) == 1) {
        if (key == ' ') press(t);
        if (key == 'q' || key == 4 || key == 27) return false;
    }
    if (t->pushed && sotto_voice_get_state(t->voice) != SOTTO_VOICE_LISTENING &&
        sotto_voice_get_state(t->voice) != SOTTO_VOICE_IDLE)
        t->pushed = false;
    return !t->left;
}

/* ---- opening --------------------------------------------------------------------------------------------- */

static sotto_voice_options voice_options(sotto_cli_talk *t, sotto_cli_chat *chat) {
    const sotto_cli_settings *s = t->settings;
    sotto_voice_options       o = sotto_voice_options_default();
    o.dialog = chat->dialog;
    o.toolbox = chat->engine.toolbox;
    o.history = chat->history;
    o.conversation = chat->kept;
    o.event = sotto_cli_talk_event;
    o.event_user = t;
    o.recognizer = s->talk.recognizer;
    o.recognizer_model = s->talk.recognizer_model;
    o.language_model = s->talk.lm;
    o.language_model_weight = s->talk.lm_weight;
    o.words = s->talk.words;
    o.wake = s->talk.wake;
    o.push_to_talk = s->talk.push;
    if (s->talk.start_ms) o.start_ms = s->talk.start_ms;
    if (s->talk.speculative_ms) o.speculative_ms = s->talk.speculative_ms;
    if (s->talk.complete_ms) o.complete_ms = s->talk.complete_ms;
    if (s->talk.unsure_ms) o.unsure_ms = s->talk.unsure_ms;
    if (s->talk.incomplete_ms) o.incomplete_ms = s->talk.incomplete_ms;
    if (s->talk.longest_ms) o.longest_ms = s->talk.longest_ms;
    if (s->talk.snr >= 0) o.lowest_snr_db = s->talk.snr;
    o.voice = s->talk.voice;
    if (s->talk.speed > 0) o.speed = s->talk.speed;
    o.barge_in = !s->talk.no_barge_in;
    o.echo_cancel = !s->talk.no_echo_cancel;
    o.speculate = !s->talk.no_speculation;
    o.step_by_step = s->talk.step_by_step;
    o.lockstep = s->talk.input && (s->talk.output || s->talk.mute) && !s->talk.realtime;
    return o;
}

static int check(const sotto_cli_settings *s) {
    if (s->talk.raw && (!s->talk.input || strcmp(s->talk.input, "-") != 0))
        return sotto_cli_usage(s->verb, "--raw-rate: is for sound on standard input: give --in - too");
    if (s->talk.output && strcmp(s->talk.output, "-") == 0 && s->json)
        return sotto_cli_usage(s->verb, "--out -: standard output cannot have both sound and --json");
    if (s->talk.push && s->talk.wake) return sotto_cli_usage(s->verb, "--push: does not go with --wake");
    if (s->talk.push && s->talk.input) return sotto_cli_usage(s->verb, "--push: is for the microphone; leave out --in");
    return SOTTO_EXIT_OK;
}

static int list_devices(void) {
    sotto_bytes list = {0};
    sotto_error err;
    if (sotto_voice_devices(&list, &err)) return sotto_cli_fail(&err);
    (void)puts(list.data);
    sotto_bytes_free(&list);
    return SOTTO_EXIT_OK;
}

static int print_table(void) {
    sotto_bytes table = {0};
    sotto_error err;
    if (sotto_voice_table(&table, &err)) return sotto_cli_fail(&err);
    (void)fputs(table.data, stderr);
    sotto_bytes_free(&table);
    return SOTTO_EXIT_OK;
}

static int converse(sotto_cli_talk *t) {
    const sotto_cli_settings *s = t->settings;
    sotto_voice_route         route = sotto_voice_route_default();
    sotto_error               err;
    route.input = s->talk.input;
    route.raw_rate = s->talk.raw;
    route.output = s->talk.output;
    route.input_device = s->talk.input_device;
    route.output_device = s->talk.output_device;
    route.silent = s->talk.mute;
    route.realtime = s->talk.realtime;
    route.timeline = s->talk.timeline;
    route.tick = tick;
    route.tick_user = t;
    if (!s->talk.input)
        sotto_cli_note(s, "%s", s->talk.push ? "Space begins and ends what you say; q leaves."
                                : s->talk.wake ? "Say the wake phrase first. Space ends an answer, q leaves."
                                               : "Speak. Space ends an answer, q leaves.");
    if (t->keys) sotto_terminal_keys(true);
    sotto_status      status = sotto_voice_run(t->voice, &route, &err);
    sotto_voice_stats stats;
    sotto_voice_get_stats(t->voice, &stats);
    sotto_voice_close(t->voice); /* what was heard of the last turn is kept, and told */
    if (t->keys) sotto_terminal_keys(false);
    sotto_cli_talk_summary(t, &stats);
    if (status) return sotto_cli_fail(&err);
    return t->left ? SOTTO_EXIT_INTERRUPTED : t->failed ? SOTTO_EXIT_FAILURE : SOTTO_EXIT_OK;
}

static int talk_open(sotto_cli_talk *t, sotto_cli_chat *chat) {
    sotto_error err;
    int         code = sotto_cli_chat_open(chat);
    if (code) return code;
    if (chat->history && !chat->kept &&
        sotto_history_begin(chat->history, "talk", t->settings->model, sotto_dialog_system(chat->dialog), &chat->kept,
                            &err))
        return sotto_cli_fail(&err);
    sotto_voice_options o = voice_options(t, chat);
    return sotto_voice_open(&t->voice, &o, &err) ? sotto_cli_fail(&err) : SOTTO_EXIT_OK;
}

int sotto_cmd_talk(const sotto_cli_settings *s) {
    sotto_cli_settings settings = *s;
    sotto_cli_chat     chat = {.settings = &settings};
    sotto_cli_talk     t = {.settings = &settings, .level_db = -100};
    int            code = check(s);
    if (!settings.batch) settings.batch = BATCH;
    if (code) return code;
    if (s->talk.devices) return list_devices();
    if (s->talk.trace && !s->json) code = print_table();
    t.lines_aside = s->talk.output && strcmp(s->talk.output, "-") == 0;
    t.keys = !s->talk.input && sotto_terminal_is(0);
    t.live = !s->json && !s->quiet && !t.lines_aside && sotto_terminal_is(1) && sotto_terminal_is(2);
    t.colored = sotto_cli_colored(s, 2);
    if (!code) code = talk_open(&t, &chat);
    if (!code) {
        code = converse(&t);
        (void)sotto_dialog_turns(chat.dialog, &chat.n_kept); /* the voice has kept them */
        int saved = sotto_cli_session_save(&chat.engine, s);
        if (!code) code = saved;
    }
    sotto_cli_chat_close(&chat);
    return code;
}
