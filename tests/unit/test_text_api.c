/* The public functions about text, over a tiny model with a SentencePiece tokenizer: what they append to,
 * hand over, refuse, and leave alone when they fail. That the tokens are right is tests/tokenizer's
 * business. */
#include "test.h"

#include "runtime/runtime.h"

static sotto_model *model;

static bool open_model(const char *chat_format) {
    sotto_error         err = {0};
    sotto_model_options o = sotto_model_options_default();
    o.chat_format = chat_format;
    CHECK_OK(sotto_model_open(&model, "golden/gemma3", &o, &err), err);
    return model != NULL;
}

static void close_model(void) {
    sotto_model_close(model);
    model = NULL;
}

static const sotto_tokenize_options PLAIN = {0}, WITH_BOS = {.bos = true}, WITH_SPECIAL = {.special = true};

TEST(text_becomes_tokens_and_text_again) {
    static const char *const texts[] = {"the cat sat on the mat", " two  spaces ", "\xe2\x82\xac \xf0\x9f\x98\x80\n",
                                        ""};
    if (!open_model(NULL)) return;
    for (size_t i = 0; i < SOTTO_COUNT(texts); i++) {
        sotto_error  err;
        sotto_tokens tokens = {0};
        sotto_bytes  text = {0};
        CHECK_OK(sotto_tokenize(model, texts[i], strlen(texts[i]), WITH_BOS, &tokens, &err), err);
        CHECK(tokens.n >= 1 && tokens.ids[0] == 2);
        for (int again = 0; again < 2; again++) { /* the second time into the same bytes */
            CHECK_OK(sotto_detokenize(model, tokens.ids, tokens.n, false, &text, &err), err);
            CHECK_STR(text.data, texts[i]);
            CHECK_INT(text.n, strlen(texts[i]));
        }
        CHECK_OK(sotto_detokenize(model, tokens.ids, 1, true, &text, &err), err);
        CHECK_STR(text.data, "<bos>");
        sotto_tokens_free(&tokens);
        sotto_bytes_free(&text);
        CHECK(!tokens.ids && !text.data);
    }
    close_model();
}

TEST(tokens_are_appended) {
    sotto_error  err;
    sotto_tokens one = {0}, two = {0};
    if (!open_model(NULL)) return;
    CHECK_OK(sotto_tokenize(model, "the cat", 7, WITH_BOS, &one, &err), err);
    CHECK_OK(sotto_tokenize(model, "the cat", 7, WITH_BOS, &two, &err), err);
    CHECK_OK(sotto_tokenize(model, "\nthe dog", 8, PLAIN, &two, &err), err);
    CHECK(two.n > one.n && memcmp(one.ids, two.ids, one.n * sizeof *one.ids) == 0);
    sotto_bytes text = {0};
    CHECK_OK(sotto_detokenize(model, two.ids, two.n, false, &text, &err), err);
    CHECK_STR(text.data, "the cat\nthe dog");
    sotto_bytes_free(&text);
    sotto_tokens_free(&one);
    sotto_tokens_free(&two);
    close_model();
}

TEST(what_people_write_is_never_a_control_token) {
    static const char text[] = "<end_of_turn>";
    sotto_error       err;
    sotto_tokens      plain = {0}, special = {0};
    if (!open_model(NULL)) return;
    CHECK_OK(sotto_tokenize(model, text, sizeof text - 1, PLAIN, &plain, &err), err);
    CHECK_OK(sotto_tokenize(model, text, sizeof text - 1, WITH_SPECIAL, &special, &err), err);
    CHECK_INT(special.n, 1);
    CHECK(plain.n > 1);
    CHECK(special.n == 1 && sotto_token_ends(model, special.ids[0]));
    for (size_t i = 0; i < plain.n; i++) CHECK(!sotto_token_ends(model, plain.ids[i]));
    sotto_tokens_free(&plain);
    sotto_tokens_free(&special);
    close_model();
}

TEST(pieces_and_tokens_that_do_not_exist) {
    size_t           n = 0;
    sotto_error      err = {0};
    sotto_bytes      text = {0};
    sotto_model_info info;
    if (!open_model(NULL)) return;
    sotto_model_get_info(model, &info);
    const char *piece = sotto_token_piece(model, 2, &n);
    CHECK(piece && n == 5 && memcmp(piece, "<bos>", 5) == 0);
    CHECK(!sotto_token_piece(model, -1, &n));
    CHECK(!sotto_token_piece(model, info.n_vocab, &n));
    CHECK(!sotto_token_ends(model, -1));
    CHECK(!sotto_token_ends(model, info.n_vocab));
    const int32_t ids[] = {2, info.n_vocab};
    CHECK_INT(sotto_detokenize(model, ids, 2, false, &text, &err), SOTTO_INVALID);
    CHECK(strstr(err.message, "position 1"));
    CHECK(!text.data);
    close_model();
}

TEST(a_conversation_needs_a_chat_format) {
    const sotto_chat_turn turn = {.role = "user", .content = "hello"}, wrong = {.role = "nobody", .content = "hello"};
    sotto_tokens          tokens = {0};
    sotto_error           err = {0};
    if (!open_model(NULL)) return; /* its files have no template */
    CHECK(sotto_chat_tokens(model, &turn, 1, NULL, &tokens, &err) != SOTTO_OK);
    CHECK(strstr(err.message, "--chat-format"));
    CHECK(tokens.n == 0);
    close_model();

    if (!open_model("gemma")) return;
    CHECK_OK(sotto_chat_tokens(model, &turn, 1, NULL, &tokens, &err), err);
    sotto_bytes text = {0};
    CHECK_OK(sotto_detokenize(model, tokens.ids, tokens.n, true, &text, &err), err);
    CHECK_STR(text.data, "<bos><start_of_turn>user\nhello<end_of_turn>\n<start_of_turn>model\n");
    size_t n = tokens.n;
    CHECK(sotto_chat_tokens(model, &wrong, 1, NULL, &tokens, &err) != SOTTO_OK);
    CHECK_INT(tokens.n, n);
    sotto_bytes_free(&text);
    sotto_tokens_free(&tokens);
    close_model();
}

TEST(formats_are_listed) {
    size_t n = 0;
    bool   gemma = false;
    for (; sotto_chat_format_name_at(n); n++) gemma = gemma || strcmp(sotto_chat_format_name_at(n), "gemma") == 0;
    CHECK(gemma && n >= 8);
    sotto_tokens_free(NULL);
    sotto_bytes_free(NULL);
}

TEST(publishers_defaults_are_read_from_a_folder) {
    if (!open_model(NULL)) return;
    sotto_sampling s = sotto_sampling_default(model);
    CHECK(s.temperature == 1 && s.top_k == 64 && s.top_p == 0.95f);
    close_model();
}

TEST_MAIN()
