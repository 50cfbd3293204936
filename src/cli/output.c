/* What the program says: results on stdout, errors and remarks on stderr. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

static void print_error(const char *fmt, va_list args) {
    (void)fflush(stdout); /* so that what was said before stands before */
    (void)fputs("sotto: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
}

void sotto_cli_error(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    print_error(fmt, args);
    va_end(args);
}

int sotto_cli_fail(const sotto_error *err) {
    sotto_cli_error("%s", err->message);
    return err->status == SOTTO_CANCELLED ? SOTTO_EXIT_INTERRUPTED : SOTTO_EXIT_FAILURE;
}

int sotto_cli_fail_memory(void) {
    sotto_cli_error("%s", sotto_status_text(SOTTO_NO_MEMORY));
    return SOTTO_EXIT_FAILURE;
}

int sotto_cli_usage(const sotto_cli_verb *verb, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    print_error(fmt, args);
    va_end(args);
    (void)fprintf(stderr, "\"sotto %s%s--help\" shows the options.\n", verb ? verb->name : "",
                  verb ? " " : "");
    return SOTTO_EXIT_USAGE;
}

void sotto_cli_note(const sotto_cli_settings *s, const char *fmt, ...) {
    if (s->quiet) return;
    bool    color = sotto_cli_colored(s, 2);
    va_list args;
    (void)fflush(stdout);
    if (color) (void)fputs("\033[2m", stderr);
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputs(color ? "\033[0m\n" : "\n", stderr);
}

/* NO_COLOR: https://no-color.org, any text that is not empty. */
bool sotto_cli_colored(const sotto_cli_settings *s, int fd) {
    if (s->color != SOTTO_COLOR_AUTO) return s->color == SOTTO_COLOR_ALWAYS;
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return (!no_color || !*no_color) && term && strcmp(term, "dumb") != 0 && sotto_terminal_is(fd);
}

const char *sotto_cli_bytes(uint64_t n, char out[24]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)n;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < SOTTO_COUNT(units)) value /= 1024, unit++;
    int digits = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    (void)snprintf(out, 24, "%.*f %s", digits, value, units[unit]);
    return out;
}

void sotto_cli_print(FILE *out, const char *text, size_t n, bool terminal) {
    if (!terminal) {
        (void)fwrite(text, 1, n, out);
        return;
    }
    while (n > 0) {
        uint32_t cp;
        size_t   used = sotto_utf8_decode(text, n, &cp);
        bool     control = (cp < 32 && cp != '\n' && cp != '\t') || (cp >= 127 && cp < 160) || cp == 0xFFFD;
        (void)fwrite(control ? "\xEF\xBF\xBD" : text, 1, control ? 3 : used, out);
        text += used;
        n -= used;
    }
}

json_t *sotto_cli_json_text(const char *text, size_t n) {
    sotto_buf b = {0};
    json_t   *json = sotto_buf_append_utf8(&b, text, n) ? json_stringn(b.data ? b.data : "", b.len) : NULL;
    sotto_buf_free(&b);
    return json;
}

json_t *sotto_cli_json_ids(const int32_t *ids, size_t n) {
    json_t *array = json_array();
    for (size_t i = 0; i < n && array; i++)
        if (json_array_append_new(array, json_integer(ids[i])) != 0) json_decref(array), array = NULL;
    return array;
}

int sotto_cli_print_json(json_t *doc) {
    if (!doc) return sotto_cli_fail_memory();
    int rc = json_dumpf(doc, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(doc);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
    if (rc == 0) return SOTTO_EXIT_OK;
    sotto_cli_error("standard output: cannot write the JSON document");
    return SOTTO_EXIT_FAILURE;
}

int sotto_cli_read_stdin(sotto_buf *text) {
    char   block[65536];
    size_t n;
    text->max = (size_t)256 << 20;
    while ((n = fread(block, 1, sizeof block, stdin)) > 0) sotto_buf_append(text, block, n);
    if (sotto_signals_interrupts()) return SOTTO_EXIT_INTERRUPTED;
    if (ferror(stdin)) {
        sotto_cli_error("standard input: cannot read: %s", strerror(errno));
        return SOTTO_EXIT_FAILURE;
    }
    if (text->failed) {
        sotto_cli_error("standard input: is longer than 256 MiB: give a shorter text");
        return SOTTO_EXIT_FAILURE;
    }
    if (!sotto_buf_append(text, "", 0)) return sotto_cli_fail_memory(); /* data is there even when empty */
    if (text->len && text->data[text->len - 1] == '\n') text->len--;
    if (text->len && text->data[text->len - 1] == '\r') text->len--;
    if (text->data) text->data[text->len] = '\0';
    return SOTTO_EXIT_OK;
}
