/* Products of quantised weights with int8 activations, for any x86 level. Included by the level's file, inside
 * its instruction set, after it has defined the vectors (see x86/avx512vnni.c for their meaning).
 *
 * The unit of work is a part: VL blocks of 32 weights, one per 32-bit lane. A part is unpacked to eight vectors of
 * bytes, laid out like sotto_q8_group (vector k holds elements 4k..4k+3 of each block), so that eight multiply-add
 * instructions give the VL integer sums. Each is scaled by weight scale * activation scale and added to a float
 * accumulator with VL lanes. Every PANEL parts the lanes are summed up, always in the same order, and added to y.
 * One token or many, the steps that lead to one y are the same ones in the same order.
 *
 * Codes are made unsigned by adding an offset where the instruction wants them so; offset * (sum of the
 * activation's codes) is taken away from the integer sum, which is therefore exact. */

/* Parts between two sums over the lanes: 2048 columns. */
enum { PANEL = 2048 / 32 / VL, PARTS_PER_GROUP = 16 / VL };

typedef struct part {
    vi code[8];
    vf scale[2]; /* of elements 0..15 and 16..31 where they differ (q6_k); else the first is the block's */
    vf min;      /* dtypes with a minimum */
} part;

static INLINE size_t part_size(sotto_dtype dtype) { return VL * 32 / block_elems(dtype) * block_bytes(dtype); }
static INLINE bool   code_is_signed(sotto_dtype dtype) {
    return DOT_SIGNED && (dtype == SOTTO_Q8_0 || dtype == SOTTO_IQ4_NL);
}

/* What is added to a code to make it unsigned. */
static INLINE int code_offset(sotto_dtype dtype) {
    switch (dtype) {
    case SOTTO_Q4_0: return 8;
    case SOTTO_Q5_0: return 16;
    case SOTTO_Q6_K: return 32;
    case SOTTO_Q8_0:
    case SOTTO_IQ4_NL: return DOT_SIGNED ? 0 : 128;
    default: return 0;
    }
}

/* ---- unpacking ----------------------------------------------------------------------------------------- */

/* in[j] holds 16 bytes of the blocks j, 4 + j, ... in its 128-bit lanes; out[k] gets bytes 4k..4k+3 of all blocks
 * in order: a 4 x 4 transposition of 32-bit words within each lane. */
static INLINE void transpose(const vi in[4], vi out[4]) {
    vi a = vi_zip_lo32(in[0], in[1]), b = vi_zip_hi32(in[0], in[1]);
    vi c = vi_zip_lo32(in[2], in[3]), d = vi_zip_hi32(in[2], in[3]);
    out[0] = vi_zip_lo64(a, c), out[1] = vi_zip_hi64(a, c);
    out[2] = vi_zip_lo64(b, d), out[3] = vi_zip_hi64(b, d);
}

/* 16 bytes at `at` in every block of a part with blocks of 32, transposed. */
static INLINE void load_transposed(const uint8_t *p, size_t block, size_t at, vi out[4]) {
    vi raw[4];
#ifdef FOUR_BLOCKS_A_LOAD
    /* Small blocks come four at a time; the transposition then leaves block 4i + j in place of j + 4i. */
    if (2 * block + at + 16 <= 64) {
        UNROLL for (size_t i = 0; i < 4; i++) raw[i] = vi_four_chunks(p + 4 * i * block, block, at);
        transpose(raw, out);
        UNROLL for (size_t k = 0; k < 4; k++) out[k] = vi_transpose_lanes(out[k]);
        return;
    }
#endif
    UNROLL for (size_t j = 0; j < 4; j++) raw[j] = vi_chunks(p + j * block + at, 4 * block, 8 * block);
    transpose(raw, out);
}

static INLINE vi low_nibbles(vi v) { return vi_and(v, vi_set8(15)); }
static INLINE vi high_nibbles(vi v) { return vi_and(vi_shr16(v, 4), vi_set8(15)); }

static INLINE void unpack_nibbles(const uint8_t *p, size_t block, size_t at, part *out) {
    vi qs[4];
    load_transposed(p, block, at, qs);
    UNROLL for (int k = 0; k < 4; k++) {
        out->code[k] = low_nibbles(qs[k]);
        out->code[4 + k] = high_nibbles(qs[k]);
    }
}

/* The fifth bits of q5_0 and q5_1: 32 bits at `at` in each block, bit j for element j. (The 16-byte loads stay
 * inside the block.) For code vector k the byte k / 2 of every block is copied to the lane's four bytes, and each
 * picks its bit, 4k % 8 and on. */
static INLINE void add_fifth_bits(const uint8_t *p, size_t block, size_t at, part *out) {
    vi qh[4];
    load_transposed(p, block, at, qh);
    UNROLL for (int k = 0; k < 8; k++) {
        long long byte = (k / 2) * 0x0101010101010101;
        vi        copied = vi_shuffle8(qh[0], vi_set64(byte + 0x0404040400000000, byte + 0x0c0c0c0c08080808));
        vi        bit = vi_set32(k % 2 ? (int)0x80402010 : 0x08040201);
        out->code[k] = vi_or(out->code[k], vi_and(vi_eq8(vi_and(copied, bit), bit), vi_set8(16)));
    }
}

/* Signed bytes, as the dot product wants them. */
static INLINE vi signed_codes(vi v) { return DOT_SIGNED ? v : vi_xor(v, vi_set8(-128)); }

static INLINE void unpack_iq4_nl(const uint8_t *p, part *out) {
    vi table = vi_table16(sotto_iq4_nl_values);
    unpack_nibbles(p, sizeof(sotto_block_iq4_nl), 2, out);
    UNROLL for (int k = 0; k < 8; k++) out->code[k] = signed_codes(vi_shuffle8(table, out->code[k]));
}

static INLINE void unpack_q8_0(const uint8_t *p, part *out) {
    load_transposed(p, sizeof(sotto_block_q8_0), 2, out->code);
    load_transposed(p, sizeof(sotto_block_q8_0), 18, out->code + 4);
    UNROLL for (int k = 0; k < 8; k++) out->code[k] = signed_codes(out->code[k]);
}

/* Scales and minimums of q4_k and q5_k: see sotto_k_scale; here four at a time in the bytes of a word. */
static INLINE void unpack_k_scales(const uint8_t *p, size_t block, part *out) {
    uint64_t scale[2] = {0, 0}, min[2] = {0, 0};
    float    d[2] = {0, 0}, dmin[2] = {0, 0};
    UNROLL for (size_t i = 0; i < VL / 8; i++) {
        uint32_t a, b, c;
        uint16_t h, hmin;
        memcpy(&h, p + i * block, 2);
        memcpy(&hmin, p + i * block + 2, 2);
        memcpy(&a, p + i * block + 4, 4);
        memcpy(&b, p + i * block + 8, 4);
        memcpy(&c, p + i * block + 12, 4);
        scale[i] = (a & 0x3f3f3f3f) | (uint64_t)((c & 0x0f0f0f0f) | (a >> 2 & 0x30303030)) << 32;
        min[i] = (b & 0x3f3f3f3f) | (uint64_t)((c >> 4 & 0x0f0f0f0f) | (b >> 2 & 0x30303030)) << 32;
        d[i] = f16_to_f32(h), dmin[i] = -f16_to_f32(hmin);
    }
    out->scale[0] = vf_mul(vf_u8(scale), vf_eights(d));
    out->min = vf_mul(vf_u8(min), vf_eights(dmin));
}

/* Elements 16 * half and on of the blocks of a part of q4_k or q5_k. Lane i of raw vector j is block 4i + j: its
 * super-block's 32-byte run 2(i % 2) + j / 2, low nibbles for even j. */
static INLINE void unpack_k_half(const uint8_t *p, size_t block, size_t at, size_t half, vi raw[4]) {
    vi a = vi_chunks(p + at + 16 * half, 64, block), b = vi_chunks(p + at + 32 + 16 * half, 64, block);
    raw[0] = low_nibbles(a), raw[1] = high_nibbles(a);
    raw[2] = low_nibbles(b), raw[3] = high_nibbles(b);
}

static INLINE void unpack_q4_k(const uint8_t *p, part *out) {
    vi raw[4];
    UNROLL for (size_t half = 0; half < 2; half++) {
        unpack_k_half(p, sizeof(sotto_block_q4_k), 16, half, raw);
        transpose(raw, out->code + 4 * half);
    }
    unpack_k_scales(p, sizeof(sotto_block_q4_k), out);
}

/* The fifth bit of element l of block s is bit s % 8 of the super-block's qh[l]; lane i of vector j is block
 * 4i + j, so that bit is 4(i % 2) + j. */
static INLINE void unpack_q5_k(const uint8_t *p, part *out) {
    vi raw[4];
    UNROLL for (size_t half = 0; half < 2; half++) {
        vi qh = vi_chunks(p + 16 + 16 * half, 0, sizeof(sotto_block_q5_k));
        unpack_k_half(p, sizeof(sotto_block_q5_k), 48, half, raw);
        UNROLL for (int j = 0; j < 4; j++) {
            vi bit = vi_lanes8((char)(1 << j), (char)(16 << j));
            raw[j] = vi_or(raw[j], vi_and(vi_eq8(vi_and(qh, bit), bit), vi_set8(16)));
        }
        transpose(raw, out->code + 4 * half);
    }
    unpack_k_scales(p, sizeof(sotto_block_q5_k), out);
}

/* Lane i of vector j is quarter j of the half i % 2 of super-block i / 2 (see unpack_q6_k in tensor/blocks.c). */
static INLINE void unpack_q6_k(const uint8_t *p, part *out) {
    const size_t block = sizeof(sotto_block_q6_k);
    vi           raw[4], two_bits = vi_set8(0x30);
    UNROLL for (size_t half = 0; half < 2; half++) {
        vi a = vi_chunks(p + 16 * half, 64, block), b = vi_chunks(p + 32 + 16 * half, 64, block);
        vi qh = vi_chunks(p + 128 + 16 * half, 32, block);
        raw[0] = vi_or(low_nibbles(a), vi_and(vi_shl16(qh, 4), two_bits));
        raw[1] = vi_or(low_nibbles(b), vi_and(vi_shl16(qh, 2), two_bits));
        raw[2] = vi_or(high_nibbles(a), vi_and(qh, two_bits));
        raw[3] = vi_or(high_nibbles(b), vi_and(vi_shr16(qh, 2), two_bits));
        transpose(raw, out->code + 4 * half);
    }
    float d[2] = {0, 0};
    UNROLL for (size_t i = 0; i < VL / 8; i++) {
        uint16_t h;
        memcpy(&h, p + i * block + offsetof(sotto_block_q6_k, d), 2);
        d[i] = f16_to_f32(h);
    }
    /* A block's two scales are the bytes of one 16-bit word; times a half-precision d they are exact. */
    vi scales = vi_words(p + offsetof(sotto_block_q6_k, scales), block);
    out->scale[0] = vf_mul(vf_from_i32(vi_sar32(vi_shl32(scales, 24), 24)), vf_eights(d));
    out->scale[1] = vf_mul(vf_from_i32(vi_sar32(scales, 8)), vf_eights(d));
}

static INLINE void unpack(sotto_dtype dtype, const uint8_t *p, part *out) {
    switch (dtype) {
    case SOTTO_Q4_0: unpack_nibbles(p, sizeof(sotto_block_q4_0), 2, out); break;
    case SOTTO_Q4_1: unpack_nibbles(p, sizeof(sotto_block_q4_1), 4, out); break;
    case SOTTO_Q5_0:
        unpack_nibbles(p, sizeof(sotto_block_q5_0), 6, out);
        add_fifth_bits(p, sizeof(sotto_block_q5_0), 2, out);
        break;
    case SOTTO_Q5_1:
        unpack_nibbles(p, sizeof(sotto_block_q5_1), 8, out);
        add_fifth_bits(p, sizeof(sotto_block_q5_1), 4, out);
        break;
    case SOTTO_Q8_0: unpack_q8_0(p, out); break;
    case SOTTO_IQ4_NL: unpack_iq4_nl(p, out); break;
    case SOTTO_Q4_K: unpack_q4_k(p, out); return;
    case SOTTO_Q5_K: unpack_q5_k(p, out); return;
    case SOTTO_Q6_K: unpack_q6_k(p, out); return;
    default: return;
    }
    out->scale[0] = vf_halves(p, block_bytes(dtype), 0);
    if (sotto_dtype_has_min(dtype)) out->min = vf_halves(p, block_bytes(dtype), 2);
}

/* ---- the product of parts ------------------------------------------------------------------------------ */

/* How many products' 16-bit pair sums can be added before they must be widened, where vi_dot works by pairs:
 * 8 * 2 * 15 * 127, 4 * 2 * 31 * 127 and 2 * 2 * 63 * 127 are below 2^15. */
static INLINE int pair_run(sotto_dtype dtype) {
    switch (dtype) {
    case SOTTO_Q4_0:
    case SOTTO_Q4_1:
    case SOTTO_Q4_K: return 8;
    case SOTTO_Q5_0:
    case SOTTO_Q5_1:
    case SOTTO_Q5_K: return 4;
    case SOTTO_Q6_K: return 2;
    default: return 1;
    }
}

/* sum + the products of code vector k; `pairs` carries 16-bit sums from k to k + 1 where the level has them. */
static INLINE vi dot_step(sotto_dtype dtype, int k, vi weights, vi codes, vi sum, vi *pairs) {
#ifdef DOT_BY_PAIRS
    vi pair = vi_dot_pairs(weights, codes, code_is_signed(dtype));
    *pairs = k % pair_run(dtype) == 0 ? pair : vi_add16(*pairs, pair);
    if (k % pair_run(dtype) != pair_run(dtype) - 1) return sum;
    vi longer = vi_add(sum, vi_widen_pairs(*pairs));
    return pair_run(dtype) == 1 ? vi_keep(longer) : longer; /* as vi_add16: in this order */
#else
    (void)dtype, (void)k, (void)pairs;
    return vi_dot(sum, weights, codes);
#endif
}

/* acc[r][t] += the product of part w[r] with part `index` of token t's row, for ROWS x n tokens. */
static INLINE void multiply_parts(sotto_dtype dtype, int rows, int n, const part *const w[], const uint8_t *x,
                                  size_t x_stride, size_t index, vf acc[TILE_ROWS][TILE_TOKENS]) {
    const size_t group = index / PARTS_PER_GROUP * sizeof(sotto_q8_group), first = index % PARTS_PER_GROUP * VL;
    const bool   halves = dtype == SOTTO_Q6_K;
    vi           sum[TILE_ROWS][TILE_TOKENS], pairs[TILE_ROWS][TILE_TOKENS];
    UNROLL for (int k = 0; k < 8; k++) {
        vi weights[TILE_ROWS];
        UNROLL for (int r = 0; r < rows; r++) weights[r] = n > 1 ? vi_keep(w[r]->code[k]) : w[r]->code[k];
        UNROLL for (int t = 0; t < n; t++) {
            const sotto_q8_group *g = (const void *)(x + (size_t)t * x_stride + group);
            vi                    codes = vi_load(&g->code[k][first]);
            UNROLL for (int r = 0; r < rows; r++) {
                vi before = k == 0 || (k == 4 && halves) ? vi_zero() : sum[r][t];
                sum[r][t] = dot_step(dtype, k, weights[r], codes, before, &pairs[r][t]);
            }
        }
        if (k != 7 && !(k == 3 && halves)) continue;
        UNROLL for (int t = 0; t < n; t++) {
            const sotto_q8_group *g = (const void *)(x + (size_t)t * x_stride + group);
            vi                    lo = vi_load(g->sum_lo + first), hi = vi_load(g->sum_hi + first);
            vi                    of_x = !halves ? vi_add(lo, hi) : k == 3 ? lo : hi;
            vf                    scale = vf_load(g->scale + first), scaled = vf_mul(vf_from_i32(of_x), scale);
            vi                    offset = vi_times_power(of_x, code_offset(dtype));
            UNROLL for (int r = 0; r < rows; r++) {
                vi whole = code_offset(dtype) ? vi_sub(sum[r][t], offset) : sum[r][t];
                vf both = vf_mul(w[r]->scale[halves && k == 7], scale);
                acc[r][t] = vf_fma(vf_from_i32(whole), both, acc[r][t]);
                if (sotto_dtype_has_min(dtype)) acc[r][t] = vf_fma(w[r]->min, scaled, acc[r][t]);
            }
        }
    }
}

/* The blocks of part `index` of a row; a part that the row does not fill is completed with zeros in `tail`. */
static INLINE const uint8_t *part_bytes(sotto_dtype dtype, const uint8_t *row, size_t row_bytes, size_t index,
                                        uint8_t *tail) {
    const size_t bytes = part_size(dtype), at = index * bytes;
    if (at + bytes <= row_bytes) return row + at;
    memset(tail, 0, bytes);
    memcpy(tail, row + at, row_bytes - at);
    return tail;
}

enum {
    TAIL_BYTES = VL * sizeof(sotto_block_q8_0), /* the largest part */
    STREAMS = 4,
};

/* One token and `rows` rows, `step` apart, side by side. */
static INLINE void multiply_rows(sotto_dtype dtype, int rows, const sotto_matmul *m, int32_t r, int32_t step) {
    const size_t   row_bytes = (size_t)m->cols / block_elems(dtype) * block_bytes(dtype);
    const size_t   parts = (row_bytes + part_size(dtype) - 1) / part_size(dtype);
    const uint8_t *row[STREAMS];
    float          y[STREAMS] = {0};
    UNROLL for (int s = 0; s < rows; s++) row[s] = (const uint8_t *)m->w + (size_t)(r + s * step) * m->w_stride;
    for (size_t first = 0; first < parts; first += PANEL) {
        vf acc[STREAMS][TILE_ROWS][TILE_TOKENS];
        UNROLL for (int s = 0; s < rows; s++) acc[s][0][0] = vf_zero();
        for (size_t i = first; i < parts && i < first + PANEL; i++) {
            UNROLL for (int s = 0; s < rows; s++) {
                uint8_t        tail[TAIL_BYTES];
                part           w;
                const part    *pw = &w;
                const uint8_t *p = part_bytes(dtype, row[s], row_bytes, i, tail);
                prefetch(p, PREFETCH_AHEAD, part_size(dtype));
                unpack(dtype, p, &w);
                multiply_parts(dtype, 1, 1, &pw, m->x, 0, i, acc[s]);
            }
        }
        UNROLL for (int s = 0; s < rows; s++) {
            float sum = vf_sum(acc[s][0][0]);
            y[s] = first ? y[s] + sum : sum;
        }
    }
    UNROLL for (int s = 0; s < rows; s++) m->y[r + s * step] = y[s];
}

/* One token: each row is read once, in order, and four quarters of the rows at once: a processor asks its memory for
 * more in advance when it sees several streams. */
static INLINE void multiply_one(sotto_dtype dtype, const sotto_matmul *m, int32_t begin, int32_t end) {
    const int32_t step = (end - begin) / STREAMS;
    for (int32_t r = begin; r < begin + step; r++) multiply_rows(dtype, STREAMS, m, r, step);
    for (int32_t r = begin + step * STREAMS; r < end; r++) multiply_rows(dtype, 1, m, r, 0);
}

/* n tokens against two unpacked rows, over the parts [first, first + count) of a panel; sums are added to y. */
static INLINE void multiply_tile(sotto_dtype dtype, int n, const part *const rows[], const uint8_t *x, size_t x_stride,
                                 size_t first, size_t count, int n_rows, float *y, size_t y_stride) {
    vf acc[TILE_ROWS][TILE_TOKENS];
    UNROLL for (int r = 0; r < TILE_ROWS; r++) {
        UNROLL for (int t = 0; t < n; t++) acc[r][t] = vf_zero();
    }
    for (size_t i = 0; i < count; i++) {
        const part *w[TILE_ROWS];
        UNROLL for (int r = 0; r < TILE_ROWS; r++) w[r] = rows[r] + i;
        multiply_parts(dtype, TILE_ROWS, n, w, x, x_stride, first + i, acc);
    }
    UNROLL for (int r = 0; r < TILE_ROWS; r++) {
        if (r >= n_rows) break;
        UNROLL for (int t = 0; t < n; t++) {
            float *to = y + (size_t)t * y_stride + r, sum = vf_sum(acc[r][t]);
            *to = first ? *to + sum : sum;
        }
    }
}

/* Every token against `n_rows` unpacked rows of a panel, tile by tile. */
static INLINE void multiply_panel(sotto_dtype dtype, const sotto_matmul *m, int32_t token, int32_t token_end,
                                  const part (*rows)[PANEL], int32_t n_rows, size_t first, size_t count, int32_t row) {
    while (token < token_end) {
        const uint8_t *x = (const uint8_t *)m->x + (size_t)token * m->x_stride;
        float         *y = m->y + (size_t)token * m->y_stride + row;
        int32_t        left = token_end - token;
        int32_t        n = left >= TILE_TOKENS ? TILE_TOKENS : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        for (int32_t r = 0; r < n_rows; r += TILE_ROWS) {
            const part *w[TILE_ROWS];
            for (int32_t i = 0; i < TILE_ROWS; i++) w[i] = rows[SOTTO_MIN(r + i, n_rows - 1)];
            switch (n) {
            case 1: multiply_tile(dtype, 1, w, x, m->x_stride, first, count, n_rows - r, y + r, m->y_stride); break;
            case 2: multiply_tile(dtype, 2, w, x, m->x_stride, first, count, n_rows - r, y + r, m->y_stride); break;
#if TILE_TOKENS > 4
            case 4: multiply_tile(dtype, 4, w, x, m->x_stride, first, count, n_rows - r, y + r, m->y_stride); break;
#endif
            default:
                multiply_tile(dtype, TILE_TOKENS, w, x, m->x_stride, first, count, n_rows - r, y + r, m->y_stride);
                break;
            }
        }
        token += n;
    }
}

/* Several tokens: rows are unpacked once per panel and chunk of tokens, whose activations then stay in the
 * second-level cache while all rows pass. Few tokens take few rows at a time through all panels instead, so that
 * rows are read in order. */
enum { UNPACKED_ROWS = 8, FEW_TOKENS = 16, FEW_ROWS = 4, TOKEN_CHUNK = 20 * TILE_TOKENS };

static INLINE void multiply_many(sotto_dtype dtype, const sotto_matmul *m, int32_t begin, int32_t end) {
    const size_t  row_bytes = (size_t)m->cols / block_elems(dtype) * block_bytes(dtype);
    const size_t  parts = (row_bytes + part_size(dtype) - 1) / part_size(dtype);
    const bool    few = m->n_tokens <= FEW_TOKENS;
    const int32_t step = few ? FEW_ROWS : UNPACKED_ROWS, pass = few ? FEW_ROWS : SOTTO_MAX(end - begin, 1);
    part          rows[UNPACKED_ROWS][PANEL];
    for (int32_t pass_begin = begin; pass_begin < end; pass_begin += pass) {
        int32_t pass_end = SOTTO_MIN(end - pass_begin, pass) + pass_begin;
        for (size_t first = 0; first < parts; first += PANEL) {
            size_t count = SOTTO_MIN(parts - first, (size_t)PANEL);
            for (int32_t token = 0; token < m->n_tokens; token += TOKEN_CHUNK) {
                int32_t token_end = SOTTO_MIN(m->n_tokens, token + TOKEN_CHUNK);
                for (int32_t r = pass_begin; r < pass_end; r += step) {
                    int32_t n_rows = SOTTO_MIN(step, pass_end - r);
                    for (int32_t i = 0; i < n_rows; i++) {
                        const uint8_t *row = (const uint8_t *)m->w + (size_t)(r + i) * m->w_stride;
                        for (size_t j = 0; j < count; j++) {
                            uint8_t        tail[TAIL_BYTES];
                            const uint8_t *p = part_bytes(dtype, row, row_bytes, first + j, tail);
                            if (few) prefetch(p, 2 * FEW_ROWS * m->w_stride, part_size(dtype));
                            unpack(dtype, p, &rows[i][j]);
                        }
                    }
                    multiply_panel(dtype, m, token, token_end, (const part(*)[PANEL])rows, n_rows, first, count, r);
                }
            }
        }
    }
}

static INLINE void multiply(sotto_dtype dtype, const sotto_matmul *m, int32_t begin, int32_t end) {
    if (m->n_tokens == 1) multiply_one(dtype, m, begin, end);
    else multiply_many(dtype, m, begin, end);
}

#include "kernels/simd/products.h"
