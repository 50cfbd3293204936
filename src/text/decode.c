/* From tokens back to text, one by one or as a stream of whole characters. */
#include "text/tokenizer.h"

/* GPT-2's byte alphabet (Radford et al. 2019): bytes that print are themselves, the others, in order, are
 * U+0100 and up, so that every byte is a visible character. */
static bool prints(unsigned byte) {
    return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

uint32_t sotto_byte_level_char(uint8_t byte) {
    if (prints(byte)) return byte;
    if (byte <= ' ') return 0x100u + byte;                  /* 0x00..0x20 -> U+0100..U+0120 */
    return byte == 0xad ? 0x143u : 0x121u + (byte - 0x7fu); /* 0x7f..0xa0 -> U+0121..U+0142 */
}

int sotto_byte_level_byte(uint32_t cp) {
    if (cp < 0x100) return prints(cp) ? (int)cp : -1;
    if (cp <= 0x120) return (int)(cp - 0x100);
    if (cp <= 0x142) return (int)(cp - 0x121 + 0x7f);
    return cp == 0x143 ? 0xad : -1;
}

/* The bytes that a byte-level piece spells; false: it holds a character that is not of the alphabet. */
static bool unspell(sotto_str piece, sotto_buf *out) {
    size_t before = out->len;
    for (size_t i = 0; i < piece.n;) {
        uint32_t cp;
        i += sotto_utf8_decode(piece.p + i, piece.n - i, &cp);
        int byte = sotto_byte_level_byte(cp);
        if (byte < 0) {
            out->len = before;
            return false;
        }
        sotto_buf_putc(out, (char)byte);
    }
    return true;
}

static bool append_unmarked(sotto_str piece, sotto_buf *out) {
    const size_t marker = sizeof SOTTO_SPACE_MARKER - 1;
    for (size_t i = 0; i < piece.n;) {
        bool here = piece.n - i >= marker && memcmp(piece.p + i, SOTTO_SPACE_MARKER, marker) == 0;
        if (!sotto_buf_putc(out, here ? ' ' : piece.p[i])) return false;
        i += here ? marker : 1;
    }
    return true;
}

/* The byte of a piece "<0xNN>". */
static char byte_of(const sotto_tokenizer *t, int32_t id) {
    for (int b = 0; b < 256; b++)
        if (t->byte_ids[b] == id) return (char)b;
    return '?'; /* a byte token that is not of that form stands for nothing known */
}

bool sotto_tokenizer_decode(const sotto_tokenizer *t, int32_t id, bool special, sotto_buf *out) {
    if (id < 0 || id >= t->n_vocab) return true;
    sotto_str piece = sotto_tokenizer_piece(t, id);
    switch (sotto_tokenizer_type(t, id)) {
    case SOTTO_TOKEN_UNUSED: return true;
    case SOTTO_TOKEN_CONTROL:
    case SOTTO_TOKEN_UNKNOWN: return !special || sotto_buf_append(out, piece.p, piece.n);
    case SOTTO_TOKEN_BYTE: return sotto_buf_putc(out, byte_of(t, id));
    case SOTTO_TOKEN_USER_DEFINED:
    case SOTTO_TOKEN_NORMAL: break;
    }
    if (t->space_marker) return append_unmarked(piece, out);
    if (t->byte_level && sotto_tokenizer_type(t, id) == SOTTO_TOKEN_NORMAL && unspell(piece, out))
        return !out->failed;
    return sotto_buf_append(out, piece.p, piece.n);
}

/* Make what stands in out from `from` on whole characters: the beginning of one at the end is held, and what can
 * never become one is written as U+FFFD. That takes more bytes than it had, never fewer: the text is moved up by
 * the difference and rewritten from its start, so that nothing but out itself needs memory. */
static bool keep_whole(sotto_decoder *d, size_t from, bool flush, sotto_buf *out) {
    const char *s = sotto_buf_str(out).p + from;
    size_t      n = out->len - from, n_whole = 0;
    uint32_t    cp;
    char        utf8[4];
    d->n_held = flush ? 0 : sotto_utf8_incomplete(s, n);
    n -= d->n_held;
    memcpy(d->held, s + n, d->n_held);
    out->len = from + n;
    for (size_t i = 0; i < n;) {
        i += sotto_utf8_decode(s + i, n - i, &cp);
        n_whole += sotto_utf8_encode(cp, utf8);
    }
    if (!sotto_buf_reserve(out, n_whole - n)) return false;
    char *to = out->data + from, *at = to + (n_whole - n), *end = to + n_whole;
    if (at > to) {
        memmove(at, to, n);
        while (at < end) {
            at += sotto_utf8_decode(at, (size_t)(end - at), &cp);
            to += sotto_utf8_encode(cp, to);
        }
    }
    *end = '\0';
    out->len = from + n_whole;
    return true;
}

bool sotto_tokenizer_trims(const sotto_tokenizer *t) { return t->prefix != SOTTO_PREFIX_NEVER; }

bool sotto_decoder_push(sotto_decoder *d, int32_t id, sotto_buf *out) {
    size_t from = out->len, first = from + d->n_held;
    if (!sotto_buf_append(out, d->held, d->n_held) ||
        !sotto_tokenizer_decode(d->tokenizer, id, d->special, out))
        return false;
    if (out->len > first && !d->started) {
        d->started = true;
        if (sotto_tokenizer_trims(d->tokenizer) && out->data[first] == ' ')
            memmove(out->data + first, out->data + first + 1, --out->len - first);
    }
    return keep_whole(d, from, false, out);
}

bool sotto_decoder_flush(sotto_decoder *d, sotto_buf *out) {
    size_t from = out->len;
    return sotto_buf_append(out, d->held, d->n_held) && keep_whole(d, from, true, out);
}
