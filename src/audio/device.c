/* Microphone and loudspeaker: two streams of PortAudio, as they may be two devices with a clock each. Their callbacks
 * move samples between the device and rings, and note when that was; the threads that hear and play do the rest.
 *
 * What is heard and what was played are brought together by time. Once they are, samples follow each other on both
 * sides without a break, since the echo canceller has to learn anew after every one; they are moved against each other
 * only when they have drifted further apart than SLACK. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "audio/device.h"
#include "os/os.h"

enum {
    RING_SECONDS = 2,
    DEVICE_RATE_MAX = 192000,
    LOST_MS = 1000,          /* without a callback; they come every 10 ms */
    CLOSE_MS = 3000,
    POLL_MS = 2,             /* between two looks at the ring: a callback must not wake anybody */
    FADE_PER_SECOND = 200,   /* sound that is silenced fades out in 5 ms */
    GAP_PER_SECOND = 2,      /* sound that goes on within half a second had not ended */
    NS_PER_SAMPLE = 1000000000 / SOTTO_AUDIO_RATE,
    /* The reference is early by LEAD, so that with errors in what the system says of its delays the echo still comes
     * after it, and within the canceller's tail. */
    LEAD = SOTTO_AUDIO_RATE * 30 / 1000,
    SLACK = SOTTO_AUDIO_RATE * 20 / 1000,
    MEAN_OF = 50, /* frames, over which the times that callbacks note are averaged: single ones are wrong by 20 ms */
};

/* Seconds that the buffers of the system should hold. The output's is a delay; the input's is none, as long as it is
 * emptied in time, and room where it is not. */
static const double INPUT_BUFFER = 0.06, OUTPUT_BUFFER = 0.04;

/* What the callback of one direction notes for the other threads. */
typedef struct side {
    PaStream        *stream;
    int32_t          rate;    /* of the device */
    double           latency; /* seconds, as the system says */
    uint64_t         n;       /* samples that went through the ring; the callback's own */
    _Atomic uint64_t last_ns; /* of the last callback */
    _Atomic int64_t  zero_ns; /* when sample 0 was in the air, judged by the last callback */
} side;

/* A ring that is read at SOTTO_AUDIO_RATE. */
typedef struct feed {
    sotto_ring      *ring;
    sotto_resampler *resampler;
    int32_t          rate;
    sotto_buf        ready; /* int16 at SOTTO_AUDIO_RATE */
    int64_t          at;    /* the sample that is next, counted as those of the ring */
} feed;

struct sotto_device {
    bool        begun; /* PortAudio */
    atomic_bool closed;
    side  input, output;
    feed  heard, reference;
    /* the thread that hears: by how many samples the reference is behind, summed over n_behind frames */
    double behind;
    int    n_behind;
    bool   aligned;
    /* sound to play, in samples of the device: given >= taken, and what lies below `dropped` is not to be heard */
    sotto_ring      *sound;
    sotto_resampler *resampler;
    sotto_buf        resampled;
    int32_t          output_rate;
    uint64_t         dropped_before; /* the thread that plays: the value that it last saw */
    _Atomic uint64_t n_given, n_taken, n_dropped;
    uint64_t         gap; /* the output's callback: silence since the last sound */
    _Atomic uint64_t n_overruns, n_underruns;
    _Atomic uint64_t sound_begin_ns, sound_end_ns; /* when the sound that the device has is in the air */
};

/* ---- callbacks: no locks, no memory, no waiting ------------------------------------------------------------- */

static uint64_t ns_of_samples(uint64_t n, int32_t rate) { return (uint64_t)((double)n * 1e9 / rate); }

/* `delay` in seconds until the first sample is, or since it was, in the air. It is measured, and may be a little less
 * than none; some systems do not know. */
static int64_t note_time(side *s, double delay, int sign) {
    uint64_t now = sotto_time_ns();
    if (!(fabs(delay) < 1)) delay = s->latency;
    int64_t first_ns = (int64_t)now + sign * (int64_t)(delay * 1e9);
    atomic_store_explicit(&s->zero_ns, first_ns - (int64_t)ns_of_samples(s->n, s->rate), memory_order_relaxed);
    atomic_store_explicit(&s->last_ns, now, memory_order_release);
    return first_ns;
}

static int on_input(const void *in, void *out, unsigned long n, const PaStreamCallbackTimeInfo *time,
                    PaStreamCallbackFlags flags, void *arg) {
    (void)out, (void)flags;
    sotto_device *d = arg;
    (void)note_time(&d->input, time->currentTime - time->inputBufferAdcTime, -1);
    size_t put = in ? sotto_ring_write(d->heard.ring, in, n) : 0;
    d->input.n += put;
    atomic_fetch_add_explicit(&d->n_overruns, n - put, memory_order_relaxed);
    return paContinue;
}

static size_t take_sound(sotto_device *d, int16_t *pcm, size_t n) {
    uint64_t taken = atomic_load_explicit(&d->n_taken, memory_order_relaxed);
    uint64_t dropped = atomic_load_explicit(&d->n_dropped, memory_order_acquire);
    if (taken >= dropped) {
        n = sotto_ring_read(d->sound, pcm, n);
        atomic_store_explicit(&d->n_taken, taken + n, memory_order_relaxed);
        return n;
    }
    size_t fade = SOTTO_MIN(n, (size_t)(d->output.rate / FADE_PER_SECOND));
    fade = sotto_ring_read(d->sound, pcm, (size_t)SOTTO_MIN(fade, dropped - taken));
    for (size_t i = 0; i < fade; i++) pcm[i] = (int16_t)(pcm[i] * (int32_t)(fade - i) / (int32_t)fade);
    (void)sotto_ring_read(d->sound, NULL, (size_t)(dropped - taken - fade));
    atomic_store_explicit(&d->n_taken, dropped, memory_order_relaxed);
    d->gap = (uint64_t)d->output.rate; /* this end was meant */
    return fade;
}

/* A gap counts when sound follows it soon. */
static void note_sound(sotto_device *d, size_t n, size_t n_sound, int64_t first_ns) {
    uint64_t rate = (uint64_t)d->output.rate;
    if (n_sound > 0) {
        if (d->gap > 0) atomic_store_explicit(&d->sound_begin_ns, (uint64_t)first_ns, memory_order_relaxed);
        if (d->gap < rate / GAP_PER_SECOND) atomic_fetch_add_explicit(&d->n_underruns, d->gap, memory_order_relaxed);
        d->gap = 0;
        atomic_store_explicit(&d->sound_end_ns, (uint64_t)first_ns + ns_of_samples(n_sound, d->output.rate),
                              memory_order_relaxed);
    }
    d->gap = SOTTO_MIN(d->gap + n - n_sound, rate);
}

static int on_output(const void *in, void *out, unsigned long n, const PaStreamCallbackTimeInfo *time,
                     PaStreamCallbackFlags flags, void *arg) {
    (void)in, (void)flags;
    sotto_device *d = arg;
    int16_t      *pcm = out;
    int64_t       first_ns = note_time(&d->output, time->outputBufferDacTime - time->currentTime, 1);
    size_t        n_sound = take_sound(d, pcm, n);
    memset(pcm + n_sound, 0, (n - n_sound) * sizeof *pcm);
    note_sound(d, n, n_sound, first_ns);
    if (d->reference.ring) d->output.n += sotto_ring_write(d->reference.ring, pcm, n);
    return paContinue;
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

static sotto_status open_feed(feed *f, int32_t rate, sotto_error *err) {
    f->rate = rate;
    SOTTO_TRY(sotto_ring_open(&f->ring, (size_t)rate * RING_SECONDS, err));
    return sotto_resampler_open(&f->resampler, rate, SOTTO_AUDIO_RATE, err);
}

static void close_feed(feed *f) {
    sotto_ring_close(f->ring);
    sotto_resampler_close(f->resampler);
    sotto_buf_free(&f->ready);
}

/* A stream at the rate that is wanted, or at the device's own where it has no other. */
static sotto_status open_stream(sotto_device *d, bool input, const char *name, int32_t rate, sotto_error *err) {
    side               *s = input ? &d->input : &d->output;
    PaStreamParameters  p = {.channelCount = 1, .sampleFormat = paInt16};
    SOTTO_TRY(sotto_portaudio_find(&p.device, name, input, err));
    const PaDeviceInfo *info = Pa_GetDeviceInfo(p.device);
    p.suggestedLatency = input ? INPUT_BUFFER : OUTPUT_BUFFER;
    for (int tries = 0; tries < 2; tries++) {
        s->rate = tries ? (int32_t)info->defaultSampleRate : rate;
        PaError code = Pa_OpenStream(&s->stream, input ? &p : NULL, input ? NULL : &p, s->rate,
                                     (unsigned long)s->rate / 100, paNoFlag, input ? on_input : on_output, d);
        if (code == paNoError) break;
        s->stream = NULL;
        if (code == paInvalidSampleRate && tries == 0) continue;
        (void)sotto_portaudio_fail(err, code, info->name);
        return sotto_fail_prefix(err, SOTTO_IO, "the %s cannot be used", input ? "microphone" : "loudspeaker");
    }
    if (s->rate > DEVICE_RATE_MAX)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "%s: %d samples a second are more than sotto can use", info->name,
                          s->rate);
    const PaStreamInfo *stream = Pa_GetStreamInfo(s->stream);
    s->latency = input ? stream->inputLatency : stream->outputLatency;
    return SOTTO_OK;
}

static sotto_status open_input(sotto_device *d, const char *name, sotto_error *err) {
    SOTTO_TRY(open_stream(d, true, name, SOTTO_AUDIO_RATE, err));
    return open_feed(&d->heard, d->input.rate, err);
}

static sotto_status open_output(sotto_device *d, const char *name, int32_t rate, sotto_error *err) {
    d->output_rate = rate;
    SOTTO_TRY(open_stream(d, false, name, rate, err));
    d->gap = (uint64_t)d->output.rate;
    SOTTO_TRY(sotto_ring_open(&d->sound, (size_t)d->output.rate * RING_SECONDS, err));
    SOTTO_TRY(sotto_resampler_open(&d->resampler, rate, d->output.rate, err));
    return d->input.stream ? open_feed(&d->reference, d->output.rate, err) : SOTTO_OK;
}

static sotto_status start(side *s, const char *what, sotto_error *err) {
    if (!s->stream) return SOTTO_OK;
    atomic_store(&s->last_ns, sotto_time_ns());
    PaError code = Pa_StartStream(s->stream);
    return code == paNoError ? SOTTO_OK : sotto_portaudio_fail(err, code, what);
}

sotto_status sotto_device_open(sotto_device **out, const sotto_device_options *opt, sotto_error *err) {
    *out = NULL;
    if (!opt->input && !opt->output)
        return sotto_fail(err, SOTTO_INVALID, "neither a microphone nor a loudspeaker is wanted");
    sotto_device *d = calloc(1, sizeof *d);
    if (!d) return sotto_fail_memory(err, "a sound device");
    sotto_status status = sotto_portaudio_begin(err);
    d->begun = status == SOTTO_OK;
    if (status == SOTTO_OK && opt->input) status = open_input(d, opt->input, err);
    if (status == SOTTO_OK && opt->output) status = open_output(d, opt->output, opt->output_rate, err);
    if (status == SOTTO_OK) status = start(&d->output, "the loudspeaker cannot be started", err);
    if (status == SOTTO_OK) status = start(&d->input, "the microphone cannot be started", err);
    if (status == SOTTO_OK) *out = d;
    else sotto_device_close(d);
    return status;
}

/* ---- closing ------------------------------------------------------------------------------------------------ */

/* Abort, not stop: that would wait until a device that may have vanished has played everything. */
static void close_stream(side *s) {
    if (!s->stream) return;
    (void)Pa_AbortStream(s->stream);
    (void)Pa_CloseStream(s->stream);
}

static void close_streams(void *arg) {
    sotto_device *d = arg;
    close_stream(&d->input);
    close_stream(&d->output);
    if (d->begun) sotto_portaudio_end();
    atomic_fetch_sub(&sotto_portaudio_closing, 1);
    atomic_store(&d->closed, true);
}

/* PortAudio waits without end for a sound server that hangs. So a thread does it, and is left behind with the device
 * when it takes too long; until it has ended, no other device can be opened. */
static bool close_in_time(sotto_device *d) {
    sotto_thread *t = NULL;
    uint64_t      until = sotto_time_ns() + (uint64_t)CLOSE_MS * 1000000;
    atomic_fetch_add(&sotto_portaudio_closing, 1);
    if (sotto_thread_start(&t, close_streams, d, NULL) != SOTTO_OK) close_streams(d);
    while (!atomic_load(&d->closed)) {
        uint64_t now = sotto_time_ns();
        if (now >= until) return false;
        sotto_sleep_until_ns(now + POLL_MS * 1000000);
    }
    sotto_thread_join(t);
    return true;
}

void sotto_device_close(sotto_device *d) {
    if (!d || !close_in_time(d)) return;
    close_feed(&d->heard);
    close_feed(&d->reference);
    sotto_ring_close(d->sound);
    sotto_resampler_close(d->resampler);
    sotto_buf_free(&d->resampled);
    free(d);
}

/* ---- hearing ------------------------------------------------------------------------------------------------ */

static bool read_frame(feed *f, int16_t out[SOTTO_AUDIO_FRAME]) {
    const size_t n_bytes = SOTTO_AUDIO_FRAME * sizeof *out;
    int16_t      piece[DEVICE_RATE_MAX / 100];
    while (f->ready.len < n_bytes) {
        size_t n = sotto_ring_read(f->ring, piece, (size_t)f->rate / 100);
        if (n == 0 || sotto_resampler_run(f->resampler, piece, n, false, &f->ready, NULL) != SOTTO_OK) return false;
    }
    memcpy(out, f->ready.data, n_bytes);
    f->ready.len -= n_bytes;
    memmove(f->ready.data, f->ready.data + n_bytes, f->ready.len);
    f->at += SOTTO_AUDIO_FRAME;
    return true;
}

/* Leaves out n samples, or puts silence before the next. What the resampler holds is given up. */
static void move_feed(feed *f, int64_t n) {
    int64_t ready = (int64_t)(f->ready.len / sizeof(int16_t));
    sotto_buf_clear(&f->ready);
    sotto_resampler_reset(f->resampler);
    f->at += ready;
    n -= ready;
    if (n > 0) {
        size_t left_out = sotto_ring_read(f->ring, NULL, (size_t)(n * f->rate / SOTTO_AUDIO_RATE));
        n = (int64_t)left_out * SOTTO_AUDIO_RATE / f->rate;
    }
    int16_t silence[SOTTO_AUDIO_FRAME] = {0};
    for (int64_t k, left = SOTTO_MIN(-n, SOTTO_AUDIO_RATE * RING_SECONDS); left > 0; left -= k) {
        k = SOTTO_MIN(left, SOTTO_AUDIO_FRAME);
        if (!sotto_buf_append(&f->ready, silence, (size_t)k * sizeof *silence)) return;
    }
    f->at += SOTTO_MAX(n, -SOTTO_AUDIO_RATE * RING_SECONDS);
}

/* By how many samples the reference is behind that of the frame which begins at `at` of what is heard. */
static double reference_behind(const sotto_device *d, int64_t at) {
    int64_t between_ns = atomic_load_explicit(&d->input.zero_ns, memory_order_relaxed) -
                         atomic_load_explicit(&d->output.zero_ns, memory_order_relaxed);
    return (double)between_ns / NS_PER_SAMPLE + (double)(at + LEAD - d->reference.at);
}

/* The first frame is aligned by its own time, as well as that goes; then the mean decides. */
static void align_reference(sotto_device *d, int64_t at) {
    d->behind += reference_behind(d, at);
    if (++d->n_behind < MEAN_OF && d->aligned) return;
    double mean = d->behind / d->n_behind;
    if (!d->aligned || fabs(mean) > SLACK) move_feed(&d->reference, llround(mean));
    d->aligned = true;
    d->behind = 0;
    d->n_behind = 0;
}

static void read_reference(sotto_device *d, int64_t at, int16_t played[SOTTO_AUDIO_FRAME]) {
    align_reference(d, at);
    if (!read_frame(&d->reference, played)) memset(played, 0, SOTTO_AUDIO_FRAME * sizeof *played);
}

bool sotto_device_hear(sotto_device *d, int16_t heard[SOTTO_AUDIO_FRAME], int16_t played[SOTTO_AUDIO_FRAME],
                       int32_t ms) {
    uint64_t until = sotto_time_ns() + (uint64_t)SOTTO_MAX(ms, 0) * 1000000;
    while (!d->input.stream || !read_frame(&d->heard, heard)) {
        uint64_t now = sotto_time_ns();
        if (now >= until) return false;
        sotto_sleep_until_ns(SOTTO_MIN(now + POLL_MS * 1000000, until));
    }
    if (d->reference.ring) read_reference(d, d->heard.at - SOTTO_AUDIO_FRAME, played);
    else memset(played, 0, SOTTO_AUDIO_FRAME * sizeof *played);
    return true;
}

/* ---- playing ------------------------------------------------------------------------------------------------ */

/* What was silenced has nothing to do with what comes next, so the filter forgets it. */
size_t sotto_device_play(sotto_device *d, const int16_t *pcm, size_t n) {
    if (!d->sound) return 0;
    uint64_t dropped = atomic_load_explicit(&d->n_dropped, memory_order_relaxed);
    if (dropped != d->dropped_before) sotto_resampler_reset(d->resampler);
    d->dropped_before = dropped;
    size_t spare = (size_t)d->output.rate / 100; /* the filter may give a little more at once */
    size_t room = sotto_ring_room(d->sound);
    room = room > spare ? (size_t)((uint64_t)(room - spare) * (uint64_t)d->output_rate / (uint64_t)d->output.rate) : 0;
    n = SOTTO_MIN(n, room);
    sotto_buf_clear(&d->resampled);
    if (sotto_resampler_run(d->resampler, pcm, n, false, &d->resampled, NULL) != SOTTO_OK) return 0;
    size_t put = sotto_ring_write(d->sound, (const int16_t *)(void *)d->resampled.data, d->resampled.len / sizeof *pcm);
    atomic_fetch_add_explicit(&d->n_given, put, memory_order_release);
    return n;
}

size_t sotto_device_unplayed(const sotto_device *d) {
    if (!d->sound) return 0;
    uint64_t taken = atomic_load(&d->n_taken), dropped = atomic_load(&d->n_dropped), given = atomic_load(&d->n_given);
    uint64_t begin_ns = atomic_load(&d->sound_begin_ns), end_ns = atomic_load(&d->sound_end_ns);
    taken = SOTTO_MAX(taken, dropped);
    double   waiting = given > taken ? (double)(given - taken) / d->output.rate : 0;
    uint64_t now_ns = SOTTO_MAX(sotto_time_ns(), begin_ns);
    if (end_ns > now_ns) waiting += (double)(end_ns - now_ns) * 1e-9;
    return (size_t)(waiting * d->output_rate);
}

void sotto_device_silence(sotto_device *d) { atomic_store(&d->n_dropped, atomic_load(&d->n_given)); }

/* ---- state -------------------------------------------------------------------------------------------------- */

static bool is_lost(const side *s) {
    if (!s->stream) return false;
    uint64_t last_ns = atomic_load_explicit(&s->last_ns, memory_order_acquire), now = sotto_time_ns();
    return Pa_IsStreamActive(s->stream) != 1 || now > last_ns + (uint64_t)LOST_MS * 1000000;
}

void sotto_device_get_state(const sotto_device *d, sotto_device_state *out) {
    *out = (sotto_device_state){.lost = is_lost(&d->input) || is_lost(&d->output),
                                .n_overruns = atomic_load(&d->n_overruns),
                                .n_underruns = atomic_load(&d->n_underruns),
                                .input_latency_ms = d->input.latency * 1000,
                                .output_latency_ms = d->output.latency * 1000};
}
