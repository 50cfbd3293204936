/* What tokens are for: which begin and end a text, which are marks that nobody may type, which stand for bytes. */
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- types --------------------------------------------------------------------------------------------- */

/* Marks of conversations. Files disagree about their types (Gemma's tokenizer.model calls <end_of_turn> user-
 * defined, Gemma 4's GGUF calls <turn|> normal); for us they are control tokens always. `ends`: generation
 * stops there. */
static const struct {
    const char *text;
    bool        ends;
} marks[] = {
    {"<start_of_turn>", false},
    {"<end_of_turn>", true},
    {"<start_of_image>", false},
    {"<end_of_image>", false},
    {"<|turn>", false},
    {"<turn|>", true},
    {"<|channel>", false},
    {"<channel|>", false},
    {"<|think|>", false},
    {"<|tool>", false},
    {"<tool|>", false},
    {"<|tool_call>", false},
    {"<tool_call|>", false},
    {"<|tool_response>", true},
    {"<tool_response|>", false},
    {"<|\"|>", false},
    {"<|begin_of_text|>", false},
    {"<|eot_id|>", true},
    {"<|eom_id|>", true},
    {"<|end_of_text|>", true},
    {"<|start_header_id|>", false},
    {"<|end_header_id|>", false},
    {"<|im_start|>", false},
    {"<|im_end|>", true},
    {"<|endoftext|>", true},
};
/* These end a generation only where the file itself calls them control: Gemma has </s> as an HTML tag. */
static const char *const plain_ends[] = {"</s>", "<eos>"};

static bool looks_control(sotto_str text) {
    return text.n >= 4 && text.p[0] == '<' && text.p[text.n - 1] == '>' &&
           (text.p[1] == '|' || text.p[text.n - 2] == '|');
}

void sotto_vocab_correct_types(sotto_tokenizer *t) {
    for (size_t i = 0; i < SOTTO_COUNT(marks); i++) {
        int32_t id = sotto_vocab_find(t, sotto_str_from(marks[i].text));
        if (id >= 0 && sotto_tokenizer_type(t, id) != SOTTO_TOKEN_CONTROL)
            sotto_vocab_retype(t, id, SOTTO_TOKEN_CONTROL);
    }
    for (int32_t id = 0; id < t->n_vocab; id++)
        if (sotto_tokenizer_type(t, id) == SOTTO_TOKEN_USER_DEFINED &&
            looks_control(sotto_tokenizer_piece(t, id)))
            sotto_vocab_retype(t, id, SOTTO_TOKEN_CONTROL);
}

/* ---- ends ---------------------------------------------------------------------------------------------- */

static void mark_end(sotto_tokenizer *t, int64_t id) {
    if (id >= 0 && id < t->n_vocab) t->flags[id] |= SOTTO_TOKEN_EOG;
}

static void mark_ends(sotto_tokenizer *t) {
    mark_end(t, t->eos);
    for (size_t i = 0; i < SOTTO_COUNT(marks); i++)
        if (marks[i].ends) mark_end(t, sotto_vocab_find(t, sotto_str_from(marks[i].text)));
    for (size_t i = 0; i < SOTTO_COUNT(plain_ends); i++) {
        int32_t id = sotto_vocab_find(t, sotto_str_from(plain_ends[i]));
        if (id >= 0 && sotto_tokenizer_type(t, id) == SOTTO_TOKEN_CONTROL) mark_end(t, id);
    }
}

/* ---- what the JSON files of a folder say --------------------------------------------------------------- */

/* "bos_token": "<bos>" or {"content": "<bos>", ...}: its id, or -1. */
static int32_t named_token(const sotto_tokenizer *t, const json_t *config, const char *key) {
    const json_t *value = json_object_get(config, key);
    if (json_is_object(value)) value = json_object_get(value, "content");
    return json_is_string(value)
               ? sotto_vocab_find(t, (sotto_str){json_string_value(value), json_string_length(value)})
               : -1;
}

/* "eos_token_id": 1 or [1, 106]: the first that this tokenizer has (these files speak of the model, whose ids may
 * reach further), marking all as ends if `ends`. */
static int32_t numbered_token(sotto_tokenizer *t, const json_t *config, const char *key, bool ends) {
    const json_t *value = json_object_get(config, key);
    int32_t       found = -1;
    size_t        n = json_is_array(value) ? json_array_size(value) : json_is_integer(value) ? 1 : 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        json_int_t    id = json_is_integer(item) ? json_integer_value(item) : -1;
        if (id < 0 || id >= t->n_vocab) continue;
        if (ends) mark_end(t, id);
        if (found < 0) found = (int32_t)id;
    }
    return found;
}

static int32_t first_of(int32_t a, int32_t b) { return a >= 0 ? a : b; }

void sotto_roles_from_json(sotto_tokenizer *t, const json_t *tokenizer_config, const json_t *generation_config,
                           const json_t *config) {
    t->bos = first_of(named_token(t, tokenizer_config, "bos_token"), t->bos);
    t->eos = first_of(named_token(t, tokenizer_config, "eos_token"), t->eos);
    t->pad = first_of(named_token(t, tokenizer_config, "pad_token"), t->pad);
    t->unk = first_of(t->unk, named_token(t, tokenizer_config, "unk_token"));
    const json_t *files[] = {generation_config, config, json_object_get(config, "text_config")};
    for (size_t i = 0; i < SOTTO_COUNT(files); i++) {
        t->bos = first_of(t->bos, numbered_token(t, files[i], "bos_token_id", false));
        int32_t eos = numbered_token(t, files[i], "eos_token_id", true);
        t->eos = first_of(t->eos, eos);
    }
    const json_t *add_bos = json_object_get(tokenizer_config, "add_bos_token");
    if (json_is_boolean(add_bos)) t->add_bos = json_is_true(add_bos);
}

sotto_status sotto_added_from_config(sotto_tokenizer *t, const json_t *tokenizer_config, sotto_error *err) {
    const char   *key;
    const json_t *token;
    json_object_foreach((json_t *)json_object_get(tokenizer_config, "added_tokens_decoder"), key, token) {
        const json_t *content = json_object_get(token, "content");
        char         *end;
        long long     id = strtoll(key, &end, 10);
        if (*end || id < 0 || id >= t->id_limit || !json_is_string(content))
            return sotto_fail(err, SOTTO_FORMAT, "tokenizer_config.json has a malformed added token \"%.40s\"",
                              key);
        sotto_str        text = {json_string_value(content), json_string_length(content)};
        bool             special = json_is_true(json_object_get(token, "special"));
        sotto_token_type type = special ? SOTTO_TOKEN_CONTROL : SOTTO_TOKEN_USER_DEFINED;
        sotto_token_type old = id < t->n_vocab ? sotto_tokenizer_type(t, (int32_t)id) : SOTTO_TOKEN_UNUSED;
        if (old == SOTTO_TOKEN_UNUSED || !sotto_str_eq(sotto_tokenizer_piece(t, (int32_t)id), text)) {
            if (id < t->n_vocab) t->flags[id] = 0; /* people give unused pieces new texts */
            SOTTO_TRY(sotto_vocab_put(t, id, text, type, -1000.0f, err));
            old = SOTTO_TOKEN_NORMAL;
        }
        sotto_vocab_retype(t, (int32_t)id, type);
        /* User-defined pieces of the model itself are recognised after the spaces have become markers. */
        if (!special && old != SOTTO_TOKEN_USER_DEFINED)
            SOTTO_TRY(sotto_trie_put(&t->raw, text, (int32_t)id, err));
    }
    return sotto_vocab_index(t, false, err);
}

/* ---- the last step of opening -------------------------------------------------------------------------- */

static void find_byte_tokens(sotto_tokenizer *t) {
    for (unsigned b = 0; b < 256; b++) {
        char   text[8];
        size_t n = 6;
        if (t->byte_level)
            n = sotto_utf8_encode(sotto_byte_level_char((uint8_t)b), text);
        else
            (void)snprintf(text, sizeof text, "<0x%02X>", b);
        int32_t id = sotto_vocab_find(t, (sotto_str){text, n});
        int     wanted = t->byte_level ? SOTTO_TOKEN_NORMAL : SOTTO_TOKEN_BYTE;
        if (id >= 0 && (int)sotto_tokenizer_type(t, id) == wanted) t->byte_ids[b] = id;
    }
}

void sotto_tokenizer_finish(sotto_tokenizer *t) {
    sotto_vocab_correct_types(t);
    find_byte_tokens(t);
    mark_ends(t);
    if (t->bos < 0) t->add_bos = false;
    t->words_apart = t->space_marker && sotto_vocab_find(t, sotto_str_from(SOTTO_SPACE_MARKER)) >= 0 &&
                     !sotto_merges_join_words(t);
}
