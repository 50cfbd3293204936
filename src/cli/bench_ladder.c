/* sotto bench ladder: what each step is worth from a model that computes everything anew for every token to this
 * engine. The steps are those that Apple published for Llama 3.1 8B on an M1 Max (machinelearning.apple.com/research/
 * core-ml-on-device-llama, November 2024), made here of variants of the same forward pass.
 *
 * A step is timed like there: a short prompt, then token after token, in a context of a given length. Without a cache
 * the whole context is computed for each token, which takes minutes where it is long: there one token is timed, which
 * is also the first, and what a step is going to take is foretold from a shorter context. */
#include "cli/bench.h"

#include <math.h>
#include <stdlib.h>

typedef struct rung {
    const char   *name, *key;
    sotto_variant variant;
    const char   *type; /* of the weights: one of the two files */
    double        apple[7]; /* tokens/s at apple_contexts */
} rung;

static const int32_t apple_contexts[] = {128, 256, 512, 1024, 2048, 4096, 8192};
static const rung    rungs[SOTTO_LADDER_RUNGS] = {
    {"no cache, padded", "no_cache", SOTTO_VARIANT_NO_CACHE, "bf16", {3.23, 1.67, 0.8, 0.39, 0.19, 0.09, 0.01}},
    {"cache copied in and out", "copied_cache", SOTTO_VARIANT_COPIED_CACHE, "bf16",
     {14.69, 13.07, 10.92, 8.36, 1.25, 0.17, 0.1}},
    {"stateful cache", "stateful_cache", SOTTO_VARIANT_PLAIN_ATTENTION, "bf16",
     {17.89, 17.61, 17.59, 17.41, 16.26, 14.78, 12.31}},
    {"+ int4 blocks", "int4_blocks", SOTTO_VARIANT_PLAIN_ATTENTION, "q4_0",
     {39.44, 39.19, 38.07, 37.58, 33.67, 29.39, 21.46}},
    {"+ fused attention", "fused_attention", SOTTO_VARIANT_NONE, "q4_0", {0}},
};

enum { TOKENS_DEFAULT = 8 };
static const int32_t default_contexts[] = {128, 512, 2048};

const char *sotto_bench_rung_name(int i) { return rungs[i].name; }

double sotto_bench_apple(int i, int32_t context) {
    for (size_t c = 0; c < SOTTO_COUNT(apple_contexts); c++)
        if (apple_contexts[c] == context) return rungs[i].apple[c];
    return 0;
}

/* ---- files --------------------------------------------------------------------------------------------- */

/* The model in both types of weights. */
typedef struct file {
    const char *type;
    char       *path;
    bool        made; /* it is removed afterwards */
} file;

static int convert(const sotto_cli_settings *s, file *f) {
    sotto_error           err;
    sotto_cli_progress    progress;
    sotto_convert_options o = sotto_convert_options_default();
    char                  name[64], *cache = sotto_path_user_folder(SOTTO_FOLDER_CACHE);
    (void)snprintf(name, sizeof name, "ladder-%llu-%s.gguf", (unsigned long long)sotto_time_ns(), f->type);
    f->path = cache && sotto_path_make_folder(cache, NULL) == SOTTO_OK ? sotto_path_join(cache, name) : NULL;
    free(cache);
    if (!f->path) {
        sotto_cli_error("no cache folder: set HOME or XDG_CACHE_HOME to a folder that can be written");
        return SOTTO_EXIT_FAILURE;
    }
    f->made = true;
    o.type = f->type;
    o.progress = sotto_cli_progress_step;
    o.progress_user = &progress;
    sotto_cli_note(s, "converting to %s for the time of the measurement", f->type);
    sotto_cli_progress_begin(&progress, s, f->type, "B");
    sotto_status status = sotto_convert(s->model, f->path, &o, &err);
    sotto_cli_progress_end(&progress);
    return status ? sotto_cli_fail(&err) : SOTTO_EXIT_OK;
}

static int find_file(const sotto_cli_settings *s, file *f) {
    sotto_bench_model look;
    if (s->synthetic) return sotto_bench_synthetic(s, f->type, &f->path);
    int code = sotto_bench_look(s->model, &look);
    if (code) return code;
    if (strcmp(look.type, f->type) != 0) return convert(s, f);
    size_t n = strlen(s->model) + 1;
    if (!(f->path = malloc(n))) return sotto_cli_fail_memory();
    memcpy(f->path, s->model, n);
    return SOTTO_EXIT_OK;
}

static void close_file(file *f) {
    if (f->made) (void)remove(f->path);
    free(f->path);
}

/* ---- a step -------------------------------------------------------------------------------------------- */

static double seconds_since(uint64_t start) { return (double)(sotto_time_ns() - start) / 1e9; }

static bool go_on(void *user, uint64_t done, uint64_t total) {
    (void)user, (void)done, (void)total;
    return sotto_signals_interrupts() == 0;
}

/* Weights come into memory, and threads wake up. */
static sotto_status warm_up(sotto_model *m, const int32_t *ids, sotto_error *err) {
    sotto_session_options o = {.context = 16, .progress = go_on};
    sotto_session        *s;
    SOTTO_TRY(sotto_session_open(&s, m, &o, err));
    sotto_status status = sotto_session_sync(s, ids, 8, err);
    sotto_session_close(s);
    return status;
}

/* The median of the tokens' times, as a neighbour may disturb one of them. */
static sotto_status time_tokens(sotto_session *s, const int32_t *ids, int32_t n, sotto_bench_step *out,
                                sotto_error *err) {
    double *seconds = calloc((size_t)n, sizeof *seconds);
    if (!seconds) return sotto_fail(err, SOTTO_NO_MEMORY, "out of memory for %d times", n);
    sotto_status status = SOTTO_OK;
    for (int32_t i = 0; i < n && !status; i++) {
        uint64_t start = sotto_time_ns();
        status = sotto_session_append(s, ids + i, 1, err);
        seconds[i] = seconds_since(start);
    }
    if (!status) {
        out->tokens_per_s = 1 / sotto_bench_range_of(seconds, (size_t)n).median;
        out->n_tokens = n;
    }
    free(seconds);
    return status;
}

static sotto_status run_step(sotto_model *m, const rung *r, const int32_t *ids, int32_t context, int32_t n,
                             sotto_bench_step *out, sotto_error *err) {
    sotto_session_options o = {.context = context, .variant = r->variant, .progress = go_on};
    sotto_session        *s;
    SOTTO_TRY(warm_up(m, ids, err));
    SOTTO_TRY(sotto_session_open(&s, m, &o, err));
    uint64_t     start = sotto_time_ns();
    sotto_status status = sotto_session_sync(s, ids, (size_t)out->prompt, err);
    double       first = seconds_since(start);
    out->first_ms = first * 1000;
    if (r->variant == SOTTO_VARIANT_NO_CACHE) { /* the next token would be computed just so */
        out->tokens_per_s = 1 / first;
        out->n_tokens = 1;
    } else if (!status) {
        status = time_tokens(s, ids + out->prompt, n, out, err);
    }
    sotto_session_close(s);
    return status;
}

/* What the step that was measured last on a rung took. */
typedef struct pace {
    int32_t tokens; /* that were computed; 0: nothing was measured */
    double  seconds;
} pace;

static int32_t tokens_of(const rung *r, int32_t context, int32_t prompt, int32_t n) {
    return r->variant == SOTTO_VARIANT_NO_CACHE ? context : prompt + n;
}

/* Attention grows faster than the tokens. 0: nothing is known. */
static double foretell(pace p, int32_t tokens) {
    return p.tokens ? p.seconds * pow((double)tokens / (double)p.tokens, 1.1) : 0;
}

typedef struct ladder {
    sotto_writer             *picture; /* NULL: none is wanted */
    const sotto_cli_settings *s;
    sotto_bench_ladder        table;
    pace                      paces[SOTTO_LADDER_RUNGS];
    int32_t                   model_context;
    file                      files[2];
} ladder;

/* Why a step is not measured, in out->why; false: it is. */
static bool leave_out(const ladder *l, int i, int32_t context, int32_t n, sotto_bench_step *out) {
    double expected = foretell(l->paces[i], tokens_of(&rungs[i], context, out->prompt, n));
    if (context > l->model_context)
        (void)snprintf(out->why, sizeof out->why, "the model's context is %d tokens", l->model_context);
    else if (out->prompt < 1 || out->prompt + n > context)
        (void)snprintf(out->why, sizeof out->why, "a prompt of %d tokens and %d more do not fit", out->prompt, n);
    else if (expected > l->s->limit)
        (void)snprintf(out->why, sizeof out->why, "left out: about %.0f s, --limit is %d", expected, l->s->limit);
    return *out->why;
}

static int climb(ladder *l, size_t c, int i) {
    const sotto_cli_settings *s = l->s;
    const rung               *r = &rungs[i];
    sotto_bench_step         *out = &l->table.step[c][i];
    int32_t                   context = l->table.contexts[c], n = s->max_tokens > 0 ? s->max_tokens : TOKENS_DEFAULT;
    *out = (sotto_bench_step){.prompt = s->prompt_tokens ? s->prompt_tokens : context - n};
    if (leave_out(l, i, context, n, out)) return SOTTO_EXIT_OK;
    sotto_cli_settings with = *s;
    sotto_cli_engine   e = {0};
    sotto_error        err;
    with.model = l->files[strcmp(r->type, l->files[0].type) != 0].path;
    int code = sotto_cli_model_open(&e, &with);
    if (code) return code;
    sotto_model_info info;
    sotto_model_get_info(e.model, &info);
    l->table.threads = info.threads;
    int32_t *ids = calloc((size_t)context, sizeof *ids);
    for (int32_t k = 0; ids && k < context; k++) ids[k] = (int32_t)((int64_t)k * 7919 % info.n_vocab);
    uint64_t start = sotto_time_ns();
    if (!ids) code = sotto_cli_fail_memory();
    else if (run_step(e.model, r, ids, context, n, out, &err)) code = sotto_cli_fail(&err);
    l->paces[i] = (pace){tokens_of(r, context, out->prompt, n), seconds_since(start)};
    free(ids);
    sotto_cli_engine_close(&e);
    return code;
}

/* ---- reports ------------------------------------------------------------------------------------------- */

/* How many times a figure is the one that stands before it; 0: one of them is not there. */
static double ratio(double of, double by) { return of > 0 && by > 0 ? of / by : 0; }

/* Three digits, and no exponent. */
static const char *figure(double x, char out[24]) {
    (void)snprintf(out, 24, x < 9.995 ? "%.2f" : x < 99.95 ? "%.1f" : "%.0f", x);
    return out;
}

static void print_times(double times) {
    char text[24] = "";
    (void)printf(" %7s%c", times > 0 ? figure(times, text) : "", times > 0 ? 'x' : ' ');
}

static void print_step(const ladder *l, size_t c, int i) {
    const sotto_bench_step *row = l->table.step[c], *t = &row[i];
    int32_t                 context = l->table.contexts[c];
    double                  apple = sotto_bench_apple(i, context);
    char                    text[24];
    if (l->s->csv) {
        (void)printf("%d,%s,%s,%d,%d,%.6g,%.6g,%.6g,\"%s\"\n", context, rungs[i].key, rungs[i].type, t->prompt,
                     t->n_tokens, t->tokens_per_s, t->first_ms, apple, t->why);
    } else {
        (void)printf("%7d  %-24s %-5s", context, rungs[i].name, rungs[i].type);
        if (t->n_tokens) {
            (void)printf(" %10s", figure(t->tokens_per_s, text));
            (void)printf(" %10s", figure(t->first_ms, text));
            print_times(i ? ratio(t->tokens_per_s, row[i - 1].tokens_per_s) : 0);
            print_times(i ? ratio(t->tokens_per_s, row[0].tokens_per_s) : 0);
        } else {
            (void)printf(" %-39s", t->why);
        }
        if (apple > 0) {
            (void)printf(" %9s", figure(apple, text));
            print_times(i ? ratio(apple, sotto_bench_apple(i - 1, context)) : 0);
            print_times(i ? ratio(apple, sotto_bench_apple(0, context)) : 0);
        }
        (void)putchar('\n');
    }
    (void)fflush(stdout);
}

static void print_heading(const sotto_cli_settings *s) {
    if (s->csv)
        (void)puts("context,rung,weights,prompt_tokens,tokens_timed,tokens_per_s,first_token_ms,apple_tokens_per_s,"
                   "skipped");
    else if (!s->json)
        (void)printf("%7s  %-24s %-5s %10s %10s %8s %8s %9s %8s %8s\n", "context", "", "", "tokens/s", "first, ms",
                     "step", "all", "Apple's", "step", "all");
}

static json_t *step_json(const sotto_bench_ladder *l, size_t c, int i) {
    const sotto_bench_step *t = &l->step[c][i];
    double                  apple = sotto_bench_apple(i, l->contexts[c]);
    json_t *one = json_pack("{s:i, s:s, s:s, s:i, s:i}", "context", l->contexts[c], "rung", rungs[i].key, "weights",
                            rungs[i].type, "prompt_tokens", t->prompt, "tokens_timed", t->n_tokens);
    int     rc = one ? 0 : -1;
    if (!rc && t->n_tokens)
        rc = json_object_update_new(one, json_pack("{s:f, s:f}", "tokens_per_s", t->tokens_per_s, "first_token_ms",
                                                   t->first_ms));
    if (!rc && !t->n_tokens) rc = json_object_set_new(one, "skipped", json_string(t->why));
    if (!rc && apple > 0) rc = json_object_set_new(one, "apple_tokens_per_s", json_real(apple));
    if (!rc) return one;
    json_decref(one);
    return NULL;
}

static int print_json(const ladder *l) {
    json_t *steps = json_array();
    int     rc = steps ? 0 : -1;
    for (size_t c = 0; c < l->table.n_contexts; c++)
        for (int i = 0; i < SOTTO_LADDER_RUNGS && !rc; i++)
            rc = json_array_append_new(steps, step_json(&l->table, c, i));
    if (rc) {
        json_decref(steps);
        return sotto_cli_fail_memory();
    }
    return sotto_cli_print_json(json_pack("{s:o, s:o, s:i, s:o}", "machine", sotto_bench_machine_json(l->s->cpu),
                                          "model", sotto_cli_json_text(l->table.model, strlen(l->table.model)),
                                          "threads", l->table.threads, "steps", steps));
}

static int draw(ladder *l) {
    sotto_buf   svg = {0};
    sotto_error err = {0};
    if (!l->picture) return SOTTO_EXIT_OK;
    sotto_status status = sotto_bench_plot(&l->table, &svg) ? SOTTO_OK : sotto_fail_memory(&err, "a picture");
    if (!status) status = sotto_writer_write(l->picture, svg.data, svg.len, &err);
    if (!status) status = sotto_writer_commit(l->picture, &err), l->picture = NULL;
    sotto_buf_free(&svg);
    return status ? sotto_cli_fail(&err) : SOTTO_EXIT_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static int begin(ladder *l) {
    const sotto_cli_settings *s = l->s;
    sotto_cli_list contexts = s->contexts.n ? s->contexts
                                            : (sotto_cli_list){default_contexts, SOTTO_COUNT(default_contexts)};
    sotto_bench_model look;
    if (s->json && s->csv) return sotto_cli_usage(s->verb, "--json and --csv: choose one");
    if (!s->synthetic && !s->model)
        return sotto_cli_usage(s->verb, "no model given: -m FILE or folder, or --synthetic SHAPE");
    if (contexts.n > SOTTO_LADDER_CONTEXTS_MAX)
        return sotto_cli_usage(s->verb, "--contexts: at most %d of them", (int)SOTTO_LADDER_CONTEXTS_MAX);
    for (size_t i = 1; i < contexts.n; i++)
        if (contexts.item[i] <= contexts.item[i - 1])
            return sotto_cli_usage(s->verb, "--contexts: from the shortest to the longest");
    memcpy(l->table.contexts, contexts.item, contexts.n * sizeof *contexts.item);
    l->table.n_contexts = contexts.n;
    l->table.model = s->synthetic ? s->synthetic : s->model;
    int code = find_file(s, &l->files[0]);
    if (!code) code = find_file(s, &l->files[1]);
    if (!code) code = sotto_bench_look(l->files[0].path, &look);
    if (!code) l->model_context = look.context;
    sotto_error err = {0}; /* a place that cannot be written to is told before minutes of measuring */
    if (!code && s->output && sotto_writer_open(&l->picture, s->output, &err)) code = sotto_cli_fail(&err);
    return code;
}

int sotto_cmd_bench_ladder(const sotto_cli_settings *s) {
    ladder l = {.s = s, .files = {{.type = "bf16"}, {.type = "q4_0"}}};
    int    code = begin(&l);
    if (!code) print_heading(s);
    for (size_t c = 0; c < l.table.n_contexts && !code; c++)
        for (int i = 0; i < SOTTO_LADDER_RUNGS && !code; i++) {
            code = climb(&l, c, i);
            if (!code && !s->json) print_step(&l, c, i);
        }
    if (!code && s->json) code = print_json(&l);
    if (!code) code = draw(&l);
    sotto_writer_close(l.picture);
    close_file(&l.files[0]);
    close_file(&l.files[1]);
    return code;
}
