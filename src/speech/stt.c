/* Speech to text: the table of engines, and what is the same for all of them. */
#include <stdlib.h>

#include "speech/stt.h"

static const sotto_stt_engine *const engines[] = {&sotto_stt_pocketsphinx, &sotto_stt_replay};

struct sotto_stt {
    const sotto_stt_engine *engine;
    void                   *state;
    bool                    started;
};

sotto_stt_options sotto_stt_options_default(void) { return (sotto_stt_options){.lm_weight = 0.3f}; }

const char *sotto_stt_name_at(size_t i) { return i < SOTTO_COUNT(engines) ? engines[i]->name : NULL; }

static const sotto_stt_engine *find_engine(const char *name) {
    if (!name) return engines[0];
    for (size_t i = 0; i < SOTTO_COUNT(engines); i++)
        if (strcmp(engines[i]->name, name) == 0) return engines[i];
    return NULL;
}

static sotto_status fail_unknown(const char *name, sotto_error *err) {
    sotto_buf    names = {0};
    for (size_t i = 0; i < SOTTO_COUNT(engines); i++)
        (void)sotto_buf_printf(&names, "%s%s", i ? ", " : "", engines[i]->name);
    sotto_status status = sotto_fail(err, SOTTO_INVALID, "\"%.60s\": no such recogniser; there are: %s", name,
                                     names.data ? names.data : "");
    sotto_buf_free(&names);
    return status;
}

sotto_status sotto_stt_open(sotto_stt **out, const sotto_stt_options *opt, sotto_error *err) {
    sotto_stt_options standard = sotto_stt_options_default();
    *out = NULL;
    if (!opt) opt = &standard;
    const sotto_stt_engine *engine = find_engine(opt->engine);
    if (!engine) return fail_unknown(opt->engine, err);
    sotto_stt *s = calloc(1, sizeof *s);
    if (!s) return sotto_fail_memory(err, "a recogniser");
    s->engine = engine;
    sotto_status status = engine->open(&s->state, opt, err);
    if (status == SOTTO_OK) *out = s;
    else free(s);
    return status;
}

void sotto_stt_close(sotto_stt *s) {
    if (!s) return;
    s->engine->close(s->state);
    free(s);
}

sotto_status sotto_stt_start(sotto_stt *s, sotto_error *err) {
    sotto_status status = s->engine->start(s->state, err);
    s->started = status == SOTTO_OK;
    return status;
}

sotto_status sotto_stt_again(sotto_stt *s, sotto_error *err) {
    sotto_status status = s->engine->again(s->state, err);
    s->started = status == SOTTO_OK;
    return status;
}

static sotto_status fail_closed(sotto_error *err) {
    return sotto_fail(err, SOTTO_INVALID, "the recogniser has no open utterance: start one first");
}

sotto_status sotto_stt_feed(sotto_stt *s, const int16_t *pcm, size_t n, sotto_error *err) {
    return s->started ? s->engine->feed(s->state, pcm, n, err) : fail_closed(err);
}

const char *sotto_stt_partial(sotto_stt *s) {
    const char *text = s->started ? s->engine->partial(s->state) : NULL;
    return text ? text : "";
}

sotto_status sotto_stt_final(sotto_stt *s, const char **text, float *confidence, sotto_error *err) {
    if (!s->started) return fail_closed(err);
    s->started = false;
    *confidence = 1;
    return s->engine->final(s->state, text, confidence, err);
}

/* ---- words ---------------------------------------------------------------------------------------------- */

/* A word without its variant; dots go, a hyphen parts. */
static void append_word(sotto_buf *out, const char *word, size_t n) {
    if (memchr("<[+", word[0], 3)) return;
    bool begun = false;
    for (size_t i = 0; i < n && word[i] != '('; i++) {
        char c = word[i];
        if (c == '.' || c == ',') continue;
        bool gap = c == '-' || c == '_';
        if (!gap && !begun && out->len) (void)sotto_buf_putc(out, ' ');
        begun = !gap;
        if (!gap) (void)sotto_buf_putc(out, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
}

bool sotto_stt_words(sotto_buf *out, const char *hypothesis) {
    sotto_buf_clear(out);
    (void)sotto_buf_puts(out, "");
    for (const char *p = hypothesis; *p;) {
        size_t n = strcspn(p, " \t\r\n");
        if (n) append_word(out, p, n);
        p += n + (p[n] != '\0');
    }
    return !out->failed && out->data;
}
