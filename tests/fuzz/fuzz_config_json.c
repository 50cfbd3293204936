/* A config.json of a stranger: parsed and understood as a model's configuration, or refused. */
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t      *json;
    sotto_error  err;
    sotto_arena  arena = {0};
    sotto_config config = {0};
    if (sotto_json_parse(&json, (sotto_str){(const char *)data, size}, "config.json", &err) == SOTTO_OK) {
        if (sotto_config_from_hf(&config, json, &arena, &err) == SOTTO_OK)
            (void)sotto_config_check(&config, &err);
        json_decref(json);
    }
    sotto_arena_free(&arena);
    return 0;
}
