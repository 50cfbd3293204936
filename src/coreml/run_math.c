/* Operations on elements: arithmetic, comparisons, choices. */
#include "coreml/run.h"

#include <math.h>

/* ---- one element --------------------------------------------------------------------------------------- */

/* Integers wrap around, and nothing divides by zero. */
static int32_t wrapped(int64_t x) { return (int32_t)(uint32_t)(uint64_t)x; }

static float   add_f(float x, float y) { return x + y; }
static int32_t add_i(int32_t x, int32_t y) { return wrapped((int64_t)x + y); }
static float   sub_f(float x, float y) { return x - y; }
static int32_t sub_i(int32_t x, int32_t y) { return wrapped((int64_t)x - y); }
static float   mul_f(float x, float y) { return x * y; }
static int32_t mul_i(int32_t x, int32_t y) { return wrapped((int64_t)x * y); }
static float   div_f(float x, float y) { return x / y; }
static int32_t div_i(int32_t x, int32_t y) { return y ? wrapped((int64_t)x / y) : 0; }
static float   floor_div_f(float x, float y) { return floorf(x / y); }
static int32_t floor_div_i(int32_t x, int32_t y) {
    if (!y) return 0;
    int64_t q = (int64_t)x / y;
    return wrapped(q - ((int64_t)x % y != 0 && (x < 0) != (y < 0)));
}
static float   mod_f(float x, float y) { return x - y * floorf(x / y); }
static int32_t mod_i(int32_t x, int32_t y) { return wrapped((int64_t)x - (int64_t)y * floor_div_i(x, y)); }
static int32_t pow_i(int32_t x, int32_t y) {
    double p = pow(x, y);
    return p > 2147483647.0 ? INT32_MAX : p >= -2147483648.0 ? (int32_t)p : INT32_MIN;
}
static int32_t max_i(int32_t x, int32_t y) { return SOTTO_MAX(x, y); }
static int32_t min_i(int32_t x, int32_t y) { return SOTTO_MIN(x, y); }

#define COMPARISON(name, operator)                                                                           \
    static float   name##_f(float x, float y) { return x operator y ? 1.0f : 0.0f; }                         \
    static int32_t name##_i(int32_t x, int32_t y) { return x operator y; }
COMPARISON(gt, >)
COMPARISON(ge, >=)
COMPARISON(lt, <)
COMPARISON(le, <=)
COMPARISON(eq, ==)
COMPARISON(ne, !=)
static int32_t and_i(int32_t x, int32_t y) { return x && y; }
static int32_t or_i(int32_t x, int32_t y) { return x || y; }
static int32_t xor_i(int32_t x, int32_t y) { return !x != !y; }

static int32_t abs_i(int32_t x, int32_t same) { return x < 0 ? wrapped(-(int64_t)same) : x; }
static float square(float x) { return x * x; }
static float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }
static float silu(float x) { return x * sigmoid(x); }
static float relu(float x) { return x > 0 ? x : 0; }
static float gelu_erf(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678f)); }
static float gelu_tanh(float x) { return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x))); }
static float gelu_sigmoid(float x) { return x * sigmoid(1.702f * x); }

/* ---- elements ------------------------------------------------------------------------------------------ */

static sotto_status run_unary(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    sotto_mil_tensor       *out;
    if (!sotto_mil_is_float(x->dtype) && !(s->kind->i2 && x->dtype == SOTTO_MIL_I32))
        return sotto_mil_refuse(r, s, "only floats are supported");
    SOTTO_TRY(sotto_mil_output(r, s, 0, x, &out));
    for (size_t i = 0; i < x->n; i++)
        if (sotto_mil_is_float(x->dtype))
            out->f[i] = s->kind->f1(x->f[i]);
        else
            out->i[i] = s->kind->i2(x->i[i], x->i[i]);
    return SOTTO_OK;
}

static sotto_status run_gelu(sotto_mil_run *r, const sotto_mil_step *s) {
    const char     *mode = sotto_mil_in_text(r, s, 1);
    sotto_mil_step  as = *s;
    sotto_mil_kind  kind = {.f1 = gelu_erf};
    if (strcmp(mode, "TANH_APPROXIMATION") == 0)
        kind.f1 = gelu_tanh;
    else if (strcmp(mode, "SIGMOID_APPROXIMATION") == 0)
        kind.f1 = gelu_sigmoid;
    else if (strcmp(mode, "EXACT") != 0)
        return sotto_mil_refuse(r, s, "its mode is not known");
    as.kind = &kind;
    return run_unary(r, &as);
}

static sotto_status run_not(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    sotto_mil_tensor       *out;
    if (x->dtype != SOTTO_MIL_BOOL) return sotto_mil_refuse(r, s, "only bools are supported");
    SOTTO_TRY(sotto_mil_output(r, s, 0, x, &out));
    for (size_t i = 0; i < x->n; i++) out->i[i] = !x->i[i];
    return SOTTO_OK;
}

/* Both operands at the size of the result; row by row along the last axis. */
static void each_pair(const sotto_mil_kind *kind, bool floats, sotto_mil_tensor *out, const sotto_mil_tensor *x,
                      const sotto_mil_tensor *y) {
    int64_t xs[SOTTO_MIL_RANK_MAX], ys[SOTTO_MIL_RANK_MAX], at[SOTTO_MIL_RANK_MAX] = {0};
    int32_t last = out->rank - 1;
    size_t  row = last < 0 ? 1 : (size_t)out->dim[last];
    sotto_mil_broadcast_strides(x, out, xs);
    sotto_mil_broadcast_strides(y, out, ys);
    const uint32_t *a = x->bits, *b = y->bits;
    for (size_t done = 0; done < out->n; done += row) {
        size_t xi = last < 0 ? 0 : (size_t)xs[last], yi = last < 0 ? 0 : (size_t)ys[last];
        if (!floats) {
            const int32_t *p = (const int32_t *)(const void *)a, *q = (const int32_t *)(const void *)b;
            for (size_t i = 0; i < row; i++) out->i[done + i] = kind->i2(p[i * xi], q[i * yi]);
        } else {
            const float *p = (const float *)(const void *)a, *q = (const float *)(const void *)b;
            for (size_t i = 0; i < row; i++) {
                float v = kind->f2(p[i * xi], q[i * yi]);
                if (kind->compares)
                    out->i[done + i] = v != 0;
                else
                    out->f[done + i] = v;
            }
        }
        for (int32_t axis = last - 1; axis >= 0; axis--) {
            a += xs[axis], b += ys[axis];
            if (++at[axis] < out->dim[axis]) break;
            a -= xs[axis] * out->dim[axis], b -= ys[axis] * out->dim[axis];
            at[axis] = 0;
        }
    }
}

static sotto_status run_binary(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0), *y = sotto_mil_in_tensor(r, s, 1);
    bool                    floats = sotto_mil_is_float(x->dtype);
    sotto_mil_tensor        like = {.dtype = s->kind->compares ? SOTTO_MIL_BOOL : x->dtype}, *out;
    if (x->dtype != y->dtype || (floats ? !s->kind->f2 : !s->kind->i2))
        return sotto_mil_refuse(r, s, "its operands are of types that it cannot take");
    if (!sotto_mil_broadcast(x, y, &like)) return sotto_mil_refuse(r, s, "its operands do not fit together");
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    each_pair(s->kind, floats, out, x, y);
    return SOTTO_OK;
}

/* a where cond, else b, all three broadcast. */
static sotto_status run_select(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *v[3];
    sotto_mil_tensor        like = {0}, *out, wide;
    int64_t                 to[SOTTO_MIL_RANK_MAX], from[SOTTO_MIL_RANK_MAX];
    for (int32_t i = 0; i < 3; i++) v[i] = sotto_mil_in_tensor(r, s, i);
    if (v[0]->dtype != SOTTO_MIL_BOOL || v[1]->dtype != v[2]->dtype)
        return sotto_mil_refuse(r, s, "its operands are of types that it cannot take");
    if (!sotto_mil_broadcast(v[1], v[2], &like)) return sotto_mil_refuse(r, s, "its operands do not fit together");
    wide = like;
    if (!sotto_mil_broadcast(v[0], &wide, &like)) return sotto_mil_refuse(r, s, "its operands do not fit together");
    like.dtype = v[1]->dtype;
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    float *side = sotto_mil_scratch(r, 2 * out->n);
    if (!side) return SOTTO_NO_MEMORY;
    uint32_t *cond = (uint32_t *)(void *)side, *b = cond + out->n;
    sotto_mil_strides(out, to);
    for (int32_t i = 0; i < 3; i++) {
        sotto_mil_broadcast_strides(v[i], out, from);
        sotto_mil_move(i == 0 ? cond : i == 1 ? out->bits : b, to, v[i]->bits, from, out->dim, out->rank);
    }
    for (size_t i = 0; i < out->n; i++)
        if (!cond[i]) out->bits[i] = b[i];
    return SOTTO_OK;
}

static int32_t to_int(float x) {
    if (isnan(x)) return 0;
    return x >= 2147483648.0f ? INT32_MAX : x > -2147483648.0f ? (int32_t)x : INT32_MIN;
}

static sotto_status run_cast(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    const char             *name = sotto_mil_in_text(r, s, 1);
    sotto_mil_tensor        like = *x, *out;
    like.dtype = r->p->f->vars[s->op->outputs[0]].type.dtype;
    if (strcmp(name, sotto_mil_dtype_get((int64_t)like.dtype)->name) != 0)
        return sotto_mil_refuse(r, s, "it casts to another type than it declares");
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    bool from = sotto_mil_is_float(x->dtype), to = sotto_mil_is_float(like.dtype);
    for (size_t i = 0; i < x->n; i++) {
        if (to)
            out->f[i] = from ? x->f[i] : (float)x->i[i];
        else if (like.dtype == SOTTO_MIL_BOOL)
            out->i[i] = from ? x->f[i] != 0 : x->i[i] != 0;
        else
            out->i[i] = from ? to_int(x->f[i]) : x->i[i];
    }
    return SOTTO_OK;
}

static sotto_status run_clip(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0), *a = sotto_mil_in_tensor(r, s, 1);
    const sotto_mil_tensor *b = sotto_mil_in_tensor(r, s, 2);
    sotto_mil_tensor       *out;
    if (!sotto_mil_is_float(x->dtype) || a->dtype != x->dtype || b->dtype != x->dtype || a->n != 1 || b->n != 1)
        return sotto_mil_refuse(r, s, "only floats are supported");
    SOTTO_TRY(sotto_mil_output(r, s, 0, x, &out));
    for (size_t i = 0; i < x->n; i++) out->f[i] = fminf(fmaxf(x->f[i], a->f[0]), b->f[0]);
    return SOTTO_OK;
}

static sotto_status run_rsqrt(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0), *eps = sotto_mil_in_tensor(r, s, 1);
    sotto_mil_tensor       *out;
    if (!sotto_mil_is_float(x->dtype) || (eps && (!sotto_mil_is_float(eps->dtype) || eps->n != 1)))
        return sotto_mil_refuse(r, s, "only floats are supported");
    SOTTO_TRY(sotto_mil_output(r, s, 0, x, &out));
    for (size_t i = 0; i < x->n; i++) out->f[i] = 1.0f / sqrtf(x->f[i] + (eps ? eps->f[0] : 1e-12f));
    return SOTTO_OK;
}

#define UNARY(name, function) {.type = name, .params = "x", .n_outputs = 1, .run = run_unary, .f1 = function}
#define UNARY_BOTH(name, floats, ints)                                                                       \
    {.type = name, .params = "x", .n_outputs = 1, .run = run_unary, .f1 = floats, .i2 = ints}
#define BINARY(name, floats, ints)                                                                           \
    {.type = name, .params = "x y", .n_outputs = 1, .run = run_binary, .f2 = floats, .i2 = ints}
#define COMPARE(name, floats, ints)                                                                          \
    {.type = name, .params = "x y", .n_outputs = 1, .run = run_binary, .f2 = floats, .i2 = ints, .compares = true}
const sotto_mil_kind sotto_mil_math_kinds[] = {
    UNARY("sqrt", sqrtf), UNARY("exp", expf), UNARY("tanh", tanhf), UNARY("sigmoid", sigmoid),
    UNARY("silu", silu), UNARY("cos", cosf), UNARY("sin", sinf), UNARY("relu", relu),
    UNARY_BOTH("abs", fabsf, abs_i), UNARY_BOTH("square", square, mul_i), /* of an integer with itself */
    BINARY("add", add_f, add_i), BINARY("sub", sub_f, sub_i), BINARY("mul", mul_f, mul_i),
    BINARY("real_div", div_f, div_i), BINARY("floor_div", floor_div_f, floor_div_i), BINARY("mod", mod_f, mod_i),
    BINARY("pow", powf, pow_i), BINARY("maximum", fmaxf, max_i), BINARY("minimum", fminf, min_i),
    COMPARE("greater", gt_f, gt_i), COMPARE("greater_equal", ge_f, ge_i), COMPARE("less", lt_f, lt_i),
    COMPARE("less_equal", le_f, le_i), COMPARE("equal", eq_f, eq_i), COMPARE("not_equal", ne_f, ne_i),
    COMPARE("logical_and", NULL, and_i), COMPARE("logical_or", NULL, or_i), COMPARE("logical_xor", NULL, xor_i),
    {.type = "logical_not", .params = "x", .n_outputs = 1, .run = run_not},
    {.type = "gelu", .params = "x mode$", .n_outputs = 1, .run = run_gelu},
    {.type = "select", .params = "cond a b", .n_outputs = 1, .run = run_select},
    {.type = "cast", .params = "x dtype$", .n_outputs = 1, .run = run_cast},
    {.type = "clip", .params = "x alpha beta", .n_outputs = 1, .run = run_clip},
    {.type = "rsqrt", .params = "x epsilon?", .n_outputs = 1, .run = run_rsqrt},
    {.type = NULL},
};
