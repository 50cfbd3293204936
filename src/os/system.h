/* Included first by every file of os/: asks for the system's interfaces beyond C11, and names the systems. */
#ifndef SOTTO_OS_SYSTEM_H
#define SOTTO_OS_SYSTEM_H

#if defined(__APPLE__)
#define _DARWIN_C_SOURCE 1
#else
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "os/os.h"

/* The status that an errno stands for, so that "no such file" and "out of memory" keep their meaning. */
static inline sotto_status sotto_status_from_errno(int code) {
    if (code == ENOENT || code == ENOTDIR) return SOTTO_NOT_FOUND;
    if (code == ENOMEM) return SOTTO_NO_MEMORY;
    return SOTTO_IO;
}

/* writer.c, for files and folders that come into being beside their name: a path in `folder` that no other writer
 * uses, ".NAME.XXXXXX.part" with the last part of `path`, cut to the 255 bytes that file systems allow; NULL: out of
 * memory. And making names in a folder durable: 0, or -1 with errno; file systems that cannot sync a folder have
 * nothing better to offer, and count as done. */
char *sotto_temp_path(const char *folder, const char *path);
int   sotto_sync_folder(const char *folder);

/* Round a byte range to pages: outwards for advice, inwards where bytes outside must not be touched. Gives
 * the begin; *n_bytes becomes a whole number of pages (0 when no page lies inside). */
static inline uintptr_t sotto_pages_around(uintptr_t begin, size_t *n_bytes) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), end = begin + *n_bytes;
    begin &= ~(page - 1);
    *n_bytes = (end - begin + page - 1) & ~(page - 1);
    return begin;
}
static inline uintptr_t sotto_pages_inside(uintptr_t begin, size_t *n_bytes) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), end = (begin + *n_bytes) & ~(page - 1);
    begin = (begin + page - 1) & ~(page - 1);
    *n_bytes = end > begin ? end - begin : 0;
    return begin;
}

#endif
