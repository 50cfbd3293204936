/* Manifest.json of a Core ML package. */
#include "coreml/mil.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sotto_mil_manifest m;
    sotto_error        err;
    (void)sotto_mil_manifest_parse(&m, (sotto_str){(const char *)data, size}, &err);
    return 0;
}
