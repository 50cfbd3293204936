/* What bench measures and what it reports; shared by cmd_bench.c and bench_report.c only. */
#ifndef SOTTO_CLI_BENCH_H
#define SOTTO_CLI_BENCH_H

#include "cli/cli.h"

typedef struct sotto_bench_result {
    bool    decode; /* else prefill */
    int32_t tokens, depth, threads, repeats;
    double  min, median, max; /* tokens/s */
    double  bytes_per_token;  /* decode: weights and cache */
    double  rate, ceiling;    /* decode: 1e9 bytes/s read; prefill: 1e9 multiply-accumulates/s */
    sotto_ceiling machine;    /* measured just before */
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

#endif
