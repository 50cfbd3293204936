/* A tokenizer.json of a stranger: opened, and if that succeeds, used on text and on every token. The input may go on
 * after a NUL with a tokenizer_config.json and, after another, with a text to encode. */
#include "fuzz/fuzz_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sotto_str        rest = {(const char *)data, size}, json = fuzz_part(&rest), config_text = fuzz_part(&rest);
    json_t          *config = config_text.n ? json_loadb(config_text.p, config_text.n, JSON_ALLOW_NUL, NULL) : NULL;
    sotto_tokenizer *t = NULL;
    sotto_error      err;
    if (json.n && sotto_tokenizer_from_texts(&t, json, (sotto_str){"", 0}, config, config, config, &err) == SOTTO_OK)
        fuzz_use_tokenizer(t, rest);
    sotto_tokenizer_close(t);
    json_decref(config);
    return 0;
}
