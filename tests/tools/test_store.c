/* What is kept: across restarts, between programs, through kill -9, and what happens to files that are not ours. */
#define _XOPEN_SOURCE 700
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "store.h"
#include "tools/toolbox.h"

static void done(sotto_toolbox *box) {
    sotto_tool_result_free(&test_result);
    sotto_toolbox_close(box);
}

static sotto_error open_fails(sotto_status status) {
    sotto_toolbox_options opt = sotto_toolbox_options_default();
    sotto_toolbox        *box = NULL;
    sotto_error           err = {0};
    opt.path = path;
    CHECK_INT(sotto_toolbox_open(&box, &opt, &err), status);
    CHECK(!box);
    sotto_toolbox_close(box);
    return err;
}

TEST(everything_is_there_after_a_restart) {
    begin("deep/er/restart.db");
    sotto_toolbox *box = test_toolbox(path);
    (void)test_call(box, "set_timer", "{\"seconds\":60,\"label\":\"tea\"}");
    (void)test_call(box, "add_reminder", "{\"text\":\"call mom\",\"at\":\"tomorrow\"}");
    (void)test_call(box, "add_to_list", "{\"list\":\"shopping\",\"item\":\"milk\"}");
    (void)test_call(box, "remember", "{\"subject\":\"Anna\",\"fact\":\"likes tulips\"}");
    (void)test_call(box, "set_volume", "{\"percent\":70}");
    struct stat st;
    char        log[160];
    (void)snprintf(log, sizeof log, "%s-wal", path);
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(stat(log, &st) == 0 && (st.st_mode & 0777) == 0600);
    *strrchr(log, '/') = '\0';
    CHECK(stat(log, &st) == 0 && (st.st_mode & 0777) == 0700);
    done(box);
    box = test_toolbox(path);
    CHECK_STR(test_call(box, "list_timers", ""), "Your timer for tea has 1 minute left.");
    CHECK_STR(test_call(box, "list_reminders", ""), "You have 1 reminder: call mom, tomorrow at 9 AM.");
    CHECK_STR(test_call(box, "read_list", "{\"list\":\"shopping\"}"), "On your shopping list: milk.");
    CHECK_STR(test_call(box, "recall", "{\"subject\":\"anna\"}"), "Anna: likes tulips.");
    CHECK_STR(test_call(box, "set_volume", "{\"delta\":1}"), "Volume 71 percent.");
    test_now += 3600;
    CHECK_STR(test_due(box), "Your timer for tea was up 59 minutes ago.");
    test_now = TEST_NOW;
    done(box);
}

TEST(default_path) {
    sotto_toolbox *box = NULL;
    sotto_error    err;
    begin("sotto/tools.db");
    CHECK(setenv("XDG_DATA_HOME", folder, 1) == 0);
    CHECK_OK(sotto_toolbox_open(&box, NULL, &err), err);
    CHECK(access(path, R_OK) == 0);
    CHECK(strncmp(test_call(box, "get_time", ""), "It is ", 6) == 0);
    done(box);
}

TEST(two_programs_see_each_others_things) {
    begin("two.db");
    sotto_toolbox *a = test_toolbox(path), *b = test_toolbox(path);
    (void)test_call(a, "set_timer", "{\"seconds\":60,\"label\":\"tea\"}");
    CHECK_INT(sotto_toolbox_next_due(b), 60);
    CHECK_STR(test_call(b, "list_timers", ""), "Your timer for tea has 1 minute left.");
    test_now += 60;
    CHECK_STR(test_due(b), "Your timer for tea is up.");
    CHECK_STR(test_due(a), "not found");
    test_now = TEST_NOW;
    done(a);
    done(b);
}

/* Runs `work` in so many processes at once, from the opening on; the sum of what they give, or -1 if one fails. */
static int in_processes(int n, int (*work)(sotto_toolbox *box, int index)) {
    int sum = 0;
    (void)fflush(stdout);
    for (int i = 0; i < n; i++)
        if (fork() == 0) {
            int            before = test_failures;
            sotto_toolbox *box = test_toolbox(path);
            int            got = box ? work(box, i) : 255;
            done(box);
            (void)fflush(stdout);
            _exit(test_failures == before ? got : 255);
        }
    for (int i = 0, status; i < n; i++) {
        if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 255) sum = -1000;
        else sum += WEXITSTATUS(status);
    }
    return sum;
}

static int add_things(sotto_toolbox *box, int index) {
    char text[64];
    int  n = 0;
    for (int i = 0; i < 20; i++) {
        (void)snprintf(text, sizeof text, "{\"list\":\"all\",\"item\":\"thing %d\"}", index * 100 + i);
        n += strncmp(test_call(box, "add_to_list", text), "Added", 5) == 0;
    }
    return n;
}

static int take_all(sotto_toolbox *box, int index) {
    int n = 0;
    (void)index;
    test_now += 1000;
    while (strcmp(test_due(box), "not found") != 0) n += test_result.spoken != NULL;
    return n;
}

static int only_open(sotto_toolbox *box, int index) {
    (void)box, (void)index;
    return 1;
}

TEST(many_programs_open_a_new_file_at_once) {
    for (int round = 0; round < 30; round++) {
        char name[32];
        (void)snprintf(name, sizeof name, "new%d.db", round);
        begin(name);
        CHECK_INT(in_processes(6, only_open), 6);
    }
}

TEST(many_programs_at_once) {
    begin("many.db");
    CHECK_INT(in_processes(6, add_things), 120); /* of which one makes the tables */
    CHECK_INT(query("SELECT count(*) FROM items"), 120);
    sotto_toolbox *box = test_toolbox(path);
    for (int i = 0; i < 60; i++) (void)test_call(box, "add_reminder", "{\"text\":\"go\",\"in_seconds\":1}");
    done(box);
    CHECK_INT(in_processes(4, take_all), 60); /* each is announced once */
}

/* Writes facts 0, 1, 2, ... and tells each through the pipe once its call has returned. */
static void write_forever(int to, int first) {
    sotto_toolbox    *box = test_toolbox(path);
    sotto_tool_result r = {0};
    sotto_error       err;
    char              text[64];
    for (int i = first;; i++) {
        (void)snprintf(text, sizeof text, "{\"subject\":\"s%d\",\"fact\":\"f%d\"}", i, i);
        if (sotto_toolbox_call(box, "remember", text, &r, &err) != SOTTO_OK || r.failed) _exit(1);
        if (write(to, &i, sizeof i) != sizeof i) _exit(2);
    }
}

TEST(kill_9_loses_nothing_that_was_acknowledged) {
    uint64_t random = 9;
    int      next = 0;
    begin("kill.db");
    for (int round = 0; round < 40; round++) {
        int   ends[2], last = next - 1, told;
        pid_t child;
        CHECK(pipe(ends) == 0);
        (void)fflush(stdout);
        if ((child = fork()) == 0) write_forever(ends[1], next);
        (void)close(ends[1]);
        if (round % 2 && read(ends[0], &told, sizeof told) == sizeof told) last = told; /* now it is writing */
        struct timespec nap = {0, (long)(test_random(&random) % 40000000)};
        (void)nanosleep(&nap, NULL);
        (void)kill(child, SIGKILL);
        while (read(ends[0], &told, sizeof told) == sizeof told) last = told;
        (void)close(ends[0]);
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
        long long n = query("SELECT count(DISTINCT fact) FROM facts");
        if (n <= 0 && last < 0) continue;      /* killed before anything was written */
        CHECK(n == last + 1 || n == last + 2); /* one may be written and not yet told */
        CHECK_INT(query("SELECT max(CAST(substr(fact, 2) AS INTEGER)) FROM facts"), n - 1);
        next = (int)n;
    }
    CHECK(next > 0);
    sotto_toolbox *box = test_toolbox(path);
    CHECK_STR(test_call(box, "recall", "{\"subject\":\"s0\"}"), "S0: f0.");
    done(box);
    CHECK_INT(query("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

/* In a process of its own: user and limits are given up for good. */
static int in_child(int (*work)(void)) {
    int status = -1;
    (void)fflush(stdout);
    if (fork() == 0) {
        int before = test_failures, got = work();
        (void)fflush(stdout);
        _exit(test_failures == before ? got : 255);
    }
    (void)wait(&status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int fill_disk(void) {
    struct rlimit     limit = {200000, 200000};
    sotto_toolbox    *box = test_toolbox(path);
    sotto_tool_result r = {0};
    sotto_error       err;
    char              text[640];
    int               n = 0;
    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    for (; n < 1000; n++) {
        (void)snprintf(text, sizeof text, "{\"subject\":\"s%d\",\"fact\":\"%0400d\"}", n, n);
        if (sotto_toolbox_call(box, "remember", text, &r, &err) != SOTTO_OK) break;
    }
    CHECK(n > 5 && n < 1000);
    CHECK_INT(err.status, SOTTO_IO);
    CHECK(strstr(err.message, path));
    CHECK_STR(test_call(box, "recall",
    "{\"subject\":\"s9999\"}"), "You have told me nothing about s9999."); /* it goes on */
    sotto_tool_result_free(&r);
    done(box);
    return n > 250 ? 250 : n;
}

TEST(a_full_disk_is_an_error_and_loses_nothing) {
    begin("full.db");
    int n = in_child(fill_disk);
    CHECK(n > 5 && n < 255);
    long long kept = query("SELECT count(*) FROM facts");
    CHECK(n == 250 ? kept >= 250 : kept == n);
}

/* ---- held back ------------------------------------------------------------------------------------------ */

TEST(what_is_held_can_be_taken_back) {
    begin("hold.db");
    sotto_toolbox *box = test_toolbox(path), *other = test_toolbox(path);
    sotto_error    err = {0};
    (void)test_call(box, "set_timer", "{\"seconds\":60,\"label\":\"tea\"}");
    CHECK_INT(sotto_toolbox_release(box, true, &err), SOTTO_INVALID);
    for (int keep = 0; keep < 2; keep++) {
        CHECK_OK(sotto_toolbox_hold(box, &err), err);
        CHECK_INT(sotto_toolbox_hold(box, &err), SOTTO_INVALID);
        CHECK_STR(test_call(box, "add_to_list", "{\"list\":\"shopping\",\"item\":\"milk\"}"),
                  "Added milk to your shopping list.");
        CHECK_STR(test_call(box, "remove_from_list", "{\"list\":\"shopping\",\"item\":\"bread\"}"),
                  "Your shopping list has no bread."); /* refused, and alone undone */
        CHECK_STR(test_call(box, "read_list", "{\"list\":\"shopping\"}"), "On your shopping list: milk.");
        test_now += 60;
        CHECK_INT(sotto_toolbox_next_due(box), 0);
        CHECK_STR(test_due(box), "Your timer for tea is up.");
        CHECK_INT(sotto_toolbox_next_due(box), -1);
        CHECK_INT(sotto_toolbox_next_due(other), 0);
        CHECK_STR(test_call(other, "read_list", "{\"list\":\"shopping\"}"), "Your shopping list is empty.");
        CHECK_OK(sotto_toolbox_release(box, keep, &err), err);
        CHECK_INT(sotto_toolbox_next_due(box), keep ? -1 : 0);
        CHECK_STR(test_call(other, "read_list", "{\"list\":\"shopping\"}"),
                  keep ? "On your shopping list: milk." : "Your shopping list is empty.");
        test_now = TEST_NOW;
    }
    CHECK_STR(test_call(other, "add_to_list", "{\"list\":\"shopping\",\"item\":\"tea\"}"),
              "Added tea to your shopping list."); /* the file is free again */
    CHECK_OK(sotto_toolbox_hold(box, &err), err);
    (void)test_call(box, "add_to_list", "{\"list\":\"shopping\",\"item\":\"ham\"}");
    done(box);
    CHECK_STR(test_call(other, "read_list", "{\"list\":\"shopping\"}"), "On your shopping list: milk and tea.");
    done(other);
}

static void hold_and_wait(int to) {
    sotto_toolbox *box = test_toolbox(path);
    char           text[64];
    int            ok = sotto_toolbox_hold(box, NULL) == SOTTO_OK;
    for (int i = 0; i < 50; i++) {
        (void)snprintf(text, sizeof text, "{\"list\":\"held\",\"item\":\"thing %d\"}", i);
        (void)test_call(box, "add_to_list", text);
    }
    if (write(to, &ok, sizeof ok) != sizeof ok) _exit(2);
    for (;;) (void)pause();
}

TEST(kill_9_while_held_leaves_nothing) {
    begin("killed.db");
    done(test_toolbox(path));
    for (int round = 0; round < 5; round++) {
        int   ends[2], ok = 0;
        pid_t child;
        CHECK(pipe(ends) == 0);
        (void)fflush(stdout);
        if ((child = fork()) == 0) hold_and_wait(ends[1]);
        (void)close(ends[1]);
        CHECK(read(ends[0], &ok, sizeof ok) == sizeof ok && ok);
        (void)kill(child, SIGKILL);
        (void)close(ends[0]);
        CHECK(waitpid(child, NULL, 0) == child);
        CHECK_INT(query("SELECT count(*) FROM items"), 0);
    }
    sotto_toolbox *box = test_toolbox(path);
    CHECK_STR(test_call(box, "add_to_list", "{\"list\":\"held\",\"item\":\"a\"}"), "Added a to your held list.");
    done(box);
}

static int fill_disk_while_held(void) {
    struct rlimit     limit = {300000, 300000};
    sotto_toolbox    *box = test_toolbox(path);
    sotto_tool_result r = {0};
    sotto_error       err = {0};
    char              text[640];
    int               n = 0;
    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK_OK(sotto_toolbox_hold(box, &err), err);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    for (; n < 20000; n++) { /* more than the cache of pages takes without writing */
        (void)snprintf(text, sizeof text, "{\"subject\":\"s%d\",\"fact\":\"%0400d\"}", n, n);
        if (sotto_toolbox_call(box, "remember", text, &r, &err) != SOTTO_OK || r.failed) break;
    }
    CHECK(n > 5);
    CHECK(sotto_toolbox_release(box, true, &err) != SOTTO_OK);
    CHECK(strstr(err.message, path));
    sotto_tool_result_free(&r);
    done(box);
    return 0;
}

TEST(a_disk_that_is_full_while_held_keeps_nothing) {
    begin("fullheld.db");
    done(test_toolbox(path));
    CHECK_INT(in_child(fill_disk_while_held), 0);
    CHECK_INT(query("SELECT count(*) FROM facts"), 0);
}

/* ---- files that are not ours ---------------------------------------------------------------------------- */

static void make_file(const char *sql) {
    sqlite3 *db;
    (void)unlink(path);
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    (void)sqlite3_close(db);
}

/* The bytes of a file, as one number. */
static uint64_t fingerprint(void) {
    uint64_t hash = 14695981039346656037u;
    FILE    *f = fopen(path, "rb");
    for (int c; f && (c = getc(f)) != EOF;) hash = (hash ^ (uint64_t)c) * 1099511628211u;
    if (f) (void)fclose(f);
    return hash;
}

TEST(files_that_are_not_ours_stay_as_they_are) {
    begin("foreign.db");
    make_file("CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1)");
    uint64_t before = fingerprint();
    CHECK(strstr(open_fails(SOTTO_MISMATCH).message, "another program's database"));
    CHECK(fingerprint() == before);

    make_file("CREATE TABLE alarms(x); PRAGMA application_id=1936684148; PRAGMA user_version=2");
    before = fingerprint();
    CHECK(strstr(open_fails(SOTTO_UNSUPPORTED).message, "a newer sotto wrote this file (version 2, this one knows 1)"));
    CHECK(fingerprint() == before);

    FILE *f = fopen(path, "wb");
    CHECK(f && fputs("A letter to a friend, long enough to be no empty database. Dear friend, how are you?\n", f) >= 0);
    if (f) (void)fclose(f);
    before = fingerprint();
    sotto_error err = open_fails(SOTTO_FORMAT);
    CHECK(strstr(err.message, "this is no file of sotto's tools") && strstr(err.message, path));
    CHECK(fingerprint() == before);

    begin(".");
    CHECK_INT(open_fails(SOTTO_IO).status, SOTTO_IO);
    begin("foreign.db/below.db");
    CHECK(open_fails(SOTTO_IO).status == SOTTO_IO);
}

TEST(a_damaged_file_gives_one_sentence) {
    begin("damaged.db");
    sotto_toolbox *box = test_toolbox(path);
    char           text[640];
    for (int i = 0; i < 60; i++) {
        (void)snprintf(text, sizeof text, "{\"subject\":\"s%d\",\"fact\":\"%0400d\"}", i, i);
        (void)test_call(box, "remember", text);
    }
    done(box);
    uint64_t random = 3;
    int      refused = 0;
    for (int round = 0; round < 60; round++) { /* each leaves its damage to the next */
        damage(&random);
        sotto_toolbox_options opt = sotto_toolbox_options_default();
        sotto_error           err = {0};
        opt.path = path;
        if (sotto_toolbox_open(&box, &opt, &err) == SOTTO_OK) {
            sotto_tool_result r = {0};
            for (int i = 0; i < 60; i += 7) {
                (void)snprintf(text, sizeof text, "{\"subject\":\"s%d\"}", i);
                (void)sotto_toolbox_call(box, "recall", text, &r, &err);
            }
            (void)sotto_toolbox_call(box, "remember", "{\"subject\":\"a\",\"fact\":\"b\"}", &r, &err);
            sotto_tool_result_free(&r);
            sotto_toolbox_close(box);
        } else {
            refused++;
            CHECK(strstr(err.message, path) && !strchr(err.message, '\n'));
        }
    }
    CHECK(refused > 20);
}

/* A file with our marks and other contents: values that we never write, and missing tables. */
TEST(a_file_with_strange_values) {
    begin("strange.db");
    done(test_toolbox(path));
    CHECK_INT(query("INSERT INTO items(list, list_key, item, key) VALUES(x'ff00', 'x', x'c328', 'k') RETURNING 7"), 7);
    CHECK_INT(query("INSERT INTO alarms(kind, text, key, seconds, due) VALUES('timer', x'ff', '', -9223372036854775807,"
                    " -9223372036854775807), ('reminder', '', '', 0, 9223372036854775807) RETURNING 7"), 7);
    CHECK_INT(query("INSERT INTO settings VALUES('volume', 9223372036854775807) RETURNING 7"), 7);
    sotto_toolbox *box = test_toolbox(path);
    CHECK_STR(test_call(box, "read_list", "{\"list\":\"x\"}"), "On your \xef\xbf\xbd list: \xef\xbf\xbd.");
    (void)test_call(box, "list_timers", "");
    (void)test_call(box, "list_reminders", "");
    CHECK_STR(test_call(box, "set_volume", "{\"delta\":-1}"), "Volume 100 percent.");
    CHECK_INT(sotto_toolbox_next_due(box), 0);
    CHECK(strncmp(test_due(box), "Your timer for \xef\xbf\xbd was up ", 22) == 0);
    CHECK_STR(test_due(box), "not found");
    done(box);
    (void)query("DROP TABLE facts");
    box = test_toolbox(path);
    sotto_tool_result r = {0};
    CHECK_INT(sotto_toolbox_call(box, "recall", "{\"subject\":\"x\"}", &r, &test_error), SOTTO_IO);
    CHECK(strstr(test_error.message, "no such table") && !r.json);
    done(box);
}

static int without_rights(void) {
    if (geteuid() == 0 && setuid(65534) != 0) return 1;
    CHECK_INT(open_fails(SOTTO_IO).status, SOTTO_IO);
    return 0;
}

TEST(a_folder_that_cannot_be_written_to) {
    begin("readonly.db");
    CHECK(chmod(folder, 0555) == 0);
    CHECK_INT(in_child(without_rights), 0);
    CHECK(chmod(folder, 0755) == 0);
    done(test_toolbox(path));
    CHECK(chmod(path, 0444) == 0 && chmod(folder, 0555) == 0); /* the file is there, and may only be read */
    CHECK_INT(in_child(without_rights), 0);
    CHECK(chmod(folder, 0755) == 0);
}

TEST_MAIN_IN_FOLDER()
