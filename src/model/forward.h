/* Pieces of the forward pass that attention.c and forward.c share; private to model/. */
#ifndef SOTTO_FORWARD_H
#define SOTTO_FORWARD_H

#include "model/workspace.h"

/* attn[t] = attention of the queries in workspace q (rotated and scaled) over layer's cache, which already holds
 * the tokens' own keys and values; token t is at position `position + t`. */
void sotto_attention(const sotto_forward *f, int32_t layer, int32_t position, int32_t n);
/* The same with the scores in memory, where f->plain is given. */
void sotto_attention_plain(const sotto_forward *f, int32_t layer, int32_t position, int32_t n);

#endif
