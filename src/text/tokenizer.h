/* tokenizer: what the readers of tokenizer files fill in, and what encoding and decoding work on. Internal.
 *
 * Every kind of file ends in the same few tables: pieces and their index, merges where a file lists them, tries of the
 * tokens that are recognised in text, and a recipe of small steps around the merging. So there is one encoder. A model
 * is opened far more often than all of its vocabulary is met: the tables are filled in one pass over the file. */
#ifndef SOTTO_TEXT_TOKENIZER_H
#define SOTTO_TEXT_TOKENIZER_H

#include "text/text.h"

/* How text is cut before merging; merges never cross a cut. split.c has the exact rules. */
typedef enum sotto_split {
    SOTTO_SPLIT_NONE,
    SOTTO_SPLIT_GPT2,
    SOTTO_SPLIT_SMOLLM,   /* GPT-2's, with every digit on its own first */
    SOTTO_SPLIT_LLAMA3,   /* numbers in groups of up to three */
    SOTTO_SPLIT_QWEN2,    /* as Llama 3, single digits */
    SOTTO_SPLIT_MARKER,   /* before every space marker */
    SOTTO_SPLIT_NEWLINES, /* runs of newlines and what is between them (Gemma 4's GGUF) */
} sotto_split;

/* Bytes of the next piece at s[0..n); n > 0, s valid UTF-8. Linear in the text over all calls. */
size_t sotto_split_next(sotto_split kind, const char *s, size_t n);
bool   sotto_char_is_space(uint32_t cp); /* Unicode's White_Space */

/* When the dummy prefix, a space marker, is put before a stretch of text. */
typedef enum sotto_prefix {
    SOTTO_PREFIX_NEVER,
    SOTTO_PREFIX_EACH,          /* at the beginning and after every recognised token */
    SOTTO_PREFIX_EACH_UNMARKED, /* the same, unless the stretch begins with a space already */
    SOTTO_PREFIX_FIRST_UNMARKED /* at the beginning only, unless it begins with a space already */
} sotto_prefix;

/* flags of a token: its sotto_token_type and these */
enum { SOTTO_TOKEN_TYPE_MASK = 7, SOTTO_TOKEN_EOG = 8, SOTTO_TOKEN_LSTRIP = 16, SOTTO_TOKEN_RSTRIP = 32 };

typedef struct sotto_piece {
    uint32_t start, n; /* in the texts that it belongs to */
} sotto_piece;

/* Texts by where they lie: copied one after the other, or lent by a file that outlives them. */
typedef struct sotto_texts {
    const char *base;
    sotto_buf   own; /* what base points to, unless `lent` */
    bool        lent;
} sotto_texts;
/* False: out of memory, or more than 4 GiB from the base. */
bool     sotto_texts_keep(sotto_texts *s, sotto_str text, sotto_piece *out);
/* Of the two put together; seeded per process, as sotto_map's. */
uint64_t sotto_texts_hash(sotto_str left, sotto_str right);

/* A slot of an index of texts, open addressing. The tag, other bits of the hash than those that give the place, spares
 * a look at nearly every text but the one that is meant. */
typedef struct sotto_text_slot {
    uint32_t tag, number; /* number: of the entry, from 1 on; 0: empty */
} sotto_text_slot;

typedef struct sotto_merge_text {
    sotto_piece left, right;
} sotto_merge_text;

typedef struct sotto_merge {
    int32_t  left, right;
    uint32_t rank; /* lower goes first */
    int32_t  result;
} sotto_merge;

typedef struct sotto_trie_node {
    int32_t child, next; /* first child, next sibling; 0: none */
    int32_t id;          /* token that ends here, or -1 */
    uint8_t byte;
} sotto_trie_node;

typedef struct sotto_trie {
    sotto_trie_node *nodes; /* nodes[0] is not used, so that 0 means none */
    size_t           n, cap;
    int32_t          root[256];
} sotto_trie;

struct sotto_tokenizer {
    /* pieces */
    sotto_texts      texts;
    sotto_piece     *pieces;
    uint8_t         *flags; /* 0: no such token (a hole in the numbering) */
    float           *scores;
    int32_t          n_vocab, cap_vocab, id_limit;
    sotto_text_slot *index;
    size_t           cap_index;
    size_t           longest; /* bytes of the longest piece */
    /* the merges that a file lists, by rank */
    sotto_texts       merge_texts;
    sotto_merge_text *merges;
    size_t            n_merges, cap_merges;
    sotto_text_slot  *merge_index;
    size_t            cap_merge_index;
    /* tokens recognised in the text as it is, and in the text as normalised */
    sotto_trie raw, normalised;
    /* the recipe */
    bool         has_scores;    /* the file ranks pieces (SentencePiece), not merges */
    bool         byte_level;    /* pieces are spelled in GPT-2's byte alphabet */
    bool         space_marker;  /* U+2581 stands for a space */
    bool         byte_fallback; /* characters that are not pieces become <0xNN> */
    bool         fuse_unk;      /* a run of unknown characters is one <unk> */
    bool         nfc;
    bool         ignore_merges; /* a whole pre-token that is a piece is taken as it is */
    sotto_prefix prefix;
    sotto_split  split;
    bool         words_apart; /* no merge joins words: they can be merged one by one */
    const char  *pre;         /* GGUF's name of the split */
    int32_t      byte_ids[256];
    int32_t      unk, bos, eos, pad;
    bool         add_bos;
};

#define SOTTO_SPACE_MARKER "\xe2\x96\x81"

/* ---- filling the tables (vocab.c) ---------------------------------------------------------------------- */

/* Ids must be below `id_limit`, which a reader derives from the size of its file, so that memory stays in
 * proportion to it. A second piece of the same id is refused. */
sotto_tokenizer *sotto_tokenizer_new(size_t id_limit);
/* Room for as many pieces at once. */
sotto_status sotto_vocab_reserve(sotto_tokenizer *t, size_t count, sotto_error *err);
sotto_status sotto_vocab_put(sotto_tokenizer *t, int64_t id, sotto_str text, sotto_token_type type, float score,
                             sotto_error *err);
/* Give an existing token another type, keeping its other flags. */
void         sotto_vocab_retype(sotto_tokenizer *t, int32_t id, sotto_token_type type);
sotto_status sotto_vocab_index(sotto_tokenizer *t, bool unique, sotto_error *err);
int32_t      sotto_vocab_find(const sotto_tokenizer *t, sotto_str text);
/* The piece that two texts together are; `hash` is theirs. */
int32_t      sotto_vocab_find_joined(const sotto_tokenizer *t, uint64_t hash, sotto_str left, sotto_str right);
sotto_status sotto_trie_put(sotto_trie *trie, sotto_str text, int32_t id, sotto_error *err);

/* ---- merges (merges.c) --------------------------------------------------------------------------------- */

/* The merges that a file lists, in the order of their ranks: as many as `count`. The last one of a pair counts. */
sotto_status sotto_merges_reserve(sotto_tokenizer *t, size_t count, sotto_error *err);
sotto_status sotto_merges_put(sotto_tokenizer *t, sotto_str left, sotto_str right, sotto_error *err);
/* The merge of two pieces. What does not give an ordinary piece is none: text that people type must not become a
 * control token. */
bool sotto_merges_find(const sotto_tokenizer *t, int32_t left, int32_t right, sotto_merge *out);
/* The listed merge of a rank; false where it is none, or another one of the same pair counts. */
bool sotto_merges_at(const sotto_tokenizer *t, size_t rank, sotto_merge *out);
/* Whether a merge gives a piece with a space marker inside. */
bool sotto_merges_join_words(const sotto_tokenizer *t);

/* ---- after reading (roles.c) --------------------------------------------------------------------------- */

/* Types that files get wrong: the marks of a conversation are control tokens whatever a file calls them. Done
 * before merges are put, as no merge may give a control token. */
void sotto_vocab_correct_types(sotto_tokenizer *t);
/* Mark what ends a generation, look up byte tokens, see whether words can be merged one by one. */
void sotto_tokenizer_finish(sotto_tokenizer *t);
/* What tokenizer_config.json, generation_config.json and config.json (each may be NULL) say of BOS and EOS. */
void sotto_roles_from_json(sotto_tokenizer *t, const json_t *tokenizer_config, const json_t *generation_config,
                           const json_t *config);
/* The added_tokens_decoder of tokenizer_config.json, for tokenizer.model files that do not know of them. */
sotto_status sotto_added_from_config(sotto_tokenizer *t, const json_t *tokenizer_config, sotto_error *err);

/* ---- readers: each opens a new tokenizer; the JSON ones still need roles and finish -------------------- */

sotto_status sotto_tokenizer_from_json(sotto_tokenizer **out, sotto_str text, sotto_error *err);
sotto_status sotto_tokenizer_from_model(sotto_tokenizer **out, sotto_str bytes, sotto_error *err);
sotto_status sotto_tokenizer_from_gguf(sotto_tokenizer **out, const sotto_gguf *g, sotto_error *err);
/* Any of the two texts (the other one empty) with the JSON files around it: what opening a folder does. */
sotto_status sotto_tokenizer_from_texts(sotto_tokenizer **out, sotto_str tokenizer_json,
                                        sotto_str tokenizer_model, const json_t *tokenizer_config,
                                        const json_t *generation_config, const json_t *config, sotto_error *err);

/* A cut through tokenizer.json: the two lists that make it large, and the rest of it as a small JSON value. */
typedef struct sotto_json_cut {
    sotto_str vocab, merges; /* the texts of model.vocab and model.merges; empty when absent */
    json_t   *rest;          /* with null in their places; json_decref() */
} sotto_json_cut;
sotto_status sotto_json_cut_open(sotto_json_cut *out, sotto_str text, sotto_error *err);
/* Call `put` for each entry of a {"text": id} object, or of an array of "a b" strings and ["a","b"] pairs. */
typedef sotto_status (*sotto_json_vocab_fn)(void *arg, sotto_str text, int64_t id, sotto_error *err);
typedef sotto_status (*sotto_json_merge_fn)(void *arg, sotto_str left, sotto_str right, sotto_error *err);
sotto_status sotto_json_each_vocab(sotto_str list, sotto_json_vocab_fn put, void *arg, sotto_error *err);
sotto_status sotto_json_each_merge(sotto_str list, sotto_json_merge_fn put, void *arg, sotto_error *err);

/* ---- steps of encoding and decoding -------------------------------------------------------------------- */

/* Canonical composition (NFC) of valid UTF-8, appended to out; linear. */
bool sotto_nfc(sotto_str text, sotto_buf *out);
/* The character that GPT-2's byte alphabet writes for a byte, and back (-1: not one of them). */
uint32_t sotto_byte_level_char(uint8_t byte);
int      sotto_byte_level_byte(uint32_t cp);

/* Memory of one encode call, reused from word to word. Initialise with {0}. */
typedef struct sotto_bpe {
    struct sotto_bpe_symbol *symbols;
    struct sotto_bpe_pair   *heap;
    size_t                   cap_symbols, n_heap, cap_heap;
    sotto_buf                spelled; /* a pre-token in the byte alphabet */
} sotto_bpe;
/* Merge one pre-token and append its tokens; false: out of memory. */
bool sotto_bpe_encode(sotto_bpe *b, const sotto_tokenizer *t, sotto_str word, sotto_token_buf *out);
void sotto_bpe_free(sotto_bpe *b);

#endif
