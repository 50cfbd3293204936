/* Speech to text that hears what a file says, whatever is fed: for tests of all that listens. A line each:
 *
 *     # a comment
 *     400 set the               from 400 ms of sound on, the partial is "set the"
 *     900 set the timer
 *     =0.7 set a timer          the final text and its confidence, which ends the utterance
 *     = what time is it         the next utterance; confidence 1 where none is given
 *
 * Times rise within an utterance. Each final is given once, in order, and after the last nothing is heard; an utterance
 * that is dropped comes again. */
#include <stdlib.h>

#include "os/os.h"
#include "speech/replay.h"
#include "speech/stt.h"

enum { REPLAY_BYTES_MAX = 1 << 20, REPLAY_MS_MAX = 24 * 3600 * 1000 };

typedef struct engine {
    sotto_arena         arena;
    sotto_replay_script script;
    size_t              at, last; /* in the script: the first line of the utterance, and of the one before */
    uint64_t            n_samples;
} engine;

/* ---- reading -------------------------------------------------------------------------------------------- */

/* A number of at most 9 digits, and perhaps a fraction; `*p` moves behind it. */
static bool read_number(const char **p, const char *end, double *out) {
    double value = 0, place = 1;
    int    digits = 0;
    bool   point = false;
    for (; *p < end; (*p)++) {
        if (**p == '.' && !point) {
            point = true;
            continue;
        }
        if (**p < '0' || **p > '9' || ++digits > 9) break;
        value = value * 10 + (**p - '0');
        if (point) place *= 10;
    }
    *out = value / place;
    return digits > 0 && digits <= 9;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* One line without its end into *out; false: it is no such line. */
static bool read_line(const char *p, const char *end, sotto_replay_line *out) {
    double value = 1;
    out->final = *p == '=';
    p += out->final;
    bool number = p < end && !is_blank(*p);
    if (number && !read_number(&p, end, &value)) return false;
    if ((!out->final && !number) || (p < end && !is_blank(*p))) return false;
    if (out->final ? value > 1 : value > REPLAY_MS_MAX) return false;
    out->value = value;
    out->text = (sotto_str){p, (size_t)(end - p)};
    return true;
}

static sotto_status add_line(sotto_replay_script *s, sotto_arena *arena, sotto_replay_line line, sotto_error *err) {
    sotto_buf words = {0};
    char     *raw = sotto_arena_text(arena, line.text.p, line.text.n);
    bool      ok = raw && sotto_stt_words(&words, raw);
    if (ok) line.text.p = sotto_arena_text(arena, words.data, line.text.n = words.len);
    sotto_buf_free(&words);
    if (!ok || !line.text.p) return sotto_fail_memory(err, "a replay");
    s->lines[s->n++] = line;
    return SOTTO_OK;
}

sotto_status sotto_replay_read(sotto_replay_script *s, sotto_arena *arena, const char *name, const char *text, size_t n,
                               sotto_error *err) {
    size_t n_lines = 1;
    double last = 0;
    for (size_t i = 0; i < n; i++) n_lines += text[i] == '\n';
    *s = (sotto_replay_script){.lines = sotto_arena_array(arena, n_lines, sizeof *s->lines)};
    if (!s->lines) return sotto_fail_memory(err, "a replay");
    const char *p = text, *stop = text + n;
    for (size_t number = 1; p < stop; number++) {
        const char *end = memchr(p, '\n', (size_t)(stop - p));
        if (!end) end = stop;
        while (p < end && is_blank(*p)) p++;
        sotto_replay_line line;
        if (p < end && *p != '#') {
            if (memchr(p, '\0', (size_t)(end - p)) || !read_line(p, end, &line) || (!line.final && line.value < last))
                return sotto_fail(err, SOTTO_FORMAT, "%s:%zu: is neither \"MS TEXT\", with times that rise, nor "
                                  "\"= TEXT\"", name, number);
            SOTTO_TRY(add_line(s, arena, line, err));
            last = line.final ? 0 : line.value;
        }
        p = end + (end < stop);
    }
    if (s->n && !s->lines[s->n - 1].final)
        return sotto_fail(err, SOTTO_FORMAT, "%s: the last utterance has no \"= TEXT\"", name);
    return SOTTO_OK;
}

/* ---- the engine ----------------------------------------------------------------------------------------- */

static void close_engine(void *state) {
    engine *e = state;
    sotto_arena_free(&e->arena);
    free(e);
}

static sotto_status load(engine *e, const char *path, sotto_error *err) {
    sotto_file file;
    if (!path) return sotto_fail(err, SOTTO_INVALID, "a replay needs the file of what is heard as its model");
    SOTTO_TRY(sotto_file_open(&file, path, false, err));
    sotto_status status =
        file.size > REPLAY_BYTES_MAX
            ? sotto_fail(err, SOTTO_LIMIT, "%s: %zu bytes of replay, at most %d", path, file.size, REPLAY_BYTES_MAX)
            : sotto_replay_read(&e->script, &e->arena, path, (const char *)file.data, file.size, err);
    sotto_file_close(&file);
    return status;
}

static sotto_status open_engine(void **out, const sotto_stt_options *opt, sotto_error *err) {
    engine *e = calloc(1, sizeof *e);
    if (!e) return sotto_fail_memory(err, "a replay");
    sotto_status status = load(e, opt->model, err);
    if (status == SOTTO_OK) *out = e;
    else close_engine(e);
    return status;
}

static sotto_status start(void *state, sotto_error *err) {
    (void)err;
    ((engine *)state)->n_samples = 0;
    return SOTTO_OK;
}

static sotto_status again(void *state, sotto_error *err) {
    engine *e = state;
    e->at = e->last;
    return start(state, err);
}

static sotto_status feed(void *state, const int16_t *pcm, size_t n, sotto_error *err) {
    (void)pcm, (void)err;
    ((engine *)state)->n_samples += n;
    return SOTTO_OK;
}

static const char *partial(void *state) {
    const engine *e = state;
    double        ms = (double)e->n_samples * 1000 / SOTTO_SPEECH_RATE;
    const char   *text = "";
    for (size_t i = e->at; i < e->script.n && !e->script.lines[i].final && e->script.lines[i].value <= ms; i++)
        text = e->script.lines[i].text.p;
    return text;
}

static sotto_status final(void *state, const char **text, float *confidence, sotto_error *err) {
    (void)err;
    engine *e = state;
    *text = "";
    e->last = e->at;
    while (e->at < e->script.n && !e->script.lines[e->at].final) e->at++;
    if (e->at == e->script.n) return SOTTO_OK;
    *confidence = (float)e->script.lines[e->at].value;
    *text = e->script.lines[e->at++].text.p;
    return SOTTO_OK;
}

const sotto_stt_engine sotto_stt_replay = {"replay", open_engine, close_engine, start, again, feed, partial, final};
