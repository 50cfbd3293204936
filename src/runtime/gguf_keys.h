/* Writing a configuration as GGUF metadata: the counterpart of model/config_gguf.c; private to runtime/. */
#ifndef SOTTO_GGUF_KEYS_H
#define SOTTO_GGUF_KEYS_H

#include "runtime/runtime.h"

/* general.* and {architecture}.* keys, in the form that llama.cpp's converter writes and its loader expects. */
sotto_status sotto_gguf_put_config(sotto_gguf_writer *w, const sotto_config *c, const char *name, sotto_dtype type,
                                   sotto_error *err);
/* general.sampling.* from a folder's generation_config.json, when it has one. */
sotto_status sotto_gguf_put_sampling(sotto_gguf_writer *w, const sotto_checkpoint *c, sotto_error *err);
/* The factors of rope_freqs.weight, [head_dim/2] into `out`, when the global frequencies are not plain powers of the
 * base; false when they are and no tensor is needed. */
bool sotto_gguf_rope_factors(const sotto_config *c, float *out);

/* The types that options ask for, checked (convert.c). */
sotto_status sotto_convert_types(const sotto_convert_options *o, sotto_dtype *type, sotto_dtype *head,
                                 sotto_error *err);
/* The type that rows of `cols` can have: those that are not whole blocks take the next better one. */
sotto_dtype  sotto_convert_fitting(sotto_dtype type, int32_t cols);

#endif
