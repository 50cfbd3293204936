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

/* Append whole characters of s, U+FFFD for what can never become one; the rest is held. */
static bool append_whole(sotto_decoder *d, sotto_str s, bool flush, sotto_buf *out) {
    size_t held = flush ? 0 : sotto_utf8_incomplete(s.p, s.n);
    s.n -= held;
    if (sotto_utf8_valid(s.p, s.n)) {
        sotto_buf_append(out, s.p, s.n);
    } else {
        for (size_t i = 0; i < s.n;) {
            uint32_t cp;
            char     utf8[4];
            i += sotto_utf8_decode(s.p + i, s.n - i, &cp);
            sotto_buf_append(out, utf8, sotto_utf8_encode(cp, utf8));
        }
    }
    memcpy(d->held, s.p + s.n, held);
    d->n_held = held;
    return !out->failed;
}

bool sotto_decoder_push(sotto_decoder *d, int32_t id, sotto_buf *out) {
    sotto_buf bytes = {0};
    bool      ok = sotto_buf_append(&bytes, d->held, d->n_held) &&
              sotto_tokenizer_decode(d->tokenizer, id, d->special, &bytes);
    sotto_str s = sotto_buf_str(&bytes);
    if (ok && s.n > d->n_held && !d->started) {
        d->started = true;
        if (d->tokenizer->prefix != SOTTO_PREFIX_NEVER && s.p[0] == ' ') s = (sotto_str){s.p + 1, s.n - 1};
    }
    ok = ok && append_whole(d, s, false, out);
    sotto_buf_free(&bytes);
    return ok;
}

bool sotto_decoder_flush(sotto_decoder *d, sotto_buf *out) {
    char   held[sizeof d->held];
    size_t n = d->n_held;
    memcpy(held, d->held, n);
    return append_whole(d, (sotto_str){held, n}, true, out);
}
