/* What both tokenizer targets do with a tokenizer that opened. */
#ifndef SOTTO_FUZZ_TOKENIZER_H
#define SOTTO_FUZZ_TOKENIZER_H

#include <stdint.h>
#include <stdlib.h>

#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The text up to the next NUL, taken off `rest`. */
static inline sotto_str fuzz_part(sotto_str *rest) {
    const char *end = rest->n ? memchr(rest->p, '\0', rest->n) : NULL;
    size_t      n = end ? (size_t)(end - rest->p) : rest->n, used = n + (end ? 1 : 0);
    sotto_str   part = {rest->p, n};
    *rest = (sotto_str){rest->p + used, rest->n - used};
    return part;
}

static inline void fuzz_require(bool ok) {
    if (!ok) abort(); /* a broken promise of the interface is a finding too */
}

static inline void fuzz_use_tokenizer(const sotto_tokenizer *t, sotto_str text) {
    static const char marks[] = "Hi <start_of_turn>user\n\xe2\x96\x81\xe2\x96\x81 12345 it's \xc3\xa9"
                                "e\xcc\x81\xff\xf0\x9f <s></s><|im_end|>\t\t\n\n  x";
    const sotto_str   texts[] = {text, {marks, sizeof marks - 1}};
    sotto_token_buf   ids = {0};
    sotto_buf         out = {0};
    for (int i = 0; i < 4; i++) {
        sotto_encode_options opt = {.special = i & 1, .bos = i & 1, .first = true};
        ids.n = 0;
        fuzz_require(sotto_tokenizer_encode(t, texts[i / 2], opt, &ids, NULL) == SOTTO_OK);
        for (size_t k = 0; k < ids.n; k++) {
            fuzz_require(ids.ids[k] >= 0 && ids.ids[k] < sotto_tokenizer_n_vocab(t));
            /* Text never becomes a control token, but an unknown character may be <unk>. */
            bool control = sotto_tokenizer_type(t, ids.ids[k]) == SOTTO_TOKEN_CONTROL;
            fuzz_require(opt.special || !control || ids.ids[k] == t->unk);
        }
    }
    sotto_decoder d = {.tokenizer = t, .special = true};
    for (int32_t id = -1; id <= sotto_tokenizer_n_vocab(t) && id < 5000; id++) {
        fuzz_require(sotto_decoder_push(&d, id, &out));
        (void)sotto_tokenizer_is_eog(t, id);
    }
    fuzz_require(sotto_decoder_flush(&d, &out) && (out.len == 0 || sotto_utf8_valid(out.data, out.len)));
    sotto_token_buf_free(&ids);
    sotto_buf_free(&out);
}

#endif
