/* The commands of chat: lines that begin with "/". A table of {name, what it takes, help, function}. */
#include "cli/cli.h"

#include <stdlib.h>

typedef sotto_cli_next (*command_fn)(sotto_cli_chat *chat, const char *rest);

typedef struct chat_command {
    const char *name, *takes, *help;
    command_fn  run;
} chat_command;

static sotto_cli_next do_help(sotto_cli_chat *chat, const char *rest);

static sotto_cli_next do_system(sotto_cli_chat *chat, const char *rest) {
    sotto_error err;
    if (sotto_cli_chat_configure(chat, rest, &err))
        sotto_cli_chat_failed(chat, "%s", err.message);
    else
        sotto_cli_note(chat->settings, *rest ? "[system prompt set]" : "[no system prompt]");
    sotto_cli_keep_system(chat);
    return SOTTO_CHAT_GO_ON;
}

static void show_setting(const sotto_cli_chat *chat, const sotto_cli_option *o) {
    const char *field =
        (const char *)&chat->engine.sampling + (o->offset - offsetof(sotto_cli_settings, sampling));
    if (o->kind == SOTTO_OPTION_FLOAT)
        (void)fprintf(stderr, "  %-20s %g\n", o->name, (double)*(const float *)(const void *)field);
    else if (o->kind == SOTTO_OPTION_INT)
        (void)fprintf(stderr, "  %-20s %d\n", o->name, *(const int32_t *)(const void *)field);
    else if (chat->engine.sampling.seed == SOTTO_SEED_RANDOM)
        (void)fprintf(stderr, "  %-20s -1\n", o->name);
    else
        (void)fprintf(stderr, "  %-20s %llu\n", o->name, (unsigned long long)chat->engine.sampling.seed);
}

static const char *sampling_name_at(const void *list, size_t i) {
    (void)list;
    for (size_t k = 0; k < sotto_cli_option_count; k++)
        if (sotto_cli_is_sampling(&sotto_cli_options[k]) && i-- == 0) return sotto_cli_options[k].name;
    return i == 0 ? "max-tokens" : NULL;
}

static void show_settings(const sotto_cli_chat *chat) {
    for (size_t i = 0; i < sotto_cli_option_count; i++)
        if (sotto_cli_is_sampling(&sotto_cli_options[i])) show_setting(chat, &sotto_cli_options[i]);
    (void)fprintf(stderr, "  %-20s %d\n", "max-tokens", chat->settings->max_tokens);
}

/* Sampling lives in the engine, which knows the model's defaults; the option table checks what goes there. */
static sotto_cli_next do_set(sotto_cli_chat *chat, const char *rest) {
    char        name[32], why[160];
    size_t      n = strcspn(rest, " =");
    sotto_error err;
    if (!*rest) {
        show_settings(chat);
        return SOTTO_CHAT_GO_ON;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)SOTTO_MIN(n, sizeof name - 1), rest);
    rest += n;
    rest += strspn(rest, " =");
    const sotto_cli_option *o = sotto_cli_sampling_option(name);
    sotto_cli_settings      changed = *chat->settings;
    changed.sampling = chat->engine.sampling;
    for (size_t i = 0; i < sotto_cli_option_count && !o; i++)
        if (sotto_cli_options[i].name && strcmp(name, "max-tokens") == 0 &&
            sotto_cli_options[i].offset == offsetof(sotto_cli_settings, max_tokens))
            o = &sotto_cli_options[i];
    if (!o) {
        const char *near = sotto_cli_nearest(name, sampling_name_at, NULL);
        sotto_cli_chat_failed(chat, "/set %s: no such setting%s%s%s /set lists them", name,
                              near ? ": did you mean " : "", near ? near : "", near ? "?" : ";");
    } else if (!*rest) {
        sotto_cli_chat_failed(chat, "/set %s: needs a value: /set %s %s", name, name, o->value);
    } else if (!sotto_cli_store(o, &changed, rest, why)) {
        sotto_cli_chat_failed(chat, "/set %s: %s", name, why);
    } else {
        chat->engine.sampling = changed.sampling;
        chat->settings->max_tokens = changed.max_tokens;
        if (sotto_cli_chat_configure(chat, sotto_dialog_system(chat->dialog), &err))
            sotto_cli_chat_failed(chat, "/set %s: %s", name, err.message);
        else
            sotto_cli_note(chat->settings, "[%s is %s]", name, rest);
    }
    return SOTTO_CHAT_GO_ON;
}

static sotto_cli_next do_undo(sotto_cli_chat *chat, const char *rest) {
    (void)rest;
    size_t n, last = sotto_cli_last_user(chat->dialog);
    (void)sotto_dialog_turns(chat->dialog, &n);
    if (last == n) {
        sotto_cli_chat_failed(chat, "/undo: nothing has been said yet");
        return SOTTO_CHAT_GO_ON;
    }
    sotto_cli_chat_cut(chat, last);
    sotto_cli_keep(chat);
    sotto_cli_note(chat->settings, "[took the last turn back]");
    return SOTTO_CHAT_GO_ON;
}

static sotto_cli_next do_retry(sotto_cli_chat *chat, const char *rest) {
    (void)rest;
    size_t n, last = sotto_cli_last_user(chat->dialog);
    (void)sotto_dialog_turns(chat->dialog, &n);
    if (last == n) {
        sotto_cli_chat_failed(chat, "/retry: nothing has been asked yet");
        return SOTTO_CHAT_GO_ON;
    }
    sotto_cli_chat_cut(chat, last + 1);
    chat->same = SOTTO_MIN(chat->same, last); /* an exchange is kept as a whole */
    return SOTTO_CHAT_ANSWER;
}

/* The session beside a conversation: FILE.session; free() it. */
static char *session_path(const char *file) {
    sotto_buf path = {0};
    if (sotto_buf_printf(&path, "%s.session", file)) return path.data;
    sotto_buf_free(&path);
    return NULL;
}

/* "FILE" or "FILE session": true for the latter, with the word cut off. */
static bool wants_session(char *file) {
    static const char word[] = " session";
    size_t            n = strlen(file), n_word = sizeof word - 1;
    if (n <= n_word || strcmp(file + n - n_word, word) != 0) return false;
    file[n - n_word] = '\0';
    return true;
}

static sotto_status save(sotto_cli_chat *chat, char *file, sotto_error *err) {
    bool session = wants_session(file);
    SOTTO_TRY(sotto_cli_conversation_save(chat->dialog, file, err));
    if (!session) return SOTTO_OK;
    char *path = session_path(file);
    if (!path) return sotto_fail_memory(err, "a path");
    sotto_status status = sotto_session_save(chat->engine.session, path, err);
    free(path);
    return status;
}

static sotto_cli_next do_save(sotto_cli_chat *chat, const char *rest) {
    sotto_error err;
    char        file[1024];
    size_t      n;
    (void)sotto_dialog_turns(chat->dialog, &n);
    (void)snprintf(file, sizeof file, "%s", rest);
    if (!*file || strlen(rest) >= sizeof file)
        sotto_cli_chat_failed(chat, "/save: needs a file name: /save FILE");
    else if (save(chat, file, &err))
        sotto_cli_chat_failed(chat, "/save: %s", err.message);
    else
        sotto_cli_note(chat->settings, "[saved %zu turns to %s]", n, file);
    return SOTTO_CHAT_GO_ON;
}

/* The session only saves time: without it, or with another model's, the conversation is computed anew. */
static sotto_cli_next do_load(sotto_cli_chat *chat, const char *rest) {
    sotto_error err;
    size_t      n;
    if (!*rest || sotto_cli_conversation_load(chat, rest, &err)) {
        sotto_cli_chat_failed(chat, "/load: %s", *rest ? err.message : "needs a file name: /load FILE");
        return SOTTO_CHAT_GO_ON;
    }
    sotto_cli_keep_anew(chat);
    char *path = session_path(rest);
    if (path && sotto_path_kind_of(path) == SOTTO_PATH_FILE &&
        sotto_session_restore(chat->engine.session, path, &err))
        sotto_cli_note(chat->settings, "[%s; the conversation will be computed anew]", err.message);
    free(path);
    (void)sotto_dialog_turns(chat->dialog, &n);
    sotto_cli_note(chat->settings, "[loaded %zu turns%s]", n,
                   sotto_dialog_system(chat->dialog) ? " and a system prompt" : "");
    return SOTTO_CHAT_GO_ON;
}

static sotto_cli_next do_clear(sotto_cli_chat *chat, const char *rest) {
    (void)rest;
    sotto_cli_keep_anew(chat);
    sotto_cli_chat_cut(chat, 0);
    sotto_cli_note(chat->settings, "[a new conversation%s]",
                   sotto_dialog_system(chat->dialog) ? "; the system prompt stays" : "");
    return SOTTO_CHAT_GO_ON;
}

static sotto_cli_next do_stats(sotto_cli_chat *chat, const char *rest) {
    (void)rest;
    size_t                     n;
    const sotto_dialog_answer *a = &chat->last.figures;
    (void)sotto_session_tokens(chat->engine.session, &n);
    (void)fprintf(stderr, "  context: %zu of %d tokens\n", n, sotto_session_context(chat->engine.session));
    if (!chat->answered) return SOTTO_CHAT_GO_ON;
    (void)fprintf(stderr, "  prompt:  %zu tokens, %zu of them reused, %.0f ms\n", a->n_prompt, a->n_cached,
                  a->prefill_ms);
    (void)fprintf(
        stderr, "  answer:  %zu tokens, first after %.0f ms, %.1f tokens/s\n", a->n_tokens, a->first_token_ms,
        sotto_cli_answer_speed(a));
    return SOTTO_CHAT_GO_ON;
}

static sotto_cli_next do_quit(sotto_cli_chat *chat, const char *rest) {
    (void)chat;
    (void)rest;
    return SOTTO_CHAT_QUIT;
}

static const chat_command commands[] = {
    {"help", "", "this list", do_help},
    {"system", "TEXT", "set the system prompt; without TEXT: none", do_system},
    {"set", "NAME VALUE", "a sampling option, e.g. /set temp 0.5; /set shows all", do_set},
    {"undo", "", "take back the last turn and its answer", do_undo},
    {"retry", "", "answer the last turn again", do_retry},
    {"save", "FILE", "save the conversation; \"FILE session\" keeps its cache too", do_save},
    {"load", "FILE", "go on with a saved conversation", do_load},
    {"clear", "", "begin a new conversation", do_clear},
    {"stats", "", "tokens, reuse and speed of the last answer", do_stats},
    {"quit", "", "leave (Ctrl-D does too)", do_quit},
};

static sotto_cli_next do_help(sotto_cli_chat *chat, const char *rest) {
    (void)chat;
    (void)rest;
    for (size_t i = 0; i < SOTTO_COUNT(commands); i++) {
        char left[32];
        (void)snprintf(left, sizeof left, "/%s %s", commands[i].name, commands[i].takes);
        (void)fprintf(stderr, "  %-18s %s\n", left, commands[i].help);
    }
    (void)fprintf(stderr, "  A message goes on in the next line after a \\ at the end,\n"
                          "  or between \"\"\" and \"\"\". Ctrl-C stops an answer.\n");
    return SOTTO_CHAT_GO_ON;
}

static const char *command_name_at(const void *list, size_t i) {
    (void)list;
    return i < SOTTO_COUNT(commands) ? commands[i].name : NULL;
}

sotto_cli_next sotto_cli_chat_command(sotto_cli_chat *chat, const char *line) {
    char   name[32];
    size_t n = strcspn(line + 1, " \t\n");
    (void)snprintf(name, sizeof name, "%.*s", (int)SOTTO_MIN(n, sizeof name - 1), line + 1);
    const char *rest = line + 1 + n;
    rest += strspn(rest, " \t\n");
    for (size_t i = 0; i < SOTTO_COUNT(commands); i++)
        if (strcmp(commands[i].name, name) == 0) return commands[i].run(chat, rest);
    const char *near = sotto_cli_nearest(name, command_name_at, NULL);
    sotto_cli_chat_failed(chat, "/%s: unknown command%s%s%s /help lists them", name,
                          near ? ": did you mean /" : "", near ? near : "", near ? "?" : ";");
    return SOTTO_CHAT_GO_ON;
}
