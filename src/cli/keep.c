/* A conversation in the history: every finished exchange is on the disk before the next one begins. Its session
 * is left in the cache folder, so that --resume need not compute it again; that file only saves time, and nothing is
 * said when it is missing, damaged or another model's. */
#include "cli/cli.h"

#include <stdlib.h>

/* A session larger than this is not left behind, nor more than so many. */
enum { SESSIONS_MAX = 4 };
#define SESSION_BYTES_MAX ((uint64_t)512 << 20)

/* ---- what is kept -------------------------------------------------------------------------------------- */

static void stop_keeping(sotto_cli_chat *chat, const sotto_error *err) {
    sotto_cli_error("%s; what is said from now on is not kept", err->message);
    chat->failed = true;
    sotto_history_close(chat->history);
    chat->history = NULL;
}

static sotto_status keep(sotto_cli_chat *chat, sotto_error *err) {
    size_t                 n;
    const sotto_chat_turn *turns = sotto_dialog_turns(chat->dialog, &n);
    bool                   interrupted = chat->last.figures.finish == SOTTO_FINISH_CANCELLED;
    if (chat->same < chat->n_kept) {
        SOTTO_TRY(sotto_history_cut(chat->history, chat->kept, chat->same, err));
        chat->n_kept = chat->same;
    }
    if (n == chat->n_kept) return SOTTO_OK;
    if (!chat->kept)
        SOTTO_TRY(sotto_history_begin(chat->history, "chat", chat->settings->model, sotto_dialog_system(chat->dialog),
                                      &chat->kept, err));
    SOTTO_TRY(sotto_history_append(chat->history, chat->kept, turns + chat->n_kept, n - chat->n_kept, interrupted,
                                   err));
    chat->n_kept = chat->same = n;
    return SOTTO_OK;
}

void sotto_cli_keep(sotto_cli_chat *chat) {
    sotto_error err;
    if (chat->history && keep(chat, &err)) stop_keeping(chat, &err);
}

void sotto_cli_keep_system(sotto_cli_chat *chat) {
    sotto_error err;
    if (chat->history && chat->kept &&
        sotto_history_set_system(chat->history, chat->kept, sotto_dialog_system(chat->dialog), &err))
        stop_keeping(chat, &err);
}

void sotto_cli_keep_anew(sotto_cli_chat *chat) {
    chat->kept = 0;
    chat->n_kept = chat->same = 0;
}

/* ---- sessions ------------------------------------------------------------------------------------------ */

char *sotto_cli_session_path(int64_t id) {
    char  name[64];
    char *folder = sotto_path_user_folder(SOTTO_FOLDER_CACHE);
    (void)snprintf(name, sizeof name, "sessions/%lld.session", (long long)id);
    char *path = folder ? sotto_path_join(folder, name) : NULL;
    free(folder);
    return path;
}

static void forget_session(int64_t id) {
    char *path = sotto_cli_session_path(id);
    if (path) (void)remove(path);
    free(path);
}

/* Of conversations that were not changed lately. */
static bool forget_old(void *user, const sotto_history_entry *entry) {
    int *n_seen = user;
    if (++*n_seen > SESSIONS_MAX) forget_session(entry->id);
    return true;
}

static void leave_session(const sotto_cli_chat *chat) {
    size_t n;
    int    n_seen = 0;
    char  *path = sotto_cli_session_path(chat->kept), *folder = path ? sotto_path_parent(path) : NULL;
    (void)sotto_session_tokens(chat->engine.session, &n);
    bool fits = n > 0 && sotto_session_cache_read_bytes(chat->engine.session, (int32_t)n) <= SESSION_BYTES_MAX;
    if (folder && (!fits || chat->n_kept == 0)) (void)remove(path);
    else if (folder && sotto_path_make_folder(folder, NULL) == SOTTO_OK)
        (void)sotto_session_save(chat->engine.session, path, NULL);
    (void)sotto_history_list(chat->history, NULL, forget_old, &n_seen, NULL);
    free(folder);
    free(path);
}

void sotto_cli_keep_close(sotto_cli_chat *chat) {
    const sotto_cli_settings *s = chat->settings;
    if (chat->history && chat->kept && chat->engine.session && !s->session) leave_session(chat);
    if (chat->history && chat->n_kept > 0 && !s->history && sotto_terminal_is(0))
        sotto_cli_note(s, "[sotto chat --resume %lld goes on with this conversation]", (long long)chat->kept);
    sotto_history_close(chat->history);
    chat->history = NULL;
}

/* ---- opening ------------------------------------------------------------------------------------------- */

int sotto_cli_history_id(const sotto_cli_settings *s, sotto_history *h, const char *text, int64_t *id) {
    sotto_error err;
    char       *end;
    if (strcmp(text, "last") == 0) return sotto_history_last(h, id, &err) ? sotto_cli_fail(&err) : SOTTO_EXIT_OK;
    long long n = strtoll(text, &end, 10);
    if (end == text || *end || n <= 0)
        return sotto_cli_usage(s->verb, "\"%.60s\" is no conversation: give its number, or last", text);
    *id = n;
    return SOTTO_EXIT_OK;
}

static int resume(sotto_cli_chat *chat) {
    const sotto_cli_settings *s = chat->settings;
    sotto_bytes               system = {0};
    sotto_error               err;
    int                       code = sotto_cli_history_id(s, chat->history, s->resume, &chat->kept);
    if (code) return code;
    sotto_status status = sotto_history_load(chat->history, chat->kept, chat->dialog, &system, &err);
    if (!status) status = sotto_cli_chat_configure(chat, s->system ? s->system : system.data, &err);
    sotto_bytes_free(&system);
    if (status) return sotto_cli_fail(&err);
    (void)sotto_dialog_turns(chat->dialog, &chat->n_kept);
    chat->same = chat->n_kept;
    if (s->system) sotto_cli_keep_system(chat);
    char *path = sotto_cli_session_path(chat->kept);
    if (path && !s->session && sotto_path_kind_of(path) == SOTTO_PATH_FILE)
        (void)sotto_session_restore(chat->engine.session, path, NULL);
    free(path);
    sotto_cli_note(s, "[going on with conversation %lld, of %zu turns]", (long long)chat->kept, chat->n_kept);
    return SOTTO_EXIT_OK;
}

/* Scripts leave no trace unless they ask for it. */
int sotto_cli_keep_open(sotto_cli_chat *chat) {
    const sotto_cli_settings *s = chat->settings;
    bool                      asked = s->history || s->resume;
    bool                      person = s->verb->bit == SOTTO_VERB_TALK ? !s->talk.input : sotto_terminal_is(0);
    sotto_error               err;
    if (asked && s->no_history)
        return sotto_cli_usage(s->verb, "--no-history: does not go with --history and --resume");
    if (s->no_history || (!asked && !person)) return SOTTO_EXIT_OK;
    if (sotto_history_open(&chat->history, s->history, &err)) {
        if (asked) return sotto_cli_fail(&err);
        sotto_cli_note(s, "[%s; this conversation is not kept]", err.message);
        return SOTTO_EXIT_OK;
    }
    return s->resume ? resume(chat) : SOTTO_EXIT_OK;
}
