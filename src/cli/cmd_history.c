/* sotto history: the conversations that were kept. */
#include "cli/cli.h"

#include <stdlib.h>

/* ---- opening ------------------------------------------------------------------------------------------- */

/* A file that is named must be there; the usual one may not have come into being yet. */
static int open_history(const sotto_cli_settings *s, sotto_history **out) {
    sotto_error err;
    if (s->history && sotto_path_kind_of(s->history) == SOTTO_PATH_NONE) {
        sotto_cli_error("%s: there is no such file", s->history);
        return SOTTO_EXIT_FAILURE;
    }
    return sotto_history_open(out, s->history, &err) ? sotto_cli_fail(&err) : SOTTO_EXIT_OK;
}

/* The history, and in it the conversation that the argument names. */
static int open_one(const sotto_cli_settings *s, sotto_history **out, int64_t *id) {
    if (s->n_args == 0) return sotto_cli_usage(s->verb, "no conversation given: its number, or last");
    int code = open_history(s, out);
    return code ? code : sotto_cli_history_id(s, *out, s->args[0], id);
}

/* ---- lists --------------------------------------------------------------------------------------------- */

typedef struct listing {
    const sotto_cli_settings *s;
    json_t                   *list; /* NULL: a table */
    bool                      failed;
    size_t                    n;
} listing;

/* At most so many characters of a text, and blanks up to them where `fill`. */
static void put_column(const char *text, int columns, bool fill) {
    size_t   n = 0, all = strlen(text);
    uint32_t c;
    while (columns > 0 && n < all) n += sotto_utf8_decode(text + n, all - n, &c), columns--;
    sotto_cli_print(stdout, text, n, sotto_terminal_is(1));
    while (fill && columns-- > 0) (void)putchar(' ');
}

/* A model's file name, without what all of them end in. */
static void put_model(const char *path, int columns) {
    const char *slash = strrchr(path, '/');
    char        name[256];
    (void)snprintf(name, sizeof name, "%s", slash && slash[1] ? slash + 1 : path);
    if (sotto_str_ends(sotto_str_from(name), ".gguf")) name[strlen(name) - strlen(".gguf")] = '\0';
    put_column(name, columns, true);
}

static void put_row(listing *l, const sotto_history_entry *e) {
    enum { LEFT = 59 }; /* columns before the title */
    char       when[32] = "";
    bool       terminal = sotto_terminal_is(1);
    int        room = terminal ? sotto_terminal_columns() - LEFT - 1 : INT32_MAX;
    sotto_wall w;
    if (sotto_wall_from_unix(&w, e->changed))
        (void)snprintf(when, sizeof when, "%04d-%02d-%02d %02d:%02d", w.year, w.month, w.day, w.hour, w.minute);
    if (l->n == 0)
        (void)printf("%5s  %-16s  %-4s  %-20s  %5s  %s\n", "id", "changed", "kind", "model", "turns", "begins");
    (void)printf("%5lld  %-16s  ", (long long)e->id, when);
    put_column(e->kind, 4, true);
    (void)fputs("  ", stdout);
    put_model(e->model, 20);
    (void)printf("  %5lld  ", (long long)e->n_turns);
    put_column(e->title, SOTTO_MAX(room, 20), false);
    (void)putchar('\n');
    if (e->found && strcmp(e->found, e->title) != 0) {
        (void)printf("%*s", LEFT, "");
        put_column(e->found, SOTTO_MAX(room, 20), false);
        (void)putchar('\n');
    }
}

static bool put_entry(void *user, const sotto_history_entry *e) {
    listing *l = user;
    if (!l->list) {
        put_row(l, e);
    } else {
        json_t *entry = json_pack("{s:I, s:I, s:I, s:s, s:s, s:s, s:I, s:s*}", "id", (json_int_t)e->id, "begun",
                                  (json_int_t)e->begun, "changed", (json_int_t)e->changed, "kind", e->kind, "model",
                                  e->model, "title", e->title, "turns", (json_int_t)e->n_turns, "found", e->found);
        l->failed |= json_array_append_new(l->list, entry) != 0;
    }
    l->n++;
    return !l->failed;
}

static int put_list(const sotto_cli_settings *s, const char *words) {
    sotto_history *h = NULL;
    sotto_error    err;
    listing        l = {.s = s, .list = s->json ? json_array() : NULL};
    int            code = s->json && !l.list ? sotto_cli_fail_memory() : open_history(s, &h);
    if (!code && sotto_history_list(h, words, put_entry, &l, &err)) code = sotto_cli_fail(&err);
    if (!code && l.failed) code = sotto_cli_fail_memory();
    if (!code && s->json) code = sotto_cli_print_json(json_pack("{s:O}", "conversations", l.list));
    else if (!code && l.n == 0)
        sotto_cli_note(s, words ? "no conversation has these words" : "no conversations are kept yet");
    json_decref(l.list);
    sotto_history_close(h);
    return code;
}

int sotto_cmd_history(const sotto_cli_settings *s) { return put_list(s, NULL); }

int sotto_cmd_history_search(const sotto_cli_settings *s) {
    sotto_buf words = {0};
    for (int i = 0; i < s->n_args; i++) (void)sotto_buf_printf(&words, "%s%s", i > 0 ? " " : "", s->args[i]);
    int code = words.failed ? sotto_cli_fail_memory()
               : sotto_buf_str(&words).p[strspn(sotto_buf_str(&words).p, " \t\r\n")] == '\0'
                   ? sotto_cli_usage(s->verb, "no words given to look for")
                   : put_list(s, words.data);
    sotto_buf_free(&words);
    return code;
}

/* ---- one conversation ---------------------------------------------------------------------------------- */

static int write_file(const sotto_cli_settings *s, const sotto_bytes *text) {
    sotto_writer *w;
    sotto_error   err;
    if (!s->force && sotto_path_kind_of(s->output) != SOTTO_PATH_NONE) {
        sotto_cli_error("%s: exists already; --force replaces it", s->output);
        return SOTTO_EXIT_FAILURE;
    }
    if (sotto_writer_open(&w, s->output, &err)) return sotto_cli_fail(&err);
    if (sotto_writer_write(w, text->data, text->n, &err)) {
        sotto_writer_close(w);
        return sotto_cli_fail(&err);
    }
    return sotto_writer_commit(w, &err) ? sotto_cli_fail(&err) : SOTTO_EXIT_OK;
}

int sotto_cmd_history_export(const sotto_cli_settings *s) {
    sotto_history     *h = NULL;
    sotto_bytes        text = {0};
    sotto_error        err;
    int64_t            id = 0;
    sotto_history_form form = s->json ? SOTTO_HISTORY_JSON : SOTTO_HISTORY_MARKDOWN;
    int                code = open_one(s, &h, &id);
    if (!code && sotto_history_export(h, id, form, &text, &err)) code = sotto_cli_fail(&err);
    if (!code && s->output) code = write_file(s, &text);
    else if (!code) sotto_cli_print(stdout, text.data, text.n, sotto_terminal_is(1));
    sotto_bytes_free(&text);
    sotto_history_close(h);
    return code;
}

int sotto_cmd_history_show(const sotto_cli_settings *s) { return sotto_cmd_history_export(s); }

/* ---- deleting ------------------------------------------------------------------------------------------ */

static int sure(const sotto_cli_settings *s, int64_t id) {
    char answer[16] = "";
    if (s->force) return SOTTO_EXIT_OK;
    if (!sotto_terminal_is(0)) return sotto_cli_usage(s->verb, "nobody can be asked here: --force deletes without");
    (void)fprintf(stderr, "Forget conversation %lld for good? [y/N] ", (long long)id);
    if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y')) return SOTTO_EXIT_OK;
    sotto_cli_note(s, "it stays");
    return SOTTO_EXIT_FAILURE;
}

int sotto_cmd_history_delete(const sotto_cli_settings *s) {
    sotto_history *h = NULL;
    sotto_error    err;
    int64_t        id = 0;
    int            code = open_one(s, &h, &id);
    if (!code) code = sure(s, id);
    if (!code && sotto_history_delete(h, id, &err)) code = sotto_cli_fail(&err);
    sotto_history_close(h);
    if (code) return code;
    char *session = sotto_cli_session_path(id);
    if (session) (void)remove(session);
    free(session);
    if (s->json) return sotto_cli_print_json(json_pack("{s:I}", "deleted", (json_int_t)id));
    sotto_cli_note(s, "conversation %lld is forgotten", (long long)id);
    return SOTTO_EXIT_OK;
}
