/* Stores: SQLite files, opened with distrust and written so that what is acknowledged is on the disk.
 *
 * A write-ahead log with synchronous=FULL survives the end of the program and of the machine at any moment. A file is
 * known by its application_id; one that something else made, or a newer sotto, is refused and left as it is. */
#include <stdio.h>
#include <stdlib.h>

#include "chat/store.h"
#include "os/os.h"

enum { BUSY_MS = 5000, RETRY_MS = 10 };

/* ---- failures ------------------------------------------------------------------------------------------- */

static const struct {
    int          code; /* primary result code of SQLite */
    sotto_status status;
    const char  *text;
} failures[] = {
    {SQLITE_CORRUPT, SOTTO_FORMAT, "this file is damaged; move it away to begin anew"},
    {SQLITE_BUSY, SOTTO_IO, "another program holds this file for too long; try again"},
    {SQLITE_LOCKED, SOTTO_IO, "another program holds this file for too long; try again"},
    {SQLITE_FULL, SOTTO_IO, "there is no room left on the disk; nothing was changed"},
    {SQLITE_READONLY, SOTTO_IO, "this file, or its folder, cannot be written to"},
    {SQLITE_CANTOPEN, SOTTO_IO, "this file, or its folder, cannot be opened for writing"},
    {SQLITE_PERM, SOTTO_IO, "this file, or its folder, cannot be opened for writing"},
    {SQLITE_TOOBIG, SOTTO_LIMIT, "a text is too long to be kept"},
};

static sotto_status fail(sotto_store *s, sotto_error *err) {
    int code = sqlite3_errcode(s->db) & 0xff;
    if (code == SQLITE_NOMEM) return sotto_fail_memory(err, "a file of sotto's");
    if (code == SQLITE_NOTADB)
        return sotto_fail(err, SOTTO_FORMAT,
                          "%s: this is no file of sotto's %s, or it is damaged; move it away to begin anew", s->path,
                          s->kind->what);
    for (size_t i = 0; i < SOTTO_COUNT(failures); i++)
        if (failures[i].code == code)
            return sotto_fail(err, failures[i].status, "%s: %s", s->path, failures[i].text);
    return sotto_fail(err, SOTTO_IO, "%s: cannot be read or written: %s", s->path, sqlite3_errmsg(s->db));
}

/* ---- statements ----------------------------------------------------------------------------------------- */

static sotto_status prepare(sotto_store *s, sqlite3_stmt **out, sotto_error *err, const char *sql, const char *kinds,
                            va_list values) {
    sqlite3_stmt *stmt = NULL;
    int           code = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
    for (int i = 1; code == SQLITE_OK && kinds[i - 1]; i++)
        code = kinds[i - 1] == 's' ? sqlite3_bind_text(stmt, i, va_arg(values, const char *), -1, SQLITE_TRANSIENT)
                                   : sqlite3_bind_int64(stmt, i, va_arg(values, int64_t));
    if (code == SQLITE_OK) {
        *out = stmt;
        return SOTTO_OK;
    }
    sotto_status status = fail(s, err);
    (void)sqlite3_finalize(stmt);
    return status;
}

sotto_status sotto_store_query(sotto_store *s, sqlite3_stmt **out, sotto_error *err, const char *sql,
                               const char *kinds, ...) {
    va_list values;
    va_start(values, kinds);
    sotto_status status = prepare(s, out, err, sql, kinds, values);
    va_end(values);
    return status;
}

sotto_status sotto_store_next(sotto_store *s, sqlite3_stmt *rows, bool *more, sotto_error *err) {
    int code = sqlite3_step(rows);
    *more = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? SOTTO_OK : fail(s, err);
}

sotto_status sotto_store_run(sotto_store *s, int64_t *n, sotto_error *err, const char *sql, const char *kinds, ...) {
    sqlite3_stmt *stmt = NULL;
    bool          more = true, row = false;
    int64_t       first = 0;
    va_list       values;
    va_start(values, kinds);
    sotto_status status = prepare(s, &stmt, err, sql, kinds, values);
    va_end(values);
    while (status == SOTTO_OK && more) {
        status = sotto_store_next(s, stmt, &more, err);
        if (status == SOTTO_OK && more && !row) row = true, first = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt);
    if (status == SOTTO_OK && n) *n = row ? first : sqlite3_changes(s->db);
    return status;
}

const char *sotto_store_text(sqlite3_stmt *row, int column) {
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text && sotto_utf8_valid(text, strlen(text)) ? text : "\xef\xbf\xbd";
}

int64_t sotto_store_time(sqlite3_stmt *row, int column) {
    return SOTTO_MIN(SOTTO_MAX(sqlite3_column_int64(row, column), 0), SOTTO_TIME_MAX);
}

/* ---- transactions --------------------------------------------------------------------------------------- */

/* SQLite undoes a transaction by itself where the disk fails it; what comes after must not be kept without the rest. */
static sotto_status check_held(sotto_store *s, sotto_error *err) {
    if (!s->held || !sqlite3_get_autocommit(s->db)) return SOTTO_OK;
    return sotto_fail(err, SOTTO_IO, "%s: could not be written, and what was held back is lost", s->path);
}

sotto_status sotto_store_begin(sotto_store *s, sotto_error *err) {
    SOTTO_TRY(check_held(s, err));
    return sotto_store_run(s, NULL, err, s->held ? "SAVEPOINT step" : "BEGIN IMMEDIATE", "");
}

sotto_status sotto_store_commit(sotto_store *s, sotto_error *err) {
    sotto_status status = sotto_store_run(s, NULL, err, s->held ? "RELEASE step" : "COMMIT", "");
    if (status != SOTTO_OK) sotto_store_rollback(s);
    return status;
}

void sotto_store_rollback(sotto_store *s) {
    if (sqlite3_get_autocommit(s->db)) return;
    (void)sqlite3_exec(s->db, s->held ? "ROLLBACK TO step; RELEASE step" : "ROLLBACK", NULL, NULL, NULL);
}

sotto_status sotto_store_hold(sotto_store *s, sotto_error *err) {
    if (s->held) return sotto_fail(err, SOTTO_INVALID, "%s: is held already", s->path);
    SOTTO_TRY(sotto_store_begin(s, err));
    s->held = true;
    return SOTTO_OK;
}

sotto_status sotto_store_release(sotto_store *s, bool keep, sotto_error *err) {
    if (!s->held) return sotto_fail(err, SOTTO_INVALID, "%s: is not held", s->path);
    sotto_status status = keep ? check_held(s, err) : SOTTO_OK;
    s->held = false;
    if (status == SOTTO_OK && keep) return sotto_store_commit(s, err);
    sotto_store_rollback(s);
    return status;
}

/* ---- opening -------------------------------------------------------------------------------------------- */

/* A file from elsewhere may bring views and triggers that run when it is read: SQLite's advice for such files
 * (sqlite.org/security.html). */
static void distrust(sqlite3 *db, int length_max) {
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, length_max);
    (void)sqlite3_exec(db, "PRAGMA cell_size_check=ON", NULL, NULL, NULL);
}

/* Whose file this is; *fresh: nothing is in it yet. Changes nothing. Within a transaction, lest another program makes
 * the tables between two of the questions. */
static sotto_status check_owner(sotto_store *s, bool *fresh, sotto_error *err) {
    int64_t id, version, n;
    SOTTO_TRY(sotto_store_run(s, &id, err, "PRAGMA application_id", ""));
    SOTTO_TRY(sotto_store_run(s, &version, err, "PRAGMA user_version", ""));
    SOTTO_TRY(sotto_store_run(s, &n, err, "SELECT count(*) FROM sqlite_master", ""));
    *fresh = id == 0 && version == 0 && n == 0;
    if (!*fresh && id != s->kind->application_id)
        return sotto_fail(err, SOTTO_MISMATCH, "%s: this is another program's database; give another path", s->path);
    if (version > s->kind->version)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "%s: a newer sotto wrote this file (version %lld, this one knows %d)",
                          s->path, (long long)version, (int)s->kind->version);
    return SOTTO_OK;
}

/* Of several programs that find an empty file, one makes the tables. */
static sotto_status make_tables(sotto_store *s, sotto_error *err) {
    bool  fresh;
    char *sql = sqlite3_mprintf("%s PRAGMA application_id=%d; PRAGMA user_version=%d;", s->kind->schema,
                                (int)s->kind->application_id, (int)s->kind->version);
    sotto_status status = sql ? sotto_store_begin(s, err) : sotto_fail_memory(err, "the tables of a file");
    if (status == SOTTO_OK) status = check_owner(s, &fresh, err);
    if (status == SOTTO_OK && fresh && sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK) status = fail(s, err);
    if (status == SOTTO_OK) status = sotto_store_commit(s, err);
    else sotto_store_rollback(s);
    sqlite3_free(sql);
    return status;
}

/* SQLite waits for other programs, but not here: it has read already, and two such that wait to write never end. */
static sotto_status use_log(sotto_store *s, sotto_error *err) {
    for (int waited = 0;; waited += RETRY_MS) {
        sotto_status status = sotto_store_run(s, NULL, err, "PRAGMA journal_mode=WAL", "");
        if (status == SOTTO_OK || (sqlite3_errcode(s->db) & 0xff) != SQLITE_BUSY || waited >= BUSY_MS) return status;
        (void)sqlite3_sleep(RETRY_MS);
    }
}

/* The journal's mode is kept in the file, so it is set only once the file is known to be ours. */
static sotto_status prepare_file(sotto_store *s, sotto_error *err) {
    bool          fresh, more;
    sqlite3_stmt *rows;
    distrust(s->db, s->kind->length_max);
    (void)sqlite3_busy_timeout(s->db, BUSY_MS);
    SOTTO_TRY(sotto_store_run(s, NULL, err, "BEGIN", ""));
    sotto_status status = check_owner(s, &fresh, err);
    sotto_store_rollback(s);
    if (status != SOTTO_OK) return status;
    SOTTO_TRY(use_log(s, err));
    SOTTO_TRY(sotto_store_run(s, NULL, err, "PRAGMA synchronous=FULL", ""));
    SOTTO_TRY(sotto_store_run(s, NULL, err, "PRAGMA secure_delete=ON", "")); /* what goes is overwritten */
    if (fresh) return make_tables(s, err);
    SOTTO_TRY(sotto_store_query(s, &rows, err, "PRAGMA quick_check(1)", ""));
    status = sotto_store_next(s, rows, &more, err);
    if (status == SOTTO_OK && (!more || strcmp(sotto_store_text(rows, 0), "ok") != 0))
        status = sotto_fail(err, SOTTO_FORMAT, "%s: this file is damaged; move it away to begin anew", s->path);
    (void)sqlite3_finalize(rows);
    return status;
}

/* The path, and a file there that only this user may read; SQLite gives the files beside it the same mode. */
static sotto_status make_path(char **out, const sotto_store_kind *kind, const char *path, sotto_error *err) {
    char *folder = path ? NULL : sotto_path_user_folder(SOTTO_FOLDER_DATA);
    if (!path && !folder)
        return sotto_fail(err, SOTTO_NOT_FOUND, "there is no home folder to keep the file of the %s in", kind->what);
    char *own = path ? sotto_path_join("", path) : sotto_path_join(folder, kind->name);
    if (path && own && strrchr(own, '/') > own) {
        folder = sotto_path_join("", own);
        if (folder) *strrchr(folder, '/') = '\0';
    }
    sotto_status status = own ? SOTTO_OK : sotto_fail_memory(err, "a path");
    if (status == SOTTO_OK && folder) status = sotto_path_make_folder(folder, err);
    if (status == SOTTO_OK) status = sotto_path_make_file(own, err);
    free(folder);
    if (status == SOTTO_OK) *out = own;
    else free(own);
    return status;
}

sotto_status sotto_store_open(sotto_store *out, const sotto_store_kind *kind, const char *path, sotto_error *err) {
    sotto_store  s = {.kind = kind};
    bool         memory = path && strcmp(path, ":memory:") == 0;
    sotto_status status = SOTTO_OK;
    if (!memory) status = make_path(&s.path, kind, path, err);
    else if (!(s.path = sotto_path_join("", path))) status = sotto_fail_memory(err, "a path");
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (memory ? SQLITE_OPEN_CREATE : 0);
    if (status == SOTTO_OK && sqlite3_open_v2(s.path, &s.db, flags, NULL) != SQLITE_OK)
        status = s.db ? fail(&s, err) : sotto_fail_memory(err, "a file of sotto's");
    if (status == SOTTO_OK) status = prepare_file(&s, err);
    if (status == SOTTO_OK) *out = s;
    else sotto_store_close(&s);
    return status;
}

void sotto_store_close(sotto_store *s) {
    (void)sqlite3_close(s->db);
    free(s->path);
    *s = (sotto_store){0};
}
