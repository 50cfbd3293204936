/* runtime: what the public header promises: models, sessions, sampling, generation, conversion, measuring.
 * Private to this folder; the rest of the world includes <sotto/sotto.h>. */
#ifndef SOTTO_RUNTIME_H
#define SOTTO_RUNTIME_H

#include <stdatomic.h>

#include <sotto/coreml.h>

#include "grammar/grammar.h"
#include "kernels/kernels.h"
#include "model/model.h"
#include "text/text.h"

struct sotto_model {
    const struct sotto_engine *engine;          /* what computes its tokens */
    sotto_model_info         info;              /* as far as the engine knows it */
    sotto_checkpoint        *checkpoint;        /* of a package: its tokenizer's */
    sotto_tokenizer         *tokenizer;
    sotto_transformer       *transformer;       /* of the native engine */
    sotto_program           *program;           /* of that of packages */
    const sotto_chat_format *chat_format;       /* NULL: none known... */
    sotto_error              chat_format_error; /* ... and why */
    sotto_kernels            kernels;
    sotto_pool              *pool;              /* the engine's */
    _Atomic(struct sotto_vocabulary *) vocabulary; /* NULL until a grammar is first used */
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
/* Whether it picks what the model says is likeliest, and nothing else has a say. */
bool         sotto_sampler_is_greedy(const sotto_sampler *s);
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

/* ---- constraints (vocabulary.c: texts in order; constraint.c: a grammar over them) --------------------- */

/* What the tokens of a tokenizer add to a text, for all constraints over it. Read-only; share between threads. The
 * tokenizer must stay open. */
typedef struct sotto_vocabulary sotto_vocabulary;
sotto_status sotto_vocabulary_open(sotto_vocabulary **out, const sotto_tokenizer *t, sotto_error *err);
void         sotto_vocabulary_close(sotto_vocabulary *v);
/* A model's, made when it is first asked for; closed with the model. */
sotto_status sotto_model_vocabulary(sotto_model *m, const sotto_vocabulary **out, sotto_error *err);

/* A place in a grammar, moved by tokens. Grammar and vocabulary must stay open. `first`: the text begins the session,
 * so that a SentencePiece model's space before it is not part of it (a decoder with started == false). INVALID when the
 * grammar names a token that the vocabulary does not have. Nothing but open allocates. */
typedef struct sotto_constraint sotto_constraint;
sotto_status sotto_constraint_open(sotto_constraint **out, const sotto_grammar *g, const sotto_vocabulary *v,
                                   int32_t n_logits, bool first, sotto_error *err);
void         sotto_constraint_close(sotto_constraint *c);
/* Whether a token may come next. End tokens may where the grammar is complete; others must go on with it. */
bool         sotto_constraint_allows(sotto_constraint *c, int32_t token);
/* Move on by a token; false: it is not allowed, and nothing moved. An end token does not move. */
bool         sotto_constraint_accept(sotto_constraint *c, int32_t token);
/* Move on by text that was written without the constraint, where one begins in the middle of an answer. false: the
 * grammar has no text that begins so, and the constraint is of no use any more. */
bool         sotto_constraint_accept_text(sotto_constraint *c, const char *text, size_t n);
/* Try what follows: move on by a token, go back to a depth. The way back ends where a token or a text was accepted, at
 * depth 0. false: not allowed, too deep, or an end token; nothing moved. */
bool         sotto_constraint_push(sotto_constraint *c, int32_t token);
size_t       sotto_constraint_depth(const sotto_constraint *c);
void         sotto_constraint_pop(sotto_constraint *c, size_t depth);
/* The logits with all tokens that are not allowed at -infinity; lent until the next call. logits[n_logits]. NULL: none
 * is left. */
const float *sotto_constraint_mask(sotto_constraint *c, const float *logits);
bool         sotto_constraint_complete(const sotto_constraint *c); /* what came is a whole text of the grammar */
bool         sotto_constraint_ends(const sotto_constraint *c);     /* and nothing can follow */
/* A token was refused here for want of memory: the grammar is too ambiguous, or the text too deep. */
bool         sotto_constraint_overflowed(const sotto_constraint *c);

/* ---- tool calls (calls.c) ------------------------------------------------------------------------------ */

/* What options.tools ask of an answer. */
typedef struct sotto_calls sotto_calls;
/* *out is NULL where they ask nothing. n_logits and first as for a constraint. */
sotto_status sotto_calls_open(sotto_calls **out, sotto_model *m, const sotto_generate_options *o, int32_t n_logits,
                              bool first, sotto_error *err);
void         sotto_calls_close(sotto_calls *c);
/* What the next token is held to; NULL: nothing. */
sotto_constraint *sotto_calls_constraint(const sotto_calls *c);
/* A token of the answer, decoded; its text without calls is appended. false: out of memory. */
bool         sotto_calls_push(sotto_calls *c, sotto_decoder *d, int32_t token, sotto_buf *shown);
bool         sotto_calls_end(sotto_calls *c, sotto_decoder *d, sotto_buf *shown);
/* All calls so far; they stay where they are until close. */
const sotto_tool_call *sotto_calls_list(const sotto_calls *c, size_t *n);

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
