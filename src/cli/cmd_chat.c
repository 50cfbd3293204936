/* sotto chat: a typed conversation.
 *
 * Each turn the whole conversation is rendered again and the session brought to it by sotto_session_sync,
 * which keeps the common prefix; so only what is new is computed, whatever was undone, edited or loaded in
 * between. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>

/* Room made for an answer when a long conversation slides: a quarter of the context, or --max-tokens. */
static int32_t answer_room(const sotto_cli_chat *chat) {
    int32_t quarter = sotto_session_context(chat->engine.session) / 4, most = chat->settings->max_tokens;
    return most >= 0 && most < quarter ? most : quarter;
}

void sotto_cli_chat_failed(sotto_cli_chat *chat, const char *fmt, ...) {
    char    text[640];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    sotto_cli_error("%s", text);
    chat->failed = true;
}

/* ---- sliding ------------------------------------------------------------------------------------------- */

static sotto_status fail_memory(sotto_error *err) { return sotto_fail_memory(err, "the conversation"); }

static sotto_status find_start(sotto_cli_chat *chat, size_t turn, sotto_error *err) {
    sotto_cli_turn *t = &chat->talk.turns[turn];
    if (t->start >= 0) return SOTTO_OK;
    size_t            n;
    sotto_chat_params params = {.thinking = chat->settings->thinking};
    sotto_chat_turn  *view = sotto_cli_conversation_view(&chat->talk, turn + 1, &n);
    if (!view) return fail_memory(err);
    sotto_status status = sotto_cli_content_start(chat->engine.model, view, n, &params, &t->start, err);
    free(view);
    return status;
}

/* The places at which sliding may cut, in *starts (free() it): those of the user turns that are seen. */
static sotto_status find_window(sotto_cli_chat *chat, sotto_cli_window *window, int32_t **starts,
                                sotto_error *err) {
    sotto_cli_conversation *talk = &chat->talk;
    *window = (sotto_cli_window){.system = talk->system != NULL};
    free(*starts);
    *starts = calloc(talk->n + 1, sizeof **starts);
    if (!*starts) return fail_memory(err);
    for (size_t i = talk->first; i < talk->n; i++) {
        if (!talk->turns[i].user) continue;
        SOTTO_TRY(find_start(chat, i, err));
        (*starts)[window->n_turns++] = talk->turns[i].start;
    }
    window->keep = window->n_turns ? (*starts)[0] : 0;
    window->turns = *starts;
    return SOTTO_OK;
}

/* The model has lost `n` tokens from the first seen turn on: forget the turns that are wholly in them. */
static void forget_turns(sotto_cli_conversation *talk, int32_t n) {
    int32_t begin = talk->turns[talk->first].start;
    size_t  next = talk->first;
    for (size_t i = talk->first; i < talk->n; i++)
        if (talk->turns[i].user && talk->turns[i].start >= 0 && talk->turns[i].start - begin <= n) next = i;
    if (next == talk->first) return;
    talk->first = next;
    for (size_t i = 0; i < talk->n; i++) talk->turns[i].start = -1;
}

/* Before a prompt that leaves no room for an answer: drop the oldest turns from the session, so that what
 * stays need not be computed again. `prompt` is the whole conversation; *again says that it has to be
 * rendered anew. */
static sotto_status slide(sotto_cli_chat *chat, const sotto_tokens *prompt, const sotto_cli_window *window,
                          bool *again, sotto_error *err) {
    int32_t room = sotto_session_context(chat->engine.session) - answer_room(chat), n_drop = 0;
    for (size_t i = 1; i < window->n_turns && (int32_t)prompt->n - n_drop > room; i++)
        n_drop = window->turns[i] - window->keep;
    *again = n_drop > 0;
    if (!n_drop) return SOTTO_OK;
    size_t         n, same = 0, end = (size_t)(window->keep + n_drop);
    const int32_t *ids = sotto_session_tokens(chat->engine.session, &n);
    while (same < SOTTO_MIN(n, prompt->n) && ids[same] == prompt->ids[same]) same++;
    if (same >= end) { /* else the session holds something else, and what is left is computed anew */
        SOTTO_TRY(sotto_session_drop(chat->engine.session, (size_t)window->keep, end, err));
        chat->engine.slid = true;
    }
    forget_turns(&chat->talk, n_drop);
    sotto_cli_note_dropped(chat->settings, n_drop, window->system);
    return SOTTO_OK;
}

/* ---- a turn -------------------------------------------------------------------------------------------- */

static sotto_status render(sotto_cli_chat *chat, sotto_tokens *prompt, sotto_error *err) {
    size_t            n;
    sotto_chat_params params = {.thinking = chat->settings->thinking};
    sotto_chat_turn  *view = sotto_cli_conversation_view(&chat->talk, chat->talk.n, &n);
    if (!view) return fail_memory(err);
    prompt->n = 0;
    sotto_status status = sotto_chat_tokens(chat->engine.model, view, n, &params, prompt, err);
    free(view);
    return status;
}

static sotto_status prepare(sotto_cli_chat *chat, sotto_tokens *prompt, sotto_cli_window *window,
                            int32_t **starts, sotto_error *err) {
    bool again = false;
    SOTTO_TRY(render(chat, prompt, err));
    if (!chat->settings->slide) return SOTTO_OK;
    SOTTO_TRY(find_window(chat, window, starts, err));
    SOTTO_TRY(slide(chat, prompt, window, &again, err));
    if (!again) return SOTTO_OK;
    SOTTO_TRY(render(chat, prompt, err));
    return find_window(chat, window, starts, err);
}

static void show_figures(const sotto_cli_chat *chat) {
    const sotto_cli_answer *a = &chat->last;
    sotto_cli_note(
        chat->settings, "[%zu prompt tokens, %zu of them reused, %.0f ms; %zu answer tokens, %.1f tokens/s]",
        a->n_prompt, a->n_cached, a->prefill_ms, a->n_tokens,
        sotto_cli_answer_speed(a));
}

static sotto_status keep_answer(sotto_cli_chat *chat, sotto_error *err) {
    const sotto_cli_answer *a = &chat->last;
    if (chat->settings->json) {
        if (sotto_cli_print_json(sotto_cli_answer_json(a, &chat->engine))) return fail_memory(err);
    } else if (a->text.len == 0 || a->text.data[a->text.len - 1] != '\n') {
        (void)putchar('\n');
        (void)fflush(stdout);
    }
    if (chat->settings->stats) show_figures(chat);
    if (a->n_dropped) forget_turns(&chat->talk, a->n_dropped);
    bool kept = sotto_cli_conversation_add(&chat->talk, false, a->text.data ? a->text.data : "", a->text.len);
    return kept ? SOTTO_OK : fail_memory(err);
}

static void report_failure(sotto_cli_chat *chat, const sotto_error *err) {
    sotto_cli_chat_failed(chat, "%s", err->message);
    if (err->status == SOTTO_CONTEXT_FULL)
        sotto_cli_note(chat->settings, "[/undo and /clear make room; so do -c and --slide]");
    if (chat->settings->json)
        (void)sotto_cli_print_json(
            json_pack("{s:o}", "error", sotto_cli_json_text(err->message, strlen(err->message))));
}

/* Answer the conversation's last turn; when that fails the turn is taken back. */
static void answer(sotto_cli_chat *chat) {
    sotto_error      err;
    sotto_tokens     prompt = {0};
    sotto_cli_window window = {0};
    int32_t         *starts = NULL;
    sotto_cli_answer_free(&chat->last);
    sotto_status status = prepare(chat, &prompt, &window, &starts, &err);
    if (!status)
        status = sotto_cli_answer_make(&chat->engine, chat->settings, &prompt, &window, !chat->settings->json,
                                       &chat->last, &err);
    chat->answered = !status;
    if (!status) status = keep_answer(chat, &err);
    if (status) {
        report_failure(chat, &err);
        sotto_cli_conversation_cut(&chat->talk, sotto_cli_conversation_last_user(&chat->talk));
    }
    free(starts);
    sotto_tokens_free(&prompt);
}

/* ---- the loop ------------------------------------------------------------------------------------------ */

/* What was typed: a command, or the next turn. */
static sotto_cli_next take(sotto_cli_chat *chat, const char *text) {
    if (text[strspn(text, " \t\r\n")] == '\0') return SOTTO_CHAT_GO_ON;
    if (text[0] == '/') return sotto_cli_chat_command(chat, text);
    if (sotto_cli_conversation_add(&chat->talk, true, text, strlen(text))) return SOTTO_CHAT_ANSWER;
    sotto_cli_chat_failed(chat, "%s", sotto_status_text(SOTTO_NO_MEMORY));
    return SOTTO_CHAT_GO_ON;
}

/* Ctrl-C: the first one in a row clears the line, a second one leaves. A script is left at once. */
static int converse(sotto_cli_chat *chat, sotto_cli_reader *reader) {
    bool interactive = sotto_cli_reader_interactive(reader), warned = false;
    for (;;) {
        const char    *text;
        sotto_cli_next next = SOTTO_CHAT_GO_ON;
        sotto_cli_read got = sotto_cli_reader_next(reader, &text);
        if (got == SOTTO_READ_END) return SOTTO_EXIT_OK;
        if (got == SOTTO_READ_INTERRUPTED) {
            if (!interactive || warned) return SOTTO_EXIT_INTERRUPTED;
            sotto_cli_note(chat->settings, "[Ctrl-C again, Ctrl-D or /quit leaves]");
            warned = true;
        } else {
            warned = false;
            next = take(chat, text);
        }
        sotto_signals_reset();
        if (next == SOTTO_CHAT_QUIT) return SOTTO_EXIT_OK;
        if (next == SOTTO_CHAT_ANSWER) answer(chat);
        if (!interactive && sotto_signals_interrupts()) return SOTTO_EXIT_INTERRUPTED;
        sotto_signals_reset();
        if (ferror(stdout)) return SOTTO_EXIT_FAILURE;
    }
}

static int chat_open(sotto_cli_chat *chat) {
    int code = sotto_cli_engine_open(&chat->engine, chat->settings);
    if (code) return code;
    if (!sotto_cli_conversation_set_system(&chat->talk, chat->settings->system))
        return sotto_cli_fail_memory();
    /* A model without a chat format is found out now and not after the first message. */
    sotto_error     err;
    sotto_tokens    probe = {0};
    sotto_chat_turn turn = {.role = "user", .content = "a"};
    sotto_status    status = sotto_chat_tokens(chat->engine.model, &turn, 1, NULL, &probe, &err);
    sotto_tokens_free(&probe);
    return status ? sotto_cli_fail(&err) : SOTTO_EXIT_OK;
}

int sotto_cmd_chat(const sotto_cli_settings *s) {
    sotto_cli_settings settings = *s; /* /set changes a copy */
    sotto_cli_chat     chat = {.settings = &settings};
    sotto_cli_reader  *reader = NULL;
    int                code = chat_open(&chat);
    if (!code) {
        reader = sotto_cli_reader_open(s);
        if (!reader) code = sotto_cli_fail_memory();
    }
    if (!code && sotto_cli_reader_interactive(reader)) {
        sotto_model_info info;
        sotto_model_get_info(chat.engine.model, &info);
        sotto_cli_note(s, "%s, %d tokens of context. /help lists the commands; Ctrl-D leaves.",
                       *info.name ? info.name : info.family, sotto_session_context(chat.engine.session));
    }
    if (!code) {
        code = converse(&chat, reader);
        int saved = sotto_cli_session_save(&chat.engine, s);
        if (!code) code = saved;
    }
    if (!code && chat.failed && !sotto_cli_reader_interactive(reader)) code = SOTTO_EXIT_FAILURE;
    sotto_cli_reader_close(reader);
    sotto_cli_answer_free(&chat.last);
    sotto_cli_conversation_free(&chat.talk);
    sotto_cli_engine_close(&chat.engine);
    return code;
}
