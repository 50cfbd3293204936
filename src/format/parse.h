/* Private to format/ and its tests: parsing one file that lies in memory, whoever put it there. The functions
 * here never touch the disk, so a fuzzer can call them; messages do not name the file (checkpoint.c does). */
#ifndef SOTTO_PARSE_H
#define SOTTO_PARSE_H

#include "format/format.h"

/* The arguments of "%.*s" for a name from a file, cut so that a message keeps room for its reason. */
#define SOTTO_NAME(str) (int)SOTTO_MIN((str).n, (size_t)80), (str).p

/* ---- tensors, of one file after the other -------------------------------------------------------------- */

typedef struct sotto_tensor_list {
    sotto_tensor *items;
    size_t        count, cap;
    sotto_map     names; /* to the index in items */
    sotto_arena   arena; /* names that had escapes, and data whose place in the file is not aligned */
} sotto_tensor_list;

/* Fill t->n_bytes from type and shape; false when the row is not whole blocks or the size overflows. */
bool         sotto_tensor_measure(sotto_tensor *t);
sotto_status sotto_tensor_list_reserve(sotto_tensor_list *list, size_t extra, sotto_error *err);
void         sotto_tensor_list_add(sotto_tensor_list *list, const sotto_tensor *t); /* into reserved room */
/* All tensors of a file, items[first..], are added, with `file_offset` inside the file: put them into the
 * order of their data, refuse overlaps (and gaps, when `dense`: the data fill [data_start, size) exactly)
 * and names that are taken, and set their `data`, a pointer into `file` wherever it is aligned. */
sotto_status sotto_tensor_list_end_file(sotto_tensor_list *list, size_t first, const uint8_t *file,
                                        size_t size, size_t data_start, bool dense, sotto_error *err);
void         sotto_tensor_list_free(sotto_tensor_list *list);

/* ---- files --------------------------------------------------------------------------------------------- */

/* Append the tensors of a file at file[0..size), which must outlive the list. */
sotto_status sotto_safetensors_parse(sotto_tensor_list *list, const uint8_t *file, size_t size,
                                     int32_t file_index, sotto_error *err);
sotto_status sotto_gguf_parse(sotto_gguf **out, sotto_tensor_list *list, const uint8_t *file, size_t size,
                              int32_t file_index, sotto_error *err);
void         sotto_gguf_free(sotto_gguf *g);

/* What the parser keeps of a key and its value: where its bytes are. */
struct sotto_gguf_value {
    sotto_str             key;
    sotto_gguf_type       type, item_type; /* item_type of arrays */
    const uint8_t        *bytes;           /* as in the file, after the type tag */
    size_t                n_bytes;
    size_t                count; /* elements of an array */
    const uint8_t *const *items; /* of an array of strings: where each begins */
};

/* Bytes of one value of a type; 0 for strings and arrays. */
size_t sotto_gguf_type_bytes(sotto_gguf_type type);

enum { SOTTO_GGUF_NAME_MAX = 63, SOTTO_GGUF_KEY_MAX = 65535, SOTTO_GGUF_ALIGNMENT = 32 };

#endif
