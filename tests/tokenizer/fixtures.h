/* The tokenizer fixtures (tools/tokenizer-fixtures writes them): families, strings and the tokens they must
 * give. */
#ifndef SOTTO_TEST_TOKENIZER_FIXTURES_H
#define SOTTO_TEST_TOKENIZER_FIXTURES_H

#include "test.h"
#include "text/tokenizer.h"

#define DATA "tokenizer/data/"

typedef struct bytes {
    uint8_t *data;
    size_t   n, at;
} bytes;

static inline bytes read_file(const char *path) {
    bytes b = {0};
    FILE *f = fopen(path, "rb");
    if (!f) return b;
    fseek(f, 0, SEEK_END);
    b.n = (size_t)ftell(f);
    rewind(f);
    b.data = malloc(b.n + 1);
    if (fread(b.data, 1, b.n, f) != b.n) b.n = 0;
    b.data[b.n] = 0;
    fclose(f);
    return b;
}

static inline size_t read_varint(bytes *b) {
    size_t value = 0;
    for (int shift = 0; b->at < b->n; shift += 7) {
        uint8_t c = b->data[b->at++];
        value |= (size_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) break;
    }
    return value;
}

static inline sotto_str text_of_file(const bytes *b) {
    return (sotto_str){b->data ? (const char *)b->data : "", b->n};
}

static inline json_t *load_json(const char *folder, const char *name) {
    char path[256];
    (void)snprintf(path, sizeof path, DATA "%s/%s", folder, name);
    return json_load_file(path, 0, NULL);
}

/* The tokenizer of data/<folder>/<file>, with the folder's JSON files around it. */
static inline sotto_tokenizer *open_fixture(const char *folder, const char *file) {
    char path[256];
    (void)snprintf(path, sizeof path, DATA "%s/%s", folder, file);
    bytes   b = read_file(path), none = {0};
    bool    model = strstr(file, ".model") != NULL;
    json_t *tc = load_json(folder, "tokenizer_config.json"), *gc = load_json(folder, "generation_config.json");
    json_t *c = load_json(folder, "config.json");
    sotto_tokenizer *t = NULL;
    sotto_error      err = {0};
    CHECK(b.n > 0);
    CHECK_OK(sotto_tokenizer_from_texts(&t, text_of_file(model ? &none : &b), text_of_file(model ? &b : &none),
                                        tc, gc, c, &err),
             err);
    json_decref(tc);
    json_decref(gc);
    json_decref(c);
    free(b.data);
    return t;
}

/* data/<folder>/vocab.gguf; *c must be closed after the tokenizer. */
static inline sotto_tokenizer *open_gguf_fixture(const char *path, sotto_checkpoint **c) {
    sotto_tokenizer *t = NULL;
    sotto_error      err = {0};
    *c = NULL;
    CHECK_OK(sotto_checkpoint_open(c, path, &(sotto_checkpoint_options){.metadata_only = true}, &err), err);
    if (*c) CHECK_OK(sotto_tokenizer_open(&t, *c, &err), err);
    return t;
}

/* Print the first differences of a list of ids; true when there is none. */
static inline bool same_ids(const char *what, size_t string, const sotto_token_buf *got, const int32_t *want,
                            size_t n) {
    if (got->n == n && (n == 0 || memcmp(got->ids, want, n * sizeof *want) == 0)) return true;
    TEST_FAIL("%s, string %zu: tokens differ", what, string);
    if (test_failures > 12) return false;
    printf("  got  ");
    for (size_t i = 0; i < got->n && i < 40; i++) printf(" %d", got->ids[i]);
    printf("\n  want ");
    for (size_t i = 0; i < n && i < 40; i++) printf(" %d", want[i]);
    printf("\n");
    return false;
}

#endif
