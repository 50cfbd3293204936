/* Checks a language model in ARPA format before pocketsphinx reads it: every n-gram that the header counts is there,
 * and no other, each with its probability and with words of the first section. */
#include <stdio.h>
#include <stdlib.h>

#include "os/os.h"
#include "speech/stt.h"

enum { ORDERS = 3, ARPA_BYTES_MAX = 64 << 20, LINE_MAX_BYTES = 512 };

typedef struct reader {
    const char *name, *p, *end;
    int64_t     line;
    size_t      counts[ORDERS];
    int         orders;
    sotto_map   words;
} reader;

static sotto_status fail(const reader *r, sotto_error *err, const char *what) {
    return sotto_fail(err, SOTTO_FORMAT, "%s:%lld: %s: this is no language model in ARPA format, or it is damaged",
                      r->name, (long long)r->line, what);
}

/* The next line without blanks at its ends; false at the end of the file. */
static bool next_line(reader *r, sotto_str *out) {
    if (r->p == r->end) return false;
    const char *stop = memchr(r->p, '\n', (size_t)(r->end - r->p));
    if (!stop) stop = r->end;
    const char *begin = r->p, *last = stop;
    while (begin < last && (*begin == ' ' || *begin == '\t')) begin++;
    while (last > begin && (last[-1] == ' ' || last[-1] == '\t' || last[-1] == '\r')) last--;
    *out = (sotto_str){begin, (size_t)(last - begin)};
    r->p = stop + (stop < r->end);
    r->line++;
    return true;
}

static bool next_filled(reader *r, sotto_str *out) {
    while (next_line(r, out))
        if (out->n) return true;
    return false;
}

/* The next field of a line; an empty one at its end. */
static sotto_str next_field(sotto_str *line) {
    size_t skip = 0, n = 0;
    while (skip < line->n && (line->p[skip] == ' ' || line->p[skip] == '\t')) skip++;
    while (skip + n < line->n && line->p[skip + n] != ' ' && line->p[skip + n] != '\t') n++;
    sotto_str field = {line->p + skip, n};
    line->p += skip + n, line->n -= skip + n;
    return field;
}

/* A logarithm as it stands there: digits, a point, a sign, an exponent. */
static bool is_number(sotto_str s) {
    bool digit = false;
    for (size_t i = 0; i < s.n; i++) {
        if (!memchr("+-.0123456789eE", s.p[i], 15)) return false;
        digit |= s.p[i] >= '0' && s.p[i] <= '9';
    }
    return digit && s.n < 32;
}

/* "ngram 2=1234" */
static bool read_count(reader *r, sotto_str line) {
    char   text[48];
    int    order, n = 0;
    size_t count;
    if (line.n >= sizeof text) return false;
    memcpy(text, line.p, line.n);
    text[line.n] = '\0';
    if (sscanf(text, "ngram %d=%zu%n", &order, &count, &n) != 2 || (size_t)n != line.n) return false;
    if (order != r->orders + 1 || order > ORDERS || count == 0 || count > ARPA_BYTES_MAX / 4) return false;
    r->counts[r->orders++] = count;
    return true;
}

/* One n-gram: a probability, `order` words, and perhaps a back-off weight. */
static sotto_status read_gram(reader *r, sotto_str line, int order, sotto_error *err) {
    if (line.n > LINE_MAX_BYTES) return fail(r, err, "the line is too long");
    if (!is_number(next_field(&line))) return fail(r, err, "a line does not begin with a probability");
    for (int i = 0; i < order; i++) {
        sotto_str word = next_field(&line);
        if (word.n == 0) return fail(r, err, "an n-gram has too few words");
        if (order > 1 && sotto_map_get(&r->words, word) < 0) return fail(r, err, "a word is not in the first section");
        if (order > 1) continue;
        int added = sotto_map_add(&r->words, word, 0);
        if (added < 0) return sotto_fail_memory(err, "a language model");
        if (added == 0) return fail(r, err, "a word comes twice");
    }
    sotto_str weight = next_field(&line);
    if (weight.n && !is_number(weight)) return fail(r, err, "an n-gram has too many words");
    return next_field(&line).n ? fail(r, err, "an n-gram has too many words") : SOTTO_OK;
}

static sotto_status read_section(reader *r, sotto_str title, int order, sotto_error *err) {
    char      want[24];
    sotto_str line;
    (void)snprintf(want, sizeof want, "\\%d-grams:", order);
    if (!sotto_str_is(title, want)) return fail(r, err, "a section is missing");
    for (size_t i = 0; i < r->counts[order - 1]; i++) {
        if (!next_filled(r, &line)) return fail(r, err, "the file ends too early");
        SOTTO_TRY(read_gram(r, line, order, err));
    }
    return SOTTO_OK;
}

static sotto_status read_all(reader *r, sotto_error *err) {
    sotto_str line = {0};
    while (!sotto_str_is(line, "\\data\\"))
        if (!next_line(r, &line)) return fail(r, err, "there is no line \\data\\");
    for (;;) {
        if (!next_filled(r, &line)) return fail(r, err, "the file ends too early");
        if (line.p[0] == '\\') break;
        if (!read_count(r, line)) return fail(r, err, "a line that is no count of n-grams, up to three words");
    }
    if (r->orders == 0) return fail(r, err, "there are no counts of n-grams");
    for (int order = 1; order <= r->orders; order++) {
        SOTTO_TRY(read_section(r, line, order, err));
        if (!next_filled(r, &line)) return fail(r, err, "the file ends too early");
    }
    if (!sotto_str_is(line, "\\end\\")) return fail(r, err, "there are more n-grams than the header says");
    if (sotto_map_get(&r->words, sotto_str_from("<s>")) < 0 || sotto_map_get(&r->words, sotto_str_from("</s>")) < 0)
        return fail(r, err, "the words <s> and </s> are missing");
    return SOTTO_OK;
}

sotto_status sotto_arpa_check_text(const char *name, const char *text, size_t n, sotto_error *err) {
    reader r = {.name = name, .p = text, .end = text + n};
    if (n > ARPA_BYTES_MAX)
        return sotto_fail(err, SOTTO_LIMIT, "%s: %zu bytes of language model, at most %d are read", name, n,
                          ARPA_BYTES_MAX);
    if (n == 0) return fail(&r, err, "the file is empty");
    if (memchr(text, '\0', n)) return fail(&r, err, "the file is not a text");
    sotto_status status = read_all(&r, err);
    sotto_map_free(&r.words);
    return status;
}

sotto_status sotto_arpa_check(const char *path, sotto_error *err) {
    sotto_file file;
    SOTTO_TRY(sotto_file_open(&file, path, false, err));
    sotto_status status = sotto_arpa_check_text(path, (const char *)file.data, file.size, err);
    sotto_file_close(&file);
    return status;
}
