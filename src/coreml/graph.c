/* A model as an ML Program: the forward pass of model/forward.c, operation by operation, for a call of q tokens whose
 * last one is number `end` of the dialogue.
 *
 * Everything is fp16, so what could overflow or drown is arranged: RMSNorm divides by the greatest magnitude before it
 * squares; residuals of families whose branches end in a norm are kept 32 times smaller, which every norm that reads
 * them cancels (its eps shrinks along); angles are tables made in double; queries are scaled before they meet keys.
 * Who may see whom is decided here, from positions: callers' masks only add to it, and may be all zero. */
#include "coreml/export.h"

#include <math.h>
#include <stdio.h>

enum { WINDOWS_MAX = 4, STATE_ALIGNMENT = 32 };

/* Added to scores that must not count: far below any score, and its double is still no number that breaks a softmax. */
static const double MASKED = 30000;
static const double RESIDUAL_SCALE = 1.0 / 32;

typedef int32_t var; /* of the function */

typedef struct graph {
    sotto_mil_function         *f;
    sotto_export_plan          *plan;
    const sotto_transformer    *t;
    const sotto_config         *c;
    const sotto_export_options *o;
    const sotto_checkpoint     *importance;
    int32_t                     n_weighed; /* matrices that it knows */
    int32_t                     layer; /* -1 outside of them */
    var                         ids, mask, key_cache, value_cache;
    var                         zero1, past1, end1; /* [1] each: 0, and the positions where the call begins and ends */
    var                         rows, cols;         /* positions of queries [q, 1] and of keys [end] */
    var                         written;            /* keys [end] that a call has ever written */
    var                         cosines[SOTTO_ROPE_COUNT], sines[SOTTO_ROPE_COUNT]; /* [q, head_dim] */
    struct {
        int32_t window;
        var     mask;
    } masks[WINDOWS_MAX];
    int32_t     n_masks;
    double      residual; /* what residuals are multiplied by */
    const char *failure;
} graph;

/* ---- types and constants ------------------------------------------------------------------------------- */

#define F16(...) tensor(SOTTO_MIL_F16, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / 8)
#define Q SOTTO_MIL_ANY /* tokens of the call */
#define END SOTTO_MIL_ANY

static sotto_mil_type tensor(sotto_mil_dtype dtype, const int64_t *dim, size_t rank) {
    sotto_mil_type t = {.dtype = dtype, .rank = (int32_t)rank};
    memcpy(t.dim, dim, rank * sizeof *dim);
    return t;
}

static const sotto_mil_type *type_of(const graph *g, var v) { return &g->f->vars[v].type; }

static var constant(graph *g, sotto_mil_dtype dtype, int32_t rank, size_t n, const void *data, size_t n_bytes) {
    sotto_mil_value v = {.type = {.dtype = dtype, .rank = rank, .dim = {(int64_t)n}}, .data = data, .n_bytes = n_bytes};
    return sotto_mil_add_const(g->f, NULL, &v);
}

static var number(graph *g, double value) {
    uint16_t h = sotto_f32_to_f16((float)value);
    return constant(g, SOTTO_MIL_F16, 0, 0, &h, sizeof h);
}
static var integer(graph *g, int32_t value) { return constant(g, SOTTO_MIL_I32, 0, 0, &value, sizeof value); }
static var boolean(graph *g, bool value) { return constant(g, SOTTO_MIL_BOOL, 0, 0, &(uint8_t){value}, 1); }
static var text(graph *g, const char *value) { return constant(g, SOTTO_MIL_STRING, 0, 0, value, strlen(value)); }
static var integers(graph *g, const int32_t *values, size_t n) {
    return constant(g, SOTTO_MIL_I32, 1, n, values, n * sizeof *values);
}
#define INTS(g, ...) integers(g, (const int32_t[]){__VA_ARGS__}, sizeof((const int32_t[]){__VA_ARGS__}) / 4)

/* One flag per character: "TF". */
static var flags(graph *g, const char *pattern) {
    uint8_t values[SOTTO_MIL_RANK_MAX];
    size_t  n = strlen(pattern);
    for (size_t i = 0; i < n; i++) values[i] = pattern[i] == 'T';
    return constant(g, SOTTO_MIL_BOOL, 1, n, values, n);
}

/* ---- weights ------------------------------------------------------------------------------------------- */

static const char *layer_name(graph *g, const char *name) {
    char full[64];
    if (g->layer < 0)
        (void)snprintf(full, sizeof full, "%s", name);
    else
        (void)snprintf(full, sizeof full, "layer_%d_%s", (int)g->layer, name);
    const char *kept = sotto_arena_text(&g->plan->arena, full, strlen(full));
    if (!kept) g->f->program->failed = true;
    return kept ? kept : "";
}

static void add_weight(graph *g, const sotto_weight *w) {
    sotto_export_plan *plan = g->plan;
    if (plan->n == plan->cap) {
        size_t        cap = plan->cap ? 2 * plan->cap : 256;
        sotto_weight *items = sotto_arena_array(&plan->arena, cap, sizeof *items);
        if (!items) {
            g->f->program->failed = true;
            return;
        }
        if (plan->n) memcpy(items, plan->items, plan->n * sizeof *items);
        plan->items = items;
        plan->cap = cap;
    }
    plan->items[plan->n++] = *w;
}

static sotto_mil_value placed(graph *g, const sotto_mil_type *type) {
    size_t          n;
    sotto_mil_value v = {.type = *type, .blob = sotto_blob_place(&g->plan->layout, type)};
    if (!v.blob || !sotto_mil_type_measure(type, &n, &v.n_bytes)) g->failure = "a weight is too large";
    return v;
}

/* n floats times `scale`, as a constant of this shape; values NULL: zeros. */
static var vector(graph *g, const char *name, const float *values, sotto_mil_type type, double scale) {
    const char *full = layer_name(g, name);
    size_t      n = 1;
    for (int32_t i = 0; i < type.rank; i++) n *= (size_t)type.dim[i];
    if (!values || scale != 1) {
        float *scaled = sotto_arena_array(&g->plan->arena, n, sizeof *scaled);
        if (!scaled) return g->f->program->failed = true, 0;
        for (size_t i = 0; values && i < n; i++) scaled[i] = (float)((double)values[i] * scale);
        values = scaled;
    }
    add_weight(g, &(sotto_weight){.form = SOTTO_WEIGHT_VECTOR, .name = full, .values = values, .type = type});
    sotto_mil_value v = placed(g, &type);
    return sotto_mil_add_const(g->f, full, &v);
}

/* What each input of a matrix weighs, [cols]; NULL: the file does not say. */
static const float *importance_of(graph *g, const char *name, int32_t cols) {
    char full[64];
    if (g->layer < 0)
        (void)snprintf(full, sizeof full, "%s.weight", name);
    else
        (void)snprintf(full, sizeof full, "blk.%d.%s.weight", (int)g->layer, name);
    const sotto_tensor *t = g->importance ? sotto_checkpoint_find(g->importance, full) : NULL;
    if (!t || t->dtype != SOTTO_F32 || t->n_dims != 1 || t->dim[0] != cols) return NULL;
    g->n_weighed++;
    return t->data;
}

/* A matrix in the form that the options ask for, where its rows are whole blocks; else in fp16. */
static var matrix(graph *g, const char *name, const sotto_matrix *m, bool rotary) {
    sotto_weight w = {.form = SOTTO_WEIGHT_MATRIX, .name = layer_name(g, name), .matrix = m,
                      .type = F16(m->rows, m->cols)};
    sotto_mil_type dense = w.type;
    if (rotary && g->c->rope_interleaved) w.pair_head = g->c->layers[g->layer].head_dim;
    if (g->o->bits == 16 || m->cols % SOTTO_CODE_BLOCK != 0) {
        add_weight(g, &w);
        sotto_mil_value v = placed(g, &w.type);
        return sotto_mil_add_const(g->f, w.name, &v);
    }
    w.form = SOTTO_WEIGHT_CODES;
    w.type.dtype = g->o->bits == 4 ? SOTTO_MIL_I4 : SOTTO_MIL_I8;
    w.scale = F16(m->rows, m->cols / SOTTO_CODE_BLOCK);
    if (g->o->bits == 4 && m->dtype == SOTTO_Q4_0 && !g->o->negative_scales) {
        w.offset = w.scale;
        w.offset.dtype = SOTTO_MIL_I4;
    }
    w.importance = importance_of(g, name, m->cols);
    add_weight(g, &w);
    sotto_mil_value data = placed(g, &w.type), scale = placed(g, &w.scale), offset = {0};
    if (w.offset.rank) offset = placed(g, &w.offset);
    sotto_mil_in in[] = {{.param = "data", .value = &data}, {.param = "scale", .value = &scale},
                         {.param = "offset", .value = &offset}};
    return sotto_mil_add_op(g->f, "constexpr_blockwise_shift_scale", w.name, &dense, in, w.offset.rank ? 3 : 2);
}

/* ---- operations ---------------------------------------------------------------------------------------- */

/* An operation: its type, its name (NULL: made up), its type of result and its parameters. */
#define IN(parameter, variable) {.param = parameter, .var = variable}
#define OP(g, type, name, out, ...)                                                                          \
    sotto_mil_add_op((g)->f, type, name, out, (const sotto_mil_in[]){__VA_ARGS__},                           \
                     sizeof((const sotto_mil_in[]){__VA_ARGS__}) / sizeof(sotto_mil_in))

static var unary(graph *g, const char *op, var x) {
    sotto_mil_type out = *type_of(g, x);
    return OP(g, op, NULL, &out, IN("x", x));
}

static sotto_mil_type broadcast(const graph *g, var x, var y, bool compares) {
    const sotto_mil_type *a = type_of(g, x), *b = type_of(g, y);
    if (a->rank < b->rank) return broadcast(g, y, x, compares);
    sotto_mil_type out = *a;
    for (int32_t i = 1; i <= b->rank; i++)
        if (a->dim[a->rank - i] == 1) out.dim[a->rank - i] = b->dim[b->rank - i];
    if (compares) out.dtype = SOTTO_MIL_BOOL;
    return out;
}
static var named(graph *g, const char *op, const char *name, var x, var y) {
    sotto_mil_type out = broadcast(g, x, y, false);
    return OP(g, op, name, &out, IN("x", x), IN("y", y));
}
static var binary(graph *g, const char *op, var x, var y) { return named(g, op, NULL, x, y); }
static var compare(graph *g, const char *op, var x, var y) {
    sotto_mil_type out = broadcast(g, x, y, true);
    return OP(g, op, NULL, &out, IN("x", x), IN("y", y));
}
static var times(graph *g, var x, double factor) { return factor == 1 ? x : binary(g, "mul", x, number(g, factor)); }

static var reshape(graph *g, var x, sotto_mil_type out) {
    int32_t shape[SOTTO_MIL_RANK_MAX];
    for (int32_t i = 0; i < out.rank; i++) shape[i] = (int32_t)out.dim[i]; /* the open one is -1 here as well */
    out.dtype = type_of(g, x)->dtype;
    return OP(g, "reshape", NULL, &out, IN("x", x), IN("shape", integers(g, shape, (size_t)out.rank)));
}

/* [1, a, b, c] to [1, b, a, c] */
static var swap_heads(graph *g, var x) {
    sotto_mil_type out = *type_of(g, x);
    int64_t        a = out.dim[1];
    out.dim[1] = out.dim[2];
    out.dim[2] = a;
    return OP(g, "transpose", NULL, &out, IN("x", x), IN("perm", INTS(g, 0, 2, 1, 3)));
}

static var expand(graph *g, var x, int32_t axis) {
    sotto_mil_type out = *type_of(g, x);
    for (int32_t i = out.rank++; i > axis; i--) out.dim[i] = out.dim[i - 1];
    out.dim[axis] = 1;
    return OP(g, "expand_dims", NULL, &out, IN("x", x), IN("axes", INTS(g, axis)));
}

static var concat(graph *g, const var *parts, int32_t n, int32_t axis, sotto_mil_type out) {
    return OP(g, "concat", NULL, &out, {.param = "values", .vars = parts, .n = n}, IN("axis", integer(g, axis)),
              IN("interleave", boolean(g, false)));
}

/* x[begin:end], an end (and a begin) ignored where its flag is T; axes whose `drop` is T vanish. */
static var slice(graph *g, var x, var begin, var end, const char *from_start, const char *to_end, const char *drop,
                 sotto_mil_type out) {
    out.dtype = type_of(g, x)->dtype;
    return OP(g, "slice_by_index", NULL, &out, IN("x", x), IN("begin", begin), IN("end", end),
              IN("begin_mask", flags(g, from_start)), IN("end_mask", flags(g, to_end)),
              IN("squeeze_mask", flags(g, drop)));
}

static var reduce(graph *g, const char *op, var x) {
    sotto_mil_type out = *type_of(g, x);
    out.dim[out.rank - 1] = 1;
    return OP(g, op, NULL, &out, IN("x", x), IN("axes", INTS(g, -1)), IN("keep_dims", boolean(g, true)));
}

static var linear(graph *g, const char *name, var x, var weight, const float *bias, int32_t rows) {
    char           full[64];
    sotto_mil_type out = *type_of(g, x);
    var            b = -1;
    out.dim[out.rank - 1] = rows;
    if (bias) {
        (void)snprintf(full, sizeof full, "%s_bias", name);
        b = vector(g, full, bias, F16(rows), 1);
    } else { /* every operation of Apple's tools has one; those of a size share it */
        (void)snprintf(full, sizeof full, "zeros_%d", (int)rows);
        for (int32_t i = 0; b < 0 && i < g->f->n_vars; i++)
            if (g->f->vars[i].value && strcmp(g->f->vars[i].name, full) == 0) b = i;
        int32_t layer = g->layer;
        g->layer = -1;
        if (b < 0) b = vector(g, full, NULL, F16(rows), 1);
        g->layer = layer;
    }
    return OP(g, "linear", layer_name(g, name), &out, IN("x", x), IN("weight", weight), IN("bias", b));
}

/* x / sqrt(mean(x^2) + eps) * gain over the last axis. With m at least as large as any |x| and sqrt(eps), and
 * y = x / m, it is y / sqrt(mean(y^2) + (sqrt(eps) / m)^2) * gain: what is squared is at most 1. */
static var norm(graph *g, const char *name, var x, const float *gain, double gain_scale, double eps) {
    int32_t n = (int32_t)type_of(g, x)->dim[type_of(g, x)->rank - 1];
    var     root = number(g, sqrt(eps));
    var     m = binary(g, "maximum", reduce(g, "reduce_max", unary(g, "abs", x)), root);
    var     y = binary(g, "real_div", x, m), r = binary(g, "real_div", root, m);
    var     mean = reduce(g, "reduce_mean", binary(g, "mul", y, y));
    var     length = unary(g, "sqrt", binary(g, "add", mean, binary(g, "mul", r, r)));
    return binary(g, "mul", binary(g, "real_div", y, length), vector(g, name, gain, F16(n), gain_scale));
}

/* Of a residual: it is smaller than the model means, and so must eps be. */
static var norm_residual(graph *g, const char *name, var x, const float *gain) {
    return norm(g, name, x, gain, 1, (double)g->c->eps * g->residual * g->residual);
}

static var softcap(graph *g, const char *name, var x, double cap) {
    var c = number(g, cap);
    return named(g, "mul", name, unary(g, "tanh", binary(g, "real_div", x, c)), c);
}

/* ---- positions ----------------------------------------------------------------------------------------- */

static var size_of_axis(graph *g, var x, int32_t axis) {
    sotto_mil_type shape = {.dtype = SOTTO_MIL_I32, .rank = 1, .dim = {type_of(g, x)->rank}};
    var            s = OP(g, "shape", NULL, &shape, IN("x", x));
    return slice(g, s, INTS(g, axis), INTS(g, axis + 1), "F", "F", "T", (sotto_mil_type){0});
}

static var range(graph *g, var start, var end) {
    sotto_mil_type out = {.dtype = SOTTO_MIL_I32, .rank = 1, .dim = {SOTTO_MIL_ANY}};
    return OP(g, "range_1d", NULL, &out, IN("end", end), IN("start", start), IN("step", integer(g, 1)));
}

static void begin_call(graph *g) {
    var end = size_of_axis(g, g->mask, 3), past = binary(g, "sub", end, size_of_axis(g, g->ids, 1));
    g->zero1 = INTS(g, 0);
    g->past1 = expand(g, past, 0);
    g->end1 = expand(g, end, 0);
    g->rows = expand(g, range(g, past, end), 1);
    g->cols = range(g, integer(g, 0), end);
}

/* Rows past:end of a table of the whole context. */
static var table_rows(graph *g, const char *name, const float *table, int32_t width) {
    sotto_mil_type two = {.dtype = SOTTO_MIL_I32, .rank = 1, .dim = {2}};
    var            whole = vector(g, name, table, F16(g->o->context, width), 1);
    var            begin = concat(g, (const var[]){g->past1, g->zero1}, 2, 0, two);
    var            end = concat(g, (const var[]){g->end1, g->zero1}, 2, 0, two);
    return slice(g, whole, begin, end, "FT", "FT", "FF", F16(Q, width));
}

/* Cosines, and sines with the first half negated: x * cos + (second half, first half) * sin is the rotation. */
static void make_tables(graph *g, int32_t rope) {
    const sotto_rope_config *r = &g->c->ropes[rope];
    int32_t                  n = r->head_dim, half = n / 2, layer = g->layer;
    float *cosines = sotto_arena_array(&g->plan->arena, (size_t)g->o->context * (size_t)n, sizeof(float));
    float *sines = sotto_arena_array(&g->plan->arena, (size_t)g->o->context * (size_t)n, sizeof(float));
    if (!cosines || !sines) {
        g->f->program->failed = true;
        return;
    }
    for (int32_t p = 0; p < g->o->context; p++)
        for (int32_t i = 0; i < half; i++) {
            double angle = (double)p * (double)r->inv_freq[i];
            size_t at = (size_t)p * (size_t)n + (size_t)i;
            cosines[at] = cosines[at + (size_t)half] = (float)cos(angle);
            sines[at + (size_t)half] = (float)sin(angle);
            sines[at] = -sines[at + (size_t)half];
        }
    g->layer = -1;
    g->cosines[rope] = table_rows(g, rope == SOTTO_ROPE_LOCAL ? "cos_local" : "cos", cosines, n);
    g->sines[rope] = table_rows(g, rope == SOTTO_ROPE_LOCAL ? "sin_local" : "sin", sines, n);
    g->layer = layer;
}

static var rotate(graph *g, var x, int32_t rope) {
    sotto_mil_type whole = *type_of(g, x), half = whole, halves[2];
    var            parts[2];
    half.dim[whole.rank - 1] /= 2;
    halves[0] = halves[1] = half;
    sotto_mil_in in[] = {IN("x", x), IN("num_splits", integer(g, 2)), IN("axis", integer(g, -1))};
    sotto_mil_add_op_n(g->f, "split", NULL, halves, 2, in, 3, parts);
    var swapped = concat(g, (const var[]){parts[1], parts[0]}, 2, -1, whole);
    return binary(g, "add", binary(g, "mul", x, g->cosines[rope]), binary(g, "mul", swapped, g->sines[rope]));
}

/* ---- masks --------------------------------------------------------------------------------------------- */

/* Some callers make their mask one column too wide, so that position 0 is never written: a key that is all zero. It is
 * then hidden. No layer's key of a token is zero in every component. */
static void find_written(graph *g, var keys) {
    const sotto_layer_config *l = &g->c->layers[0];
    sotto_mil_type            scalar = {.dtype = SOTTO_MIL_F16};
    var first = slice(g, keys, INTS(g, 0, 0, 0, 0, 0), INTS(g, 1, 1, 0, 1, 0), "TTTTT", "FFTFT", "TTFTF",
                      F16(l->n_kv_heads, l->head_dim));
    var greatest = OP(g, "reduce_max", NULL, &scalar, IN("x", unary(g, "abs", first)), IN("axes", INTS(g, 0, 1)),
                      IN("keep_dims", boolean(g, false)));
    var any = compare(g, "greater", expand(g, greatest, 0), number(g, 0));
    g->written = compare(g, "logical_or", compare(g, "greater", g->cols, integer(g, 0)), any);
}

/* The caller's mask, and MASKED below what lies after the query, before its window, or was never written:
 * [1, 1, q, end]. Windows as long as the context are none. */
static var mask_for(graph *g, int32_t window) {
    if (window >= g->o->context) window = 0;
    for (int32_t i = 0; i < g->n_masks; i++)
        if (g->masks[i].window == window) return g->masks[i].mask;
    if (g->n_masks == WINDOWS_MAX) return g->failure = "its layers have more than four kinds of windows", 0;
    var seen = compare(g, "less_equal", g->cols, g->rows);
    seen = compare(g, "logical_and", seen, g->written);
    if (window) {
        var before = binary(g, "sub", g->rows, integer(g, window));
        seen = compare(g, "logical_and", seen, compare(g, "greater", g->cols, before));
    }
    sotto_mil_type half = *type_of(g, seen);
    half.dtype = SOTTO_MIL_F16;
    var open = OP(g, "cast", NULL, &half, IN("x", seen), IN("dtype", text(g, "fp16")));
    var bias = times(g, binary(g, "sub", open, number(g, 1)), MASKED);
    var mask = binary(g, "add", g->mask, bias);
    g->masks[g->n_masks].window = window;
    g->masks[g->n_masks++].mask = mask;
    return mask;
}

/* ---- attention ----------------------------------------------------------------------------------------- */

/* Put the new keys or values of this layer into its cache, in place: read, update, write and read again is the form
 * that Apple's compiler knows. Gives all of the layer's, [1, kv, end, head_dim]. */
static var through_cache(graph *g, var state, var x) {
    const sotto_layer_config *l = &g->c->layers[g->layer];
    sotto_mil_type            cache = *type_of(g, state), five = {.dtype = SOTTO_MIL_I32, .rank = 1, .dim = {5}};
    cache.state = false;
    var this = INTS(g, g->layer), next = INTS(g, g->layer + 1);
    var begin = concat(g, (const var[]){this, g->zero1, g->zero1, g->past1, g->zero1}, 5, 0, five);
    var end = concat(g, (const var[]){next, g->zero1, g->zero1, g->end1, g->zero1}, 5, 0, five);
    var old = OP(g, "read_state", NULL, &cache, IN("input", state));
    var new = OP(g, "slice_update", NULL, &cache, IN("x", old), IN("update", expand(g, x, 0)), IN("begin", begin),
                 IN("end", end), IN("stride", INTS(g, 1, 1, 1, 1, 1)), IN("begin_mask", flags(g, "FFFFF")),
                 IN("end_mask", flags(g, "FTTFT")), IN("squeeze_mask", flags(g, "FFFFF")));
    OP(g, "write_state", NULL, NULL, IN("input", state), IN("data", new));
    var whole = OP(g, "read_state", NULL, &cache, IN("input", state));
    if (state == g->key_cache && g->layer == 0) find_written(g, whole);
    return slice(g, whole, INTS(g, g->layer, 0, 0, 0, 0), end, "FTTTT", "FTTFT", "TFFFF",
                 F16(1, l->n_kv_heads, END, l->head_dim));
}

/* Each KV head as often as queries share it, neighbours together: [1, kv, end, d] to [1, heads, end, d]. */
static var repeat(graph *g, var x) {
    const sotto_layer_config *l = &g->c->layers[g->layer];
    int32_t                   n = l->n_heads / l->n_kv_heads;
    if (n == 1) return x;
    sotto_mil_type wide = F16(1, l->n_kv_heads, n, END, l->head_dim);
    var tiled = OP(g, "tile", NULL, &wide, IN("x", expand(g, x, 2)), IN("reps", INTS(g, 1, 1, n, 1, 1)));
    return reshape(g, tiled, F16(1, l->n_heads, END, l->head_dim));
}

/* Fused where it can be; a soft cap of the scores has no place in the fused operation. */
static var attend(graph *g, var q, var k, var v, var mask) {
    sotto_mil_type out = *type_of(g, q), scores = out;
    if (g->c->attn_softcap <= 0)
        return OP(g, "scaled_dot_product_attention", NULL, &out, IN("query", q), IN("key", k), IN("value", v),
                  IN("attn_mask", mask));
    scores.dim[3] = END;
    var no = boolean(g, false), yes = boolean(g, true);
    var s = OP(g, "matmul", NULL, &scores, IN("x", q), IN("y", k), IN("transpose_x", no), IN("transpose_y", yes));
    s = binary(g, "add", softcap(g, NULL, s, (double)g->c->attn_softcap), mask);
    var p = OP(g, "softmax", NULL, &scores, IN("x", s), IN("axis", integer(g, -1)));
    return OP(g, "matmul", NULL, &out, IN("x", p), IN("y", v), IN("transpose_x", no), IN("transpose_y", no));
}

static var attention(graph *g, var x) {
    const sotto_layer        *w = &g->t->layers[g->layer];
    const sotto_layer_config *l = &g->c->layers[g->layer];
    int32_t                   hd = l->head_dim, q_dim = sotto_layer_q_dim(l), kv_dim = sotto_layer_kv_dim(l);
    double eps = (double)g->c->eps, scale = (double)g->c->attn_scale;
    if (g->c->attn_softcap <= 0) scale *= sqrt(hd); /* the fused operation divides by that */
    if (fabs(scale - 1) < 1e-6) scale = 1;
    var q = linear(g, "q", x, matrix(g, "attn_q", &w->q, true), w->q_bias, q_dim);
    var k = linear(g, "k", x, matrix(g, "attn_k", &w->k, true), w->k_bias, kv_dim);
    var v = linear(g, "v", x, matrix(g, "attn_v", &w->v, false), w->v_bias, kv_dim);
    q = swap_heads(g, reshape(g, q, F16(1, Q, l->n_heads, hd)));
    k = swap_heads(g, reshape(g, k, F16(1, Q, l->n_kv_heads, hd)));
    v = swap_heads(g, reshape(g, v, F16(1, Q, l->n_kv_heads, hd)));
    q = w->q_norm ? norm(g, "q_norm", q, w->q_norm, scale, eps) : times(g, q, scale);
    if (w->k_norm) k = norm(g, "k_norm", k, w->k_norm, 1, eps);
    if (l->rope >= 0) {
        if (!g->cosines[l->rope]) make_tables(g, l->rope);
        q = rotate(g, q, l->rope);
        k = rotate(g, k, l->rope);
    }
    k = repeat(g, through_cache(g, g->key_cache, k));
    v = repeat(g, through_cache(g, g->value_cache, v));
    var out = swap_heads(g, attend(g, q, k, v, mask_for(g, l->window)));
    var wo = matrix(g, "attn_output", &w->o, false);
    return linear(g, "o", reshape(g, out, F16(1, Q, q_dim)), wo, NULL, g->c->n_embd);
}

/* ---- the rest of a layer ------------------------------------------------------------------------------- */

static var activate(graph *g, var x) {
    sotto_mil_type out = *type_of(g, x);
    if (g->c->family->activation == SOTTO_ACT_SILU) return unary(g, "silu", x);
    return OP(g, "gelu", NULL, &out, IN("x", x), IN("mode", text(g, "TANH_APPROXIMATION")));
}

static var feed_forward(graph *g, var x) {
    const sotto_layer *w = &g->t->layers[g->layer];
    int32_t            n_ff = g->c->layers[g->layer].n_ff;
    var up = linear(g, "up", x, matrix(g, "ffn_up", &w->up, false), NULL, n_ff);
    var gate = linear(g, "gate", x, matrix(g, "ffn_gate", &w->gate, false), NULL, n_ff);
    var inner = binary(g, "mul", activate(g, gate), up);
    return linear(g, "down", inner, matrix(g, "ffn_down", &w->down, false), NULL, g->c->n_embd);
}

static var add_branch(graph *g, const char *name, var x, var branch, const float *post_norm) {
    if (post_norm) branch = norm(g, name, branch, post_norm, g->residual, (double)g->c->eps);
    return binary(g, "add", x, branch);
}

static var run_layer(graph *g, var x) {
    const sotto_layer *w = &g->t->layers[g->layer];
    x = add_branch(g, "post_attn_norm", x, attention(g, norm_residual(g, "attn_norm", x, w->attn_norm)),
                   w->post_attn_norm);
    return add_branch(g, "post_ffn_norm", x, feed_forward(g, norm_residual(g, "ffn_norm", x, w->ffn_norm)),
                      w->post_ffn_norm);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

/* Caches have a whole number of 32 positions: some of Apple's hardware wants it, and it costs nothing. */
static void add_interface(graph *g) {
    const sotto_layer_config *l = &g->c->layers[0];
    int64_t context = g->o->context, slots = (context + STATE_ALIGNMENT - 1) / STATE_ALIGNMENT * STATE_ALIGNMENT;
    sotto_mil_feature ids = {.name = "inputIds", .type = {.dtype = SOTTO_MIL_I32, .rank = 2, .dim = {1, 1}},
                             .lower = {1, 1}, .upper = {1, context}};
    sotto_mil_feature mask = {.name = "causalMask", .type = F16(1, 1, 1, 1), .lower = {1, 1, 1, 1},
                              .upper = {1, 1, context, context}};
    sotto_mil_type cache = F16(g->c->n_layers, 1, l->n_kv_heads, slots, l->head_dim);
    g->ids = sotto_mil_add_input(g->f, &ids);
    g->mask = sotto_mil_add_input(g->f, &mask);
    g->key_cache = sotto_mil_add_state(g->f, "keyCache", cache);
    g->value_cache = sotto_mil_add_state(g->f, "valueCache", cache);
}

static var write_logits(graph *g, var x, var head) {
    const sotto_config *c = g->c;
    bool                capped = c->final_softcap > 0;
    if (g->o->last_logits)
        x = slice(g, x, INTS(g, 0, -1, 0), INTS(g, 0, 0, 0), "TFT", "TTT", "FFF", F16(1, 1, c->n_embd));
    x = norm_residual(g, "output_norm", x, g->t->output_norm);
    x = linear(g, capped ? "uncapped" : "logits", x, head, NULL, c->n_vocab);
    return capped ? softcap(g, "logits", x, (double)c->final_softcap) : x;
}

static void build(graph *g) {
    const sotto_config *c = g->c;
    sotto_mil_type      row = F16(1, Q, c->n_embd);
    add_interface(g);
    begin_call(g);
    var embed = matrix(g, "token_embd", &g->t->embed, false);
    var head = c->tied ? embed : matrix(g, "output", &g->t->head, false);
    var x = OP(g, "gather", NULL, &row, IN("x", embed), IN("indices", g->ids), IN("axis", integer(g, 0)),
               IN("batch_dims", integer(g, 0)), IN("validate_indices", boolean(g, false)));
    x = times(g, x, (c->family->embed_scaled ? (double)c->embed_scale : 1) * g->residual);
    for (g->layer = 0; g->layer < c->n_layers && !g->f->program->failed; g->layer++) x = run_layer(g, x);
    g->layer = -1;
    sotto_mil_add_output(g->f, write_logits(g, x, head));
}

sotto_status sotto_export_check(const sotto_transformer *t, const sotto_export_options *o, sotto_error *err) {
    const sotto_config *c = &t->config;
    const char         *why = NULL;
    if (c->per_layer_embd > 0) why = "embeddings of each layer";
    if (c->family->v_norm || c->family->layer_scale) why = "norms of values or scales of layers";
    for (int32_t i = 0; i < c->n_layers; i++) {
        const sotto_layer_config *l = &c->layers[i];
        if (l->kv_layer != i || l->v_from_k) why = "layers that share their keys and values";
        if (l->head_dim != c->layers[0].head_dim || l->n_kv_heads != c->layers[0].n_kv_heads)
            why = "layers with caches of different shapes";
    }
    if (why)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "%s models have %s, which an export cannot express",
                          c->family->name, why);
    if (o->bits != 4 && o->bits != 8 && o->bits != 16)
        return sotto_fail(err, SOTTO_INVALID, "%d bits for a weight: choose 4, 8 or 16", (int)o->bits);
    if (o->context < 4 || o->context > c->context_length)
        return sotto_fail(err, SOTTO_INVALID, "a context of %d tokens: this model's can be 4 to %d", (int)o->context,
                          (int)c->context_length);
    return SOTTO_OK;
}

sotto_status sotto_export_graph(sotto_mil_program *p, sotto_export_plan *plan, const sotto_transformer *t,
                                const sotto_export_options *o, const sotto_checkpoint *importance, sotto_error *err) {
    graph g = {.f = sotto_mil_begin(p, 9, "CoreML8"), .plan = plan, .t = t, .c = &t->config, .o = o,
               .importance = importance, .layer = -1,
               .residual = t->config.family->post_norms ? RESIDUAL_SCALE : 1};
    if (!g.f) return sotto_fail_memory(err, "the program");
    build(&g);
    if (importance && o->bits != 16 && g.n_weighed == 0)
        return sotto_fail(err, SOTTO_MISMATCH, "%s: says nothing of this model's matrices: it belongs to another",
                          o->importance);
    if (g.failure) return sotto_fail(err, SOTTO_UNSUPPORTED, "this model cannot be exported: %s", g.failure);
    return p->failed ? sotto_fail_memory(err, "the program") : SOTTO_OK;
}
