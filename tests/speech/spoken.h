/* Speech for tests, made by flite in memory: sentences, silence around them, noise over them. */
#ifndef SOTTO_TESTS_SPEECH_SPOKEN_H
#define SOTTO_TESTS_SPEECH_SPOKEN_H

#include <flite/flite.h>

#include "base/base.h"
#include "speech/speech.h"
#include "test.h"

cst_voice *register_cmu_us_slt(const char *folder);
cst_voice *register_cmu_us_rms(const char *folder);
cst_voice *register_cmu_us_awb(const char *folder);
cst_voice *register_cmu_us_kal16(const char *folder);

static const struct {
    const char *name;
    cst_voice *(*open)(const char *folder);
} spoken_voices[] = {{"slt", register_cmu_us_slt},
                     {"rms", register_cmu_us_rms},
                     {"awb", register_cmu_us_awb},
                     {"kal16", register_cmu_us_kal16}};

typedef struct spoken {
    int16_t *pcm;
    size_t   n;
    size_t   begin, end; /* of the sentence itself: what lies around is silent */
} spoken;

/* A sentence with so many milliseconds of silence before and behind it; free(pcm). */
static spoken spoken_by(size_t voice, const char *sentence, int before_ms, int after_ms) {
    static cst_voice *open[SOTTO_COUNT(spoken_voices)];
    if (!open[voice]) {
        (void)flite_init();
        open[voice] = spoken_voices[voice].open(NULL);
    }
    cst_wave *w = flite_text_to_wave(sentence, open[voice]);
    size_t    before = (size_t)before_ms * SOTTO_SPEECH_RATE / 1000;
    size_t    after = (size_t)after_ms * SOTTO_SPEECH_RATE / 1000;
    if (!w || w->sample_rate != SOTTO_SPEECH_RATE) {
        printf("flite cannot speak\n");
        exit(1);
    }
    spoken s = {.n = before + (size_t)w->num_samples + after, .begin = before, .end = before + (size_t)w->num_samples};
    s.pcm = calloc(s.n, sizeof *s.pcm);
    memcpy(s.pcm + before, w->samples, (size_t)w->num_samples * sizeof *s.pcm);
    delete_wave(w);
    return s;
}

/* White noise over all of it, at a ratio to the sentence's mean power. */
static inline void spoken_add_noise(spoken *s, double snr_db, uint64_t *random) {
    double power = 0;
    for (size_t i = s->begin; i < s->end; i++) power += (double)s->pcm[i] * s->pcm[i];
    power /= (double)(s->end - s->begin);
    double deviation = sqrt(power / pow(10, snr_db / 10));
    for (size_t i = 0; i < s->n; i++) { /* a sum of uniform numbers, each of variance 1/3, is nearly normal */
        double sum = 0;
        for (int k = 0; k < 3; k++) sum += (double)test_random_float(random);
        double x = s->pcm[i] + deviation * sum;
        s->pcm[i] = (int16_t)SOTTO_MIN(SOTTO_MAX(x, -32768), 32767);
    }
}

#endif
