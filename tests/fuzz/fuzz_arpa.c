/* The check of language models, from any bytes. */
#include "speech/stt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    (void)sotto_arpa_check_text("fuzz", (const char *)data, n, NULL);
    return 0;
}
