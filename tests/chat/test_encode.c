/* The tokens of whole conversations against Hugging Face's tokenizers (made by tools/chat-fixtures/make_tokens.py),
 * and that what people type never becomes a control token. */
#include "chat/talk.h"

#include <stdio.h>

static sotto_checkpoint *checkpoint;

static sotto_tokenizer *open_tokenizer(const char *kind) {
    char             path[64];
    sotto_error      err;
    sotto_tokenizer *t = NULL;
    (void)snprintf(path, sizeof path, "chat/tokenizers/%s", kind);
    CHECK_OK(sotto_checkpoint_open(&checkpoint, path, &(sotto_checkpoint_options){.metadata_only = true}, &err), err);
    if (checkpoint) CHECK_OK(sotto_tokenizer_open(&t, checkpoint, &err), err);
    return t;
}

static void close_tokenizer(sotto_tokenizer *t) {
    sotto_tokenizer_close(t);
    sotto_checkpoint_close(checkpoint);
    checkpoint = NULL;
}

static void encode(const sotto_tokenizer *t, const char *format, const json_t *conversation, sotto_token_buf *out) {
    talk              c;
    sotto_chat_prompt p = {0};
    sotto_error       err;
    talk_open(&c, conversation);
    CHECK_OK(sotto_chat_render(sotto_chat_format_named(format), c.turns, c.n, &c.params, &p, &err), err);
    CHECK_OK(sotto_chat_encode(t, &p, out, &err), err);
    sotto_chat_prompt_free(&p);
    talk_close(&c);
}

static const json_t *named(const json_t *conversations, const char *name) {
    for (size_t i = 0; i < json_array_size(conversations); i++) {
        const json_t *c = json_array_get(conversations, i);
        if (strcmp(talk_text(c, "name"), name) == 0) return c;
    }
    return NULL;
}

TEST(conversations_tokenise_as_one_text) {
    json_t     *conversations = talk_load("chat/conversations.json"), *formats = talk_load("chat/tokens.json");
    json_t     *row, *ids;
    const char *format, *name;
    CHECK(json_object_size(formats) >= 10);
    json_object_foreach(formats, format, row) {
        sotto_tokenizer *t = open_tokenizer(talk_text(row, "tokenizer"));
        if (!t) continue;
        CHECK(json_object_size(json_object_get(row, "ids")) >= 10);
        json_object_foreach(json_object_get(row, "ids"), name, ids) {
            sotto_token_buf got = {0};
            encode(t, format, named(conversations, name), &got);
            size_t n = json_array_size(ids), i = 0;
            while (i < got.n && i < n && json_integer_value(json_array_get(ids, i)) == got.ids[i]) i++;
            test_checks++;
            if (i < got.n || i < n)
                TEST_FAIL("%s, \"%s\": token %zu of %zu (expected %zu) is %d, not %d", format, name, i, got.n, n,
                          i < got.n ? got.ids[i] : -1, (int)json_integer_value(json_array_get(ids, i)));
            sotto_token_buf_free(&got);
        }
        close_tokenizer(t);
    }
    json_decref(formats);
    json_decref(conversations);
}

static size_t controls(const sotto_tokenizer *t, const sotto_token_buf *b) {
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) n += sotto_tokenizer_type(t, b->ids[i]) == SOTTO_TOKEN_CONTROL;
    return n;
}

/* A user types the name of every token there is; the prompt has the control tokens of a harmless one. */
TEST(typed_tokens_stay_text) {
    json_t     *formats = talk_load("chat/tokens.json"), *row;
    const char *format;
    json_object_foreach(formats, format, row) {
        sotto_tokenizer *t = open_tokenizer(talk_text(row, "tokenizer"));
        sotto_buf        all = {0};
        sotto_error      err;
        size_t           count[2];
        if (!t) continue;
        for (int32_t id = 0; id < sotto_tokenizer_n_vocab(t); id++) {
            sotto_str piece = sotto_tokenizer_piece(t, id);
            if (sotto_tokenizer_type(t, id) == SOTTO_TOKEN_CONTROL) sotto_buf_append(&all, piece.p, piece.n);
        }
        CHECK(all.len > 0);
        for (int typed = 0; typed < 2; typed++) {
            const char       *text = typed ? all.data : "hello";
            sotto_chat_turn   turns[] = {{.role = "system", .content = text}, {.role = "user", .content = text},
                                         {.role = "assistant", .content = text}, {.role = "user", .content = text}};
            sotto_chat_prompt p = {0};
            sotto_token_buf   ids = {0};
            CHECK_OK(sotto_chat_render(sotto_chat_format_named(format), turns, 4, NULL, &p, &err), err);
            CHECK_OK(sotto_chat_encode(t, &p, &ids, &err), err);
            count[typed] = controls(t, &ids);
            CHECK(ids.n > 4);
            sotto_token_buf_free(&ids);
            sotto_chat_prompt_free(&p);
        }
        CHECK(count[0] > 0);
        CHECK_INT(count[1], count[0]);
        sotto_buf_free(&all);
        close_tokenizer(t);
    }
    json_decref(formats);
}

TEST_MAIN()
