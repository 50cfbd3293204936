/* The figures of bench as a table (row by row, as they come), as CSV, or as one JSON document. */
#include "cli/bench.h"

#include <stdlib.h>

/* ---- figures ------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

sotto_bench_range sotto_bench_range_of(double *v, size_t n) {
    qsort(v, n, sizeof *v, by_value);
    return (sotto_bench_range){v[0], n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2, v[n - 1]};
}

void sotto_bench_ceiling_of(sotto_bench_ceiling *out, const sotto_ceiling *measured, size_t n) {
    static const size_t offsets[] = {offsetof(sotto_ceiling, read_gbps), offsetof(sotto_ceiling, int8_gmacs),
                                     offsetof(sotto_ceiling, float_gmacs), offsetof(sotto_ceiling, bf16_gmacs)};
    sotto_bench_range  *ranges[] = {&out->read, &out->int8, &out->f32, &out->bf16};
    double              v[SOTTO_BENCH_REPEATS_MAX + 1];
    for (size_t f = 0; f < SOTTO_COUNT(offsets); f++) {
        for (size_t i = 0; i < n; i++) memcpy(&v[i], (const char *)&measured[i] + offsets[f], sizeof *v);
        *ranges[f] = sotto_bench_range_of(v, n);
    }
}

json_t *sotto_bench_range_json(sotto_bench_range r) {
    return json_pack("{s:f, s:f, s:f}", "min", r.min, "median", r.median, "max", r.max);
}

json_t *sotto_bench_machine_json(const char *kernels) {
    sotto_system m;
    sotto_system_get(&m);
    return json_pack("{s:s, s:o, s:s, s:s, s:i, s:I}", "version", m.version, "cpu",
                     sotto_cli_json_text(m.cpu_name, strlen(m.cpu_name)), "features", m.cpu_features, "kernels",
                     kernels ? kernels : m.kernels, "physical_cores", m.physical_cores, "memory_bytes",
                     (json_int_t)m.memory_bytes);
}

/* ---- reports ------------------------------------------------------------------------------------------- */

int sotto_bench_report_begin(sotto_bench_report *r, const sotto_cli_settings *s) {
    *r = (sotto_bench_report){.s = s};
    if (s->json && !(r->tests = json_array())) return sotto_cli_fail_memory();
    if (s->csv)
        (void)puts("test,tokens,depth,threads,repeats,tokens_per_s_min,tokens_per_s_median,tokens_per_s_max,"
                   "bytes_per_token,gbps,gmacs,ceiling_share,read_gbps,int8_gmacs,float_gmacs,bf16_gmacs");
    return SOTTO_EXIT_OK;
}

static double share(const sotto_bench_result *t) { return t->ceiling > 0 ? t->rate / t->ceiling : 0; }

static json_t *test_json(const sotto_bench_result *t) {
    json_t *one =
        json_pack("{s:s, s:i, s:i, s:i, s:i, s:o, s:f, s:{s:f, s:f, s:f, s:f}}", "test",
                  t->decode ? "decode" : "prefill", "tokens", t->tokens, "depth", t->depth, "threads",
                  t->threads, "repeats", t->repeats, "tokens_per_s", sotto_bench_range_json(t->speed),
                  "ceiling_share", share(t), "ceiling", "read_gbps", t->machine.read_gbps,
                  "int8_gmacs", t->machine.int8_gmacs, "float_gmacs", t->machine.float_gmacs,
                  "bf16_gmacs", t->machine.bf16_gmacs);
    if (!one) return NULL;
    int rc = json_object_set_new(one, t->decode ? "gbps" : "gmacs", json_real(t->rate));
    if (!rc && t->decode)
        rc = json_object_set_new(one, "bytes_per_token", json_integer((json_int_t)t->bytes_per_token));
    if (!rc) return one;
    json_decref(one);
    return NULL;
}

static void print_csv(const sotto_bench_result *t) {
    (void)printf("%s,%d,%d,%d,%d,%.6g,%.6g,%.6g,", t->decode ? "decode" : "prefill", t->tokens, t->depth,
                 t->threads, t->repeats, t->speed.min, t->speed.median, t->speed.max);
    if (t->decode)
        (void)printf("%.0f,%.6g,,", t->bytes_per_token, t->rate);
    else
        (void)printf(",,%.6g,", t->rate);
    (void)printf("%.4f,%.6g,%.6g,%.6g,%.6g\n", share(t), t->machine.read_gbps, t->machine.int8_gmacs,
                 t->machine.float_gmacs, t->machine.bf16_gmacs);
}

static void print_line(const sotto_bench_result *t) {
    char test[32], range[32];
    (void)snprintf(test, sizeof test, "%s %d @ %d", t->decode ? "decode" : "prefill", t->tokens, t->depth);
    (void)snprintf(range, sizeof range, "(%.1f to %.1f)", t->speed.min, t->speed.max);
    (void)printf("%-21s %7d %9.1f %-18s %5.1f %s, %2.0f%% of %.1f\n", test, t->threads, t->speed.median, range,
                 t->rate, t->decode ? "GB/s" : "GMAC/s", share(t) * 100, t->ceiling);
}

int sotto_bench_report_add(sotto_bench_report *r, const sotto_bench_result *t) {
    if (r->tests)
        return json_array_append_new(r->tests, test_json(t)) == 0 ? SOTTO_EXIT_OK : sotto_cli_fail_memory();
    if (r->s->csv) {
        print_csv(t);
    } else {
        if (!r->begun)
            (void)printf("%-21s %7s %9s %-18s %s\n", "test", "threads", "tokens/s", "",
                         "of what this machine can do");
        r->begun = true;
        print_line(t);
    }
    (void)fflush(stdout);
    return SOTTO_EXIT_OK;
}

int sotto_bench_report_end(sotto_bench_report *r, const char *path, const sotto_model_info *info) {
    if (!r->tests) return SOTTO_EXIT_OK;
    return sotto_cli_print_json(json_pack(
        "{s:o, s:{s:o, s:o, s:s, s:I, s:I, s:I, s:I}, s:O}", "machine", sotto_bench_machine_json(info->kernels),
        "model", "path",
        sotto_cli_json_text(path, strlen(path)), "name", sotto_cli_json_text(info->name, strlen(info->name)),
        "family", info->family, "file_bytes", (json_int_t)info->file_bytes, "n_params",
        (json_int_t)info->n_params, "decode_bytes", (json_int_t)info->decode_bytes, "prefill_macs",
        (json_int_t)info->prefill_macs, "tests", r->tests));
}
