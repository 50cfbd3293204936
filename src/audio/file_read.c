/* Files and streams as samples. A WAV stream, and bare samples, are read here; what can be sought in goes to
 * libsndfile, after a look at its first bytes: of the many formats that it knows, only those are tried that people
 * have. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "audio/sndfile_io.h"
#include "audio/wav.h"
#include "os/os.h"

struct sotto_audio_reader {
    FILE             *file;
    char             *name;
    SNDFILE          *decoder; /* NULL: samples are taken from the stream as they lie there */
    sotto_wav_layout  wav;     /* of the file; n_bytes: what is left of a stream */
    sotto_resampler  *resampler;
    size_t            block;    /* frames that are read at once: 10 ms, so that a live stream is not held back */
    uint8_t          *bytes;    /* [block, channels, wav.bytes] of a stream */
    float            *samples;  /* [block, channels] */
    int16_t          *mono;     /* [block] */
    sotto_buf         out;      /* int16 at SOTTO_AUDIO_RATE; `taken` of them are handed out */
    size_t            taken;
    bool              ended;
};

/* ---- opening ------------------------------------------------------------------------------------------------ */

static sotto_status read_failed(const sotto_audio_reader *r, sotto_error *err) {
    if (errno == EINTR) return sotto_fail(err, SOTTO_CANCELLED, "%s: reading was interrupted", r->name);
    return sotto_fail(err, SOTTO_IO, "%s: cannot be read: %s", r->name, strerror(errno));
}

static bool looks_like_sound(const uint8_t *p, size_t n) {
    static const char *const beginnings[] = {"RIFF", "RIFX", "RF64", "fLaC", "OggS"};
    for (size_t i = 0; n >= 4 && i < SOTTO_COUNT(beginnings); i++)
        if (memcmp(p, beginnings[i], 4) == 0) return true;
    return false;
}

static sotto_status open_stream(sotto_audio_reader *r, int32_t raw_rate, sotto_error *err) {
    if (raw_rate == 0) return sotto_wav_read_header(&r->wav, r->file, r->name, err);
    r->wav = (sotto_wav_layout){.rate = raw_rate, .channels = 1, .bytes = 2, .n_bytes = UINT64_MAX};
    return SOTTO_OK;
}

static sotto_status use_decoder(sotto_audio_reader *r, const SF_INFO *info, sotto_error *err) {
    if (info->channels < 1 || info->channels > SOTTO_CHANNELS_MAX)
        return sotto_fail(err, SOTTO_FORMAT, "%s: has %d channels, expected 1 to %d", r->name, info->channels,
                          SOTTO_CHANNELS_MAX);
    r->wav = (sotto_wav_layout){.rate = info->samplerate, .channels = info->channels};
    return SOTTO_OK;
}

/* A recording that was not ended has a header that counts no samples: libsndfile believes it, a stream does not. */
static bool is_unfinished(const uint8_t *head, const SF_INFO *info) {
    return info->frames == 0 && memcmp(head, "RIFF", 4) == 0;
}

static sotto_status open_decoder(sotto_audio_reader *r, sotto_error *err) {
    uint8_t head[4];
    size_t  n = fread(head, 1, sizeof head, r->file);
    if (ferror(r->file)) return read_failed(r, err);
    if (n == 0) return sotto_fail(err, SOTTO_FORMAT, "%s: is empty", r->name);
    if (!looks_like_sound(head, n))
        return sotto_fail(err, SOTTO_FORMAT, "%s: is no sound file that sotto knows: expected WAV, FLAC or Ogg",
                          r->name);
    rewind(r->file);
    SF_INFO info = {0};
    r->decoder = sf_open_virtual(&sotto_sndfile_io, SFM_READ, &info, r->file);
    if (!r->decoder)
        return sotto_fail(err, SOTTO_FORMAT, "%s: is damaged or of a kind that sotto does not know: %s", r->name,
                          sf_strerror(NULL));
    if (!is_unfinished(head, &info)) return use_decoder(r, &info, err);
    (void)sf_close(r->decoder);
    r->decoder = NULL;
    rewind(r->file);
    return open_stream(r, 0, err);
}

static sotto_status make_buffers(sotto_audio_reader *r, sotto_error *err) {
    size_t channels = (size_t)r->wav.channels;
    sotto_status status = sotto_resampler_open(&r->resampler, r->wav.rate, SOTTO_AUDIO_RATE, err);
    if (status != SOTTO_OK) return sotto_fail_prefix(err, status, "%s", r->name);
    r->block = (size_t)r->wav.rate / 100;
    r->samples = calloc(r->block * channels, sizeof *r->samples);
    r->mono = calloc(r->block, sizeof *r->mono);
    r->bytes = calloc(r->block * channels, r->decoder ? 1 : (size_t)r->wav.bytes);
    return r->samples && r->mono && r->bytes ? SOTTO_OK : sotto_fail_memory(err, "reading sound");
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

/* Frames into r->samples; 0: the end. A last frame that is cut is left out. */
static size_t read_stream(sotto_audio_reader *r) {
    const sotto_wav_layout *w = &r->wav;
    size_t                  frame = (size_t)(w->channels * w->bytes);
    size_t                  n = (size_t)SOTTO_MIN(w->n_bytes / frame, r->block);
    n = fread(r->bytes, frame, n, r->file);
    if (w->n_bytes != UINT64_MAX) r->wav.n_bytes -= n * frame;
    for (size_t i = 0; i < n * (size_t)w->channels; i++)
        r->samples[i] = sotto_wav_sample(w, r->bytes + i * (size_t)w->bytes);
    return n;
}

static int16_t sample_from_float(float x) {
    float scaled = x * 32768.0f;
    if (!(scaled > -32768.0f)) return scaled <= -32768.0f ? INT16_MIN : 0; /* 0: not a number */
    return scaled >= 32767.0f ? INT16_MAX : (int16_t)lrintf(scaled);
}

static void mix(sotto_audio_reader *r, size_t n) {
    size_t channels = (size_t)r->wav.channels;
    for (size_t i = 0; i < n; i++) {
        float sum = 0;
        for (size_t c = 0; c < channels; c++) sum += r->samples[i * channels + c];
        r->mono[i] = sample_from_float(sum / (float)channels);
    }
}

static size_t read_decoder(sotto_audio_reader *r) {
    sf_count_t n = sf_readf_float(r->decoder, r->samples, (sf_count_t)r->block);
    return n > 0 ? (size_t)n : 0;
}

/* The next block through the resampler, if the block before has been handed out. */
static sotto_status fill(sotto_audio_reader *r, sotto_error *err) {
    sotto_buf_clear(&r->out);
    r->taken = 0;
    while (r->out.len == 0 && !r->ended) {
        size_t n = r->decoder ? read_decoder(r) : read_stream(r);
        r->ended = n == 0;
        if (r->ended && ferror(r->file)) return read_failed(r, err);
        mix(r, n);
        SOTTO_TRY(sotto_resampler_run(r->resampler, r->mono, n, r->ended, &r->out, err));
    }
    return SOTTO_OK;
}

sotto_status sotto_audio_reader_read(sotto_audio_reader *r, int16_t *pcm, size_t max, size_t *n, sotto_error *err) {
    *n = 0;
    if (r->taken * sizeof *pcm == r->out.len) SOTTO_TRY(fill(r, err));
    *n = SOTTO_MIN(max, r->out.len / sizeof *pcm - r->taken);
    if (*n > 0) memcpy(pcm, r->out.data + r->taken * sizeof *pcm, *n * sizeof *pcm);
    r->taken += *n;
    return SOTTO_OK;
}

/* A file that promises samples and has none that can be decoded is told of here, not taken for silence. */
static sotto_status read_first(sotto_audio_reader *r, sotto_error *err) {
    SOTTO_TRY(fill(r, err));
    if (r->out.len > 0 || sf_error(r->decoder) == SF_ERR_NO_ERROR) return SOTTO_OK;
    return sotto_fail(err, SOTTO_FORMAT, "%s: is damaged before its first sample: %s", r->name,
                      sf_strerror(r->decoder));
}

sotto_status sotto_audio_reader_open_file(sotto_audio_reader **out, FILE *f, const char *name, bool stream,
                                          int32_t raw_rate, sotto_error *err) {
    *out = NULL;
    sotto_audio_reader *r = calloc(1, sizeof *r);
    if (!r) {
        if (f != stdin) (void)fclose(f);
        return sotto_fail_memory(err, "reading sound");
    }
    r->file = f;
    r->name = sotto_path_join("", name);
    sotto_status status = r->name ? SOTTO_OK : sotto_fail_memory(err, "reading sound");
    if (status == SOTTO_OK) status = stream || raw_rate ? open_stream(r, raw_rate, err) : open_decoder(r, err);
    if (status == SOTTO_OK) status = make_buffers(r, err);
    if (status == SOTTO_OK && r->decoder) status = read_first(r, err);
    if (status == SOTTO_OK) *out = r;
    else sotto_audio_reader_close(r);
    return status;
}

sotto_status sotto_audio_reader_open(sotto_audio_reader **out, const char *path, int32_t raw_rate, sotto_error *err) {
    *out = NULL;
    if (strcmp(path, "-") == 0) return sotto_audio_reader_open_file(out, stdin, "stdin", true, raw_rate, err);
    sotto_path_kind kind = sotto_path_kind_of(path);
    if (kind == SOTTO_PATH_FOLDER)
        return sotto_fail(err, SOTTO_INVALID, "%s: is a folder, expected a sound file", path);
    FILE *f = fopen(path, "rb");
    if (!f)
        return sotto_fail(err, errno == ENOENT ? SOTTO_NOT_FOUND : SOTTO_IO, "%s: cannot be opened: %s", path,
                          strerror(errno));
    return sotto_audio_reader_open_file(out, f, path, kind != SOTTO_PATH_FILE, raw_rate, err);
}

void sotto_audio_reader_close(sotto_audio_reader *r) {
    if (!r) return;
    if (r->decoder) (void)sf_close(r->decoder);
    if (r->file != stdin) (void)fclose(r->file);
    sotto_resampler_close(r->resampler);
    sotto_buf_free(&r->out);
    free(r->samples);
    free(r->mono);
    free(r->bytes);
    free(r->name);
    free(r);
}
