/* kernels: the arithmetic, as a table of functions made from CPU flags.
 *
 * `ref` is complete, plain C and is the definition. Each better instruction set overwrites the entries that it
 * does faster. Rules for every entry, checked by tests/check for each level that the CPU has:
 *  - integer parts equal ref's bit for bit; float results lie within the bound stated at the entry;
 *  - the result for one token depends on nothing but that token's inputs: not on how many tokens or rows the
 *    call has, nor on which rows another thread takes. So batch = one by one, bit for bit, and 1 = n threads;
 *  - no allocation, no threads, no state. Any row range may be computed alone.
 * Pointers may be unaligned unless said; kernels never read past the bytes that the arguments describe. */
#ifndef SOTTO_KERNELS_H
#define SOTTO_KERNELS_H

#include "tensor/tensor.h"

/* ---- activations --------------------------------------------------------------------------------------- */

/* Weights of f32, f16 and bf16 are multiplied with float activations. Quantised weights are multiplied with
 * activations quantised to int8 in blocks of 32 (scale = amax/127, f32), kept in groups of sixteen blocks. In
 * a group the codes lie in columns of four, block next to block: an instruction that multiplies bytes and adds
 * four neighbours (vpdpbusd, sdot) then has one block per 32-bit lane, eight of them finish the blocks' integer
 * sums without any addition across lanes, and these meet scales and sums in the same order. Codes are within
 * -127..127. What lacks in the last group is zero: codes, sums and scales. */
typedef struct sotto_q8_group {
    int8_t  code[8][16][4]; /* code[k][b]: elements 4k..4k+3 of block b */
    int32_t sum_lo[16];     /* of block b's codes 0..15, */
    int32_t sum_hi[16];     /* and of its codes 16..31 */
    float   scale[16];      /* of block b */
} sotto_q8_group;           /* 704 bytes; arrays of it are 64-byte aligned */

enum { SOTTO_Q8_GROUP_ELEMS = 512 };

/* Whether products with this weight dtype take sotto_q8_group rows (else float rows). */
static inline bool sotto_dtype_takes_q8(sotto_dtype dtype) { return dtype > SOTTO_BF16; }
static inline size_t sotto_q8_row_bytes(int cols) {
    return ((size_t)cols + SOTTO_Q8_GROUP_ELEMS - 1) / SOTTO_Q8_GROUP_ELEMS * sizeof(sotto_q8_group);
}

/* ---- products ------------------------------------------------------------------------------------------ */

/* y[t * y_stride + r] = W[r, :] . x[t, :]  for t in [0, n_tokens), r in [row_begin, row_end). */
typedef struct sotto_matmul {
    float      *y;
    size_t      y_stride; /* floats between tokens */
    const void *w;        /* rows of `w_dtype` blocks, w_stride bytes apart */
    size_t      w_stride;
    const void *x;        /* float[cols] or sotto_q8_group[] per token, 64-byte aligned, x_stride bytes apart */
    size_t      x_stride;
    int32_t     cols;     /* whole blocks of the weight dtype */
    int32_t     n_tokens;
} sotto_matmul;

typedef void (*sotto_matmul_fn)(const sotto_matmul *m, int32_t row_begin, int32_t row_end);

/* ---- attention ----------------------------------------------------------------------------------------- */

/* Keys and values of one KV head, position-major: row p at base + p * stride, head_dim elements of kv dtype
 * (f32, f16 or q8_0). Queries are float, already scaled. Query row i sees positions [begin[i], end[i]).
 *
 * A span is SOTTO_ATTN_SPAN positions starting at a multiple of it. `attend` computes for every query row the
 * online softmax over the part of ONE span that the row sees: running maximum m, sum l of exp(s - m) and the
 * weighted sum of values acc[head_dim] (not divided by l). A row that sees nothing of the span gets m = -INF,
 * l = 0, acc = 0. Inside the span positions are taken in tiles of SOTTO_ATTN_TILE at multiples of it, in order.
 * Spans are merged in order by the caller, so the sum order is fixed by position alone.
 * Source: Milakov & Gimelshein 2018 (online softmax), Dao et al. 2022 (tiles). */
enum { SOTTO_ATTN_TILE = 64, SOTTO_ATTN_SPAN = 512 };

typedef struct sotto_attend {
    const float   *q;         /* row i at q + i * q_stride */
    size_t         q_stride;
    const void    *k, *v;     /* at position 0 of this KV head */
    size_t         k_stride, v_stride; /* bytes between positions */
    sotto_dtype    kv_dtype;
    int32_t        head_dim;  /* at most SOTTO_ATTN_HEAD_DIM_MAX; a multiple of 2, of 32 for q8_0 */
    int32_t        n_rows;
    const int32_t *begin, *end; /* per row */
    int32_t        span;      /* index: positions [span * SPAN, (span + 1) * SPAN) */
    float          softcap;   /* s = softcap * tanh(s / softcap) before the softmax; 0: none */
    float         *m, *l;     /* per row */
    float         *acc;       /* row i at acc + i * acc_stride */
    size_t         acc_stride;
} sotto_attend;

enum { SOTTO_ATTN_HEAD_DIM_MAX = 512 };

/* ---- blocks of codes ----------------------------------------------------------------------------------- */

/* Weights as Core ML takes them: blocks of 32, each with one scale, which is looked for among so many at a time. */
enum { SOTTO_CODE_BLOCK = 32, SOTTO_SCALES_TRIED = 32 };

/* ---- the table ----------------------------------------------------------------------------------------- */

typedef enum sotto_activation { SOTTO_ACT_SILU, SOTTO_ACT_GELU_TANH } sotto_activation;

typedef struct sotto_kernels {
    const char *name; /* of the best level in the table: "ref", "avx2", "avx512vnni", "neon", "dotprod", "i8mm" */

    /* Bound: |y - exact| <= 4 * cols * 2^-24 * sum |w_i * x_i| for the exact dot product of the operands given
     * (for quantised types: of the dequantised weights and the quantised activations; for those with a minimum
     * the two terms of a weight count apart, |d * code * x_i| + |m * x_i|). */
    sotto_matmul_fn matmul[SOTTO_WEIGHT_DTYPE_COUNT];

    /* Activations of one token to int8 groups; scale = amax / 127, code = round-to-nearest-even(x * (127 / amax)).
     * Equal to ref bit for bit. cols need not be whole blocks: what lacks is zero. NaN and infinity give code 0,
     * and so does a whole block with amax below 1e-30. */
    void (*quantize_q8)(const float *x, sotto_q8_group *out, int32_t cols);

    /* A block's codes for one scale: q = round-to-nearest-even(x * inverse), which must be below 2^22, and then made
     * to lie within low..top. Equal to ref bit for bit. */
    void (*round_block)(const float *x, float inverse, float low, float top, int8_t *codes);
    /* What each of SOTTO_SCALES_TRIED scales would make of a block, with codes of -8..7: the sums of w * x * q and of
     * w * q * q, x and w (at least 0) being [SOTTO_CODE_BLOCK]. Equal to ref bit for bit. */
    void (*try_scales)(const float *x, const float *w, const float *inverse, float *xq, float *qq);

    /* y = x / sqrt(mean(x^2) + eps) * w; w NULL: no weight. y may be x. Bound: 1e-6 relative + n * 2^-24. */
    void (*rmsnorm)(float *y, const float *x, const float *w, int32_t n, float eps);
    /* gate[i] = act(gate[i]) * up[i]. Bound: 4e-6 relative of |act| + 1e-7 * |up|. */
    void (*activate)(sotto_activation act, float *gate, const float *up, int32_t n);
    void (*add)(float *y, const float *x, int32_t n);             /* y += x */
    void (*scale)(float *y, float s, int32_t n);                  /* y *= s */
    /* x = cap * tanh(x / cap). Bound: 4e-6 * cap. */
    void (*softcap)(float *x, float cap, int32_t n);
    /* Rotate pairs of one head in place by the angles whose cosine and sine are given: (x[i], x[i + n_pairs])
     * when `interleaved` is false, (x[2i], x[2i+1]) when true. Elements past 2 * n_pairs are untouched. */
    void (*rope)(float *x, const float *cos, const float *sin, int32_t n_pairs, bool interleaved);
    /* Online softmax attention over one span; see sotto_attend. Bound, relative to sum p|v|: 1e-5 + 2^-21 *
     * (softcap + the largest sum |q * k| of a position): an error in a score is a relative one in its weight. */
    void (*attend)(const sotto_attend *a);
    /* n elements (whole blocks) of any weight dtype to float and, for f32 f16 q8_0 (KV cache), back. */
    void (*to_f32)(sotto_dtype dtype, const void *src, float *dst, int32_t n);
    void (*from_f32)(sotto_dtype dtype, const float *src, void *dst, int32_t n);

    /* For benchmarks: `rounds` rounds (at least 1) of the level's best multiply-accumulate in registers; the
     * multiply-accumulates done. */
    uint64_t (*peak_int8)(uint64_t rounds);
    uint64_t (*peak_bf16)(uint64_t rounds); /* of a level without such instructions: peak_f32, as weights are widened */
    uint64_t (*peak_f32)(uint64_t rounds);
} sotto_kernels;

/* Fill the table for a set of SOTTO_CPU_* flags (os/os.h): ref first, then each better level overwrites. */
void sotto_kernels_init(sotto_kernels *k, uint32_t cpu_flags);
/* Flags up to and including a named level ("ref", "avx2", ...), so that a user or a test can lower it;
 * false when the name is unknown. */
bool sotto_kernels_level(const char *name, uint32_t *flags);

/* For the implementers: each level's part of the table. */
void sotto_kernels_init_ref(sotto_kernels *k);
void sotto_kernels_init_avx2(sotto_kernels *k);
void sotto_kernels_init_avx512vnni(sotto_kernels *k);
void sotto_kernels_init_neon(sotto_kernels *k);
void sotto_kernels_init_dotprod(sotto_kernels *k);
void sotto_kernels_init_i8mm(sotto_kernels *k);
/* The same for the peaks (peak_*.c). */
void sotto_kernels_init_peak_ref(sotto_kernels *k);
void sotto_kernels_init_peak_avx2(sotto_kernels *k);
void sotto_kernels_init_peak_avx512vnni(sotto_kernels *k);
void sotto_kernels_init_peak_avx512bf16(sotto_kernels *k);
void sotto_kernels_init_peak_neon(sotto_kernels *k);
void sotto_kernels_init_peak_dotprod(sotto_kernels *k);
void sotto_kernels_init_peak_i8mm(sotto_kernels *k);
void sotto_kernels_init_peak_bf16(sotto_kernels *k);

/* For benchmarks: read n bytes, whole SOTTO_PEAK_READ_STEP, at the speed of the memory; their sum. Which way is the
 * fastest depends on the machine: bit 0 asks for bytes ahead as the products do, bit 1 reads four streams at once. */
enum { SOTTO_PEAK_READ_WAYS = 4, SOTTO_PEAK_READ_STEP = 1024 };
uint64_t sotto_peak_read(const void *p, size_t n, int way);

#endif
