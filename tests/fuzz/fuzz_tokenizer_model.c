/* A tokenizer.model of a stranger: opened, and if that succeeds, used on text and on every token. The last 32 bytes of
 * the input are the text to encode. */
#include "fuzz/fuzz_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t           n_text = SOTTO_MIN(size, (size_t)32);
    sotto_str        model = {(const char *)data, size - n_text}, text = {(const char *)data + (size - n_text), n_text};
    sotto_tokenizer *t = NULL;
    sotto_error      err;
    if (sotto_tokenizer_from_texts(&t, (sotto_str){"", 0}, model, NULL, NULL, NULL, &err) == SOTTO_OK)
        fuzz_use_tokenizer(t, text);
    sotto_tokenizer_close(t);
    return 0;
}
