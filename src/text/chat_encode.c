/* The tokens of a rendered conversation. Control tokens are looked for in template text only; all text between
 * two of them, whoever wrote it, is tokenised as one piece, because a model was trained with the merges that
 * reach across the border between its template's text and a person's ("user\n" and "\nHello"). */
#include "text/chat.h"

/* The longest control token that begins at text.p[0]: its id and length, or -1. They all look like <...> or
 * [...], so only the closing brackets need to be tried. */
static int32_t control_at(const sotto_tokenizer *t, sotto_str text, size_t *len) {
    char    piece[64];
    char    close = text.p[0] == '<' ? '>' : ']';
    int32_t best = -1;
    for (size_t n = 1; n < text.n && n < sizeof piece - 1; n++) {
        if (text.p[n] == '\n') break;
        if (text.p[n] != close) continue;
        memcpy(piece, text.p, n + 1);
        piece[n + 1] = '\0';
        int32_t id = sotto_tokenizer_find(t, piece);
        if (id < 0 || sotto_tokenizer_type(t, id) != SOTTO_TOKEN_CONTROL) continue;
        best = id;
        *len = n + 1;
    }
    return best;
}

/* The text from `begin` to `end`, without control tokens. */
static sotto_status encode_run(const sotto_tokenizer *t, const sotto_chat_prompt *p, size_t begin, size_t end,
                               sotto_token_buf *out, sotto_error *err) {
    sotto_str text = {p->text.data + begin, end - begin};
    if (text.n == 0) return SOTTO_OK;
    return sotto_tokenizer_encode(t, text, (sotto_encode_options){.first = begin == 0, .after = begin > 0}, out, err);
}

sotto_status sotto_chat_encode(const sotto_tokenizer *t, const sotto_chat_prompt *p, sotto_token_buf *out,
                               sotto_error *err) {
    size_t run = 0; /* where the text that is not yet tokenised begins */
    for (size_t i = 0; i < p->n_spans; i++) {
        const sotto_chat_span *span = &p->spans[i];
        size_t                 end = span->offset + span->n;
        for (size_t at = span->offset; span->trusted && at < end;) {
            size_t  len = 1;
            char    c = p->text.data[at];
            int32_t id = c == '<' || c == '[' ? control_at(t, (sotto_str){p->text.data + at, end - at}, &len) : -1;
            if (id >= 0) {
                SOTTO_TRY(encode_run(t, p, run, at, out, err));
                if (!sotto_token_buf_append(out, id)) return sotto_fail_memory(err, "the tokens of a prompt");
                run = at + len;
            }
            at += len;
        }
    }
    return encode_run(t, p, run, p->text.len, out, err);
}
