/* safetensors: 8 bytes with the length of the header, the header in JSON, then the data.
 *
 *   {"name": {"dtype": "BF16", "shape": [out, in], "data_offsets": [begin, end]}, ..., "__metadata__": {...}}
 *
 * The rules are those that the reference reader (huggingface/safetensors) enforces: no name twice, every
 * tensor as long as its shape says, and all of them together exactly the data: nothing hides in between. */
#include "format/parse.h"

enum { HEADER_MAX = 100000000 }; /* the reference's limit */

/* The dtypes that can be listed; of these only F32, F16 and BF16 are weights for us. */
static const struct {
    const char *name;
    sotto_dtype dtype;
} dtypes[] = {
    {"F32", SOTTO_F32}, {"F16", SOTTO_F16}, {"BF16", SOTTO_BF16}, {"F64", SOTTO_F64}, {"I64", SOTTO_I64},
    {"I32", SOTTO_I32}, {"I16", SOTTO_I16}, {"I8", SOTTO_I8},     {"U8", SOTTO_U8},   {"BOOL", SOTTO_BOOL},
};

static sotto_status read_dtype(sotto_tensor *t, const json_t *value, sotto_error *err) {
    const char *name = json_string_value(value);
    if (!name)
        return sotto_fail(err, SOTTO_FORMAT, "tensor '%.*s' has no dtype; the file is damaged",
                          SOTTO_NAME(t->name));
    for (size_t i = 0; i < SOTTO_COUNT(dtypes); i++)
        if (strcmp(name, dtypes[i].name) == 0) {
            t->dtype = dtypes[i].dtype;
            return SOTTO_OK;
        }
    return sotto_fail(err, SOTTO_UNSUPPORTED,
                      "tensor '%.*s' has dtype %.40s, which sotto does not read; download the model in BF16, "
                      "F16 or F32, or as GGUF",
                      SOTTO_NAME(t->name), name);
}

/* A list of numbers >= 0. */
static bool is_numbers(const json_t *value) {
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *number = json_array_get(value, i);
        if (!json_is_integer(number) || json_integer_value(number) < 0) return false;
    }
    return json_is_array(value);
}

/* The shape comes as in PyTorch, slowest dimension first. What has more than four (no weight of a language
 * model, but the 3-D convolution of a vision tower in the same file) has its outer ones folded into
 * dim[3]. */
static sotto_status read_shape(sotto_tensor *t, const json_t *value, sotto_error *err) {
    size_t n = json_array_size(value);
    if (!is_numbers(value))
        return sotto_fail(err, SOTTO_FORMAT,
                          "the shape of tensor '%.*s' is not a list of whole numbers; the file is damaged",
                          SOTTO_NAME(t->name));
    t->n_dims = (int32_t)SOTTO_MIN(n, (size_t)4);
    for (int d = 0; d < 4; d++) t->dim[d] = 1;
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        size_t d = SOTTO_MIN(i, (size_t)3), product;
        ok = sotto_size_mul((size_t)t->dim[d], (size_t)json_integer_value(json_array_get(value, n - 1 - i)),
                            &product) &&
             product <= INT64_MAX;
        t->dim[d] = (int64_t)product;
    }
    if (!ok || !sotto_tensor_measure(t))
        return sotto_fail(err, SOTTO_FORMAT, "the shape of tensor '%.*s' overflows; the file is damaged",
                          SOTTO_NAME(t->name));
    return SOTTO_OK;
}

/* data_offsets, relative to the end of the header, against the size of the data and of the shape. */
static sotto_status read_place(sotto_tensor *t, const json_t *value, size_t data_start, size_t size,
                               sotto_error *err) {
    if (!is_numbers(value) || json_array_size(value) != 2)
        return sotto_fail(err, SOTTO_FORMAT,
                          "data_offsets of tensor '%.*s' are not two whole numbers; the file is damaged",
                          SOTTO_NAME(t->name));
    uint64_t begin = (uint64_t)json_integer_value(json_array_get(value, 0));
    uint64_t end = (uint64_t)json_integer_value(json_array_get(value, 1));
    if (begin > end || end > size - data_start)
        return sotto_fail(err, SOTTO_FORMAT,
                          "tensor '%.*s' has data_offsets [%llu, %llu] but the file has %zu bytes of data; "
                          "it is damaged or not downloaded to the end",
                          SOTTO_NAME(t->name), (unsigned long long)begin, (unsigned long long)end,
                          size - data_start);
    if (end - begin != t->n_bytes)
        return sotto_fail(
            err, SOTTO_FORMAT,
            "tensor '%.*s' has %llu bytes of data but its shape and dtype need %zu; the file is damaged",
            SOTTO_NAME(t->name), (unsigned long long)(end - begin), t->n_bytes);
    t->file_offset = data_start + begin;
    return SOTTO_OK;
}

static sotto_status check_metadata(json_t *value, sotto_error *err) {
    bool        ok = json_is_object(value);
    const char *key;
    json_t     *item;
    json_object_foreach(value, key, item) ok = ok && json_is_string(item);
    return ok ? SOTTO_OK
              : sotto_fail(err, SOTTO_FORMAT, "__metadata__ is not a map of strings; the file is damaged");
}

static sotto_status read_header(sotto_tensor_list *list, json_t *header, int32_t file_index,
                                size_t data_start, size_t size, sotto_error *err) {
    SOTTO_TRY(sotto_tensor_list_reserve(list, json_object_size(header), err));
    const char *key;
    json_t     *entry;
    json_object_foreach(header, key, entry) {
        if (strcmp(key, "__metadata__") == 0) {
            SOTTO_TRY(check_metadata(entry, err));
            continue;
        }
        sotto_tensor t = {.file_index = file_index, .name = sotto_str_from(key)};
        if (!(t.name.p = sotto_arena_text(&list->arena, key, t.name.n)))
            return sotto_fail_memory(err, "the names of tensors");
        SOTTO_TRY(read_dtype(&t, json_object_get(entry, "dtype"), err));
        SOTTO_TRY(read_shape(&t, json_object_get(entry, "shape"), err));
        SOTTO_TRY(read_place(&t, json_object_get(entry, "data_offsets"), data_start, size, err));
        sotto_tensor_list_add(list, &t);
    }
    return SOTTO_OK;
}

sotto_status sotto_safetensors_parse(sotto_tensor_list *list, const uint8_t *file, size_t size,
                                     int32_t file_index, sotto_error *err) {
    uint64_t n;
    if (size < sizeof n)
        return sotto_fail(err, SOTTO_FORMAT,
                          "the file has %zu bytes, too few for safetensors; download it again", size);
    memcpy(&n, file, sizeof n);
    if (n > HEADER_MAX || n > size - sizeof n)
        return sotto_fail_at(err, SOTTO_FORMAT, 0,
                             "the header states %llu bytes, but the file has %zu and the limit is %d; this "
                             "is no safetensors file, or not downloaded to the end",
                             (unsigned long long)n, size, HEADER_MAX);
    if (n == 0 || file[sizeof n] != '{')
        return sotto_fail_at(err, SOTTO_FORMAT, sizeof n,
                             "the header does not begin with '{'; this is no safetensors file");
    json_t *header;
    SOTTO_TRY(
        sotto_json_parse(&header, (sotto_str){(const char *)file + sizeof n, (size_t)n}, "the header", err));
    size_t       first = list->count, data_start = sizeof n + (size_t)n;
    sotto_status status = read_header(list, header, file_index, data_start, size, err);
    json_decref(header);
    if (status != SOTTO_OK) return status;
    return sotto_tensor_list_end_file(list, first, file, size, data_start, true, err);
}
