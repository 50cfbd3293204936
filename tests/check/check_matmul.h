/* Checks of the products. Included by test_kernels.c alone. */
#ifndef SOTTO_CHECK_MATMUL_H
#define SOTTO_CHECK_MATMUL_H

#include "check/check.h"

/* A product with its operands in guarded memory, and the exact answer. */
typedef struct product {
    sotto_matmul m;
    int32_t      rows;
    check_buffer w, x, y;
    double      *exact, *terms; /* [token][row]: the sum, and the sum of the terms' magnitudes */
} product;

/* One block of 32 in double: the sum and the magnitudes of what is summed. */
static void exact_block(const sotto_block32 *b, const sotto_q8_group *x, size_t i, double *sum, double *terms) {
    for (int j = 0; j < 32; j++) {
        double v = x->code[j / 4][i][j % 4] * (double)x->scale[i];
        double a = (double)b->d * b->sub[j / 16] * b->code[j] * v, c = (double)b->m * v;
        *sum += a + c;
        *terms += fabs(a) + fabs(c);
    }
}

static void exact_product(product *p, sotto_dtype dtype) {
    const sotto_matmul *m = &p->m;
    float              *w = malloc((size_t)m->cols * sizeof *w);
    for (int r = 0; r < p->rows; r++) {
        const uint8_t *row = (const uint8_t *)m->w + (size_t)r * m->w_stride;
        if (!sotto_dtype_takes_q8(dtype)) sotto_row_to_f32(dtype, row, w, (size_t)m->cols);
        for (int t = 0; t < m->n_tokens; t++) {
            const void *x = (const uint8_t *)m->x + (size_t)t * m->x_stride;
            double      sum = 0, terms = 0;
            for (int i = 0; i < m->cols && !sotto_dtype_takes_q8(dtype); i++) {
                double v = (double)w[i] * (double)((const float *)x)[i];
                sum += v, terms += fabs(v);
            }
            for (size_t i = 0; i < (size_t)m->cols / 32 && sotto_dtype_takes_q8(dtype); i++) {
                sotto_block32 b;
                sotto_block_unpack(dtype, row, i, &b);
                exact_block(&b, (const sotto_q8_group *)x + i / 16, i % 16, &sum, &terms);
            }
            p->exact[t * p->rows + r] = sum;
            p->terms[t * p->rows + r] = terms;
        }
    }
    free(w);
}

static product product_make(sotto_dtype dtype, int cols, int rows, int n_tokens, check_data kind) {
    size_t row_bytes, gap = (size_t)check_int(0, 2) * 2;
    if (!sotto_dtype_row_bytes(dtype, (uint64_t)cols, &row_bytes)) exit(1);
    bool    q8 = sotto_dtype_takes_q8(dtype);
    size_t  x_bytes = q8 ? sotto_q8_row_bytes(cols) : ((size_t)cols * 4 + 63) / 64 * 64;
    product p = {.rows = rows};
    p.w = check_alloc((row_bytes + gap) * (size_t)rows - gap, 1);
    p.x = check_alloc(x_bytes * (size_t)n_tokens - (q8 ? 0 : x_bytes - (size_t)cols * 4), 64);
    p.m = (sotto_matmul){.w = p.w.p, .w_stride = row_bytes + gap, .x = p.x.p, .x_stride = x_bytes, .cols = cols,
                         .n_tokens = n_tokens, .y_stride = (size_t)rows + (size_t)check_int(0, 3)};
    p.y = check_alloc((p.m.y_stride * (size_t)(n_tokens - 1) + (size_t)rows) * 4, 4);
    p.m.y = (float *)(void *)p.y.p;
    for (int r = 0; r < rows; r++) check_fill_weights(dtype, p.w.p + (size_t)r * p.m.w_stride, cols, kind);
    float *x = malloc((size_t)cols * 4);
    for (int t = 0; t < n_tokens; t++) {
        void *to = p.x.p + (size_t)t * x_bytes;
        check_fill_floats(x, cols, kind);
        if (q8) check_levels[0].quantize_q8(x, to, cols);
        else memcpy(to, x, (size_t)cols * 4);
    }
    free(x);
    p.exact = malloc((size_t)rows * (size_t)n_tokens * sizeof *p.exact);
    p.terms = malloc((size_t)rows * (size_t)n_tokens * sizeof *p.terms);
    exact_product(&p, dtype);
    return p;
}

static void product_free(product *p) {
    check_free(&p->w), check_free(&p->x), check_free(&p->y);
    free(p->exact), free(p->terms);
}

/* Values against the exact ones; every byte of y that is no result must still be 0xa5. */
static void check_values(const sotto_kernels *k, sotto_dtype dtype, product *p, int begin, int end, check_data kind) {
    int bad = 0;
    for (int t = 0; t < p->m.n_tokens; t++) {
        const float *y = p->m.y + (size_t)t * p->m.y_stride;
        size_t       width = t + 1 < p->m.n_tokens ? p->m.y_stride : (size_t)p->rows;
        for (int r = 0; r < (int)width; r++) {
            if (r < begin || r >= end) {
                uint32_t u;
                memcpy(&u, y + r, 4);
                bad += u != 0xa5a5a5a5;
                continue;
            }
            double exact = p->exact[t * p->rows + r], terms = p->terms[t * p->rows + r];
            double bound = 4.0 * p->m.cols * 0x1p-24 * terms + p->m.cols * 0x1p-149;
            bool   whole = (kind == DATA_INTEGER || kind == DATA_MAX) && terms < 0x1p24;
            if (fabs((double)y[r] - exact) <= (whole ? 0 : bound)) continue;
            if (bad++ == 0)
                printf("%s %s cols %d token %d of %d row %d data %d: %.9g, expected %.9g, bound %.3g\n", k->name,
                       sotto_dtype_get(dtype)->name, p->m.cols, t, p->m.n_tokens, r, kind, (double)y[r], exact,
                       whole ? 0 : bound);
        }
    }
    CHECK(bad == 0);
}

/* Some of the tokens and some of the rows alone give the same bits as all together. */
static void check_splits(const sotto_kernels *k, sotto_dtype dtype, product *p) {
    size_t  bytes = (p->m.y_stride * (size_t)(p->m.n_tokens - 1) + (size_t)p->rows) * 4;
    float  *whole = malloc(bytes), *y = p->m.y;
    memcpy(whole, y, bytes);
    for (int round = 0; round < 6; round++) {
        int          from = check_int(0, p->m.n_tokens - 1), n = round ? check_int(1, p->m.n_tokens - from) : 1;
        int          begin = check_int(0, p->rows - 1), end = check_int(begin + 1, p->rows);
        sotto_matmul part = p->m;
        part.n_tokens = n;
        part.x = (const uint8_t *)p->m.x + (size_t)from * p->m.x_stride;
        part.y = y + (size_t)from * p->m.y_stride;
        memset(y, 0xa5, bytes);
        k->matmul[dtype](&part, begin, end);
        int bad = 0;
        for (int t = 0; t < n; t++) {
            size_t at = (size_t)(from + t) * p->m.y_stride + (size_t)begin;
            bad += memcmp(y + at, whole + at, (size_t)(end - begin) * 4) != 0;
        }
        if (bad) printf("%s %s cols %d: tokens %d+%d of %d, rows %d..%d differ from all together\n", k->name,
                        sotto_dtype_get(dtype)->name, p->m.cols, from, n, p->m.n_tokens, begin, end);
        CHECK(bad == 0);
    }
    free(whole);
}

static void check_product(sotto_dtype dtype, int cols, int rows, int n_tokens, check_data kind) {
    product p = product_make(dtype, cols, rows, n_tokens, kind);
    for (int i = 0; i < check_n_levels; i++) {
        const sotto_kernels *k = &check_levels[i];
        if (i && k->matmul[dtype] == check_levels[i - 1].matmul[dtype]) continue;
        int    begin = check_int(0, rows - 1) / 2, end = check_int(begin + 1, rows);
        size_t bytes = (p.m.y_stride * (size_t)(n_tokens - 1) + (size_t)rows) * 4;
        memset(p.y.p, 0xa5, bytes);
        k->matmul[dtype](&p.m, begin, end);
        check_values(k, dtype, &p, begin, end, kind);
        memset(p.y.p, 0xa5, bytes);
        k->matmul[dtype](&p.m, 0, rows);
        check_values(k, dtype, &p, 0, rows, kind);
        if (kind == DATA_PLAIN) check_splits(k, dtype, &p);
    }
    product_free(&p);
}

static void check_dtype(sotto_dtype dtype) {
    static const int cols[] = {32, 96, 128, 160, 480, 512, 544, 1024, 2080};
    int              unit = (int)sotto_dtype_get(dtype)->block_elems;
    for (size_t c = 0; c < SOTTO_COUNT(cols); c++) {
        int n = unit == 256 ? (int)(c + 1) * 256 : cols[c];
        if (unit == 1) n += check_int(-31, 3); /* float rows may have any length */
        for (int kind = 0; kind < DATA_KINDS; kind++)
            check_product(dtype, n, check_int(1, 9), check_int(1, 17), (check_data)kind);
    }
    for (int n_tokens = 1; n_tokens <= 17; n_tokens++)
        check_product(dtype, 768, check_int(1, 7), n_tokens, n_tokens % 3 ? DATA_PLAIN : DATA_MAX);
    check_product(dtype, 2048 + 256, 70, 64, DATA_PLAIN);
    check_product(dtype, 4096 + 2048 + unit, 37, 41, DATA_PLAIN);
    check_product(dtype, 512, 3, 130, DATA_INTEGER);
}

TEST(matmul_f32) { check_dtype(SOTTO_F32); }
TEST(matmul_f16) { check_dtype(SOTTO_F16); }
TEST(matmul_bf16) { check_dtype(SOTTO_BF16); }
TEST(matmul_q4_0) { check_dtype(SOTTO_Q4_0); }
TEST(matmul_q4_1) { check_dtype(SOTTO_Q4_1); }
TEST(matmul_q5_0) { check_dtype(SOTTO_Q5_0); }
TEST(matmul_q5_1) { check_dtype(SOTTO_Q5_1); }
TEST(matmul_q8_0) { check_dtype(SOTTO_Q8_0); }
TEST(matmul_q4_k) { check_dtype(SOTTO_Q4_K); }
TEST(matmul_q5_k) { check_dtype(SOTTO_Q5_K); }
TEST(matmul_q6_k) { check_dtype(SOTTO_Q6_K); }
TEST(matmul_iq4_nl) { check_dtype(SOTTO_IQ4_NL); }

#endif
