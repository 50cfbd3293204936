/* The starter model's own notation of calls: [set_timer(seconds=300, label=" pasta"), flip_coin()] is a whole turn.
 * Values that are texts begin with a space, and so does what people say: a word then has the same tokens in both, and
 * the model copies it token by token. */
#include <stdio.h>

#include "text/chat.h"

/* It was trained without any. */
void sotto_chat_starter_system(sotto_chat_scene *s) { (void)s; }

/* A number as the training text has it: at most six decimals, and never an exponent. Of what is printed only the
 * digits are taken: what stands between them is the locale's business. */
static void write_real(sotto_buf *out, double x) {
    char   text[400], digits[400]; /* the largest double has 309 digits before the point */
    size_t n = 0, decimals = 6;
    (void)snprintf(text, sizeof text, "%.6f", x);
    for (const char *p = text; *p; p++)
        if (*p >= '0' && *p <= '9') digits[n++] = *p;
    while (decimals && digits[n - 1] == '0') n--, decimals--;
    if (x < 0 && !(n == 1 && digits[0] == '0')) sotto_buf_putc(out, '-');
    sotto_buf_append(out, digits, n - decimals);
    if (decimals) sotto_buf_putc(out, '.');
    sotto_buf_append(out, digits + n - decimals, decimals);
}

/* There are no escapes: a double quote becomes a single one, a backslash nothing. */
static void write_string(sotto_buf *out, const char *open, const char *p, size_t n) {
    sotto_buf_puts(out, open);
    for (size_t i = 0; i < n; i++)
        if (p[i] != '\\') sotto_buf_putc(out, p[i] == '"' ? '\'' : p[i]);
    sotto_buf_putc(out, '"');
}

static void write_value(sotto_buf *out, const json_t *v) {
    json_t *object = (json_t *)v;
    bool    first = true;
    switch (json_typeof(v)) {
    case JSON_REAL: write_real(out, json_real_value(v)); break;
    case JSON_STRING: write_string(out, "\" ", json_string_value(v), json_string_length(v)); break;
    case JSON_ARRAY:
        sotto_buf_putc(out, '[');
        for (size_t i = 0; i < json_array_size(v); i++) {
            if (i) sotto_buf_puts(out, ", ");
            write_value(out, json_array_get(v, i));
        }
        sotto_buf_putc(out, ']');
        break;
    case JSON_OBJECT:
        sotto_buf_putc(out, '{');
        for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it), first = false) {
            const char *key = json_object_iter_key(it);
            if (!first) sotto_buf_puts(out, ", ");
            write_string(out, "\"", key, strlen(key));
            sotto_buf_puts(out, ": ");
            write_value(out, json_object_iter_value(it));
        }
        sotto_buf_putc(out, '}');
        break;
    default: sotto_chat_json_write(out, v, SOTTO_JSON_LINE);
    }
}

void sotto_chat_starter_calls(sotto_chat_scene *s, const sotto_chat_message *m) {
    sotto_buf b = {.max = SOTTO_CHAT_TEXT_MAX};
    for (size_t i = 0; i < m->n_calls; i++) {
        json_t *arguments = (json_t *)m->calls[i].arguments;
        sotto_buf_printf(&b, "%s%s(", i ? ", " : "[", m->calls[i].name);
        void *first = json_object_iter(arguments);
        for (void *it = first; it; it = json_object_iter_next(arguments, it)) {
            sotto_buf_printf(&b, "%s%s=", it == first ? "" : ", ", json_object_iter_key(it));
            write_value(&b, json_object_iter_value(it));
        }
        sotto_buf_putc(&b, ')');
    }
    sotto_buf_putc(&b, ']');
    sotto_chat_quote(s, sotto_buf_str(&b));
    s->out->text.failed |= b.failed;
    sotto_buf_free(&b);
}
