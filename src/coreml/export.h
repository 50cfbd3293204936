/* Private to coreml/: from a model to a package. graph.c builds the program and, on the way, the list of what
 * weight.bin must hold; stream.c makes those bytes, tensor by tensor; export.c puts the folder together. */
#ifndef SOTTO_EXPORT_H
#define SOTTO_EXPORT_H

#include <sotto/coreml.h>

#include "coreml/mil.h"
#include "kernels/kernels.h"
#include "model/model.h"

/* ---- weights ------------------------------------------------------------------------------------------- */

typedef enum sotto_weight_form {
    SOTTO_WEIGHT_VECTOR, /* floats, as fp16 */
    SOTTO_WEIGHT_MATRIX, /* a matrix, as fp16 */
    SOTTO_WEIGHT_CODES,  /* a matrix as codes, then its scales and perhaps offsets */
} sotto_weight_form;

/* What one or three neighbours in weight.bin are made from. */
typedef struct sotto_weight {
    sotto_weight_form   form;
    const char         *name;       /* for messages */
    const float        *values;     /* of a vector */
    const sotto_matrix *matrix;     /* of the others */
    const float        *importance; /* of codes: [cols], or NULL */
    int32_t             pair_head;  /* rows of a head whose rotary pairs are adjacent and become halves; 0: none */
    sotto_mil_type      type, scale, offset; /* offset.rank 0: none */
} sotto_weight;

typedef struct sotto_export_plan {
    sotto_weight     *items;
    size_t            n, cap;
    sotto_blob_layout layout;
    sotto_arena       arena; /* names and values */
} sotto_export_plan;

/* ---- quantising (quantize.c) --------------------------------------------------------------------------- */

/* 32 weights to codes and a scale, w = scale * code. Round-to-nearest takes code 7 (127 of 8 bits) to the greatest
 * magnitude; `best` tries scales around that one and keeps what has the least sum of importance * error^2, so it
 * is never worse. importance NULL: all 1. False: a weight is not a finite number, or too large for a scale. */
bool sotto_block_quantize(const sotto_kernels *k, const float *x, const float *importance, int bits, bool best,
                          int8_t *codes, uint16_t *scale);
/* A block of a q4_0 file, unchanged: w = scale * (code - offset). `mirror` writes one whose scale is below zero with
 * the positive scale, codes 7 - q and offset -1. False: the scale is not a finite number. */
bool sotto_block_from_q4_0(const sotto_block_q4_0 *b, bool mirror, int8_t *codes, uint16_t *scale, int8_t *offset);

/* ---- the steps ----------------------------------------------------------------------------------------- */

/* What the model must be like, or UNSUPPORTED with the reason. */
sotto_status sotto_export_check(const sotto_transformer *t, const sotto_export_options *o, sotto_error *err);
/* The program of `t`, and the plan of its weights. Options are complete. `importance` (NULL: none) is a GGUF file that
 * has, under the name of a matrix, what its inputs weigh. */
sotto_status sotto_export_graph(sotto_mil_program *p, sotto_export_plan *plan, const sotto_transformer *t,
                                const sotto_export_options *o, const sotto_checkpoint *importance, sotto_error *err);
/* The folder `path` with what the tokenizer is made of (beside.c). */
sotto_status sotto_export_beside(const sotto_checkpoint *c, const char *path, sotto_error *err);
/* weight.bin at `path`. */
sotto_status sotto_export_weights(const sotto_export_plan *plan, const sotto_checkpoint *c,
                                  const sotto_export_options *o, const char *path, sotto_error *err);

#endif
