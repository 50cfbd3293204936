/* Quantised weights of any dtype as parts, for every ARM level. Included by the level's file, inside its
 * instruction set, after it has defined WIDE_NIBBLES.
 *
 * A part is four blocks of 32 weights, one per 32-bit lane (half a super-block of 256). Its codes are signed bytes,
 * in one of two orders: by lanes as in sotto_q8_group, code[k] holding elements 4k..4k+3 of each block, so that a
 * dot product of bytes needs no addition across lanes; or by rows, code[4h + b] holding elements 16h..16h+15 of
 * block b, as they lie in memory. */

typedef struct part {
    int8x16_t   code[8];
    float32x4_t scale[2]; /* of elements 0..15 and 16..31 where they differ (q6_k); else the first is the block's */
    float32x4_t min;      /* dtypes with a minimum */
} part;

enum { PART_BLOCKS = 4, PART_BYTES_MAX = PART_BLOCKS * sizeof(sotto_block_q8_0) /* of blocks of 32 */ };

static INLINE bool is_super(sotto_dtype dtype) {
    return dtype == SOTTO_Q4_K || dtype == SOTTO_Q5_K || dtype == SOTTO_Q6_K;
}
static INLINE bool has_half_scales(sotto_dtype dtype) { return dtype == SOTTO_Q6_K; }

/* With WIDE_NIBBLES codes of q4_0 are 16 times their value: one instruction less per vector than to make them small
 * again. The conversion of a sum to float divides by 16, exactly. */
static INLINE bool        is_wide(sotto_dtype dtype) { return WIDE_NIBBLES && dtype == SOTTO_Q4_0; }
static INLINE float32x4_t sum_to_float(sotto_dtype dtype, int32x4_t sum) {
    return is_wide(dtype) ? vcvtq_n_f32_s32(sum, 4) : vcvtq_f32_s32(sum);
}

/* ---- vectors ------------------------------------------------------------------------------------------- */

static INLINE int8x16_t zip_lo32(int8x16_t a, int8x16_t b) {
    return vreinterpretq_s8_s32(vzip1q_s32(vreinterpretq_s32_s8(a), vreinterpretq_s32_s8(b)));
}
static INLINE int8x16_t zip_hi32(int8x16_t a, int8x16_t b) {
    return vreinterpretq_s8_s32(vzip2q_s32(vreinterpretq_s32_s8(a), vreinterpretq_s32_s8(b)));
}
static INLINE int8x16_t zip_lo64(int8x16_t a, int8x16_t b) {
    return vreinterpretq_s8_s64(vzip1q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}
static INLINE int8x16_t zip_hi64(int8x16_t a, int8x16_t b) {
    return vreinterpretq_s8_s64(vzip2q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}

/* From rows to lanes: a 4 x 4 transposition of 32-bit words. */
static INLINE void transpose(int8x16_t v[4]) {
    int8x16_t a = zip_lo32(v[0], v[1]), b = zip_hi32(v[0], v[1]), c = zip_lo32(v[2], v[3]), d = zip_hi32(v[2], v[3]);
    v[0] = zip_lo64(a, c), v[1] = zip_hi64(a, c);
    v[2] = zip_lo64(b, d), v[3] = zip_hi64(b, d);
}

static INLINE int8x16_t set8(int v) { return vdupq_n_s8((int8_t)v); }
static INLINE int8x16_t load16(const uint8_t *p) { return vreinterpretq_s8_u8(vld1q_u8(p)); }
static INLINE int8x16_t low_nibbles(int8x16_t v) { return vandq_s8(v, set8(15)); }
static INLINE int8x16_t high_nibbles(int8x16_t v) {
    return vreinterpretq_s8_u8(vshrq_n_u8(vreinterpretq_u8_s8(v), 4));
}
/* 16 where a bit of the mask is set in v, else 0. */
static INLINE int8x16_t sixteen_where(uint8x16_t v, uint8x16_t mask) {
    return vandq_s8(vreinterpretq_s8_u8(vtstq_u8(v, mask)), set8(16));
}

/* ---- unpacking ----------------------------------------------------------------------------------------- */

/* 16 bytes at `at` in every block. */
static INLINE void load_blocks(const uint8_t *p, size_t block, size_t at, bool lanes, int8x16_t out[4]) {
    UNROLL for (size_t j = 0; j < 4; j++) out[j] = load16(p + j * block + at);
    if (lanes) transpose(out);
}

static INLINE void unpack_nibbles(const uint8_t *p, size_t block, size_t at, bool lanes, part *out) {
    int8x16_t qs[4];
    load_blocks(p, block, at, lanes, qs);
    UNROLL for (int k = 0; k < 4; k++) {
        out->code[k] = low_nibbles(qs[k]);
        out->code[4 + k] = high_nibbles(qs[k]);
    }
}

/* Flipping a nibble's top bit subtracts 8, as far as its four bits go; in the high half of a byte that is the
 * value times 16. */
static INLINE void unpack_wide_nibbles(const uint8_t *p, size_t block, size_t at, bool lanes, part *out) {
    int8x16_t qs[4];
    load_blocks(p, block, at, lanes, qs);
    UNROLL for (int k = 0; k < 4; k++) {
        qs[k] = veorq_s8(qs[k], set8(-0x78));
        out->code[k] = vshlq_n_s8(qs[k], 4);
        out->code[4 + k] = vandq_s8(qs[k], set8(-0x10));
    }
}

static INLINE void subtract(part *p, int offset) {
    UNROLL for (int k = 0; k < 8; k++) p->code[k] = vsubq_s8(p->code[k], set8(offset));
}

/* q5_0 and q5_1: nibbles at `at`, and four bytes before it whose bit j is the fifth bit of element j. */
static INLINE void unpack_five(const uint8_t *p, size_t block, size_t at, bool lanes, part *out) {
    const uint8x16_t bits = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    unpack_nibbles(p, block, at, false, out);
    UNROLL for (size_t h = 0; h < 2; h++) {
        UNROLL for (size_t b = 0; b < 4; b++) {
            const uint8_t *qh = p + b * block + at - 4 + 2 * h;
            uint8x16_t     copied = vcombine_u8(vld1_dup_u8(qh), vld1_dup_u8(qh + 1));
            out->code[4 * h + b] = vorrq_s8(out->code[4 * h + b], sixteen_where(copied, bits));
        }
        if (lanes) transpose(out->code + 4 * h);
    }
}

static INLINE void unpack_iq4_nl(const uint8_t *p, bool lanes, part *out) {
    const int8x16_t table = vld1q_s8(sotto_iq4_nl_values);
    unpack_nibbles(p, sizeof(sotto_block_iq4_nl), 2, lanes, out);
    UNROLL for (int k = 0; k < 8; k++) out->code[k] = vqtbl1q_s8(table, vreinterpretq_u8_s8(out->code[k]));
}

/* Elements 16h and on of the blocks of half `side` of a q4_k or q5_k super-block, whose 32-byte runs hold two
 * blocks each, in low and in high nibbles. Here and below block 4 * side + b goes to out[b]. */
static INLINE void unpack_k_nibbles(const uint8_t *qs, size_t side, size_t h, int8x16_t out[4]) {
    int8x16_t a = load16(qs + 64 * side + 16 * h), b = load16(qs + 64 * side + 32 + 16 * h);
    out[0] = low_nibbles(a), out[1] = high_nibbles(a);
    out[2] = low_nibbles(b), out[3] = high_nibbles(b);
}

/* Scales and minimums: see sotto_k_scale; here the four of a half at a time, in the bytes of a word. */
static INLINE void unpack_k_scales(const uint8_t *p, size_t side, part *out) {
    uint16_t d[2];
    uint32_t u[3];
    memcpy(d, p, 4);
    memcpy(u, p + 4, 12);
    uint32_t scale = side ? (u[2] & 0x0f0f0f0f) | (u[0] >> 2 & 0x30303030) : u[0] & 0x3f3f3f3f;
    uint32_t min = side ? (u[2] >> 4 & 0x0f0f0f0f) | (u[1] >> 2 & 0x30303030) : u[1] & 0x3f3f3f3f;
    out->scale[0] = vmulq_n_f32(vf_u8(scale), f16_to_f32(d[0]));
    out->min = vmulq_n_f32(vf_u8(min), -f16_to_f32(d[1]));
}

static INLINE void unpack_q4_k(const uint8_t *p, size_t side, bool lanes, part *out) {
    UNROLL for (size_t h = 0; h < 2; h++) {
        unpack_k_nibbles(p + offsetof(sotto_block_q4_k, qs), side, h, out->code + 4 * h);
        if (lanes) transpose(out->code + 4 * h);
    }
    unpack_k_scales(p, side, out);
}

/* The fifth bit of element l of block s is bit s of qh[l]. */
static INLINE void unpack_q5_k(const uint8_t *p, size_t side, bool lanes, part *out) {
    const int8x16_t right = set8(-4 * (int)side);
    UNROLL for (size_t h = 0; h < 2; h++) {
        int8x16_t *code = out->code + 4 * h;
        uint8x16_t qh = vshlq_u8(vld1q_u8(p + offsetof(sotto_block_q5_k, qh) + 16 * h), right);
        unpack_k_nibbles(p + offsetof(sotto_block_q5_k, qs), side, h, code);
        UNROLL for (int b = 0; b < 4; b++)
            code[b] = vorrq_s8(code[b], sixteen_where(qh, vdupq_n_u8((uint8_t)(1 << b))));
        if (lanes) transpose(code);
    }
    unpack_k_scales(p, side, out);
}

/* Block b of a half is its quarter b: see unpack_q6_k in tensor/blocks.c. */
static INLINE void unpack_q6_k(const uint8_t *p, size_t side, bool lanes, part *out) {
    const int8x16_t two_bits = set8(0x30);
    UNROLL for (size_t h = 0; h < 2; h++) {
        int8x16_t *code = out->code + 4 * h;
        uint8x16_t qh = vld1q_u8(p + offsetof(sotto_block_q6_k, qh) + 32 * side + 16 * h);
        unpack_k_nibbles(p + offsetof(sotto_block_q6_k, ql), side, h, code);
        int8x16_t second = code[1]; /* runs and nibbles are the other way round here */
        code[1] = code[2], code[2] = second;
        code[0] = vorrq_s8(code[0], vandq_s8(vreinterpretq_s8_u8(vshlq_n_u8(qh, 4)), two_bits));
        code[1] = vorrq_s8(code[1], vandq_s8(vreinterpretq_s8_u8(vshlq_n_u8(qh, 2)), two_bits));
        code[2] = vorrq_s8(code[2], vandq_s8(vreinterpretq_s8_u8(qh), two_bits));
        code[3] = vorrq_s8(code[3], vandq_s8(vreinterpretq_s8_u8(vshrq_n_u8(qh, 2)), two_bits));
        if (lanes) transpose(code);
    }
    subtract(out, 32);
    /* A block's two scales are neighbours; times a half-precision d they are exact. */
    uint16_t d;
    memcpy(&d, p + offsetof(sotto_block_q6_k, d), 2);
    uint8x8_t scales = vld1_u8(p + offsetof(sotto_block_q6_k, scales) + 8 * side);
    int16x8_t wide = vmovl_s8(vreinterpret_s8_u8(scales));
    out->scale[0] = vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(vuzp1q_s16(wide, wide)))), f16_to_f32(d));
    out->scale[1] = vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(vuzp2q_s16(wide, wide)))), f16_to_f32(d));
}

/* Part `index` of a row. Blocks that the row lacks at its end are zero. */
static INLINE void unpack(sotto_dtype dtype, const uint8_t *row, size_t row_bytes, size_t index, bool lanes,
                          part *out) {
    const size_t   block = block_bytes(dtype), bytes = is_super(dtype) ? block : PART_BLOCKS * block;
    const size_t   side = index % 2, at = (is_super(dtype) ? index / 2 : index) * bytes;
    const uint8_t *p = row + at;
    uint8_t        tail[PART_BYTES_MAX];
    if (!is_super(dtype) && at + bytes > row_bytes) {
        memset(tail, 0, sizeof tail);
        memcpy(tail, p, row_bytes - at);
        p = tail;
    }
    switch (dtype) {
    case SOTTO_Q4_0:
        if (is_wide(dtype)) unpack_wide_nibbles(p, block, 2, lanes, out);
        else unpack_nibbles(p, block, 2, lanes, out), subtract(out, 8);
        break;
    case SOTTO_Q4_1: unpack_nibbles(p, block, 4, lanes, out); break;
    case SOTTO_Q5_0: unpack_five(p, block, 6, lanes, out), subtract(out, 16); break;
    case SOTTO_Q5_1: unpack_five(p, block, 8, lanes, out); break;
    case SOTTO_Q8_0:
        load_blocks(p, block, 2, lanes, out->code);
        load_blocks(p, block, 18, lanes, out->code + 4);
        break;
    case SOTTO_IQ4_NL: unpack_iq4_nl(p, lanes, out); break;
    case SOTTO_Q4_K: unpack_q4_k(p, side, lanes, out); return;
    case SOTTO_Q5_K: unpack_q5_k(p, side, lanes, out); return;
    case SOTTO_Q6_K: unpack_q6_k(p, side, lanes, out); return;
    default: return;
    }
    out->scale[0] = vf_halves(p, block);
    if (sotto_dtype_has_min(dtype)) out->min = vf_halves(p + 2, block);
}
