/* runtime: what the public header promises: models, sessions, sampling, generation, conversion, measuring.
 * Private to this folder; the rest of the world includes <sotto/sotto.h>. */
#ifndef SOTTO_RUNTIME_H
#define SOTTO_RUNTIME_H

#include <sotto/sotto.h>

#include "kernels/kernels.h"
#include "model/model.h"
#include "text/text.h"

struct sotto_model {
    sotto_checkpoint        *checkpoint;
    sotto_tokenizer         *tokenizer;
    sotto_transformer       *transformer;
    const sotto_chat_format *chat_format;       /* NULL: none known... */
    sotto_error              chat_format_error; /* ... and why */
    sotto_kernels            kernels;
    sotto_pool              *pool;
    uint64_t                 fingerprint; /* of the configuration and weights' layout: guards saved sessions */
};

/* ---- sampling (sampling.c: parameters; sampler.c: the steps) ------------------------------------------- */

/* Every parameter in its range, every biased token in the vocabulary; else INVALID, naming the parameter. */
sotto_status sotto_sampling_check(const sotto_sampling *p, int32_t n_vocab, sotto_error *err);
/* Mark the tokens that a DRY repetition does not reach across: control tokens, and text with a line break, a
 * colon, a double quote or an asterisk. breaks[n_vocab]. */
sotto_status sotto_sampling_breaks(const sotto_tokenizer *t, bool *breaks, int32_t n_vocab, sotto_error *err);

typedef struct sotto_sampler sotto_sampler;
/* Copies what it is given. max_history: the longest history that pick will see, the session's context.
 * breaks[n_vocab]: see above; NULL: none. */
sotto_status sotto_sampler_open(sotto_sampler **out, const sotto_sampling *params, int32_t n_vocab,
                                size_t max_history, const bool *breaks, sotto_error *err);
/* Choose the next token. `history` is the session's tokens, prompt included. `logits` are not changed. INVALID
 * when a logit is NaN or +infinite, or when every token is forbidden. Does not allocate. */
sotto_status sotto_sampler_pick(sotto_sampler *s, const float *logits, const int32_t *history, size_t n_history,
                                int32_t *token, sotto_error *err);
uint64_t     sotto_sampler_seed(const sotto_sampler *s);
void         sotto_sampler_close(sotto_sampler *s);

/* What pick draws from: the tokens that are left after the last step, by ascending id, and their probabilities. */
typedef struct sotto_candidate {
    int32_t token;
    float   rank; /* what a step selects by, greatest first */
    double  p;
} sotto_candidate;
sotto_status sotto_sampler_candidates(sotto_sampler *s, const float *logits, const int32_t *history,
                                      size_t n_history, const sotto_candidate **list, size_t *n, sotto_error *err);

/* log softmax of one token and the n most likely (n <= n_vocab), of the logits as they are. top may be NULL when
 * n is 0. */
void sotto_logprobs(const float *logits, int32_t n_vocab, int32_t token, float *logprob, sotto_logprob *top,
                    int32_t n);

/* ---- measuring ----------------------------------------------------------------------------------------- */

/* The text that quality is measured on where none is given: paragraphs, to be joined by a blank line, then NULL. */
extern const char *const sotto_quality_text[];

/* ---- importance (importance.c) ------------------------------------------------------------------------- */

/* What the inputs of each matrix weigh: the mean square of every column, over all tokens that were computed while the
 * observer was told of them. Written as a GGUF file of f32 vectors, each under the name of its matrix. */
typedef struct sotto_importance sotto_importance;
sotto_status          sotto_importance_open(sotto_importance **out, const sotto_transformer *t, sotto_error *err);
const sotto_observer *sotto_importance_observer(const sotto_importance *i);
sotto_status          sotto_importance_write(const sotto_importance *i, const char *path, sotto_error *err);
void                  sotto_importance_close(sotto_importance *i);

#endif
