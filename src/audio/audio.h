/* audio: sound in and out. Files, devices, and what is done to samples on the way: one rate, one channel, no echo.
 *
 * Samples are int16, mono. What sotto listens to has SOTTO_AUDIO_RATE samples a second and is handed on in frames of
 * 10 ms; what it says may have another rate. One thread at a time uses an object, unless said otherwise. */
#ifndef SOTTO_AUDIO_H
#define SOTTO_AUDIO_H

#include "base/base.h"

enum { SOTTO_AUDIO_RATE = 16000, SOTTO_AUDIO_FRAME = SOTTO_AUDIO_RATE / 100 };

/* ---- ring: samples from one thread to another ------------------------------------------------------------ */

/* Without locks, for one thread that writes and one that reads: this is what an audio callback may touch. */
typedef struct sotto_ring sotto_ring;
sotto_status sotto_ring_open(sotto_ring **out, size_t n_samples, sotto_error *err); /* at least so many fit */
void         sotto_ring_close(sotto_ring *r);
size_t       sotto_ring_write(sotto_ring *r, const int16_t *pcm, size_t n); /* as many as there is room for */
size_t       sotto_ring_read(sotto_ring *r, int16_t *pcm, size_t n); /* as many as there are; NULL: drop them */
size_t       sotto_ring_fill(const sotto_ring *r);
size_t       sotto_ring_room(const sotto_ring *r);

/* ---- rates and echo (speexdsp) --------------------------------------------------------------------------- */

/* Any rates from 4 to 192 kHz. Between equal rates samples pass unchanged. */
typedef struct sotto_resampler sotto_resampler;
sotto_status sotto_resampler_open(sotto_resampler **out, int32_t from_rate, int32_t to_rate, sotto_error *err);
void         sotto_resampler_close(sotto_resampler *r);
void         sotto_resampler_reset(sotto_resampler *r); /* what comes next does not follow from what came before */
/* Appends to *out (bytes of int16). With `end`: also what the filter still holds, and then it begins anew. In all
 * n * to / from samples, rounded up. */
sotto_status sotto_resampler_run(sotto_resampler *r, const int16_t *pcm, size_t n, bool end, sotto_buf *out,
                                 sotto_error *err);

/* Takes what the loudspeaker plays out of what the microphone hears (Valin 2007, the MDF filter of speexdsp), and what
 * is left of it by spectral suppression. The two frames must belong to the same time, give or take the filter's length
 * of 150 ms. `rest`: what the filter alone leaves. `out` is 10 ms behind `heard`. */
typedef struct sotto_echo sotto_echo;
sotto_status sotto_echo_open(sotto_echo **out, sotto_error *err);
void         sotto_echo_close(sotto_echo *e);
void         sotto_echo_cancel(sotto_echo *e, const int16_t heard[SOTTO_AUDIO_FRAME],
                               const int16_t played[SOTTO_AUDIO_FRAME], int16_t rest[SOTTO_AUDIO_FRAME],
                               int16_t out[SOTTO_AUDIO_FRAME]);

/* ---- files (libsndfile) ---------------------------------------------------------------------------------- */

/* A file or stdin ("-") as samples at SOTTO_AUDIO_RATE, whatever is in it: WAV, FLAC, Ogg; 8 to 32 bits, float, any
 * rate and number of channels (they are averaged). From stdin: WAV, whose header may give no length or a wrong one, or
 * with `raw_rate` not 0 headerless int16 little-endian mono. A stream without end is read without end, in memory that
 * does not grow. FORMAT: not audio, or damaged before its first sample; what was cut later ends there. */
typedef struct sotto_audio_reader sotto_audio_reader;
sotto_status sotto_audio_reader_open(sotto_audio_reader **out, const char *path, int32_t raw_rate, sotto_error *err);
void         sotto_audio_reader_close(sotto_audio_reader *r);
/* *n <= max samples; 0: the end. */
sotto_status sotto_audio_reader_read(sotto_audio_reader *r, int16_t *pcm, size_t max, size_t *n, sotto_error *err);

/* A WAV file, or a FLAC file where the name ends so, or WAV on stdout ("-") or into a pipe, whose header gives no
 * length. A file is a valid one after every write, and what is written is there after kill -9; of a FLAC file all but
 * the block that is being gathered. The first failure is what every later call returns. */
typedef struct sotto_audio_writer sotto_audio_writer;
sotto_status sotto_audio_writer_open(sotto_audio_writer **out, const char *path, int32_t rate, sotto_error *err);
sotto_status sotto_audio_writer_write(sotto_audio_writer *w, const int16_t *pcm, size_t n, sotto_error *err);
sotto_status sotto_audio_writer_close(sotto_audio_writer *w, sotto_error *err); /* NULL allowed */

/* ---- devices (PortAudio) --------------------------------------------------------------------------------- */

typedef struct sotto_device_info {
    const char *name; /* in the same memory as the list */
    bool        input, output, is_default_input, is_default_output;
} sotto_device_info;
/* The devices that this machine has, in *list (free() it). NOT_FOUND: none, with what to do about it. */
sotto_status sotto_device_list(sotto_device_info **list, size_t *n, sotto_error *err);

/* A microphone, a loudspeaker, or both. The callbacks only move samples between the device and rings; they count what
 * they had to leave out. One thread at a time lists, opens and closes devices, whichever they are. */
typedef struct sotto_device sotto_device;
typedef struct sotto_device_options {
    const char *input, *output; /* a name or part of one, in any case; "": the system's default; NULL: not used */
    int32_t     output_rate;    /* of the samples that sotto_device_play is given */
} sotto_device_options;
typedef struct sotto_device_state {
    bool     lost;         /* it has vanished, or gives no samples any more: close it, and open another */
    uint64_t n_overruns;   /* samples of the microphone that nobody read in time */
    uint64_t n_underruns;  /* samples of silence, for want of others, in gaps of less than half a second */
    double   input_latency_ms, output_latency_ms; /* as the system says */
} sotto_device_state;
sotto_status sotto_device_open(sotto_device **out, const sotto_device_options *opt, sotto_error *err);
void         sotto_device_close(sotto_device *d); /* gives up after 3 s on a system that hangs */
/* One frame of the microphone, waiting for it up to `ms`. False: none came in this time, see the state. `played`: what
 * the loudspeaker gave out at the same time, as far as the system says, at SOTTO_AUDIO_RATE: the reference of
 * sotto_echo_cancel; zeros without an output. */
bool         sotto_device_hear(sotto_device *d, int16_t heard[SOTTO_AUDIO_FRAME], int16_t played[SOTTO_AUDIO_FRAME],
                               int32_t ms);
/* Another thread than that of sotto_device_hear may play: as many samples as there is room for. */
size_t       sotto_device_play(sotto_device *d, const int16_t *pcm, size_t n);
/* Samples that were given and are not yet in the air. They stay where they are when the device is lost. */
size_t       sotto_device_unplayed(const sotto_device *d);
/* Drop what waits. What the system has taken already is heard: some 20 ms, see output_latency_ms. Any thread. */
void         sotto_device_silence(sotto_device *d);
void         sotto_device_get_state(const sotto_device *d, sotto_device_state *out);

#endif
