/* The history: conversations in a SQLite file, written so that what is acknowledged is on the disk (see store.c).
 *
 * A turn is a row, an exchange a transaction. What people and the model said is indexed by words; that index holds no
 * text of its own, so that a row which goes has to be taken out of it first. */
#include "chat/history.h"

#include <stdio.h>
#include <stdlib.h>

#include "chat/toolbox.h"

enum { WORDS_MAX = 32, TITLE_CHARACTERS = 100 };

/* Ids of turns ascend in each conversation and over all: the one with the greatest was changed last. */
static const char schema[] =
    "CREATE TABLE conversations(id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, model TEXT NOT NULL,"
    " system TEXT, begun INTEGER NOT NULL, changed INTEGER NOT NULL);"
    "CREATE TABLE turns(id INTEGER PRIMARY KEY AUTOINCREMENT, conversation INTEGER NOT NULL, role TEXT NOT NULL,"
    " content TEXT NOT NULL, tool_calls TEXT, tool_name TEXT, tool_call_id TEXT, interrupted INTEGER NOT NULL);"
    "CREATE INDEX turns_of ON turns(conversation, id);"
    "CREATE VIRTUAL TABLE words USING fts5(content, content='turns', content_rowid='id',"
    " tokenize='unicode61 remove_diacritics 2');";

/* "soth" in ASCII. */
static const sotto_store_kind file_kind = {.what = "history", .name = "history.db", .application_id = 0x736f7468,
                                           .version = 1, .length_max = 64 << 20, .schema = schema};

sotto_status sotto_history_open(sotto_history **out, const char *path, sotto_error *err) {
    sotto_history *h = calloc(1, sizeof *h);
    if (!h) return sotto_fail_memory(err, "the history");
    sotto_status status = sotto_store_open(&h->store, &file_kind, path, err);
    if (status == SOTTO_OK) *out = h;
    else free(h);
    return status;
}

void sotto_history_close(sotto_history *h) {
    if (!h) return;
    sotto_store_close(&h->store);
    free(h);
}

/* ---- writing -------------------------------------------------------------------------------------------- */

/* A copy in valid UTF-8; NULL stays NULL. */
static sotto_status clean(char **out, const char *text, sotto_error *err) {
    sotto_buf copy = {0};
    *out = NULL;
    if (!text) return SOTTO_OK;
    if (!sotto_buf_reserve(&copy, 1) || !sotto_buf_append_utf8(&copy, text, strlen(text))) {
        sotto_buf_free(&copy);
        return sotto_fail_memory(err, "the history");
    }
    *out = copy.data;
    return SOTTO_OK;
}

sotto_status sotto_history_begin(sotto_history *h, const char *kind, const char *model, const char *system,
                                 int64_t *id, sotto_error *err) {
    char        *texts[3] = {0};
    sotto_status status = clean(&texts[0], kind ? kind : "", err);
    if (status == SOTTO_OK) status = clean(&texts[1], model ? model : "", err);
    if (status == SOTTO_OK) status = clean(&texts[2], system, err);
    if (status == SOTTO_OK)
        status = sotto_store_run(&h->store, NULL, err, "INSERT INTO conversations(kind, model, system, begun, changed)"
                                 " VALUES(?1, ?2, ?3, ?4, ?4)", "sssi", texts[0], texts[1], texts[2],
                                 sotto_time_unix());
    if (status == SOTTO_OK) *id = sqlite3_last_insert_rowid(h->store.db);
    for (size_t i = 0; i < SOTTO_COUNT(texts); i++) free(texts[i]);
    return status;
}

/* The conversation has changed; NOT_FOUND. */
static sotto_status touch(sotto_history *h, int64_t id, sotto_error *err) {
    int64_t n;
    SOTTO_TRY(sotto_store_run(&h->store, &n, err, "UPDATE conversations SET changed = ?2 WHERE id = ?1", "ii", id,
                              sotto_time_unix()));
    if (n > 0) return SOTTO_OK;
    return sotto_fail(err, SOTTO_NOT_FOUND, "%s: there is no conversation %lld", h->store.path, (long long)id);
}

/* End a transaction: all of it where status is OK, else nothing. */
static sotto_status end(sotto_history *h, sotto_status status, sotto_error *err) {
    if (status == SOTTO_OK) return sotto_store_commit(&h->store, err);
    sotto_store_rollback(&h->store);
    return status;
}

static sotto_status check_turns(const sotto_chat_turn *turns, size_t n, sotto_error *err) {
    static const char *const roles[] = {"user", "assistant", "model", "tool"};
    if (n == 0) return sotto_fail(err, SOTTO_INVALID, "an exchange needs turns");
    for (size_t i = 0; i < n; i++) {
        bool known = false;
        for (size_t k = 0; k < SOTTO_COUNT(roles) && turns[i].role; k++)
            known = known || strcmp(turns[i].role, roles[k]) == 0;
        if (!known)
            return sotto_fail(err, SOTTO_INVALID, "turn %zu of an exchange is not one of user, assistant and tool",
                              i + 1);
    }
    return SOTTO_OK;
}

static sotto_status insert_turn(sotto_history *h, int64_t id, const sotto_chat_turn *t, bool interrupted,
                                sotto_error *err) {
    const char  *role = strcmp(t->role, "model") == 0 ? "assistant" : t->role;
    const char  *given[] = {t->content ? t->content : "", t->tool_calls, t->tool_name, t->tool_call_id};
    char        *texts[4] = {0};
    sotto_status status = SOTTO_OK;
    for (size_t i = 0; i < SOTTO_COUNT(texts) && status == SOTTO_OK; i++) status = clean(&texts[i], given[i], err);
    if (status == SOTTO_OK)
        status = sotto_store_run(&h->store, NULL, err, "INSERT INTO turns(conversation, role, content, tool_calls,"
                                 " tool_name, tool_call_id, interrupted) VALUES(?, ?, ?, ?, ?, ?, ?)", "isssssi", id,
                                 role, texts[0], texts[1], texts[2], texts[3], (int64_t)interrupted);
    if (status == SOTTO_OK && strcmp(role, "tool") != 0)
        status = sotto_store_run(&h->store, NULL, err, "INSERT INTO words(rowid, content) VALUES(?, ?)", "is",
                                 (int64_t)sqlite3_last_insert_rowid(h->store.db), texts[0]);
    for (size_t i = 0; i < SOTTO_COUNT(texts); i++) free(texts[i]);
    return status;
}

sotto_status sotto_history_append(sotto_history *h, int64_t id, const sotto_chat_turn *turns, size_t n,
                                  bool interrupted, sotto_error *err) {
    SOTTO_TRY(check_turns(turns, n, err));
    SOTTO_TRY(sotto_store_begin(&h->store, err));
    sotto_status status = touch(h, id, err);
    for (size_t i = 0; i < n && status == SOTTO_OK; i++)
        status = insert_turn(h, id, &turns[i], interrupted && i == n - 1, err);
    return end(h, status, err);
}

/* Take the turns from number n on out of the index and out of the table. */
static sotto_status remove_turns(sotto_history *h, int64_t id, size_t n, sotto_error *err) {
#define FROM_N "id IN (SELECT id FROM turns WHERE conversation = ?1 ORDER BY id LIMIT -1 OFFSET ?2)"
    int64_t from = (int64_t)SOTTO_MIN(n, (size_t)INT64_MAX);
    SOTTO_TRY(sotto_store_run(&h->store, NULL, err, "INSERT INTO words(words, rowid, content)"
                              " SELECT 'delete', id, content FROM turns WHERE role <> 'tool' AND " FROM_N, "ii", id,
                              from));
    return sotto_store_run(&h->store, NULL, err, "DELETE FROM turns WHERE " FROM_N, "ii", id, from);
#undef FROM_N
}

sotto_status sotto_history_cut(sotto_history *h, int64_t id, size_t n_turns, sotto_error *err) {
    SOTTO_TRY(sotto_store_begin(&h->store, err));
    sotto_status status = touch(h, id, err);
    if (status == SOTTO_OK) status = remove_turns(h, id, n_turns, err);
    return end(h, status, err);
}

sotto_status sotto_history_set_system(sotto_history *h, int64_t id, const char *system, sotto_error *err) {
    char *text;
    SOTTO_TRY(clean(&text, system, err));
    sotto_status status = sotto_store_begin(&h->store, err);
    if (status == SOTTO_OK) {
        status = touch(h, id, err);
        if (status == SOTTO_OK)
            status = sotto_store_run(&h->store, NULL, err, "UPDATE conversations SET system = ?2 WHERE id = ?1", "is",
                                     id, text);
        status = end(h, status, err);
    }
    free(text);
    return status;
}

/* What is deleted is not to be found in the file either: the index forgets words only when it is merged, and the log
 * when it is emptied, which has to wait where another program is reading. */
sotto_status sotto_history_delete(sotto_history *h, int64_t id, sotto_error *err) {
    SOTTO_TRY(sotto_store_begin(&h->store, err));
    sotto_status status = touch(h, id, err);
    if (status == SOTTO_OK) status = remove_turns(h, id, 0, err);
    if (status == SOTTO_OK)
        status = sotto_store_run(&h->store, NULL, err, "DELETE FROM conversations WHERE id = ?", "i", id);
    if (status == SOTTO_OK)
        status = sotto_store_run(&h->store, NULL, err, "INSERT INTO words(words) VALUES('optimize')", "");
    SOTTO_TRY(end(h, status, err));
    (void)sotto_store_run(&h->store, NULL, NULL, "PRAGMA wal_checkpoint(TRUNCATE)", "");
    return SOTTO_OK;
}

/* ---- listing -------------------------------------------------------------------------------------------- */

/* What FTS5 looks for: the word, or what begins with it. */
static bool match(sotto_buf *out, sotto_str word) {
    (void)sotto_buf_putc(out, '"');
    for (size_t i = 0; i < word.n; i++) {
        if (word.p[i] == '"') (void)sotto_buf_putc(out, '"');
        (void)sotto_buf_putc(out, word.p[i]);
    }
    return sotto_buf_puts(out, "\"*");
}

/* The query of a list, with a condition for each word; the first word as FTS5 wants it in `first`. */
static sotto_status list_query(sotto_buf *sql, sotto_buf *first, const char *words, sotto_error *err) {
    static const char blanks[] = " \t\r\n";
    int               n = 0;
    (void)sotto_buf_puts(sql, "SELECT id, begun, changed, kind, model, (SELECT substr(content, 1, 2000) FROM turns"
                              " WHERE conversation = c.id AND role = 'user' ORDER BY id LIMIT 1), (SELECT count(*)"
                              " FROM turns WHERE conversation = c.id), (SELECT max(id) FROM turns WHERE conversation ="
                              " c.id) AS latest FROM conversations AS c WHERE latest IS NOT NULL");
    for (const char *p = words; p && *(p += strspn(p, blanks));) {
        sotto_str word = {p, strcspn(p, blanks)};
        sotto_buf wanted = {0};
        if (n++ == WORDS_MAX) return sotto_fail(err, SOTTO_LIMIT, "more than %d words are looked for", WORDS_MAX);
        char *quoted = match(&wanted, word) ? sqlite3_mprintf("%Q", wanted.data) : NULL;
        if (n == 1) (void)sotto_buf_puts(first, wanted.data ? wanted.data : "");
        bool ok = quoted && sotto_buf_puts(sql, " AND id IN (SELECT conversation FROM turns WHERE id IN (SELECT rowid"
                                                " FROM words WHERE words MATCH ") &&
                  sotto_buf_puts(sql, quoted) && sotto_buf_puts(sql, "))");
        sqlite3_free(quoted);
        sotto_buf_free(&wanted);
        if (!ok) return sotto_fail_memory(err, "a search");
        p += word.n;
    }
    (void)sotto_buf_puts(sql, " ORDER BY latest DESC");
    return sql->failed || first->failed ? sotto_fail_memory(err, "a search") : SOTTO_OK;
}

void sotto_history_title(sotto_buf *out, const char *text) {
    sotto_buf line = {0};
    uint32_t  c;
    size_t    n = 0;
    sotto_words_clean(&line, text);
    for (int i = 0; i < TITLE_CHARACTERS && n < line.len; i++)
        n += sotto_utf8_decode(line.data + n, line.len - n, &c);
    (void)sotto_buf_append(out, line.data ? line.data : "", n);
    if (n < line.len) (void)sotto_buf_puts(out, "\xe2\x80\xa6"); /* an ellipsis */
    sotto_buf_free(&line);
}

/* The words around the first one that is looked for, where the conversation has it first. */
static sotto_status find_words(sotto_history *h, int64_t id, const char *first, sotto_buf *out, sotto_error *err) {
    sqlite3_stmt *row;
    bool          more;
    SOTTO_TRY(sotto_store_query(&h->store, &row, err, "SELECT snippet(words, 0, '', '', '\xe2\x80\xa6', 12) FROM words"
                                " WHERE words MATCH ?1 AND rowid IN (SELECT id FROM turns WHERE conversation = ?2)"
                                " ORDER BY rowid LIMIT 1", "si", first, id));
    sotto_status status = sotto_store_next(&h->store, row, &more, err);
    if (status == SOTTO_OK && more) sotto_words_clean(out, sotto_store_text(row, 0));
    (void)sqlite3_finalize(row);
    return status;
}

static sotto_status tell_entry(sotto_history *h, sqlite3_stmt *row, const char *first, sotto_history_fn fn, void *user,
                               bool *more, sotto_error *err) {
    sotto_buf           title = {0}, found = {0};
    sotto_history_entry e = {.id = sqlite3_column_int64(row, 0), .begun = sotto_store_time(row, 1),
                             .changed = sotto_store_time(row, 2), .n_turns = sqlite3_column_int64(row, 6)};
    sotto_status status = first ? find_words(h, e.id, first, &found, err) : SOTTO_OK;
    sotto_history_title(&title, sotto_store_text(row, 5));
    e.kind = sotto_store_text(row, 3);
    e.model = sotto_store_text(row, 4);
    e.title = sotto_buf_str(&title).p;
    e.found = first ? sotto_buf_str(&found).p : NULL;
    if (status == SOTTO_OK && (title.failed || found.failed)) status = sotto_fail_memory(err, "the history");
    if (status == SOTTO_OK && !fn(user, &e)) *more = false;
    sotto_buf_free(&title);
    sotto_buf_free(&found);
    return status;
}

sotto_status sotto_history_list(sotto_history *h, const char *words, sotto_history_fn fn, void *user,
                                sotto_error *err) {
    sotto_buf     sql = {0}, first = {0};
    sqlite3_stmt *rows = NULL;
    bool          more = true;
    sotto_status  status = list_query(&sql, &first, words, err);
    if (status == SOTTO_OK) status = sotto_store_query(&h->store, &rows, err, sql.data, "");
    while (status == SOTTO_OK && more) {
        status = sotto_store_next(&h->store, rows, &more, err);
        if (status == SOTTO_OK && more) status = tell_entry(h, rows, first.data, fn, user, &more, err);
    }
    (void)sqlite3_finalize(rows);
    sotto_buf_free(&sql);
    sotto_buf_free(&first);
    return status;
}

static bool take_id(void *user, const sotto_history_entry *entry) {
    *(int64_t *)user = entry->id;
    return false;
}

sotto_status sotto_history_last(sotto_history *h, int64_t *id, sotto_error *err) {
    int64_t last = -1;
    SOTTO_TRY(sotto_history_list(h, NULL, take_id, &last, err));
    if (last < 0) return sotto_fail(err, SOTTO_NOT_FOUND, "%s: there are no conversations yet", h->store.path);
    *id = last;
    return SOTTO_OK;
}

/* ---- one conversation ----------------------------------------------------------------------------------- */

/* NULL where the file says so. */
static const char *text_or_null(sqlite3_stmt *row, int column) {
    return sqlite3_column_type(row, column) == SQLITE_NULL ? NULL : sotto_store_text(row, column);
}

sotto_status sotto_history_find(sotto_history *h, int64_t id, sotto_history_head *out, sotto_error *err) {
    sqlite3_stmt *row;
    bool          more;
    SOTTO_TRY(sotto_store_query(&h->store, &row, err, "SELECT kind, model, system, begun, changed FROM conversations"
                                " WHERE id = ?1 AND id IN (SELECT conversation FROM turns WHERE conversation = ?1)",
                                "i", id));
    sotto_status status = sotto_store_next(&h->store, row, &more, err);
    if (status == SOTTO_OK && !more)
        status = sotto_fail(err, SOTTO_NOT_FOUND, "%s: there is no conversation %lld", h->store.path, (long long)id);
    if (status != SOTTO_OK) {
        (void)sqlite3_finalize(row);
        return status;
    }
    *out = (sotto_history_head){row, sotto_store_text(row, 0), sotto_store_text(row, 1), text_or_null(row, 2),
                                sotto_store_time(row, 3), sotto_store_time(row, 4)};
    return SOTTO_OK;
}

/* The role as it is written: a file from elsewhere may have others. */
static const char *known_role(const char *role) {
    return strcmp(role, "user") == 0 ? "user" : strcmp(role, "tool") == 0 ? "tool" : "assistant";
}

sotto_status sotto_history_each(sotto_history *h, int64_t id, sotto_history_turn_fn fn, void *user, sotto_error *err) {
    sqlite3_stmt *rows;
    bool          more = true;
    SOTTO_TRY(sotto_store_query(&h->store, &rows, err, "SELECT role, content, tool_calls, tool_name, tool_call_id,"
                                " interrupted FROM turns WHERE conversation = ? ORDER BY id", "i", id));
    sotto_status status = sotto_store_next(&h->store, rows, &more, err);
    while (status == SOTTO_OK && more) {
        sotto_chat_turn turn = {known_role(sotto_store_text(rows, 0)), sotto_store_text(rows, 1),
                                text_or_null(rows, 2), text_or_null(rows, 3), text_or_null(rows, 4)};
        status = fn(user, &turn, sqlite3_column_int64(rows, 5) != 0, err);
        if (status == SOTTO_OK) status = sotto_store_next(&h->store, rows, &more, err);
    }
    (void)sqlite3_finalize(rows);
    return status;
}

static sotto_status add_turn(void *user, const sotto_chat_turn *turn, bool interrupted, sotto_error *err) {
    (void)interrupted;
    return sotto_dialog_add(user, turn, err);
}

sotto_status sotto_history_load(sotto_history *h, int64_t id, sotto_dialog *d, sotto_bytes *system, sotto_error *err) {
    sotto_history_head head;
    size_t             n;
    char              *text = NULL;
    (void)sotto_dialog_turns(d, &n);
    SOTTO_TRY(sotto_history_find(h, id, &head, err));
    sotto_status status = clean(&text, head.system, err);
    (void)sqlite3_finalize(head.row);
    if (status == SOTTO_OK) status = sotto_history_each(h, id, add_turn, d, err);
    if (status != SOTTO_OK) {
        sotto_dialog_cut(d, n);
        free(text);
        return status;
    }
    sotto_bytes_free(system);
    *system = (sotto_bytes){text, text ? strlen(text) : 0};
    return SOTTO_OK;
}
