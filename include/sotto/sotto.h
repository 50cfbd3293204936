/* sotto: language models that run on this machine.
 *
 * Three nouns. A *model* is loaded once, read-only, shared between threads. A *session* is one timeline over a
 * model: the tokens evaluated so far, their KV cache, the logits of the last one; one thread uses it at a time.
 * A *generator* draws an answer out of a session, piece by piece. The shortest complete program:
 *
 *     sotto_error err;
 *     sotto_model *model;
 *     sotto_session *session;
 *     sotto_generator *gen;
 *     sotto_tokens prompt = {0};
 *     sotto_chat_turn turn = {.role = "user", .content = "Why is the sky blue?"};
 *     if (sotto_model_open(&model, "gemma.gguf", NULL, &err) ||
 *         sotto_session_open(&session, model, NULL, &err) ||
 *         sotto_chat_tokens(model, &turn, 1, NULL, &prompt, &err) ||
 *         sotto_session_sync(session, prompt.ids, prompt.n, &err) ||
 *         sotto_generator_open(&gen, session, NULL, &err))
 *         return fprintf(stderr, "%s\n", err.message), 1;
 *     sotto_piece piece = {0};
 *     while (!piece.done && sotto_generator_next(gen, &piece, &err) == SOTTO_OK)
 *         fwrite(piece.text, 1, piece.n_text, stdout);
 *
 * Rules for every function here, unless it says otherwise:
 *  - it returns SOTTO_OK or a negative status, and then has filled `err` (which may be NULL) and changed nothing
 *    else; outputs are set only on success; `close` and `free` accept NULL;
 *  - options structs come from ..._default() and may be NULL for the defaults;
 *  - strings are UTF-8 and NUL-terminated; what is passed in is only read during the call;
 *  - a pointer that is handed out is lent until the object it came from is closed or used again;
 *  - the library never prints, never exits, opens no network connection and starts only the model's own threads.
 * Version numbers follow semantic versioning; before 1.0 a minor release may change this header. */
#ifndef SOTTO_H
#define SOTTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sotto/chat.h>
#include <sotto/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SOTTO_VERSION "0.1.0"

/* ---- the machine --------------------------------------------------------------------------------------- */

typedef struct sotto_system {
    const char *version;
    const char *cpu_name;
    char        cpu_features[160]; /* "avx2 avx512 avx512_vnni ..." */
    const char *kernels;           /* the set that a model uses by default: "avx512vnni", "i8mm", "ref", ... */
    int32_t     physical_cores;    /* the default thread count */
    uint64_t    memory_bytes;      /* 0: unknown */
    uint64_t    memory_available_bytes;
} sotto_system;
SOTTO_API void     sotto_system_get(sotto_system *out);
SOTTO_API uint64_t sotto_peak_rss_bytes(void); /* of this process so far */

/* Tokens, owned by the caller: initialise with {0}, released by sotto_tokens_free. */
typedef struct sotto_tokens {
    int32_t *ids;
    size_t   n, cap;
} sotto_tokens;
SOTTO_API void sotto_tokens_free(sotto_tokens *t);

/* Bytes, owned by the caller: NUL-terminated; initialise with {0}, released by sotto_bytes_free. */
typedef struct sotto_bytes {
    char  *data;
    size_t n;
} sotto_bytes;
SOTTO_API void sotto_bytes_free(sotto_bytes *b);

/* ---- models -------------------------------------------------------------------------------------------- */

typedef struct sotto_model sotto_model;

typedef struct sotto_model_options {
    int32_t     threads;            /* 0: the physical cores */
    bool        no_map;             /* read the files into memory instead of mapping them */
    const char *cpu;                /* highest kernel level to use ("ref", "avx2", ...); NULL: the best */
    const char *chat_format;        /* overrides the model's chat template; NULL: detect */
} sotto_model_options;
SOTTO_API sotto_model_options sotto_model_options_default(void);

/* Open a GGUF file, a Hugging Face folder, or a Core ML package (docs/coreml.md: its tokenizer lies beside it). Weights
 * stay mapped; later truncation of the file by somebody else raises SIGBUS on access (use no_map where that can
 * happen). */
SOTTO_API sotto_status sotto_model_open(sotto_model **out, const char *path, const sotto_model_options *opt,
                                        sotto_error *err);
SOTTO_API void         sotto_model_close(sotto_model *model);

typedef struct sotto_sampling sotto_sampling;

typedef struct sotto_model_info {
    const char *family;         /* "gemma3", "llama", ... */
    const char *name;           /* as the file says, or "" */
    const char *chat_format;    /* "gemma", "chatml", ... or NULL when the model has none that we know */
    const char *kernels;        /* level in use */
    bool        hears_results;  /* the chat format shows the model what its tools gave. A model that does not hear them
                                   has said all with its calls: answer with the tools' own sentences */
    int32_t     threads;
    int32_t     n_vocab, n_layers, n_embd, context_length;
    uint64_t    n_params;
    uint64_t    file_bytes;
    uint64_t    decode_bytes;   /* weight bytes read to decode one token (cache not counted) */
    uint64_t    prefill_macs;   /* multiply-accumulates of one prompt token, head and attention not counted */
} sotto_model_info;
SOTTO_API void sotto_model_get_info(const sotto_model *model, sotto_model_info *out);

/* Everything about a file as one JSON document: container, architecture, tensors, tokenizer, chat template,
 * memory budget, metadata. Opens no weights. Of a Core ML package: what sotto_program_inspect gives, and
 * family, name, config, tokenizer, chat_format and memory. */
SOTTO_API sotto_status sotto_inspect(const char *path, sotto_bytes *json, sotto_error *err);

/* ---- text and tokens ----------------------------------------------------------------------------------- */

typedef struct sotto_tokenize_options {
    bool special; /* recognise control tokens in the text */
    bool bos;     /* begin with BOS, if the model's tokenizer does */
} sotto_tokenize_options;
/* Appends to *out. */
SOTTO_API sotto_status sotto_tokenize(const sotto_model *model, const char *text, size_t n,
                                      sotto_tokenize_options opt, sotto_tokens *out, sotto_error *err);
/* The text of tokens; incomplete UTF-8 becomes U+FFFD. Control tokens are left out unless `special`. */
SOTTO_API sotto_status sotto_detokenize(const sotto_model *model, const int32_t *ids, size_t n, bool special,
                                        sotto_bytes *out, sotto_error *err);
/* The piece of one token as the vocabulary stores it; *n bytes, not NUL-terminated. NULL: no such token. */
SOTTO_API const char *sotto_token_piece(const sotto_model *model, int32_t id, size_t *n);
SOTTO_API bool        sotto_token_ends(const sotto_model *model, int32_t id); /* an end-of-generation token */

/* The prompt of a conversation in the model's own chat format, up to the header of the answer to come. Appends to
 * *out. What people wrote never becomes a control token. */
SOTTO_API sotto_status sotto_chat_tokens(const sotto_model *model, const sotto_chat_turn *turns, size_t n_turns,
                                         const sotto_chat_params *params, sotto_tokens *out, sotto_error *err);
/* Names of the chat formats, for --help; NULL past the end. */
SOTTO_API const char *sotto_chat_format_name_at(size_t i);

/* ---- sessions ------------------------------------------------------------------------------------------ */

typedef struct sotto_session sotto_session;

typedef enum sotto_cache_type { SOTTO_CACHE_F16, SOTTO_CACHE_Q8_0, SOTTO_CACHE_F32 } sotto_cache_type;

/* What the engine can leave out, so that it can be measured what it is good for (`sotto bench ladder`). Not with a
 * Core ML package or a q8_0 cache; sessions of a variant are not saved. */
typedef enum sotto_variant {
    SOTTO_VARIANT_NONE,
    SOTTO_VARIANT_PLAIN_ATTENTION, /* scores of all heads in memory, then their softmax, then the values */
    SOTTO_VARIANT_COPIED_CACHE,    /* the same, and the whole cache is copied out of each pass and into the next */
    SOTTO_VARIANT_NO_CACHE         /* the same but without a cache: each pass computes every token, and the context
                                      that is left as padding */
} sotto_variant;

/* Called while a prompt is computed: false cancels (the session keeps what is done, the call gives CANCELLED). */
typedef bool (*sotto_progress_fn)(void *user, uint64_t done, uint64_t total);

typedef struct sotto_session_options {
    int32_t           context;      /* tokens; 0: the smaller of the model's and 8192 */
    int32_t           batch;        /* prompt tokens computed together; 0: 512, of a Core ML package 128 */
    sotto_cache_type  cache_type;   /* of a package its own, and Q8_0 UNSUPPORTED */
    uint64_t          memory_limit; /* refuse to open beyond it, weights included; 0: none */
    sotto_variant     variant;      /* for comparisons */
    sotto_progress_fn progress;
    void             *progress_user;
} sotto_session_options;
SOTTO_API sotto_session_options sotto_session_options_default(void);

/* What a model with a session needs, before either is opened. Cache memory is taken as it fills up to this. */
typedef struct sotto_memory {
    uint64_t weights_bytes, cache_bytes, scratch_bytes, total_bytes;
    int32_t  context; /* that the figures are for */
} sotto_memory;
SOTTO_API sotto_status sotto_memory_estimate(const char *path, const sotto_session_options *opt, sotto_memory *out,
                                             sotto_error *err);

/* The model must stay open as long as the session. */
SOTTO_API sotto_status sotto_session_open(sotto_session **out, sotto_model *model, const sotto_session_options *opt,
                                          sotto_error *err);
SOTTO_API void         sotto_session_close(sotto_session *s);
SOTTO_API const sotto_model *sotto_session_model(const sotto_session *s);
/* Whatever is computed from now on stops before its next batch, as when `progress` says false, once *cancel is not 0.
 * NULL: no longer. */
SOTTO_API void         sotto_session_set_cancel(sotto_session *s, const volatile int *cancel);

/* Bring the session to exactly these tokens: the common prefix with what is already evaluated is kept, the rest
 * is computed, and the logits are those after the last token. More tokens than the context: CONTEXT_FULL, with
 * both counts. The result is bit for bit that of a fresh session. */
SOTTO_API sotto_status sotto_session_sync(sotto_session *s, const int32_t *ids, size_t n, sotto_error *err);
/* Append tokens. */
SOTTO_API sotto_status sotto_session_append(sotto_session *s, const int32_t *ids, size_t n, sotto_error *err);
/* The same, and copy the logits after each of them to logits[n * n_vocab]. */
SOTTO_API sotto_status sotto_session_append_logits(sotto_session *s, const int32_t *ids, size_t n, float *logits,
                                                   sotto_error *err);
/* Forget all but the first n tokens. Logits are not valid until the next append or sync. */
SOTTO_API sotto_status sotto_session_rewind(sotto_session *s, size_t n, sotto_error *err);
SOTTO_API const int32_t *sotto_session_tokens(const sotto_session *s, size_t *n);
SOTTO_API int32_t        sotto_session_context(const sotto_session *s);
SOTTO_API const float   *sotto_session_logits(const sotto_session *s); /* [n_vocab]; NULL: none yet */
/* Tokens that the last sync took from the cache, and computed. */
SOTTO_API void           sotto_session_last_sync(const sotto_session *s, size_t *kept, size_t *computed);

/* Make room: drop the tokens [begin, end) and close the gap; what stays is not recomputed (keys are rotated to
 * their new positions). This is what sliding does; results then differ from those of a fresh session. With a package
 * what stays is recomputed, and results are those of a fresh session. */
SOTTO_API sotto_status sotto_session_drop(sotto_session *s, size_t begin, size_t end, sotto_error *err);

/* To and from a file that survives power loss: whole or not there. A file of another model, format or cache type
 * is refused with MISMATCH; with a Core ML package both are UNSUPPORTED. */
SOTTO_API sotto_status sotto_session_save(const sotto_session *s, const char *path, sotto_error *err);
SOTTO_API sotto_status sotto_session_restore(sotto_session *s, const char *path, sotto_error *err);

/* ---- sampling ------------------------------------------------------------------------------------------ */

typedef struct sotto_logit_bias {
    int32_t token;
    float   bias; /* added to the logit; -INFINITY forbids */
} sotto_logit_bias;

/* The order of application, each step off at the value given: logit bias; repetition, presence and frequency
 * penalties over the last penalty_last tokens (1, 0, 0); DRY (multiplier 0); temperature (0: the most likely token
 * is taken and the steps below do not apply); top-k (0); typical (1); top-p (1); min-p (0); then one draw with the
 * seeded generator. Sources: Keskar et al. 2019 (repetition penalty), Fan et al. 2018 (top-k), Meister et al. 2023
 * (typical), Holtzman et al. 2020 (top-p), Nguyen et al. 2024 (min-p), p-e-w 2024 (DRY). */
struct sotto_sampling {
    float    temperature;
    int32_t  top_k;
    float    top_p, min_p, typical_p;
    float    repetition_penalty, presence_penalty, frequency_penalty;
    int32_t  penalty_last; /* tokens looked back; -1: all */
    float    dry_multiplier, dry_base;
    int32_t  dry_allowed_length, dry_last;
    uint64_t seed; /* SOTTO_SEED_RANDOM: a new one each time */
    const sotto_logit_bias *bias;
    size_t   n_bias;
};
#define SOTTO_SEED_RANDOM UINT64_MAX

/* The defaults that the model's publisher gives in its files, else temperature 0.7, top-k 40, top-p 0.95. */
SOTTO_API sotto_sampling sotto_sampling_default(const sotto_model *model);

/* ---- grammars ------------------------------------------------------------------------------------------ */

/* What an answer may look like. Read-only once open; share it between threads and generators. Two notations:
 *
 *  - GBNF: rules `name ::= body` with "texts", [classes], rule names, ( ), |, and * + ? {m} {m,n} {m,}; `root` is
 *    the answer; # begins a comment. As llama.cpp has it (grammars/README.md there), with its <token> terminals: one
 *    control token by its text, as in <|tool_call>.
 *  - a JSON schema, in the part of drafts 7 to 2020-12 that a grammar can say (src/grammar/schema.c lists it). What
 *    it cannot say and what would be lost is an error that names the keyword, and never ignored.
 *
 * INVALID with line and column (GBNF) or JSON pointer (schema): a syntax error, an unknown rule, endless left
 * recursion. UNSUPPORTED: what a grammar cannot say. LIMIT: more than 1 MiB or 64k rules. */
typedef struct sotto_grammar sotto_grammar;
SOTTO_API sotto_status sotto_grammar_open(sotto_grammar **out, const char *gbnf, size_t n, sotto_error *err);
SOTTO_API sotto_status sotto_grammar_open_schema(sotto_grammar **out, const char *schema, size_t n, sotto_error *err);
SOTTO_API void         sotto_grammar_close(sotto_grammar *g);
/* Whether a text as a whole is one of the grammar's. */
SOTTO_API bool         sotto_grammar_accepts(const sotto_grammar *g, const char *text, size_t n);

/* ---- generation ---------------------------------------------------------------------------------------- */

typedef struct sotto_generator sotto_generator;

typedef enum sotto_finish {
    SOTTO_FINISH_NONE,     /* still going */
    SOTTO_FINISH_STOP,     /* an end token or a stop string */
    SOTTO_FINISH_LENGTH,   /* max_tokens */
    SOTTO_FINISH_CONTEXT,  /* the context is full and sliding is off */
    SOTTO_FINISH_CANCELLED
} sotto_finish;

typedef enum sotto_tool_choice {
    SOTTO_TOOLS_AUTO,     /* the model chooses whether to call */
    SOTTO_TOOLS_REQUIRED, /* the answer is one call or several */
    SOTTO_TOOLS_NAMED     /* the answer is a call of tool_name */
} sotto_tool_choice;

/* Whether what may come next is guessed from what has been said before, and guesses are computed in one pass with the
 * token before them. The answer is the same; where text repeats it comes faster. Not with a Core ML package. */
typedef enum sotto_lookup_use {
    SOTTO_LOOKUP_AUTO, /* as far as guesses have lately come true often enough to pay */
    SOTTO_LOOKUP_ON,   /* whenever there is something to guess from */
    SOTTO_LOOKUP_OFF
} sotto_lookup_use;

typedef struct sotto_generate_options {
    const sotto_sampling *sampling;   /* NULL: the model's defaults */
    int32_t               max_tokens; /* -1: until the end or the context is full */
    const char *const    *stops;      /* texts that end the answer and are not part of it; not looked for in calls */
    size_t                n_stops;
    bool                  ignore_end; /* do not stop at end tokens (benchmarks) */
    bool                  special;    /* show control tokens as text */
    int32_t               top_logprobs; /* 0..20 alternatives with each token; -1: no logprobs */
    bool                  slide;      /* when the context is full, drop the oldest tokens after `keep` and go on */
    int32_t               keep;       /* tokens at the start that sliding never drops (system prompt); at least 4 */
    /* Turn starts, ascending token positions: sliding drops whole turns where it can. May be NULL. */
    const int32_t        *turns;
    size_t                n_turns;
    const volatile int   *cancel;     /* stops when it becomes non-zero; may be NULL */
    sotto_lookup_use      lookup;
    float                 lookup_cost; /* with AUTO: what each token more in a pass costs here, by a pass for one; 0:
                                          the engine's own figure */
    const sotto_grammar  *grammar;    /* the answer's form; it ends where the grammar ends. NULL: free */
    /* The prompt's sotto_chat_params.tools: calls of them are found in the answer, and are not part of its text. Not
     * together with a grammar. UNSUPPORTED: a schema that calls cannot be held to while they are written; loose_calls
     * helps there. */
    const char           *tools;
    sotto_tool_choice     tool_choice;
    const char           *tool_name;  /* with SOTTO_TOOLS_NAMED: the one to call */
    bool                  loose_calls; /* with SOTTO_TOOLS_AUTO: do not hold calls to the schemas while they are written
                                          (they are still checked afterwards) */
    /* Where sampling is greedy, of calls that are held to the schemas: how many tokens may be computed to find a call
     * that is likelier as a whole than the one that is likeliest token by token (Stahlberg and Byrne 2019). A call that
     * has half of the probability needs none. 0: do not look for one; -1: what has proved useful in the model's chat
     * format, 200 for the starter model's and none for any other. While the tokens of such a call are given away the
     * session has no logits, unless top_logprobs asks for them. */
    int32_t              call_search;
} sotto_generate_options;
SOTTO_API sotto_generate_options sotto_generate_options_default(void);

typedef struct sotto_logprob {
    int32_t token;
    float   logprob; /* natural logarithm, of the model's distribution before sampling steps */
} sotto_logprob;

/* What one step gave. Text is whole UTF-8, never part of a stop string, and may be empty for some tokens. */
typedef struct sotto_piece {
    const char          *text; /* lent until the next call */
    size_t               n_text;
    int32_t              token;   /* -1 when this piece only flushes held text */
    float                logprob; /* when asked for */
    const sotto_logprob *top;     /* [n_top], most likely first */
    int32_t              n_top;
    int32_t              n_dropped; /* tokens that sliding dropped before this step; else 0 */
    const sotto_tool_call *calls;   /* [n_calls] that this step completed; their text is not in `text`. Lent until
                                       the generator is closed */
    int32_t              n_calls;
    bool                 done;      /* the last piece; see sotto_generator_result. Its text still counts */
} sotto_piece;

/* The session must hold a prompt (its logits are the start). One generator at a time per session. The last token
 * of an answer is not evaluated: afterwards the session holds the prompt and all tokens before it. */
SOTTO_API sotto_status sotto_generator_open(sotto_generator **out, sotto_session *s,
                                            const sotto_generate_options *opt, sotto_error *err);
SOTTO_API sotto_status sotto_generator_next(sotto_generator *g, sotto_piece *piece, sotto_error *err);
SOTTO_API void         sotto_generator_close(sotto_generator *g);

typedef struct sotto_generation {
    sotto_finish   finish;
    const int32_t *tokens;   /* generated, the end token left out; lent until close */
    size_t         n_tokens;
    const sotto_tool_call *calls; /* all of the answer's; lent until close */
    size_t         n_calls;
    uint64_t       seed;     /* that was used */
    double         decode_ms; /* spent in model and sampler since the first token */
    size_t         n_passes;   /* of the model, for the tokens after the first; */
    size_t         n_proposed; /* the guesses that were computed in them, */
    size_t         n_accepted; /* and those that came true: tokens without a pass */
} sotto_generation;
SOTTO_API void sotto_generator_result(const sotto_generator *g, sotto_generation *out);

/* ---- conversion ---------------------------------------------------------------------------------------- */

typedef struct sotto_convert_options {
    const char       *type;    /* "f32" "f16" "bf16" "q8_0" "q4_0" for the layers' matrices; NULL: "q4_0" */
    const char       *head;    /* embedding and head: also "q6_k"; NULL: q6_k for q4_0 (q8_0 where the row length
                                  does not divide), else the same as `type` */
    sotto_progress_fn progress; /* bytes; false cancels */
    void             *progress_user;
} sotto_convert_options;
SOTTO_API sotto_convert_options sotto_convert_options_default(void);
/* Hugging Face folder or GGUF -> GGUF, tensor by tensor, in memory that does not depend on the model's size.
 * `out_path` is whole or not there. */
SOTTO_API sotto_status sotto_convert(const char *in_path, const char *out_path, const sotto_convert_options *opt,
                                     sotto_error *err);

/* ---- measuring ----------------------------------------------------------------------------------------- */

/* A GGUF of the true shape of a known model with seeded random weights, for speed measurements without a
 * download. `shape`: see sotto_synthetic_shape_at. type and head as for convert. */
SOTTO_API sotto_status sotto_synthetic_write(const char *shape, const char *out_path, const sotto_convert_options *opt,
                                             sotto_error *err);
SOTTO_API const char  *sotto_synthetic_shape_at(size_t i); /* NULL past the end */

/* What this machine can do at most, measured now for about a quarter of a second each: on the model's threads, or
 * without a model on so many (0: the physical cores), with the kernel level `cpu` (NULL: the best). */
typedef struct sotto_ceiling {
    double read_gbps;   /* reading of memory much larger than the caches, in the fastest of several ways, 1e9 bytes/s */
    double int8_gmacs;  /* 1e9 multiply-accumulates/s in registers with the best int8 instruction in use */
    double float_gmacs; /* the same in f32 */
    double bf16_gmacs;  /* and of bf16 with sums in f32; where there is no such instruction, that of f32 */
} sotto_ceiling;
SOTTO_API sotto_status sotto_ceiling_measure(sotto_model *model, sotto_ceiling *out, sotto_error *err);
SOTTO_API sotto_status sotto_ceiling_measure_machine(int32_t threads, const char *cpu, sotto_ceiling *out,
                                                     sotto_error *err);
/* Bytes of the cache that are read to decode one token at this depth. */
SOTTO_API uint64_t sotto_session_cache_read_bytes(const sotto_session *s, int32_t depth);

/* How well a model foretells a text, and how far it is from a reference: another form of the same model, such as
 * the one that it was converted from.
 *
 * What is scored: the text is looked at through windows that overlap by half. A window begins with BOS where the
 * tokenizer begins texts with it, and only the tokens of its second half are scored; the next window begins half a
 * window later. So each token but those of the first half window is scored once, with between half a window and a
 * whole one before it. llama.cpp's perplexity, too, scores second halves only, but of windows that do not overlap:
 * it leaves half of the text unscored, which a short text cannot afford. The two figures estimate the same thing,
 * and are not the same number.
 *
 * Logarithms are natural, probabilities those of the logits as they are, before any sampling step; everything after
 * the logits is computed in double precision. The KV cache is f32: what is measured is the model, not the cache. */
typedef struct sotto_quality_options {
    const char       *text; /* NULL: a built-in one, some 2,000 words of varied English */
    size_t            n_text;
    bool              special; /* recognise control tokens in the text: conversations in the model's own format */
    int32_t           window; /* tokens; at least 16; 0: the smaller of 512 and the models' context length */
    const char       *collect; /* write to this file what the inputs of the model's matrices weigh, for sotto_export;
                                  NULL: do not */
    sotto_progress_fn progress; /* tokens computed; false cancels */
    void             *progress_user;
} sotto_quality_options;
SOTTO_API sotto_quality_options sotto_quality_options_default(void);

/* A mean over the scored tokens, or what follows from one, and its standard error; scored tokens count as
 * independent of each other, so that it is rather too small. */
typedef struct sotto_estimate {
    double value, error;
} sotto_estimate;

typedef struct sotto_quality {
    uint64_t       n_tokens, n_scored, n_windows; /* tokens of the text, BOS not counted */
    int32_t        window;                        /* shorter than asked for where the text is */
    sotto_estimate perplexity;
    /* Without a reference the rest is 0. */
    sotto_estimate reference_perplexity;
    sotto_estimate perplexity_ratio; /* the model's by the reference's, its error that of the paired tokens */
    sotto_estimate kl;               /* mean of KL(reference || model), the divergence at each scored token */
    double         kl_median, kl_99, kl_999, kl_max; /* percentiles, linear between neighbours */
    sotto_estimate delta_p;     /* mean change of the probability of the true token, model less reference */
    sotto_estimate delta_p_rms; /* its root mean square */
    sotto_estimate agreement;   /* share of tokens at which both hold the same token likeliest (the first of equals) */
} sotto_quality;
/* `reference` may be NULL, and may be `model`. MISMATCH when the vocabularies differ, INVALID when the text has too
 * few tokens. Takes memory for the logits of 64 tokens of each model, and 12 bytes for each token of the text. */
SOTTO_API sotto_status sotto_quality_measure(sotto_model *model, sotto_model *reference,
                                             const sotto_quality_options *opt, sotto_quality *out, sotto_error *err);

#ifdef __cplusplus
}
#endif
#endif
