/* Pre-tokenizers: how byte-level tokenizers cut text before merging. The families publish regular expressions;
 * each is written here as the small decision that it is. Classes are Unicode's: \p{L}, \p{N}, White_Space.
 *
 *   GPT-2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *   Llama 3  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
 *            |\s*[\r\n]+|\s+(?!\S)|\s+
 *   Qwen 2   the same with \p{N} for \p{N}{1,3}
 *   SmolLM   every \p{N} on its own, then GPT-2's on each part between them */
#include "text/tokenizer.h"

#include <utf8proc.h>

typedef enum char_class { END, LETTER, NUMBER, SPACE, NEWLINE, OTHER } char_class; /* NEWLINE: \r and \n only */

bool sotto_char_is_space(uint32_t cp) {
    return cp == ' ' || (cp >= 9 && cp <= 13) || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f ||
           cp == 0x3000;
}

/* The class of the character at s[0..n) and its length in bytes. */
static char_class class_at(const char *s, size_t n, size_t *len) {
    *len = 1;
    if (n == 0) return END;
    unsigned char c = (unsigned char)s[0];
    if (c < 0x80) {
        if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') return LETTER;
        if (c >= '0' && c <= '9') return NUMBER;
        if (c == '\r' || c == '\n') return NEWLINE;
        return c == ' ' || (c >= 9 && c <= 13) ? SPACE : OTHER;
    }
    uint32_t cp;
    *len = sotto_utf8_decode(s, n, &cp);
    if (sotto_char_is_space(cp)) return SPACE;
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return NUMBER;
    default: return OTHER;
    }
}

/* Bytes of the run of one class at s, at most `max` characters. */
static size_t run_of(char_class wanted, const char *s, size_t n, size_t max) {
    size_t i = 0, len;
    for (; max > 0 && class_at(s + i, n - i, &len) == wanted; max--) i += len;
    return i;
}

/* Bytes of an English contraction's ending at s ("'s", "'re", ...), or 0. */
static size_t contraction(const char *s, size_t n, bool any_case) {
    static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    if (n < 2 || s[0] != '\'') return 0;
    for (size_t e = 0; e < SOTTO_COUNT(endings); e++) {
        size_t k = 0;
        while (endings[e][k] && k + 1 < n && (any_case ? s[k + 1] | 0x20 : s[k + 1]) == endings[e][k]) k++;
        if (!endings[e][k]) return k + 1;
    }
    /* Under Unicode's case folding the long s (U+017F) is an s too. */
    return any_case && n >= 3 && memcmp(s + 1, "\xc5\xbf", 2) == 0 ? 3 : 0;
}

/* \s+(?!\S)|\s+ on a run of white space: all of it at the end of the text, else all but the last character,
 * which goes with what follows. */
static size_t spaces(const char *s, size_t n, bool number_ends) {
    size_t     i = 0, last = 0, len;
    char_class c;
    while ((c = class_at(s + i, n - i, &len)) == SPACE || c == NEWLINE) {
        last = i;
        i += len;
    }
    return c == END || (number_ends && c == NUMBER) || last == 0 ? i : last;
}

static size_t gpt2(const char *s, size_t n, bool digits_apart) {
    size_t first, len, k = contraction(s, n, false);
    if (k) return k;
    char_class c = class_at(s, n, &first);
    if (digits_apart && c == NUMBER) return first;
    size_t skip = s[0] == ' ' ? 1 : 0;
    if (skip) c = class_at(s + 1, n - 1, &len);
    if (c == LETTER || c == OTHER || (c == NUMBER && !digits_apart))
        return skip + run_of(c, s + skip, n - skip, SIZE_MAX);
    return spaces(s, n, digits_apart);
}

static size_t llama3(const char *s, size_t n, size_t digits) {
    size_t first, len, k = contraction(s, n, true);
    if (k) return k;
    char_class c = class_at(s, n, &first);
    if (c == LETTER) return run_of(LETTER, s, n, SIZE_MAX);
    if (c == NUMBER) return run_of(NUMBER, s, n, digits);
    if (c != NEWLINE && class_at(s + first, n - first, &len) == LETTER)
        return first + run_of(LETTER, s + first, n - first, SIZE_MAX);
    size_t skip = s[0] == ' ' ? 1 : 0;
    if (class_at(s + skip, n - skip, &len) == OTHER) {
        k = skip + run_of(OTHER, s + skip, n - skip, SIZE_MAX);
        return k + run_of(NEWLINE, s + k, n - k, SIZE_MAX);
    }
    /* \s*[\r\n]+ reaches to the last newline of the white space. */
    size_t after_newline = 0;
    for (size_t i = 0; (c = class_at(s + i, n - i, &len)) == SPACE || c == NEWLINE;) {
        i += len;
        if (c == NEWLINE) after_newline = i;
    }
    return after_newline ? after_newline : spaces(s, n, false);
}

/* Bytes up to the next newline, or of the run of newlines. */
static size_t newlines(const char *s, size_t n) {
    const char *end = memchr(s, '\n', n);
    if (end != s) return end ? (size_t)(end - s) : n;
    size_t i = 0;
    while (i < n && s[i] == '\n') i++;
    return i;
}

static size_t before_marker(const char *s, size_t n) {
    const size_t marker = sizeof SOTTO_SPACE_MARKER - 1;
    for (size_t i = 1; i + marker <= n; i++)
        if (memcmp(s + i, SOTTO_SPACE_MARKER, marker) == 0) return i;
    return n;
}

size_t sotto_split_next(sotto_split kind, const char *s, size_t n) {
    switch (kind) {
    case SOTTO_SPLIT_GPT2: return gpt2(s, n, false);
    case SOTTO_SPLIT_SMOLLM: return gpt2(s, n, true);
    case SOTTO_SPLIT_LLAMA3: return llama3(s, n, 3);
    case SOTTO_SPLIT_QWEN2: return llama3(s, n, 1);
    case SOTTO_SPLIT_MARKER: return before_marker(s, n);
    case SOTTO_SPLIT_NEWLINES: return newlines(s, n);
    case SOTTO_SPLIT_NONE: break;
    }
    return n;
}
