/* What bench measures and what it reports; shared by cmd_bench.c and bench_*.c only. */
#ifndef SOTTO_CLI_BENCH_H
#define SOTTO_CLI_BENCH_H

#include "cli/cli.h"

enum { SOTTO_BENCH_REPEATS_MAX = 1000 };

typedef struct sotto_bench_range {
    double min, median, max;
} sotto_bench_range;
sotto_bench_range sotto_bench_range_of(double *values, size_t n); /* sorts them */

typedef struct sotto_bench_ceiling {
    sotto_bench_range read, int8, f32, bf16;
} sotto_bench_ceiling;
void sotto_bench_ceiling_of(sotto_bench_ceiling *out, const sotto_ceiling *measured, size_t n);

/* The arithmetic that a model's prompts are bound by: its weights' type decides. "fp16", "f16" and "f32" are multiplied
 * in f32. */
typedef enum sotto_bench_peak { SOTTO_PEAK_INT8, SOTTO_PEAK_BF16, SOTTO_PEAK_F32 } sotto_bench_peak;

typedef struct sotto_bench_result {
    bool    decode; /* else prefill */
    int32_t tokens, depth, threads, repeats;
    sotto_bench_range speed;  /* tokens/s */
    double  bytes_per_token;  /* decode: weights and cache */
    double  rate, ceiling;    /* decode: 1e9 bytes/s read; prefill: 1e9 multiply-accumulates/s */
    sotto_ceiling machine;    /* medians of what was measured around the runs */
} sotto_bench_result;

typedef struct sotto_bench_report {
    const sotto_cli_settings *s;
    json_t *tests; /* with --json */
    bool    begun;
} sotto_bench_report;

int sotto_bench_report_begin(sotto_bench_report *r, const sotto_cli_settings *s);
int sotto_bench_report_add(sotto_bench_report *r, const sotto_bench_result *result);
/* The model's figures are those of the last run. */
int sotto_bench_report_end(sotto_bench_report *r, const char *path, const sotto_model_info *info);

json_t *sotto_bench_machine_json(const char *kernels);
json_t *sotto_bench_range_json(sotto_bench_range r);

#endif
