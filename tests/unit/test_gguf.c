/* GGUF: what is read, and every rule by whose breach a file is refused. */
#include "model_bytes.h"

#include <time.h>

#define REFUSED(b, status, culprit) check_refused(&(b), true, SOTTO_##status, culprit)

/* A small whole file with a value of every type and two tensors. */
static void whole(sotto_buf *b, uint32_t version) {
    gg_head(b, version, 2, 9);
    gg_key_str(b, "general.architecture", "llama");
    gg_key_u32(b, "general.alignment", 64);
    gg_key(b, "u8", SOTTO_GGUF_U8), sotto_buf_putc(b, (char)200);
    gg_key(b, "i16", SOTTO_GGUF_I16), sotto_buf_append(b, "\xfe\xff", 2);
    gg_key(b, "u64", SOTTO_GGUF_U64), gg_u64(b, UINT64_MAX);
    gg_key(b, "bool", SOTTO_GGUF_BOOL), sotto_buf_putc(b, 7); /* not 0: true */
    gg_key(b, "f64", SOTTO_GGUF_F64), sotto_buf_append(b, &(double){0.1}, 8);
    gg_array(b, "strings", SOTTO_GGUF_STRING, 3), gg_str(b, "one"), gg_str(b, ""), gg_str(b, "three");
    gg_array(b, "floats", SOTTO_GGUF_F32, 2), sotto_buf_append(b, (float[2]){1.5f, -2}, 8);
    gg_tensor(b, "a", 3, 5, 0, 64);
    gg_tensor(b, "q", 32, 2, 2, 0); /* lies before a */
    gg_data(b, 64, 64 + 60);
}

TEST(values_and_tensors) {
    for (uint32_t version = 2; version <= 3; version++) {
        sotto_buf b = {0};
        whole(&b, version);
        parsed p = parse_copy(b.data, b.len, true);
        CHECK_OK(p.status, p.err);
        if (p.status != SOTTO_OK) return;
        int64_t   i = 7;
        double    f = 7;
        bool      flag = false;
        sotto_str s;
        CHECK_INT(sotto_gguf_key_count(p.gguf), 9);
        CHECK(sotto_str_is(sotto_gguf_key(p.gguf, 2), "u8"));
        CHECK(sotto_gguf_get_str(sotto_gguf_find(p.gguf, "general.architecture"), &s) &&
              sotto_str_is(s, "llama"));
        CHECK(sotto_gguf_get_i64(sotto_gguf_find(p.gguf, "u8"), &i) && i == 200);
        CHECK(sotto_gguf_get_i64(sotto_gguf_find(p.gguf, "i16"), &i) && i == -2);
        CHECK(sotto_gguf_get_f64(sotto_gguf_find(p.gguf, "i16"), &f) && f == -2);
        CHECK(!sotto_gguf_get_i64(sotto_gguf_find(p.gguf, "u64"), &i) &&
              i == -2); /* does not fit; left alone */
        CHECK(sotto_gguf_get_bool(sotto_gguf_find(p.gguf, "bool"), &flag) && flag);
        CHECK(sotto_gguf_get_i64(sotto_gguf_find(p.gguf, "bool"), &i) && i == 1);
        CHECK(!sotto_gguf_get_bool(sotto_gguf_find(p.gguf, "u8"), &flag));
        CHECK(sotto_gguf_get_f64(sotto_gguf_find(p.gguf, "f64"), &f) && f == 0.1);
        CHECK(!sotto_gguf_get_i64(sotto_gguf_find(p.gguf, "f64"), &i));
        CHECK(!sotto_gguf_find(p.gguf, "absent") && !sotto_gguf_get_i64(NULL, &i) &&
              sotto_gguf_count(NULL) == 0);
        const sotto_gguf_value *v = sotto_gguf_find(p.gguf, "strings");
        CHECK(sotto_gguf_is_array(v) && sotto_gguf_count(v) == 3 &&
              sotto_gguf_item_type_of(v) == SOTTO_GGUF_STRING);
        CHECK(sotto_gguf_item_str(v, 1, &s) && s.n == 0);
        CHECK(sotto_gguf_item_str(v, 2, &s) && sotto_str_is(s, "three"));
        CHECK(!sotto_gguf_item_str(v, 3, &s) && !sotto_gguf_get_str(v, &s) && !sotto_gguf_item_i64(v, 0, &i));
        v = sotto_gguf_find(p.gguf, "floats");
        CHECK(sotto_gguf_item_f64(v, 1, &f) && f == -2 && !sotto_gguf_item_f64(v, 2, &f));
        CHECK(sotto_gguf_item_i64(sotto_gguf_find(p.gguf, "u8"), 40, &i) && i == 200); /* one for all */

        CHECK_INT(p.list.count, 2);
        const sotto_tensor *q = &p.list.items[0], *a = &p.list.items[1];
        CHECK(sotto_str_is(q->name, "q") && q->dtype == SOTTO_Q4_0 && q->n_bytes == 36 && q->dim[0] == 32);
        CHECK(sotto_str_is(a->name, "a") && a->dtype == SOTTO_F32 && a->n_bytes == 60 && a->dim[1] == 5 &&
              a->dim[2] == 1);
        CHECK(q->file_offset % 64 == 0 && a->file_offset == q->file_offset + 64 &&
              a->file_offset + 60 == b.len);
        CHECK(a->data == p.block + a->file_offset && ((const uint8_t *)a->data)[0] == 64);
        parsed_free(&p);
        sotto_buf_free(&b);
    }
}

TEST(integers_of_every_width) {
    static const struct {
        uint32_t type;
        int      n;
        uint64_t bits;
        int64_t  value;
    } cases[] = {
        {SOTTO_GGUF_U8, 1, 0xff, 255},
        {SOTTO_GGUF_I8, 1, 0xff, -1},
        {SOTTO_GGUF_U16, 2, 0xffff, 65535},
        {SOTTO_GGUF_I16, 2, 0x8000, -32768},
        {SOTTO_GGUF_U32, 4, 0xffffffff, UINT32_MAX},
        {SOTTO_GGUF_I32, 4, 0x80000000, INT32_MIN},
        {SOTTO_GGUF_I32, 4, 5, 5},
        {SOTTO_GGUF_U64, 8, INT64_MAX, INT64_MAX},
        {SOTTO_GGUF_I64, 8, (uint64_t)1 << 63, INT64_MIN},
        {SOTTO_GGUF_I64, 8, 9, 9},
    };
    for (size_t k = 0; k < SOTTO_COUNT(cases); k++) {
        sotto_buf b = {0};
        int64_t   got = 0;
        gg_head(&b, 3, 0, 2);
        gg_key(&b, "k", cases[k].type);
        sotto_buf_append(&b, &cases[k].bits, (size_t)cases[k].n);
        gg_array(&b, "array", cases[k].type, 1);
        sotto_buf_append(&b, &cases[k].bits, (size_t)cases[k].n);
        parsed p = parse_copy(b.data, b.len, true);
        CHECK_OK(p.status, p.err);
        CHECK(sotto_gguf_get_i64(sotto_gguf_find(p.gguf, "k"), &got));
        CHECK_INT(got, cases[k].value);
        got = 0;
        CHECK(sotto_gguf_item_i64(sotto_gguf_find(p.gguf, "array"), 0, &got));
        CHECK_INT(got, cases[k].value);
        parsed_free(&p);
        sotto_buf_free(&b);
    }
}

TEST(a_vocabulary_without_tensors) {
    sotto_buf b = {0};
    gg_head(&b, 3, 0, 1);
    gg_key_u32(&b, "k", 1); /* ends off the alignment, without padding */
    parsed p = parse_copy(b.data, b.len, true);
    CHECK_OK(p.status, p.err);
    parsed_free(&p);
    sotto_buf_free(&b);
}

TEST(versions) {
    sotto_buf b = {0};
    gg_head(&b, 1, 0, 0), REFUSED(b, UNSUPPORTED, "version 1");
    gg_head(&b, 4, 0, 0), REFUSED(b, UNSUPPORTED, "version 4");
    gg_head(&b, 0x03000000, 0, 0), REFUSED(b, UNSUPPORTED, "big-endian");
    gg_head(&b, 3, 0, 0), b.data[0] = 'X', REFUSED(b, FORMAT, "no GGUF file");
    sotto_buf_free(&b);
}

/* Safety list, item 1: no count or length is believed before the bytes left are. */
TEST(counts_beyond_the_file) {
    static const uint64_t huge[] = {2,         1u << 20,   (uint64_t)1 << 32,
                                    INT64_MAX, UINT64_MAX, UINT64_MAX / 8 + 2};
    for (size_t i = 0; i < SOTTO_COUNT(huge); i++) {
        sotto_buf b = {0};
        gg_head(&b, 3, huge[i], 0), REFUSED(b, FORMAT, "the list of tensors");
        gg_head(&b, 3, 0, huge[i]), REFUSED(b, FORMAT, "the list of keys");
        gg_head(&b, 3, 0, 1), gg_u64(&b, huge[i] | 64), sotto_buf_puts(&b, "012345678"),
            REFUSED(b, FORMAT, "key number 0");
        gg_head(&b, 3, 0, 1), gg_key(&b, "text", SOTTO_GGUF_STRING), gg_u64(&b, huge[i]),
            sotto_buf_puts(&b, "x");
        REFUSED(b, FORMAT, "key 'text'");
        gg_head(&b, 3, 0, 1), gg_array(&b, "ints", SOTTO_GGUF_U32, huge[i]), gg_u32(&b, 1),
            REFUSED(b, FORMAT, "key 'ints'");
        gg_head(&b, 3, 0, 1), gg_array(&b, "bytes", SOTTO_GGUF_U8, huge[i]), sotto_buf_putc(&b, 1);
        REFUSED(b, FORMAT, "key 'bytes'");
        gg_head(&b, 3, 0, 1), gg_array(&b, "texts", SOTTO_GGUF_STRING, huge[i]), gg_str(&b, "a"),
            REFUSED(b, FORMAT, "key 'texts'");
        gg_head(&b, 3, 0, 1), gg_array(&b, "texts", SOTTO_GGUF_STRING, 1), gg_u64(&b, huge[i]),
            REFUSED(b, FORMAT, "key 'texts'");
        gg_head(&b, 3, 1, 0), gg_u64(&b, huge[i] | 64), gg_u64(&b, 0), gg_u64(&b, 0), gg_u64(&b, 0);
        REFUSED(b, FORMAT, "tensor number 0");
        sotto_buf_free(&b);
    }
}

/* Items 2 and 3: shapes and places. */
TEST(tensor_sizes_that_overflow_or_leave_the_file) {
    static const struct {
        uint64_t     dim0, dim1;
        uint32_t     type;
        uint64_t     offset;
        sotto_status status;
        const char  *culprit;
    } cases[] = {
        {4, 8, 0, 0, SOTTO_OK, ""},
        {0, 8, 0, 0, SOTTO_FORMAT, "tensor 't' has dimension 0 of length 0"},
        {4, UINT64_MAX, 0, 0, SOTTO_FORMAT, "tensor 't' has dimension 1 of length -1"},
        {INT64_MAX, 1, 0, 0, SOTTO_FORMAT, "tensor 't' has a shape whose size overflows"},
        {(uint64_t)1 << 32, (uint64_t)1 << 32, 0, 0, SOTTO_FORMAT,
         "tensor 't' has a shape whose size overflows"},
        {(uint64_t)1 << 62, 4, 0, 0, SOTTO_FORMAT, "tensor 't' has a shape whose size overflows"},
        {(uint64_t)1 << 40, (uint64_t)1 << 18, 24, 0, SOTTO_FORMAT,
         "tensor 't' needs 288230376151711744 bytes"},
        {33, 1, 2, 0, SOTTO_FORMAT, "tensor 't' has rows of 33 elements"},
        {32, 1, 12, 0, SOTTO_FORMAT, "not a multiple of the 256 of a q4_k block"},
        {4, 9, 0, 0, SOTTO_FORMAT, "tensor 't' needs 144 bytes at offset 0"},
        {4, 8, 0, 32, SOTTO_FORMAT, "tensor 't' needs 128 bytes at offset 32"},
        {4, 8, 0, UINT64_MAX - 31, SOTTO_FORMAT, "tensor 't' needs 128 bytes"},
        {4, 8, 0, 4, SOTTO_FORMAT, "tensor 't' has offset 4, not a multiple of the alignment 32"},
        {4, 8, 4, 0, SOTTO_UNSUPPORTED,
         "type Q4_2 (4), which was removed from the format; re-download the model as Q4_0"},
        {4, 8, 31, 0, SOTTO_UNSUPPORTED, "re-download the model as Q4_0"},
        {4, 8, 38, 0, SOTTO_UNSUPPORTED, "re-download the model as Q4_0"},
        {4, 8, 10, 0, SOTTO_UNSUPPORTED, "tensor 't' has type Q2_K (10)"},
        {4, 8, 99, 0, SOTTO_FORMAT, "tensor 't' has the unknown type 99"},
        {4, 8, UINT32_MAX, 0, SOTTO_FORMAT, "tensor 't' has the unknown type -1"},
    };
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        sotto_buf b = {0};
        gg_head(&b, 3, 1, 0);
        gg_tensor(&b, "t", cases[i].dim0, cases[i].dim1, cases[i].type, cases[i].offset);
        gg_data(&b, 32, 128);
        if (cases[i].status == SOTTO_OK) {
            parsed p = parse_copy(b.data, b.len, true);
            CHECK_OK(p.status, p.err);
            parsed_free(&p);
        } else {
            check_refused(&b, true, cases[i].status, cases[i].culprit);
        }
        sotto_buf_free(&b);
    }
}

TEST(removed_and_unread_types_are_all_named) {
    static const uint32_t ids[] = {4,  5,  9,  10, 11, 15, 16, 17, 18, 19, 21, 22, 23,
                                   29, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42};
    for (size_t i = 0; i < SOTTO_COUNT(ids); i++) {
        sotto_buf b = {0};
        gg_head(&b, 3, 1, 0);
        gg_tensor(&b, "t", 256, 1, ids[i], 0);
        gg_data(&b, 32, 1024);
        REFUSED(b, UNSUPPORTED, "download the model as Q4_0");
        sotto_buf_free(&b);
    }
}

TEST(dims_names_and_overlaps) {
    sotto_buf b = {0};
    gg_head(&b, 3, 1, 0), gg_str(&b, "t"), gg_u32(&b, 5);
    for (int i = 0; i < 7; i++) gg_u64(&b, 1);
    REFUSED(b, FORMAT, "tensor 't' has 5 dimensions");
    gg_head(&b, 3, 1, 0), gg_tensor(&b, "", 8, 1, 0, 0), gg_data(&b, 32, 32),
        REFUSED(b, FORMAT, "name of 0 bytes");
    gg_head(&b, 3, 1, 0),
        gg_tensor(&b, "a234567890123456789012345678901234567890123456789012345678901234", 8, 1, 0, 0);
    gg_data(&b, 32, 32), REFUSED(b, FORMAT, "name of 64 bytes");
    gg_head(&b, 3, 2, 0), gg_tensor(&b, "same", 8, 1, 0, 0), gg_tensor(&b, "same", 8, 1, 0, 32);
    gg_data(&b, 32, 64), REFUSED(b, FORMAT, "tensor 'same' is there twice");
    gg_head(&b, 3, 2, 0), gg_tensor(&b, "long", 16, 1, 0, 0), gg_tensor(&b, "other", 8, 1, 0, 32);
    gg_data(&b, 32, 64), REFUSED(b, FORMAT, "tensor 'other' begins at offset");
    gg_head(&b, 3, 2, 0), gg_tensor(&b, "one", 8, 1, 0, 0), gg_tensor(&b, "two", 8, 1, 0, 0);
    gg_data(&b, 32, 32), REFUSED(b, FORMAT, "inside tensor 'one'");
    sotto_buf_free(&b);
}

TEST(alignment) {
    static const uint32_t bad[] = {0, 3, 48, 1u << 21, UINT32_MAX, 1u << 31};
    sotto_buf             b = {0};
    for (size_t i = 0; i < SOTTO_COUNT(bad); i++) {
        gg_head(&b, 3, 1, 1), gg_key_u32(&b, "general.alignment", bad[i]), gg_tensor(&b, "t", 8, 1, 0, 0),
            gg_data(&b, 64, 64);
        REFUSED(b, FORMAT, "general.alignment");
    }
    gg_head(&b, 3, 1, 1), gg_key_str(&b, "general.alignment", "32"), gg_tensor(&b, "t", 8, 1, 0, 0),
        gg_data(&b, 64, 64);
    REFUSED(b, FORMAT, "general.alignment");
    /* Alignment 1 is allowed; then the data may lie at odd places, and are copied to even ones. */
    for (int pad = 0; pad < 4; pad++) {
        gg_head(&b, 3, 1, 1), gg_key_u32(&b, "general.alignment", 1), gg_tensor(&b, &"four"[pad], 8, 1, 0, 0),
            gg_data(&b, 1, 32);
        parsed p = parse_copy(b.data, b.len, true);
        CHECK_OK(p.status, p.err);
        CHECK((uintptr_t)p.list.items[0].data % 4 == 0 && ((const uint8_t *)p.list.items[0].data)[31] == 31);
        parsed_free(&p);
    }
    sotto_buf_free(&b);
}

/* Items 4 and 5: duplicates and type tags. */
TEST(keys) {
    static const uint32_t bad_types[] = {13, 255, UINT32_MAX};
    sotto_buf             b = {0};
    gg_head(&b, 3, 0, 2), gg_key_u32(&b, "same", 1), gg_key_u32(&b, "same", 1),
        REFUSED(b, FORMAT, "key 'same' is there twice");
    gg_head(&b, 3, 0, 1), gg_key_u32(&b, "", 1), gg_u64(&b, 0),
        REFUSED(b, FORMAT, "key number 0 has a name of 0 bytes");
    for (size_t i = 0; i < SOTTO_COUNT(bad_types); i++) {
        gg_head(&b, 3, 0, 1), gg_key(&b, "k", bad_types[i]), gg_u64(&b, 0),
            REFUSED(b, FORMAT, "key 'k' has the unknown value type");
        gg_head(&b, 3, 0, 1), gg_array(&b, "k", bad_types[i], 1), gg_u64(&b, 0);
        REFUSED(b, FORMAT, "key 'k' has the unknown value type");
    }
    gg_head(&b, 3, 0, 1), gg_array(&b, "k", SOTTO_GGUF_ARRAY, 1), gg_u64(&b, 0),
        REFUSED(b, UNSUPPORTED, "key 'k' is an array of arrays");
    sotto_buf_free(&b);
}

TEST(many_keys_take_linear_time) {
    enum { N = 200000 };
    for (int duplicate = 0; duplicate <= 1; duplicate++) {
        sotto_buf b = {0};
        char      key[16];
        gg_head(&b, 3, 0, N);
        for (int i = 0; i < N; i++) {
            snprintf(key, sizeof key, "k%d", duplicate && i == N - 1 ? 0 : i);
            gg_key_u32(&b, key, (uint32_t)i);
        }
        clock_t begin = clock();
        parsed  p = parse_copy(b.data, b.len, true);
        double  seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
        CHECK_INT(p.status, duplicate ? SOTTO_FORMAT : SOTTO_OK);
        CHECK(seconds < 10); /* a quadratic search would take minutes; some 50 ms without a sanitizer */
        parsed_free(&p);
        sotto_buf_free(&b);
    }
}

TEST(damage_is_refused) {
    sotto_buf b = {0};
    whole(&b, 3);
    check_damage(&b, true, b.len - 124);
    sotto_buf_free(&b);
}

TEST_MAIN()
