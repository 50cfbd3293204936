/* JSON as the templates print it, and text as they trim it: Python's conventions, because the templates that the
 * models were trained with ran in Python. */
#include <stdio.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "text/chat.h"

/* ---- numbers and strings ------------------------------------------------------------------------------- */

/* Python's repr of a float: the shortest digits that read back as the same number, with an exponent below 1e-4
 * and from 1e16 on. The locale's decimal point is skipped, whatever it is. */
static void write_real(sotto_buf *out, double x) {
    char text[40], digits[20];
    for (int precision = 0; precision < 17; precision++) {
        (void)snprintf(text, sizeof text, "%.*e", precision, x);
        if (strtod(text, NULL) == x) break;
    }
    int         n = 0;
    const char *p = text;
    for (; *p && *p != 'e'; p++)
        if (*p >= '0' && *p <= '9' && n < (int)sizeof digits) digits[n++] = *p;
    int exponent = *p == 'e' ? (int)strtol(p + 1, NULL, 10) : 0;
    if (text[0] == '-') sotto_buf_putc(out, '-');
    if (exponent < -4 || exponent >= 16) {
        sotto_buf_printf(out, "%c%s%.*s", digits[0], n > 1 ? "." : "", n - 1, digits + 1);
        sotto_buf_printf(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    if (exponent < 0) {
        sotto_buf_puts(out, "0.");
        for (int i = -1; i > exponent; i--) sotto_buf_putc(out, '0');
    }
    for (int i = 0; i < n || i <= exponent; i++) {
        sotto_buf_putc(out, i < n ? digits[i] : '0');
        if (i == exponent) sotto_buf_puts(out, i + 1 < n ? "." : ".0");
    }
}

void sotto_chat_json_number(sotto_buf *out, const json_t *v) {
    if (json_is_integer(v)) sotto_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else write_real(out, json_real_value(v));
}

static void write_escape(sotto_buf *out, char c) {
    sotto_buf_putc(out, '\\');
    sotto_buf_putc(out, c);
}

static void write_json_string(sotto_buf *out, const char *p, size_t n) {
    static const char named[] = "\b\t\n\f\r\"\\", letter[] = "btnfr\"\\";
    sotto_buf_putc(out, '"');
    for (size_t i = 0; i < n; i++) {
        const char *at = p[i] ? strchr(named, p[i]) : NULL;
        if (at) write_escape(out, letter[at - named]);
        else if ((unsigned char)p[i] < 0x20) sotto_buf_printf(out, "\\u%04x", (unsigned)p[i]);
        else sotto_buf_putc(out, p[i]);
    }
    sotto_buf_putc(out, '"');
}

/* What Python calls printable: no control, format, unassigned, surrogate, private or separator character. */
static bool is_printable(uint32_t cp) {
    if (cp < 0x80) return cp >= 0x20 && cp != 0x7f;
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_CN: case UTF8PROC_CATEGORY_CC: case UTF8PROC_CATEGORY_CF: case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO: case UTF8PROC_CATEGORY_ZS: case UTF8PROC_CATEGORY_ZL: case UTF8PROC_CATEGORY_ZP:
        return false;
    default: return true;
    }
}

static void write_python_string(sotto_buf *out, const char *p, size_t n) {
    char quote = memchr(p, '\'', n) && !memchr(p, '"', n) ? '"' : '\'';
    sotto_buf_putc(out, quote);
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t cp;
        len = sotto_utf8_decode(p + i, n - i, &cp);
        if (p[i] == quote || p[i] == '\\') write_escape(out, p[i]);
        else if (p[i] == '\n') write_escape(out, 'n');
        else if (p[i] == '\r') write_escape(out, 'r');
        else if (p[i] == '\t') write_escape(out, 't');
        else if (is_printable(cp)) sotto_buf_append(out, p + i, len);
        else if (cp <= 0xff) sotto_buf_printf(out, "\\x%02x", (unsigned)cp);
        else if (cp <= 0xffff) sotto_buf_printf(out, "\\u%04x", (unsigned)cp);
        else sotto_buf_printf(out, "\\U%08x", (unsigned)cp);
    }
    sotto_buf_putc(out, quote);
}

/* ---- values -------------------------------------------------------------------------------------------- */

static void write_string(sotto_buf *out, const char *p, size_t n, sotto_json_style style) {
    if (style == SOTTO_JSON_PYTHON) write_python_string(out, p, n);
    else write_json_string(out, p, n);
}

static void write_break(sotto_buf *out, sotto_json_style style, int depth, bool first, bool last) {
    if (style == SOTTO_JSON_INDENT) {
        if (!first && !last) sotto_buf_putc(out, ',');
        sotto_buf_printf(out, "\n%*s", 4 * depth, "");
    } else if (!first && !last) {
        sotto_buf_puts(out, ", ");
    }
}

static void write_value(sotto_buf *out, const json_t *v, sotto_json_style style, int depth);

static void write_object(sotto_buf *out, const json_t *v, sotto_json_style style, int depth) {
    bool    first = true;
    json_t *object = (json_t *)v; /* jansson's iterators ask for it; nothing is changed */
    sotto_buf_putc(out, '{');
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
        const char *key = json_object_iter_key(it);
        write_break(out, style, depth + 1, first, false);
        write_string(out, key, strlen(key), style);
        sotto_buf_puts(out, ": ");
        write_value(out, json_object_iter_value(it), style, depth + 1);
        first = false;
    }
    if (!first) write_break(out, style, depth, false, true);
    sotto_buf_putc(out, '}');
}

static void write_array(sotto_buf *out, const json_t *v, sotto_json_style style, int depth) {
    size_t n = json_array_size(v);
    sotto_buf_putc(out, '[');
    for (size_t i = 0; i < n; i++) {
        write_break(out, style, depth + 1, i == 0, false);
        write_value(out, json_array_get(v, i), style, depth + 1);
    }
    if (n) write_break(out, style, depth, false, true);
    sotto_buf_putc(out, ']');
}

static void write_value(sotto_buf *out, const json_t *v, sotto_json_style style, int depth) {
    bool python = style == SOTTO_JSON_PYTHON;
    switch (json_typeof(v)) {
    case JSON_OBJECT: write_object(out, v, style, depth); break;
    case JSON_ARRAY: write_array(out, v, style, depth); break;
    case JSON_STRING: write_string(out, json_string_value(v), json_string_length(v), style); break;
    case JSON_INTEGER:
    case JSON_REAL: sotto_chat_json_number(out, v); break;
    case JSON_TRUE: sotto_buf_puts(out, python ? "True" : "true"); break;
    case JSON_FALSE: sotto_buf_puts(out, python ? "False" : "false"); break;
    case JSON_NULL: sotto_buf_puts(out, python ? "None" : "null"); break;
    }
}

void sotto_chat_json_write(sotto_buf *out, const json_t *v, sotto_json_style style) { write_value(out, v, style, 0); }

static bool too_deep(const json_t *v, int depth) {
    if (!json_is_object(v) && !json_is_array(v)) return false;
    if (depth == SOTTO_CHAT_JSON_DEPTH_MAX) return true;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (too_deep(json_array_get(v, i), depth + 1)) return true;
    json_t *object = (json_t *)v;
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it))
        if (too_deep(json_object_iter_value(it), depth + 1)) return true;
    return false;
}
sotto_chat_member *sotto_chat_members(sotto_arena *arena, const json_t *v) {
    size_t             n = 0;
    json_t            *object = (json_t *)v;
    sotto_chat_member *list = NULL;
    if (json_object_size(v)) list = sotto_arena_array(arena, json_object_size(v), sizeof *list);
    for (void *it = list ? json_object_iter(object) : NULL; it; it = json_object_iter_next(object, it), n++)
        list[n] = (sotto_chat_member){json_object_iter_key(it), json_object_iter_value(it), n};
    return list;
}

bool sotto_chat_json_too_deep(const json_t *v) { return too_deep(v, 0); }

/* ---- trimming ------------------------------------------------------------------------------------------ */

/* str.isspace() of one character. */
static bool is_space(uint32_t cp) {
    return (cp >= 0x09 && cp <= 0x0d) || (cp >= 0x1c && cp <= 0x20) || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f ||
           cp == 0x3000;
}

sotto_str sotto_chat_trim_start(sotto_str text) {
    for (;;) {
        uint32_t cp;
        size_t   len = sotto_utf8_decode(text.p, text.n, &cp);
        if (len == 0 || !is_space(cp)) return text;
        text = sotto_chat_from(text, len);
    }
}

sotto_str sotto_chat_trim_end(sotto_str text) {
    while (text.n) {
        size_t len = 1; /* of the last character: back over at most three continuation bytes */
        while (len < 4 && len < text.n && ((unsigned char)text.p[text.n - len] & 0xc0) == 0x80) len++;
        uint32_t cp;
        if (sotto_utf8_decode(text.p + text.n - len, len, &cp) != len || !is_space(cp)) break;
        text.n -= len;
    }
    return text;
}

sotto_str sotto_chat_trim(sotto_str text) { return sotto_chat_trim_end(sotto_chat_trim_start(text)); }

sotto_str sotto_chat_trim_newlines(sotto_str text, bool start, bool end) {
    while (start && text.n && text.p[0] == '\n') text = sotto_chat_from(text, 1);
    while (end && text.n && text.p[text.n - 1] == '\n') text.n--;
    return text;
}

size_t sotto_chat_find(sotto_str text, const char *needle) {
    size_t n = strlen(needle);
    for (size_t i = 0; i + n <= text.n; i++) {
        const char *at = memchr(text.p + i, needle[0], text.n - n - i + 1);
        if (!at) break;
        i = (size_t)(at - text.p);
        if (memcmp(at, needle, n) == 0) return i;
    }
    return SIZE_MAX;
}

size_t sotto_chat_find_last(sotto_str text, const char *needle) {
    size_t n = strlen(needle);
    for (size_t i = text.n; i-- > 0;)
        if (text.n - i >= n && memcmp(text.p + i, needle, n) == 0) return i;
    return SIZE_MAX;
}
