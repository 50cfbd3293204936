/* Data types: the table, half precision, and the conversions against bytes and floats that the gguf package made
 * (tools/quant-fixtures). */
#include "tensor/blocks.h"

#include "test.h"

TEST(dtype_table) {
    for (int i = 0; i < SOTTO_DTYPE_COUNT; i++) {
        const sotto_dtype_info *info = sotto_dtype_get((sotto_dtype)i);
        sotto_dtype             found;
        CHECK(sotto_dtype_from_name(info->name, &found) && (int)found == i);
        if (info->ggml_id >= 0) CHECK(sotto_dtype_from_ggml(info->ggml_id, &found) && (int)found == i);
    }
    sotto_dtype found;
    CHECK(!sotto_dtype_from_name("q3_k", &found));
    CHECK(!sotto_dtype_from_ggml(-1, &found));
    CHECK(!sotto_dtype_from_ggml(11, &found));
    CHECK_INT(sotto_dtype_get(SOTTO_Q6_K)->ggml_id, 14);
    CHECK_INT(sotto_dtype_get(SOTTO_BF16)->ggml_id, 30);
}

TEST(row_bytes) {
    size_t n;
    CHECK(sotto_dtype_row_bytes(SOTTO_Q4_0, 64, &n) && n == 36);
    CHECK(sotto_dtype_row_bytes(SOTTO_Q6_K, 512, &n) && n == 420);
    CHECK(sotto_dtype_row_bytes(SOTTO_F32, 0, &n) && n == 0);
    CHECK(!sotto_dtype_row_bytes(SOTTO_Q4_0, 48, &n));
    CHECK(!sotto_dtype_row_bytes(SOTTO_Q6_K, 128, &n));
    CHECK(!sotto_dtype_row_bytes(SOTTO_F32, UINT64_MAX / 2, &n));
    CHECK(!sotto_dtype_row_bytes(SOTTO_F64, UINT64_MAX / 8 + 1, &n));
}

/* The value of half-precision bits by the definition of the format. */
static double half_value(uint32_t h) {
    int    exponent = (int)(h >> 10 & 31), mantissa = (int)(h & 1023);
    double v = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    return h >> 15 ? -v : v;
}

TEST(half_all) {
    int bad = 0;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = sotto_f16_to_f32((uint16_t)h);
        if ((h & 0x7c00) == 0x7c00) {
            bad += (h & 1023) ? !isnan(f) : !(isinf(f) && !signbit(f) == !(h >> 15));
            bad += (h & 1023) ? (sotto_f32_to_f16(f) & 0x7e00) != 0x7e00 : sotto_f32_to_f16(f) != h;
            continue;
        }
        bad += (double)f != half_value(h) || !signbit(f) != !(h >> 15) || sotto_f32_to_f16(f) != h;
        if ((h & 0x7fff) == 0x7bff) continue;
        /* Half-way to the next one goes to the even one; a little less or more to the nearer one. */
        float    next = sotto_f16_to_f32((uint16_t)(h + 1)), middle = (float)((half_value(h) + half_value(h + 1)) / 2);
        uint32_t even = h % 2 ? h + 1 : h;
        bad += sotto_f32_to_f16(middle) != even;
        bad += sotto_f32_to_f16(nextafterf(middle, f)) != h || sotto_f32_to_f16(nextafterf(middle, next)) != h + 1;
    }
    CHECK_INT(bad, 0);
    CHECK_INT(sotto_f32_to_f16(65519.996f), 0x7bff);
    CHECK_INT(sotto_f32_to_f16(65520), 0x7c00);
    CHECK_INT(sotto_f32_to_f16(-1e30f), 0xfc00);
    CHECK_INT(sotto_f32_to_f16(1e-30f), 0);
}

TEST(bfloat) {
    CHECK_INT(sotto_f32_to_bf16(1.0f), 0x3f80);
    CHECK_INT(sotto_f32_to_bf16(1.00390625f), 0x3f80); /* half-way, to even */
    CHECK_INT(sotto_f32_to_bf16(1.01171875f), 0x3f82);
    CHECK_INT(sotto_f32_to_bf16(3.4e38f), 0x7f80);
    CHECK_INT(sotto_f32_to_bf16(-INFINITY), 0xff80);
    CHECK(isnan(sotto_bf16_to_f32(sotto_f32_to_bf16(NAN))));
    CHECK(sotto_bf16_to_f32(0xc0a0) == -5.0f);
}

static uint32_t read_u32(const uint8_t *p) {
    uint32_t u;
    memcpy(&u, p, 4);
    return u;
}

static void check_record(const char *name, bool to_bytes, size_t n, const uint8_t *data, size_t n_bytes,
                         const float *floats) {
    sotto_dtype dtype;
    size_t      bytes;
    CHECK(sotto_dtype_from_name(name, &dtype) && sotto_dtype_row_bytes(dtype, n, &bytes) && bytes == n_bytes);
    uint8_t *got = malloc(n * 4 + 1) , *at = got + (to_bytes || dtype >= SOTTO_Q4_0); /* bytes need no alignment */
    if (to_bytes) {
        sotto_row_from_f32(dtype, floats, at, n);
    } else {
        float *values = malloc(n * 4);
        memcpy(at, data, n_bytes);
        sotto_row_to_f32(dtype, at, values, n);
        memcpy(got, values, n * 4);
        at = got;
        free(values);
    }
    bool same = memcmp(at, to_bytes ? (const void *)data : floats, to_bytes ? n_bytes : n * 4) == 0;
    if (!same) TEST_FAIL("%s %s differ from the reference", name, to_bytes ? "bytes" : "floats");
    test_checks++;
    free(got);
}

TEST(conversions_as_gguf_package) {
    static uint8_t file[200000];
    FILE          *f = fopen("unit/data/quant.bin", "rb");
    CHECK(f != NULL);
    if (!f) return;
    size_t size = fread(file, 1, sizeof file, f), at = 0;
    int    records = 0;
    fclose(f);
    for (; at + 20 <= size; records++) {
        char   name[9] = {0};
        size_t n = read_u32(file + at + 12), n_bytes = read_u32(file + at + 16);
        bool   to_bytes = read_u32(file + at + 8) == 1;
        float *floats = malloc(n * 4);
        memcpy(name, file + at, 8);
        memcpy(floats, file + at + 20 + n_bytes, n * 4);
        check_record(name, to_bytes, n, file + at + 20, n_bytes, floats);
        free(floats);
        at += 20 + n_bytes + 4 * n;
    }
    CHECK_INT(at, size);
    CHECK_INT(records, 15);
}

/* Mean square error of q6_k relative to the values' own, for values drawn by `spread` uniform ones added up. */
static double q6_k_error(int spread) {
    enum { N = 256 * 64 };
    static float x[N], y[N];
    uint64_t     seed = 7;
    double       error = 0, size = 0;
    for (int i = 0; i < N; i++) {
        x[i] = 0;
        for (int j = 0; j < spread; j++) x[i] += 0.01f * test_random_float(&seed);
    }
    sotto_block_q6_k *blocks = malloc(sizeof *blocks * (N / 256));
    sotto_row_from_f32(SOTTO_Q6_K, x, blocks, N);
    sotto_row_to_f32(SOTTO_Q6_K, blocks, y, N);
    free(blocks);
    for (int i = 0; i < N; i++) {
        error += ((double)y[i] - (double)x[i]) * ((double)y[i] - (double)x[i]);
        size += (double)x[i] * (double)x[i];
    }
return sqrt(error / size);
}

/* llama.cpp's quantiser gives 1.775 % on normal values and 1.324 % on uniform ones; ours must not be worse by
 * more than 2 %. */
TEST(q6_k_quality) {
    CHECK(q6_k_error(12) < 1.02 * 0.01775);
    CHECK(q6_k_error(1) < 1.02 * 0.01324);
}

TEST(q6_k_edges) {
    float            x[256] = {0}, y[256];
    sotto_block_q6_k block;
    sotto_row_from_f32(SOTTO_Q6_K, x, &block, 256);
    sotto_row_to_f32(SOTTO_Q6_K, &block, y, 256);
    for (int i = 0; i < 256; i++) CHECK(y[i] == 0);
    for (int i = 0; i < 256; i++) x[i] = i < 16 ? -1e-3f : i < 32 ? 0 : (float)(i % 7) * 1e-3f;
    sotto_row_from_f32(SOTTO_Q6_K, x, &block, 256);
    sotto_row_to_f32(SOTTO_Q6_K, &block, y, 256);
    for (int i = 0; i < 256; i++) CHECK(fabsf(y[i] - x[i]) <= 1.2e-4f); /* half a step of 6e-3 / 32, scales rounded */
    x[3] = NAN, x[40] = INFINITY, x[41] = 1e-40f;
    sotto_row_from_f32(SOTTO_Q6_K, x, &block, 256); /* any bytes, but no fault */
    CHECK(sotto_dtype_can_quantize(SOTTO_Q6_K) && !sotto_dtype_can_quantize(SOTTO_Q4_K));
}

TEST_MAIN()
