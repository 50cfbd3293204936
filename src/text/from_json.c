/* tokenizer.json, the file of Hugging Face's tokenizers: BPE models of SentencePiece's kind (byte fallback, a
 * marker for spaces) and byte-level ones. The file describes a pipeline of steps; those that our families use are
 * recognised and become fields of the recipe, any other is refused by its name rather than passed over. */
#include "text/tokenizer.h"

#include <stdlib.h>

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool is_type(const json_t *object, const char *type) { return strcmp(text_of(object, "type"), type) == 0; }

static sotto_status unsupported(const char *kind, const json_t *step, sotto_error *err) {
    const char *type = text_of(step, "type");
    return sotto_fail(err, SOTTO_UNSUPPORTED,
                      "tokenizer.json uses the %s \"%.80s\" in a form that sotto does not know", kind,
                      *type ? type : "?");
}

/* ---- steps before the model ---------------------------------------------------------------------------- */

static sotto_status add_normalizer(sotto_tokenizer *t, const json_t *step, int depth, sotto_error *err) {
    if (!step || json_is_null(step)) return SOTTO_OK;
    const json_t *pattern = json_object_get(step, "pattern");
    if (is_type(step, "Sequence") && depth < 4) {
        const json_t *list = json_object_get(step, "normalizers");
        for (size_t i = 0; i < json_array_size(list); i++)
            SOTTO_TRY(add_normalizer(t, json_array_get(list, i), depth + 1, err));
        return SOTTO_OK;
    }
    if (is_type(step, "NFC")) {
        t->nfc = true;
    } else if (is_type(step, "Prepend") && strcmp(text_of(step, "prepend"), SOTTO_SPACE_MARKER) == 0) {
        t->prefix = SOTTO_PREFIX_EACH;
    } else if (is_type(step, "Replace") && strcmp(text_of(pattern, "String"), " ") == 0 &&
               strcmp(text_of(step, "content"), SOTTO_SPACE_MARKER) == 0) {
        t->space_marker = true;
    } else {
        return unsupported("normalizer", step, err);
    }
    return SOTTO_OK;
}

/* What the pre_tokenizer steps say, in whatever order. */
typedef struct pre_steps {
    const char *regex;
    bool        digits, use_regex, on_space;
} pre_steps;

static sotto_status add_split(pre_steps *pre, const json_t *step, sotto_error *err) {
    const json_t *pattern = json_object_get(step, "pattern");
    const char   *regex = json_string_value(json_object_get(pattern, "Regex"));
    const char   *behavior = text_of(step, "behavior");
    bool          invert = json_is_true(json_object_get(step, "invert"));
    /* The matches are the pieces: as such, or because all between them is removed. */
    bool matches = strcmp(behavior, invert ? "Removed" : "Isolated") == 0;
    if (regex && matches && !pre->regex) {
        pre->regex = regex;
        return SOTTO_OK;
    }
    if (strcmp(text_of(pattern, "String"), " ") == 0 && !regex) {
        pre->on_space = true;
        return SOTTO_OK;
    }
    return unsupported("pre_tokenizer", step, err);
}

static sotto_status add_metaspace(sotto_tokenizer *t, const json_t *step, sotto_error *err) {
    const char *scheme = text_of(step, "prepend_scheme");
    bool        never = json_is_false(json_object_get(step, "add_prefix_space")) || strcmp(scheme, "never") == 0;
    if (strcmp(text_of(step, "replacement"), SOTTO_SPACE_MARKER) != 0)
        return unsupported("pre_tokenizer", step, err);
    t->space_marker = true;
    t->prefix = never                          ? SOTTO_PREFIX_NEVER
                : strcmp(scheme, "first") == 0 ? SOTTO_PREFIX_FIRST_UNMARKED
                                               : SOTTO_PREFIX_EACH_UNMARKED;
    t->split = json_is_false(json_object_get(step, "split")) ? SOTTO_SPLIT_NONE : SOTTO_SPLIT_MARKER;
    return SOTTO_OK;
}

static sotto_status add_pre_tokenizer(sotto_tokenizer *t, pre_steps *pre, const json_t *step, int depth,
                                      sotto_error *err) {
    if (!step || json_is_null(step)) return SOTTO_OK;
    if (is_type(step, "Sequence") && depth < 4) {
        const json_t *list = json_object_get(step, "pretokenizers");
        for (size_t i = 0; i < json_array_size(list); i++)
            SOTTO_TRY(add_pre_tokenizer(t, pre, json_array_get(list, i), depth + 1, err));
        return SOTTO_OK;
    }
    if (is_type(step, "Split")) return add_split(pre, step, err);
    if (is_type(step, "Metaspace")) return add_metaspace(t, step, err);
    if (is_type(step, "Digits") && json_is_true(json_object_get(step, "individual_digits"))) {
        pre->digits = true;
        return SOTTO_OK;
    }
    if (is_type(step, "ByteLevel") && !json_is_true(json_object_get(step, "add_prefix_space"))) {
        t->byte_level = true;
        pre->use_regex = !json_is_false(json_object_get(step, "use_regex"));
        return SOTTO_OK;
    }
    return unsupported("pre_tokenizer", step, err);
}

#define LLAMA3_REGEX(number)                                                                                     \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" number                                         \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define GPT2_REGEX "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/* Regular expressions by their text. The name is GGUF's tokenizer.ggml.pre. */
static const struct {
    const char *regex;
    bool        digits;
    sotto_split split;
    const char *pre;
} regexes[] = {
    {LLAMA3_REGEX("\\p{N}{1,3}"), false, SOTTO_SPLIT_LLAMA3, "llama-bpe"},
    {LLAMA3_REGEX("\\p{N}"), false, SOTTO_SPLIT_QWEN2, "qwen2"},
    {GPT2_REGEX, false, SOTTO_SPLIT_GPT2, "gpt-2"},
    {GPT2_REGEX, true, SOTTO_SPLIT_SMOLLM, "smollm"},
};

static sotto_status choose_split(sotto_tokenizer *t, const pre_steps *pre, sotto_error *err) {
    if (t->byte_level == t->space_marker)
        return sotto_fail(err, SOTTO_UNSUPPORTED,
                          "tokenizer.json is neither a byte-level BPE nor one of SentencePiece's kind, "
                          "the two that sotto reads");
    if (t->space_marker) {
        if (!pre->regex && !pre->digits)
            return SOTTO_OK; /* spaces are markers by now: nothing left to split on */
        return sotto_fail(err, SOTTO_UNSUPPORTED,
                          "tokenizer.json splits marked text with \"%.200s\", which sotto does not know",
                          pre->regex ? pre->regex : "Digits");
    }
    const char *regex = pre->regex ? pre->regex : pre->use_regex ? GPT2_REGEX : "";
    bool        twice = pre->regex && pre->use_regex;
    for (size_t i = 0; i < SOTTO_COUNT(regexes) && !twice && !pre->on_space; i++) {
        if (strcmp(regexes[i].regex, regex) != 0 || regexes[i].digits != pre->digits) continue;
        t->split = regexes[i].split;
        t->pre = regexes[i].pre;
        return SOTTO_OK;
    }
    return sotto_fail(err, SOTTO_UNSUPPORTED,
                      "tokenizer.json splits text with \"%.300s\", which sotto does not know", regex);
}

/* ---- the model ----------------------------------------------------------------------------------------- */

static bool is_byte_piece(sotto_str text) {
    if (text.n != 6 || memcmp(text.p, "<0x", 3) != 0 || text.p[5] != '>') return false;
    for (int i = 3; i < 5; i++)
        if (!((text.p[i] >= '0' && text.p[i] <= '9') || (text.p[i] >= 'A' && text.p[i] <= 'F'))) return false;
    return true;
}

static sotto_status put_piece(void *arg, sotto_str text, int64_t id, sotto_error *err) {
    sotto_tokenizer *t = arg;
    bool             byte = t->byte_fallback && is_byte_piece(text);
    return sotto_vocab_put(t, id, text, byte ? SOTTO_TOKEN_BYTE : SOTTO_TOKEN_NORMAL, 0.0f, err);
}

static sotto_status count_merge(void *arg, sotto_str left, sotto_str right, sotto_error *err) {
    (void)left, (void)right, (void)err;
    ++*(size_t *)arg;
    return SOTTO_OK;
}

static sotto_status put_merge(void *arg, sotto_str left, sotto_str right, sotto_error *err) {
    sotto_tokenizer *t = arg;
    uint64_t         hash = sotto_texts_hash(left, right);
    if (sotto_vocab_find(t, left) >= 0 && sotto_vocab_find(t, right) >= 0 &&
        sotto_vocab_find_joined(t, hash, left, right) >= 0)
        return sotto_merges_put(t, left, right, err);
    return sotto_fail(err, SOTTO_FORMAT,
                      "merge %zu, \"%.*s\" with \"%.*s\", is of or gives a piece that is not in the vocabulary",
                      t->n_merges, (int)SOTTO_MIN(left.n, (size_t)60), left.p, (int)SOTTO_MIN(right.n, (size_t)60),
                      right.p);
}

static sotto_status read_model(sotto_tokenizer *t, const json_t *model, const sotto_json_cut *cut,
                               sotto_error *err) {
    const char *type = json_string_value(json_object_get(model, "type"));
    if (type && strcmp(type, "BPE") != 0)
        return sotto_fail(err, SOTTO_UNSUPPORTED,
                          "tokenizer.json holds a model of type \"%.60s\"; sotto reads BPE only", type);
    if (!cut->vocab.n || !cut->merges.n)
        return sotto_fail(err, SOTTO_FORMAT, "tokenizer.json has no model with a vocabulary and merges");
    if (*text_of(model, "continuing_subword_prefix") || *text_of(model, "end_of_word_suffix"))
        return sotto_fail(err, SOTTO_UNSUPPORTED,
                          "tokenizer.json marks the inside or the end of words, which sotto does not support");
    t->byte_fallback = json_is_true(json_object_get(model, "byte_fallback"));
    t->ignore_merges = json_is_true(json_object_get(model, "ignore_merges"));
    t->fuse_unk = json_is_true(json_object_get(model, "fuse_unk"));
    return sotto_json_each_vocab(cut->vocab, put_piece, t, err);
}

/* ---- added tokens -------------------------------------------------------------------------------------- */

/* The text that a token "normalized": true is looked for by: what the normalizer makes of it. */
static bool normalised_content(const sotto_tokenizer *t, sotto_str content, sotto_buf *out) {
    if (t->nfc) return sotto_nfc(content, out);
    if (t->prefix == SOTTO_PREFIX_EACH) sotto_buf_puts(out, SOTTO_SPACE_MARKER);
    for (size_t i = 0; i < content.n; i++) {
        if (content.p[i] == ' ' && t->space_marker)
            sotto_buf_puts(out, SOTTO_SPACE_MARKER);
        else
            sotto_buf_putc(out, content.p[i]);
    }
    return !out->failed;
}

static sotto_status recognise(sotto_tokenizer *t, const json_t *token, sotto_str content, int32_t id,
                              sotto_error *err) {
    if (json_is_true(json_object_get(token, "lstrip"))) t->flags[id] |= SOTTO_TOKEN_LSTRIP;
    if (json_is_true(json_object_get(token, "rstrip"))) t->flags[id] |= SOTTO_TOKEN_RSTRIP;
    if (json_is_true(json_object_get(token, "single_word")))
        return sotto_fail(err, SOTTO_UNSUPPORTED,
                          "the added token \"%.60s\" is for whole words only, which sotto does not support",
                          content.p);
    if (!json_is_true(json_object_get(token, "normalized"))) return sotto_trie_put(&t->raw, content, id, err);
    sotto_buf    text = {0};
    sotto_status status = normalised_content(t, content, &text)
                              ? sotto_trie_put(&t->normalised, sotto_buf_str(&text), id, err)
                              : sotto_fail_memory(err, "the added tokens");
    sotto_buf_free(&text);
    return status;
}

static sotto_status add_token(sotto_tokenizer *t, const json_t *token, sotto_error *err) {
    const json_t *content = json_object_get(token, "content"), *id = json_object_get(token, "id");
    if (!json_is_string(content) || !json_is_integer(id))
        return sotto_fail(err, SOTTO_FORMAT, "tokenizer.json has an added token without content or id");
    sotto_str        text = {json_string_value(content), json_string_length(content)};
    sotto_token_type type =
        json_is_true(json_object_get(token, "special")) ? SOTTO_TOKEN_CONTROL : SOTTO_TOKEN_USER_DEFINED;
    if (text.n == 0) return SOTTO_OK;
    /* A token that the model knows has the model's id; that is how tokenizers reads the file. */
    int32_t known = sotto_vocab_find(t, text);
    if (known < 0) {
        SOTTO_TRY(sotto_vocab_put(t, json_integer_value(id), text, type, 0.0f, err));
        known = (int32_t)json_integer_value(id);
    }
    sotto_vocab_retype(t, known, type);
    return recognise(t, token, text, known, err);
}

static sotto_status add_tokens(sotto_tokenizer *t, const json_t *list, sotto_error *err) {
    for (size_t i = 0; i < json_array_size(list); i++) SOTTO_TRY(add_token(t, json_array_get(list, i), err));
    return sotto_vocab_index(t, true, err);
}

/* ---- the rest ------------------------------------------------------------------------------------------ */

/* A template that begins with a special token adds BOS: [{"SpecialToken": {"id": "<bos>"}}, {"Sequence": ...}]. */
static void read_post_processor(sotto_tokenizer *t, const json_t *step, int depth) {
    const json_t *list = json_object_get(step, "processors");
    for (size_t i = 0; depth < 4 && i < json_array_size(list); i++)
        read_post_processor(t, json_array_get(list, i), depth + 1);
    if (!is_type(step, "TemplateProcessing")) return;
    const json_t *first = json_array_get(json_object_get(step, "single"), 0);
    const char   *name = json_string_value(json_object_get(json_object_get(first, "SpecialToken"), "id"));
    int32_t       id = name ? sotto_vocab_find(t, sotto_str_from(name)) : -1;
    if (id < 0) return;
    t->bos = id;
    t->add_bos = true;
}

/* Scores that order the pieces as the merges do, for a GGUF file: 0, -1, -2, ... in the order in which merges first
 * give a piece, then single characters. These are SentencePiece's own numbers, as it counts the same way. */
static void score_by(sotto_tokenizer *t, bool *scored) {
    float next = 0.0f;
    for (size_t i = 0; i < t->n_merges + (size_t)t->n_vocab; i++) {
        sotto_merge m = {.result = (int32_t)(i - t->n_merges)};
        if ((i < t->n_merges && !sotto_merges_at(t, i, &m)) || scored[m.result]) continue;
        int type = t->flags[m.result] & SOTTO_TOKEN_TYPE_MASK;
        if (type == SOTTO_TOKEN_NORMAL) t->scores[m.result] = next--;
        if (type == SOTTO_TOKEN_USER_DEFINED) t->scores[m.result] = -1000.0f; /* as llama.cpp's converter has them */
        scored[m.result] = true;
    }
}

static sotto_status make_scores(sotto_tokenizer *t, sotto_error *err) {
    bool *scored = calloc((size_t)t->n_vocab + 1, sizeof *scored);
    if (!scored) return sotto_fail_memory(err, "the scores of the vocabulary");
    score_by(t, scored);
    free(scored);
    return SOTTO_OK;
}

static sotto_status read_all(sotto_tokenizer *t, const sotto_json_cut *cut, sotto_error *err) {
    pre_steps     pre = {0};
    size_t        n_merges = 0;
    const json_t *model = json_object_get(cut->rest, "model");
    SOTTO_TRY(read_model(t, model, cut, err));
    SOTTO_TRY(add_normalizer(t, json_object_get(cut->rest, "normalizer"), 0, err));
    SOTTO_TRY(add_pre_tokenizer(t, &pre, json_object_get(cut->rest, "pre_tokenizer"), 0, err));
    SOTTO_TRY(choose_split(t, &pre, err));
    SOTTO_TRY(sotto_vocab_index(t, true, err));
    SOTTO_TRY(add_tokens(t, json_object_get(cut->rest, "added_tokens"), err));
    t->unk = sotto_vocab_find(t, sotto_str_from(text_of(model, "unk_token")));
    sotto_vocab_correct_types(t);
    SOTTO_TRY(sotto_json_each_merge(cut->merges, count_merge, &n_merges, err));
    SOTTO_TRY(sotto_merges_reserve(t, n_merges, err));
    SOTTO_TRY(sotto_json_each_merge(cut->merges, put_merge, t, err));
    read_post_processor(t, json_object_get(cut->rest, "post_processor"), 0);
    return t->space_marker ? make_scores(t, err) : SOTTO_OK;
}

sotto_status sotto_tokenizer_from_json(sotto_tokenizer **out, sotto_str text, sotto_error *err) {
    sotto_json_cut cut;
    *out = NULL;
    sotto_status     status = sotto_json_cut_open(&cut, text, err);
    sotto_tokenizer *t = status == SOTTO_OK ? sotto_tokenizer_new(text.n) : NULL;
    if (status == SOTTO_OK) status = t ? read_all(t, &cut, err) : sotto_fail_memory(err, "the tokenizer");
    json_decref(cut.rest);
    if (status == SOTTO_OK)
        *out = t;
    else
        sotto_tokenizer_close(t);
    return status;
}
