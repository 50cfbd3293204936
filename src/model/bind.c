/* Binding: every tensor of a model by its role, in one table: its name in both formats, the shape that it must
 * have, and where its view goes. A tensor that is missing or of another shape is reported by its name. */
#include "model/model.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the table ----------------------------------------------------------------------------------------- */

/* Sizes by symbol, resolved for a layer. */
typedef enum symbol { ONE, D, Q, KV, HD, FF, V, PL, PLL } symbol;

/* When a model has the tensor. */
typedef enum presence {
    ALWAYS, POST_NORMS, QK_NORM, QK_NORM_OWN, BIAS, OWN_KV, OWN_V, PER_LAYER, LAYER_SCALE, UNTIED
} presence;

typedef struct binding {
    const char     *gguf;     /* within blk.N. for a layer's */
    const char     *hf;       /* within layers.N. for a layer's */
    const char     *hf_post;  /* instead, in families with post norms */
    sotto_role_kind kind;
    symbol          rows, cols;
    presence        when;
    size_t          slot;     /* offset in sotto_layer or sotto_transformer */
    bool            rotary;
} binding;

#define LAYER(field) offsetof(sotto_layer, field)
#define MODEL(field) offsetof(sotto_transformer, field)
#define MATRIX    SOTTO_ROLE_MATRIX
#define EMBEDDING SOTTO_ROLE_EMBEDDING
#define VECTOR    SOTTO_ROLE_VECTOR
#define NORM      SOTTO_ROLE_NORM

static const binding model_bindings[] = {
    {"token_embd.weight", "embed_tokens.weight", NULL, EMBEDDING, V, D, ALWAYS, MODEL(embed), false},
    {"per_layer_token_embd.weight", "embed_tokens_per_layer.weight", NULL, EMBEDDING, V, PLL, PER_LAYER,
     MODEL(per_layer_embed), false},
    {"per_layer_model_proj.weight", "per_layer_model_projection.weight", NULL, MATRIX, PLL, D, PER_LAYER,
     MODEL(per_layer_model_proj), false},
    {"per_layer_proj_norm.weight", "per_layer_projection_norm.weight", NULL, NORM, ONE, PL, PER_LAYER,
     MODEL(per_layer_proj_norm), false},
    {"output_norm.weight", "norm.weight", NULL, NORM, ONE, D, ALWAYS, MODEL(output_norm), false},
    {"output.weight", "lm_head.weight", NULL, EMBEDDING, V, D, UNTIED, MODEL(head), false},
};

static const binding layer_bindings[] = {
    {"attn_norm.weight", "input_layernorm.weight", NULL, NORM, ONE, D, ALWAYS, LAYER(attn_norm), false},
    {"attn_q.weight", "self_attn.q_proj.weight", NULL, MATRIX, Q, D, ALWAYS, LAYER(q), true},
    {"attn_k.weight", "self_attn.k_proj.weight", NULL, MATRIX, KV, D, OWN_KV, LAYER(k), true},
    {"attn_v.weight", "self_attn.v_proj.weight", NULL, MATRIX, KV, D, OWN_V, LAYER(v), false},
    {"attn_q.bias", "self_attn.q_proj.bias", NULL, VECTOR, ONE, Q, BIAS, LAYER(q_bias), false},
    {"attn_k.bias", "self_attn.k_proj.bias", NULL, VECTOR, ONE, KV, BIAS, LAYER(k_bias), false},
    {"attn_v.bias", "self_attn.v_proj.bias", NULL, VECTOR, ONE, KV, BIAS, LAYER(v_bias), false},
    {"attn_q_norm.weight", "self_attn.q_norm.weight", NULL, NORM, ONE, HD, QK_NORM, LAYER(q_norm), false},
    {"attn_k_norm.weight", "self_attn.k_norm.weight", NULL, NORM, ONE, HD, QK_NORM_OWN, LAYER(k_norm), false},
    {"attn_output.weight", "self_attn.o_proj.weight", NULL, MATRIX, D, Q, ALWAYS, LAYER(o), false},
    {"post_attention_norm.weight", NULL, "post_attention_layernorm.weight", NORM, ONE, D, POST_NORMS,
     LAYER(post_attn_norm), false},
    {"ffn_norm.weight", "post_attention_layernorm.weight", "pre_feedforward_layernorm.weight", NORM, ONE, D,
     ALWAYS, LAYER(ffn_norm), false},
    {"ffn_gate.weight", "mlp.gate_proj.weight", NULL, MATRIX, FF, D, ALWAYS, LAYER(gate), false},
    {"ffn_up.weight", "mlp.up_proj.weight", NULL, MATRIX, FF, D, ALWAYS, LAYER(up), false},
    {"ffn_down.weight", "mlp.down_proj.weight", NULL, MATRIX, D, FF, ALWAYS, LAYER(down), false},
    {"post_ffw_norm.weight", NULL, "post_feedforward_layernorm.weight", NORM, ONE, D, POST_NORMS,
     LAYER(post_ffn_norm), false},
    {"inp_gate.weight", "per_layer_input_gate.weight", NULL, MATRIX, PL, D, PER_LAYER, LAYER(per_layer_gate),
     false},
    {"proj.weight", "per_layer_projection.weight", NULL, MATRIX, D, PL, PER_LAYER, LAYER(per_layer_proj),
     false},
    {"post_norm.weight", "post_per_layer_input_norm.weight", NULL, NORM, ONE, D, PER_LAYER,
     LAYER(per_layer_norm), false},
    {"layer_output_scale.weight", "layer_scalar", NULL, VECTOR, ONE, ONE, LAYER_SCALE, LAYER(output_scale),
     false},
};

/* ---- roles --------------------------------------------------------------------------------------------- */

static int32_t size_of(const sotto_config *c, const sotto_layer_config *l, symbol s) {
    switch (s) {
    case ONE: return 1;
    case D: return c->n_embd;
    case V: return c->n_vocab;
    case PL: return c->per_layer_embd;
    case PLL: return c->per_layer_embd * c->n_layers; /* at most 2^16 * 2^12 */
    case Q: return sotto_layer_q_dim(l);
    case KV: return sotto_layer_kv_dim(l);
    case HD: return l->head_dim;
    case FF: return l->n_ff;
    }
    return 0;
}

static bool is_present(const sotto_config *c, int32_t layer, presence when) {
    const sotto_family *f = c->family;
    bool                owns = layer < 0 || sotto_layer_owns_kv(c, layer);
    switch (when) {
    case ALWAYS: return true;
    case POST_NORMS: return f->post_norms;
    case QK_NORM: return f->qk_norm;
    case QK_NORM_OWN: return f->qk_norm && owns;
    case BIAS: return f->qkv_bias;
    case OWN_KV: return owns;
    case OWN_V: return owns && !c->layers[layer].v_from_k;
    case PER_LAYER: return c->per_layer_embd > 0;
    case LAYER_SCALE: return f->layer_scale;
    case UNTIED: return !c->tied;
    }
    return false;
}

bool sotto_role_next(const sotto_config *c, sotto_role_iter *it, sotto_role *out, size_t *slot) {
    for (;; it->index++) {
        /* Model tensors first (layer 0 of the iterator), then layer by layer. */
        bool   is_model = it->layer == 0;
        size_t count = is_model ? SOTTO_COUNT(model_bindings) : SOTTO_COUNT(layer_bindings);
        if ((size_t)it->index >= count) {
            if (it->layer++ >= c->n_layers) return false;
            it->index = -1;
            continue;
        }
        int32_t        layer = it->layer - 1;
        const binding *b = is_model ? &model_bindings[it->index] : &layer_bindings[it->index];
        if (!is_present(c, layer, b->when)) continue;
        const sotto_layer_config *l = &c->layers[SOTTO_MAX(layer, 0)];
        const char               *hf = c->family->post_norms && b->hf_post ? b->hf_post : b->hf;
        *out = (sotto_role){.kind = b->kind, .rows = size_of(c, l, b->rows), .cols = size_of(c, l, b->cols),
                            .required = b->when != LAYER_SCALE, .rotary = b->rotary};
        if (b->rotary) out->n_heads = out->rows / l->head_dim;
        if (is_model) {
            (void)snprintf(out->gguf, sizeof out->gguf, "%s", b->gguf);
            (void)snprintf(out->hf, sizeof out->hf, "%s", hf);
        } else {
            (void)snprintf(out->gguf, sizeof out->gguf, "blk.%d.%s", (int)layer, b->gguf);
            (void)snprintf(out->hf, sizeof out->hf, "layers.%d.%s", (int)layer, hf);
        }
        if (slot) *slot = b->slot;
        it->index++;
        return true;
    }
}

/* Under which a folder keeps the text model. */
static const char *const prefixes[] = {"model.", "model.language_model.", "language_model.model.",
                                       "language_model.", ""};

const sotto_tensor *sotto_role_find(const sotto_checkpoint *c, const sotto_role *role) {
    if (c->kind == SOTTO_CHECKPOINT_GGUF) return sotto_checkpoint_find(c, role->gguf);
    for (size_t i = 0; i < SOTTO_COUNT(prefixes); i++) {
        char name[256];
        (void)snprintf(name, sizeof name, "%s%s", prefixes[i], role->hf);
        const sotto_tensor *t = sotto_checkpoint_find(c, name);
        if (t) return t;
    }
    return NULL;
}

/* ---- binding ------------------------------------------------------------------------------------------- */

static sotto_status wrong_shape(const sotto_tensor *t, const sotto_role *role, sotto_error *err) {
    return sotto_fail_at(err, SOTTO_FORMAT, t->file_offset,
                         "tensor %.*s: shape %lldx%lld, expected %dx%d (rows x columns)", (int)t->name.n,
                         t->name.p, (long long)t->dim[1], (long long)t->dim[0], (int)role->rows,
                         (int)role->cols);
}

static sotto_status bind_matrix(sotto_matrix *m, const sotto_tensor *t, const sotto_role *role, sotto_error *err) {
    if (t->n_dims != 2 || t->dim[0] != role->cols || t->dim[1] != role->rows) return wrong_shape(t, role, err);
    if ((int)t->dtype >= SOTTO_WEIGHT_DTYPE_COUNT)
        return sotto_fail_at(err, SOTTO_UNSUPPORTED, t->file_offset, "tensor %.*s: type %s cannot be multiplied with",
                             (int)t->name.n, t->name.p, sotto_dtype_get(t->dtype)->name);
    *m = (sotto_matrix){.data = t->data, .dtype = t->dtype, .rows = role->rows, .cols = role->cols};
    if (!sotto_dtype_row_bytes(t->dtype, (uint64_t)role->cols, &m->row_bytes)) return wrong_shape(t, role, err);
    return SOTTO_OK;
}

static sotto_status bind_vector(float **out, const sotto_tensor *t, const sotto_role *role, bool plus_one,
                                sotto_arena *arena, sotto_error *err) {
    bool scalar = t->n_dims == 0 && role->cols == 1;
    if (!scalar && (t->n_dims != 1 || t->dim[0] != role->cols)) return wrong_shape(t, role, err);
    if (t->dtype != SOTTO_F32 && t->dtype != SOTTO_F16 && t->dtype != SOTTO_BF16)
        return sotto_fail_at(err, SOTTO_UNSUPPORTED, t->file_offset,
                             "tensor %.*s: a vector of type %s (f32, f16 and bf16 are "
                             "supported)",
                             (int)t->name.n, t->name.p, sotto_dtype_get(t->dtype)->name);
    float *v = sotto_arena_array(arena, (size_t)role->cols, sizeof *v);
    if (!v) return sotto_fail_memory(err, "a weight vector");
    sotto_row_to_f32(t->dtype, t->data, v, (size_t)role->cols);
    for (int32_t i = 0; plus_one && i < role->cols; i++) v[i] += 1.0f;
    *out = v;
    return SOTTO_OK;
}

/* A model being bound: `used` marks the checkpoint's tensors that have found their place. */
typedef struct binder {
    sotto_transformer      *t;
    const sotto_checkpoint *c;
    bool                   *used;
    sotto_error            *err;
} binder;

/* Some files keep Q, K and V as one matrix, their rows one after the other: `part` becomes the role's share. */
static const sotto_tensor *find_fused_qkv(const binder *b, int32_t layer, const sotto_role *role, sotto_tensor *part) {
    const sotto_layer_config *l = &b->t->config.layers[layer];
    int32_t                   q = sotto_layer_q_dim(l), kv = sotto_layer_kv_dim(l);
    const char               *suffix = strrchr(role->gguf, '_');
    char                      name[64];
    (void)snprintf(name, sizeof name, "blk.%d.attn_qkv.%s", (int)layer, strchr(suffix, '.') + 1);
    const sotto_tensor *whole = sotto_checkpoint_find(b->c, name);
    int                 rows_dim = role->kind == SOTTO_ROLE_VECTOR ? 0 : 1;
    size_t              row_bytes;
    if (!whole || whole->n_dims != rows_dim + 1 || whole->dim[rows_dim] != q + 2 * kv ||
        !sotto_dtype_row_bytes(whole->dtype, rows_dim ? (uint64_t)whole->dim[0] : 1, &row_bytes))
        return NULL;
    int32_t first = suffix[1] == 'q' ? 0 : suffix[1] == 'k' ? q : q + kv, rows = rows_dim ? role->rows : role->cols;
    *part = *whole;
    part->dim[rows_dim] = rows;
    part->data = (const uint8_t *)whole->data + (size_t)first * row_bytes;
    part->n_bytes = (size_t)rows * row_bytes;
    return whole;
}

static sotto_status bind_role(const binder *b, int32_t layer, const sotto_role *role, size_t slot) {
    sotto_transformer  *t = b->t;
    const sotto_tensor *found = sotto_role_find(b->c, role), *view = found;
    sotto_tensor        part;
    bool gguf = b->c->kind == SOTTO_CHECKPOINT_GGUF;
    bool qkv = strstr(role->gguf, ".attn_q.") || strstr(role->gguf, ".attn_k.") || strstr(role->gguf, ".attn_v.");
    if (!found && qkv && gguf && (found = find_fused_qkv(b, layer, role, &part))) view = &part;
    if (!found && !role->required) return SOTTO_OK;
    if (!found)
        return sotto_fail(b->err, SOTTO_FORMAT,
                          "tensor %s is missing: the file is incomplete, or of a variant of %s that is "
                          "not supported",
                          gguf ? role->gguf : role->hf, t->config.family->name);
    b->used[found - b->c->tensors] = true;
    t->n_params += (uint64_t)role->rows * (uint64_t)role->cols;
    uint8_t *base = layer < 0 ? (uint8_t *)t : (uint8_t *)&t->layers[layer];
    bool     plus_one = role->kind == SOTTO_ROLE_NORM && t->config.family->norm_plus_one && !gguf;
    if (role->kind == SOTTO_ROLE_VECTOR || role->kind == SOTTO_ROLE_NORM)
        return bind_vector((float **)(void *)(base + slot), view, role, plus_one, &t->arena, b->err);
    sotto_matrix *m = (sotto_matrix *)(void *)(base + slot);
    SOTTO_TRY(bind_matrix(m, view, role, b->err));
    if (role->kind == SOTTO_ROLE_MATRIX) {
        t->decode_bytes += (uint64_t)m->rows * m->row_bytes;
        t->prefill_macs += (uint64_t)m->rows * (uint64_t)m->cols;
    }
    return SOTTO_OK;
}

/* The layer that a tensor's name puts it in, and the rest of the name; -1: it is in none of the text model's. */
static int32_t layer_of(const sotto_checkpoint *c, sotto_str name, sotto_str *rest) {
    bool gguf = c->kind == SOTTO_CHECKPOINT_GGUF;
    for (size_t i = 0; i < (gguf ? 1 : SOTTO_COUNT(prefixes)); i++) {
        char   start[64];
        (void)snprintf(start, sizeof start, "%s%s", gguf ? "" : prefixes[i], gguf ? "blk." : "layers.");
        size_t  at = strlen(start);
        int32_t layer = 0;
        if (!sotto_str_starts(name, start)) continue;
        for (; at < name.n && name.p[at] >= '0' && name.p[at] <= '9' && layer < 1 << 20; at++)
            layer = layer * 10 + (name.p[at] - '0');
        *rest = (sotto_str){name.p + at, name.n - at};
        return layer;
    }
    return -1;
}

/* A tensor of a layer that found no place would be a part of the model left out: its results would be wrong. Left over
 * may be the keys of layers that share another's, layers that only speculation uses, and stored rotary frequencies. */
static sotto_status check_leftovers(const binder *b) {
    static const char *const unused[] = {".attn_k.",           ".attn_v.",           ".attn_k_norm.",
                                         ".self_attn.k_proj.", ".self_attn.v_proj.", ".self_attn.k_norm.",
                                         ".self_attn.v_norm."};
    const sotto_config      *config = &b->t->config;
    for (size_t i = 0; i < b->c->n_tensors; i++) {
        sotto_str name = b->c->tensors[i].name, rest;
        int32_t   layer = b->used[i] ? -1 : layer_of(b->c, name, &rest);
        if (layer < 0 || layer >= config->n_layers || sotto_str_ends(name, "rotary_emb.inv_freq")) continue;
        bool fine = false;
        for (size_t u = 0; u < SOTTO_COUNT(unused); u++)
            fine |= !sotto_layer_owns_kv(config, layer) && sotto_str_starts(rest, unused[u]);
        if (!fine)
            return sotto_fail(b->err, SOTTO_UNSUPPORTED,
                              "tensor %.*s is not one that %s has: the file is of a variant that is "
                              "not supported",
                              (int)SOTTO_MIN(name.n, (size_t)100), name.p, config->family->name);
    }
    return SOTTO_OK;
}

static sotto_status bind_all(const binder *b) {
    sotto_role      role;
    sotto_role_iter it = {0};
    size_t          slot;
    while (sotto_role_next(&b->t->config, &it, &role, &slot)) SOTTO_TRY(bind_role(b, it.layer - 1, &role, slot));
    return check_leftovers(b);
}

sotto_status sotto_transformer_open(sotto_transformer **out, const sotto_checkpoint *c, sotto_error *err) {
    sotto_transformer *t = calloc(1, sizeof *t);
    if (!t) return sotto_fail_memory(err, "a model");
    binder       b = {.t = t, .c = c, .err = err};
    sotto_status status = sotto_config_load(&t->config, c, &t->arena, err);
    if (status == SOTTO_OK) {
        t->layers = sotto_arena_array(&t->arena, (size_t)t->config.n_layers, sizeof *t->layers);
        b.used = calloc(SOTTO_MAX(c->n_tensors, (size_t)1), sizeof *b.used);
        status = t->layers && b.used ? bind_all(&b) : sotto_fail_memory(err, "the layer table");
    }
    free(b.used);
    if (status != SOTTO_OK) {
        sotto_transformer_close(t);
        return status;
    }
    if (t->config.tied) t->head = t->embed;
    t->decode_bytes += (uint64_t)t->head.rows * t->head.row_bytes;
    *out = t;
    return SOTTO_OK;
}

void sotto_transformer_close(sotto_transformer *t) {
    if (!t) return;
    sotto_arena_free(&t->arena);
    free(t);
}
