/* sotto bench: how fast a model is read (prefill) and written (decode), beside what this machine can do.
 *
 * A test: the session is brought to its depth (not timed), then `tokens` tokens are computed together
 * (prefill) or one by one (decode). It is run once to warm up and then --repeat times. Before and after each
 * run the machine's ceilings are measured and the medians taken, because clock speeds and neighbours change. */
#include "cli/bench.h"

#include <stdlib.h>

typedef struct bench {
    const sotto_cli_settings *s;
    const char        *path;
    sotto_bench_model  model;
    sotto_cli_engine   e;
    sotto_model_info   info;
    int32_t           *ids;      /* [depth + tokens of the longest test] */
    sotto_bench_report report;
    sotto_error        err;
} bench;

enum { default_prefill = 512, default_decode = 128 }; /* or what the model's context has room for */
static const int32_t default_depth[] = {0}, default_threads[] = {0};

static sotto_cli_list list_or(sotto_cli_list given, const int32_t *otherwise) {
    return given.n ? given : (sotto_cli_list){otherwise, 1};
}

static int32_t largest(sotto_cli_list list) {
    int32_t most = 0;
    for (size_t i = 0; i < list.n; i++)
        if (list.item[i] > most) most = list.item[i];
    return most;
}

/* ---- a test -------------------------------------------------------------------------------------------- */

static sotto_status go_to_depth(bench *b, int32_t depth) {
    if (depth == 0) return sotto_session_rewind(b->e.session, 0, &b->err);
    return sotto_session_sync(b->e.session, b->ids, (size_t)depth, &b->err);
}

static sotto_status run_once(bench *b, const sotto_bench_result *t, double *tokens_per_s) {
    SOTTO_TRY(go_to_depth(b, t->depth));
    const int32_t *ids = b->ids + t->depth;
    uint64_t       start = sotto_time_ns();
    if (!t->decode) SOTTO_TRY(sotto_session_append(b->e.session, ids, (size_t)t->tokens, &b->err));
    for (int32_t i = 0; i < t->tokens && t->decode; i++)
        SOTTO_TRY(sotto_session_append(b->e.session, ids + i, 1, &b->err));
    *tokens_per_s = (double)t->tokens * 1e9 / (double)(sotto_time_ns() - start);
    return SOTTO_OK;
}

/* The runs, and around each of them what the machine can do in these seconds. */
static sotto_status run_and_measure(bench *b, const sotto_bench_result *t, double *speed, sotto_ceiling *around) {
    char               label[64];
    sotto_cli_progress progress;
    (void)snprintf(label, sizeof label, "%s %d @ %d", t->decode ? "decode" : "prefill", t->tokens, t->depth);
    sotto_cli_progress_begin(&progress, b->s, label, "runs");
    sotto_status status = run_once(b, t, &speed[0]); /* to warm up */
    if (!status) status = sotto_ceiling_measure(b->e.model, &around[0], &b->err);
    for (int32_t i = 0; i < t->repeats && !status; i++) {
        status = run_once(b, t, &speed[i]);
        if (!status) status = sotto_ceiling_measure(b->e.model, &around[i + 1], &b->err);
        if (!sotto_cli_progress_step(&progress, (uint64_t)i + 1, (uint64_t)t->repeats) && !status)
            status = sotto_fail(&b->err, SOTTO_CANCELLED, "interrupted");
    }
    sotto_cli_progress_end(&progress);
    return status;
}

/* The arithmetic that prompts are bound by: f16, and "fp16" of a package, is multiplied in f32. */
static double peak_of(const char *type, const sotto_ceiling *c) {
    return type[0] == 'b' ? c->bf16_gmacs : type[0] == 'f' ? c->float_gmacs : c->int8_gmacs;
}

static sotto_status run_test(bench *b, sotto_bench_result *t) {
    double              speed[SOTTO_BENCH_REPEATS_MAX];
    sotto_ceiling       around[SOTTO_BENCH_REPEATS_MAX + 1];
    sotto_bench_ceiling machine;
    SOTTO_TRY(run_and_measure(b, t, speed, around));
    t->speed = sotto_bench_range_of(speed, (size_t)t->repeats);
    sotto_bench_ceiling_of(&machine, around, (size_t)t->repeats + 1);
    t->machine = (sotto_ceiling){machine.read.median, machine.int8.median, machine.f32.median, machine.bf16.median};
    if (t->decode) {
        uint64_t cache = sotto_session_cache_read_bytes(b->e.session, t->depth + t->tokens / 2); /* halfway */
        t->bytes_per_token = (double)(b->info.decode_bytes + cache);
        t->rate = t->bytes_per_token * t->speed.median / 1e9;
        t->ceiling = t->machine.read_gbps;
    } else {
        t->rate = (double)b->info.prefill_macs * t->speed.median / 1e9;
        t->ceiling = peak_of(b->model.type, &t->machine);
    }
    return SOTTO_OK;
}

static int run_tests(bench *b, bool decode, sotto_cli_list lengths, sotto_cli_list depths) {
    for (size_t d = 0; d < depths.n; d++)
        for (size_t i = 0; i < lengths.n; i++) {
            sotto_bench_result t = {.decode = decode, .tokens = lengths.item[i], .depth = depths.item[d],
                                    .threads = b->info.threads, .repeats = b->s->repeat};
            if (t.tokens == 0) continue;
            if (run_test(b, &t)) return sotto_cli_fail(&b->err);
            int code = sotto_bench_report_add(&b->report, &t);
            if (code) return code;
        }
    return SOTTO_EXIT_OK;
}

/* ---- the model ----------------------------------------------------------------------------------------- */

int sotto_bench_look(const char *path, sotto_bench_model *out) {
    sotto_error err;
    sotto_bytes text = {0};
    if (sotto_inspect(path, &text, &err)) return sotto_cli_fail(&err);
    json_t     *doc = json_loadb(text.data, text.n, 0, NULL), *type;
    const char *name;
    double      most = 0;
    *out = (sotto_bench_model){0};
    out->context = (int32_t)json_integer_value(json_object_get(json_object_get(doc, "config"), "context_length"));
    json_object_foreach(json_object_get(doc, "types"), name, type) {
        double bytes = json_number_value(json_object_get(type, "bytes"));
        if (bytes <= most) continue;
        most = bytes;
        (void)snprintf(out->type, sizeof out->type, "%s", name);
    }
    json_decref(doc);
    sotto_bytes_free(&text);
    return SOTTO_EXIT_OK;
}


/* Tokens from all over the vocabulary, the same ones every time. */
static int make_ids(bench *b, int32_t n) {
    uint32_t state = 1;
    b->ids = calloc((size_t)n + 1, sizeof *b->ids);
    if (!b->ids) return sotto_cli_fail_memory();
    for (int32_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        b->ids[i] = (int32_t)(((uint64_t)state * (uint64_t)b->info.n_vocab) >> 32);
    }
    return SOTTO_EXIT_OK;
}

static int run_with_threads(bench *b, int32_t threads) {
    const sotto_cli_settings *s = b->s;
    const int32_t             most_prefill = SOTTO_MIN(default_prefill, b->model.context);
    const int32_t             most_decode = SOTTO_MIN(default_decode, b->model.context);
    sotto_cli_list            prefill = list_or(s->prefill, &most_prefill);
    sotto_cli_list            decode = list_or(s->decode, &most_decode);
    sotto_cli_list            depth = list_or(s->depth, default_depth);
    int32_t                   longest = SOTTO_MAX(largest(prefill), largest(decode));
    sotto_cli_settings        with = *s;
    with.model = b->path;
    with.threads = threads;
    with.context = SOTTO_MAX(largest(depth) + longest, 1);
    with.quiet = true; /* the budget of a benchmark's session says nothing about a conversation's */
    int code = sotto_cli_engine_open(&b->e, &with);
    if (code) return code;
    sotto_model_get_info(b->e.model, &b->info);
    code = make_ids(b, with.context);
    if (!code) code = run_tests(b, false, prefill, depth);
    if (!code) code = run_tests(b, true, decode, depth);
    free(b->ids);
    b->ids = NULL;
    return code;
}

static int bench_model(const sotto_cli_settings *s, const char *path) {
    bench          b = {.s = s, .path = path};
    sotto_cli_list threads = list_or(s->threads_list, default_threads);
    int            code = sotto_bench_look(path, &b.model);
    if (!code) code = sotto_bench_report_begin(&b.report, s);
    for (size_t i = 0; i < threads.n && !code; i++) {
        sotto_cli_engine_close(&b.e);
        code = run_with_threads(&b, threads.item[i]);
    }
    if (!code) code = sotto_bench_report_end(&b.report, path, &b.info);
    json_decref(b.report.tests);
    sotto_cli_engine_close(&b.e);
    return code;
}

/* ---- synthetic models ---------------------------------------------------------------------------------- */

/* Where a synthetic model is kept, e.g. ~/.cache/sotto/synthetic/gemma-2b-q4_0-q6_k.gguf; free() it. */
static char *synthetic_path(const sotto_cli_settings *s, const char *type) {
    char *cache = sotto_path_user_folder(SOTTO_FOLDER_CACHE),
         *folder = cache ? sotto_path_join(cache, "synthetic") : NULL;
    char  name[128], *path = NULL;
    (void)snprintf(name, sizeof name, "%s-%s%s%s.gguf", s->synthetic, type, s->head ? "-" : "",
                   s->head ? s->head : "");
    if (folder && sotto_path_make_folder(folder, NULL) == SOTTO_OK) path = sotto_path_join(folder, name);
    free(cache);
    free(folder);
    return path;
}

static const char *shape_at(const void *list, size_t i) {
    (void)list;
    return sotto_synthetic_shape_at(i);
}

static int check_shape(const sotto_cli_settings *s) {
    for (size_t i = 0; sotto_synthetic_shape_at(i); i++)
        if (strcmp(sotto_synthetic_shape_at(i), s->synthetic) == 0) return SOTTO_EXIT_OK;
    const char *near = sotto_cli_nearest(s->synthetic, shape_at, NULL);
    return sotto_cli_usage(s->verb, "--synthetic: \"%.60s\" is no known shape%s%s%s", s->synthetic,
                           near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

static int write_synthetic(const sotto_cli_settings *s, const char *path, const char *type) {
    sotto_error           err;
    sotto_cli_progress    progress;
    sotto_convert_options o = sotto_convert_options_default();
    o.type = type;
    o.head = s->head;
    o.progress = sotto_cli_progress_step;
    o.progress_user = &progress;
    sotto_cli_note(s, "writing %s", path);
    sotto_cli_progress_begin(&progress, s, s->synthetic, "B");
    sotto_status status = sotto_synthetic_write(s->synthetic, path, &o, &err);
    sotto_cli_progress_end(&progress);
    return status ? sotto_cli_fail(&err) : SOTTO_EXIT_OK;
}

int sotto_bench_synthetic(const sotto_cli_settings *s, const char *type, char **path) {
    int code = check_shape(s);
    if (code) return code;
    if ((*path = synthetic_path(s, type)))
        return sotto_path_kind_of(*path) == SOTTO_PATH_NONE ? write_synthetic(s, *path, type) : SOTTO_EXIT_OK;
    sotto_cli_error("--synthetic: no cache folder: set HOME or XDG_CACHE_HOME to a folder that can be written");
    return SOTTO_EXIT_FAILURE;
}

int sotto_cmd_bench(const sotto_cli_settings *s) {
    if (s->json && s->csv) return sotto_cli_usage(s->verb, "--json and --csv: choose one");
    if (!s->synthetic)
        return s->model ? bench_model(s, s->model)
                        : sotto_cli_usage(s->verb, "no model given: -m FILE or folder, or --synthetic SHAPE");
    char *path = NULL;
    int   code = sotto_bench_synthetic(s, s->type ? s->type : "q4_0", &path);
    if (!code) code = bench_model(s, path);
    free(path);
    return code;
}
