/* A configuration as GGUF metadata. */
#include "runtime/gguf_keys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Keys below the architecture's name; the first failure sticks and later calls do nothing. */
typedef struct keys {
    sotto_gguf_writer  *w;
    const sotto_config *c;
    sotto_error        *err;
    sotto_status        status;
    char                name[96];
} keys;

static const char *key(keys *k, const char *suffix) {
    (void)snprintf(k->name, sizeof k->name, "%s.%s", k->c->family->name, suffix);
    return k->name;
}

static void put_int(keys *k, const char *suffix, int32_t value) {
    if (k->status == SOTTO_OK) k->status = sotto_gguf_put_u32(k->w, key(k, suffix), (uint32_t)value, k->err);
}

static void put_float(keys *k, const char *suffix, float value) {
    if (k->status == SOTTO_OK) k->status = sotto_gguf_put_f32(k->w, key(k, suffix), value, k->err);
}

typedef int32_t (*layer_fn)(const sotto_layer_config *l);
static int32_t layer_ff(const sotto_layer_config *l) { return l->n_ff; }
static int32_t layer_kv_heads(const sotto_layer_config *l) { return l->n_kv_heads; }

/* One value when all layers agree, else one per layer. */
static void put_per_layer(keys *k, const char *suffix, layer_fn get) {
    int32_t n = k->c->n_layers, same = 1;
    if (k->status != SOTTO_OK) return;
    uint32_t *values = calloc((size_t)n, sizeof *values);
    if (!values) {
        k->status = sotto_fail_memory(k->err, "metadata");
        return;
    }
    for (int32_t i = 0; i < n; i++) {
        values[i] = (uint32_t)get(&k->c->layers[i]);
        same &= values[i] == values[0];
    }
    k->status = same ? sotto_gguf_put_u32(k->w, key(k, suffix), values[0], k->err)
                     : sotto_gguf_put_u32_array(k->w, key(k, suffix), values, (size_t)n, k->err);
    free(values);
}

/* The period after which one layer is global, as the layers have it; 0 when they follow none. */
static int32_t window_period(const sotto_config *c) {
    for (int32_t period = 2; period <= c->n_layers; period++) {
        int32_t i = 0;
        while (i < c->n_layers && (c->layers[i].window > 0) == ((i + 1) % period != 0)) i++;
        if (i == c->n_layers) return period;
    }
    return 0;
}

/* The window and which layers have it: nothing when the family's period says so, else the period, else a flag per
 * layer. Gemma 4's loader wants the flags always; in Llama's family (Mistral) every layer slides. */
static void put_window(keys *k) {
    const sotto_config *c = k->c;
    const char         *suffix = "attention.sliding_window_pattern";
    int32_t             window = 0, sliding = 0;
    for (int32_t i = 0; i < c->n_layers; i++) {
        window = SOTTO_MAX(window, c->layers[i].window);
        sliding += c->layers[i].window > 0;
    }
    if (window == 0) return;
    put_int(k, "attention.sliding_window", window);
    int32_t period = sliding == c->n_layers ? 0 : window_period(c);
    bool    flags_wanted = c->family->global_head_dim || (period == 0 && sliding < c->n_layers);
    if (!flags_wanted) {
        if (period != c->family->window_period) put_int(k, suffix, period);
        return;
    }
    bool *flags = calloc((size_t)c->n_layers, sizeof *flags);
    if (!flags && k->status == SOTTO_OK) k->status = sotto_fail_memory(k->err, "metadata");
    for (int32_t i = 0; flags && i < c->n_layers; i++) flags[i] = c->layers[i].window > 0;
    if (k->status == SOTTO_OK)
        k->status = sotto_gguf_put_bool_array(k->w, key(k, suffix), flags, (size_t)c->n_layers, k->err);
    free(flags);
}

static void put_attention(keys *k) {
    const sotto_config *c = k->c;
    const int32_t       global = c->ropes[SOTTO_ROPE_GLOBAL].head_dim, local = c->ropes[SOTTO_ROPE_LOCAL].head_dim;
    put_int(k, "attention.head_count", c->layers[0].n_heads);
    put_per_layer(k, "attention.head_count_kv", layer_kv_heads);
    put_float(k, "attention.layer_norm_rms_epsilon", c->eps);
    put_int(k, "attention.key_length", global);
    put_int(k, "attention.value_length", global);
    put_int(k, "rope.dimension_count", global);
    put_float(k, "rope.freq_base", c->ropes[SOTTO_ROPE_GLOBAL].base);
    if (c->ropes[SOTTO_ROPE_GLOBAL].linear_factor != 1.0f) {
        if (k->status == SOTTO_OK)
            k->status = sotto_gguf_put_str(k->w, key(k, "rope.scaling.type"), sotto_str_from("linear"), k->err);
        put_float(k, "rope.scaling.factor", c->ropes[SOTTO_ROPE_GLOBAL].linear_factor);
    }
    if (c->family->rope_base_local > 0) put_float(k, "rope.freq_base_swa", c->ropes[SOTTO_ROPE_LOCAL].base);
    if (c->family->global_head_dim) {
        put_int(k, "attention.key_length_swa", local);
        put_int(k, "attention.value_length_swa", local);
        put_int(k, "rope.dimension_count_swa", local);
        int32_t shared = 0;
        for (int32_t i = 0; i < c->n_layers; i++) shared += !sotto_layer_owns_kv(c, i);
        put_int(k, "attention.shared_kv_layers", shared);
        put_int(k, "embedding_length_per_layer_input", c->per_layer_embd);
    }
    /* Said only where it is not what a reader would assume, so that other readers are not surprised by the key. */
    float usual = c->family->unit_attn_scale ? 1.0f : 1.0f / sqrtf((float)c->layers[0].head_dim);
    if (c->attn_scale != usual) put_float(k, "attention.scale", c->attn_scale);
    put_window(k);
    if (c->attn_softcap > 0) put_float(k, "attn_logit_softcapping", c->attn_softcap);
    if (c->final_softcap > 0) put_float(k, "final_logit_softcapping", c->final_softcap);
}

sotto_status sotto_gguf_put_config(sotto_gguf_writer *w, const sotto_config *c, const char *name, sotto_dtype type,
                                   sotto_error *err) {
    static const struct { sotto_dtype type; uint32_t file_type; } file_types[] = {
        {SOTTO_F32, 0}, {SOTTO_F16, 1}, {SOTTO_Q4_0, 2}, {SOTTO_Q8_0, 7}, {SOTTO_BF16, 32}};
    keys k = {.w = w, .c = c, .err = err};
    SOTTO_TRY(sotto_gguf_put_str(w, "general.architecture", sotto_str_from(c->family->name), err));
    SOTTO_TRY(sotto_gguf_put_str(w, "general.name", sotto_str_from(name), err));
    if (c->description && *c->description)
        SOTTO_TRY(sotto_gguf_put_str(w, "general.description", sotto_str_from(c->description), err));
    SOTTO_TRY(sotto_gguf_put_u32(w, "general.quantization_version", 2, err));
    for (size_t i = 0; i < SOTTO_COUNT(file_types); i++)
        if (file_types[i].type == type)
            SOTTO_TRY(sotto_gguf_put_u32(w, "general.file_type", file_types[i].file_type, err));
    put_int(&k, "block_count", c->n_layers);
    put_int(&k, "context_length", c->context_length);
    put_int(&k, "embedding_length", c->n_embd);
    put_int(&k, "vocab_size", c->n_vocab);
    put_per_layer(&k, "feed_forward_length", layer_ff);
    put_attention(&k);
    return k.status;
}

sotto_status sotto_gguf_put_sampling(sotto_gguf_writer *w, const sotto_checkpoint *c, sotto_error *err) {
    static const struct { const char *hf, *gguf; bool integer; } names[] = {
        {"temperature", "general.sampling.temp", false},
        {"top_k", "general.sampling.top_k", true},
        {"top_p", "general.sampling.top_p", false},
        {"min_p", "general.sampling.min_p", false},
        {"repetition_penalty", "general.sampling.penalty_repeat", false},
    };
    for (size_t i = 0; i < SOTTO_COUNT(names); i++) {
        const json_t *v = json_object_get(c->generation_config, names[i].hf);
        if (!json_is_number(v)) continue;
        double x = json_number_value(v);
        if (!(x >= 0 && x <= 1e6)) continue;
        SOTTO_TRY(names[i].integer ? sotto_gguf_put_i32(w, names[i].gguf, (int32_t)x, err)
                                   : sotto_gguf_put_f32(w, names[i].gguf, (float)x, err));
    }
    return SOTTO_OK;
}

bool sotto_gguf_rope_factors(const sotto_config *c, float *out) {
    const sotto_rope_config *r = &c->ropes[SOTTO_ROPE_GLOBAL];
    bool                     plain = true;
    for (int32_t i = 0; i < r->head_dim / 2; i++) {
        double expected = pow((double)r->base, -2.0 * i / r->head_dim) / (double)r->linear_factor;
        out[i] = r->inv_freq[i] > 0 ? (float)(expected / (double)r->inv_freq[i]) : 1e30f;
        if (fabsf(out[i] - 1.0f) < 1e-6f) out[i] = 1.0f;
        plain &= out[i] == 1.0f;
    }
    return !plain;
}
