/* The text of calls, made into JSON. */
#include "text/calls.h"
#include "text/chat.h"

/* ---- sums and values ----------------------------------------------------------------------------------- */

typedef struct parser {
    const char *p, *end;
    char        quote; /* around strings, in which there are no escapes */
    bool        spaced; /* the first space of a string that is a value belongs to the notation */
    int         depth;
    size_t      n_operators;
} parser;

static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

/* The next character behind white space, or 0 at the end. */
static char peek(parser *s) {
    while (s->p < s->end && is_space(*s->p)) s->p++;
    return s->p < s->end ? *s->p : '\0';
}

static bool take(parser *s, char c) {
    bool here = c && peek(s) == c;
    s->p += here;
    return here;
}

/* A number as JSON writes it, without its sign: through jansson, which knows of the locale's decimal point. */
static json_t *take_number(parser *s) {
    const char *from = s->p;
    while (s->p < s->end && ((*s->p >= '0' && *s->p <= '9') || *s->p == '.')) s->p++;
    if (s->p > from && s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-')) s->p++;
        while (s->p < s->end && *s->p >= '0' && *s->p <= '9') s->p++;
    }
    return s->p > from ? json_loadb(from, (size_t)(s->p - from), JSON_DECODE_ANY, NULL) : NULL;
}

static bool take_sum(parser *s, double *out);

static bool take_factor(parser *s, double *out) {
    bool negative = false;
    for (; peek(s) == '-' || peek(s) == '+'; s->p++) negative ^= *s->p == '-';
    if (take(s, '(')) {
        s->n_operators++;
        if (++s->depth > SOTTO_CALL_DEPTH_MAX || !take_sum(s, out) || !take(s, ')')) return false;
        s->depth--;
    } else {
        json_t *number = take_number(s);
        if (!number) return false;
        *out = json_number_value(number);
        json_decref(number);
    }
    if (negative) *out = -*out;
    return true;
}

static bool take_product(parser *s, double *out) {
    double next;
    if (!take_factor(s, out)) return false;
    for (char c; (c = peek(s)) == '*' || c == '/'; s->n_operators++) {
        s->p++;
        if (!take_factor(s, &next)) return false;
        *out = c == '*' ? *out * next : *out / next;
    }
    return true;
}

static bool take_sum(parser *s, double *out) {
    double next;
    if (!take_product(s, out)) return false;
    for (char c; (c = peek(s)) == '+' || c == '-'; s->n_operators++) {
        s->p++;
        if (!take_product(s, &next)) return false;
        *out = c == '+' ? *out + next : *out - next;
    }
    return *out - *out == 0; /* neither infinite nor NaN */
}

bool sotto_calls_sum(sotto_str text, double *out) {
    parser s = {.p = text.p, .end = text.p + text.n};
    return take_sum(&s, out) && !peek(&s);
}

/* A number that stands alone stays as it is, however many digits it has; what is worked out and whole is an integer. */
static json_t *take_amount(parser *s) {
    const double exact = 9007199254740992; /* 2^53: whole numbers up to here are doubles */
    const char  *from = s->p;
    double       x;
    s->n_operators = 0;
    if (!take_sum(s, &x)) return NULL;
    if (s->n_operators == 0 && *from != '+') {
        json_t *number = json_loadb(from, (size_t)(s->p - from), JSON_DECODE_ANY, NULL);
        if (number) return number;
    }
    if (x >= -exact && x <= exact && x == (double)(json_int_t)x) return json_integer((json_int_t)x);
    return json_real(x);
}

/* The text up to the next quote. */
static json_t *take_string(parser *s) {
    const char *from = s->p, *to = memchr(from, s->quote, (size_t)(s->end - from));
    if (!to) return NULL;
    s->p = to + 1;
    return json_stringn(from, (size_t)(to - from));
}

/* A name: everything up to white space or to a character that means something. */
static json_t *take_name(parser *s) {
    (void)peek(s);
    const char *from = s->p;
    while (s->p < s->end && !is_space(*s->p) && *s->p && !strchr("{}[]()<>,:=\"\xff", *s->p)) s->p++;
    return s->p > from ? json_stringn(from, (size_t)(s->p - from)) : NULL;
}

static json_t *take_value(parser *s);

/* Up to `close`: members whose names end with `colon`. Names come once. */
static bool take_members(parser *s, json_t *object, char colon, char close) {
    if (take(s, close)) return true;
    do {
        json_t     *name = take(s, s->quote) ? take_string(s) : take_name(s);
        const char *key = json_string_value(name);
        bool        ok = key && strlen(key) == json_string_length(name) && !json_object_get(object, key) &&
                  take(s, colon) && json_object_set_new(object, key, take_value(s)) == 0;
        json_decref(name);
        if (!ok) return false;
    } while (take(s, ','));
    return take(s, close);
}

static bool take_items(parser *s, json_t *array) {
    if (take(s, ']')) return true;
    do {
        if (json_array_append_new(array, take_value(s)) != 0) return false;
    } while (take(s, ','));
    return take(s, ']');
}

static json_t *take_word(parser *s) {
    static const struct { const char *text; json_type type; } words[] = {
        {"true", JSON_TRUE}, {"false", JSON_FALSE}, {"null", JSON_NULL},
        {"True", JSON_TRUE}, {"False", JSON_FALSE}, {"None", JSON_NULL},
    };
    for (size_t i = 0; i < SOTTO_COUNT(words); i++) {
        size_t n = strlen(words[i].text);
        if ((size_t)(s->end - s->p) < n || memcmp(s->p, words[i].text, n) != 0) continue;
        s->p += n;
        return words[i].type == JSON_NULL ? json_null() : json_boolean(words[i].type == JSON_TRUE);
    }
    return NULL;
}

/* NULL where there is none: jansson's functions that take it over fail then. */
static json_t *take_value(parser *s) {
    char    c = peek(s);
    json_t *v = NULL;
    if (s->depth >= SOTTO_CALL_DEPTH_MAX) return NULL;
    s->depth++;
    if (take(s, s->quote)) {
        s->p += s->spaced && s->p < s->end && *s->p == ' ';
        v = take_string(s);
    } else if (c == '[' || c == '{') {
        s->p++;
        v = c == '[' ? json_array() : json_object();
        if (v && !(c == '[' ? take_items(s, v) : take_members(s, v, ':', '}'))) {
            json_decref(v);
            v = NULL;
        }
    } else {
        v = c >= 'A' ? take_word(s) : take_amount(s);
    }
    s->depth--;
    return v;
}

/* ---- calls --------------------------------------------------------------------------------------------- */

/* Takes both over; false when one is NULL. */
static bool add_call(json_t *calls, json_t *name, json_t *arguments) {
    json_t *call = json_object();
    bool    named = json_object_set_new(call, "name", name) == 0;
    bool    ok = json_object_set_new(call, "arguments", arguments) == 0 && named;
    return json_array_append_new(calls, call) == 0 && ok;
}

/* NAME, then its arguments in brackets. */
static bool take_call(parser *s, json_t *calls, const char *brackets, char colon) {
    json_t *name = take_name(s), *arguments = json_object();
    bool    ok = name && arguments && take(s, brackets[0]) && take_members(s, arguments, colon, brackets[1]);
    return add_call(calls, name, arguments) && ok;
}

static bool parse_gemma4(parser *s, json_t *calls) {
    static const char word[] = "call:";
    (void)peek(s);
    if (!sotto_str_starts((sotto_str){s->p, (size_t)(s->end - s->p)}, word)) return false;
    s->p += sizeof word - 1;
    return take_call(s, calls, "{}", ':') && !peek(s);
}

static bool parse_starter(parser *s, json_t *calls) {
    if (!take(s, '[')) return false;
    do {
        if (!take_call(s, calls, "()", '=')) return false;
    } while (take(s, ','));
    return take(s, ']') && !peek(s);
}

/* One call of OpenAI's or Llama's keys. Arguments may be an object as text. */
static bool read_json_call(json_t *calls, json_t *v, bool sure) {
    json_t *inner = json_object_get(v, "function"), *f = json_is_object(inner) ? inner : v;
    json_t *name = json_object_get(f, "name"), *arguments = json_object_get(f, "arguments");
    if (!arguments) arguments = json_object_get(f, "parameters");
    if (!json_is_string(name) || (!arguments && !sure)) return false;
    const char *text = json_string_value(arguments);
    if (text) arguments = json_loadb(text, json_string_length(arguments), JSON_REJECT_DUPLICATES, NULL);
    else arguments = arguments ? json_incref(arguments) : json_object();
    bool object = json_is_object(arguments);
    return add_call(calls, json_incref(name), arguments) && object;
}

static bool parse_json(sotto_str text, json_t *calls, bool sure) {
    json_t *whole = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    bool    ok = whole && !sotto_chat_json_too_deep(whole);
    if (ok && json_is_object(whole)) ok = read_json_call(calls, whole, sure);
    for (size_t i = 0; ok && i < json_array_size(whole); i++)
        ok = read_json_call(calls, json_array_get(whole, i), sure);
    json_decref(whole);
    return ok;
}

json_t *sotto_calls_parse(sotto_call_notation notation, sotto_str text, bool sure) {
    parser  s = {.p = text.p, .end = text.p + text.n, .quote = notation == SOTTO_CALL_GEMMA4 ? SOTTO_CALL_QUOTE : '"',
                 .spaced = notation == SOTTO_CALL_STARTER};
    json_t *calls = json_array();
    bool    ok = notation == SOTTO_CALL_GEMMA4  ? parse_gemma4(&s, calls)
               : notation == SOTTO_CALL_STARTER ? parse_starter(&s, calls)
                                                : parse_json(text, calls, sure);
    if (ok && json_array_size(calls)) return calls;
    json_decref(calls);
    return NULL;
}
