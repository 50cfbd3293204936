/* Checkpoints: what a path leads to, shards and splits, and the words for what is not a model. */
#include "model_folder.h"

#include "model_bytes.h"

/* Opening fails with this status and a message that names the path and the culprit. */
static void refused(const char *path, sotto_status status, const char *culprit) {
    sotto_error       err = {0};
    sotto_checkpoint *c = NULL;
    CHECK_INT(sotto_checkpoint_open(&c, path, NULL, &err), status);
    CHECK(c == NULL);
    if (!strstr(err.message, culprit)) CHECK_STR(err.message, culprit);
    CHECK(strstr(err.message, test_folder) != NULL);
}

/* As make_format_files.py defines them. */
static float value(const char *name, int i) {
    int sum = 0;
    for (const char *p = name; *p; p++) sum += (unsigned char)*p;
    return (float)((i * 7 + sum) % 61 - 30) / 4;
}

static void check_values(const sotto_checkpoint *c, const char *name, sotto_dtype dtype, int n,
                         float tolerance) {
    float               got[256];
    const sotto_tensor *t = sotto_checkpoint_find(c, name);
    CHECK(t && t->dtype == dtype);
    if (!t) return;
    sotto_row_to_f32(dtype, t->data, got, (size_t)n);
    for (int i = 0; i < n; i++) CHECK(fabsf(got[i] - value(name, i)) <= tolerance);
}

TEST(reads_a_gguf_of_the_reference_writer) {
    for (int no_map = 0; no_map <= 1; no_map++) {
        sotto_error       err = {0};
        sotto_checkpoint *c = NULL;
        CHECK_OK(sotto_checkpoint_open(&c, "unit/data/reference.gguf",
                                       &(sotto_checkpoint_options){.no_map = no_map}, &err),
                 err);
        if (!c) return;
        static const struct {
            const char *key;
            int64_t     value;
        } ints[] = {{"t.u8", 200},
                    {"t.i8", -100},
                    {"t.u16", 60000},
                    {"t.i16", -30000},
                    {"t.u32", 4000000000},
                    {"t.i32", -2000000000},
                    {"t.u64", (int64_t)1 << 62},
                    {"t.i64", -((int64_t)1 << 62)}};
        int64_t   i = 0;
        double    f = 0;
        bool      flag = false;
        sotto_str s = {0};
        for (size_t k = 0; k < SOTTO_COUNT(ints); k++) {
            CHECK(sotto_gguf_get_i64(sotto_gguf_find(c->gguf, ints[k].key), &i));
            CHECK_INT(i, ints[k].value);
        }
        CHECK(sotto_gguf_get_f64(sotto_gguf_find(c->gguf, "t.f32"), &f) && f == 0.25);
        CHECK(sotto_gguf_get_f64(sotto_gguf_find(c->gguf, "t.f64"), &f) && f == 0.1);
        CHECK(sotto_gguf_get_bool(sotto_gguf_find(c->gguf, "t.bool"), &flag) && flag);
        CHECK(sotto_gguf_get_str(sotto_gguf_find(c->gguf, "t.string"), &s) &&
              sotto_str_is(s, "gr\xc3\xbc\xc3\x9f"
                              "e"));
        CHECK(sotto_gguf_item_i64(sotto_gguf_find(c->gguf, "t.ints"), 1, &i) && i == -2);
        CHECK(sotto_gguf_item_f64(sotto_gguf_find(c->gguf, "t.floats"), 1, &f) && f == -1.5);
        CHECK(sotto_gguf_item_str(sotto_gguf_find(c->gguf, "t.strings"), 2, &s) &&
              sotto_str_is(s, "zw\xc3\xb6lf"));
        CHECK(sotto_gguf_item_bool(sotto_gguf_find(c->gguf, "t.bools"), 1, &flag) && !flag);

        CHECK(c->kind == SOTTO_CHECKPOINT_GGUF && c->n_files == 1 && c->n_tensors == 5 &&
              c->files[0].mapped == !no_map);
        CHECK_INT(c->n_bytes, c->files[0].size);
        check_values(c, "f32", SOTTO_F32, 15, 0);
        check_values(c, "f16", SOTTO_F16, 24, 0);
        check_values(c, "q8_0", SOTTO_Q8_0, 256, 0.04f);
        check_values(c, "q4_0", SOTTO_Q4_0, 256, 1.0f);
        check_values(c, "one", SOTTO_F32, 1, 0);
        CHECK(sotto_checkpoint_find(c, "f16")->dim[0] == 4 && sotto_checkpoint_find(c, "f16")->dim[2] == 2);
        CHECK(!sotto_checkpoint_find(c, "absent"));
        sotto_checkpoint_close(c);
    }
}

TEST(reads_a_sharded_folder_of_the_reference_writer) {
    for (int no_map = 0; no_map <= 1; no_map++) {
        sotto_error       err = {0};
        sotto_checkpoint *c = NULL;
        CHECK_OK(sotto_checkpoint_open(&c, "unit/data/reference-sharded",
                                       &(sotto_checkpoint_options){.no_map = no_map}, &err),
                 err);
        if (!c) return;
        CHECK(c->kind == SOTTO_CHECKPOINT_HF && !c->gguf && c->n_files == 2 && c->n_tensors == 5);
        CHECK(c->files[0].mapped == !no_map);
        CHECK_INT(c->n_bytes, c->files[0].size + c->files[1].size);
        CHECK_STR(json_string_value(json_object_get(c->config, "model_type")), "llama");
        /* 10^30, as transformers writes it, does not fit an integer. */
        CHECK(json_number_value(json_object_get(c->tokenizer_config, "model_max_length")) == 1e30);
        CHECK(!c->generation_config);
        check_values(c, "f32", SOTTO_F32, 15, 0);
        check_values(c, "f16", SOTTO_F16, 24, 0);
        const sotto_tensor *i64 = sotto_checkpoint_find(c, "i64"), *empty = sotto_checkpoint_find(c, "empty");
        CHECK(i64 && i64->dtype == SOTTO_I64 && i64->file_index == 1 && i64->n_bytes == 48);
        CHECK(empty && empty->n_bytes == 0 && empty->dim[0] == 4 && empty->dim[1] == 0);
        CHECK(sotto_checkpoint_find(c, "bool") && sotto_checkpoint_find(c, "bool")->dtype == SOTTO_BOOL);
        sotto_checkpoint_close(c);
    }
}

static void put_safetensors(const char *name, const char *header, size_t n_data) {
    sotto_buf b = {0};
    st_file(&b, header, n_data);
    put_file(name, b.data, b.len);
    sotto_buf_free(&b);
}
#define ONE(tensor) "{\"" tensor "\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}"

TEST(folders) {
    put_folder("hf");
    refused(in_folder("hf"), SOTTO_NOT_FOUND, "no config.json");
    put_text("hf/config.json", "{\"model_type\":\"llama\"");
    refused(in_folder("hf"), SOTTO_FORMAT, "config.json is not valid JSON: line 1");
    put_text("hf/config.json", "[]");
    refused(in_folder("hf"), SOTTO_FORMAT, "not a JSON object");
    put_text("hf/config.json", "");
    refused(in_folder("hf"), SOTTO_FORMAT, "config.json is not valid JSON");
    put_text("hf/config.json", "{\"a\":1,\"a\":1}");
    refused(in_folder("hf"), SOTTO_FORMAT, "duplicate");
    put_text("hf/config.json", "{\"quantization_config\":{\"quant_method\":\"awq\",\"bits\":4}}");
    refused(in_folder("hf"), SOTTO_UNSUPPORTED, "quantised (awq)");
    put_text("hf/config.json", "{\"quantization\":{\"group_size\":64,\"bits\":4}}");
    refused(in_folder("hf"), SOTTO_UNSUPPORTED, "MLX");
    put_text("hf/config.json", "{\"quantization_config\":null}");
    refused(in_folder("hf"), SOTTO_NOT_FOUND, "neither model.safetensors nor");
    sotto_error       err = {0};
    sotto_checkpoint *c = NULL;
    CHECK_OK(
        sotto_checkpoint_open(&c, in_folder("hf"), &(sotto_checkpoint_options){.metadata_only = true}, &err),
        err);
    CHECK(c && c->n_tensors == 0 && c->n_files == 0 && c->config && !sotto_checkpoint_find(c, "x"));
    sotto_checkpoint_close(c);
    put_text("hf/pytorch_model.bin", "PK\3\4");
    refused(in_folder("hf"), SOTTO_NOT_FOUND, "PyTorch");
    put_safetensors("hf/model.safetensors", ONE("t"), 3);
    refused(in_folder("hf"), SOTTO_FORMAT, "hf/model.safetensors: tensor 't' has data_offsets [0, 4]");
    put_text("hf/model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
    refused(in_folder("hf"), SOTTO_UNSUPPORTED, "Git LFS pointer");
    put_text("hf/model.safetensors", "");
    refused(in_folder("hf"), SOTTO_FORMAT, "has 0 bytes");
    put_safetensors("hf/model.safetensors", ONE("t"), 4);
    c = NULL;
    CHECK_OK(sotto_checkpoint_open(&c, in_folder("hf"), NULL, &err), err);
    CHECK(c && sotto_checkpoint_find(c, "t"));
    sotto_checkpoint_close(c);
    put_text("hf/generation_config.json", "{]");
    refused(in_folder("hf"), SOTTO_FORMAT, "generation_config.json is not valid JSON");
}

TEST(file_names_in_an_index_are_not_trusted) {
    static const char *const names[] = {
        "\"../x.safetensors\"",
        "\"/etc/x.safetensors\"",
        "\"a/x.safetensors\"",
        "\"a\\\\x.safetensors\"",
        "\"..safetensors\"",
        "\"x.bin\"",
        "\"\"",
        "7",
        "null",
        "[]",
        "\"x.safetensors\\u0000\"",
        "\".safetensors\"",
        "\"C:x.safetensors\"",
        "\"..\\\\x.safetensors\"",
        "\"x.safetensors/\"",
    };
    put_folder("evil");
    put_text("evil/config.json", "{}");
    put_safetensors("x.safetensors", ONE("t"), 4);
    for (size_t i = 0; i < SOTTO_COUNT(names); i++) {
        char text[256];
        snprintf(text, sizeof text, "{\"weight_map\":{\"t\":%s}}", names[i]);
        put_text("evil/model.safetensors.index.json", text);
        refused(in_folder("evil"), SOTTO_FORMAT, "places tensor 't' in");
    }
}

TEST(shards_agree_with_their_index) {
    put_folder("shards");
    put_text("shards/config.json", "{}");
    put_text("shards/model.safetensors.index.json", "{}");
    refused(in_folder("shards"), SOTTO_FORMAT, "no weight_map");
    put_text("shards/model.safetensors.index.json",
             "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}}");
    refused(in_folder("shards"), SOTTO_NOT_FOUND, "1.safetensors");
    put_safetensors("shards/1.safetensors", ONE("a"), 4);
    refused(in_folder("shards"), SOTTO_NOT_FOUND, "2.safetensors");
    put_safetensors("shards/2.safetensors", ONE("a"), 4);
    refused(in_folder("shards"), SOTTO_FORMAT, "tensor 'a' is there twice");
    put_safetensors("shards/2.safetensors", ONE("c"), 4);
    refused(in_folder("shards"), SOTTO_FORMAT, "places tensor 'b' in 2.safetensors");
    put_safetensors("shards/2.safetensors", ONE("b"), 4);
    sotto_error       err = {0};
    sotto_checkpoint *c = NULL;
    CHECK_OK(sotto_checkpoint_open(&c, in_folder("shards"), NULL, &err), err);
    CHECK(c && c->n_tensors == 2 && sotto_checkpoint_find(c, "b")->file_index == 1);
    sotto_checkpoint_close(c);
    put_text("shards/model.safetensors.index.json",
             "{\"weight_map\":{\"b\":\"1.safetensors\",\"a\":\"2.safetensors\"}}");
    refused(in_folder("shards"), SOTTO_FORMAT, "places tensor 'b' in 1.safetensors");
}

TEST(what_is_not_a_model) {
    static const struct {
        const char  *name, *bytes;
        sotto_status status;
        const char  *culprit;
    } cases[] = {
        {"x.bin", "PK\3\4...", SOTTO_UNSUPPORTED, "zip archive"},
        {"x.pt", "\x80\x02}q", SOTTO_UNSUPPORTED, "pickle"},
        {"old.bin", "tjgg\3", SOTTO_UNSUPPORTED, "obsolete GGML"},
        {"page.gguf", "<!DOCTYPE html>", SOTTO_UNSUPPORTED, "web page"},
        {"lfs.gguf", "version https://git-lfs.github.com/spec/v1\n", SOTTO_UNSUPPORTED, "git lfs pull"},
        {"one.safetensors", "\2\0\0\0\0\0\0\0{}", SOTTO_INVALID, "give the folder"},
        {"config.json", "{}", SOTTO_INVALID, "give the folder"},
        {"notes.txt", "hello", SOTTO_UNSUPPORTED, "does not begin with \"GGUF\""},
        {"empty.gguf", "", SOTTO_UNSUPPORTED, "does not begin with \"GGUF\""},
        {"short.gguf", "GGUF", SOTTO_FORMAT, "short.gguf: the header needs 4 bytes at offset 4"},
    };
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        size_t n = cases[i].bytes[0] == '\2' ? 10 : strlen(cases[i].bytes);
        put_file(cases[i].name, cases[i].bytes, n);
        refused(in_folder(cases[i].name), cases[i].status, cases[i].culprit);
    }
    refused(in_folder("absent.gguf"), SOTTO_NOT_FOUND, "is not there");
    put_folder("m.mlpackage"), put_folder("m.mlpackage/Data"), put_text("m.mlpackage/Manifest.json", "{}");
    refused(in_folder("m.mlpackage"), SOTTO_UNSUPPORTED, "Core ML package");
}

static void put_part(const char *name, int no, int count, int n_tensors, const char *tensor) {
    sotto_buf b = {0};
    gg_head(&b, 3, 1, 3);
    gg_key(&b, "split.no", SOTTO_GGUF_U16), sotto_buf_append(&b, &(uint16_t){(uint16_t)no}, 2);
    gg_key(&b, "split.count", SOTTO_GGUF_U16), sotto_buf_append(&b, &(uint16_t){(uint16_t)count}, 2);
    gg_key(&b, "split.tensors.count", SOTTO_GGUF_I32), gg_u32(&b, (uint32_t)n_tensors);
    gg_tensor(&b, tensor, 8, 1, 0, 0);
    gg_data(&b, 32, 32);
    put_file(name, b.data, b.len);
    sotto_buf_free(&b);
}

TEST(split_files_open_by_any_part) {
    static const char *const names[] = {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf",
                                        "m-00003-of-00003.gguf"};
    static const char *const tensors[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        put_part(names[i], i, 3, 3, tensors[i]);
        if (i < 2)
            refused(in_folder(names[0]), SOTTO_NOT_FOUND,
                    i ? "part 3 of the 3 parts" : "part 2 of the 3 parts");
    }
    for (int i = 0; i < 3; i++) {
        sotto_error       err = {0};
        sotto_checkpoint *c = NULL;
        CHECK_OK(sotto_checkpoint_open(&c, in_folder(names[i]), NULL, &err), err);
        if (!c) return;
        int64_t no = -1;
        CHECK(c->n_files == 3 && c->n_tensors == 3);
        for (int k = 0; k < 3; k++)
            CHECK(sotto_str_is(c->tensors[k].name, tensors[k]) && c->tensors[k].file_index == k);
        CHECK(sotto_gguf_get_i64(sotto_gguf_find(c->gguf, "split.no"), &no) &&
              no == 0); /* the first part's keys */
        sotto_checkpoint_close(c);
    }
    put_part(names[1], 1, 3, 3, "a");
    refused(in_folder(names[0]), SOTTO_FORMAT, "tensor 'a' is there twice");
    put_part(names[1], 2, 3, 3, "b");
    refused(in_folder(names[0]), SOTTO_FORMAT, "named as part 2 of 3, but its keys say split.no 2");
    put_part(names[1], 1, 4, 3, "b");
    refused(in_folder(names[0]), SOTTO_FORMAT, "split.count 4");
    put_part(names[1], 1, 3, 3, "b");
    put_part(names[0], 0, 3, 7, "a");
    refused(in_folder(names[2]), SOTTO_FORMAT, "split.tensors.count is 7");
    put_part("renamed.gguf", 1, 3, 3, "b");
    refused(in_folder("renamed.gguf"), SOTTO_FORMAT, "does not end in -00002-of-00003.gguf");
    put_part("s-00001-of-00001.gguf", 0, 1, 1, "a");
    sotto_error       err = {0};
    sotto_checkpoint *c = NULL;
    CHECK_OK(sotto_checkpoint_open(&c, in_folder("s-00001-of-00001.gguf"), NULL, &err), err);
    sotto_checkpoint_close(c);
}

/* A mapped file that shrinks raises SIGBUS where it is read; a file that was read into memory does not
 * care. */
TEST(a_file_that_was_read_may_shrink) {
    sotto_error       err = {0};
    sotto_checkpoint *c = NULL;
    sotto_file        f;
    CHECK_OK(sotto_file_open(&f, "unit/data/reference.gguf", false, &err), err);
    put_file("shrinks.gguf", f.data, f.size);
    sotto_file_close(&f);
    CHECK_OK(sotto_checkpoint_open(&c, in_folder("shrinks.gguf"), &(sotto_checkpoint_options){.no_map = true},
                                   &err),
             err);
    CHECK_INT(truncate(in_folder("shrinks.gguf"), 0), 0);
    if (c) check_values(c, "f32", SOTTO_F32, 15, 0);
    sotto_checkpoint_close(c);
}

TEST(json_numbers_and_nul) {
    static const char text[] =
        "{\"big\":[1234567890123456789012,-99999999999999999999,9223372036854775807,1e3],"
        "\"text\":\"1234567890123456789012 \\\" 1234567890123456789012\",\"nul\":\"a\\u0000b\"}";
    sotto_error err = {0};
    json_t     *json = NULL;
    CHECK_OK(sotto_json_parse(&json, sotto_str_from(text), "text", &err), err);
    const json_t *big = json_object_get(json, "big");
    CHECK(json_number_value(json_array_get(big, 0)) == 1234567890123456789012.0);
    CHECK(json_number_value(json_array_get(big, 1)) == -99999999999999999999.0);
    CHECK(json_number_value(json_array_get(big, 3)) == 1000);
    CHECK_STR(json_string_value(json_object_get(json, "text")),
              "1234567890123456789012 \" 1234567890123456789012");
    CHECK_INT(json_string_length(json_object_get(json, "nul")), 3);
    json_decref(json);
    CHECK_INT(sotto_json_parse(&json, sotto_str_from("[1e999]"), "text", &err), SOTTO_FORMAT);
    CHECK_INT(sotto_json_parse(&json, sotto_str_from("[1,]"), "text", &err), SOTTO_FORMAT);
    CHECK(!json && strstr(err.message, "text is not valid JSON: line 1, column 4"));
    char deep[10000];
    memset(deep, '[', sizeof deep);
    CHECK_INT(sotto_json_parse(&json, (sotto_str){deep, sizeof deep}, "text", &err), SOTTO_FORMAT);
}

TEST_MAIN()
