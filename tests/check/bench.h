/* Timing of the kernels, one thread: `test_kernels --bench [LEVEL [ENTRY]]`. Included by test_kernels.c alone. */
#ifndef SOTTO_BENCH_H
#define SOTTO_BENCH_H

#include "check/check.h"

/* The best time of two things run in turns, in seconds: whatever else the machine does then meets both. `other`
 * may be NULL. */
static double bench_times(void (*run)(void *), void *arg, void (*other)(void *), void *other_arg, double *other_time) {
    uint64_t best = UINT64_MAX, other_best = UINT64_MAX, start = sotto_time_ns();
    for (int i = 0; i < 5 || sotto_time_ns() - start < 200000000u; i++) {
        uint64_t t = sotto_time_ns(), u;
        run(arg);
        u = sotto_time_ns();
        best = SOTTO_MIN(best, u - t);
        if (!other) continue;
        other(other_arg);
        other_best = SOTTO_MIN(other_best, sotto_time_ns() - u);
    }
    if (other) *other_time = (double)other_best * 1e-9;
    return (double)best * 1e-9;
}

static double bench_time(void (*run)(void *), void *arg) { return bench_times(run, arg, NULL, NULL, NULL); }

typedef struct bench_matmul {
    sotto_matmul_fn fn;
    sotto_matmul    m;
    int32_t         rows;
} bench_matmul;

static void bench_matmul_run(void *arg) {
    bench_matmul *b = arg;
    b->fn(&b->m, 0, b->rows);
}

typedef struct bench_read {
    const uint8_t *p;
    size_t         n;
    volatile uint64_t sum; /* so that the loop is not taken out */
} bench_read;

/* A plain loop over memory: what one thread can read at all. Four sums, so that additions do not limit it. */
static void bench_read_run(void *arg) {
    bench_read     *b = arg;
    uint64_t        s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    const uint64_t *p = (const uint64_t *)(const void *)b->p;
    for (size_t i = 0; i + 32 <= b->n / 8; i += 32) { /* one word of each 64 bytes brings the whole line */
        s0 += p[i], s1 += p[i + 8], s2 += p[i + 16], s3 += p[i + 24];
    }
    b->sum += s0 + s1 + s2 + s3;
}

/* Weights larger than any cache for one token, a size that a layer has for many. */
static void bench_products(const sotto_kernels *k, const char *entry) {
    enum { COLS = 2048, MAX_TOKENS = 512, MANY_ROWS = 1024 };
    static const int tokens[] = {1, 2, 4, 8, 16, 64, 512};
    size_t           bytes = 256u << 20;
    uint8_t         *w = sotto_aligned_alloc(bytes);
    for (int d = 0; d < SOTTO_WEIGHT_DTYPE_COUNT; d++) {
        sotto_dtype dtype = (sotto_dtype)d;
        size_t      row;
        if (entry && strcmp(entry, sotto_dtype_get(dtype)->name) != 0) continue;
        if (!sotto_dtype_row_bytes(dtype, COLS, &row)) exit(1);
        size_t rows = bytes / row;
        for (size_t r = 0; r < rows; r++) {
            if (r < 256) check_fill_weights(dtype, w + r * row, COLS, DATA_PLAIN);
            else memcpy(w + r * row, w + (r - 256) * row, row);
        }
        size_t x_bytes = sotto_dtype_takes_q8(dtype) ? sotto_q8_row_bytes(COLS) : COLS * 4;
        char  *x = sotto_aligned_alloc(x_bytes * MAX_TOKENS);
        float *y = malloc(SOTTO_MAX(rows, MANY_ROWS * MAX_TOKENS) * 4), *f = malloc(COLS * 4);
        for (size_t t = 0; t < MAX_TOKENS; t++) {
            check_fill_floats(f, COLS, DATA_PLAIN);
            if (sotto_dtype_takes_q8(dtype)) k->quantize_q8(f, (sotto_q8_group *)(void *)(x + t * x_bytes), COLS);
            else memcpy(x + t * x_bytes, f, COLS * 4);
        }
        bench_read   read = {.p = w, .n = rows * row};
        bench_matmul b = {.fn = k->matmul[dtype], .rows = (int32_t)rows};
        b.m = (sotto_matmul){.y = y, .y_stride = rows, .w = w, .w_stride = row, .x = x, .x_stride = x_bytes,
                             .cols = COLS, .n_tokens = 1};
        for (size_t i = 0; i < SOTTO_COUNT(tokens); i++) {
            bool slow = strcmp(k->name, "ref") == 0;
            b.m.n_tokens = tokens[i];
            if (tokens[i] > 1 || slow) b.rows = MANY_ROWS, b.m.y_stride = MANY_ROWS;
            if (slow && tokens[i] > 2) break;
            double read_s = 0;
            bool   whole = b.rows == (int32_t)rows;
            double s = bench_times(bench_matmul_run, &b, whole ? bench_read_run : NULL, &read, &read_s);
            double bytes_read = (double)b.rows * (double)row;
            printf("%-10s matmul %-6s n %3d: %7.1f GMAC/s %6.1f GB/s", k->name, sotto_dtype_get(dtype)->name, tokens[i],
                   (double)b.rows * COLS * tokens[i] / s * 1e-9, bytes_read / s * 1e-9);
            if (whole) printf(" (a plain read loop %.1f)", bytes_read / read_s * 1e-9);
            printf("\n");
        }
        sotto_aligned_free(x), free(y), free(f);
    }
    sotto_aligned_free(w);
}

typedef struct bench_vector {
    const sotto_kernels *k;
    float               *x, *y;
    void                *bytes;
    int                  n;
    sotto_attend         a;
} bench_vector;

enum { BENCH_REPEAT = 100 };
#define BENCH_VECTOR(id, expr)                                                                               \
    static void bench_##id(void *arg) {                                                                      \
        bench_vector *b = arg;                                                                               \
        for (int i = 0; i < BENCH_REPEAT; i++) expr;                                                         \
    }
BENCH_VECTOR(quantize_q8, b->k->quantize_q8(b->x, b->bytes, b->n))
BENCH_VECTOR(round_block, for (int j = 0; j < b->n; j += 32) b->k->round_block(b->x + j, 1, -7, 7, b->bytes))
BENCH_VECTOR(try_scales,
             for (int j = 0; j < b->n; j += 32) b->k->try_scales(b->x + j, b->x, b->x, b->y, b->y + SOTTO_SCALES_TRIED))
BENCH_VECTOR(rmsnorm, b->k->rmsnorm(b->y, b->x, b->x, b->n, 1e-6f))
BENCH_VECTOR(silu, b->k->activate(SOTTO_ACT_SILU, b->y, b->x, b->n))
BENCH_VECTOR(gelu, b->k->activate(SOTTO_ACT_GELU_TANH, b->y, b->x, b->n))
BENCH_VECTOR(add, b->k->add(b->y, b->x, b->n))
BENCH_VECTOR(scale, b->k->scale(b->y, 1.0f, b->n))
BENCH_VECTOR(softcap, b->k->softcap(b->y, 30, b->n))
BENCH_VECTOR(rope, b->k->rope(b->y, b->x, b->x, b->n / 2, false))
BENCH_VECTOR(to_f16, b->k->from_f32(SOTTO_F16, b->x, b->bytes, b->n))
BENCH_VECTOR(from_f16, b->k->to_f32(SOTTO_F16, b->bytes, b->y, b->n))
BENCH_VECTOR(to_q8_0, b->k->from_f32(SOTTO_Q8_0, b->x, b->bytes, b->n))
BENCH_VECTOR(from_q4_0, b->k->to_f32(SOTTO_Q4_0, b->bytes, b->y, b->n))

static void bench_vectors(const sotto_kernels *k, const char *entry) {
    static const struct {
        const char *name;
        void (*run)(void *);
    } entries[] = {{"quantize_q8", bench_quantize_q8}, {"round_block", bench_round_block},
                   {"try_scales", bench_try_scales}, {"rmsnorm", bench_rmsnorm}, {"silu", bench_silu},
                   {"gelu", bench_gelu}, {"add", bench_add}, {"scale", bench_scale}, {"softcap", bench_softcap},
                   {"rope", bench_rope}, {"f32_to_f16", bench_to_f16}, {"f16_to_f32", bench_from_f16},
                   {"f32_to_q8_0", bench_to_q8_0}, {"q4_0_to_f32", bench_from_q4_0}};
    enum { N = 2048 };
    bench_vector b = {.k = k, .n = N};
    b.x = malloc(N * 4), b.y = malloc(N * 4), b.bytes = sotto_aligned_alloc(N * 8);
    for (size_t i = 0; i < SOTTO_COUNT(entries); i++) {
        if (entry && strcmp(entry, entries[i].name) != 0) continue;
        for (int j = 0; j < N; j++) b.x[j] = b.y[j] = test_random_float(&check_seed);
        double s = bench_time(entries[i].run, &b) / BENCH_REPEAT;
        printf("%-10s %-16s: %7.2f elements/ns\n", k->name, entries[i].name, N / s * 1e-9);
    }
    free(b.x), free(b.y), sotto_aligned_free(b.bytes);
}

static void bench_attend_run(void *arg) {
    bench_vector *b = arg;
    for (int span = 0; span < b->n; span++) {
        b->a.span = span;
        b->k->attend(&b->a);
    }
}

static void bench_attend(const sotto_kernels *k, const char *entry) {
    static const struct {
        sotto_dtype dtype;
        int         head_dim, n_rows, spans;
    } shapes[] = {{SOTTO_F32, 256, 8, 16}, {SOTTO_F16, 256, 8, 16}, {SOTTO_Q8_0, 256, 8, 16}, {SOTTO_F16, 64, 1, 64},
                  {SOTTO_F16, 64, 4, 64}, {SOTTO_F16, 128, 8, 32}, {SOTTO_F16, 256, 512, 4}, {SOTTO_Q8_0, 64, 4, 64}};
    if (entry && strcmp(entry, "attend") != 0) return;
    for (size_t i = 0; i < SOTTO_COUNT(shapes); i++) {
        size_t bytes, hd = (size_t)shapes[i].head_dim, n = (size_t)shapes[i].spans * SOTTO_ATTN_SPAN;
        size_t rows = (size_t)shapes[i].n_rows;
        if (!sotto_dtype_row_bytes(shapes[i].dtype, hd, &bytes)) exit(1);
        uint8_t *kv = calloc(2 * n, bytes);
        float   *q = malloc(rows * hd * 4), *acc = malloc(rows * hd * 4), *ml = malloc(rows * 8);
        int32_t *range = malloc(rows * 8);
        for (size_t j = 0; j < 2 * n; j++) {
            check_fill_floats(q, (int)hd, DATA_PLAIN);
            sotto_row_from_f32(shapes[i].dtype, q, kv + j * bytes, hd);
        }
        for (size_t j = 0; j < rows; j++) {
            range[j] = 0, range[rows + j] = (int32_t)n;
            check_fill_floats(q + j * hd, (int)hd, DATA_PLAIN);
        }
        bench_vector b = {.k = k, .n = shapes[i].spans};
        b.a = (sotto_attend){.q = q, .q_stride = hd, .k = kv, .v = kv + n * bytes, .k_stride = bytes, .v_stride = bytes,
                             .kv_dtype = shapes[i].dtype, .head_dim = (int)hd, .n_rows = (int)rows, .begin = range,
                             .end = range + rows, .m = ml, .l = ml + rows, .acc = acc, .acc_stride = hd};
        double s = bench_time(bench_attend_run, &b);
        printf("%-10s attend %-4s head_dim %3d rows %3d: %6.1f GMAC/s %6.1f GB/s\n", k->name,
               sotto_dtype_get(shapes[i].dtype)->name, (int)hd, (int)rows, 2.0 * (double)(n * rows * hd) / s * 1e-9,
               2.0 * (double)(n * bytes) / s * 1e-9);
        free(kv), free(q), free(acc), free(ml), free(range);
    }
}

static int bench_run(const char *level, const char *entry) {
    int ran = 0;
    for (int i = 0; i < check_n_levels; i++) {
        const sotto_kernels *k = &check_levels[i];
        if (level && strcmp(level, k->name) != 0) continue;
        bench_products(k, entry);
        bench_attend(k, entry);
        bench_vectors(k, entry);
        ran++;
    }
    if (!ran) fprintf(stderr, "no level \"%s\" on this processor\n", level ? level : "");
    return !ran;
}

#endif
