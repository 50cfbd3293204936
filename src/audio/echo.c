/* The echo canceller of speexdsp: an adaptive filter (Valin 2007, MDF), and suppression of what the filter leaves. */
#include <speex/speex_echo.h>
#include <speex/speex_preprocess.h>
#include <stdlib.h>

#include "audio/audio.h"

enum { TAIL = SOTTO_AUDIO_RATE * 150 / 1000 };

struct sotto_echo {
    SpeexEchoState       *filter;
    SpeexPreprocessState *rest;
};

sotto_status sotto_echo_open(sotto_echo **out, sotto_error *err) {
    *out = NULL;
    sotto_echo *e = calloc(1, sizeof *e);
    if (!e) return sotto_fail_memory(err, "the echo canceller");
    e->filter = speex_echo_state_init(SOTTO_AUDIO_FRAME, TAIL);
    e->rest = speex_preprocess_state_init(SOTTO_AUDIO_FRAME, SOTTO_AUDIO_RATE);
    if (!e->filter || !e->rest) {
        sotto_echo_close(e);
        return sotto_fail_memory(err, "the echo canceller");
    }
    int32_t rate = SOTTO_AUDIO_RATE;
    (void)speex_echo_ctl(e->filter, SPEEX_ECHO_SET_SAMPLING_RATE, &rate);
    (void)speex_preprocess_ctl(e->rest, SPEEX_PREPROCESS_SET_ECHO_STATE, e->filter);
    /* The preprocessor's gains reach the samples only while it denoises; by 0 dB it leaves the noise, which recognisers
     * understand better than what denoising makes of speech. */
    int32_t on = 1, noise_db = 0;
    (void)speex_preprocess_ctl(e->rest, SPEEX_PREPROCESS_SET_DENOISE, &on);
    (void)speex_preprocess_ctl(e->rest, SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, &noise_db);
    *out = e;
    return SOTTO_OK;
}

void sotto_echo_close(sotto_echo *e) {
    if (!e) return;
    if (e->rest) speex_preprocess_state_destroy(e->rest);
    if (e->filter) speex_echo_state_destroy(e->filter);
    free(e);
}

void sotto_echo_cancel(sotto_echo *e, const int16_t heard[SOTTO_AUDIO_FRAME], const int16_t played[SOTTO_AUDIO_FRAME],
                       int16_t rest[SOTTO_AUDIO_FRAME], int16_t out[SOTTO_AUDIO_FRAME]) {
    speex_echo_cancellation(e->filter, heard, played, rest);
    memcpy(out, rest, SOTTO_AUDIO_FRAME * sizeof *out);
    (void)speex_preprocess_run(e->rest, out);
}
