/* AVX2 with FMA and F16C: the vectors of 8 lanes that the shared bodies (quant.h and its neighbours) are written
 * in, and the level's table. vf are floats, vi are integers of any width, named by it in each function; the
 * functions mean what their namesakes in avx512vnni.c do. */
#include "kernels/kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>

#include "tensor/blocks.h"
#include "kernels/simd/dtypes.h"
#include "kernels/simd/isa.h"

ISA_BEGIN("avx2,fma,f16c")

typedef __m256  vf;
typedef __m256i vi;

#define VL 8          /* 32-bit lanes */
#define DOT_SIGNED 1  /* vi_dot_pairs also takes signed weights */
#define DOT_BY_PAIRS  /* bytes are multiplied and added to 16 bits, which can be summed for a while */
#define TILE_ROWS 2   /* a tile's 16-bit sums take half of the 16 registers; its float sums stay in memory */
#define TILE_TOKENS 4
#define FLOAT_TOKENS 3 /* tiles of four rows that leave registers for the operands */
#define ATTEND_ROWS 2
#define ATTEND_VECTORS 4

/* ---- integers ------------------------------------------------------------------------------------------ */

static INLINE vi vi_zero(void) { return _mm256_setzero_si256(); }
static INLINE vi vi_load(const void *p) { return _mm256_loadu_si256(p); }
/* v, now in a register: gcc would load it anew for each instruction that takes it, and loads are the limit. */
static INLINE vi vi_keep(vi v) {
    __asm__("" : "+x"(v));
    return v;
}
static INLINE vi vi_set8(int v) { return _mm256_set1_epi8((char)v); }
static INLINE vi vi_set32(int v) { return _mm256_set1_epi32(v); }
/* Two 64-bit words in every 128-bit lane. */
static INLINE vi vi_set64(long long lo, long long hi) { return _mm256_set_epi64x(hi, lo, hi, lo); }
/* Bytes a in the even 128-bit lane, b in the odd one. */
static INLINE vi vi_lanes8(char a, char b) { return _mm256_setr_m128i(_mm_set1_epi8(a), _mm_set1_epi8(b)); }
static INLINE vi vi_table16(const int8_t table[16]) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table));
}
static INLINE vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
static INLINE vi vi_or(vi a, vi b) { return _mm256_or_si256(a, b); }
static INLINE vi vi_xor(vi a, vi b) { return _mm256_xor_si256(a, b); }
static INLINE vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
static INLINE vi vi_sub(vi a, vi b) { return _mm256_sub_epi32(a, b); }
/* All bits where bytes are equal. */
static INLINE vi vi_eq8(vi a, vi b) { return _mm256_cmpeq_epi8(a, b); }
static INLINE vi vi_shuffle8(vi table, vi index) { return _mm256_shuffle_epi8(table, index); }
#define vi_shl16(v, n) _mm256_slli_epi16(v, n)
#define vi_shr16(v, n) _mm256_srli_epi16(v, n)
#define vi_shl32(v, n) _mm256_slli_epi32(v, n)
#define vi_sar32(v, n) _mm256_srai_epi32(v, n)
/* v * c for a power of two c that is a constant. */
static INLINE vi vi_times_power(vi v, int c) { return c ? _mm256_slli_epi32(v, __builtin_ctz((unsigned)c)) : v; }
static INLINE vi vi_zip_lo32(vi a, vi b) { return _mm256_unpacklo_epi32(a, b); }
static INLINE vi vi_zip_hi32(vi a, vi b) { return _mm256_unpackhi_epi32(a, b); }
static INLINE vi vi_zip_lo64(vi a, vi b) { return _mm256_unpacklo_epi64(a, b); }
static INLINE vi vi_zip_hi64(vi a, vi b) { return _mm256_unpackhi_epi64(a, b); }
/* The 16 bytes at p and those at p + a. */
static INLINE vi vi_chunks(const uint8_t *p, size_t a, size_t b) {
    (void)b;
    return _mm256_setr_m128i(_mm_loadu_si128((const void *)p), _mm_loadu_si128((const void *)(p + a)));
}
/* Eight 16-bit words at p, widened. */
static INLINE vi vi_words(const uint8_t *p, size_t b) {
    (void)b;
    return _mm256_cvtepi16_epi32(_mm_loadu_si128((const void *)p));
}
/* Per 16-bit lane: the sum of two products of weights (bytes; unsigned, or signed) and activations (signed bytes).
 * They fit: 2 * 128 * 127 = 32512 for signed weights, 2 * 63 * 127 for the others. */
static INLINE vi vi_dot_pairs(vi weights, vi codes, bool is_signed) {
    return is_signed ? _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(codes, weights))
                     : _mm256_maddubs_epi16(weights, codes);
}
static INLINE vi vi_add16(vi a, vi b) {
    vi sum = _mm256_add_epi16(a, b);
    __asm__("" : "+x"(sum)); /* without this gcc reorders the additions and runs out of registers */
    return sum;
}
/* 16-bit neighbours added into 32-bit lanes. */
static INLINE vi vi_widen_pairs(vi v) { return _mm256_madd_epi16(v, _mm256_set1_epi16(1)); }
/* Per 32-bit lane: acc + the four products of unsigned weights, below 64, and activations. */
static INLINE vi vi_dot(vi acc, vi weights, vi codes) {
    return vi_add(acc, vi_widen_pairs(vi_dot_pairs(weights, codes, false)));
}

/* ---- floats -------------------------------------------------------------------------------------------- */

static INLINE float f16_to_f32(uint16_t h) { return _cvtsh_ss(h); }
static INLINE vf    vf_zero(void) { return _mm256_setzero_ps(); }
static INLINE vf    vf_set(float v) { return _mm256_set1_ps(v); }
static INLINE vf    vf_load(const void *p) { return _mm256_loadu_ps(p); }
/* As vi_keep. */
static INLINE vf vf_keep(vf v) {
    __asm__("" : "+x"(v));
    return v;
}
static INLINE void  vf_store(float *p, vf v) { _mm256_storeu_ps(p, v); }
/* The first n < VL lanes (or VL); loads fill with zeros. */
static INLINE vi first_lanes(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static INLINE vf   vf_load_n(const float *p, size_t n) { return _mm256_maskload_ps(p, first_lanes(n)); }
static INLINE void vf_store_n(float *p, size_t n, vf v) { _mm256_maskstore_ps(p, first_lanes(n), v); }
/* VL elements of another type, widened. */
static INLINE vf vf_f16(const void *p) { return _mm256_cvtph_ps(_mm_loadu_si128(p)); }
static INLINE vf vf_bf16(const void *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(p)), 16));
}
static INLINE vf   vf_i8(const void *p) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(p))); }
static INLINE void vf_store_f16(void *p, vf v) { _mm_storeu_si128(p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT)); }
static INLINE vf   vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static INLINE vf   vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static INLINE vf   vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static INLINE vf   vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
static INLINE vf   vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
/* a * b - c in even lanes, a * b + c in odd ones. */
static INLINE vf vf_fma_sub_add(vf a, vf b, vf c) { return _mm256_fmaddsub_ps(a, b, c); }
/* The second operand where either is NaN. */
static INLINE vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
static INLINE vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static INLINE vf vf_abs(vf v) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v); }
static INLINE vf vf_copysign(vf magnitude, vf sign) {
    return _mm256_or_ps(magnitude, _mm256_and_ps(sign, _mm256_set1_ps(-0.0f)));
}
static INLINE vf vf_round(vf v) { return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
/* v * 2^n for whole n within -250..250: in two factors, of which each has an exponent that floats have. */
static INLINE vf vf_scale2(vf v, vf n) {
    vi whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1), bias = _mm256_set1_epi32(127);
    vi a = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    vi b = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), bias), 23);
    return _mm256_mul_ps(_mm256_mul_ps(v, _mm256_castsi256_ps(a)), _mm256_castsi256_ps(b));
}
static INLINE vf vf_from_i32(vi v) { return _mm256_cvtepi32_ps(v); }
/* Neighbours exchanged; VL / 2 floats, each in two neighbouring lanes. */
static INLINE vf vf_swap(vf v) { return _mm256_permute_ps(v, 0xb1); }
static INLINE vf vf_load_twice(const float *p) {
    __m128 v = _mm_loadu_ps(p);
    return _mm256_setr_m128(_mm_unpacklo_ps(v, v), _mm_unpackhi_ps(v, v));
}
static INLINE float vf_first(vf v) { return _mm256_cvtss_f32(v); }
static INLINE float vf_largest(vf v) {
    __m128 a = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)));
}
/* Nearest integers, halves to even, 0 for NaN; integers towards zero; the low bytes of VL integers. */
static INLINE vi vi_nearest(vf v) {
    return _mm256_cvtps_epi32(_mm256_and_ps(v, _mm256_cmp_ps(v, v, _CMP_ORD_Q)));
}
static INLINE vi   vi_truncate(vf v) { return _mm256_cvttps_epi32(v); }
static INLINE void vi_store(void *p, vi v) { _mm256_storeu_si256(p, v); }
static INLINE void vi_store_8(int8_t *p, vi v) {
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    _mm_storel_epi64((void *)p, _mm_packs_epi16(words, words));
}
/* Eight bytes. */
static INLINE vf vf_u8(const uint64_t words[2]) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)words[0])));
}
static INLINE vf vf_eights(const float v[2]) { return _mm256_set1_ps(v[0]); }
/* VL half-precision numbers, at `at` in each of as many blocks of `stride` bytes. */
static INLINE vf vf_halves(const uint8_t *p, size_t stride, size_t at) {
    uint16_t h[VL];
    UNROLL for (size_t i = 0; i < VL; i++) memcpy(&h[i], p + i * stride + at, 2);
    return _mm256_cvtph_ps(_mm_set_epi16((short)h[7], (short)h[6], (short)h[5], (short)h[4], (short)h[3], (short)h[2],
                                         (short)h[1], (short)h[0]));
}
/* The sums of the lanes of four vectors: within the 128-bit lanes ((0 + 2) + (1 + 3)), then of the two. */
static INLINE __m128 vf_sum4(vf a, vf b, vf c, vf d) {
    vf ab = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
    vf cd = _mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
    vf lo = _mm256_castpd_ps(_mm256_unpacklo_pd(_mm256_castps_pd(ab), _mm256_castps_pd(cd)));
    vf hi = _mm256_castpd_ps(_mm256_unpackhi_pd(_mm256_castps_pd(ab), _mm256_castps_pd(cd)));
    vf v = _mm256_add_ps(lo, hi);
    return _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
}
static INLINE void vf_store4(float *p, __m128 v) { _mm_storeu_ps(p, v); }
/* The sum of the lanes of one, in an order that never changes. */
static INLINE float vf_sum(vf v) {
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

#include "kernels/x86/quant.h"
#include "kernels/simd/floats.h"
#include "kernels/simd/vector.h"
#include "kernels/simd/attend.h"
#include "kernels/simd/table.h"

ISA_END

void sotto_kernels_init_avx2(sotto_kernels *k) {
    set_entries(k);
    k->name = "avx2";
}

#else

void sotto_kernels_init_avx2(sotto_kernels *k) { (void)k; }

#endif
