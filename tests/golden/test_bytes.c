/* The bytes that a token reads, against two counts that know nothing of the model's binding: of the matrices in the
 * file, read here from its first byte on, and of the rows that the kernels are given while a token is computed. */
#define _XOPEN_SOURCE 700
#include "folder.h"
#include "golden/families.h"

#include <stdatomic.h>

#include "runtime/runtime.h"

/* ---- what the kernels are given ------------------------------------------------------------------------ */

static sotto_kernels         plain; /* the table that is counted */
static _Atomic(uint64_t)     bytes_given;

static void count_rows(sotto_dtype dtype, const sotto_matmul *m, int32_t begin, int32_t end) {
    const sotto_dtype_info *d = sotto_dtype_get(dtype);
    bytes_given += (uint64_t)(end - begin) * ((uint64_t)m->cols / d->block_elems * d->block_bytes);
    plain.matmul[dtype](m, begin, end);
}

#define COUNTED(TYPE)                                                                                        \
    static void counted_##TYPE(const sotto_matmul *m, int32_t begin, int32_t end) {                          \
        count_rows(SOTTO_##TYPE, m, begin, end);                                                             \
    }
COUNTED(F32) COUNTED(F16) COUNTED(BF16) COUNTED(Q4_0) COUNTED(Q4_1) COUNTED(Q5_0)
COUNTED(Q5_1) COUNTED(Q8_0) COUNTED(Q4_K) COUNTED(Q5_K) COUNTED(Q6_K) COUNTED(IQ4_NL)

static const sotto_matmul_fn counted[SOTTO_WEIGHT_DTYPE_COUNT] = {
    [SOTTO_F32] = counted_F32,   [SOTTO_F16] = counted_F16,   [SOTTO_BF16] = counted_BF16, [SOTTO_Q4_0] = counted_Q4_0,
    [SOTTO_Q4_1] = counted_Q4_1, [SOTTO_Q5_0] = counted_Q5_0, [SOTTO_Q5_1] = counted_Q5_1, [SOTTO_Q8_0] = counted_Q8_0,
    [SOTTO_Q4_K] = counted_Q4_K, [SOTTO_Q5_K] = counted_Q5_K, [SOTTO_Q6_K] = counted_Q6_K,
    [SOTTO_IQ4_NL] = counted_IQ4_NL};

/* The model says so many bytes, and one token more after a few reads as many; *said gets them. */
static void check_model(const char *path, uint64_t *said) {
    static const int32_t ids[] = {3, 1, 4, 1, 5};
    sotto_error          err = {0};
    sotto_model         *m = NULL;
    sotto_session       *s = NULL;
    sotto_model_info     info = {0};
    CHECK_OK(sotto_model_open(&m, path, &(sotto_model_options){.threads = 2}, &err), err);
    if (!m) return;
    sotto_model_get_info(m, &info);
    plain = m->kernels;
    memcpy(m->kernels.matmul, counted, sizeof counted);
    CHECK_OK(sotto_session_open(&s, m, NULL, &err), err);
    CHECK_OK(sotto_session_append(s, ids, 4, &err), err);
    bytes_given = 0;
    CHECK_OK(sotto_session_append(s, ids + 4, 1, &err), err);
    CHECK(info.decode_bytes > 0);
    CHECK_INT(bytes_given, info.decode_bytes);
    if (said) *said = info.decode_bytes;
    sotto_session_close(s);
    sotto_model_close(m);
}

static void check_family(const char *name) {
    char path[300];
    (void)snprintf(path, sizeof path, "golden/%.200s", name);
    check_model(path, NULL);
}

TEST(every_family_reads_what_it_says) { each_family(check_family); }

/* ---- what is in the file ------------------------------------------------------------------------------- */

static uint64_t number(FILE *f, int n_bytes) {
    uint64_t v = 0;
    for (int i = 0; i < n_bytes; i++) v |= (uint64_t)(uint8_t)getc(f) << 8 * i;
    return v;
}

static void string(FILE *f, char name[128]) {
    uint64_t n = number(f, 8);
    for (uint64_t i = 0; i < n; i++) {
        int c = getc(f);
        if (i < 127) name[i] = (char)c, name[i + 1] = '\0';
    }
}

static void skip_value(FILE *f, uint64_t type) {
    static const int sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    char             text[128];
    if (type == 8) string(f, text);
    else if (type == 9) {
        uint64_t item = number(f, 4), n = number(f, 8);
        for (uint64_t i = 0; i < n; i++) skip_value(f, item);
    } else (void)number(f, sizes[type]);
}

/* Of a row in each type of the GGUF specification that is used here. */
static uint64_t row_bytes(uint64_t type, uint64_t cols) {
    switch (type) {
    case 0: return cols * 4;          /* f32 */
    case 1: case 30: return cols * 2; /* f16, bf16 */
    case 2: return cols / 32 * 18;    /* q4_0: 16 bytes and a half-precision scale */
    case 8: return cols / 32 * 34;    /* q8_0 */
    case 14: return cols / 256 * 210; /* q6_k: 6 bits, 16 scales of 8, one of 16 */
    default: return TEST_FAIL("a tensor of type %d", (int)type), 0;
    }
}

/* All matrices but the embedding, which only lends a row, unless it is the head as well. */
static uint64_t matrices_of(const char *path) {
    FILE    *f = fopen(path, "rb");
    char     name[128];
    uint64_t all = 0, embedding = 0, head = 0;
    CHECK(f != NULL);
    if (!f) return 0;
    CHECK_INT(number(f, 8), 3 * 4294967296 + 0x46554747); /* "GGUF", version 3 */
    uint64_t n_tensors = number(f, 8), n_values = number(f, 8);
    for (uint64_t i = 0; i < n_values; i++) {
        string(f, name);
        skip_value(f, number(f, 4));
    }
    for (uint64_t i = 0; i < n_tensors; i++) {
        string(f, name);
        uint64_t n_dims = number(f, 4), cols = number(f, 8), rows = n_dims > 1 ? number(f, 8) : 0;
        uint64_t bytes = rows * row_bytes(number(f, 4), cols);
        (void)number(f, 8);
        if (strcmp(name, "token_embd.weight") == 0) embedding = bytes;
        else if (strcmp(name, "output.weight") == 0) head = bytes;
        else all += bytes;
    }
    CHECK(!feof(f) && !ferror(f));
    (void)fclose(f);
    return all + (head ? head : embedding);
}

static void check_file(const char *path) {
    uint64_t said = 0;
    check_model(path, &said);
    CHECK_INT(said, matrices_of(path));
}

TEST(the_starter_model_reads_its_matrices) { check_file("../models/starter/sotto-starter-q4_0.gguf"); }

TEST(files_of_every_type_written_read_their_matrices) {
    static const char *const types[] = {"q4_0", "q8_0", "bf16", "f16", "f32"};
    for (size_t i = 0; i < SOTTO_COUNT(types); i++) {
        sotto_error           err = {0};
        sotto_convert_options o = sotto_convert_options_default();
        const char           *path = in_folder(types[i]);
        o.type = types[i];
        CHECK_OK(sotto_synthetic_write("tiny", path, &o, &err), err);
        check_file(path);
    }
}

TEST_MAIN_IN_FOLDER()
