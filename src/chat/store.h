/* chat: what is kept, in SQLite files that are opened with distrust. */
#ifndef SOTTO_STORE_H
#define SOTTO_STORE_H

#include <sqlite3.h>

#include "base/base.h"

/* What files of one kind are. */
typedef struct sotto_store_kind {
    const char *what;           /* whose they are, in messages: "tools" */
    const char *name;           /* of the file in the user's data folder */
    int32_t     application_id; /* by which SQLite files of one kind are told from others */
    int32_t     version;        /* counts the changes of the tables */
    int32_t     length_max;     /* bytes of a text */
    const char *schema;
} sotto_store_kind;

typedef struct sotto_store {
    sqlite3                *db;
    char                   *path;
    const sotto_store_kind *kind;
    bool                    held;
} sotto_store;
/* Times in the file lie between these: the years that sotto_wall knows, and a day less. */
#define SOTTO_TIME_MAX ((int64_t)253402214400)

/* path NULL: the default one. `kind` is lent. */
sotto_status sotto_store_open(sotto_store *out, const sotto_store_kind *kind, const char *path, sotto_error *err);
void         sotto_store_close(sotto_store *s);
/* Several statements as one: all of their changes or none. */
sotto_status sotto_store_begin(sotto_store *s, sotto_error *err);
sotto_status sotto_store_commit(sotto_store *s, sotto_error *err);
void         sotto_store_rollback(sotto_store *s);
/* The same around those: until release nothing is in the file for good. */
sotto_status sotto_store_hold(sotto_store *s, sotto_error *err);
sotto_status sotto_store_release(sotto_store *s, bool keep, sotto_error *err);

/* A statement with its values: `kinds` has a letter for each, s: const char *, i: int64_t. Rows are read with
 * sotto_store_next, which gives false after the last; sqlite3_finalize in every case. */
sotto_status sotto_store_query(sotto_store *s, sqlite3_stmt **out, sotto_error *err, const char *sql,
                               const char *kinds, ...);
sotto_status sotto_store_next(sotto_store *s, sqlite3_stmt *rows, bool *more, sotto_error *err);
const char  *sotto_store_text(sqlite3_stmt *row, int column); /* valid UTF-8, never NULL; lent until the next row */
int64_t      sotto_store_time(sqlite3_stmt *row, int column); /* 0..SOTTO_TIME_MAX, whatever is in the file */
/* Run a statement to its end; *n (may be NULL): the rows changed, or the number in the first column of a SELECT. */
sotto_status sotto_store_run(sotto_store *s, int64_t *n, sotto_error *err, const char *sql, const char *kinds, ...);

#endif
