/* Programs: what is built, packed and unpacked is the same; what a stranger made is refused with a sentence. */
#define _XOPEN_SOURCE 700
#include "coreml/mil.h"

#include <stdlib.h>
#include <unistd.h>

#include "test.h"

enum { WEIGHTS_BYTES = 512 };

static sotto_mil_type type_of(sotto_mil_dtype dtype, int32_t rank, int64_t a, int64_t b) {
    return (sotto_mil_type){.dtype = dtype, .rank = rank, .dim = {a, b}};
}

/* weight.bin with one int4 tensor of 4 x 16 and one fp16 tensor of 4 x 1, by the calls that a writer makes. */
static size_t make_weights(uint8_t out[WEIGHTS_BYTES], uint64_t places[2]) {
    sotto_mil_type    types[] = {type_of(SOTTO_MIL_I4, 2, 4, 16), type_of(SOTTO_MIL_F16, 2, 4, 1)};
    sotto_blob_layout layout = {0};
    char              path[] = "/tmp/sotto-mil-XXXXXX";
    sotto_error       err = {0};
    sotto_writer     *w;
    sotto_file        f;
    uint8_t           data[64];
    for (int i = 0; i < 64; i++) data[i] = (uint8_t)(i * 7);
    close(mkstemp(path));
    for (int i = 0; i < 2; i++) places[i] = sotto_blob_place(&layout, &types[i]);
    CHECK_OK(sotto_writer_open(&w, path, &err), err);
    CHECK_OK(sotto_blob_write_header(w, &layout, &err), err);
    for (int i = 0; i < 2; i++) {
        size_t n, n_bytes;
        CHECK(sotto_mil_type_measure(&types[i], &n, &n_bytes));
        CHECK_OK(sotto_blob_write_record(w, &types[i], &err), err);
        CHECK_INT(sotto_writer_offset(w), places[i] + 64);
        CHECK_OK(sotto_writer_write(w, data, n_bytes, &err), err);
    }
    CHECK_INT(sotto_writer_offset(w), layout.end);
    CHECK_OK(sotto_writer_commit(w, &err), err);
    CHECK_OK(sotto_file_open(&f, path, false, &err), err);
    size_t size = f.size;
    memcpy(out, f.data, size);
    sotto_file_close(&f);
    unlink(path);
    return size;
}

/* y = linear(x, constexpr(int4, scale)) plus a state that is read; every kind of constant. */
static void build(sotto_mil_program *p, const uint64_t places[2]) {
    sotto_mil_function *f = sotto_mil_begin(p, 9, "CoreML8");
    CHECK(f != NULL);
    if (!f) return;
    static const int32_t begin[] = {0, -1};
    static const float   real = 0.25f;
    static const uint8_t yes = 1;
    static const uint16_t half = 0x3c00;
    sotto_mil_feature input = {.name = "x", .type = type_of(SOTTO_MIL_F16, 2, 1, 16), .lower = {1, 16},
                               .upper = {8, 16}};
    sotto_mil_type wide = type_of(SOTTO_MIL_F16, 2, 4, 16), out = type_of(SOTTO_MIL_F16, 2, SOTTO_MIL_ANY, 4);
    sotto_mil_value data = {.type = type_of(SOTTO_MIL_I4, 2, 4, 16), .n_bytes = 32, .blob = places[0]};
    sotto_mil_value scale = {.type = type_of(SOTTO_MIL_F16, 2, 4, 1), .n_bytes = 8, .blob = places[1]};
    sotto_mil_value ints = {.type = type_of(SOTTO_MIL_I32, 1, 2, 0), .data = begin, .n_bytes = 8};
    sotto_mil_value value = {.type = {.dtype = SOTTO_MIL_F32}, .data = &real, .n_bytes = 4};
    sotto_mil_value flag = {.type = {.dtype = SOTTO_MIL_BOOL}, .data = &yes, .n_bytes = 1};
    sotto_mil_value one = {.type = {.dtype = SOTTO_MIL_F16}, .data = &half, .n_bytes = 2};
    sotto_mil_value text = {.type = {.dtype = SOTTO_MIL_STRING}, .data = "valid", .n_bytes = 5};
    int32_t x = sotto_mil_add_input(f, &input);
    int32_t state = sotto_mil_add_state(f, "cache", type_of(SOTTO_MIL_F16, 2, 4, 4));
    int32_t w = sotto_mil_add_op(f, "constexpr_blockwise_shift_scale", "w", &wide,
                                 (sotto_mil_in[]){{.param = "data", .value = &data},
                                                  {.param = "scale", .value = &scale}}, 2);
    int32_t again = sotto_mil_add_const(f, NULL, &ints), same = sotto_mil_add_const(f, NULL, &ints);
    CHECK_INT(again, same);
    int32_t consts[] = {sotto_mil_add_const(f, NULL, &value), sotto_mil_add_const(f, NULL, &flag),
                        sotto_mil_add_const(f, NULL, &one), sotto_mil_add_const(f, "mode", &text)};
    sotto_mil_type kept = type_of(SOTTO_MIL_F16, 2, 4, 4);
    int32_t read = sotto_mil_add_op(f, "read_state", NULL, &kept, (sotto_mil_in[]){{"input", .var = state}}, 1);
    (void)sotto_mil_add_op(f, "write_state", "keep", NULL,
                           (sotto_mil_in[]){{"input", .var = state}, {"data", .var = read}}, 2);
    int32_t y = sotto_mil_add_op(f, "linear", "y", &out,
                                 (sotto_mil_in[]){{"x", .var = x}, {"weight", .var = w},
                                                  {"odd", .vars = consts, .n = 4}, {"begin", .var = again}}, 4);
    sotto_mil_add_output(f, y);
    p->description = "a test";
    sotto_mil_add_pair(p, "key", "value");
    CHECK(!p->failed);
}

static sotto_buf packed(const sotto_mil_program *p) {
    sotto_buf   out = {0};
    sotto_error err = {0};
    CHECK_OK(sotto_mil_program_pack(p, &out, &err), err);
    return out;
}

TEST(what_is_packed_comes_back) {
    uint8_t           weights[WEIGHTS_BYTES];
    uint64_t          places[2];
    sotto_error       err = {0};
    sotto_mil_program a = {0}, b;
    char              text[64];
    size_t            n = make_weights(weights, places);
    build(&a, places);
    sotto_buf bytes = packed(&a);
    CHECK_OK(sotto_mil_program_unpack(&b, (const uint8_t *)bytes.data, bytes.len, weights, n, &err), err);
    const sotto_mil_function *f = sotto_mil_function_find(&b, "main");
    CHECK(f && !sotto_mil_function_find(&b, "other"));
    if (f) {
        CHECK_INT(b.version, 9);
        CHECK_STR(f->opset, "CoreML8");
        CHECK_INT(f->n_ops, a.functions[0].n_ops);
        CHECK_INT(f->n_vars, a.functions[0].n_vars);
        CHECK_INT(f->inputs.items[0].upper[0], 8);
        CHECK_INT(f->outputs.items[0].type.rank, 0);
        CHECK(f->vars[f->states.items[0].var].type.state);
        const sotto_mil_op *linear = &f->ops[f->n_ops - 1];
        CHECK_STR(linear->type, "linear");
        CHECK_STR(linear->name, "y");
        const sotto_mil_arg *odd = sotto_mil_arg_find(linear, "odd"), *w = sotto_mil_arg_find(linear, "weight");
        CHECK(odd && odd->n == 4 && w && !sotto_mil_arg_find(linear, "bias"));
        CHECK(*(const float *)f->vars[odd->vars[0]].value->data == 0.25f);
        CHECK_INT(*(const uint8_t *)f->vars[odd->vars[1]].value->data, 1);
        CHECK_STR(f->vars[odd->vars[3]].value->data, "valid");
        const sotto_mil_arg *data = sotto_mil_arg_find(&f->ops[f->vars[w->vars[0]].op], "data");
        CHECK(data && data->value && data->value->data == weights + places[0] + 64);
        sotto_mil_type_text(&f->vars[linear->outputs[0]].type, text, sizeof text);
        CHECK_STR(text, "fp16[?, 4]");
    }
    sotto_buf twice = packed(&b);
    CHECK(twice.len == bytes.len && memcmp(twice.data, bytes.data, bytes.len) == 0);
    sotto_buf_free(&bytes);
    sotto_buf_free(&twice);
    sotto_mil_program_free(&a);
    sotto_mil_program_free(&b);
}

/* Cut anywhere, and with any byte changed, a program is read or refused, never more. */
TEST(damaged_programs_are_refused) {
    uint8_t           weights[WEIGHTS_BYTES];
    uint64_t          places[2];
    sotto_mil_program p = {0};
    size_t            n = make_weights(weights, places), refused = 0;
    build(&p, places);
    sotto_buf bytes = packed(&p);
    sotto_mil_program_free(&p);
    for (size_t i = 0; i < 2 * bytes.len; i++) {
        sotto_error err = {0};
        size_t      size = i < bytes.len ? i : bytes.len;
        uint8_t    *copy = malloc(size + 1);
        memcpy(copy, bytes.data, size);
        if (i >= bytes.len) copy[i - bytes.len] ^= (uint8_t)(1 + i % 255);
        if (sotto_mil_program_unpack(&p, copy, size, weights, n, &err) == SOTTO_OK)
            sotto_mil_program_free(&p);
        else
            CHECK(err.message[0] && ++refused);
        free(copy);
    }
    CHECK(refused > bytes.len);
    sotto_buf_free(&bytes);
}

TEST(blobs_outside_of_the_file_are_refused) {
    uint8_t     weights[WEIGHTS_BYTES];
    uint64_t    places[2];
    sotto_error err = {0};
    sotto_blob  blob;
    uint32_t    n_blobs;
    size_t      n = make_weights(weights, places);
    CHECK_OK(sotto_blob_check_all(weights, n, &n_blobs, &err), err);
    CHECK_INT(n_blobs, 2);
    CHECK_OK(sotto_blob_at(&blob, weights, n, places[1], &err), err);
    CHECK_INT(blob.n_bytes, 8);
    CHECK(sotto_blob_at(&blob, weights, n, 0, &err) == SOTTO_FORMAT);
    CHECK(sotto_blob_at(&blob, weights, n, places[0] + 1, &err) == SOTTO_FORMAT);
    CHECK(sotto_blob_at(&blob, weights, n, UINT64_MAX & ~(uint64_t)63, &err) == SOTTO_FORMAT);
    for (size_t cut = 0; cut < n; cut++) CHECK(sotto_blob_check_all(weights, cut, &n_blobs, &err) == SOTTO_FORMAT);
    memset(weights + places[0] + 8, 0xff, 8); /* the size */
    CHECK(sotto_blob_at(&blob, weights, n, places[0], &err) == SOTTO_FORMAT);
    memset(weights + places[0] + 8, 0, 16); /* empty data at byte 0: behind itself */
    CHECK(sotto_blob_check_all(weights, n, &n_blobs, &err) == SOTTO_FORMAT);
}

TEST(sizes_that_overflow_are_no_sizes) {
    size_t         n, n_bytes;
    sotto_mil_type t = {.dtype = SOTTO_MIL_F32, .rank = 3, .dim = {INT64_MAX / 2, 8, 8}};
    CHECK(!sotto_mil_type_measure(&t, &n, &n_bytes));
    t = (sotto_mil_type){.dtype = SOTTO_MIL_I4, .rank = 1, .dim = {3}};
    CHECK(sotto_mil_type_measure(&t, &n, &n_bytes) && n_bytes == 2);
    t.dim[0] = SOTTO_MIL_ANY;
    CHECK(!sotto_mil_type_measure(&t, &n, &n_bytes));
}

static sotto_status manifest(const char *text, sotto_mil_manifest *m) {
    sotto_error err = {0};
    return sotto_mil_manifest_parse(m, sotto_str_from(text), &err);
}

TEST(manifests_stay_inside_of_the_package) {
    sotto_mil_manifest m;
    sotto_buf          own = {0};
    CHECK(sotto_mil_manifest_write(&own, 7));
    CHECK_INT(manifest(own.data, &m), SOTTO_OK);
    CHECK_STR(m.model, "com.apple.CoreML/model.mlmodel");
    CHECK_STR(m.weights, "com.apple.CoreML/weights");
    sotto_buf_free(&own);
#define MANIFEST(path)                                                                                       \
    "{\"fileFormatVersion\":\"1.0.0\",\"rootModelIdentifier\":\"a\"," \
    "\"itemInfoEntries\":{\"a\":{\"path\":\"" path "\"}}}"
    CHECK_INT(manifest(MANIFEST("x/y"), &m), SOTTO_OK);
    CHECK_INT(manifest(MANIFEST("x/../../y"), &m), SOTTO_FORMAT);
    CHECK_INT(manifest(MANIFEST("/etc/passwd"), &m), SOTTO_FORMAT);
    CHECK_INT(manifest(MANIFEST(".."), &m), SOTTO_FORMAT);
    CHECK_INT(manifest(MANIFEST(""), &m), SOTTO_FORMAT);
    CHECK_INT(manifest("{}", &m), SOTTO_UNSUPPORTED);
    CHECK_INT(manifest("{\"fileFormatVersion\":\"1.0.0\",\"itemInfoEntries\":[]}", &m), SOTTO_FORMAT);
    CHECK_INT(manifest("[", &m), SOTTO_FORMAT);
}

/* Written by coremltools' own builder: tools/coreml/make_toy.py. */
TEST(a_package_of_apple_s_tools_is_read) {
    sotto_mil_package *p;
    sotto_error        err = {0};
    int                n_constexpr = 0, n_sdpa = 0;
    CHECK_OK(sotto_mil_package_open(&p, "coreml/toy.mlpackage", true, &err), err);
    const sotto_mil_function *f = p ? sotto_mil_function_find(&p->program, "main") : NULL;
    CHECK(f && f->inputs.n == 2 && f->states.n == 2 && f->outputs.n == 1);
    for (int32_t i = 0; f && i < f->n_ops; i++) {
        n_sdpa += strcmp(f->ops[i].type, "scaled_dot_product_attention") == 0;
        if (strcmp(f->ops[i].type, "constexpr_blockwise_shift_scale") != 0) continue;
        const sotto_mil_arg *data = sotto_mil_arg_find(&f->ops[i], "data");
        n_constexpr += data && data->value && data->value->type.dtype == SOTTO_MIL_I4 && data->value->blob > 0;
    }
    CHECK_INT(n_constexpr, 9);
    CHECK_INT(n_sdpa, 2);
    sotto_mil_package_close(p);
    CHECK_INT(sotto_mil_package_open(&p, "coreml/none.mlpackage", true, &err), SOTTO_NOT_FOUND);
}

TEST_MAIN()
