/* A sound file of a stranger: as a file, as a stream that cannot be sought in, and as bare samples; all samples are
 * read, up to a minute. */
#define _POSIX_C_SOURCE 200809L
#include "audio/wav.h"

int         LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

/* libsndfile forgets a piece of memory of libvorbis when it gives up a damaged Ogg file. */
const char *__lsan_default_suppressions(void) { return "leak:libvorbis\nleak:libsndfile\n"; }

static void read_as(const uint8_t *data, size_t size, bool stream, int32_t raw_rate) {
    sotto_audio_reader *r;
    sotto_error         err = {.message = ""};
    int16_t             pcm[1000];
    size_t              n = 1, total = 0;
    FILE               *f = fmemopen((void *)(uintptr_t)data, size, "rb");
    if (!f) return;
    sotto_status status = sotto_audio_reader_open_file(&r, f, "input", stream, raw_rate, &err);
    if (status != SOTTO_OK) {
        if (!err.message[0] || r) __builtin_trap();
        return;
    }
    while (status == SOTTO_OK && n > 0 && total < 60 * SOTTO_AUDIO_RATE) {
        status = sotto_audio_reader_read(r, pcm, SOTTO_COUNT(pcm), &n, &err);
        if (n > SOTTO_COUNT(pcm)) __builtin_trap();
        total += n;
    }
    sotto_audio_reader_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    read_as(data, size, false, 0);
    read_as(data, size, true, 0);
    read_as(data, size, true, 4000 + (int32_t)size);
    return 0;
}
