/* Checks of attention. Included by test_kernels.c alone. */
#ifndef SOTTO_CHECK_ATTEND_H
#define SOTTO_CHECK_ATTEND_H

#include "check/check.h"

/* A span with its cache in guarded memory: positions that no row sees hold bytes that are NaN in every dtype. */
typedef struct span_case {
    sotto_attend a;
    check_buffer q, k, v;
    int32_t     *begin, *end;
    int          first, last; /* positions in memory */
} span_case;

static span_case span_make(sotto_dtype dtype, int head_dim, int n_rows, bool windows, float softcap, float size) {
    span_case c = {.a = {.head_dim = head_dim, .n_rows = n_rows, .kv_dtype = dtype, .softcap = softcap}};
    int       span = check_int(0, 3), first = span * SOTTO_ATTN_SPAN, last = first + check_int(1, SOTTO_ATTN_SPAN);
    size_t    bytes, gap = (size_t)check_int(0, 1) * 64;
    if (!sotto_dtype_row_bytes(dtype, (uint64_t)head_dim, &bytes)) exit(1);
    c.a.span = span, c.first = first, c.last = last;
    c.a.q_stride = (size_t)head_dim + (size_t)check_int(0, 5);
    c.a.acc_stride = (size_t)head_dim + (size_t)check_int(0, 5);
    c.a.k_stride = c.a.v_stride = bytes + gap;
    c.q = check_alloc((c.a.q_stride * (size_t)(n_rows - 1) + (size_t)head_dim) * 4, 4);
    c.k = check_alloc((size_t)(last - first) * c.a.k_stride - gap, 1);
    c.v = check_alloc((size_t)(last - first) * c.a.v_stride - gap, 1);
    /* Position 0 is where it would be; only [first, last) is there. */
    c.a.k = (const void *)((uintptr_t)c.k.p - (size_t)first * c.a.k_stride);
    c.a.v = (const void *)((uintptr_t)c.v.p - (size_t)first * c.a.v_stride);
    c.a.q = (const float *)(const void *)c.q.p;
    c.begin = malloc((size_t)n_rows * 4), c.end = malloc((size_t)n_rows * 4);
    c.a.begin = c.begin, c.a.end = c.end;

    bool *seen = calloc((size_t)(last - first), 1);
    for (int i = 0; i < n_rows; i++) {
        c.begin[i] = windows ? check_int(0, last + 40) : check_int(0, 1) * first;
        c.end[i] = windows ? check_int(0, last) : last;
        for (int p = SOTTO_MAX(first, c.begin[i]); p < c.end[i]; p++) seen[p - first] = true;
    }
    float *row = malloc((size_t)head_dim * 4);
    for (int i = 0; i < n_rows; i++) {
        float *q = (float *)(void *)c.q.p + (size_t)i * c.a.q_stride;
        for (int d = 0; d < head_dim; d++) q[d] = size * test_random_float(&check_seed) / sqrtf((float)head_dim);
    }
    for (int p = 0; p < last - first; p++) {
        for (int which = 0; which < 2; which++) {
            uint8_t *to = which ? c.v.p + (size_t)p * c.a.v_stride : c.k.p + (size_t)p * c.a.k_stride;
            for (int d = 0; d < head_dim; d++) row[d] = 4 * test_random_float(&check_seed);
            if (seen[p]) sotto_row_from_f32(dtype, row, to, (size_t)head_dim);
            else memset(to, 0xff, bytes);
        }
    }
    free(row), free(seen);
    return c;
}

static void span_free(span_case *c) {
    check_free(&c->q), check_free(&c->k), check_free(&c->v);
    free(c->begin), free(c->end);
}

/* One row's result against a softmax in double; the sums are relative to the maximum that the kernel gave. */
static bool span_row_right(const span_case *c, int row, float m, float l, const float *acc) {
    const sotto_attend *a = &c->a;
    const float        *q = a->q + (size_t)row * a->q_stride;
    int                 begin = SOTTO_MAX(c->first, c->begin[row]), end = SOTTO_MIN(c->last, c->end[row]);
    float               kv[SOTTO_ATTN_HEAD_DIM_MAX];
    double sum = 0, max = -INFINITY, terms = 0, *want = calloc((size_t)a->head_dim * 2, sizeof *want);
    double *mass = want + a->head_dim;
    bool    right = true;
    for (int p = begin; p < end; p++) {
        sotto_row_to_f32(a->kv_dtype, (const uint8_t *)a->k + (size_t)p * a->k_stride, kv, (size_t)a->head_dim);
        double s = 0, t = 0;
        for (int d = 0; d < a->head_dim; d++) {
            double term = (double)q[d] * (double)kv[d];
            s += term, t += fabs(term);
        }
        if (a->softcap != 0) s = (double)a->softcap * tanh(s / (double)a->softcap);
        max = s > max ? s : max, terms = t > terms ? t : terms;
        double weight = exp(s - (double)m);
        sum += weight;
        sotto_row_to_f32(a->kv_dtype, (const uint8_t *)a->v + (size_t)p * a->v_stride, kv, (size_t)a->head_dim);
        for (int d = 0; d < a->head_dim; d++) {
            want[d] += weight * (double)kv[d];
            mass[d] += weight * fabs((double)kv[d]);
        }
    }
    double error = 1e-5 + 0x1p-21 * (terms + (double)a->softcap);
    if (begin >= end) {
        right = isinf(m) && m < 0 && l == 0;
    } else {
        right = fabs((double)m - max) <= error && fabs((double)l - sum) <= error * sum;
    }
    for (int d = 0; d < a->head_dim; d++) right = right && fabs((double)acc[d] - want[d]) <= error * mass[d];
    free(want);
    return right;
}

static void check_span(sotto_dtype dtype, int head_dim, int n_rows, bool windows, float softcap, float size) {
    span_case c = span_make(dtype, head_dim, n_rows, windows, softcap, size);
    size_t    floats = c.a.acc_stride * (size_t)(n_rows - 1) + (size_t)head_dim;
    for (int i = 0; i < check_n_levels; i++) {
        const sotto_kernels *k = &check_levels[i];
        if (i && k->attend == check_levels[i - 1].attend) continue;
        check_buffer acc = check_alloc(floats * 4, 4), m = check_alloc((size_t)n_rows * 4, 4);
        check_buffer l = check_alloc((size_t)n_rows * 4, 4), alone = check_alloc((size_t)head_dim * 4, 4);
        c.a.acc = (float *)(void *)acc.p, c.a.m = (float *)(void *)m.p, c.a.l = (float *)(void *)l.p;
        memset(acc.p, 0xa5, floats * 4);
        k->attend(&c.a);
        int wrong = 0, differ = 0;
        for (int row = 0; row < n_rows; row++) {
            const float *got = (float *)(void *)acc.p + (size_t)row * c.a.acc_stride;
            float        row_m = ((float *)(void *)m.p)[row], row_l = ((float *)(void *)l.p)[row], m1, l1;
            wrong += !span_row_right(&c, row, row_m, row_l, got);
            for (size_t d = (size_t)head_dim; d < c.a.acc_stride && row + 1 < n_rows; d++) {
                uint32_t u;
                memcpy(&u, got + d, 4);
                wrong += u != 0xa5a5a5a5;
            }
            sotto_attend one = c.a; /* the row alone must give the same bits */
            one.n_rows = 1, one.q += (size_t)row * c.a.q_stride, one.begin += row, one.end += row;
            one.m = &m1, one.l = &l1, one.acc = (float *)(void *)alone.p;
            k->attend(&one);
            differ += memcmp(&m1, &row_m, 4) || memcmp(&l1, &row_l, 4) || memcmp(alone.p, got, (size_t)head_dim * 4);
        }
        if (wrong || differ)
            printf("%s attend %s head_dim %d rows %d windows %d: %d wrong, %d differ alone\n", k->name,
                   sotto_dtype_get(dtype)->name, head_dim, n_rows, windows, wrong, differ);
        CHECK(!wrong && !differ);
        check_free(&acc), check_free(&m), check_free(&l), check_free(&alone);
    }
    span_free(&c);
}

static void check_attend(sotto_dtype dtype) {
    static const int dims[] = {16, 32, 48, 64, 80, 96, 128, 256, 512, 2, 6, 22, 50};
    for (size_t i = 0; i < SOTTO_COUNT(dims); i++) {
        if (dtype == SOTTO_Q8_0 && dims[i] % 32) continue;
        for (int round = 0; round < 6; round++)
            check_span(dtype, dims[i], check_int(1, 9), round % 2, round % 3 == 1 ? 3 : 0, round == 4 ? 40 : 4);
    }
}

TEST(attend_f32) { check_attend(SOTTO_F32); }
TEST(attend_f16) { check_attend(SOTTO_F16); }
TEST(attend_q8_0) { check_attend(SOTTO_Q8_0); }

#endif
