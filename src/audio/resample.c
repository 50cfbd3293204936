/* Another number of samples a second: the windowed sinc of speexdsp. Its delay is taken out, so that the n-th second
 * of what goes in is the n-th second of what comes out, to the sample at the end. */
#include <speex/speex_resampler.h>
#include <stdlib.h>

#include "audio/audio.h"

/* Quality 5 of 10: 80 dB of stop band at 0.06 % of a core, 2.5 ms of delay. */
enum { QUALITY = 5, RATE_MIN = 4000, RATE_MAX = 192000, PIECE = 1024 };

struct sotto_resampler {
    SpeexResamplerState *filter; /* NULL: the rates are equal */
    uint32_t             from, to;
    uint64_t             n_in, n_out; /* since the beginning, or reset */
};

static void begin(sotto_resampler *r) {
    r->n_in = r->n_out = 0;
    if (!r->filter) return;
    (void)speex_resampler_reset_mem(r->filter);
    (void)speex_resampler_skip_zeros(r->filter); /* the first sample out is the first in, not the filter's delay */
}

sotto_status sotto_resampler_open(sotto_resampler **out, int32_t from_rate, int32_t to_rate, sotto_error *err) {
    *out = NULL;
    int32_t low = SOTTO_MIN(from_rate, to_rate), high = SOTTO_MAX(from_rate, to_rate);
    if (low < RATE_MIN || high > RATE_MAX)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "%d samples a second are out of the range from %d to %d",
                          low < RATE_MIN ? low : high, RATE_MIN, RATE_MAX);
    sotto_resampler *r = calloc(1, sizeof *r);
    if (!r) return sotto_fail_memory(err, "a resampler");
    *r = (sotto_resampler){.from = (uint32_t)from_rate, .to = (uint32_t)to_rate};
    if (low != high && !(r->filter = speex_resampler_init(1, r->from, r->to, QUALITY, NULL))) {
        free(r);
        return sotto_fail_memory(err, "a resampler");
    }
    begin(r);
    *out = r;
    return SOTTO_OK;
}

void sotto_resampler_close(sotto_resampler *r) {
    if (!r) return;
    if (r->filter) speex_resampler_destroy(r->filter);
    free(r);
}

void sotto_resampler_reset(sotto_resampler *r) { begin(r); }

/* Through the filter; `limit`: not more samples than these. */
static bool run(sotto_resampler *r, const int16_t *pcm, size_t n, uint64_t limit, sotto_buf *out) {
    int16_t piece[PIECE];
    while (n > 0 && limit > 0) {
        spx_uint32_t n_in = (spx_uint32_t)SOTTO_MIN(n, (size_t)PIECE), n_out = (spx_uint32_t)SOTTO_MIN(limit, PIECE);
        if (speex_resampler_process_int(r->filter, 0, pcm, &n_in, piece, &n_out) != RESAMPLER_ERR_SUCCESS) return false;
        if (!sotto_buf_append(out, piece, n_out * sizeof *piece)) return false;
        r->n_out += n_out;
        limit -= n_out;
        pcm += n_in;
        n -= n_in;
    }
    return true;
}

/* Silence pushes out what the filter holds, up to the length that the whole must have. */
static bool finish(sotto_resampler *r, sotto_buf *out) {
    static const int16_t silence[PIECE];
    uint64_t             whole = (r->n_in * r->to + r->from - 1) / r->from;
    while (r->n_out < whole)
        if (!run(r, silence, PIECE, whole - r->n_out, out)) return false;
    begin(r);
    return true;
}

sotto_status sotto_resampler_run(sotto_resampler *r, const int16_t *pcm, size_t n, bool end, sotto_buf *out,
                                 sotto_error *err) {
    bool ok = r->filter ? run(r, pcm, n, UINT64_MAX, out) : sotto_buf_append(out, pcm, n * sizeof *pcm);
    r->n_in += n;
    if (ok && end && r->filter) ok = finish(r, out);
    return ok ? SOTTO_OK : sotto_fail_memory(err, "resampled sound");
}
