/* Half precision (IEEE 754 binary16) and bfloat16, in integer arithmetic so that every machine agrees. */
#include "tensor/tensor.h"

static uint32_t bits_of(float f) {
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static float float_of(uint32_t u) {
    float f;
    memcpy(&f, &u, 4);
    return f;
}

float sotto_f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t rest = (uint32_t)(h & 0x7fff) << 13; /* exponent and mantissa where f32 has them */
    if (rest >= 0x0f800000) { /* infinity; NaN, made quiet as the processors' own instructions do */
        return float_of(sign | (rest + 0x70000000) | (rest > 0x0f800000 ? 0x00400000 : 0));
    }
    if (rest >= 0x00800000) return float_of(sign | (rest + 0x38000000)); /* normal: bias 15 -> 127 */
    /* Subnormal: value = mantissa * 2^-24, which f32 holds exactly. */
    return float_of(sign | bits_of((float)(h & 0x3ff) * 0x1p-24f));
}

uint16_t sotto_f32_to_f16(float f) {
    uint32_t u = bits_of(f), sign = u >> 16 & 0x8000;
    u &= 0x7fffffff;
    if (u > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (u >> 13 & 0x3ff)); /* NaN, made quiet */
    if (u >= 0x47800000) return (uint16_t)(sign | 0x7c00);                    /* 2^16 and more: infinity */
    if (u < 0x38800000) {
        /* Below 2^-14: adding 0.5 aligns the mantissa so that its last bit weighs 2^-24, and rounds to even. */
        return (uint16_t)(sign | (bits_of(float_of(u) + 0.5f) - 0x3f000000));
    }
    u += 0x0fff + (u >> 13 & 1); /* round to nearest even; a carry moves into the exponent as it should */
    return (uint16_t)(sign | ((u - 0x38000000) >> 13));
}

uint16_t sotto_f32_to_bf16(float f) {
    uint32_t u = bits_of(f);
    if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 0x40); /* NaN, made quiet */
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
