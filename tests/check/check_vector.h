/* Checks of the element-wise kernels and conversions. Included by test_kernels.c alone. */
#ifndef SOTTO_CHECK_VECTOR_H
#define SOTTO_CHECK_VECTOR_H

#include "check/check.h"

static const int vector_sizes[] = {1, 2, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 255, 511, 512, 513, 1152, 2050};

/* A guarded vector of n floats. */
static check_buffer vector_alloc(int n) { return check_alloc((size_t)n * 4, 4); }
static float       *vector_of(const check_buffer *b) { return (float *)(void *)b->p; }

/* got within `bound` of want; want that is NaN or infinite must be met exactly. */
static bool vector_near(float got, double want, double bound) {
    if (isnan(want)) return isnan(got);
    return isinf(want) ? (double)got == want : fabs((double)got - want) <= bound;
}

#define FOR_LEVELS(k) for (const sotto_kernels *k = check_levels; k < check_levels + check_n_levels; k++)
#define FOR_SIZES(n)                                                                                         \
    for (const int *size_ = vector_sizes, *end_ = size_ + SOTTO_COUNT(vector_sizes), *once_ = size_;         \
         size_ < end_ && once_; size_++)                                                                     \
        for (int n = *size_, run_ = 1; run_; run_ = 0)

static void check_report(const sotto_kernels *k, const char *what, int n, int bad) {
    if (bad) printf("%s %s n %d: %d wrong\n", k->name, what, n, bad);
    CHECK(bad == 0);
}

TEST(quantize_q8) {
    FOR_SIZES(n) {
        for (int kind = 0; kind <= DATA_KINDS; kind++) {
            check_buffer x = vector_alloc(n), want = check_alloc(sotto_q8_row_bytes(n), 64);
            check_buffer got = check_alloc(sotto_q8_row_bytes(n), 64);
            float       *f = vector_of(&x);
            check_fill_floats(f, n, kind == DATA_KINDS ? DATA_PLAIN : (check_data)kind);
            if (kind == DATA_KINDS) { /* halves to even, and what is no number */
                static const float odd[] = {NAN, INFINITY, -INFINITY, 1e-31f, 1e-38f, -0.0f, 3e38f, 0.5f, 1.5f, -2.5f};
                for (int i = 0; i < n; i++) f[i] = check_int(0, 3) ? (float)check_int(-127, 127) / 2 : 63.5f;
                for (int i = 0; i < n; i += 9) f[i] = odd[(size_t)check_int(0, 9)];
            }
            check_levels[0].quantize_q8(f, (sotto_q8_group *)(void *)want.p, n);
            FOR_LEVELS(k) {
                memset(got.p, 0x5a, sotto_q8_row_bytes(n));
                k->quantize_q8(f, (sotto_q8_group *)(void *)got.p, n);
                check_report(k, "quantize_q8", n, memcmp(got.p, want.p, sotto_q8_row_bytes(n)) != 0);
            }
            check_free(&x), check_free(&want), check_free(&got);
        }
    }
}

/* ref's groups against the rule itself: each code times the scale is within half a step of the value. */
TEST(quantize_q8_rule) {
    float          x[1000];
    sotto_q8_group g[2];
    check_fill_floats(x, 1000, DATA_PLAIN);
    check_levels[0].quantize_q8(x, g, 1000);
    int bad = 0;
    for (int b = 0; b < 32; b++) {
        const sotto_q8_group *of = &g[b / 16];
        int                   sum[2] = {0, 0};
        for (int j = 0; j < 32; j++) {
            int   code = of->code[j / 4][b % 16][j % 4];
            float v = 32 * b + j < 1000 ? x[32 * b + j] : 0, s = of->scale[b % 16];
            bad += fabsf((float)code * s - v) > 0.5001f * s;
            sum[j / 16] += code;
        }
        bad += sum[0] != of->sum_lo[b % 16] || sum[1] != of->sum_hi[b % 16];
    }
    CHECK_INT(bad, 0);
}

TEST(rmsnorm) {
    FOR_SIZES(n) {
        check_buffer x = vector_alloc(n), w = vector_alloc(n), y = vector_alloc(n);
        for (int with_w = 0; with_w < 2; with_w++) {
            double sum = 0;
            check_fill_floats(vector_of(&x), n, DATA_PLAIN);
            check_fill_floats(vector_of(&w), n, DATA_PLAIN);
            for (int i = 0; i < n; i++) sum += (double)vector_of(&x)[i] * (double)vector_of(&x)[i];
            double scale = 1 / sqrt(sum / n + 1e-6);
            FOR_LEVELS(k) {
                int bad = 0;
                k->rmsnorm(vector_of(&y), vector_of(&x), with_w ? vector_of(&w) : NULL, n, 1e-6f);
                for (int i = 0; i < n; i++) {
                    double want = vector_of(&x)[i] * scale * (with_w ? (double)vector_of(&w)[i] : 1);
                    bad += !vector_near(vector_of(&y)[i], want, (1e-6 + n * 0x1p-24) * fabs(want) + 1e-44);
                }
                check_report(k, "rmsnorm", n, bad);
                memcpy(y.p, x.p, (size_t)n * 4); /* y may be x */
                check_buffer z = vector_alloc(n);
                k->rmsnorm(vector_of(&z), vector_of(&x), NULL, n, 1e-6f);
                k->rmsnorm(vector_of(&y), vector_of(&y), NULL, n, 1e-6f);
                check_report(k, "rmsnorm in place", n, memcmp(y.p, z.p, (size_t)n * 4) != 0);
                check_free(&z);
            }
        }
        check_free(&x), check_free(&w), check_free(&y);
    }
}

/* Inputs over the whole range, then the ends of it. */
static float wide_value(int i) {
    static const float odd[] = {0, -0.0f, 1e-40f, -1e-40f, 88.8f, -88.8f, 104, -104, 1000, -1000, 1e30f, -1e30f, 1e-8f};
    if (i % 5 == 4) return odd[(size_t)check_int(0, (int)SOTTO_COUNT(odd) - 1)];
    return test_random_float(&check_seed) * (i % 2 ? 4.0f : 30.0f);
}

TEST(activate) {
    FOR_SIZES(n) {
        check_buffer x = vector_alloc(n), up = vector_alloc(n), y = vector_alloc(n);
        for (int act = SOTTO_ACT_SILU; act <= SOTTO_ACT_GELU_TANH; act++) {
            for (int i = 0; i < n; i++) {
                vector_of(&x)[i] = wide_value(i);
                vector_of(&up)[i] = 3 * test_random_float(&check_seed);
            }
            FOR_LEVELS(k) {
                int bad = 0;
                memcpy(y.p, x.p, (size_t)n * 4);
                k->activate((sotto_activation)act, vector_of(&y), vector_of(&up), n);
                for (int i = 0; i < n; i++) {
                    double v = (double)vector_of(&x)[i], u = (double)vector_of(&up)[i];
                    double inner = 0.79788456080286536 * (v + 0.044715 * v * v * v);
                    double a = act == SOTTO_ACT_SILU ? v / (1 + exp(-v)) : 0.5 * v * (1 + tanh(inner));
                    bad += !vector_near(vector_of(&y)[i], a * u, fabs(u) * (4e-6 * fabs(a) + 1e-7) + 1e-44);
                }
                check_report(k, act ? "gelu" : "silu", n, bad);
            }
        }
        check_free(&x), check_free(&up), check_free(&y);
    }
}

TEST(add_scale_softcap) {
    FOR_SIZES(n) {
        check_buffer a = vector_alloc(n), b = vector_alloc(n), y = vector_alloc(n);
        for (int i = 0; i < n; i++) vector_of(&a)[i] = wide_value(i), vector_of(&b)[i] = wide_value(i + 1);
        FOR_LEVELS(k) {
            int bad[3] = {0, 0, 0};
            memcpy(y.p, a.p, (size_t)n * 4);
            k->add(vector_of(&y), vector_of(&b), n);
            for (int i = 0; i < n; i++) bad[0] += vector_of(&y)[i] != vector_of(&a)[i] + vector_of(&b)[i];
            memcpy(y.p, a.p, (size_t)n * 4);
            k->scale(vector_of(&y), 0.3f, n);
            for (int i = 0; i < n; i++) bad[1] += vector_of(&y)[i] != vector_of(&a)[i] * 0.3f;
            memcpy(y.p, a.p, (size_t)n * 4);
            k->softcap(vector_of(&y), 30, n);
            for (int i = 0; i < n; i++)
                bad[2] += !vector_near(vector_of(&y)[i], 30 * tanh((double)vector_of(&a)[i] / 30), 4e-6 * 30);
            check_report(k, "add", n, bad[0]);
            check_report(k, "scale", n, bad[1]);
            check_report(k, "softcap", n, bad[2]);
        }
        check_free(&a), check_free(&b), check_free(&y);
    }
}

TEST(rope) {
    FOR_SIZES(n) {
        check_buffer x = vector_alloc(2 * n), y = vector_alloc(2 * n), c = vector_alloc(n), s = vector_alloc(n);
        for (int i = 0; i < n; i++) {
            float angle = 100 * test_random_float(&check_seed);
            vector_of(&c)[i] = cosf(angle), vector_of(&s)[i] = sinf(angle);
        }
        check_fill_floats(vector_of(&x), 2 * n, DATA_PLAIN);
        for (int interleaved = 0; interleaved < 2; interleaved++) {
            FOR_LEVELS(k) {
                int bad = 0;
                memcpy(y.p, x.p, (size_t)n * 8);
                k->rope(vector_of(&y), vector_of(&c), vector_of(&s), n, interleaved);
                for (int i = 0; i < n; i++) {
                    int    ia = interleaved ? 2 * i : i, ib = interleaved ? 2 * i + 1 : n + i;
                    double a = (double)vector_of(&x)[ia], b = (double)vector_of(&x)[ib];
                    double co = (double)vector_of(&c)[i], si = (double)vector_of(&s)[i], size = fabs(a) + fabs(b);
                    bad += !vector_near(vector_of(&y)[ia], a * co - b * si, 0x1p-22 * size);
                    bad += !vector_near(vector_of(&y)[ib], a * si + b * co, 0x1p-22 * size);
                }
                check_report(k, interleaved ? "rope interleaved" : "rope", n, bad);
            }
        }
        check_free(&x), check_free(&y), check_free(&c), check_free(&s);
    }
}

/* A block's numbers and weights; the odd kinds have none, one, or only equal ones, and those halfway between codes. */
static void fill_block(float *x, float *w, int kind) {
    for (int i = 0; i < SOTTO_CODE_BLOCK; i++) {
        x[i] = kind == 1 ? (float)check_int(-17, 17) / 2 : test_random_float(&check_seed) * 8;
        if (kind == 2) x[i] = i == 5 ? -3 : 0;
        if (kind == 3) x[i] = 0;
        w[i] = kind % 2 ? 1 : fabsf(test_random_float(&check_seed));
    }
}

/* Codes and sums of a block: ref's against the rule in double precision, the others' against ref's, bit for bit. */
TEST(blocks_of_codes) {
    check_buffer x = vector_alloc(SOTTO_CODE_BLOCK), w = vector_alloc(SOTTO_CODE_BLOCK);
    check_buffer codes = check_alloc(SOTTO_CODE_BLOCK, 1), inverse = vector_alloc(SOTTO_SCALES_TRIED);
    check_buffer xq = vector_alloc(SOTTO_SCALES_TRIED), qq = vector_alloc(SOTTO_SCALES_TRIED);
    for (int round = 0; round < 400; round++) {
        float  want_xq[SOTTO_SCALES_TRIED], want_qq[SOTTO_SCALES_TRIED];
        int8_t want[SOTTO_CODE_BLOCK];
        int    bad = 0;
        fill_block(vector_of(&x), vector_of(&w), round % 4);
        for (int k = 0; k < SOTTO_SCALES_TRIED; k++) vector_of(&inverse)[k] = 0.5f + (float)k / 16;
        check_levels[0].round_block(vector_of(&x), 1.25f, -7, 7, want);
        check_levels[0].try_scales(vector_of(&x), vector_of(&w), vector_of(&inverse), want_xq, want_qq);
        for (int k = 0; k < SOTTO_SCALES_TRIED; k++) {
            double sum_xq = 0, sum_qq = 0;
            for (int i = 0; i < SOTTO_CODE_BLOCK; i++) {
                double v = (double)vector_of(&x)[i], q = nearbyint((double)(vector_of(&x)[i] * vector_of(&inverse)[k]));
                q = q < -8 ? -8 : q > 7 ? 7 : q;
                sum_xq += (double)vector_of(&w)[i] * v * q;
                sum_qq += (double)vector_of(&w)[i] * q * q;
                if (k == 12) bad += want[i] != (q < -7 ? -7 : q); /* 0.5 + 12 / 16 */
            }
            bad += !vector_near(want_xq[k], sum_xq, 1e-5 * sum_xq) + !vector_near(want_qq[k], sum_qq, 1e-5 * sum_qq);
        }
        FOR_LEVELS(k) {
            k->round_block(vector_of(&x), 1.25f, -7, 7, (int8_t *)codes.p);
            k->try_scales(vector_of(&x), vector_of(&w), vector_of(&inverse), vector_of(&xq), vector_of(&qq));
            check_report(k, "blocks of codes", round, bad + (memcmp(codes.p, want, sizeof want) != 0) +
                         (memcmp(xq.p, want_xq, sizeof want_xq) != 0) + (memcmp(qq.p, want_qq, sizeof want_qq) != 0));
        }
    }
    check_free(&x), check_free(&w), check_free(&codes), check_free(&inverse), check_free(&xq), check_free(&qq);
}

/* Conversions give ref's bits at every level. */
TEST(conversions) {
    for (int dtype = 0; dtype < SOTTO_WEIGHT_DTYPE_COUNT; dtype++) {
        FOR_SIZES(size) {
            size_t block = sotto_dtype_get((sotto_dtype)dtype)->block_elems, bytes;
            int    n = (size + (int)block - 1) / (int)block * (int)block;
            if (!sotto_dtype_row_bytes((sotto_dtype)dtype, (uint64_t)n, &bytes)) exit(1);
            check_buffer src = check_alloc(bytes, 1), f = vector_alloc(n), want = vector_alloc(n);
            check_fill_weights((sotto_dtype)dtype, src.p, n, (check_data)check_int(0, DATA_KINDS - 1));
            check_levels[0].to_f32((sotto_dtype)dtype, src.p, vector_of(&want), n);
            FOR_LEVELS(k) {
                k->to_f32((sotto_dtype)dtype, src.p, vector_of(&f), n);
                check_report(k, sotto_dtype_get((sotto_dtype)dtype)->name, n, memcmp(f.p, want.p, (size_t)n * 4) != 0);
            }
            if (dtype == SOTTO_F32 || dtype == SOTTO_F16 || dtype == SOTTO_Q8_0) {
                check_buffer back = check_alloc(bytes, 1);
                for (int i = 0; i < n; i++) vector_of(&f)[i] = i % 4 ? wide_value(i) : (float)check_int(-254, 254) / 2;
                check_levels[0].from_f32((sotto_dtype)dtype, vector_of(&f), src.p, n);
                FOR_LEVELS(k) {
                    k->from_f32((sotto_dtype)dtype, vector_of(&f), back.p, n);
                    check_report(k, "from_f32", n, memcmp(back.p, src.p, bytes) != 0);
                }
                check_free(&back);
            }
            check_free(&src), check_free(&f), check_free(&want);
        }
    }
}

#endif
