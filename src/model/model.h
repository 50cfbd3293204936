/* model: the forward pass of every family that sotto knows.
 *
 * A family is one row of the table in family.c; a model is a config (numbers) and weights (views into the mapped
 * file); there is one forward function, and it takes n tokens, so that prefill, batch and decode are the same code.
 * What differs between file formats (norm weights with 1 added, rotary pairs adjacent, names) ends in config_*.c
 * and bind.c; forward.c never asks where a weight came from. */
#ifndef SOTTO_MODEL_H
#define SOTTO_MODEL_H

#include "format/format.h"
#include "kernels/kernels.h"
#include "os/os.h"

/* ---- families ------------------------------------------------------------------------------------------ */

/* How a family differs from the plain Llama block (RMSNorm, SwiGLU, grouped-query attention with RoPE). */
typedef struct sotto_family {
    const char *name;            /* GGUF's general.architecture */
    const char *hf_types[3];     /* model_type in config.json, the text model's first */
    sotto_activation activation;
    bool norm_plus_one;          /* RMSNorm multiplies by 1 + w; a GGUF holds 1 + w already */
    bool embed_scaled;           /* embeddings times sqrt(n_embd) */
    bool post_norms;             /* a norm after attention and one after the FFN, before each residual add */
    bool qk_norm;                /* RMSNorm of each head's query and key before RoPE */
    bool v_norm;                 /* RMSNorm without weight of each head's value */
    bool qkv_bias;
    bool tied_by_default;        /* when config.json does not say */
    bool gguf_rope_interleaved;  /* a GGUF holds Q and K rows with rotary pairs adjacent */
    bool unit_attn_scale;        /* scores are not divided by sqrt(head_dim) */
    bool global_head_dim;        /* full-attention layers have a head size (and KV heads) of their own */
    bool layer_scale;            /* each layer's output times a learned scalar */
    int32_t window_period;       /* every n-th layer is global where the file does not say; 0: no local layers */
    int32_t nope_period;         /* every n-th layer has no RoPE where the file does not say; 0: all have it */
    int32_t head_dim_default;    /* where config.json does not say; 0: n_embd / n_heads */
    float   rope_base, rope_base_local; /* where the file does not say */
} sotto_family;

const sotto_family *sotto_family_by_gguf(sotto_str architecture);
const sotto_family *sotto_family_by_hf(sotto_str model_type);
const sotto_family *sotto_family_at(size_t i); /* NULL past the end */

/* ---- config -------------------------------------------------------------------------------------------- */

typedef struct sotto_layer_config {
    int32_t n_heads, n_kv_heads, head_dim;
    int32_t n_ff;
    int32_t window;   /* keys visible to a query, itself included; 0: all before it */
    int32_t rope;     /* index into ropes; -1: none */
    int32_t kv_layer; /* whose cache is read: its own index, or an earlier layer's of the same shape */
    bool    v_from_k; /* no value projection: the value is the raw key projection */
} sotto_layer_config;

/* Angles: position * inv_freq[i] for pair i of head_dim/2. */
typedef struct sotto_rope_config {
    int32_t head_dim;
    float   base, linear_factor;
    float  *inv_freq; /* [head_dim/2]; 0 leaves a pair unrotated */
} sotto_rope_config;

enum { SOTTO_ROPE_GLOBAL, SOTTO_ROPE_LOCAL, SOTTO_ROPE_COUNT };

typedef struct sotto_config {
    const sotto_family *family;
    const char *name, *description; /* as the file says, or "" */
    int32_t n_layers, n_embd, n_vocab, context_length;
    int32_t per_layer_embd;   /* width of the per-layer embeddings; 0: none */
    float   eps;
    float   embed_scale;      /* 1 when the family has none */
    float   attn_scale;       /* queries are multiplied by it */
    float   attn_softcap, final_softcap; /* 0: none */
    bool    tied;             /* the head is the embedding */
    bool    rope_interleaved; /* rotary pairs are (2i, 2i+1) in this file's Q and K */
    sotto_layer_config *layers; /* [n_layers] */
    sotto_rope_config   ropes[SOTTO_ROPE_COUNT];
} sotto_config;

/* Read and check a checkpoint's configuration; memory from `arena`. Every number is range-checked: heads divide,
 * head_dim is even, layers <= 4096, eps > 0, bases > 1, windows >= 1. */
sotto_status sotto_config_load(sotto_config *out, const sotto_checkpoint *c, sotto_arena *arena, sotto_error *err);
sotto_status sotto_config_from_hf(sotto_config *out, const json_t *config, sotto_arena *arena, sotto_error *err);
sotto_status sotto_config_from_gguf(sotto_config *out, const sotto_checkpoint *c, sotto_arena *arena, sotto_error *err);
/* Last checks, common to both formats; also fills what follows from the rest. */
sotto_status sotto_config_check(sotto_config *cfg, sotto_error *err);
/* inv_freq = base^(-2i/head_dim) / linear_factor for the first n_rotated pairs, 0 for the rest. */
sotto_status sotto_rope_init(sotto_rope_config *rope, sotto_arena *arena, int32_t head_dim, float base,
                             float linear_factor, int32_t n_rotated, sotto_error *err);

/* Cosine and sine of the angles of one position, [head_dim/2] each. A negative position rotates back. */
void sotto_rope_angles(const sotto_rope_config *rope, int32_t position, float *cosines, float *sines);

static inline int32_t sotto_layer_q_dim(const sotto_layer_config *l) { return l->n_heads * l->head_dim; }
static inline int32_t sotto_layer_kv_dim(const sotto_layer_config *l) { return l->n_kv_heads * l->head_dim; }
static inline bool    sotto_layer_owns_kv(const sotto_config *c, int32_t i) { return c->layers[i].kv_layer == i; }

/* ---- weights ------------------------------------------------------------------------------------------- */

/* rows x cols of blocks, in the mapped file. data NULL: the model has none. */
typedef struct sotto_matrix {
    const uint8_t *data;
    size_t         row_bytes;
    sotto_dtype    dtype;
    int32_t        rows, cols;
} sotto_matrix;

/* Vectors are float copies (small), 1 already added where the family wants it; NULL: none. */
typedef struct sotto_layer {
    float *attn_norm, *post_attn_norm, *ffn_norm, *post_ffn_norm; /* [n_embd] */
    float *q_norm, *k_norm;                                       /* [head_dim] */
    float *q_bias, *k_bias, *v_bias;
    float *per_layer_norm;                                        /* [n_embd] */
    float *output_scale;                                          /* [1] */
    sotto_matrix q, k, v, o;                                      /* v of v_from_k: none */
    sotto_matrix gate, up, down;
    sotto_matrix per_layer_gate, per_layer_proj; /* [per_layer_embd, n_embd], [n_embd, per_layer_embd] */
} sotto_layer;

typedef struct sotto_transformer {
    sotto_config  config;
    sotto_layer  *layers;
    sotto_matrix  embed, head;
    float        *output_norm;          /* [n_embd] */
    sotto_matrix  per_layer_embed;      /* [n_vocab, n_layers * per_layer_embd] */
    sotto_matrix  per_layer_model_proj; /* [n_layers * per_layer_embd, n_embd] */
    float        *per_layer_proj_norm;  /* [per_layer_embd] */
    uint64_t      n_params, decode_bytes, prefill_macs;
    sotto_arena   arena;
} sotto_transformer;

/* The checkpoint must outlive the transformer. */
sotto_status sotto_transformer_open(sotto_transformer **out, const sotto_checkpoint *c, sotto_error *err);
void         sotto_transformer_close(sotto_transformer *t);

/* How each tensor is called in both formats and what it must look like: bind.c's table, also used by convert. */
typedef enum sotto_role_kind {
    SOTTO_ROLE_MATRIX,
    SOTTO_ROLE_EMBEDDING,
    SOTTO_ROLE_VECTOR,
    SOTTO_ROLE_NORM
} sotto_role_kind;
typedef struct sotto_role {
    char            gguf[64], hf[128]; /* complete names for this layer and file */
    sotto_role_kind kind;
    int32_t         rows, cols;        /* vectors: rows 1 */
    bool            required;
    bool            rotary;            /* rows hold rotary pairs: Q and K */
    int32_t         n_heads;           /* of a rotary one */
} sotto_role;
/* Role number i of a model; false past the end. Roles that this config does not have are left out. */
typedef struct sotto_role_iter {
    int32_t layer, index;
} sotto_role_iter;
bool sotto_role_next(const sotto_config *c, sotto_role_iter *it, sotto_role *out, size_t *slot);
/* The tensor that fills a role in a checkpoint, tried under every prefix that folders use; NULL: none. */
const sotto_tensor *sotto_role_find(const sotto_checkpoint *c, const sotto_role *role);

/* ---- KV cache ------------------------------------------------------------------------------------------ */

/* Keys and values of every layer that owns some, addressed by position: [kv_head][context][head_dim] of `dtype`.
 * Address space is reserved for the whole context and memory is taken by the page as positions are written. Layers
 * with a window give their pages back once no query can see them, but keep those that an edit of the last turn
 * would need (`mark`): a ring made by the memory manager. */
typedef struct sotto_kv_layer {
    uint8_t *k, *v;       /* NULL: the layer reads another's */
    size_t   stride;      /* bytes between positions of a head */
    size_t   head_bytes;  /* bytes between heads */
    int32_t  floor;       /* positions below are gone (window layers) */
} sotto_kv_layer;

typedef struct sotto_kv {
    const sotto_config *config;
    sotto_dtype         dtype; /* f32, f16 or q8_0 */
    int32_t             context;
    int32_t             n;     /* positions that hold something */
    int32_t             mark;  /* an edit may rewind to here without recomputing */
    sotto_kv_layer     *layers;
    uint8_t            *memory;
    size_t              n_bytes; /* reserved */
} sotto_kv;

sotto_status sotto_kv_open(sotto_kv *kv, const sotto_config *c, sotto_dtype dtype, int32_t context, sotto_error *err);
void         sotto_kv_close(sotto_kv *kv);
/* Bytes that a cache of `context` tokens can come to take (windows counted with `slack` tokens beyond them). */
uint64_t     sotto_kv_bytes(const sotto_config *c, sotto_dtype dtype, int32_t context, int32_t slack);
/* Bytes of cache read to decode one token at this depth. */
uint64_t     sotto_kv_read_bytes(const sotto_config *c, sotto_dtype dtype, int32_t depth);
/* Forget positions >= n. False: a window layer no longer has what position n needs; the caller starts from 0. */
bool         sotto_kv_rewind(sotto_kv *kv, int32_t n);
/* Remember the position that the last turn begins at, and release what no query from there on can see. */
void         sotto_kv_set_mark(sotto_kv *kv, int32_t mark);
/* Remove [begin, end): what follows moves down and its keys are rotated to their new positions. */
sotto_status sotto_kv_drop(sotto_kv *kv, const sotto_kernels *k, int32_t begin, int32_t end, sotto_error *err);
/* The stored bytes, for saving: calls fn for every run of positions that exist; fn returns a status. */
typedef sotto_status (*sotto_kv_run_fn)(void *user, void *bytes, size_t n, sotto_error *err);
sotto_status sotto_kv_each_run(sotto_kv *kv, sotto_kv_run_fn fn, void *user, sotto_error *err);

/* ---- forward ------------------------------------------------------------------------------------------- */

/* Scratch of one session, for at most `batch` tokens at once. */
typedef struct sotto_workspace sotto_workspace;
sotto_status sotto_workspace_open(sotto_workspace **out, const sotto_transformer *t, int32_t batch, int32_t context,
                                  int32_t n_workers, sotto_error *err);
void         sotto_workspace_close(sotto_workspace *w);
uint64_t     sotto_workspace_bytes(const sotto_config *c, int32_t batch, int32_t context, int32_t n_workers);

/* Told of every matrix that is about to be multiplied with, before that: n_tokens rows of w->cols floats. */
typedef struct sotto_observer {
    void (*see)(void *user, const sotto_matrix *w, const float *x, size_t stride, int32_t n_tokens);
    void *user;
} sotto_observer;

/* The memory of attention that is not fused (attention_plain.c), for comparisons. */
typedef struct sotto_plain sotto_plain;
sotto_status sotto_plain_open(sotto_plain **out, const sotto_config *c, int32_t batch, int32_t context,
                              sotto_error *err);
void         sotto_plain_close(sotto_plain *p);
uint64_t     sotto_plain_bytes(const sotto_config *c, int32_t batch, int32_t context);

typedef struct sotto_forward {
    const sotto_transformer *transformer;
    const sotto_kernels     *kernels;
    sotto_pool              *pool;
    sotto_workspace         *workspace;
    sotto_kv                *kv;
    const sotto_observer    *observer; /* NULL: none */
    const sotto_plain       *plain;    /* NULL: attention is fused */
} sotto_forward;

/* Evaluate tokens[0..n) at positions kv->n ..., add them to the cache, and write the logits of the last
 * `n_logits` of them (0..n) to logits[n_logits * n_vocab]. n is at most the workspace's batch and what the context
 * has left; ids are in [0, n_vocab): the caller has checked. Cannot fail; allocates nothing. */
void sotto_forward_run(const sotto_forward *f, const int32_t *tokens, int32_t n, int32_t n_logits, float *logits);

#endif
