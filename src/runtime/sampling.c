/* Sampling parameters: their ranges, what publishers recommend in their files, and where a DRY repetition
 * ends. */
#include "runtime/runtime.h"

#include <math.h>

/* ---- ranges -------------------------------------------------------------------------------------------- */

sotto_status sotto_sampling_check(const sotto_sampling *p, int32_t n_vocab, sotto_error *err) {
    const struct { const char *name; double value, min, max; } ranges[] = {
        {"temperature", p->temperature, 0, 100},
        {"top-k", p->top_k, 0, INT32_MAX},
        {"top-p", p->top_p, 0, 1},
        {"min-p", p->min_p, 0, 1},
        {"typical-p", p->typical_p, 0, 1},
        {"repetition penalty", p->repetition_penalty, 0.01, 100},
        {"presence penalty", p->presence_penalty, -100, 100},
        {"frequency penalty", p->frequency_penalty, -100, 100},
        {"penalty range", p->penalty_last, -1, INT32_MAX},
        {"DRY multiplier", p->dry_multiplier, 0, 100},
        {"DRY base", p->dry_base, 1, 100},
        {"DRY allowed length", p->dry_allowed_length, 1, INT32_MAX},
        {"DRY range", p->dry_last, -1, INT32_MAX},
    };
    for (size_t i = 0; i < SOTTO_COUNT(ranges); i++)
        if (!(ranges[i].value >= ranges[i].min && ranges[i].value <= ranges[i].max)) /* NaN too */
            return sotto_fail(err, SOTTO_INVALID, "%s is %.7g; give a value from %.7g to %.7g", ranges[i].name,
                              ranges[i].value, ranges[i].min, ranges[i].max);
    if (p->n_bias && !p->bias)
        return sotto_fail(err, SOTTO_INVALID, "%zu logit biases are announced but none is given", p->n_bias);
    for (size_t i = 0; i < p->n_bias; i++) {
        const sotto_logit_bias *b = &p->bias[i];
        if (b->token < 0 || b->token >= n_vocab)
            return sotto_fail(err, SOTTO_INVALID, "logit bias for token %d, but the vocabulary has %d tokens", b->token,
                              n_vocab);
        if (!(fabsf(b->bias) <= 1e6f || b->bias == -INFINITY))
            return sotto_fail(err, SOTTO_INVALID,
                              "logit bias of token %d is %.9g; give a value from -1e6 to 1e6, or -infinity to forbid",
                              b->token, (double)b->bias);
    }
    return SOTTO_OK;
}

/* ---- defaults ------------------------------------------------------------------------------------------ */

/* One recommended value: its names in a Hugging Face generation_config.json and in GGUF metadata. */
typedef struct recommended {
    const char *hf, *gguf;
    size_t      offset; /* of a float in sotto_sampling */
} recommended;

static const recommended recommendations[] = {
    {"temperature", "general.sampling.temp", offsetof(sotto_sampling, temperature)},
    {"top_p", "general.sampling.top_p", offsetof(sotto_sampling, top_p)},
    {"min_p", "general.sampling.min_p", offsetof(sotto_sampling, min_p)},
    {"typical_p", "general.sampling.typical_p", offsetof(sotto_sampling, typical_p)},
    {"repetition_penalty", "general.sampling.penalty_repeat", offsetof(sotto_sampling, repetition_penalty)},
};

static bool find_value(const sotto_checkpoint *c, const char *hf, const char *gguf, double *out) {
    if (c->gguf) return sotto_gguf_get_f64(sotto_gguf_find(c->gguf, gguf), out);
    const json_t *value = json_object_get(c->generation_config, hf);
    if (!json_is_number(value)) return false;
    *out = json_number_value(value);
    return true;
}

/* Whether the publisher recommends sampling at all. In a Hugging Face file the values only count when
 * do_sample is set; a GGUF holds them only where the publisher gave them. */
static bool recommends(const sotto_checkpoint *c) {
    if (!c->gguf) return json_is_true(json_object_get(c->generation_config, "do_sample"));
    double ignored;
    bool   any = find_value(c, "", "general.sampling.top_k", &ignored);
    for (size_t i = 0; i < SOTTO_COUNT(recommendations); i++)
        any = any || find_value(c, "", recommendations[i].gguf, &ignored);
    return any;
}

sotto_sampling sotto_sampling_default(const sotto_model *model) {
    sotto_sampling s = {
        .temperature = 0.7f,
        .top_k = 40,
        .top_p = 0.95f,
        .typical_p = 1,
        .repetition_penalty = 1,
        .penalty_last = -1,
        .dry_base = 1.75f,
        .dry_allowed_length = 2,
        .dry_last = -1,
        .seed = SOTTO_SEED_RANDOM,
    };
    const sotto_checkpoint *c = model ? model->checkpoint : NULL;
    if (!c || !recommends(c)) return s;
    /* A value that the publisher leaves out is the one that the model was tried with: the default of the
     * library that reads this file, transformers' GenerationConfig. */
    s.temperature = 1;
    s.top_k = 50;
    s.top_p = 1;
    double value;
    for (size_t i = 0; i < SOTTO_COUNT(recommendations); i++) {
        sotto_sampling with = s;
        if (!find_value(c, recommendations[i].hf, recommendations[i].gguf, &value)) continue;
        float narrow = (float)value;
        memcpy((char *)&with + recommendations[i].offset, &narrow, sizeof narrow);
        if (sotto_sampling_check(&with, 0, NULL) == SOTTO_OK) s = with; /* an absurd value recommends nothing */
    }
    if (find_value(c, "top_k", "general.sampling.top_k", &value) && value >= 0 && value <= INT32_MAX)
        s.top_k = (int32_t)value;
    return s;
}

/* ---- DRY ----------------------------------------------------------------------------------------------- */

sotto_status sotto_sampling_breaks(const sotto_tokenizer *t, bool *breaks, int32_t n_vocab, sotto_error *err) {
    sotto_buf text = {0};
    bool      ok = true;
    for (int32_t id = 0; ok && id < n_vocab; id++) {
        sotto_buf_clear(&text);
        breaks[id] = id >= sotto_tokenizer_n_vocab(t) || sotto_tokenizer_type(t, id) == SOTTO_TOKEN_CONTROL;
        if (breaks[id]) continue;
        ok = sotto_tokenizer_decode(t, id, false, &text);
        for (size_t i = 0; i < text.len && !breaks[id]; i++)
            breaks[id] = text.data[i] && strchr("\n:\"*", text.data[i]);
    }
    sotto_buf_free(&text);
    return ok ? SOTTO_OK : sotto_fail_memory(err, "the sampler");
}
