/* Configurations: both forms of config.json and the GGUF made from them say the same of every golden model; numbers
 * that cannot be are refused, each with a sentence that names the field. */
#define _XOPEN_SOURCE 700
#include "test.h"

#include <unistd.h>

#include <sotto/sotto.h>

#include "model/model.h"

static const char *const models[] = {"gemma1",        "gemma1-odd", "gemma2",    "gemma3",       "gemma3-new",
                                     "gemma3-mm",     "gemma4-e",   "gemma4-kv", "llama2",       "llama3",
                                     "llama3-untied", "mistral",    "qwen2",     "qwen2-untied", "qwen3",
                                     "smollm2",       "smollm3"};

static bool load(sotto_config *c, sotto_arena *arena, const char *model, const char *name) {
    char        folder[128];
    json_t     *json = NULL;
    sotto_error err = {0};
    snprintf(folder, sizeof folder, "golden/%s", model);
    *c = (sotto_config){0};
    sotto_status s = sotto_json_load(&json, folder, name, true, &err);
    if (s == SOTTO_OK) s = sotto_config_from_hf(c, json, arena, &err);
    if (s == SOTTO_OK) s = sotto_config_check(c, &err);
    CHECK_OK(s, err);
    json_decref(json);
    return s == SOTTO_OK;
}

static void check_same(const char *what, const char *model, const sotto_config *a, const sotto_config *b,
                       double rope_bound) {
    int before = test_failures;
    CHECK_STR(a->family->name, b->family->name);
    CHECK_INT(a->n_layers, b->n_layers);
    CHECK_INT(a->n_embd, b->n_embd);
    CHECK_INT(a->n_vocab, b->n_vocab);
    if (strcmp(model, "gemma3-mm") != 0) /* leaves out what has a default, this among them */
        CHECK_INT(a->context_length, b->context_length);
    CHECK_INT(a->per_layer_embd, b->per_layer_embd);
    CHECK_INT(a->tied, b->tied);
    CHECK(a->eps == b->eps && a->embed_scale == b->embed_scale && a->attn_scale == b->attn_scale);
    CHECK(a->attn_softcap == b->attn_softcap && a->final_softcap == b->final_softcap);
    for (int32_t i = 0; i < a->n_layers && i < b->n_layers; i++) {
        const sotto_layer_config *x = &a->layers[i], *y = &b->layers[i];
        CHECK(x->n_heads == y->n_heads && x->n_kv_heads == y->n_kv_heads && x->head_dim == y->head_dim);
        CHECK(x->n_ff == y->n_ff && x->window == y->window && x->rope == y->rope);
        CHECK(x->kv_layer == y->kv_layer && x->v_from_k == y->v_from_k);
    }
    for (int r = 0; r < SOTTO_ROPE_COUNT; r++) {
        CHECK_INT(a->ropes[r].head_dim, b->ropes[r].head_dim);
        for (int32_t i = 0; i < a->ropes[r].head_dim / 2 && i < b->ropes[r].head_dim / 2; i++) {
            double x = (double)a->ropes[r].inv_freq[i], y = (double)b->ropes[r].inv_freq[i];
            CHECK(fabs(x - y) <= rope_bound * fabs(x) + 1e-20);
        }
    }
    if (test_failures != before) printf("  in %s, %s\n", model, what);
}

TEST(both_forms_of_config_json_say_the_same) {
    for (size_t i = 0; i < SOTTO_COUNT(models); i++) {
        sotto_arena  arena = {0};
        sotto_config a, b;
        if (load(&a, &arena, models[i], "config.json") && load(&b, &arena, models[i], "config.alt.json"))
            check_same("the other form", models[i], &a, &b, 0);
        sotto_arena_free(&arena);
    }
}

/* The converter turns scaled frequencies into factors, which a float rounds: 2^-22 relative. */
TEST(a_converted_file_says_the_same) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/sotto-config-%d.gguf", (int)getpid());
    for (size_t i = 0; i < SOTTO_COUNT(models); i++) {
        char                  folder[128];
        sotto_error           err = {0};
        sotto_arena           arena = {0};
        sotto_config          a, b = {0};
        sotto_checkpoint     *c = NULL;
        sotto_convert_options o = {.type = "f32"};
        snprintf(folder, sizeof folder, "golden/%s", models[i]);
        CHECK_OK(sotto_convert(folder, path, &o, &err), err);
        CHECK_OK(sotto_checkpoint_open(&c, path, NULL, &err), err);
        if (c && load(&a, &arena, models[i], "config.json")) {
            CHECK_OK(sotto_config_load(&b, c, &arena, &err), err);
            if (b.layers) check_same("its GGUF", models[i], &a, &b, 1.0 / (1 << 22));
        }
        sotto_checkpoint_close(c);
        sotto_arena_free(&arena);
    }
    unlink(path);
}

/* ---- numbers that cannot be ---------------------------------------------------------------------------- */

static void expect(const char *change, sotto_status status, const char *mention) {
    static const char base[] =
        "{\"model_type\":\"llama\",\"hidden_size\":64,\"intermediate_size\":96,\"num_hidden_layers\":2,"
        "\"num_attention_heads\":4,\"num_key_value_heads\":2,\"vocab_size\":100,"
        "\"max_position_embeddings\":128,\"rms_norm_eps\":1e-5}";
    sotto_arena  arena = {0};
    sotto_config c = {0};
    sotto_error  err = {0};
    json_t      *json = json_loads(base, 0, NULL), *extra = json_loads(change, 0, NULL);
    CHECK(json && extra);
    json_object_update(json, extra);
    sotto_status s = sotto_config_from_hf(&c, json, &arena, &err);
    if (s == SOTTO_OK) s = sotto_config_check(&c, &err);
    test_checks++;
    if (s != status || (mention && !strstr(err.message, mention)))
        TEST_FAIL("%s: status %d, \"%s\"; expected %d, mentioning \"%s\"", change, (int)s, err.message, (int)status,
                  mention ? mention : "");
    json_decref(json);
    json_decref(extra);
    sotto_arena_free(&arena);
}

TEST(impossible_numbers_are_refused) {
    expect("{}", SOTTO_OK, NULL);
    expect("{\"num_key_value_heads\":3}", SOTTO_FORMAT, "4 heads cannot share 3 KV heads");
    expect("{\"num_key_value_heads\":0}", SOTTO_FORMAT, "KV heads");
    expect("{\"num_attention_heads\":0}", SOTTO_FORMAT, "num_attention_heads");
    expect("{\"head_dim\":15}", SOTTO_FORMAT, "head");
    expect("{\"head_dim\":100000}", SOTTO_FORMAT, "head");
    expect("{\"num_hidden_layers\":0}", SOTTO_FORMAT, "layers");
    expect("{\"num_hidden_layers\":4097}", SOTTO_FORMAT, "4097 layers");
    expect("{\"num_hidden_layers\":-1}", SOTTO_FORMAT, "num_hidden_layers");
    expect("{\"num_hidden_layers\":\"two\"}", SOTTO_FORMAT, "num_hidden_layers");
    expect("{\"num_hidden_layers\":1e3}", SOTTO_FORMAT, "num_hidden_layers");
    expect("{\"hidden_size\":99999999999}", SOTTO_FORMAT, "hidden_size");
    expect("{\"hidden_size\":2000000}", SOTTO_FORMAT, "embedding length");
    expect("{\"intermediate_size\":0}", SOTTO_FORMAT, "feed-forward");
    expect("{\"intermediate_size\":2147483647}", SOTTO_FORMAT, "intermediate_size");
    expect("{\"vocab_size\":0}", SOTTO_FORMAT, "vocabulary");
    expect("{\"max_position_embeddings\":0}", SOTTO_FORMAT, "context length");
    expect("{\"rms_norm_eps\":0}", SOTTO_FORMAT, "epsilon");
    expect("{\"rms_norm_eps\":-1e-6}", SOTTO_FORMAT, "epsilon");
    expect("{\"rms_norm_eps\":\"x\"}", SOTTO_FORMAT, "rms_norm_eps");
    expect("{\"rope_theta\":1}", SOTTO_FORMAT, "rotary base");
    expect("{\"rope_theta\":-5}", SOTTO_FORMAT, "rotary base");
    expect("{\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4}}", SOTTO_UNSUPPORTED, "yarn");
    expect("{\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":0}}", SOTTO_FORMAT, "factor");
    expect("{\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_freq_"
           "factor\":1}}",
           SOTTO_FORMAT, "high_freq_factor");
    expect("{\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}}", SOTTO_OK, NULL); /* the key's old name */
    expect("{\"partial_rotary_factor\":0.5,\"rope_parameters\":{\"rope_type\":\"default\",\"partial_rotary_"
           "factor\":0.5}}",
           SOTTO_UNSUPPORTED, "partial_rotary_factor");
    expect("{\"layer_types\":[\"full_attention\"]}", SOTTO_OK, NULL); /* no window: the types do not matter */
    expect("{\"sliding_window\":8,\"layer_types\":[\"full_attention\"]}", SOTTO_UNSUPPORTED, "layer_types[1]");
    expect("{\"sliding_window\":8,\"layer_types\":[\"full_attention\",\"linear_attention\"]}",
           SOTTO_UNSUPPORTED, "linear_attention");
    expect("{\"attention_bias\":true}", SOTTO_UNSUPPORTED, "attention_bias");
    expect("{\"model_type\":\"mamba\"}", SOTTO_UNSUPPORTED, "mamba");
    expect("{\"model_type\":7}", SOTTO_FORMAT, "model_type");
    expect("{\"model_type\":\"gemma4_text\",\"num_kv_shared_layers\":2}", SOTTO_FORMAT, "num_kv_shared_layers");
    expect("{\"model_type\":\"gemma4_text\",\"enable_moe_block\":true}", SOTTO_UNSUPPORTED, "mixture");
    expect("{\"model_type\":\"gemma2\",\"query_pre_attn_scalar\":0}", SOTTO_FORMAT, "attention scale");
    expect("{\"model_type\":\"gemma2\",\"attn_logit_softcapping\":-1}", SOTTO_FORMAT, "soft caps");
}

TEST_MAIN()
