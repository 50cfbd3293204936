/* Voices of flite, in process, at 16 kHz. The samples of a piece come in blocks of 20 ms while it is made.
 *
 * flite is not made for threads: its voices are globals and their values are counted without a lock. A lock of ours is
 * held while a piece is spoken, so that of several sotto_tts in a process one flite speaks at a time; what receives the
 * samples should take them and return. */
#include <flite/flite.h>
#include <stdlib.h>

#include "os/os.h"
#include "speech/tts.h"

cst_voice *register_cmu_us_slt(const char *folder);
cst_voice *register_cmu_us_rms(const char *folder);
cst_voice *register_cmu_us_awb(const char *folder);
cst_voice *register_cmu_us_kal16(const char *folder);

enum { RATE = 16000, BLOCK = RATE / 50 };

static const char *const voices[] = {"slt", "rms", "awb", "kal16", NULL};
static cst_voice *(*const registers[])(const char *) = {register_cmu_us_slt, register_cmu_us_rms, register_cmu_us_awb,
                                                        register_cmu_us_kal16};

static sotto_mutex flite_mutex;
static bool        flite_started;

static void start(void) {
    sotto_mutex_init(&flite_mutex);
    (void)flite_init();
}

void sotto_flite_lock(void) {
    sotto_once(&flite_started, start);
    sotto_mutex_lock(&flite_mutex);
}

void sotto_flite_unlock(void) { sotto_mutex_unlock(&flite_mutex); }

typedef struct flite {
    cst_voice *voice;   /* flite's, for ever */
    float      stretch; /* of the voice's own durations */
} flite;

/* 1 / speed of what the voice is made for (rms: 1.1). */
static float stretch_of(const cst_voice *voice, float speed) {
    return flite_get_param_float(voice->features, "duration_stretch", 1) / speed;
}

static sotto_status flite_open(void **out, int32_t *rate, const char *name, float speed, sotto_error *err) {
    flite *f = malloc(sizeof *f);
    size_t i = 0;
    if (!f) return sotto_fail_memory(err, "a voice");
    while (strcmp(voices[i], name) != 0) i++;
    sotto_flite_lock();
    f->voice = registers[i](NULL);
    if (f->voice) f->stretch = stretch_of(f->voice, speed);
    sotto_flite_unlock();
    if (!f->voice) {
        free(f);
        return sotto_fail(err, SOTTO_NO_MEMORY, "flite cannot make its voice %s", name);
    }
    *out = f;
    *rate = RATE;
    return SOTTO_OK;
}

static int on_samples(const cst_wave *w, int start_at, int size, int last, cst_audio_streaming_info *asi) {
    (void)last;
    bool more = sotto_tts_give(asi->userdata, w->samples + start_at, (size_t)SOTTO_MAX(size, 0));
    return more ? CST_AUDIO_STREAM_CONT : CST_AUDIO_STREAM_STOP;
}

/* The noise in a voice is made of the C library's rand(), and begins anew with each piece: the same text, the same
 * samples. The receiver and the speed lie in the utterance's features and not in the voice's, which all share. */
static cst_utterance *make_utterance(const flite *f, const char *text, sotto_tts_out *out) {
    cst_audio_streaming_info *asi = new_audio_streaming_info();
    cst_utterance            *u = new_utterance();
    srand(1);
    asi->min_buffsize = BLOCK;
    asi->asc = on_samples;
    asi->userdata = out;
    utt_set_input_text(u, text);
    (void)utt_init(u, f->voice);
    feat_set(u->features, "streaming_info", audio_streaming_info_val(asi));
    feat_set_float(u->features, "duration_stretch", f->stretch);
    return u;
}

static sotto_status flite_speak(void *engine, const char *text, sotto_tts_out *out, sotto_error *err) {
    sotto_flite_lock();
    cst_utterance *u = make_utterance(engine, text, out);
    bool           spoken = utt_synth(u) != NULL;
    delete_utterance(u);
    sotto_flite_unlock();
    return spoken ? SOTTO_OK : sotto_fail(err, SOTTO_UNSUPPORTED, "flite cannot speak \"%.40s\"", text);
}

static void flite_close(void *engine) { free(engine); }

const sotto_tts_engine sotto_tts_flite = {
    .name = "flite", .voices = voices, .ascii = true, .open = flite_open, .close = flite_close, .speak = flite_speak};
