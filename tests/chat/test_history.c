/* Conversations that are kept: written, listed, searched, cut, exported, loaded; through kill -9, between programs, and
 * from files that are damaged or strange. */
#define _XOPEN_SOURCE 700
#include <jansson.h>
#include <signal.h>
#include <sotto/history.h>
#include <sys/wait.h>
#include <time.h>

#include "store.h"

static sotto_error err;

static sotto_history *open_history(void) {
    sotto_history *h = NULL;
    CHECK_OK(sotto_history_open(&h, path, &err), err);
    return h;
}

static int64_t begin_chat(sotto_history *h) {
    int64_t id = -1;
    CHECK_OK(sotto_history_begin(h, "chat", "gemma.gguf", NULL, &id, &err), err);
    return id;
}

static sotto_status append(sotto_history *h, int64_t id, const char *said, const char *answer, bool interrupted) {
    sotto_chat_turn turns[] = {{.role = "user", .content = said}, {.role = "assistant", .content = answer}};
    return sotto_history_append(h, id, turns, 2, interrupted, &err);
}

/* A list as one line: "3 title (turns) <found>; ...". */
static bool put_entry(void *user, const sotto_history_entry *e) {
    char *line = user;
    size_t n = strlen(line);
    (void)snprintf(line + n, 4000 - n, "%s%lld %s (%lld)", n ? "; " : "", (long long)e->id, e->title,
                   (long long)e->n_turns);
    n = strlen(line);
    if (e->found) (void)snprintf(line + n, 4000 - n, " <%s>", e->found);
    return true;
}

static const char *list(sotto_history *h, const char *words) {
    static char line[4000];
    line[0] = '\0';
    CHECK_OK(sotto_history_list(h, words, put_entry, line, &err), err);
    return line;
}

/* ---- writing and listing -------------------------------------------------------------------------------- */

TEST(conversations_are_listed_and_found) {
    begin("deep/list.db");
    sotto_history *h = open_history();
    int64_t        last;
    CHECK_STR(list(h, NULL), "");
    CHECK_INT(sotto_history_last(h, &last, &err), SOTTO_NOT_FOUND);
    int64_t a = begin_chat(h), b = begin_chat(h), none = begin_chat(h);
    CHECK(a > 0 && b > a && none > b);
    CHECK_OK(append(h, a, "What is  the\ncapital of France?", "Paris, on the Seine.", false), err);
    CHECK_OK(append(h, b, "Tell me of \xc3\x89""clairs", "They are French, long, and \"sweet\".", false), err);
    CHECK_STR(list(h, NULL), "2 Tell me of \xc3\x89""clairs (2); 1 What is the capital of France? (2)");
    CHECK_OK(append(h, a, "And of Spain?", "Madrid.", false), err);
    CHECK_OK(sotto_history_last(h, &last, &err), err);
    CHECK_INT(last, a);
    CHECK_STR(list(h, ""), "1 What is the capital of France? (4); 2 Tell me of \xc3\x89""clairs (2)");
    sotto_history_close(h);
    h = open_history();
    CHECK_STR(list(h, "madrid"), "1 What is the capital of France? (4) <Madrid.>");
    CHECK_STR(list(h, "MADR seine"), "1 What is the capital of France? (4) <Madrid.>"); /* in different turns */
    CHECK_STR(list(h, "eclairs"), "2 Tell me of \xc3\x89""clairs (2) <Tell me of \xc3\x89""clairs>");
    CHECK_STR(list(h, "madrid eclairs"), "");
    CHECK_STR(list(h, "fr"), "1 What is the capital of France? (4) <What is the capital of France?>; "
                             "2 Tell me of \xc3\x89""clairs (2) <They are French, long, and \"sweet\".>");
    static const char *const odd[] = {"\"", "'",  "NEAR(",       "a OR", "*",
                                      "-",  "\xff", "x\" OR \"y", "a:b", "'; DROP"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) (void)list(h, odd[i]);
    CHECK_STR(list(h, "\"sweet\""), "2 Tell me of \xc3\x89""clairs (2) <They are French, long, and \"sweet\".>");
    char many[200] = "";
    for (int i = 0; i < 33; i++) (void)strcat(many, "a ");
    CHECK_INT(sotto_history_list(h, many, put_entry, many, &err), SOTTO_LIMIT);
    struct stat st;
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    sotto_history_close(h);
}

TEST(what_is_taken_back_is_gone_from_the_index_too) {
    begin("cut.db");
    sotto_history *h = open_history();
    int64_t        a = begin_chat(h), b = begin_chat(h);
    sotto_chat_turn calls[] = {{.role = "user", .content = "timer"},
                               {.role = "model", .tool_calls = "[{\"name\":\"set_timer\",\"arguments\":{}}]"},
                               {.role = "tool", .content = "{\"secret\":1}", .tool_name = "set_timer"},
                               {.role = "assistant", .content = "Done."}};
    CHECK_OK(append(h, a, "one", "first", false), err);
    CHECK_OK(sotto_history_append(h, a, calls, 4, false, &err), err);
    CHECK_OK(append(h, b, "one", "other", false), err);
    CHECK_STR(list(h, "secret"), ""); /* of a tool */
    CHECK_STR(list(h, "done"), "1 one (6) <Done.>");
    CHECK_OK(sotto_history_cut(h, a, 2, &err), err);
    CHECK_OK(sotto_history_cut(h, a, 9, &err), err);
    CHECK_STR(list(h, "done"), "");
    CHECK_STR(list(h, "timer"), "");
    CHECK_STR(list(h, NULL), "2 one (2); 1 one (2)");
    CHECK_OK(append(h, a, "two", "second", false), err);
    CHECK_STR(list(h, "one first second"), "1 one (4) <one>");
    CHECK_OK(sotto_history_delete(h, a, &err), err);
    CHECK_STR(list(h, "one"), "2 one (2) <one>");
    CHECK_INT(sotto_history_delete(h, a, &err), SOTTO_NOT_FOUND);
    CHECK_INT(sotto_history_cut(h, a, 0, &err), SOTTO_NOT_FOUND);
    CHECK_INT(append(h, a, "x", "y", false), SOTTO_NOT_FOUND);
    CHECK_INT(sotto_history_set_system(h, a, "x", &err), SOTTO_NOT_FOUND);
    CHECK_INT(sotto_history_append(h, b, calls, 0, false, &err), SOTTO_INVALID);
    calls[1].role = "pilot";
    CHECK_INT(sotto_history_append(h, b, calls, 4, false, &err), SOTTO_INVALID);
    CHECK_STR(list(h, NULL), "2 one (2)");
    CHECK_OK(sotto_history_cut(h, b, 0, &err), err);
    CHECK_STR(list(h, NULL), "");
    sotto_history_close(h);
    CHECK_INT(query("INSERT INTO words(words) VALUES('integrity-check')"), 0);
    CHECK_INT(query("SELECT count(*) FROM turns"), 0);
}

/* Whether the bytes of the file, or of its log, have this text. */
static bool file_has(const char *end, const char *text) {
    static char bytes[1 << 20];
    char        name[160];
    (void)snprintf(name, sizeof name, "%s%s", path, end);
    FILE  *f = fopen(name, "rb");
    size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (f) (void)fclose(f);
    for (size_t i = 0; i + strlen(text) <= n; i++)
        if (memcmp(bytes + i, text, strlen(text)) == 0) return true;
    return false;
}

TEST(what_is_deleted_is_not_in_the_file) {
    begin("deleted.db");
    sotto_history *h = open_history();
    int64_t        a = begin_chat(h), b = begin_chat(h);
    char           lengthy[9000];
    (void)snprintf(lengthy, sizeof lengthy, "xyzzyplugh %08000d", 7);
    CHECK_OK(append(h, a, "one xyzzyplugh", lengthy, false), err);
    CHECK_OK(append(h, b, "other plover", "yes", false), err);
    CHECK(file_has("", "xyzzy") || file_has("-wal", "xyzzy"));
    CHECK_OK(sotto_history_delete(h, a, &err), err);
    CHECK(!file_has("", "xyzzy") && !file_has("-wal", "xyzzy"));
    CHECK(file_has("", "plover"));
    sotto_history_close(h);
}

/* ---- export and load ------------------------------------------------------------------------------------ */

static const sotto_chat_turn told[] = {
    {.role = "user", .content = "Set a timer\nfor tea \xf0\x9f\x8d\xb5 \xff!"},
    {.role = "assistant", .content = "", .tool_calls = "[{\"name\":\"set_timer\",\"arguments\":{\"seconds\":180}}]"},
    {.role = "tool", .content = "{\"result\":1}", .tool_name = "set_timer", .tool_call_id = "7"},
    {.role = "assistant", .content = "Timer: 3 min"}};

TEST(exports_have_all_of_it) {
    begin("export.db");
    sotto_history *h = open_history();
    int64_t        id;
    sotto_bytes    out = {0};
    (void)setenv("TZ", "UTC0", 1);
    CHECK_OK(sotto_history_begin(h, "talk", "m", "Be brief", &id, &err), err);
    CHECK_INT(sotto_history_export(h, id, SOTTO_HISTORY_JSON, &out, &err), SOTTO_NOT_FOUND); /* nothing in it */
    CHECK_OK(sotto_history_append(h, id, told, 4, true, &err), err);
    CHECK_OK(sotto_history_set_system(h, id, "Be very brief", &err), err);
    CHECK_OK(sotto_history_export(h, id, SOTTO_HISTORY_JSON, &out, &err), err);
    json_t *doc = json_loadb(out.data, out.n, 0, NULL), *messages = json_object_get(doc, "messages");
    CHECK_INT(json_array_size(messages), 5);
    json_t *m[5];
    for (size_t i = 0; i < 5; i++) m[i] = json_array_get(messages, i);
#define TEXT(i, key) json_string_value(json_object_get(m[i], key))
    CHECK_STR(TEXT(0, "role"), "system");
    CHECK_STR(TEXT(0, "content"), "Be very brief");
    CHECK_STR(TEXT(1, "content"), "Set a timer\nfor tea \xf0\x9f\x8d\xb5 \xef\xbf\xbd!");
    CHECK_STR(json_string_value(json_object_get(json_array_get(json_object_get(m[2], "tool_calls"), 0), "name")),
              "set_timer");
    CHECK_STR(TEXT(3, "role"), "tool");
    CHECK_STR(TEXT(3, "name"), "set_timer");
    CHECK_STR(TEXT(3, "tool_call_id"), "7");
    CHECK_STR(TEXT(4, "content"), "Timer: 3 min");
    CHECK(json_is_true(json_object_get(m[4], "interrupted")) && !json_object_get(m[2], "interrupted"));
    CHECK_STR(json_string_value(json_object_get(doc, "kind")), "talk");
    int64_t begun = json_integer_value(json_object_get(doc, "begun"));
    CHECK(begun > 1700000000 && begun <= (int64_t)time(NULL));
    json_decref(doc);
    CHECK_OK(sotto_history_export(h, id, SOTTO_HISTORY_MARKDOWN, &out, &err), err);
    CHECK(out.data && strstr(out.data, "# Set a timer for tea \xf0\x9f\x8d\xb5 \xef\xbf\xbd!\n\n- talk with m\n"));
    CHECK(out.data && strstr(out.data, "\n- begun: 20"));
    CHECK(out.data && strstr(out.data, "\n## System\n\nBe very brief\n\n## You\n\nSet a timer\nfor tea"));
    CHECK(out.data && strstr(out.data, "## sotto\n\n    set_timer {\"seconds\":180}\n\n## Tool\n\n    {\"result\":1}\n"
                                       "\n## sotto\n\nTimer: 3 min\n\n*(interrupted)*\n"));
    sotto_bytes_free(&out);
    sotto_history_close(h);
}

TEST(a_conversation_is_loaded_into_a_dialog) {
    begin("export.db");
    sotto_history *h = open_history();
    sotto_model   *model = NULL;
    sotto_session *session = NULL;
    sotto_dialog  *d = NULL;
    sotto_bytes    system = {0};
    sotto_model_options mo = {.threads = 1, .chat_format = "llama3"};
    CHECK_OK(sotto_model_open(&model, "golden/llama3", &mo, &err), err);
    CHECK_OK(sotto_session_open(&session, model, NULL, &err), err);
    CHECK_OK(sotto_dialog_open(&d, session, NULL, &err), err);
    CHECK_INT(sotto_history_load(h, 99, d, &system, &err), SOTTO_NOT_FOUND);
    CHECK(!system.data);
    CHECK_OK(sotto_history_load(h, 1, d, &system, &err), err);
    CHECK_STR(system.data, "Be very brief");
    size_t                 n;
    const sotto_chat_turn *turns = sotto_dialog_turns(d, &n);
    CHECK_INT(n, 4);
    for (size_t i = 1; i < n; i++) {
        CHECK_STR(turns[i].role, told[i].role);
        CHECK_STR(turns[i].content, told[i].content);
    }
    CHECK_STR(turns[1].tool_calls, told[1].tool_calls);
    CHECK_STR(turns[2].tool_call_id, "7");
    sotto_dialog_close(d);
    sotto_session_close(session);
    sotto_model_close(model);
    sotto_bytes_free(&system);
    sotto_history_close(h);
}

/* ---- several programs, and the end of one --------------------------------------------------------------- */

/* Appends exchanges 0, 1, 2, ... of three turns and tells each once it has been acknowledged. */
static void write_forever(int to, int64_t id, int first) {
    sotto_history *h = open_history();
    char           said[32], answer[32], again[32];
    for (int i = first;; i++) {
        (void)snprintf(said, sizeof said, "s%d", i);
        (void)snprintf(answer, sizeof answer, "a%d", i);
        (void)snprintf(again, sizeof again, "b%d", i);
        sotto_chat_turn turns[] = {{.role = "user", .content = said}, {.role = "tool", .content = answer},
                                   {.role = "assistant", .content = again}};
        if (sotto_history_append(h, id, turns, 3, false, &err) != SOTTO_OK) _exit(1);
        if (write(to, &i, sizeof i) != sizeof i) _exit(2);
    }
}

TEST(kill_9_leaves_whole_exchanges) {
    uint64_t random = 5;
    int      next = 0;
    begin("kill.db");
    sotto_history *h = open_history();
    int64_t        id = begin_chat(h);
    sotto_history_close(h);
    for (int round = 0; round < 30; round++) {
        int   ends[2], last = next - 1, n_told;
        pid_t child;
        CHECK(pipe(ends) == 0);
        (void)fflush(stdout);
        if ((child = fork()) == 0) write_forever(ends[1], id, next);
        (void)close(ends[1]);
        if (round % 2 && read(ends[0], &n_told, sizeof n_told) == sizeof n_told) last = n_told; /* it is writing */
        struct timespec nap = {0, (long)(test_random(&random) % 30000000)};
        (void)nanosleep(&nap, NULL);
        (void)kill(child, SIGKILL);
        while (read(ends[0], &n_told, sizeof n_told) == sizeof n_told) last = n_told;
        (void)close(ends[0]);
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
        long long n = query("SELECT count(*) FROM turns");
        CHECK_INT(n % 3, 0);
        CHECK(n / 3 == last + 1 || n / 3 == last + 2); /* one may be written and not yet told */
        next = (int)(n / 3);
    }
    CHECK(next > 10);
    CHECK_INT(query("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    CHECK_INT(query("INSERT INTO words(words) VALUES('integrity-check')"), 0);
    h = open_history();
    CHECK(strncmp(list(h, "s0 b1"), "1 s0 (", 6) == 0);
    sotto_history_close(h);
}

TEST(programs_write_at_the_same_time) {
    enum { PROGRAMS = 4, EXCHANGES = 15 };
    begin("many.db");
    (void)fflush(stdout);
    for (int p = 0; p < PROGRAMS; p++)
        if (fork() == 0) {
            int            before = test_failures;
            sotto_history *h = open_history(); /* of a file that is not there yet */
            int64_t        id = begin_chat(h);
            for (int i = 0; i < EXCHANGES; i++) CHECK_OK(append(h, id, "hello there", "hi", false), err);
            sotto_history_close(h);
            (void)fflush(stdout);
            _exit(test_failures != before);
        }
    for (int p = 0, status; p < PROGRAMS; p++)
        CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_INT(query("SELECT count(*) FROM turns"), PROGRAMS * EXCHANGES * 2);
    CHECK_INT(query("SELECT count(DISTINCT conversation) FROM turns"), PROGRAMS);
}

/* ---- files that are not ours ---------------------------------------------------------------------------- */

/* All that can be done with a file, whatever is in it; every error is one sentence with the file's name. */
static void use_all(sotto_history *h) {
    sotto_bytes out = {0};
    char        line[4000] = "";
    sotto_status s[] = {append(h, 1, "new", "turn", false), sotto_history_list(h, NULL, put_entry, line, &err),
                        sotto_history_list(h, "the", put_entry, line, &err),
                        sotto_history_export(h, 1, SOTTO_HISTORY_JSON, &out, &err),
                        sotto_history_export(h, 2, SOTTO_HISTORY_MARKDOWN, &out, &err),
                        sotto_history_cut(h, 2, 1, &err), sotto_history_delete(h, 3, &err)};
    for (size_t i = 0; i < sizeof s / sizeof s[0]; i++) CHECK(s[i] <= 0);
    sotto_bytes_free(&out);
}

TEST(a_damaged_file_gives_one_sentence) {
    begin("damaged.db");
    sotto_history *h = open_history();
    char           text[600];
    for (int i = 0; i < 40; i++) {
        int64_t id = begin_chat(h);
        (void)snprintf(text, sizeof text, "the number %d %0500d", i, i);
        CHECK_OK(append(h, id, text, "the answer", false), err);
    }
    sotto_history_close(h);
    uint64_t random = 3;
    int      refused = 0;
    for (int round = 0; round < 60; round++) { /* each leaves its damage to the next */
        damage(&random);
        h = NULL;
        if (sotto_history_open(&h, path, &err) == SOTTO_OK) {
            use_all(h);
            sotto_history_close(h);
        } else {
            refused++;
            CHECK(strstr(err.message, path) && !strchr(err.message, '\n'));
        }
    }
    CHECK(refused > 20);
}

TEST(a_file_with_strange_values) {
    begin("strange.db");
    sotto_history *h = open_history();
    int64_t        id = begin_chat(h);
    CHECK_OK(append(h, id, "Hi", "Ho", false), err);
    CHECK_INT(query("INSERT INTO conversations(id, kind, model, system, begun, changed) VALUES(7, x'ff', '', x'c328',"
                    " -9223372036854775807, 9223372036854775807) RETURNING 7"), 7);
    CHECK_INT(query("INSERT INTO turns(conversation, role, content, tool_calls, interrupted) VALUES"
                    "(7, 'pilot', x'ff00', '{[', 3), (7, 'user', 'b', '[1,{}]', 0) RETURNING 7"), 7);
    CHECK_STR(list(h, NULL), "7 b (2); 1 Hi (2)");
    sotto_bytes out = {0};
    CHECK_OK(sotto_history_export(h, 7, SOTTO_HISTORY_MARKDOWN, &out, &err), err);
    CHECK(out.data && strstr(out.data, "## sotto\n\n\xef\xbf\xbd\n\n    {[\n\n*(interrupted)*"));
    CHECK_OK(sotto_history_export(h, 7, SOTTO_HISTORY_JSON, &out, &err), err);
    sotto_bytes_free(&out);
    CHECK(sotto_history_delete(h, 7, &err) <= 0); /* its turns are not in the index */
    sotto_history_close(h);
    CHECK(query("DROP TABLE words") <= 0);
    h = open_history();
    CHECK_INT(sotto_history_list(h, "a", put_entry, (char[4000]){0}, &err), SOTTO_IO);
    CHECK(strstr(err.message, path) && strstr(err.message, "no such table"));
    CHECK(append(h, id, "a", "b", false) < 0);
    CHECK_INT(query("SELECT count(*) FROM turns WHERE content = 'a'"), 0);
    sotto_history_close(h);
}

TEST(other_files_are_refused) {
    sotto_history *h = NULL;
    sotto_toolbox *box = NULL;
    sotto_toolbox_options opt = sotto_toolbox_options_default();
    begin("tools.db");
    opt.path = path;
    CHECK_OK(sotto_toolbox_open(&box, &opt, &err), err);
    sotto_toolbox_close(box);
    CHECK_INT(sotto_history_open(&h, path, &err), SOTTO_MISMATCH);
    begin("list.txt");
    FILE *f = fopen(path, "wb");
    CHECK(f && fputs("A letter to a friend, long enough to be no empty database. Dear friend, how are you?\n", f) >= 0);
    if (f) (void)fclose(f);
    CHECK_INT(sotto_history_open(&h, path, &err), SOTTO_FORMAT);
    CHECK(strstr(err.message, "no file of sotto's history"));
    CHECK(!h);
}

TEST_MAIN_IN_FOLDER()
