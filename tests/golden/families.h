/* The golden models, one folder of tests/golden/ for each family. */
#ifndef SOTTO_TEST_FAMILIES_H
#define SOTTO_TEST_FAMILIES_H

#include <dirent.h>
#include <unistd.h>

#include "test.h"

/* `check` each of them by its folder's name. */
static inline void each_family(void (*check)(const char *name)) {
    DIR *d = opendir("golden");
    int  n = 0;
    CHECK(d != NULL);
    for (struct dirent *f; d && (f = readdir(d));) {
        char path[300];
        (void)snprintf(path, sizeof path, "golden/%.200s/expected.safetensors", f->d_name);
        if (f->d_name[0] == '.' || access(path, R_OK) != 0) continue;
        check(f->d_name);
        n++;
    }
    if (d) (void)closedir(d);
    CHECK(n >= 15);
}

#endif
