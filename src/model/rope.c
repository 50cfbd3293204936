/* Rotary position embeddings: frequencies and angles. Source: Su et al. 2021 (RoFormer). */
#include "model/model.h"

#include <math.h>

sotto_status sotto_rope_init(sotto_rope_config *rope, sotto_arena *arena, int32_t head_dim, float base,
                             float linear_factor, int32_t n_rotated, sotto_error *err) {
    int32_t n_pairs = head_dim / 2;
    *rope = (sotto_rope_config){.head_dim = head_dim, .base = base, .linear_factor = linear_factor};
    if (!(base > 1) || !isfinite(base))
        return sotto_fail(err, SOTTO_FORMAT, "rotary base %g is not above 1: the configuration is damaged",
                          (double)base);
    if (!(linear_factor > 0) || !isfinite(linear_factor))
        return sotto_fail(err, SOTTO_FORMAT, "rotary scaling factor %g is not positive", (double)linear_factor);
    if (n_pairs < 1 || n_rotated < 0 || n_rotated > n_pairs)
        return sotto_fail(err, SOTTO_FORMAT, "%d rotated pairs in a head of %d", (int)n_rotated, (int)head_dim);
    if (!(rope->inv_freq = sotto_arena_array(arena, (size_t)n_pairs, sizeof(float))))
        return sotto_fail_memory(err, "rotary frequencies");
    for (int32_t i = 0; i < n_rotated; i++)
        rope->inv_freq[i] = (float)(pow((double)base, -2.0 * i / head_dim) / (double)linear_factor);
    return SOTTO_OK;
}

/* In float, as the reference implementations compute it: at large positions a more exact product would give other
 * angles than those that the models were trained with. */
void sotto_rope_angles(const sotto_rope_config *rope, int32_t position, float *cosines, float *sines) {
    for (int32_t i = 0; i < rope->head_dim / 2; i++) {
        float angle = (float)position * rope->inv_freq[i];
        cosines[i] = cosf(angle);
        sines[i] = sinf(angle);
    }
}
