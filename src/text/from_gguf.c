/* The tokenizer of a GGUF file: its tokenizer.ggml.* keys, as llama.cpp's converter writes them. */
#include "text/tokenizer.h"

static const sotto_gguf_value *key(const sotto_gguf *g, const char *name) {
    char full[96] = "tokenizer.ggml.";
    strncat(full, name, sizeof full - sizeof "tokenizer.ggml.");
    return sotto_gguf_find(g, full);
}

/* The splits of byte-level models by their names in GGUF; several names share one. */
static const struct {
    const char *pre;
    sotto_split split;
    bool        ignore_merges, add_bos, nfc;
} pres[] = {
    {"llama-bpe", SOTTO_SPLIT_LLAMA3, true, true, false},
    {"llama3", SOTTO_SPLIT_LLAMA3, true, true, false},
    {"llama-v3", SOTTO_SPLIT_LLAMA3, true, true, false},
    {"smaug-bpe", SOTTO_SPLIT_LLAMA3, false, false, false},
    {"qwen2", SOTTO_SPLIT_QWEN2, false, false, true},
    {"deepseek-r1-qwen", SOTTO_SPLIT_QWEN2, false, false, true},
    {"smollm", SOTTO_SPLIT_SMOLLM, false, false, false},
    {"starcoder", SOTTO_SPLIT_SMOLLM, false, false, false},
    {"refact", SOTTO_SPLIT_SMOLLM, false, false, false},
    {"gpt-2", SOTTO_SPLIT_GPT2, false, false, false},
    {"phi-2", SOTTO_SPLIT_GPT2, false, false, false},
};

static sotto_status choose_pre(sotto_tokenizer *t, const sotto_gguf *g, sotto_error *err) {
    sotto_str pre = {"", 0};
    sotto_gguf_get_str(key(g, "pre"), &pre);
    for (size_t i = 0; i < SOTTO_COUNT(pres); i++) {
        if (!sotto_str_is(pre, pres[i].pre)) continue;
        t->pre = pres[i].pre;
        t->split = pres[i].split;
        t->ignore_merges = pres[i].ignore_merges;
        t->add_bos = pres[i].add_bos;
        t->nfc = pres[i].nfc;
        return SOTTO_OK;
    }
    return sotto_fail(err, SOTTO_UNSUPPORTED,
                      "the file splits text by \"%.*s\" (tokenizer.ggml.pre), which sotto does not know",
                      (int)SOTTO_MIN(pre.n, (size_t)60), pre.p);
}

/* The recipe by tokenizer.ggml.model, with the ids that llama.cpp assumes where a file does not say. */
static sotto_status choose_model(sotto_tokenizer *t, const sotto_gguf *g, sotto_error *err) {
    sotto_str model;
    if (!sotto_gguf_get_str(key(g, "model"), &model))
        return sotto_fail(err, SOTTO_NOT_FOUND, "the file has no tokenizer (no tokenizer.ggml.model)");
    bool prefix = sotto_str_is(model, "llama");
    if (sotto_str_is(model, "gpt2")) {
        t->byte_level = true;
        return choose_pre(t, g, err);
    }
    if (!prefix && !sotto_str_is(model, "gemma4"))
        return sotto_fail(err, SOTTO_UNSUPPORTED,
                          "the file's tokenizer is of the kind \"%.*s\"; sotto reads llama, gpt2 and gemma4",
                          (int)SOTTO_MIN(model.n, (size_t)60), model.p);
    t->space_marker = t->byte_fallback = t->fuse_unk = t->add_bos = true;
    t->has_scores = prefix;
    t->pre = prefix ? "default" : "gemma4";
    t->split = prefix ? SOTTO_SPLIT_NONE : SOTTO_SPLIT_NEWLINES;
    if (prefix) t->unk = 0, t->bos = 1, t->eos = 2;
    sotto_gguf_get_bool(key(g, "add_space_prefix"), &prefix);
    t->prefix = prefix ? SOTTO_PREFIX_EACH : SOTTO_PREFIX_NEVER;
    return SOTTO_OK;
}

/* The texts of a list stay where they are, in the file. */
static void lend(sotto_texts *texts, const sotto_gguf_value *list) {
    sotto_str first;
    texts->lent = sotto_gguf_item_str(list, 0, &first);
    if (texts->lent) texts->base = first.p;
}

static sotto_status read_pieces(sotto_tokenizer *t, const sotto_gguf *g, sotto_error *err) {
    const sotto_gguf_value *tokens = key(g, "tokens"), *scores = key(g, "scores"), *types = key(g, "token_type");
    size_t                  n = sotto_gguf_count(tokens);
    if (!sotto_gguf_is_array(tokens) || sotto_gguf_item_type_of(tokens) != SOTTO_GGUF_STRING || !n)
        return sotto_fail(err, SOTTO_FORMAT, "tokenizer.ggml.tokens is not a list of texts");
    if ((t->has_scores || scores) && sotto_gguf_count(scores) != n)
        return sotto_fail(err, SOTTO_FORMAT, "there are %zu scores for %zu tokens", sotto_gguf_count(scores), n);
    if (types && sotto_gguf_count(types) != n)
        return sotto_fail(err, SOTTO_FORMAT, "there are %zu token types for %zu tokens", sotto_gguf_count(types),
                          n);
    SOTTO_TRY(sotto_vocab_reserve(t, n, err));
    lend(&t->texts, tokens);
    for (size_t i = 0; i < n; i++) {
        sotto_str text = {"", 0};
        double    score = 0.0;
        int64_t   type = SOTTO_TOKEN_NORMAL;
        bool      ok = sotto_gguf_item_str(tokens, i, &text) && sotto_utf8_valid(text.p, text.n);
        ok = ok && (!scores || sotto_gguf_item_f64(scores, i, &score)) &&
             (!types || sotto_gguf_item_i64(types, i, &type));
        if (!ok) return sotto_fail(err, SOTTO_FORMAT, "token %zu has a malformed text, score or type", i);
        if (type == 0) type = SOTTO_TOKEN_UNUSED; /* "undefined" */
        if (type < 0 || type > SOTTO_TOKEN_BYTE)
            return sotto_fail(err, SOTTO_FORMAT, "token %zu has the unknown type %lld", i, (long long)type);
        SOTTO_TRY(sotto_vocab_put(t, (int64_t)i, text, (sotto_token_type)type, (float)score, err));
    }
    return sotto_vocab_index(t, false, err);
}

static sotto_status read_merges(sotto_tokenizer *t, const sotto_gguf *g, sotto_error *err) {
    const sotto_gguf_value *merges = key(g, "merges");
    size_t                  n = sotto_gguf_count(merges);
    if (!sotto_gguf_is_array(merges) || n > UINT32_MAX)
        return sotto_fail(err, SOTTO_FORMAT, "the tokenizer has no list of merges (tokenizer.ggml.merges)");
    SOTTO_TRY(sotto_merges_reserve(t, n, err));
    lend(&t->merge_texts, merges);
    for (size_t i = 0; i < n; i++) {
        sotto_str merge;
        if (!sotto_gguf_item_str(merges, i, &merge))
            return sotto_fail(err, SOTTO_FORMAT, "merge %zu is not a text", i);
        const char *space = merge.n > 1 ? memchr(merge.p + 1, ' ', merge.n - 1) : NULL;
        if (!space) return sotto_fail(err, SOTTO_FORMAT, "merge %zu is not two pieces with a space between", i);
        sotto_str left = {merge.p, (size_t)(space - merge.p)};
        sotto_str right = {space + 1, merge.n - left.n - 1};
        SOTTO_TRY(sotto_merges_put(t, left, right, err));
    }
    return SOTTO_OK;
}

static sotto_status read_id(const sotto_tokenizer *t, const sotto_gguf *g, const char *name, int32_t *id,
                            sotto_error *err) {
    int64_t value;
    if (*id >= t->n_vocab) *id = -1; /* the assumed one */
    if (!sotto_gguf_get_i64(key(g, name), &value) || value == -1 || value == UINT32_MAX) return SOTTO_OK;
    if (value < 0 || value >= t->n_vocab)
        return sotto_fail(err, SOTTO_FORMAT, "tokenizer.ggml.%s is %lld, but there are %d tokens", name,
                          (long long)value, t->n_vocab);
    *id = (int32_t)value;
    return SOTTO_OK;
}

static sotto_status read_ids(sotto_tokenizer *t, const sotto_gguf *g, sotto_error *err) {
    const struct {
        const char *name;
        int32_t    *id;
    } ids[] = {{"bos_token_id", &t->bos},
               {"eos_token_id", &t->eos},
               {"unknown_token_id", &t->unk},
               {"padding_token_id", &t->pad}};
    static const char *const ends[] = {"eot_token_id", "eom_token_id"};
    for (size_t i = 0; i < SOTTO_COUNT(ids); i++) SOTTO_TRY(read_id(t, g, ids[i].name, ids[i].id, err));
    for (size_t i = 0; i < SOTTO_COUNT(ends); i++) {
        int32_t id = -1;
        SOTTO_TRY(read_id(t, g, ends[i], &id, err));
        if (id >= 0) t->flags[id] |= SOTTO_TOKEN_EOG;
    }
    sotto_gguf_get_bool(key(g, "add_bos_token"), &t->add_bos);
    /* Early files of Gemma 4 say false, wrongly; llama.cpp overrides it as well. */
    if (t->split == SOTTO_SPLIT_NEWLINES) t->add_bos = true;
    return SOTTO_OK;
}

static sotto_status read_all(sotto_tokenizer *t, const sotto_gguf *g, sotto_error *err) {
    SOTTO_TRY(choose_model(t, g, err));
    SOTTO_TRY(read_pieces(t, g, err));
    sotto_vocab_correct_types(t);
    if (!t->has_scores) SOTTO_TRY(read_merges(t, g, err));
    SOTTO_TRY(read_ids(t, g, err));
    /* User-defined pieces are stored with real spaces, so all are looked for in the text as it is. */
    for (int32_t id = 0; id < t->n_vocab; id++) {
        sotto_token_type type = sotto_tokenizer_type(t, id);
        if (type == SOTTO_TOKEN_CONTROL || type == SOTTO_TOKEN_UNKNOWN || type == SOTTO_TOKEN_USER_DEFINED)
            SOTTO_TRY(sotto_trie_put(&t->raw, sotto_tokenizer_piece(t, id), id, err));
    }
    sotto_tokenizer_finish(t);
    return SOTTO_OK;
}

sotto_status sotto_tokenizer_from_gguf(sotto_tokenizer **out, const sotto_gguf *g, sotto_error *err) {
    *out = NULL;
    sotto_tokenizer *t = sotto_tokenizer_new(sotto_gguf_count(key(g, "tokens")));
    sotto_status     status = t ? read_all(t, g, err) : sotto_fail_memory(err, "the tokenizer");
    if (status == SOTTO_OK)
        *out = t;
    else
        sotto_tokenizer_close(t);
    return status;
}
