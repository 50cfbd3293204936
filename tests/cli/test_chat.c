/* sotto chat: commands, files and reuse through a pipe, and editing on a terminal. */
#include "cli/program.h"

#include <sys/ioctl.h>
#include <termios.h>

#define GREEDY "chat", CHAT_MODEL, "--temp", "0", "-n", "6", "--ignore-end"

/* The answer of line i of a --json chat. */
static json_t *answer_at(const program_run *r, int i) {
    json_t *doc = json_line(r->out, i);
    CHECK(json_is_array(json_at(doc, "tokens")));
    return doc;
}

static bool same_tokens(json_t *a, json_t *b) {
    return json_equal(json_at(a, "tokens"), json_at(b, "tokens"));
}

TEST(one_turn_per_line) {
    program_run r = RUN("Hello\n\nAnd you\n", GREEDY, "--json", "-q");
    CHECK_CODE(r, 0);
    CHECK_STR(r.err, "");
    CHECK_INT(count_lines(r.out), 2); /* the empty line is no turn */
    json_t *first = answer_at(&r, 0), *second = answer_at(&r, 1);
    CHECK(json_int_at(second, "usage.prompt_tokens") > json_int_at(first, "usage.total_tokens"));
    /* Only what is new is computed: the first prompt is reused whole. */
    CHECK(json_int_at(second, "usage.cached_tokens") >= json_int_at(first, "usage.prompt_tokens"));
    json_decref(first), json_decref(second);
    program_free(&r);
    r = RUN("Hello\nAnd you", GREEDY);
    CHECK_CODE(r, 0);
    CHECK(count_lines(r.out) >= 2);
    program_free(&r);
}

TEST(undo_and_retry_lead_back) {
    program_run r = RUN("Hello\nWrong\n/undo\nRight\n/retry\n", GREEDY, "--json", "-q");
    program_run plain = RUN("Hello\nRight\n", GREEDY, "--json", "-q");
    CHECK_CODE(r, 0);
    json_t *right = answer_at(&r, 2), *again = answer_at(&r, 3), *want = answer_at(&plain, 1);
    CHECK(same_tokens(right, want));
    CHECK(same_tokens(again, want));
    CHECK_INT(json_int_at(again, "usage.prompt_tokens"), json_int_at(want, "usage.prompt_tokens"));
    json_decref(right), json_decref(again), json_decref(want);
    program_free(&r), program_free(&plain);
    r = RUN("/undo\n/retry\n", GREEDY);
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "nothing has been said");
    CHECK_HAS(r.err, "nothing has been asked");
    program_free(&r);
}

TEST(system_prompt_and_clear) {
    program_run r = RUN("/system Be brief\nHello\n/system\n/clear\nHello\n", GREEDY, "--json", "-q");
    program_run with = RUN("Hello\n", GREEDY, "--json", "-q", "--system", "Be brief"),
                without = RUN("Hello\n", GREEDY, "--json", "-q");
    CHECK_CODE(r, 0);
    json_t *a = answer_at(&r, 0), *b = answer_at(&r, 1), *want_a = answer_at(&with, 0),
           *want_b = answer_at(&without, 0);
    CHECK(same_tokens(a, want_a));
    CHECK(same_tokens(b, want_b));
    CHECK(json_int_at(a, "usage.prompt_tokens") > json_int_at(b, "usage.prompt_tokens"));
    json_decref(a), json_decref(b), json_decref(want_a), json_decref(want_b);
    program_free(&r), program_free(&with), program_free(&without);
}

TEST(set_changes_sampling) {
    program_run r = RUN("/set\n/set max-tokens 3\n/set temp 0.25\n/set\nHello\n/set tmep 1\n/set temp hot\n",
                        GREEDY, "--json");
    CHECK_CODE(r, 1); /* of the two mistakes */
    CHECK_HAS(r.err, "temp                 0\n");
    CHECK_HAS(r.err, "temp                 0.25\n");
    CHECK_HAS(r.err, "did you mean temp");
    CHECK_HAS(r.err, "\"hot\" is not a number");
    json_t *a = answer_at(&r, 0);
    CHECK_INT(json_int_at(a, "usage.completion_tokens"), 3);
    json_decref(a);
    program_free(&r);
    r = RUN("/udno\n/nothing\n/help\n", GREEDY);
    CHECK_HAS(r.err, "did you mean /undo");
    CHECK_HAS(r.err, "/nothing: unknown command");
    CHECK_HAS(r.err, "/system TEXT");
    CHECK_STR(r.out, "");
    program_free(&r);
}

TEST(save_and_load_go_on_where_it_was) {
    char input[1024];
    const char *file = program_file("talk.json");
    (void)snprintf(input, sizeof input, "/system Be brief\nHello\n/save %.100s session\nAnd you\n", file);
    program_run whole = RUN(input, GREEDY, "--json", "-q");
    CHECK_CODE(whole, 0);
    char   *text = program_read_file(file);
    json_t *saved = json_loads(text ? text : "", 0, NULL), *messages = json_at(saved, "messages");
    CHECK_INT(json_array_size(messages), 3);
    CHECK_STR(json_text_at(json_array_get(messages, 0), "role"), "system");
    CHECK_STR(json_text_at(json_array_get(messages, 1), "content"), "Hello");
    CHECK_STR(json_text_at(json_array_get(messages, 2), "role"), "assistant");
    (void)snprintf(input, sizeof input, "/load %.100s\nAnd you\n", file);
    program_run rest = RUN(input, GREEDY, "--json", "-q");
    json_t     *a = answer_at(&whole, 1), *b = answer_at(&rest, 0);
    CHECK(same_tokens(a, b));
    CHECK_INT(json_int_at(b, "usage.cached_tokens"),
              json_int_at(a, "usage.cached_tokens")); /* the session was restored */
    json_decref(saved), json_decref(a), json_decref(b);
    program_free(&whole), program_free(&rest);
    free(text);
}

TEST(files_that_are_no_conversation_are_refused) {
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{\"messages\":3}",
        "{\"messages\":[{\"role\":\"user\"}]}",
        "{\"messages\":[{\"role\":\"pilot\",\"content\":\"a\"}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"system\",\"content\":\"b\"}]}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char        input[256];
        const char *file = program_file("bad.json");
        program_write_file(file, bad[i]);
        (void)snprintf(input, sizeof input, "/load %.100s\n/retry\n", file);
        program_run r = RUN(input, GREEDY);
        CHECK_CODE(r, 1);
        CHECK_HAS(r.err, "/load: ");
        CHECK_HAS(r.err, "nothing has been asked"); /* and nothing was loaded */
        program_free(&r);
    }
    program_run r = RUN("/load /no/such/file\n/save /no/such/folder/file\n/save\n", GREEDY);
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "/no/such/file");
    CHECK_HAS(r.err, "/no/such/folder/file");
    CHECK_HAS(r.err, "/save FILE");
    program_free(&r);
}

TEST(messages_of_many_lines) {
    program_run r = RUN("one\\\ntwo\n/undo\n\"\"\"one\ntwo\"\"\"\n", GREEDY, "--json", "-q");
    CHECK_CODE(r, 0);
    CHECK_INT(count_lines(r.out), 2);
    json_t *a = answer_at(&r, 0), *b = answer_at(&r, 1);
    CHECK(same_tokens(a, b));
    CHECK_INT(json_int_at(a, "usage.prompt_tokens"), json_int_at(b, "usage.prompt_tokens"));
    json_decref(a), json_decref(b);
    program_free(&r);
}

static const char many_turns[] =
    "Say one thing that is long\nSay two things that are long\nSay three things that are long\nSay four "
    "things that are long\n"
    "Say five things that are long\nSay six things that are long\nSay seven things that are long\n";

TEST(full_context_is_an_error_and_sliding_an_option) {
    program_run r = RUN(many_turns, GREEDY, "--json");
    CHECK_CODE(r, 1);
    CHECK_INT(count_lines(r.out), 7);
    json_t *last = json_line(r.out, 6);
    CHECK_HAS(json_text_at(last, "error"), "256");
    json_decref(last);
    program_free(&r);
    r = RUN(many_turns, GREEDY, "--json", "--slide", "--system", "Be good");
    CHECK_CODE(r, 0);
    CHECK_HAS(r.err, "system prompt kept]");
    json_t *after = answer_at(&r, 6);
    CHECK(json_int_at(after, "usage.prompt_tokens") <= 256 - 6);
    /* What stays after turns were dropped is not computed again. */
    CHECK(json_int_at(after, "usage.cached_tokens") * 2 > json_int_at(after, "usage.prompt_tokens"));
    json_decref(after);
    program_free(&r);
}

TEST(session_file_is_restored_and_saved) {
    const char *file = program_file("chat.session");
    program_run a = RUN("Hello\n", GREEDY, "--json", "-q", "--session", file),
                b = RUN("Hello\n", GREEDY, "--json", "-q", "--session", file);
    json_t     *first = answer_at(&a, 0), *second = answer_at(&b, 0);
    CHECK(same_tokens(first, second));
    CHECK_INT(json_int_at(first, "usage.cached_tokens"), 0);
    CHECK(json_int_at(second, "usage.cached_tokens") + 1 >= json_int_at(second, "usage.prompt_tokens"));
    json_decref(first), json_decref(second);
    program_free(&a), program_free(&b);
}

TEST(interrupt_leaves_a_script) {
    pid_t pid = START("Hello\nAnd you\n", "chat", CHAT_MODEL, "--slide", "--ignore-end", "-q");
    CHECK(program_wait_output(100));
    (void)kill(pid, SIGINT);
    program_run r = program_finish(pid);
    CHECK_CODE(r, 130);
    program_free(&r);
}

/* ---- on a terminal ------------------------------------------------------------------------------------- */

typedef struct terminal {
    pid_t  pid;
    int    fd;
    char   text[1 << 18];
    size_t n, seen; /* bytes in text; how far the last wait has read them */
} terminal;

static void terminal_open(terminal *t, const char *const *argv) {
    *t = (terminal){.fd = posix_openpt(O_RDWR | O_NOCTTY)};
    if (t->fd < 0 || grantpt(t->fd) != 0 || unlockpt(t->fd) != 0) printf("no pseudo-terminal\n"), exit(1);
    const char *name = ptsname(t->fd);
    (void)program_file("");
    (void)fflush(stdout);
    t->pid = fork();
    if (t->pid != 0) return;
    (void)setsid();
    int fd = open(name, O_RDWR); /* becomes the controlling terminal: Ctrl-C is a signal */
#if defined(TIOCSCTTY)
    (void)ioctl(fd, TIOCSCTTY, 0);
#endif
    (void)dup2(fd, 0), (void)dup2(fd, 1), (void)dup2(fd, 2);
    (void)setenv("TERM", "xterm", 1);
    (void)execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(126);
}

/* Read until `mark` has come; false after a minute, which a busy machine may need. What stands before
 * the mark of the wait before is forgotten. */
static bool terminal_wait(terminal *t, const char *mark) {
    t->n -= t->seen;
    memmove(t->text, t->text + t->seen, t->n);
    t->seen = 0;
    (void)fcntl(t->fd, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 6000; i++) {
        ssize_t got = read(t->fd, t->text + t->n, sizeof t->text - 1 - t->n);
        if (got > 0) t->n += (size_t)got;
        t->text[t->n] = '\0';
        const char *found = strstr(t->text, mark);
        if (found) {
            t->seen = (size_t)(found - t->text) + strlen(mark);
            return true;
        }
        if (t->n + 4096 > sizeof t->text) {
            memmove(t->text, t->text + t->n - 4096, 4096); /* a mark is short */
            t->n = 4096;
        }
        if (got <= 0) program_sleep_ms(10);
    }
    printf("the terminal does not show \"%s\" but: %s\n", mark, t->text);
    return false;
}

static void terminal_type(terminal *t, const char *keys) {
    if (write(t->fd, keys, strlen(keys)) < 0) printf("cannot type\n");
}

static int terminal_close(terminal *t) {
    int  status = 0;
    char rest[4096];
    for (int i = 0; i < 6000 && waitpid(t->pid, &status, WNOHANG) == 0; i++) {
        while (read(t->fd, rest, sizeof rest) > 0) {}
        program_sleep_ms(10);
        if (i == 5999) (void)kill(t->pid, SIGKILL);
    }
    (void)close(t->fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static const char *const endless[] = {NULL, "chat",         CHAT_MODEL, "--temp",
                                      "0",  "--ignore-end", "--slide",  NULL};

static void terminal_chat(terminal *t) {
    const char *argv[16] = {getenv("SOTTO_PROGRAM")};
    for (int i = 1; endless[i]; i++) argv[i] = endless[i];
    terminal_open(t, argv);
}

/* Nobody reads what the program writes, until it waits for that with nothing of a write done: what is done of
 * one ends when the program is stopped and goes on. Ctrl-C shall not make room. */
static void terminal_fill(const terminal *t) {
    struct termios modes;
    if (tcgetattr(t->fd, &modes) != 0) printf("the terminal has no modes\n"), exit(1);
    modes.c_lflag |= NOFLSH;
    if (tcsetattr(t->fd, TCSANOW, &modes) != 0) printf("the terminal keeps its modes\n"), exit(1);
    for (int waiting = -1, before = -2, still = 0; still < 20; still = waiting == before ? still + 1 : 0) {
        program_sleep_ms(10);
        before = waiting;
        if (ioctl(t->fd, FIONREAD, &waiting) != 0) break;
    }
    int status;
    (void)kill(t->pid, SIGSTOP);
    (void)waitpid(t->pid, &status, WUNTRACED); /* a stop that has not begun is undone by going on */
    (void)kill(t->pid, SIGCONT);
    program_sleep_ms(100);
}

/* A new chat, whose endless answer to a message is ended by Ctrl-C; `waits`: while it waits to write. */
static void terminal_interrupt(terminal *t, const char *message, bool waits) {
    terminal_chat(t);
    CHECK(terminal_wait(t, "> "));
    terminal_type(t, message);
    CHECK(terminal_wait(t, "dropped the oldest")); /* it talks and talks */
    if (waits) terminal_fill(t);
    terminal_type(t, "\003");
    CHECK(terminal_wait(t, "> "));
}

static void terminal_quit(terminal *t) {
    terminal_type(t, "/quit\r");
    CHECK_INT(terminal_close(t), 0);
}

TEST(interrupt_stops_the_answer_and_the_talk_goes_on) {
    terminal *t = calloc(1, sizeof *t);
    if (!t) exit(1);
    for (int i = 0; i < 5; i++) { /* several: a write of a remark, or half done, hides an error of the answer's */
        terminal_interrupt(t, "Hello\r", i > 0);
        terminal_type(t, "/stats\r");
        CHECK(terminal_wait(t, "answer:"));
        terminal_quit(t);
    }
    struct stat st;
    CHECK_INT(stat(program_file("sotto/history"), &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    char *history = program_read_file(program_file("sotto/history"));
    CHECK_HAS(history, "Hello");
    free(history);
    free(t);
}

TEST(what_is_said_on_a_terminal_is_kept) {
    terminal *t = calloc(1, sizeof *t);
    if (!t) exit(1);
    program_run before = RUN(NULL, "history", "--json"), after;
    terminal_interrupt(t, "Keep this\r", false);
    terminal_quit(t);
    after = RUN(NULL, "history", "show", "last", "--json");
    json_t *doc = json_loads(after.out, 0, NULL), *messages = json_at(doc, "messages");
    CHECK_INT(json_array_size(messages), 2);
    CHECK_STR(json_text_at(json_array_get(messages, 0), "content"), "Keep this");
    CHECK(json_is_true(json_at(json_array_get(messages, 1), "interrupted")));
    json_decref(doc);
    program_free(&after);
    const char *argv[20] = {getenv("SOTTO_PROGRAM"), "chat", CHAT_MODEL, "--no-history", NULL};
    terminal_open(t, argv);
    CHECK(terminal_wait(t, "> "));
    terminal_type(t, "Do not\r");
    CHECK(terminal_wait(t, "> "));
    terminal_quit(t);
    after = RUN(NULL, "history", "--json");
    CHECK(!strstr(after.out, "Do not") && strstr(after.out, "Keep this") && !strstr(before.out, "Keep this"));
    program_free(&before), program_free(&after);
    free(t);
}

TEST(interrupt_at_the_prompt_clears_the_line_and_twice_leaves) {
    terminal *t = calloc(1, sizeof *t);
    if (!t) exit(1);
    terminal_chat(t);
    CHECK(terminal_wait(t, "> "));
    terminal_type(t, "half a line\003");
    CHECK(terminal_wait(t, "Ctrl-C again"));
    CHECK(terminal_wait(t, "> "));
    terminal_type(t, "\003");
    CHECK_INT(terminal_close(t), 130);
    free(t);
}

TEST(no_color_is_heeded_on_a_terminal) {
    terminal *t = calloc(1, sizeof *t);
    if (!t) exit(1);
    terminal_chat(t);
    CHECK(terminal_wait(t, "> "));
    CHECK(strstr(t->text, "\033[2m") != NULL);
    terminal_type(t, "\004"); /* Ctrl-D */
    CHECK_INT(terminal_close(t), 0);
    (void)setenv("NO_COLOR", "1", 1);
    terminal_chat(t);
    CHECK(terminal_wait(t, "> "));
    CHECK(!strstr(t->text, "\033[2m") && !strstr(t->text, "\033[1;32m"));
    terminal_type(t, "\004");
    CHECK_INT(terminal_close(t), 0);
    (void)unsetenv("NO_COLOR");
    free(t);
}

TEST_MAIN()
