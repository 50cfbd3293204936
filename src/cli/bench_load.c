/* sotto bench load: how long until a model says something, and how much memory it takes.
 *
 * "warm" and "cold" are from the start of a process to the first token of a prompt of one: this program starts itself
 * as `sotto run` would be. Cold: the file has been taken out of the system's cache, which is looked at; beside it a
 * plain reading of the file, just as cold, which is what the disk allows. "Second turn" is what a conversation waits
 * for: the tokens of a short question on top of what is in the cache, in this process, whose peak memory is then told
 * apart into the file, the cache of the context, and what is beyond them. */
#include "cli/bench.h"

#include <stdlib.h>

enum { CACHED_TOKENS = 543, NEW_TOKENS = 33, READ_BYTES = 1 << 20 };

enum { WARM, WARM_LOAD, COLD, COLD_READ, SECOND, N_FIGURES };
static const struct {
    const char *key, *name;
} figures[N_FIGURES] = {{"warm_first_token_ms", "warm: from the start to the first token"},
                        {"warm_load_ms", "  of it: opening the model"},
                        {"cold_first_token_ms", "cold: from the start to the first token"},
                        {"cold_read_ms", "  beside it: a plain reading of the file"},
                        {"second_turn_ms", "second turn: to the first token"}};

typedef struct load {
    const sotto_cli_settings *s;
    const char               *path, *prompt;
    double                    ms[N_FIGURES][SOTTO_BENCH_REPEATS_MAX];
    sotto_bench_range         range[N_FIGURES];
    bool                      no_cold;   /* the system has no way to make it cold, or the model is a folder */
    uint64_t                  file_bytes, cache_bytes, peak_bytes;
    uint64_t                  still_cached; /* of the file, when it should be cold */
    int32_t                   threads, cached, more; /* second turn: tokens */
    int32_t                   prompt_tokens;
} load;

static double ms_since(uint64_t start) { return (double)(sotto_time_ns() - start) / 1e6; }

/* ---- a process of its own ------------------------------------------------------------------------------ */

/* What the program printed; *ms: until it began to. */
static sotto_status run_program(const char *const *argv, sotto_buf *out, double *ms, int *exit_code, sotto_error *err) {
    sotto_process *p;
    char           part[4096];
    long           n;
    uint64_t       start = sotto_time_ns();
    sotto_buf_clear(out);
    SOTTO_TRY(sotto_process_start(&p, argv, NULL, 0, err));
    while ((n = sotto_process_read(p, part, sizeof part, 100)) != 0 && !sotto_signals_interrupts()) {
        if (n < 0) continue;
        if (out->len == 0) *ms = ms_since(start);
        sotto_buf_append(out, part, (size_t)n);
    }
    *exit_code = sotto_process_close(p, sotto_signals_interrupts() ? 0 : 10000);
    if (sotto_signals_interrupts()) return sotto_fail(err, SOTTO_CANCELLED, "interrupted");
    return out->failed ? sotto_fail_memory(err, "what a program printed") : SOTTO_OK;
}

/* One token of an answer to a prompt of one token: the one that prompts begin with, or a letter. */
static sotto_status first_token(load *l, int i, int figure, sotto_error *err) {
    char        threads[16], *program = sotto_path_program();
    sotto_buf   out = {0};
    int         exit_code = -1;
    const char *argv[24] = {program, "run", "-m", l->path, "--raw", "-p", l->prompt, "-n", "1", "--ignore-end",
                            "--temp", "0", "--json", "-q"};
    size_t      n = 14;
    if (!program) return sotto_fail(err, SOTTO_UNSUPPORTED, "this system does not say where the program lies");
    (void)snprintf(threads, sizeof threads, "%d", (int)l->s->threads);
    if (l->s->threads > 0) argv[n++] = "-t", argv[n++] = threads;
    if (l->s->cpu) argv[n++] = "--cpu", argv[n++] = l->s->cpu;
    if (l->s->no_mmap) argv[n++] = "--no-mmap";
    sotto_status status = run_program(argv, &out, &l->ms[figure][i], &exit_code, err);
    json_t      *doc = status ? NULL : json_loadb(out.data ? out.data : "", out.len, 0, NULL);
    json_t      *timings = json_object_get(doc, "timings"), *usage = json_object_get(doc, "usage");
    if (!status && exit_code == SOTTO_EXIT_USAGE && !*l->prompt) {
        l->prompt = "a";
        status = first_token(l, i, figure, err);
    } else if (!status && (exit_code != SOTTO_EXIT_OK || !timings)) {
        status = sotto_fail(err, SOTTO_IO, "%s: the program that was to load it failed: \"sotto run -m %s --raw -p a\" "
                                           "says why", l->path, l->path);
    } else if (!status) {
        if (figure == WARM) l->ms[WARM_LOAD][i] = json_number_value(json_object_get(timings, "load_ms"));
        l->prompt_tokens = (int32_t)json_integer_value(json_object_get(usage, "prompt_tokens"));
    }
    json_decref(doc);
    sotto_buf_free(&out);
    free(program);
    return status;
}

/* ---- cold ---------------------------------------------------------------------------------------------- */

static sotto_status make_cold(load *l, sotto_error *err) {
    uint64_t left;
    SOTTO_TRY(sotto_file_uncache(l->path, &left, err));
    l->still_cached = SOTTO_MAX(l->still_cached, left);
    return SOTTO_OK;
}

static sotto_status read_plainly(load *l, double *ms, sotto_error *err) {
    FILE    *f = fopen(l->path, "rb");
    char    *buffer = malloc(READ_BYTES);
    uint64_t start = sotto_time_ns(), n = 0;
    if (f && buffer) {
        (void)setvbuf(f, NULL, _IONBF, 0);
        for (size_t got; (got = fread(buffer, 1, READ_BYTES, f)) > 0; n += got) {}
        *ms = ms_since(start);
        l->file_bytes = n;
    }
    bool failed = !f || ferror(f);
    if (f) (void)fclose(f);
    free(buffer);
    if (failed) return sotto_fail(err, SOTTO_IO, "%s: cannot be read", l->path);
    return buffer ? SOTTO_OK : sotto_fail_memory(err, "reading a file");
}

/* The plain reading leaves the file warm, for the warm start. */
static sotto_status run_once(load *l, int i, sotto_error *err) {
    if (!l->no_cold) {
        SOTTO_TRY(make_cold(l, err));
        SOTTO_TRY(first_token(l, i, COLD, err));
        SOTTO_TRY(make_cold(l, err));
        SOTTO_TRY(read_plainly(l, &l->ms[COLD_READ][i], err));
    } else if (i == 0) {
        SOTTO_TRY(first_token(l, i, WARM, err));
    }
    return first_token(l, i, WARM, err);
}

/* Whether there is a way to measure cold starts, tried once. */
static void try_cold(load *l) {
    sotto_error err;
    uint64_t    left;
    l->no_cold = sotto_path_kind_of(l->path) != SOTTO_PATH_FILE || sotto_file_uncache(l->path, &left, &err);
    if (l->no_cold) sotto_cli_note(l->s, "%s: only a single file can be cold, and only on Linux", l->path);
}

static int run_programs(load *l) {
    sotto_error        err;
    sotto_cli_progress progress;
    sotto_status       status = SOTTO_OK;
    try_cold(l);
    sotto_cli_progress_begin(&progress, l->s, "loading", "runs");
    for (int32_t i = 0; i < l->s->repeat && !status; i++) {
        status = run_once(l, i, &err);
        if (!sotto_cli_progress_step(&progress, (uint64_t)i + 1, (uint64_t)l->s->repeat) && !status)
            status = sotto_fail(&err, SOTTO_CANCELLED, "interrupted");
    }
    sotto_cli_progress_end(&progress);
    if (!status && l->still_cached)
        sotto_cli_note(l->s, "%llu bytes of the file could not be taken out of the cache: \"cold\" is not quite that",
                       (unsigned long long)l->still_cached);
    return status ? sotto_cli_fail(&err) : SOTTO_EXIT_OK;
}

/* ---- the second turn ----------------------------------------------------------------------------------- */

static sotto_status second_turns(load *l, sotto_cli_engine *e, const int32_t *ids, sotto_error *err) {
    for (int32_t i = 0; i < l->s->repeat; i++) {
        SOTTO_TRY(sotto_session_sync(e->session, ids, (size_t)l->cached, err));
        uint64_t start = sotto_time_ns();
        SOTTO_TRY(sotto_session_sync(e->session, ids, (size_t)(l->cached + l->more), err));
        l->ms[SECOND][i] = ms_since(start);
    }
    return SOTTO_OK;
}

static int run_turns(load *l) {
    sotto_bench_model  look;
    sotto_cli_engine   e = {0};
    sotto_cli_settings with = *l->s;
    sotto_model_info   info;
    sotto_memory       memory;
    sotto_error        err;
    int                code = sotto_bench_look(l->path, &look);
    if (code) return code;
    l->more = SOTTO_MAX(SOTTO_MIN(NEW_TOKENS, look.context / 2), 1);
    l->cached = SOTTO_MAX(SOTTO_MIN(CACHED_TOKENS, look.context - l->more), 1);
    with.model = l->path, with.context = l->cached + l->more, with.quiet = true;
    code = sotto_cli_engine_open(&e, &with);
    if (code) return code;
    sotto_model_get_info(e.model, &info);
    l->threads = info.threads, l->file_bytes = info.file_bytes;
    sotto_session_options o = sotto_cli_session_options(&with);
    int32_t              *ids = calloc((size_t)with.context, sizeof *ids);
    for (int32_t k = 0; ids && k < with.context; k++) ids[k] = (int32_t)((int64_t)k * 7919 % info.n_vocab);
    if (!ids) code = sotto_cli_fail_memory();
    else if (sotto_memory_estimate(l->path, &o, &memory, &err) || second_turns(l, &e, ids, &err))
        code = sotto_cli_fail(&err);
    else l->cache_bytes = memory.cache_bytes, l->peak_bytes = sotto_peak_rss_bytes();
    free(ids);
    sotto_cli_engine_close(&e);
    return code;
}

/* ---- reports ------------------------------------------------------------------------------------------- */

static bool measured(const load *l, int figure) { return !l->no_cold || (figure != COLD && figure != COLD_READ); }

/* Beyond the file and the cache; 0: not even these were in memory. */
static uint64_t beyond(const load *l) {
    uint64_t known = l->file_bytes + l->cache_bytes;
    return l->peak_bytes > known ? l->peak_bytes - known : 0;
}

static int print_json(const load *l) {
    json_t *doc = json_pack("{s:o, s:o, s:i, s:i, s:i}", "machine", sotto_bench_machine_json(l->s->cpu), "model",
                            sotto_cli_json_text(l->path, strlen(l->path)), "threads", l->threads, "repeats",
                            l->s->repeat, "prompt_tokens", l->prompt_tokens);
    int     rc = doc ? 0 : -1;
    for (int i = 0; i < N_FIGURES && !rc; i++)
        if (measured(l, i)) rc = json_object_set_new(doc, figures[i].key, sotto_bench_range_json(l->range[i]));
    if (!rc && !l->no_cold)
        rc = json_object_set_new(doc, "still_cached_bytes", json_integer((json_int_t)l->still_cached));
    if (!rc)
        rc = json_object_update_new(
            doc, json_pack("{s:{s:i, s:i}, s:{s:I, s:I, s:I, s:I}}", "second_turn", "cached_tokens", l->cached,
                           "new_tokens", l->more, "memory", "peak_bytes", (json_int_t)l->peak_bytes, "file_bytes",
                           (json_int_t)l->file_bytes, "cache_bytes", (json_int_t)l->cache_bytes, "beyond_bytes",
                           (json_int_t)beyond(l)));
    if (!rc) return sotto_cli_print_json(doc);
    json_decref(doc);
    return sotto_cli_fail_memory();
}

static int print_csv(const load *l) {
    (void)puts("figure,min,median,max");
    for (int i = 0; i < N_FIGURES; i++)
        if (measured(l, i))
            (void)printf("%s,%.6g,%.6g,%.6g\n", figures[i].key, l->range[i].min, l->range[i].median, l->range[i].max);
    const struct {
        const char *name;
        uint64_t    bytes;
    } memory[] = {{"peak", l->peak_bytes}, {"file", l->file_bytes}, {"cache", l->cache_bytes}, {"beyond", beyond(l)}};
    for (size_t i = 0; i < SOTTO_COUNT(memory); i++)
        (void)printf("%s_bytes,,%llu,\n", memory[i].name, (unsigned long long)memory[i].bytes);
    return SOTTO_EXIT_OK;
}

static int print_text(const load *l) {
    char peak[24], file[24], cache[24], rest[24];
    (void)printf("%-44s %10s %10s %10s\n", "", "min, ms", "median", "max");
    for (int i = 0; i < N_FIGURES; i++)
        if (measured(l, i))
            (void)printf("%-44s %10.1f %10.1f %10.1f\n", figures[i].name, l->range[i].min, l->range[i].median,
                         l->range[i].max);
    (void)printf("\n%d threads; prompt of %d, second turn of %d tokens on %d in the cache\n", l->threads,
                 l->prompt_tokens, l->more, l->cached);
    if (!l->no_cold)
        (void)printf("the disk gives %.2f GB/s\n", (double)l->file_bytes / 1e6 / l->range[COLD_READ].median);
    (void)printf("memory: peak %s; the file %s + cache %s + %s\n", sotto_cli_bytes(l->peak_bytes, peak),
                 sotto_cli_bytes(l->file_bytes, file), sotto_cli_bytes(l->cache_bytes, cache),
                 sotto_cli_bytes(beyond(l), rest));
    return SOTTO_EXIT_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static int measure(load *l) {
    int code = run_programs(l);
    if (!code) code = run_turns(l);
    if (code) return code;
    for (int i = 0; i < N_FIGURES; i++) l->range[i] = sotto_bench_range_of(l->ms[i], (size_t)l->s->repeat);
    return l->s->json ? print_json(l) : l->s->csv ? print_csv(l) : print_text(l);
}

int sotto_cmd_bench_load(const sotto_cli_settings *s) {
    if (s->json && s->csv) return sotto_cli_usage(s->verb, "--json and --csv: choose one");
    if (!s->synthetic && !s->model)
        return sotto_cli_usage(s->verb, "no model given: -m FILE or folder, or --synthetic SHAPE");
    char *made = NULL;
    load *l = calloc(1, sizeof *l);
    int   code = l ? SOTTO_EXIT_OK : sotto_cli_fail_memory();
    if (!code && s->synthetic) code = sotto_bench_synthetic(s, s->type ? s->type : "q4_0", &made);
    if (!code) {
        l->s = s, l->prompt = "", l->path = made ? made : s->model;
        code = measure(l);
    }
    free(made);
    free(l);
    return code;
}
