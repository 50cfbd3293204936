/* format: model files, read and written. Parsing ends at a list of tensors and metadata; what they mean is
 * model/'s and text/'s business. Every count, length, offset and product that a file states is checked against
 * the bytes that are there before it is used; a checkpoint may be hostile. */
#ifndef SOTTO_FORMAT_H
#define SOTTO_FORMAT_H

#include <jansson.h>

#include "os/os.h"
#include "tensor/tensor.h"

/* ---- JSON ---------------------------------------------------------------------------------------------- */

/* Parse a text, `what` naming it in the error with line and column. Duplicate keys are refused. json_decref(). */
sotto_status sotto_json_parse(json_t **out, sotto_str text, const char *what, sotto_error *err);
/* Parse folder/name. *out is NULL (and the result SOTTO_OK) when the file does not exist and `required` is false. */
sotto_status sotto_json_load(json_t **out, const char *folder, const char *name, bool required, sotto_error *err);

/* ---- GGUF metadata ------------------------------------------------------------------------------------- */

/* Sources: ggml-org/ggml docs/gguf.md; versions 2 and 3. */
typedef enum sotto_gguf_type {
    SOTTO_GGUF_U8, SOTTO_GGUF_I8, SOTTO_GGUF_U16, SOTTO_GGUF_I16, SOTTO_GGUF_U32, SOTTO_GGUF_I32, SOTTO_GGUF_F32,
    SOTTO_GGUF_BOOL, SOTTO_GGUF_STRING, SOTTO_GGUF_ARRAY, SOTTO_GGUF_U64, SOTTO_GGUF_I64, SOTTO_GGUF_F64,
    SOTTO_GGUF_TYPE_COUNT
} sotto_gguf_type;

typedef struct sotto_gguf sotto_gguf; /* the metadata of one file; lives as long as its checkpoint */

/* A value by its key: NULL when absent. Getters return false when the value is absent (v NULL), of another kind
 * or does not fit, and leave *out alone: integers of any width and sign convert when the value fits,
 * and a bool is the integer 0 or 1. */
typedef struct sotto_gguf_value sotto_gguf_value;
const sotto_gguf_value *sotto_gguf_find(const sotto_gguf *g, const char *key);
bool sotto_gguf_get_i64(const sotto_gguf_value *v, int64_t *out);
bool sotto_gguf_get_f64(const sotto_gguf_value *v, double *out); /* from f32, f64 or any integer */
bool sotto_gguf_get_bool(const sotto_gguf_value *v, bool *out);
bool sotto_gguf_get_str(const sotto_gguf_value *v, sotto_str *out);
/* Arrays: the element count (0 for a scalar) and elements by index. A scalar is its own element at any index,
 * so that "per layer or one for all" reads the same. */
size_t sotto_gguf_count(const sotto_gguf_value *v);
bool   sotto_gguf_is_array(const sotto_gguf_value *v);
bool   sotto_gguf_item_i64(const sotto_gguf_value *v, size_t i, int64_t *out);
bool   sotto_gguf_item_f64(const sotto_gguf_value *v, size_t i, double *out);
bool   sotto_gguf_item_bool(const sotto_gguf_value *v, size_t i, bool *out);
bool   sotto_gguf_item_str(const sotto_gguf_value *v, size_t i, sotto_str *out); /* O(1) */
/* For inspect: the keys in file order. */
size_t                  sotto_gguf_key_count(const sotto_gguf *g);
sotto_str               sotto_gguf_key(const sotto_gguf *g, size_t i);
const sotto_gguf_value *sotto_gguf_at(const sotto_gguf *g, size_t i);
sotto_gguf_type         sotto_gguf_type_of(const sotto_gguf_value *v);      /* ARRAY for arrays */
sotto_gguf_type         sotto_gguf_item_type_of(const sotto_gguf_value *v); /* element type of an array */

/* ---- checkpoints --------------------------------------------------------------------------------------- */

typedef enum sotto_checkpoint_kind { SOTTO_CHECKPOINT_HF, SOTTO_CHECKPOINT_GGUF } sotto_checkpoint_kind;

/* A model on disk: a Hugging Face folder (config.json and *.safetensors) or a GGUF file (the first or any part
 * of a split one). Read-only once open; share between threads. Everything that it lends lives until close. */
typedef struct sotto_checkpoint {
    sotto_checkpoint_kind kind;
    const char           *path;
    sotto_tensor         *tensors; /* in file order; names are unique */
    size_t                n_tensors;
    uint64_t              n_bytes; /* of all files */
    sotto_file           *files;   /* mapped, or read when mapping was refused */
    size_t                n_files;
    /* Hugging Face; NULL when the file is absent. config is always there. */
    json_t *config, *generation_config, *tokenizer_config;
    /* GGUF */
    const sotto_gguf *gguf; /* NULL for a folder */
    struct sotto_checkpoint_private *priv;
} sotto_checkpoint;

typedef struct sotto_checkpoint_options {
    bool no_map;        /* read files into memory instead of mapping them */
    bool metadata_only; /* HF: leave the weight files alone, present or not (tokenizer work) */
} sotto_checkpoint_options;

sotto_status sotto_checkpoint_open(sotto_checkpoint **out, const char *path, const sotto_checkpoint_options *opt,
                                   sotto_error *err);
void         sotto_checkpoint_close(sotto_checkpoint *c);
/* NULL when there is none of that name. */
const sotto_tensor *sotto_checkpoint_find(const sotto_checkpoint *c, const char *name);

/* ---- writing GGUF -------------------------------------------------------------------------------------- */

/* Written as version 3, tensors in the order of declaration without gaps, as the reference reader demands.
 * Order of calls: open, all keys, all tensors, begin_data, then for each tensor its bytes in pieces, commit.
 * Nothing of the tensors is held in memory. Through sotto_writer: the file is whole or not there. */
typedef struct sotto_gguf_writer sotto_gguf_writer;
sotto_status sotto_gguf_writer_open(sotto_gguf_writer **out, const char *path, sotto_error *err);
sotto_status sotto_gguf_put_u32(sotto_gguf_writer *w, const char *key, uint32_t value, sotto_error *err);
sotto_status sotto_gguf_put_i32(sotto_gguf_writer *w, const char *key, int32_t value, sotto_error *err);
sotto_status sotto_gguf_put_f32(sotto_gguf_writer *w, const char *key, float value, sotto_error *err);
sotto_status sotto_gguf_put_bool(sotto_gguf_writer *w, const char *key, bool value, sotto_error *err);
sotto_status sotto_gguf_put_str(sotto_gguf_writer *w, const char *key, sotto_str value, sotto_error *err);
sotto_status sotto_gguf_put_u32_array(sotto_gguf_writer *w, const char *key, const uint32_t *v, size_t n,
                                      sotto_error *err);
sotto_status sotto_gguf_put_i32_array(sotto_gguf_writer *w, const char *key, const int32_t *v, size_t n,
                                      sotto_error *err);
sotto_status sotto_gguf_put_f32_array(sotto_gguf_writer *w, const char *key, const float *v, size_t n,
                                      sotto_error *err);
sotto_status sotto_gguf_put_bool_array(sotto_gguf_writer *w, const char *key, const bool *v, size_t n,
                                       sotto_error *err);
sotto_status sotto_gguf_put_str_array(sotto_gguf_writer *w, const char *key, const sotto_str *v, size_t n,
                                      sotto_error *err);
/* Copy a value of a file that was read, as it is, under its own key. */
sotto_status sotto_gguf_put_value(sotto_gguf_writer *w, sotto_str key, const sotto_gguf_value *v, sotto_error *err);
sotto_status sotto_gguf_put_tensor(sotto_gguf_writer *w, const char *name, sotto_dtype dtype, int n_dims,
                                   const int64_t *dim, sotto_error *err);
uint64_t
sotto_gguf_writer_total_bytes(const sotto_gguf_writer *w); /* of the whole file, once tensors are declared */
sotto_status sotto_gguf_begin_data(sotto_gguf_writer *w, sotto_error *err);
/* The next bytes of the current tensor; the next tensor begins by itself when one is full (padding included). */
sotto_status sotto_gguf_write(sotto_gguf_writer *w, const void *data, size_t n_bytes, sotto_error *err);
sotto_status sotto_gguf_commit(sotto_gguf_writer *w, sotto_error *err); /* checks completeness; closes w always */
void         sotto_gguf_writer_close(sotto_gguf_writer *w);             /* discards; NULL allowed */

#endif
