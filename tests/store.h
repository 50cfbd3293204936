/* A file of sotto's in the test's folder: what SQLite alone sees in it, and damage. */
#ifndef SOTTO_TEST_STORE_H
#define SOTTO_TEST_STORE_H

#include <sqlite3.h>

#include "folder.h"

static char path[128]; /* of the file that the test is about */

static void begin(const char *name) { (void)snprintf(path, sizeof path, "%s/%s", folder, name); }

/* The number that a query gives, 0 if it gives none; -1: it fails. */
static long long query(const char *sql) {
    sqlite3      *db;
    sqlite3_stmt *stmt = NULL;
    long long     n = -1;
    if (sqlite3_open(path, &db) == SQLITE_OK && sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK) {
        int code = sqlite3_step(stmt);
        n = code == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : code == SQLITE_DONE ? 0 : -1;
    }
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return n;
}

/* Forty random bytes somewhere. */
static void damage(uint64_t *random) {
    struct stat st = {0};
    FILE       *f = fopen(path, "r+b");
    CHECK(f && fstat(fileno(f), &st) == 0 && st.st_size > 0);
    CHECK(f && fseek(f, (long)(test_random(random) % (uint64_t)(st.st_size + 1)), SEEK_SET) == 0);
    for (int i = 0; f && i < 40; i++) (void)putc((int)(test_random(random) & 255), f);
    if (f) (void)fclose(f);
}

#endif
