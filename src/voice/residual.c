/* Whether a voice is the person's, or what the echo canceller has left of sotto's own. What is left follows what is
 * played, so a frame counts only if it is louder than that by a margin. How much is left is learnt: fast when there is
 * more than was thought, slowly when there is less, and never from frames that were taken for the person. */
#include "voice/voice.h"

#include <math.h>

#define FLOOR_DB (-96.0f)
#define PLAYED_DB (-55.0f)     /* quieter playing leaves nothing to speak of */
#define BEGIN_DB (-10.0f)      /* before anything is known: a loud loudspeaker, and a canceller that has not adapted */
#define MOST_DB 6.0f           /* as little and as much as is ever thought to be left */
#define LEAST_DB (-20.0f)
#define MARGIN_DB 5.0f
#define HOLD_DB_PER_FRAME 1.0f /* the room's echo of what was played dies away like this, at 100 dB a second */
enum { TAIL_FRAMES = 8 };      /* before it begins to: the delay of loudspeaker and room */

void sotto_residual_reset(sotto_residual *r) { *r = (sotto_residual){.played_db = FLOOR_DB, .left_db = BEGIN_DB}; }

static float level_db(const int16_t *pcm) {
    double power = 0;
    for (int i = 0; i < SOTTO_AUDIO_FRAME; i++) power += (double)pcm[i] * pcm[i];
    power /= SOTTO_AUDIO_FRAME * 32768.0 * 32768.0;
    return power > 1e-10 ? (float)(10 * log10(power)) : FLOOR_DB;
}

static void follow_played(sotto_residual *r, const int16_t *played) {
    float now = played ? level_db(played) : FLOOR_DB;
    if (now >= r->played_db) {
        r->played_db = now;
        r->n_held = 0;
    } else if (++r->n_held > TAIL_FRAMES) {
        r->played_db = fmaxf(r->played_db - HOLD_DB_PER_FRAME, fmaxf(now, FLOOR_DB));
    }
}

bool sotto_residual_is_person(sotto_residual *r, const int16_t *played, float heard_db, bool voiced) {
    follow_played(r, played);
    if (r->played_db < PLAYED_DB) return voiced;
    float left = heard_db - r->played_db;
    if (voiced && left > r->left_db + MARGIN_DB) return true;
    if (left > r->left_db) r->left_db += 0.3f * (left - r->left_db);
    else if (r->n_held == 0) r->left_db += 0.01f * (left - r->left_db); /* only at peaks: in pauses nothing is learnt */
    r->left_db = fminf(fmaxf(r->left_db, LEAST_DB), MOST_DB);
    return false;
}

void sotto_residual_was_wrong(sotto_residual *r) { r->left_db = fminf(r->left_db + MARGIN_DB, MOST_DB); }
