/* GGUF, written: the mirror of gguf.c. Keys and descriptions go straight to the file; their counts, which
 * come before them, are filled in when the data begin. Every mistake of a caller that would give a file
 * that readers refuse (a name twice, half a tensor) is an error here. */
#include "format/parse.h"

#include <stdlib.h>

typedef enum stage { KEYS, TENSORS, DATA } stage;

typedef struct declared {
    sotto_str name;
    size_t    n_bytes;
} declared;

struct sotto_gguf_writer {
    sotto_writer *out;
    stage         stage;
    bool          failed;      /* a write failed: what is in the file is not what was asked for */
    sotto_arena   arena;       /* the names below */
    sotto_map     keys, names; /* seen */
    size_t        n_keys;
    declared     *tensors;
    size_t        n_tensors, cap_tensors;
    uint64_t      data_start, data_bytes; /* padding included */
    size_t        current, written;       /* the tensor being written, and how much of it is */
    sotto_buf     scratch;
};

enum { COUNTS_OFFSET = 8 };
static const char zeros[SOTTO_GGUF_ALIGNMENT];

static uint64_t pad_of(uint64_t n) { return (0 - n) % SOTTO_GGUF_ALIGNMENT; }

static sotto_status emit(sotto_gguf_writer *w, const void *data, size_t n, sotto_error *err) {
    sotto_status status = sotto_writer_write(w->out, data, n, err);
    w->failed = w->failed || status != SOTTO_OK;
    return status;
}

static sotto_status emit_scratch(sotto_gguf_writer *w, sotto_error *err) {
    sotto_status status = w->scratch.failed ? sotto_fail_memory(err, "the header of a GGUF file")
                                            : emit(w, w->scratch.data, w->scratch.len, err);
    w->failed = w->failed || status != SOTTO_OK;
    sotto_buf_clear(&w->scratch);
    return status;
}

static void put_u32(sotto_buf *b, uint32_t v) { (void)sotto_buf_append(b, &v, sizeof v); }
static void put_u64(sotto_buf *b, uint64_t v) { (void)sotto_buf_append(b, &v, sizeof v); }
static void put_str(sotto_buf *b, sotto_str s) {
    put_u64(b, s.n);
    (void)sotto_buf_append(b, s.p, s.n);
}

sotto_status sotto_gguf_writer_open(sotto_gguf_writer **out, const char *path, sotto_error *err) {
    static const struct {
        char     magic[4];
        uint32_t version;
        uint64_t counts[2];
    } head = {{'G', 'G', 'U', 'F'}, 3, {0, 0}};
    sotto_gguf_writer *w = calloc(1, sizeof *w);
    *out = NULL;
    if (!w) return sotto_fail_memory(err, "writing a GGUF file");
    sotto_status status = sotto_writer_open(&w->out, path, err);
    if (status == SOTTO_OK) status = emit(w, &head, sizeof head, err);
    if (status != SOTTO_OK) {
        sotto_gguf_writer_close(w);
        return status;
    }
    *out = w;
    return SOTTO_OK;
}

void sotto_gguf_writer_close(sotto_gguf_writer *w) {
    if (!w) return;
    sotto_writer_close(w->out);
    sotto_map_free(&w->keys);
    sotto_map_free(&w->names);
    sotto_arena_free(&w->arena);
    sotto_buf_free(&w->scratch);
    free(w->tensors);
    free(w);
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

/* Remember a name that may be there only once. */
static sotto_status claim(sotto_gguf_writer *w, sotto_map *seen, sotto_str *name, const char *what,
                          sotto_error *err) {
    int added = -1;
    if ((name->p = sotto_arena_text(&w->arena, name->p, name->n))) added = sotto_map_add(seen, *name, 0);
    if (added < 0) return sotto_fail_memory(err, what);
    return added ? SOTTO_OK
                 : sotto_fail(err, SOTTO_INVALID, "%s '%.*s' is written twice to a GGUF file", what,
                              SOTTO_NAME(*name));
}

static sotto_status begin_key(sotto_gguf_writer *w, sotto_str key, sotto_gguf_type type, sotto_error *err) {
    if (w->stage != KEYS)
        return sotto_fail(err, SOTTO_INVALID, "key '%.*s' comes after the first tensor of a GGUF file",
                          SOTTO_NAME(key));
    if (key.n == 0 || key.n > SOTTO_GGUF_KEY_MAX)
        return sotto_fail(err, SOTTO_INVALID, "a GGUF key has 1 to %d bytes, not %zu", SOTTO_GGUF_KEY_MAX,
                          key.n);
    if (sotto_str_is(key, "general.alignment"))
        return sotto_fail(err, SOTTO_INVALID,
                          "key 'general.alignment' is not to be set: sotto aligns to the default, %d",
                          SOTTO_GGUF_ALIGNMENT);
    SOTTO_TRY(claim(w, &w->keys, &key, "key", err));
    w->n_keys++;
    put_str(&w->scratch, key);
    put_u32(&w->scratch, type);
    return SOTTO_OK;
}

static sotto_status put_scalar(sotto_gguf_writer *w, const char *key, sotto_gguf_type type, const void *value,
                               sotto_error *err) {
    SOTTO_TRY(begin_key(w, sotto_str_from(key), type, err));
    (void)sotto_buf_append(&w->scratch, value, sotto_gguf_type_bytes(type));
    return emit_scratch(w, err);
}

static sotto_status begin_array(sotto_gguf_writer *w, const char *key, sotto_gguf_type type, size_t n,
                                sotto_error *err) {
    SOTTO_TRY(begin_key(w, sotto_str_from(key), SOTTO_GGUF_ARRAY, err));
    put_u32(&w->scratch, type);
    put_u64(&w->scratch, n);
    return SOTTO_OK;
}

static sotto_status put_array(sotto_gguf_writer *w, const char *key, sotto_gguf_type type, const void *v,
                              size_t n, sotto_error *err) {
    SOTTO_TRY(begin_array(w, key, type, n, err));
    (void)sotto_buf_append(&w->scratch, v, n * sotto_gguf_type_bytes(type));
    return emit_scratch(w, err);
}

sotto_status sotto_gguf_put_u32(sotto_gguf_writer *w, const char *key, uint32_t value, sotto_error *err) {
    return put_scalar(w, key, SOTTO_GGUF_U32, &value, err);
}
sotto_status sotto_gguf_put_i32(sotto_gguf_writer *w, const char *key, int32_t value, sotto_error *err) {
    return put_scalar(w, key, SOTTO_GGUF_I32, &value, err);
}
sotto_status sotto_gguf_put_f32(sotto_gguf_writer *w, const char *key, float value, sotto_error *err) {
    return put_scalar(w, key, SOTTO_GGUF_F32, &value, err);
}
sotto_status sotto_gguf_put_bool(sotto_gguf_writer *w, const char *key, bool value, sotto_error *err) {
    uint8_t byte = value;
    return put_scalar(w, key, SOTTO_GGUF_BOOL, &byte, err);
}
sotto_status sotto_gguf_put_str(sotto_gguf_writer *w, const char *key, sotto_str value, sotto_error *err) {
    SOTTO_TRY(begin_key(w, sotto_str_from(key), SOTTO_GGUF_STRING, err));
    put_str(&w->scratch, value);
    return emit_scratch(w, err);
}
sotto_status sotto_gguf_put_u32_array(sotto_gguf_writer *w, const char *key, const uint32_t *v, size_t n,
                                      sotto_error *err) {
    return put_array(w, key, SOTTO_GGUF_U32, v, n, err);
}
sotto_status sotto_gguf_put_i32_array(sotto_gguf_writer *w, const char *key, const int32_t *v, size_t n,
                                      sotto_error *err) {
    return put_array(w, key, SOTTO_GGUF_I32, v, n, err);
}
sotto_status sotto_gguf_put_f32_array(sotto_gguf_writer *w, const char *key, const float *v, size_t n,
                                      sotto_error *err) {
    return put_array(w, key, SOTTO_GGUF_F32, v, n, err);
}
sotto_status sotto_gguf_put_bool_array(sotto_gguf_writer *w, const char *key, const bool *v, size_t n,
                                       sotto_error *err) {
    SOTTO_TRY(begin_array(w, key, SOTTO_GGUF_BOOL, n, err));
    for (size_t i = 0; i < n; i++) (void)sotto_buf_putc(&w->scratch, v[i]);
    return emit_scratch(w, err);
}
sotto_status sotto_gguf_put_str_array(sotto_gguf_writer *w, const char *key, const sotto_str *v, size_t n,
                                      sotto_error *err) {
    SOTTO_TRY(begin_array(w, key, SOTTO_GGUF_STRING, n, err));
    for (size_t i = 0; i < n; i++) put_str(&w->scratch, v[i]);
    return emit_scratch(w, err);
}
sotto_status sotto_gguf_put_value(sotto_gguf_writer *w, sotto_str key, const sotto_gguf_value *v,
                                  sotto_error *err) {
    SOTTO_TRY(begin_key(w, key, v->type, err));
    (void)sotto_buf_append(&w->scratch, v->bytes, v->n_bytes);
    return emit_scratch(w, err);
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

static sotto_status measure(const char *name, sotto_dtype dtype, int n_dims, const int64_t *dim,
                            size_t *n_bytes, size_t *padded, sotto_error *err) {
    sotto_tensor t = {.dtype = dtype, .dim = {1, 1, 1, 1}};
    bool         ok = n_dims >= 0 && n_dims <= 4;
    for (int d = 0; ok && d < n_dims; d++) ok = (t.dim[d] = dim[d]) >= 1;
    if (!ok || !sotto_tensor_measure(&t) || !sotto_size_align(t.n_bytes, SOTTO_GGUF_ALIGNMENT, padded))
        return sotto_fail(err, SOTTO_INVALID,
                          "tensor '%s' cannot be written as %s: it has %d dimensions with rows of %lld "
                          "elements, and a block has %u",
                          name, sotto_dtype_get(dtype)->name, n_dims, (long long)t.dim[0],
                          sotto_dtype_get(dtype)->block_elems);
    *n_bytes = t.n_bytes;
    return SOTTO_OK;
}

static sotto_status remember(sotto_gguf_writer *w, sotto_str name, size_t n_bytes, sotto_error *err) {
    if (w->n_tensors == w->cap_tensors) {
        size_t cap = w->cap_tensors ? 2 * w->cap_tensors : 256;
        void  *tensors = realloc(w->tensors, cap * sizeof *w->tensors);
        if (!tensors) return sotto_fail_memory(err, "the list of tensors");
        w->tensors = tensors;
        w->cap_tensors = cap;
    }
    w->tensors[w->n_tensors++] = (declared){name, n_bytes};
    return SOTTO_OK;
}

sotto_status sotto_gguf_put_tensor(sotto_gguf_writer *w, const char *name, sotto_dtype dtype, int n_dims,
                                   const int64_t *dim, sotto_error *err) {
    size_t    n_bytes = 0, padded = 0;
    sotto_str key = sotto_str_from(name);
    int32_t   id = sotto_dtype_get(dtype)->ggml_id;
    if (w->stage == DATA)
        return sotto_fail(err, SOTTO_INVALID, "tensor '%s' is declared after the data began", name);
    if (key.n == 0 || key.n > SOTTO_GGUF_NAME_MAX)
        return sotto_fail(err, SOTTO_INVALID, "a tensor name in GGUF has 1 to %d bytes, but '%.*s' has %zu",
                          SOTTO_GGUF_NAME_MAX, SOTTO_NAME(key), key.n);
    if (id < 0)
        return sotto_fail(err, SOTTO_INVALID, "tensor '%s': GGUF has no type %s", name,
                          sotto_dtype_get(dtype)->name);
    SOTTO_TRY(measure(name, dtype, n_dims, dim, &n_bytes, &padded, err));
    if (w->data_bytes > INT64_MAX - padded)
        return sotto_fail(err, SOTTO_INVALID, "tensor '%s' makes the file too large", name);
    SOTTO_TRY(claim(w, &w->names, &key, "tensor", err));
    SOTTO_TRY(remember(w, key, n_bytes, err));
    w->stage = TENSORS;
    put_str(&w->scratch, key);
    put_u32(&w->scratch, (uint32_t)n_dims);
    for (int d = 0; d < n_dims; d++) put_u64(&w->scratch, (uint64_t)dim[d]);
    put_u32(&w->scratch, (uint32_t)id);
    put_u64(&w->scratch, w->data_bytes);
    w->data_bytes += padded;
    return emit_scratch(w, err);
}

uint64_t sotto_gguf_writer_total_bytes(const sotto_gguf_writer *w) {
    uint64_t here = sotto_writer_offset(w->out);
    return (w->stage == DATA ? w->data_start : here + pad_of(here)) + w->data_bytes;
}

sotto_status sotto_gguf_begin_data(sotto_gguf_writer *w, sotto_error *err) {
    if (w->stage == DATA) return sotto_fail(err, SOTTO_INVALID, "the data of a GGUF file begin twice");
    uint64_t counts[2] = {w->n_tensors, w->n_keys};
    SOTTO_TRY(emit(w, zeros, (size_t)pad_of(sotto_writer_offset(w->out)), err));
    w->data_start = sotto_writer_offset(w->out);
    w->stage = DATA;
    sotto_status status = sotto_writer_rewrite(w->out, COUNTS_OFFSET, counts, sizeof counts, err);
    w->failed = w->failed || status != SOTTO_OK;
    return status;
}

sotto_status sotto_gguf_write(sotto_gguf_writer *w, const void *data, size_t n_bytes, sotto_error *err) {
    if (w->stage != DATA || w->current == w->n_tensors)
        return sotto_fail(err, SOTTO_INVALID,
                          "%zu bytes are written to a GGUF file where no tensor awaits any", n_bytes);
    size_t total = w->tensors[w->current].n_bytes;
    if (n_bytes > total - w->written)
        return sotto_fail(err, SOTTO_INVALID,
                          "tensor '%s' has %zu bytes, but %zu are written after its first %zu",
                          w->tensors[w->current].name.p, total, n_bytes, w->written);
    SOTTO_TRY(emit(w, data, n_bytes, err));
    w->written += n_bytes;
    if (w->written < total) return SOTTO_OK;
    w->current++;
    w->written = 0;
    return emit(w, zeros, (size_t)pad_of(total), err);
}

static sotto_status check_complete(const sotto_gguf_writer *w, sotto_error *err) {
    if (w->stage != DATA)
        return sotto_fail(err, SOTTO_INVALID, "a GGUF file is committed before its data began");
    if (w->failed) return sotto_fail(err, SOTTO_IO, "a GGUF file is committed although writing to it failed");
    if (w->current < w->n_tensors)
        return sotto_fail(err, SOTTO_INVALID,
                          "a GGUF file is committed with %zu of the %zu bytes of tensor '%s'", w->written,
                          w->tensors[w->current].n_bytes, w->tensors[w->current].name.p);
    return SOTTO_OK;
}

sotto_status sotto_gguf_commit(sotto_gguf_writer *w, sotto_error *err) {
    sotto_status status = check_complete(w, err);
    if (status == SOTTO_OK) {
        status = sotto_writer_commit(w->out, err); /* closes it in every case */
        w->out = NULL;
    }
    sotto_gguf_writer_close(w);
    return status;
}
