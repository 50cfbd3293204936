/* Opening tokenizers from folders and GGUF files: roles of tokens, writing the keys of a GGUF file, and files that
 * are damaged or of a kind that we do not read. */
#define _POSIX_C_SOURCE 200809L
#include "tokenizer/fixtures.h"

#include <unistd.h>

/* ---- roles --------------------------------------------------------------------------------------------- */

static sotto_tokenizer *open_folder(const char *folder, sotto_checkpoint **c) {
    char path[256];
    (void)snprintf(path, sizeof path, DATA "%s", folder);
    return open_gguf_fixture(path, c);
}

static void check_roles(const char *folder, const char *bos, const char *eos, bool adds_bos,
                        const char *const *ends) {
    sotto_checkpoint *c;
    sotto_tokenizer  *t = open_folder(folder, &c);
    if (t) {
        CHECK_INT(sotto_tokenizer_bos(t), bos ? sotto_tokenizer_find(t, bos) : -1);
        CHECK_INT(sotto_tokenizer_eos(t), sotto_tokenizer_find(t, eos));
        CHECK(sotto_tokenizer_adds_bos(t) == adds_bos);
        int n_ends = 0;
        for (int32_t id = 0; id < sotto_tokenizer_n_vocab(t); id++) n_ends += sotto_tokenizer_is_eog(t, id);
        for (; *ends; ends++, n_ends--) CHECK(sotto_tokenizer_is_eog(t, sotto_tokenizer_find(t, *ends)));
        CHECK_INT(n_ends, 0);
        CHECK(!sotto_tokenizer_is_eog(t, -1) && !sotto_tokenizer_is_eog(t, 1 << 20));
    }
    sotto_tokenizer_close(t);
    sotto_checkpoint_close(c);
}

TEST(roles_of_each_family) {
    check_roles("gemma", "<bos>", "<eos>", true, (const char *[]){"<eos>", "<end_of_turn>", NULL});
    check_roles("gemma4", "<bos>", "<eos>", true, (const char *[]){"<eos>", "<turn|>", "<|tool_response>", NULL});
    check_roles("llama2", "<s>", "</s>", true, (const char *[]){"</s>", NULL});
    check_roles("llama3", "<|begin_of_text|>", "<|eot_id|>", true,
                (const char *[]){"<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", NULL});
    check_roles("qwen2", "<|endoftext|>", "<|im_end|>", false,
                (const char *[]){"<|im_end|>", "<|endoftext|>", NULL});
    check_roles("smollm2", "<|im_start|>", "<|im_end|>", false,
                (const char *[]){"<|im_end|>", "<|endoftext|>", NULL});
}

TEST(bos_is_added_where_the_model_wants_it) {
    static const char *const folders[] = {"gemma", "qwen2"};
    for (int i = 0; i < 2; i++) {
        sotto_checkpoint *c;
        sotto_tokenizer  *t = open_folder(folders[i], &c);
        sotto_token_buf   with = {0}, without = {0};
        CHECK(sotto_tokenizer_encode(t, sotto_str_from("x"), (sotto_encode_options){.bos = true}, &with, NULL) ==
              SOTTO_OK);
        CHECK(sotto_tokenizer_encode(t, sotto_str_from("x"), (sotto_encode_options){0}, &without, NULL) ==
              SOTTO_OK);
        CHECK_INT(with.n - without.n, i == 0);
        CHECK(i == 1 || with.ids[0] == sotto_tokenizer_bos(t));
        sotto_token_buf_free(&with);
        sotto_token_buf_free(&without);
        sotto_tokenizer_close(t);
        sotto_checkpoint_close(c);
    }
}

TEST(a_folder_with_both_files_follows_tokenizer_json) {
    sotto_checkpoint *c;
    sotto_tokenizer  *t = open_folder("gemma", &c);
    /* The converter of Gemma turns the byte 9 of tokenizer.model into the character. */
    CHECK(t && sotto_tokenizer_find(t, "\t") >= 0 && sotto_tokenizer_find(t, "<0x09>") < 0);
    sotto_tokenizer_close(t);
    sotto_checkpoint_close(c);
}

TEST(marks_of_a_conversation_are_control_tokens_in_every_file) {
    sotto_checkpoint *c = NULL;
    sotto_tokenizer  *ts[] = {open_fixture("gemma", "tokenizer.model"), open_fixture("gemma", "tokenizer.json"),
                              open_gguf_fixture(DATA "gemma/vocab.gguf", &c)};
    for (size_t i = 0; i < SOTTO_COUNT(ts); i++) {
        int32_t id = sotto_tokenizer_find(ts[i], "<start_of_turn>");
        CHECK(id >= 0 && sotto_tokenizer_type(ts[i], id) == SOTTO_TOKEN_CONTROL);
        sotto_buf out = {0};
        CHECK(sotto_tokenizer_decode(ts[i], id, false, &out) && out.len == 0);
        CHECK(sotto_tokenizer_decode(ts[i], id, true, &out));
        CHECK_STR(out.data, "<start_of_turn>");
        sotto_buf_free(&out);
        sotto_tokenizer_close(ts[i]);
    }
    sotto_checkpoint_close(c);
}

TEST(dummy_prefix_depends_on_the_place) {
    sotto_tokenizer *t = open_fixture("llama2", "tokenizer.model");
    static const struct {
        bool first, after, begins_marked;
    } cases[] = {{true, false, true}, {false, false, false}, {false, true, true}};
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        sotto_token_buf      ids = {0};
        sotto_encode_options opt = {.first = cases[i].first, .after = cases[i].after};
        CHECK(sotto_tokenizer_encode(t, sotto_str_from("the"), opt, &ids, NULL) == SOTTO_OK);
        CHECK(sotto_str_starts(sotto_tokenizer_piece(t, ids.ids[0]), "\xe2\x96\x81") == cases[i].begins_marked);
        sotto_token_buf_free(&ids);
    }
    sotto_tokenizer_close(t);
}

TEST(an_unfinished_character_waits) {
    sotto_tokenizer         *t = open_fixture("gemma", "tokenizer.model");
    sotto_decoder            d = {.tokenizer = t};
    sotto_buf                out = {0};
    static const char *const parts[] = {"<0xF0>", "<0x9F>", "<0x98>", "<0x80>"}; /* U+1F600 */
    for (int i = 0; i < 4; i++) {
        CHECK_INT(out.len, 0);
        CHECK(sotto_decoder_push(&d, sotto_tokenizer_find(t, parts[i]), &out));
    }
    CHECK_STR(out.data, "\xf0\x9f\x98\x80");
    sotto_buf_clear(&out);
    CHECK(sotto_decoder_push(&d, sotto_tokenizer_find(t, "<0xE2>"), &out) && out.len == 0);
    CHECK(sotto_decoder_push(&d, sotto_tokenizer_find(t, "<0xFF>"), &out));
    CHECK(sotto_decoder_push(&d, sotto_tokenizer_find(t, "<0xC3>"), &out));
    CHECK(sotto_decoder_flush(&d, &out));
    CHECK_STR(out.data, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    sotto_buf_free(&out);
    sotto_tokenizer_close(t);
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static sotto_checkpoint *rewrite(const char *folder, int32_t more, const char *path) {
    sotto_checkpoint  *c, *again = NULL;
    sotto_gguf_writer *w = NULL;
    sotto_error        err = {0};
    sotto_tokenizer   *t = open_folder(folder, &c);
    if (!t) return NULL;
    CHECK_OK(sotto_gguf_writer_open(&w, path, &err), err);
    CHECK_OK(sotto_gguf_put_str(w, "general.architecture", sotto_str_from("test"), &err), err);
    CHECK_OK(sotto_tokenizer_to_gguf(t, c, sotto_tokenizer_n_vocab(t) + more, w, &err), err);
    CHECK_OK(sotto_gguf_begin_data(w, &err), err);
    CHECK_OK(sotto_gguf_commit(w, &err), err);
    sotto_tokenizer_close(t);
    sotto_checkpoint_close(c);
    CHECK_OK(sotto_checkpoint_open(&again, path, NULL, &err), err);
    return again;
}

/* The key of both files, element by element; `skip` is a token whose entry differs rightly, or -1. */
static void check_same_array(const sotto_gguf *got, const sotto_gguf *want, const char *key, size_t n_extra,
                             size_t skip) {
    const sotto_gguf_value *a = sotto_gguf_find(got, key), *b = sotto_gguf_find(want, key);
    size_t                  n = sotto_gguf_count(b);
    CHECK(a && b && n > 100);
    CHECK_INT(sotto_gguf_count(a), n + n_extra);
    CHECK_INT(sotto_gguf_item_type_of(a), sotto_gguf_item_type_of(b));
    for (size_t i = 0; i < n; i++) {
        sotto_str s = {"", 0}, r = {"", 0};
        double    x = 0, y = 0;
        if (i == skip) continue;
        if (sotto_gguf_item_type_of(b) == SOTTO_GGUF_STRING) {
            CHECK(sotto_gguf_item_str(a, i, &s) && sotto_gguf_item_str(b, i, &r) && sotto_str_eq(s, r));
        } else {
            CHECK(sotto_gguf_item_f64(a, i, &x) && sotto_gguf_item_f64(b, i, &y));
            if (x != y) TEST_FAIL("%s[%zu] is %g, expected %g", key, i, x, y);
        }
    }
}

static void check_same_scalars(const sotto_gguf *got, const sotto_gguf *want, const char *const *keys) {
    for (; *keys; keys++) {
        const sotto_gguf_value *a = sotto_gguf_find(got, *keys), *b = sotto_gguf_find(want, *keys);
        sotto_str               s = {"", 0}, r = {"", 0};
        int64_t                 x = 0, y = 0;
        bool                    p = false, q = false;
        CHECK_INT(sotto_gguf_type_of(a), sotto_gguf_type_of(b));
        CHECK(sotto_gguf_get_str(a, &s) == sotto_gguf_get_str(b, &r) && sotto_str_eq(s, r));
        CHECK(sotto_gguf_get_i64(a, &x) == sotto_gguf_get_i64(b, &y) && x == y);
        CHECK(sotto_gguf_get_bool(a, &p) == sotto_gguf_get_bool(b, &q) && p == q);
    }
}

#define KEY "tokenizer.ggml."

TEST(gguf_keys_are_the_converters_for_byte_level_models) {
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/sotto-tokenizer-%ld.gguf", (long)getpid());
    sotto_checkpoint *want = NULL, *got = rewrite("llama3", 5, path);
    CHECK(sotto_checkpoint_open(&want, DATA "llama3/vocab.gguf", NULL, NULL) == SOTTO_OK);
    if (got && want) {
        check_same_array(got->gguf, want->gguf, KEY "tokens", 5, SIZE_MAX);
        check_same_array(got->gguf, want->gguf, KEY "token_type", 5, SIZE_MAX);
        check_same_array(got->gguf, want->gguf, KEY "merges", 0, SIZE_MAX);
        check_same_scalars(
            got->gguf, want->gguf,
            (const char *[]){KEY "model", KEY "pre", KEY "bos_token_id", KEY "eos_token_id", NULL});
        const sotto_gguf_value *tokens = sotto_gguf_find(got->gguf, KEY "tokens"),
                               *types = sotto_gguf_find(got->gguf, KEY "token_type");
        size_t    last = sotto_gguf_count(tokens) - 1;
        char      pad[32];
        sotto_str text = {"", 0};
        int64_t   type = 0;
        (void)snprintf(pad, sizeof pad, "[PAD%zu]", last);
        CHECK(sotto_gguf_item_str(tokens, last, &text) && sotto_str_is(text, pad));
        CHECK(sotto_gguf_item_i64(types, last, &type) && type == SOTTO_TOKEN_UNUSED);
    }
    sotto_checkpoint_close(got);
    sotto_checkpoint_close(want);
    remove(path);
}

/* From tokenizer.json, which has no scores: those that we make of the merges are the ones of tokenizer.model,
 * but for the tab, a byte there and a character here, which takes one number. */
TEST(gguf_keys_are_the_converters_for_gemma) {
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/sotto-tokenizer-%ld.gguf", (long)getpid());
    sotto_checkpoint *want = NULL, *got = rewrite("gemma", 0, path);
    sotto_tokenizer  *t = open_fixture("gemma", "tokenizer.model");
    size_t            tab = (size_t)sotto_tokenizer_find(t, "<0x09>");
    sotto_str         text = {"", 0};
    CHECK(sotto_checkpoint_open(&want, DATA "gemma/vocab.gguf", NULL, NULL) == SOTTO_OK);
    if (got && want) {
        check_same_array(got->gguf, want->gguf, KEY "tokens", 0, tab);
        check_same_array(got->gguf, want->gguf, KEY "token_type", 0, tab);
        check_same_scalars(got->gguf, want->gguf,
                           (const char *[]){KEY "model", KEY "pre", KEY "bos_token_id", KEY "eos_token_id",
                                            KEY "unknown_token_id", KEY "padding_token_id", KEY "add_bos_token",
                                            KEY "add_space_prefix", NULL});
        const sotto_gguf_value *a = sotto_gguf_find(got->gguf, KEY "scores"),
                               *b = sotto_gguf_find(want->gguf, KEY "scores");
        for (int32_t id = 0; id < sotto_tokenizer_n_vocab(t); id++) {
            double x = 1, y = 2;
            if (sotto_tokenizer_type(t, id) != SOTTO_TOKEN_NORMAL) continue;
            CHECK(sotto_gguf_item_f64(a, (size_t)id, &x) && sotto_gguf_item_f64(b, (size_t)id, &y));
            if (fabs(x - y) > 1.0) TEST_FAIL("the score of token %d is %g, expected %g", id, x, y);
        }
        CHECK(sotto_gguf_get_str(sotto_gguf_find(got->gguf, "tokenizer.chat_template"), &text));
        CHECK(sotto_str_is(text, "{{ bos_token }}<start_of_turn>"));
    }
    sotto_tokenizer_close(t);
    sotto_checkpoint_close(got);
    sotto_checkpoint_close(want);
    remove(path);
}

/* What we write, we read: the same tokens from the folder and from the file made of it. */
TEST(a_written_tokenizer_gives_the_same_tokens) {
    static const char *const folders[] = {"gemma", "gemma4", "llama2", "llama3", "qwen2", "smollm2"};
    static const char        text[] =
        "Hello  there,\n\n\n it's 12345 \xc3\xa9\xe6\x98\x8e <table> <start_of_turn><|im_end|><|turn>\t\t?!";
    for (size_t i = 0; i < SOTTO_COUNT(folders); i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/tmp/sotto-tokenizer-%ld.gguf", (long)getpid());
        sotto_checkpoint *c, *again = rewrite(folders[i], 0, path);
        sotto_tokenizer  *a = open_folder(folders[i], &c), *b = NULL;
        sotto_error       err = {0};
        CHECK_OK(sotto_tokenizer_open(&b, again, &err), err);
        for (int special = 0; special < 2 && a && b; special++) {
            sotto_token_buf      x = {0}, y = {0};
            sotto_encode_options opt = {.special = special, .bos = true, .first = true};
            CHECK(sotto_tokenizer_encode(a, sotto_str_from(text), opt, &x, NULL) == SOTTO_OK);
            CHECK(sotto_tokenizer_encode(b, sotto_str_from(text), opt, &y, NULL) == SOTTO_OK);
            CHECK(same_ids(folders[i], (size_t)special, &y, x.ids, x.n));
            sotto_token_buf_free(&x);
            sotto_token_buf_free(&y);
        }
        sotto_tokenizer_close(a);
        sotto_tokenizer_close(b);
        sotto_checkpoint_close(c);
        sotto_checkpoint_close(again);
        remove(path);
    }
}

/* ---- what people type ---------------------------------------------------------------------------------- */

/* A vocabulary whose merges lead to a control token, and one that has it as a whole pre-token. */
TEST(text_never_becomes_a_control_token) {
    static const char json[] =
        "{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xe2\x96\x81\"},"
        "\"added_tokens\":[{\"id\":5,\"content\":\"<s>\",\"special\":true,\"normalized\":false},"
        "{\"id\":6,\"content\":\"ss\",\"special\":true,\"normalized\":false}],"
        "\"model\":{\"type\":\"BPE\",\"ignore_merges\":true,\"vocab\":{\"<\":0,\"s\":1,\">\":2,\"<s\":3,\"s>\":4,"
        "\"<s>\":5,\"ss\":6},"
        "\"merges\":[\"< s\",\"<s >\",\"s s\"]}}";
    sotto_tokenizer *t = NULL;
    sotto_error      err = {0};
    CHECK_OK(sotto_tokenizer_from_texts(&t, sotto_str_from(json), (sotto_str){"", 0}, NULL, NULL, NULL, &err),
             err);
    static const struct {
        const char *text;
        bool        special;
        size_t      n;
        int32_t     ids[3];
    } cases[] = {
        {"<s>", false, 2, {3, 2}}, {"<s>", true, 1, {5}}, {"ss", false, 2, {1, 1}}, {"ss", true, 1, {6}}};
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        sotto_token_buf ids = {0};
        CHECK(sotto_tokenizer_encode(t, sotto_str_from(cases[i].text),
                                     (sotto_encode_options){.special = cases[i].special}, &ids,
                                     NULL) == SOTTO_OK);
        CHECK(same_ids("typed", i, &ids, cases[i].ids, cases[i].n));
        sotto_token_buf_free(&ids);
    }
    sotto_tokenizer_close(t);
}

/* tokenizer_config.json adds tokens to a tokenizer.model, and gives unused pieces new texts. */
TEST(added_tokens_of_a_tokenizer_model) {
    bytes   model = read_file(DATA "gemma/tokenizer.model");
    json_t *config = json_loads("{\"added_tokens_decoder\":{\"1100\":{\"content\":\"<extra>\",\"special\":true},"
                                "\"1101\":{\"content\":\"[tool]\",\"special\":false},"
                                "\"6\":{\"content\":\"<renamed>\",\"special\":true}}}",
                                0, NULL);
    sotto_tokenizer *t = NULL;
    sotto_error      err = {0};
    CHECK_OK(sotto_tokenizer_from_texts(&t, (sotto_str){"", 0}, text_of_file(&model), config, NULL, NULL, &err),
             err);
    CHECK_INT(sotto_tokenizer_n_vocab(t), 1102);
    CHECK_INT(sotto_tokenizer_find(t, "<renamed>"), 6);
    CHECK_INT(sotto_tokenizer_find(t, "<unused0>"), -1);
    sotto_token_buf ids = {0};
    CHECK(sotto_tokenizer_encode(t, sotto_str_from("<extra>[tool]<renamed>"),
                                 (sotto_encode_options){.special = true}, &ids, NULL) == SOTTO_OK);
    CHECK(same_ids("added", 0, &ids, (const int32_t[]){1100, 1101, 6}, 3));
    sotto_token_buf_free(&ids);
    sotto_tokenizer_close(t);
    json_decref(config);
    free(model.data);
}

/* ---- bad files ----------------------------------------------------------------------------------------- */

static sotto_status open_json(const char *json, sotto_error *err) {
    sotto_tokenizer *t = NULL;
    sotto_status     status =
        sotto_tokenizer_from_texts(&t, sotto_str_from(json), (sotto_str){"", 0}, NULL, NULL, NULL, err);
    CHECK((status == SOTTO_OK) == (t != NULL));
    sotto_tokenizer_close(t);
    return status;
}

#define PRE "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}"
#define MODEL(body) "{" PRE ",\"model\":{\"type\":\"BPE\"," body "}}"

TEST(what_is_wrong_with_a_tokenizer_json_is_said) {
    static const struct {
        const char  *json;
        sotto_status status;
        const char  *part; /* of the message */
    } cases[] = {
        {MODEL("\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]"), SOTTO_OK, NULL},
        {"", SOTTO_FORMAT, "tokenizer.model"}, /* no JSON: the other file, which is empty too */
        {"[]", SOTTO_FORMAT, "object"},
        {"{}", SOTTO_FORMAT, "vocabulary"},
        {"{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", SOTTO_UNSUPPORTED, "Unigram"},
        {MODEL("\"vocab\":{\"a\":0},\"merges\":[\"a b\"]"), SOTTO_FORMAT, "not in the vocabulary"},
        {MODEL("\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]"), SOTTO_FORMAT, "twice"},
        {MODEL("\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]"), SOTTO_FORMAT, "both"},
        {MODEL("\"vocab\":{\"a\":99999999},\"merges\":[]"), SOTTO_FORMAT, "out of range"},
        {MODEL("\"vocab\":{\"a\":-1},\"merges\":[]"), SOTTO_FORMAT, "token id"},
        {MODEL("\"vocab\":{\"a\":1.5},\"merges\":[]"), SOTTO_FORMAT, "end of model.vocab"},
        {MODEL("\"vocab\":{\"a\":0},\"merges\":[\"a\"]"), SOTTO_FORMAT, "two pieces"},
        {MODEL("\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]"), SOTTO_FORMAT, "two pieces"},
        {MODEL("\"vocab\":{\"\\ud800\":0},\"merges\":[]"), SOTTO_FORMAT, "escape"},
        {MODEL("\"vocab\":{\"\xff\":0},\"merges\":[]"), SOTTO_FORMAT, "UTF-8"},
        {MODEL("\"vocab\":{\"a\":0},\"merges\":[],\"end_of_word_suffix\":\"</w>\""), SOTTO_UNSUPPORTED,
         "end of words"},
        {"{\"normalizer\":{\"type\":\"Lowercase\"},\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}",
         SOTTO_UNSUPPORTED, "Lowercase"},
        {"{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{"
         "\"Regex\":\"x+y\"},\"behavior\":"
         "\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]"
         "},"
         "\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}",
         SOTTO_UNSUPPORTED, "x+y"},
        {"{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}", SOTTO_UNSUPPORTED, "neither"},
    };
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        sotto_error err = {0};
        CHECK_INT(open_json(cases[i].json, &err), cases[i].status);
        bool said = !cases[i].part || strstr(err.message, cases[i].part);
        if (!said) TEST_FAIL("case %zu says \"%s\"", i, err.message);
    }
}

TEST(what_is_wrong_with_a_tokenizer_model_is_said) {
    static const struct {
        const char  *bytes;
        size_t       n;
        sotto_status status;
        const char  *part;
    } cases[] = {
        {"\x0a", 1, SOTTO_FORMAT, "malformed"},
        {"\x0a\x7f"
         "a",
         3, SOTTO_FORMAT, "malformed"}, /* longer than the file */
        {"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12, SOTTO_FORMAT,
         "malformed"}, /* an endless varint */
        {"\x0a\x03\x0a\x01"
         "a",
         5, SOTTO_UNSUPPORTED, "BPE"}, /* Unigram by default */
        {"\x0a\x05\x0a\x01"
         "a\x18\x09\x12\x02\x18\x02",
         11, SOTTO_FORMAT, "piece"}, /* type 9 */
        {"\x0a\x03\x0a\x01"
         "a\x0a\x03\x0a\x01"
         "a\x12\x02\x18\x02\x1a\x02\x20\x00",
         18, SOTTO_FORMAT, "both"},
        {"\x0a\x03\x0a\x01"
         "a\x12\x02\x18\x02\x1a\x02\x20\x00",
         13, SOTTO_OK, NULL},
        {"\x0a\x03\x0a\x01"
         "a\x12\x02\x18\x02\x1a\x05\x20\x00\x12\x01x",
         16, SOTTO_UNSUPPORTED, "table"},
    };
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        sotto_error      err = {0};
        sotto_tokenizer *t = NULL;
        CHECK_INT(sotto_tokenizer_from_model(&t, (sotto_str){cases[i].bytes, cases[i].n}, &err), cases[i].status);
        if (cases[i].part && !strstr(err.message, cases[i].part))
            TEST_FAIL("case %zu says \"%s\"", i, err.message);
        sotto_tokenizer_close(t);
    }
}

/* GGUF files with one thing wrong each. */
typedef struct gguf_case {
    const char  *model, *pre;
    size_t       n_scores, n_types, n_merges;
    const char  *merge;
    int32_t      type, bos;
    sotto_status status;
    const char  *part;
} gguf_case;

static sotto_checkpoint *write_gguf(const gguf_case *k, const char *path) {
    static const char *const texts[] = {"<unk>", "<s>", "</s>", "a", "b", "ab"};
    enum { N = 6 };
    sotto_gguf_writer *w = NULL;
    sotto_checkpoint  *c = NULL;
    sotto_str          tokens[N], merges[2] = {sotto_str_from(k->merge), sotto_str_from("a b")};
    float              scores[2 * N] = {0};
    int32_t            types[2 * N] = {2, 3, 3, 1, 1, k->type, 1};
    bool               ok = sotto_gguf_writer_open(&w, path, NULL) == SOTTO_OK;
    for (int i = 0; i < N; i++) tokens[i] = sotto_str_from(texts[i]);
    ok = ok && sotto_gguf_put_str(w, "general.architecture", sotto_str_from("test"), NULL) == SOTTO_OK;
    ok = ok && sotto_gguf_put_str(w, KEY "model", sotto_str_from(k->model), NULL) == SOTTO_OK;
    ok = ok && (!k->pre || sotto_gguf_put_str(w, KEY "pre", sotto_str_from(k->pre), NULL) == SOTTO_OK);
    ok = ok && sotto_gguf_put_str_array(w, KEY "tokens", tokens, N, NULL) == SOTTO_OK;
    ok = ok && (!k->n_scores || sotto_gguf_put_f32_array(w, KEY "scores", scores, k->n_scores, NULL) == SOTTO_OK);
    ok =
        ok && (!k->n_types || sotto_gguf_put_i32_array(w, KEY "token_type", types, k->n_types, NULL) == SOTTO_OK);
    ok = ok && (!k->n_merges || sotto_gguf_put_str_array(w, KEY "merges", merges, k->n_merges, NULL) == SOTTO_OK);
    ok = ok && sotto_gguf_put_i32(w, KEY "bos_token_id", k->bos, NULL) == SOTTO_OK;
    ok = ok && sotto_gguf_begin_data(w, NULL) == SOTTO_OK && sotto_gguf_commit(w, NULL) == SOTTO_OK;
    CHECK(ok && sotto_checkpoint_open(&c, path, NULL, NULL) == SOTTO_OK);
    return c;
}

TEST(what_is_wrong_with_a_gguf_is_said) {
    static const gguf_case cases[] = {
        {"llama", "default", 6, 6, 0, NULL, 1, 1, SOTTO_OK, NULL},
        {"gpt2", "qwen2", 0, 6, 2, "b a", 1, 1, SOTTO_OK, NULL}, /* a merge that gives no piece is left out */
        {"llama", "default", 5, 6, 0, NULL, 1, 1, SOTTO_FORMAT, "scores"},
        {"llama", "default", 0, 6, 0, NULL, 1, 1, SOTTO_FORMAT, "scores"},
        {"llama", "default", 6, 7, 0, NULL, 1, 1, SOTTO_FORMAT, "types"},
        {"llama", "default", 6, 6, 0, NULL, 9, 1, SOTTO_FORMAT, "type 9"},
        {"llama", "default", 6, 6, 0, NULL, 1, 6, SOTTO_FORMAT, "bos_token_id is 6"},
        {"llama", "default", 6, 6, 0, NULL, 1, -7, SOTTO_FORMAT, "bos_token_id is -7"},
        {"gpt2", "qwen2", 0, 6, 0, NULL, 1, 1, SOTTO_FORMAT, "merges"},
        {"gpt2", "qwen2", 0, 6, 2, "ab", 1, 1, SOTTO_FORMAT, "two pieces"},
        {"gpt2", "tekken", 0, 6, 2, "b a", 1, 1, SOTTO_UNSUPPORTED, "tekken"},
        {"gpt2", NULL, 0, 6, 2, "b a", 1, 1, SOTTO_UNSUPPORTED, "tokenizer.ggml.pre"},
        {"bert", NULL, 6, 6, 0, NULL, 1, 1, SOTTO_UNSUPPORTED, "bert"},
    };
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/tmp/sotto-tokenizer-%ld.gguf", (long)getpid());
        sotto_error       err = {0};
        sotto_tokenizer  *t = NULL;
        sotto_checkpoint *c = write_gguf(&cases[i], path);
        if (c) CHECK_INT(sotto_tokenizer_open(&t, c, &err), cases[i].status);
        if (cases[i].part && !strstr(err.message, cases[i].part))
            TEST_FAIL("case %zu says \"%s\"", i, err.message);
        sotto_tokenizer_close(t);
        sotto_checkpoint_close(c);
        remove(path);
    }
}

/* Every file cut short at many places, and with bytes changed: an error or a tokenizer, never a crash. */
TEST(damaged_files_open_or_fail) {
    static const char *const files[] = {"gemma/tokenizer.model", "gemma/tokenizer.json", "llama3/tokenizer.json",
                                        "llama2/tokenizer.model"};
    uint64_t                 state = 5;
    for (size_t f = 0; f < SOTTO_COUNT(files); f++) {
        char path[256];
        (void)snprintf(path, sizeof path, DATA "%s", files[f]);
        bytes whole = read_file(path);
        bool  model = strstr(files[f], ".model") != NULL;
        int   failed = 0;
        for (int i = 0; i < 120; i++) {
            size_t           n = i < 60 ? whole.n * (size_t)i / 60 : whole.n;
            uint8_t         *copy = malloc(n + 1); /* of the exact size, for the sanitizer */
            sotto_tokenizer *t = NULL;
            sotto_error      err = {0};
            memcpy(copy, whole.data, n);
            for (int k = 0; i >= 60 && k < 3; k++) copy[test_random(&state) % n] = (uint8_t)test_random(&state);
            sotto_str    text = {(const char *)copy, n};
            sotto_status status =
                model ? sotto_tokenizer_from_model(&t, text, &err) : sotto_tokenizer_from_json(&t, text, &err);
            CHECK((status == SOTTO_OK) == (t != NULL) && (status == SOTTO_OK || err.message[0]));
            failed += status != SOTTO_OK;
            if (t) sotto_tokenizer_finish(t);
            sotto_tokenizer_close(t);
            free(copy);
        }
        CHECK(failed >= 40);
        free(whole.data);
    }
}

TEST_MAIN()
