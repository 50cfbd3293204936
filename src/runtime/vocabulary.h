/* The inside of a vocabulary's texts, shared by vocabulary.c and constraint.c. */
#ifndef SOTTO_VOCABULARY_H
#define SOTTO_VOCABULARY_H

#include "runtime/runtime.h"

struct sotto_vocabulary {
    const sotto_tokenizer *tokenizer;
    int32_t                n; /* tokens */
    /* The tokens that have a text, in the order of its bytes: all arrays are walked from their beginning. */
    char     *text;   /* all texts, one after the other */
    uint32_t *begin;  /* [n_order + 1] in text */
    int32_t  *order;  /* [n_order] ids */
    uint8_t  *shared; /* [n_order] bytes in common with the one before, at most 255 */
    int32_t  *rank;   /* [n] where a token is in these; -1: it has no text */
    size_t    n_order, longest;
};

/* The bytes of the token at a rank. */
static inline sotto_str sotto_vocabulary_text(const sotto_vocabulary *v, size_t rank) {
    return (sotto_str){v->text + v->begin[rank], v->begin[rank + 1] - v->begin[rank]};
}

#endif
