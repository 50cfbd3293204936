/* A safetensors file of a stranger: parsed, and every byte that a tensor claims is read. */
#include "format/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sotto_tensor_list list = {0};
    sotto_error       err;
    volatile uint64_t sum = 0;
    if (sotto_safetensors_parse(&list, data, size, 0, &err) == SOTTO_OK)
        for (size_t i = 0; i < list.count; i++) {
            const sotto_tensor *t = &list.items[i];
            sum = sum + sotto_hash(t->data, t->n_bytes, 0) + sotto_hash(t->name.p, t->name.n, 0);
        }
    sotto_tensor_list_free(&list);
    return 0;
}
