/* Signals that the audio tests make and measure, files of their own, and what a lump of bytes on a disk is. Include it
 * first: it asks the C library for POSIX. */
#ifndef SOTTO_TEST_SOUND_H
#define SOTTO_TEST_SOUND_H

#define _XOPEN_SOURCE 700

#include <sys/stat.h>
#include <unistd.h>

#include "audio/audio.h"
#include "test.h"

/* Leaks of others: libsndfile forgets a piece of memory of libvorbis where it gives up a damaged Ogg file. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libvorbis\nleak:libsndfile\n"; }

#define SOUND_PI 3.14159265358979323846

typedef struct sound {
    int16_t *pcm;
    size_t   n;
} sound;

static inline sound sound_new(size_t n) {
    sound s = {calloc(n ? n : 1, sizeof *s.pcm), n};
    if (!s.pcm) exit(1);
    return s;
}

static inline void sound_free(sound *s) {
    free(s->pcm);
    *s = (sound){0};
}

static inline sound sound_sine(double hz, double rate, double amplitude, size_t n) {
    sound s = sound_new(n);
    for (size_t i = 0; i < n; i++) s.pcm[i] = (int16_t)lrint(amplitude * sin(2 * SOUND_PI * hz * (double)i / rate));
    return s;
}

/* Noise through a one-pole low-pass, in syllables of 100 to 300 ms with pauses: loud and soft, as speech is. */
static inline sound sound_speechlike(uint64_t seed, double amplitude, size_t n) {
    sound  s = sound_new(n);
    double low = 0, level = 0, target = 0;
    for (size_t i = 0, until = 0; i < n; i++) {
        if (i == until) {
            target = test_random(&seed) % 4 ? 0.3 + 0.7 * fabs((double)test_random_float(&seed)) : 0;
            until = i + 1600 + test_random(&seed) % 3200;
        }
        level += (target - level) * 0.002;
        low += (test_random_float(&seed) - low) * 0.5;
        s.pcm[i] = (int16_t)lrint(amplitude * level * low);
    }
    return s;
}

static inline double sound_energy(const int16_t *pcm, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)pcm[i] * pcm[i];
    return sum;
}

/* The sine of this frequency that fits best (least squares over whole periods, or many): its amplitude, its phase in
 * radians, and what is left without it, as root mean square. */
typedef struct sound_fit {
    double amplitude, phase, rest;
} sound_fit;

static inline sound_fit sound_fit_sine(const int16_t *pcm, size_t n, double hz, double rate) {
    double ss = 0, cc = 0, sc = 0, xs = 0, xc = 0, xx = 0;
    for (size_t i = 0; i < n; i++) {
        double w = 2 * SOUND_PI * hz * (double)i / rate, s = sin(w), c = cos(w), x = pcm[i];
        ss += s * s, cc += c * c, sc += s * c, xs += x * s, xc += x * c, xx += x * x;
    }
    double det = ss * cc - sc * sc, a = (xs * cc - xc * sc) / det, b = (xc * ss - xs * sc) / det;
    double rest = xx - a * xs - b * xc;
    return (sound_fit){hypot(a, b), atan2(b, a), sqrt(fmax(rest, 0) / (double)n)};
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

static char sound_folder[64];

static inline void sound_remove_folder(void) {
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", sound_folder);
    if (system(command) != 0) printf("cannot remove %s\n", sound_folder);
}

/* A name in a folder that goes with the test; good for the next few calls. */
static inline const char *sound_file(const char *name) {
    static char paths[8][192];
    static int  next;
    if (!sound_folder[0]) {
        strcpy(sound_folder, "/tmp/sotto-audio-XXXXXX");
        if (!mkdtemp(sound_folder)) exit(1);
        (void)atexit(sound_remove_folder);
    }
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", sound_folder, name);
    return path;
}

static inline void sound_write_bytes(const char *path, const void *data, size_t n) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0) printf("cannot write %s\n", path), exit(1);
}

static inline uint8_t *sound_read_bytes(const char *path, size_t *n) {
    FILE    *f = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t   got;
    *n = 0;
    do {
        data = realloc(data, *n + 65536);
        if (!f || !data) printf("cannot read %s\n", path), exit(1);
        got = fread(data + *n, 1, 65536, f);
        *n += got;
    } while (got > 0);
    (void)fclose(f);
    return data;
}

#endif
