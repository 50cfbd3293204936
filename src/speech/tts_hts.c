/* The HMM voice of the HTS engine (Tokuda et al. 2013), slt at 32 kHz, which Debian has for Festival. A piece is
 * made as a whole, and then given in blocks. */
#include "speech/tts.h"

#if SOTTO_HTS

#include <HTS_engine.h>
#include <math.h>
#include <stdlib.h>

#include "os/os.h"

enum { RATE = 32000, BLOCK = RATE / 50 };

static const char *const voices[] = {"slt", NULL};
static const char        voice_file[] =
    "/usr/share/festival/voices/us/cmu_us_slt_arctic_hts/hts/cmu_us_slt_arctic_hts.htsvoice";

static sotto_status hts_load(HTS_Engine *h, int32_t *rate, sotto_error *err) {
    char *files[] = {(char *)(uintptr_t)voice_file};
    if (sotto_path_kind_of(voice_file) != SOTTO_PATH_FILE)
        return sotto_fail(err, SOTTO_NOT_FOUND, "the voice hts:slt needs %s, which is not there (apt install "
                          "festvox-us-slt-hts)", voice_file);
    if (!HTS_Engine_load(h, files, 1))
        return sotto_fail(err, SOTTO_FORMAT, "%s is not a voice of this HTS engine", voice_file);
    size_t voice_rate = HTS_Engine_get_sampling_frequency(h);
    if (voice_rate != RATE)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "%s has %zu samples a second; %d are expected", voice_file,
                          voice_rate, RATE);
    *rate = RATE;
    return SOTTO_OK;
}

static void hts_close(void *engine) {
    HTS_Engine_clear(engine);
    free(engine);
}

static sotto_status hts_open(void **out, int32_t *rate, const char *voice, float speed, sotto_error *err) {
    (void)voice;
    HTS_Engine *h = malloc(sizeof *h);
    if (!h) return sotto_fail_memory(err, "a voice");
    HTS_Engine_initialize(h);
    sotto_status status = hts_load(h, rate, err);
    if (status != SOTTO_OK) {
        hts_close(h);
        return status;
    }
    HTS_Engine_set_speed(h, (double)speed);
    *out = h;
    return SOTTO_OK;
}

static void give_samples(HTS_Engine *h, sotto_tts_out *out) {
    int16_t block[BLOCK];
    size_t  n = HTS_Engine_get_nsamples(h);
    for (size_t i = 0, len = 0; i < n; i++) {
        double x = HTS_Engine_get_generated_speech(h, i);
        block[len++] = (int16_t)lrint(fmin(fmax(x, INT16_MIN), INT16_MAX));
        if (len < BLOCK && i + 1 < n) continue;
        if (!sotto_tts_give(out, block, len)) return;
        len = 0;
    }
}

static sotto_status hts_speak(void *engine, const char *text, sotto_tts_out *out, sotto_error *err) {
    sotto_arena arena = {0};
    size_t      n = 0;
    char      **labels = sotto_hts_labels(&arena, text, &n);
    bool        made = labels && HTS_Engine_synthesize_from_strings(engine, labels, n);
    bool        no_memory = !labels;
    sotto_arena_free(&arena);
    if (no_memory) return sotto_fail_memory(err, "the phones of a text");
    if (!made) return sotto_fail(err, SOTTO_UNSUPPORTED, "the HTS engine cannot speak \"%.40s\"", text);
    give_samples(engine, out);
    HTS_Engine_refresh(engine);
    return SOTTO_OK;
}

const sotto_tts_engine sotto_tts_hts = {
    .name = "hts", .voices = voices, .ascii = true, .open = hts_open, .close = hts_close, .speak = hts_speak};

#endif
