/* The tensors of the files of a checkpoint: sizes, order, overlaps, duplicate names. Both formats end
 * here. */
#include "format/parse.h"

#include <stdlib.h>

bool sotto_tensor_measure(sotto_tensor *t) {
    size_t n;
    if (!sotto_dtype_row_bytes(t->dtype, (uint64_t)t->dim[0], &n)) return false;
    for (int i = 1; i < 4; i++)
        if (!sotto_size_mul(n, (size_t)t->dim[i], &n)) return false;
    t->n_bytes = n;
    return true;
}

sotto_status sotto_tensor_list_reserve(sotto_tensor_list *list, size_t extra, sotto_error *err) {
    size_t need, bytes;
    if (!sotto_size_add(list->count, extra, &need) || need > INT32_MAX)
        return sotto_fail(err, SOTTO_LIMIT, "more than %d tensors", INT32_MAX);
    if (need <= list->cap) return SOTTO_OK;
    if (!sotto_size_mul(need, sizeof *list->items, &bytes))
        return sotto_fail_memory(err, "the list of tensors");
    sotto_tensor *items = realloc(list->items, bytes);
    if (!items) return sotto_fail_memory(err, "the list of tensors");
    list->items = items;
    list->cap = need;
    return SOTTO_OK;
}

void sotto_tensor_list_add(sotto_tensor_list *list, const sotto_tensor *t) {
    list->items[list->count++] = *t;
}

/* By place, an empty tensor before the one that begins where it lies; by name where neither tells. */
static int by_place(const void *left, const void *right) {
    const sotto_tensor *a = left, *b = right;
    if (a->file_offset != b->file_offset) return a->file_offset < b->file_offset ? -1 : 1;
    if (a->n_bytes != b->n_bytes) return a->n_bytes < b->n_bytes ? -1 : 1;
    int order = memcmp(a->name.p, b->name.p, SOTTO_MIN(a->name.n, b->name.n));
    return order ? order : (a->name.n > b->name.n) - (a->name.n < b->name.n);
}

/* items[0..n) are sorted: does each begin where the one before it ends (or later, when not dense)? */
static sotto_status check_places(const sotto_tensor *items, size_t n, size_t data_start, size_t size,
                                 bool dense, sotto_error *err) {
    uint64_t end = data_start;
    for (size_t i = 0; i < n; i++) {
        const sotto_tensor *t = &items[i];
        if (t->file_offset < end)
            return sotto_fail_at(err, SOTTO_FORMAT, t->file_offset,
                                 "tensor '%.*s' begins at offset %llu inside tensor '%.*s', which ends at "
                                 "%llu; the file is damaged",
                                 SOTTO_NAME(t->name), (unsigned long long)t->file_offset,
                                 SOTTO_NAME(items[i ? i - 1 : 0].name), (unsigned long long)end);
        if (dense && t->file_offset > end)
            return sotto_fail_at(
                err, SOTTO_FORMAT, end,
                "%llu bytes before tensor '%.*s' at offset %llu belong to no tensor; the file is damaged",
                (unsigned long long)(t->file_offset - end), SOTTO_NAME(t->name),
                (unsigned long long)t->file_offset);
        end = t->file_offset + t->n_bytes;
    }
    if (dense && end != size)
        return sotto_fail_at(
            err, SOTTO_FORMAT, end,
            "the last tensor ends at offset %llu but the file has %zu bytes; the file is damaged",
            (unsigned long long)end, size);
    return SOTTO_OK;
}

/* Kernels read elements (and the f16 scales of blocks) as such, so a tensor at an odd place is copied.
 * Writers align their data; only files made by hand come here. */
static bool place(sotto_tensor *t, const uint8_t *file, sotto_arena *arena) {
    const sotto_dtype_info *type = sotto_dtype_get(t->dtype);
    size_t                  align = type->block_elems == 1 ? type->block_bytes : sizeof(uint16_t);
    t->data = file + t->file_offset;
    if ((uintptr_t)t->data % align == 0) return true;
    void *copy = sotto_arena_alloc(arena, t->n_bytes);
    if (copy && t->n_bytes) memcpy(copy, t->data, t->n_bytes);
    t->data = copy;
    return copy != NULL;
}

sotto_status sotto_tensor_list_end_file(sotto_tensor_list *list, size_t first, const uint8_t *file,
                                        size_t size, size_t data_start, bool dense, sotto_error *err) {
    size_t        n = list->count - first;
    sotto_tensor *items = n ? list->items + first : NULL;
    if (n) qsort(items, n, sizeof *items, by_place);
    SOTTO_TRY(check_places(items, n, data_start, size, dense, err));
    if (!sotto_map_reserve(&list->names, list->count)) return sotto_fail_memory(err, "the names of tensors");
    for (size_t i = first; i < list->count; i++) {
        sotto_tensor *t = &list->items[i];
        int           added = sotto_map_add(&list->names, t->name, (int32_t)i);
        if (added == 0)
            return sotto_fail(err, SOTTO_FORMAT, "tensor '%.*s' is there twice; the file is damaged",
                              SOTTO_NAME(t->name));
        if (added < 0 || !place(t, file, &list->arena)) return sotto_fail_memory(err, "the tensors");
    }
    return SOTTO_OK;
}

void sotto_tensor_list_free(sotto_tensor_list *list) {
    free(list->items);
    sotto_map_free(&list->names);
    sotto_arena_free(&list->arena);
    *list = (sotto_tensor_list){0};
}
