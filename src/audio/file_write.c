/* Sound into a file. WAV is written here: after every write the samples are with the system, then the header that
 * counts them, so that the end of the program at any moment leaves a whole file. FLAC goes through libsndfile. */
#include <errno.h>
#include <stdlib.h>

#include "audio/sndfile_io.h"
#include "audio/wav.h"
#include "os/os.h"

enum { PIECE = 1024 };

struct sotto_audio_writer {
    FILE       *file;
    char       *name;
    SNDFILE    *encoder; /* FLAC; NULL: WAV */
    bool        stream;  /* nothing can be written twice: no length in the header */
    int32_t     rate;
    uint64_t    n_bytes; /* of samples */
    sotto_error failure; /* the first: what every later call tells again */
};

static sotto_status fail(sotto_audio_writer *w, sotto_error *err) {
    const char *why = errno ? strerror(errno) : "libsndfile failed";
    if (w->failure.status == SOTTO_OK)
        (void)sotto_fail(&w->failure, SOTTO_IO, "%s: cannot be written: %s", w->name, why);
    if (err) *err = w->failure;
    return w->failure.status;
}

/* ---- WAV ----------------------------------------------------------------------------------------------------- */

/* At the beginning of the file, and back to its end. */
static bool write_header(sotto_audio_writer *w) {
    uint8_t header[SOTTO_WAV_HEADER];
    sotto_wav_write_header(header, w->rate, w->stream ? UINT64_MAX : w->n_bytes);
    if (!w->stream && fseek(w->file, 0, SEEK_SET) != 0) return false;
    if (fwrite(header, 1, sizeof header, w->file) != sizeof header || fflush(w->file) != 0) return false;
    return w->stream || fseek(w->file, 0, SEEK_END) == 0;
}

static bool write_samples(sotto_audio_writer *w, const int16_t *pcm, size_t n) {
    uint8_t bytes[PIECE * 2];
    for (size_t done = 0, part; done < n; done += part) {
        part = SOTTO_MIN(n - done, (size_t)PIECE);
        for (size_t i = 0; i < part; i++) {
            uint16_t x = (uint16_t)pcm[done + i];
            bytes[2 * i] = (uint8_t)x;
            bytes[2 * i + 1] = (uint8_t)(x >> 8);
        }
        if (fwrite(bytes, 2, part, w->file) != part) return false;
    }
    if (fflush(w->file) != 0) return false;
    w->n_bytes += (uint64_t)n * 2;
    return w->stream || write_header(w);
}

/* ---- opening, writing, closing ------------------------------------------------------------------------------- */

static bool ends_with_flac(const char *path) {
    size_t n = strlen(path);
    if (n < 5) return false;
    for (size_t i = 0; i < 5; i++)
        if ((path[n - 5 + i] | (i ? 0x20 : 0)) != ".flac"[i]) return false;
    return true;
}

static sotto_status begin(sotto_audio_writer *w, sotto_error *err) {
    errno = 0;
    if (w->stream || !ends_with_flac(w->name)) return write_header(w) ? SOTTO_OK : fail(w, err);
    SF_INFO info = {.samplerate = w->rate, .channels = 1, .format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16};
    w->encoder = sf_open_virtual(&sotto_sndfile_io, SFM_WRITE, &info, w->file);
    return w->encoder ? SOTTO_OK : fail(w, err);
}

static sotto_status open_file(sotto_audio_writer *w, const char *path, sotto_error *err) {
    bool            standard = strcmp(path, "-") == 0;
    sotto_path_kind kind = standard ? SOTTO_PATH_OTHER : sotto_path_kind_of(path);
    w->name = sotto_path_join("", standard ? "stdout" : path);
    if (!w->name) return sotto_fail_memory(err, "writing sound");
    w->stream = kind == SOTTO_PATH_OTHER;
    w->file = standard ? stdout : fopen(path, "wb");
    if (w->file) return SOTTO_OK;
    return sotto_fail(err, errno == ENOENT ? SOTTO_NOT_FOUND : SOTTO_IO, "%s: cannot be made: %s", path,
                      strerror(errno));
}

sotto_status sotto_audio_writer_open(sotto_audio_writer **out, const char *path, int32_t rate, sotto_error *err) {
    *out = NULL;
    sotto_audio_writer *w = calloc(1, sizeof *w);
    if (!w) return sotto_fail_memory(err, "writing sound");
    w->rate = rate;
    sotto_status status = open_file(w, path, err);
    if (status == SOTTO_OK) status = begin(w, err);
    if (status == SOTTO_OK) *out = w;
    else (void)sotto_audio_writer_close(w, NULL);
    return status;
}

sotto_status sotto_audio_writer_write(sotto_audio_writer *w, const int16_t *pcm, size_t n, sotto_error *err) {
    if (w->failure.status != SOTTO_OK) return fail(w, err);
    errno = 0;
    if (!w->encoder) return write_samples(w, pcm, n) ? SOTTO_OK : fail(w, err);
    bool ok = sf_write_short(w->encoder, pcm, (sf_count_t)n) == (sf_count_t)n && fflush(w->file) == 0;
    return ok ? SOTTO_OK : fail(w, err);
}

sotto_status sotto_audio_writer_close(sotto_audio_writer *w, sotto_error *err) {
    if (!w) return SOTTO_OK;
    errno = 0;
    bool ok = !w->encoder || sf_close(w->encoder) == 0;
    if (w->file) ok = (w->file == stdout ? fflush(w->file) : fclose(w->file)) == 0 && ok;
    sotto_status status = ok && w->failure.status == SOTTO_OK ? SOTTO_OK : fail(w, err);
    free(w->name);
    free(w);
    return status;
}
