/* Voices of espeak-ng, the program: for other languages, and for machines without the rest. It gets the text on its
 * standard input and gives a WAV file, which is resampled to 24 kHz as it comes. A program of its own, as its licence
 * is not ours. */
#include <speex/speex_resampler.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/os.h"
#include "speech/tts.h"

enum {
    RATE = 24000,
    QUALITY = 5,          /* of the resampler: -80 dB of alias */
    WORDS_A_MINUTE = 175, /* as the program has it */
    WAIT_MS = 10000,      /* for a program that is there and says nothing */
    VOICE_MAX = 40
};

static const char *const voices[] = {"en-us", "en-gb", NULL};

typedef struct espeak {
    char voice[VOICE_MAX + 1];
    char speed[16];
} espeak;

static sotto_status start(sotto_process **p, const espeak *e, const char *text, sotto_error *err) {
    const char *argv[] = {"espeak-ng", "--stdin", "--stdout", "-b", "1", "-v", e->voice, "-s", e->speed, NULL};
    sotto_error why = {0};
    sotto_status status = sotto_process_start(p, argv, text, strlen(text), &why);
    if (status == SOTTO_NOT_FOUND)
        return sotto_fail(err, status, "the voice espeak:%s needs the program espeak-ng, which is not installed "
                          "(apt install espeak-ng)", e->voice);
    return status == SOTTO_OK ? status : sotto_fail(err, status, "%s", why.message);
}

/* Says nothing, which it only does in a voice that it has. */
static sotto_status try_voice(const espeak *e, sotto_error *err) {
    sotto_process *p = NULL;
    char           skipped[512];
    SOTTO_TRY(start(&p, e, "", err));
    while (sotto_process_read(p, skipped, sizeof skipped, WAIT_MS) > 0) {}
    if (sotto_process_close(p, WAIT_MS) == 0) return SOTTO_OK;
    return sotto_fail(err, SOTTO_NOT_FOUND, "espeak-ng has no voice %s; espeak-ng --voices lists those it has",
                      e->voice);
}

static sotto_status espeak_open(void **out, int32_t *rate, const char *voice, float speed, sotto_error *err) {
    size_t n = strspn(voice, "abcdefghijklmnopqrstuvwxyz0123456789+-");
    if (n == 0 || n > VOICE_MAX || voice[n] || voice[0] == '-')
        return sotto_fail(err, SOTTO_INVALID, "a voice of espeak-ng is named by small letters, digits, + and -, as in "
                          "espeak:en-us, not by \"%.60s\"", voice);
    espeak *e = malloc(sizeof *e);
    if (!e) return sotto_fail_memory(err, "a voice");
    (void)snprintf(e->voice, sizeof e->voice, "%s", voice);
    (void)snprintf(e->speed, sizeof e->speed, "%d", (int)(WORDS_A_MINUTE * speed + 0.5f));
    sotto_status status = try_voice(e, err);
    if (status != SOTTO_OK) {
        free(e);
        return status;
    }
    *out = e;
    *rate = RATE;
    return SOTTO_OK;
}

static void espeak_close(void *engine) { free(engine); }

/* ---- what the program says ------------------------------------------------------------------------------ */

static bool read_all(sotto_process *p, uint8_t *data, size_t n) {
    for (long got; n > 0; data += got, n -= (size_t)got)
        if ((got = sotto_process_read(p, data, n, WAIT_MS)) <= 0) return false;
    return true;
}

static uint32_t le32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The samples a second of the 16 bit mono WAV that follows, read up to its first sample; 0: it is none. The sizes that
 * it states are those of a file that has no end. */
static uint32_t read_header(sotto_process *p) {
    uint8_t  b[40];
    uint32_t rate = 0;
    if (!read_all(p, b, 12) || memcmp(b, "RIFF", 4) != 0 || memcmp(b + 8, "WAVE", 4) != 0) return 0;
    while (read_all(p, b, 8)) {
        if (memcmp(b, "data", 4) == 0) return rate;
        uint32_t n = le32(b + 4);
        if (memcmp(b, "fmt ", 4) != 0 || n < 16 || n > sizeof b || !read_all(p, b, n)) return 0;
        rate = le32(b + 4);
        if (le32(b) != 0x10001 || b[14] != 16 || rate < 8000 || rate > 48000) return 0; /* PCM, a channel */
    }
    return 0;
}

enum { BLOCK_IN = 512, BLOCK_OUT = BLOCK_IN * (RATE / 8000) + 64 };

static bool resample(SpeexResamplerState *r, const int16_t *pcm, size_t n, sotto_tts_out *out) {
    int16_t block[BLOCK_OUT];
    while (n > 0) {
        spx_uint32_t used = (spx_uint32_t)n, made = BLOCK_OUT;
        if (speex_resampler_process_int(r, 0, pcm, &used, block, &made) != RESAMPLER_ERR_SUCCESS) return false;
        if (!sotto_tts_give(out, block, made) || (used == 0 && made == 0)) return false;
        pcm += used, n -= used;
    }
    return true;
}

/* Up to its end; what is in the resampler's filter comes out with silence put in. */
static bool read_samples(sotto_process *p, SpeexResamplerState *r, sotto_tts_out *out) {
    uint8_t bytes[2 * BLOCK_IN];
    int16_t pcm[BLOCK_IN];
    size_t  held = 0; /* of a sample cut in two */
    long    got;
    while ((got = sotto_process_read(p, bytes + held, sizeof bytes - held, WAIT_MS)) > 0) {
        size_t n = held + (size_t)got;
        for (size_t i = 0; i < n / 2; i++) pcm[i] = (int16_t)(uint16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8);
        held = n % 2;
        if (held) bytes[0] = bytes[n - 1];
        if (!resample(r, pcm, n / 2, out)) return out->stopped;
    }
    memset(pcm, 0, sizeof pcm);
    return got == 0 && (resample(r, pcm, (size_t)speex_resampler_get_input_latency(r), out) || out->stopped);
}

static sotto_status espeak_speak(void *engine, const char *text, sotto_tts_out *out, sotto_error *err) {
    const espeak  *e = engine;
    sotto_process *p = NULL;
    SOTTO_TRY(start(&p, e, text, err));
    uint32_t             rate = read_header(p);
    SpeexResamplerState *r = rate ? speex_resampler_init(1, rate, RATE, QUALITY, NULL) : NULL;
    bool                 spoken = false;
    if (r) {
        (void)speex_resampler_skip_zeros(r);
        spoken = read_samples(p, r, out);
        speex_resampler_destroy(r);
    }
    (void)sotto_process_close(p, spoken && !out->stopped ? WAIT_MS : 0);
    if (rate && !r) return sotto_fail_memory(err, "a resampler");
    return spoken ? SOTTO_OK : sotto_fail(err, SOTTO_IO, "espeak-ng gave no samples for \"%.40s\"", text);
}

const sotto_tts_engine sotto_tts_espeak = {
    .name = "espeak", .voices = voices, .others = true,
    .open = espeak_open, .close = espeak_close, .speak = espeak_speak};
