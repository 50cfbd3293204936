/* Constants as operations want them: small ones as floats or integers, matrices in a form that kernels multiply with.
 * Codes of 4 and 8 bits with a scale for each block of a row become q4_0 and q8_0 blocks, the same numbers in the same
 * size; all others stay where they are. */
#include "coreml/run.h"

static void *take(sotto_program *p, size_t count, size_t size, sotto_error *err) {
    size_t n_bytes;
    void  *memory = NULL;
    if (!sotto_size_mul(count, size, &n_bytes) || n_bytes > p->constants_left) {
        (void)sotto_fail(err, SOTTO_LIMIT, "the constants are several times as large as the package");
    } else if (!(memory = sotto_arena_alloc(&p->arena, SOTTO_MAX(n_bytes, (size_t)1)))) {
        (void)sotto_fail_memory(err, "the constants");
    } else {
        p->constants_left -= n_bytes;
    }
    return memory;
}

static sotto_status expand(sotto_program *p, int32_t var, sotto_error *err);

/* ---- tensors ------------------------------------------------------------------------------------------- */

static int64_t read_int(const uint8_t *p, sotto_mil_dtype dtype) {
    int16_t  half;
    int32_t  word;
    switch (dtype) {
    case SOTTO_MIL_BOOL: return *p != 0;
    case SOTTO_MIL_U8: return *p;
    case SOTTO_MIL_I8: return (int8_t)*p;
    case SOTTO_MIL_I16: memcpy(&half, p, sizeof half); return half;
    case SOTTO_MIL_U16: memcpy(&half, p, sizeof half); return (uint16_t)half;
    default: memcpy(&word, p, sizeof word); return word;
    }
}

sotto_status sotto_mil_constant(sotto_program *p, int32_t var, sotto_error *err) {
    const sotto_mil_var   *v = &p->f->vars[var];
    const sotto_mil_value *value = v->value;
    sotto_mil_tensor      *t = &p->slots[var].tensor;
    size_t                 n_bytes, width;
    if (t->bits) return SOTTO_OK;
    if (sotto_mil_is_constexpr(p, var)) return expand(p, var, err);
    t->dtype = value->type.dtype, t->rank = value->type.rank;
    memcpy(t->dim, value->type.dim, sizeof t->dim);
    switch (t->dtype) {
    case SOTTO_MIL_F16: case SOTTO_MIL_F32: case SOTTO_MIL_BOOL: case SOTTO_MIL_I8: case SOTTO_MIL_U8:
    case SOTTO_MIL_I16: case SOTTO_MIL_U16: case SOTTO_MIL_I32: break;
    default:
        return sotto_fail(err, SOTTO_UNSUPPORTED, "%.80s: constants of type %s are not supported", v->name,
                          sotto_mil_dtype_get((int64_t)t->dtype)->name);
    }
    if (!sotto_mil_type_measure(&value->type, &t->n, &n_bytes) || n_bytes != value->n_bytes)
        return sotto_fail(err, SOTTO_FORMAT, "%.80s: a constant without a size", v->name);
    if (!(t->bits = take(p, t->n, sizeof *t->bits, err))) return SOTTO_LIMIT;
    width = t->n ? n_bytes / t->n : 0;
    const uint8_t *from = value->data;
    for (size_t i = 0; i < t->n; i++, from += width) {
        uint16_t half;
        if (t->dtype == SOTTO_MIL_F32)
            memcpy(&t->f[i], from, sizeof *t->f);
        else if (t->dtype == SOTTO_MIL_F16)
            memcpy(&half, from, sizeof half), t->f[i] = sotto_f16_to_f32(half);
        else
            t->i[i] = (int32_t)read_int(from, t->dtype);
    }
    return SOTTO_OK;
}

/* ---- matrices ------------------------------------------------------------------------------------------ */

/* What a constexpr is made of. */
typedef struct parts {
    const sotto_mil_value *data, *scale, *offset; /* offset NULL: none */
    size_t                 rows, cols, scales;    /* scales of a row */
} parts;

static const sotto_mil_value *value_of(const sotto_program *p, const sotto_mil_op *op, const char *name) {
    const sotto_mil_arg *arg = sotto_mil_arg_find(op, name);
    if (!arg) return NULL;
    return arg->value ? arg->value : arg->n == 1 ? p->f->vars[arg->vars[0]].value : NULL;
}

static int nibble(const void *data, size_t i) {
    int code = ((const uint8_t *)data)[i / 2] >> (i % 2 * 4) & 15;
    return code >= 8 ? code - 16 : code;
}

/* Codes of 4 or 8 bits, a fp16 scale for each block of a row, of a multiple of 32 weights, and offsets of 0 and -1:
 * these are q4_0 and q8_0 blocks. False: something else. */
static bool find_parts(const sotto_program *p, const sotto_mil_op *op, parts *w) {
    w->data = value_of(p, op, "data"), w->scale = value_of(p, op, "scale"), w->offset = value_of(p, op, "offset");
    if (!w->data || !w->scale || (sotto_mil_arg_find(op, "offset") && !w->offset)) return false;
    const sotto_mil_type *d = &w->data->type, *s = &w->scale->type;
    if (d->rank != 2 || s->rank != 2 || (d->dtype != SOTTO_MIL_I4 && d->dtype != SOTTO_MIL_I8) ||
        s->dtype != SOTTO_MIL_F16)
        return false;
    if (d->dim[0] < 1 || d->dim[1] < 1 || d->dim[0] > INT32_MAX || d->dim[1] > INT32_MAX || d->dim[0] != s->dim[0] ||
        s->dim[1] < 1 || d->dim[1] % s->dim[1] != 0 || d->dim[1] / s->dim[1] % 32 != 0)
        return false;
    if (w->offset && (d->dtype != SOTTO_MIL_I4 || w->offset->type.dtype != SOTTO_MIL_I4 ||
                      w->offset->type.rank != 2 || memcmp(w->offset->type.dim, s->dim, 2 * sizeof *s->dim) != 0))
        return false;
    w->rows = (size_t)d->dim[0], w->cols = (size_t)d->dim[1], w->scales = (size_t)s->dim[1];
    for (size_t i = 0; w->offset && i < w->rows * w->scales; i++)
        if (nibble(w->offset->data, i) != 0 && nibble(w->offset->data, i) != -1) return false;
    return true;
}

/* A q4_0 block is d * (q - 8): a code without offset is q = code + 8, and scale * (code + 1) is -scale * (q - 8) of
 * q = 7 - code. Other offsets have no such form. */
static void pack_q4_0(const parts *w, sotto_block_q4_0 *to, size_t block) {
    size_t   first = block * 32, scale = first / (w->cols / w->scales);
    int      offset = w->offset ? nibble(w->offset->data, scale) : 0, q[32];
    memcpy(&to->d, (const uint8_t *)w->scale->data + 2 * scale, sizeof to->d);
    for (size_t i = 0; i < 32; i++) {
        int code = nibble(w->data->data, first + i);
        q[i] = offset ? 7 - code : code + 8;
    }
    if (offset) to->d ^= 0x8000;
    for (size_t i = 0; i < 16; i++) to->qs[i] = (uint8_t)(q[i] | q[i + 16] << 4);
}

static void pack_q8_0(const parts *w, sotto_block_q8_0 *to, size_t block) {
    size_t first = block * 32, scale = first / (w->cols / w->scales);
    memcpy(&to->d, (const uint8_t *)w->scale->data + 2 * scale, sizeof to->d);
    memcpy(to->qs, (const uint8_t *)w->data->data + first, sizeof to->qs);
}

static sotto_status from_codes(sotto_program *p, const parts *w, sotto_matrix *m, sotto_error *err) {
    size_t   n_blocks = w->rows * (w->cols / 32);
    uint8_t *to;
    m->dtype = w->data->type.dtype == SOTTO_MIL_I4 ? SOTTO_Q4_0 : SOTTO_Q8_0;
    size_t n_bytes = sotto_dtype_get(m->dtype)->block_bytes;
    m->rows = (int32_t)w->rows, m->cols = (int32_t)w->cols, m->row_bytes = w->cols / 32 * n_bytes;
    if (p->options.look_only) return m->data = w->data->data, SOTTO_OK; /* something that is there */
    if (!(to = take(p, n_blocks, n_bytes, err))) return SOTTO_LIMIT;
    for (size_t i = 0; i < n_blocks; i++) {
        if (m->dtype == SOTTO_Q8_0)
            pack_q8_0(w, (sotto_block_q8_0 *)(void *)(to + i * n_bytes), i);
        else
            pack_q4_0(w, (sotto_block_q4_0 *)(void *)(to + i * n_bytes), i);
    }
    m->data = to;
    return SOTTO_OK;
}

/* Numbers behind the first axis, all in one row; 0: too many. */
static size_t row_size(const sotto_mil_type *t) {
    size_t n = 1;
    for (int32_t i = 1; i < t->rank; i++)
        if (t->dim[i] < 1 || !sotto_size_mul(n, (size_t)t->dim[i], &n) || n > INT32_MAX) return 0;
    return n;
}

sotto_status sotto_mil_matrix(sotto_program *p, int32_t var, sotto_error *err) {
    const sotto_mil_var   *v = &p->f->vars[var];
    const sotto_mil_value *value = v->value;
    sotto_matrix          *m = &p->slots[var].matrix;
    parts                  w;
    if (m->data) return SOTTO_OK;
    if (sotto_mil_is_constexpr(p, var)) {
        const sotto_mil_op *op = &p->f->ops[v->op];
        if (strcmp(op->type, "constexpr_blockwise_shift_scale") == 0 && find_parts(p, op, &w))
            SOTTO_TRY(from_codes(p, &w, m, err));
        else
            SOTTO_TRY(sotto_mil_packed_open(p, var, err));
    } else if (value && value->type.rank >= 2 && sotto_mil_is_float(value->type.dtype) && value->type.dim[0] > 0 &&
               value->type.dim[0] <= INT32_MAX && row_size(&value->type) > 0) {
        m->dtype = value->type.dtype == SOTTO_MIL_F16 ? SOTTO_F16 : SOTTO_F32;
        m->rows = (int32_t)value->type.dim[0], m->cols = (int32_t)row_size(&value->type);
        m->row_bytes = value->n_bytes / (size_t)m->rows;
        m->data = value->data;
    } else {
        return sotto_fail(err, SOTTO_UNSUPPORTED,
                          "%.80s: is multiplied with, and no constant matrix of floats or codes", v->name);
    }
    if (v->type.rank < 2 || v->type.dim[0] != m->rows || row_size(&v->type) != (size_t)m->cols)
        return sotto_fail(err, SOTTO_FORMAT, "%.80s: its declared shape is not that of its data", v->name);
    return SOTTO_OK;
}

void sotto_mil_row(const sotto_program *p, const sotto_mil_slot *w, int32_t row, float *out) {
    if (w->packed)
        sotto_mil_packed_row(w->packed, row, out);
    else
        p->kernels.to_f32(w->matrix.dtype, w->matrix.data + (size_t)row * w->matrix.row_bytes, out, w->matrix.cols);
}

/* A compressed constant for operations that take no matrix, as floats. */
static sotto_status expand(sotto_program *p, int32_t var, sotto_error *err) {
    sotto_mil_slot   *slot = &p->slots[var];
    sotto_mil_tensor *t = &slot->tensor;
    SOTTO_TRY(sotto_mil_matrix(p, var, err));
    t->dtype = p->f->vars[var].type.dtype, t->rank = p->f->vars[var].type.rank;
    memcpy(t->dim, p->f->vars[var].type.dim, sizeof t->dim);
    t->n = (size_t)slot->matrix.rows * (size_t)slot->matrix.cols;
    if (!sotto_mil_is_float(t->dtype))
        return sotto_fail(err, SOTTO_UNSUPPORTED, "%.80s: compressed integers are not supported", p->f->vars[var].name);
    if (!(t->f = take(p, t->n, sizeof *t->f, err))) return SOTTO_LIMIT;
    for (int32_t i = 0; i < slot->matrix.rows && !p->options.look_only; i++)
        sotto_mil_row(p, slot, i, t->f + (size_t)i * (size_t)slot->matrix.cols);
    return SOTTO_OK;
}

bool sotto_mil_is_constexpr(const sotto_program *p, int32_t var) {
    int32_t op = p->f->vars[var].op;
    return op >= 0 && strncmp(p->f->ops[op].type, "constexpr_", 10) == 0;
}
