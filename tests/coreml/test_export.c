/* Export: the package's bytes. What its program computes is checked against numpy by tools/coreml/. */
#define _XOPEN_SOURCE 700
#include "coreml/export.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"

static void check_export(const char *model, const char *package, sotto_export_options o) {
    sotto_error err = {0};
    CHECK_OK(sotto_export(model, in_folder(package), &o, &err), err);
}

static sotto_mil_package *open_package(const char *name) {
    sotto_mil_package *p;
    sotto_error        err = {0};
    CHECK_OK(sotto_mil_package_open(&p, in_folder(name), true, &err), err);
    return p;
}

/* A value that the operation called `name` has as this parameter. */
static const sotto_mil_value *find_value(const sotto_mil_package *p, const char *name, const char *param) {
    const sotto_mil_function *f = sotto_mil_function_find(&p->program, "main");
    for (int32_t i = 0; f && i < f->n_ops; i++) {
        const sotto_mil_arg *arg = strcmp(f->ops[i].name, name) == 0 ? sotto_mil_arg_find(&f->ops[i], param) : NULL;
        if (arg) return arg->value;
    }
    return NULL;
}

static int nibble(const sotto_mil_value *v, size_t i) {
    int code = ((const uint8_t *)v->data)[i / 2] >> (i % 2 * 4) & 15;
    return code >= 8 ? code - 16 : code;
}

static bool is_equal_file(const char *a, const char *b) {
    sotto_file  x = {0}, y = {0};
    sotto_error err = {0};
    CHECK_OK(sotto_file_open(&x, a, false, &err), err);
    CHECK_OK(sotto_file_open(&y, b, false, &err), err);
    bool same = x.size == y.size && x.size > 0 && memcmp(x.data, y.data, x.size) == 0;
    sotto_file_close(&x);
    sotto_file_close(&y);
    return same;
}

/* ---- the package --------------------------------------------------------------------------------------- */

TEST(the_same_input_gives_the_same_bytes) {
    static const char *const parts[] = {"Manifest.json", "Data/com.apple.CoreML/model.mlmodel",
                                        "Data/com.apple.CoreML/weights/weight.bin"};
    check_export("golden/gemma3", "a.mlpackage", (sotto_export_options){.context = 32});
    check_export("golden/gemma3", "b.mlpackage", (sotto_export_options){.context = 32});
    for (size_t i = 0; i < SOTTO_COUNT(parts); i++) {
        char a[512], b[512];
        (void)snprintf(a, sizeof a, "%s/%s", in_folder("a.mlpackage"), parts[i]);
        (void)snprintf(b, sizeof b, "%s/%s", in_folder("b.mlpackage"), parts[i]);
        CHECK(is_equal_file(a, b));
    }
    CHECK(is_equal_file(in_folder("a.tokenizer/tokenizer.json"), "golden/gemma3/tokenizer.json"));
}

TEST(the_interface_is_what_clients_expect) {
    check_export("golden/llama3", "a.mlpackage", (sotto_export_options){.context = 40, .bits = 16, .id = "x/y"});
    sotto_mil_package        *p = open_package("a.mlpackage");
    const sotto_mil_function *f = p ? sotto_mil_function_find(&p->program, "main") : NULL;
    CHECK(f && f->inputs.n == 2 && f->states.n == 2 && f->outputs.n == 1);
    if (f && f->inputs.n == 2 && f->states.n == 2) {
        CHECK_INT(p->program.version, 9);
        CHECK_STR(f->inputs.items[0].name, "inputIds");
        CHECK_INT(f->inputs.items[0].upper[1], 40);
        CHECK_STR(f->inputs.items[1].name, "causalMask");
        CHECK_INT(f->inputs.items[1].lower[2], 1);
        CHECK_INT(f->inputs.items[1].upper[2], 40);
        CHECK_STR(f->states.items[0].name, "keyCache");
        CHECK_INT(f->states.items[1].type.dim[3], 64); /* whole 32s */
        CHECK_STR(f->outputs.items[0].name, "logits");
        CHECK_STR(p->program.pairs[0].key, "co.huggingface.exporters.name");
        CHECK_STR(p->program.pairs[0].value, "x/y");
    }
    sotto_mil_package_close(p);
}

/* Where a description has no place for what a model does, it says so and writes nothing. */
TEST(what_cannot_be_exported_is_refused) {
    sotto_error          err = {0};
    sotto_export_options o = {.context = 32};
    const char          *path = in_folder("no.mlpackage");
    CHECK_INT(sotto_export("golden/gemma4-e", path, &o, &err), SOTTO_UNSUPPORTED);
    CHECK(strstr(err.message, "gemma4") != NULL);
    CHECK_INT(sotto_export("golden/llama3", in_folder("other"), &o, &err), SOTTO_INVALID);
    o.bits = 5;
    CHECK_INT(sotto_export("golden/llama3", path, &o, &err), SOTTO_INVALID);
    o = (sotto_export_options){.context = 100000};
    CHECK_INT(sotto_export("golden/llama3", path, &o, &err), SOTTO_INVALID);
    CHECK_INT(sotto_export("golden/none", path, &o, &err), SOTTO_NOT_FOUND);
    CHECK_INT(sotto_path_kind_of(path), SOTTO_PATH_NONE);
    CHECK_INT(sotto_path_kind_of(in_folder("no.tokenizer")), SOTTO_PATH_NONE);
}

static bool stop(void *user, uint64_t done, uint64_t total) {
    (void)user, (void)total;
    return done == 0;
}

TEST(a_cancelled_export_leaves_nothing) {
    sotto_error          err = {0};
    sotto_export_options o = {.context = 32, .progress = stop};
    CHECK_INT(sotto_export("golden/llama3", in_folder("gone.mlpackage"), &o, &err), SOTTO_CANCELLED);
    CHECK_INT(sotto_path_kind_of(in_folder("gone.mlpackage")), SOTTO_PATH_NONE);
}

TEST(names_are_the_method_s_own) {
    static const char *const names[][2] = {
        {"x/gemma-2b-it/", "Gemma-2B-IT-Stateful-4bit-128.mlpackage"},
        {"gemma-2b-it-q4_0.gguf", "Gemma-2B-IT-Stateful-4bit-128.mlpackage"},
        {"Llama-3.2-1B-Instruct", "Llama-3.2-1B-Instruct-Stateful-4bit-128.mlpackage"},
        {"..", "Model-Stateful-4bit-128.mlpackage"}};
    char        name[256];
    sotto_error err = {0};
    for (size_t i = 0; i < SOTTO_COUNT(names); i++) {
        CHECK_OK(sotto_export_name(names[i][0], NULL, name, &err), err);
        CHECK_STR(name, names[i][1]);
    }
    sotto_export_options o = {.context = 2048, .bits = 16};
    CHECK_OK(sotto_export_name("gemma-2b-it", &o, name, &err), err);
    CHECK_STR(name, "Gemma-2B-IT-Stateful-2048.mlpackage");
}

/* ---- codes --------------------------------------------------------------------------------------------- */

/* Every block of a q4_0 file, read from the file itself, is in the package: the number that it stands for bit by bit,
 * and codes and scale as they are or mirrored. */
static void check_exact(const sotto_checkpoint *c, const sotto_mil_package *p, bool negative) {
    const sotto_tensor    *t = sotto_checkpoint_find(c, "blk.1.ffn_down.weight");
    const sotto_mil_value *data = find_value(p, "layer_1_ffn_down", "data");
    const sotto_mil_value *scale = find_value(p, "layer_1_ffn_down", "scale");
    const sotto_mil_value *offset = find_value(p, "layer_1_ffn_down", "offset");
    CHECK(t && t->dtype == SOTTO_Q4_0 && data && scale && !offset == negative);
    if (!t || !data || !scale || !offset != negative) return;
    size_t n_blocks = t->n_bytes / sizeof(sotto_block_q4_0), mirrored = 0, wrong = 0;
    CHECK_INT(scale->n_bytes, 2 * n_blocks);
    for (size_t b = 0; b < n_blocks; b++) {
        sotto_block_q4_0 block;
        uint16_t         d;
        memcpy(&block, (const uint8_t *)t->data + b * sizeof block, sizeof block);
        memcpy(&d, (const uint8_t *)scale->data + 2 * b, 2);
        mirrored += d != block.d;
        wrong += negative ? d != block.d : (d & 0x8000) != 0;
        for (size_t i = 0; i < 32; i++) {
            int   q = (i < 16 ? block.qs[i] & 15 : block.qs[i - 16] >> 4) - 8, code = nibble(data, 32 * b + i);
            float want = sotto_f16_to_f32(block.d) * (float)q;
            float got = sotto_f16_to_f32(d) * (float)(code - (offset ? nibble(offset, b) : 0));
            wrong += got != want || (negative && code != q);
        }
    }
    CHECK_INT(wrong, 0);
    CHECK(negative ? mirrored == 0 : mirrored > 0 && mirrored < n_blocks);
}

TEST(a_q4_0_file_is_not_quantised_again) {
    sotto_error           err = {0};
    sotto_convert_options o = {.type = "q4_0", .head = "q4_0"};
    sotto_checkpoint     *c;
    CHECK_OK(sotto_convert("golden/gemma1", in_folder("q4.gguf"), &o, &err), err);
    CHECK_OK(sotto_checkpoint_open(&c, in_folder("q4.gguf"), NULL, &err), err);
    for (int negative = 0; negative < 2; negative++) {
        check_export(in_folder("q4.gguf"), "q4.mlpackage",
                     (sotto_export_options){.context = 32, .negative_scales = negative != 0});
        sotto_mil_package *p = open_package("q4.mlpackage");
        if (p && c) check_exact(c, p, negative != 0);
        sotto_mil_package_close(p);
    }
    sotto_checkpoint_close(c);
    CHECK_INT(sotto_path_kind_of(in_folder("q4.tokenizer/tokenizer.gguf")), SOTTO_PATH_FILE);
    CHECK_OK(sotto_checkpoint_open(&c, in_folder("q4.tokenizer/tokenizer.gguf"), NULL, &err), err);
    sotto_checkpoint_close(c);
}

/* A file may name its alignment, as sotto's own do not: here in the place of a key that is as long. */
TEST(a_file_s_alignment_is_not_the_copy_s) {
    static const char     key[] = "general.file_type", named[] = "general.alignment";
    const uint32_t        alignment = 32;
    sotto_convert_options o = {.type = "q4_0"};
    sotto_error           err = {0};
    sotto_file            f = {0};
    sotto_checkpoint     *c;
    CHECK_OK(sotto_convert("golden/gemma1", in_folder("plain.gguf"), &o, &err), err);
    CHECK_OK(sotto_file_open(&f, in_folder("plain.gguf"), false, &err), err);
    size_t   at = 0, n_key = strlen(key);
    uint8_t *bytes = malloc(f.size + 1);
    memcpy(bytes, f.data, f.size);
    while (at + n_key + 8 < f.size && memcmp(bytes + at, key, n_key) != 0) at++;
    memcpy(bytes + at, named, n_key);
    memcpy(bytes + at + n_key + 4, &alignment, 4); /* after the value's type */
    FILE *out = fopen(in_folder("aligned.gguf"), "wb");
    CHECK(out && fwrite(bytes, 1, f.size, out) == f.size && fclose(out) == 0);
    free(bytes);
    sotto_file_close(&f);
    check_export(in_folder("aligned.gguf"), "aligned.mlpackage", (sotto_export_options){.context = 32});
    CHECK_OK(sotto_checkpoint_open(&c, in_folder("aligned.tokenizer/tokenizer.gguf"), NULL, &err), err);
    sotto_checkpoint_close(c);
}

static double error_of(const float *x, const float *importance, const int8_t *codes, uint16_t scale) {
    double sum = 0, d = (double)sotto_f16_to_f32(scale);
    for (int i = 0; i < SOTTO_CODE_BLOCK; i++) {
        double e = (double)x[i] - d * codes[i];
        sum += (importance ? (double)importance[i] : 1) * e * e;
    }
    return sum;
}

static const sotto_kernels *kernels(void) {
    static sotto_kernels best;
    sotto_kernels_init(&best, sotto_cpu_flags());
    return &best;
}

TEST(the_search_is_never_worse_than_rounding) {
    uint64_t state = 5;
    float    x[SOTTO_CODE_BLOCK], importance[SOTTO_CODE_BLOCK];
    double   plain_sum = 0, best_sum = 0;
    for (int round = 0; round < 2000; round++) {
        int8_t   plain[SOTTO_CODE_BLOCK], best[SOTTO_CODE_BLOCK];
        uint16_t plain_scale, best_scale;
        for (int i = 0; i < SOTTO_CODE_BLOCK; i++) {
            x[i] = test_random_float(&state) + test_random_float(&state) + test_random_float(&state);
            importance[i] = 0.01f + fabsf(test_random_float(&state));
        }
        const float *weights = round % 2 ? importance : NULL;
        CHECK(sotto_block_quantize(kernels(), x, weights, 4, false, plain, &plain_scale));
        CHECK(sotto_block_quantize(kernels(), x, weights, 4, true, best, &best_scale));
        double a = error_of(x, weights, plain, plain_scale), b = error_of(x, weights, best, best_scale);
        CHECK(b <= a * (1 + 1e-5));
        plain_sum += a;
        best_sum += b;
    }
    CHECK(best_sum < 0.85 * plain_sum);
}

/* By Apple's rule: scale = max / 7, halves to even, codes of -7 to 7. */
TEST(rounding_follows_the_rule) {
    float    x[SOTTO_CODE_BLOCK] = {7, -7, 0.5f, 1.5f, -2.5f, 3.4f};
    int8_t   codes[SOTTO_CODE_BLOCK];
    uint16_t scale;
    CHECK(sotto_block_quantize(kernels(), x, NULL, 4, false, codes, &scale));
    CHECK_INT(scale, 0x3c00);
    static const int want[] = {7, -7, 0, 2, -2, 3, 0};
    for (size_t i = 0; i < SOTTO_COUNT(want); i++) CHECK_INT(codes[i], want[i]);
    memset(x, 0, sizeof x);
    CHECK(sotto_block_quantize(kernels(), x, NULL, 4, true, codes, &scale) && scale == 0 && codes[0] == 0);
    x[3] = 127;
    CHECK(sotto_block_quantize(kernels(), x, NULL, 8, true, codes, &scale) && scale == 0x3c00 && codes[3] == 127);
    x[3] = INFINITY;
    CHECK(!sotto_block_quantize(kernels(), x, NULL, 4, true, codes, &scale));
    x[3] = NAN;
    CHECK(!sotto_block_quantize(kernels(), x, NULL, 4, true, codes, &scale));
    x[3] = 1e6f;
    CHECK(!sotto_block_quantize(kernels(), x, NULL, 4, false, codes, &scale));
}

/* ---- importance ---------------------------------------------------------------------------------------- */

/* What a norm gives has a mean square of 1 before its gain, whatever the text: so has, over its columns, what layer 0's
 * queries read, divided by the gain. This model's eps of 0.002 takes some 1.2 % from it. */
static void check_means(const sotto_checkpoint *importance, const float *gain, int32_t n) {
    const sotto_tensor *t = sotto_checkpoint_find(importance, "blk.0.attn_q.weight");
    double              sum = 0;
    CHECK(t && t->n_dims == 1 && t->dim[0] == n);
    for (int32_t i = 0; t && i < n; i++)
        sum += (double)((const float *)t->data)[i] / ((double)gain[i] * (double)gain[i]);
    CHECK(sum / n > 0.98 && sum / n < 1);
    CHECK(sotto_checkpoint_find(importance, "token_embd.weight") != NULL); /* the tied head's */
    CHECK(sotto_checkpoint_find(importance, "blk.1.ffn_down.weight") != NULL);
}

/* Squared errors of a matrix, each weighed by its column. */
static double weighed_error(const sotto_matrix *m, const sotto_mil_package *p, const char *name, const float *weights) {
    const sotto_mil_value *data = find_value(p, name, "data"), *scale = find_value(p, name, "scale");
    float                  row[512];
    double                 sum = 0;
    for (int32_t r = 0; data && scale && r < m->rows; r++) {
        sotto_row_to_f32(m->dtype, m->data + (size_t)r * m->row_bytes, row, (size_t)m->cols);
        for (int32_t i = 0; i < m->cols; i++) {
            size_t at = (size_t)r * (size_t)m->cols + (size_t)i;
            double d = (double)sotto_f16_to_f32(((const uint16_t *)scale->data)[at / 32]);
            double e = (double)row[i] - d * nibble(data, at);
            sum += (double)weights[i] * e * e;
        }
    }
    return sum;
}

TEST(importance_puts_errors_where_they_are_cheap) {
    static const char     model[] = "golden/qwen3", name[] = "layer_1_ffn_down";
    sotto_error           err = {0};
    sotto_model          *m;
    sotto_quality         q;
    sotto_checkpoint     *c, *importance;
    sotto_transformer    *t;
    sotto_quality_options o = {.window = 64, .collect = in_folder("importance.gguf")};
    CHECK_OK(sotto_model_open(&m, model, NULL, &err), err);
    CHECK_OK(sotto_quality_measure(m, NULL, &o, &q, &err), err);
    sotto_model_close(m);
    check_export(model, "plain.mlpackage", (sotto_export_options){.context = 32});
    check_export(model, "weighed.mlpackage", (sotto_export_options){.context = 32, .importance = o.collect});
    CHECK_OK(sotto_checkpoint_open(&c, model, NULL, &err), err);
    CHECK_OK(sotto_transformer_open(&t, c, &err), err);
    CHECK_OK(sotto_checkpoint_open(&importance, o.collect, NULL, &err), err);
    check_means(importance, t->layers[0].attn_norm, t->config.n_embd);
    sotto_mil_package  *plain = open_package("plain.mlpackage"), *weighed = open_package("weighed.mlpackage");
    const sotto_tensor *weights = sotto_checkpoint_find(importance, "blk.1.ffn_down.weight");
    if (plain && weighed && weights) {
        double before = weighed_error(&t->layers[1].down, plain, name, weights->data);
        CHECK(weighed_error(&t->layers[1].down, weighed, name, weights->data) < 0.98 * before);
    }
    sotto_export_options other = {.context = 32, .importance = "golden/llama3"};
    CHECK_INT(sotto_export(model, in_folder("no.mlpackage"), &other, &err), SOTTO_MISMATCH);
    sotto_mil_package_close(plain);
    sotto_mil_package_close(weighed);
    sotto_checkpoint_close(importance);
    sotto_transformer_close(t);
    sotto_checkpoint_close(c);
}

TEST_MAIN_IN_FOLDER()
