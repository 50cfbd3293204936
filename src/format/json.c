/* JSON of strangers, through jansson: bounded in size and in memory, with errors that say where. */
#include "format/format.h"

#include <stdlib.h>

/* The largest file that is meant to be read, Gemma's tokenizer.json, has 33 MB and 1.8 million values. A
 * value of three bytes ("[],") becomes some 130 bytes of memory, so it is their number that has to be
 * bounded. */
enum { JSON_BYTES_MAX = 256 << 20, JSON_VALUES_MAX = 8 << 20 };

/* Step over the string literal whose opening quote is at i: the index behind its closing quote. */
static size_t skip_string(sotto_str text, size_t i) {
    for (i++; i < text.n && text.p[i] != '"'; i++)
        if (text.p[i] == '\\') i++;
    return i + 1;
}

/* No more values than this are in the text: each but the first follows one of these characters. */
static size_t count_values(sotto_str text) {
    size_t n = 1;
    for (size_t i = 0; i < text.n;) {
        char c = text.p[i];
        n += c == ',' || c == '[' || c == '{';
        i = c == '"' ? skip_string(text, i) : i + 1;
    }
    return n;
}

/* The text with "e0" behind every whole number of 19 digits or more, which makes it a real. Transformers
 * writes "model_max_length": 1000000000000000019884624838656, and jansson refuses what does not fit 64
 * bits. */
static bool widen_integers(sotto_str text, sotto_buf *out) {
    for (size_t i = 0; i < text.n;) {
        size_t from = i;
        if (text.p[i] == '"') {
            i = SOTTO_MIN(skip_string(text, i), text.n);
        } else {
            while (i < text.n &&
                   ((text.p[i] >= '0' && text.p[i] <= '9') || strchr(".eE+-", text.p[i] ? text.p[i] : ' ')))
                i++;
            i = SOTTO_MAX(i, from + 1);
        }
        sotto_str token = {text.p + from, i - from};
        bool      integer = token.n >= 19 && token.p[0] != '"';
        for (size_t k = 0; integer && k < token.n; k++)
            integer = token.p[k] == '-' || (token.p[k] >= '0' && token.p[k] <= '9');
        if (!sotto_buf_append(out, token.p, token.n) || (integer && !sotto_buf_puts(out, "e0"))) return false;
    }
    return true;
}

static json_t *load(sotto_str text, json_error_t *error) {
    return json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, error);
}

sotto_status sotto_json_parse(json_t **out, sotto_str text, const char *what, sotto_error *err) {
    json_error_t error;
    *out = NULL;
    if (text.n > JSON_BYTES_MAX)
        return sotto_fail(err, SOTTO_LIMIT, "%s has %zu bytes of JSON, more than the %d that sotto reads",
                          what, text.n, JSON_BYTES_MAX);
    if (count_values(text) > JSON_VALUES_MAX)
        return sotto_fail(err, SOTTO_LIMIT, "%s has more than the %d JSON values that sotto reads", what,
                          JSON_VALUES_MAX);
    if (!text.p) text.p = ""; /* an empty file */
    *out = load(text, &error);
    if (!*out && json_error_code(&error) == json_error_numeric_overflow) {
        sotto_buf wide = {0};
        bool      ok = widen_integers(text, &wide);
        if (ok) *out = load(sotto_buf_str(&wide), &error);
        sotto_buf_free(&wide);
        if (!ok) return sotto_fail_memory(err, what);
    }
    if (*out) return SOTTO_OK;
    if (json_error_code(&error) == json_error_out_of_memory || !error.text[0])
        return sotto_fail_memory(err, what);
    return sotto_fail_at(err, SOTTO_FORMAT, (uint64_t)SOTTO_MAX(error.position, 0),
                         "%s is not valid JSON: line %d, column %d: %s; download it again", what, error.line,
                         error.column, error.text);
}

sotto_status sotto_json_load(json_t **out, const char *folder, const char *name, bool required,
                             sotto_error *err) {
    *out = NULL;
    char *path = sotto_path_join(folder, name);
    if (!path) return sotto_fail_memory(err, name);
    sotto_file   file = {0};
    sotto_status status = SOTTO_OK;
    if (required || sotto_path_kind_of(path) != SOTTO_PATH_NONE) {
        status = sotto_file_open(&file, path, false, err);
        if (status == SOTTO_OK)
            status = sotto_json_parse(out, (sotto_str){(const char *)file.data, file.size}, path, err);
        sotto_file_close(&file);
    }
    free(path);
    return status;
}
