/* Operations that multiply: linear layers, matrix products, attention; and rows taken out of a table. */
#include "coreml/run.h"

#include <math.h>

enum { ROWS_AT_ONCE = 16, ALIGN_FLOATS = 16 };

static size_t padded(size_t n) { return (n + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS; }

/* ---- linear -------------------------------------------------------------------------------------------- */

typedef struct linear_job {
    const sotto_program  *p;
    const sotto_mil_slot *slot;
    const sotto_matrix   *w;    /* the slot's */
    sotto_matmul         m;     /* y, x and sizes */
    float               *dense; /* [workers][ROWS_AT_ONCE][padded cols]: rows as floats; NULL: kernels take w itself */
    const float         *bias;
} linear_job;

static void linear_unit(void *arg, int chunk, int worker) {
    const linear_job   *j = arg;
    const sotto_matrix *w = j->w;
    int32_t             begin = chunk * ROWS_AT_ONCE, end = SOTTO_MIN(begin + ROWS_AT_ONCE, w->rows);
    sotto_matmul        m = j->m;
    if (j->dense) {
        size_t stride = padded((size_t)w->cols);
        float *rows = j->dense + (size_t)worker * ROWS_AT_ONCE * stride;
        for (int32_t i = begin; i < end; i++)
            sotto_mil_row(j->p, j->slot, i, rows + (size_t)(i - begin) * stride);
        m.w = rows, m.w_stride = stride * sizeof *rows, m.y += begin;
        j->p->kernels.matmul[SOTTO_F32](&m, 0, end - begin);
    } else {
        j->p->kernels.matmul[w->dtype](&m, begin, end);
    }
    for (int32_t t = 0; j->bias && t < m.n_tokens; t++)
        for (int32_t i = begin; i < end; i++) j->m.y[(size_t)t * m.y_stride + (size_t)i] += j->bias[i];
}

/* The activations as the kernels want them, and a place for rows as floats where those do not take the matrix. */
static sotto_status lay_out(sotto_mil_run *r, linear_job *j, const sotto_mil_tensor *x) {
    size_t cols = (size_t)j->w->cols, n = (size_t)j->m.n_tokens, dense = 0;
    bool   q8 = !j->slot->packed && sotto_dtype_takes_q8(j->w->dtype) && !r->p->options.exact;
    if (j->slot->packed || (sotto_dtype_takes_q8(j->w->dtype) && !q8))
        dense = (size_t)sotto_pool_threads(r->p->pool) * ROWS_AT_ONCE * padded(cols);
    size_t row = q8 ? sotto_q8_row_bytes(j->w->cols) / sizeof(float) : padded(cols), all;
    if (!sotto_size_mul(n, row, &all) || !sotto_size_add(all, dense, &all))
        return sotto_fail_memory(r->err, "a product");
    float *side = sotto_mil_scratch(r, all);
    if (!side) return SOTTO_NO_MEMORY;
    if (dense) j->dense = side + n * row;
    j->m.x = side, j->m.x_stride = row * sizeof(float);
    for (size_t t = 0; t < n; t++) {
        if (q8)
            r->p->kernels.quantize_q8(x->f + t * cols, (sotto_q8_group *)(void *)(side + t * row), j->w->cols);
        else
            memcpy(side + t * row, x->f + t * cols, cols * sizeof(float));
    }
    return SOTTO_OK;
}

static sotto_status run_linear(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0), *bias = sotto_mil_in_tensor(r, s, 2);
    const sotto_mil_slot   *slot = &r->p->slots[s->args[1]];
    const sotto_matrix     *w = &slot->matrix;
    sotto_mil_tensor        like = *x, *out;
    if (r->p->f->vars[s->args[1]].type.rank != 2) return sotto_mil_refuse(r, s, "its weight is no matrix");
    if (!sotto_mil_is_float(x->dtype) || x->rank < 1 || x->dim[x->rank - 1] != w->cols)
        return sotto_mil_refuse(r, s, "its input is not as wide as its weight");
    if (bias && (!sotto_mil_is_float(bias->dtype) || bias->n != (size_t)w->rows))
        return sotto_mil_refuse(r, s, "its bias is not as long as its weight is high");
    if (x->n / (size_t)w->cols > INT32_MAX) return sotto_mil_refuse(r, s, "too many rows");
    like.dim[x->rank - 1] = w->rows;
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    linear_job j = {.p = r->p, .slot = slot, .w = w, .bias = bias ? bias->f : NULL,
                    .m = {.y = out->f, .y_stride = (size_t)w->rows, .w = w->data, .w_stride = w->row_bytes,
                          .cols = w->cols, .n_tokens = (int32_t)(x->n / (size_t)w->cols)}};
    if (out->n == 0) return SOTTO_OK;
    SOTTO_TRY(lay_out(r, &j, x));
    sotto_pool_run(r->p->pool, (w->rows + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE, linear_unit, &j);
    return SOTTO_OK;
}

/* ---- gather -------------------------------------------------------------------------------------------- */

static sotto_status run_gather(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_slot   *slot = &r->p->slots[s->args[0]];
    const sotto_matrix     *w = &slot->matrix;
    const sotto_mil_tensor *x = w->data ? NULL : sotto_mil_in_tensor(r, s, 0), *at = sotto_mil_in_tensor(r, s, 1);
    sotto_mil_tensor        like = {0}, *out;
    sotto_mil_tensor        table = {.dtype = r->p->f->vars[s->args[0]].type.dtype, .rank = 2,
                                     .dim = {w->rows, w->cols}};
    int32_t                 axis;
    int64_t                 batch;
    size_t                  outer = 1, inner = 1;
    if (!x) x = &table;
    if (!sotto_mil_in_axis(r, s, 2, 0, x->rank, &axis) || !sotto_mil_in_int(r, s, 3, 0, &batch) || batch != 0 ||
        (w->data && (axis != 0 || r->p->f->vars[s->args[0]].type.rank != 2)))
        return sotto_mil_refuse(r, s, "that axis, or batches, are not supported");
    if (sotto_mil_is_float(at->dtype) || x->rank - 1 + at->rank > SOTTO_MIL_RANK_MAX)
        return sotto_mil_refuse(r, s, "indices that it cannot take");
    like.dtype = x->dtype;
    for (int32_t i = 0; i < axis; i++) outer *= (size_t)(like.dim[like.rank++] = x->dim[i]);
    for (int32_t i = 0; i < at->rank; i++) like.dim[like.rank++] = at->dim[i];
    for (int32_t i = axis + 1; i < x->rank; i++) inner *= (size_t)(like.dim[like.rank++] = x->dim[i]);
    int64_t n = x->dim[axis];
    for (size_t i = 0; i < at->n; i++)
        if (at->i[i] < 0 || at->i[i] >= n)
            return sotto_fail(r->err, SOTTO_INVALID, "%.80s (gather): index %d is not in 0 to %lld", s->op->name,
                              (int)at->i[i], (long long)n - 1);
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < at->n; i++) {
            uint32_t *to = out->bits + (o * at->n + i) * inner;
            size_t    row = o * (size_t)n + (size_t)at->i[i];
            if (w->data)
                sotto_mil_row(r->p, slot, (int32_t)row, (float *)(void *)to);
            else
                memcpy(to, x->bits + row * inner, inner * sizeof *to);
        }
    return SOTTO_OK;
}

/* ---- products of tensors ------------------------------------------------------------------------------- */

typedef struct product_job {
    const float *x, *y;
    float       *out;
    int64_t      xs[SOTTO_MIL_RANK_MAX], ys[SOTTO_MIL_RANK_MAX]; /* steps between matrices, per axis of the batch */
    int64_t      dim[SOTTO_MIL_RANK_MAX];
    int32_t      rank; /* of the batch */
    size_t       m, k, n;
    bool         transpose_x, transpose_y;
} product_job;

static void product_unit(void *arg, int chunk, int worker) {
    const product_job *j = arg;
    size_t             row = (size_t)chunk % j->m;
    int64_t            left = (int64_t)((size_t)chunk / j->m);
    const float       *x = j->x, *y = j->y;
    float             *out = j->out + (size_t)chunk * j->n;
    (void)worker;
    for (int32_t i = j->rank - 1; i >= 0; i--) {
        x += left % j->dim[i] * j->xs[i], y += left % j->dim[i] * j->ys[i];
        left /= j->dim[i];
    }
    memset(out, 0, j->n * sizeof *out);
    size_t first = j->transpose_x ? row : row * j->k, step = j->transpose_x ? j->m : 1; /* of x's row */
    for (size_t k = 0; k < j->k && !j->transpose_y; k++)
        for (size_t i = 0; i < j->n; i++) out[i] += x[first + k * step] * y[k * j->n + i];
    for (size_t i = 0; i < j->n && j->transpose_y; i++)
        for (size_t k = 0; k < j->k; k++) out[i] += x[first + k * step] * y[i * j->k + k];
}

static sotto_status run_matmul(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0), *y = sotto_mil_in_tensor(r, s, 1);
    int64_t                 tx, ty;
    if (!sotto_mil_in_int(r, s, 2, 0, &tx) || !sotto_mil_in_int(r, s, 3, 0, &ty) || !sotto_mil_is_float(x->dtype) ||
        x->dtype != y->dtype || x->rank < 2 || y->rank < 2)
        return sotto_mil_refuse(r, s, "only matrices of floats are supported");
    product_job j = {.x = x->f, .y = y->f, .transpose_x = tx != 0, .transpose_y = ty != 0};
    j.m = (size_t)x->dim[x->rank - (tx ? 1 : 2)], j.k = (size_t)x->dim[x->rank - (tx ? 2 : 1)];
    j.n = (size_t)y->dim[y->rank - (ty ? 2 : 1)];
    if (j.k != (size_t)y->dim[y->rank - (ty ? 1 : 2)])
        return sotto_mil_refuse(r, s, "its operands do not fit together");
    sotto_mil_tensor a = *x, b = *y, like = {0}, *out; /* a and b: one number for each matrix */
    a.rank -= 2, b.rank -= 2;
    if (!sotto_mil_broadcast(&a, &b, &like)) return sotto_mil_refuse(r, s, "its operands do not fit together");
    j.rank = like.rank;
    memcpy(j.dim, like.dim, sizeof j.dim);
    sotto_mil_broadcast_strides(&a, &like, j.xs);
    sotto_mil_broadcast_strides(&b, &like, j.ys);
    for (int32_t i = 0; i < j.rank; i++) j.xs[i] *= (int64_t)(j.m * j.k), j.ys[i] *= (int64_t)(j.k * j.n);
    like.dtype = x->dtype;
    like.dim[like.rank++] = (int64_t)j.m;
    like.dim[like.rank++] = (int64_t)j.n;
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    if (out->n == 0) return SOTTO_OK;
    if (out->n / j.n > INT32_MAX) return sotto_mil_refuse(r, s, "too many rows");
    j.out = out->f;
    sotto_pool_run(r->p->pool, (int)(out->n / j.n), product_unit, &j);
    return SOTTO_OK;
}

/* ---- attention ----------------------------------------------------------------------------------------- */

typedef struct attention_job {
    const sotto_mil_tensor *q, *k, *v, *mask;
    sotto_mil_tensor       *out;
    const sotto_kernels    *kernels;
    int64_t                 mask_steps[SOTTO_MIL_RANK_MAX]; /* as seen by the scores, [.., q, keys] */
    size_t                  n_q, n_k, width, width_v;
    float                  *side; /* [workers]: scores [keys], query [padded width] */
} attention_job;

static void add_mask(const attention_job *j, float *scores, size_t row) {
    const float *mask = j->mask->f;
    int32_t      rank = j->q->rank;
    int64_t      step = j->mask_steps[rank - 1];
    for (int32_t i = rank - 2; i >= 0; i--) {
        mask += (int64_t)(row % (size_t)j->q->dim[i]) * j->mask_steps[i];
        row /= (size_t)j->q->dim[i];
    }
    bool flags = j->mask->dtype == SOTTO_MIL_BOOL;
    const int32_t *open = (const int32_t *)(const void *)mask;
    for (size_t i = 0; i < j->n_k; i++)
        scores[i] = !flags ? scores[i] + mask[(int64_t)i * step] : open[(int64_t)i * step] ? scores[i] : -INFINITY;
}

/* One query: its scores, softmax, and the weighted sum of values. What weighs nothing is left out. */
static void attention_unit(void *arg, int row, int worker) {
    const attention_job *j = arg;
    size_t               head = (size_t)row / j->n_q;
    float               *query = j->side + (size_t)worker * (padded(j->width) + padded(j->n_k));
    float               *p = query + padded(j->width), *out = j->out->f + (size_t)row * j->width_v;
    float                scale = 1.0f / sqrtf((float)j->width), top = -INFINITY, sum = 0;
    for (size_t i = 0; i < j->width; i++) query[i] = j->q->f[(size_t)row * j->width + i] * scale;
    sotto_matmul m = {.y = p, .y_stride = j->n_k, .w = j->k->f + head * j->n_k * j->width,
                      .w_stride = j->width * sizeof(float), .x = query, .x_stride = padded(j->width) * sizeof(float),
                      .cols = (int32_t)j->width, .n_tokens = 1};
    j->kernels->matmul[SOTTO_F32](&m, 0, (int32_t)j->n_k);
    if (j->mask) add_mask(j, p, (size_t)row);
    for (size_t i = 0; i < j->n_k; i++) top = fmaxf(top, p[i]);
    for (size_t i = 0; i < j->n_k; i++) sum += p[i] = expf(p[i] - top);
    memset(out, 0, j->width_v * sizeof *out);
    for (size_t i = 0; i < j->n_k; i++) {
        const float *v = j->v->f + (head * j->n_k + i) * j->width_v;
        if (p[i] != 0)
            for (size_t c = 0; c < j->width_v; c++) out[c] += p[i] * v[c];
    }
    for (size_t c = 0; c < j->width_v; c++) out[c] /= sum;
}

static const char *check_attention(const attention_job *j) {
    const sotto_mil_tensor *q = j->q, *k = j->k, *v = j->v;
    int32_t                 rank = q->rank;
    if (!sotto_mil_is_float(q->dtype) || k->dtype != q->dtype || v->dtype != q->dtype || rank < 3 || k->rank != rank ||
        v->rank != rank)
        return "queries, keys and values are not of one kind";
    for (int32_t i = 0; i < rank - 2; i++)
        if (q->dim[i] != k->dim[i] || q->dim[i] != v->dim[i]) return "queries, keys and values have different heads";
    if (q->dim[rank - 1] != k->dim[rank - 1] || k->dim[rank - 2] != v->dim[rank - 2] || q->dim[rank - 1] < 1 ||
        q->dim[rank - 1] > INT32_MAX || k->dim[rank - 2] > INT32_MAX)
        return "queries, keys and values do not fit together";
    return j->mask && !sotto_mil_is_float(j->mask->dtype) && j->mask->dtype != SOTTO_MIL_BOOL
               ? "a mask of a type that it cannot take" : NULL;
}

static sotto_status run_attention(sotto_mil_run *r, const sotto_mil_step *s) {
    attention_job    j = {.q = sotto_mil_in_tensor(r, s, 0), .k = sotto_mil_in_tensor(r, s, 1),
                          .v = sotto_mil_in_tensor(r, s, 2), .mask = sotto_mil_in_tensor(r, s, 3),
                          .kernels = &r->p->kernels};
    sotto_mil_tensor like = *j.q, scores = *j.q, both = {0};
    size_t           n_side;
    const char      *why = check_attention(&j);
    if (why) return sotto_mil_refuse(r, s, why);
    int32_t rank = j.q->rank;
    j.n_q = (size_t)j.q->dim[rank - 2], j.n_k = (size_t)j.k->dim[rank - 2];
    j.width = (size_t)j.q->dim[rank - 1], j.width_v = (size_t)j.v->dim[rank - 1];
    scores.dim[rank - 1] = (int64_t)j.n_k;
    if (j.mask) {
        if (!sotto_mil_broadcast(&scores, j.mask, &both) || both.rank != rank ||
            memcmp(both.dim, scores.dim, (size_t)rank * sizeof *both.dim) != 0)
            return sotto_mil_refuse(r, s, "its mask does not fit its queries and keys");
        sotto_mil_broadcast_strides(j.mask, &scores, j.mask_steps);
    }
    like.dim[rank - 1] = (int64_t)j.width_v;
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &j.out));
    if (j.out->n == 0) return SOTTO_OK;
    size_t rows = j.out->n / j.width_v;
    if (rows > INT32_MAX) return sotto_mil_refuse(r, s, "too many rows");
    if (!sotto_size_mul(padded(j.width) + padded(j.n_k), (size_t)sotto_pool_threads(r->p->pool), &n_side) ||
        !(j.side = sotto_mil_scratch(r, n_side)))
        return sotto_fail_memory(r->err, "attention");
    sotto_pool_run(r->p->pool, (int)rows, attention_unit, &j);
    return SOTTO_OK;
}

const sotto_mil_kind sotto_mil_dense_kinds[] = {
    {.type = "linear", .params = "x weight# bias?", .n_outputs = 1, .run = run_linear},
    {.type = "gather", .params = "x% indices axis? batch_dims? validate_indices?", .n_outputs = 1, .run = run_gather},
    {.type = "matmul", .params = "x y transpose_x? transpose_y?", .n_outputs = 1, .run = run_matmul},
    {.type = "scaled_dot_product_attention", .params = "query key value attn_mask?", .n_outputs = 1,
     .run = run_attention},
    {.type = NULL},
};
