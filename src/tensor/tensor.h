/* tensor: data types, their blocks byte by byte, and views. Includes base only.
 *
 * Block layouts are those of the GGUF format (ggml-common.h in ggml-org/llama.cpp documents them); all values
 * are little-endian, and so is every machine that sotto supports (checked at compile time in dtype.c). */
#ifndef SOTTO_TENSOR_H
#define SOTTO_TENSOR_H

#include "base/base.h"

typedef enum sotto_dtype {
    SOTTO_F32, SOTTO_F16, SOTTO_BF16,
    SOTTO_Q4_0, SOTTO_Q4_1, SOTTO_Q5_0, SOTTO_Q5_1, SOTTO_Q8_0,
    SOTTO_Q4_K, SOTTO_Q5_K, SOTTO_Q6_K, SOTTO_IQ4_NL,
    SOTTO_I8, SOTTO_I16, SOTTO_I32, SOTTO_I64, SOTTO_U8, SOTTO_BOOL, SOTTO_F64, /* never weights */
    SOTTO_DTYPE_COUNT,
    SOTTO_WEIGHT_DTYPE_COUNT = SOTTO_IQ4_NL + 1 /* those that can be multiplied with */
} sotto_dtype;

typedef struct sotto_dtype_info {
    const char *name;        /* "q4_0", as in options and in inspect */
    int32_t     ggml_id;     /* in GGUF files; -1: not in GGUF */
    uint32_t    block_elems; /* elements per block; rows are whole blocks */
    uint32_t    block_bytes;
} sotto_dtype_info;

const sotto_dtype_info *sotto_dtype_get(sotto_dtype dtype);
bool sotto_dtype_from_name(const char *name, sotto_dtype *out);
bool sotto_dtype_from_ggml(int32_t ggml_id, sotto_dtype *out);
/* Bytes of a row of n elements; false when n is not whole blocks or the size overflows. */
bool sotto_dtype_row_bytes(sotto_dtype dtype, uint64_t n, size_t *out);

/* ---- blocks -------------------------------------------------------------------------------------------- */

typedef struct { uint16_t d; uint8_t qs[16]; } sotto_block_q4_0;                               /* 18 */
typedef struct { uint16_t d, m; uint8_t qs[16]; } sotto_block_q4_1;                            /* 20 */
typedef struct { uint16_t d; uint8_t qh[4]; uint8_t qs[16]; } sotto_block_q5_0;                /* 22 */
typedef struct { uint16_t d, m; uint8_t qh[4]; uint8_t qs[16]; } sotto_block_q5_1;             /* 24 */
typedef struct { uint16_t d; int8_t qs[32]; } sotto_block_q8_0;                                /* 34 */
typedef struct { uint16_t d, dmin; uint8_t scales[12]; uint8_t qs[128]; } sotto_block_q4_k;    /* 144 */
typedef struct { uint16_t d, dmin; uint8_t scales[12]; uint8_t qh[32]; uint8_t qs[128]; } sotto_block_q5_k; /* 176 */
typedef struct { uint8_t ql[128]; uint8_t qh[64]; int8_t scales[16]; uint16_t d; } sotto_block_q6_k;        /* 210 */
typedef struct { uint16_t d; uint8_t qs[16]; } sotto_block_iq4_nl;                             /* 18 */
extern const int8_t sotto_iq4_nl_values[16];

/* ---- half precision ------------------------------------------------------------------------------------ */

float    sotto_f16_to_f32(uint16_t h);
uint16_t sotto_f32_to_f16(float f); /* round to nearest even; overflow becomes infinity */
static inline float sotto_bf16_to_f32(uint16_t h) {
    uint32_t u = (uint32_t)h << 16;
    float    f;
    memcpy(&f, &u, 4);
    return f;
}
uint16_t sotto_f32_to_bf16(float f); /* round to nearest even; NaN stays NaN */

/* ---- rows ---------------------------------------------------------------------------------------------- */

/* n elements of any float or weight dtype to float, exactly as the format defines them. n is whole blocks. */
void sotto_row_to_f32(sotto_dtype dtype, const void *src, float *dst, size_t n);
/* The reverse, for f32 f16 bf16 q8_0 q4_0 q6_k: round to nearest by each format's reference rule (q4_0: the
 * scale is the element of largest magnitude over -8, sign kept). q6_k picks per 16 weights the scale of least
 * weighted squared error. NaN and infinity in src give unspecified codes. */
void sotto_row_from_f32(sotto_dtype dtype, const float *src, void *dst, size_t n);
bool sotto_dtype_can_quantize(sotto_dtype dtype);

/* ---- tensors ------------------------------------------------------------------------------------------- */

/* A named matrix in somebody else's memory. dim[0] is the row length (in_features), dim[1] the number of rows
 * (out_features); unused dims are 1. For a safetensors file the shape is reversed into this order. */
typedef struct sotto_tensor {
    sotto_str   name;
    sotto_dtype dtype;
    int32_t     n_dims; /* 0..4; 0 is a scalar */
    int64_t     dim[4];
    const void *data;
    size_t      n_bytes;
    uint64_t    file_offset; /* for messages and inspect */
    int32_t     file_index;  /* which file of a split or sharded model */
} sotto_tensor;

#endif
