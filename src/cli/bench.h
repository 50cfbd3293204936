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

/* What a file says of its model: context, and the type of most of its bytes, "bf16". */
typedef struct sotto_bench_model {
    int32_t context;
    char    type[16];
} sotto_bench_model;
int sotto_bench_look(const char *path, sotto_bench_model *out);
/* The file of --synthetic in weights of a type, written if it is not there: *path, free() it. */
int sotto_bench_synthetic(const sotto_cli_settings *s, const char *type, char **path);

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

/* ---- the ladder (bench_ladder.c; bench_plot.c: its picture) --------------------------------------------- */

enum { SOTTO_LADDER_RUNGS = 5, SOTTO_LADDER_CONTEXTS_MAX = 16 };

typedef struct sotto_bench_step {
    int32_t prompt;                 /* tokens */
    int32_t n_tokens;               /* that were timed; 0: none, and why */
    double  tokens_per_s, first_ms; /* a token after the first; the prompt with the first */
    char    why[192];
} sotto_bench_step;

typedef struct sotto_bench_ladder {
    const char      *model;
    int32_t          threads, contexts[SOTTO_LADDER_CONTEXTS_MAX];
    size_t           n_contexts;
    sotto_bench_step step[SOTTO_LADDER_CONTEXTS_MAX][SOTTO_LADDER_RUNGS];
} sotto_bench_ladder;

const char *sotto_bench_rung_name(int rung);
/* Tokens/s that Apple published for a rung at a context; 0: none. */
double      sotto_bench_apple(int rung, int32_t context);
/* The ladder as SVG. False: out of memory. */
bool        sotto_bench_plot(const sotto_bench_ladder *l, sotto_buf *out);

json_t *sotto_bench_machine_json(const char *kernels);
json_t *sotto_bench_range_json(sotto_bench_range r);

#endif
