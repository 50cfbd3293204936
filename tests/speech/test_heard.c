/* Whether a recogniser that knows nothing of these voices hears what they say: pocketsphinx with its stock models. */
#include <pocketsphinx.h>
#include <speex/speex_resampler.h>
#include <sphinxbase/err.h>

#include "speech/tts.h"

#include "test.h"

#define MODEL "/usr/share/pocketsphinx/model/en-us/"

static ps_decoder_t *open_decoder(void) {
    FILE *f = fopen(MODEL "en-us.lm.bin", "rb");
    if (!f) return NULL;
    (void)fclose(f);
    (void)err_set_logfile("/dev/null");
    cmd_ln_t *config = cmd_ln_init(NULL, ps_args(), TRUE, "-hmm", MODEL "en-us", "-lm", MODEL "en-us.lm.bin", "-dict",
                                   MODEL "cmudict-en-us.dict", "-maxhmmpf", "3000", "-pl_window", "10", NULL);
    ps_decoder_t *ps = config ? ps_init(config) : NULL;
    cmd_ln_free_r(config);
    return ps;
}

/* What a voice says, at the decoder's 16 kHz. */
typedef struct tape {
    int16_t              pcm[16000 * 8];
    size_t               n;
    SpeexResamplerState *resampler;
} tape;

static bool record(void *user, const int16_t *pcm, size_t n) {
    tape        *t = user;
    spx_uint32_t used = (spx_uint32_t)n, made = (spx_uint32_t)(SOTTO_COUNT(t->pcm) - t->n);
    (void)speex_resampler_process_int(t->resampler, 0, pcm, &used, t->pcm + t->n, &made);
    t->n += made;
    return true;
}

static int words_heard(ps_decoder_t *ps, const tape *t, const char *const *words) {
    static const int16_t silence[4800];
    int32                score;
    int                  heard = 0;
    (void)ps_start_utt(ps);
    (void)ps_process_raw(ps, silence, SOTTO_COUNT(silence), FALSE, FALSE);
    (void)ps_process_raw(ps, t->pcm, t->n, FALSE, FALSE);
    (void)ps_process_raw(ps, silence, SOTTO_COUNT(silence), FALSE, FALSE);
    (void)ps_end_utt(ps);
    const char *text = ps_get_hyp(ps, &score);
    for (; *words; words++) heard += text && strstr(text, *words);
    printf("  heard: %s\n", text ? text : "nothing");
    return heard;
}

TEST(key_words) {
    static const struct {
        const char *text, *words[4];
    } rows[] = {{"Set a timer for ten minutes.", {"timer", "ten", "minutes", NULL}},
                {"Please turn off the lights in the kitchen.", {"turn", "lights", "kitchen", NULL}}};
    static const char *const voices[] = {"flite:slt", "flite:rms", "hts:slt"};
    static tape              t;
    ps_decoder_t            *ps = open_decoder();
    if (!ps) printf("skipped: the stock models of pocketsphinx are not installed\n");
    for (size_t v = 0; ps && v < SOTTO_COUNT(voices); v++) {
        sotto_tts        *tts = NULL;
        sotto_error       err = {0};
        sotto_tts_options opt = {.voice = voices[v], .speed = 1};
        int               heard = 0;
        if (sotto_tts_open(&tts, &opt, &err) != SOTTO_OK) {
            printf("skipped: %s\n", err.message);
            continue;
        }
        for (size_t i = 0; i < SOTTO_COUNT(rows); i++) {
            t = (tape){.resampler = speex_resampler_init(1, (spx_uint32_t)sotto_tts_rate(tts), 16000, 8, NULL)};
            CHECK_OK(sotto_tts_speak(tts, rows[i].text, record, &t, &err), err);
            speex_resampler_destroy(t.resampler);
            heard += words_heard(ps, &t, rows[i].words);
        }
        printf("%s: %d of 6 words\n", voices[v], heard);
        CHECK(heard >= 5);
        sotto_tts_close(tts);
    }
    if (ps) (void)ps_free(ps);
}

TEST_MAIN()
