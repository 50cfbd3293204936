/* sotto bench ceiling: what this machine can do at most, by the number of threads. All that bench reports is a share of
 * this. */
#include "cli/bench.h"

#include <stdlib.h>

enum { THREAD_COUNTS_MAX = 16 };

/* 1, 2, 4, ..., and the physical cores. */
static size_t default_threads(int32_t out[THREAD_COUNTS_MAX]) {
    sotto_system machine;
    size_t       n = 0;
    sotto_system_get(&machine);
    for (int32_t t = 1; t < machine.physical_cores && n + 1 < THREAD_COUNTS_MAX; t *= 2) out[n++] = t;
    out[n++] = machine.physical_cores;
    return n;
}

static int measure(const sotto_cli_settings *s, int32_t threads, sotto_bench_ceiling *out) {
    sotto_ceiling      measured[SOTTO_BENCH_REPEATS_MAX];
    sotto_error        err;
    char               label[32];
    sotto_cli_progress progress;
    sotto_status       status = SOTTO_OK;
    (void)snprintf(label, sizeof label, "%d threads", threads);
    sotto_cli_progress_begin(&progress, s, label, "runs");
    for (int32_t i = 0; i < s->repeat && !status; i++) {
        status = sotto_ceiling_measure_machine(threads, s->cpu, &measured[i], &err);
        if (!sotto_cli_progress_step(&progress, (uint64_t)i + 1, (uint64_t)s->repeat) && !status)
            status = sotto_fail(&err, SOTTO_CANCELLED, "interrupted");
    }
    sotto_cli_progress_end(&progress);
    if (status) return sotto_cli_fail(&err);
    sotto_bench_ceiling_of(out, measured, (size_t)s->repeat);
    return SOTTO_EXIT_OK;
}

/* ---- reports ------------------------------------------------------------------------------------------- */

static void print_range(sotto_bench_range r) {
    char range[32];
    (void)snprintf(range, sizeof range, "(%.1f to %.1f)", r.min, r.max);
    (void)printf(" %7.1f %-18s", r.median, range);
}

static int report(const sotto_cli_settings *s, int32_t threads, const sotto_bench_ceiling *c, json_t *list) {
    const sotto_bench_range *columns[] = {&c->read, &c->int8, &c->bf16, &c->f32};
    if (list) {
        json_t *one = json_pack("{s:i, s:i, s:o, s:o, s:o, s:o}", "threads", threads, "repeats", s->repeat, "read_gbps",
                                sotto_bench_range_json(c->read), "int8_gmacs", sotto_bench_range_json(c->int8),
                                "bf16_gmacs", sotto_bench_range_json(c->bf16), "float_gmacs",
                                sotto_bench_range_json(c->f32));
        return json_array_append_new(list, one) == 0 ? SOTTO_EXIT_OK : sotto_cli_fail_memory();
    }
    if (s->csv) {
        (void)printf("%d,%d", threads, s->repeat);
        for (size_t i = 0; i < SOTTO_COUNT(columns); i++)
            (void)printf(",%.6g,%.6g,%.6g", columns[i]->min, columns[i]->median, columns[i]->max);
    } else {
        (void)printf("%7d", threads);
        for (size_t i = 0; i < SOTTO_COUNT(columns); i++) print_range(*columns[i]);
    }
    (void)putchar('\n');
    (void)fflush(stdout);
    return SOTTO_EXIT_OK;
}

static void print_heading(const sotto_cli_settings *s) {
    if (s->csv)
        (void)puts("threads,repeats,read_gbps_min,read_gbps_median,read_gbps_max,int8_gmacs_min,int8_gmacs_median,"
                   "int8_gmacs_max,bf16_gmacs_min,bf16_gmacs_median,bf16_gmacs_max,float_gmacs_min,float_gmacs_median,"
                   "float_gmacs_max");
    else if (!s->json)
        (void)printf("%7s %-26s %-26s %-26s %s\n", "threads", " read, GB/s", " int8, GMAC/s", " bf16, GMAC/s",
                     " f32, GMAC/s");
}

int sotto_cmd_bench_ceiling(const sotto_cli_settings *s) {
    int32_t        counts[THREAD_COUNTS_MAX];
    sotto_cli_list threads = s->threads_list;
    json_t        *list = s->json ? json_array() : NULL;
    int            code = SOTTO_EXIT_OK;
    if (s->json && s->csv) code = sotto_cli_usage(s->verb, "--json and --csv: choose one");
    else if (s->json && !list) code = sotto_cli_fail_memory();
    if (!threads.n) threads = (sotto_cli_list){counts, default_threads(counts)};
    if (!code) print_heading(s);
    for (size_t i = 0; i < threads.n && !code; i++) {
        sotto_bench_ceiling c;
        code = measure(s, threads.item[i], &c);
        if (!code) code = report(s, threads.item[i], &c, list);
    }
    if (!code && list)
        code = sotto_cli_print_json(
            json_pack("{s:o, s:O}", "machine", sotto_bench_machine_json(s->cpu), "ceilings", list));
    json_decref(list);
    return code;
}
