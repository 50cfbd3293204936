/* The header of a WAV stream (Microsoft, Multimedia Programming Interface 1.0, 1991; RF64: EBU Tech 3306): chunks, of
 * which "fmt " and "data" are wanted. Every number is a stranger's. */
#include <errno.h>

#include "audio/wav.h"

/* Programs that write to a pipe give 0, 0xffffffff, or something a little below 2 or 4 GiB: no length is meant. */
enum { LENGTH_UNKNOWN = 0x7fff0000, CHUNKS_MAX = 16 << 20, FORMAT_MAX = 40 };
enum { KIND_PCM = 1, KIND_FLOAT = 3, KIND_EXTENSIBLE = 0xfffe };

static uint32_t get16(const uint8_t *p) { return (uint32_t)(p[0] | p[1] << 8); }
static uint32_t get32(const uint8_t *p) { return get16(p) | get16(p + 2) << 16; }
static uint64_t get64(const uint8_t *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }

static void put16(uint8_t *p, uint32_t x) { p[0] = (uint8_t)x, p[1] = (uint8_t)(x >> 8); }
static void put32(uint8_t *p, uint32_t x) { put16(p, x), put16(p + 2, x >> 16); }

/* ---- reading --------------------------------------------------------------------------------------------- */

static sotto_status read_bytes(FILE *f, void *out, size_t n, const char *name, sotto_error *err) {
    if (fread(out, 1, n, f) == n) return SOTTO_OK;
    if (ferror(f)) return sotto_fail(err, SOTTO_IO, "%s: cannot be read: %s", name, strerror(errno));
    return sotto_fail(err, SOTTO_FORMAT, "%s: ends before its first sample", name);
}

static sotto_status skip_bytes(FILE *f, size_t n, const char *name, sotto_error *err) {
    uint8_t part[4096];
    for (size_t k; n > 0; n -= k) {
        k = SOTTO_MIN(n, sizeof part);
        SOTTO_TRY(read_bytes(f, part, k, name, err));
    }
    return SOTTO_OK;
}

/* The chunk "fmt ": p[0..n), n at least 16. */
static sotto_status read_format(sotto_wav_layout *w, const uint8_t *p, size_t n, const char *name, sotto_error *err) {
    uint32_t kind = get16(p), channels = get16(p + 2), rate = get32(p + 4), frame = get16(p + 12), bits = get16(p + 14);
    if (kind == KIND_EXTENSIBLE && n >= 26) kind = get16(p + 24);
    if (kind != KIND_PCM && kind != KIND_FLOAT)
        return sotto_fail(err, SOTTO_UNSUPPORTED,
                          "%s: its samples are compressed (WAV format %u); give a stream of integers or floats", name,
                          kind);
    if (channels < 1 || channels > SOTTO_CHANNELS_MAX)
        return sotto_fail(err, SOTTO_FORMAT, "%s: has %u channels, expected 1 to %d", name, channels,
                          SOTTO_CHANNELS_MAX);
    uint32_t bytes = frame / channels;
    bool     known = kind == KIND_PCM ? bytes >= 1 && bytes <= 4 : bytes == 4 || bytes == 8;
    if (!known || bytes * channels != frame || bits > bytes * 8 || bits + 8 <= bytes * 8)
        return sotto_fail(err, SOTTO_FORMAT,
                          "%s: its header gives samples of %u bits in frames of %u bytes for %u channels", name, bits,
                          frame, channels);
    w->rate = rate > INT32_MAX ? INT32_MAX : (int32_t)rate;
    w->channels = (int32_t)channels;
    w->bytes = (int32_t)bytes;
    w->is_float = kind == KIND_FLOAT;
    return SOTTO_OK;
}

/* Chunks up to "data". What RF64 keeps elsewhere, the length, a stream does not need. */
static sotto_status read_chunks(sotto_wav_layout *w, FILE *f, const char *name, sotto_error *err) {
    uint8_t  head[8], format[FORMAT_MAX];
    uint64_t passed = 0;
    for (bool have_format = false;;) {
        SOTTO_TRY(read_bytes(f, head, sizeof head, name, err));
        uint64_t n = get32(head + 4), padded = n + (n & 1); /* a chunk begins at an even offset */
        if (memcmp(head, "data", 4) == 0) {
            if (!have_format) return sotto_fail(err, SOTTO_FORMAT, "%s: does not say what its samples are", name);
            w->n_bytes = n == 0 || n >= LENGTH_UNKNOWN ? UINT64_MAX : n;
            return SOTTO_OK;
        }
        if ((passed += padded + sizeof head) > CHUNKS_MAX)
            return sotto_fail(err, SOTTO_FORMAT, "%s: its samples do not begin within %d MiB", name, CHUNKS_MAX >> 20);
        if (memcmp(head, "fmt ", 4) == 0) {
            if (n < 16) return sotto_fail(err, SOTTO_FORMAT, "%s: its header is too short", name);
            size_t k = (size_t)SOTTO_MIN(n, sizeof format);
            SOTTO_TRY(read_bytes(f, format, k, name, err));
            SOTTO_TRY(read_format(w, format, k, name, err));
            have_format = true;
            padded -= k;
        }
        SOTTO_TRY(skip_bytes(f, (size_t)padded, name, err));
    }
}

sotto_status sotto_wav_read_header(sotto_wav_layout *out, FILE *f, const char *name, sotto_error *err) {
    uint8_t          head[12];
    sotto_wav_layout w = {0};
    SOTTO_TRY(read_bytes(f, head, sizeof head, name, err));
    bool wav = (memcmp(head, "RIFF", 4) == 0 || memcmp(head, "RF64", 4) == 0) && memcmp(head + 8, "WAVE", 4) == 0;
    if (!wav)
        return sotto_fail(err, SOTTO_FORMAT,
                          "%s: is no WAV stream; give the name of a file of another kind, or the rate of bare samples",
                          name);
    SOTTO_TRY(read_chunks(&w, f, name, err));
    *out = w;
    return SOTTO_OK;
}

/* Integers are moved to the top of 32 bits; those of one byte are unsigned. */
float sotto_wav_sample(const sotto_wav_layout *w, const uint8_t *p) {
    if (w->is_float && w->bytes == 4) {
        float    x;
        uint32_t bits = get32(p);
        memcpy(&x, &bits, sizeof x);
        return x;
    }
    if (w->is_float) {
        double   x;
        uint64_t bits = get64(p);
        memcpy(&x, &bits, sizeof x);
        return x >= -1 && x <= 1 ? (float)x : x < 0 ? -1 : x > 0 ? 1 : 0; /* the last: not a number */
    }
    uint32_t x = 0;
    for (int32_t i = 0; i < w->bytes; i++) x = x >> 8 | (uint32_t)p[i] << 24;
    if (w->bytes == 1) x ^= 0x80000000u;
    return (float)(int32_t)x * (1.0f / 2147483648.0f);
}

/* ---- writing --------------------------------------------------------------------------------------------- */

void sotto_wav_write_header(uint8_t out[SOTTO_WAV_HEADER], int32_t rate, uint64_t n_bytes) {
    bool     known = n_bytes <= UINT32_MAX - SOTTO_WAV_HEADER;
    uint32_t riff = known ? (uint32_t)n_bytes + SOTTO_WAV_HEADER - 8 : UINT32_MAX;
    memcpy(out, "RIFF....WAVEfmt ....", 20);
    put32(out + 4, riff);
    put32(out + 16, 16);
    put16(out + 20, KIND_PCM);
    put16(out + 22, 1);                   /* channel */
    put32(out + 24, (uint32_t)rate);
    put32(out + 28, (uint32_t)rate * 2);  /* bytes a second */
    put16(out + 32, 2);                   /* bytes a frame */
    put16(out + 34, 16);                  /* bits a sample */
    memcpy(out + 36, "data", 4);
    put32(out + 40, known ? (uint32_t)n_bytes : UINT32_MAX);
}
