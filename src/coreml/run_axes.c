/* Operations along axes: reductions, norms, softmax, bands. */
#include "coreml/run.h"

#include <math.h>

/* Some axes of a tensor: how far they go, and in which steps. */
typedef struct axes {
    int32_t rank;
    size_t  n; /* places */
    int64_t dim[SOTTO_MIL_RANK_MAX], step[SOTTO_MIL_RANK_MAX];
} axes;

static void add_axis(axes *a, int64_t dim, int64_t step) {
    a->dim[a->rank] = dim, a->step[a->rank++] = step;
    a->n *= (size_t)dim;
}

/* Where place number k is. */
static size_t offset_of(const axes *a, size_t k) {
    int64_t at = 0;
    for (int32_t i = a->rank - 1; i > 0; i--) {
        at += (int64_t)(k % (size_t)a->dim[i]) * a->step[i];
        k /= (size_t)a->dim[i];
    }
    return (size_t)(a->rank ? at + (int64_t)k * a->step[0] : 0);
}

/* The axes of x that a parameter names (all where it is left out), and the others; false: there are no such. */
static bool split_axes(const sotto_mil_run *r, const sotto_mil_step *s, int32_t param, const sotto_mil_tensor *x,
                       axes *named, axes *others, bool *is_named) {
    int64_t list[SOTTO_MIL_RANK_MAX], step[SOTTO_MIL_RANK_MAX];
    int32_t n = sotto_mil_in_ints(r, s, param, list);
    *named = *others = (axes){.n = 1};
    for (int32_t i = 0; i < x->rank; i++) is_named[i] = s->args[param] < 0;
    for (int32_t i = 0; i < n; i++) {
        int64_t axis = list[i] < 0 ? list[i] + x->rank : list[i];
        if (axis < 0 || axis >= x->rank) return false;
        is_named[axis] = true;
    }
    sotto_mil_strides(x, step);
    for (int32_t i = 0; i < x->rank; i++) add_axis(is_named[i] ? named : others, x->dim[i], step[i]);
    return n >= 0;
}

/* ---- reductions ---------------------------------------------------------------------------------------- */

static float   add_f(float x, float y) { return x + y; }
static int32_t add_i(int32_t x, int32_t y) { return (int32_t)((uint32_t)x + (uint32_t)y); }
static int32_t max_i(int32_t x, int32_t y) { return SOTTO_MAX(x, y); }
static int32_t min_i(int32_t x, int32_t y) { return SOTTO_MIN(x, y); }

/* One cell of the result, from the elements at `x` on. Of no elements the sum is 0, and the least the greatest. */
static void reduce_cell(const sotto_mil_kind *kind, const sotto_mil_tensor *x, size_t first, const axes *gone,
                        sotto_mil_tensor *out, size_t cell) {
    bool mean = strcmp(kind->type, "reduce_mean") == 0;
    if (sotto_mil_is_float(x->dtype)) {
        float sum = kind->f2 == add_f ? 0 : kind->f2 == fmaxf ? -INFINITY : INFINITY;
        for (size_t i = 0; i < gone->n; i++) sum = kind->f2(sum, x->f[first + offset_of(gone, i)]);
        out->f[cell] = mean ? sum / (float)gone->n : sum;
    } else {
        int32_t sum = kind->f2 == add_f ? 0 : kind->f2 == fmaxf ? INT32_MIN : INT32_MAX;
        for (size_t i = 0; i < gone->n; i++) sum = kind->i2(sum, x->i[first + offset_of(gone, i)]);
        out->i[cell] = mean && gone->n ? (int32_t)((double)sum / (double)gone->n) : sum;
    }
}

static sotto_status run_reduce(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    sotto_mil_tensor        like = {.dtype = x->dtype}, *out;
    int64_t                 keep;
    bool                    is_gone[SOTTO_MIL_RANK_MAX];
    axes                    gone, kept;
    if (!sotto_mil_is_float(x->dtype) && x->dtype != SOTTO_MIL_I32)
        return sotto_mil_refuse(r, s, "only floats and int32 are supported");
    if (!split_axes(r, s, 1, x, &gone, &kept, is_gone) || !sotto_mil_in_int(r, s, 2, 0, &keep))
        return sotto_mil_refuse(r, s, "axes that are not there");
    for (int32_t i = 0; i < x->rank; i++)
        if (!is_gone[i] || keep) like.dim[like.rank++] = is_gone[i] ? 1 : x->dim[i];
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    for (size_t i = 0; i < out->n; i++) reduce_cell(s->kind, x, offset_of(&kept, i), &gone, out, i);
    return SOTTO_OK;
}

/* The place of the greatest along one axis, the first of equals. */
static sotto_status run_argmax(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    sotto_mil_tensor        like = {.dtype = r->p->f->vars[s->op->outputs[0]].type.dtype}, *out;
    int64_t                 keep, step[SOTTO_MIL_RANK_MAX];
    int32_t                 axis;
    axes                    kept = {.n = 1};
    if (!sotto_mil_is_float(x->dtype) || (like.dtype != SOTTO_MIL_I32 && like.dtype != SOTTO_MIL_U16))
        return sotto_mil_refuse(r, s, "only floats are supported, and places as int32 or uint16");
    if (!sotto_mil_in_axis(r, s, 1, -1, x->rank, &axis) || !sotto_mil_in_int(r, s, 2, 0, &keep) || x->dim[axis] < 1)
        return sotto_mil_refuse(r, s, "no such axis, or an empty one");
    sotto_mil_strides(x, step);
    for (int32_t i = 0; i < x->rank; i++) {
        if (i != axis) add_axis(&kept, x->dim[i], step[i]);
        if (i != axis || keep) like.dim[like.rank++] = i == axis ? 1 : x->dim[i];
    }
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    for (size_t i = 0; i < out->n; i++) {
        const float *from = x->f + offset_of(&kept, i);
        int64_t      best = 0;
        for (int64_t k = 1; k < x->dim[axis]; k++)
            if (from[k * step[axis]] > from[best * step[axis]]) best = k;
        out->i[i] = (int32_t)best;
    }
    return SOTTO_OK;
}

/* ---- norms --------------------------------------------------------------------------------------------- */

static sotto_status run_softmax(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    sotto_mil_tensor       *out;
    int32_t                 axis;
    if (!sotto_mil_is_float(x->dtype)) return sotto_mil_refuse(r, s, "only floats are supported");
    if (!sotto_mil_in_axis(r, s, 1, -1, x->rank, &axis)) return sotto_mil_refuse(r, s, "no such axis");
    SOTTO_TRY(sotto_mil_output(r, s, 0, x, &out));
    size_t n = (size_t)x->dim[axis], inner = 1;
    for (int32_t i = axis + 1; i < x->rank; i++) inner *= (size_t)x->dim[i];
    for (size_t at = 0; n > 0 && at < x->n / n; at++) {
        size_t       offset = at / inner * n * inner + at % inner;
        const float *from = x->f + offset;
        float       *to = out->f + offset, top = -INFINITY, sum = 0;
        for (size_t i = 0; i < n; i++) top = fmaxf(top, from[i * inner]);
        for (size_t i = 0; i < n; i++) sum += to[i * inner] = expf(from[i * inner] - top);
        for (size_t i = 0; i < n; i++) to[i * inner] /= sum;
    }
    return SOTTO_OK;
}

/* (x - mean) / sqrt(variance + epsilon) * gamma + beta */
static sotto_status run_layer_norm(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0), *gamma = sotto_mil_in_tensor(r, s, 2);
    const sotto_mil_tensor *beta = sotto_mil_in_tensor(r, s, 3), *eps = sotto_mil_in_tensor(r, s, 4);
    sotto_mil_tensor       *out;
    bool                    is_named[SOTTO_MIL_RANK_MAX];
    axes                    within, over;
    if (!sotto_mil_is_float(x->dtype) || !split_axes(r, s, 1, x, &within, &over, is_named))
        return sotto_mil_refuse(r, s, "only floats are supported, and axes that are there");
    if ((gamma && (gamma->n != within.n || gamma->dtype != x->dtype)) ||
        (beta && (beta->n != within.n || beta->dtype != x->dtype)) ||
        (eps && (eps->n != 1 || !sotto_mil_is_float(eps->dtype))))
        return sotto_mil_refuse(r, s, "gamma, beta or epsilon do not fit");
    SOTTO_TRY(sotto_mil_output(r, s, 0, x, &out));
    for (size_t i = 0; within.n > 0 && i < over.n; i++) {
        size_t first = offset_of(&over, i);
        float  mean = 0, variance = 0;
        for (size_t k = 0; k < within.n; k++) mean += x->f[first + offset_of(&within, k)];
        mean /= (float)within.n;
        for (size_t k = 0; k < within.n; k++) {
            float d = x->f[first + offset_of(&within, k)] - mean;
            variance += d * d;
        }
        float scale = 1.0f / sqrtf(variance / (float)within.n + (eps ? eps->f[0] : 1e-5f));
        for (size_t k = 0; k < within.n; k++) {
            size_t at = first + offset_of(&within, k);
            out->f[at] = (x->f[at] - mean) * scale * (gamma ? gamma->f[k] : 1) + (beta ? beta->f[k] : 0);
        }
    }
    return SOTTO_OK;
}

/* ---- bands --------------------------------------------------------------------------------------------- */

/* Zero but for so many diagonals below and above that of each matrix; below 0: all of them. */
static sotto_status run_band_part(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    sotto_mil_tensor       *out;
    int64_t                 lower, upper;
    if (x->rank < 2 || !sotto_mil_in_int(r, s, 1, -1, &lower) || !sotto_mil_in_int(r, s, 2, -1, &upper))
        return sotto_mil_refuse(r, s, "only bands of matrices are supported");
    SOTTO_TRY(sotto_mil_output(r, s, 0, x, &out));
    for (size_t i = 0; i < x->n; i++) {
        int64_t col = (int64_t)(i % (size_t)x->dim[x->rank - 1]);
        int64_t row = (int64_t)(i / (size_t)x->dim[x->rank - 1] % (size_t)x->dim[x->rank - 2]);
        bool    inside = (lower < 0 || row - col <= lower) && (upper < 0 || col - row <= upper);
        out->bits[i] = inside ? x->bits[i] : 0;
    }
    return SOTTO_OK;
}

#define REDUCE(name, floats, ints)                                                                           \
    {.type = name, .params = "x axes? keep_dims?", .n_outputs = 1, .run = run_reduce, .f2 = floats, .i2 = ints}
const sotto_mil_kind sotto_mil_axes_kinds[] = {
    REDUCE("reduce_mean", add_f, add_i),
    REDUCE("reduce_sum", add_f, add_i),
    REDUCE("reduce_max", fmaxf, max_i),
    REDUCE("reduce_min", fminf, min_i),
    {.type = "reduce_argmax", .params = "x axis? keep_dims? output_dtype$?", .n_outputs = 1, .run = run_argmax},
    {.type = "softmax", .params = "x axis?", .n_outputs = 1, .run = run_softmax},
    {.type = "layer_norm", .params = "x axes? gamma? beta? epsilon?", .n_outputs = 1, .run = run_layer_norm},
    {.type = "band_part", .params = "x lower? upper?", .n_outputs = 1, .run = run_band_part},
    {.type = NULL},
};
