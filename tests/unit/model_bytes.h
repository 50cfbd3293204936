/* Builds the bytes of model files by hand, independently of the writer, and gives them to the parsers in
 * memory blocks of their exact size, so that a sanitizer sees a read of one byte too many. */
#ifndef SOTTO_MODEL_BYTES_H
#define SOTTO_MODEL_BYTES_H

#include "test.h"

#include "format/parse.h"

/* ---- safetensors --------------------------------------------------------------------------------------- */

/* A file from its header and n bytes of data: 0, 1, 2, ... */
static inline void st_file(sotto_buf *b, const char *header, size_t n_data) {
    uint64_t n = strlen(header);
    sotto_buf_clear(b);
    sotto_buf_append(b, &n, sizeof n);
    sotto_buf_puts(b, header);
    for (size_t i = 0; i < n_data; i++) sotto_buf_putc(b, (char)i);
}

/* ---- gguf ---------------------------------------------------------------------------------------------- */

static inline void gg_u32(sotto_buf *b, uint32_t v) { sotto_buf_append(b, &v, sizeof v); }
static inline void gg_u64(sotto_buf *b, uint64_t v) { sotto_buf_append(b, &v, sizeof v); }
static inline void gg_str(sotto_buf *b, const char *s) {
    gg_u64(b, strlen(s));
    sotto_buf_puts(b, s);
}
static inline void gg_head(sotto_buf *b, uint32_t version, uint64_t n_tensors, uint64_t n_keys) {
    sotto_buf_clear(b);
    sotto_buf_puts(b, "GGUF");
    gg_u32(b, version);
    gg_u64(b, n_tensors);
    gg_u64(b, n_keys);
}
static inline void gg_key(sotto_buf *b, const char *key, uint32_t type) {
    gg_str(b, key);
    gg_u32(b, type);
}
static inline void gg_key_u32(sotto_buf *b, const char *key, uint32_t value) {
    gg_key(b, key, SOTTO_GGUF_U32);
    gg_u32(b, value);
}
static inline void gg_key_str(sotto_buf *b, const char *key, const char *value) {
    gg_key(b, key, SOTTO_GGUF_STRING);
    gg_str(b, value);
}
static inline void gg_array(sotto_buf *b, const char *key, uint32_t item_type, uint64_t n) {
    gg_key(b, key, SOTTO_GGUF_ARRAY);
    gg_u32(b, item_type);
    gg_u64(b, n);
}
/* A description with two dims. */
static inline void gg_tensor(sotto_buf *b, const char *name, uint64_t dim0, uint64_t dim1, uint32_t type,
                             uint64_t offset) {
    gg_str(b, name);
    gg_u32(b, 2);
    gg_u64(b, dim0);
    gg_u64(b, dim1);
    gg_u32(b, type);
    gg_u64(b, offset);
}
/* Padding to the alignment, then n bytes 0, 1, 2, ... */
static inline void gg_data(sotto_buf *b, size_t alignment, size_t n) {
    while (b->len % alignment) sotto_buf_putc(b, 0);
    for (size_t i = 0; i < n; i++) sotto_buf_putc(b, (char)i);
}

/* ---- parsing a block ----------------------------------------------------------------------------------- */

typedef struct parsed {
    uint8_t          *block;
    sotto_gguf       *gguf;
    sotto_tensor_list list;
    sotto_error       err;
    sotto_status      status;
} parsed;

static inline parsed parse_copy(const void *data, size_t n, bool gguf) {
    parsed p = {.block = malloc(n ? n : 1)};
    if (n) memcpy(p.block, data, n);
    p.status = gguf ? sotto_gguf_parse(&p.gguf, &p.list, p.block, n, 0, &p.err)
                    : sotto_safetensors_parse(&p.list, p.block, n, 0, &p.err);
    return p;
}

static inline void parsed_free(parsed *p) {
    sotto_gguf_free(p->gguf);
    sotto_tensor_list_free(&p->list);
    free(p->block);
}

/* Parsing fails with this status and a message that names the culprit. */
static inline void check_refused(const sotto_buf *b, bool gguf, sotto_status status, const char *culprit) {
    parsed p = parse_copy(b->data, b->len, gguf);
    CHECK_INT(p.status, status);
    if (p.status != SOTTO_OK) {
        CHECK_INT(p.err.status, status);
        if (!strstr(p.err.message, culprit)) CHECK_STR(p.err.message, culprit);
    }
    parsed_free(&p);
}

/* Every prefix of a whole file is refused, and no change of one bit or byte does more than be refused. */
static inline void check_damage(const sotto_buf *b, bool gguf, size_t header_bytes) {
    static const uint8_t changes[] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff};
    for (size_t n = 0; n < b->len; n++) {
        parsed p = parse_copy(b->data, n, gguf);
        if (p.status == SOTTO_OK) CHECK_INT(n, b->len);
        parsed_free(&p);
    }
    size_t refused = 0;
    for (size_t i = 0; i < header_bytes; i++) {
        for (size_t k = 0; k < SOTTO_COUNT(changes); k++) {
            b->data[i] = (char)(b->data[i] ^ changes[k]);
            parsed p = parse_copy(b->data, b->len, gguf);
            refused += p.status != SOTTO_OK;
            parsed_free(&p);
            b->data[i] = (char)(b->data[i] ^ changes[k]);
        }
    }
    CHECK(refused > header_bytes); /* the loop does damage */
}

#endif
