/* AVX-512 with VNNI: the vectors of 16 lanes that the shared bodies (quant.h and its neighbours) are written in,
 * and the level's table. vf are floats, vi are integers of any width, named by it in each function. */
#include "kernels/kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>

#include "tensor/blocks.h"
#include "kernels/simd/dtypes.h"
#include "kernels/simd/isa.h"

ISA_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")

typedef __m512  vf;
typedef __m512i vi;

#define VL 16         /* 32-bit lanes */
#define DOT_SIGNED 0  /* vi_dot takes unsigned weights only */
#define FOUR_BLOCKS_A_LOAD
#define TILE_ROWS 2   /* the accumulators of a product tile: sums and floats for each (row, token) fill the */
#define TILE_TOKENS 6 /* 32 registers but for the operands */
#define FLOAT_TOKENS 6 /* tiles of four rows that leave registers for the operands */
#define ATTEND_ROWS 4
#define ATTEND_VECTORS 4

/* ---- integers ------------------------------------------------------------------------------------------ */

static INLINE vi vi_zero(void) { return _mm512_setzero_si512(); }
static INLINE vi vi_load(const void *p) { return _mm512_loadu_si512(p); }
static INLINE vi vi_keep(vi v) { return v; }
static INLINE vi vi_set8(int v) { return _mm512_set1_epi8((char)v); }
static INLINE vi vi_set32(int v) { return _mm512_set1_epi32(v); }
/* Two 64-bit words in every 128-bit lane. */
static INLINE vi vi_set64(long long lo, long long hi) { return _mm512_broadcast_i32x4(_mm_set_epi64x(hi, lo)); }
/* Bytes a in even 128-bit lanes, b in odd ones. */
static INLINE vi vi_lanes8(char a, char b) {
    return _mm512_mask_blend_epi64(0xcc, _mm512_set1_epi8(a), _mm512_set1_epi8(b));
}
static INLINE vi vi_table16(const int8_t table[16]) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)table));
}
static INLINE vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
static INLINE vi vi_or(vi a, vi b) { return _mm512_or_si512(a, b); }
static INLINE vi vi_xor(vi a, vi b) { return _mm512_xor_si512(a, b); }
static INLINE vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
static INLINE vi vi_sub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
/* All bits where bytes are equal. */
static INLINE vi vi_eq8(vi a, vi b) { return _mm512_movm_epi8(_mm512_cmpeq_epi8_mask(a, b)); }
static INLINE vi vi_shuffle8(vi table, vi index) { return _mm512_shuffle_epi8(table, index); }
#define vi_shl16(v, n) _mm512_slli_epi16(v, n)
#define vi_shr16(v, n) _mm512_srli_epi16(v, n)
#define vi_shl32(v, n) _mm512_slli_epi32(v, n)
#define vi_sar32(v, n) _mm512_srai_epi32(v, n)
/* v * c for a power of two c that is a constant. */
static INLINE vi vi_times_power(vi v, int c) {
    return c ? _mm512_slli_epi32(v, (unsigned)__builtin_ctz((unsigned)c)) : v;
}
static INLINE vi vi_zip_lo32(vi a, vi b) { return _mm512_unpacklo_epi32(a, b); }
static INLINE vi vi_zip_hi32(vi a, vi b) { return _mm512_unpackhi_epi32(a, b); }
static INLINE vi vi_zip_lo64(vi a, vi b) { return _mm512_unpacklo_epi64(a, b); }
static INLINE vi vi_zip_hi64(vi a, vi b) { return _mm512_unpackhi_epi64(a, b); }
/* 128-bit lane i: the 16 bytes at p + (i % 2) * a + (i / 2) * b. */
static INLINE vi vi_chunks(const uint8_t *p, size_t a, size_t b) {
    vi v = _mm512_castsi128_si512(_mm_loadu_si128((const void *)p));
    v = _mm512_mask_broadcast_i32x4(v, 0x00f0, _mm_loadu_si128((const void *)(p + a)));
    v = _mm512_mask_broadcast_i32x4(v, 0x0f00, _mm_loadu_si128((const void *)(p + b)));
    return _mm512_mask_broadcast_i32x4(v, 0xf000, _mm_loadu_si128((const void *)(p + a + b)));
}
/* 128-bit lane i: the 16 bytes at `at` in block i of four. The first three are within 64 bytes. */
static INLINE vi vi_four_chunks(const uint8_t *p, size_t block, size_t at) {
    const long long ones = 0x0001000100010001, low = 0x0003000200010000, high = 0x0007000600050004;
    const long long a = (long long)(at / 2) * ones, b = (long long)((block + at) / 2) * ones;
    const long long c = (long long)((2 * block + at) / 2) * ones;
    vi words = _mm512_setr_epi64(a + low, a + high, b + low, b + high, c + low, c + high, 0, 0);
    return _mm512_mask_broadcast_i32x4(_mm512_permutexvar_epi16(words, vi_load(p)), 0xf000,
                                       _mm_loadu_si128((const void *)(p + 3 * block + at)));
}
/* 32-bit lane 4i + j from 4j + i. */
static INLINE vi vi_transpose_lanes(vi v) {
    return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), v);
}
/* Eight 16-bit words at p, eight at p + b, widened. */
static INLINE vi vi_words(const uint8_t *p, size_t b) {
    __m128i low = _mm_loadu_si128((const void *)p), high = _mm_loadu_si128((const void *)(p + b));
    return _mm512_cvtepi16_epi32(_mm256_setr_m128i(low, high));
}
/* Per 32-bit lane: acc + the four products of weights (unsigned bytes) and activations (signed bytes). */
static INLINE vi vi_dot(vi acc, vi weights, vi codes) {
    return _mm512_dpbusd_epi32(acc, weights, codes);
}

/* ---- floats -------------------------------------------------------------------------------------------- */

static INLINE float f16_to_f32(uint16_t h) { return _cvtsh_ss(h); }
static INLINE vf    vf_zero(void) { return _mm512_setzero_ps(); }
static INLINE vf    vf_set(float v) { return _mm512_set1_ps(v); }
static INLINE vf    vf_load(const void *p) { return _mm512_loadu_ps(p); }
static INLINE vf    vf_keep(vf v) { return v; }
static INLINE void  vf_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
/* The first n < VL lanes (or VL); loads fill with zeros. */
static INLINE vf   vf_load_n(const float *p, size_t n) { return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
static INLINE void vf_store_n(float *p, size_t n, vf v) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v); }
/* VL elements of another type, widened. */
static INLINE vf vf_f16(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256(p)); }
static INLINE vf vf_bf16(const void *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p)), 16));
}
static INLINE vf   vf_i8(const void *p) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(p))); }
static INLINE void vf_store_f16(void *p, vf v) {
    _mm256_storeu_si256(p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
static INLINE vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static INLINE vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static INLINE vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static INLINE vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
/* a * b - c in even lanes, a * b + c in odd ones. */
static INLINE vf vf_fma_sub_add(vf a, vf b, vf c) { return _mm512_fmaddsub_ps(a, b, c); }
/* The second operand where either is NaN. */
static INLINE vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static INLINE vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static INLINE vf vf_abs(vf v) { return _mm512_abs_ps(v); }
static INLINE vf vf_copysign(vf magnitude, vf sign) {
    return _mm512_or_ps(magnitude, _mm512_and_ps(sign, _mm512_set1_ps(-0.0f)));
}
static INLINE vf vf_round(vf v) { return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
/* v * 2^n for whole n. */
static INLINE vf vf_scale2(vf v, vf n) { return _mm512_scalef_ps(v, n); }
static INLINE vf vf_from_i32(vi v) { return _mm512_cvtepi32_ps(v); }
/* Neighbours exchanged; VL / 2 floats, each in two neighbouring lanes. */
static INLINE vf vf_swap(vf v) { return _mm512_permute_ps(v, 0xb1); }
static INLINE vf vf_load_twice(const float *p) {
    const vi index = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    return _mm512_permutexvar_ps(index, _mm512_castps256_ps512(_mm256_loadu_ps(p)));
}
static INLINE float vf_first(vf v) { return _mm512_cvtss_f32(v); }
static INLINE float vf_largest(vf v) { return _mm512_reduce_max_ps(v); }
/* Nearest integers, halves to even, 0 for NaN; integers towards zero; the low bytes of VL integers. */
static INLINE vi vi_nearest(vf v) { return _mm512_maskz_cvtps_epi32(_mm512_cmp_ps_mask(v, v, _CMP_ORD_Q), v); }
static INLINE vi vi_truncate(vf v) { return _mm512_cvttps_epi32(v); }
static INLINE void vi_store(void *p, vi v) { _mm512_storeu_si512(p, v); }
static INLINE void vi_store_8(int8_t *p, vi v) { _mm_storeu_si128((void *)p, _mm512_cvtepi32_epi8(v)); }
/* Eight bytes in each word. */
static INLINE vf vf_u8(const uint64_t words[2]) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_set_epi64x((long long)words[1], (long long)words[0])));
}
/* Eight lanes of each value. */
static INLINE vf vf_eights(const float v[2]) {
    return _mm512_mask_blend_ps(0xff00, _mm512_set1_ps(v[0]), _mm512_set1_ps(v[1]));
}
/* VL half-precision numbers, at `at` in each of as many blocks of `stride` bytes. Two loads (one where that is
 * enough) cover four blocks, and a permutation of 16-bit words collects their numbers. */
static INLINE __m128i four_halves(const uint8_t *p, size_t stride, size_t at) {
    const bool   one_load = 3 * stride + at + 2 <= 64;
    const size_t second = SOTTO_MIN(4 * stride - 64, (size_t)64); /* neither gap nor byte past the blocks */
    long long    index = 0;
    for (size_t i = 0; i < 4; i++) {
        size_t byte = i * stride + at, word = byte + 2 <= 64 ? byte / 2 : 32 + (byte - second) / 2;
        index |= (long long)word << 16 * i;
    }
    vi a = vi_load(p), words = _mm512_set1_epi64(index);
    return _mm512_castsi512_si128(one_load ? _mm512_permutexvar_epi16(words, a)
                                           : _mm512_permutex2var_epi16(a, words, vi_load(p + second)));
}
static INLINE vf vf_halves(const uint8_t *p, size_t stride, size_t at) {
    __m128i a = four_halves(p, stride, at), b = four_halves(p + 4 * stride, stride, at);
    __m128i c = four_halves(p + 8 * stride, stride, at), d = four_halves(p + 12 * stride, stride, at);
    return _mm512_cvtph_ps(_mm256_setr_m128i(_mm_unpacklo_epi64(a, b), _mm_unpacklo_epi64(c, d)));
}
/* The sums of the lanes of four vectors: within the 128-bit lanes ((0 + 2) + (1 + 3)), then of these likewise. */
static INLINE __m128 vf_sum4(vf a, vf b, vf c, vf d) {
    vf     ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    vf     cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    __m512 lo = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd)));
    __m512 hi = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd)));
    vf     v = _mm512_add_ps(lo, hi);
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}
static INLINE void vf_store4(float *p, __m128 v) { _mm_storeu_ps(p, v); }
/* The sum of the lanes of one, in an order that never changes. */
static INLINE float vf_sum(vf v) {
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

#include "kernels/x86/quant.h"
#include "kernels/simd/floats.h"
#include "kernels/simd/vector.h"
#include "kernels/simd/attend.h"
#include "kernels/simd/table.h"

ISA_END

void sotto_kernels_init_avx512vnni(sotto_kernels *k) {
    set_entries(k);
    k->name = "avx512vnni";
}

#else

void sotto_kernels_init_avx512vnni(sotto_kernels *k) { (void)k; }

#endif
