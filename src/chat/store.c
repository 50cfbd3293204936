/* The store: one SQLite file, opened with distrust and written so that what is acknowledged is on the disk.
 *
 * A write-ahead log with synchronous=FULL survives the end of the program and of the machine at any moment. A file is
 * known by its application_id; one that something else made, or a newer sotto, is refused and left as it is. */
#include <stdio.h>
#include <stdlib.h>

#include "chat/toolbox.h"

/* "sott" in ASCII; the version counts changes of the tables. */
enum { APPLICATION_ID = 0x736f7474, SCHEMA_VERSION = 1, BUSY_MS = 5000, LENGTH_MAX = 1 << 20 };

/* Texts are kept as they were said; `key` is what sotto_words_key makes of them. Times are seconds since 1970 UTC. */
static const char schema[] =
    "CREATE TABLE alarms(id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL CHECK(kind IN('timer','reminder')),"
    " text TEXT NOT NULL, key TEXT NOT NULL, seconds INTEGER NOT NULL, due INTEGER NOT NULL);"
    "CREATE INDEX alarms_due ON alarms(due);"
    "CREATE TABLE items(id INTEGER PRIMARY KEY AUTOINCREMENT, list TEXT NOT NULL, list_key TEXT NOT NULL,"
    " item TEXT NOT NULL, key TEXT NOT NULL, UNIQUE(list_key, key));"
    "CREATE TABLE facts(id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, key TEXT NOT NULL,"
    " fact TEXT NOT NULL, UNIQUE(key, fact));"
    "CREATE TABLE settings(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;";

/* ---- failures ------------------------------------------------------------------------------------------- */

static const struct {
    int          code; /* primary result code of SQLite */
    sotto_status status;
    const char  *text;
} failures[] = {
    {SQLITE_NOTADB, SOTTO_FORMAT, "this is no file of sotto's tools, or it is damaged; move it away to begin anew"},
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
    if (code == SQLITE_NOMEM) return sotto_fail_memory(err, "the tools' file");
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

sotto_status sotto_store_begin(sotto_store *s, sotto_error *err) {
    return sotto_store_run(s, NULL, err, "BEGIN IMMEDIATE", "");
}

sotto_status sotto_store_commit(sotto_store *s, sotto_error *err) {
    sotto_status status = sotto_store_run(s, NULL, err, "COMMIT", "");
    if (status != SOTTO_OK) sotto_store_rollback(s);
    return status;
}

void sotto_store_rollback(sotto_store *s) {
    if (!sqlite3_get_autocommit(s->db)) (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- opening -------------------------------------------------------------------------------------------- */

/* A file from elsewhere may bring views and triggers that run when it is read: SQLite's advice for such files
 * (sqlite.org/security.html). */
static void distrust(sqlite3 *db) {
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, LENGTH_MAX);
    (void)sqlite3_exec(db, "PRAGMA cell_size_check=ON", NULL, NULL, NULL);
}

/* Whose file this is; *fresh: nothing is in it yet. Changes nothing. */
static sotto_status check_owner(sotto_store *s, bool *fresh, sotto_error *err) {
    int64_t id, version, n;
    SOTTO_TRY(sotto_store_run(s, &id, err, "PRAGMA application_id", ""));
    SOTTO_TRY(sotto_store_run(s, &version, err, "PRAGMA user_version", ""));
    SOTTO_TRY(sotto_store_run(s, &n, err, "SELECT count(*) FROM sqlite_master", ""));
    *fresh = id == 0 && version == 0 && n == 0;
    if (!*fresh && id != APPLICATION_ID)
        return sotto_fail(err, SOTTO_MISMATCH, "%s: this is another program's database; give another path", s->path);
    if (version > SCHEMA_VERSION)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "%s: a newer sotto wrote this file (version %lld, this one knows %d)",
                          s->path, (long long)version, SCHEMA_VERSION);
    return SOTTO_OK;
}

/* Of several programs that find an empty file, one makes the tables. */
static sotto_status make_tables(sotto_store *s, sotto_error *err) {
    bool  fresh;
    char *sql = sqlite3_mprintf("%s PRAGMA application_id=%d; PRAGMA user_version=%d;", schema, APPLICATION_ID,
                                SCHEMA_VERSION);
    sotto_status status = sql ? sotto_store_begin(s, err) : sotto_fail_memory(err, "the tools' tables");
    if (status == SOTTO_OK) status = check_owner(s, &fresh, err);
    if (status == SOTTO_OK && fresh && sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK) status = fail(s, err);
    if (status == SOTTO_OK) status = sotto_store_commit(s, err);
    else sotto_store_rollback(s);
    sqlite3_free(sql);
    return status;
}

/* The journal's mode is kept in the file, so it is set only once the file is known to be ours. */
static sotto_status prepare_file(sotto_store *s, sotto_error *err) {
    bool          fresh, more;
    sqlite3_stmt *rows;
    distrust(s->db);
    (void)sqlite3_busy_timeout(s->db, BUSY_MS);
    SOTTO_TRY(check_owner(s, &fresh, err));
    SOTTO_TRY(sotto_store_run(s, NULL, err, "PRAGMA journal_mode=WAL", ""));
    SOTTO_TRY(sotto_store_run(s, NULL, err, "PRAGMA synchronous=FULL", ""));
    if (fresh) return make_tables(s, err);
    SOTTO_TRY(sotto_store_query(s, &rows, err, "PRAGMA quick_check(1)", ""));
    sotto_status status = sotto_store_next(s, rows, &more, err);
    if (status == SOTTO_OK && (!more || strcmp(sotto_store_text(rows, 0), "ok") != 0))
        status = sotto_fail(err, SOTTO_FORMAT, "%s: this file is damaged; move it away to begin anew", s->path);
    (void)sqlite3_finalize(rows);
    return status;
}

/* The path, and a file there that only this user may read; SQLite gives the files beside it the same mode. */
static sotto_status make_path(char **out, const char *path, sotto_error *err) {
    char *folder = path ? NULL : sotto_path_user_folder(SOTTO_FOLDER_DATA);
    if (!path && !folder) return sotto_fail(err, SOTTO_NOT_FOUND, "there is no home folder to keep the tools' file in");
    char *own = path ? sotto_path_join("", path) : sotto_path_join(folder, "tools.db");
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

sotto_status sotto_store_open(sotto_store *out, const char *path, sotto_error *err) {
    sotto_store  s = {0};
    bool         memory = path && strcmp(path, ":memory:") == 0;
    sotto_status status = SOTTO_OK;
    if (!memory) status = make_path(&s.path, path, err);
    else if (!(s.path = sotto_path_join("", path))) status = sotto_fail_memory(err, "a path");
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (memory ? SQLITE_OPEN_CREATE : 0);
    if (status == SOTTO_OK && sqlite3_open_v2(s.path, &s.db, flags, NULL) != SQLITE_OK)
        status = s.db ? fail(&s, err) : sotto_fail_memory(err, "the tools' file");
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
