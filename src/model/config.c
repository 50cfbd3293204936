/* What both file formats share: loading by kind, and the last checks of a configuration. */
#include "model/model.h"

#include <math.h>

sotto_status sotto_config_load(sotto_config *out, const sotto_checkpoint *c, sotto_arena *arena, sotto_error *err) {
    *out = (sotto_config){0};
    sotto_status status = c->kind == SOTTO_CHECKPOINT_GGUF ? sotto_config_from_gguf(out, c, arena, err)
                                                           : sotto_config_from_hf(out, c->config, arena, err);
    if (status == SOTTO_OK) status = sotto_config_check(out, err);
    if (status != SOTTO_OK) return sotto_fail_prefix(err, status, "%s", c->path);
    return SOTTO_OK;
}

static sotto_status check_layer(const sotto_config *c, int32_t i, sotto_error *err) {
    const sotto_layer_config *l = &c->layers[i];
    if (l->n_heads < 1 || l->n_heads > 1024 || l->n_kv_heads < 1 || l->n_heads % l->n_kv_heads != 0)
        return sotto_fail(err, SOTTO_FORMAT, "layer %d: %d heads cannot share %d KV heads", (int)i, (int)l->n_heads,
                          (int)l->n_kv_heads);
    if (l->head_dim < 2 || l->head_dim % 2 != 0 || l->head_dim > SOTTO_ATTN_HEAD_DIM_MAX)
        return sotto_fail(err, SOTTO_FORMAT, "layer %d: head size %d is not an even number up to %d", (int)i,
                          (int)l->head_dim, (int)SOTTO_ATTN_HEAD_DIM_MAX);
    if (l->n_ff < 1 || l->n_ff > 1 << 20)
        return sotto_fail(err, SOTTO_FORMAT, "layer %d: feed-forward length %d is not in 1..1048576", (int)i,
                          (int)l->n_ff);
    if (l->window < 0)
        return sotto_fail(err, SOTTO_FORMAT, "layer %d: sliding window %d is below 1", (int)i, (int)l->window);
    if (l->rope >= 0 && c->ropes[l->rope].head_dim != l->head_dim)
        return sotto_fail(err, SOTTO_FORMAT, "layer %d: head size %d, but its rotary embedding has %d", (int)i,
                          (int)l->head_dim, (int)c->ropes[l->rope].head_dim);
    if (l->kv_layer < 0 || l->kv_layer > i || c->layers[l->kv_layer].kv_layer != l->kv_layer ||
        c->layers[l->kv_layer].head_dim != l->head_dim || c->layers[l->kv_layer].n_kv_heads != l->n_kv_heads)
        return sotto_fail(err, SOTTO_FORMAT,
                          "layer %d shares the keys of layer %d, which has none of that shape", (int)i,
                          (int)l->kv_layer);
    return SOTTO_OK;
}

sotto_status sotto_config_check(sotto_config *c, sotto_error *err) {
    if (c->n_layers < 1 || c->n_layers > 4096)
        return sotto_fail(err, SOTTO_FORMAT, "%d layers: expected 1 to 4096", (int)c->n_layers);
    if (c->n_embd < 1 || c->n_embd > 1 << 17)
        return sotto_fail(err, SOTTO_FORMAT, "embedding length %d is not in 1..131072", (int)c->n_embd);
    if (c->n_vocab < 1 || c->n_vocab > 1 << 24)
        return sotto_fail(err, SOTTO_FORMAT, "vocabulary of %d: expected 1 to 16777216", (int)c->n_vocab);
    if (c->context_length < 1 || c->context_length > 1 << 28)
        return sotto_fail(err, SOTTO_FORMAT, "context length %d is not in 1..268435456", (int)c->context_length);
    if (c->per_layer_embd < 0 || c->per_layer_embd > 1 << 16)
        return sotto_fail(err, SOTTO_FORMAT, "per-layer embedding length %d is not in 0..65536",
                          (int)c->per_layer_embd);
    if (!(c->eps > 0) || !(c->eps < 1))
        return sotto_fail(err, SOTTO_FORMAT, "RMSNorm epsilon %g is not in (0, 1)", (double)c->eps);
    if (!(c->attn_scale > 0) || !isfinite(c->attn_scale) || !(c->attn_softcap >= 0) || !(c->final_softcap >= 0) ||
        !isfinite(c->attn_softcap) || !isfinite(c->final_softcap))
        return sotto_fail(err, SOTTO_FORMAT, "attention scale %g and soft caps %g and %g must be positive numbers",
                          (double)c->attn_scale, (double)c->attn_softcap, (double)c->final_softcap);
    for (int32_t i = 0; i < c->n_layers; i++) SOTTO_TRY(check_layer(c, i, err));
    c->embed_scale = c->family->embed_scaled ? sqrtf((float)c->n_embd) : 1.0f;
    return SOTTO_OK;
}
