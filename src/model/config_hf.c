/* A configuration from a Hugging Face config.json, in its old form (rope_theta, rope_scaling,
 * sliding_window_pattern) and that of Transformers 5 (rope_parameters, layer_types, per_layer_config). What a
 * file leaves out takes the default of the family's configuration class in Transformers. */
#include "model/model.h"

#include <math.h>

/* ---- fields -------------------------------------------------------------------------------------------- */

/* An integer at `key`; absent or null gives `fallback`, or an error when that is negative. */
static sotto_status get_int(const json_t *o, const char *key, int32_t fallback, int32_t *out, sotto_error *err) {
    const json_t *v = json_object_get(o, key);
    if (!v || json_is_null(v)) {
        if (fallback < 0) return sotto_fail(err, SOTTO_FORMAT, "config.json: %s is missing", key);
        *out = fallback;
        return SOTTO_OK;
    }
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > INT32_MAX)
        return sotto_fail(err, SOTTO_FORMAT, "config.json: %s is not an integer from 0 to 2147483647", key);
    *out = (int32_t)json_integer_value(v);
    return SOTTO_OK;
}

static sotto_status get_float(const json_t *o, const char *key, float fallback, float *out, sotto_error *err) {
    const json_t *v = json_object_get(o, key);
    *out = fallback;
    if (!v || json_is_null(v)) return SOTTO_OK;
    if (!json_is_number(v)) return sotto_fail(err, SOTTO_FORMAT, "config.json: %s is not a number", key);
    *out = (float)json_number_value(v);
    return SOTTO_OK;
}

static bool get_bool(const json_t *o, const char *key, bool fallback) {
    const json_t *v = json_object_get(o, key);
    return json_is_boolean(v) ? json_is_true(v) : fallback;
}

/* ---- rotary embeddings --------------------------------------------------------------------------------- */

/* Llama 3's scaling stretches low frequencies by `factor`, leaves high ones, and blends between. */
static sotto_status scale_llama3(sotto_rope_config *rope, const json_t *p, sotto_error *err) {
    float   factor, low, high;
    int32_t old;
    SOTTO_TRY(get_float(p, "factor", 8, &factor, err));
    SOTTO_TRY(get_float(p, "low_freq_factor", 1, &low, err));
    SOTTO_TRY(get_float(p, "high_freq_factor", 4, &high, err));
    SOTTO_TRY(get_int(p, "original_max_position_embeddings", 8192, &old, err));
    if (!(factor > 0) || !(low > 0) || !(high > low) || old < 1)
        return sotto_fail(err, SOTTO_FORMAT, "config.json: llama3 rope scaling needs factor > 0 and high_freq_factor > "
                                             "low_freq_factor > 0");
    for (int32_t i = 0; i < rope->head_dim / 2; i++) {
        double f = (double)rope->inv_freq[i], wavelength = 2 * 3.14159265358979323846 / f;
        double smooth = (old / wavelength - (double)low) / ((double)high - (double)low);
        if (wavelength > old / (double)low)
            f /= (double)factor;
        else if (wavelength >= old / (double)high)
            f *= (1 - smooth) / (double)factor + smooth;
        rope->inv_freq[i] = (float)f;
    }
    return SOTTO_OK;
}

/* One set of rotary parameters. `p` may be NULL (plain). */
static sotto_status rope_from_json(sotto_rope_config *rope, const json_t *p, float base, int32_t head_dim,
                                   sotto_arena *arena, sotto_error *err) {
    const char *type = json_string_value(json_object_get(p, "rope_type"));
    if (!type) type = json_string_value(json_object_get(p, "type"));
    if (!type) type = "default";
    float factor = 1, partial;
    SOTTO_TRY(get_float(p, "rope_theta", base, &base, err));
    SOTTO_TRY(get_float(p, "partial_rotary_factor", 1, &partial, err));
    bool proportional = strcmp(type, "proportional") == 0;
    if (!(partial > 0 && partial <= 1) || (partial < 1 && !proportional))
        return sotto_fail(err, SOTTO_UNSUPPORTED, "config.json: partial_rotary_factor %g with rope type \"%s\" is not "
                                                  "supported", (double)partial, type);
    if (strcmp(type, "linear") == 0 || proportional)
        SOTTO_TRY(get_float(p, "factor", 1, &factor, err));
    else if (strcmp(type, "default") != 0 && strcmp(type, "llama3") != 0)
        return sotto_fail(err, SOTTO_UNSUPPORTED,
                          "config.json: rope type \"%s\" is not supported (default, linear, llama3 "
                          "and proportional are)",
                          type);
    SOTTO_TRY(sotto_rope_init(rope, arena, head_dim, base, factor, (int32_t)(partial * (float)head_dim) / 2, err));
    return strcmp(type, "llama3") == 0 ? scale_llama3(rope, p, err) : SOTTO_OK;
}

/* Parameters may be flat (one set) or by layer type; the old form has rope_theta and rope_scaling beside them. */
static sotto_status load_ropes(sotto_config *c, const json_t *o, const int32_t head_dim[SOTTO_ROPE_COUNT],
                               sotto_arena *arena, sotto_error *err) {
    const json_t *params = json_object_get(o, "rope_parameters");
    if (!json_is_object(params)) params = NULL;
    const json_t *global = json_object_get(params, "full_attention");
    const json_t *local = json_object_get(params, "sliding_attention");
    if (params && !global && !local) global = params;
    if (!global) global = json_object_get(o, "rope_scaling");
    if (!json_is_object(global)) global = NULL;
    if (!json_is_object(local)) local = NULL;
    float base, base_local;
    SOTTO_TRY(get_float(o, "rope_theta", c->family->rope_base, &base, err));
    SOTTO_TRY(get_float(o, "rope_local_base_freq", c->family->rope_base_local, &base_local, err));
    SOTTO_TRY(rope_from_json(&c->ropes[SOTTO_ROPE_GLOBAL], global, base, head_dim[SOTTO_ROPE_GLOBAL], arena, err));
    if (c->family->rope_base_local > 0)
        SOTTO_TRY(rope_from_json(&c->ropes[SOTTO_ROPE_LOCAL], local, base_local, head_dim[SOTTO_ROPE_LOCAL],
                                 arena, err));
    return SOTTO_OK;
}

/* ---- layers -------------------------------------------------------------------------------------------- */

/* Whether layer i slides: by layer_types, else by the period, else (Mistral) every layer when there is a window. */
static sotto_status layer_slides(const sotto_config *c, const json_t *o, int32_t i, bool *slides, sotto_error *err) {
    const json_t *types = json_object_get(o, "layer_types");
    if (json_is_array(types)) {
        const char *type = json_string_value(json_array_get(types, (size_t)i));
        if (!type || (strcmp(type, "sliding_attention") != 0 && strcmp(type, "full_attention") != 0))
            return sotto_fail(err, SOTTO_UNSUPPORTED,
                              "config.json: layer_types[%d] is \"%s\": only full_attention and "
                              "sliding_attention are supported",
                              (int)i, type ? type : "absent");
        *slides = type[0] == 's';
        return SOTTO_OK;
    }
    int32_t period;
    SOTTO_TRY(get_int(o, "sliding_window_pattern", c->family->window_period, &period, err));
    if (c->family->global_head_dim && i == c->n_layers - 1) { /* Gemma 4's last layer is always global */
        *slides = false;
        return SOTTO_OK;
    }
    if (json_object_get(o, "use_sliding_window")) { /* Qwen, SmolLM 3 */
        int32_t first;
        SOTTO_TRY(get_int(o, "max_window_layers", 0, &first, err));
        *slides = get_bool(o, "use_sliding_window", false) && i >= first;
    } else {
        *slides = period == 0 || (i + 1) % period != 0;
    }
    return SOTTO_OK;
}

/* Gemma 4: full-attention layers have sizes of their own, at the top or, per layer, under per_layer_config. */
static sotto_status global_sizes(sotto_layer_config *l, const json_t *o, int32_t i, sotto_error *err) {
    char key[16];
    (void)snprintf(key, sizeof key, "%d", (int)i);
    const json_t *own = json_object_get(json_object_get(o, "per_layer_config"), key);
    int32_t       kv = l->n_kv_heads;
    bool          k_eq_v = get_bool(o, "attention_k_eq_v", false);
    if (k_eq_v) SOTTO_TRY(get_int(o, "num_global_key_value_heads", kv, &kv, err));
    SOTTO_TRY(get_int(own, "num_key_value_heads", kv, &l->n_kv_heads, err));
    int32_t head_dim;
    SOTTO_TRY(get_int(o, "global_head_dim", 512, &head_dim, err));
    SOTTO_TRY(get_int(own, "head_dim", head_dim, &l->head_dim, err));
    l->v_from_k = k_eq_v;
    return SOTTO_OK;
}

static sotto_status load_layers(sotto_config *c, const json_t *o, sotto_arena *arena, sotto_error *err) {
    const sotto_family *f = c->family;
    bool    gemma = f->embed_scaled;
    int32_t heads, kv_heads, head_dim, n_ff, window, n_shared;
    SOTTO_TRY(get_int(o, "num_attention_heads", gemma ? 8 : -1, &heads, err));
    SOTTO_TRY(get_int(o, "num_key_value_heads", gemma ? 4 : heads, &kv_heads, err));
    if (heads < 1) return sotto_fail(err, SOTTO_FORMAT, "config.json: num_attention_heads is 0");
    SOTTO_TRY(get_int(o, "head_dim", f->head_dim_default ? f->head_dim_default : c->n_embd / heads, &head_dim, err));
    SOTTO_TRY(get_int(o, "intermediate_size", -1, &n_ff, err));
    SOTTO_TRY(get_int(o, "sliding_window", f->window_period ? 4096 : 0, &window, err));
    SOTTO_TRY(get_int(o, "num_kv_shared_layers", 0, &n_shared, err));
    if (n_ff > 1 << 20)
        return sotto_fail(err, SOTTO_FORMAT, "config.json: intermediate_size %d is too large", (int)n_ff);
    if (n_shared >= c->n_layers && n_shared > 0)
        return sotto_fail(err, SOTTO_FORMAT, "config.json: num_kv_shared_layers %d leaves no layer with keys",
                          (int)n_shared);
    bool          wide = get_bool(o, "use_double_wide_mlp", false);
    const json_t *nope = json_object_get(o, "no_rope_layers");
    int32_t       nope_period, size[SOTTO_ROPE_COUNT] = {head_dim, head_dim};
    SOTTO_TRY(get_int(o, "no_rope_layer_interval", f->nope_period, &nope_period, err));
    if (!f->nope_period) nope_period = 0;

    for (int32_t i = 0; i < c->n_layers; i++) {
        sotto_layer_config *l = &c->layers[i];
        *l = (sotto_layer_config){
            .n_heads = heads, .n_kv_heads = kv_heads, .head_dim = head_dim, .n_ff = n_ff, .kv_layer = i};
        bool slides = false, shared = i >= c->n_layers - n_shared;
        if (window > 0) SOTTO_TRY(layer_slides(c, o, i, &slides, err));
        if (slides) l->window = window;
        if (!slides && f->global_head_dim) SOTTO_TRY(global_sizes(l, o, i, err));
        l->rope = slides && f->rope_base_local > 0 ? SOTTO_ROPE_LOCAL : SOTTO_ROPE_GLOBAL;
        size[l->rope] = l->head_dim;
        if (f->nope_period && (json_is_array(nope) ? json_integer_value(json_array_get(nope, (size_t)i)) == 0
                                                   : nope_period > 0 && (i + 1) % nope_period == 0))
            l->rope = -1;
        if (shared) {
            if (wide) l->n_ff = 2 * n_ff;
            for (int32_t j = 0; j < c->n_layers - n_shared; j++)
                if ((c->layers[j].window > 0) == slides) l->kv_layer = j;
        }
    }
    return load_ropes(c, o, size, arena, err);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

sotto_status sotto_config_from_hf(sotto_config *c, const json_t *config, sotto_arena *arena, sotto_error *err) {
    if (!json_is_object(config)) return sotto_fail(err, SOTTO_FORMAT, "config.json does not hold an object");
    const json_t *o = json_object_get(config, "text_config"); /* of a multimodal model */
    if (!json_is_object(o)) o = config;
    const char *type = json_string_value(json_object_get(o, "model_type"));
    if (!type) type = json_string_value(json_object_get(config, "model_type"));
    if (!type) return sotto_fail(err, SOTTO_FORMAT, "config.json: model_type is missing");
    if (!(c->family = sotto_family_by_hf(sotto_str_from(type))))
        return sotto_fail(err, SOTTO_UNSUPPORTED,
                          "config.json: model_type \"%s\" is not supported (Gemma 1-4, Llama, Mistral, "
                          "Qwen 2.5 and 3, SmolLM 2 and 3 are)",
                          type);
    if (get_bool(o, "enable_moe_block", false))
        return sotto_fail(err, SOTTO_UNSUPPORTED, "config.json: mixture-of-experts models are not supported");
    if (get_bool(o, "attention_bias", false) || get_bool(o, "mlp_bias", false))
        return sotto_fail(err, SOTTO_UNSUPPORTED,
                          "config.json: attention_bias and mlp_bias are not supported for %s", type);

    /* Publishers say neither in config.json; these are the keys that sotto's own folders have. */
    c->name = json_string_value(json_object_get(config, "name"));
    c->description = json_string_value(json_object_get(config, "description"));
    if (!c->name) c->name = "";
    if (!c->description) c->description = "";
    bool gemma = c->family->embed_scaled, gemma2 = c->family->window_period == 2;
    SOTTO_TRY(get_int(o, "num_hidden_layers", -1, &c->n_layers, err));
    SOTTO_TRY(get_int(o, "hidden_size", -1, &c->n_embd, err));
    SOTTO_TRY(get_int(o, "vocab_size", gemma ? 262208 : -1, &c->n_vocab, err));
    SOTTO_TRY(get_int(o, "max_position_embeddings", gemma ? 131072 : -1, &c->context_length, err));
    SOTTO_TRY(get_float(o, "rms_norm_eps", 1e-6f, &c->eps, err));
    SOTTO_TRY(get_float(o, "attn_logit_softcapping", gemma2 ? 50.0f : 0.0f, &c->attn_softcap, err));
    SOTTO_TRY(get_float(o, "final_logit_softcapping", gemma2 ? 30.0f : 0.0f, &c->final_softcap, err));
    if (c->family->global_head_dim) SOTTO_TRY(get_int(o, "hidden_size_per_layer_input", 0, &c->per_layer_embd, err));
    c->tied = get_bool(o, "tie_word_embeddings", get_bool(config, "tie_word_embeddings", c->family->tied_by_default));
    if (c->n_layers < 1 || c->n_layers > 4096)
        return sotto_fail(err, SOTTO_FORMAT, "config.json: %d layers: expected 1 to 4096", (int)c->n_layers);
    if (!(c->layers = sotto_arena_array(arena, (size_t)c->n_layers, sizeof *c->layers)))
        return sotto_fail_memory(err, "the layer table");
    SOTTO_TRY(load_layers(c, o, arena, err));

    float scalar;
    SOTTO_TRY(get_float(o, "query_pre_attn_scalar",
                        c->family->post_norms ? 256.0f : (float)c->layers[0].head_dim, &scalar, err));
    c->attn_scale = c->family->unit_attn_scale ? 1.0f : 1.0f / sqrtf(scalar);
    return SOTTO_OK;
}
