/* Paths: what lies there, joining, making folders, and the user's own folders. */
#include "os/system.h"

#include <pwd.h>
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#endif

sotto_path_kind sotto_path_kind_of(const char *path) {
    struct stat st;
    if (stat(path, &st) != 0) return SOTTO_PATH_NONE;
    if (S_ISREG(st.st_mode)) return SOTTO_PATH_FILE;
    return S_ISDIR(st.st_mode) ? SOTTO_PATH_FOLDER : SOTTO_PATH_OTHER;
}

char *sotto_path_join(const char *folder, const char *name) {
    size_t n_folder = strlen(folder), n_name = strlen(name);
    bool   slash = n_folder > 0 && folder[n_folder - 1] != '/';
    char  *path = malloc(n_folder + slash + n_name + 1);
    if (!path) return NULL;
    memcpy(path, folder, n_folder);
    if (slash) path[n_folder] = '/';
    memcpy(path + n_folder + slash, name, n_name + 1);
    return path;
}

char *sotto_path_parent(const char *path) {
    const char *slash = strrchr(path, '/');
    size_t      n = slash ? (size_t)(slash - path) : 0;
    return !slash ? strdup(".") : n == 0 ? strdup("/") : strndup(path, n);
}

static sotto_status make_one(const char *path, sotto_error *err) {
    if (mkdir(path, 0700) == 0 || sotto_path_kind_of(path) == SOTTO_PATH_FOLDER) return SOTTO_OK;
    int code = errno;
    return sotto_fail(err, sotto_status_from_errno(code), "%s: cannot make this folder: %s", path,
                      strerror(code));
}

sotto_status sotto_path_make_folder(const char *path, sotto_error *err) {
    char *prefix = strdup(path);
    if (!prefix) return sotto_fail_memory(err, "a path");
    sotto_status status = SOTTO_OK;
    for (char *p = prefix; *p && status == SOTTO_OK; p++) {
        if (*p != '/' || p == prefix) continue;
        *p = '\0';
        status = make_one(prefix, err);
        *p = '/';
    }
    free(prefix);
    return status == SOTTO_OK ? make_one(path, err) : status;
}

/* Each folder: the variable that names it and where it is, below the home folder, without one. The order is
 * that of sotto_user_folder. Source: the XDG base directory specification; Apple's file system guide. */
static const struct {
    const char *variable, *below_home;
} user_folders[] = {
#if defined(__APPLE__)
    {NULL, "Library/Application Support"},
    {NULL, "Library/Application Support"},
    {NULL, "Library/Application Support"},
    {NULL, "Library/Caches"},
#else
    {"XDG_CONFIG_HOME", ".config"},
    {"XDG_DATA_HOME", ".local/share"},
    {"XDG_STATE_HOME", ".local/state"},
    {"XDG_CACHE_HOME", ".cache"},
#endif
};

/* The home folder in `out`; the password file is asked when the environment does not say. */
static bool home_folder(char *out, size_t n) {
    const char *home = getenv("HOME");
    if (home && home[0] == '/') return (size_t)snprintf(out, n, "%s", home) < n;
    struct passwd entry, *found = NULL;
    char          text[4096];
    if (getpwuid_r(getuid(), &entry, text, sizeof text, &found) != 0 || !found) return false;
    return found->pw_dir && found->pw_dir[0] == '/' && (size_t)snprintf(out, n, "%s", found->pw_dir) < n;
}

char *sotto_path_user_folder(sotto_user_folder which) {
    const char *variable = user_folders[which].variable;
    const char *base = variable ? getenv(variable) : NULL;
    char        home[PATH_MAX];
    if (base && base[0] == '/') return sotto_path_join(base, "sotto"); /* the rules ignore relative paths */
    if (!home_folder(home, sizeof home)) return NULL;
    char *parent = sotto_path_join(home, user_folders[which].below_home);
    char *folder = parent ? sotto_path_join(parent, "sotto") : NULL;
    free(parent);
    return folder;
}

char *sotto_path_program(void) {
#if defined(__APPLE__)
    char     path[PATH_MAX];
    uint32_t n = sizeof path;
    return _NSGetExecutablePath(path, &n) == 0 ? realpath(path, NULL) : NULL;
#else
    return realpath("/proc/self/exe", NULL);
#endif
}

/* `folder`/`name` below `root`, if that is a file. */
static char *file_below(const char *root, const char *folder, const char *name) {
    char *path = sotto_path_join(root, folder);
    char *file = path ? sotto_path_join(path, name) : NULL;
    free(path);
    if (file && sotto_path_kind_of(file) == SOTTO_PATH_FILE) return file;
    free(file);
    return NULL;
}

/* Leaves the folder that holds `path`, if that is not the root. */
static bool cut_last(char *path) {
    char *slash = strrchr(path, '/');
    if (!slash || slash == path) return false;
    *slash = '\0';
    return true;
}

char *sotto_path_shipped(const char *folder, const char *name) {
    enum { LEVELS = 3 }; /* above the program's folder: PREFIX/bin, TREE/build, TREE/build/VARIANT, .../tests */
    char *root = sotto_path_program(), *found = NULL;
    bool  more = root && cut_last(root);
    for (int i = 0; i < LEVELS && more && !found; i++) {
        more = cut_last(root);
        if (more) found = file_below(root, "share/sotto", name);
        if (more && !found) found = file_below(root, folder, name);
    }
    free(root);
    return found;
}

sotto_status sotto_path_make_file(const char *path, sotto_error *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int code = errno;
    if (fd >= 0) (void)close(fd);
    if (fd >= 0 || code == EEXIST) return SOTTO_OK;
    return sotto_fail(err, sotto_status_from_errno(code), "%s: cannot make this file: %s", path, strerror(code));
}
