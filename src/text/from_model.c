/* tokenizer.model, SentencePiece's file: a protocol buffer. Of its schema (sentencepiece_model.proto) the few fields
 * that decide the tokens are read:
 *
 *   ModelProto       1 pieces*  2 trainer_spec  3 normalizer_spec
 *   SentencePiece    1 piece (text)  2 score (float)  3 type
 *   TrainerSpec      3 model_type  24 treat_whitespace_as_suffix  35 byte_fallback  46 bos_piece
 *                    47 eos_piece  48 pad_piece
 *   NormalizerSpec   2 precompiled_charsmap  3 add_dummy_prefix  4 remove_extra_whitespaces  5 escape_whitespaces */
#include "text/tokenizer.h"

/* ---- the wire format ----------------------------------------------------------------------------------- */

typedef struct wire {
    const unsigned char *p, *end;
} wire;

typedef struct field {
    uint64_t  number, value; /* value: a varint, or the bits of a fixed-width number */
    sotto_str bytes;         /* of a length-delimited field */
    int       kind;          /* the wire type */
} field;

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

static bool varint(wire *w, uint64_t *out) {
    *out = 0;
    for (int shift = 0; shift < 64 && w->p < w->end; shift += 7) {
        unsigned char c = *w->p++;
        *out |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) return true;
    }
    return false;
}

static bool fixed(wire *w, int n, uint64_t *out) {
    if (w->end - w->p < n) return false;
    *out = 0;
    for (int i = 0; i < n; i++) *out |= (uint64_t)*w->p++ << (8 * i);
    return true;
}

/* The next field; false at the end (*ok stays true) or where the bytes make no sense (*ok becomes false). */
static bool next_field(wire *w, field *f, bool *ok) {
    uint64_t tag;
    *f = (field){0};
    if (w->p == w->end) return false;
    *ok = varint(w, &tag);
    if (!*ok) return false;
    f->number = tag >> 3;
    f->kind = (int)(tag & 7);
    switch (f->kind) {
    case VARINT: *ok = varint(w, &f->value); break;
    case FIXED64: *ok = fixed(w, 8, &f->value); break;
    case FIXED32: *ok = fixed(w, 4, &f->value); break;
    case BYTES:
        *ok = varint(w, &f->value) && f->value <= (uint64_t)(w->end - w->p);
        if (*ok) {
            f->bytes = (sotto_str){(const char *)w->p, (size_t)f->value};
            w->p += f->value;
        }
        break;
    default: *ok = false;
    }
    return *ok;
}

static wire wire_of(sotto_str s) { return (wire){(const unsigned char *)s.p, (const unsigned char *)s.p + s.n}; }

/* ---- the messages -------------------------------------------------------------------------------------- */

typedef struct spec {
    uint64_t  model_type;
    bool      space_last, charsmap, dummy_prefix, trim, escape;
    sotto_str bos, eos, pad;
} spec;

static sotto_status broken(const char *where, sotto_error *err) {
    return sotto_fail(err, SOTTO_FORMAT, "tokenizer.model is not a SentencePiece model: %s is malformed", where);
}

static sotto_status read_piece(sotto_tokenizer *t, sotto_str message, sotto_error *err) {
    wire      w = wire_of(message);
    field     f;
    bool      ok = true;
    sotto_str text = {"", 0};
    uint64_t  type = SOTTO_TOKEN_NORMAL;
    float     score = 0.0f;
    while (next_field(&w, &f, &ok)) {
        uint32_t bits = (uint32_t)f.value;
        if (f.number == 1 && f.kind == BYTES) text = f.bytes;
        if (f.number == 2 && f.kind == FIXED32) memcpy(&score, &bits, sizeof score);
        if (f.number == 3 && f.kind == VARINT) type = f.value;
    }
    if (!ok || type > SOTTO_TOKEN_BYTE || text.n == 0 || !sotto_utf8_valid(text.p, text.n))
        return broken("a piece", err);
    return sotto_vocab_put(t, t->n_vocab, text, (sotto_token_type)type, score, err);
}

static sotto_status read_trainer_spec(sotto_tokenizer *t, spec *s, sotto_str message, sotto_error *err) {
    wire  w = wire_of(message);
    field f;
    bool  ok = true;
    while (next_field(&w, &f, &ok)) {
        if (f.kind == VARINT && f.number == 3) s->model_type = f.value;
        if (f.kind == VARINT && f.number == 24) s->space_last = f.value != 0;
        if (f.kind == VARINT && f.number == 35) t->byte_fallback = f.value != 0;
        if (f.kind == BYTES && f.number == 46) s->bos = f.bytes;
        if (f.kind == BYTES && f.number == 47) s->eos = f.bytes;
        if (f.kind == BYTES && f.number == 48) s->pad = f.bytes;
    }
    return ok ? SOTTO_OK : broken("the trainer_spec", err);
}

static sotto_status read_normalizer_spec(spec *s, sotto_str message, sotto_error *err) {
    wire  w = wire_of(message);
    field f;
    bool  ok = true;
    while (next_field(&w, &f, &ok)) {
        if (f.kind == BYTES && f.number == 2) s->charsmap = f.bytes.n > 0;
        if (f.kind == VARINT && f.number == 3) s->dummy_prefix = f.value != 0;
        if (f.kind == VARINT && f.number == 4) s->trim = f.value != 0;
        if (f.kind == VARINT && f.number == 5) s->escape = f.value != 0;
    }
    return ok ? SOTTO_OK : broken("the normalizer_spec", err);
}

static sotto_status check_spec(const spec *s, sotto_error *err) {
    enum { BPE = 2 };
    const char *what = s->model_type != BPE ? "is not of the BPE type (Unigram, word and character models"
                       : s->charsmap        ? "normalises characters by a table (models that do"
                       : s->trim            ? "removes extra white space (models that do"
                       : !s->escape         ? "keeps spaces as they are (models that do"
                       : s->space_last      ? "puts the space marker last (models that do"
                                            : NULL;
    return what ? sotto_fail(err, SOTTO_UNSUPPORTED, "tokenizer.model %s are not supported)", what) : SOTTO_OK;
}

/* ---- the model ----------------------------------------------------------------------------------------- */

static int32_t control_named(const sotto_tokenizer *t, sotto_str text) {
    int32_t id = sotto_vocab_find(t, text);
    return id >= 0 && sotto_tokenizer_type(t, id) == SOTTO_TOKEN_CONTROL ? id : -1;
}

static sotto_status read_all(sotto_tokenizer *t, sotto_str bytes, sotto_error *err) {
    /* The schema's defaults: Unigram, a dummy prefix, trimmed. */
    spec  s = {.model_type = 1,
               .dummy_prefix = true,
               .trim = true,
               .escape = true,
               .bos = {"<s>", 3},
               .eos = {"</s>", 4},
               .pad = {"<pad>", 5}};
    wire  w = wire_of(bytes);
    field f;
    bool  ok = true;
    while (next_field(&w, &f, &ok)) {
        if (f.kind != BYTES) continue;
        if (f.number == 1) SOTTO_TRY(read_piece(t, f.bytes, err));
        if (f.number == 2) SOTTO_TRY(read_trainer_spec(t, &s, f.bytes, err));
        if (f.number == 3) SOTTO_TRY(read_normalizer_spec(&s, f.bytes, err));
    }
    if (!ok || t->n_vocab == 0) return broken("the file", err);
    SOTTO_TRY(check_spec(&s, err));
    SOTTO_TRY(sotto_vocab_index(t, true, err));
    t->has_scores = t->space_marker = t->fuse_unk = true;
    t->prefix = s.dummy_prefix ? SOTTO_PREFIX_EACH : SOTTO_PREFIX_NEVER;
    t->pre = "default";
    t->bos = control_named(t, s.bos);
    t->eos = control_named(t, s.eos);
    t->pad = control_named(t, s.pad);
    t->add_bos = true; /* transformers' default for the families that have this file */
    for (int32_t id = 0; id < t->n_vocab; id++) {
        if (sotto_tokenizer_type(t, id) == SOTTO_TOKEN_UNKNOWN && t->unk < 0) t->unk = id;
        /* SentencePiece looks for its user-defined pieces where spaces are markers already. */
        if (sotto_tokenizer_type(t, id) == SOTTO_TOKEN_USER_DEFINED)
            SOTTO_TRY(sotto_trie_put(&t->normalised, sotto_tokenizer_piece(t, id), id, err));
    }
    return SOTTO_OK;
}

sotto_status sotto_tokenizer_from_model(sotto_tokenizer **out, sotto_str bytes, sotto_error *err) {
    *out = NULL;
    sotto_tokenizer *t = sotto_tokenizer_new(bytes.n);
    sotto_status     status = t ? read_all(t, bytes, err) : sotto_fail_memory(err, "the tokenizer");
    if (status == SOTTO_OK)
        *out = t;
    else
        sotto_tokenizer_close(t);
    return status;
}
