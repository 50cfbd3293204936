/* Every kind of tokenizer against sentencepiece and tokenizers: their tokens for 2,200 strings, with and without
 * special tokens in the text, and the way back, whole and as a stream. */
#include "tokenizer/fixtures.h"

#include <utf8proc.h>

typedef struct family {
    const char *folder, *file;
    bool        marker; /* decoding gives a space for U+2581 */
    bool        nfc;
    bool        trims; /* a first space is lost (the format cannot tell it from the dummy prefix) */
} family;

static const family families[] = {
    {"gemma", "tokenizer.model", true, false, false},   {"gemma", "tokenizer.json", true, false, false},
    {"gemma4", "tokenizer.json", true, false, false},   {"llama2", "tokenizer.model", true, false, false},
    {"llama2", "tokenizer.json", true, false, false},   {"mistral", "tokenizer.json", true, false, true},
    {"llama3", "tokenizer.json", false, false, false},  {"qwen2", "tokenizer.json", false, true, false},
    {"smollm2", "tokenizer.json", false, false, false},
};

enum { IDS_MAX = 1 << 14 };
static int32_t wanted[IDS_MAX];

static size_t read_ids(bytes *b, size_t n) {
    for (size_t i = 0; i < n && i < IDS_MAX; i++) wanted[i] = (int32_t)read_varint(b);
    return n;
}

static void check_encoding(const sotto_tokenizer *t, const family *f, bytes strings, bytes expected) {
    size_t          n = read_varint(&strings), checked = 0;
    sotto_token_buf got = {0};
    sotto_error     err = {0};
    for (size_t i = 0; i < n; i++) {
        size_t    len = read_varint(&strings), n_plain = read_ids(&expected, read_varint(&expected));
        sotto_str text = {(const char *)strings.data + strings.at, len};
        strings.at += len;
        got.n = 0;
        CHECK_OK(sotto_tokenizer_encode(t, text, (sotto_encode_options){.first = true}, &got, &err), err);
        char what[96];
        (void)snprintf(what, sizeof what, "%s/%s plain", f->folder, f->file);
        checked += same_ids(what, i, &got, wanted, n_plain);
        size_t n_special = read_varint(&expected);
        n_special = n_special ? read_ids(&expected, n_special - 1) : n_plain;
        got.n = 0;
        CHECK_OK(
            sotto_tokenizer_encode(t, text, (sotto_encode_options){.first = true, .special = true}, &got, &err),
            err);
        (void)snprintf(what, sizeof what, "%s/%s special", f->folder, f->file);
        checked += same_ids(what, i, &got, wanted, n_special);
    }
    CHECK(n > 2000);
    CHECK_INT(checked, 2 * n);
    CHECK_INT(expected.at, expected.n);
    sotto_token_buf_free(&got);
}

TEST(tokens_are_the_reference_libraries) {
    bytes strings = read_file(DATA "strings.bin");
    for (size_t i = 0; i < SOTTO_COUNT(families); i++) {
        char path[256];
        (void)snprintf(path, sizeof path, DATA "%s/%s.ids", families[i].folder, families[i].file);
        bytes            expected = read_file(path);
        sotto_tokenizer *t = open_fixture(families[i].folder, families[i].file);
        if (t) check_encoding(t, &families[i], strings, expected);
        sotto_tokenizer_close(t);
        free(expected.data);
    }
    free(strings.data);
}

/* What decoding must give back: the text, with what the format itself loses. */
static sotto_buf readable(const family *f, sotto_str text) {
    sotto_buf out = {0};
    if (f->nfc) {
        utf8proc_uint8_t *nfc = NULL;
        utf8proc_ssize_t  n = utf8proc_map((const utf8proc_uint8_t *)text.p, (utf8proc_ssize_t)text.n, &nfc,
                                           UTF8PROC_STABLE | UTF8PROC_COMPOSE);
        sotto_buf_append(&out, nfc, (size_t)SOTTO_MAX(n, 0));
        free(nfc);
        return out;
    }
    for (size_t i = 0; i < text.n; i++) {
        bool marker = f->marker && text.n - i >= 3 && memcmp(text.p + i, "\xe2\x96\x81", 3) == 0;
        sotto_buf_putc(&out, marker ? ' ' : text.p[i]);
        i += marker ? 2 : 0;
    }
    return out;
}

static void check_decoding(const sotto_tokenizer *t, const family *f, bytes strings) {
    size_t      n = read_varint(&strings), round_trips = 0, streamed = 0;
    sotto_error err = {0};
    for (size_t i = 0; i < n; i++) {
        size_t    len = read_varint(&strings);
        sotto_str text = {(const char *)strings.data + strings.at, len};
        strings.at += len;
        if (!sotto_utf8_valid(text.p, text.n)) continue;
        sotto_token_buf ids = {0};
        sotto_buf       whole = {0}, stream = {0}, want = readable(f, text);
        sotto_decoder   d = {.tokenizer = t};
        CHECK_OK(sotto_tokenizer_encode(t, text, (sotto_encode_options){.first = true, .bos = true}, &ids, &err),
                 err);
        bool valid = true;
        for (size_t k = 0; k < ids.n; k++) {
            CHECK(sotto_tokenizer_decode(t, ids.ids[k], false, &whole));
            CHECK(sotto_decoder_push(&d, ids.ids[k], &stream));
            valid = valid && sotto_utf8_valid(stream.data ? stream.data : "", stream.len);
        }
        CHECK(sotto_decoder_flush(&d, &stream));
        CHECK(valid); /* after every token */
        sotto_str all = sotto_buf_str(&whole), back = sotto_buf_str(&stream), expect = sotto_buf_str(&want);
        bool      prefix = t->prefix != SOTTO_PREFIX_NEVER && all.n && all.p[0] == ' ';
        bool      rightly_lost =
            (f->trims && text.n && (text.p[0] == ' ' || sotto_str_starts(text, "\xe2\x96\x81"))) ||
            strstr(f->folder, "smollm2"); /* its <left> and <right> take spaces along */
        streamed += sotto_str_eq((sotto_str){all.p + prefix, all.n - prefix}, back);
        bool ok = rightly_lost || sotto_str_eq(back, expect);
        if (!ok)
            TEST_FAIL("%s/%s, string %zu: \"%.*s\" came back as \"%.*s\"", f->folder, f->file, i, (int)text.n,
                      text.p, (int)back.n, back.p);
        round_trips++;
        sotto_token_buf_free(&ids);
        sotto_buf_free(&whole);
        sotto_buf_free(&stream);
        sotto_buf_free(&want);
    }
    CHECK(round_trips > 2000);
    CHECK_INT(streamed, round_trips);
}

TEST(decoding_gives_the_text_back) {
    bytes strings = read_file(DATA "strings.bin");
    for (size_t i = 0; i < SOTTO_COUNT(families); i++) {
        sotto_tokenizer *t = open_fixture(families[i].folder, families[i].file);
        if (t) check_decoding(t, &families[i], strings);
        sotto_tokenizer_close(t);
    }
    free(strings.data);
}

/* Merging word by word is a shortcut, taken where no piece goes over the border of a word. */
TEST(words_apart_give_the_same_tokens) {
    bytes            strings = read_file(DATA "strings.bin");
    sotto_tokenizer *apart = open_fixture("gemma", "tokenizer.model"),
                    *whole = open_fixture("gemma", "tokenizer.model");
    size_t          n = read_varint(&strings);
    sotto_token_buf x = {0}, y = {0};
    CHECK(apart->words_apart);
    whole->words_apart = false;
    for (size_t i = 0; i < n; i++) {
        size_t    len = read_varint(&strings);
        sotto_str text = {(const char *)strings.data + strings.at, len};
        strings.at += len;
        x.n = y.n = 0;
        CHECK(sotto_tokenizer_encode(apart, text, (sotto_encode_options){.first = true}, &x, NULL) == SOTTO_OK);
        CHECK(sotto_tokenizer_encode(whole, text, (sotto_encode_options){.first = true}, &y, NULL) == SOTTO_OK);
        CHECK(same_ids("words apart", i, &x, y.ids, y.n));
    }
    sotto_token_buf_free(&x);
    sotto_token_buf_free(&y);
    sotto_tokenizer_close(apart);
    sotto_tokenizer_close(whole);
    free(strings.data);
}

/* ... and not taken where one does: "a" and "b" merge across the space between them. */
TEST(pieces_across_words_are_found) {
    static const char json[] =
        "{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xe2\x96\x81\"},"
        "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"\xe2\x96\x81\":2,\"\xe2\x96\x81"
        "b\":3,\"a\xe2\x96\x81"
        "b\":4},"
        "\"merges\":[\"\xe2\x96\x81 b\",\"a \xe2\x96\x81"
        "b\"]}}";
    sotto_tokenizer *t = NULL;
    sotto_error      err = {0};
    sotto_token_buf  ids = {0};
    CHECK_OK(sotto_tokenizer_from_texts(&t, sotto_str_from(json), (sotto_str){"", 0}, NULL, NULL, NULL, &err),
             err);
    CHECK(sotto_tokenizer_encode(t, sotto_str_from("a b b"), (sotto_encode_options){0}, &ids, NULL) == SOTTO_OK);
    CHECK(same_ids("across words", 0, &ids, (const int32_t[]){4, 3}, 2));
    sotto_token_buf_free(&ids);
    sotto_tokenizer_close(t);
}

/* Cuts that the small vocabularies cannot show; each agrees with the regular expressions in tokenizers. */
TEST(cuts) {
    static const struct {
        sotto_split kind;
        const char *text, *cut; /* the pieces, a bar between */
    } cases[] = {
        {SOTTO_SPLIT_LLAMA3,
         "it'\xc5\xbfx y'Sx 12345 a  b\xe3\x80\x80"
         "c \n  d",
         "it|'\xc5\xbf|x| y|'S|x| |123|45| a| | b|\xe3\x80\x80"
         "c| \n| | d"},
        {SOTTO_SPLIT_QWEN2, " 12 ??\n\nx", " |1|2| ??\n\n|x"},
        {SOTTO_SPLIT_GPT2, "it's 12345 'S  ", "it|'s| 12345| '|S|  "},
        {SOTTO_SPLIT_SMOLLM, "a  12 b", "a|  |1|2| b"},
        {SOTTO_SPLIT_NEWLINES, "a b\n\n c", "a b|\n\n| c"},
        {SOTTO_SPLIT_MARKER,
         "a\xe2\x96\x81"
         "b\xe2\x96\x81\xe2\x96\x81"
         "c",
         "a|\xe2\x96\x81"
         "b|\xe2\x96\x81|\xe2\x96\x81"
         "c"},
    };
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        sotto_buf got = {0};
        size_t    n = strlen(cases[i].text);
        for (size_t at = 0, len; at < n; at += len) {
            len = sotto_split_next(cases[i].kind, cases[i].text + at, n - at);
            if (at) sotto_buf_putc(&got, '|');
            sotto_buf_append(&got, cases[i].text + at, len);
        }
        CHECK_STR(got.data, cases[i].cut);
        sotto_buf_free(&got);
    }
}

static bool has_text(sotto_str text, const char *what) {
    size_t n = strlen(what);
    for (size_t i = 0; i + n <= text.n; i++)
        if (memcmp(text.p + i, what, n) == 0) return true;
    return false;
}

/* A GGUF vocabulary gives the same tokens as the file that it was made of. Two things are not in a GGUF file:
 * where a text has a space marker (U+2581) itself, runs of spaces are found another way; and the converter of
 * Gemma 4 keeps no added tokens, so that its HTML tags are what the merges make of them. */
static void check_gguf(const char *folder, const char *file, bool no_markers, bool no_tags) {
    bytes             strings = read_file(DATA "strings.bin");
    char              path[256];
    sotto_checkpoint *c;
    (void)snprintf(path, sizeof path, DATA "%s/vocab.gguf", folder);
    sotto_tokenizer *a = open_fixture(folder, file), *b = open_gguf_fixture(path, &c);
    size_t           n = a && b ? read_varint(&strings) : 0, same = 0;
    sotto_token_buf  x = {0}, y = {0};
    for (size_t i = 0; i < n; i++) {
        size_t    len = read_varint(&strings);
        sotto_str text = {(const char *)strings.data + strings.at, len};
        strings.at += len;
        if ((no_markers && has_text(text, "\xe2\x96\x81")) ||
            (no_tags && has_text(text, "<") && has_text(text, ">")))
            continue;
        for (int special = 0; special < 2; special++) {
            sotto_encode_options opt = {.special = special, .first = true, .bos = true};
            x.n = y.n = 0;
            CHECK_OK(sotto_tokenizer_encode(a, text, opt, &x, NULL), (sotto_error){0});
            CHECK_OK(sotto_tokenizer_encode(b, text, opt, &y, NULL), (sotto_error){0});
            same += same_ids(folder, i, &y, x.ids, x.n);
        }
    }
    CHECK(same > 3000);
    if (a && b) {
        CHECK_INT(sotto_tokenizer_bos(b), sotto_tokenizer_bos(a));
        CHECK_INT(sotto_tokenizer_eos(b), sotto_tokenizer_eos(a));
        for (int32_t id = 0; id < sotto_tokenizer_n_vocab(a); id++)
            CHECK(sotto_tokenizer_is_eog(a, id) == sotto_tokenizer_is_eog(b, id));
    }
    sotto_token_buf_free(&x);
    sotto_token_buf_free(&y);
    sotto_tokenizer_close(a);
    sotto_tokenizer_close(b);
    sotto_checkpoint_close(c);
    free(strings.data);
}

TEST(gguf_gemma_is_the_model_file) { check_gguf("gemma", "tokenizer.model", true, false); }
TEST(gguf_gemma4_is_the_json_file) { check_gguf("gemma4", "tokenizer.json", true, true); }
TEST(gguf_llama3_is_the_json_file) { check_gguf("llama3", "tokenizer.json", false, false); }

TEST_MAIN()
