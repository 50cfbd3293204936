/* coreml: Core ML's ML Programs, in memory and in `.mlpackage` folders, and the export of models to them.
 *
 * A program is data: functions, their variables and the operations that compute them, in order. Variables are
 * numbers: an operation's arguments and outputs index the function's `vars`, and an operation only uses what is
 * computed before it, so a program that was read has no cycles and no dangling names. Constants are the same
 * whether a file keeps them in the program or in weight.bin: bytes with a type.
 *
 * A package comes from anywhere: every count, offset, name and shape is checked before it is used. */
#ifndef SOTTO_MIL_H
#define SOTTO_MIL_H

#include "format/format.h"
#include "os/os.h"

/* ---- types --------------------------------------------------------------------------------------------- */

/* By the numbers of the format's DataType. */
typedef enum sotto_mil_dtype {
    SOTTO_MIL_NONE,
    SOTTO_MIL_BOOL = 1, SOTTO_MIL_STRING,
    SOTTO_MIL_F16 = 10, SOTTO_MIL_F32, SOTTO_MIL_F64,
    SOTTO_MIL_I8 = 21, SOTTO_MIL_I16, SOTTO_MIL_I32, SOTTO_MIL_I64, SOTTO_MIL_I4,
    SOTTO_MIL_U8 = 31, SOTTO_MIL_U16, SOTTO_MIL_U32, SOTTO_MIL_U64, SOTTO_MIL_U4, SOTTO_MIL_U2, SOTTO_MIL_U1,
    SOTTO_MIL_U6, SOTTO_MIL_U3,
} sotto_mil_dtype;

typedef struct sotto_mil_dtype_info {
    sotto_mil_dtype dtype;
    const char     *name; /* "fp16" */
    uint32_t        bits; /* of an element; 0: a string */
    uint32_t        blob; /* its number in weight.bin; 0: never there */
} sotto_mil_dtype_info;
const sotto_mil_dtype_info *sotto_mil_dtype_get(int64_t dtype); /* NULL: not one of these */

enum { SOTTO_MIL_RANK_MAX = 8, SOTTO_MIL_ANY = -1 /* a dimension that each call chooses */ };

typedef struct sotto_mil_type {
    sotto_mil_dtype dtype;
    bool            state; /* a tensor that stays between calls */
    int32_t         rank;
    int64_t         dim[SOTTO_MIL_RANK_MAX];
} sotto_mil_type;

/* Elements of a type without open dimensions, and the bytes they take packed; false: open, or too large. */
bool sotto_mil_type_measure(const sotto_mil_type *t, size_t *n_elements, size_t *n_bytes);
/* "fp16[1, ?, 128]", cut to n. */
void sotto_mil_type_text(const sotto_mil_type *t, char *out, size_t n);

/* ---- programs ------------------------------------------------------------------------------------------ */

/* A constant. Elements in row-major order, little-endian; a bool is a byte; types of 1, 2 and 4 bits fill bytes
 * from the low end, those of 3 and 6 are one stream of bits. A string is text with its NUL (n_bytes without it). */
typedef struct sotto_mil_value {
    sotto_mil_type type;
    const void    *data; /* NULL: of a program that is being written, and only in weight.bin */
    size_t         n_bytes;
    uint64_t       blob; /* where its record is in weight.bin; 0: it is in the program */
} sotto_mil_value;

typedef struct sotto_mil_var {
    const char            *name;
    sotto_mil_type         type;
    int32_t                op;    /* what computes it; -1: an input or a state */
    const sotto_mil_value *value; /* of a const operation's output; else NULL */
} sotto_mil_var;

/* A parameter of an operation: variables (several where it takes a list), or a value written in its place. */
typedef struct sotto_mil_arg {
    const char            *name;
    const int32_t         *vars; /* [n] */
    int32_t                n;
    const sotto_mil_value *value; /* NULL unless n is 0 */
} sotto_mil_arg;

typedef struct sotto_mil_op {
    const char          *type; /* "linear"; constants are operations of type "const" */
    const char          *name;
    const sotto_mil_arg *args; /* [n_args] */
    const int32_t       *outputs; /* [n_outputs] */
    int32_t              n_args, n_outputs;
} sotto_mil_op;

/* What a caller gives, gets or keeps, as the model's description states it. */
typedef struct sotto_mil_feature {
    const char    *name;
    sotto_mil_type type; /* of an input: its default shape; of an output: rank 0 where the shape is left open */
    int64_t        lower[SOTTO_MIL_RANK_MAX], upper[SOTTO_MIL_RANK_MAX]; /* of an input; upper -1: no bound */
    int32_t        var;
} sotto_mil_feature;

typedef struct sotto_mil_features {
    sotto_mil_feature *items;
    int32_t            n, cap;
} sotto_mil_features;

typedef struct sotto_mil_function {
    const char           *name, *opset;
    struct sotto_mil_program *program;
    sotto_mil_var        *vars;
    sotto_mil_op         *ops;
    int32_t               n_vars, cap_vars, n_ops, cap_ops;
    sotto_mil_features    inputs, outputs, states;
} sotto_mil_function;

typedef struct sotto_mil_pair {
    const char *key, *value;
} sotto_mil_pair;

typedef struct sotto_mil_program {
    int32_t             version; /* of the specification: 9 for iOS 18 and macOS 15 */
    sotto_mil_function *functions;
    int32_t             n_functions;
    const char         *description; /* "" when there is none */
    sotto_mil_pair     *pairs;       /* of the author, by key */
    int32_t             n_pairs, cap_pairs;
    sotto_arena         arena;       /* all of the above */
    bool                failed;      /* building: out of memory */
} sotto_mil_program;

void sotto_mil_program_free(sotto_mil_program *p);
/* The function of that name; NULL: none. */
const sotto_mil_function *sotto_mil_function_find(const sotto_mil_program *p, const char *name);
/* The argument of that name; NULL: the operation was given none. */
const sotto_mil_arg *sotto_mil_arg_find(const sotto_mil_op *op, const char *name);

/* ---- building ------------------------------------------------------------------------------------------ */

/* Everything given is copied. A call that finds no memory sets program->failed, and what follows does nothing
 * useful but no harm either: it is checked once, when the program is packed. */
typedef struct sotto_mil_in {
    const char            *param;
    int32_t                var;   /* with n > 1: the first of vars */
    const int32_t         *vars;  /* a list */
    int32_t                n;
    const sotto_mil_value *value; /* in place of a variable */
} sotto_mil_in;

/* One function is enough for a writer: "main". NULL: out of memory. */
sotto_mil_function *sotto_mil_begin(sotto_mil_program *p, int32_t version, const char *opset);
int32_t sotto_mil_add_input(sotto_mil_function *f, const sotto_mil_feature *feature); /* the variable */
int32_t sotto_mil_add_state(sotto_mil_function *f, const char *name, sotto_mil_type type);
void    sotto_mil_add_output(sotto_mil_function *f, int32_t var);
/* An operation with one output, called `name` (NULL: its type and a number); the variable. `out` NULL: without
 * output; -1. */
int32_t sotto_mil_add_op(sotto_mil_function *f, const char *type, const char *name, const sotto_mil_type *out,
                         const sotto_mil_in *in, int32_t n_in);
/* As many outputs as `n_out`, into vars[n_out]. */
void    sotto_mil_add_op_n(sotto_mil_function *f, const char *type, const char *name, const sotto_mil_type *out,
                           int32_t n_out, const sotto_mil_in *in, int32_t n_in, int32_t *vars);
/* A constant; one without a name that was there before is that one. */
int32_t sotto_mil_add_const(sotto_mil_function *f, const char *name, const sotto_mil_value *value);
void    sotto_mil_add_pair(sotto_mil_program *p, const char *key, const char *value);

/* ---- on disk ------------------------------------------------------------------------------------------- */

/* A program to and from the bytes of model.mlmodel. weights[n_weights] are the bytes of weight.bin, which constants
 * point into; they must outlive the program. Packing gives the same bytes for the same program. */
sotto_status sotto_mil_program_pack(const sotto_mil_program *p, sotto_buf *out, sotto_error *err);
sotto_status sotto_mil_program_unpack(sotto_mil_program *p, const uint8_t *data, size_t size, const uint8_t *weights,
                                      size_t n_weights, sotto_error *err);

/* weight.bin: a header, then records of 64 bytes, each with its data behind it, all at multiples of 64. */
enum { SOTTO_BLOB_ALIGNMENT = 64 };
typedef struct sotto_blob {
    uint32_t       dtype; /* sotto_mil_dtype_info's blob */
    const uint8_t *data;
    size_t         n_bytes;
    uint32_t       padding_bits; /* unused ones of the last byte */
} sotto_blob;
/* The record at `offset` of a file, checked; and all of a file, from its header on. */
sotto_status sotto_blob_at(sotto_blob *out, const uint8_t *file, size_t size, uint64_t offset, sotto_error *err);
sotto_status sotto_blob_check_all(const uint8_t *file, size_t size, uint32_t *n_blobs, sotto_error *err);

/* Writing: places are known before bytes are. Place every value, then write the header, then record and data of each
 * in the order of placing. */
typedef struct sotto_blob_layout {
    uint64_t end; /* of what is placed; 0: nothing yet */
    uint32_t n;
} sotto_blob_layout;
/* Where the record of a value of this type goes; 0: the type is open or too large. */
uint64_t     sotto_blob_place(sotto_blob_layout *l, const sotto_mil_type *type);
sotto_status sotto_blob_write_header(sotto_writer *w, const sotto_blob_layout *l, sotto_error *err);
sotto_status sotto_blob_write_record(sotto_writer *w, const sotto_mil_type *type, sotto_error *err);

/* The paths of model and weights below the package's Data folder, from the text of Manifest.json. They cannot lead out
 * of it. */
typedef struct sotto_mil_manifest {
    char model[256], weights[256]; /* weights "": the package has none */
} sotto_mil_manifest;
sotto_status sotto_mil_manifest_parse(sotto_mil_manifest *out, sotto_str text, sotto_error *err);
/* The text for a package in the usual places; ids derive from `seed`. */
bool         sotto_mil_manifest_write(sotto_buf *out, uint64_t seed);

typedef struct sotto_mil_package {
    sotto_mil_program program;
    sotto_file        model, weights;
} sotto_mil_package;
sotto_status sotto_mil_package_open(sotto_mil_package **out, const char *path, bool map, sotto_error *err);
void         sotto_mil_package_close(sotto_mil_package *p);

/* Beside "x/NAME.mlpackage" lies "x/NAME.tokenizer": its path, free() it; and what the tokenizer and the chat format
 * are made of, a checkpoint without weights. */
sotto_status sotto_package_beside(const char *path, char **out, sotto_error *err);
sotto_status sotto_package_tokenizer(sotto_checkpoint **out, const char *path, sotto_error *err);

#endif
