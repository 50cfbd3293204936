/* Operations that move numbers, and those that count. Most are one copy between two ways to step through memory. */
#include "coreml/run.h"

#include <math.h>

enum { MOVE_RANK_MAX = 2 * SOTTO_MIL_RANK_MAX };

void sotto_mil_strides(const sotto_mil_tensor *t, int64_t *strides) {
    int64_t step = 1;
    for (int32_t i = t->rank - 1; i >= 0; i--) {
        strides[i] = step;
        step *= t->dim[i];
    }
}

void sotto_mil_move(uint32_t *to, const int64_t *to_strides, const uint32_t *from, const int64_t *from_strides,
                    const int64_t *dim, int32_t rank) {
    int64_t at[MOVE_RANK_MAX] = {0}, n = rank ? dim[rank - 1] : 1;
    int64_t ts = rank ? to_strides[rank - 1] : 1, fs = rank ? from_strides[rank - 1] : 1;
    for (int32_t i = 0; i < rank; i++)
        if (dim[i] == 0) return;
    for (;;) {
        if (ts == 1 && fs == 1)
            memcpy(to, from, (size_t)n * sizeof *to);
        else
            for (int64_t i = 0; i < n; i++) to[i * ts] = from[i * fs];
        int32_t axis = rank - 2;
        for (; axis >= 0; axis--) {
            to += to_strides[axis], from += from_strides[axis];
            if (++at[axis] < dim[axis]) break;
            to -= to_strides[axis] * dim[axis], from -= from_strides[axis] * dim[axis];
            at[axis] = 0;
        }
        if (axis < 0) return;
    }
}

bool sotto_mil_broadcast(const sotto_mil_tensor *x, const sotto_mil_tensor *y, sotto_mil_tensor *out) {
    out->rank = SOTTO_MAX(x->rank, y->rank);
    for (int32_t i = 1; i <= out->rank; i++) {
        int64_t a = i <= x->rank ? x->dim[x->rank - i] : 1, b = i <= y->rank ? y->dim[y->rank - i] : 1;
        if (a != b && a != 1 && b != 1) return false;
        out->dim[out->rank - i] = a == 1 ? b : a;
    }
    return true;
}

void sotto_mil_broadcast_strides(const sotto_mil_tensor *x, const sotto_mil_tensor *to, int64_t *strides) {
    int64_t own[SOTTO_MIL_RANK_MAX];
    sotto_mil_strides(x, own);
    for (int32_t i = 0; i < to->rank; i++) {
        int32_t axis = i - (to->rank - x->rank);
        strides[i] = axis < 0 || x->dim[axis] == 1 ? 0 : own[axis];
    }
}

/* ---- shapes -------------------------------------------------------------------------------------------- */

/* x under another shape of as many elements. */
static sotto_status give_as(sotto_mil_run *r, const sotto_mil_step *s, const sotto_mil_tensor *x,
                            sotto_mil_tensor like) {
    sotto_mil_tensor *out;
    like.dtype = x->dtype;
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    if (out->n != x->n) return sotto_mil_refuse(r, s, "the shapes have different numbers of elements");
    memcpy(out->bits, x->bits, x->n * sizeof *x->bits);
    return SOTTO_OK;
}

static sotto_status run_reshape(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    sotto_mil_tensor        like = {0};
    int64_t                 dim[SOTTO_MIL_RANK_MAX];
    size_t                  known = 1;
    int32_t                 open = -1;
    like.rank = sotto_mil_in_ints(r, s, 1, dim);
    if (like.rank < 0) return sotto_mil_refuse(r, s, "its shape is no list of integers");
    for (int32_t i = 0; i < like.rank; i++) {
        int32_t same = x->rank - (like.rank - i); /* the axis as far from the end */
        like.dim[i] = dim[i] == 0 && same >= 0 ? x->dim[same] : dim[i];
        if (dim[i] == -1 && open < 0)
            open = i;
        else if (like.dim[i] < 0 || !sotto_size_mul(known, (size_t)like.dim[i], &known))
            return sotto_mil_refuse(r, s, "an impossible shape");
    }
    if (open >= 0 && known == 0) return sotto_mil_refuse(r, s, "an impossible shape");
    if (open >= 0) like.dim[open] = (int64_t)(x->n / known);
    return give_as(r, s, x, like);
}

/* Which axes of `rank` a list names; false: one that is not there, or named twice. */
static bool find_axes(const int64_t *axes, int32_t n, int32_t rank, bool *named) {
    memset(named, 0, SOTTO_MIL_RANK_MAX * sizeof *named);
    for (int32_t i = 0; i < n; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (axis < 0 || axis >= rank || named[axis]) return false;
        named[axis] = true;
    }
    return true;
}

static sotto_status run_expand_dims(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    sotto_mil_tensor        like = {0};
    int64_t                 axes[SOTTO_MIL_RANK_MAX];
    bool                    added[SOTTO_MIL_RANK_MAX];
    int32_t                 n = sotto_mil_in_ints(r, s, 1, axes), from = 0;
    like.rank = x->rank + n;
    if (n < 0 || like.rank > SOTTO_MIL_RANK_MAX || !find_axes(axes, n, like.rank, added))
        return sotto_mil_refuse(r, s, "axes that cannot be");
    for (int32_t i = 0; i < like.rank; i++) like.dim[i] = added[i] ? 1 : x->dim[from++];
    return give_as(r, s, x, like);
}

static sotto_status run_squeeze(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    sotto_mil_tensor        like = {0};
    int64_t                 axes[SOTTO_MIL_RANK_MAX];
    bool                    drop[SOTTO_MIL_RANK_MAX];
    int32_t                 n = sotto_mil_in_ints(r, s, 1, axes);
    if (n < 0 || !find_axes(axes, n, x->rank, drop)) return sotto_mil_refuse(r, s, "axes that are not there");
    for (int32_t i = 0; i < x->rank; i++) {
        bool gone = n == 0 ? x->dim[i] == 1 : drop[i];
        if (gone && x->dim[i] != 1) return sotto_mil_refuse(r, s, "it drops an axis of more than one element");
        if (!gone) like.dim[like.rank++] = x->dim[i];
    }
    return give_as(r, s, x, like);
}

static sotto_status run_transpose(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    sotto_mil_tensor        like = {.dtype = x->dtype, .rank = x->rank}, *out;
    int64_t                 perm[SOTTO_MIL_RANK_MAX], own[SOTTO_MIL_RANK_MAX], from[SOTTO_MIL_RANK_MAX];
    int64_t                 to[SOTTO_MIL_RANK_MAX];
    bool                    named[SOTTO_MIL_RANK_MAX];
    int32_t                 n = sotto_mil_in_ints(r, s, 1, perm);
    if (n != x->rank || !find_axes(perm, n, x->rank, named)) return sotto_mil_refuse(r, s, "no order of its axes");
    sotto_mil_strides(x, own);
    for (int32_t i = 0; i < n; i++) {
        int64_t axis = perm[i] < 0 ? perm[i] + n : perm[i];
        like.dim[i] = x->dim[axis];
        from[i] = own[axis];
    }
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    sotto_mil_strides(out, to);
    sotto_mil_move(out->bits, to, x->bits, from, out->dim, n);
    return SOTTO_OK;
}

/* ---- joining and cutting ------------------------------------------------------------------------------- */

static sotto_status run_concat(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_arg *list = &s->op->args[s->args[0]];
    sotto_mil_tensor     like = r->st->values[list->vars[0]], *out;
    int32_t              axis;
    int64_t              interleave, sum = 0, to[SOTTO_MIL_RANK_MAX], from[SOTTO_MIL_RANK_MAX];
    if (like.rank == 0 || !sotto_mil_in_axis(r, s, 1, 0, like.rank, &axis))
        return sotto_mil_refuse(r, s, "no such axis");
    if (!sotto_mil_in_int(r, s, 2, 0, &interleave) || interleave) return sotto_mil_refuse(r, s, "it interleaves");
    for (int32_t i = 0; i < list->n; i++) {
        const sotto_mil_tensor *x = &r->st->values[list->vars[i]];
        bool                    fits = x->rank == like.rank && x->dtype == like.dtype;
        for (int32_t k = 0; fits && k < like.rank; k++) fits = k == axis || x->dim[k] == like.dim[k];
        if (!fits) return sotto_mil_refuse(r, s, "parts that do not fit together");
        if ((sum += x->dim[axis]) > INT32_MAX) return sotto_mil_refuse(r, s, "it is too large");
    }
    like.dim[axis] = sum;
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    sotto_mil_strides(out, to);
    int64_t at = 0;
    for (int32_t i = 0; i < list->n; i++) {
        const sotto_mil_tensor *x = &r->st->values[list->vars[i]];
        sotto_mil_strides(x, from);
        sotto_mil_move(out->bits + at * to[axis], to, x->bits, from, x->dim, x->rank);
        at += x->dim[axis];
    }
    return SOTTO_OK;
}

/* Tensors of one shape, side by side along a new axis. */
static sotto_status run_stack(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_arg    *list = &s->op->args[s->args[0]];
    const sotto_mil_tensor *x = &r->st->values[list->vars[0]];
    sotto_mil_tensor        like = {.dtype = x->dtype}, *out;
    int64_t                 to[SOTTO_MIL_RANK_MAX], part[SOTTO_MIL_RANK_MAX], from[SOTTO_MIL_RANK_MAX];
    int32_t                 axis;
    if (x->rank >= SOTTO_MIL_RANK_MAX || !sotto_mil_in_axis(r, s, 1, 0, x->rank + 1, &axis))
        return sotto_mil_refuse(r, s, "no such axis");
    for (int32_t i = 0; i <= x->rank; i++) like.dim[i] = i == axis ? list->n : x->dim[i - (i > axis)];
    like.rank = x->rank + 1;
    for (int32_t i = 0; i < list->n; i++) {
        const sotto_mil_tensor *y = &r->st->values[list->vars[i]];
        if (y->rank != x->rank || y->dtype != x->dtype || memcmp(y->dim, x->dim, (size_t)x->rank * sizeof *x->dim) != 0)
            return sotto_mil_refuse(r, s, "parts that do not fit together");
    }
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    sotto_mil_strides(out, to);
    sotto_mil_strides(x, from);
    for (int32_t i = 0; i < x->rank; i++) part[i] = to[i + (i >= axis)];
    for (int32_t i = 0; i < list->n; i++)
        sotto_mil_move(out->bits + i * to[axis], part, r->st->values[list->vars[i]].bits, from, x->dim, x->rank);
    return SOTTO_OK;
}

static sotto_status run_split(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    int64_t                 n, sizes[SOTTO_MIL_RANK_MAX], to[SOTTO_MIL_RANK_MAX], from[SOTTO_MIL_RANK_MAX], at = 0;
    int32_t                 axis, n_sizes = sotto_mil_in_ints(r, s, 2, sizes), n_out = s->op->n_outputs;
    if (!sotto_mil_in_axis(r, s, 3, 0, x->rank, &axis)) return sotto_mil_refuse(r, s, "no such axis");
    bool even = sotto_mil_in_int(r, s, 1, n_out, &n) && n_sizes == 0 && n == n_out && x->dim[axis] % n_out == 0;
    if (!even && n_sizes != n_out) return sotto_mil_refuse(r, s, "parts that do not add up");
    sotto_mil_strides(x, from);
    for (int32_t i = 0; i < n_out; i++) {
        sotto_mil_tensor like = *x, *out;
        like.dim[axis] = even ? x->dim[axis] / n_out : sizes[i];
        if (like.dim[axis] < 0 || like.dim[axis] > x->dim[axis] - at)
            return sotto_mil_refuse(r, s, "parts that do not add up");
        SOTTO_TRY(sotto_mil_output(r, s, i, &like, &out));
        sotto_mil_strides(out, to);
        sotto_mil_move(out->bits, to, x->bits + at * from[axis], from, out->dim, out->rank);
        at += like.dim[axis];
    }
    return at == x->dim[axis] ? SOTTO_OK : sotto_mil_refuse(r, s, "parts that do not add up");
}

static sotto_status run_tile(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    sotto_mil_tensor        like = *x, *out;
    int64_t                 reps[SOTTO_MIL_RANK_MAX], own[SOTTO_MIL_RANK_MAX], outer[SOTTO_MIL_RANK_MAX];
    int64_t                 to[MOVE_RANK_MAX], from[MOVE_RANK_MAX], dim[MOVE_RANK_MAX];
    if (sotto_mil_in_ints(r, s, 1, reps) != x->rank)
        return sotto_mil_refuse(r, s, "one number for each axis is needed");
    for (int32_t i = 0; i < x->rank; i++) {
        if (reps[i] < 1 || x->dim[i] > INT32_MAX) return sotto_mil_refuse(r, s, "it repeats too often, or never");
        like.dim[i] *= reps[i]; /* an int32 each: no overflow */
    }
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    sotto_mil_strides(x, own);
    sotto_mil_strides(out, outer);
    for (int32_t i = 0; i < x->rank; i++) { /* each axis becomes two: repetitions, and what is repeated */
        dim[2 * i] = reps[i], to[2 * i] = outer[i] * x->dim[i], from[2 * i] = 0;
        dim[2 * i + 1] = x->dim[i], to[2 * i + 1] = outer[i], from[2 * i + 1] = own[i];
    }
    sotto_mil_move(out->bits, to, x->bits, from, dim, 2 * x->rank);
    return SOTTO_OK;
}

/* ---- slices -------------------------------------------------------------------------------------------- */

typedef struct cut {
    int64_t offset, step[SOTTO_MIL_RANK_MAX]; /* in x's memory */
    int64_t dim[SOTTO_MIL_RANK_MAX];          /* of all of x's axes */
    bool    drop[SOTTO_MIL_RANK_MAX];
} cut;

/* Parameters begin, end, stride and the three masks from `first` on. Places below 0 count from the end. */
static const char *read_cut(const sotto_mil_run *r, const sotto_mil_step *s, const sotto_mil_tensor *x, int32_t first,
                            cut *c) {
    int64_t lists[6][SOTTO_MIL_RANK_MAX] = {0}, own[SOTTO_MIL_RANK_MAX];
    for (int32_t i = 0; i < 6; i++) {
        int32_t n = sotto_mil_in_ints(r, s, first + i, lists[i]);
        if (n != x->rank && (n != 0 || i < 2)) return "one number for each axis is needed";
        for (int32_t k = 0; i == 2 && n == 0 && k < x->rank; k++) lists[i][k] = 1;
    }
    sotto_mil_strides(x, own);
    c->offset = 0;
    for (int32_t i = 0; i < x->rank; i++) {
        int64_t n = x->dim[i], begin = lists[3][i] ? 0 : lists[0][i], end = lists[4][i] ? n : lists[1][i];
        int64_t stride = lists[2][i];
        c->drop[i] = lists[5][i] != 0;
        begin += begin < 0 ? n : 0;
        end += end < 0 ? n : 0;
        if (c->drop[i]) end = begin + 1, stride = 1;
        if (begin < 0 || end > n || begin > end || stride < 1) return "a slice outside of its tensor";
        c->dim[i] = (end - begin + stride - 1) / stride;
        c->step[i] = own[i] * stride;
        if (c->dim[i] > 0) c->offset += begin * own[i];
    }
    return NULL;
}

/* The axes that are left. */
static void shape_cut(const cut *c, int32_t rank, sotto_mil_tensor *like, int64_t *steps) {
    like->rank = 0;
    for (int32_t i = 0; i < rank; i++) {
        if (c->drop[i]) continue;
        steps[like->rank] = c->step[i];
        like->dim[like->rank++] = c->dim[i];
    }
}

static sotto_status run_slice_by_index(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    sotto_mil_tensor        like = {.dtype = x->dtype}, *out;
    int64_t                 to[SOTTO_MIL_RANK_MAX], from[SOTTO_MIL_RANK_MAX];
    cut                     c;
    const char             *why = read_cut(r, s, x, 1, &c);
    if (why) return sotto_mil_refuse(r, s, why);
    shape_cut(&c, x->rank, &like, from);
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    sotto_mil_strides(out, to);
    if (out->n) sotto_mil_move(out->bits, to, x->bits + c.offset, from, out->dim, out->rank);
    return SOTTO_OK;
}

/* From `begin` on as many as `size` says; -1: the rest. */
static sotto_status run_slice_by_size(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    sotto_mil_tensor        like = {.dtype = x->dtype, .rank = x->rank}, *out;
    int64_t                 begin[SOTTO_MIL_RANK_MAX], size[SOTTO_MIL_RANK_MAX], to[SOTTO_MIL_RANK_MAX];
    int64_t                 from[SOTTO_MIL_RANK_MAX], offset = 0;
    if (sotto_mil_in_ints(r, s, 1, begin) != x->rank || sotto_mil_in_ints(r, s, 2, size) != x->rank)
        return sotto_mil_refuse(r, s, "one number for each axis is needed");
    sotto_mil_strides(x, from);
    for (int32_t i = 0; i < x->rank; i++) {
        begin[i] += begin[i] < 0 ? x->dim[i] : 0;
        like.dim[i] = size[i] == -1 ? x->dim[i] - begin[i] : size[i];
        if (begin[i] < 0 || like.dim[i] < 0 || begin[i] > x->dim[i] - like.dim[i])
            return sotto_mil_refuse(r, s, "a slice outside of its tensor");
        offset += begin[i] * from[i];
    }
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    sotto_mil_strides(out, to);
    if (out->n) sotto_mil_move(out->bits, to, x->bits + offset, from, out->dim, out->rank);
    return SOTTO_OK;
}

/* out[.., i, ..] = x[.., indices[.., i, ..], ..] along one axis. */
static sotto_status run_gather_along_axis(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0), *at = sotto_mil_in_tensor(r, s, 1);
    sotto_mil_tensor        like = *at, *out;
    int32_t                 axis;
    size_t                  inner = 1;
    if (!sotto_mil_in_axis(r, s, 2, 0, x->rank, &axis) || at->rank != x->rank || sotto_mil_is_float(at->dtype))
        return sotto_mil_refuse(r, s, "no such axis, or indices that it cannot take");
    for (int32_t i = 0; i < x->rank; i++)
        if (i != axis && at->dim[i] != x->dim[i]) return sotto_mil_refuse(r, s, "indices that do not fit its tensor");
    for (int32_t i = axis + 1; i < x->rank; i++) inner *= (size_t)x->dim[i];
    size_t n = (size_t)x->dim[axis], n_at = (size_t)at->dim[axis];
    for (size_t i = 0; i < at->n; i++)
        if (at->i[i] < 0 || (size_t)at->i[i] >= n) return sotto_mil_refuse(r, s, "an index outside of its tensor");
    like.dtype = x->dtype;
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    for (size_t i = 0; i < out->n; i++)
        out->bits[i] = x->bits[(i / inner / n_at * n + (size_t)at->i[i]) * inner + i % inner];
    return SOTTO_OK;
}

/* In the state itself where that is allowed; else in a copy. */
static sotto_status run_slice_update(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0), *update = sotto_mil_in_tensor(r, s, 1);
    sotto_mil_tensor        part = {0}, *out;
    int64_t                 to[SOTTO_MIL_RANK_MAX], from[SOTTO_MIL_RANK_MAX];
    cut                     c;
    const char             *why = read_cut(r, s, x, 2, &c);
    if (why) return sotto_mil_refuse(r, s, why);
    shape_cut(&c, x->rank, &part, to);
    if (update->dtype != x->dtype || update->rank != part.rank ||
        memcmp(update->dim, part.dim, (size_t)part.rank * sizeof *part.dim) != 0)
        return sotto_mil_refuse(r, s, "the update is not of the slice's shape");
    if (s->alias && !x->owned) {
        out = &r->st->values[s->op->outputs[0]];
        *out = *x;
    } else {
        SOTTO_TRY(sotto_mil_output(r, s, 0, x, &out));
        memcpy(out->bits, x->bits, x->n * sizeof *x->bits);
    }
    sotto_mil_strides(update, from);
    if (update->n) sotto_mil_move(out->bits + c.offset, to, update->bits, from, part.dim, part.rank);
    return SOTTO_OK;
}

static sotto_status run_read_state(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_type *t = &r->p->f->vars[s->args[0]].type;
    float                *state = r->st->states[r->p->slots[s->args[0]].state];
    sotto_mil_tensor      like = {.dtype = t->dtype, .rank = t->rank}, *out = &r->st->values[s->op->outputs[0]];
    size_t                n_bytes;
    memcpy(like.dim, t->dim, sizeof like.dim);
    if (s->alias) {
        like.f = state;
        (void)sotto_mil_type_measure(t, &like.n, &n_bytes);
        *out = like;
        return SOTTO_OK;
    }
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    memcpy(out->f, state, out->n * sizeof *state);
    return SOTTO_OK;
}

static sotto_status run_write_state(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_type   *t = &r->p->f->vars[s->args[0]].type;
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 1);
    float                  *state = r->st->states[r->p->slots[s->args[0]].state];
    if (x->dtype != t->dtype || x->rank != t->rank || memcmp(x->dim, t->dim, (size_t)t->rank * sizeof *t->dim) != 0)
        return sotto_mil_refuse(r, s, "the data is not of the state's type");
    if (x->f != state) memcpy(state, x->f, x->n * sizeof *state);
    return SOTTO_OK;
}

/* ---- counting ------------------------------------------------------------------------------------------ */

static sotto_status run_shape(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    sotto_mil_tensor        like = {.dtype = SOTTO_MIL_I32, .rank = 1, .dim = {x->rank}}, *out;
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    for (int32_t i = 0; i < x->rank; i++) out->i[i] = (int32_t)x->dim[i];
    return SOTTO_OK;
}

static sotto_status run_range(sotto_mil_run *r, const sotto_mil_step *s) {
    sotto_mil_tensor like = {.rank = 1}, *out;
    double           v[3]; /* end, start, step: an int32 is exact */
    for (int32_t i = 0; i < 3; i++) {
        const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, i);
        if (x->n != 1 || (i > 0 && x->dtype != like.dtype))
            return sotto_mil_refuse(r, s, "numbers of one type are needed");
        like.dtype = x->dtype;
        v[i] = sotto_mil_is_float(x->dtype) ? (double)x->f[0] : (double)x->i[0];
    }
    double n = ceil((v[0] - v[1]) / v[2]);
    if (!(n <= INT32_MAX)) return sotto_mil_refuse(r, s, "a range without end"); /* a step of 0 too */
    like.dim[0] = n > 0 ? (int64_t)n : 0;
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    for (size_t i = 0; i < out->n; i++) {
        double x = v[1] + (double)i * v[2];
        if (sotto_mil_is_float(like.dtype))
            out->f[i] = (float)x;
        else
            out->i[i] = (int32_t)x;
    }
    return SOTTO_OK;
}

static sotto_status run_fill(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *value = sotto_mil_in_tensor(r, s, 1);
    sotto_mil_tensor        like = {.dtype = value->dtype}, *out;
    like.rank = sotto_mil_in_ints(r, s, 0, like.dim);
    if (like.rank < 0 || value->n != 1) return sotto_mil_refuse(r, s, "it needs a shape and a number");
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &out));
    for (size_t i = 0; i < out->n; i++) out->bits[i] = value->bits[0];
    return SOTTO_OK;
}

#define CUT "begin end stride? begin_mask? end_mask? squeeze_mask?"
#define KIND(name, parameters, outputs, function)                                                             \
    {.type = name, .params = parameters, .n_outputs = outputs, .run = function}
const sotto_mil_kind sotto_mil_move_kinds[] = {
    KIND("reshape", "x shape", 1, run_reshape),
    KIND("expand_dims", "x axes", 1, run_expand_dims),
    KIND("squeeze", "x axes?", 1, run_squeeze),
    KIND("transpose", "x perm", 1, run_transpose),
    KIND("concat", "values* axis interleave?", 1, run_concat),
    KIND("stack", "values* axis", 1, run_stack),
    KIND("split", "x num_splits? split_sizes? axis", -1, run_split),
    KIND("tile", "x reps", 1, run_tile),
    KIND("slice_by_index", "x " CUT, 1, run_slice_by_index),
    KIND("slice_by_size", "x begin size", 1, run_slice_by_size),
    KIND("gather_along_axis", "x indices axis? validate_indices?", 1, run_gather_along_axis),
    KIND("slice_update", "x update " CUT, 1, run_slice_update),
    KIND("read_state", "input@", 1, run_read_state),
    KIND("write_state", "input@ data", 0, run_write_state),
    KIND("shape", "x", 1, run_shape),
    KIND("range_1d", "end start step", 1, run_range),
    KIND("fill", "shape value", 1, run_fill),
    {.type = NULL},
};
