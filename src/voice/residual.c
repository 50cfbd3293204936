/* Whether what is heard while sotto speaks is a person, or what the echo canceller has left of sotto's own voice. In
 * each of five bands the rest that the canceller leaves is held against the echo that it has taken out, and against the
 * room. How much of an echo is usually left is learnt: faster when there is more than was thought than when there is
 * less. What exceeds it is evidence, summed up as long as it speaks for a person (Page 1954, the cumulative sum: the
 * quickest way to detect a change), so that a vowel is suspected after four frames, a weak consonant after some more,
 * a click not. */
#include "voice/voice.h"

#include <math.h>

enum { BANDS = SOTTO_RESIDUAL_BANDS };
static const float band_hz[BANDS + 1] = {120, 400, 1000, 2200, 4200, 7600};

#define FLOOR_DB     (-96.0f)
#define PLAYED_DB    (-55.0f) /* quieter playing leaves nothing to speak of */
#define ECHO_DB      (-70.0f) /* nor can anything be learnt from a quieter echo in a band, */
#define ABOVE_DB     6.0f     /* or from a rest that is hardly above the room */
#define ROOM_DB      (-75.0f) /* of a band: no room is quieter */
#define FIRST_DB     (-5.0f)  /* against what is played: as loud as an echo may be before the canceller knows it */
#define MOST_DB      0.0f     /* as much and as little as is ever thought to be left, */
#define LEAST_DB     (-35.0f) /* against the echo */
#define MARGIN_DB    5.0f     /* by which a person exceeds it */
#define WRONG_DB     5.0f     /* and by which more after each mistake, */
#define WRONG_MAX_DB 15.0f
#define FORGET_DB    0.0025f  /* which is forgotten in 20 s */
#define ECHO_FALL_DB 0.7f     /* in a frame: the part of an echo that is later than the canceller knows, */
#define LAST_FALL_DB 1.5f     /* and the room's after the last sound */
#define PLAY_FALL_DB 1.0f
/* Evidence: of a band at least and at most, of a frame at most, and as much as makes it suspicious. */
#define BAND_LEAST_DB (-4.0f)
#define BAND_MOST_DB  12.0f
#define FRAME_MOST_DB 10.0f
#define SUSPECT_DB    35.0f
enum {
    TAIL_FRAMES = 8,   /* the delay of loudspeaker and room */
    FIRST_FRAMES = 100 /* of sound that teach the canceller */
};

/* Band passes of second order, two in a row. */
void sotto_residual_reset(sotto_residual *r) {
    *r = (sotto_residual){.played_db = FLOOR_DB};
    for (int b = 0; b < BANDS; b++) {
        const double turn = 2 * 3.14159265358979323846 / SOTTO_AUDIO_RATE;
        double       from = band_hz[b] * turn, to = band_hz[b + 1] * turn;
        double       center = sqrt(from * to), alpha = sin(center) * (to - from) / (2 * center);
        r->bands[b] = (sotto_residual_band){.gain = (float)(alpha / (1 + alpha)),
                                            .turn = (float)(-2 * cos(center) / (1 + alpha)),
                                            .damp = (float)((1 - alpha) / (1 + alpha)),
                                            .echo_db = FLOOR_DB, .room_db = ROOM_DB};
    }
}

static float decibels(double power) { return (float)(10 * log10(power / (32768.0 * 32768.0) + 1e-10)); }

static float level_db(const int16_t *pcm) {
    double power = 0;
    for (int i = 0; i < SOTTO_AUDIO_FRAME; i++) power += (double)pcm[i] * pcm[i];
    return decibels(power / SOTTO_AUDIO_FRAME);
}

static float band_db(const sotto_residual_band *f, float past[2][4], const int16_t *pcm) {
    double power = 0;
    for (int i = 0; i < SOTTO_AUDIO_FRAME; i++) {
        float x = pcm[i];
        for (int k = 0; k < 2; k++) {
            float *p = past[k], y = f->gain * (x - p[1]) - f->turn * p[2] - f->damp * p[3];
            p[1] = p[0], p[0] = x, p[3] = p[2], p[2] = y;
            x = y;
        }
        power += (double)x * x;
    }
    return decibels(power / SOTTO_AUDIO_FRAME);
}

static void follow_played(sotto_residual *r, const int16_t *played) {
    float now = played ? level_db(played) : FLOOR_DB;
    if (now > PLAYED_DB && r->n_played < FIRST_FRAMES) r->n_played++;
    r->n_silent = now > PLAYED_DB ? 0 : SOTTO_MIN(r->n_silent + 1, TAIL_FRAMES + 1);
    if (now >= r->played_db) {
        r->played_db = now;
        r->n_held = 0;
    } else if (++r->n_held > TAIL_FRAMES) {
        r->played_db = fmaxf(r->played_db - PLAY_FALL_DB, now);
    }
}

/* That less is left than was thought is only told by peaks: between them the echo that is held is not that which is
 * heard. That it is more is not told by what may be the room's. */
static void learn_left(sotto_residual_band *f, float rest_db, bool peak, float more) {
    float left_db = rest_db - f->echo_db;
    if (left_db <= f->left_db) f->left_db += peak ? 0.02f * (left_db - f->left_db) : 0;
    else if (rest_db > f->room_db + ABOVE_DB) f->left_db += more * (left_db - f->left_db);
    f->left_db = fminf(fmaxf(f->left_db, LEAST_DB), MOST_DB);
}

static void learn_room(sotto_residual_band *f, float rest_db, bool alone) {
    float above = rest_db - f->room_db;
    f->room_db = fmaxf(f->room_db + (above < 0 ? 0.1f * above : alone ? 0.02f * above : 0.02f), ROOM_DB);
}

static void follow_echo(sotto_residual_band *f, float echo_db, bool silent) {
    if (silent) f->echo_db = fmaxf(f->echo_db - LAST_FALL_DB, FLOOR_DB);
    else f->echo_db = fmaxf(f->echo_db - ECHO_FALL_DB, echo_db);
}

/* By how much the rest in a band exceeds what can be sotto's own or the room's. */
static float excess_db(const sotto_residual *r, const sotto_residual_band *f, float rest_db) {
    float own = fmaxf(f->echo_db + f->left_db, f->room_db);
    if (r->n_played < FIRST_FRAMES) own = fmaxf(own, r->played_db + FIRST_DB);
    return fminf(fmaxf(rest_db - own - MARGIN_DB - r->wrong_db, BAND_LEAST_DB), BAND_MOST_DB);
}

static void learn(sotto_residual *r, const float echo_db[BANDS], const float rest_db[BANDS], bool voiced, bool person) {
    float first = 1.0f / (float)(r->n_played / 4 + 1), more = person ? 0.03f : fmaxf(0.05f, first);
    for (int b = 0; b < BANDS; b++) {
        sotto_residual_band *f = &r->bands[b];
        if (r->n_silent == 0 && f->echo_db > ECHO_DB) learn_left(f, rest_db[b], echo_db[b] >= f->echo_db, more);
        learn_room(f, rest_db[b], r->n_silent > TAIL_FRAMES && !voiced);
    }
}

void sotto_residual_feed(sotto_residual *r, const int16_t *played, const int16_t *echo, const int16_t *rest,
                         bool voiced) {
    float sum = 0, echo_db[BANDS], rest_db[BANDS];
    follow_played(r, played);
    for (int b = 0; b < BANDS; b++) {
        sotto_residual_band *f = &r->bands[b];
        echo_db[b] = band_db(f, f->of_echo, echo);
        rest_db[b] = band_db(f, f->of_rest, rest);
        follow_echo(f, echo_db[b], r->n_silent > TAIL_FRAMES);
        sum += excess_db(r, f, rest_db[b]);
    }
    learn(r, echo_db, rest_db, voiced, sum > 0);
    r->evidence_db = fminf(fmaxf(r->evidence_db + fminf(sum, FRAME_MOST_DB), 0), SUSPECT_DB);
    r->wrong_db = fmaxf(r->wrong_db - FORGET_DB, 0);
    r->suspected = r->evidence_db >= SUSPECT_DB;
    r->person = voiced && (sum > 0 || r->played_db < PLAYED_DB);
}

void sotto_residual_was_wrong(sotto_residual *r) {
    r->wrong_db = fminf(r->wrong_db + WRONG_DB, WRONG_MAX_DB);
    r->evidence_db = 0;
}
