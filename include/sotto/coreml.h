/* Core ML: models as `.mlpackage` folders for Apple's systems (iOS 18, macOS 15 and later).
 *
 * The package is stateful (its KV cache stays inside of Core ML), takes from 1 to `context` tokens in a call, uses
 * fused attention, and has 4-bit weights in blocks of 32. docs/coreml.md says how a client calls it. */
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

#ifdef __cplusplus
}
#endif
#endif
