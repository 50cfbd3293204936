/* Private to coreml/: ML Programs, run. run.c prepares a program, run_call.c runs a call of it, and the other files
 * have the operations, each a row of their tables.
 *
 * Every number of a call is a float or an int32 (bools too); what the program declares as fp16 is rounded to it after
 * each operation, so a result is off by at most 2^-11 of itself beside what its operands were, and sums are kept in
 * float. Weights stay as the package has them: fp16 in the mapped file, codes of 4 and 8 bits as blocks for the
 * kernels, which multiply them without rounding scale * code; what is compressed in other ways becomes floats row by
 * row, as it is needed. */
#ifndef SOTTO_RUN_H
#define SOTTO_RUN_H

#include <sotto/coreml.h>

#include "coreml/mil.h"
#include "kernels/kernels.h"
#include "model/model.h"

enum { SOTTO_MIL_PARAMS_MAX = 8, SOTTO_MIL_CLASSES = 48 };

typedef struct sotto_mil_tensor {
    sotto_mil_dtype dtype;
    int32_t         rank;
    int64_t         dim[SOTTO_MIL_RANK_MAX];
    size_t          n; /* elements, in row-major order */
    union {
        float    *f;
        int32_t  *i;
        uint32_t *bits;
    };
    bool owned; /* its memory goes back after its last use */
} sotto_mil_tensor;

typedef struct sotto_mil_run sotto_mil_run;
typedef struct sotto_mil_step sotto_mil_step;
typedef struct sotto_mil_kind sotto_mil_kind;

/* A type of operation. `params` are the names of what it takes, in the order of a step's args, each with what it is:
 * '*' a list, '@' a state, '$' a constant text, '#' a constant matrix, '%' a matrix or a tensor; else a tensor. A
 * matrix may be compressed. '?' behind that: it may be left out. */
struct sotto_mil_kind {
    const char *type;
    const char *params;
    int32_t     n_outputs; /* -1: any number */
    sotto_status (*run)(sotto_mil_run *r, const sotto_mil_step *s);
    float   (*f1)(float);            /* of elements, where the operation has such */
    float   (*f2)(float, float);
    int32_t (*i2)(int32_t, int32_t);
    bool    compares;                /* f2 and i2 give a bool */
};

struct sotto_mil_step {
    const sotto_mil_op   *op;
    const sotto_mil_kind *kind;
    int32_t               args[SOTTO_MIL_PARAMS_MAX]; /* variables; -1: left out; of a list: the index in op->args */
    bool                  alias; /* of read_state: the state itself will do, since nothing changes it before the last
                                    use; of slice_update: it may change the state in place */
};

typedef struct sotto_mil_packed sotto_mil_packed; /* a compressed matrix that kernels do not take (run_packed.c) */

typedef struct sotto_mil_slot { /* of a variable */
    sotto_mil_tensor tensor;    /* of a constant that operations compute with */
    sotto_matrix     matrix;    /* of one that is multiplied with; rows are those of the first axis */
    sotto_mil_packed *packed;   /* NULL: the matrix is one that kernels take */
    int32_t          state;     /* its index; -1: none */
    int32_t          last_use;  /* the step; -1: none; INT32_MAX: what a call gives */
    int32_t          n_uses;
    bool             given;     /* an input that every call has */
} sotto_mil_slot;

struct sotto_program {
    sotto_mil_package        *package; /* NULL: of a program without a folder */
    const sotto_mil_program  *program;
    const sotto_mil_function *f;
    sotto_mil_slot           *slots; /* [f->n_vars] */
    sotto_mil_step           *steps;
    int32_t                   n_steps;
    sotto_program_feature    *features[3]; /* inputs, outputs, states */
    sotto_kernels             kernels;
    sotto_pool               *pool;
    sotto_program_options     options;
    sotto_arena               arena;
    size_t                    constants_left; /* bytes: many constants can name the same bytes of a file */
};

enum { SOTTO_MIL_BLOCK_HEAD = 64 };
typedef struct sotto_mil_block { /* before the memory of a tensor, in those bytes */
    struct sotto_mil_block *next;
    size_t                  n_bytes;
    int32_t                 size_class;
} sotto_mil_block;

/* Memory comes in powers of two, from 256 bytes on: the exponent; SOTTO_MIL_CLASSES: too much. */
static inline int32_t sotto_mil_size_class(uint64_t n_bytes) {
    int32_t k = 8;
    while (k < SOTTO_MIL_CLASSES && (uint64_t)1 << k < n_bytes) k++;
    return k;
}

struct sotto_program_state {
    sotto_program    *program;
    sotto_mil_tensor *values; /* [n_vars] */
    float           **states; /* as floats */
    sotto_mil_block  *free_blocks[SOTTO_MIL_CLASSES]; /* by the logarithm of their size: kept from call to call */
    size_t            taken;  /* bytes of all blocks */
    sotto_mil_tensor  scratch; /* what an operation needs on the side */
    float            *mask;    /* of sotto_program_feed */
    size_t            mask_cap;
};

struct sotto_mil_run {
    sotto_program       *p;
    sotto_program_state *st;
    sotto_error         *err;
};

/* ---- for operations ------------------------------------------------------------------------------------ */

/* The tensor of a parameter; NULL: it was left out. */
const sotto_mil_tensor *sotto_mil_in_tensor(const sotto_mil_run *r, const sotto_mil_step *s, int32_t param);
const char             *sotto_mil_in_text(const sotto_mil_run *r, const sotto_mil_step *s, int32_t param);
/* Integers of a parameter, at most SOTTO_MIL_RANK_MAX; the number of them, 0 when it was left out, -1 when it is
 * something else. */
int32_t sotto_mil_in_ints(const sotto_mil_run *r, const sotto_mil_step *s, int32_t param, int64_t *out);
/* One integer; `otherwise` when it was left out. False: it is something else. */
bool    sotto_mil_in_int(const sotto_mil_run *r, const sotto_mil_step *s, int32_t param, int64_t otherwise,
                         int64_t *out);
/* An axis of x, counted from the end when below 0. */
bool    sotto_mil_in_axis(const sotto_mil_run *r, const sotto_mil_step *s, int32_t param, int64_t otherwise,
                          int32_t rank, int32_t *out);

/* Memory for output number k, which must be as the program declares it. */
sotto_status sotto_mil_output(sotto_mil_run *r, const sotto_mil_step *s, int32_t k, const sotto_mil_tensor *like,
                              sotto_mil_tensor **out);
/* n floats that last until the step ends. NULL: no memory, and the error says so. */
float       *sotto_mil_scratch(sotto_mil_run *r, size_t n);
/* The elements, as the type can hold them. */
void         sotto_mil_round(const sotto_program *p, sotto_mil_tensor *t);
/* "NAME (TYPE): why" */
sotto_status sotto_mil_refuse(const sotto_mil_run *r, const sotto_mil_step *s, const char *why);

static inline bool sotto_mil_is_float(sotto_mil_dtype d) { return d == SOTTO_MIL_F16 || d == SOTTO_MIL_F32; }

/* Steps between neighbours along each axis. */
void sotto_mil_strides(const sotto_mil_tensor *t, int64_t *strides);
/* dim[rank] elements from one place to another, each with its own steps. */
void sotto_mil_move(uint32_t *to, const int64_t *to_strides, const uint32_t *from, const int64_t *from_strides,
                    const int64_t *dim, int32_t rank);
/* Shapes of x and y to what they are broadcast to; false: they do not fit. */
bool sotto_mil_broadcast(const sotto_mil_tensor *x, const sotto_mil_tensor *y, sotto_mil_tensor *out);
/* The steps through x when it is seen as `to`: 0 where it is repeated. */
void sotto_mil_broadcast_strides(const sotto_mil_tensor *x, const sotto_mil_tensor *to, int64_t *strides);

/* ---- preparing ----------------------------------------------------------------------------------------- */

/* To type NULL. */
extern const sotto_mil_kind sotto_mil_math_kinds[], sotto_mil_axes_kinds[], sotto_mil_move_kinds[],
    sotto_mil_dense_kinds[], sotto_mil_conv_kinds[];

/* The function "main" of a program, which must outlive it, and so must weights. `n_bytes`: of the files that it comes
 * from; its constants may take some four times as much. */
sotto_status sotto_program_prepare(sotto_program **out, const sotto_mil_program *program, size_t n_bytes,
                                   const sotto_program_options *opt, sotto_error *err);
bool         sotto_mil_is_constexpr(const sotto_program *p, int32_t var);
/* A constant variable, or a constexpr, as a matrix (run_weights.c). */
sotto_status sotto_mil_matrix(sotto_program *p, int32_t var, sotto_error *err);
/* The same where only rows of it can be had; and row number `row`. */
sotto_status sotto_mil_packed_open(sotto_program *p, int32_t var, sotto_error *err);
void         sotto_mil_packed_row(const sotto_mil_packed *w, int32_t row, float *out);
/* A row of either. */
void         sotto_mil_row(const sotto_program *p, const sotto_mil_slot *w, int32_t row, float *out);
/* A constant variable, or a constexpr, as floats or integers. */
sotto_status sotto_mil_constant(sotto_program *p, int32_t var, sotto_error *err);

#endif
