/* Writing a folder so that it is whole or not there: see the promise in os.h.
 *
 * One rename cannot replace a folder that holds something, so an old one is first moved to a name of its own: for an
 * instant there is none, never half of one. */
#include "os/system.h"

#include <ftw.h>

struct sotto_folder_writer {
    char *path;   /* destination, without slashes at its end */
    char *temp;   /* what is being written */
    char *parent; /* of both */
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)st, (void)kind, (void)where;
    (void)remove(path);
    return 0;
}

/* Everything below too; links are removed, not followed. */
static void remove_tree(const char *path) { (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static sotto_status fail(const sotto_folder_writer *w, const char *what, sotto_error *err) {
    int code = errno;
    return sotto_fail(err, sotto_status_from_errno(code), "%s: cannot %s: %s", w->path, what, strerror(code));
}

sotto_status sotto_folder_writer_open(sotto_folder_writer **out, const char *path, sotto_error *err) {
    size_t n = strlen(path);
    *out = NULL;
    sotto_folder_writer *w = calloc(1, sizeof *w);
    if (!w) return sotto_fail_memory(err, "a folder writer");
    while (n > 1 && path[n - 1] == '/') n--;
    w->path = strndup(path, n);
    w->parent = w->path ? sotto_path_parent(w->path) : NULL;
    char        *temp = w->parent ? sotto_temp_path(w->parent, w->path) : NULL;
    sotto_status status = SOTTO_OK;
    if (!temp)
        status = sotto_fail_memory(err, "a path");
    else if (sotto_path_kind_of(w->path) == SOTTO_PATH_FILE || sotto_path_kind_of(w->path) == SOTTO_PATH_OTHER)
        status = sotto_fail(err, SOTTO_INVALID, "%s: is a file, expected a folder or a new name", w->path);
    else if (mkdir(temp, 0777) != 0)
        status = fail(w, "make a folder beside it", err);
    else
        w->temp = temp, temp = NULL;
    free(temp);
    if (status == SOTTO_OK)
        *out = w;
    else
        sotto_folder_writer_close(w);
    return status;
}

char *sotto_folder_writer_file(sotto_folder_writer *w, const char *name, sotto_error *err) {
    char *path = sotto_path_join(w->temp, name);
    if (!path) (void)sotto_fail_memory(err, "a path");
    for (char *p = path ? strchr(path + strlen(w->temp) + 1, '/') : NULL; p; p = strchr(p + 1, '/')) {
        *p = '\0';
        bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
        *p = '/';
        if (made) continue;
        (void)fail(w, "make a folder in it", err);
        free(path);
        return NULL;
    }
    return path;
}

static sotto_status replace(sotto_folder_writer *w, sotto_error *err) {
    char *old = NULL;
    if (sotto_path_kind_of(w->path) == SOTTO_PATH_FOLDER) {
        if (!(old = sotto_temp_path(w->parent, w->path))) return sotto_fail_memory(err, "a path");
        if (rename(w->path, old) != 0) {
            free(old);
            return fail(w, "move the old folder away", err);
        }
    }
    sotto_status status = SOTTO_OK;
    if (rename(w->temp, w->path) != 0) {
        status = fail(w, "give the finished folder its name", err);
        if (old) (void)rename(old, w->path);
    } else {
        free(w->temp);
        w->temp = NULL;
        if (sotto_sync_folder(w->parent) != 0) status = fail(w, "sync the folder around it", err);
        if (old) remove_tree(old);
    }
    free(old);
    return status;
}

sotto_status sotto_folder_writer_commit(sotto_folder_writer *w, sotto_error *err) {
    sotto_status status = replace(w, err);
    sotto_folder_writer_close(w);
    return status;
}

void sotto_folder_writer_close(sotto_folder_writer *w) {
    if (!w) return;
    if (w->temp) remove_tree(w->temp);
    free(w->path);
    free(w->temp);
    free(w->parent);
    free(w);
}
