/* weight.bin of a Core ML package: every record is looked at, and all of its data read. */
#include "coreml/mil.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t          n;
    sotto_error       err;
    sotto_blob        blob;
    volatile uint64_t sum = 0;
    (void)sotto_blob_check_all(data, size, &n, &err);
    for (size_t offset = 0; offset < size && offset < 1 << 16; offset += SOTTO_BLOB_ALIGNMENT)
        if (sotto_blob_at(&blob, data, size, offset, &err) == SOTTO_OK)
            sum = sum + sotto_hash(blob.data, blob.n_bytes, 0);
    return 0;
}
