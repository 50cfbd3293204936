/* Stands in for libFuzzer in normal builds: gives every file of a corpus folder to the target, once. So inputs
 * that broke a parser once are tried by every `./dev test`, with every compiler and on every CPU. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/os.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *folder, const char *name) {
    char       *path = sotto_path_join(folder, name);
    sotto_file  f;
    sotto_error err;
    if (!path || sotto_file_open(&f, path, false, &err) != SOTTO_OK) {
        printf("%s\n", path ? err.message : "out of memory");
        free(path);
        return 1;
    }
    /* An exact-size heap copy, so that ASan sees a read of one byte past the end; data of an empty file is NULL. */
    uint8_t *copy = malloc(f.size ? f.size : 1);
    if (copy) {
        if (f.size) memcpy(copy, f.data, f.size);
        printf("%s\n", path); /* before the call: the last line names the culprit */
        (void)fflush(stdout);
        (void)LLVMFuzzerTestOneInput(copy, f.size);
    }
    int failed = !copy;
    free(copy);
    sotto_file_close(&f);
    free(path);
    return failed;
}

int main(int argc, char **argv) {
    int  n = 0, n_failed = 0;
    DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        n_failed += replay(argv[1], e->d_name);
        n++;
    }
    if (d) (void)closedir(d);
    printf("%d inputs, %d failures\n", n, n_failed);
    return n == 0 || n_failed ? 1 : 0; /* an empty corpus proves nothing */
}
