/* How long a spoken question waits for its answer: from the true end of speech in the sound to the first sample that is
 * played, fed at the pace of a clock. Beside it, in the same run and in alternation, the same pipeline step after step.
 *
 *   bench_latency [-m MODEL] [-n ROUNDS] [-v VOICE] [-f WORDS]
 *
 * -f forces every answer to be this text (models with random weights have nothing to say), tool calls left out. */
#include "os/os.h"
#include "voice/scene.h"

enum { WAYS = 2, STAGES = 6, ROUNDS_MAX = 200 };

static const char *const ways[WAYS] = {"streamed", "step by step"};
static const char *const stages[STAGES] = {"end-point", "recognition", "prefill", "first clause", "synthesis", "all"};
static const char *const questions[] = {
    "Set a timer for five minutes.",   "What time is it?",          "Add milk to the shopping list.",
    "What is on the shopping list?",   "Flip a coin.",              "How much is twelve times seven?",
    "Convert ten miles to kilometers.", "What is the date today?",  "Roll two dice.",
    "Set the volume to fifty percent.", "Which timers are running?", "Cancel the timer."};

typedef struct way {
    sotto_session *session;
    sotto_dialog  *dialog;
    sotto_voice   *voice;
    double         ms[STAGES][ROUNDS_MAX];
    int            n, n_held;
    double         saved;
} way;

static sotto_model  *model;
static sotto_grammar *forced;
static way           all[WAYS];
static double        audio_at, done;
static sotto_voice_latency latency;

static void on_event(void *user, const sotto_voice_event *e) {
    (void)user;
    if (e->type == SOTTO_VOICE_AUDIO_START) audio_at = e->t_ms;
    if (e->type == SOTTO_VOICE_DONE) latency = *e->latency, done = 1;
    if (e->type == SOTTO_VOICE_FAILED) printf("failed: %s\n", e->text);
}

static void open_way(way *w, bool step_by_step, const char *voice) {
    static sotto_generate_options g;
    sotto_error                   err;
    sotto_dialog_options          d = sotto_dialog_options_default();
    sotto_voice_options           v = sotto_voice_options_default();
    sotto_session_options         s = sotto_session_options_default();
    sotto_toolbox                *box;
    sotto_toolbox_options         t = sotto_toolbox_options_default();
    t.path = ":memory:";
    g = sotto_generate_options_default();
    g.slide = true;
    g.grammar = forced;
    d.generate = &g;
    CHECK_OK(sotto_toolbox_open(&box, &t, &err), err);
    if (!forced) d.tools = sotto_tools_schema(), d.toolbox = v.toolbox = box;
    CHECK_OK(sotto_session_open(&w->session, model, &s, &err), err);
    CHECK_OK(sotto_dialog_open(&w->dialog, w->session, &d, &err), err);
    v.dialog = w->dialog;
    v.event = on_event;
    v.voice = voice;
    v.step_by_step = step_by_step;
    CHECK_OK(sotto_voice_open(&w->voice, &v, &err), err);
    if (!w->voice) exit(1);
}

static void frame(way *w, const int16_t *pcm, uint64_t at_ns) {
    sotto_error err;
    int16_t     out[480];
    sotto_sleep_until_ns(at_ns);
    CHECK_OK(sotto_voice_feed(w->voice, pcm, NULL, &err), err);
    (void)sotto_voice_read(w->voice, out, (size_t)sotto_voice_rate(w->voice) / 100);
}

/* One question. */
static void ask(way *w, const char *text) {
    static const int16_t zeros[SOTTO_VOICE_FRAME];
    sound                said = {0};
    size_t               end = 0, n;
    sound_silence(&said, 600);
    sound_say(&said, "flite:rms", text, NULL, &end);
    n = sound_length(&said) / SOTTO_VOICE_FRAME;
    uint64_t start = sotto_time_ns();
    double   ended = 0;
    audio_at = -1, done = 0;
    for (size_t i = 0; i < n + 3000 && !done; i++) {
        frame(w, i < n ? sound_samples(&said) + i * SOTTO_VOICE_FRAME : zeros, start + i * 10000000);
        if (i == end / SOTTO_VOICE_FRAME) ended = (double)(sotto_time_ns() - start) / 1e6;
        if (audio_at >= 0 && ended > 0 && audio_at < 1e12) {
            double first = (double)(sotto_time_ns() - start) / 1e6 - (double)end / 16;
            if (w->n < ROUNDS_MAX) w->ms[STAGES - 1][w->n] = first;
            audio_at = 1e13;
        }
    }
    if (done && audio_at >= 0 && w->n < ROUNDS_MAX) {
        double begun = latency.held ? latency.speculated : latency.recognized;
        w->ms[0][w->n] = latency.committed;
        w->ms[1][w->n] = latency.recognized - latency.committed;
        w->ms[2][w->n] = SOTTO_MAX(latency.prefilled - begun, 0);
        w->ms[3][w->n] = SOTTO_MAX(latency.first_text - latency.prefilled, 0);
        w->ms[4][w->n] = SOTTO_MAX(latency.first_audio - latency.first_text, 0);
        w->n_held += latency.held;
        w->saved += latency.saved;
        w->n++;
    }
    sotto_buf_free(&said.pcm);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(double *v, int n, double share) {
    qsort(v, (size_t)n, sizeof *v, ascending);
    return n ? v[SOTTO_MIN((int)(share * n), n - 1)] : 0;
}

static void report(void) {
    printf("%-14s", "ms");
    for (int k = 0; k < STAGES; k++) printf(" %18s", stages[k]);
    printf("\n");
    double median[WAYS];
    for (int i = 0; i < WAYS; i++) {
        printf("%-14s", ways[i]);
        for (int k = 0; k < STAGES; k++) {
            double m = percentile(all[i].ms[k], all[i].n, 0.5), p = percentile(all[i].ms[k], all[i].n, 0.95);
            printf("   %6.0f (95 %%: %4.0f)", m, p);
            median[i] = m; /* the last stage is all */
        }
        printf("  n=%d\n", all[i].n);
    }
    printf("begun early and held: %d of %d, %.0f ms saved on average\n", all[0].n_held, all[0].n,
           all[0].n ? all[0].saved / all[0].n : 0);
    printf("step by step takes %.2f times as long\n", median[0] > 0 ? median[1] / median[0] : 0);
}

static void force(const char *words) {
    sotto_error err;
    sotto_buf   gbnf = {0};
    (void)sotto_buf_printf(&gbnf, "root ::= \"%s\"", words);
    CHECK_OK(sotto_grammar_open(&forced, gbnf.data, gbnf.len, &err), err);
    sotto_buf_free(&gbnf);
}

static const char *path = SCENE_MODEL, *voice;
static int         rounds = 12;

TEST(latency) {
    sotto_error         err;
    sotto_model_options m = sotto_model_options_default();
    if (forced) m.chat_format = "gemma"; /* such files have none of their own */
    CHECK_OK(sotto_model_open(&model, path, &m, &err), err);
    if (!model) return;
    for (int i = 0; i < WAYS; i++) open_way(&all[i], i == 1, voice);
    for (int k = 0; k < rounds; k++)
        for (int i = 0; i < WAYS; i++) {
            ask(&all[i], questions[k % (int)SOTTO_COUNT(questions)]);
            sotto_dialog_cut(all[i].dialog, 0);
        }
    report();
}

int main(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "-m") == 0) path = argv[i + 1];
        if (strcmp(argv[i], "-n") == 0) rounds = atoi(argv[i + 1]);
        if (strcmp(argv[i], "-v") == 0) voice = argv[i + 1];
        if (strcmp(argv[i], "-f") == 0) force(argv[i + 1]);
    }
    return test_main(1, argv);
}
