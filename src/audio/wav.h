/* WAV as a stream: read where nothing can be sought, written where nobody knows how long it gets. */
#ifndef SOTTO_WAV_H
#define SOTTO_WAV_H

#include <stdio.h>

#include "audio/audio.h"

enum { SOTTO_WAV_HEADER = 44, SOTTO_CHANNELS_MAX = 64 };

/* How samples lie in a file. */
typedef struct sotto_wav_layout {
    int32_t  rate;
    int32_t  channels, bytes; /* of one sample: integers of 1 (unsigned) to 4 bytes, floats of 4 or 8 */
    bool     is_float;
    uint64_t n_bytes; /* of samples that follow; UINT64_MAX: until the end */
} sotto_wav_layout;

/* Reads up to the first sample. `name` is for the error. */
sotto_status sotto_wav_read_header(sotto_wav_layout *out, FILE *f, const char *name, sotto_error *err);
float        sotto_wav_sample(const sotto_wav_layout *w, const uint8_t *p); /* from -1 to 1 */
/* The header of n_bytes of int16, mono; more than 4 GiB, or UINT64_MAX, stand for no length. */
void sotto_wav_write_header(uint8_t out[SOTTO_WAV_HEADER], int32_t rate, uint64_t n_bytes);

/* The reader of a file that is open, which it closes unless it is stdin. `stream`: it cannot be sought in. */
sotto_status sotto_audio_reader_open_file(sotto_audio_reader **out, FILE *f, const char *name, bool stream,
                                          int32_t raw_rate, sotto_error *err);

#endif
