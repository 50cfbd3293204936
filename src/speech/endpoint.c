/* When an utterance begins and ends: a state machine over voiced and silent frames. */
#include "speech/speech.h"

/* CLOSING_MS: what a recogniser's last pass takes of two seconds of speech, about. */
enum { FRAME_MS = 10, START_MS_MAX = 320, RESUME_FRAMES = 3, CLOSING_MS = 120 };

sotto_endpoint_options sotto_endpoint_options_default(void) {
    return (sotto_endpoint_options){.start_ms = 90, .speculative_ms = 200, .complete_ms = 250, .unsure_ms = 500,
                                    .incomplete_ms = 1200, .longest_ms = 15000};
}

void sotto_endpoint_reset(sotto_endpoint *e, const sotto_endpoint_options *opt) {
    *e = (sotto_endpoint){.options = opt ? *opt : sotto_endpoint_options_default()};
    e->options.start_ms = SOTTO_MIN(SOTTO_MAX(e->options.start_ms, FRAME_MS), START_MS_MAX);
}

static int ones(uint64_t bits) {
    int n = 0;
    for (; bits; bits &= bits - 1) n++;
    return n;
}

/* The newest `frames` bits. */
static uint64_t window(const sotto_endpoint *e, int frames) {
    return frames >= 64 ? e->recent : e->recent & (((uint64_t)1 << frames) - 1);
}

static sotto_endpoint_event wait_for_start(sotto_endpoint *e) {
    int      frames = e->options.start_ms / FRAME_MS, span = 0;
    uint64_t bits = window(e, 2 * frames);
    if (e->cut) e->cut = e->silence_ms < e->options.speculative_ms;
    if (e->cut || ones(bits) < frames) return SOTTO_ENDPOINT_NONE;
    for (; bits; bits >>= 1) span++;
    e->speaking = true;
    e->speculated = e->closing = false;
    e->silence_ms = 0;
    e->speech_ms = e->since_ms = span * FRAME_MS;
    return SOTTO_ENDPOINT_START;
}

static int32_t patience(const sotto_endpoint *e, sotto_completeness completeness) {
    switch (completeness) {
    case SOTTO_COMPLETE: return e->options.complete_ms;
    case SOTTO_INCOMPLETE: return e->options.incomplete_ms;
    case SOTTO_UNSURE: break;
    }
    return e->options.unsure_ms;
}

static sotto_endpoint_event end(sotto_endpoint *e, bool cut) {
    e->speaking = e->speculated = e->closing = false;
    e->cut = cut;
    e->recent = 0;
    return SOTTO_ENDPOINT_END;
}

static sotto_endpoint_event wait_for_end(sotto_endpoint *e, bool spoke, sotto_completeness completeness) {
    bool    speculated = e->speculated, closing = e->closing;
    int32_t wait = patience(e, completeness), near = SOTTO_MIN(wait, e->options.unsure_ms) - CLOSING_MS;
    e->speech_ms += FRAME_MS;
    if (e->speech_ms >= e->options.longest_ms) return end(e, true);
    if (e->silence_ms >= wait) return end(e, false);
    e->speculated = e->silence_ms >= e->options.speculative_ms;
    e->closing = !spoke && (closing || e->silence_ms >= SOTTO_MAX(near, FRAME_MS));
    if (e->closing && !closing) return SOTTO_ENDPOINT_CLOSING;
    if (e->speculated && !speculated) return SOTTO_ENDPOINT_SPECULATIVE;
    return (speculated || closing) && spoke ? SOTTO_ENDPOINT_RESUME : SOTTO_ENDPOINT_NONE;
}

sotto_endpoint_event sotto_endpoint_feed(sotto_endpoint *e, bool voiced, sotto_completeness completeness) {
    e->recent = e->recent << 1 | voiced;
    /* A frame or two alone are a click, or the detector's mistake: silence goes on. */
    bool spoke = voiced && ones(window(e, 2 * RESUME_FRAMES)) >= RESUME_FRAMES;
    e->silence_ms = spoke ? 0 : SOTTO_MIN(e->silence_ms + FRAME_MS, 24 * 3600 * 1000);
    return e->speaking ? wait_for_end(e, spoke, completeness) : wait_for_start(e);
}
