/* A GGUF file of a stranger: parsed, every value asked for in every way, and every byte of the tensors
 * read. */
#include "format/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t read_value(const sotto_gguf_value *v) {
    int64_t   i = 0;
    double    f = 0;
    bool      b = false;
    sotto_str s = {"", 0};
    uint64_t  sum = (uint64_t)sotto_gguf_type_of(v) + (uint64_t)sotto_gguf_item_type_of(v);
    sum += sotto_gguf_get_i64(v, &i) + sotto_gguf_get_f64(v, &f) + sotto_gguf_get_bool(v, &b);
    if (sotto_gguf_get_str(v, &s)) sum += sotto_hash(s.p, s.n, 0);
    for (size_t k = 0; k <= sotto_gguf_count(v); k++) {
        sum += sotto_gguf_item_i64(v, k, &i) + sotto_gguf_item_f64(v, k, &f) + sotto_gguf_item_bool(v, k, &b);
        if (sotto_gguf_item_str(v, k, &s)) sum += sotto_hash(s.p, s.n, 0);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sotto_tensor_list list = {0};
    sotto_gguf       *g;
    sotto_error       err;
    volatile uint64_t sum = 0;
    if (sotto_gguf_parse(&g, &list, data, size, 0, &err) == SOTTO_OK) {
        for (size_t i = 0; i < sotto_gguf_key_count(g); i++)
            sum = sum + sotto_gguf_key(g, i).n + read_value(sotto_gguf_at(g, i));
        for (size_t i = 0; i < list.count; i++)
            sum = sum + sotto_hash(list.items[i].data, list.items[i].n_bytes, 0);
        sotto_gguf_free(g);
    }
    sotto_tensor_list_free(&list);
    return 0;
}
