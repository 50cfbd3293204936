/* The table of engines and voices; long texts in pieces; letters that an English voice does not know. */
#include <stdlib.h>

#include "os/os.h"
#include "speech/tts.h"

static const sotto_tts_engine *const engines[] = {
    &sotto_tts_flite,
#if SOTTO_HTS
    &sotto_tts_hts,
#endif
    &sotto_tts_espeak,
};

struct sotto_tts {
    const sotto_tts_engine *engine;
    void                   *state;
    int32_t                 rate;
};

sotto_tts_options sotto_tts_options_default(void) { return (sotto_tts_options){.speed = 1}; }

/* ---- names ---------------------------------------------------------------------------------------------- */

enum { NAMES_MAX = 16, NAME_MAX_LEN = 32 };
static char   names[NAMES_MAX][NAME_MAX_LEN];
static size_t n_names;
static bool   names_made;

static void make_names(void) {
    for (size_t i = 0; i < SOTTO_COUNT(engines); i++)
        for (const char *const *voice = engines[i]->voices; *voice && n_names < NAMES_MAX; voice++) {
            sotto_buf b = {.data = names[n_names++], .cap = NAME_MAX_LEN, .max = NAME_MAX_LEN - 1};
            (void)sotto_buf_printf(&b, "%s:%s", engines[i]->name, *voice);
        }
}

const char *sotto_tts_name_at(size_t i) {
    sotto_once(&names_made, make_names);
    return i < n_names ? names[i] : NULL;
}

static sotto_status fail_unknown(const char *voice, sotto_error *err) {
    sotto_buf list = {0};
    for (size_t i = 0; sotto_tts_name_at(i); i++)
        (void)sotto_buf_printf(&list, "%s%s", i > 0 ? ", " : "", sotto_tts_name_at(i));
    sotto_status status = list.failed ? sotto_fail_memory(err, "the list of voices")
                                      : sotto_fail(err, SOTTO_NOT_FOUND, "there is no voice %.60s; the voices are %s",
                                                   voice, list.data);
    sotto_buf_free(&list);
    return status;
}

/* "engine", or "engine:voice". */
static const sotto_tts_engine *find(const char *name, const char **voice) {
    size_t n = strcspn(name, ":");
    for (size_t i = 0; i < SOTTO_COUNT(engines); i++) {
        const sotto_tts_engine *e = engines[i];
        if (!sotto_str_is((sotto_str){name, n}, e->name)) continue;
        *voice = name[n] ? name + n + 1 : e->voices[0];
        if (e->others) return e;
        for (const char *const *known = e->voices; *known; known++)
            if (strcmp(*known, *voice) == 0) return e;
    }
    return NULL;
}

sotto_status sotto_tts_open(sotto_tts **out, const sotto_tts_options *opt, sotto_error *err) {
    sotto_tts_options o = opt ? *opt : sotto_tts_options_default();
    const char       *name = o.voice ? o.voice : engines[0]->name, *voice = NULL;
    if (!(o.speed >= 0.5f && o.speed <= 2))
        return sotto_fail(err, SOTTO_INVALID, "the speed of a voice is between 0.5 and 2, not %g", (double)o.speed);
    const sotto_tts_engine *engine = find(name, &voice);
    if (!engine) return fail_unknown(name, err);
    sotto_tts *t = malloc(sizeof *t);
    if (!t) return sotto_fail_memory(err, "a voice");
    *t = (sotto_tts){.engine = engine};
    sotto_status status = engine->open(&t->state, &t->rate, voice, o.speed, err);
    if (status != SOTTO_OK) {
        free(t);
        return status;
    }
    *out = t;
    return SOTTO_OK;
}

void sotto_tts_close(sotto_tts *t) {
    if (!t) return;
    t->engine->close(t->state);
    free(t);
}

int32_t sotto_tts_rate(const sotto_tts *t) { return t->rate; }

bool sotto_tts_give(sotto_tts_out *out, const int16_t *pcm, size_t n) {
    if (!out->stopped && n > 0) out->stopped = !out->fn(out->user, pcm, n);
    return !out->stopped;
}

/* ---- text ----------------------------------------------------------------------------------------------- */

/* U+00C0..U+017F without their marks; a blank where one letter is not enough. */
static const char plain_letters[] =
    "AAAAAA CEEEEIIIIDNOOOOO OUUUUY  aaaaaa ceeeeiiiidnooooo ouuuuy yAaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIi"
    "IiIi  JjKkkLlLlLlLlLlNnNnNnnNnOoOoOo  RrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";
static const struct {
    uint32_t    letter;
    const char *plain;
} letter_pairs[] = {{0xc6, "Ae"}, {0xd7, "x"},  {0xde, "Th"}, {0xdf, "ss"},  {0xe6, "ae"}, {0xf7, " "},
                    {0xfe, "th"}, {0x132, "Ij"}, {0x133, "ij"}, {0x152, "Oe"}, {0x153, "oe"}};

static void add_plain(sotto_buf *b, uint32_t c) {
    for (size_t i = 0; i < SOTTO_COUNT(letter_pairs); i++)
        if (letter_pairs[i].letter == c) {
            (void)sotto_buf_puts(b, letter_pairs[i].plain);
            return;
        }
    bool latin = c >= 0xc0 && c - 0xc0 < sizeof plain_letters - 1;
    char other = latin ? plain_letters[c - 0xc0] : c == 0x2019 ? '\'' : ' ';
    (void)sotto_buf_putc(b, c >= ' ' && c < 0x7f ? (char)c : other);
}

/* The text as an engine takes it: no control characters, whole UTF-8, plain letters where it knows no others. */
static void prepare(sotto_buf *b, const char *text, bool ascii) {
    size_t n = strlen(text);
    for (size_t i = 0; i < n;) {
        uint32_t c;
        size_t   used = sotto_utf8_decode(text + i, n - i, &c);
        if (ascii) add_plain(b, c);
        else if (c < ' ' || c == 0x7f || c == 0xfffd) (void)sotto_buf_putc(b, ' ');
        else (void)sotto_buf_append(b, text + i, used);
        i += used;
    }
}

static bool is_speech(char c) { return (c >= '0' && c <= '9') || (unsigned)((c | 32) - 'a') < 26 || (c & 0x80); }

/* The length of the first piece of a text: up to a sentence's end, a comma or a blank, as far back as they are. */
static size_t piece_length(const char *text, size_t n) {
    size_t best[3] = {0};
    if (n <= SOTTO_TTS_PIECE) return n;
    for (size_t i = 1; i < SOTTO_TTS_PIECE; i++)
        if (text[i] == ' ') best[strchr(".!?", text[i - 1]) ? 0 : strchr(",;:", text[i - 1]) ? 1 : 2] = i;
    for (size_t i = 0; i < SOTTO_COUNT(best); i++)
        if (best[i] > 0) return best[i];
    size_t cut = SOTTO_TTS_PIECE;
    while (cut > 1 && ((unsigned char)text[cut] & 0xc0) == 0x80) cut--;
    return cut;
}

static sotto_status speak_pieces(sotto_tts *t, sotto_str text, sotto_tts_out *out, sotto_error *err) {
    char piece[SOTTO_TTS_PIECE + 1];
    while (text.n > 0 && !out->stopped) {
        size_t n = piece_length(text.p, text.n);
        bool   speech = false;
        for (size_t i = 0; i < n; i++) speech |= is_speech(text.p[i]);
        memcpy(piece, text.p, n);
        piece[n] = '\0';
        if (speech) SOTTO_TRY(t->engine->speak(t->state, piece, out, err));
        text.p += n, text.n -= n;
    }
    return out->stopped ? sotto_fail(err, SOTTO_CANCELLED, "speaking was stopped") : SOTTO_OK;
}

sotto_status sotto_tts_speak(sotto_tts *t, const char *text, sotto_tts_fn fn, void *user, sotto_error *err) {
    sotto_buf     b = {0};
    sotto_tts_out out = {.fn = fn, .user = user};
    prepare(&b, text, t->engine->ascii);
    sotto_status status = b.failed ? sotto_fail_memory(err, "a text to speak")
                                   : speak_pieces(t, sotto_buf_str(&b), &out, err);
    sotto_buf_free(&b);
    return status;
}
