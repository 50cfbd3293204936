/* What computes a session's tokens, behind one table: the forward pass over a checkpoint (native.c), or the program of
 * a Core ML package (package.c). Sessions, generators and measurements do not ask which. */
#ifndef SOTTO_ENGINE_H
#define SOTTO_ENGINE_H

#include "runtime/session.h"

typedef struct sotto_engine {
    int32_t batch; /* tokens computed together where nobody says how many */
    /* What each token more in a pass costs, by a pass for one, as measured for passes of 2 to 8 (docs/speed.md); 0:
     * such passes are not equal, bit for bit, to as many of one token. */
    double (*guess_cost)(const sotto_model *m);
    /* Fill what `m` computes with, its checkpoint, and its info. `look_only`: nothing will be computed. Options are
     * checked; what was opened when it fails, `close` closes. */
    sotto_status (*open)(sotto_model *m, const char *path, const sotto_model_options *o, bool look_only,
                         sotto_error *err);
    void         (*close)(sotto_model *m);
    /* What weights, cache and scratch take; options are complete. */
    void         (*budget)(const sotto_model *m, const sotto_session_options *o, sotto_memory *out);

    sotto_status (*session_open)(sotto_session *s, sotto_error *err);
    void         (*session_close)(sotto_session *s);
    /* Evaluate tokens[n] after the s->n that the session has; logits of the last n_logits of them. n is at most the
     * batch and what the context has left. */
    sotto_status (*run)(sotto_session *s, const int32_t *tokens, int32_t n, int32_t n_logits, float *logits,
                        sotto_error *err);
    /* Forget positions >= n. False: what position n needs is gone; the caller starts from 0. */
    bool         (*rewind)(sotto_session *s, int32_t n);
    /* The last turn begins at this position: what only earlier edits would need may go. */
    void         (*mark)(sotto_session *s, int32_t position);
    /* Remove [begin, end); what follows moves down. s->tokens are still as they were. */
    sotto_status (*drop)(sotto_session *s, int32_t begin, int32_t end, sotto_error *err);
    uint64_t     (*read_bytes)(const sotto_session *s, int32_t depth); /* of the cache, for one token */
} sotto_engine;

extern const sotto_engine sotto_engine_native, sotto_engine_package;
bool sotto_package_is(const char *path); /* by its name */
/* The document of a package (sotto_program_inspect), and what its tokenizer is made of: NULL and the reason where there
 * is none. */
sotto_status sotto_package_look(const char *path, json_t **doc, sotto_checkpoint **tokenizer, sotto_error *no_tokenizer,
                                sotto_error *err);

/* 0 threads become the physical cores; INVALID: out of range. */
sotto_status sotto_threads_resolve(int32_t *threads, sotto_error *err);
/* The kernels of this processor up to a named level; NULL: the best. */
sotto_status sotto_kernels_choose(sotto_kernels *k, const char *level, sotto_error *err);

/* The engine of `path` chosen and opened, options checked. What is open when it fails, sotto_model_close closes. */
sotto_status sotto_model_open_engine(sotto_model *m, const char *path, const sotto_model_options *o, bool look_only,
                                     sotto_error *err);

#endif
