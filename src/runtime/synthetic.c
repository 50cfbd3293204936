/* Files of the true shape of a known model with random weights: what speed can be measured on without a
 * download.
 *
 * A shape is the config.json of the model it stands for, so it goes through the same reader as a real one.
 * Each tensor draws its rows from a bank of random rows: speed does not depend on the values, and a bank
 * makes writing as fast as the disk. The vocabulary is a made-up SentencePiece one of the right size: what
 * such a model says is noise. */
#include "runtime/gguf_keys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct shape {
    const char *name, *config;
} shape;

#define LLAMA3_ROPE                                                                                          \
    "\"rope_theta\":500000,\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":32,\"low_freq_factor\":1,"  \
    "\"high_freq_factor\":4,\"original_max_position_embeddings\":8192}"

static const shape shapes[] = {
    {"gemma-2b",
     "{\"model_type\":\"gemma\",\"hidden_size\":2048,\"intermediate_size\":16384,\"num_hidden_layers\":18,"
     "\"num_attention_heads\":8,\"num_key_value_heads\":1,\"head_dim\":256,\"vocab_size\":256000,"
     "\"max_position_embeddings\":8192}"},
    {"gemma2-2b",
     "{\"model_type\":\"gemma2\",\"hidden_size\":2304,\"intermediate_size\":9216,\"num_hidden_layers\":26,"
     "\"num_attention_heads\":8,\"num_key_value_heads\":4,\"head_dim\":256,\"vocab_size\":256000,"
     "\"max_position_embeddings\":8192,\"sliding_window\":4096,\"query_pre_attn_scalar\":256}"},
    {"gemma3-270m",
     "{\"model_type\":\"gemma3_text\",\"hidden_size\":640,\"intermediate_size\":2048,\"num_hidden_layers\":"
     "18,"
     "\"num_attention_heads\":4,\"num_key_value_heads\":1,\"head_dim\":256,\"vocab_size\":262144,"
     "\"max_position_embeddings\":32768,\"sliding_window\":512,\"query_pre_attn_scalar\":256}"},
    {"gemma3-1b",
     "{\"model_type\":\"gemma3_text\",\"hidden_size\":1152,\"intermediate_size\":6912,\"num_hidden_layers\":"
     "26,"
     "\"num_attention_heads\":4,\"num_key_value_heads\":1,\"head_dim\":256,\"vocab_size\":262144,"
     "\"max_position_embeddings\":32768,\"sliding_window\":512,\"query_pre_attn_scalar\":256}"},
    {"gemma3-4b",
     "{\"model_type\":\"gemma3_text\",\"hidden_size\":2560,\"intermediate_size\":10240,\"num_hidden_layers\":"
     "34,"
     "\"num_attention_heads\":8,\"num_key_value_heads\":4,\"head_dim\":256,\"vocab_size\":262144,"
     "\"max_position_embeddings\":131072,\"sliding_window\":1024,\"query_pre_attn_scalar\":256,"
     "\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":8}}"},
    {"gemma4-e2b",
     "{\"model_type\":\"gemma4_text\",\"hidden_size\":1536,\"intermediate_size\":6144,\"num_hidden_layers\":"
     "35,"
     "\"num_attention_heads\":8,\"num_key_value_heads\":1,\"head_dim\":256,\"global_head_dim\":512,"
     "\"vocab_size\":262144,\"max_position_embeddings\":131072,\"sliding_window\":512,"
     "\"sliding_window_pattern\":5,\"num_kv_shared_layers\":20,\"use_double_wide_mlp\":true,"
     "\"hidden_size_per_layer_input\":256,\"final_logit_softcapping\":30,\"rope_parameters\":{"
     "\"full_attention\":{\"rope_type\":\"proportional\",\"partial_rotary_factor\":0.25,"
     "\"rope_theta\":1000000},\"sliding_attention\":{\"rope_type\":\"default\",\"rope_theta\":10000}}}"},
    {"llama3.2-1b",
     "{\"model_type\":\"llama\",\"hidden_size\":2048,\"intermediate_size\":8192,\"num_hidden_layers\":16,"
     "\"num_attention_heads\":32,\"num_key_value_heads\":8,\"vocab_size\":128256,\"rms_norm_eps\":1e-5,"
     "\"max_position_embeddings\":131072,\"tie_word_embeddings\":true," LLAMA3_ROPE "}"},
    {"llama3.2-3b",
     "{\"model_type\":\"llama\",\"hidden_size\":3072,\"intermediate_size\":8192,\"num_hidden_layers\":28,"
     "\"num_attention_heads\":24,\"num_key_value_heads\":8,\"vocab_size\":128256,\"rms_norm_eps\":1e-5,"
     "\"max_position_embeddings\":131072,\"tie_word_embeddings\":true," LLAMA3_ROPE "}"},
    {"llama3.1-8b",
     "{\"model_type\":\"llama\",\"hidden_size\":4096,\"intermediate_size\":14336,\"num_hidden_layers\":32,"
     "\"num_attention_heads\":32,\"num_key_value_heads\":8,\"vocab_size\":128256,\"rms_norm_eps\":1e-5,"
     "\"max_position_embeddings\":131072,\"tie_word_embeddings\":false," LLAMA3_ROPE "}"},
    {"qwen2.5-0.5b",
     "{\"model_type\":\"qwen2\",\"hidden_size\":896,\"intermediate_size\":4864,\"num_hidden_layers\":24,"
     "\"num_attention_heads\":14,\"num_key_value_heads\":2,\"vocab_size\":151936,\"rope_theta\":1000000,"
     "\"max_position_embeddings\":32768,\"tie_word_embeddings\":true}"},
    {"qwen3-0.6b",
     "{\"model_type\":\"qwen3\",\"hidden_size\":1024,\"intermediate_size\":3072,\"num_hidden_layers\":28,"
     "\"num_attention_heads\":16,\"num_key_value_heads\":8,\"head_dim\":128,\"vocab_size\":151936,"
     "\"rope_theta\":1000000,\"max_position_embeddings\":40960,\"tie_word_embeddings\":true}"},
    {"smollm2-360m",
     "{\"model_type\":\"llama\",\"hidden_size\":960,\"intermediate_size\":2560,\"num_hidden_layers\":32,"
     "\"num_attention_heads\":15,\"num_key_value_heads\":5,\"vocab_size\":49152,\"rms_norm_eps\":1e-5,"
     "\"rope_theta\":100000,\"max_position_embeddings\":8192,\"tie_word_embeddings\":true}"},
    {"smollm3-3b",
     "{\"model_type\":\"smollm3\",\"hidden_size\":2048,\"intermediate_size\":11008,\"num_hidden_layers\":36,"
     "\"num_attention_heads\":16,\"num_key_value_heads\":4,\"vocab_size\":128256,\"rope_theta\":5000000,"
     "\"max_position_embeddings\":65536}"},
    {"tiny",
     "{\"model_type\":\"gemma\",\"hidden_size\":256,\"intermediate_size\":1024,\"num_hidden_layers\":2,"
     "\"num_attention_heads\":4,\"num_key_value_heads\":1,\"head_dim\":64,\"vocab_size\":2048,"
     "\"max_position_embeddings\":2048}"},
};

const char *sotto_synthetic_shape_at(size_t i) { return i < SOTTO_COUNT(shapes) ? shapes[i].name : NULL; }

enum { BANK_ROWS = 64, PIECE_ROWS_BYTES = 4 << 20 };

/* ---- vocabulary ---------------------------------------------------------------------------------------- */

enum { N_CONTROL = 6, N_BYTES = 256, WORD_MAX = 12 };

static const char *const control[N_CONTROL] = {"<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"};

typedef struct vocabulary {
    sotto_str *pieces;
    float     *scores;
    int32_t   *types;
    char      *text;
} vocabulary;

/* Control tokens, the 256 bytes, the printable ASCII characters, then words of three letters and a number. */
static bool fill(vocabulary *v, int32_t n) {
    v->pieces = calloc((size_t)n, sizeof *v->pieces);
    v->scores = calloc((size_t)n, sizeof *v->scores);
    v->types = calloc((size_t)n, sizeof *v->types);
    v->text = calloc((size_t)n, WORD_MAX + 8);
    if (!v->pieces || !v->scores || !v->types || !v->text) return false;
    for (int32_t i = 0; i < n; i++) {
        char   *p = v->text + (size_t)i * (WORD_MAX + 8);
        int32_t ascii = i - N_CONTROL - N_BYTES, word = ascii - 94;
        v->types[i] = i == 3          ? SOTTO_TOKEN_UNKNOWN
                      : i < N_CONTROL ? SOTTO_TOKEN_CONTROL
                      : ascii < 0     ? SOTTO_TOKEN_BYTE
                                      : SOTTO_TOKEN_NORMAL;
        if (i < N_CONTROL) (void)snprintf(p, WORD_MAX + 8, "%s", control[i]);
        else if (ascii < 0) (void)snprintf(p, WORD_MAX + 8, "<0x%02X>", (unsigned)(i - N_CONTROL));
        else if (word < 0) p[0] = (char)('!' + ascii);
        else (void)snprintf(p, WORD_MAX + 8, "\xe2\x96\x81%c%c%d", 'a' + word % 26, 'a' + word / 26 % 26, word / 676);
        v->scores[i] = ascii < 0 ? 0.0f : -(float)ascii;
        v->pieces[i] = sotto_str_from(p);
    }
    return true;
}

static sotto_status put_vocabulary(sotto_gguf_writer *w, int32_t n, sotto_error *err) {
    vocabulary   v = {0};
    sotto_status s = fill(&v, n) ? SOTTO_OK : sotto_fail_memory(err, "a vocabulary");
    if (s == SOTTO_OK) s = sotto_gguf_put_str(w, "tokenizer.ggml.model", sotto_str_from("llama"), err);
    if (s == SOTTO_OK) s = sotto_gguf_put_str(w, "tokenizer.ggml.pre", sotto_str_from("default"), err);
    if (s == SOTTO_OK) s = sotto_gguf_put_str_array(w, "tokenizer.ggml.tokens", v.pieces, (size_t)n, err);
    if (s == SOTTO_OK) s = sotto_gguf_put_f32_array(w, "tokenizer.ggml.scores", v.scores, (size_t)n, err);
    if (s == SOTTO_OK) s = sotto_gguf_put_i32_array(w, "tokenizer.ggml.token_type", v.types, (size_t)n, err);
    if (s == SOTTO_OK) s = sotto_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", 2, err);
    if (s == SOTTO_OK) s = sotto_gguf_put_u32(w, "tokenizer.ggml.eos_token_id", 1, err);
    if (s == SOTTO_OK) s = sotto_gguf_put_u32(w, "tokenizer.ggml.unknown_token_id", 3, err);
    if (s == SOTTO_OK) s = sotto_gguf_put_u32(w, "tokenizer.ggml.padding_token_id", 0, err);
    if (s == SOTTO_OK) s = sotto_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", true, err);
    if (s == SOTTO_OK) s = sotto_gguf_put_bool(w, "tokenizer.ggml.add_space_prefix", false, err);
    free(v.pieces);
    free(v.scores);
    free(v.types);
    free(v.text);
    return s;
}

/* ---- weights ------------------------------------------------------------------------------------------- */

/* Uniform in (-1, 1) times `scale`. */
static void random_row(float *row, int32_t n, float scale, uint64_t *state) {
    for (int32_t i = 0; i < n; i++) row[i] = ((float)(sotto_splitmix64(state) >> 40) / 8388608.0f - 1.0f) * scale;
}

typedef struct writing {
    sotto_gguf_writer           *w;
    const sotto_convert_options *options;
    const sotto_config          *config;
    uint64_t                     random, done_bytes;
} writing;

static sotto_dtype type_of(const sotto_role *r, sotto_dtype type, sotto_dtype head) {
    if (r->kind == SOTTO_ROLE_NORM || r->kind == SOTTO_ROLE_VECTOR) return SOTTO_F32;
    return sotto_convert_fitting(r->kind == SOTTO_ROLE_EMBEDDING ? head : type, r->cols);
}

static sotto_status write_vector(writing *g, const sotto_role *r, sotto_error *err) {
    float *v = calloc((size_t)r->cols, sizeof *v);
    if (!v) return sotto_fail_memory(err, "a weight vector");
    random_row(v, r->cols, 0.1f, &g->random);
    bool factor = r->kind == SOTTO_ROLE_NORM || r->cols == 1; /* biases alone are around zero */
    for (int32_t i = 0; i < r->cols && factor; i++) v[i] += 1.0f;
    sotto_status status = sotto_gguf_write(g->w, v, (size_t)r->cols * sizeof *v, err);
    g->done_bytes += (size_t)r->cols * sizeof *v;
    free(v);
    return status;
}

static sotto_status write_matrix(writing *g, const sotto_role *r, sotto_dtype dtype, sotto_error *err) {
    size_t row_bytes;
    if (!sotto_dtype_row_bytes(dtype, (uint64_t)r->cols, &row_bytes))
        return sotto_fail(err, SOTTO_INVALID, "tensor %s: rows of %d are not whole blocks", r->gguf, (int)r->cols);
    int32_t      step = (int32_t)SOTTO_MAX((size_t)PIECE_ROWS_BYTES / row_bytes, (size_t)1);
    float       *row = calloc((size_t)r->cols, sizeof *row);
    uint8_t     *bank = malloc(BANK_ROWS * row_bytes), *piece = malloc((size_t)step * row_bytes);
    sotto_status status = row && bank && piece ? SOTTO_OK : sotto_fail_memory(err, "random rows");
    for (int32_t i = 0; i < BANK_ROWS && status == SOTTO_OK; i++) {
        random_row(row, r->cols, 1.7f / sqrtf((float)r->cols), &g->random);
        sotto_row_from_f32(dtype, row, bank + (size_t)i * row_bytes, (size_t)r->cols);
    }
    for (int32_t at = 0; at < r->rows && status == SOTTO_OK; at += step) {
        int32_t n = SOTTO_MIN(step, r->rows - at);
        for (int32_t i = 0; i < n; i++)
            memcpy(piece + (size_t)i * row_bytes, bank + sotto_splitmix64(&g->random) % BANK_ROWS * row_bytes,
                   row_bytes);
        if (g->options->progress &&
            !g->options->progress(g->options->progress_user, g->done_bytes, sotto_gguf_writer_total_bytes(g->w)))
            status = sotto_fail(err, SOTTO_CANCELLED, "cancelled: nothing was written");
        else
            status = sotto_gguf_write(g->w, piece, (size_t)n * row_bytes, err);
        g->done_bytes += (size_t)n * row_bytes;
    }
    free(row);
    free(bank);
    free(piece);
    return status;
}

/* Declare every tensor (`declare`) or write its bytes. */
static sotto_status each_tensor(writing *g, sotto_dtype type, sotto_dtype head, bool declare, sotto_error *err) {
    sotto_role      r;
    sotto_role_iter it = {0};
    while (sotto_role_next(g->config, &it, &r, NULL)) {
        sotto_dtype dtype = type_of(&r, type, head);
        bool        vector = r.kind == SOTTO_ROLE_NORM || r.kind == SOTTO_ROLE_VECTOR;
        int64_t     dim[2] = {r.cols, r.rows};
        if (declare) SOTTO_TRY(sotto_gguf_put_tensor(g->w, r.gguf, dtype, vector ? 1 : 2, dim, err));
        else SOTTO_TRY(vector ? write_vector(g, &r, err) : write_matrix(g, &r, dtype, err));
    }
    return SOTTO_OK;
}

static sotto_status write_all(writing *g, const char *name, sotto_dtype type, sotto_dtype head, sotto_error *err) {
    float   factors[SOTTO_ATTN_HEAD_DIM_MAX / 2];
    int64_t n_factors = g->config->ropes[SOTTO_ROPE_GLOBAL].head_dim / 2;
    bool    scaled = sotto_gguf_rope_factors(g->config, factors);
    SOTTO_TRY(sotto_gguf_put_config(g->w, g->config, name, type, err));
    SOTTO_TRY(put_vocabulary(g->w, g->config->n_vocab, err));
    SOTTO_TRY(each_tensor(g, type, head, true, err));
    if (scaled) SOTTO_TRY(sotto_gguf_put_tensor(g->w, "rope_freqs.weight", SOTTO_F32, 1, &n_factors, err));
    SOTTO_TRY(sotto_gguf_begin_data(g->w, err));
    SOTTO_TRY(each_tensor(g, type, head, false, err));
    return scaled ? sotto_gguf_write(g->w, factors, (size_t)n_factors * sizeof *factors, err) : SOTTO_OK;
}

sotto_status sotto_synthetic_write(const char *name, const char *out_path, const sotto_convert_options *opt,
                                   sotto_error *err) {
    const sotto_convert_options o = opt ? *opt : sotto_convert_options_default();
    const char  *json = NULL;
    json_t      *parsed = NULL;
    sotto_arena  arena = {0};
    sotto_config config = {0};
    sotto_dtype  type, head;
    writing      g = {.options = &o, .config = &config, .random = 1};
    for (size_t i = 0; i < SOTTO_COUNT(shapes); i++)
        if (strcmp(shapes[i].name, name) == 0) json = shapes[i].config;
    if (!json)
        return sotto_fail(err, SOTTO_INVALID, "shape \"%s\" is not known: see the list in the help of bench",
                          name);
    SOTTO_TRY(sotto_convert_types(&o, &type, &head, err));
    SOTTO_TRY(sotto_json_parse(&parsed, sotto_str_from(json), name, err));
    sotto_status status = sotto_config_from_hf(&config, parsed, &arena, err);
    if (status == SOTTO_OK) status = sotto_config_check(&config, err);
    if (status == SOTTO_OK) status = sotto_gguf_writer_open(&g.w, out_path, err);
    if (status == SOTTO_OK) status = write_all(&g, name, type, head, err);
    if (status == SOTTO_OK)
        status = sotto_gguf_commit(g.w, err);
    else
        sotto_gguf_writer_close(g.w);
    json_decref(parsed);
    sotto_arena_free(&arena);
    return status;
}
