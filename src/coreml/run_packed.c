/* Compressed matrices that no kernel takes as they are: codes of any width with scales for blocks of any shape, and
 * palettes. They stay as the package has them; a row becomes floats when it is needed. */
#include "coreml/run.h"

struct sotto_mil_packed {
    const sotto_mil_value *codes;
    const sotto_mil_value *scale, *offset; /* of codes; offset NULL: none */
    const sotto_mil_value *table;          /* of a palette: for each block [entries][vector]; else NULL */
    int32_t                rank;
    int64_t                dim[SOTTO_MIL_RANK_MAX];    /* of the codes */
    int64_t                blocks[SOTTO_MIL_RANK_MAX]; /* along each axis */
    int64_t                entries, vector;            /* of a table */
    int32_t                vector_axis;                /* along which an entry's numbers lie */
    int64_t                row;                        /* numbers in a row of the result */
};

/* ---- numbers ------------------------------------------------------------------------------------------- */

/* Types of less than 8 bits are a stream of bits, from the low end of each byte on. */
static uint32_t bits_at(const sotto_mil_value *v, size_t i, uint32_t width) {
    const uint8_t *p = v->data;
    size_t         bit = i * width, at = bit / 8;
    uint32_t       two = p[at] | (uint32_t)(at + 1 < v->n_bytes ? p[at + 1] : 0) << 8;
    return two >> bit % 8 & ((1u << width) - 1);
}

static float number_at(const sotto_mil_value *v, size_t i) {
    const uint8_t *p = v->data;
    uint16_t       half;
    float          whole;
    switch (v->type.dtype) {
    case SOTTO_MIL_F16: return memcpy(&half, p + 2 * i, sizeof half), sotto_f16_to_f32(half);
    case SOTTO_MIL_F32: return memcpy(&whole, p + 4 * i, sizeof whole), whole;
    case SOTTO_MIL_I8: return (float)(int8_t)p[i];
    case SOTTO_MIL_I4: return (float)((int32_t)(bits_at(v, i, 4) ^ 8) - 8);
    default: return (float)bits_at(v, i, sotto_mil_dtype_get((int64_t)v->type.dtype)->bits);
    }
}

static bool is_number(const sotto_mil_value *v) {
    switch (v->type.dtype) {
    case SOTTO_MIL_F16: case SOTTO_MIL_F32: case SOTTO_MIL_I8: case SOTTO_MIL_I4: case SOTTO_MIL_U8: case SOTTO_MIL_U6:
    case SOTTO_MIL_U4: case SOTTO_MIL_U3: case SOTTO_MIL_U2: case SOTTO_MIL_U1: return true;
    default: return false;
    }
}

/* As many bytes as its type says. */
static bool is_whole(const sotto_mil_value *v) {
    size_t n, n_bytes;
    return is_number(v) && sotto_mil_type_measure(&v->type, &n, &n_bytes) && n_bytes == v->n_bytes;
}

/* ---- what it is made of -------------------------------------------------------------------------------- */

static const sotto_mil_value *value_of(const sotto_program *p, const sotto_mil_op *op, const char *name) {
    const sotto_mil_arg *arg = sotto_mil_arg_find(op, name);
    if (!arg) return NULL;
    return arg->value ? arg->value : arg->n == 1 ? p->f->vars[arg->vars[0]].value : NULL;
}

static const char *take_codes(sotto_mil_packed *w, const sotto_mil_value *codes, const sotto_mil_type *blocks) {
    if (!codes || !is_whole(codes) || codes->type.rank < 2 || blocks->rank < codes->type.rank)
        return "its codes are no constant matrix";
    w->codes = codes, w->rank = codes->type.rank, w->vector = 1;
    for (int32_t i = 0; i < w->rank; i++) {
        w->dim[i] = codes->type.dim[i], w->blocks[i] = blocks->dim[i];
        if (w->dim[i] < 1 || w->blocks[i] < 1 || w->dim[i] % w->blocks[i] != 0) return "blocks that do not divide it";
    }
    return NULL;
}

static const char *find_scaled(const sotto_program *p, const sotto_mil_op *op, sotto_mil_packed *w) {
    w->scale = value_of(p, op, "scale"), w->offset = value_of(p, op, "offset");
    if (!w->scale || !is_whole(w->scale) || (sotto_mil_arg_find(op, "offset") && !w->offset))
        return "its data, scale and offset must be constants";
    if (w->offset && (!is_whole(w->offset) || w->offset->type.rank != w->scale->type.rank ||
                      memcmp(w->offset->type.dim, w->scale->type.dim,
                             (size_t)w->scale->type.rank * sizeof *w->scale->type.dim) != 0))
        return "its offsets are not of the shape of its scales";
    const sotto_mil_value *data = value_of(p, op, "data");
    return data && data->type.rank != w->scale->type.rank ? "its scales are not of its rank"
                                                           : take_codes(w, data, &w->scale->type);
}

static const char *find_palette(const sotto_program *p, const sotto_mil_op *op, sotto_mil_packed *w) {
    const sotto_mil_value *axis = value_of(p, op, "vector_axis");
    int32_t                at = -1;
    w->table = value_of(p, op, "lut");
    if (!w->table || !is_whole(w->table)) return "its lut must be constant numbers";
    const char *why = take_codes(w, value_of(p, op, "indices"), &w->table->type);
    if (why) return why;
    if (w->table->type.rank != w->rank + 2 || w->codes->type.dtype == SOTTO_MIL_F16 ||
        w->codes->type.dtype == SOTTO_MIL_F32 || w->codes->type.dtype == SOTTO_MIL_I8 ||
        w->codes->type.dtype == SOTTO_MIL_I4)
        return "its lut does not fit its indices";
    w->entries = w->table->type.dim[w->rank], w->vector = w->table->type.dim[w->rank + 1];
    if (w->entries < (int64_t)1 << sotto_mil_dtype_get((int64_t)w->codes->type.dtype)->bits || w->vector < 1)
        return "its lut has too few entries";
    if (axis && axis->type.dtype == SOTTO_MIL_I32 && axis->n_bytes == sizeof at) memcpy(&at, axis->data, sizeof at);
    w->vector_axis = at < 0 ? at + w->rank : at;
    if (w->vector_axis < 0 || w->vector_axis >= w->rank) return "its vector_axis is not there";
    return NULL;
}

sotto_status sotto_mil_packed_open(sotto_program *p, int32_t var, sotto_error *err) {
    const sotto_mil_op *op = &p->f->ops[p->f->vars[var].op];
    sotto_mil_slot     *slot = &p->slots[var];
    sotto_mil_packed   *w = sotto_arena_alloc(&p->arena, sizeof *w);
    size_t              row = 1;
    if (!w) return sotto_fail_memory(err, "the constants");
    const char *why = "compressed constants of this type are not supported";
    if (strcmp(op->type, "constexpr_blockwise_shift_scale") == 0) why = find_scaled(p, op, w);
    if (strcmp(op->type, "constexpr_lut_to_dense") == 0) why = find_palette(p, op, w);
    if (why) return sotto_fail(err, SOTTO_UNSUPPORTED, "%.80s (%.60s): %s", op->name, op->type, why);
    for (int32_t i = 0; i < w->rank; i++) {
        int64_t n = w->dim[i];
        bool    ok = n <= INT32_MAX;
        if (w->vector > 1 && i == w->vector_axis) ok = ok && w->vector <= INT32_MAX / n, n *= ok ? w->vector : 1;
        if (i == 0 && ok) slot->matrix.rows = (int32_t)n;
        if (!ok || (i > 0 && (!sotto_size_mul(row, (size_t)n, &row) || row > INT32_MAX)))
            return sotto_fail(err, SOTTO_LIMIT, "%.80s (%.60s): is too large", op->name, op->type);
    }
    w->row = (int64_t)row;
    slot->matrix.cols = (int32_t)row, slot->matrix.dtype = SOTTO_F32, slot->matrix.data = w->codes->data;
    slot->matrix.row_bytes = w->codes->n_bytes / (size_t)slot->matrix.rows;
    slot->packed = w;
    return SOTTO_OK;
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

/* Place of the code and number of the block of element `at` of the row. */
static void find_element(const sotto_mil_packed *w, int64_t row, int64_t at, size_t *code, size_t *block,
                         int64_t *part) {
    size_t  code_step = 1, block_step = 1;
    int64_t left = at;
    *code = *block = 0, *part = 0;
    for (int32_t i = w->rank - 1; i >= 0; i--) {
        int64_t n = w->dim[i], index = left;
        bool    vector = w->vector > 1 && i == w->vector_axis;
        if (i > 0) index = left % (vector ? n * w->vector : n), left /= vector ? n * w->vector : n;
        if (i == 0) index = row;
        if (vector) *part = index % w->vector, index /= w->vector;
        *code += (size_t)index * code_step, *block += (size_t)(index / (n / w->blocks[i])) * block_step;
        code_step *= (size_t)n, block_step *= (size_t)w->blocks[i];
    }
}

/* A run along the last axis lies in one block, and its codes are neighbours. */
void sotto_mil_packed_row(const sotto_mil_packed *w, int32_t row, float *out) {
    bool     spread = w->vector > 1 && w->vector_axis == w->rank - 1;
    int64_t  run = w->dim[w->rank - 1] / w->blocks[w->rank - 1] * (spread ? w->vector : 1);
    for (int64_t at = 0; at < w->row; at += run) {
        size_t  code, block;
        int64_t part;
        find_element(w, row, at, &code, &block, &part);
        float scale = w->scale ? number_at(w->scale, block) : 1, offset = w->offset ? number_at(w->offset, block) : 0;
        for (int64_t i = 0; i < run; i++) {
            size_t place = code + (size_t)(spread ? i / w->vector : i);
            if (spread) part = i % w->vector;
            if (w->table)
                out[at + i] = number_at(w->table, (block * (size_t)w->entries + (size_t)number_at(w->codes, place)) *
                                                          (size_t)w->vector + (size_t)part);
            else
                out[at + i] = scale * (number_at(w->codes, place) - offset);
        }
    }
}
