/* sotto talk: sound in, sound out, whatever the sound is like, and nothing leaves the machine. */
#include "cli/program.h"

#include <sys/socket.h>

#if defined(__linux__)
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#define QUESTION "../models/speech/question.wav" /* set a timer for the pasta for nine minutes */
#define TOOLS "--tools-file", program_file("tools.db")
#define TALK "talk", TOOLS, "--json", "-q"

enum { HEADER = 44 };

static bool installed(void) { return access("/usr/share/pocketsphinx/model/en-us/en-us/mdef", F_OK) == 0; }

#define NEED_RECOGNISER()                                                                                              \
    do {                                                                                                               \
        if (!installed()) {                                                                                            \
            printf("skipped: pocketsphinx-en-us is not installed\n");                                                  \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

static unsigned char *read_bytes(const char *path, size_t *n) {
    FILE          *f = fopen(path, "rb");
    unsigned char *data = malloc(1 << 20);
    if (!f || !data) printf("cannot read %s\n", path), exit(1);
    *n = fread(data, 1, 1 << 20, f);
    (void)fclose(f);
    return data;
}

static void write_bytes(const char *path, const unsigned char *data, size_t n) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0) printf("cannot write %s\n", path), exit(1);
}

/* How many events there are of this name; the last of them in *last (json_decref), if it is wanted. */
static int events(const char *out, const char *name, json_t **last) {
    int n = 0;
    if (last) *last = NULL;
    for (int i = 0; i < count_lines(out); i++) {
        json_t     *e = json_line(out, i);
        const char *event = json_text_at(e, "event");
        bool        it = event && strcmp(event, name) == 0;
        n += it;
        if (it && last) {
            json_decref(*last);
            *last = json_incref(e);
        }
        json_decref(e);
    }
    return n;
}

/* The question has been understood and answered, once. */
static void check_answered(const program_run *r) {
    json_t *tool, *done;
    CHECK_CODE(*r, 0);
    CHECK_INT(events(r->out, "tool", &tool), 1);
    CHECK_STR(json_text_at(tool, "name"), "set_timer");
    CHECK_INT(json_int_at(tool, "arguments.seconds"), 540);
    CHECK_INT(events(r->out, "done", &done), 1);
    CHECK_HAS(json_text_at(done, "answer"), "9 minutes");
    json_decref(tool);
    json_decref(done);
}

TEST(a_question_is_answered_aloud) {
    NEED_RECOGNISER();
    static const char *const order[] = {"speech_start", "partial", "transcript", "tool", "audio_start", "done", "end"};
    program_run              r = RUN(NULL, TALK, "--in", QUESTION, "--out", program_file("answer.wav"));
    check_answered(&r);
    const char *p = r.out;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        char event[64];
        (void)snprintf(event, sizeof event, "{\"event\":\"%s\"", order[i]);
        const char *next = p ? strstr(p, event) : NULL;
        if (!next) TEST_FAIL("no %s in its place: %s", order[i], r.out);
        p = next;
    }
    size_t         n;
    unsigned char *wav = read_bytes(program_file("answer.wav"), &n);
    CHECK(n > HEADER + 16000 && memcmp(wav, "RIFF", 4) == 0 && memcmp(wav + 8, "WAVE", 4) == 0);
    free(wav);
    program_free(&r);
}

TEST(it_says_what_it_hears_and_where_time_went) {
    NEED_RECOGNISER();
    program_run r = RUN(NULL, "talk", TOOLS, "--in", QUESTION, "--mute", "--stats", "--trace");
    CHECK_CODE(r, 0);
    CHECK_HAS(r.out, "> set a timer for the pasta for nine minutes\n");
    CHECK_HAS(r.out, "9 minutes.");
    CHECK_HAS(r.err, "idle         start        -> listening");
    CHECK_HAS(r.err, "thinking + audio -> speaking");
    CHECK_HAS(r.err, "from the end of speech to the answer");
    CHECK_HAS(r.err, "end-point");
    program_free(&r);
}

TEST(sound_comes_and_goes_by_pipes) {
    NEED_RECOGNISER();
    size_t         n;
    unsigned char *wav = read_bytes(QUESTION, &n);
    char           command[4096];
    write_bytes(program_file("raw"), wav + HEADER, n - HEADER);
    int length =
        snprintf(command, sizeof command,
                 "'%.2000s' talk --tools-file '%s' --in - --raw-rate 16000 --out - < '%s' > '%s' 2> '%s'",
                 getenv("SOTTO_PROGRAM"), program_file("tools.db"), program_file("raw"), program_file("piped.wav"),
                 program_file("said"));
    CHECK(length > 0 && (size_t)length < sizeof command);
    CHECK_INT(system(command), 0);
    free(wav);
    wav = read_bytes(program_file("piped.wav"), &n);
    CHECK(n > HEADER + 16000 && memcmp(wav, "RIFF", 4) == 0);
    char *said = program_read_file(program_file("said"));
    CHECK_HAS(said, "> set a timer for the pasta for nine minutes\n");
    free(said);
    free(wav);
}

static void put_u32(unsigned char *p, size_t x) {
    for (int i = 0; i < 4; i++) p[i] = (unsigned char)(x >> 8 * i);
}

/* The question with other samples: `bits` of them, each said `repeat` times in `channels`. */
static const char *rewritten(int bits, int repeat, int channels) {
    size_t         n, used = HEADER, bytes = (size_t)bits / 8;
    unsigned char *wav = read_bytes(QUESTION, &n), *out = malloc(HEADER + n * 8 * bytes);
    if (!out) exit(1);
    memcpy(out, wav, HEADER);
    for (size_t i = HEADER; i + 1 < n; i += 2) {
        int now = (int16_t)(wav[i] | wav[i + 1] << 8);
        int next = i + 3 < n ? (int16_t)(wav[i + 2] | wav[i + 3] << 8) : now;
        for (int k = 0; k < repeat; k++)
            for (int c = 0; c < channels; c++) {
                int x = now + (next - now) * k / repeat;
                if (bits == 8) out[used] = (unsigned char)((x >> 8) + 128);
                if (bits == 16) out[used] = (unsigned char)x, out[used + 1] = (unsigned char)(x >> 8);
                if (bits == 24)
                    out[used] = 0, out[used + 1] = (unsigned char)x, out[used + 2] = (unsigned char)(x >> 8);
                used += bytes;
            }
    }
    size_t rate = 16000 * (size_t)repeat, frame = bytes * (size_t)channels;
    put_u32(out + 4, used - 8);
    out[22] = (unsigned char)channels;
    put_u32(out + 24, rate);
    put_u32(out + 28, rate * frame);
    out[32] = (unsigned char)frame;
    out[34] = (unsigned char)bits;
    put_u32(out + 40, used - HEADER);
    const char *path = program_file("rewritten.wav");
    write_bytes(path, out, used);
    free(out);
    free(wav);
    return path;
}

TEST(any_common_form_of_sound_is_heard) {
    NEED_RECOGNISER();
    static const int forms[][3] = {{8, 1, 1}, {24, 1, 1}, {16, 3, 2}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        program_run r = RUN(NULL, TALK, "--mute", "--in", rewritten(forms[i][0], forms[i][1], forms[i][2]));
        check_answered(&r);
        program_free(&r);
    }
}

/* One sentence on stderr, and nothing on stdout. */
static void check_refused(program_run r, int code, const char *part) {
    CHECK_CODE(r, code);
    CHECK_HAS(r.err, part);
    CHECK_INT(count_lines(r.err), code == 2 ? 2 : 1); /* after a usage error: where help is */
    program_free(&r);
}

TEST(what_cannot_be_done_is_said_in_a_sentence) {
    NEED_RECOGNISER();
    program_write_file(program_file("text.wav"), "this is no sound\n");
    program_write_file(program_file("empty.wav"), "");
    check_refused(RUN(NULL, TALK, "--mute", "--in", "nowhere.wav"), 1, "nowhere.wav");
    check_refused(RUN(NULL, TALK, "--mute", "--in", program_file("text.wav")), 1, "text.wav");
    check_refused(RUN(NULL, TALK, "--mute", "--in", program_file("empty.wav")), 1, "empty.wav");
    check_refused(RUN(NULL, TALK, "--mute", "--in", "-"), 1, "stdin");
    check_refused(RUN(NULL, TALK, "--in", QUESTION, "--out", "/nowhere/a.wav"), 1, "/nowhere/a.wav");
    check_refused(RUN(NULL, TALK, "--mute", "--in", QUESTION, "--recognizer-model", "/nowhere"), 1, "/nowhere");
    check_refused(RUN(NULL, TALK, "--mute", "--in", QUESTION, "--voice", "nobody"), 1, "nobody");
    check_refused(RUN(NULL, "talk", "--in", QUESTION, "--push"), 2, "--push");
    check_refused(RUN(NULL, "talk", "--raw-rate", "16000"), 2, "--raw-rate");
    if (access("/dev/full", F_OK) == 0) {
        program_run r = RUN(NULL, TALK, "--in", QUESTION, "--out", "/dev/full");
        CHECK_CODE(r, 1);
        CHECK_HAS(r.err, "/dev/full");
        program_free(&r);
    }
}

/* Killed between two turns, or in the middle of the second: the first is kept, whole. */
TEST(a_finished_turn_survives_kill_9) {
    NEED_RECOGNISER();
    size_t         n;
    unsigned char *wav = read_bytes(QUESTION, &n), *twice = calloc(1, n * 2 + 32000 * 4);
    if (!twice) exit(1);
    memcpy(twice, wav, n);
    memcpy(twice + n + 32000 * 4, wav + HEADER, n - HEADER);
    put_u32(twice + 4, n * 2 + 32000 * 4 - HEADER - 8);
    put_u32(twice + 40, n * 2 + 32000 * 4 - HEADER * 2);
    write_bytes(program_file("twice.wav"), twice, n * 2 + 32000 * 4 - HEADER);
    pid_t pid = START(NULL, TALK, "--history", program_file("talk.db"), "--realtime", "--mute", "--in",
                      program_file("twice.wav"));
    bool  done = false;
    for (int i = 0; i < 6000 && !done; i++) {
        char *out = program_read_file(program_file("out"));
        done = out && strstr(out, "\"done\"") != NULL;
        free(out);
        program_sleep_ms(10);
    }
    CHECK(done);
    (void)kill(pid, SIGKILL);
    program_run r = program_finish(pid);
    program_free(&r);
    r = RUN(NULL, "history", "export", "last", "--json", "--history", program_file("talk.db"));
    CHECK_CODE(r, 0);
    CHECK_HAS(r.out, "set a timer for the pasta for nine minutes");
    CHECK_HAS(r.out, "9 minutes.");
    program_free(&r);
    free(twice);
    free(wav);
}

#if defined(__linux__) && defined(__x86_64__)
/* From now on sockets of the internet end the process. */
static void forbid_internet(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(125);
}

static int exit_of(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(no_network_connection_is_opened) {
    NEED_RECOGNISER();
    pid_t pid = fork();
    if (pid == 0) {
        forbid_internet();
        _exit(socket(AF_INET, SOCK_STREAM, 0) >= 0);
    }
    int code = exit_of(pid);
    if (code == 125) {
        printf("skipped: this system has no seccomp\n");
        return;
    }
    CHECK_INT(code, -SIGSYS); /* the filter works */
    (void)program_file("tools.db");
    pid = fork();
    if (pid == 0) {
        const char *argv[] = {"sotto",        "talk",                   "-q",   "--mute",
                              "--tools-file", program_file("tools.db"), "--in", QUESTION, NULL};
        forbid_internet();
        (void)execv(getenv("SOTTO_PROGRAM"), (char *const *)(uintptr_t)argv);
        _exit(126);
    }
    CHECK_INT(exit_of(pid), 0);
}
#endif

TEST_MAIN()
