/* weight.bin: reading with suspicion, and writing in one pass. */
#include "coreml/mil.h"

/* The header: how many records, and the format's version; the rest is zero. */
typedef struct file_header {
    uint32_t n_blobs, version;
    uint64_t zero[7];
} file_header;

typedef struct record {
    uint32_t sentinel, dtype;
    uint64_t n_bytes, offset; /* of the data, from the file's begin */
    uint64_t padding_bits;
    uint64_t zero[4];
} record;

_Static_assert(sizeof(file_header) == SOTTO_BLOB_ALIGNMENT && sizeof(record) == SOTTO_BLOB_ALIGNMENT, "64 bytes each");

static const uint32_t sentinel = 0xdeadbeef, version = 2;

sotto_status sotto_blob_at(sotto_blob *out, const uint8_t *file, size_t size, uint64_t offset, sotto_error *err) {
    record r;
    if (offset < sizeof(file_header) || offset % SOTTO_BLOB_ALIGNMENT != 0 || size < sizeof r ||
        offset > size - sizeof r)
        return sotto_fail_at(err, SOTTO_FORMAT, offset,
                             "weight.bin: a constant is said to be at byte %llu, which is not inside of its %zu bytes "
                             "or not a multiple of 64",
                             (unsigned long long)offset, size);
    memcpy(&r, file + offset, sizeof r);
    if (r.sentinel != sentinel)
        return sotto_fail_at(err, SOTTO_FORMAT, offset, "weight.bin: no record begins at byte %llu",
                             (unsigned long long)offset);
    if (r.offset % SOTTO_BLOB_ALIGNMENT != 0 || r.offset > size || r.n_bytes > size - r.offset || r.padding_bits > 7)
        return sotto_fail_at(err, SOTTO_FORMAT, offset,
                             "weight.bin: the record at byte %llu wants %llu bytes at %llu of a file of %zu",
                             (unsigned long long)offset, (unsigned long long)r.n_bytes, (unsigned long long)r.offset,
                             size);
    *out = (sotto_blob){.dtype = r.dtype, .data = file + r.offset, .n_bytes = (size_t)r.n_bytes,
                        .padding_bits = (uint32_t)r.padding_bits};
    return SOTTO_OK;
}

sotto_status sotto_blob_check_all(const uint8_t *file, size_t size, uint32_t *n_blobs, sotto_error *err) {
    file_header h;
    size_t      offset = sizeof h;
    *n_blobs = 0;
    if (size < sizeof h) return sotto_fail(err, SOTTO_FORMAT, "weight.bin: %zu bytes are too few for its header", size);
    memcpy(&h, file, sizeof h);
    if (h.version != version)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "weight.bin: is of version %u; only version %u is known",
                          (unsigned)h.version, (unsigned)version);
    for (uint32_t i = 0; i < h.n_blobs; i++) {
        sotto_blob b;
        SOTTO_TRY(sotto_blob_at(&b, file, size, offset, err));
        /* Only forwards, so that a record that points back is no endless walk. */
        size_t begin = (size_t)(b.data - file);
        if (begin < offset + sizeof(record) || !sotto_size_align(begin + b.n_bytes, SOTTO_BLOB_ALIGNMENT, &offset))
            return sotto_fail_at(err, SOTTO_FORMAT, offset, "weight.bin: record %u overlaps its own data", (unsigned)i);
    }
    *n_blobs = h.n_blobs;
    return SOTTO_OK;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

uint64_t sotto_blob_place(sotto_blob_layout *l, const sotto_mil_type *type) {
    size_t   n_elements, n_bytes;
    uint64_t at = SOTTO_MAX(l->end, (uint64_t)sizeof(file_header));
    if (!sotto_mil_type_measure(type, &n_elements, &n_bytes) || n_bytes > UINT64_MAX / 4 || at > UINT64_MAX / 4)
        return 0;
    at = (at + SOTTO_BLOB_ALIGNMENT - 1) & ~(uint64_t)(SOTTO_BLOB_ALIGNMENT - 1);
    l->end = at + sizeof(record) + n_bytes;
    l->n++;
    return at;
}

sotto_status sotto_blob_write_header(sotto_writer *w, const sotto_blob_layout *l, sotto_error *err) {
    file_header h = {.n_blobs = l->n, .version = version};
    return sotto_writer_write(w, &h, sizeof h, err);
}

sotto_status sotto_blob_write_record(sotto_writer *w, const sotto_mil_type *type, sotto_error *err) {
    static const uint8_t        zeros[SOTTO_BLOB_ALIGNMENT];
    const sotto_mil_dtype_info *info = sotto_mil_dtype_get((int64_t)type->dtype);
    size_t                      n_elements = 0, n_bytes = 0;
    size_t                      gap = (size_t)(-sotto_writer_offset(w) % SOTTO_BLOB_ALIGNMENT);
    if (!sotto_mil_type_measure(type, &n_elements, &n_bytes))
        return sotto_fail(err, SOTTO_INVALID, "weight.bin: a constant has no size");
    SOTTO_TRY(sotto_writer_write(w, zeros, gap, err));
    record r = {.sentinel = sentinel, .dtype = info->blob, .n_bytes = n_bytes,
                .offset = sotto_writer_offset(w) + sizeof r, .padding_bits = n_bytes * 8 - n_elements * info->bits};
    return sotto_writer_write(w, &r, sizeof r, err);
}
