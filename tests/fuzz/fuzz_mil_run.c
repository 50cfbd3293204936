/* A program of a Core ML package, unpacked, prepared and called once with inputs of their default shapes, in 1 MiB. The
 * same bytes also stand for its weights. */
#include "coreml/run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUTS_MAX = 4, OUTPUTS_MAX = 4, ELEMENTS_MAX = 4096, STEPS_MAX = 256 };

static void call(sotto_program *p, sotto_program_state *st) {
    static const int32_t         zeros[ELEMENTS_MAX];
    size_t                       n_in, n_out;
    const sotto_program_feature *features = sotto_program_inputs(p, &n_in);
    sotto_array                  in[INPUTS_MAX], out[OUTPUTS_MAX];
    (void)sotto_program_outputs(p, &n_out);
    if (n_in > INPUTS_MAX || n_out > OUTPUTS_MAX) return;
    for (size_t i = 0; i < n_in; i++) {
        size_t n = 1;
        in[i] = (sotto_array){.name = features[i].name, .element = features[i].element, .rank = features[i].rank,
                              .data = zeros};
        for (int32_t k = 0; k < in[i].rank; k++) {
            in[i].shape[k] = features[i].shape[k];
            if (!sotto_size_mul(n, (size_t)in[i].shape[k], &n)) return;
        }
        if (n > ELEMENTS_MAX) return;
    }
    sotto_error err;
    for (int round = 0; round < 2; round++) (void)sotto_program_predict(p, st, in, n_in, out, n_out, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const sotto_program_options o = {.threads = 1, .memory_limit = 1 << 20};
    sotto_mil_program           program;
    sotto_program              *p = NULL;
    sotto_program_state        *st = NULL;
    sotto_error                 err;
    if (sotto_mil_program_unpack(&program, data, size, data, size, &err) != SOTTO_OK) return 0;
    if (sotto_program_prepare(&p, &program, size, &o, &err) == SOTTO_OK && p->n_steps <= STEPS_MAX &&
        sotto_program_state_open(&st, p, &err) == SOTTO_OK)
        call(p, st);
    sotto_program_state_close(st);
    sotto_program_close(p);
    sotto_mil_program_free(&program);
    return 0;
}
