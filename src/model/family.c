/* The families, one row each. A row states only what sets the family apart; sizes, bases and caps come from the
 * model's own files. Sources: the papers and Hugging Face's modelling code of each family. */
#include "model/model.h"

/* What all Gemmas have in common. */
#define GEMMA                                                                                                \
    .activation = SOTTO_ACT_GELU_TANH, .embed_scaled = true, .tied_by_default = true, .head_dim_default = 256

static const sotto_family families[] = {
    {.name = "gemma", .hf_types = {"gemma"}, GEMMA, .norm_plus_one = true, .rope_base = 1e4f},
    {.name = "gemma2", .hf_types = {"gemma2"}, GEMMA, .norm_plus_one = true, .post_norms = true,
     .window_period = 2, .rope_base = 1e4f},
    {.name = "gemma3", .hf_types = {"gemma3_text", "gemma3"}, GEMMA, .norm_plus_one = true,
     .post_norms = true, .qk_norm = true, .window_period = 6, .rope_base = 1e6f, .rope_base_local = 1e4f},
    {.name = "gemma4", .hf_types = {"gemma4_text", "gemma4"}, GEMMA, .post_norms = true, .qk_norm = true,
     .v_norm = true, .unit_attn_scale = true, .global_head_dim = true, .layer_scale = true,
     .window_period = 6, .rope_base = 1e6f, .rope_base_local = 1e4f},
    {.name = "llama", .hf_types = {"llama", "mistral"}, .activation = SOTTO_ACT_SILU,
     .gguf_rope_interleaved = true, .rope_base = 1e4f},
    {.name = "qwen2", .hf_types = {"qwen2"}, .activation = SOTTO_ACT_SILU, .qkv_bias = true, .rope_base = 1e4f},
    {.name = "qwen3", .hf_types = {"qwen3"}, .activation = SOTTO_ACT_SILU, .qk_norm = true,
     .head_dim_default = 128, .rope_base = 1e4f},
    {.name = "smollm3", .hf_types = {"smollm3"}, .activation = SOTTO_ACT_SILU, .tied_by_default = true,
     .gguf_rope_interleaved = true, .nope_period = 4, .rope_base = 2e6f},
};

const sotto_family *sotto_family_at(size_t i) { return i < SOTTO_COUNT(families) ? &families[i] : NULL; }

const sotto_family *sotto_family_by_gguf(sotto_str architecture) {
    for (size_t i = 0; i < SOTTO_COUNT(families); i++)
        if (sotto_str_is(architecture, families[i].name)) return &families[i];
    return NULL;
}

const sotto_family *sotto_family_by_hf(sotto_str model_type) {
    for (size_t i = 0; i < SOTTO_COUNT(families); i++)
        for (size_t j = 0; j < SOTTO_COUNT(families[i].hf_types) && families[i].hf_types[j]; j++)
            if (sotto_str_is(model_type, families[i].hf_types[j])) return &families[i];
    return NULL;
}
