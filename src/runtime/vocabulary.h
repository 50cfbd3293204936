/* The inside of a vocabulary's texts, shared by vocabulary.c and constraint.c. */
#ifndef SOTTO_VOCABULARY_H
#define SOTTO_VOCABULARY_H

#include "runtime/runtime.h"

struct sotto_vocabulary {
    const sotto_tokenizer *tokenizer;
    int32_t                n;     /* tokens */
    sotto_buf              text;  /* of all tokens, by id */
    uint32_t              *begin; /* [n + 1] in text */
    int32_t               *order; /* [n_order] the tokens that have a text, in the order of their bytes */
    uint8_t               *shared; /* [n_order] bytes in common with the one before, at most 255 */
    size_t                 n_order, longest;
};

/* The bytes of a token; empty where it has no text. */
static inline sotto_str sotto_vocabulary_text(const sotto_vocabulary *v, int32_t id) {
    return (sotto_str){sotto_buf_str(&v->text).p + v->begin[id], v->begin[id + 1] - v->begin[id]};
}

#endif
