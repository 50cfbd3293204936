/* Conversion: any checkpoint that sotto opens, to GGUF, tensor by tensor.
 *
 * Rows are read from the mapped source in pieces, turned into float, changed as the target format wants (Gemma's
 * norms with 1 added, Llama's rotary pairs adjacent), quantised on all threads and written; pages that are done are
 * given back. So memory does not depend on the model's size. Rows that need no change are copied as they are. */
#include "runtime/gguf_keys.h"

#include <stdlib.h>

enum { PIECE_BYTES = 4 << 20 };

/* One tensor of the target. */
typedef struct output {
    sotto_role          role;
    const sotto_tensor *source;
    sotto_dtype         dtype;
    bool                plus_one; /* norm weights */
    bool                permute;  /* rows to adjacent rotary pairs */
} output;

typedef struct converter {
    sotto_checkpoint     *checkpoint;
    sotto_transformer    *transformer;
    sotto_tokenizer      *tokenizer;
    sotto_pool           *pool;
    sotto_gguf_writer    *writer;
    sotto_convert_options options;
    sotto_dtype           type, head;
    output               *outputs;
    size_t                n_outputs;
    float                *rope_factors; /* NULL: none needed */
    uint8_t              *piece;        /* converted rows */
    float                *floats;       /* a row per thread */
    uint64_t              done_bytes;
} converter;

sotto_convert_options sotto_convert_options_default(void) { return (sotto_convert_options){0}; }

/* ---- planning ------------------------------------------------------------------------------------------ */

static sotto_status choose_type(sotto_dtype *out, const char *name, sotto_dtype fallback, const char *const *allowed,
                                const char *list, sotto_error *err) {
    *out = fallback;
    if (!name) return SOTTO_OK;
    for (; *allowed; allowed++)
        if (strcmp(name, *allowed) == 0 && sotto_dtype_from_name(name, out)) return SOTTO_OK;
    return sotto_fail(err, SOTTO_INVALID, "type \"%s\" cannot be written: choose one of %s", name, list);
}

sotto_status sotto_convert_types(const sotto_convert_options *o, sotto_dtype *type, sotto_dtype *head,
                                 sotto_error *err) {
    static const char *const types[] = {"f32", "f16", "bf16", "q8_0", "q4_0", NULL};
    static const char *const heads[] = {"f32", "f16", "bf16", "q8_0", "q4_0", "q6_k", NULL};
    SOTTO_TRY(choose_type(type, o->type, SOTTO_Q4_0, types, "f32, f16, bf16, q8_0, q4_0", err));
    return choose_type(head, o->head, *type == SOTTO_Q4_0 ? SOTTO_Q6_K : *type, heads,
                       "f32, f16, bf16, q8_0, q4_0, q6_k", err);
}

sotto_dtype sotto_convert_fitting(sotto_dtype type, int32_t cols) {
    if (type == SOTTO_Q6_K && cols % 256 != 0) type = SOTTO_Q8_0;
    if (cols % (int32_t)sotto_dtype_get(type)->block_elems != 0) type = SOTTO_F16;
    return type;
}

static sotto_status plan(converter *c, sotto_error *err) {
    const sotto_config *cfg = &c->transformer->config;
    size_t              cap = 8 + 24 * (size_t)cfg->n_layers;
    bool                hf = c->checkpoint->kind == SOTTO_CHECKPOINT_HF;
    sotto_role          role;
    sotto_role_iter     it = {0};
    if (!(c->outputs = calloc(cap, sizeof *c->outputs))) return sotto_fail_memory(err, "the conversion's plan");
    while (sotto_role_next(cfg, &it, &role, NULL)) {
        const sotto_tensor *source = sotto_role_find(c->checkpoint, &role);
        if (!source && !role.required) continue;
        if (!source || c->n_outputs == cap)
            return sotto_fail(err, SOTTO_UNSUPPORTED,
                              "tensor %s is part of a fused one: such files cannot be converted", role.gguf);
        bool vector = role.kind == SOTTO_ROLE_VECTOR || role.kind == SOTTO_ROLE_NORM;
        c->outputs[c->n_outputs++] =
            (output){.role = role,
                     .source = source,
                     .dtype = vector ? SOTTO_F32
                                     : sotto_convert_fitting(
                                           role.kind == SOTTO_ROLE_EMBEDDING ? c->head : c->type, role.cols),
                     .plus_one = hf && role.kind == SOTTO_ROLE_NORM && cfg->family->norm_plus_one,
                     .permute = hf && role.rotary && cfg->family->gguf_rope_interleaved};
    }
    int32_t n = cfg->ropes[SOTTO_ROPE_GLOBAL].head_dim / 2;
    if (!(c->rope_factors = calloc((size_t)n, sizeof(float)))) return sotto_fail_memory(err, "rotary factors");
    if (!sotto_gguf_rope_factors(cfg, c->rope_factors)) {
        free(c->rope_factors);
        c->rope_factors = NULL;
    }
    return SOTTO_OK;
}

/* ---- metadata ------------------------------------------------------------------------------------------ */

/* The last part of a path, without trailing slashes. */
static sotto_str base_name(const char *path) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    size_t begin = n;
    while (begin > 0 && path[begin - 1] != '/') begin--;
    return (sotto_str){path + begin, n - begin};
}

static sotto_status write_metadata(converter *c, const char *in_path, sotto_error *err) {
    const sotto_config *cfg = &c->transformer->config;
    char                name[128];
    sotto_str           base = base_name(in_path);
    (void)snprintf(name, sizeof name, "%.*s", (int)SOTTO_MIN(base.n, sizeof name - 1), base.p);
    SOTTO_TRY(sotto_gguf_put_config(c->writer, cfg, cfg->name[0] ? cfg->name : name, c->type, err));
    if (c->checkpoint->kind == SOTTO_CHECKPOINT_HF) {
        SOTTO_TRY(sotto_gguf_put_sampling(c->writer, c->checkpoint, err));
    } else {
        const sotto_gguf *g = c->checkpoint->gguf;
        for (size_t i = 0; i < sotto_gguf_key_count(g); i++)
            if (sotto_str_starts(sotto_gguf_key(g, i), "general.sampling."))
                SOTTO_TRY(sotto_gguf_put_value(c->writer, sotto_gguf_key(g, i), sotto_gguf_at(g, i), err));
    }
    SOTTO_TRY(sotto_tokenizer_to_gguf(c->tokenizer, c->checkpoint, cfg->n_vocab, c->writer, err));
    for (size_t i = 0; i < c->n_outputs; i++) {
        const output *o = &c->outputs[i];
        int64_t       dim[2] = {o->role.cols, o->role.rows};
        bool          vector = o->role.kind == SOTTO_ROLE_VECTOR || o->role.kind == SOTTO_ROLE_NORM;
        SOTTO_TRY(sotto_gguf_put_tensor(c->writer, o->role.gguf, o->dtype, vector ? 1 : 2, dim, err));
    }
    if (c->rope_factors) {
        int64_t dim = cfg->ropes[SOTTO_ROPE_GLOBAL].head_dim / 2;
        SOTTO_TRY(sotto_gguf_put_tensor(c->writer, "rope_freqs.weight", SOTTO_F32, 1, &dim, err));
    }
    return sotto_gguf_begin_data(c->writer, err);
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

typedef struct piece_job {
    const converter *c;
    const output    *o;
    size_t           source_row, target_row; /* bytes */
    int32_t          first;
} piece_job;

/* Where the source keeps row r of a target with adjacent pairs: (head, pair i, half s) from (head, half s, pair i). */
static int32_t source_row_of(const output *o, int32_t r) {
    if (!o->permute) return r;
    int32_t head_dim = o->role.rows / o->role.n_heads, in_head = r % head_dim;
    return r - in_head + in_head % 2 * (head_dim / 2) + in_head / 2;
}

static void convert_row(void *arg, int chunk, int worker) {
    const piece_job *j = arg;
    const output    *o = j->o;
    const uint8_t   *from =
        (const uint8_t *)o->source->data + (size_t)source_row_of(o, j->first + chunk) * j->source_row;
    uint8_t         *to = j->c->piece + (size_t)chunk * j->target_row;
    if (o->source->dtype == o->dtype && !o->plus_one) {
        memcpy(to, from, j->target_row);
        return;
    }
    size_t cols = (size_t)o->role.cols;
    float *row = j->c->floats + (size_t)worker * (((size_t)o->role.cols + 15) & ~(size_t)15);
    sotto_row_to_f32(o->source->dtype, from, row, cols);
    for (size_t i = 0; o->plus_one && i < cols; i++) row[i] += 1.0f;
    sotto_row_from_f32(o->dtype, row, to, cols);
}

static const sotto_file *file_of(const converter *c, const sotto_tensor *t) {
    return &c->checkpoint->files[t->file_index];
}

static sotto_status write_tensor(converter *c, const output *o, sotto_error *err) {
    piece_job j = {.c = c, .o = o};
    if (!sotto_dtype_row_bytes(o->source->dtype, (uint64_t)o->role.cols, &j.source_row) ||
        !sotto_dtype_row_bytes(o->dtype, (uint64_t)o->role.cols, &j.target_row))
        return sotto_fail(err, SOTTO_FORMAT, "tensor %s: its rows are not whole blocks", o->role.gguf);
    int32_t step = (int32_t)SOTTO_MAX((size_t)PIECE_BYTES / SOTTO_MAX(j.target_row, j.source_row), (size_t)1);
    for (int32_t r = 0; r < o->role.rows; r += step) {
        int32_t n = SOTTO_MIN(step, o->role.rows - r);
        if (c->options.progress &&
            !c->options.progress(c->options.progress_user, c->done_bytes, sotto_gguf_writer_total_bytes(c->writer)))
            return sotto_fail(err, SOTTO_CANCELLED, "cancelled: nothing was written");
        j.first = r;
        sotto_pool_run(c->pool, n, convert_row, &j);
        SOTTO_TRY(sotto_gguf_write(c->writer, c->piece, (size_t)n * j.target_row, err));
        c->done_bytes += (size_t)n * j.target_row;
        /* A permuted head is read in another order than it lies: its pages go when the tensor is done. */
        if (!o->permute)
            sotto_file_advise_done(file_of(c, o->source), o->source->file_offset + (size_t)r * j.source_row,
                                   (size_t)n * j.source_row);
    }
    sotto_file_advise_done(file_of(c, o->source), o->source->file_offset, o->source->n_bytes);
    return SOTTO_OK;
}

static sotto_status write_tensors(converter *c, sotto_error *err) {
    size_t row_bytes, widest = 0, largest = PIECE_BYTES;
    for (size_t i = 0; i < c->n_outputs; i++) {
        widest = SOTTO_MAX(widest, ((size_t)c->outputs[i].role.cols + 15) & ~(size_t)15);
        if (sotto_dtype_row_bytes(c->outputs[i].dtype, (uint64_t)c->outputs[i].role.cols, &row_bytes))
            largest = SOTTO_MAX(largest, row_bytes);
    }
    c->piece = sotto_aligned_alloc(largest);
    c->floats = sotto_aligned_alloc(widest * sizeof(float) * (size_t)sotto_pool_threads(c->pool));
    if (!c->piece || !c->floats) return sotto_fail_memory(err, "the conversion's buffers");
    for (size_t i = 0; i < c->n_outputs; i++) SOTTO_TRY(write_tensor(c, &c->outputs[i], err));
    if (c->rope_factors)
        SOTTO_TRY(sotto_gguf_write(
            c->writer, c->rope_factors,
            (size_t)(c->transformer->config.ropes[SOTTO_ROPE_GLOBAL].head_dim / 2) * sizeof(float), err));
    return SOTTO_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static sotto_status run(converter *c, const char *in_path, const char *out_path, sotto_error *err) {
    SOTTO_TRY(sotto_convert_types(&c->options, &c->type, &c->head, err));
    SOTTO_TRY(sotto_checkpoint_open(&c->checkpoint, in_path, NULL, err));
    SOTTO_TRY(sotto_transformer_open(&c->transformer, c->checkpoint, err));
    SOTTO_TRY(sotto_tokenizer_open(&c->tokenizer, c->checkpoint, err));
    SOTTO_TRY(sotto_pool_open(&c->pool, sotto_cpu_physical_cores(), err));
    SOTTO_TRY(plan(c, err));
    SOTTO_TRY(sotto_gguf_writer_open(&c->writer, out_path, err));
    SOTTO_TRY(write_metadata(c, in_path, err));
    SOTTO_TRY(write_tensors(c, err));
    sotto_gguf_writer *writer = c->writer;
    c->writer = NULL;
    uint64_t total = sotto_gguf_writer_total_bytes(writer);
    SOTTO_TRY(sotto_gguf_commit(writer, err));
    if (c->options.progress) (void)c->options.progress(c->options.progress_user, total, total);
    return SOTTO_OK;
}

sotto_status sotto_convert(const char *in_path, const char *out_path, const sotto_convert_options *opt,
                           sotto_error *err) {
    converter    c = {.options = opt ? *opt : sotto_convert_options_default()};
    sotto_status status = run(&c, in_path, out_path, err);
    sotto_gguf_writer_close(c.writer);
    sotto_pool_close(c.pool);
    sotto_tokenizer_close(c.tokenizer);
    sotto_transformer_close(c.transformer);
    sotto_checkpoint_close(c.checkpoint);
    sotto_aligned_free(c.piece);
    sotto_aligned_free(c.floats);
    free(c.outputs);
    free(c.rope_factors);
    return status;
}
