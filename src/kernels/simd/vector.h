/* Element-wise kernels and conversions, for any level; included like attend.h. */

/* ---- exp and tanh -------------------------------------------------------------------------------------- */

/* e^x = 2^n * e^r with n = round(x / ln 2) and |r| <= ln 2 / 2. The series of e^r up to r^7 / 7! leaves out less
 * than 6e-9; ln 2 is taken in two parts, the first short enough that n times it is exact. In all the relative
 * error is below 2e-7. Below -104 the result is 0, above 88.73 infinity; NaN stays. */
static INLINE vf vf_exp(vf x) {
    x = vf_max(vf_set(-104.0f), vf_min(vf_set(89.0f), x)); /* of two operands these give the second for NaN */
    vf n = vf_round(vf_mul(x, vf_set(1.44269504f)));
    vf r = vf_fma(n, vf_set(-0.693359375f), x);
    r = vf_fma(n, vf_set(2.12194440e-4f), r);
    vf y = vf_fma(r, vf_set(1.0f / 5040), vf_set(1.0f / 720));
    y = vf_fma(y, r, vf_set(1.0f / 120));
    y = vf_fma(y, r, vf_set(1.0f / 24));
    y = vf_fma(y, r, vf_set(1.0f / 6));
    y = vf_fma(y, r, vf_set(0.5f));
    y = vf_fma(y, r, vf_set(1.0f));
    y = vf_fma(y, r, vf_set(1.0f));
    return vf_scale2(y, n);
}

/* tanh x = 1 - 2 / (e^2x + 1): absolute error below 3e-7. */
static INLINE vf vf_tanh(vf x) {
    vf e = vf_exp(vf_add(x, x));
    return vf_sub(vf_set(1.0f), vf_div(vf_set(2.0f), vf_add(e, vf_set(1.0f))));
}

/* x * sigmoid(s): see ref's activate. */
static INLINE vf activated(sotto_activation act, vf x) {
    vf s = x;
    if (act == SOTTO_ACT_GELU_TANH) {
        vf cubic = vf_fma(vf_mul(x, x), vf_mul(x, vf_set(0.044715f)), x);
        s = vf_mul(cubic, vf_set(1.5957691216057308f));
    }
    return vf_div(x, vf_add(vf_set(1.0f), vf_exp(vf_sub(vf_zero(), s))));
}

/* ---- element-wise -------------------------------------------------------------------------------------- */

/* Run `body` for whole vectors at index i, then with loads and stores of the n - i that are left. */
#define FOR_VECTORS(n, whole, rest)                                                                          \
    do {                                                                                                     \
        size_t i = 0, n_ = (size_t)(n);                                                                      \
        for (; i + VL <= n_; i += VL) whole;                                                                 \
        if (i < n_) {                                                                                        \
            const size_t left = n_ - i;                                                                      \
            rest;                                                                                            \
        }                                                                                                    \
    } while (0)

static void activate(sotto_activation act, float *gate, const float *up, int32_t n) {
    if (act == SOTTO_ACT_SILU) {
        FOR_VECTORS(n, vf_store(gate + i, vf_mul(activated(SOTTO_ACT_SILU, vf_load(gate + i)), vf_load(up + i))),
                    vf_store_n(gate + i, left,
                               vf_mul(activated(SOTTO_ACT_SILU, vf_load_n(gate + i, left)), vf_load_n(up + i, left))));
    } else {
        FOR_VECTORS(n, vf_store(gate + i, vf_mul(activated(SOTTO_ACT_GELU_TANH, vf_load(gate + i)), vf_load(up + i))),
                    vf_store_n(gate + i, left, vf_mul(activated(SOTTO_ACT_GELU_TANH, vf_load_n(gate + i, left)),
                                                      vf_load_n(up + i, left))));
    }
}

static void add(float *y, const float *x, int32_t n) {
    FOR_VECTORS(n, vf_store(y + i, vf_add(vf_load(y + i), vf_load(x + i))),
                vf_store_n(y + i, left, vf_add(vf_load_n(y + i, left), vf_load_n(x + i, left))));
}

static void scale(float *y, float s, int32_t n) {
    FOR_VECTORS(n, vf_store(y + i, vf_mul(vf_load(y + i), vf_set(s))),
                vf_store_n(y + i, left, vf_mul(vf_load_n(y + i, left), vf_set(s))));
}

static INLINE vf capped(vf x, float cap, float inverse) {
    return vf_mul(vf_set(cap), vf_tanh(vf_mul(x, vf_set(inverse))));
}

static void softcap(float *x, float cap, int32_t n) {
    const float inverse = 1 / cap;
    FOR_VECTORS(n, vf_store(x + i, capped(vf_load(x + i), cap, inverse)),
                vf_store_n(x + i, left, capped(vf_load_n(x + i, left), cap, inverse)));
}

static void rmsnorm(float *y, const float *x, const float *w, int32_t n, float eps) {
    vf     a = vf_zero(), b = vf_zero();
    size_t j = 0, count = (size_t)n;
    for (; j + 2 * VL <= count; j += 2 * VL) {
        vf u = vf_load(x + j), v = vf_load(x + j + VL);
        a = vf_fma(u, u, a), b = vf_fma(v, v, b);
    }
    for (; j < count; j += VL) {
        vf u = vf_load_n(x + j, SOTTO_MIN(count - j, (size_t)VL));
        a = vf_fma(u, u, a);
    }
    const vf scale = vf_set(1.0f / sqrtf(vf_sum(vf_add(a, b)) / (float)n + eps));
    if (w) {
        FOR_VECTORS(n, vf_store(y + i, vf_mul(vf_mul(vf_load(x + i), scale), vf_load(w + i))),
                    vf_store_n(y + i, left, vf_mul(vf_mul(vf_load_n(x + i, left), scale), vf_load_n(w + i, left))));
    } else {
        FOR_VECTORS(n, vf_store(y + i, vf_mul(vf_load(x + i), scale)),
                    vf_store_n(y + i, left, vf_mul(vf_load_n(x + i, left), scale)));
    }
}

static void rope(float *x, const float *cos, const float *sin, int32_t n_pairs, bool interleaved) {
    size_t i = 0, n = (size_t)n_pairs;
    if (interleaved) {
        for (; i + VL / 2 <= n; i += VL / 2) {
            /* Even lanes: x * cos - next * sin; odd lanes: x * cos + previous * sin. */
            vf v = vf_load(x + 2 * i);
            vf_store(x + 2 * i, vf_fma_sub_add(v, vf_load_twice(cos + i), vf_mul(vf_swap(v), vf_load_twice(sin + i))));
        }
    } else {
        for (; i + VL <= n; i += VL) {
            vf a = vf_load(x + i), b = vf_load(x + n + i), c = vf_load(cos + i), s = vf_load(sin + i);
            vf_store(x + i, vf_sub(vf_mul(a, c), vf_mul(b, s)));
            vf_store(x + n + i, vf_add(vf_mul(a, s), vf_mul(b, c)));
        }
    }
    for (; i < n; i++) {
        float *a = interleaved ? x + 2 * i : x + i, *b = interleaved ? a + 1 : a + n;
        float  a0 = *a, b0 = *b;
        *a = a0 * cos[i] - b0 * sin[i];
        *b = a0 * sin[i] + b0 * cos[i];
    }
}

/* ---- quantised activations ----------------------------------------------------------------------------- */

/* The largest magnitude of 32 floats; NaN is passed over. */
static INLINE float block_amax(const float *x) {
    vf amax = vf_zero();
    UNROLL for (size_t i = 0; i < 32; i += VL) amax = vf_max(vf_abs(vf_load(x + i)), amax);
    return vf_largest(amax);
}

static INLINE void quantize_block(const float *x, sotto_q8_group *g, size_t b) {
    float amax = block_amax(x);
    if (!(amax >= 1e-30f)) return;
    const vf inverse = vf_set(127.0f / amax);
    int8_t   codes[32];
    UNROLL for (size_t i = 0; i < 32; i += VL) vi_store_8(codes + i, vi_nearest(vf_mul(vf_load(x + i), inverse)));
    UNROLL for (size_t k = 0; k < 8; k++) memcpy(g->code[k][b], codes + 4 * k, 4);
    g->scale[b] = amax / 127.0f;
}

static void quantize_q8(const float *x, sotto_q8_group *out, int32_t cols) {
    memset(out, 0, sotto_q8_row_bytes(cols));
    for (size_t first = 0, n = (size_t)cols; first < n; first += SOTTO_Q8_GROUP_ELEMS, out++) {
        for (size_t b = 0; b < 16 && first + 32 * b < n; b++) {
            size_t left = n - first - 32 * b;
            float  last[32] = {0};
            if (left < 32) memcpy(last, x + first + 32 * b, left * sizeof *last);
            quantize_block(left < 32 ? last : x + first + 32 * b, out, b);
        }
        /* The sums of codes are products with ones. */
        for (size_t lane = 0; lane < 16; lane += VL) {
            vi lo = vi_zero(), hi = vi_zero();
            UNROLL for (size_t k = 0; k < 4; k++) {
                lo = vi_dot(lo, vi_set8(1), vi_load(out->code[k][lane]));
                hi = vi_dot(hi, vi_set8(1), vi_load(out->code[4 + k][lane]));
            }
            vi_store(out->sum_lo + lane, lo);
            vi_store(out->sum_hi + lane, hi);
        }
    }
}

/* ---- blocks of codes ----------------------------------------------------------------------------------- */

static INLINE vf vf_code(vf x, vf inverse, float low, float top) {
    return vf_max(vf_min(vf_round(vf_mul(x, inverse)), vf_set(top)), vf_set(low));
}

static void round_block(const float *x, float inverse, float low, float top, int8_t *codes) {
    UNROLL for (size_t i = 0; i < SOTTO_CODE_BLOCK; i += VL)
        vi_store_8(codes + i, vi_truncate(vf_code(vf_load(x + i), vf_set(inverse), low, top)));
}

/* A lane is a scale: nothing is summed up across lanes, so that all levels have the same order. */
static void try_scales(const float *x, const float *w, const float *inverse, float *xq, float *qq) {
    enum { N = SOTTO_SCALES_TRIED / VL };
    vf of[N], xq_sum[N], qq_sum[N];
    UNROLL for (size_t k = 0; k < N; k++) of[k] = vf_load(inverse + k * VL), xq_sum[k] = qq_sum[k] = vf_zero();
    for (size_t i = 0; i < SOTTO_CODE_BLOCK; i++) {
        UNROLL for (size_t k = 0; k < N; k++) {
            vf q = vf_code(vf_set(x[i]), of[k], -8, 7), wq = vf_mul(vf_set(w[i]), q);
            xq_sum[k] = vf_add(xq_sum[k], vf_mul(vf_set(x[i]), wq));
            qq_sum[k] = vf_add(qq_sum[k], vf_mul(wq, q));
        }
    }
    UNROLL for (size_t k = 0; k < N; k++) {
        vf_store(xq + k * VL, xq_sum[k]);
        vf_store(qq + k * VL, qq_sum[k]);
    }
}

/* ---- conversions --------------------------------------------------------------------------------------- */

static void to_f32(sotto_dtype dtype, const void *src, float *dst, int32_t n) {
    const uint8_t *p = src;
    size_t         i = 0, size = 2, whole = (size_t)n / VL * VL;
    if (dtype == SOTTO_F16) {
        for (; i < whole; i += VL) vf_store(dst + i, vf_f16(p + 2 * i));
    } else if (dtype == SOTTO_BF16) {
        for (; i < whole; i += VL) vf_store(dst + i, vf_bf16(p + 2 * i));
    } else {
        size = 0; /* nothing done here: all of it by the general way */
    }
    sotto_row_to_f32(dtype, p + size * i, dst + i, (size_t)n - i);
}

/* The rule of tensor/quant.c. Halves round away from zero: adding the float below 0.5 with x's sign, then
 * dropping the fraction, does that for every |x| < 2^22. */
static void q8_0_from_f32(const float *src, uint8_t *dst, size_t n_blocks) {
    for (size_t i = 0; i < n_blocks; i++, src += 32, dst += sizeof(sotto_block_q8_0)) {
        float            d = block_amax(src) / 127, id = d != 0 ? 1.0f / d : 0.0f;
        sotto_block_q8_0 block = {.d = sotto_f32_to_f16(d)};
        if (!isfinite(id)) id = 0;
        UNROLL for (size_t j = 0; j < 32; j += VL) {
            vf v = vf_mul(vf_load(src + j), vf_set(id));
            v = vf_max(vf_min(v, vf_set(127.0f)), vf_set(-127.0f));
            vi_store_8(block.qs + j, vi_truncate(vf_add(v, vf_copysign(vf_set(0.49999997f), v))));
        }
        memcpy(dst, &block, sizeof block);
    }
}

static void from_f32(sotto_dtype dtype, const float *src, void *dst, int32_t n) {
    uint8_t *p = dst;
    size_t   i = 0, size = 2;
    if (dtype == SOTTO_F16) {
        for (; i + VL <= (size_t)n; i += VL) vf_store_f16(p + 2 * i, vf_load(src + i));
    } else if (dtype == SOTTO_Q8_0) {
        q8_0_from_f32(src, p, (size_t)n / 32);
        return;
    } else {
        size = 0;
    }
    sotto_row_from_f32(dtype, src + i, p + size * i, (size_t)n - i);
}
