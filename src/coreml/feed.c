/* Packages as language models. */
#include "coreml/run.h"

#include <math.h>
#include <stdlib.h>

static const sotto_program_feature *find(const sotto_program_feature *list, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0) return &list[i];
    return NULL;
}

sotto_status sotto_program_context(const sotto_program *p, int32_t *context, sotto_error *err) {
    size_t                       n_in, n_out, n_states;
    const sotto_program_feature *in = sotto_program_inputs(p, &n_in), *out = sotto_program_outputs(p, &n_out);
    const sotto_program_feature *states = sotto_program_states(p, &n_states);
    const sotto_program_feature *ids = find(in, n_in, "inputIds"), *mask = find(in, n_in, "causalMask");
    const sotto_program_feature *keys = find(states, n_states, "keyCache");
    if (n_in != 2 || n_out != 1 || !ids || !mask || !keys || !find(states, n_states, "valueCache") ||
        strcmp(out->name, "logits") != 0 || ids->rank != 2 || ids->element != SOTTO_ELEMENT_I32 || mask->rank != 4 ||
        keys->rank < 2)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "the package is no language model: those have inputIds, causalMask, "
                          "keyCache, valueCache and logits");
    int64_t most = mask->upper[3], slots = keys->shape[keys->rank - 2];
    if (most < 0 || most > slots) most = slots;
    *context = (int32_t)SOTTO_MIN(most, (int64_t)INT32_MAX);
    return SOTTO_OK;
}

/* Row i sees what lies up to position n_past + i: [n, n_past + n]. It is the state's, and grows to a power of two, so
 * that a token seldom allocates. NULL: no memory. */
static const float *make_mask(sotto_program_state *st, size_t n, size_t n_past) {
    size_t end = n_past + n, size, cap = 1024;
    if (!sotto_size_mul(n, end, &size) || size > SIZE_MAX / (2 * sizeof *st->mask)) return NULL;
    if (size > st->mask_cap) {
        while (cap < size) cap *= 2;
        float *mask = realloc(st->mask, cap * sizeof *mask);
        if (!mask) return NULL;
        st->mask = mask, st->mask_cap = cap;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < end; k++) st->mask[i * end + k] = k > n_past + i ? -INFINITY : 0;
    return st->mask;
}

sotto_status sotto_program_feed(sotto_program *p, sotto_program_state *st, const int32_t *tokens, size_t n,
                                size_t n_past, const float **logits, int32_t *n_rows, int32_t *n_vocab,
                                sotto_error *err) {
    int32_t context;
    SOTTO_TRY(sotto_program_context(p, &context, err));
    if (n < 1 || n > (size_t)context || n_past > (size_t)context - n)
        return sotto_fail(err, SOTTO_CONTEXT_FULL, "%zu tokens after %zu do not fit the package's context of %d", n,
                          n_past, (int)context);
    const float *mask = make_mask(st, n, n_past);
    if (!mask) return sotto_fail_memory(err, "a mask");
    int64_t     rows = (int64_t)n, end = (int64_t)(n_past + n);
    sotto_array in[] = {{.name = "inputIds", .element = SOTTO_ELEMENT_I32, .rank = 2, .shape = {1, rows},
                         .data = tokens},
                        {.name = "causalMask", .rank = 4, .shape = {1, 1, rows, end}, .data = mask}};
    sotto_array out;
    SOTTO_TRY(sotto_program_predict(p, st, in, 2, &out, 1, err));
    if (out.rank != 3 || out.shape[0] != 1 || (out.shape[1] != rows && out.shape[1] != 1) || out.shape[2] < 1 ||
        out.shape[2] > INT32_MAX || out.element != SOTTO_ELEMENT_F32)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "the package's logits are not [1, tokens, vocabulary]");
    *logits = out.data;
    *n_rows = (int32_t)out.shape[1], *n_vocab = (int32_t)out.shape[2];
    return SOTTO_OK;
}
