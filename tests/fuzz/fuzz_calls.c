/* Calls in an answer, of any format, tools and text. However the answer is cut, the same text is shown and the same
 * calls are read; their arguments are JSON objects; and a grammar of calls, where the tools have one, is well-formed.
 * Byte 0 chooses the format, byte 1 whether control tokens are shown; then the tools, up to a zero byte, and the
 * answer, in which control tokens stand between bytes 14 and 15. */
#include <stdlib.h>

#include <sotto/sotto.h>

#include "grammar/grammar.h"
#include "text/calls.h"
#include "text/chat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct answer {
    sotto_call_reader *reader;
    sotto_buf          shown;
} answer;

static void demand(bool ok) {
    if (!ok) abort();
}

/* Give an answer to a reader in pieces of at most so many bytes. */
static void read_answer(answer *a, sotto_str text, bool visible, size_t piece) {
    for (size_t at = 0, n; at < text.n; at += n) {
        const char *p = text.p + at, *end = memchr(p, 15, text.n - at), *control = memchr(p, 14, text.n - at);
        if (control == p && end) {
            n = (size_t)(end - p) + 1;
            demand(sotto_call_reader_push_control(a->reader, (sotto_str){p + 1, n - 2}, visible, &a->shown));
            continue;
        }
        n = control && control > p ? (size_t)(control - p) : control == p ? 1 : text.n - at;
        n = SOTTO_MIN(n, piece);
        demand(sotto_call_reader_push(a->reader, (sotto_str){p, n}, &a->shown));
    }
    demand(sotto_call_reader_end(a->reader, &a->shown));
}

static void compare(const answer *a, const answer *b) {
    size_t                 n, m;
    const sotto_tool_call *x = sotto_call_reader_calls(a->reader, &n), *y = sotto_call_reader_calls(b->reader, &m);
    demand(sotto_str_eq(sotto_buf_str(&a->shown), sotto_buf_str(&b->shown)));
    demand(n == m && n <= SOTTO_CALLS_MAX);
    for (size_t i = 0; i < n; i++) {
        demand(strcmp(x[i].name, y[i].name) == 0 && strcmp(x[i].arguments, y[i].arguments) == 0);
        demand(!x[i].error == !y[i].error && (!x[i].error || strcmp(x[i].error, y[i].error) == 0));
        json_t *arguments = json_loads(x[i].arguments, JSON_ALLOW_NUL, NULL);
        demand(json_is_object(arguments));
        json_decref(arguments);
    }
}

static void write_grammar(const sotto_chat_format *f, const char *tools, bool whole) {
    sotto_buf      gbnf = {0};
    sotto_grammar *g = NULL;
    if (sotto_calls_grammar(f, tools, NULL, whole, &gbnf, NULL) == SOTTO_OK) {
        sotto_status status = sotto_grammar_open(&g, gbnf.data, gbnf.len, NULL);
        demand(status == SOTTO_OK || status == SOTTO_LIMIT);
    }
    sotto_grammar_close(g);
    sotto_buf_free(&gbnf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    const sotto_chat_format *f = &sotto_chat_formats[data[0] % sotto_chat_format_count];
    const char              *tools = text + 2;
    size_t                   begin = SOTTO_MIN(2 + strlen(tools) + 1, size);
    sotto_str                said = {text + begin, size - begin};
    answer                   a = {0}, b = {0};
    if (sotto_call_reader_open(&a.reader, f, tools, NULL) == SOTTO_OK &&
        sotto_call_reader_open(&b.reader, f, tools, NULL) == SOTTO_OK) {
        read_answer(&a, said, data[1] & 1, 1);
        read_answer(&b, said, data[1] & 1, SIZE_MAX);
        compare(&a, &b);
        write_grammar(f, tools, data[1] & 2);
    }
    sotto_call_reader_close(a.reader);
    sotto_call_reader_close(b.reader);
    sotto_buf_free(&a.shown);
    sotto_buf_free(&b.shown);
    free(text);
    return 0;
}
