/* Reading tokenizer.json without building a tree of it: the vocabulary and the merges of a large model are half a
 * million entries, 33 MB of text that would become ten times as much of JSON values. They are cut out here and
 * read entry by entry; what remains is small and goes to the JSON library. */
#include "text/tokenizer.h"

typedef struct reader {
    const char *start, *p, *end;
    sotto_buf   text; /* the string read last, unescaped; used where the file has escapes */
} reader;

static sotto_status malformed(const reader *r, const char *expected, sotto_error *err) {
    return sotto_fail_at(err, SOTTO_FORMAT, (uint64_t)(r->p - r->start),
                         "tokenizer.json is malformed: expected %s at byte %llu", expected,
                         (unsigned long long)(r->p - r->start));
}

static char peek(reader *r) {
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r')) r->p++;
    return r->p < r->end ? *r->p : '\0';
}

static bool take(reader *r, char c) {
    if (peek(r) != c) return false;
    r->p++;
    return true;
}

/* ---- strings ------------------------------------------------------------------------------------------- */

static bool hex4(reader *r, uint32_t *value) {
    *value = 0;
    if (r->end - r->p < 4) return false;
    for (int i = 0; i < 4; i++) {
        char c = *r->p++, lower = (char)(c | 0x20);
        bool digit = c >= '0' && c <= '9';
        if (!digit && !(lower >= 'a' && lower <= 'f')) return false;
        *value = *value << 4 | (uint32_t)(digit ? c - '0' : lower - 'a' + 10);
    }
    return true;
}

static bool unescape(reader *r) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char              c = r->p < r->end ? *r->p++ : '\0';
    const char       *known = c ? strchr(from, c) : NULL;
    if (known) return sotto_buf_putc(&r->text, to[known - from]);
    uint32_t cp, low;
    if (c != 'u' || !hex4(r, &cp)) return false;
    if (cp >= 0xd800 && cp < 0xe000) {
        if (cp >= 0xdc00 || r->end - r->p < 2 || *r->p++ != '\\' || *r->p++ != 'u' || !hex4(r, &low))
            return false;
        if (low < 0xdc00 || low >= 0xe000) return false;
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
    }
    char utf8[4];
    return sotto_buf_append(&r->text, utf8, sotto_utf8_encode(cp, utf8));
}

/* A string at the cursor. *out lies in the file, or in r->text until the next string; an earlier string in
 * r->text stays valid as an offset from `keep` on. */
static sotto_status read_string(reader *r, sotto_str *out, sotto_error *err) {
    if (!take(r, '"')) return malformed(r, "a string", err);
    const char *start = r->p;
    while (r->p < r->end && *r->p != '"' && *r->p != '\\' && (unsigned char)*r->p >= 0x20) r->p++;
    size_t plain = (size_t)(r->p - start), before = r->text.len;
    if (r->p < r->end && *r->p == '"') {
        *out = (sotto_str){start, plain};
        r->p++;
    } else {
        sotto_buf_append(&r->text, start, plain);
        while (r->p < r->end && *r->p != '"') {
            if ((unsigned char)*r->p < 0x20) return malformed(r, "no control character in a string", err);
            if (*r->p != '\\')
                sotto_buf_putc(&r->text, *r->p++);
            else if (r->p++, !unescape(r) && !r->text.failed)
                return malformed(r, "a valid escape", err);
        }
        if (r->text.failed) return sotto_fail_memory(err, "tokenizer.json");
        if (r->p++ >= r->end) return malformed(r, "the end of a string", err);
        *out = (sotto_str){r->text.data + before, r->text.len - before};
    }
    return sotto_utf8_valid(out->p, out->n) ? SOTTO_OK : malformed(r, "valid UTF-8 before", err);
}

/* ---- the cut ------------------------------------------------------------------------------------------- */

/* Pass over a string without reading it. */
static bool skip_string(reader *r) {
    for (r->p++; r->p < r->end && *r->p != '"'; r->p++)
        if (*r->p == '\\' && r->p + 1 < r->end) r->p++;
    if (r->p >= r->end) return false;
    r->p++;
    return true;
}

/* Pass over a value, by its brackets only; whoever reads it checks the rest. */
static sotto_status skip_value(reader *r, sotto_str *out, sotto_error *err) {
    int depth = 0;
    (void)peek(r);
    const char *start = r->p;
    do {
        char c = peek(r);
        if (c == '\0') return malformed(r, "a value", err);
        if (c == '"') {
            if (!skip_string(r)) return malformed(r, "the end of a string", err);
            continue;
        }
        if (depth == 0 && (c == ',' || c == ':' || c == '}' || c == ']')) return malformed(r, "a value", err);
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        r->p++;
        while (depth == 0 && c != '}' && c != ']' && r->p < r->end && !strchr(",]} \t\r\n", *r->p)) r->p++;
    } while (depth > 0);
    *out = (sotto_str){start, (size_t)(r->p - start)};
    return SOTTO_OK;
}

/* Copy the object at the cursor to `rest`, member by member; `inside` is the member to look into for the lists. */
static sotto_status cut_object(reader *r, const char *inside, sotto_json_cut *cut, sotto_buf *rest,
                               sotto_error *err) {
    if (!take(r, '{')) return malformed(r, "an object", err);
    sotto_buf_putc(rest, '{');
    bool first = true;
    while (!take(r, '}')) {
        sotto_str key, value;
        if (!first && !take(r, ',')) return malformed(r, "a comma or the end of an object", err);
        if (!first) sotto_buf_putc(rest, ',');
        first = false;
        if (peek(r) != '"') return malformed(r, "a key", err);
        SOTTO_TRY(skip_value(r, &key, err)); /* with its quotes */
        if (!take(r, ':')) return malformed(r, "a colon", err);
        sotto_buf_append(rest, key.p, key.n);
        sotto_buf_putc(rest, ':');
        if (inside && sotto_str_is(key, inside) && peek(r) == '{') {
            SOTTO_TRY(cut_object(r, NULL, cut, rest, err));
            continue;
        }
        SOTTO_TRY(skip_value(r, &value, err));
        sotto_str *list = inside                            ? NULL
                          : sotto_str_is(key, "\"vocab\"")  ? &cut->vocab
                          : sotto_str_is(key, "\"merges\"") ? &cut->merges
                                                            : NULL;
        if (list) *list = value;
        if (list)
            sotto_buf_puts(rest, "null");
        else
            sotto_buf_append(rest, value.p, value.n);
    }
    sotto_buf_putc(rest, '}');
    return SOTTO_OK;
}

sotto_status sotto_json_cut_open(sotto_json_cut *out, sotto_str text, sotto_error *err) {
    reader    r = {.start = text.p, .p = text.p, .end = text.p + text.n};
    sotto_buf rest = {0};
    *out = (sotto_json_cut){0};
    sotto_status status = cut_object(&r, "\"model\"", out, &rest, err);
    if (status == SOTTO_OK && peek(&r) != '\0') status = malformed(&r, "nothing after the object", err);
    if (status == SOTTO_OK && rest.failed) status = sotto_fail_memory(err, "tokenizer.json");
    if (status == SOTTO_OK) status = sotto_json_parse(&out->rest, sotto_buf_str(&rest), "tokenizer.json", err);
    sotto_buf_free(&rest);
    return status;
}

/* ---- the lists ----------------------------------------------------------------------------------------- */

static bool read_int(reader *r, int64_t *out) {
    const char *digits;
    (void)peek(r);
    digits = r->p;
    for (*out = 0; r->p < r->end && *r->p >= '0' && *r->p <= '9' && r->p - digits < 12; r->p++)
        *out = *out * 10 + (*r->p - '0');
    return r->p > digits;
}

static sotto_status each_vocab(reader *r, sotto_json_vocab_fn put, void *arg, sotto_error *err) {
    sotto_str text;
    int64_t   id;
    if (!take(r, '{')) return malformed(r, "model.vocab to be an object of texts and ids", err);
    if (take(r, '}')) return SOTTO_OK;
    do {
        sotto_buf_clear(&r->text);
        SOTTO_TRY(read_string(r, &text, err));
        if (!take(r, ':') || !read_int(r, &id)) return malformed(r, "a token id", err);
        SOTTO_TRY(put(arg, text, id, err));
    } while (take(r, ','));
    return take(r, '}') ? SOTTO_OK : malformed(r, "the end of model.vocab", err);
}

static sotto_status read_merge(reader *r, sotto_str *left, sotto_str *right, sotto_error *err) {
    if (!take(r, '[')) {
        SOTTO_TRY(read_string(r, left, err));
        const char *space = memchr(left->p, ' ', left->n);
        if (!space) return malformed(r, "two pieces in a merge", err);
        *right = (sotto_str){space + 1, (size_t)(left->p + left->n - space) - 1};
        left->n = (size_t)(space - left->p);
        return memchr(right->p, ' ', right->n) ? malformed(r, "two pieces in a merge", err) : SOTTO_OK;
    }
    SOTTO_TRY(read_string(r, left, err));
    size_t in_buffer = r->text.len; /* the buffer may move under the left piece */
    if (!take(r, ',')) return malformed(r, "two pieces in a merge", err);
    SOTTO_TRY(read_string(r, right, err));
    if (in_buffer) left->p = r->text.data;
    return take(r, ']') ? SOTTO_OK : malformed(r, "two pieces in a merge", err);
}

static sotto_status each_merge(reader *r, sotto_json_merge_fn put, void *arg, sotto_error *err) {
    sotto_str left, right;
    if (!take(r, '[')) return malformed(r, "model.merges to be an array", err);
    if (take(r, ']')) return SOTTO_OK;
    do {
        sotto_buf_clear(&r->text);
        SOTTO_TRY(read_merge(r, &left, &right, err));
        SOTTO_TRY(put(arg, left, right, err));
    } while (take(r, ','));
    return take(r, ']') ? SOTTO_OK : malformed(r, "the end of model.merges", err);
}

sotto_status sotto_json_each_vocab(sotto_str list, sotto_json_vocab_fn put, void *arg, sotto_error *err) {
    reader       r = {.start = list.p, .p = list.p, .end = list.p + list.n};
    sotto_status status = each_vocab(&r, put, arg, err);
    sotto_buf_free(&r.text);
    return status;
}

sotto_status sotto_json_each_merge(sotto_str list, sotto_json_merge_fn put, void *arg, sotto_error *err) {
    reader       r = {.start = list.p, .p = list.p, .end = list.p + list.n};
    sotto_status status = each_merge(&r, put, arg, err);
    sotto_buf_free(&r.text);
    return status;
}
