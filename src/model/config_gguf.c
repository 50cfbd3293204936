/* A configuration from a GGUF file's metadata, as llama.cpp's converter writes it. A key that may be one value or
 * one per layer is accepted as both. */
#include "model/model.h"

#include <math.h>
#include <stdio.h>

typedef struct reader {
    const sotto_checkpoint *checkpoint;
    sotto_str               arch;
    sotto_error            *err;
} reader;

static const sotto_gguf_value *find(const reader *r, const char *suffix) {
    char key[128];
    int  n = snprintf(key, sizeof key, "%.*s.%s", (int)r->arch.n, r->arch.p, suffix);
    return n > 0 && (size_t)n < sizeof key ? sotto_gguf_find(r->checkpoint->gguf, key) : NULL;
}

/* Item i of an integer key; fallback < 0: required. */
static sotto_status get_int(const reader *r, const char *suffix, size_t i, int32_t fallback, int32_t *out) {
    const sotto_gguf_value *v = find(r, suffix);
    int64_t                 x;
    if (!v && fallback >= 0) {
        *out = fallback;
        return SOTTO_OK;
    }
    if (!v)
        return sotto_fail(r->err, SOTTO_FORMAT, "metadata key %.*s.%s is missing", (int)r->arch.n, r->arch.p, suffix);
    if (!sotto_gguf_item_i64(v, i, &x) || x < 0 || x > INT32_MAX)
        return sotto_fail(r->err, SOTTO_FORMAT, "metadata key %.*s.%s: item %zu is not an integer from 0 to 2147483647",
                          (int)r->arch.n, r->arch.p, suffix, i);
    *out = (int32_t)x;
    return SOTTO_OK;
}

static sotto_status get_float(const reader *r, const char *suffix, float fallback, float *out) {
    const sotto_gguf_value *v = find(r, suffix);
    double                  x = (double)fallback;
    if (v && !sotto_gguf_get_f64(v, &x))
        return sotto_fail(r->err, SOTTO_FORMAT, "metadata key %.*s.%s is not a number", (int)r->arch.n,
                          r->arch.p, suffix);
    *out = (float)x;
    return SOTTO_OK;
}

/* Whether layer i slides: a flag per layer, or a period, after which the n-th layer is global. */
static sotto_status layer_slides(const reader *r, const sotto_family *f, int32_t i, bool *slides) {
    const sotto_gguf_value *v = find(r, "attention.sliding_window_pattern");
    int32_t                 x;
    if (v && sotto_gguf_is_array(v)) {
        SOTTO_TRY(get_int(r, "attention.sliding_window_pattern", (size_t)i, -1, &x));
        *slides = x != 0;
        return SOTTO_OK;
    }
    SOTTO_TRY(get_int(r, "attention.sliding_window_pattern", 0, f->window_period, &x));
    *slides = x == 0 || (i + 1) % x != 0;
    return SOTTO_OK;
}

static bool has_tensor(const reader *r, int32_t layer, const char *suffix) {
    char name[64];
    (void)snprintf(name, sizeof name, "blk.%d.%s.weight", (int)layer, suffix);
    return sotto_checkpoint_find(r->checkpoint, name) != NULL;
}

static sotto_status load_layers(const reader *r, sotto_config *c, int32_t size[SOTTO_ROPE_COUNT]) {
    const sotto_family *f = c->family;
    int32_t             head_dim, head_dim_local, window, n_shared;
    SOTTO_TRY(get_int(r, "attention.head_count", 0, -1, &head_dim));
    head_dim = head_dim > 0 ? c->n_embd / head_dim : 0;
    SOTTO_TRY(get_int(r, "attention.key_length", 0, head_dim, &head_dim));
    SOTTO_TRY(get_int(r, "attention.key_length_swa", 0, head_dim, &head_dim_local));
    SOTTO_TRY(get_int(r, "attention.value_length", 0, head_dim, &size[0]));
    if (size[0] != head_dim)
        return sotto_fail(r->err, SOTTO_UNSUPPORTED,
                          "keys of %d and values of %d per head: unequal sizes are not supported",
                          (int)head_dim, (int)size[0]);
    SOTTO_TRY(get_int(r, "attention.sliding_window", 0, f->window_period ? 4096 : 0, &window));
    SOTTO_TRY(get_int(r, "attention.shared_kv_layers", 0, 0, &n_shared));
    if (n_shared >= c->n_layers && n_shared > 0)
        return sotto_fail(r->err, SOTTO_FORMAT, "%d layers share keys of %d layers: none would have any", (int)n_shared,
                          (int)c->n_layers);
    size[SOTTO_ROPE_GLOBAL] = head_dim;
    size[SOTTO_ROPE_LOCAL] = head_dim_local;
    for (int32_t i = 0; i < c->n_layers; i++) {
        sotto_layer_config *l = &c->layers[i];
        *l = (sotto_layer_config){.kv_layer = i};
        bool slides = false;
        if (window > 0) SOTTO_TRY(layer_slides(r, f, i, &slides));
        SOTTO_TRY(get_int(r, "attention.head_count", (size_t)i, -1, &l->n_heads));
        SOTTO_TRY(get_int(r, "attention.head_count_kv", (size_t)i, l->n_heads, &l->n_kv_heads));
        SOTTO_TRY(get_int(r, "feed_forward_length", (size_t)i, -1, &l->n_ff));
        l->window = slides ? window : 0;
        l->head_dim = slides ? head_dim_local : head_dim;
        l->rope = slides && f->rope_base_local > 0 ? SOTTO_ROPE_LOCAL : SOTTO_ROPE_GLOBAL;
        if (f->nope_period && (i + 1) % f->nope_period == 0) l->rope = -1;
        if (i >= c->n_layers - n_shared) {
            for (int32_t j = 0; j < c->n_layers - n_shared; j++)
                if ((c->layers[j].window > 0) == slides) l->kv_layer = j;
        } else {
            l->v_from_k = f->global_head_dim && !slides && !has_tensor(r, i, "attn_v");
        }
    }
    return SOTTO_OK;
}

/* Factors that a converter has computed from a scaling rule (Llama 3, Gemma 4): each divides its frequency. */
static sotto_status apply_rope_factors(const reader *r, sotto_rope_config *rope) {
    const sotto_tensor *t = sotto_checkpoint_find(r->checkpoint, "rope_freqs.weight");
    if (!t) return SOTTO_OK;
    if (t->dtype != SOTTO_F32 || t->n_dims != 1 || t->dim[0] != rope->head_dim / 2)
        return sotto_fail(r->err, SOTTO_FORMAT, "tensor rope_freqs.weight: expected %d f32 values",
                          (int)(rope->head_dim / 2));
    for (int32_t i = 0; i < rope->head_dim / 2; i++) {
        float factor;
        memcpy(&factor, (const char *)t->data + 4 * (size_t)i, 4);
        if (!(factor > 0)) return sotto_fail(r->err, SOTTO_FORMAT, "tensor rope_freqs.weight: factor %d is %g", (int)i,
                                             (double)factor);
        rope->inv_freq[i] /= factor;
    }
    return SOTTO_OK;
}

static sotto_status load_ropes(const reader *r, sotto_config *c, const int32_t size[SOTTO_ROPE_COUNT],
                               sotto_arena *arena) {
    float     base, base_local, factor = 1;
    int32_t   n_rot;
    sotto_str type = {0};
    SOTTO_TRY(get_float(r, "rope.freq_base", c->family->rope_base, &base));
    SOTTO_TRY(get_float(r, "rope.freq_base_swa", c->family->rope_base_local, &base_local));
    SOTTO_TRY(get_int(r, "rope.dimension_count", 0, size[SOTTO_ROPE_GLOBAL], &n_rot));
    if (n_rot != size[SOTTO_ROPE_GLOBAL])
        return sotto_fail(r->err, SOTTO_UNSUPPORTED,
                          "rotary embeddings over %d of %d dimensions are not supported", (int)n_rot,
                          (int)size[SOTTO_ROPE_GLOBAL]);
    (void)sotto_gguf_get_str(find(r, "rope.scaling.type"), &type);
    if (sotto_str_is(type, "linear"))
        SOTTO_TRY(get_float(r, "rope.scaling.factor", 1, &factor));
    else if (type.n > 0 && !sotto_str_is(type, "none"))
        return sotto_fail(r->err, SOTTO_UNSUPPORTED,
                          "rope scaling \"%.*s\" is not supported (linear and none are)", (int)type.n,
                          type.p);
    SOTTO_TRY(sotto_rope_init(&c->ropes[SOTTO_ROPE_GLOBAL], arena, size[SOTTO_ROPE_GLOBAL], base, factor,
                              size[SOTTO_ROPE_GLOBAL] / 2, r->err));
    if (c->family->rope_base_local > 0)
        SOTTO_TRY(sotto_rope_init(&c->ropes[SOTTO_ROPE_LOCAL], arena, size[SOTTO_ROPE_LOCAL], base_local, 1,
                                  size[SOTTO_ROPE_LOCAL] / 2, r->err));
    return apply_rope_factors(r, &c->ropes[SOTTO_ROPE_GLOBAL]);
}

/* The largest Gemma 2 and 3 divide scores by sqrt(n_embd / n_heads) instead of sqrt(head_dim), and a GGUF from
 * llama.cpp's converter does not say so: known by their layer count. */
static float query_scalar(const sotto_config *c) {
    static const struct { const char *family; int32_t n_layers; } exceptions[] = {{"gemma2", 46}, {"gemma3", 62}};
    const sotto_layer_config *l = &c->layers[0];
    for (size_t i = 0; i < SOTTO_COUNT(exceptions); i++)
        if (strcmp(c->family->name, exceptions[i].family) == 0 && c->n_layers == exceptions[i].n_layers)
            return (float)c->n_embd / (float)SOTTO_MAX(l->n_heads, 1);
    return (float)l->head_dim;
}

sotto_status sotto_config_from_gguf(sotto_config *c, const sotto_checkpoint *checkpoint, sotto_arena *arena,
                                    sotto_error *err) {
    reader r = {.checkpoint = checkpoint, .err = err};
    if (!sotto_gguf_get_str(sotto_gguf_find(checkpoint->gguf, "general.architecture"), &r.arch))
        return sotto_fail(err, SOTTO_FORMAT, "metadata key general.architecture is missing");
    if (!(c->family = sotto_family_by_gguf(r.arch)))
        return sotto_fail(err, SOTTO_UNSUPPORTED,
                          "architecture \"%.*s\" is not supported (gemma, gemma2, gemma3, gemma4, llama, "
                          "qwen2, qwen3 and smollm3 are)",
                          (int)r.arch.n, r.arch.p);
    sotto_str name = {0}, description = {0};
    (void)sotto_gguf_get_str(sotto_gguf_find(checkpoint->gguf, "general.name"), &name);
    (void)sotto_gguf_get_str(sotto_gguf_find(checkpoint->gguf, "general.description"), &description);
    if (!(c->name = sotto_arena_text(arena, name.p, name.n)) ||
        !(c->description = sotto_arena_text(arena, description.p, description.n)))
        return sotto_fail_memory(err, "the model's name");
    bool    gemma2 = c->family->window_period == 2;
    int32_t experts;
    float   scale;
    SOTTO_TRY(get_int(&r, "block_count", 0, -1, &c->n_layers));
    SOTTO_TRY(get_int(&r, "embedding_length", 0, -1, &c->n_embd));
    SOTTO_TRY(get_int(&r, "context_length", 0, -1, &c->context_length));
    SOTTO_TRY(get_float(&r, "attention.layer_norm_rms_epsilon", 0, &c->eps));
    SOTTO_TRY(get_float(&r, "attn_logit_softcapping", gemma2 ? 50.0f : 0.0f, &c->attn_softcap));
    SOTTO_TRY(get_float(&r, "final_logit_softcapping", gemma2 ? 30.0f : 0.0f, &c->final_softcap));
    SOTTO_TRY(get_int(&r, "embedding_length_per_layer_input", 0, 0, &c->per_layer_embd));
    SOTTO_TRY(get_int(&r, "expert_count", 0, 0, &experts));
    if (experts > 0) return sotto_fail(err, SOTTO_UNSUPPORTED, "mixture-of-experts models are not supported");
    if (c->n_layers < 1 || c->n_layers > 4096)
        return sotto_fail(err, SOTTO_FORMAT, "%d layers: expected 1 to 4096", (int)c->n_layers);
    const sotto_tensor *embed = sotto_checkpoint_find(checkpoint, "token_embd.weight");
    if (!embed || embed->n_dims != 2 || embed->dim[1] > INT32_MAX)
        return sotto_fail(err, SOTTO_FORMAT, "tensor token_embd.weight is missing or not a matrix");
    c->n_vocab = (int32_t)embed->dim[1];
    c->tied = !sotto_checkpoint_find(checkpoint, "output.weight");
    c->rope_interleaved = c->family->gguf_rope_interleaved;
    if (!(c->layers = sotto_arena_array(arena, (size_t)c->n_layers, sizeof *c->layers)))
        return sotto_fail_memory(err, "the layer table");
    int32_t size[SOTTO_ROPE_COUNT];
    SOTTO_TRY(load_layers(&r, c, size));
    SOTTO_TRY(load_ropes(&r, c, size, arena));
    SOTTO_TRY(get_float(&r, "attention.scale",
                        c->family->unit_attn_scale ? 1.0f : 1.0f / sqrtf(query_scalar(c)), &scale));
    c->attn_scale = scale;
    return SOTTO_OK;
}
