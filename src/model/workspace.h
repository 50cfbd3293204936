/* workspace: the scratch memory of a forward pass, private to model/. One allocation, carved at open; every row
 * begins at a multiple of 64 bytes. */
#ifndef SOTTO_WORKSPACE_H
#define SOTTO_WORKSPACE_H

#include "model/model.h"

/* Rows of [batch][stride] floats. */
typedef struct sotto_rows {
    float *data;
    size_t stride; /* floats */
} sotto_rows;

static inline float *sotto_row(const sotto_rows *r, int32_t i) { return r->data + (size_t)i * r->stride; }

/* What one worker needs for a block of attention queries: at most SOTTO_ATTN_ROWS rows, or one token's heads. */
typedef struct sotto_attn_scratch {
    float   *q, *part, *sum; /* [rows][head_dim]: queries, one span's values, the running sum */
    float   *m, *l, *m_sum, *l_sum;
    int32_t *begin, *end;
} sotto_attn_scratch;

enum { SOTTO_ATTN_ROWS = 32 };

struct sotto_workspace {
    int32_t    batch, n_workers, attn_rows;
    sotto_rows x;          /* residual stream [n_embd] */
    sotto_rows branch;     /* output of a block, before it is added */
    sotto_rows norm;       /* input of a block */
    sotto_rows q, k, v;    /* [q_dim], [kv_dim] */
    sotto_rows attn;       /* [q_dim] */
    sotto_rows gate, up;   /* [n_ff] */
    sotto_rows per_layer;  /* [n_layers * per_layer_embd] */
    sotto_rows cosines[SOTTO_ROPE_COUNT], sines[SOTTO_ROPE_COUNT]; /* [head_dim/2] */
    uint8_t   *q8;         /* activations as int8 groups, [batch][q8_stride] */
    size_t     q8_stride;
    sotto_attn_scratch *attn_scratch; /* [n_workers] */
    float     *part_acc, *part_ml;    /* one token's spans: [span][head][head_dim], [span][head][2] */
    int32_t    part_rows;             /* how many (span, head) pairs fit */
    void      *memory;
    uint64_t   n_bytes;
};

#endif
