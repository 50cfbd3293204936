/* GGUF, read: header, keys, tensor descriptions, then data. All little-endian.
 *
 *   "GGUF", u32 version, i64 n_tensors, i64 n_keys
 *   n_keys    x { string key; i32 type; value }            string = u64 length, bytes
 *   n_tensors x { string name; u32 n_dims; i64 dim[]; i32 type; u64 offset }
 *   padding to general.alignment, then the data that the offsets count from
 *
 * (ggml-org/ggml, docs/gguf.md.) Values stay where they are in the file; a value here is a pointer with a
 * type, and for an array of strings an index, so that a vocabulary of 262144 pieces is walked once. */
#include "format/parse.h"

#include <stdio.h>
#include <stdlib.h>

struct sotto_gguf {
    sotto_arena       arena;
    sotto_gguf_value *values;
    size_t            count;
    sotto_map         keys; /* to the index in values */
};

/* The fewest bytes that a key with its value, and the description of a tensor, can have. */
enum { KEY_BYTES_MIN = 8 + 1 + 4 + 1, TENSOR_BYTES_MIN = 8 + 1 + 4 + 4 + 8, ALIGNMENT_MAX = 1 << 20 };

static const struct {
    const char *name;
    size_t      n_bytes;
} value_types[SOTTO_GGUF_TYPE_COUNT] = {
    [SOTTO_GGUF_U8] = {"u8", 1},       [SOTTO_GGUF_I8] = {"i8", 1},     [SOTTO_GGUF_U16] = {"u16", 2},
    [SOTTO_GGUF_I16] = {"i16", 2},     [SOTTO_GGUF_U32] = {"u32", 4},   [SOTTO_GGUF_I32] = {"i32", 4},
    [SOTTO_GGUF_F32] = {"f32", 4},     [SOTTO_GGUF_BOOL] = {"bool", 1}, [SOTTO_GGUF_STRING] = {"string", 0},
    [SOTTO_GGUF_U64] = {"u64", 8},     [SOTTO_GGUF_I64] = {"i64", 8},   [SOTTO_GGUF_F64] = {"f64", 8},
    [SOTTO_GGUF_ARRAY] = {"array", 0},
};

size_t sotto_gguf_type_bytes(sotto_gguf_type type) { return value_types[type].n_bytes; }

/* Tensor types that exist but are not read, for the message. */
static const struct {
    int32_t     id;
    const char *name;
    bool        removed;
} other_types[] = {
    {4, "Q4_2", true},        {5, "Q4_3", true},        {9, "Q8_1", false},     {10, "Q2_K", false},
    {11, "Q3_K", false},      {15, "Q8_K", false},      {16, "IQ2_XXS", false}, {17, "IQ2_XS", false},
    {18, "IQ3_XXS", false},   {19, "IQ1_S", false},     {21, "IQ3_S", false},   {22, "IQ2_S", false},
    {23, "IQ4_XS", false},    {29, "IQ1_M", false},     {31, "Q4_0_4_4", true}, {32, "Q4_0_4_8", true},
    {33, "Q4_0_8_8", true},   {34, "TQ1_0", false},     {35, "TQ2_0", false},   {36, "IQ4_NL_4_4", true},
    {37, "IQ4_NL_4_8", true}, {38, "IQ4_NL_8_8", true}, {39, "MXFP4", false},   {40, "NVFP4", false},
    {41, "Q1_0", false},      {42, "Q2_0", false},
};

/* ---- reading bytes ------------------------------------------------------------------------------------- */

typedef struct cursor {
    const uint8_t *file;
    size_t         size, pos;
    char           where[112]; /* what is being read, for messages */
} cursor;

static size_t left(const cursor *c) { return c->size - c->pos; }

static sotto_status truncated(const cursor *c, unsigned long long need, sotto_error *err) {
    return sotto_fail_at(err, SOTTO_FORMAT, c->pos,
                         "%s needs %llu bytes at offset %zu but only %zu are left; the file is damaged or "
                         "not downloaded to the end",
                         c->where, need, c->pos, left(c));
}

static sotto_status take(cursor *c, void *out, size_t n, sotto_error *err) {
    if (n > left(c)) return truncated(c, n, err);
    memcpy(out, c->file + c->pos, n);
    c->pos += n;
    return SOTTO_OK;
}

static sotto_status skip(cursor *c, uint64_t n, sotto_error *err) {
    if (n > left(c)) return truncated(c, n, err);
    c->pos += (size_t)n;
    return SOTTO_OK;
}

static sotto_status take_str(cursor *c, sotto_str *out, sotto_error *err) {
    uint64_t n = 0;
    SOTTO_TRY(take(c, &n, sizeof n, err));
    out->p = (const char *)c->file + c->pos;
    SOTTO_TRY(skip(c, n, err));
    out->n = (size_t)n;
    return SOTTO_OK;
}

/* A count of things of at least `min` bytes each: no more of them than the rest of the file can hold. */
static sotto_status check_count(const cursor *c, uint64_t n, size_t min, sotto_error *err) {
    if (n <= left(c) / min && n <= INT32_MAX) return SOTTO_OK;
    return sotto_fail_at(err, SOTTO_FORMAT, c->pos,
                         "%s states %llu entries, but the %zu bytes left at offset %zu hold at most %zu; the "
                         "file is damaged or not downloaded to the end",
                         c->where, (unsigned long long)n, left(c), c->pos, left(c) / min);
}

/* ---- keys and values ----------------------------------------------------------------------------------- */

static sotto_status read_type(cursor *c, sotto_gguf_type *out, sotto_error *err) {
    uint32_t type = 0;
    SOTTO_TRY(take(c, &type, sizeof type, err));
    if (type >= SOTTO_GGUF_TYPE_COUNT)
        return sotto_fail_at(err, SOTTO_FORMAT, c->pos - sizeof type,
                             "%s has the unknown value type %u; the file is damaged", c->where, type);
    *out = (sotto_gguf_type)type;
    return SOTTO_OK;
}

static sotto_status read_array(cursor *c, sotto_arena *arena, sotto_gguf_value *v, sotto_error *err) {
    uint64_t n = 0;
    SOTTO_TRY(read_type(c, &v->item_type, err));
    if (v->item_type == SOTTO_GGUF_ARRAY)
        return sotto_fail_at(err, SOTTO_UNSUPPORTED, c->pos,
                             "%s is an array of arrays, which sotto does not read", c->where);
    SOTTO_TRY(take(c, &n, sizeof n, err));
    size_t item = value_types[v->item_type].n_bytes;
    SOTTO_TRY(check_count(c, n, item ? item : sizeof(uint64_t), err));
    v->count = (size_t)n;
    if (item) return skip(c, n * item, err);
    const uint8_t **items = sotto_arena_array(arena, v->count, sizeof *items);
    if (!items) return sotto_fail_memory(err, c->where);
    v->items = items;
    for (size_t i = 0; i < v->count; i++) {
        sotto_str unused;
        items[i] = c->file + c->pos;
        SOTTO_TRY(take_str(c, &unused, err));
    }
    return SOTTO_OK;
}

static sotto_status read_key(cursor *c, sotto_gguf *g, size_t index, sotto_error *err) {
    sotto_gguf_value *v = &g->values[index];
    size_t            begin = c->pos;
    (void)snprintf(c->where, sizeof c->where, "key number %zu", index);
    SOTTO_TRY(take_str(c, &v->key, err));
    if (v->key.n == 0 || v->key.n > SOTTO_GGUF_KEY_MAX)
        return sotto_fail_at(err, SOTTO_FORMAT, begin,
                             "%s has a name of %zu bytes, not 1 to %d; the file is damaged", c->where,
                             v->key.n, SOTTO_GGUF_KEY_MAX);
    (void)snprintf(c->where, sizeof c->where, "key '%.*s'", SOTTO_NAME(v->key));
    int added = sotto_map_add(&g->keys, v->key, (int32_t)index);
    if (added < 0) return sotto_fail_memory(err, "the keys");
    if (added == 0)
        return sotto_fail_at(err, SOTTO_FORMAT, begin, "%s is there twice; the file is damaged", c->where);
    SOTTO_TRY(read_type(c, &v->type, err));
    begin = c->pos;
    v->bytes = c->file + begin;
    if (v->type == SOTTO_GGUF_ARRAY) {
        SOTTO_TRY(read_array(c, &g->arena, v, err));
    } else if (v->type == SOTTO_GGUF_STRING) {
        sotto_str unused;
        SOTTO_TRY(take_str(c, &unused, err));
    } else {
        SOTTO_TRY(skip(c, value_types[v->type].n_bytes, err));
    }
    v->n_bytes = c->pos - begin;
    return SOTTO_OK;
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

static sotto_status read_tensor_type(const cursor *c, int32_t id, sotto_tensor *t, sotto_error *err) {
    if (sotto_dtype_from_ggml(id, &t->dtype)) return SOTTO_OK;
    for (size_t i = 0; i < SOTTO_COUNT(other_types); i++) {
        if (other_types[i].id != id) continue;
        if (other_types[i].removed)
            return sotto_fail(
                err, SOTTO_UNSUPPORTED,
                "%s has type %s (%d), which was removed from the format; re-download the model as Q4_0",
                c->where, other_types[i].name, id);
        return sotto_fail(
            err, SOTTO_UNSUPPORTED,
            "%s has type %s (%d), which sotto does not read; download the model as Q4_0, Q4_K_M or Q8_0",
            c->where, other_types[i].name, id);
    }
    return sotto_fail(err, SOTTO_FORMAT,
                      "%s has the unknown type %d; the file is damaged or newer than this sotto", c->where,
                      id);
}

/* t->file_offset stays relative to the data until all descriptions are read. */
static sotto_status read_tensor(cursor *c, sotto_tensor *t, size_t index, sotto_error *err) {
    uint32_t n_dims = 0;
    int32_t  type = 0;
    (void)snprintf(c->where, sizeof c->where, "tensor number %zu", index);
    SOTTO_TRY(take_str(c, &t->name, err));
    if (t->name.n == 0 || t->name.n > SOTTO_GGUF_NAME_MAX)
        return sotto_fail_at(err, SOTTO_FORMAT, c->pos,
                             "%s has a name of %zu bytes, not 1 to %d; the file is damaged", c->where,
                             t->name.n, SOTTO_GGUF_NAME_MAX);
    (void)snprintf(c->where, sizeof c->where, "tensor '%.*s'", SOTTO_NAME(t->name));
    SOTTO_TRY(take(c, &n_dims, sizeof n_dims, err));
    if (n_dims > 4)
        return sotto_fail_at(err, SOTTO_FORMAT, c->pos - 4,
                             "%s has %u dimensions, more than 4; the file is damaged", c->where, n_dims);
    t->n_dims = (int32_t)n_dims;
    for (uint32_t d = 0; d < 4; d++) {
        t->dim[d] = 1;
        if (d < n_dims) SOTTO_TRY(take(c, &t->dim[d], sizeof t->dim[d], err));
        if (t->dim[d] < 1)
            return sotto_fail_at(err, SOTTO_FORMAT, c->pos - 8,
                                 "%s has dimension %u of length %lld; the file is damaged", c->where, d,
                                 (long long)t->dim[d]);
    }
    SOTTO_TRY(take(c, &type, sizeof type, err));
    SOTTO_TRY(read_tensor_type(c, type, t, err));
    SOTTO_TRY(take(c, &t->file_offset, sizeof t->file_offset, err));
    const sotto_dtype_info *info = sotto_dtype_get(t->dtype);
    if (t->dim[0] % info->block_elems != 0)
        return sotto_fail_at(
            err, SOTTO_FORMAT, c->pos,
            "%s has rows of %lld elements, not a multiple of the %u of a %s block; the file is damaged",
            c->where, (long long)t->dim[0], info->block_elems, info->name);
    if (!sotto_tensor_measure(t))
        return sotto_fail_at(err, SOTTO_FORMAT, c->pos,
                             "%s has a shape whose size overflows; the file is damaged", c->where);
    return SOTTO_OK;
}

static sotto_status locate(sotto_tensor *t, size_t data_start, size_t size, size_t alignment,
                           sotto_error *err) {
    uint64_t offset = t->file_offset, room = size - data_start;
    if (offset % alignment != 0)
        return sotto_fail(
            err, SOTTO_FORMAT,
            "tensor '%.*s' has offset %llu, not a multiple of the alignment %zu; the file is damaged",
            SOTTO_NAME(t->name), (unsigned long long)offset, alignment);
    if (offset > room || t->n_bytes > room - offset)
        return sotto_fail_at(err, SOTTO_FORMAT, size,
                             "tensor '%.*s' needs %zu bytes at offset %llu of the data, but the file has "
                             "only %llu there; it is damaged or not downloaded to the end",
                             SOTTO_NAME(t->name), t->n_bytes, (unsigned long long)offset,
                             (unsigned long long)room);
    t->file_offset = data_start + offset;
    return SOTTO_OK;
}

static sotto_status read_alignment(const sotto_gguf *g, size_t *out, sotto_error *err) {
    int64_t                 n = SOTTO_GGUF_ALIGNMENT;
    const sotto_gguf_value *v = sotto_gguf_find(g, "general.alignment");
    if (v && (!sotto_gguf_get_i64(v, &n) || n < 1 || n > ALIGNMENT_MAX || (n & (n - 1)) != 0))
        return sotto_fail(err, SOTTO_FORMAT,
                          "key 'general.alignment' is not a power of two up to %d; the file is damaged",
                          ALIGNMENT_MAX);
    *out = (size_t)n;
    return SOTTO_OK;
}

static sotto_status read_tensors(cursor *c, const sotto_gguf *g, sotto_tensor_list *list, uint64_t n,
                                 int32_t file_index, sotto_error *err) {
    size_t first = list->count, alignment = 0, data_start;
    (void)snprintf(c->where, sizeof c->where, "the list of tensors");
    SOTTO_TRY(check_count(c, n, TENSOR_BYTES_MIN, err));
    SOTTO_TRY(sotto_tensor_list_reserve(list, (size_t)n, err));
    for (size_t i = 0; i < n; i++) {
        sotto_tensor t = {.file_index = file_index};
        SOTTO_TRY(read_tensor(c, &t, i, err));
        sotto_tensor_list_add(list, &t);
    }
    SOTTO_TRY(read_alignment(g, &alignment, err));
    /* A file without tensors (a vocabulary) may end before the padding does. */
    if (!sotto_size_align(c->pos, alignment, &data_start) || data_start > c->size) data_start = c->size;
    for (size_t i = first; i < list->count; i++)
        SOTTO_TRY(locate(&list->items[i], data_start, c->size, alignment, err));
    return sotto_tensor_list_end_file(list, first, c->file, c->size, data_start, false, err);
}

/* ---- the file ------------------------------------------------------------------------------------------ */

static sotto_status check_version(uint32_t version, sotto_error *err) {
    if (version == 2 || version == 3) return SOTTO_OK;
    if ((version & 0xffff) == 0)
        return sotto_fail_at(err, SOTTO_UNSUPPORTED, 4,
                             "the file is a big-endian GGUF; download the usual little-endian one");
    if (version == 1)
        return sotto_fail_at(err, SOTTO_UNSUPPORTED, 4,
                             "the file is GGUF version 1, which is obsolete; download a newer file");
    return sotto_fail_at(err, SOTTO_UNSUPPORTED, 4,
                         "the file is GGUF version %u, but sotto reads 2 and 3; a newer sotto may read it",
                         version);
}

static sotto_status parse(sotto_gguf *g, sotto_tensor_list *list, cursor *c, int32_t file_index,
                          sotto_error *err) {
    char     magic[4];
    uint32_t version = 0;
    uint64_t n_tensors = 0, n_keys = 0;
    SOTTO_TRY(take(c, magic, sizeof magic, err));
    if (memcmp(magic, "GGUF", sizeof magic) != 0)
        return sotto_fail_at(err, SOTTO_FORMAT, 0,
                             "the file does not begin with \"GGUF\"; it is no GGUF file");
    SOTTO_TRY(take(c, &version, sizeof version, err));
    SOTTO_TRY(check_version(version, err));
    SOTTO_TRY(take(c, &n_tensors, sizeof n_tensors, err));
    SOTTO_TRY(take(c, &n_keys, sizeof n_keys, err));
    (void)snprintf(c->where, sizeof c->where, "the list of keys");
    SOTTO_TRY(check_count(c, n_keys, KEY_BYTES_MIN, err));
    g->values = sotto_arena_array(&g->arena, (size_t)n_keys, sizeof *g->values);
    if (!g->values || !sotto_map_reserve(&g->keys, (size_t)n_keys)) return sotto_fail_memory(err, "the keys");
    for (; g->count < n_keys; g->count++) SOTTO_TRY(read_key(c, g, g->count, err));
    return read_tensors(c, g, list, n_tensors, file_index, err);
}

sotto_status sotto_gguf_parse(sotto_gguf **out, sotto_tensor_list *list, const uint8_t *file, size_t size,
                              int32_t file_index, sotto_error *err) {
    cursor c = {.file = file, .size = size, .where = "the header"};
    *out = NULL;
    sotto_gguf *g = calloc(1, sizeof *g);
    if (!g) return sotto_fail_memory(err, "the keys");
    sotto_status status = parse(g, list, &c, file_index, err);
    if (status != SOTTO_OK) {
        sotto_gguf_free(g);
        return status;
    }
    *out = g;
    return SOTTO_OK;
}

void sotto_gguf_free(sotto_gguf *g) {
    if (!g) return;
    sotto_map_free(&g->keys);
    sotto_arena_free(&g->arena);
    free(g);
}

/* ---- getters ------------------------------------------------------------------------------------------- */

const sotto_gguf_value *sotto_gguf_find(const sotto_gguf *g, const char *key) {
    int32_t i = sotto_map_get(&g->keys, sotto_str_from(key));
    return i < 0 ? NULL : &g->values[i];
}

size_t                  sotto_gguf_key_count(const sotto_gguf *g) { return g->count; }
sotto_str               sotto_gguf_key(const sotto_gguf *g, size_t i) { return g->values[i].key; }
const sotto_gguf_value *sotto_gguf_at(const sotto_gguf *g, size_t i) { return &g->values[i]; }
sotto_gguf_type         sotto_gguf_type_of(const sotto_gguf_value *v) { return v->type; }
sotto_gguf_type         sotto_gguf_item_type_of(const sotto_gguf_value *v) { return v->item_type; }
bool   sotto_gguf_is_array(const sotto_gguf_value *v) { return v && v->type == SOTTO_GGUF_ARRAY; }
size_t sotto_gguf_count(const sotto_gguf_value *v) { return sotto_gguf_is_array(v) ? v->count : 0; }

/* One element: its type and its bytes in the file, which need not be aligned. */
typedef struct element {
    sotto_gguf_type type;
    const uint8_t  *p;
} element;

static bool scalar(const sotto_gguf_value *v, element *out) {
    if (!v || v->type == SOTTO_GGUF_ARRAY) return false;
    *out = (element){v->type, v->bytes};
    return true;
}

static bool item(const sotto_gguf_value *v, size_t i, element *out) {
    if (!sotto_gguf_is_array(v)) return scalar(v, out);
    if (i >= v->count) return false;
    const uint8_t *first = v->bytes + sizeof(uint32_t) + sizeof(uint64_t);
    *out = (element){v->item_type, v->items ? v->items[i] : first + i * value_types[v->item_type].n_bytes};
    return true;
}

static bool to_i64(element e, int64_t *out) {
    /* Little-endian: the low bytes first, so one copy serves all widths; then the sign is extended. */
    uint64_t u = 0;
    size_t   n = value_types[e.type].n_bytes;
    switch (e.type) {
    case SOTTO_GGUF_BOOL: *out = e.p[0] != 0; return true;
    case SOTTO_GGUF_U8:
    case SOTTO_GGUF_U16:
    case SOTTO_GGUF_U32:
    case SOTTO_GGUF_U64:
        memcpy(&u, e.p, n);
        if (u > INT64_MAX) return false;
        *out = (int64_t)u;
        return true;
    case SOTTO_GGUF_I8:
    case SOTTO_GGUF_I16:
    case SOTTO_GGUF_I32:
    case SOTTO_GGUF_I64:
        memcpy(&u, e.p, n);
        if (n < 8 && u >> (8 * n - 1)) u |= UINT64_MAX << 8 * n;
        memcpy(out, &u, sizeof u);
        return true;
    default: return false;
    }
}

static bool to_f64(element e, double *out) {
    int64_t i;
    float   f;
    if (e.type == SOTTO_GGUF_F64) {
        memcpy(out, e.p, sizeof *out);
    } else if (e.type == SOTTO_GGUF_F32) {
        memcpy(&f, e.p, sizeof f);
        *out = (double)f;
    } else if (to_i64(e, &i)) {
        *out = (double)i;
    } else {
        return false;
    }
    return true;
}

static bool to_bool(element e, bool *out) {
    if (e.type != SOTTO_GGUF_BOOL) return false;
    *out = e.p[0] != 0;
    return true;
}

static bool to_str(element e, sotto_str *out) {
    uint64_t n = 0;
    if (e.type != SOTTO_GGUF_STRING) return false;
    memcpy(&n, e.p, sizeof n);
    *out = (sotto_str){(const char *)e.p + sizeof n, (size_t)n};
    return true;
}

bool sotto_gguf_get_i64(const sotto_gguf_value *v, int64_t *out) {
    element e;
    return scalar(v, &e) && to_i64(e, out);
}
bool sotto_gguf_get_f64(const sotto_gguf_value *v, double *out) {
    element e;
    return scalar(v, &e) && to_f64(e, out);
}
bool sotto_gguf_get_bool(const sotto_gguf_value *v, bool *out) {
    element e;
    return scalar(v, &e) && to_bool(e, out);
}
bool sotto_gguf_get_str(const sotto_gguf_value *v, sotto_str *out) {
    element e;
    return scalar(v, &e) && to_str(e, out);
}
bool sotto_gguf_item_i64(const sotto_gguf_value *v, size_t i, int64_t *out) {
    element e;
    return item(v, i, &e) && to_i64(e, out);
}
bool sotto_gguf_item_f64(const sotto_gguf_value *v, size_t i, double *out) {
    element e;
    return item(v, i, &e) && to_f64(e, out);
}
bool sotto_gguf_item_bool(const sotto_gguf_value *v, size_t i, bool *out) {
    element e;
    return item(v, i, &e) && to_bool(e, out);
}
bool sotto_gguf_item_str(const sotto_gguf_value *v, size_t i, sotto_str *out) {
    element e;
    return item(v, i, &e) && to_str(e, out);
}
