/* Sizes of the quantised dtypes for bodies that take the dtype as a constant. */
#ifndef SOTTO_KERNELS_SIMD_DTYPES_H
#define SOTTO_KERNELS_SIMD_DTYPES_H

#include "kernels/simd/isa.h"
#include "tensor/tensor.h"

/* Facts of the dtypes as constants, which the table in dtype.c cannot give. */
static INLINE size_t block_bytes(sotto_dtype dtype) {
    switch (dtype) {
    case SOTTO_Q4_0: return sizeof(sotto_block_q4_0);
    case SOTTO_Q4_1: return sizeof(sotto_block_q4_1);
    case SOTTO_Q5_0: return sizeof(sotto_block_q5_0);
    case SOTTO_Q5_1: return sizeof(sotto_block_q5_1);
    case SOTTO_Q8_0: return sizeof(sotto_block_q8_0);
    case SOTTO_Q4_K: return sizeof(sotto_block_q4_k);
    case SOTTO_Q5_K: return sizeof(sotto_block_q5_k);
    case SOTTO_Q6_K: return sizeof(sotto_block_q6_k);
    default: return sizeof(sotto_block_iq4_nl);
    }
}
static INLINE size_t block_elems(sotto_dtype dtype) {
    return dtype == SOTTO_Q4_K || dtype == SOTTO_Q5_K || dtype == SOTTO_Q6_K ? 256 : 32;
}

#endif
