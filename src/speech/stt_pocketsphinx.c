/* Speech to text by pocketsphinx: its stock language model mixed with that of an assistant, which takes out most of its
 * errors on what people say to one (see models/speech/README.md). */
#include <stdlib.h>

#include "os/os.h"
#include "speech/sphinx.h"
#include "speech/stt.h"

typedef struct engine {
    sotto_sphinx sphinx;
    sotto_buf    text;
} engine;

static void close_engine(void *state) {
    engine *e = state;
    sotto_sphinx_close(&e->sphinx);
    sotto_buf_free(&e->text);
    free(e);
}

static sotto_status load(engine *e, const sotto_stt_options *opt, sotto_error *err) {
    SOTTO_TRY(sotto_sphinx_open(&e->sphinx, opt->model, 0, err));
    char        *own = opt->lm ? NULL : sotto_path_shipped("models/speech", "assistant.arpa");
    const char  *lm = opt->lm && *opt->lm ? opt->lm : own;
    sotto_status status = sotto_sphinx_use_lm(&e->sphinx, lm, opt->lm_weight, opt->words, err);
    free(own);
    return status;
}

static sotto_status open_engine(void **out, const sotto_stt_options *opt, sotto_error *err) {
    if (!(opt->lm_weight >= 0 && opt->lm_weight <= 1))
        return sotto_fail(err, SOTTO_INVALID, "%g is no weight of a language model: it is between 0 and 1",
                          (double)opt->lm_weight);
    engine *e = calloc(1, sizeof *e);
    if (!e) return sotto_fail_memory(err, "a recogniser");
    sotto_status status = load(e, opt, err);
    if (status == SOTTO_OK) *out = e;
    else close_engine(e);
    return status;
}

static sotto_status start(void *state, sotto_error *err) { return sotto_sphinx_start(&((engine *)state)->sphinx, err); }

static sotto_status feed(void *state, const int16_t *pcm, size_t n, sotto_error *err) {
    return sotto_sphinx_feed(&((engine *)state)->sphinx, pcm, n, err);
}

static const char *partial(void *state) {
    engine     *e = state;
    const char *hypothesis = ps_get_hyp(e->sphinx.decoder, NULL);
    return sotto_stt_words(&e->text, hypothesis ? hypothesis : "") ? e->text.data : NULL;
}

static sotto_status final(void *state, const char **text, float *confidence, sotto_error *err) {
    engine *e = state;
    SOTTO_TRY(sotto_sphinx_end(&e->sphinx, err));
    if (!(*text = partial(state))) return sotto_fail_memory(err, "what was said");
    double p = logmath_exp(ps_get_logmath(e->sphinx.decoder), ps_get_prob(e->sphinx.decoder));
    *confidence = (float)SOTTO_MIN(SOTTO_MAX(p, 0), 1);
    return SOTTO_OK;
}

const sotto_stt_engine sotto_stt_pocketsphinx = {"pocketsphinx", open_engine, close_engine, start, start,
                                                 feed, partial, final};
