/* The public functions about text and tokens: thin covers over text/ that fit its types to the public
 * ones. */
#include "runtime/runtime.h"

#include <stdlib.h>

void sotto_tokens_free(sotto_tokens *t) {
    if (!t) return;
    free(t->ids);
    *t = (sotto_tokens){0};
}

void sotto_bytes_free(sotto_bytes *b) {
    if (!b) return;
    free(b->data);
    *b = (sotto_bytes){0};
}

/* Give the caller's array back after tokens were appended to it; on failure with the tokens that it had,
 * though perhaps in a larger block. */
static sotto_status hand_back(sotto_tokens *out, const sotto_token_buf *b, sotto_status status) {
    *out = (sotto_tokens){b->ids, status == SOTTO_OK ? b->n : out->n, b->cap};
    return status;
}

sotto_status sotto_tokenize(const sotto_model *model, const char *text, size_t n, sotto_tokenize_options opt,
                            sotto_tokens *out, sotto_error *err) {
    sotto_token_buf      b = {out->ids, out->n, out->cap};
    sotto_encode_options encode = {.special = opt.special,
                                   .bos = opt.bos && sotto_tokenizer_adds_bos(model->tokenizer),
                                   .first = out->n == 0};
    return hand_back(out, &b, sotto_tokenizer_encode(model->tokenizer, (sotto_str){text, n}, encode, &b, err));
}

sotto_status sotto_detokenize(const sotto_model *model, const int32_t *ids, size_t n, bool special, sotto_bytes *out,
                              sotto_error *err) {
    int32_t       n_vocab = sotto_tokenizer_n_vocab(model->tokenizer);
    sotto_buf     text = {0};
    sotto_decoder decoder = {.tokenizer = model->tokenizer, .special = special};
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= n_vocab)
            return sotto_fail(err, SOTTO_INVALID, "token %d at position %zu is not in the vocabulary of %d tokens",
                              ids[i], i, n_vocab);
    bool ok = sotto_buf_puts(&text, ""); /* "" is memory too */
    for (size_t i = 0; ok && i < n; i++) ok = sotto_decoder_push(&decoder, ids[i], &text);
    if (!ok || !sotto_decoder_flush(&decoder, &text)) {
        sotto_buf_free(&text);
        return sotto_fail_memory(err, "the text of tokens");
    }
    sotto_bytes_free(out);
    *out = (sotto_bytes){text.data, text.len};
    return SOTTO_OK;
}

const char *sotto_token_piece(const sotto_model *model, int32_t id, size_t *n) {
    if (id < 0 || id >= sotto_tokenizer_n_vocab(model->tokenizer)) return NULL;
    sotto_str piece = sotto_tokenizer_piece(model->tokenizer, id);
    if (n) *n = piece.n;
    return piece.p;
}

bool sotto_token_ends(const sotto_model *model, int32_t id) { return sotto_tokenizer_is_eog(model->tokenizer, id); }

sotto_status sotto_chat_tokens(const sotto_model *model, const sotto_chat_turn *turns, size_t n_turns,
                               const sotto_chat_params *params, sotto_tokens *out, sotto_error *err) {
    if (!model->chat_format) {
        if (err) *err = model->chat_format_error;
        return model->chat_format_error.status;
    }
    sotto_chat_prompt prompt = {0};
    sotto_token_buf   b = {out->ids, out->n, out->cap};
    sotto_status      status = sotto_chat_render(model->chat_format, turns, n_turns, params, &prompt, err);
    if (status == SOTTO_OK) status = sotto_chat_encode(model->tokenizer, &prompt, &b, err);
    sotto_chat_prompt_free(&prompt);
    return hand_back(out, &b, status);
}

const char *sotto_chat_format_name_at(size_t i) { return sotto_chat_format_list(i); }
