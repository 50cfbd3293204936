/* NEON as every 64-bit ARM processor has it: the vectors of 4 lanes that the bodies shared with other processors
 * are written in. vf are floats, vi are integers of any width, named by it in each function; the functions mean
 * what their namesakes in x86/avx512vnni.c do. */
#ifndef SOTTO_KERNELS_ARM_LANES_H
#define SOTTO_KERNELS_ARM_LANES_H

#include <arm_neon.h>
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/simd/dtypes.h"
#include "kernels/simd/isa.h"
#include "tensor/blocks.h"

typedef float32x4_t vf;
typedef int32x4_t   vi;

#define VL 4           /* 32-bit lanes */
#define FLOAT_TOKENS 4 /* tiles of four rows that leave registers for the operands */
#define ATTEND_ROWS 4
#define ATTEND_VECTORS 4

/* ---- integers ------------------------------------------------------------------------------------------ */

static INLINE vi   vi_zero(void) { return vdupq_n_s32(0); }
static INLINE vi   vi_load(const void *p) { return vreinterpretq_s32_u8(vld1q_u8(p)); }
static INLINE void vi_store(void *p, vi v) { vst1q_u8(p, vreinterpretq_u8_s32(v)); }
static INLINE vi   vi_set8(int v) { return vreinterpretq_s32_s8(vdupq_n_s8((int8_t)v)); }
/* Per 32-bit lane: acc + the four products of signed bytes. */
static INLINE vi vi_dot(vi acc, vi a, vi b) {
    int8x16_t x = vreinterpretq_s8_s32(a), y = vreinterpretq_s8_s32(b);
    int32x4_t lo = vpaddlq_s16(vmull_s8(vget_low_s8(x), vget_low_s8(y))), hi = vpaddlq_s16(vmull_high_s8(x, y));
    return vaddq_s32(acc, vpaddq_s32(lo, hi));
}

/* ---- floats -------------------------------------------------------------------------------------------- */

static INLINE float f16_to_f32(uint16_t h) {
    return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(h))), 0);
}
static INLINE vf   vf_zero(void) { return vdupq_n_f32(0); }
static INLINE vf   vf_set(float v) { return vdupq_n_f32(v); }
static INLINE vf   vf_keep(vf v) { return v; }
static INLINE vf   vf_load(const void *p) { return vreinterpretq_f32_u8(vld1q_u8(p)); }
static INLINE void vf_store(float *p, vf v) { vst1q_f32(p, v); }
/* The first n < VL lanes (or VL); loads fill with zeros. */
static INLINE vf vf_load_n(const float *p, size_t n) {
    float lanes[VL] = {0};
    memcpy(lanes, p, n * sizeof *p);
    return vld1q_f32(lanes);
}
static INLINE void vf_store_n(float *p, size_t n, vf v) {
    float lanes[VL];
    vst1q_f32(lanes, v);
    memcpy(p, lanes, n * sizeof *p);
}
/* VL elements of another type, widened. */
static INLINE vf vf_f16(const void *p) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p))); }
static INLINE vf vf_bf16(const void *p) {
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16));
}
static INLINE vf vf_i8(const void *p) {
    uint32_t word;
    memcpy(&word, p, 4);
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(word))))));
}
static INLINE vf vf_u8(uint32_t word) {
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(word))))));
}
static INLINE void vf_store_f16(void *p, vf v) { vst1_u8(p, vreinterpret_u8_f16(vcvt_f16_f32(v))); }
static INLINE vf   vf_add(vf a, vf b) { return vaddq_f32(a, b); }
static INLINE vf   vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
static INLINE vf   vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
static INLINE vf   vf_div(vf a, vf b) { return vdivq_f32(a, b); }
static INLINE vf   vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
/* a * b - c in even lanes, a * b + c in odd ones. */
static INLINE vf vf_fma_sub_add(vf a, vf b, vf c) {
    uint32x4_t signs = vreinterpretq_u32_u64(vdupq_n_u64(0x80000000));
    return vfmaq_f32(vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(c), signs)), a, b);
}
/* The second operand where either is NaN. */
static INLINE vf vf_min(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
static INLINE vf vf_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
static INLINE vf vf_abs(vf v) { return vabsq_f32(v); }
static INLINE vf vf_copysign(vf magnitude, vf sign) { return vbslq_f32(vdupq_n_u32(0x80000000), sign, magnitude); }
static INLINE vf vf_round(vf v) { return vrndnq_f32(v); }
/* v * 2^n for whole n within -250..250: in two factors, of which each has an exponent that floats have. */
static INLINE vf vf_scale2(vf v, vf n) {
    int32x4_t whole = vcvtnq_s32_f32(n), half = vshrq_n_s32(whole, 1), bias = vdupq_n_s32(127);
    int32x4_t a = vshlq_n_s32(vaddq_s32(half, bias), 23);
    int32x4_t b = vshlq_n_s32(vaddq_s32(vsubq_s32(whole, half), bias), 23);
    return vmulq_f32(vmulq_f32(v, vreinterpretq_f32_s32(a)), vreinterpretq_f32_s32(b));
}
/* Neighbours exchanged; VL / 2 floats, each in two neighbouring lanes. */
static INLINE vf vf_swap(vf v) { return vrev64q_f32(v); }
static INLINE vf vf_load_twice(const float *p) { return vcombine_f32(vld1_dup_f32(p), vld1_dup_f32(p + 1)); }
static INLINE float vf_first(vf v) { return vgetq_lane_f32(v, 0); }
static INLINE float vf_largest(vf v) { return vmaxvq_f32(v); }
/* Nearest integers, halves to even, 0 for NaN; integers towards zero; the low bytes of VL integers. */
static INLINE vi   vi_nearest(vf v) { return vcvtnq_s32_f32(v); }
static INLINE vi   vi_truncate(vf v) { return vcvtq_s32_f32(v); }
static INLINE void vi_store_8(int8_t *p, vi v) {
    int16x4_t words = vmovn_s32(v);
    uint32_t  bytes = vget_lane_u32(vreinterpret_u32_s8(vmovn_s16(vcombine_s16(words, words))), 0);
    memcpy(p, &bytes, 4);
}
/* VL half-precision numbers, `stride` bytes apart. */
static INLINE vf vf_halves(const uint8_t *p, size_t stride) {
    uint16_t h[VL];
    UNROLL for (size_t i = 0; i < VL; i++) memcpy(&h[i], p + i * stride, 2);
    uint16x4_t v = vdup_n_u16(h[0]);
    v = vset_lane_u16(h[1], v, 1), v = vset_lane_u16(h[2], v, 2), v = vset_lane_u16(h[3], v, 3);
    return vcvt_f32_f16(vreinterpret_f16_u16(v));
}
/* The sum of the lanes, in an order that never changes: (0 + 1) + (2 + 3). */
static INLINE float vf_sum(vf v) {
    float32x2_t pairs = vpadd_f32(vget_low_f32(v), vget_high_f32(v));
    return vget_lane_f32(vpadd_f32(pairs, pairs), 0);
}
/* The sums of the lanes of four vectors, each in the order of vf_sum. */
static INLINE vf   vf_sum4(vf a, vf b, vf c, vf d) { return vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)); }
static INLINE void vf_store4(float *p, vf v) { vst1q_f32(p, v); }

#endif
