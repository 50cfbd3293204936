/* safetensors: what is read, and every rule by whose breach a file is refused. */
#include "model_bytes.h"

#include <time.h>

static const char two[] = "{\"__metadata__\":{\"format\":\"pt\"},"
                          "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]},"
                          "\"a\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[0,12]}}";

static void refused(const char *header, size_t n_data, sotto_status status, const char *culprit) {
    sotto_buf b = {0};
    st_file(&b, header, n_data);
    check_refused(&b, false, status, culprit);
    sotto_buf_free(&b);
}

static void accepted(const char *header, size_t n_data, size_t n_tensors) {
    sotto_buf b = {0};
    st_file(&b, header, n_data);
    parsed p = parse_copy(b.data, b.len, false);
    CHECK_OK(p.status, p.err);
    CHECK_INT(p.list.count, n_tensors);
    parsed_free(&p);
    sotto_buf_free(&b);
}

TEST(tensors_come_in_the_order_of_their_data) {
    sotto_buf b = {0};
    st_file(&b, two, 20);
    parsed p = parse_copy(b.data, b.len, false);
    CHECK_OK(p.status, p.err);
    CHECK_INT(p.list.count, 2);
    const sotto_tensor *a = &p.list.items[0], *t = &p.list.items[1];
    CHECK(sotto_str_is(a->name, "a") && sotto_str_is(t->name, "b"));
    CHECK(a->dtype == SOTTO_BF16 && t->dtype == SOTTO_F32);
    CHECK_INT(a->n_dims, 2);
    CHECK(a->dim[0] == 3 && a->dim[1] == 2 && a->dim[2] == 1); /* reversed */
    CHECK(a->n_bytes == 12 && t->n_bytes == 8);
    CHECK_INT(a->file_offset, 8 + strlen(two));
    CHECK_INT(t->file_offset, 8 + strlen(two) + 12);
    CHECK(((const uint8_t *)a->data)[5] == 5 && ((const uint8_t *)t->data)[0] == 12);
    CHECK_INT(sotto_map_get(&p.list.names, sotto_str_from("b")), 1);
    parsed_free(&p);
    sotto_buf_free(&b);
}

TEST(aligned_data_stay_in_place_and_others_are_copied) {
    for (int pad = 0; pad < 4; pad++) {
        sotto_buf b = {0};
        char      header[128];
        snprintf(header, sizeof header, "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}%*s",
                 pad, "");
        st_file(&b, header, 8);
        parsed p = parse_copy(b.data, b.len, false);
        CHECK_OK(p.status, p.err);
        const uint8_t *in_place = p.block + p.list.items[0].file_offset;
        CHECK((uintptr_t)p.list.items[0].data % 4 == 0);
        CHECK((p.list.items[0].data == in_place) == ((uintptr_t)in_place % 4 == 0));
        CHECK(memcmp(p.list.items[0].data, in_place, 8) == 0);
        parsed_free(&p);
        sotto_buf_free(&b);
    }
}

TEST(every_dtype_that_can_be_listed) {
    static const struct {
        const char *name;
        sotto_dtype dtype;
        int         bytes;
    } types[] = {
        {"F64", SOTTO_F64, 8}, {"F32", SOTTO_F32, 4},   {"F16", SOTTO_F16, 2}, {"BF16", SOTTO_BF16, 2},
        {"I64", SOTTO_I64, 8}, {"I32", SOTTO_I32, 4},   {"I16", SOTTO_I16, 2}, {"I8", SOTTO_I8, 1},
        {"U8", SOTTO_U8, 1},   {"BOOL", SOTTO_BOOL, 1},
    };
    for (size_t i = 0; i < SOTTO_COUNT(types); i++) {
        char      header[128];
        sotto_buf b = {0};
        snprintf(header, sizeof header, "{\"t\":{\"dtype\":\"%s\",\"shape\":[3],\"data_offsets\":[0,%d]}}",
                 types[i].name, 3 * types[i].bytes);
        st_file(&b, header, 3 * (size_t)types[i].bytes);
        parsed p = parse_copy(b.data, b.len, false);
        CHECK_OK(p.status, p.err);
        CHECK(p.list.count == 1 && p.list.items[0].dtype == types[i].dtype);
        parsed_free(&p);
        sotto_buf_free(&b);
    }
    refused("{\"layer.w\":{\"dtype\":\"F8_E4M3\",\"shape\":[3],\"data_offsets\":[0,3]}}", 3,
            SOTTO_UNSUPPORTED, "tensor 'layer.w' has dtype F8_E4M3");
    refused("{\"t\":{\"dtype\":7,\"shape\":[3],\"data_offsets\":[0,3]}}", 3, SOTTO_FORMAT,
            "tensor 't' has no dtype");
    refused("{\"t\":{\"shape\":[3],\"data_offsets\":[0,3]}}", 3, SOTTO_FORMAT, "tensor 't' has no dtype");
    refused("{\"t\":[]}", 0, SOTTO_FORMAT, "tensor 't' has no dtype");
}

TEST(odd_shapes) {
    accepted("{}", 0, 0);
    accepted("{}   ", 0, 0); /* space-padded */
    accepted("{\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, 1);
    accepted("{\"e\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[4,4]},"
             "\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
             "\"f\":{\"dtype\":\"F32\",\"shape\":[5,0],\"data_offsets\":[0,0]}}",
             4, 3);
    accepted("{\"conv3d\":{\"dtype\":\"U8\",\"shape\":[2,3,1,2,2],\"data_offsets\":[0,24]}}", 24, 1);
    refused("{\"t\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1, SOTTO_FORMAT,
            "shape of tensor 't'");
    refused("{\"t\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}}", 1, SOTTO_FORMAT,
            "shape of tensor 't'");
    refused("{\"t\":{\"dtype\":\"U8\",\"shape\":{},\"data_offsets\":[0,1]}}", 1, SOTTO_FORMAT,
            "shape of tensor 't'");
    refused("{\"t\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967297],\"data_offsets\":[0,1]}}", 1,
            SOTTO_FORMAT, "shape of tensor 't' overflows");
    refused("{\"t\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967297,1,1,1],\"data_offsets\":[0,1]}}", 1,
            SOTTO_FORMAT, "shape of tensor 't' overflows");
    refused("{\"t\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296,1,1,1],\"data_offsets\":[0,0]}}", 0,
            SOTTO_FORMAT, "shape of tensor 't' overflows");
    refused("{\"t\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}", 0,
            SOTTO_FORMAT, "shape of tensor 't' overflows");
    refused("{\"t\":{\"dtype\":\"U8\",\"shape\":[99999999999999999999],\"data_offsets\":[0,1]}}", 1,
            SOTTO_FORMAT, "shape of tensor 't'");
}

TEST(the_data_are_covered_exactly) {
#define U8(name, n, begin, end)                                                                              \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[" n "],\"data_offsets\":[" begin "," end "]}"
    accepted("{" U8("a", "4", "0", "4") "," U8("b", "4", "4", "8") "}", 8, 2);
    refused("{" U8("a", "4", "0", "4") "," U8("b", "4", "3", "7") "}", 7, SOTTO_FORMAT, "tensor 'b' begins");
    refused("{" U8("a", "4", "0", "4") "," U8("b", "4", "0", "4") "}", 4, SOTTO_FORMAT, "inside tensor 'a'");
    refused("{" U8("a", "4", "0", "4") "," U8("b", "4", "5", "9") "}", 9, SOTTO_FORMAT,
            "1 bytes before tensor 'b'");
    refused("{" U8("a", "4", "1", "5") "}", 5, SOTTO_FORMAT, "1 bytes before tensor 'a'");
    refused("{" U8("a", "4", "0", "4") "}", 5, SOTTO_FORMAT, "the last tensor ends");
    refused("{}", 1, SOTTO_FORMAT, "the last tensor ends");
    refused("{" U8("a", "4", "0", "4") "}", 3, SOTTO_FORMAT, "tensor 'a' has data_offsets [0, 4]");
    refused("{" U8("a", "4", "4", "0") "}", 4, SOTTO_FORMAT, "tensor 'a' has data_offsets [4, 0]");
    refused("{" U8("a", "4", "0", "9223372036854775807") "}", 4, SOTTO_FORMAT, "tensor 'a' has data_offsets");
    refused("{" U8("a", "4", "-4", "0") "}", 4, SOTTO_FORMAT, "data_offsets of tensor 'a'");
    refused("{" U8("a", "5", "0", "4") "}", 4, SOTTO_FORMAT,
            "tensor 'a' has 4 bytes of data but its shape and dtype need 5");
    refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,2,4]}}", 4, SOTTO_FORMAT,
            "data_offsets of tensor 'a'");
    refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":4}}", 4, SOTTO_FORMAT,
            "data_offsets of tensor 'a'");
    refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4]}}", 4, SOTTO_FORMAT, "data_offsets of tensor 'a'");
    refused("{" U8("a", "4", "0", "4") "," U8("a", "4", "4", "8") "}", 8, SOTTO_FORMAT, "duplicate");
    refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"shape\":[4],\"data_offsets\":[0,4]}}", 4, SOTTO_FORMAT,
            "duplicate");
}

TEST(the_header_is_bounded_and_json) {
    static const char *const not_json[] = {"{", "{\"a\"}", "{}x", "{\"a\":}", "{\"\xff\":1}"};
    for (size_t i = 0; i < SOTTO_COUNT(not_json); i++)
        refused(not_json[i], 0, SOTTO_FORMAT, "the header is not valid JSON");
    refused(" {}", 0, SOTTO_FORMAT, "does not begin with '{'");
    refused("[]", 0, SOTTO_FORMAT, "does not begin with '{'");
    refused("", 0, SOTTO_FORMAT, "does not begin with '{'");
    refused("{\"__metadata__\":{\"a\":1}}", 0, SOTTO_FORMAT, "__metadata__");
    refused("{\"__metadata__\":[]}", 0, SOTTO_FORMAT, "__metadata__");

    static const uint64_t lengths[] = {3, 100000001, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63};
    for (size_t i = 0; i < SOTTO_COUNT(lengths); i++) {
        sotto_buf b = {0};
        sotto_buf_append(&b, &lengths[i], 8);
        sotto_buf_puts(&b, "{}");
        check_refused(&b, false, SOTTO_FORMAT, "the header states");
        sotto_buf_free(&b);
    }
    sotto_buf none = {0};
    check_refused(&none, false, SOTTO_FORMAT, "the file has 0 bytes");
}

/* 100 MB of "[],[],..." would become gigabytes of JSON objects. */
TEST(a_header_cannot_ask_for_much_memory) {
    sotto_buf b = {0};
    uint64_t  n = 8 + 3 * (9u << 20);
    sotto_buf_append(&b, &n, 8);
    sotto_buf_puts(&b, "{\"a\":[[]");
    for (size_t i = 0; i < 9u << 20; i++) sotto_buf_puts(&b, ",[]");
    check_refused(&b, false, SOTTO_LIMIT, "JSON values");
    sotto_buf_free(&b);
}

TEST(many_tensors_take_linear_time) {
    enum { N = 50000 };
    sotto_buf header = {0}, b = {0};
    for (int i = 0; i < N; i++)
        sotto_buf_printf(&header, "%s\"t%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                         i ? "," : "{", i, N - 1 - i, N - i);
    sotto_buf_putc(&header, '}');
    st_file(&b, header.data, N);
    clock_t begin = clock();
    parsed  p = parse_copy(b.data, b.len, false);
    double  seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    CHECK_OK(p.status, p.err);
    CHECK_INT(p.list.count, N);
    CHECK(sotto_str_is(p.list.items[0].name, "t49999"));
    CHECK(seconds < 10); /* some 0.2 s without a sanitizer; a quadratic search would take far longer */
    parsed_free(&p);
    sotto_buf_free(&header);
    sotto_buf_free(&b);
}

TEST(damage_is_refused) {
    sotto_buf b = {0};
    st_file(&b, two, 20);
    check_damage(&b, false, 8 + strlen(two));
    sotto_buf_free(&b);
}

TEST_MAIN()
