/* The program of a Core ML package, unpacked and packed again. The same bytes also stand for its weights. */
#include "coreml/mil.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sotto_mil_program p;
    sotto_error       err;
    sotto_buf         out = {0};
    if (sotto_mil_program_unpack(&p, data, size, data, size, &err) != SOTTO_OK) return 0;
    (void)sotto_mil_program_pack(&p, &out, &err);
    sotto_buf_free(&out);
    sotto_mil_program_free(&p);
    return 0;
}
