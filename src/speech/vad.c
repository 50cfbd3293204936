/* Voice activity: in each of six bands the log energy of a frame is weighed between a model of the room (a normal
 * distribution) and one of speech (a mixture of two); the idea is that of Sohn, Kim and Sung 1999, "A statistical
 * model-based voice activity detection". All means follow what is heard. What comes far below the level of the speaker
 * is not counted, and a few frames are added to each stretch of voice. */
#include <math.h>
#include <stdlib.h>

#include "speech/speech.h"

enum { BANDS = 6, FFT = 256, FFT_LOG2 = 8, MINIMA = 8, MINIMUM_FRAMES = 20 };

static const float band_hz[BANDS + 1] = {100, 300, 600, 1200, 2400, 4000, 7000};
/* The middle bands hold the vowels; the highest one is often only the room's. */
static const float band_weight[BANDS] = {0.8f, 1.2f, 1.2f, 1.1f, 0.9f, 0.8f};

/* Levels in dB against full scale. */
#define FLOOR_DB     (-84.0f) /* of a band: below it every microphone only hears itself */
#define FIRST_DB     (-35.0f) /* the most that the first frame is taken for the room: it may be speech */
#define WEAK_DB      (-58.0f) /* of a speech band to begin with: consonants and ends of words, */
#define STRONG_DB    (-38.0f) /* and vowels */
#define SPEAKER_DB   (-27.0f) /* the loud parts of a speaker, to begin with */
#define RANGE_DB     32.0f    /* below which to the speaker's level nothing is speech to act upon */
#define DROP_DB      8.0f /* a frame that falls further is a gap in the recording, not a quieter room */
#define SIGMA_MIN    1.2f
#define SPEECH_SIGMA 7.0f
#define LR_VOICE     4.5f /* weighted sum of log likelihood ratios that makes a frame voiced, */
#define LR_BAND      9.0f /* or that of one band alone */
enum { HANGOVER_MIN = 1, HANGOVER_MAX = 10, HANGOVER_FROM = 4 }; /* frames added, after so many voiced ones */

struct sotto_vad {
    float   window[FFT], cosine[FFT / 2], sine[FFT / 2];
    float   samples[FFT]; /* the last ones */
    float   noise[BANDS], noise_sigma[BANDS], weak[BANDS], strong[BANDS];
    float   smooth[BANDS], minima[MINIMA][BANDS]; /* of stretches of MINIMUM_FRAMES; the newest at `stretch` */
    int     stretch, n_frames;
    float   speaker_db, speech_db; /* of its loud parts; its mean */
    bool    heard;
    int     run, hangover;
};

sotto_status sotto_vad_open(sotto_vad **out, sotto_error *err) {
    sotto_vad   *v = *out = calloc(1, sizeof *v);
    const double pi = 3.14159265358979323846;
    if (!v) return sotto_fail_memory(err, "a detector of voice");
    for (int i = 0; i < FFT; i++) v->window[i] = (float)(0.5 - 0.5 * cos(2 * pi * i / FFT));
    for (int i = 0; i < FFT / 2; i++) {
        v->cosine[i] = (float)cos(2 * pi * i / FFT);
        v->sine[i] = (float)-sin(2 * pi * i / FFT);
    }
    v->speaker_db = SPEAKER_DB;
    return SOTTO_OK;
}

void sotto_vad_close(sotto_vad *v) { free(v); }

/* ---- energies ------------------------------------------------------------------------------------------- */

/* In place, decimation in time. */
static void fourier(const sotto_vad *v, float re[FFT], float im[FFT]) {
    for (unsigned i = 1, j = 0; i < FFT; i++) {
        unsigned bit = FFT >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i >= j) continue;
        float swap = re[i];
        re[i] = re[j];
        re[j] = swap; /* im is zero */
    }
    for (int half = 1; half < FFT; half *= 2)
        for (int begin = 0; begin < FFT; begin += 2 * half)
            for (int k = 0; k < half; k++) {
                int   a = begin + k, b = a + half, turn = k * (FFT / 2 / half);
                float x = re[b] * v->cosine[turn] - im[b] * v->sine[turn];
                float y = re[b] * v->sine[turn] + im[b] * v->cosine[turn];
                re[b] = re[a] - x, im[b] = im[a] - y;
                re[a] += x, im[a] += y;
            }
}

static float decibels(float power) { return 10 * log10f(power); }

/* The level of each band in the last FFT samples. */
static void band_levels(sotto_vad *v, const int16_t *pcm, float out[BANDS]) {
    float re[FFT], im[FFT] = {0};
    memmove(v->samples, v->samples + SOTTO_SPEECH_FRAME, (FFT - SOTTO_SPEECH_FRAME) * sizeof *v->samples);
    for (int i = 0; i < SOTTO_SPEECH_FRAME; i++)
        v->samples[FFT - SOTTO_SPEECH_FRAME + i] = (float)pcm[i] / 32768;
    for (int i = 0; i < FFT; i++) re[i] = v->samples[i] * v->window[i];
    fourier(v, re, im);
    const float scale = 2 / (0.375f * FFT * FFT); /* both halves of the spectrum; 3/8: the window's mean square */
    for (int b = 0; b < BANDS; b++) {
        int   first = (int)(band_hz[b] * FFT / SOTTO_SPEECH_RATE);
        int   last = (int)(band_hz[b + 1] * FFT / SOTTO_SPEECH_RATE);
        float sum = 0;
        for (int i = first; i < last; i++) sum += re[i] * re[i] + im[i] * im[i];
        out[b] = decibels(sum * scale + powf(10, FLOOR_DB / 10));
    }
}

static float level_of(const int16_t *pcm) {
    double sum = 0;
    for (int i = 0; i < SOTTO_SPEECH_FRAME; i++) sum += (double)pcm[i] * pcm[i];
    return decibels((float)(sum / SOTTO_SPEECH_FRAME / (32768.0 * 32768.0)) + 1e-10f);
}

/* ---- likelihoods ---------------------------------------------------------------------------------------- */

/* Up to the factor that all have in common. */
static float normal(float x, float mean, float sigma) {
    float z = (x - mean) / sigma;
    return expf(-0.5f * z * z) / sigma;
}

/* log p(x | speech) / p(x | room), and how far the strong mode has a part in it. */
static float log_ratio(const sotto_vad *v, int b, float x, float *strong) {
    float p_weak = 0.5f * normal(x, v->weak[b], SPEECH_SIGMA), p_strong = 0.5f * normal(x, v->strong[b], SPEECH_SIGMA);
    /* Louder than the strong mode is no less like speech, quieter than the room no less like the room. */
    if (x > v->strong[b]) p_strong = 0.5f / SPEECH_SIGMA;
    float z = SOTTO_MAX((x - v->noise[b]) / v->noise_sigma[b], 0);
    *strong = p_strong / (p_weak + p_strong + 1e-20f);
    float ratio = logf(p_weak + p_strong + 1e-20f) + 0.5f * z * z + logf(v->noise_sigma[b]);
    return SOTTO_MIN(SOTTO_MAX(ratio, -6), 20);
}

/* ---- following ------------------------------------------------------------------------------------------ */

static void follow_minimum(sotto_vad *v, const float x[BANDS]) {
    bool fresh = v->n_frames % MINIMUM_FRAMES == 0;
    if (fresh) v->stretch = (v->stretch + 1) % MINIMA;
    for (int b = 0; b < BANDS; b++) {
        v->smooth[b] += 0.3f * SOTTO_MAX(x[b] - v->smooth[b], -DROP_DB);
        float *least = &v->minima[v->stretch][b];
        *least = fresh ? v->smooth[b] : SOTTO_MIN(*least, v->smooth[b]);
    }
}

/* The least level of the last second and a half: the room is at least as loud, whatever else is heard. */
static float minimum(const sotto_vad *v, int b) {
    float least = v->minima[0][b];
    for (int i = 1; i < MINIMA; i++) least = SOTTO_MIN(least, v->minima[i][b]);
    return least;
}

static void follow_room(sotto_vad *v, int b, float x, bool voiced) {
    float least = minimum(v, b), distance = SOTTO_MAX(x - v->noise[b], -DROP_DB);
    if (!voiced) {
        float rate = distance < 0 ? 0.08f : 0.04f;
        v->noise[b] += rate * distance;
        float spread = SOTTO_MIN(fabsf(distance) * 1.25f, 8); /* mean distance to deviation */
        v->noise_sigma[b] += 0.03f * (spread - v->noise_sigma[b]);
    } else if (distance < 0) {
        v->noise[b] += 0.1f * distance;
    }
    if (least > v->noise[b]) v->noise[b] += 0.1f * (least - v->noise[b]);
    v->noise[b] = SOTTO_MAX(v->noise[b], FLOOR_DB);
    v->noise_sigma[b] = SOTTO_MIN(SOTTO_MAX(v->noise_sigma[b], SIGMA_MIN), 4);
}

static void follow_speech(sotto_vad *v, int b, float x, float strong) {
    v->strong[b] += 0.03f * strong * (x - v->strong[b]);
    v->weak[b] += 0.03f * (1 - strong) * (x - v->weak[b]);
}

/* Speech is louder than the room, and its modes keep apart. */
static void part_models(sotto_vad *v, int b) {
    v->weak[b] = SOTTO_MAX(v->weak[b], v->noise[b] + 7);
    v->strong[b] = SOTTO_MAX(v->strong[b], v->weak[b] + 10);
}

static void follow_speaker(sotto_vad *v, float level, bool voiced) {
    if (!voiced) {
        v->speaker_db += 0.0005f * (SPEAKER_DB - v->speaker_db); /* in 20 s another one may come */
        return;
    }
    v->speaker_db += (level > v->speaker_db ? 0.2f : 0.004f) * (level - v->speaker_db);
    if (!v->heard) v->speech_db = level;
    v->heard = true;
    v->speech_db += 0.02f * (level - v->speech_db);
}

/* ---- a frame -------------------------------------------------------------------------------------------- */

static void begin(sotto_vad *v, const float x[BANDS]) {
    for (int b = 0; b < BANDS; b++) {
        v->smooth[b] = x[b];
        v->noise[b] = SOTTO_MIN(x[b], FIRST_DB);
        v->noise_sigma[b] = 2.5f;
        v->weak[b] = WEAK_DB, v->strong[b] = STRONG_DB;
        for (int i = 0; i < MINIMA; i++) v->minima[i][b] = x[b];
        part_models(v, b);
    }
}

static bool decide(const sotto_vad *v, const float x[BANDS], float level, float strong[BANDS]) {
    float sum = 0, most = -20;
    for (int b = 0; b < BANDS; b++) {
        float ratio = log_ratio(v, b, x[b], &strong[b]);
        sum += band_weight[b] * ratio;
        most = SOTTO_MAX(most, ratio);
    }
    return (sum > LR_VOICE || most > LR_BAND) && level > v->speaker_db - RANGE_DB;
}

/* Adds frames behind a stretch of voice, where words fade: the louder the room, the sooner they are lost in it. */
static bool hang_over(sotto_vad *v, bool voiced, float snr_db) {
    if (voiced) {
        int frames = (int)((40 - snr_db) / 3);
        if (++v->run >= HANGOVER_FROM) v->hangover = SOTTO_MIN(SOTTO_MAX(frames, HANGOVER_MIN), HANGOVER_MAX);
        return true;
    }
    v->run = 0;
    return v->hangover-- > 0 || (v->hangover = 0);
}

sotto_vad_frame sotto_vad_feed(sotto_vad *v, const int16_t pcm[SOTTO_SPEECH_FRAME]) {
    float x[BANDS], strong[BANDS], level = level_of(pcm), room = 0;
    band_levels(v, pcm, x);
    if (v->n_frames == 0) begin(v, x);
    follow_minimum(v, x);
    bool voiced = decide(v, x, level, strong);
    for (int b = 0; b < BANDS; b++) {
        follow_room(v, b, x[b], voiced);
        if (voiced) follow_speech(v, b, x[b], strong[b]);
        part_models(v, b);
        room += powf(10, v->noise[b] / 10);
    }
    follow_speaker(v, level, voiced);
    v->n_frames = v->n_frames < MINIMA * MINIMUM_FRAMES * 1000 ? v->n_frames + 1 : MINIMUM_FRAMES;
    float noise_db = decibels(room), snr_db = v->heard ? SOTTO_MAX(v->speech_db - noise_db, 0.1f) : 0;
    return (sotto_vad_frame){
        .voiced = hang_over(v, voiced, snr_db), .level_db = level, .noise_db = noise_db, .snr_db = snr_db};
}
