/* Opening pocketsphinx, its searches, and utterances: over both generations of its interface. */
#include "speech/sphinx.h"

#include <stdlib.h>

#include "os/os.h"
#include "speech/stt.h"

#define SEARCH "sotto"

/* The first search goes through fewer states than pocketsphinx lets it by itself. The second one, over the whole
 * utterance once it has ended, tries a word only near where the first found it, and not if it found hardly any end of
 * it: that takes two thirds of the time, for the same words. */
enum { STATES_MAX = 3000, LOOK_AHEAD_FRAMES = 5, ENDS_MIN = 6, STARTS_FRAMES = 12 };

#if SOTTO_POCKETSPHINX5
#include <pocketsphinx/err.h>

static void *config_new(const sotto_sphinx *s, double threshold) {
    ps_config_t *c = ps_config_init(NULL);
    if (!c) return NULL;
    bool ok = ps_config_set_str(c, "hmm", s->model) && ps_config_set_str(c, "dict", s->dictionary) &&
              ps_config_set_int(c, "maxhmmpf", STATES_MAX) && ps_config_set_int(c, "pl_window", LOOK_AHEAD_FRAMES) &&
              ps_config_set_int(c, "fwdflatefwid", ENDS_MIN) && ps_config_set_int(c, "fwdflatsfwin", STARTS_FRAMES) &&
              (threshold == 0 || ps_config_set_float(c, "kws_threshold", threshold));
    if (ok) return c;
    (void)ps_config_free(c);
    return NULL;
}
static void config_free(void *config) { (void)ps_config_free(config); }
static int  use_lm(ps_decoder_t *d, ngram_model_t *lm) { return ps_add_lm(d, SEARCH, lm); }
static int  use_phrase(ps_decoder_t *d, const char *phrase) { return ps_add_keyphrase(d, SEARCH, phrase); }
static int  activate(ps_decoder_t *d) { return ps_activate_search(d, SEARCH); }
static int  start_stream(ps_decoder_t *d) { return (void)d, 0; } /* it has no voice detector of its own any more */
#else
#include <sphinxbase/err.h>

static void *config_new(const sotto_sphinx *s, double threshold) {
    cmd_ln_t *c = cmd_ln_init(NULL, ps_args(), FALSE, "-hmm", s->model, "-dict", s->dictionary, NULL);
    if (!c) return NULL;
    cmd_ln_set_int_r(c, "-maxhmmpf", STATES_MAX);
    cmd_ln_set_int_r(c, "-pl_window", LOOK_AHEAD_FRAMES);
    cmd_ln_set_int_r(c, "-fwdflatefwid", ENDS_MIN);
    cmd_ln_set_int_r(c, "-fwdflatsfwin", STARTS_FRAMES);
    if (threshold != 0) cmd_ln_set_float_r(c, "-kws_threshold", threshold);
    return c;
}
static void config_free(void *config) { (void)cmd_ln_free_r(config); }
static int  use_lm(ps_decoder_t *d, ngram_model_t *lm) { return ps_set_lm(d, SEARCH, lm); }
static int  use_phrase(ps_decoder_t *d, const char *phrase) { return ps_set_keyphrase(d, SEARCH, phrase); }
static int  activate(ps_decoder_t *d) { return ps_set_search(d, SEARCH); }
static int  start_stream(ps_decoder_t *d) { return ps_start_stream(d); }
#endif

/* ---- opening -------------------------------------------------------------------------------------------- */

/* Where Debian, a build from source and Homebrew put the model. */
static const char *const model_places[] = {"/usr/share/pocketsphinx/model/en-us/en-us",
                                           "/usr/local/share/pocketsphinx/model/en-us/en-us",
                                           "/opt/homebrew/share/pocketsphinx/model/en-us/en-us"};

static bool has_model(const char *folder) {
    char *mdef = sotto_path_join(folder, "mdef");
    bool  there = mdef && sotto_path_kind_of(mdef) == SOTTO_PATH_FILE;
    free(mdef);
    return there;
}

/* The model's folder without slashes at its end. */
static char *find_model(const char *model) {
    size_t found = 0;
    for (size_t i = 0; !model && i < SOTTO_COUNT(model_places); i++)
        if (has_model(model_places[i])) {
            found = i;
            break;
        }
    if (!model) model = model_places[found];
    size_t n = strlen(model);
    while (n > 1 && model[n - 1] == '/') n--;
    char *copy = malloc(n + 1);
    if (!copy) return NULL;
    memcpy(copy, model, n);
    copy[n] = '\0';
    return copy;
}

/* The paths of what lies beside the model. */
static bool find_files(sotto_sphinx *s) {
    const char *slash = strrchr(s->model, '/'), *name = slash ? slash + 1 : s->model;
    char       *folder = sotto_path_parent(s->model);
    sotto_buf   file = {0};
    if (sotto_buf_printf(&file, "cmudict-%s.dict", name) && folder) s->dictionary = sotto_path_join(folder, file.data);
    sotto_buf_clear(&file);
    if (sotto_buf_printf(&file, "%s.lm.bin", name) && folder) s->lm = sotto_path_join(folder, file.data);
    sotto_buf_free(&file);
    free(folder);
    return s->dictionary && s->lm;
}

static sotto_status open_decoder(sotto_sphinx *s, const char *model, double threshold, sotto_error *err) {
    if (!(s->model = find_model(model)) || !find_files(s)) return sotto_fail_memory(err, "a recogniser's paths");
    if (!has_model(s->model))
        return sotto_fail(err, SOTTO_NOT_FOUND, "%s: there is no acoustic model to recognise speech with: install the "
                          "package pocketsphinx-en-us, or name a folder that has one", s->model);
    if (sotto_path_kind_of(s->dictionary) != SOTTO_PATH_FILE)
        return sotto_fail(err, SOTTO_NOT_FOUND, "%s: the dictionary of the acoustic model is not there: install the "
                          "package pocketsphinx-en-us again", s->dictionary);
    err_set_logfp(NULL);
    s->config = config_new(s, threshold);
    if (s->config) s->decoder = ps_init(s->config);
    if (!s->decoder)
        return sotto_fail(err, SOTTO_FORMAT, "%s: pocketsphinx cannot load this acoustic model: a file of it is "
                          "missing or damaged, or memory is short", s->model);
    return SOTTO_OK;
}

sotto_status sotto_sphinx_open(sotto_sphinx *s, const char *model, double threshold, sotto_error *err) {
    *s = (sotto_sphinx){0};
    sotto_status status = open_decoder(s, model, threshold, err);
    if (status != SOTTO_OK) sotto_sphinx_close(s);
    return status;
}

void sotto_sphinx_close(sotto_sphinx *s) {
    if (s->decoder) (void)ps_free(s->decoder);
    if (s->config) config_free(s->config);
    free(s->model);
    free(s->dictionary);
    free(s->lm);
    *s = (sotto_sphinx){0};
}

/* ---- searches ------------------------------------------------------------------------------------------- */

static sotto_status read_lm(sotto_sphinx *s, const char *path, ngram_file_type_t type, ngram_model_t **out,
                            sotto_error *err) {
    if (sotto_path_kind_of(path) != SOTTO_PATH_FILE)
        return sotto_fail(err, SOTTO_NOT_FOUND, "%s: there is no such language model", path);
    *out = ngram_model_read(s->config, path, type, ps_get_logmath(s->decoder));
    return *out ? SOTTO_OK : sotto_fail(err, SOTTO_FORMAT, "%s: pocketsphinx cannot read this language model", path);
}

/* The two interpolated; the set holds on to them by itself. */
static ngram_model_t *mix(sotto_sphinx *s, ngram_model_t *models[2], float weight) {
    char           stock[] = "stock", own[] = "own", *names[] = {stock, own};
    const char    *mixed[] = {stock, own};
    float          weights[] = {1 - weight, weight};
    ngram_model_t *set = ngram_model_set_init(s->config, models, names, weights, 2);
    if (set) (void)ngram_model_set_interp(set, mixed, weights);
    return set;
}

static sotto_status read_models(sotto_sphinx *s, const char *arpa, const char *words, ngram_model_t *models[2],
                                sotto_error *err) {
    SOTTO_TRY(read_lm(s, s->lm, NGRAM_AUTO, &models[0], err));
    if (arpa) SOTTO_TRY(sotto_arpa_check(arpa, err));
    if (arpa) SOTTO_TRY(read_lm(s, arpa, NGRAM_ARPA, &models[1], err));
    /* Before they are mixed: a set takes no words. */
    return words ? sotto_sphinx_add_file(s, words, models, arpa ? 2 : 1, err) : SOTTO_OK;
}

sotto_status sotto_sphinx_use_lm(sotto_sphinx *s, const char *arpa, float weight, const char *words, sotto_error *err) {
    ngram_model_t *models[2] = {NULL}, *lm = NULL;
    if (weight <= 0) arpa = NULL;
    sotto_status status = read_models(s, arpa, words, models, err);
    if (status == SOTTO_OK) {
        lm = arpa ? mix(s, models, SOTTO_MIN(weight, 0.999f)) : models[0];
        if (!lm || use_lm(s->decoder, lm) < 0 || activate(s->decoder) < 0)
            status = sotto_fail(err, SOTTO_FORMAT, "%s: pocketsphinx cannot search with this language model", s->lm);
    }
    if (lm && lm != models[0]) (void)ngram_model_free(lm);
    for (int i = 0; i < 2; i++)
        if (models[i]) (void)ngram_model_free(models[i]);
    return status;
}

sotto_status sotto_sphinx_use_phrase(sotto_sphinx *s, const char *phrase, sotto_error *err) {
    if (use_phrase(s->decoder, phrase) < 0 || activate(s->decoder) < 0)
        return sotto_fail(err, SOTTO_INVALID, "\"%.80s\": pocketsphinx cannot listen for this phrase", phrase);
    return SOTTO_OK;
}

/* ---- utterances ----------------------------------------------------------------------------------------- */

sotto_status sotto_sphinx_start(sotto_sphinx *s, sotto_error *err) {
    if (s->started) SOTTO_TRY(sotto_sphinx_end(s, err));
    if (start_stream(s->decoder) < 0 || ps_start_utt(s->decoder) < 0)
        return sotto_fail(err, SOTTO_IO, "pocketsphinx cannot begin an utterance");
    s->started = true;
    return SOTTO_OK;
}

sotto_status sotto_sphinx_feed(sotto_sphinx *s, const int16_t *pcm, size_t n, sotto_error *err) {
    while (n > 0) {
        size_t part = SOTTO_MIN(n, (size_t)SOTTO_SPEECH_RATE);
        if (ps_process_raw(s->decoder, pcm, part, FALSE, FALSE) < 0)
            return sotto_fail(err, SOTTO_IO, "pocketsphinx cannot go on with this utterance");
        pcm += part, n -= part;
    }
    return SOTTO_OK;
}

sotto_status sotto_sphinx_end(sotto_sphinx *s, sotto_error *err) {
    s->started = false;
    if (ps_end_utt(s->decoder) < 0) return sotto_fail(err, SOTTO_IO, "pocketsphinx cannot end an utterance");
    return SOTTO_OK;
}
