/* The cases of a data file: lines of fields with tabs between; those that begin with # are comments. */
#ifndef SOTTO_TEST_ROWS_H
#define SOTTO_TEST_ROWS_H

#include "test.h"

/* Calls check(fields) for every line; returns how many there were. */
static int test_rows(const char *path, int n_fields, void (*check)(char **fields)) {
    char  line[1024], *fields[8];
    int   n_rows = 0;
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        if (line[0] == '#') continue;
        line[strcspn(line, "\n")] = '\0';
        int   n = 0;
        char *p = line;
        for (char *tab = line; p && n < 8; p = tab ? tab + 1 : NULL) {
            fields[n++] = p;
            tab = strchr(p, '\t');
            if (tab) *tab = '\0';
        }
        CHECK_INT(n, n_fields);
        if (n == n_fields) check(fields);
        n_rows++;
    }
    if (f) (void)fclose(f);
    return n_rows;
}

static inline bool test_close(double got, double want, double relative) {
    return fabs(got - want) <= relative * fabs(want);
}

#endif
