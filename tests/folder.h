/* A folder for what a test writes, under /tmp; at the end all of it is removed.
 *
 * A test that includes this first defines _XOPEN_SOURCE 700 and ends with TEST_MAIN_IN_FOLDER() for TEST_MAIN(). */
#ifndef SOTTO_TEST_FOLDER_H
#define SOTTO_TEST_FOLDER_H

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static char folder[] = "/tmp/sotto-test-XXXXXX";

/* The path of a name in it; good until eight others have been asked for. */
static inline const char *in_folder(const char *name) {
    static char paths[8][320];
    static int  next;
    char       *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)st, (void)kind, (void)where;
    return remove(path);
}

static inline void remove_folder(void) { (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

#define TEST_MAIN_IN_FOLDER()                                                                                \
    int main(int argc, char **argv) {                                                                        \
        if (!mkdtemp(folder)) return 1;                                                                      \
        int result = test_main(argc, argv);                                                                  \
        remove_folder();                                                                                     \
        return result;                                                                                       \
    }

#endif
