/* The table of data types: the one place for their names, GGUF numbers and block sizes. */
#include "tensor/tensor.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "sotto reads model files in place and so needs a little-endian machine"
#endif

_Static_assert(sizeof(sotto_block_q4_0) == 18, "q4_0 block");
_Static_assert(sizeof(sotto_block_q4_1) == 20, "q4_1 block");
_Static_assert(sizeof(sotto_block_q5_0) == 22, "q5_0 block");
_Static_assert(sizeof(sotto_block_q5_1) == 24, "q5_1 block");
_Static_assert(sizeof(sotto_block_q8_0) == 34, "q8_0 block");
_Static_assert(sizeof(sotto_block_q4_k) == 144, "q4_k block");
_Static_assert(sizeof(sotto_block_q5_k) == 176, "q5_k block");
_Static_assert(sizeof(sotto_block_q6_k) == 210, "q6_k block");
_Static_assert(sizeof(sotto_block_iq4_nl) == 18, "iq4_nl block");

static const sotto_dtype_info dtypes[SOTTO_DTYPE_COUNT] = {
    [SOTTO_F32]    = {"f32", 0, 1, 4},
    [SOTTO_F16]    = {"f16", 1, 1, 2},
    [SOTTO_BF16]   = {"bf16", 30, 1, 2},
    [SOTTO_Q4_0]   = {"q4_0", 2, 32, sizeof(sotto_block_q4_0)},
    [SOTTO_Q4_1]   = {"q4_1", 3, 32, sizeof(sotto_block_q4_1)},
    [SOTTO_Q5_0]   = {"q5_0", 6, 32, sizeof(sotto_block_q5_0)},
    [SOTTO_Q5_1]   = {"q5_1", 7, 32, sizeof(sotto_block_q5_1)},
    [SOTTO_Q8_0]   = {"q8_0", 8, 32, sizeof(sotto_block_q8_0)},
    [SOTTO_Q4_K]   = {"q4_k", 12, 256, sizeof(sotto_block_q4_k)},
    [SOTTO_Q5_K]   = {"q5_k", 13, 256, sizeof(sotto_block_q5_k)},
    [SOTTO_Q6_K]   = {"q6_k", 14, 256, sizeof(sotto_block_q6_k)},
    [SOTTO_IQ4_NL] = {"iq4_nl", 20, 32, sizeof(sotto_block_iq4_nl)},
    [SOTTO_I8]     = {"i8", 24, 1, 1},
    [SOTTO_I16]    = {"i16", 25, 1, 2},
    [SOTTO_I32]    = {"i32", 26, 1, 4},
    [SOTTO_I64]    = {"i64", 27, 1, 8},
    [SOTTO_U8]     = {"u8", -1, 1, 1},
    [SOTTO_BOOL]   = {"bool", -1, 1, 1},
    [SOTTO_F64]    = {"f64", 28, 1, 8},
};

const sotto_dtype_info *sotto_dtype_get(sotto_dtype dtype) { return &dtypes[dtype]; }

bool sotto_dtype_from_name(const char *name, sotto_dtype *out) {
    for (int i = 0; i < SOTTO_DTYPE_COUNT; i++) {
        if (strcmp(dtypes[i].name, name) == 0) {
            *out = (sotto_dtype)i;
            return true;
        }
    }
    return false;
}

bool sotto_dtype_from_ggml(int32_t ggml_id, sotto_dtype *out) {
    for (int i = 0; i < SOTTO_DTYPE_COUNT; i++) {
        if (ggml_id >= 0 && dtypes[i].ggml_id == ggml_id) {
            *out = (sotto_dtype)i;
            return true;
        }
    }
    return false;
}

bool sotto_dtype_row_bytes(sotto_dtype dtype, uint64_t n, size_t *out) {
    const sotto_dtype_info *info = &dtypes[dtype];
    uint64_t                blocks = n / info->block_elems;
    if (n % info->block_elems != 0 || blocks > SIZE_MAX) return false;
    return sotto_size_mul((size_t)blocks, info->block_bytes, out);
}
