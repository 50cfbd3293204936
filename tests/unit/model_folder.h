/* A temporary folder for tests of model files on disk, removed at exit. Include before any other header. */
#ifndef SOTTO_MODEL_FOLDER_H
#define SOTTO_MODEL_FOLDER_H

#if !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"

static char test_folder[] = "/tmp/sotto-format-XXXXXX";

static inline void folder_remove(const char *path) {
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        char *inner = sotto_path_join(path, e->d_name);
        if (inner && unlink(inner) != 0) folder_remove(inner);
        free(inner);
    }
    if (d) (void)closedir(d);
    (void)rmdir(path);
}
static inline void folder_remove_all(void) { folder_remove(test_folder); }

/* The path of a name in the folder; one of eight buffers. */
static inline const char *in_folder(const char *name) {
    static char paths[8][256];
    static int  next;
    char       *path = paths[next++ % 8];
    static bool made;
    if (!made) {
        if (!mkdtemp(test_folder) || atexit(folder_remove_all) != 0) exit(1);
        made = true;
    }
    (void)snprintf(path, sizeof paths[0], "%s/%s", test_folder, name);
    return path;
}

static inline void put_file(const char *name, const void *data, size_t n) {
    FILE *f = fopen(in_folder(name), "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0) exit(1);
}
static inline void put_text(const char *name, const char *text) { put_file(name, text, strlen(text)); }
static inline void put_folder(const char *name) { (void)mkdir(in_folder(name), 0700); }

#endif
