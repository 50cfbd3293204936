/* Core ML: models as `.mlpackage` folders for Apple's systems (iOS 18, macOS 15 and later), written and run.
 *
 * An exported package is stateful (its KV cache stays inside of Core ML), takes from 1 to `context` tokens in a call,
 * uses fused attention, and has 4-bit weights in blocks of 32. docs/coreml.md says how a client calls it. */
#ifndef SOTTO_COREML_H
#define SOTTO_COREML_H

#include <sotto/sotto.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sotto_export_options {
    int32_t context; /* tokens; 0: 128; at most the model's */
    int32_t bits;    /* of a weight: 4, 8 or 16; 0: 4 */
    bool    last_logits;    /* return the logits of the last token only, instead of all */
    bool    round_to_nearest; /* plain scales, as Apple's tools choose them, instead of those of least error */
    bool    negative_scales;  /* blocks of a q4_0 file keep a scale below zero, instead of codes mirrored around an
                                 offset of -1: the same numbers, in a form that Apple's own tools never write */
    const char *importance;   /* a file of how much each input of a matrix matters; NULL: all the same */
    const char *id;           /* of the model, such as "google/gemma-2b-it": where clients look for its tokenizer;
                                 NULL: the model's name */
    sotto_progress_fn progress; /* bytes; false cancels */
    void             *progress_user;
} sotto_export_options;
SOTTO_API sotto_export_options sotto_export_options_default(void);

/* Hugging Face folder or GGUF -> out_path, a folder "NAME.mlpackage", and beside it "NAME.tokenizer" with the files
 * that the tokenizer is made of. Each is whole or not there; what had their names is replaced. The same input and
 * options give the same bytes. Codes and scales of a q4_0 (4 bits) or q8_0 (8 bits) file are kept as they are. */
SOTTO_API sotto_status sotto_export(const char *in_path, const char *out_path, const sotto_export_options *opt,
                                    sotto_error *err);
/* The name for a package of this model: "Gemma-2B-IT-Stateful-4bit-128.mlpackage", for a folder called gemma-2b-it. */
SOTTO_API sotto_status sotto_export_name(const char *in_path, const sotto_export_options *opt, char out[256],
                                         sotto_error *err);

/* ---- running -------------------------------------------------------------------------------------------
 *
 * A program is the function "main" of a package: read-only once open, to be shared like a model. A state is what it
 * keeps between calls, with the memory that calls need: one thread uses it at a time, and states of one program take
 * turns. Operations that are lacking are named when the package is opened. */

typedef struct sotto_program       sotto_program;
typedef struct sotto_program_state sotto_program_state;

typedef struct sotto_program_options {
    int32_t     threads;      /* 0: one for each core */
    const char *cpu;          /* the best instruction set to use; NULL: all that there are */
    bool        exact;        /* multiply quantised weights with activations as they are. Else those are rounded to 8
                                 bits in blocks of 32, which is several times faster */
    uint64_t    memory_limit; /* bytes that a state's calls may take; 0: 16 GiB */
    bool        no_map;       /* read the files into memory instead of mapping them */
    bool        look_only;    /* check everything, but leave the weights alone: no state can be opened */
} sotto_program_options;
SOTTO_API sotto_program_options sotto_program_options_default(void);

enum { SOTTO_RANK_MAX = 8 };
typedef enum sotto_element { SOTTO_ELEMENT_F32, SOTTO_ELEMENT_I32 } sotto_element;

typedef struct sotto_program_feature {
    const char   *name;
    const char   *type;    /* as the program says: "fp16", "int32" */
    sotto_element element; /* as a caller gives or gets it: fp16 as float */
    int32_t       rank;    /* of an output whose shape depends on the inputs': 0 */
    int64_t       shape[SOTTO_RANK_MAX];                        /* an input's default */
    int64_t       lower[SOTTO_RANK_MAX], upper[SOTTO_RANK_MAX]; /* of an input; upper -1: no bound */
} sotto_program_feature;

/* Numbers in row-major order. */
typedef struct sotto_array {
    const char   *name;
    sotto_element element;
    int32_t       rank;
    int64_t       shape[SOTTO_RANK_MAX];
    const void   *data; /* float or int32_t */
} sotto_array;

SOTTO_API sotto_status sotto_program_open(sotto_program **out, const char *path, const sotto_program_options *opt,
                                          sotto_error *err);
SOTTO_API void sotto_program_close(sotto_program *p); /* after its states */
SOTTO_API const sotto_program_feature *sotto_program_inputs(const sotto_program *p, size_t *n);
SOTTO_API const sotto_program_feature *sotto_program_outputs(const sotto_program *p, size_t *n);
SOTTO_API const sotto_program_feature *sotto_program_states(const sotto_program *p, size_t *n);

SOTTO_API sotto_status sotto_program_state_open(sotto_program_state **out, sotto_program *p, sotto_error *err);
SOTTO_API void sotto_program_state_clear(sotto_program_state *st); /* all zero, as it was opened */
SOTTO_API void sotto_program_state_close(sotto_program_state *st);

/* One call. inputs[n_inputs] in any order, every one of the program's; outputs[n_outputs] in the program's order: they
 * are filled, and lent until the state's next call. A call that fails may have changed the state. */
SOTTO_API sotto_status sotto_program_predict(sotto_program *p, sotto_program_state *st, const sotto_array *inputs,
                                             size_t n_inputs, sotto_array *outputs, size_t n_outputs,
                                             sotto_error *err);

/* Language models, of the interface that exported packages have: inputIds [1, q] and causalMask [1, 1, q, end] in,
 * states keyCache and valueCache, logits [1, q, vocabulary] (or [1, 1, vocabulary]) out. The tokens that one can hold,
 * or UNSUPPORTED. */
SOTTO_API sotto_status sotto_program_context(const sotto_program *p, int32_t *context, sotto_error *err);
/* tokens[n] at positions n_past..., with a causal mask, in one call. What the state held from n_past on is replaced: to
 * rewind is to feed at an earlier place. *logits [*n_rows][*n_vocab], of the last tokens, are lent as above. */
SOTTO_API sotto_status sotto_program_feed(sotto_program *p, sotto_program_state *st, const int32_t *tokens, size_t n,
                                          size_t n_past, const float **logits, int32_t *n_rows, int32_t *n_vocab,
                                          sotto_error *err);

/* What a language model's package says of itself, and what it costs here. */
typedef struct sotto_program_info {
    const char *family, *name; /* its architecture, and where clients look for its tokenizer; or "" */
    int32_t     context, n_vocab, n_layers, n_embd;
    bool        last_logits;   /* a call gives the logits of its last token only */
    uint64_t    n_params;      /* weights of its matrices */
    uint64_t    file_bytes, weights_bytes; /* on disk, and in memory when it runs */
    uint64_t    position_bytes;             /* of the states, for one token */
    uint64_t    decode_bytes, prefill_macs; /* as in sotto_model_info */
} sotto_program_info;
SOTTO_API sotto_status sotto_program_describe(const sotto_program *p, sotto_program_info *out, sotto_error *err);
/* About what a state's calls of at most n tokens take, beside the states, when `context` tokens are reached. */
SOTTO_API uint64_t sotto_program_call_bytes(const sotto_program *p, int32_t n, int32_t context);

/* What a package is, as a JSON document: interface, states, operations, sizes, bits of a weight. */
SOTTO_API sotto_status sotto_program_inspect(const char *path, sotto_bytes *out, sotto_error *err);

#ifdef __cplusplus
}
#endif
#endif
