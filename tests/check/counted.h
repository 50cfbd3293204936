/* A product of fixed size, run so many times and nothing else, for counting its instructions:
 * `test_kernels --product LEVEL TYPE TOKENS ROUNDS`. */
#ifndef SOTTO_COUNTED_H
#define SOTTO_COUNTED_H

#include "check/check.h"

typedef struct counted {
    sotto_matmul_fn fn;
    sotto_matmul    m;
    int32_t         rows;
    void           *w, *x; /* the operands; aligned */
} counted;

static inline counted counted_open(const sotto_kernels *k, sotto_dtype dtype, int cols, int rows, int n_tokens) {
    size_t  row;
    if (!sotto_dtype_row_bytes(dtype, (uint64_t)cols, &row)) exit(1);
    bool    q8 = sotto_dtype_takes_q8(dtype);
    size_t  x_bytes = q8 ? sotto_q8_row_bytes(cols) : ((size_t)cols * 4 + 63) / 64 * 64;
    counted c = {.fn = k->matmul[dtype], .rows = rows};
    c.w = sotto_aligned_alloc(row * (size_t)rows), c.x = sotto_aligned_alloc(x_bytes * (size_t)n_tokens);
    c.m = (sotto_matmul){.y = calloc((size_t)rows * (size_t)n_tokens, 4), .y_stride = (size_t)rows, .w = c.w,
                         .w_stride = row, .x = c.x, .x_stride = x_bytes, .cols = cols, .n_tokens = n_tokens};
    float *f = calloc((size_t)cols, sizeof *f);
    for (int r = 0; r < rows; r++) check_fill_weights(dtype, (uint8_t *)c.w + (size_t)r * row, cols, DATA_PLAIN);
    for (int t = 0; t < n_tokens; t++) {
        void *to = (uint8_t *)c.x + (size_t)t * x_bytes;
        check_fill_floats(f, cols, DATA_PLAIN);
        if (q8) check_levels[0].quantize_q8(f, to, cols);
        else memcpy(to, f, (size_t)cols * 4);
    }
    free(f);
    return c;
}

static inline void counted_run(void *arg) {
    counted *c = arg;
    c->fn(&c->m, 0, c->rows);
}

static inline void counted_close(counted *c) {
    sotto_aligned_free(c->w), sotto_aligned_free(c->x);
    free(c->m.y);
}

/* The level of that name that this processor has, or NULL. */
static inline const sotto_kernels *counted_level(const char *name) {
    for (int i = 0; i < check_n_levels; i++)
        if (strcmp(check_levels[i].name, name) == 0) return &check_levels[i];
    return NULL;
}

enum { COUNTED_COLS = 2048, COUNTED_ROWS = 64 };

static inline int counted_main(const char *level, const char *type, int n_tokens, int rounds) {
    const sotto_kernels *k = counted_level(level);
    int                  dtype = 0;
    while (dtype < SOTTO_WEIGHT_DTYPE_COUNT && strcmp(sotto_dtype_get((sotto_dtype)dtype)->name, type) != 0) dtype++;
    if (!k || dtype == SOTTO_WEIGHT_DTYPE_COUNT || n_tokens < 1 || n_tokens > 4096) {
        fprintf(stderr, "no level \"%s\" on this processor, no type \"%s\", or not 1 to 4096 tokens\n", level, type);
        return 1;
    }
    counted c = counted_open(k, (sotto_dtype)dtype, COUNTED_COLS, COUNTED_ROWS, n_tokens);
    for (int i = 0; i < rounds; i++) counted_run(&c);
    counted_close(&c);
    return 0;
}

#endif
