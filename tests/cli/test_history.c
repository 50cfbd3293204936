/* sotto history, and what sotto chat keeps and goes on with. */
#include "cli/program.h"

#define GREEDY "chat", CHAT_MODEL, "--temp", "0", "-n", "6", "--ignore-end", "--json", "-q"
#define KEPT "--history", program_file("kept.db")

/* The answer of line i. */
static json_t *answer_at(const program_run *r, int i) {
    json_t *doc = json_line(r->out, i);
    CHECK(json_is_array(json_at(doc, "tokens")));
    return doc;
}

static json_t *listed(const char *file) {
    program_run r = RUN(NULL, "history", "--json", "--history", file);
    CHECK_CODE(r, 0);
    json_t *doc = json_line(r.out, 0), *list = json_incref(json_at(doc, "conversations"));
    CHECK(json_is_array(list));
    json_decref(doc);
    program_free(&r);
    return list;
}

TEST(scripts_leave_no_trace_unless_asked) {
    program_run r = RUN("Hello\n", GREEDY);
    CHECK_CODE(r, 0);
    program_free(&r);
    CHECK(access(program_file("sotto/history.db"), F_OK) != 0);
    CHECK(access(program_file("sotto/sessions"), F_OK) != 0);
    r = RUN(NULL, "history");
    CHECK_CODE(r, 0);
    CHECK_STR(r.out, "");
    CHECK_HAS(r.err, "no conversations are kept yet");
    program_free(&r);
}

TEST(a_conversation_is_kept_and_resumed) {
    program_run whole = RUN("Hello\nAnd you\nAnd now\n", GREEDY);
    program_run r = RUN("Hello\nAnd you\n", GREEDY, KEPT);
    CHECK_CODE(r, 0);
    program_free(&r);
    CHECK(access(program_file("sotto/sessions/1.session"), F_OK) == 0);
    program_run rest = RUN("And now\n", GREEDY, KEPT, "--resume", "last");
    json_t     *a = answer_at(&whole, 2), *b = answer_at(&rest, 0);
    CHECK(json_equal(json_at(a, "tokens"), json_at(b, "tokens")));
    CHECK_INT(json_int_at(b, "usage.prompt_tokens"), json_int_at(a, "usage.prompt_tokens"));
    CHECK_INT(json_int_at(b, "usage.cached_tokens"), json_int_at(a, "usage.cached_tokens")); /* the session came back */
    json_t *list = listed(program_file("kept.db")), *entry = json_array_get(list, 0);
    CHECK_INT(json_array_size(list), 1);
    CHECK_INT(json_int_at(entry, "turns"), 6);
    CHECK_STR(json_text_at(entry, "title"), "Hello");
    CHECK_STR(json_text_at(entry, "kind"), "chat");
    CHECK_STR(json_text_at(entry, "model"), MODEL);
    json_decref(list), json_decref(a), json_decref(b);
    program_free(&rest);
    /* Without the session, and with one that is damaged or another model's, it only takes longer. */
    static const char *const others[] = {NULL, "no session", "SOTTO"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        (void)unlink(program_file("sotto/sessions/1.session"));
        if (others[i]) program_write_file(program_file("sotto/sessions/1.session"), others[i]);
        r = RUN("/undo\nAnd now\n", GREEDY, KEPT, "--resume", "1");
        CHECK_CODE(r, 0);
        a = answer_at(&whole, 2), b = answer_at(&r, 0);
        CHECK(json_equal(json_at(a, "tokens"), json_at(b, "tokens")));
        CHECK_INT(json_int_at(b, "usage.cached_tokens"), 0);
        json_decref(a), json_decref(b);
        program_free(&r);
    }
    r = RUN("And then\n", "chat", CHAT_MODEL, "-n", "3", "--stats", KEPT, "--resume", "last");
    CHECK_HAS(r.err, "[going on with conversation 1, of 6 turns]");
    CHECK_HAS(r.err, " of them reused");
    program_free(&r), program_free(&whole);
}

TEST(commands_change_what_is_kept) {
    const char *file = program_file("commands.db");
    program_run r = RUN("One\nTwo\n/undo\nThree\n/retry\n/system Be brief\nFour\n/clear\nOther\nMore\n/undo\n/undo\n",
                        GREEDY, "--history", file);
    CHECK_CODE(r, 0);
    program_free(&r);
    r = RUN(NULL, "history", "show", "last", "--history", file, "--json");
    CHECK_CODE(r, 0);
    json_t *doc = json_loads(r.out, 0, NULL), *messages = json_at(doc, "messages");
    static const char *const want[] = {"Be brief", "One", NULL, "Three", NULL, "Four", NULL};
    CHECK_INT(json_array_size(messages), 7);
    for (size_t i = 0; i < 7; i++) {
        json_t *m = json_array_get(messages, i);
        if (want[i]) CHECK_STR(json_text_at(m, "content"), want[i]);
        else CHECK_STR(json_text_at(m, "role"), "assistant");
    }
    json_decref(doc);
    program_free(&r);
    json_t *list = listed(file);
    CHECK_INT(json_array_size(list), 1); /* of the other one everything was taken back */
    json_decref(list);
}

TEST(found_exported_and_forgotten) {
    const char *file = program_file("three.db"), *out = program_file("out.json");
    for (int i = 0; i < 3; i++) {
        static const char *const said[] = {"tell me of \xc3\xa9""clairs\n", "tell me of otters\n", "what time is it\n"};
        program_run r = RUN(said[i], GREEDY, "--history", file);
        CHECK_CODE(r, 0);
        program_free(&r);
    }
    program_run r = RUN(NULL, "history", "--history", file);
    CHECK_CODE(r, 0);
    CHECK_INT(count_lines(r.out), 4);
    CHECK(strstr(r.out, "what time is it") < strstr(r.out, "otters"));
    program_free(&r);
    r = RUN(NULL, "history", "search", "ECLAIRS", "tell", "--history", file);
    CHECK_CODE(r, 0);
    CHECK_HAS(r.out, "tell me of \xc3\xa9""clairs");
    CHECK_INT(count_lines(r.out), 2);
    program_free(&r);
    r = RUN(NULL, "history", "search", "walrus", "--history", file);
    CHECK_CODE(r, 0);
    CHECK_STR(r.out, "");
    program_free(&r);
    r = RUN(NULL, "history", "export", "2", "--json", "-o", out, "--history", file);
    CHECK_CODE(r, 0);
    program_free(&r);
    r = RUN(NULL, "history", "export", "2", "--json", "-o", out, "--history", file);
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "--force replaces it");
    program_free(&r);
    char input[512];
    (void)snprintf(input, sizeof input, "/load %.100s\n/retry\n", out);
    r = RUN(input, GREEDY);
    program_run same = RUN("tell me of otters\n", GREEDY);
    json_t     *a = answer_at(&r, 0), *b = answer_at(&same, 0);
    CHECK(json_equal(json_at(a, "tokens"), json_at(b, "tokens")));
    json_decref(a), json_decref(b);
    program_free(&r), program_free(&same);
    r = RUN(NULL, "history", "export", "last", "--history", file);
    CHECK(strncmp(r.out, "# what time is it\n\n- chat with " MODEL "\n", 30) == 0);
    CHECK_HAS(r.out, "## You\n\nwhat time is it\n\n## sotto\n\n");
    program_free(&r);
    r = RUN("y\n", "history", "delete", "2", "--history", file);
    CHECK_CODE(r, 2);
    CHECK_HAS(r.err, "--force");
    program_free(&r);
    r = RUN(NULL, "history", "delete", "2", "--force", "--history", file);
    CHECK_CODE(r, 0);
    program_free(&r);
    CHECK(access(program_file("sotto/sessions/2.session"), F_OK) != 0);
    CHECK(access(program_file("sotto/sessions/3.session"), F_OK) == 0);
    r = RUN(NULL, "history", "show", "2", "--history", file);
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "there is no conversation 2");
    program_free(&r);
}

TEST(sessions_of_old_conversations_go) {
    const char *file = program_file("sessions.db");
    for (int i = 0; i < 6; i++) {
        program_run r = RUN("Hi\n", GREEDY, "--history", file);
        program_free(&r);
    }
    for (int i = 1; i <= 6; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "sotto/sessions/%d.session", i);
        CHECK((access(program_file(name), F_OK) == 0) == (i > 2));
    }
}

/* Killed at any moment: what is kept are whole exchanges. */
TEST(kill_9_leaves_whole_exchanges) {
    const char *file = program_file("killed.db");
    size_t      n_turns = 0;
    for (int i = 0; i < 12; i++) {
        pid_t pid = START("Hello\nAnd you\nAnd now\nAnd then\n", "chat", CHAT_MODEL, "--temp", "0", "--ignore-end",
                          "-n", "20", "-q", "--slide", "--history", file);
        program_sleep_ms(10 * i);
        (void)kill(pid, SIGKILL);
        program_run r = program_finish(pid);
        program_free(&r);
    }
    json_t *list = access(file, F_OK) == 0 ? listed(file) : NULL, *entry;
    size_t  i;
    json_array_foreach(list, i, entry) {
        CHECK_INT(json_int_at(entry, "turns") % 2, 0);
        n_turns += (size_t)json_int_at(entry, "turns");
    }
    CHECK(n_turns <= 12 * 8);
    json_decref(list);
}

TEST(mistakes_are_named) {
    static const struct {
        const char *arguments[5], *says;
        int         code;
    } rows[] = {{{"history", "show"}, "no conversation given", 2},
                {{"history", "show", "first"}, "\"first\" is no conversation", 2},
                {{"history", "show", "last"}, "there are no conversations yet", 1},
                {{"history", "search"}, "no words given", 2},
                {{"history", "--history", "/no/such/file"}, "/no/such/file: there is no such file", 1},
                {{"history", "list"}, "an argument too many", 2},
                {{"chat", "--no-history", "--resume", "last"}, "--no-history", 2},
                {{"chat", "--history", "/dev/null/x"}, "/dev/null", 1},
                {{"chat", "--resume", "77"}, "there is no conversation 77", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        program_run r = program_finish(program_start(NULL, rows[i].arguments));
        CHECK_CODE(r, rows[i].code);
        CHECK_HAS(r.err, rows[i].says);
        program_free(&r);
    }
}

TEST_MAIN()
