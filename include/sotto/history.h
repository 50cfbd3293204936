/* Conversations that are kept: one SQLite file, in which every finished turn is durable when the call returns. Beside
 * sotto.h; its rules hold, and one thread at a time uses a history. Several programs may have the same file open. */
#ifndef SOTTO_HISTORY_H
#define SOTTO_HISTORY_H

#include <sotto/dialog.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sotto_history sotto_history;

/* path: the file; ":memory:": nothing is kept; NULL: $XDG_DATA_HOME/sotto/history.db. Made (mode 0600) where there is
 * none. FORMAT, MISMATCH and UNSUPPORTED as for sotto_toolbox_open. */
SOTTO_API sotto_status sotto_history_open(sotto_history **out, const char *path, sotto_error *err);
SOTTO_API void         sotto_history_close(sotto_history *h);

/* ---- writing --------------------------------------------------------------------------------------------- */

/* kind: "talk", "chat". model: its path or name. system NULL: none. What is not UTF-8 is kept as U+FFFD, here and
 * below. */
SOTTO_API sotto_status sotto_history_begin(sotto_history *h, const char *kind, const char *model, const char *system,
                                           int64_t *id, sotto_error *err);
/* A finished exchange, or several: user turns and all that answered them, in one transaction. `interrupted`: the last
 * text is what was heard of it. A conversation without exchanges is not listed. Here and below NOT_FOUND: there is no
 * such conversation; another program may have deleted it. */
SOTTO_API sotto_status sotto_history_append(sotto_history *h, int64_t id, const sotto_chat_turn *turns, size_t n,
                                            bool interrupted, sotto_error *err);
SOTTO_API sotto_status sotto_history_set_system(sotto_history *h, int64_t id, const char *system, sotto_error *err);
/* All but the first n turns are taken back; those that are not there need not be. */
SOTTO_API sotto_status sotto_history_cut(sotto_history *h, int64_t id, size_t n_turns, sotto_error *err);
SOTTO_API sotto_status sotto_history_delete(sotto_history *h, int64_t id, sotto_error *err);

/* ---- reading --------------------------------------------------------------------------------------------- */

typedef struct sotto_history_entry {
    int64_t     id;
    int64_t     begun, changed; /* seconds since 1970 UTC */
    const char *kind, *model, *title; /* the title is how it begins, on one line */
    int64_t     n_turns;
    const char *found; /* search: the words around what was found; else NULL */
} sotto_history_entry;
typedef bool (*sotto_history_fn)(void *user, const sotto_history_entry *entry); /* false: enough */
/* The latest first. `words` NULL: all; else those in which all of these words occur, or begin one that does, whatever
 * their capitals and accents. What tools gave is not looked at. LIMIT: more than 32 words. */
SOTTO_API sotto_status sotto_history_list(sotto_history *h, const char *words, sotto_history_fn fn, void *user,
                                          sotto_error *err);
/* *id: of the conversation that was changed last. NOT_FOUND: there is none. */
SOTTO_API sotto_status sotto_history_last(sotto_history *h, int64_t *id, sotto_error *err);
/* Its turns are added to a dialog; the caller sets the system prompt, which *system is (owned by the caller; data NULL:
 * none). */
SOTTO_API sotto_status sotto_history_load(sotto_history *h, int64_t id, sotto_dialog *d, sotto_bytes *system,
                                          sotto_error *err);
/* JSON: {"id","kind","model","begun","changed","messages":[{"role","content",...}]}, which chat's /load reads. */
typedef enum sotto_history_form { SOTTO_HISTORY_MARKDOWN, SOTTO_HISTORY_JSON } sotto_history_form;
SOTTO_API sotto_status sotto_history_export(sotto_history *h, int64_t id, sotto_history_form form, sotto_bytes *out,
                                            sotto_error *err);

#ifdef __cplusplus
}
#endif
#endif
