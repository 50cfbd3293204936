/* sotto chat: a typed conversation. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>

void sotto_cli_chat_failed(sotto_cli_chat *chat, const char *fmt, ...) {
    char    text[640];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    sotto_cli_error("%s", text);
    chat->failed = true;
}

/* ---- a turn -------------------------------------------------------------------------------------------- */

static void show_figures(const sotto_cli_chat *chat) {
    const sotto_dialog_answer *a = &chat->last.figures;
    sotto_cli_note(
        chat->settings, "[%zu prompt tokens, %zu of them reused, %.0f ms; %zu answer tokens, %.1f tokens/s]",
        a->n_prompt, a->n_cached, a->prefill_ms, a->n_tokens,
        sotto_cli_answer_speed(a));
}

static void show_answer(sotto_cli_chat *chat) {
    const sotto_buf *text = &chat->last.text;
    if (chat->settings->json) {
        chat->failed |= sotto_cli_print_json(sotto_cli_answer_json(chat)) != SOTTO_EXIT_OK;
    } else if (text->len == 0 || text->data[text->len - 1] != '\n') {
        (void)putchar('\n');
        (void)fflush(stdout);
    }
    if (chat->settings->stats) show_figures(chat);
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
    sotto_error err;
    chat->answered = !sotto_cli_answer_turn(chat, &err);
    if (chat->answered) {
        show_answer(chat);
        sotto_cli_keep(chat);
    } else {
        report_failure(chat, &err);
        sotto_cli_chat_cut(chat, sotto_cli_last_user(chat->dialog));
    }
}

/* ---- what is due --------------------------------------------------------------------------------------- */

/* Say what timers and reminders are due now; whether there were any. */
static bool say_due(sotto_cli_chat *chat) {
    bool said = false;
    while (chat->engine.toolbox && sotto_toolbox_next_due(chat->engine.toolbox) == 0) {
        sotto_tool_result due = {0};
        if (sotto_toolbox_take_due(chat->engine.toolbox, &due, NULL)) break; /* another program was faster */
        if (chat->settings->json)
            (void)sotto_cli_print_json(
                json_pack("{s:o, s:s}", "due", json_loads(due.json, 0, NULL), "text", due.spoken));
        else
            (void)printf("%s%s\n", sotto_terminal_is(1) ? "\a" : "", due.spoken), (void)fflush(stdout);
        sotto_tool_result_free(&due);
        said = true;
    }
    return said;
}

/* While the person has nothing to say: a timer may have. */
static bool say_due_between(void *user, bool begin_line) {
    sotto_cli_chat *chat = user;
    if (!chat->engine.toolbox || sotto_toolbox_next_due(chat->engine.toolbox) != 0) return false;
    if (begin_line) (void)fputs("\r\033[K", stdout);
    return say_due(chat);
}

/* ---- the loop ------------------------------------------------------------------------------------------ */

/* What was typed: a command, or the next turn. */
static sotto_cli_next take(sotto_cli_chat *chat, const char *text) {
    if (text[strspn(text, " \t\r\n")] == '\0') return SOTTO_CHAT_GO_ON;
    if (text[0] == '/') return sotto_cli_chat_command(chat, text);
    sotto_chat_turn turn = {.role = "user", .content = text};
    sotto_error     err;
    if (!sotto_dialog_add(chat->dialog, &turn, &err)) return SOTTO_CHAT_ANSWER;
    sotto_cli_chat_failed(chat, "%s", err.message);
    return SOTTO_CHAT_GO_ON;
}

/* Ctrl-C: the first one in a row clears the line, a second one leaves. A script is left at once. */
static int converse(sotto_cli_chat *chat, sotto_cli_reader *reader) {
    bool interactive = sotto_cli_reader_interactive(reader), warned = false;
    for (;;) {
        const char    *text;
        sotto_cli_next next = SOTTO_CHAT_GO_ON;
        (void)say_due(chat);
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
        /* A slow terminal: Ctrl-C cut a write off, of an answer that is not wanted any more. */
        if (sotto_signals_interrupts()) clearerr(stdout);
        sotto_signals_reset();
        if (ferror(stdout)) return SOTTO_EXIT_FAILURE;
    }
}

int sotto_cli_chat_open(sotto_cli_chat *chat) {
    int code = sotto_cli_engine_open(&chat->engine, chat->settings);
    if (code) return code;
    sotto_error err;
    /* Such a model answers requests one by one: the oldest turns are never missed. */
    if (!chat->engine.hears_results) chat->settings->slide = true;
    if (sotto_cli_chat_configure(chat, chat->settings->system, &err)) return sotto_cli_fail(&err);
    /* A model without a chat format is found out now and not after the first message. */
    sotto_tokens    probe = {0};
    sotto_chat_turn turn = {.role = "user", .content = "a"};
    sotto_status    status = sotto_chat_tokens(chat->engine.model, &turn, 1, NULL, &probe, &err);
    sotto_tokens_free(&probe);
    return status ? sotto_cli_fail(&err) : sotto_cli_keep_open(chat);
}

int sotto_cmd_chat(const sotto_cli_settings *s) {
    sotto_cli_settings settings = *s; /* /set changes a copy */
    sotto_cli_chat     chat = {.settings = &settings, .stream = !s->json};
    sotto_cli_reader  *reader = NULL;
    int                code = sotto_cli_chat_open(&chat);
    if (!code) {
        reader = sotto_cli_reader_open(s, chat.engine.toolbox ? say_due_between : NULL, &chat);
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
    sotto_cli_chat_close(&chat);
    return code;
}
