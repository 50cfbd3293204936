/* The file writer: a file is whole or not there, whatever goes wrong. */
#if !defined(__APPLE__)
#define _GNU_SOURCE 1
#endif
#include "os/os.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static char folder[64];

static const char *in_folder(const char *name) {
    static char paths[4][320];
    static int  next;
    char       *path = paths[next++ % 4];
    if (!folder[0]) {
        strcpy(folder, "/tmp/sotto-writer-XXXXXX");
        if (!mkdtemp(folder)) exit(1);
    }
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* Number of files in the folder whose names end in `suffix`. */
static int count_files(const char *suffix) {
    int  n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
             sotto_str_ends(sotto_str_from(e->d_name), suffix);
    if (d) (void)closedir(d);
    return n;
}

static void remove_all(void) {
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) (void)unlink(in_folder(e->d_name));
    if (d) (void)closedir(d);
}

static void check_content(const char *path, const char *want) {
    sotto_file  f;
    sotto_error err = {0};
    CHECK_OK(sotto_file_open(&f, path, false, &err), err);
    CHECK(f.size == strlen(want) && (f.size == 0 || memcmp(f.data, want, f.size) == 0));
    sotto_file_close(&f);
}

static void write_text(const char *path, const char *text) {
    sotto_writer *w;
    sotto_error   err = {0};
    CHECK_OK(sotto_writer_open(&w, path, &err), err);
    if (!w) return;
    CHECK_OK(sotto_writer_write(w, text, strlen(text), &err), err);
    CHECK_OK(sotto_writer_commit(w, &err), err);
}

TEST(commit_makes_the_file) {
    sotto_writer *w;
    sotto_error   err = {0};
    const char   *path = in_folder("new");
    CHECK_OK(sotto_writer_open(&w, path, &err), err);
    if (!w) return;
    CHECK_OK(sotto_writer_write(w, "????", 4, &err), err);
    CHECK_INT(sotto_writer_offset(w), 4);
    CHECK_INT(sotto_path_kind_of(path), SOTTO_PATH_NONE); /* nothing to be seen before commit */
    CHECK_OK(sotto_writer_write(w, " body", 5, &err), err);
    CHECK_OK(sotto_writer_rewrite(w, 0, "head", 4, &err), err);
    CHECK_INT(sotto_writer_offset(w), 9);
    CHECK_OK(sotto_writer_write(w, ".", 1, &err), err);
    CHECK_INT(sotto_writer_rewrite(w, 8, "abc", 3, &err), SOTTO_INVALID); /* would pass the end */
    CHECK_INT(sotto_writer_rewrite(w, UINT64_MAX, "a", 1, &err), SOTTO_INVALID);
    CHECK_OK(sotto_writer_commit(w, &err), err);
    check_content(path, "head body.");
    CHECK_INT(count_files(".part"), 0);
    write_text(in_folder("nothing"), "");
    check_content(in_folder("nothing"), "");
    remove_all();
}

TEST(abort_leaves_nothing) {
    sotto_writer *w;
    sotto_error   err = {0};
    write_text(in_folder("old"), "old");
    static const char *const names[] = {"old", "never"};
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(sotto_writer_open(&w, in_folder(names[i]), &err), err);
        if (!w) return;
        CHECK_OK(sotto_writer_write(w, "new", 3, &err), err);
        CHECK_INT(count_files(".part"), 1);
        sotto_writer_close(w);
    }
    CHECK_INT(count_files(""), 1);
    check_content(in_folder("old"), "old");
    sotto_writer_close(NULL);
    remove_all();
}

TEST(permissions) {
    struct stat st;
    mode_t      mask = umask(027);
    write_text(in_folder("a"), "1");
    CHECK_INT(stat(in_folder("a"), &st), 0);
    CHECK_INT(st.st_mode & 07777, 0640); /* 0666 less the umask */
    CHECK_INT(chmod(in_folder("a"), 0604), 0);
    write_text(in_folder("a"), "2");
    CHECK_INT(stat(in_folder("a"), &st), 0);
    CHECK_INT(st.st_mode & 07777, 0604); /* those of the file that was replaced */
    check_content(in_folder("a"), "2");
    (void)umask(mask);
    remove_all();
}

TEST(links_stay_links) {
    struct stat st;
    write_text(in_folder("target"), "old");
    CHECK_INT(symlink("target", in_folder("link")), 0);
    write_text(in_folder("link"), "new");
    CHECK_INT(lstat(in_folder("link"), &st), 0);
    CHECK(S_ISLNK(st.st_mode));
    check_content(in_folder("target"), "new");
    remove_all();
}

TEST(names) {
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    write_text(in_folder(name), "long"); /* the longest name a file system takes: the temporary one fits too */
    check_content(in_folder(name), "long");
    if (chdir(folder) == 0) {
        write_text("plain", "no folder in the path");
        check_content("plain", "no folder in the path");
    }
    remove_all();
}

TEST(places_that_cannot_be_written) {
    sotto_writer *w;
    sotto_error   err = {0};
    CHECK_INT(sotto_writer_open(&w, in_folder("absent/file"), &err), SOTTO_NOT_FOUND);
    CHECK(w == NULL && strstr(err.message, "absent") != NULL);
    CHECK_INT(sotto_writer_open(&w, folder, &err), SOTTO_INVALID);
    CHECK(strstr(err.message, "folder") != NULL);
    CHECK_INT(sotto_writer_open(&w, "/dev/null", &err), SOTTO_INVALID);
    CHECK_INT(sotto_writer_open(&w, "/dev/null", NULL), SOTTO_INVALID);
}

/* A limit on file size stands in for a full disk: the write goes half through, then fails. */
TEST(failed_write_is_no_file) {
    sotto_writer *w;
    sotto_error   err = {0};
    struct rlimit before, small;
    static char   data[100000];
    (void)signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &before) != 0) return;
    small = before;
    small.rlim_cur = 70000;
    write_text(in_folder("file"), "old");
    CHECK_OK(sotto_writer_open(&w, in_folder("file"), &err), err);
    if (!w || setrlimit(RLIMIT_FSIZE, &small) != 0) return;
    CHECK_INT(sotto_writer_write(w, data, sizeof data, &err), SOTTO_IO);
    CHECK_INT(err.offset, 70000);
    CHECK(strstr(err.message, "file: cannot write byte 70000") != NULL);
    CHECK_INT(sotto_writer_commit(w, &err), SOTTO_IO); /* must refuse, and clean up */
    (void)setrlimit(RLIMIT_FSIZE, &before);
    check_content(in_folder("file"), "old");
    CHECK_INT(count_files(""), 1);
    remove_all();
}

/* kill -9 in the middle of a write, again and again: the old content stays, or nothing is there. */
static void write_for_ever(const char *path) {
    static char   data[1 << 16];
    sotto_writer *w;
    if (sotto_writer_open(&w, path, NULL) != SOTTO_OK) _exit(1);
    for (;;)
        if (sotto_writer_write(w, data, sizeof data, NULL) != SOTTO_OK || sotto_writer_offset(w) > 1 << 28) pause();
}

TEST(kill_leaves_the_old_file) {
    write_text(in_folder("old"), "old content");
    (void)fflush(stdout);
    for (int i = 0; i < 6; i++) {
        pid_t pid = fork();
        if (pid == 0) write_for_ever(in_folder(i % 2 ? "old" : "new"));
        struct timespec t = {0, 2000000 + i * 3000000};
        for (int wait = 0; wait < 2000 && count_files(".part") == i; wait++) (void)nanosleep(&t, NULL);
        CHECK_INT(kill(pid, SIGKILL), 0);
        CHECK_INT(waitpid(pid, NULL, 0), pid);
        CHECK_INT(count_files(".part"), i + 1);
        CHECK_INT(sotto_path_kind_of(in_folder("new")), SOTTO_PATH_NONE);
        check_content(in_folder("old"), "old content");
    }
    write_text(in_folder("new"), "whole"); /* what was left behind is in nobody's way */
    check_content(in_folder("new"), "whole");
    remove_all();
}

/* A reader that looks all the time sees one version or the other, whole. */
TEST(replacement_is_atomic) {
    static char a[50000], b[70000];
    memset(a, 'a', sizeof a - 1);
    memset(b, 'b', sizeof b - 1);
    write_text(in_folder("f"), a);
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0;; i++) write_text(in_folder("f"), i % 2 ? a : b);
    }
    int bad = 0, n_a = 0, n_b = 0;
    for (uint64_t end = sotto_time_ns() + 300000000u; sotto_time_ns() < end;) {
        sotto_file f;
        if (sotto_file_open(&f, in_folder("f"), false, NULL) != SOTTO_OK) {
            bad++;
            continue;
        }
        bool is_a = f.size == sizeof a - 1 && memcmp(f.data, a, f.size) == 0;
        bool is_b = f.size == sizeof b - 1 && memcmp(f.data, b, f.size) == 0;
        n_a += is_a, n_b += is_b, bad += !is_a && !is_b;
        sotto_file_close(&f);
    }
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    CHECK_INT(bad, 0);
    CHECK(n_a > 0 && n_b > 0);
    remove_all();
}

TEST(zz_clean_up) { CHECK_INT(rmdir(folder), 0); }

TEST_MAIN()
