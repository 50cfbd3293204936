/* From files and devices to a voice, and back: one loop over frames of 10 ms, whatever they come from. */
#include "voice/voice.h"

#include <jansson.h>
#include <stdlib.h>

enum {
    FRAME_MS = 10,
    AHEAD_MS = 80,     /* that a loudspeaker is kept ahead: less is heard too late, more is hard to take back */
    HEAR_MS = 500,     /* that a microphone may be silent before it is asked how it is */
    LAST_MS = 1500,    /* of silence after the end of a file, before the last utterance is held to be over */
    RATE_MAX = 48000
};

typedef struct route {
    sotto_voice             *v;
    const sotto_voice_route *to;
    sotto_audio_reader      *reader;
    sotto_audio_writer      *writer;
    sotto_device            *device;
    bool                     ended; /* the input */
    int32_t                  silent_ms; /* since */
    uint64_t                 began_ns, n_frames;
} route;

sotto_voice_route sotto_voice_route_default(void) { return (sotto_voice_route){0}; }

/* ---- in -------------------------------------------------------------------------------------------------- */

static sotto_status lost(sotto_error *err) {
    return sotto_fail(err, SOTTO_IO, "the sound device has vanished, or gives no sound any more: connect it and begin "
                                     "again, or choose another with --input-device and --output-device");
}

static sotto_status hear_device(route *r, int16_t *heard, int16_t *played, sotto_error *err) {
    while (!sotto_device_hear(r->device, heard, played, HEAR_MS)) {
        sotto_device_state state;
        sotto_device_get_state(r->device, &state);
        if (state.lost) return lost(err);
        if (r->to->tick && !r->to->tick(r->to->tick_user)) return SOTTO_CANCELLED;
    }
    return SOTTO_OK;
}

static sotto_status hear_file(route *r, int16_t *heard, sotto_error *err) {
    size_t n = 0, got = 1;
    while (!r->ended && n < SOTTO_AUDIO_FRAME) {
        SOTTO_TRY(sotto_audio_reader_read(r->reader, heard + n, SOTTO_AUDIO_FRAME - n, &got, err));
        n += got;
        r->ended = got == 0;
    }
    memset(heard + n, 0, (SOTTO_AUDIO_FRAME - n) * sizeof *heard);
    if (r->ended) r->silent_ms += FRAME_MS;
    if (r->to->realtime || (r->device && !r->v->options.lockstep))
        sotto_sleep_until_ns(r->began_ns + r->n_frames * FRAME_MS * 1000000);
    return SOTTO_OK;
}

/* ---- out ------------------------------------------------------------------------------------------------- */

static sotto_status write_file(route *r, sotto_error *err) {
    int16_t pcm[RATE_MAX / 100];
    size_t  frame = (size_t)sotto_voice_rate(r->v) / 100, n = sotto_voice_read(r->v, pcm, frame);
    if (!r->writer) return SOTTO_OK;
    if (r->to->timeline) memset(pcm + n, 0, (frame - n) * sizeof *pcm), n = frame;
    return n ? sotto_audio_writer_write(r->writer, pcm, n, err) : SOTTO_OK;
}

static void play_device(route *r) {
    int16_t pcm[RATE_MAX / 1000 * AHEAD_MS];
    int32_t rate = sotto_voice_rate(r->v);
    if (r->v->cut) sotto_device_silence(r->device);
    r->v->cut = false;
    size_t ahead = (size_t)rate * AHEAD_MS / 1000, unplayed = sotto_device_unplayed(r->device);
    size_t n = unplayed < ahead ? sotto_voice_read(r->v, pcm, ahead - unplayed) : 0;
    (void)sotto_device_play(r->device, pcm, n); /* there is room: more than `ahead` fits */
    sotto_voice_set_unplayed(r->v, sotto_device_unplayed(r->device));
}

/* ---- the loop -------------------------------------------------------------------------------------------- */

static sotto_status step(route *r, sotto_error *err) {
    int16_t heard[SOTTO_AUDIO_FRAME], played[SOTTO_AUDIO_FRAME];
    bool    microphone = !r->to->input;
    SOTTO_TRY(microphone ? hear_device(r, heard, played, err) : hear_file(r, heard, err));
    SOTTO_TRY(sotto_voice_feed(r->v, heard, microphone ? played : NULL, err));
    r->n_frames++;
    if (r->to->output || r->to->silent) return write_file(r, err);
    play_device(r);
    return SOTTO_OK;
}

/* After the end of a file: whether everything that follows from it has happened. */
static bool is_over(const route *r) {
    return r->ended && r->silent_ms >= LAST_MS && r->v->state == SOTTO_VOICE_IDLE && sotto_speak_all_read(r->v) &&
           !sotto_think_busy(r->v);
}

static sotto_status run(route *r, sotto_error *err) {
    r->began_ns = sotto_time_ns();
    while (!is_over(r)) {
        sotto_status status = step(r, err);
        if (status == SOTTO_CANCELLED) return SOTTO_OK;
        SOTTO_TRY(status);
        if (r->to->tick && !r->to->tick(r->to->tick_user)) return SOTTO_OK;
    }
    return SOTTO_OK;
}

static sotto_status open_ends(route *r, sotto_error *err) {
    const sotto_voice_route *to = r->to;
    int32_t                  rate = sotto_voice_rate(r->v);
    if (to->input) SOTTO_TRY(sotto_audio_reader_open(&r->reader, to->input, to->raw_rate, err));
    if (to->output) SOTTO_TRY(sotto_audio_writer_open(&r->writer, to->output, rate, err));
    bool speaker = !to->output && !to->silent;
    if (to->input && !speaker) return SOTTO_OK;
    sotto_device_options o = {.input = to->input ? NULL : to->input_device ? to->input_device : "",
                              .output = !speaker ? NULL : to->output_device ? to->output_device : "",
                              .output_rate = rate};
    return sotto_device_open(&r->device, &o, err);
}

sotto_status sotto_voice_run(sotto_voice *v, const sotto_voice_route *to, sotto_error *err) {
    sotto_voice_route none = sotto_voice_route_default();
    route             r = {.v = v, .to = to ? to : &none};
    sotto_status      status = open_ends(&r, err);
    if (!status) status = run(&r, err);
    sotto_status finished = sotto_voice_finish(v, status ? NULL : err);
    if (!status) status = finished;
    sotto_status closed = sotto_audio_writer_close(r.writer, status ? NULL : err);
    sotto_audio_reader_close(r.reader);
    sotto_device_close(r.device);
    return status ? status : closed;
}

sotto_status sotto_voice_devices(sotto_bytes *out, sotto_error *err) {
    sotto_device_info *list;
    size_t             n;
    SOTTO_TRY(sotto_device_list(&list, &n, err));
    json_t *doc = json_array();
    bool    ok = doc != NULL;
    for (size_t i = 0; i < n && ok; i++)
        ok = json_array_append_new(doc, json_pack("{s:s, s:b, s:b, s:b, s:b}", "name", list[i].name, "input",
                                                  list[i].input, "output", list[i].output, "default_input",
                                                  list[i].is_default_input, "default_output",
                                                  list[i].is_default_output)) == 0;
    char *text = ok ? json_dumps(doc, JSON_INDENT(1)) : NULL;
    json_decref(doc);
    free(list);
    if (!text) return sotto_fail_memory(err, "the list of devices");
    *out = (sotto_bytes){text, strlen(text)};
    return SOTTO_OK;
}
